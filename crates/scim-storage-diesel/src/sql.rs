//! SQL text with values to bind: what filters are compiled to, and what the hot statements are made of.
//!
//! Diesel's `sql_query` prepares its text anew each time. A [`Statement`] may say that its text is one of few, and is
//! then kept prepared per connection.

use std::borrow::Cow;
use std::sync::Arc;

use diesel::sql_types::{BigInt, Binary, Text};
#[cfg(feature = "sqlite")]
use diesel::sqlite::Sqlite;
use diesel::{QueryResult, QueryableByName};
use scim_core::instant::Timestamp;
use scim_storage::StoreError;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::connection::{Connection, Row};
use crate::error::damaged;

/// A value to bind.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Bind {
    /// A blob of the length that ids have, without memory of its own.
    Id([u8; 16]),
    Blob(Vec<u8>),
    OptionalBlob(Option<Vec<u8>>),
    Text(String),
    OptionalText(Option<String>),
    Integer(i64),
    OptionalInteger(Option<i64>),
    #[cfg(feature = "sqlite")]
    Real(f64),
    /// Several as one value, for `= ANY(…)`; SQLite is given a JSON array, of hexadecimal texts.
    Blobs(Vec<Vec<u8>>),
    /// Several of PostgreSQL alone, for `unnest`.
    OptionalBlobs(Vec<Option<Vec<u8>>>),
    /// The same.
    Texts(Vec<String>),
    /// The same.
    OptionalTexts(Vec<Option<String>>),
    /// Several as one value; SQLite is given a JSON array.
    Integers(Vec<i64>),
    /// The values of a row, one after the other, which somebody else has too. SQLite's alone.
    Row(Arc<[Bind]>),
}

/// SQL text with `?` where values are bound, in order. `INDEXED BY`, `NOT INDEXED` and `CROSS JOIN … ON` are hints to SQLite,
/// whose planner knows no numbers; PostgreSQL is sent the text without them. Where PostgreSQL has a text of its own, that has `$1`, `$2`, … for the
/// same values, as often and in whatever order it likes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Statement {
    text: Cow<'static, str>,
    postgres: Option<Cow<'static, str>>,
    binds: Vec<Bind>,
    kept: bool,
    #[cfg(feature = "sqlite")]
    typed: Option<crate::sqlite::Typed>,
}

/// A text of the program's own, by which Diesel finds a statement prepared for SQLite.
pub(crate) trait FixedText: 'static {
    /// The text.
    const TEXT: &'static str;
}

