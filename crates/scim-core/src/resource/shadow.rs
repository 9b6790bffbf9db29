//! Shadows and index entries: a resource in the forms in which a backend compares it.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::document::USUAL_BYTES;
use super::json::{is_plain, write_name, write_text, write_value};
use super::member::{declared, member};
use super::{IndexEntry, Resource};
use crate::instant::Instant;
use crate::schema::{Attribute, AttributeType, Residence, ResourceType, Returned, Uniqueness};
use crate::text::{Matching, canonical_base64};

/// The folded shadow of a resource, as JSON text: the same shape, but each value is its key in comparisons. Strings are
/// folded as their attribute matches, instants have constant width in UTC, binary values are canonical base64. What is never
/// returned is not there.
#[must_use]
pub fn shadow(resource_type: &ResourceType, resource: &Resource) -> String {
    let mut out = Vec::with_capacity(USUAL_BYTES);
    out.push(b'{');
    let mut separator: &[u8] = b"";
    if let Some(Value::Array(urns)) = member(resource.attributes(), "schemas") {
        write_name(&mut out, "schemas");
        write_elements(&mut out, urns, |out, urn| {
            write_key(out, Matching::IgnoreCase, urn.as_str().unwrap_or_default());
        });
        separator = b",";
    }
    write_members(&mut out, separator, &resource_type.schema.attributes, resource.attributes());
    for extension in &resource_type.extensions {
        if let Some(Value::Object(object)) = member(resource.attributes(), &extension.schema.id) {
            let before = out.len();
            if out.len() > 1 {
                out.push(b',');
            }
            write_name(&mut out, &extension.schema.id);
            out.push(b'{');
            let opened = out.len();
            write_members(&mut out, b"", &extension.schema.attributes, object);
            if out.len() == opened {
                out.truncate(before);
            } else {
                out.push(b'}');
            }
        }
    }
    out.push(b'}');
    // INVARIANT: only texts and their ASCII in other letter case are written.
    String::from_utf8(out).unwrap_or_default()
}

/// Writes the keys of an object's values as members. `separator` comes before the first.
fn write_members(
    out: &mut Vec<u8>,
    mut separator: &'static [u8],
    attributes: &[Arc<Attribute>],
    object: &Map<String, Value>,
) {
    for (attribute, value) in declared(attributes, object) {
        if attribute.residence == Residence::Document && attribute.returned != Returned::Never {
            out.extend_from_slice(separator);
            write_name(out, &attribute.name);
            write_folded(out, attribute, value);
            separator = b",";
        }
    }
}

fn write_elements(out: &mut Vec<u8>, elements: &[Value], mut write: impl FnMut(&mut Vec<u8>, &Value)) {
    out.push(b'[');
    for (index, element) in elements.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(out, element);
    }
    out.push(b']');
}

/// Writes the key of a value of that attribute, in the value's shape.
fn write_folded(out: &mut Vec<u8>, attribute: &Attribute, value: &Value) {
    match value {
        Value::Array(elements) => {
            write_elements(out, elements, |out, element| write_folded(out, attribute, element));
        }
        Value::Object(object) => {
            out.push(b'{');
            write_members(out, b"", &attribute.sub_attributes, object);
            out.push(b'}');
        }
        Value::String(text) => match attribute.attribute_type {
            AttributeType::DateTime | AttributeType::Binary => write_text(out, &key(attribute, text)),
            _ => write_key(out, attribute.matching, text),
        },
        other => write_value(out, other),
    }
}

/// Writes the key of a text. Most texts are ASCII without escapes, and their keys need no text of their own.
fn write_key(out: &mut Vec<u8>, matching: Matching, text: &str) {
    if matching == Matching::Exact || !text.is_ascii() || !is_plain(text) {
        return write_text(out, &matching.key(text));
    }
    out.push(b'"');
    let start = out.len();
    out.extend_from_slice(text.as_bytes());
    if let Some(copied) = out.get_mut(start..) {
        copied.make_ascii_lowercase();
    }
    out.push(b'"');
}

