//! What deleted resources were.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use scim_core::instant::Timestamp;
use scim_directory::{ConnectorId, Key, ResourceId, Scope, Tombstone, Version};
use scim_storage::StoreError;
use uuid::Uuid;

use super::record::{account, connector, resource_id};
use crate::connection::Connection;
use crate::error::{damaged, store_error};
use crate::sql::Statement;

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Binary)]
    id: Vec<u8>,
    #[diesel(sql_type = Text)]
    resource_type: String,
    #[diesel(sql_type = BigInt)]
    deleted_ms: i64,
    #[diesel(sql_type = BigInt)]
    version: i64,
    #[diesel(sql_type = BigInt)]
    created_ms: i64,
    #[diesel(sql_type = Nullable<Text>)]
    display: Option<String>,
    #[diesel(sql_type = Nullable<Binary>)]
    managed_by: Option<Vec<u8>>,
    #[diesel(sql_type = Nullable<Text>)]
    account: Option<String>,
}

impl Row {
    fn tombstone(self) -> Result<Tombstone, StoreError> {
        let managed_by = self.managed_by.as_deref().map(Uuid::from_slice).transpose();
        Ok(Tombstone {
            key: Key { resource_type: self.resource_type.into(), id: resource_id(&self.id)? },
            at: Timestamp::from_unix_millis(self.deleted_ms),
            version: Version(self.version),
            created: Timestamp::from_unix_millis(self.created_ms),
            display: self.display,
            managed_by: managed_by.map_err(|_| damaged("an id"))?.map(ConnectorId::new),
            account: account(self.account.as_deref())?,
        })
    }
}

/// The resource of that type that had this `externalId` at the scope's connector and was deleted last.
pub(crate) fn deleted_link(
    connection: &mut Connection,
    scope: &Scope,
    resource_type: &str,
    external_id: &str,
    since: Timestamp,
) -> Result<Option<Tombstone>, StoreError> {
    let row: Option<Row> = Statement::kept(
        "SELECT t.id, t.resource_type, t.deleted_ms, t.version, t.created_ms, t.display, t.managed_by, t.account \
         FROM tombstone_links l CROSS JOIN tombstones t ON t.instance_id = l.instance_id AND t.id = l.id \
         WHERE l.instance_id = ? AND l.connector_id = ? AND l.external_id = ? AND t.resource_type = ? \
         AND t.deleted_ms >= ? ORDER BY t.deleted_ms DESC, t.id DESC LIMIT 1",
    )
    .blob(scope.instance.uuid().into_bytes())
    .blob(connector(scope))
    .text(external_id)
    .text(resource_type)
    .integer(since.unix_millis())
    .row(connection)
    .map_err(store_error)?;
    row.map(Row::tombstone).transpose()
}

/// What gives the ids of all of them.
pub(crate) fn deleted_link_ids(
    scope: &Scope,
    resource_type: &str,
    external_id: &str,
    since: Timestamp,
) -> Statement {
    Statement::kept(
        "SELECT t.id FROM tombstone_links l CROSS JOIN tombstones t ON t.instance_id = l.instance_id AND t.id = l.id \
         WHERE l.instance_id = ? AND l.connector_id = ? AND l.external_id = ? AND t.resource_type = ? \
         AND t.deleted_ms >= ?",
    )
    .blob(scope.instance.uuid().into_bytes())
    .blob(connector(scope))
    .text(external_id)
    .text(resource_type)
    .integer(since.unix_millis())
}

/// The person with that user name key who was deleted last.
pub(crate) fn deleted_name(
    connection: &mut Connection,
    scope: &Scope,
    user_name_key: &str,
) -> Result<Option<Tombstone>, StoreError> {
    let row: Option<Row> = Statement::kept(
        "SELECT id, resource_type, deleted_ms, version, created_ms, display, managed_by, account \
         FROM tombstones WHERE instance_id = ? AND user_name_key = ? ORDER BY deleted_ms DESC, id DESC LIMIT 1",
    )
    .blob(scope.instance.uuid().into_bytes())
    .text(user_name_key)
    .row(connection)
    .map_err(store_error)?;
    row.map(Row::tombstone).transpose()
}

/// The resource of that id, where it was deleted.
pub(crate) fn deleted_id(
    connection: &mut Connection,
    scope: &Scope,
    id: ResourceId,
) -> Result<Option<Tombstone>, StoreError> {
    let row: Option<Row> = Statement::kept(
        "SELECT id, resource_type, deleted_ms, version, created_ms, display, managed_by, account \
         FROM tombstones WHERE instance_id = ? AND id = ?",
    )
    .blob(scope.instance.uuid().into_bytes())
    .blob(id.uuid().into_bytes())
    .row(connection)
    .map_err(store_error)?;
    row.map(Row::tombstone).transpose()
}

/// A page of them, those deleted last first.
pub(crate) fn deleted_after(
    connection: &mut Connection,
    scope: &Scope,
    after: Option<(Timestamp, ResourceId)>,
    limit: usize,
) -> Result<Vec<Tombstone>, StoreError> {
    let instance = scope.instance.uuid().into_bytes();
    let statement = match after {
        Some((at, id)) => Statement::kept(
            "SELECT id, resource_type, deleted_ms, version, created_ms, display, managed_by, account \
             FROM tombstones WHERE instance_id = ? AND (deleted_ms, id) < (?, ?) \
             ORDER BY deleted_ms DESC, id DESC LIMIT ?",
        )
        .blob(instance)
        .integer(at.unix_millis())
        .blob(id.uuid().into_bytes()),
        None => Statement::kept(
            "SELECT id, resource_type, deleted_ms, version, created_ms, display, managed_by, account \
             FROM tombstones WHERE instance_id = ? ORDER BY deleted_ms DESC, id DESC LIMIT ?",
        )
        .blob(instance),
    };
    let rows: Vec<Row> =
        statement.integer(i64::try_from(limit).unwrap_or(i64::MAX)).rows(connection).map_err(store_error)?;
    rows.into_iter().map(Row::tombstone).collect()
}
