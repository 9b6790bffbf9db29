//! The order of a resource's attributes and of their parts, and its `schemas`.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::Resource;
use crate::schema::{Attribute, Residence, ResourceType};

/// Puts canonical values into canonical order: `schemas` (the base schema and the extensions that have values) first,
/// then the base schema's attributes and the extensions, as declared; the sub-attributes of each value too. What is not
/// an attribute that the document holds is left out.
#[must_use]
pub fn canonical(resource_type: &ResourceType, mut values: Map<String, Value>) -> Resource {
    let mut urns = vec![Value::from(&*resource_type.schema.id)];
    let mut extensions = Vec::new();
    for extension in &resource_type.extensions {
        let urn = &*extension.schema.id;
        let Some(Value::Object(mut object)) = values.remove(urn) else { continue };
        let ordered = ordered(&extension.schema.attributes, &mut object);
        if !ordered.is_empty() {
            urns.push(urn.into());
            extensions.push((urn.to_owned(), Value::Object(ordered)));
        }
    }
    let mut attributes = Map::with_capacity(values.len() + extensions.len() + 1);
    attributes.insert("schemas".to_owned(), Value::Array(urns));
    attributes.extend(ordered(&resource_type.schema.attributes, &mut values));
    attributes.extend(extensions);
    Resource::from_canonical(attributes)
}

fn ordered(declared: &[Arc<Attribute>], values: &mut Map<String, Value>) -> Map<String, Value> {
    let mut ordered = Map::with_capacity(values.len());
    for attribute in declared.iter().filter(|attribute| attribute.residence == Residence::Document) {
        if let Some((name, mut value)) = values.remove_entry(&attribute.name) {
            order_parts(attribute, &mut value);
            ordered.insert(name, value);
        }
    }
    ordered
}

/// Orders the sub-attributes of a complex value, or of each of its elements, where they are not in order already.
fn order_parts(attribute: &Attribute, value: &mut Value) {
    match value {
        Value::Array(elements) if attribute.is_complex() => {
            elements.iter_mut().for_each(|element| order_parts(attribute, element));
        }
        Value::Object(object) if !in_order(&attribute.sub_attributes, object) => {
            let mut parts = std::mem::take(object);
            for sub in &attribute.sub_attributes {
                if let Some((name, value)) = parts.remove_entry(&sub.name) {
                    object.insert(name, value);
                }
            }
        }
        _ => {}
    }
}

fn in_order(declared: &[Arc<Attribute>], object: &Map<String, Value>) -> bool {
    let mut rest = declared.iter();
    object.keys().all(|name| rest.any(|sub| sub.name == *name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::schema::Registry;

    #[test]
    fn attributes_and_their_parts_come_as_declared() {
        let registry = Registry::builtin();
        let user = registry.resource_type("User").expect("built in");
        let Value::Object(values) = json!({
            "emails": [{ "type": "home", "value": "a" }, { "value": "b", "type": "work" }], "title": "T",
            "name": { "givenName": "G", "familyName": "F" }, "userName": "u"
        }) else {
            unreachable!()
        };
        let text = Value::Object(canonical(user, values).into_attributes()).to_string();
        assert_eq!(
            text,
            r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"u","name":{"familyName":"F","givenName":"G"},"title":"T","emails":[{"value":"a","type":"home"},{"value":"b","type":"work"}]}"#
        );
    }
}
