//! Events about accounts.

use scim_directory::{Account, ConnectorId, Event, EventKind, Key};
use serde_json::{Map, Value};

/// What an event says of an account: the fields that have values, linked objects by name.
pub(crate) fn view(managed_by: Option<ConnectorId>, account: &Account) -> Value {
    let mut fields = Map::with_capacity(account.fields.len() + account.links.len());
    fields.extend(account.fields.iter().map(|(name, value)| (name.clone(), value.as_str().into())));
    fields.extend(account.links.iter().map(|(name, object)| (name.clone(), object.name.as_str().into())));
    let mut view = Map::with_capacity(4);
    view.insert("state".to_owned(), account.state.name().into());
    view.insert("managed".to_owned(), managed_by.is_some().into());
    view.insert("access_role".to_owned(), account.access_role.map(|role| role.name()).into());
    view.insert("fields".to_owned(), Value::Object(fields));
    Value::Object(view)
}

/// An event about an account.
pub(crate) fn event(kind: EventKind, key: &Key, before: Option<Value>, after: Option<Value>) -> Event {
    Event { kind, key: key.clone(), before, after }
}
