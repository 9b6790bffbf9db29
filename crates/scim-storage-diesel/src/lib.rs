//! The SQLite backend behind [`scim_storage::Store`].
//!
//! **Durability**: WAL mode with `synchronous=FULL`; what was acknowledged is on disk. One writer thread takes whatever
//! change sets wait, applies each in a savepoint, commits once and then answers all, so that one `fsync` serves many
//! requests. Readers have connections of their own and never wait for the writer.
//!
//! Another process (the command line beside the server) may have the same file open: writers wait for one another.
//!
//! PostgreSQL takes its place beside this under the same trait; what both can share is SQL over the same tables.

mod commit;
mod error;
mod filter_sql;
mod meter;
mod open;
mod patience;
mod read;
mod sql;
mod store;
mod workers;
mod writer;

pub use open::{OpenError, Options};
pub use store::SqliteStore;
