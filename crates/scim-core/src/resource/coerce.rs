//! Values into canonical form, by schema type: the one place where sloppy values are put right.
//!
//! What comes out is strict: typed, named as the schema names it, in its order, without anything unassigned.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Value};

use super::error::{ResourceError, kind};
use crate::dialect::{Dialect, Note, Tolerance};
use crate::instant::Instant;
use crate::schema::{Attribute, AttributeType, Mutability, Residence};

/// The most elements that a multi-valued attribute may have, but for a Group's members.
pub const MAX_ELEMENTS: usize = 1000;

const LENIENT_PADDING: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT_PADDING);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT_PADDING);

/// The bytes of base64 or base64url text, with or without padding (RFC 7643 §2.3.6).
#[must_use]
pub fn binary(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).or_else(|_| URL_SAFE.decode(text)).ok()
}

/// A whole attribute's value in canonical form; `None` where it is unassigned (`null`, `[]`, `""` …).
///
/// # Errors
/// [`ScimType::InvalidValue`](crate::ScimType::InvalidValue) where the value does not go with the attribute's type and the
/// dialect does not tolerate it.
pub fn coerce(
    attribute: &Attribute,
    path: &str,
    value: Value,
    dialect: Dialect,
    notes: &mut Vec<Note>,
) -> Result<Option<Value>, ResourceError> {
    if !attribute.multi_valued {
        return coerce_singular(attribute, path, value, dialect, notes);
    }
    let elements = match value {
        Value::Null => return Ok(None),
        Value::Array(elements) => elements,
        // An empty string clears, as it does for any attribute.
        Value::String(text) if text.is_empty() => return Ok(None),
        other if takes_lone_value(attribute, &other) && dialect.tolerates(Tolerance::WrappedValues) => {
            notes
                .push(Note::new(Tolerance::WrappedValues, format!("{path}: one value in place of an array")));
            vec![other]
        }
        other => return Err(ResourceError::value(path, format!("must be an array, not {}", kind(&other)))),
    };
    if elements.len() > MAX_ELEMENTS && attribute.residence != Residence::Edges {
        return Err(ResourceError::value(path, format!("has more than {MAX_ELEMENTS} values")));
    }
    let mut canonical: Vec<Value> = Vec::with_capacity(elements.len());
    for element in elements {
        if let Some(element) = coerce_element(attribute, path, element, dialect, notes)?
            && !canonical.contains(&element)
        {
            canonical.push(element);
        }
    }
    let primaries = canonical.iter().filter(|element| is_primary(element)).count();
    if primaries > 1 {
        return Err(ResourceError::value(
            path,
            "primary is true of more than one value; it may be of one (RFC 7643 §2.4)",
        ));
    }
    Ok(if canonical.is_empty() { None } else { Some(Value::Array(canonical)) })
}

/// Whether an element says `primary: true`.
pub(crate) fn is_primary(element: &Value) -> bool {
    element.get("primary") == Some(&Value::Bool(true))
}

/// A text for a complex multi-valued attribute is no value of it, but for references.
fn takes_lone_value(attribute: &Attribute, value: &Value) -> bool {
    !attribute.is_complex() || value.is_object() || (takes_bare_id(attribute) && value.is_string())
}

/// `manager` and `members` alone take a bare id.
fn takes_bare_id(attribute: &Attribute) -> bool {
    attribute.residence == Residence::Edges || (attribute.name == "manager" && !attribute.multi_valued)
}

/// One element of a multi-valued attribute in canonical form; `None` where nothing is left of it.
///
/// # Errors
/// As [`coerce`].
pub fn coerce_element(
    attribute: &Attribute,
    path: &str,
    element: Value,
    dialect: Dialect,
    notes: &mut Vec<Note>,
) -> Result<Option<Value>, ResourceError> {
    if attribute.is_complex() {
        complex(attribute, path, element, dialect, notes)
    } else {
        simple(attribute, path, element, dialect, notes)
    }
}

/// A singular value in canonical form; also that of a sub-attribute.
///
/// # Errors
/// As [`coerce`].
pub fn coerce_singular(
    attribute: &Attribute,
    path: &str,
    value: Value,
    dialect: Dialect,
    notes: &mut Vec<Note>,
) -> Result<Option<Value>, ResourceError> {
    let value = match value {
        Value::Array(mut elements) if dialect.tolerates(Tolerance::WrappedValues) && elements.len() <= 1 => {
            notes
                .push(Note::new(Tolerance::WrappedValues, format!("{path}: an array around a single value")));
            let Some(element) = elements.pop() else { return Ok(None) };
            // Old Entra jobs send {"$ref": null, "value": x} for a simple attribute.
            match element {
                Value::Object(mut object) if !attribute.is_complex() => {
                    object.remove("value").unwrap_or(Value::Null)
                }
                other => other,
            }
        }
        other => other,
    };
    if attribute.is_complex() {
        complex(attribute, path, value, dialect, notes)
    } else {
        simple(attribute, path, value, dialect, notes)
    }
}

