//! The outbox, in commit order.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use scim_core::instant::Timestamp;
use scim_directory::{Event, Key, Position, Scope, StoredEvent};
use scim_storage::{EventPage, StoreError};
use serde_json::Value;

use super::record::resource_id;
use super::window::complete_until;
use crate::connection::Connection;
use crate::error::{damaged, store_error};
use crate::sql::{Statement, from_word};

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    position: i64,
    #[diesel(sql_type = BigInt)]
    at_ms: i64,
    #[diesel(sql_type = Text)]
    request_id: String,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Text)]
    resource_type: String,
    #[diesel(sql_type = Binary)]
    id: Vec<u8>,
    #[diesel(sql_type = Nullable<Text>)]
    before: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    after: Option<String>,
}

/// Events after a position.
pub(crate) fn events(
    connection: &mut Connection,
    scope: &Scope,
    after: Option<Position>,
    limit: usize,
) -> Result<EventPage, StoreError> {
    let until = complete_until(connection, scope).map_err(store_error)?;
    let rows: Vec<Row> = Statement::kept(
        "SELECT position, at_ms, request_id, kind, resource_type, id, before, after FROM events \
         INDEXED BY events_by_instance WHERE instance_id = ? AND position > ? AND position < ? ORDER BY position LIMIT ?",
    )
    .blob(scope.instance.uuid().into_bytes())
    .integer(after.map_or(0, |position| position.0))
    .integer(until)
    .integer(i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1))
    .rows(connection)
    .map_err(store_error)?;
    let more = rows.len() > limit;
    let events = rows.into_iter().take(limit).map(event).collect::<Result<_, _>>()?;
    Ok(EventPage { events, more })
}

fn event(row: Row) -> Result<StoredEvent, StoreError> {
    let value = |text: Option<String>| -> Result<Option<Value>, StoreError> {
        text.map(|text| serde_json::from_str(&text).map_err(|_| damaged("an event"))).transpose()
    };
    Ok(StoredEvent {
        position: Position(row.position),
        at: Timestamp::from_unix_millis(row.at_ms),
        request_id: row.request_id,
        event: Event {
            kind: from_word(&row.kind, "an event")?,
            key: Key { resource_type: row.resource_type.into(), id: resource_id(&row.id)? },
            before: value(row.before)?,
            after: value(row.after)?,
        },
    })
}