/// The key of a value of that attribute, in the value's shape.
pub(super) fn fold(attribute: &Attribute, value: &Value) -> Value {
    match value {
        Value::Array(elements) => elements.iter().map(|element| fold(attribute, element)).collect(),
        Value::Object(object) => {
            let mut inside = Map::new();
            for sub in attribute.sub_attributes.iter().filter(|sub| sub.returned != Returned::Never) {
                if let Some(value) = object.get(&sub.name) {
                    inside.insert(sub.name.clone(), fold(sub, value));
                }
            }
            Value::Object(inside)
        }
        Value::String(text) => Value::from(key(attribute, text)),
        other => other.clone(),
    }
}

/// The key of a text value of that attribute.
fn key(attribute: &Attribute, text: &str) -> String {
    match attribute.attribute_type {
        AttributeType::DateTime => Instant::parse(text).map_or_else(|| text.to_owned(), Instant::key),
        AttributeType::Binary => canonical_base64(text).unwrap_or_else(|| text.to_owned()),
        _ => attribute.matching.key(text).into_owned(),
    }
}

/// The values by which a resource is found without reading documents: every unique attribute, and what identity
/// providers search by (`displayName`, `emails.value`).
#[must_use]
pub fn index_entries(resource_type: &ResourceType, resource: &Resource) -> Vec<IndexEntry> {
    let mut entries = Vec::new();
    index_attributes(None, &resource_type.schema.attributes, resource.attributes(), &mut entries);
    for extension in &resource_type.extensions {
        if let Some(Value::Object(object)) = member(resource.attributes(), &extension.schema.id) {
            index_attributes(Some(&extension.schema.id), &extension.schema.attributes, object, &mut entries);
        }
    }
    entries
}

fn index_attributes(
    urn: Option<&str>,
    attributes: &[Arc<Attribute>],
    values: &Map<String, Value>,
    entries: &mut Vec<IndexEntry>,
) {
    for (attribute, value) in declared(attributes, values) {
        if attribute.residence != Residence::Document {
            continue;
        }
        let unique = attribute.uniqueness != Uniqueness::None;
        if unique || (urn.is_none() && attribute.name == "displayName") {
            let text = match value {
                Value::String(text) => key(attribute, text),
                other => other.to_string(),
            };
            let path = match urn {
                Some(urn) => format!("{urn}:{}", attribute.name),
                None => attribute.name.clone(),
            };
            entries.push(IndexEntry { path, key: text, unique });
        } else if urn.is_none() && attribute.name == "emails" {
            let Some(sub) = attribute.default_sub_attribute() else { continue };
            for text in value
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|email| member(email.as_object()?, "value")?.as_str())
            {
                let entry =
                    IndexEntry { path: "emails.value".to_owned(), key: key(sub, text), unique: false };
                if !entries.contains(&entry) {
                    entries.push(entry);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Dialect;
    use crate::resource::ingest;
    use crate::schema::Registry;

    #[test]
    fn folds_and_indexes() {
        let registry = Registry::builtin();
        let user = registry.resource_type("User").expect("built in");
        let body = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "ADA", "password": "Secret",
            "displayName": "Ada L", "active": true,
            "emails": [{ "value": "Ada@X.example", "type": "Work" }, { "value": "ada@x.EXAMPLE" }],
            "x509Certificates": [{ "value": "-_8" }]
        });
        let resource = ingest(user, body, Dialect::LENIENT).expect("fine").resource;
        assert_eq!(
            serde_json::from_str::<Value>(&shadow(user, &resource)).expect("JSON"),
            json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:user"], "userName": "ada", "displayName": "ada l",
                "active": true, "emails": [{ "value": "ada@x.example", "type": "work" }, { "value": "ada@x.example" }],
                "x509Certificates": [{ "value": "+/8=" }]
            })
        );
        let entries: Vec<_> = index_entries(user, &resource)
            .into_iter()
            .map(|entry| (entry.path, entry.key, entry.unique))
            .collect();
        assert_eq!(
            entries,
            [
                ("userName".to_owned(), "ada".to_owned(), true),
                ("displayName".to_owned(), "ada l".to_owned(), false),
                ("emails.value".to_owned(), "ada@x.example".to_owned(), false),
            ]
        );
    }
}
