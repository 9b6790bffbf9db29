//! Records of the provisioning log: what happened to whom, by whose request.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{KeyRecord, ResourceId};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Action {
    /// A resource was created.
    Created,
    /// A resource was changed.
    Updated,
    /// A person was disabled (`active` became false).
    Suspended,
    /// A person was enabled again.
    Reactivated,
    /// A resource was deleted.
    Deleted,
    /// Members joined a group.
    MemberAdded,
    /// Members left a group.
    MemberRemoved,
    /// A reference to somebody who was not there is kept until that person arrives.
    ReferenceHeld,
    /// A held reference was linked.
    ReferenceLinked,
    /// A reference to a deleted resource was ignored.
    ReferenceIgnored,
    /// An account or a group of the application was brought in; nobody manages it yet.
    Imported,
    /// An account or a group that was there, unmanaged, is managed by a connector from now on.
    PickedUp,
    /// A deleted person came back under the old id.
    Restored,
    /// A reference was cleared because whom it meant was deleted.
    ReferenceCleared,
    /// A workflow rule did something, or could not.
    RuleApplied,
    /// A person was invited, because somebody asked for it.
    Invited,
    /// A person's user name was rewritten.
    Renamed,
    /// A person's personal data was erased.
    Erased,
    /// A held suspension or deletion was let through.
    HeldReleased,
    /// A held suspension or deletion was rejected.
    HeldRejected,
    /// An object was created.
    ObjectCreated,
    /// A version of the mapping was saved.
    MappingSaved,
    /// Settings of an instance changed.
    SettingsChanged,
    /// An instance was created.
    InstanceCreated,
    /// A connector was created.
    ConnectorCreated,
    /// Settings of a connector changed.
    ConnectorChanged,
    /// A key was issued.
    KeyIssued,
    /// When or for what a key can be used was changed.
    KeyChanged,
    /// A new key took the place of another one, which retires.
    KeySwitched,
    /// Somebody was reminded that a key ends soon.
    KeyExpiring,
    /// A key came to its end.
    KeyExpired,
    /// A key was revoked.
    KeyRevoked,
    /// A key is out of force because its integration user was suspended or lost its privilege.
    KeyOutOfForce,
    /// A key is in force again because its integration user is.
    KeyInForce,
    /// An integration user was created.
    IntegrationUserCreated,
    /// An integration user changed.
    IntegrationUserChanged,
    /// A client was not let in.
    AccessRefused,
    /// An admin key was issued.
    AdminKeyIssued,
    /// An admin key was revoked.
    AdminKeyRevoked,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LogStatus {
    /// Done.
    Success,
    /// Refused or failed.
    Failure,
    /// Done, but somebody should look.
    Warning,
    /// Nothing to do.
    Skipped,
    /// Not done yet: it waits for a person's decision.
    Held,
}

/// Why something was refused or failed, and what an administrator does about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LogError {
    /// A word that stays as it is: the answer's `scimType`, else what the refusal is called (`guard`, `seats`,
    /// `not_found`).
    pub code: String,
    /// What the client was told.
    pub message: String,
    /// What to do.
    pub advice: String,
}

/// A change of an account's field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FieldChange {
    /// The field.
    pub field: String,
    /// Before.
    pub old: Option<String>,
    /// After.
    pub new: Option<String>,
}

/// The resource that a log record is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LogResource {
    /// The resource type's name.
    #[serde(rename = "type")]
    pub resource_type: String,
    /// The `id`.
    pub id: String,
    /// The name that people know it by.
    pub name: Option<String>,
}

/// One attribute's change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum AttributeChange {
    /// A value: of the whole attribute, before and after; `null` where it had none. Secrets never.
    Value {
        /// Canonical path.
        attribute: String,
        /// Before.
        old: Value,
        /// After.
        new: Value,
    },
    /// Edges of a group, as a difference.
    Edges {
        /// The edge attribute: `members`.
        attribute: String,
        /// Ids that joined.
        added: Vec<String>,
        /// Ids that left.
        removed: Vec<String>,
    },
}

/// A record of the log. Instance, connector, key, user, request id and time stand in the change set and are kept by the
/// store with each record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogRecord {
    /// What happened.
    pub action: Action,
    /// How it ended.
    pub status: LogStatus,
    /// To whom; `None` for administrative records.
    pub resource: Option<LogResource>,
    /// What changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<AttributeChange>,
    /// What became of the account's fields.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldChange>,
    /// What was tolerated, ignored or held, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Why it was refused or failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<LogError>,
}

impl LogRecord {
    /// Takes everything personal out: the name, values, notes and messages. Action, status, ids and which attributes
    /// changed stay, so that counts stay true.
    pub fn scrub(&mut self) {
        if let Some(resource) = &mut self.resource {
            resource.name = None;
        }
        for change in &mut self.changes {
            if let AttributeChange::Value { old, new, .. } = change {
                (*old, *new) = (Value::Null, Value::Null);
            }
        }
        for change in &mut self.fields {
            (change.old, change.new) = (None, None);
        }
        self.notes.clear();
        if let Some(error) = &mut self.error {
            error.message = "(erased)".to_owned();
        }
    }

    /// A record about a key: it has no resource, and names the key by its id and, in a note, by its last characters.
    #[must_use]
    pub fn about_key(action: Action, key: &KeyRecord) -> Self {
        let id = key.id.to_string();
        let change = AttributeChange::Value { attribute: "key".to_owned(), old: Value::Null, new: id.into() };
        let mut record = Self { changes: vec![change], ..Self::new(action, LogStatus::Success, None) };
        if !key.ending.is_empty() {
            record.notes.push(format!("the key …{}", key.ending));
        }
        record
    }

    /// A record of that action and status, with nothing else in it.
    #[must_use]
    pub const fn new(action: Action, status: LogStatus, resource: Option<LogResource>) -> Self {
        Self {
            action,
            status,
            resource,
            changes: Vec::new(),
            fields: Vec::new(),
            notes: Vec::new(),
            error: None,
        }
    }
}

impl LogResource {
    /// The resource of that type and id.
    #[must_use]
    pub fn new(resource_type: &str, id: ResourceId, name: Option<&str>) -> Self {
        Self { resource_type: resource_type.to_owned(), id: id.to_string(), name: name.map(str::to_owned) }
    }
}
