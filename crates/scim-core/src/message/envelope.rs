//! What all messages have in common: an object that names its schema, with members in any letter case.

use serde_json::{Map, Value};

use crate::error::{ScimError, ScimType};

/// A message that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// The body is no JSON object.
    #[error("the body must be a JSON object")]
    NotAnObject,
    /// `schemas` is missing or names something else.
    #[error("schemas must be an array that holds {expected:?}")]
    Schemas {
        /// The URN of the message.
        expected: &'static str,
    },
    /// A member of the body is missing or of the wrong JSON type.
    #[error("{member} must be {expected}")]
    Member {
        /// Its name.
        member: &'static str,
        /// What is accepted.
        expected: &'static str,
    },
    /// A parameter's value makes no sense.
    #[error("{parameter} must be {expected}, not {given:?}")]
    Parameter {
        /// Its name.
        parameter: &'static str,
        /// What is accepted.
        expected: &'static str,
        /// What came.
        given: String,
    },
}

impl MessageError {
    /// The keyword of RFC 7644 §3.12.
    #[must_use]
    pub const fn scim_type(&self) -> ScimType {
        match self {
            Self::NotAnObject | Self::Schemas { .. } | Self::Member { .. } => ScimType::InvalidSyntax,
            Self::Parameter { .. } => ScimType::InvalidValue,
        }
    }
}

impl From<MessageError> for ScimError {
    fn from(error: MessageError) -> Self {
        Self::new(error.scim_type(), error.to_string())
    }
}

/// The members of a message whose `schemas` hold `urn`; `schemas` itself is taken out.
pub(crate) fn envelope(body: Value, urn: &'static str) -> Result<Map<String, Value>, MessageError> {
    let Value::Object(mut members) = body else { return Err(MessageError::NotAnObject) };
    let named = match take_member(&mut members, "schemas") {
        Some(Value::Array(urns)) => {
            urns.iter().filter_map(Value::as_str).any(|given| given.eq_ignore_ascii_case(urn))
        }
        _ => false,
    };
    if named { Ok(members) } else { Err(MessageError::Schemas { expected: urn }) }
}

/// Takes out the member of that name, whatever its letter case (RFC 7643 §2.1); the exact spelling first. `null` is the
/// same as no member.
pub(crate) fn take_member(members: &mut Map<String, Value>, name: &str) -> Option<Value> {
    let value = match members.shift_remove(name) {
        Some(value) => value,
        None => {
            let key = members.keys().find(|key| key.eq_ignore_ascii_case(name))?.clone();
            members.shift_remove(&key)?
        }
    };
    (!value.is_null()).then_some(value)
}
