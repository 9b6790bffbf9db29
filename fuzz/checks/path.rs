//! What holds of every path of a PATCH operation, whatever a client sends.

use scim_core::filter::FilterLimits;
use scim_core::path::{PatchPath, PathError, Target};
use scim_core::{Dialect, Registry, ScimError, ScimType};

/// Text is refused as `invalidPath` at a place inside it, or: the canonical name of what it names resolves to the same,
/// and its condition can be asked of any element.
pub(crate) fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let path = match PatchPath::parse(text, &FilterLimits::default()) {
        Ok(path) => path,
        Err(error) => return refused(text, error),
    };
    for resource_type in Registry::builtin().resource_types() {
        for dialect in [Dialect::LENIENT, Dialect::STRICT] {
            let target = match path.resolve(resource_type, dialect) {
                Ok((target, _)) => target,
                Err(error) => {
                    refused(text, error);
                    continue;
                }
            };
            match target {
                Target::Attribute(attribute) => {
                    let again = resource_type.resolve_attribute(&attribute.to_string());
                    assert_eq!(again, Ok(attribute), "{text}");
                }
                Target::Extension(schema) => assert!(resource_type.extension(&schema.id).is_some(), "{text}"),
                Target::Values { attribute, condition, .. } => {
                    assert!(attribute.sub.is_none() && attribute.attribute.is_complex(), "{text}");
                    for element in
                        [serde_json::json!({ "value": "x", "type": "work" }), serde_json::Value::Null]
                    {
                        let answer = condition.matches_element(&element);
                        assert_eq!(condition.clone().negated().matches_element(&element), !answer, "{text}");
                    }
                }
            }
        }
    }
}

fn refused(text: &str, error: PathError) {
    assert!(error.offset().is_none_or(|offset| offset <= text.len()), "{error:?}");
    let error = ScimError::from(error);
    assert_eq!((error.status(), error.scim_type()), (400, Some(ScimType::InvalidPath)), "{error}");
}