fn complex(
    attribute: &Attribute,
    path: &str,
    value: Value,
    dialect: Dialect,
    notes: &mut Vec<Note>,
) -> Result<Option<Value>, ResourceError> {
    let object = match value {
        Value::Null => return Ok(None),
        Value::Object(object) => object,
        Value::String(text) if text.is_empty() => return Ok(None),
        Value::String(text) if takes_bare_id(attribute) && dialect.tolerates(Tolerance::BareReferences) => {
            notes.push(Note::new(
                Tolerance::BareReferences,
                format!("{path}: an id in place of an object with value"),
            ));
            Map::from_iter([("value".to_owned(), Value::String(text))])
        }
        other => {
            let names: Vec<_> = attribute.sub_attributes.iter().map(|sub| sub.name.as_str()).collect();
            return Err(ResourceError::value(
                path,
                format!("must be an object with {}, not {}", names.join(", "), kind(&other)),
            ));
        }
    };
    let mut given: Vec<Option<Value>> = vec![None; attribute.sub_attributes.len()];
    for (name, value) in object {
        let slot = attribute.sub_attributes.iter().position(|sub| sub.name.eq_ignore_ascii_case(&name));
        let Some((sub, slot)) = slot.and_then(|at| attribute.sub_attributes.get(at).zip(given.get_mut(at)))
        else {
            if value.is_null() {
                continue;
            }
            unknown(&format!("{path}.{name}"), dialect, notes)?;
            continue;
        };
        if sub.mutability == Mutability::ReadOnly {
            continue;
        }
        *slot = coerce(sub, &format!("{path}.{}", sub.name), value, dialect, notes)?;
    }
    let mut canonical = Map::new();
    for (sub, value) in attribute.sub_attributes.iter().zip(given) {
        if let Some(value) = value {
            canonical.insert(sub.name.clone(), value);
        }
    }
    if canonical.is_empty() {
        return Ok(None);
    }
    // An element that says nothing but its type or that it is not primary holds no value.
    if let Some(sub) =
        attribute.sub_attributes.iter().find(|sub| sub.required && !canonical.contains_key(&sub.name))
    {
        return Err(ResourceError::value(format!("{path}.{}", sub.name), "is required and missing"));
    }
    Ok(Some(Value::Object(canonical)))
}

/// An attribute that no schema of the type has.
pub(crate) fn unknown(path: &str, dialect: Dialect, notes: &mut Vec<Note>) -> Result<(), ResourceError> {
    if dialect.tolerates(Tolerance::UnknownAttributes) {
        let shown: String = path.chars().take(100).collect();
        notes.push(Note::new(Tolerance::UnknownAttributes, format!("{shown}: unknown, ignored")));
        return Ok(());
    }
    Err(ResourceError::syntax(path, "is not an attribute of this resource type; /Schemas lists them"))
}

fn simple(
    attribute: &Attribute,
    path: &str,
    value: Value,
    dialect: Dialect,
    notes: &mut Vec<Note>,
) -> Result<Option<Value>, ResourceError> {
    let wrong = |wanted: &str, value: &Value| {
        Err(ResourceError::value(path, format!("must be {wanted}, not {}", kind(value))))
    };
    match (attribute.attribute_type, value) {
        (_, Value::Null) => Ok(None),
        (_, Value::String(text)) if text.is_empty() => Ok(None),
        (_, Value::String(text)) if text.contains('\0') => {
            Err(ResourceError::value(path, "must not contain the character U+0000"))
        }
        (AttributeType::String | AttributeType::Reference, Value::String(text)) => {
            Ok(Some(Value::String(text)))
        }
        (AttributeType::String, value) => wrong("text", &value),
        (AttributeType::Reference, value) => wrong("a URI as text", &value),
        (AttributeType::Boolean, Value::Bool(flag)) => Ok(Some(Value::Bool(flag))),
        (AttributeType::Boolean, Value::String(text)) => match boolean_text(&text) {
            Some(flag) if dialect.tolerates(Tolerance::StringBooleans) => {
                notes.push(Note::new(Tolerance::StringBooleans, format!("{path}: a boolean as text")));
                Ok(Some(Value::Bool(flag)))
            }
            _ => wrong("true or false", &Value::String(text)),
        },
        (AttributeType::Boolean, value) => wrong("true or false", &value),
        (AttributeType::Integer | AttributeType::Decimal, value) => {
            number(attribute, path, value, dialect, notes)
        }
        (AttributeType::DateTime, Value::String(text)) if Instant::parse(&text).is_some() => {
            Ok(Some(Value::String(text)))
        }
        (AttributeType::DateTime, _) => Err(ResourceError::value(
            path,
            "must be a date and time such as 2008-01-23T04:56:22Z (RFC 7643 §2.3.5)",
        )),
        (AttributeType::Binary, Value::String(text)) if binary(&text).is_some() => {
            Ok(Some(Value::String(text)))
        }
        (AttributeType::Binary, _) => {
            Err(ResourceError::value(path, "must be base64 or base64url text (RFC 7643 §2.3.6)"))
        }
        (AttributeType::Complex, value) => wrong("an object", &value),
    }
}

