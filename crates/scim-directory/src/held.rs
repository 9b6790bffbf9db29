//! Suspensions and deletions that wait for a person's decision, because there were too many of them.

use scim_core::instant::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{ConnectorId, HeldChangeId, Key};

/// What was to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Removal {
    /// The person was to be suspended.
    Suspend,
    /// The person was to be deleted.
    Delete,
}

/// What became of a held change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeldState {
    /// It waits.
    Waiting,
    /// The next try succeeds.
    Released,
    /// Every try is refused.
    Rejected {
        /// Why, for the answer.
        reason: String,
    },
}

/// A suspension or deletion that the guard held back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldChange {
    /// The id.
    pub id: HeldChangeId,
    /// Whom it is about.
    pub key: Key,
    /// What the person is called.
    pub name: Option<String>,
    /// What was to be done.
    pub removal: Removal,
    /// Whose request it was.
    pub connector: ConnectorId,
    /// When it was first tried.
    pub at: Timestamp,
    /// What became of it.
    pub state: HeldState,
}
