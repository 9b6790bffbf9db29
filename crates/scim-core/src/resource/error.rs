//! Why a resource was not taken in.

use std::fmt;

use serde_json::Value;

use crate::error::{ScimError, ScimType};

/// A resource, or a value of it, that was refused: which attribute, what was found there (its kind, never the value),
/// and what would be accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {reason}")]
pub struct ResourceError {
    scim_type: ScimType,
    path: String,
    reason: String,
}

impl ResourceError {
    /// Longest path that is quoted back, in characters; a client chooses the names of unknown attributes.
    const QUOTED: usize = 200;

    pub(crate) fn new(scim_type: ScimType, path: &dyn fmt::Display, reason: impl Into<String>) -> Self {
        Self { scim_type, path: shown(path, Self::QUOTED), reason: reason.into() }
    }

    pub(crate) fn value(path: &dyn fmt::Display, reason: impl Into<String>) -> Self {
        Self::new(ScimType::InvalidValue, path, reason)
    }

    pub(crate) fn syntax(path: &dyn fmt::Display, reason: impl Into<String>) -> Self {
        Self::new(ScimType::InvalidSyntax, path, reason)
    }

    /// The keyword for the error body (RFC 7644 §3.12).
    #[must_use]
    pub const fn scim_type(&self) -> ScimType {
        self.scim_type
    }

    /// The attribute's path, cut after 200 characters.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What was found, and what would be accepted.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl From<ResourceError> for ScimError {
    fn from(error: ResourceError) -> Self {
        Self::new(error.scim_type, error.to_string())
    }
}

/// The beginning of a text that a client may have made long, for messages and notes.
pub(super) fn shown(text: &dyn fmt::Display, characters: usize) -> String {
    let text = text.to_string();
    match text.char_indices().nth(characters) {
        Some((end, _)) => text.get(..end).unwrap_or_default().to_owned(),
        None => text,
    }
}

/// What a JSON value is, for messages.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
