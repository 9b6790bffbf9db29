//! The behaviours that every backend has: on SQLite files in a temporary directory, and in databases of a PostgreSQL server.

#![expect(clippy::expect_used, reason = "a panic is how a test answers")]

#[cfg(feature = "sqlite")]
mod sqlite {
    use scim_storage_diesel::{Options, SqliteStore};
    use scim_storage_suite::Fixture;

    fn open() -> Fixture {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let store =
            SqliteStore::open(&directory.path().join("suite.sqlite3"), Options::default()).expect("opens");
        Fixture::new(store).with_guard(directory)
    }

    scim_storage_suite::suite!(open);
}

#[cfg(feature = "postgres")]
mod postgres {
    use scim_storage_diesel::{PostgresOptions, PostgresStore};
    use scim_storage_suite::Fixture;

    fn open() -> Fixture {
        let Some(cluster) = testbed::Postgres::shared() else {
            return Fixture::new(scim_storage::MemoryStore::new());
        };
        let database = cluster.database().expect("a database");
        let node = || {
            let options = PostgresOptions { connections: 6, ..PostgresOptions::new(database.url()) };
            PostgresStore::open(&options).expect("opens")
        };
        Fixture::new(node()).with_other_node(node()).with_guard(database)
    }

    scim_storage_suite::suite!(open);
}
