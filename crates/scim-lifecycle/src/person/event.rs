//! Events about accounts.

use scim_directory::{Account, ConnectorId, Event, EventKind, Key};
use serde_json::{Value, json};

/// What an event says of an account: the fields that have values, linked objects by name.
pub(crate) fn view(managed_by: Option<ConnectorId>, account: &Account) -> Value {
    let mut fields: serde_json::Map<String, Value> =
        account.fields.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
    fields.extend(account.links.iter().map(|(name, object)| (name.clone(), object.name.as_str().into())));
    json!({
        "state": account.state.name(),
        "managed": managed_by.is_some(),
        "access_role": account.access_role.map(|role| role.name()),
        "fields": fields,
    })
}

/// An event about an account.
pub(crate) fn event(kind: EventKind, key: &Key, before: Option<Value>, after: Option<Value>) -> Event {
    Event { kind, key: key.clone(), before, after }
}
