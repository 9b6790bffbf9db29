//! The log, in commit order.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use diesel::sqlite::SqliteConnection;
use scim_core::instant::Timestamp;
use scim_directory::{Actor, ConnectorId, IntegrationUserId, KeyId, Position, Scope};
use scim_storage::{JournalEntry, JournalPage, JournalQuery, StoreError};
use uuid::Uuid;

use crate::error::{damaged, store_error};
use crate::sql::Statement;

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    position: i64,
    #[diesel(sql_type = BigInt)]
    at_ms: i64,
    #[diesel(sql_type = Nullable<Binary>)]
    connector_id: Option<Vec<u8>>,
    #[diesel(sql_type = Nullable<Binary>)]
    key_id: Option<Vec<u8>>,
    #[diesel(sql_type = Nullable<Binary>)]
    user_id: Option<Vec<u8>>,
    #[diesel(sql_type = Text)]
    request_id: String,
    #[diesel(sql_type = Text)]
    record: String,
}

/// A page of log records.
pub(crate) fn journal(
    connection: &mut SqliteConnection,
    scope: &Scope,
    query: &JournalQuery,
) -> Result<JournalPage, StoreError> {
    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX).saturating_add(1);
    let rows: Vec<Row> = Statement::kept(
        "SELECT position, at_ms, connector_id, key_id, user_id, request_id, record FROM journal \
         WHERE instance_id = ? AND position > ? ORDER BY position LIMIT ?",
    )
    .blob(scope.instance.uuid().into_bytes())
    .integer(query.after.map_or(0, |position| position.0))
    .integer(limit)
    .rows(connection)
    .map_err(store_error)?;
    let more = rows.len() > query.limit;
    let entries = rows.into_iter().take(query.limit).map(entry).collect::<Result<_, _>>()?;
    Ok(JournalPage { entries, more })
}

fn entry(row: Row) -> Result<JournalEntry, StoreError> {
    let id = |bytes: Option<Vec<u8>>| {
        bytes.map(|bytes| Uuid::from_slice(&bytes)).transpose().map_err(|_| damaged("an id"))
    };
    Ok(JournalEntry {
        position: Position(row.position),
        at: Timestamp::from_unix_millis(row.at_ms),
        elapsed_ms: 0,
        actor: Actor {
            connector: id(row.connector_id)?.map(ConnectorId::new),
            key: id(row.key_id)?.map(KeyId::new),
            user: id(row.user_id)?.map(IntegrationUserId::new),
        },
        request_id: row.request_id,
        record: serde_json::from_str(&row.record).map_err(|_| damaged("a log record"))?,
    })
}
