//! Decisions about one resource: create, change, delete.

use scim_core::Note;
use scim_core::resource::Resource;
use scim_core::schema::ResourceType;
use scim_directory::{
    Action, Change, Key, LogRecord, LogResource, LogStatus, NewRecord, Record, ResourceId, Version,
};
use serde_json::Value;

use crate::content::content;
use crate::difference::{differences, external_id_difference};

/// What was decided: the changes, and what the log will say about them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decision {
    /// The changes, in order.
    pub changes: Vec<Change>,
    /// The log records.
    pub log: Vec<LogRecord>,
}

impl Decision {
    /// Takes another decision's changes and records behind its own.
    pub fn append(&mut self, mut other: Self) {
        self.changes.append(&mut other.changes);
        self.log.append(&mut other.log);
    }
}

/// Creates a resource under `id`.
#[must_use]
pub fn create(
    resource_type: &ResourceType,
    id: ResourceId,
    resource: &Resource,
    external_id: Option<String>,
    notes: &[Note],
) -> Decision {
    let mut changes = differences(resource_type, None, Some(resource));
    changes.extend(external_id_difference(None, external_id.as_deref()));
    let content = content(resource_type, id, resource);
    let log = LogRecord {
        action: Action::Created,
        status: LogStatus::Success,
        resource: Some(LogResource::new(&resource_type.name, id, content.display.as_deref())),
        changes,
        notes: words(notes),
        fields: Vec::new(),
        error: None,
    };
    let key = Key { resource_type: resource_type.name.clone(), id };
    Decision {
        changes: vec![Change::Create(NewRecord { key, content, external_id, revives: false })],
        log: vec![log],
    }
}

/// Changes a resource from `before` (what `record` holds) to `after`; nothing where they are equal.
#[must_use]
pub fn update(
    resource_type: &ResourceType,
    record: &Record,
    before: &Resource,
    after: &Resource,
    external_id: Option<String>,
    notes: &[Note],
) -> Decision {
    if before == after && record.external_id == external_id {
        return Decision::default();
    }
    let mut changes = differences(resource_type, Some(before), Some(after));
    changes.extend(external_id_difference(record.external_id.as_deref(), external_id.as_deref()));
    let content = content(resource_type, record.key.id, after);
    let log = LogRecord {
        action: action(before, after),
        status: LogStatus::Success,
        resource: Some(LogResource::new(&resource_type.name, record.key.id, content.display.as_deref())),
        changes,
        notes: words(notes),
        fields: Vec::new(),
        error: None,
    };
    let change = Change::Update { key: record.key.clone(), expected: record.version, content, external_id };
    Decision { changes: vec![change], log: vec![log] }
}

/// Deletes a resource; `expected` where the client named a version.
#[must_use]
pub fn delete(resource_type: &ResourceType, record: &Record, expected: Option<Version>) -> Decision {
    let log = LogRecord {
        action: Action::Deleted,
        status: LogStatus::Success,
        resource: Some(LogResource::new(&resource_type.name, record.key.id, record.display.as_deref())),
        changes: Vec::new(),
        notes: Vec::new(),
        fields: Vec::new(),
        error: None,
    };
    Decision { changes: vec![Change::Delete { key: record.key.clone(), expected }], log: vec![log] }
}

/// `active` tells whether a change locks somebody out or lets them in again.
fn action(before: &Resource, after: &Resource) -> Action {
    let active = |resource: &Resource| resource.attributes().get("active").and_then(Value::as_bool);
    match (active(before), active(after)) {
        (Some(true) | None, Some(false)) => Action::Suspended,
        (Some(false), Some(true)) => Action::Reactivated,
        _ => Action::Updated,
    }
}

pub(crate) fn words(notes: &[Note]) -> Vec<String> {
    notes.iter().map(ToString::to_string).collect()
}
