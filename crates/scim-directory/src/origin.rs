//! What gave a value: who, by which request, for what cause.

use scim_core::instant::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ConnectorId;

/// What gave values to an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// When.
    pub at: Timestamp,
    /// The connector, where it came over SCIM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connector: Option<ConnectorId>,
    /// The request.
    pub request_id: String,
    /// Why.
    pub cause: Cause,
}

/// Why a value is what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// A row of the mapping in that version: what the identity provider sent.
    Mapping(i64),
    /// One of the fixed lifecycle rules: suspended, reactivated, role given.
    Lifecycle,
    /// The workflow rule of that name.
    Rule(String),
    /// An edit in the application.
    Edit,
    /// An import of existing accounts.
    Import,
}

impl Stamp {
    /// The same occasion with another cause.
    #[must_use]
    pub fn by(&self, cause: Cause) -> Self {
        Self { cause, ..self.clone() }
    }
}
