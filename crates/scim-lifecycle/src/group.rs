//! Groups that the application brings in, or that a rule makes: nobody manages them yet.

use scim_core::resource::canonical;
use scim_core::schema::ResourceType;
use scim_directory::{
    Action, Change, EventKind, Key, LogRecord, LogResource, LogStatus, NewRecord, ResourceId,
};
use serde_json::Map;

use crate::Decision;
use crate::content::content;
use crate::person::event::event;

/// Creates an unmanaged group; `action` and `notes` say for the log how it came about.
#[must_use]
pub fn create_group(
    group_type: &ResourceType,
    id: ResourceId,
    name: &str,
    action: Action,
    notes: Vec<String>,
) -> (Key, Decision) {
    let key = Key { resource_type: group_type.name.clone(), id };
    let mut attributes = Map::new();
    attributes.insert("displayName".to_owned(), name.into());
    let content = content(group_type, id, &canonical(group_type, attributes));
    let about = LogResource::new(&key.resource_type, id, Some(name));
    let mut decision = Decision::default();
    decision.log.push(LogRecord { notes, ..LogRecord::new(action, LogStatus::Success, Some(about)) });
    decision.events.push(event(EventKind::GroupCreated, &key, None, None));
    let new = NewRecord { key: key.clone(), content, external_id: None, revives: false };
    decision.changes.push(Change::Create(new));
    (key, decision)
}
