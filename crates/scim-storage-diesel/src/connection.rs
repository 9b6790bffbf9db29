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

/// Which SQL an engine speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SqlDialect {
    /// That of SQLite.
    #[cfg(feature = "sqlite")]
    Sqlite,
    /// That of PostgreSQL.
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
pub trait Row:
    QueryableByName<diesel::sqlite::Sqlite> + QueryableByName<diesel::pg::Pg> + Send + 'static
{
}
#[cfg(all(feature = "sqlite", feature = "postgres"))]
impl<R> Row for R where
    R: QueryableByName<diesel::sqlite::Sqlite> + QueryableByName<diesel::pg::Pg> + Send + 'static
{
}

/// A row that SQLite gives.
#[cfg(all(feature = "sqlite", not(feature = "postgres")))]
pub trait Row: QueryableByName<diesel::sqlite::Sqlite> + Send + 'static {}
#[cfg(all(feature = "sqlite", not(feature = "postgres")))]
impl<R> Row for R where R: QueryableByName<diesel::sqlite::Sqlite> + Send + 'static {}

/// A row that PostgreSQL gives.
#[cfg(all(feature = "postgres", not(feature = "sqlite")))]
pub trait Row: QueryableByName<diesel::pg::Pg> + Send + 'static {}
#[cfg(all(feature = "postgres", not(feature = "sqlite")))]
impl<R> Row for R where R: QueryableByName<diesel::pg::Pg> + Send + 'static {}

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

    /// The connection to an SQLite file, where it is to one.
    #[cfg(feature = "sqlite")]
    pub(crate) fn sqlite(&mut self) -> Option<&mut diesel::sqlite::SqliteConnection> {
        match self {
            Self::Sqlite(connection) => Some(connection),
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => None,
        }
    }

    /// The connection to a PostgreSQL server, where it is to one.
    #[cfg(feature = "postgres")]
    pub(crate) fn postgres(&mut self) -> Option<&mut crate::postgres::Link> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => None,
            Self::Postgres(link) => Some(link),
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

    /// Forgets the statements that it keeps prepared.
    #[cfg(feature = "sqlite")]
    pub(crate) fn forget_statements(&mut self) {
        use diesel::connection::{CacheSize, Connection as _};
        match self {
            Self::Sqlite(connection) => {
                connection.set_prepared_statement_cache_size(CacheSize::Disabled);
                connection.set_prepared_statement_cache_size(CacheSize::Unbounded);
            }
            // It forgets by itself.
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => {}
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

    /// Runs a statement at whose outcome nobody looks: PostgreSQL is sent it together with the next that somebody looks at.
    pub(crate) fn later(&mut self, statement: Statement) -> QueryResult<()> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => statement.run(self).map(drop),
            #[cfg(feature = "postgres")]
            Self::Postgres(link) => {
                link.later(statement);
                Ok(())
            }
        }
    }

    /// The same, and hands its rows on when they are there.
    pub(crate) fn later_with<R: Row>(
        &mut self,
        statement: Statement,
        take: impl FnOnce(Vec<R>) + Send + 'static,
    ) -> QueryResult<()> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => take(statement.rows(self)?),
            #[cfg(feature = "postgres")]
            Self::Postgres(link) => link.later_with(statement, take),
        }
        Ok(())
    }

    /// The rows of two statements, which PostgreSQL is sent together.
    #[cfg_attr(
        not(feature = "sqlite"),
        expect(clippy::needless_pass_by_value, reason = "SQLite's rows take their statement")
    )]
    pub(crate) fn both<A: Row, B: Row>(
        &mut self,
        first: Statement,
        second: Statement,
    ) -> QueryResult<(Vec<A>, Vec<B>)> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => Ok((first.rows(self)?, second.rows(self)?)),
            #[cfg(feature = "postgres")]
            Self::Postgres(link) => link.both(&first, &second),
        }
    }

    /// Sends what waits, and ends PostgreSQL's transaction with a commit. That of SQLite is its writer's.
    pub(crate) fn conclude(&mut self) -> QueryResult<()> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => Ok(()),
            #[cfg(feature = "postgres")]
            Self::Postgres(link) => link.conclude(),
        }
    }

    /// Whether outcomes are supposed, and looked at later ([`crate::postgres`]).
    pub(crate) fn is_supposing(&self) -> bool {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => false,
            #[cfg(feature = "postgres")]
            Self::Postgres(link) => link.is_supposing(),
        }
    }

    /// The rows of a statement; where outcomes are supposed, those that are, if what comes is so.
    pub(crate) fn suppose<R: Row>(
        &mut self,
        statement: Statement,
        supposed: Vec<R>,
        so: impl FnOnce(&[R]) -> bool + Send + 'static,
    ) -> QueryResult<Vec<R>> {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(link) if link.is_supposing() => {
                link.suppose(statement, so);
                Ok(supposed)
            }
            _ => {
                drop((supposed, so));
                statement.rows(self)
            }
        }
    }

    /// The rows of a statement; none are supposed to be there.
    pub(crate) fn suppose_none<R: Row>(&mut self, statement: Statement) -> QueryResult<Vec<R>> {
        self.suppose(statement, Vec::new(), <[R]>::is_empty)
    }

    /// Runs a statement; how many rows it changed. They are supposed to be so many.
    pub(crate) fn suppose_changed(&mut self, statement: Statement, rows: usize) -> QueryResult<usize> {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(link) if link.is_supposing() => {
                link.suppose_changed(statement, rows as u64);
                Ok(rows)
            }
            _ => {
                let _ = rows;
                statement.run(self)
            }
        }
    }

    /// Reads of several statements that see one moment.
    pub(crate) fn snapshot<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> QueryResult<T> {
        self.begin_snapshot()?;
        let read = read(self);
        // A statement that failed may have ended the transaction; nothing was written in it.
        if let Err(error) = self.end_snapshot() {
            let _ = self.batch("ROLLBACK");
            log::debug!("a read's transaction did not end well: {error}");
        }
        Ok(read)
    }

    fn begin_snapshot(&mut self) -> QueryResult<()> {
        match self {
            // Kept prepared, as what is read in it is.
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => Statement::kept("BEGIN").run(self).map(|_| ()),
            #[cfg(feature = "postgres")]
            Self::Postgres(link) => link.batch("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"),
        }
    }

    fn end_snapshot(&mut self) -> QueryResult<()> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => Statement::kept("COMMIT").run(self).map(|_| ()),
            #[cfg(feature = "postgres")]
            Self::Postgres(link) => link.batch("COMMIT"),
        }
    }
}
