//! Values into canonical form, by schema type: the one place where sloppy values are put right.
//!
//! What comes out is strict: typed, named as the schema names it, in its order, without anything unassigned. `None` is
//! what is unassigned: `null`, an empty array, an empty text, an object or array of nothing else (RFC 7643 §2.5).
//!
//! In every dialect: an empty text is no value, readOnly sub-attributes are dropped, elements given twice are kept once,
//! U+0000 is refused, references are any text (clients send profile addresses that are no URIs), and texts are kept as
//! they were sent, whatever they are compared by. How deep a body nests and how long a text is, is the caller's to
//! bound.

use std::collections::HashSet;
use std::fmt::Display;

use serde_json::{Map, Number, Value};

use super::error::{ResourceError, kind, shown};
use super::member::{member, same};
use crate::dialect::{Dialect, Note, Tolerance};
use crate::instant::Instant;
use crate::schema::{Attribute, AttributeType, Mutability, Residence};
use crate::text::canonical_base64;

/// The most elements that a multi-valued attribute of a document may have. Edges (a Group's `members`) have no limit
/// here; the size of the body is one.
pub const MAX_ELEMENTS: usize = 1000;

/// The most notes that one request leaves; a hostile body could call for one in every few bytes.
const MAX_NOTES: usize = 100;

/// Up to so many elements, doubles are found by comparing each with each.
const FEW: usize = 16;

/// The value of a whole attribute, multi-valued or not, in canonical form. `path` is for messages.
///
/// # Errors
/// [`ScimType::InvalidValue`](crate::ScimType::InvalidValue) where the value does not go with the attribute and the
/// dialect does not tolerate it; [`ScimType::InvalidSyntax`](crate::ScimType::InvalidSyntax) for an unknown
/// sub-attribute.
pub fn coerce(
    attribute: &Attribute,
    path: &str,
    value: Value,
    dialect: Dialect,
    notes: &mut Vec<Note>,
) -> Result<Option<Value>, ResourceError> {
    whole(attribute, &path, value, dialect, notes)
}

/// One element of a multi-valued attribute in canonical form. `path` is for messages.
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
    single(attribute, &path, element, dialect, notes)
}

/// The value of a singular attribute or sub-attribute in canonical form. `path` is for messages.
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
    singular(attribute, &path, value, dialect, notes)
}

/// As [`coerce`]; the path is made into text only where a message needs it.
pub(super) fn whole(
    attribute: &Attribute,
    path: &dyn Display,
    value: Value,
    dialect: Dialect,
    notes: &mut Vec<Note>,
) -> Result<Option<Value>, ResourceError> {
    if !attribute.multi_valued {
        return singular(attribute, path, value, dialect, notes);
    }
    let mut elements = match value {
        Value::Null => return Ok(None),
        Value::Array(elements) => elements,
        Value::String(text) if text.is_empty() => return Ok(None),
        lone if stands_for_element(attribute, &lone) && dialect.tolerates(Tolerance::WrappedValues) => {
            let detail = format!("{path}: one value where an array is expected");
            note(notes, Tolerance::WrappedValues, detail);
            vec![lone]
        }
        other => return Err(ResourceError::value(path, format!("must be an array, not {}", kind(&other)))),
    };
    if elements.len() > MAX_ELEMENTS && attribute.residence != Residence::Edges {
        let given = elements.len();
        return Err(ResourceError::value(path, format!("has {given} values; {MAX_ELEMENTS} is the most")));
    }
    let mut emptied = false;
    for element in &mut elements {
        let canonical = single(attribute, path, element.take(), dialect, notes)?;
        emptied |= canonical.is_none();
        *element = canonical.unwrap_or_default();
    }
    if emptied {
        elements.retain(|element| !element.is_null());
    }
    keep_once(&mut elements);
    if elements.iter().filter(|element| is_primary(element)).nth(1).is_some() {
        return Err(ResourceError::value(
            path,
            "primary is true in more than one value; it may be in one (RFC 7643 §2.4)",
        ));
    }
    Ok((!elements.is_empty()).then_some(Value::Array(elements)))
}

