//! The behaviours that every backend has, on SQLite files in a temporary directory.

#![expect(clippy::expect_used, reason = "a panic is how a test answers")]

use scim_storage_diesel::{Options, SqliteStore};
use scim_storage_suite::Fixture;

fn open() -> Fixture {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let store =
        SqliteStore::open(&directory.path().join("suite.sqlite3"), Options::default()).expect("opens");
    Fixture::new(store).with_guard(directory)
}

scim_storage_suite::suite!(open);
