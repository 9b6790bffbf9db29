//! How moments become positions in the log.

use diesel::QueryResult;
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Nullable};
use scim_core::instant::Timestamp;
use scim_directory::Scope;

use crate::connection::{Connection, SqlDialect};
use crate::sql::Statement;

#[derive(QueryableByName)]
struct First {
    #[diesel(sql_type = Nullable<BigInt>)]
    record: Option<i64>,
}

/// Positions that nothing of before a moment stands after.
#[derive(QueryableByName)]
pub(crate) struct Last {
    /// In the log.
    #[diesel(sql_type = BigInt)]
    pub(crate) record: i64,
    /// In the outbox.
    #[diesel(sql_type = BigInt)]
    pub(crate) event: i64,
}

/// The minute of a moment, by which the log's positions are found.
pub(crate) fn minute(at: Timestamp) -> i64 {
    at.unix_millis().div_euclid(60_000)
}

/// A position that no record of that moment or later stands before; `None` where there is no such record.
pub(crate) fn first_from(
    connection: &mut Connection,
    instance: &[u8],
    from: Timestamp,
) -> QueryResult<Option<i64>> {
    let row = Statement::kept(
        "SELECT min(first_record) AS record FROM minutes WHERE instance_id = ? AND minute >= ?",
    )
    .blob(instance)
    .integer(minute(from))
    .row::<First>(connection)?;
    Ok(row.and_then(|row| row.record))
}

/// Positions that nothing of before that moment stands after; `None` where there is nothing of before it.
pub(crate) fn last_before(
    connection: &mut Connection,
    instance: &[u8],
    until: Timestamp,
) -> QueryResult<Option<Last>> {
    Statement::kept(
        "SELECT max(last_record) AS record, max(last_event) AS event FROM minutes \
         WHERE instance_id = ? AND minute <= ? HAVING count(*) > 0",
    )
    .blob(instance)
    .integer(minute(until))
    .row(connection)
}

/// A position from which on the log and the outbox may still lack something that a commit, which has not ended yet, has numbered
/// already. To be asked for before the snapshot in which somebody reads forward.
#[cfg_attr(not(feature = "postgres"), expect(unused_variables, reason = "SQLite has one writer"))]
pub(crate) fn complete_until(connection: &mut Connection, scope: &Scope) -> QueryResult<i64> {
    match connection.dialect() {
        #[cfg(feature = "sqlite")]
        SqlDialect::Sqlite => Ok(i64::MAX),
        #[cfg(feature = "postgres")]
        SqlDialect::Postgres => crate::postgres::horizon(connection, scope.instance),
    }
}
