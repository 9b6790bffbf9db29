//! Rows as SQLite steps to them, for lists of which nothing but what is kept is to be copied.
//!
//! A row that Diesel makes owns what it has: each text and each id of each row is memory of its own. Here somebody looks at a row
//! while it is there.

use diesel::deserialize;
use diesel::row::{Field, NamedRow};
use diesel::sqlite::{Sqlite, SqliteValue};

/// A row while it is there.
pub(crate) trait Current<'a>: NamedRow<'a, Sqlite> {
    /// What is read of the value at a place; `None` where that is NULL.
    fn with<T>(
        &self,
        place: usize,
        read: impl FnOnce(&mut SqliteValue<'_, '_, '_>) -> T,
    ) -> deserialize::Result<Option<T>> {
        let field = diesel::row::Row::get(self, place).ok_or("a column is missing")?;
        Ok(field.value().map(|mut value| read(&mut value)))
    }
}

impl<'a, R: NamedRow<'a, Sqlite>> Current<'a> for R {}

/// What looks at rows.
pub(crate) trait Each {
    /// Looks at one.
    fn row<'a>(&mut self, row: &impl Current<'a>) -> deserialize::Result<()>;
}