/// `True`, `false` … in any letter case.
pub(crate) fn boolean_text(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

fn number(
    attribute: &Attribute,
    path: &str,
    value: Value,
    dialect: Dialect,
    notes: &mut Vec<Note>,
) -> Result<Option<Value>, ResourceError> {
    let given = match value {
        Value::Number(number) => number,
        Value::String(text) if dialect.tolerates(Tolerance::StringNumbers) => {
            let number = text.trim().parse::<i64>().map(serde_json::Number::from).ok();
            let number = number.or_else(|| text.trim().parse().ok().and_then(serde_json::Number::from_f64));
            let Some(number) = number else {
                return Err(ResourceError::value(path, "must be a number, not text"));
            };
            notes.push(Note::new(Tolerance::StringNumbers, format!("{path}: a number as text")));
            number
        }
        other => return Err(ResourceError::value(path, format!("must be a number, not {}", kind(&other)))),
    };
    if attribute.attribute_type == AttributeType::Decimal {
        return Ok(Some(Value::Number(given)));
    }
    #[expect(clippy::cast_possible_truncation, reason = "whole and within 53 bits, as the condition says")]
    let whole = given.as_i64().or_else(|| {
        given
            .as_f64()
            .filter(|real| real.fract() == 0.0 && real.abs() < 9_007_199_254_740_992.0)
            .map(|real| real as i64)
    });
    match whole {
        Some(whole) => Ok(Some(Value::from(whole))),
        None => Err(ResourceError::value(path, "must be a whole number of 64 bits")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::schema::Registry;

    fn check(path: &str, value: Value, dialect: Dialect, expected: Result<Value, ()>) {
        let registry = Registry::builtin();
        let of = |name: &str| registry.resource_type(name).expect("built in").resolve_attribute(path);
        let found = of("User").or_else(|_| of("Group")).expect("an attribute");
        let got = coerce(found.leaf(), path, value.clone(), dialect, &mut Vec::new());
        assert_eq!(got.map(|value| value.unwrap_or(Value::Null)).map_err(|_| ()), expected, "{path} {value}");
    }

    fn lenient(path: &str, value: Value, expected: Value) {
        check(path, value, Dialect::LENIENT, Ok(expected));
    }

    #[test]
    fn lenient_puts_right_what_strict_refuses() {
        const MANAGER: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager";
        for (path, given, canonical) in [
            ("active", json!("False"), json!(false)),
            ("active", json!([true]), json!(true)),
            ("title", json!([{ "$ref": null, "value": "Chef" }]), json!("Chef")),
            (MANAGER, json!("42"), json!({ "value": "42" })),
            (MANAGER, json!([{ "$ref": null, "value": "42" }]), json!({ "value": "42" })),
            ("members", json!(["a", "b"]), json!([{ "value": "a" }, { "value": "b" }])),
            ("members", json!("a"), json!([{ "value": "a" }])),
            (
                "emails",
                json!({ "Value": "a@b.example", "PRIMARY": "true" }),
                json!([{ "value": "a@b.example", "primary": true }]),
            ),
            ("emails", json!([{ "value": "a", "shape": "round" }]), json!([{ "value": "a" }])),
        ] {
            lenient(path, given.clone(), canonical);
            check(path, given, Dialect::STRICT, Err(()));
        }
    }

    #[test]
    fn unassigned_null_and_empty_are_the_same() {
        for value in
            [json!(null), json!([]), json!([null]), json!([{}]), json!([{ "value": null }]), json!("")]
        {
            lenient("emails", value, Value::Null);
        }
        lenient("name", json!({ "givenName": "", "familyName": null }), Value::Null);
        lenient("title", json!(""), Value::Null);
    }

    #[test]
    fn text_is_no_complex_value_in_any_dialect() {
        for dialect in [Dialect::LENIENT, Dialect::STRICT] {
            check("name", json!("Ada"), dialect, Err(()));
            check("emails", json!("a@b.example"), dialect, Err(()));
            check("emails", json!(["a@b.example"]), dialect, Err(()));
            check("userName", json!({ "a": 1 }), dialect, Err(()));
            check("userName", json!(7), dialect, Err(()));
            check("active", json!("yes"), dialect, Err(()));
            check("title", json!("a\u{0}b"), dialect, Err(()));
            check("title", json!(["a", "b"]), dialect, Err(()));
            check("x509Certificates", json!([{ "value": "***" }]), dialect, Err(()));
            check(
                "emails",
                json!([{ "value": "a", "primary": true }, { "value": "b", "primary": true }]),
                dialect,
                Err(()),
            );
        }
    }

    #[test]
    fn declared_order_and_no_doubles() {
        let got = json!([{ "type": "work", "value": "a" }, { "value": "a", "type": "work" }]);
        let registry = Registry::builtin();
        let user = registry.resource_type("User").expect("built in");
        let emails = user.attribute("emails").expect("there");
        let canonical =
            coerce(emails, "emails", got, Dialect::STRICT, &mut Vec::new()).expect("fine").expect("some");
        assert_eq!(canonical.to_string(), r#"[{"value":"a","type":"work"}]"#);
    }
}
