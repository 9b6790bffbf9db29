//! The PostgreSQL engine: a transaction for each change set, or for several that wait at the same time, on connections of worker
//! threads.
//!
//! The wire is `tokio-postgres`, without a C library: texts and values are [`crate::sql::Statement`]s, rows are made by
//! Diesel as for SQLite.

mod bind;
mod commit;
mod engine;
mod gather;
mod horizon;
mod link;
mod locks;
mod migrate;
mod opened;
mod options;
mod pipeline;
mod queue;
mod references;
mod row;
mod seek;
mod shared;
mod texts;
mod tls;
mod url;
mod workers;
mod writers;

pub use engine::{Postgres, PostgresStore};
pub(crate) use gather::Gathered;
pub(crate) use horizon::horizon;
pub(crate) use link::Link;
pub use options::{Pooler, PostgresOptions};
pub(crate) use references::Reference;
pub(crate) use row::PgRow;
#[cfg(test)]
pub(crate) use seek::tests::{check as check_plan, fill};
pub(crate) use seek::{Seek, Sought};
pub(crate) use texts::among;

/// A connection to a new database with our tables; none where there is no PostgreSQL.
#[cfg(test)]
pub(crate) fn blank() -> Option<(crate::connection::Connection, testbed::Database<'static>)> {
    let database = testbed::Postgres::shared()?.database().expect("a database");
    let options = PostgresOptions::new(database.url());
    drop(PostgresStore::open(&options).expect("opens"));
    let target = url::understood(database.url(), true, &options).expect("a URL");
    let link = Link::connect(&target).expect("connects");
    Some((crate::connection::Connection::Postgres(Box::new(link)), database))
}
