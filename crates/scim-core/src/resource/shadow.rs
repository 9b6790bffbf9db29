//! Shadows and index entries: a resource in the forms in which a backend compares it.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{IndexEntry, Resource};
use crate::instant::Instant;
use crate::schema::{Attribute, AttributeType, Residence, ResourceType, Returned, Uniqueness};
use crate::text::{Matching, canonical_base64};

/// The folded shadow of a resource: the same shape, but each value is its key in comparisons. Strings are folded as
/// their attribute matches, instants have constant width in UTC, binary values are canonical base64. What is never
/// returned is not there.
#[must_use]
pub fn shadow(resource_type: &ResourceType, resource: &Resource) -> Value {
    let mut folded = Map::new();
    if let Some(Value::Array(urns)) = resource.attributes().get("schemas") {
        let fold = |urn: &Value| Value::from(Matching::IgnoreCase.key(urn.as_str().unwrap_or_default()));
        folded.insert("schemas".to_owned(), urns.iter().map(fold).collect());
    }
    fold_attributes(&resource_type.schema.attributes, resource.attributes(), &mut folded);
    for extension in &resource_type.extensions {
        if let Some(Value::Object(object)) = resource.attributes().get(&*extension.schema.id) {
            let mut inside = Map::new();
            fold_attributes(&extension.schema.attributes, object, &mut inside);
            if !inside.is_empty() {
                folded.insert(extension.schema.id.to_string(), Value::Object(inside));
            }
        }
    }
    Value::Object(folded)
}

fn fold_attributes(
    declared: &[Arc<Attribute>],
    values: &Map<String, Value>,
    folded: &mut Map<String, Value>,
) {
    for attribute in declared {
        if attribute.residence != Residence::Document || attribute.returned == Returned::Never {
            continue;
        }
        if let Some(value) = values.get(&attribute.name) {
            folded.insert(attribute.name.clone(), fold(attribute, value));
        }
    }
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
        if let Some(Value::Object(object)) = resource.attributes().get(&*extension.schema.id) {
            index_attributes(Some(&extension.schema.id), &extension.schema.attributes, object, &mut entries);
        }
    }
    entries
}

fn index_attributes(
    urn: Option<&str>,
    declared: &[Arc<Attribute>],
    values: &Map<String, Value>,
    entries: &mut Vec<IndexEntry>,
) {
    for attribute in declared.iter().filter(|attribute| attribute.residence == Residence::Document) {
        let Some(value) = values.get(&attribute.name) else { continue };
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
            for text in
                value.as_array().into_iter().flatten().filter_map(|email| email.get("value")?.as_str())
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
            shadow(user, &resource),
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
