//! The order of a resource's attributes and of their parts, and its `schemas`.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::Resource;
use super::member::position_from;
use crate::schema::{Attribute, Residence, ResourceType};

/// The place of `schemas`; the attributes follow, and then the extensions.
const SCHEMAS: usize = 0;

/// Puts canonical values into canonical order: `schemas` (the base schema and the extensions that have values) first,
/// then the base schema's attributes and the extensions, as declared; the sub-attributes of each value too. What is not
/// an attribute that the document holds is left out.
#[must_use]
pub fn canonical(resource_type: &ResourceType, mut values: Map<String, Value>) -> Resource {
    let mut next = 0;
    let mut places = Vec::with_capacity(values.len());
    for (name, value) in &mut values {
        let place = place(resource_type, &mut next, name, value);
        places.push(place);
    }
    let first_extension = SCHEMAS + 1 + resource_type.schema.attributes.len();
    let held = resource_type.extensions.iter().enumerate();
    let held = held.filter(|(at, _)| places.contains(&Some(first_extension + at)));
    let urns = std::iter::once(&resource_type.schema).chain(held.map(|(_, extension)| &extension.schema));
    let urns = urns.map(|schema| &*schema.id);
    // Most are in order already.
    if places.first() == Some(&Some(SCHEMAS)) && places.is_sorted() {
        if let Some(schemas) = values.values_mut().next()
            && !says(schemas, urns.clone())
        {
            *schemas = urns.collect();
        }
        return Resource::from_canonical(values);
    }
    let urns: Value = urns.collect();
    let mut kept: Vec<(usize, (String, Value))> = places
        .into_iter()
        .zip(values)
        .filter_map(|(place, member)| Some((place.filter(|place| *place != SCHEMAS)?, member)))
        .collect();
    kept.sort_unstable_by_key(|(place, _)| *place);
    let mut attributes = Map::with_capacity(kept.len() + 1);
    attributes.insert("schemas".to_owned(), urns);
    attributes.extend(kept.into_iter().map(|(_, member)| member));
    Resource::from_canonical(attributes)
}

/// Whether `schemas` holds those URNs.
fn says<'u>(schemas: &'u Value, urns: impl Iterator<Item = &'u str>) -> bool {
    schemas.as_array().is_some_and(|schemas| schemas.iter().map(Value::as_str).eq(urns.map(Some)))
}

/// The place of a member of a resource, whose parts are put in order; `None` where a document does not hold it. `next` is the
/// base schema's attribute after the last one that was found.
fn place(resource_type: &ResourceType, next: &mut usize, name: &str, value: &mut Value) -> Option<usize> {
    if name == "schemas" {
        return Some(SCHEMAS);
    }
    let declared = &resource_type.schema.attributes;
    if let Some(at) = position_from(declared, *next, name) {
        *next = at + 1;
        let attribute = declared.get(at).filter(|attribute| attribute.residence == Residence::Document)?;
        order_parts(attribute, value);
        return Some(SCHEMAS + 1 + at);
    }
    let at = resource_type.extensions.iter().position(|extension| &*extension.schema.id == name)?;
    let Value::Object(object) = value else { return None };
    order_members(&resource_type.extensions.get(at)?.schema.attributes, object);
    (!object.is_empty()).then_some(SCHEMAS + 1 + declared.len() + at)
}

/// Orders the members of an object, and their parts; what is not declared for documents is left out.
fn order_members(declared: &[Arc<Attribute>], object: &mut Map<String, Value>) {
    let (mut next, mut ordered) = (0, true);
    for (name, value) in object.iter_mut() {
        let at = position_from(declared, next, name);
        let found = at.and_then(|at| Some((at, declared.get(at)?)));
        match found.filter(|(_, attribute)| attribute.residence == Residence::Document) {
            Some((at, attribute)) => {
                ordered &= at >= next;
                next = at + 1;
                order_parts(attribute, value);
            }
            None => ordered = false,
        }
    }
    if ordered {
        return;
    }
    let mut given = std::mem::take(object);
    for attribute in declared.iter().filter(|attribute| attribute.residence == Residence::Document) {
        object.extend(given.swap_remove_entry(&attribute.name));
    }
}

/// Orders the sub-attributes of a complex value, or of each of its elements.
fn order_parts(attribute: &Attribute, value: &mut Value) {
    match value {
        Value::Array(elements) if attribute.is_complex() => {
            elements.iter_mut().for_each(|element| order_parts(attribute, element));
        }
        Value::Object(object) => order_members(&attribute.sub_attributes, object),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::schema::Registry;

    /// Expects the members in this order, out of any other.
    fn check(values: &Value, expected: &str) {
        let registry = Registry::builtin();
        let user = registry.resource_type("User").expect("built in");
        let Value::Object(members) = values else { unreachable!("{values} is an object") };
        let ordered = canonical(user, members.clone());
        assert_eq!(Value::Object(ordered.attributes().clone()).to_string(), expected);
        assert_eq!(canonical(user, ordered.clone().into_attributes()), ordered, "it is in order now");
        let turned = members.clone().into_iter().rev().collect();
        assert_eq!(Value::Object(canonical(user, turned).into_attributes()).to_string(), expected);
    }

    #[test]
    fn what_is_in_order_is_checked_too() {
        let base = "urn:ietf:params:scim:schemas:core:2.0:User";
        let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
        let both = format!(
            r#"{{"schemas":["{base}","{enterprise}"],"userName":"u","{enterprise}":{{"department":"d","manager":{{"value":"m"}}}}}}"#
        );
        check(
            &json!({ "schemas": [base], "userName": "u" }),
            &format!(r#"{{"schemas":["{base}"],"userName":"u"}}"#),
        );
        check(
            &json!({ "schemas": [base, enterprise], "userName": "u", enterprise: { "department": "d", "manager": { "value": "m" } } }),
            &both,
        );
        check(
            &json!({ "schemas": [base], "userName": "u", enterprise: { "department": "d", "nosuch": 1, "manager": { "value": "m" } } }),
            &both,
        );
        check(
            &json!({ "schemas": [base, enterprise], "id": "7", "userName": "u", "groups": [], enterprise: {}, "meta": {} }),
            &format!(r#"{{"schemas":["{base}"],"userName":"u"}}"#),
        );
    }

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
