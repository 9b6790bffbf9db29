//! One connection to either engine. What reads and commits have in common is written once, over this.
//!
//! Diesel makes rows of both engines' answers ([`Row`]); [`crate::sql::Statement`] knows how each wants its text.

#[cfg(feature = "sqlite")]
use diesel::connection::SimpleConnection;
use diesel::{QueryResult, QueryableByName};

use crate::sql::Statement;

/// A connection; whoever holds it is the only one who uses it.
pub enum Connection {
    /// To an SQLite file.
    #[cfg(feature = "sqlite")]
    Sqlite(diesel::sqlite::SqliteConnection),
    /// To a PostgreSQL server.
    #[cfg(feature = "postgres")]
    Postgres(Box<crate::postgres::Link>),
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Connection").field(&self.dialect()).finish()
    }
}

/// A row at which nobody looks.
#[cfg(feature = "postgres")]
#[derive(QueryableByName)]
struct Nothing {}

/// Which SQL an engine speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SqlDialect {
    #[cfg(feature = "sqlite")]
    Sqlite,
    #[cfg(feature = "postgres")]
    Postgres,
}

impl SqlDialect {
    /// That a column has one of several ids, which are bound as one value ([`crate::sql::Bind::Blobs`]).
    pub(crate) fn one_of_ids(self) -> &'static str {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite => "IN (SELECT unhex(value) FROM json_each(?))",
            #[cfg(feature = "postgres")]
            Self::Postgres => "= ANY(?)",
        }
    }

    /// A condition that always holds, or never.
    pub(crate) fn truth(self, always: bool) -> &'static str {
        match (self, always) {
            #[cfg(feature = "sqlite")]
            (Self::Sqlite, true) => "1",
            #[cfg(feature = "sqlite")]
            (Self::Sqlite, false) => "0",
            #[cfg(feature = "postgres")]
            (Self::Postgres, true) => "TRUE",
            #[cfg(feature = "postgres")]
            (Self::Postgres, false) => "FALSE",
        }
    }

    /// The same of numbers ([`crate::sql::Bind::Integers`]).
    pub(crate) fn one_of_integers(self) -> &'static str {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite => "IN (SELECT value FROM json_each(?))",
            #[cfg(feature = "postgres")]
            Self::Postgres => "= ANY(?)",
        }
    }
}

/// A row that every engine of this build gives.
#[cfg(all(feature = "sqlite", feature = "postgres"))]
pub(crate) trait Row:
    QueryableByName<diesel::sqlite::Sqlite> + QueryableByName<diesel::pg::Pg> + 'static
{
}
#[cfg(all(feature = "sqlite", feature = "postgres"))]
impl<R> Row for R where R: QueryableByName<diesel::sqlite::Sqlite> + QueryableByName<diesel::pg::Pg> + 'static {}

/// A row that SQLite gives.
#[cfg(all(feature = "sqlite", not(feature = "postgres")))]
pub(crate) trait Row: QueryableByName<diesel::sqlite::Sqlite> + 'static {}
#[cfg(all(feature = "sqlite", not(feature = "postgres")))]
impl<R> Row for R where R: QueryableByName<diesel::sqlite::Sqlite> + 'static {}

/// A row that PostgreSQL gives.
#[cfg(all(feature = "postgres", not(feature = "sqlite")))]
pub(crate) trait Row: QueryableByName<diesel::pg::Pg> + 'static {}
#[cfg(all(feature = "postgres", not(feature = "sqlite")))]
impl<R> Row for R where R: QueryableByName<diesel::pg::Pg> + 'static {}

impl Connection {
    /// Which SQL it speaks.
    pub(crate) fn dialect(&self) -> SqlDialect {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => SqlDialect::Sqlite,
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => SqlDialect::Postgres,
        }
    }

    /// Whether it is to a PostgreSQL server.
    pub(crate) fn is_postgres(&self) -> bool {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => false,
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => true,
        }
    }

    /// Runs text without values; several statements with `;` between them go together, in one round trip.
    pub(crate) fn batch(&mut self, text: &str) -> QueryResult<()> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(connection) => connection.batch_execute(text),
            #[cfg(feature = "postgres")]
            Self::Postgres(link) => link.batch(text),
        }
    }

    /// Runs statements of which nobody looks at what they changed. PostgreSQL is sent them together.
    pub(crate) fn all(&mut self, statements: &[Statement]) -> QueryResult<()> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => {
                statements.iter().try_for_each(|statement| statement.clone().run(self).map(drop))
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(link) => link.together::<Nothing>(statements).map(drop),
        }
    }

    /// The first row of the second of two statements; what the first changes nobody looks at.
    pub(crate) fn after<R: Row>(&mut self, first: Statement, second: Statement) -> QueryResult<Option<R>> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => {
                first.run(self)?;
                second.row(self)
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(link) => Ok(link.together::<R>(&[first, second])?.into_iter().next()),
        }
    }

    /// Reads of several statements that see one moment.
    pub(crate) fn snapshot<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> QueryResult<T> {
        self.batch(match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => "BEGIN",
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        })?;
        let read = read(self);
        // A statement that failed may have ended the transaction; nothing was written in it.
        if let Err(error) = self.batch("COMMIT") {
            let _ = self.batch("ROLLBACK");
            log::debug!("a read's transaction did not end well: {error}");
        }
        Ok(read)
    }
}
