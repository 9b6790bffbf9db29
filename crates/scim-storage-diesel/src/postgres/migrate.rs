//! Bringing a database's schema up to date, on a connection past any pooler. Nodes that start together wait for one another.

use diesel::QueryResult;

use crate::connection::Connection;
use crate::opening::OpenError;
use crate::sql::{Line, Statement};

/// Migrations in their order, by the names that those of SQLite have.
const MIGRATIONS: [(&str, &str); 1] =
    [("20261121000000", include_str!("../../migrations/postgres/2026-11-21-000000_initial/up.sql"))];

/// What nodes that migrate hold until they are done.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7882836981210873711)";
/// The table that Diesel's own command line keeps.
const VERSIONS: &str = "CREATE TABLE IF NOT EXISTS __diesel_schema_migrations (version VARCHAR(50) PRIMARY KEY NOT NULL, \
    run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP)";
/// Tables that every database of ours has.
const OWN_TABLES: [&str; 3] = ["__diesel_schema_migrations", "resources", "journal"];

/// Migrates an empty database, and one of an earlier release where that is wanted.
pub(super) fn migrate(connection: &mut Connection, shown: &str, wanted: bool) -> Result<(), OpenError> {
    let failed = |error: diesel::result::Error| OpenError::Migration {
        path: shown.to_owned(),
        reason: error.to_string(),
    };
    // Most starts find that there is nothing to do, and take no lock.
    if pending(connection, shown, wanted)?.is_empty() {
        return Ok(());
    }
    connection.batch("BEGIN").map_err(failed)?;
    connection.batch(LOCK).map_err(failed)?;
    for (version, text) in pending(connection, shown, wanted)? {
        connection.batch(VERSIONS).map_err(failed)?;
        connection.batch(text).map_err(failed)?;
        Statement::new("INSERT INTO __diesel_schema_migrations (version) VALUES (?)")
            .text(version)
            .run(connection)
            .map_err(failed)?;
    }
    connection.batch("COMMIT").map_err(failed)
}

/// What is still to be done, or why it cannot be.
fn pending(
    connection: &mut Connection,
    shown: &str,
    wanted: bool,
) -> Result<Vec<(&'static str, &'static str)>, OpenError> {
    let path = || shown.to_owned();
    let failed = |error: diesel::result::Error| OpenError::Open { path: path(), reason: error.to_string() };
    let tables = tables(connection).map_err(failed)?;
    let has = |name: &str| tables.iter().any(|table| table.line == name);
    if !OWN_TABLES.iter().all(|name| has(name)) {
        return match tables.into_iter().find(|table| table.line != "__diesel_schema_migrations") {
            Some(table) => Err(OpenError::NotOurs { path: path(), table: table.line }),
            None => Ok(MIGRATIONS.to_vec()),
        };
    }
    let versions = "SELECT version::text AS line FROM __diesel_schema_migrations ORDER BY version";
    let applied: Vec<Line> = Statement::new(versions).rows(connection).map_err(failed)?;
    let known = |version: &str| MIGRATIONS.iter().any(|(known, _)| *known == version);
    if let Some(unknown) = applied.iter().find(|applied| !known(&applied.line)) {
        return Err(OpenError::TooNew { path: path(), migration: unknown.line.clone() });
    }
    let missing = |version: &str| !applied.iter().any(|applied| applied.line == version);
    let pending: Vec<_> = MIGRATIONS.iter().copied().filter(|(version, _)| missing(version)).collect();
    if !pending.is_empty() && !wanted {
        return Err(OpenError::NeedsMigration { path: path() });
    }
    Ok(pending)
}

fn tables(connection: &mut Connection) -> QueryResult<Vec<Line>> {
    Statement::new(
        "SELECT tablename::text AS line FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename",
    )
    .rows(connection)
}
