//! The list of suspensions and deletions that wait for a person's decision.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use scim_core::instant::Timestamp;
use scim_directory::{ConnectorId, HeldChange, HeldChangeId, Key, Removal, ResourceId, Scope};
use scim_storage::StoreError;
use uuid::Uuid;

use super::record::resource_id;
use crate::connection::Connection;
use crate::error::{damaged, store_error};
use crate::sql::{Statement, from_word, word};

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Binary)]
    id: Vec<u8>,
    #[diesel(sql_type = Text)]
    resource_type: String,
    #[diesel(sql_type = Binary)]
    resource_id: Vec<u8>,
    #[diesel(sql_type = Nullable<Text>)]
    name: Option<String>,
    #[diesel(sql_type = Text)]
    removal: String,
    #[diesel(sql_type = Binary)]
    connector_id: Vec<u8>,
    #[diesel(sql_type = BigInt)]
    at_ms: i64,
    #[diesel(sql_type = Text)]
    state: String,
}

impl Row {
    fn held_change(self) -> Result<HeldChange, StoreError> {
        let id = |bytes: &[u8]| Uuid::from_slice(bytes).map_err(|_| damaged("an id"));
        Ok(HeldChange {
            id: HeldChangeId::new(id(&self.id)?),
            key: Key { resource_type: self.resource_type.into(), id: resource_id(&self.resource_id)? },
            name: self.name,
            removal: from_word(&self.removal, "a removal")?,
            connector: ConnectorId::new(id(&self.connector_id)?),
            at: Timestamp::from_unix_millis(self.at_ms),
            state: serde_json::from_str(&self.state).map_err(|_| damaged("a state"))?,
        })
    }
}

/// That removal of a person, where it is on the list.
pub(crate) fn held_change(
    connection: &mut Connection,
    scope: &Scope,
    of: ResourceId,
    removal: Removal,
) -> Result<Option<HeldChange>, StoreError> {
    let row: Option<Row> = Statement::kept(
        "SELECT id, resource_type, resource_id, name, removal, connector_id, at_ms, state FROM held_changes \
         WHERE instance_id = ? AND resource_id = ? AND removal = ?",
    )
    .blob(scope.instance.uuid().into_bytes())
    .blob(of.uuid().into_bytes())
    .text(word(removal)?)
    .row(connection)
    .map_err(store_error)?;
    row.map(Row::held_change).transpose()
}

/// A page of the list, oldest first.
pub(crate) fn held_changes(
    connection: &mut Connection,
    scope: &Scope,
    after: Option<HeldChangeId>,
    limit: usize,
) -> Result<Vec<HeldChange>, StoreError> {
    let rows: Vec<Row> = Statement::kept(
        "SELECT id, resource_type, resource_id, name, removal, connector_id, at_ms, state FROM held_changes \
         WHERE instance_id = ? AND id > ? ORDER BY id LIMIT ?",
    )
    .blob(scope.instance.uuid().into_bytes())
    .blob(after.map_or(Vec::new(), |after| after.uuid().into_bytes().to_vec()))
    .integer(i64::try_from(limit).unwrap_or(i64::MAX))
    .rows(connection)
    .map_err(store_error)?;
    rows.into_iter().map(Row::held_change).collect()
}
