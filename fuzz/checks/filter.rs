//! What holds of every filter, whatever a client sends.

use scim_core::filter::{Filter, FilterError, FilterLimits};
use scim_core::{Dialect, Registry, Resource, ScimError, ScimType};

/// Text is refused as `invalidFilter` at a place inside it, or: its canonical text reads back as the same filter; a
/// filter that the strict dialect takes means the same in the lenient one; `not` turns its answer around.
pub(crate) fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let filter = match Filter::parse(text, &FilterLimits::default()) {
        Ok(filter) => filter,
        Err(error) => return refused(text, error),
    };
    let canonical = filter.to_string();
    // The canonical text may be longer than the limit: `\n` is written as six characters.
    let roomy = FilterLimits { max_bytes: usize::MAX, max_depth: 100, max_terms: 1000 };
    assert_eq!(Filter::parse(&canonical, &roomy).as_ref(), Ok(&filter), "{canonical}");

    let registry = Registry::builtin();
    let person = serde_json::from_str(include_str!("../../fixtures/filter/person.json"));
    let person = Resource::from_canonical(person.unwrap_or_default());
    assert!(person.text("userName").is_some(), "the person is there");
    for resource_type in registry.resource_types() {
        let lenient = match filter.resolve(resource_type, Dialect::LENIENT) {
            Ok((typed, notes)) => {
                let negated = Filter::Not(Box::new(filter.clone())).resolve(resource_type, Dialect::LENIENT);
                let opposite = negated.map(|(negated, _)| negated.matches(&person));
                assert_eq!(opposite, Ok(!typed.matches(&person)), "{canonical}");
                assert_eq!(
                    notes.is_empty(),
                    filter.resolve(resource_type, Dialect::STRICT).is_ok(),
                    "{canonical}"
                );
                Some(typed)
            }
            Err(error) => {
                refused(text, error);
                None
            }
        };
        if let Ok((strict, _)) = filter.resolve(resource_type, Dialect::STRICT) {
            assert_eq!(Some(&strict), lenient.as_ref(), "{canonical}");
        }
        if let Ok(among) = filter.resolve_among(resource_type, Dialect::LENIENT) {
            assert_eq!(among.unknown.is_empty(), lenient.is_some(), "{canonical}");
        }
    }
}

fn refused(text: &str, error: FilterError) {
    assert!(error.offset() <= text.len(), "{error:?}");
    let error = ScimError::from(error);
    assert_eq!((error.status(), error.scim_type()), (400, Some(ScimType::InvalidFilter)), "{error}");
}
