//! Records of the provisioning log: what happened to whom, by whose request.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ResourceId;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
    /// An instance was created.
    InstanceCreated,
    /// A connector was created.
    ConnectorCreated,
    /// A key was issued.
    KeyIssued,
    /// A key was revoked.
    KeyRevoked,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
}

/// The resource that a log record is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    pub changes: Vec<AttributeChange>,
    /// What was tolerated, ignored or held, in words.
    pub notes: Vec<String>,
}

impl LogResource {
    /// The resource of that type and id.
    #[must_use]
    pub fn new(resource_type: &str, id: ResourceId, name: Option<&str>) -> Self {
        Self { resource_type: resource_type.to_owned(), id: id.to_string(), name: name.map(str::to_owned) }
    }
}
