//! What all nodes share: secrets, and which peppers belong to the store. Both are written at the first question only.

use diesel::sql_types::Binary;
use diesel::{QueryResult, QueryableByName};
use scim_storage::{PeppersKnown, StoreError};

use crate::connection::{Connection, SqlDialect};
use crate::error::{damaged, store_error};
use crate::sql::{Number, Statement};

#[derive(QueryableByName)]
struct Secret {
    #[diesel(sql_type = Binary)]
    value: Vec<u8>,
}

/// The secret of that name; the operating system makes it at the first question. (SQLite's own generator would fall back
/// to the time of day where the system has no randomness.)
pub(super) fn secret(connection: &mut Connection, name: &str) -> Result<[u8; 32], StoreError> {
    let select = || Statement::kept("SELECT value FROM secrets WHERE name = ?").text(name);
    let found: Option<Secret> = select().row(connection).map_err(store_error)?;
    let found = match found {
        Some(found) => found,
        None => {
            let mut fresh = [0; 32];
            getrandom::fill(&mut fresh).map_err(|error| StoreError::internal(error.to_string()))?;
            Statement::kept("INSERT INTO secrets (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING")
                .text(name)
                .blob(fresh)
                .run(connection)
                .map_err(store_error)?;
            select().row(connection).map_err(store_error)?.ok_or_else(|| damaged("a secret"))?
        }
    };
    found.value.try_into().map_err(|_| damaged("a secret"))
}

/// Whether a node with these peppers belongs to the store; the first one's id is kept where it does.
pub(super) fn know_peppers(
    connection: &mut Connection,
    held: &[[u8; 16]],
) -> Result<PeppersKnown, StoreError> {
    let Some(current) = held.first() else {
        let fresh = number(connection, Statement::kept("SELECT count(*) AS n FROM peppers"))? == 0;
        return Ok(PeppersKnown { accepted: false, fresh, strangers: strangers(connection, held)? });
    };
    if known(connection, &[*current])? == 0 {
        alone(connection, |connection| {
            let one_of = connection.dialect().one_of_ids();
            Statement::new(format!(
                "INSERT INTO peppers (id) SELECT ? WHERE NOT EXISTS (SELECT 1 FROM peppers) \
                 OR EXISTS (SELECT 1 FROM peppers WHERE id {one_of}) ON CONFLICT DO NOTHING"
            ))
            .blob(current)
            .blobs(held)
            .run(connection)
        })
        .map_err(store_error)?;
    }
    let accepted = known(connection, held)? > 0;
    // One that is not accepted was refused because of another.
    Ok(PeppersKnown { accepted, fresh: false, strangers: strangers(connection, held)? })
}

/// So that of two nodes that meet an empty store with different peppers one is refused: the table is looked at and written to
/// by one at a time. One statement is enough for SQLite, which has one writer.
fn alone<T>(
    connection: &mut Connection,
    job: impl FnOnce(&mut Connection) -> QueryResult<T>,
) -> QueryResult<T> {
    match connection.dialect() {
        #[cfg(feature = "sqlite")]
        SqlDialect::Sqlite => job(connection),
        #[cfg(feature = "postgres")]
        SqlDialect::Postgres => {
            let locked = connection.batch("BEGIN; LOCK TABLE peppers IN EXCLUSIVE MODE");
            let done = locked.and_then(|()| job(connection));
            let ended = connection.batch(if done.is_ok() { "COMMIT" } else { "ROLLBACK" });
            done.and_then(|done| ended.map(|()| done))
        }
    }
}

/// How many of them the store knows.
fn known(connection: &mut Connection, held: &[[u8; 16]]) -> Result<i64, StoreError> {
    let one_of = connection.dialect().one_of_ids();
    number(
        connection,
        Statement::new(format!("SELECT count(*) AS n FROM peppers WHERE id {one_of}")).blobs(held),
    )
}

/// How many keys, admin keys among them, that are not revoked were hashed with another one.
fn strangers(connection: &mut Connection, held: &[[u8; 16]]) -> Result<u64, StoreError> {
    let one_of = connection.dialect().one_of_ids();
    let mut count = |table: &str| {
        let text = format!(
            "SELECT count(*) AS n FROM {table} NOT INDEXED WHERE revoked_ms IS NULL AND pepper_id IS NOT NULL \
             AND NOT pepper_id {one_of}"
        );
        number(connection, Statement::new(text).blobs(held))
    };
    Ok(count("api_keys")?.saturating_add(count("admin_keys")?).unsigned_abs())
}

fn number(connection: &mut Connection, statement: Statement) -> Result<i64, StoreError> {
    Ok(statement.row::<Number>(connection).map_err(store_error)?.map_or(0, |row| row.n))
}
