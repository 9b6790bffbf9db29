//! An account as the application, its events and the command line see it.

use scim_directory::{Account, ConnectorId, FieldKind, Fields, ResourceId};
use serde_json::{Map, Value, json};

/// The account as JSON: `id`, `state`, `managed`, `scim_sync_id`, `access_role`, `fields` (every text field, `null` where
/// it has no value; linked objects by name).
#[must_use]
pub fn account_view(
    id: ResourceId,
    managed_by: Option<ConnectorId>,
    account: &Account,
    fields: Fields<'_>,
) -> Map<String, Value> {
    let sync_id = managed_by.map(|_| id.to_string());
    let mut shown = Map::new();
    for name in fields.names() {
        let value = match fields.kind(name) {
            Some(FieldKind::Text) => account.field(name),
            Some(FieldKind::Object) => account.links.get(name).map(|object| object.name.as_str()),
            _ => continue,
        };
        shown.insert(name.to_owned(), value.into());
    }
    let mut view = Map::new();
    view.insert("id".to_owned(), id.to_string().into());
    view.insert("state".to_owned(), account.state.name().into());
    view.insert("managed".to_owned(), managed_by.is_some().into());
    view.insert("scim_sync_id".to_owned(), sync_id.into());
    view.insert("access_role".to_owned(), account.access_role.map(|role| role.name()).into());
    if let Some(moment) = account.sessions_valid_after {
        view.insert("sessions_valid_after".to_owned(), json!(moment.to_string()));
    }
    view.insert("fields".to_owned(), Value::Object(shown));
    view
}