fn singular(
    attribute: &Attribute,
    path: &dyn Display,
    value: Value,
    dialect: Dialect,
    notes: &mut Vec<Note>,
) -> Result<Option<Value>, ResourceError> {
    let value = match value {
        Value::Array(mut elements) => match (elements.pop(), elements.is_empty()) {
            (None, _) => return Ok(None),
            (Some(element), true) if dialect.tolerates(Tolerance::WrappedValues) => {
                let detail = format!("{path}: an array around a single value");
                note(notes, Tolerance::WrappedValues, detail);
                unwrapped(attribute, element)
            }
            _ => return Err(ResourceError::value(path, "takes a single value, not an array")),
        },
        other => other,
    };
    single(attribute, path, value, dialect, notes)
}

fn single(
    attribute: &Attribute,
    path: &dyn Display,
    value: Value,
    dialect: Dialect,
    notes: &mut Vec<Note>,
) -> Result<Option<Value>, ResourceError> {
    if attribute.is_complex() {
        complex(attribute, path, value, dialect, notes)
    } else {
        simple(attribute, path, value, dialect, notes)
    }
}

/// Old jobs of Entra ID send `[{"$ref": null, "value": "x"}]` for a simple attribute.
fn unwrapped(attribute: &Attribute, element: Value) -> Value {
    match element {
        Value::Object(mut object) if !attribute.is_complex() && object.contains_key("value") => {
            object.swap_remove("value").unwrap_or(Value::Null)
        }
        other => other,
    }
}

/// Adds a note, once; no more than so many.
pub(super) fn note(notes: &mut Vec<Note>, tolerance: Tolerance, detail: impl Into<String>) {
    let note = Note::new(tolerance, detail);
    if notes.len() < MAX_NOTES && !notes.contains(&note) {
        notes.push(note);
    }
}

/// Whether the element is the primary one.
pub(crate) fn is_primary(element: &Value) -> bool {
    element.as_object().and_then(|element| member(element, "primary")) == Some(&Value::Bool(true))
}

/// Drops elements that are there already. Canonical elements are equal where their texts are.
fn keep_once(elements: &mut Vec<Value>) {
    if elements.len() > FEW {
        let mut seen = HashSet::with_capacity(elements.len());
        elements.retain(|element| seen.insert(element.to_string()));
        return;
    }
    let mut at = 1;
    while let Some((before, [element, ..])) = elements.split_at_checked(at) {
        if before.iter().any(|before| same(before, element)) {
            elements.remove(at);
        } else {
            at += 1;
        }
    }
}

/// Whether a value outside an array can be meant as an element. Text is none of a complex attribute, but for references.
fn stands_for_element(attribute: &Attribute, value: &Value) -> bool {
    match value {
        Value::String(_) => !attribute.is_complex() || takes_bare_text(attribute),
        Value::Object(_) => attribute.is_complex(),
        _ => !attribute.is_complex(),
    }
}

/// Whether bare text may stand for the object, as its `value`: `manager`, and elements of `members` and of `roles`, alone.
fn takes_bare_text(attribute: &Attribute) -> bool {
    attribute.residence == Residence::Edges
        || (attribute.name == "manager" && !attribute.multi_valued)
        || (attribute.name == "roles" && attribute.multi_valued)
}

