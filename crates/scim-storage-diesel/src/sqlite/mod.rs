//! The SQLite engine: a file, one writer that commits in groups, readers beside it.

mod checkpoints;
mod direct;
mod engine;
mod fixed;
mod open;
mod patience;
pub(crate) mod quick;
mod readers;
mod texts;
mod typed;
mod workers;
mod writer;

pub(crate) use direct::{Current, Each};
pub use engine::{Sqlite, SqliteStore};
#[cfg(test)]
pub(crate) use fixed::plan_of;
pub(crate) use fixed::{Fixed, Value, each_of, fixed};
pub use open::Options;
pub(crate) use patience::{WITHIN_TIME, is_over};
pub(crate) use texts::{among, forget, is_behind};
pub(crate) use typed::Typed;
pub(crate) use writer::begin;

/// A connection to a new database, and the directory that it lives in.
#[cfg(test)]
pub(crate) fn blank() -> (crate::connection::Connection, tempfile::TempDir) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("blank.sqlite3");
    drop(SqliteStore::open(&path, Options::default()).expect("opens"));
    let connection = open::connect(path.to_str().expect("UTF-8")).expect("connects");
    (connection, directory)
}
