//! The PostgreSQL engine: one transaction for each change set, on connections of worker threads.
//!
//! The wire is `tokio-postgres`, without a C library: texts and values are [`crate::sql::Statement`]s, rows are made by
//! Diesel as for SQLite.

mod bind;
mod commit;
mod engine;
mod horizon;
mod link;
mod locks;
mod migrate;
mod opened;
mod options;
mod row;
mod tls;
mod url;
mod workers;

pub use engine::{Postgres, PostgresStore};
pub(crate) use horizon::horizon;
pub(crate) use link::Link;
pub use options::{Pooler, PostgresOptions};
