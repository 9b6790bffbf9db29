//! A row: which account field is filled, from what, when, and whether the way back is open.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What fills a field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// The value of a SCIM attribute, named by its path: `name.familyName`, `emails[type eq "work"].value`, an
    /// extension's attribute with its URN.
    #[serde(rename = "attribute")]
    Direct(String),
    /// The same text for everybody.
    #[serde(rename = "constant")]
    Constant(String),
    /// An expression over SCIM attributes ([`crate::expression`]).
    #[serde(rename = "expression")]
    Expression(String),
}

/// As it stands in errors and logs: a path and an expression as they are, a constant in quotes.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Direct(path) => f.write_str(path),
            Self::Constant(text) => write!(f, "{text:?}"),
            Self::Expression(text) => f.write_str(text),
        }
    }
}

/// When a row acts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Apply {
    /// On creation, and whenever an attribute that it uses gets another value.
    #[default]
    Always,
    /// On creation alone; from then on the field belongs to the application.
    OnCreation,
}

/// Which ways values flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From the SCIM resource to the account, and, where the account is edited in the application, back.
    Both,
    /// From the SCIM resource to the account only.
    Inbound,
}

/// A row of a mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The account field that is filled.
    pub field: String,
    /// From what.
    pub source: Source,
    /// What an account that is created gets where the source gives nothing, or empty text. Never applied later.
    pub default: Option<String>,
    /// When the row acts.
    pub apply: Apply,
    /// Which ways values flow. `None`: both where the source can be inverted and no row above writes the same attribute,
    /// else inbound.
    pub direction: Option<Direction>,
}

impl Row {
    /// A row that always acts, without a default, in both directions where that is possible.
    #[must_use]
    pub fn new(field: impl Into<String>, source: Source) -> Self {
        Self { field: field.into(), source, default: None, apply: Apply::Always, direction: None }
    }

    /// A direct row.
    #[must_use]
    pub fn direct(field: impl Into<String>, attribute: impl Into<String>) -> Self {
        Self::new(field, Source::Direct(attribute.into()))
    }

    /// Whether the row is one that can be neither changed, nor removed, nor made twice.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        Self::fixed_source(&self.field).is_some()
    }

    /// The attribute that fills a field whose row is read-only.
    pub(super) fn fixed_source(field: &str) -> Option<&'static str> {
        READ_ONLY.iter().find(|(fixed, _)| *fixed == field).map(|(_, attribute)| *attribute)
    }
}

/// The read-only rows: field and attribute.
pub(super) const READ_ONLY: [(&str, &str); 3] = [(USER_NAME, "userName"), (STATE, "active"), (SYNC_ID, "id")];

/// The field with the name that a person signs in with.
pub(super) const USER_NAME: &str = "UserName";
/// The field with [`scim_directory::AccountState`]; the lifecycle rules move it.
pub(super) const STATE: &str = "State";
/// The field with the SCIM id of a managed account.
pub(super) const SYNC_ID: &str = "ScimSyncId";
