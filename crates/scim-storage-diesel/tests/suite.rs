//! The behaviours that every backend has, on SQLite files in a temporary directory and on databases of a PostgreSQL.

#![expect(clippy::expect_used, reason = "a panic is how a test answers")]

#[cfg(feature = "postgres")]
mod shared;

#[cfg(feature = "sqlite")]
mod sqlite {
    use scim_storage_diesel::{Options, SqliteStore};
    use scim_storage_suite::Fixture;

    fn open() -> Fixture {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("suite.sqlite3");
        let store = || SqliteStore::open(&path, Options::default()).expect("opens");
        // The other node is what another process has: a command line beside a server.
        Fixture::new(store()).with_other_node(store()).with_guard(directory)
    }

    scim_storage_suite::suite!(open);
}

#[cfg(feature = "postgres")]
mod postgres {
    use scim_storage_suite::Fixture;

    use crate::shared::{Order, database, store};

    fn open() -> Fixture {
        let Some(database) = database(Order::Bytes) else { return Fixture::absent() };
        Fixture::new(store(&database)).with_other_node(store(&database)).with_guard(database)
    }

    scim_storage_suite::suite!(open);
}
