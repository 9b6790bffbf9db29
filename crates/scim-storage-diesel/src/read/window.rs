//! How moments become positions in the log.

use diesel::QueryResult;
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Nullable};
use diesel::sqlite::SqliteConnection;
use scim_core::instant::Timestamp;

use crate::sql::Statement;

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = Nullable<BigInt>)]
    position: Option<i64>,
}

/// The minute of a moment, by which the log's positions are found.
pub(crate) fn minute(at: Timestamp) -> i64 {
    at.unix_millis().div_euclid(60_000)
}

/// A position that no record of that moment or later stands before; `None` where there is no such record.
pub(crate) fn position_from(
    connection: &mut SqliteConnection,
    instance: &[u8],
    from: Timestamp,
) -> QueryResult<Option<i64>> {
    let row = Statement::kept(
        "SELECT min(first_position) AS position FROM journal_minutes WHERE instance_id = ? AND minute >= ?",
    )
    .blob(instance)
    .integer(minute(from))
    .row::<Found>(connection)?;
    Ok(row.and_then(|row| row.position))
}

/// A position that no record of before that moment stands after; `None` where there is no such record.
pub(crate) fn position_before(
    connection: &mut SqliteConnection,
    instance: &[u8],
    until: Timestamp,
) -> QueryResult<Option<i64>> {
    let row = Statement::kept(
        "SELECT max(last_position) AS position FROM journal_minutes WHERE instance_id = ? AND minute <= ?",
    )
    .blob(instance)
    .integer(minute(until))
    .row::<Found>(connection)?;
    Ok(row.and_then(|row| row.position))
}