fn complex(
    attribute: &Attribute,
    path: &dyn Display,
    value: Value,
    dialect: Dialect,
    notes: &mut Vec<Note>,
) -> Result<Option<Value>, ResourceError> {
    let given = match value {
        Value::Null => return Ok(None),
        Value::Object(object) => object,
        Value::String(text) if text.is_empty() => return Ok(None),
        Value::String(text) if takes_bare_text(attribute) && dialect.tolerates(Tolerance::BareReferences) => {
            let detail = format!("{path}: bare text where an object with value is expected");
            note(notes, Tolerance::BareReferences, detail);
            Map::from_iter([("value".to_owned(), Value::String(text))])
        }
        other => {
            let names = attribute.sub_attribute_names();
            let reason = format!("must be an object with sub-attributes of {names}, not {}", kind(&other));
            return Err(ResourceError::value(path, reason));
        }
    };
    if is_canonical(attribute, &given) {
        return Ok(Some(Value::Object(given)));
    }
    let said_something = given.values().any(|value| !is_empty(value));
    let subs = &attribute.sub_attributes;
    let mut canonical = Map::with_capacity(given.len());
    // Names that come in the declared order, as they mostly do, need no sorting afterwards.
    let (mut last, mut ordered) = (0, true);
    for (name, value) in given {
        let found = match subs.iter().position(|sub| sub.name == name) {
            Some(at) => Some(at),
            None => subs.iter().position(|sub| sub.name.eq_ignore_ascii_case(&name)),
        };
        let Some((at, sub)) = found.and_then(|at| Some((at, subs.get(at)?))) else {
            // `null` says that there is none.
            if !value.is_null() {
                unknown(&format_args!("{path}.{name}"), dialect, notes)?;
            }
            continue;
        };
        if sub.mutability == Mutability::ReadOnly {
            continue;
        }
        let sub_path = format_args!("{path}.{}", sub.name);
        match whole(sub, &sub_path, value, dialect, notes)? {
            Some(value) => {
                if sub.name == "value" && attribute.multi_valued {
                    note_json_text(&sub_path, &value, dialect, notes);
                }
                ordered &= last <= at;
                last = at;
                let key = if name == sub.name { name } else { sub.name.clone() };
                canonical.insert(key, value);
            }
            // Of a name given twice in different spellings, the last counts.
            None => drop(canonical.shift_remove(&sub.name)),
        }
    }
    if canonical.is_empty() && !(said_something && attribute.residence == Residence::Edges) {
        return Ok(None);
    }
    if let Some(sub) = subs.iter().find(|sub| is_needed(attribute, sub) && !canonical.contains_key(&sub.name))
    {
        return Err(ResourceError::value(&format_args!("{path}.{}", sub.name), "is required and missing"));
    }
    if !ordered {
        let mut sorted = Map::with_capacity(canonical.len());
        for sub in subs {
            sorted.extend(canonical.swap_remove_entry(&sub.name));
        }
        canonical = sorted;
    }
    Ok(Some(Value::Object(canonical)))
}

/// Whether an object is in canonical form already, as most are: then it need not be built again. Says no where it would
/// take more than a look.
fn is_canonical(attribute: &Attribute, given: &Map<String, Value>) -> bool {
    // Taken from the front, so that only names in declared order are found.
    let mut subs = attribute.sub_attributes.iter();
    !given.is_empty()
        && given.iter().all(|(name, value)| {
            let sub = subs.find(|sub| sub.name == *name);
            sub.is_some_and(|sub| {
                sub.mutability != Mutability::ReadOnly
                    && !sub.multi_valued
                    && match (sub.attribute_type, value) {
                        (AttributeType::String | AttributeType::Reference, Value::String(text)) => {
                            !text.is_empty()
                                && !text.starts_with('{')
                                && memchr::memchr(0, text.as_bytes()).is_none()
                        }
                        (AttributeType::Boolean, Value::Bool(_)) => true,
                        _ => false,
                    }
            })
        })
        && attribute
            .sub_attributes
            .iter()
            .all(|sub| !is_needed(attribute, sub) || member(given, &sub.name).is_some())
}

/// Whether a value of the attribute must have the sub-attribute. An edge is nothing without the id of its end.
fn is_needed(attribute: &Attribute, sub: &Attribute) -> bool {
    sub.required || (attribute.residence == Residence::Edges && sub.name == "value")
}

/// Whether the value says that there is none (RFC 7643 §2.5).
pub(super) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(elements) => elements.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Entra ID sends app roles as JSON in the text of `value`. It stays the text that it is.
fn note_json_text(path: &dyn Display, value: &Value, dialect: Dialect, notes: &mut Vec<Note>) {
    let is_json = value.as_str().is_some_and(|text| text.starts_with('{') && text.ends_with('}'));
    if is_json && dialect.tolerates(Tolerance::JsonText) {
        note(notes, Tolerance::JsonText, format!("{path}: JSON text kept as text"));
    }
}

/// An attribute or sub-attribute that no schema of the resource type has: ignored, or refused.
pub(crate) fn unknown(
    path: &dyn Display,
    dialect: Dialect,
    notes: &mut Vec<Note>,
) -> Result<(), ResourceError> {
    if dialect.tolerates(Tolerance::UnknownAttributes) {
        note(notes, Tolerance::UnknownAttributes, format!("{}: unknown, ignored", shown(path, 100)));
        return Ok(());
    }
    Err(ResourceError::syntax(path, "is not known for this resource type; /Schemas lists what is"))
}