/// Types that stand for texts.
macro_rules! fixed_texts {
    ($($(#[$doc:meta])* $name:ident = $text:expr;)*) => {$(
        $(#[$doc])*
        struct $name;

        impl $crate::sql::FixedText for $name {
            const TEXT: &'static str = $text;
        }
    )*};
}
pub(crate) use fixed_texts;

/// Rows of lists that are bound side by side, for a `FROM`: each list by its number and what its column is called, and `n`, which counts
/// the rows. (PostgreSQL's `unnest` of several lists keeps a store for each of them, at 2 us a list; here only the first has one.) For short
/// lists: where values differ in length, the server finds the nth by going over those before it.
#[cfg(feature = "postgres")]
macro_rules! rows_of {
    ($first:literal $id:ident $(, $list:literal $name:ident)*) => {
        concat!(
            "(SELECT w.", stringify!($id), $(", ($", $list, ")[w.n] AS ", stringify!($name),)*
            ", w.n FROM unnest($", $first, ") WITH ORDINALITY AS w (", stringify!($id), ", n))"
        )
    };
}
#[cfg(feature = "postgres")]
pub(crate) use rows_of;

impl Statement {
    /// A statement whose text is made for the occasion.
    pub(crate) fn new(text: impl Into<Cow<'static, str>>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// A statement whose text is one of few: it is kept prepared.
    pub(crate) fn kept(text: impl Into<Cow<'static, str>>) -> Self {
        Self { kept: true, ..Self::new(text) }
    }

    /// A statement of a fixed text: it is kept prepared.
    pub(crate) fn fixed<K: FixedText>() -> Self {
        Self {
            #[cfg(feature = "sqlite")]
            typed: Some(crate::sqlite::Typed::of::<K>()),
            ..Self::kept(K::TEXT)
        }
    }

    /// A statement of PostgreSQL alone, with `$1`, `$2`, … for its values, kept prepared.
    pub(crate) fn of_postgres(text: impl Into<Cow<'static, str>>) -> Self {
        Self::kept("").postgres(text)
    }

    /// The statement, with another text for PostgreSQL. It cannot be part of another one.
    pub(crate) fn postgres(self, text: impl Into<Cow<'static, str>>) -> Self {
        Self { postgres: Some(text.into()), ..self }
    }

    /// The statement, kept prepared: for text that was put together, but is one of few all the same.
    pub(crate) fn keep(self) -> Self {
        Self { kept: true, ..self }
    }

    /// The statement, kept prepared where its text is asked often ([`crate::frequent`]).
    pub(crate) fn keep_if_frequent(self) -> Self {
        let kept = crate::frequent::is_frequent(&self.text);
        Self { kept, ..self }
    }

    /// Adds a value for the next `?`.
    pub(crate) fn bind(mut self, value: Bind) -> Self {
        self.binds.push(value);
        self
    }

    /// The statement with other values in the place of the first ones.
    pub(crate) fn starting<const N: usize>(mut self, values: [Bind; N]) -> Self {
        for (bind, value) in self.binds.iter_mut().zip(values) {
            *bind = value;
        }
        self
    }

    /// Its values alone.
    pub(crate) fn into_binds(self) -> Vec<Bind> {
        self.binds
    }

    pub(crate) fn blob(self, value: impl AsRef<[u8]>) -> Self {
        let value = value.as_ref();
        self.bind(<[u8; 16]>::try_from(value).map_or_else(|_| Bind::Blob(value.to_vec()), Bind::Id))
    }

    pub(crate) fn text(self, value: impl Into<String>) -> Self {
        self.bind(Bind::Text(value.into()))
    }

    pub(crate) fn optional_blob(self, value: Option<impl AsRef<[u8]>>) -> Self {
        match value {
            Some(value) => self.blob(value),
            None => self.bind(Bind::OptionalBlob(None)),
        }
    }

    pub(crate) fn optional_text(self, value: Option<impl Into<String>>) -> Self {
        self.bind(Bind::OptionalText(value.map(Into::into)))
    }

    pub(crate) fn integer(self, value: i64) -> Self {
        self.bind(Bind::Integer(value))
    }

    pub(crate) fn optional_integer(self, value: Option<i64>) -> Self {
        self.bind(Bind::OptionalInteger(value))
    }

    pub(crate) fn blobs(self, values: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Self {
        self.bind(Bind::Blobs(values.into_iter().map(|value| value.as_ref().to_vec()).collect()))
    }

    pub(crate) fn integers(self, values: Vec<i64>) -> Self {
        self.bind(Bind::Integers(values))
    }

    pub(crate) fn optional_time(self, value: Option<Timestamp>) -> Self {
        self.optional_integer(value.map(Timestamp::unix_millis))
    }

    pub(crate) fn texts(self, values: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.bind(Bind::Texts(values.into_iter().map(Into::into).collect()))
    }

    /// Adds text and its values at the end.
    pub(crate) fn push(&mut self, other: Self) {
        self.text.to_mut().push_str(&other.text);
        self.binds.extend(other.binds);
    }

    /// Adds text without values.
    pub(crate) fn push_str(&mut self, text: &str) {
        self.text.to_mut().push_str(text);
    }

    /// The statement in parentheses.
    pub(crate) fn grouped(self) -> Self {
        Self { text: format!("({})", self.text).into(), ..self }
    }

    /// The statement with text before it.
    pub(crate) fn prefixed(self, text: &str) -> Self {
        Self { text: format!("{text}{}", self.text).into(), ..self }
    }

    /// The statement with text behind it.
    pub(crate) fn suffixed(mut self, text: &str) -> Self {
        self.push_str(text);
        self
    }

    /// Statements with a word between them, in parentheses.
    pub(crate) fn joined(parts: Vec<Self>, word: &str) -> Self {
        let mut whole = Self::new("(");
        for (index, part) in parts.into_iter().enumerate() {
            if index > 0 {
                whole.push_str(word);
            }
            whole.push(part);
        }
        whole.push_str(")");
        whole
    }

    /// Runs it; the number of rows it changed.
    pub(crate) fn run(self, connection: &mut Connection) -> QueryResult<usize> {
        match connection {
            #[cfg(feature = "sqlite")]
            Connection::Sqlite(connection) => match self.typed.and_then(|typed| typed.run(&self, connection))
            {
                Some(run) => run,
                None => diesel::RunQueryDsl::execute(self.with_json(), connection),
            },
            #[cfg(feature = "postgres")]
            Connection::Postgres(link) => link.run(&self),
        }
    }

    /// Runs it, and it may be run again; it has no lists. (SQLite.)
    pub(crate) fn run_again(&self, connection: &mut Connection) -> QueryResult<usize> {
        match connection {
            #[cfg(feature = "sqlite")]
            Connection::Sqlite(connection) => {
                let typed = self.typed.and_then(|typed| typed.run(self, connection));
                typed.unwrap_or_else(|| diesel::query_dsl::methods::ExecuteDsl::execute(self, connection))
            }
            #[cfg(feature = "postgres")]
            Connection::Postgres(link) => link.run(self),
        }
    }

    /// Its rows.
    pub(crate) fn rows<R: Row>(self, connection: &mut Connection) -> QueryResult<Vec<R>> {
        match connection {
            #[cfg(feature = "sqlite")]
            Connection::Sqlite(connection) => diesel::RunQueryDsl::load::<R>(self.with_json(), connection),
            #[cfg(feature = "postgres")]
            Connection::Postgres(link) => link.rows(&self),
        }
    }

    /// Its first row.
    pub(crate) fn row<R: Row>(self, connection: &mut Connection) -> QueryResult<Option<R>> {
        Ok(self.rows::<R>(connection)?.into_iter().next())
    }
}

/// What PostgreSQL is sent.
#[cfg(feature = "postgres")]
impl Statement {
    /// Its text, with `$n` where values are bound.
    pub(crate) fn numbered(&self) -> Cow<'_, str> {
        if let Some(text) = &self.postgres {
            return Cow::Borrowed(text);
        }
        let text = without_hints(&self.text);
        if self.binds.is_empty() {
            return text;
        }
        let mut numbered = String::with_capacity(text.len() + 2 * self.binds.len());
        let mut pieces = text.split('?');
        numbered.push_str(pieces.next().unwrap_or_default());
        for (index, piece) in pieces.enumerate() {
            numbered.push('$');
            numbered.push_str(&(index + 1).to_string());
            numbered.push_str(piece);
        }
        Cow::Owned(numbered)
    }

    /// Where its text stands, where that is part of the program.
    pub(crate) fn place(&self) -> Option<(usize, usize)> {
        match self.postgres.as_ref().unwrap_or(&self.text) {
            Cow::Borrowed(text) => Some((text.as_ptr().addr(), text.len())),
            Cow::Owned(_) => None,
        }
    }

    /// Its values.
    pub(crate) fn binds(&self) -> &[Bind] {
        &self.binds
    }

    /// Whether it is worth keeping prepared.
    pub(crate) fn is_kept(&self) -> bool {
        self.kept
    }
}

/// The text without what is said to SQLite's planner alone.
#[cfg(feature = "postgres")]
fn without_hints(text: &str) -> Cow<'_, str> {
    if !["INDEXED", "CROSS JOIN"].iter().any(|hint| text.contains(hint)) {
        return Cow::Borrowed(text);
    }
    let text = text.replace(" NOT INDEXED", "").replace("CROSS JOIN", "JOIN");
    let mut pieces = text.split(" INDEXED BY ");
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        // What follows the name of the index.
        plain.push_str(piece.find([' ', ')']).and_then(|end| piece.get(end..)).unwrap_or_default());
    }
    Cow::Owned(plain)
}

/// What SQLite is given.
#[cfg(feature = "sqlite")]
impl Statement {
    /// Its text.
    pub(crate) fn plain(&self) -> &str {
        &self.text
    }

    /// The statement with JSON arrays for lists, which SQLite has no type for.
    fn with_json(mut self) -> Self {
        for bind in &mut self.binds {
            let array = match bind {
                Bind::Blobs(values) => hexadecimal(values),
                Bind::Integers(values) => serde_json::Value::from(std::mem::take(values)).to_string(),
                _ => continue,
            };
            *bind = Bind::Text(array);
        }
        self
    }
}

/// A JSON array of hexadecimal texts.
#[cfg(feature = "sqlite")]
fn hexadecimal(values: &[Vec<u8>]) -> String {
    let bytes = values.iter().map(Vec::len).sum::<usize>();
    let mut array = String::with_capacity(2 * bytes + 3 * values.len() + 2);
    array.push('[');
    for (index, value) in values.iter().enumerate() {
        array.push_str(if index > 0 { ",\"" } else { "\"" });
        let digits = value.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        array.extend(digits.filter_map(|digit| char::from_digit(u32::from(digit), 16)));
        array.push('"');
    }
    array.push(']');
    array
}

/// How SQLite runs statements, for tests of what they cost.
#[cfg(test)]
#[cfg(feature = "sqlite")]
impl Statement {
    /// The steps of its plan in an empty database.
    pub(crate) fn plan(self) -> Vec<String> {
        #[derive(QueryableByName)]
        struct Step {
            #[diesel(sql_type = Text)]
            detail: String,
        }
        let (mut connection, _directory) = crate::sqlite::blank();
        let steps: Vec<Step> = self.prefixed("EXPLAIN QUERY PLAN ").rows(&mut connection).expect("a plan");
        steps.into_iter().map(|step| step.detail).collect()
    }
}

#[cfg(feature = "sqlite")]
impl diesel::query_builder::QueryFragment<Sqlite> for Statement {
    fn walk_ast<'b>(&'b self, mut out: diesel::query_builder::AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        use diesel::sql_types::{Double, Nullable};
        if !self.kept {
            out.unsafe_to_cache_prepared();
        }
        // The text has its `?` already: it is walked at each run, once for the text and once for the values.
        out.push_sql(&self.text);
        let values = self.binds.iter().flat_map(|bind| match bind {
            Bind::Row(values) => &**values,
            one => std::slice::from_ref(one),
        });
        for bind in values {
            match bind {
                Bind::Id(value) => out.push_bind_param_value_only::<Binary, _>(value.as_slice())?,
                Bind::Blob(value) => out.push_bind_param_value_only::<Binary, _>(value)?,
                Bind::OptionalBlob(value) => out.push_bind_param_value_only::<Nullable<Binary>, _>(value)?,
                Bind::Text(value) => out.push_bind_param_value_only::<Text, _>(value)?,
                Bind::OptionalText(value) => out.push_bind_param_value_only::<Nullable<Text>, _>(value)?,
                Bind::Integer(value) => out.push_bind_param_value_only::<BigInt, _>(value)?,
                Bind::OptionalInteger(value) => {
                    out.push_bind_param_value_only::<Nullable<BigInt>, _>(value)?
                }
                Bind::Real(value) => out.push_bind_param_value_only::<Double, _>(value)?,
                // `with_json` leaves none.
                _ => return Err(diesel::result::Error::QueryBuilderError("SQLite has no lists".into())),
            }
        }
        Ok(())
    }
}

