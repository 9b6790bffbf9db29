//! Databases of a PostgreSQL, migrated once and copied for each test.

use std::sync::OnceLock;

use scim_storage_diesel::{PostgresOptions, PostgresStore};
use testbed::{Database, Postgres};

/// How a database orders texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// By their bytes.
    Bytes,
    /// As American English does: nothing may depend on it.
    English,
}

/// A new database with our tables; none where there is no PostgreSQL.
pub(crate) fn database(order: Order) -> Option<Database<'static>> {
    static BYTES: OnceLock<Database<'static>> = OnceLock::new();
    static ENGLISH: OnceLock<Database<'static>> = OnceLock::new();
    let cluster = Postgres::shared()?;
    let template = match order {
        Order::Bytes => BYTES.get_or_init(|| migrated(cluster.database().expect("a database"))),
        Order::English => {
            ENGLISH.get_or_init(|| migrated(cluster.database_of_english().expect("a database")))
        }
    };
    Some(cluster.database_like(template).expect("a copy"))
}

fn migrated(database: Database<'static>) -> Database<'static> {
    drop(store(&database));
    let others = format!("SELECT count(*) FROM pg_stat_activity WHERE datname = '{}'", database.name());
    // Connections end behind their threads, and a database that is copied has none.
    let begun = std::time::Instant::now();
    while database.sql(&format!("{others} AND pid <> pg_backend_pid()")).expect("asks") != "0" {
        assert!(begun.elapsed().as_secs() < 30, "somebody stays connected");
        std::thread::yield_now();
    }
    database
}

/// A store over a database, with few connections: many tests run at once.
pub(crate) fn store(database: &Database<'_>) -> PostgresStore {
    let options = PostgresOptions { connections: 5, ..PostgresOptions::new(database.url()) };
    PostgresStore::open(&options).expect("opens")
}