fn simple(
    attribute: &Attribute,
    path: &dyn Display,
    value: Value,
    dialect: Dialect,
    notes: &mut Vec<Note>,
) -> Result<Option<Value>, ResourceError> {
    let refuse = |wanted: &str, value: &Value| {
        Err(ResourceError::value(path, format!("must be {wanted}, not {}", kind(value))))
    };
    let text = match value {
        Value::Null => return Ok(None),
        Value::String(text) if text.is_empty() => return Ok(None),
        Value::String(text) => text,
        Value::Bool(flag) if attribute.attribute_type == AttributeType::Boolean => {
            return Ok(Some(Value::Bool(flag)));
        }
        Value::Number(given) if is_number(attribute) => return number(attribute, path, given).map(Some),
        other => return refuse(wanted(attribute.attribute_type), &other),
    };
    if memchr::memchr(0, text.as_bytes()).is_some() {
        return Err(ResourceError::value(path, "has the character U+0000, which no text may hold"));
    }
    match attribute.attribute_type {
        AttributeType::String | AttributeType::Reference => Ok(Some(Value::String(text))),
        AttributeType::Boolean => match boolean_text(&text) {
            Some(flag) if dialect.tolerates(Tolerance::StringBooleans) => {
                note(notes, Tolerance::StringBooleans, format!("{path}: a boolean as text"));
                Ok(Some(Value::Bool(flag)))
            }
            _ => refuse(wanted(attribute.attribute_type), &Value::String(text)),
        },
        AttributeType::Integer | AttributeType::Decimal => match number_in(&text) {
            Some(given) if dialect.tolerates(Tolerance::StringNumbers) => {
                note(notes, Tolerance::StringNumbers, format!("{path}: a number as text"));
                number(attribute, path, given).map(Some)
            }
            _ => refuse(wanted(attribute.attribute_type), &Value::String(text)),
        },
        AttributeType::DateTime if Instant::parse(&text).is_some() => Ok(Some(Value::String(text))),
        AttributeType::Binary if canonical_base64(&text).is_some() => Ok(Some(Value::String(text))),
        AttributeType::DateTime | AttributeType::Binary | AttributeType::Complex => {
            Err(ResourceError::value(
                path,
                format!("must be {}, not another text", wanted(attribute.attribute_type)),
            ))
        }
    }
}

/// What would be accepted, for messages.
const fn wanted(attribute_type: AttributeType) -> &'static str {
    match attribute_type {
        AttributeType::String => "text",
        AttributeType::Reference => "a URI as text",
        AttributeType::Boolean => "true or false",
        AttributeType::Integer => "a whole number",
        AttributeType::Decimal => "a number",
        AttributeType::DateTime => "a date and time such as \"2011-05-13T04:42:34Z\"",
        AttributeType::Binary => "base64 or base64url text",
        AttributeType::Complex => "an object",
    }
}

const fn is_number(attribute: &Attribute) -> bool {
    matches!(attribute.attribute_type, AttributeType::Integer | AttributeType::Decimal)
}

/// `true` and `false` in any letter case.
fn boolean_text(text: &str) -> Option<bool> {
    ["false", "true"].iter().position(|word| text.eq_ignore_ascii_case(word)).map(|at| at == 1)
}

fn number_in(text: &str) -> Option<Number> {
    match text.parse::<i64>() {
        Ok(whole) => Some(Number::from(whole)),
        Err(_) => Number::from_f64(text.parse().ok()?),
    }
}

