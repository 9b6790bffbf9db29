//! Opening a database file: pragmas, migrations, what is refused.

use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::sqlite::SqliteConnection;
use diesel::{Connection, ConnectionError, RunQueryDsl};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::patience::teach;
use crate::connection::Connection as AnyConnection;
use crate::opening::OpenError;
use crate::sql::{Line, Number, Statement};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

/// The table of migrations, which other programs may have too.
const MIGRATIONS_TABLE: &str = "__diesel_schema_migrations";
/// Tables that every database of ours has.
const OWN_TABLES: [&str; 3] = [MIGRATIONS_TABLE, "resources", "journal"];

/// How a database is opened.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Whether a database of an earlier release is migrated. An empty one always is. Default: false.
    pub migrate: bool,
    /// Connections for reading. Default: 8.
    pub readers: u32,
    /// How many reads that may take long wait for a thread, before others are refused as [`StoreError::Unavailable`].
    /// Default: 256.
    ///
    /// [`StoreError::Unavailable`]: scim_storage::StoreError::Unavailable
    pub waiting_reads: usize,
    /// How many change sets wait for the writer, before others are refused in the same way. Default: 1024.
    pub waiting_writes: usize,
    /// How long a read of a list may take, before it ends as [`StoreError::TooLong`]. Default: 10 seconds.
    ///
    /// [`StoreError::TooLong`]: scim_storage::StoreError::TooLong
    pub read_time: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            migrate: false,
            readers: 8,
            waiting_reads: 256,
            waiting_writes: 1024,
            read_time: Duration::from_secs(10),
        }
    }
}

/// Makes the file where it is not there, for its owner alone: SQLite gives those beside it the same mode. Refuses the database
/// of another program, before anything of it is changed.
pub(crate) fn prepare(path: &Path) -> Result<(), OpenError> {
    let shown = || path.display().to_string();
    let failed =
        |reason: &dyn std::fmt::Display| OpenError::Open { path: shown(), reason: reason.to_string() };
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(failed(&error)),
    }
    let text = path.to_str().ok_or_else(|| failed(&"the path is not UTF-8"))?;
    let mut connection =
        AnyConnection::Sqlite(SqliteConnection::establish(text).map_err(|error| failed(&error))?);
    connection.batch("PRAGMA busy_timeout = 5000").map_err(|error| failed(&error))?;
    let tables =
        "SELECT name AS line FROM sqlite_master WHERE type = 'table' AND substr(name, 1, 7) <> 'sqlite_'";
    let tables: Vec<Line> = Statement::new(tables).rows(&mut connection).map_err(|error| failed(&error))?;
    let has = |name: &str| tables.iter().any(|table| table.line == name);
    if OWN_TABLES.iter().all(|name| has(name)) {
        return Ok(());
    }
    match tables.into_iter().find(|table| table.line != MIGRATIONS_TABLE) {
        Some(table) => Err(OpenError::NotOurs { path: shown(), table: table.line }),
        None => Ok(()),
    }
}

/// A connection with the pragmas that every connection has.
pub(crate) fn connect(path: &str) -> Result<AnyConnection, ConnectionError> {
    establish(path).map(AnyConnection::Sqlite)
}

/// What [`connect`] gives, as Diesel has it.
pub(crate) fn establish(path: &str) -> Result<SqliteConnection, ConnectionError> {
    let mut connection = SqliteConnection::establish(path)?;
    configure(&mut connection).map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(connection)
}

/// Sets what SQLite keeps per connection. Nothing of the file is mapped into memory: SQLite gives a connection's mapping up whenever
/// another one has written, and whoever reads beside writers would map it, and take its faults, again for each read.
fn configure(connection: &mut SqliteConnection) -> diesel::QueryResult<()> {
    teach(connection)?;
    connection.batch_execute(
        "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -8192; \
         PRAGMA temp_store = MEMORY;",
    )
}

/// Brings the schema up to date, or says why not.
pub(crate) fn migrate(
    connection: &mut SqliteConnection,
    path: &Path,
    options: Options,
) -> Result<(), OpenError> {
    let path = path.display().to_string();
    let failed = |reason: &dyn std::fmt::Display| OpenError::Migration {
        path: path.clone(),
        reason: reason.to_string(),
    };
    let tables = "SELECT count(*) AS n FROM sqlite_master WHERE type = 'table' AND name = '__diesel_schema_migrations'";
    let count =
        |connection: &mut SqliteConnection| diesel::sql_query(tables).get_result::<Number>(connection);
    let found = count(connection).map_err(|error| failed(&error))?.n > 0;
    if found {
        let versions = "SELECT version AS line FROM __diesel_schema_migrations ORDER BY version";
        let known = known_versions().map_err(|error| failed(&error))?;
        let applied: Vec<Line> =
            diesel::sql_query(versions).load(connection).map_err(|error| failed(&error))?;
        if let Some(unknown) = applied.iter().find(|applied| !known.contains(&applied.line)) {
            return Err(OpenError::TooNew { path, migration: unknown.line.clone() });
        }
        if applied.len() == known.len() {
            return Ok(());
        }
        if !applied.is_empty() && !options.migrate {
            return Err(OpenError::NeedsMigration { path });
        }
    }
    // Two processes that meet a new file wait for one another here.
    connection
        .exclusive_transaction(|connection| {
            connection
                .run_pending_migrations(MIGRATIONS)
                .map(|_| ())
                .map_err(diesel::result::Error::QueryBuilderError)
        })
        .map_err(|error| failed(&error))
}

fn known_versions() -> Result<Vec<String>, Box<dyn std::error::Error + Send + Sync>> {
    use diesel::migration::{Migration, MigrationSource};
    let migrations: Vec<Box<dyn Migration<diesel::sqlite::Sqlite>>> = MIGRATIONS.migrations()?;
    Ok(migrations.iter().map(|migration| migration.name().version().to_string()).collect())
}
