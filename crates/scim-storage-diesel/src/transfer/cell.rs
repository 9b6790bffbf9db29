//! Values of rows whose columns are known by name only when the program runs.

use diesel::QueryableByName;
use diesel::backend::Backend;
use diesel::deserialize::{FromSql, Result};
use diesel::row::{Field as _, NamedRow, Row};
use diesel::sql_types::{BigInt, Binary, Text};

use super::table::{Column, Kind};
use crate::sql::Bind;

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    Null,
    Integer(i64),
    Text(String),
    Bytes(Vec<u8>),
}

impl Cell {
    /// Its text, where it is one.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Its bytes, where it has some.
    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// Its number, where it is one.
    pub(crate) fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// As it is bound for a column of that kind.
    pub(crate) fn bind(&self, kind: Kind) -> Bind {
        match (self, kind) {
            (Self::Integer(number), _) => Bind::OptionalInteger(Some(*number)),
            (Self::Bytes(bytes), _) => Bind::OptionalBlob(Some(bytes.clone())),
            (Self::Text(text), Kind::Document) => Bind::OptionalBlob(Some(text.as_bytes().to_vec())),
            (Self::Text(text), _) => Bind::OptionalText(Some(text.clone())),
            (Self::Null, Kind::Integer) => Bind::OptionalInteger(None),
            (Self::Null, Kind::Id | Kind::Bytes | Kind::Document) => Bind::OptionalBlob(None),
            (Self::Null, Kind::Text | Kind::Json | Kind::Shadow) => Bind::OptionalText(None),
        }
    }
}

/// The letter that a selected column is called by: what its values are read as.
pub(crate) fn letter(kind: Kind) -> &'static str {
    match kind {
        Kind::Id | Kind::Bytes | Kind::Document => "b",
        Kind::Integer => "i",
        Kind::Text | Kind::Json | Kind::Shadow => "t",
    }
}

/// A row: each column's name begins with its [`letter`].
pub(crate) struct Cells(pub(crate) Vec<Cell>);

impl<DB> QueryableByName<DB> for Cells
where
    DB: Backend,
    i64: FromSql<BigInt, DB>,
    String: FromSql<Text, DB>,
    Vec<u8>: FromSql<Binary, DB>,
{
    fn build<'a>(row: &impl NamedRow<'a, DB>) -> Result<Self> {
        let mut cells = Vec::with_capacity(row.field_count());
        for index in 0..row.field_count() {
            let field = Row::get(row, index).ok_or("a column is missing")?;
            let letter = field.field_name().and_then(|name| name.chars().next());
            if field.is_null() {
                cells.push(Cell::Null);
                continue;
            }
            cells.push(match letter {
                Some('i') => Cell::Integer(<i64 as FromSql<BigInt, DB>>::from_nullable_sql(field.value())?),
                Some('t') => Cell::Text(<String as FromSql<Text, DB>>::from_nullable_sql(field.value())?),
                _ => Cell::Bytes(<Vec<u8> as FromSql<Binary, DB>>::from_nullable_sql(field.value())?),
            });
        }
        Ok(Self(cells))
    }
}

/// A row's cells with their columns.
pub(crate) fn zip<'r>(
    columns: &'static [Column],
    row: &'r [Cell],
) -> impl Iterator<Item = (&'static Column, &'r Cell)> {
    columns.iter().zip(row)
}
