//! SQLite and PostgreSQL behind [`scim_storage::Store`].
//!
//! **SQLite** ([`SqliteStore`]): WAL mode with `synchronous=FULL`; what was acknowledged is on disk. One writer thread takes
//! whatever change sets wait, applies them, commits once and then answers all, so that one `fsync` serves many
//! requests. Readers have connections of their own and never wait for the writer. Another process (the command line beside the
//! server) may have the same file open: writers wait for one another.
//!
//! **PostgreSQL** ([`PostgresStore`]): one transaction for each change set, with `synchronous_commit` as the server has it (`on`
//! by default). Any number of nodes may use one database.
//!
//! Both have the same tables. What is read and written stands once, in `read/` and `commit/`, over one kind of connection; where
//! an engine can do better it has a statement of its own. The features `sqlite` and `postgres` choose the engines.

mod commit;
mod connection;
mod error;
mod filter_sql;
mod frequent;
mod logged;
mod meter;
mod opening;
#[cfg(feature = "postgres")]
mod postgres;
mod read;
mod slices;
mod sql;
#[cfg(feature = "sqlite")]
mod sqlite;
mod store;
mod transfer;

pub use opening::OpenError;
#[cfg(feature = "postgres")]
pub use postgres::{Pooler, Postgres, PostgresOptions, PostgresStore};
#[cfg(feature = "sqlite")]
pub use sqlite::{Options, Sqlite, SqliteStore};
pub use store::{Engine, EngineStore};
pub use transfer::{ExportOptions, ImportOptions, Progress, Transfer, TransferError, Transferred};

#[cfg(not(any(feature = "sqlite", feature = "postgres")))]
compile_error!("choose an engine: the feature `sqlite`, `postgres`, or both");
