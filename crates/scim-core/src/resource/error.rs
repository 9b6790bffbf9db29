//! Why a body was not taken in.

use std::fmt;

use serde_json::Value;

use crate::error::{ScimError, ScimType};

/// A resource that was not taken in: says which attribute, what was found (its kind, never the value) and what would be
/// accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {reason}")]
pub struct ResourceError {
    scim_type: ScimType,
    path: String,
    reason: String,
}

impl ResourceError {
    pub(crate) fn new(scim_type: ScimType, path: impl fmt::Display, reason: impl Into<String>) -> Self {
        Self { scim_type, path: path.to_string(), reason: reason.into() }
    }

    pub(crate) fn value(path: impl fmt::Display, reason: impl Into<String>) -> Self {
        Self::new(ScimType::InvalidValue, path, reason)
    }

    pub(crate) fn syntax(path: impl fmt::Display, reason: impl Into<String>) -> Self {
        Self::new(ScimType::InvalidSyntax, path, reason)
    }

    /// The keyword for the error body.
    #[must_use]
    pub const fn scim_type(&self) -> ScimType {
        self.scim_type
    }

    /// The attribute's path.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl From<ResourceError> for ScimError {
    fn from(error: ResourceError) -> Self {
        Self::new(error.scim_type, error.to_string())
    }
}

/// What a JSON value is, for messages.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