#[cfg(feature = "sqlite")]
impl diesel::query_builder::QueryId for Statement {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

#[cfg(feature = "sqlite")]
impl diesel::query_builder::Query for Statement {
    type SqlType = diesel::sql_types::Untyped;
}

#[cfg(feature = "sqlite")]
impl diesel::RunQueryDsl<diesel::sqlite::SqliteConnection> for Statement {}

/// Statements that insert rows, several at a time: their texts are few, and kept prepared. `into` ends with `VALUES `.
pub(crate) fn inserts(into: &str, rows: Vec<Vec<Bind>>, tail: &str) -> Vec<Statement> {
    let width = |bind: &Bind| if let Bind::Row(values) = bind { values.len() } else { 1 };
    let columns = rows.first().map_or(0, |row| row.iter().map(width).sum::<usize>());
    let row = format!("({})", vec!["?"; columns].join(", "));
    let (mut rows, mut statements) = (rows.into_iter(), Vec::new());
    while rows.len() > 0 {
        let count = [64, 16, 4].into_iter().find(|count| *count <= rows.len()).unwrap_or(1);
        let mut text = String::with_capacity(into.len() + count * (row.len() + 2) + tail.len());
        text.push_str(into);
        for index in 0..count {
            text.push_str(if index > 0 { ", " } else { "" });
            text.push_str(&row);
        }
        text.push_str(tail);
        let mut statement = Statement::kept(text);
        statement.binds = rows.by_ref().take(count).flatten().collect();
        statements.push(statement);
    }
    statements
}

/// A row of one number.
#[derive(QueryableByName)]
pub(crate) struct Number {
    #[diesel(sql_type = BigInt)]
    pub(crate) n: i64,
}

/// A row of one id.
#[derive(QueryableByName)]
pub(crate) struct Id {
    #[diesel(sql_type = Binary)]
    pub(crate) id: Vec<u8>,
}

/// A row of one text.
#[derive(QueryableByName)]
pub(crate) struct Line {
    #[diesel(sql_type = Text)]
    pub(crate) line: String,
}

/// A value as JSON text.
pub(crate) fn json<T: Serialize + ?Sized>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(StoreError::internal)
}

