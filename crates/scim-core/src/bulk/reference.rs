//! `bulkId` references in data (RFC 7644 §3.7.2).

use serde_json::Value;

use crate::error::{ScimError, ScimType};

const PREFIX: &str = "bulkId:";

/// A reference to nothing that was created (`scimType` `invalidValue`).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "bulkId:{name} refers to no resource that this bulk request created; name the bulkId of a POST that succeeds"
)]
pub struct UnresolvedReference {
    name: String,
}

impl UnresolvedReference {
    /// A reference to `name`.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into() }
    }

    /// The name after `bulkId:`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The keyword of RFC 7644 §3.12.
    #[must_use]
    pub const fn scim_type(&self) -> ScimType {
        ScimType::InvalidValue
    }
}

impl From<UnresolvedReference> for ScimError {
    fn from(error: UnresolvedReference) -> Self {
        Self::new(error.scim_type(), error.to_string())
    }
}

/// The name in a string that is exactly a reference.
pub(super) fn reference_name(text: &str) -> Option<&str> {
    text.strip_prefix(PREFIX)
}

/// The names that the data refers to, in order of appearance, repeated as they are.
#[must_use]
pub fn references(data: &Value) -> Vec<&str> {
    let mut names = Vec::new();
    let mut waiting = vec![data];
    while let Some(value) = waiting.pop() {
        match value {
            Value::String(text) => names.extend(reference_name(text)),
            Value::Array(list) => waiting.extend(list.iter().rev()),
            Value::Object(members) => waiting.extend(members.values().rev()),
            _ => {}
        }
    }
    names
}

/// Puts ids in place of references.
///
/// # Errors
/// [`UnresolvedReference`] for the first name that `id_of` does not know; the data is then half done, and useless.
pub fn resolve_references(
    data: &mut Value,
    id_of: &dyn Fn(&str) -> Option<String>,
) -> Result<(), UnresolvedReference> {
    let mut waiting = vec![data];
    while let Some(value) = waiting.pop() {
        match value {
            Value::String(text) => {
                if let Some(name) = reference_name(text) {
                    *text = id_of(name).ok_or_else(|| UnresolvedReference::new(name))?;
                }
            }
            Value::Array(list) => waiting.extend(list.iter_mut().rev()),
            Value::Object(members) => waiting.extend(members.values_mut().rev()),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_whole_strings_are_references() {
        let mut data = json!({
            "displayName": "see bulkId:1", "members": [{ "value": "bulkId:1" }, { "value": "bulkId:10" }],
            "bulkId:1": { "manager": "bulkId:1" }, "nickName": "BULKID:1"
        });
        assert_eq!(references(&data), ["1", "10", "1"]);
        let known = |name: &str| match name {
            "1" => Some("a".to_owned()),
            "10" => Some("b".to_owned()),
            _ => None,
        };
        assert_eq!(resolve_references(&mut data, &known), Ok(()));
        let expected = json!({
            "displayName": "see bulkId:1", "members": [{ "value": "a" }, { "value": "b" }],
            "bulkId:1": { "manager": "a" }, "nickName": "BULKID:1"
        });
        assert_eq!(data, expected);
    }

    #[test]
    fn a_reference_to_nothing_fails() {
        let mut data = json!({ "members": ["bulkId:x"] });
        let error = resolve_references(&mut data, &|_| None).expect_err("unknown");
        assert_eq!((error.name(), error.scim_type()), ("x", ScimType::InvalidValue));
    }
}
