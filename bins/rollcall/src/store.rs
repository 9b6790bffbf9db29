//! Opening the database that the settings name. Each engine is a feature of this crate.

use std::sync::Arc;

use scim_storage::Store;
use scim_storage_diesel::Transfer;
#[cfg(feature = "postgres")]
use scim_storage_diesel::{OpenError, Pooler, PostgresOptions, PostgresStore};
#[cfg(feature = "sqlite")]
use scim_storage_diesel::{Options, SqliteStore};

#[cfg(feature = "postgres")]
use crate::config::ServerDatabase;
use crate::config::{DatabasePlace, DatabaseSettings};

/// Opens the database.
pub(crate) fn open(settings: &DatabaseSettings, migrate: bool) -> anyhow::Result<Arc<dyn Store>> {
    match &settings.place {
        #[cfg(feature = "sqlite")]
        DatabasePlace::File(path) => Ok(Arc::new(SqliteStore::open(path, of_file(settings, migrate))?)),
        #[cfg(feature = "postgres")]
        DatabasePlace::Server(server) => {
            Ok(Arc::new(reached(PostgresStore::open(&of_server(server, settings, migrate)))?))
        }
        #[cfg(not(all(feature = "sqlite", feature = "postgres")))]
        other => Err(not_built_in(other)),
    }
}

/// Opens the database, to move instances.
pub(crate) fn transfer(settings: &DatabaseSettings) -> anyhow::Result<Box<dyn Transfer>> {
    match &settings.place {
        #[cfg(feature = "sqlite")]
        DatabasePlace::File(path) => Ok(Box::new(SqliteStore::open(path, of_file(settings, false))?)),
        #[cfg(feature = "postgres")]
        DatabasePlace::Server(server) => {
            Ok(Box::new(reached(PostgresStore::open(&of_server(server, settings, false)))?))
        }
        #[cfg(not(all(feature = "sqlite", feature = "postgres")))]
        other => Err(not_built_in(other)),
    }
}

/// Opens the replica, to read alone; nothing where there is none, or it does not answer.
pub(crate) fn replica(settings: &DatabaseSettings) -> Option<Arc<dyn Store>> {
    match &settings.place {
        #[cfg(feature = "postgres")]
        DatabasePlace::Server(server) => {
            let url = String::clone(server.replica_url.as_ref()?);
            let options = of_server(server, settings, false);
            let options = PostgresOptions { url, replica_url: None, reads_only: true, ..options };
            match PostgresStore::open(&options) {
                Ok(store) => Some(Arc::new(store)),
                Err(error) => {
                    log::warn!("the replica cannot be read, the primary is asked: {error}");
                    None
                }
            }
        }
        _ => None,
    }
}

#[cfg(feature = "sqlite")]
fn of_file(settings: &DatabaseSettings, migrate: bool) -> Options {
    Options {
        migrate,
        waiting_reads: settings.waiting_reads,
        waiting_writes: settings.waiting_writes,
        read_time: settings.read_time,
        ..Options::default()
    }
}

#[cfg(feature = "postgres")]
fn of_server(server: &ServerDatabase, settings: &DatabaseSettings, migrate: bool) -> PostgresOptions {
    let text = |url: &zeroize::Zeroizing<String>| String::clone(url);
    PostgresOptions {
        direct_url: server.direct_url.as_ref().map(text),
        replica_url: server.replica_url.as_ref().map(text),
        migrate,
        connections: server.connections,
        pooler: if server.transaction_pooler { Pooler::Transaction } else { Pooler::Session },
        // Reads and changes wait in one queue there.
        waiting: settings.waiting_writes.max(settings.waiting_reads),
        connect_time: server.connect_time,
        statement_time: server.statement_time,
        read_time: settings.read_time,
        ..PostgresOptions::new(text(&server.url))
    }
}

/// Says what to check where a server could not be reached.
#[cfg(feature = "postgres")]
fn reached<T>(opened: Result<T, OpenError>) -> anyhow::Result<T> {
    opened.map_err(|error| match error {
        OpenError::Open { .. } => anyhow::anyhow!(
            "{error}. Check that it runs, that host and port are right and this machine may reach them, and that its pg_hba.conf lets              the user in with this password; psql from this machine tells the same"
        ),
        other => other.into(),
    })
}

/// That this build lacks an engine.
#[cfg(not(all(feature = "sqlite", feature = "postgres")))]
fn not_built_in(place: &DatabasePlace) -> anyhow::Error {
    match place {
        DatabasePlace::File(_) => anyhow::anyhow!(
            "this build of rollcall is without SQLite (its feature sqlite); name a database with --database postgres://…"
        ),
        DatabasePlace::Server(_) => anyhow::anyhow!(
            "this build of rollcall is without PostgreSQL (its feature postgres); use --database sqlite:PATH"
        ),
    }
}
