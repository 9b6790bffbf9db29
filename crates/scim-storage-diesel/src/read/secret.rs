//! What all nodes share: secrets, and which peppers belong to the store. Both are written at the first question only.

use diesel::QueryableByName;
use diesel::sql_types::Binary;
use scim_storage::{PeppersKnown, StoreError};

use crate::connection::Connection;
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
            Statement::kept("INSERT OR IGNORE INTO secrets (name, value) VALUES (?, ?)")
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
        // One statement, so that of two nodes that meet an empty store with different peppers one is refused.
        listed(
            "INSERT OR IGNORE INTO peppers (id) SELECT ? WHERE NOT EXISTS (SELECT 1 FROM peppers) OR EXISTS \
                (SELECT 1 FROM peppers WHERE id IN (",
            Some(current),
            held,
            "))",
        )
        .run(connection)
        .map_err(store_error)?;
    }
    let accepted = known(connection, held)? > 0;
    // One that is not accepted was refused because of another.
    Ok(PeppersKnown { accepted, fresh: false, strangers: strangers(connection, held)? })
}

/// How many of them the store knows.
fn known(connection: &mut Connection, held: &[[u8; 16]]) -> Result<i64, StoreError> {
    number(connection, listed("SELECT count(*) AS n FROM peppers WHERE id IN (", None, held, ")"))
}

/// How many keys, admin keys among them, that are not revoked were hashed with another one.
fn strangers(connection: &mut Connection, held: &[[u8; 16]]) -> Result<u64, StoreError> {
    let keys = "SELECT count(*) AS n FROM api_keys NOT INDEXED WHERE revoked_ms IS NULL AND pepper_id IS NOT NULL \
                AND pepper_id NOT IN (";
    let admin_keys = "SELECT count(*) AS n FROM admin_keys NOT INDEXED WHERE revoked_ms IS NULL \
                AND pepper_id NOT IN (";
    let keys = number(connection, listed(keys, None, held, ")"))?;
    let admin_keys = number(connection, listed(admin_keys, None, held, ")"))?;
    Ok(keys.saturating_add(admin_keys).unsigned_abs())
}

fn number(connection: &mut Connection, statement: Statement) -> Result<i64, StoreError> {
    Ok(statement.row::<Number>(connection).map_err(store_error)?.map_or(0, |row| row.n))
}

/// A statement with a value first, where there is one, and a list of ids.
fn listed(before: &str, first: Option<&[u8; 16]>, ids: &[[u8; 16]], after: &str) -> Statement {
    let mut places = vec!["?"; ids.len()].join(", ");
    places.push_str(after);
    let statement = Statement::new(format!("{before}{places}"));
    first.into_iter().chain(ids).fold(statement, Statement::blob)
}
