//! Opening the database that the settings name. Each engine is a feature of this crate.

use std::path::Path;
use std::sync::Arc;

use scim_storage::Store;

use crate::config::{DatabaseSettings, ServerDatabase};

/// Opens a file of SQLite.
#[cfg(feature = "sqlite")]
pub(crate) fn sqlite(
    path: &Path,
    settings: &DatabaseSettings,
    migrate: bool,
) -> anyhow::Result<Arc<dyn Store>> {
    let options = scim_storage_diesel::Options {
        migrate,
        waiting_reads: settings.waiting_reads,
        waiting_writes: settings.waiting_writes,
        read_time: settings.read_time,
        ..scim_storage_diesel::Options::default()
    };
    Ok(Arc::new(scim_storage_diesel::SqliteStore::open(path, options)?))
}

/// There is no SQLite in this build.
#[cfg(not(feature = "sqlite"))]
pub(crate) fn sqlite(_: &Path, _: &DatabaseSettings, _: bool) -> anyhow::Result<Arc<dyn Store>> {
    anyhow::bail!(
        "this build of rollcall is without SQLite (its feature sqlite); name a database with --database postgres://…"
    )
}

/// Opens a database of PostgreSQL.
#[cfg(feature = "postgres")]
pub(crate) fn postgres(
    server: &ServerDatabase,
    settings: &DatabaseSettings,
    migrate: bool,
) -> anyhow::Result<Arc<dyn Store>> {
    let options = options(server, settings, migrate);
    Ok(Arc::new(scim_storage_diesel::PostgresStore::open(&options)?))
}

/// Opens the replica of a database of PostgreSQL, to read alone; nothing where there is none, or it does not answer.
#[cfg(feature = "postgres")]
pub(crate) fn replica(server: &ServerDatabase, settings: &DatabaseSettings) -> Option<Arc<dyn Store>> {
    use scim_storage_diesel::{PostgresOptions, PostgresStore};

    let url = String::clone(server.replica_url.as_ref()?);
    let options = options(server, settings, false);
    let options = PostgresOptions { url, replica_url: None, reads_only: true, ..options };
    match PostgresStore::open(&options) {
        Ok(store) => Some(Arc::new(store)),
        Err(error) => {
            log::warn!("the replica cannot be read, the primary is asked: {error}");
            None
        }
    }
}

#[cfg(feature = "postgres")]
fn options(
    server: &ServerDatabase,
    settings: &DatabaseSettings,
    migrate: bool,
) -> scim_storage_diesel::PostgresOptions {
    use scim_storage_diesel::{Pooler, PostgresOptions};

    let text = |url: &zeroize::Zeroizing<String>| String::clone(url);
    PostgresOptions {
        direct_url: server.direct_url.as_ref().map(text),
        replica_url: server.replica_url.as_ref().map(text),
        migrate,
        connections: server.connections,
        pooler: if server.transaction_pooler { Pooler::Transaction } else { Pooler::Session },
        waiting: settings.waiting_writes,
        connect_time: server.connect_time,
        statement_time: server.statement_time,
        read_time: settings.read_time,
        ..PostgresOptions::new(text(&server.url))
    }
}

/// There is no PostgreSQL in this build.
#[cfg(not(feature = "postgres"))]
pub(crate) fn replica(_: &ServerDatabase, _: &DatabaseSettings) -> Option<Arc<dyn Store>> {
    None
}

/// There is no PostgreSQL in this build.
#[cfg(not(feature = "postgres"))]
pub(crate) fn postgres(_: &ServerDatabase, _: &DatabaseSettings, _: bool) -> anyhow::Result<Arc<dyn Store>> {
    anyhow::bail!(
        "this build of rollcall is without PostgreSQL (its feature postgres); use --database sqlite:PATH"
    )
}
