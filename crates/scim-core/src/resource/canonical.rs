//! The order of a resource's attributes, and its `schemas`.

use serde_json::{Map, Value};

use super::Resource;
use crate::schema::{Residence, ResourceType};

/// Puts canonical values into canonical order: `schemas` (the base schema and the extensions that have values) first,
/// then the base schema's attributes and the extensions, as declared. What is not an attribute that the document
/// holds is left out.
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

fn ordered(
    declared: &[std::sync::Arc<crate::schema::Attribute>],
    values: &mut Map<String, Value>,
) -> Map<String, Value> {
    let mut ordered = Map::with_capacity(values.len());
    for attribute in declared.iter().filter(|attribute| attribute.residence == Residence::Document) {
        if let Some((name, value)) = values.remove_entry(&attribute.name) {
            ordered.insert(name, value);
        }
    }
    ordered
}