fn number(attribute: &Attribute, path: &dyn Display, given: Number) -> Result<Value, ResourceError> {
    /// Beyond it, reals have no fractions, and not every whole number.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if attribute.attribute_type == AttributeType::Decimal {
        return Ok(Value::Number(given));
    }
    let real = given.as_f64().filter(|real| real.fract() == 0.0 && real.abs() < EXACT);
    #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53, by the filter above")]
    match given.as_i64().or(real.map(|real| real as i64)) {
        Some(whole) => Ok(Value::from(whole)),
        None => Err(ResourceError::value(path, "must be a whole number of 64 bits, not another number")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::schema::Registry;

    const MANAGER: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager";

    fn check(path: &str, value: &Value, dialect: Dialect, expected: Result<&Value, &str>) {
        let registry = Registry::builtin();
        let of = |name: &str| registry.resource_type(name).expect("built in").resolve_attribute(path);
        let found = of("User").or_else(|_| of("Group")).expect("an attribute");
        let got = coerce(found.leaf(), path, value.clone(), dialect, &mut Vec::new());
        match (got, expected) {
            (Ok(got), Ok(expected)) => {
                assert_eq!(got.unwrap_or_default().to_string(), expected.to_string(), "{path} {value}");
            }
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{path} {value}: {error}"),
            (got, _) => panic!("{path} {value}: {got:?}"),
        }
    }

    fn check_both(path: &str, value: &Value, expected: Result<&Value, &str>) {
        check(path, value, Dialect::LENIENT, expected);
        check(path, value, Dialect::STRICT, expected);
    }

    #[test]
    fn lenient_puts_right_what_strict_refuses() {
        for (path, given, canonical) in [
            ("active", json!("False"), json!(false)),
            ("active", json!([true]), json!(true)),
            ("title", json!([{ "$ref": null, "value": "Chef" }]), json!("Chef")),
            (MANAGER, json!("42"), json!({ "value": "42" })),
            (MANAGER, json!([{ "$ref": null, "value": "42" }]), json!({ "value": "42" })),
            ("members", json!(["a", "b"]), json!([{ "value": "a" }, { "value": "b" }])),
            ("members", json!("a"), json!([{ "value": "a" }])),
            ("roles", json!(["Admin", "User"]), json!([{ "value": "Admin" }, { "value": "User" }])),
            ("roles", json!("Admin"), json!([{ "value": "Admin" }])),
            (
                "emails",
                json!({ "Value": "a@b", "PRIMARY": "true" }),
                json!([{ "value": "a@b", "primary": true }]),
            ),
            ("emails", json!([{ "value": "a", "shape": "round" }]), json!([{ "value": "a" }])),
        ] {
            check(path, &given, Dialect::LENIENT, Ok(&canonical));
            check(path, &given, Dialect::STRICT, Err(""));
        }
    }

    #[test]
    fn unassigned_null_and_empty_are_the_same() {
        for value in
            [json!(null), json!([]), json!([null]), json!([{}]), json!([{ "value": null }]), json!("")]
        {
            check_both("emails", &value, Ok(&Value::Null));
        }
        check_both("name", &json!({ "givenName": "", "familyName": null, "nosuch": null }), Ok(&Value::Null));
        check_both("title", &json!(""), Ok(&Value::Null));
        check_both("title", &json!([]), Ok(&Value::Null));
        check_both("members", &json!([{ "$ref": null, "value": null }]), Ok(&Value::Null));
        check_both(MANAGER, &json!({ "value": "" }), Ok(&Value::Null));
    }

    #[test]
    fn wrong_values_are_refused_in_every_dialect() {
        for (path, value, reason) in [
            ("name", json!("Ada"), "name: must be an object with sub-attributes of formatted, familyName"),
            ("emails", json!("a@b"), "emails: must be an array, not text"),
            ("emails", json!(["a@b"]), "emails: must be an object"),
            ("emails", json!(7), "emails: must be an array, not a number"),
            ("emails", json!([{ "value": 7 }]), "emails.value: must be text, not a number"),
            ("userName", json!({ "a": 1 }), "userName: must be text, not an object"),
            ("active", json!("yes"), "active: must be true or false, not text"),
            ("title", json!("a\u{0}b"), "title: has the character U+0000"),
            ("title", json!(["a", "b"]), "title: takes a single value"),
            ("x509Certificates", json!([{ "value": "***" }]), "x509Certificates.value: must be base64"),
            ("members", json!([{ "$ref": "../Users/7" }]), "members.value: is required and missing"),
            ("meta.created", json!("yesterday"), "meta.created: must be a date and time"),
            (
                "emails",
                json!([{ "value": "a", "primary": true }, { "value": "b", "primary": true }]),
                "emails: primary is true in more than one value",
            ),
        ] {
            check_both(path, &value, Err(reason));
        }
        let many: Vec<_> = (0..=MAX_ELEMENTS).map(|number| json!({ "value": number.to_string() })).collect();
        check_both("emails", &json!(many), Err("emails: has 1001 values; 1000 is the most"));
    }

    #[test]
    fn names_order_and_doubles_are_canonical() {
        check_both(
            "emails",
            &json!([{ "Type": "work", "VALUE": "a" }, { "value": "a", "type": "work" }, { "value": "b" }]),
            Ok(&json!([{ "value": "a", "type": "work" }, { "value": "b" }])),
        );
        check_both("name", &json!({ "givenName": "a", "GIVENNAME": "b" }), Ok(&json!({ "givenName": "b" })));
        let members: Vec<_> =
            (0..2000).map(|number| json!({ "value": (number % 1500).to_string() })).collect();
        let once: Vec<_> = (0..1500).map(|number| json!({ "value": number.to_string() })).collect();
        check_both("members", &json!(members), Ok(&json!(once)));
    }

    #[test]
    fn texts_stay_as_they_were_sent_and_read_only_parts_go() {
        check_both("profileUrl", &json!("not a URI"), Ok(&json!("not a URI")));
        check_both("x509Certificates", &json!([{ "value": "-_8" }]), Ok(&json!([{ "value": "-_8" }])));
        check_both(
            MANAGER,
            &json!({ "value": "7", "$ref": "x", "displayName": "Ada" }),
            Ok(&json!({ "value": "7" })),
        );
        let role = json!([{ "value": "{\"id\":\"r1\"}" }]);
        check_both("roles", &role, Ok(&role));
    }

    #[test]
    fn numbers_are_checked_by_type() {
        let mut registry = Registry::builtin();
        let schema = json!({ "id": "urn:x:Desk", "name": "Desk", "attributes": [
            { "name": "floor", "type": "integer" }, { "name": "width", "type": "decimal" }
        ]});
        registry.add_schema(&schema).expect("sound");
        let desk = registry.schema("urn:x:Desk").expect("loaded");
        for (name, given, lenient, strict) in [
            ("floor", json!(7), Some(json!(7)), true),
            ("floor", json!(7.0), Some(json!(7)), true),
            ("floor", json!("7"), Some(json!(7)), false),
            ("floor", json!(7.5), None, false),
            ("floor", json!(u64::MAX), None, false),
            ("floor", json!("high"), None, false),
            ("width", json!(7.5), Some(json!(7.5)), true),
            ("width", json!("7.5"), Some(json!(7.5)), false),
            ("width", json!("NaN"), None, false),
            ("width", json!(true), None, false),
        ] {
            let attribute = desk.attribute(name).expect("declared");
            let coerce = |dialect| coerce(attribute, name, given.clone(), dialect, &mut Vec::new());
            assert_eq!(coerce(Dialect::LENIENT).ok().flatten(), lenient, "{name} {given}");
            assert_eq!(coerce(Dialect::STRICT).is_ok(), strict, "{name} {given}");
        }
    }

    #[test]
    fn every_tolerance_leaves_one_note() {
        let registry = Registry::builtin();
        let user = registry.resource_type("User").expect("built in");
        let roles = user.attribute("roles").expect("declared");
        let mut notes = Vec::new();
        let given = json!({ "value": "{}", "primary": "True", "nosuch": 1 });
        coerce(roles, "roles", given, Dialect::LENIENT, &mut notes).expect("tolerated");
        let used: Vec<_> = notes.iter().map(|note| note.tolerance.name()).collect();
        assert_eq!(used, ["wrapped-values", "json-text", "string-booleans", "unknown-attributes"]);
        assert_eq!(notes[3].detail, "roles.nosuch: unknown, ignored");
        let unknown: Value = (0..1000).map(|number| (format!("x{number}"), json!(1))).collect();
        coerce(roles, "roles", json!([unknown, { "nosuch": 1 }]), Dialect::LENIENT, &mut notes)
            .expect("tolerated");
        assert_eq!(notes.len(), MAX_NOTES);
    }
}
