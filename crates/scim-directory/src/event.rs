//! What other parts of an application want to hear of: written in the commit that did it, delivered later.

use scim_core::instant::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Key, Position};

/// What events call an API key.
pub const KEY_TYPE: &str = "ApiKey";

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventKind {
    /// An account was created, or brought back.
    AccountCreated,
    /// A connector picked up an account that was there.
    AccountPickedUp,
    /// An account's fields changed.
    AccountChanged,
    /// An account was suspended.
    AccountSuspended,
    /// An account was activated again.
    AccountReactivated,
    /// All sessions of an account ended: it was suspended or deleted.
    SessionsEnded,
    /// An account was deleted.
    AccountDeleted,
    /// Somebody asked that a person be invited. Provisioning never does.
    AccountInvited,
    /// An account's direct manager was linked, or is none any more.
    ManagerChanged,
    /// A group was created.
    GroupCreated,
    /// A group, or who is in it, changed.
    GroupChanged,
    /// A group was deleted.
    GroupDeleted,
    /// A key was issued. The type of events about keys is [`KEY_TYPE`].
    KeyIssued,
    /// A key was used for the first time, and others retire because of it.
    KeySwitched,
    /// A key ends soon.
    KeyExpiring,
    /// A key came to its end.
    KeyExpired,
    /// A key was revoked.
    KeyRevoked,
}

/// An event, as a decision makes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// To whom.
    pub key: Key,
    /// What it was before, where it was: the account or group as `account show` prints it, or the fields that changed.
    pub before: Option<Value>,
    /// What it is now, where it still is.
    pub after: Option<Value>,
}

/// An event as it was committed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredEvent {
    /// Where it stands; unique, in commit order.
    pub position: Position,
    /// When it was decided.
    pub at: Timestamp,
    /// The request.
    pub request_id: String,
    /// The event.
    pub event: Event,
}