/// A word of a closed list, as it stands in JSON.
pub(crate) fn word<T: Serialize>(value: T) -> Result<String, StoreError> {
    let mut text = json(&value)?;
    text.retain(|letter| letter != '"');
    Ok(text)
}

/// The value that such a word stands for.
pub(crate) fn from_word<T: DeserializeOwned>(word: &str, what: &'static str) -> Result<T, StoreError> {
    T::deserialize(serde::de::value::StrDeserializer::<serde::de::value::Error>::new(word))
        .map_err(|_| damaged(what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "sqlite")]
    #[test]
    fn lists_of_bytes_are_arrays_of_hexadecimal_texts() {
        let check = |values: &[&[u8]], expected: &str| {
            let values: Vec<Vec<u8>> = values.iter().map(|value| value.to_vec()).collect();
            assert_eq!(hexadecimal(&values), expected);
        };
        check(&[], "[]");
        check(&[&[0, 9, 10, 255]], r#"["00090aff"]"#);
        check(&[&[1], &[], &[0x20]], r#"["01","","20"]"#);
    }

    #[cfg(feature = "postgres")]
    #[test]
    fn postgresql_is_sent_numbers_and_no_hints() {
        let check = |text: &'static str, expected: &str| {
            assert_eq!(Statement::new(text).integer(1).numbered(), expected);
        };
        check("SELECT ? + ?", "SELECT $1 + $2");
        check("SELECT 1 FROM a INDEXED BY a_by_b WHERE c = ?", "SELECT 1 FROM a WHERE c = $1");
        check("SELECT (SELECT 1 FROM a INDEXED BY a_by_b), ?", "SELECT (SELECT 1 FROM a), $1");
        check("SELECT 1 FROM a NOT INDEXED WHERE b = ?", "SELECT 1 FROM a WHERE b = $1");
        check(
            "FROM a INDEXED BY i CROSS JOIN b INDEXED BY j ON b.c = a.c WHERE a.d = ?",
            "FROM a JOIN b ON b.c = a.c WHERE a.d = $1",
        );
        let own = Statement::new("SELECT 1 FROM a INDEXED BY i").postgres("SELECT 2 FROM b CROSS JOIN c");
        assert_eq!(own.numbered(), "SELECT 2 FROM b CROSS JOIN c");
    }
}
