//! Reads of a fixed text. Diesel finds such a statement prepared by its Rust type, without putting its text together, its values are
//! bound where they stand, and its columns are read by their places, without looking for their names. That is most of what a short
//! read costs.

use std::marker::PhantomData;

use diesel::QueryResult;
use diesel::connection::LoadConnection;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::Error;
use diesel::sql_types::{BigInt, Binary, Text, Untyped};
use diesel::sqlite::{Sqlite, SqliteConnection};
use uuid::Uuid;

use super::direct::Each;

/// A text that never changes.
pub(crate) trait Fixed: 'static {
    /// Its pieces, with a value behind each but the last.
    const PIECES: &'static [&'static str];
}

/// Types that stand for texts, by their pieces.
macro_rules! fixed {
    ($($(#[$doc:meta])* $name:ident [$($piece:expr),* $(,)?];)*) => {$(
        $(#[$doc])*
        struct $name;

        impl $crate::sqlite::Fixed for $name {
            const PIECES: &'static [&'static str] = &[$($piece),*];
        }
    )*};
}
pub(crate) use fixed;

/// A value of a statement.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'v> {
    Id(Uuid),
    Blob(&'v [u8]),
    Text(&'v str),
    Integer(i64),
}

/// A fixed text with its values.
struct Filled<'v, F> {
    values: &'v [Value<'v>],
    text: PhantomData<F>,
}

impl<F: Fixed> QueryFragment<Sqlite> for Filled<'_, F> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        let mut values = self.values.iter();
        for piece in F::PIECES {
            out.push_sql(piece);
            match values.next() {
                Some(Value::Id(value)) => out.push_bind_param::<Binary, [u8]>(value.as_bytes())?,
                Some(Value::Blob(value)) => out.push_bind_param::<Binary, [u8]>(value)?,
                Some(Value::Text(value)) => out.push_bind_param::<Text, str>(value)?,
                Some(Value::Integer(value)) => out.push_bind_param::<BigInt, i64>(value)?,
                None => {}
            }
        }
        Ok(())
    }
}

impl<F: Fixed> QueryId for Filled<'_, F> {
    type QueryId = F;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<F> Query for Filled<'_, F> {
    type SqlType = Untyped;
}

/// Shows each row of a statement.
pub(crate) fn each_of<F: Fixed>(
    connection: &mut SqliteConnection,
    values: &[Value<'_>],
    each: &mut impl Each,
) -> QueryResult<()> {
    for row in LoadConnection::load(connection, Filled { values, text: PhantomData::<F> })? {
        each.row(&row?).map_err(Error::DeserializationError)?;
    }
    Ok(())
}

/// The steps of a statement's plan in an empty database.
#[cfg(test)]
pub(crate) fn plan_of<F: Fixed>(values: &[Value<'_>]) -> Vec<String> {
    let statement = crate::sql::Statement::new(F::PIECES.join("?"));
    let bound = values.iter().fold(statement, |statement, value| match *value {
        Value::Id(value) => statement.blob(value.as_bytes()),
        Value::Blob(value) => statement.blob(value),
        Value::Text(value) => statement.text(value),
        Value::Integer(value) => statement.integer(value),
    });
    bound.plan()
}
