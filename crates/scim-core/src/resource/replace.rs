//! PUT: a resource in place of the present one (RFC 7644 §3.5.1).

use std::fmt::Display;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::shadow::fold;
use super::{Inbound, Resource, ResourceError, canonical, check_required, declared, member_mut};
use crate::error::ScimType;
use crate::schema::{Attribute, Mutability, Residence, ResourceType, USER_URN};

/// The resource as PUT leaves it. What was not sent is cleared, but for what cannot be read back (writeOnly), what may
/// not change (immutable), what only the server writes, and a person's `active`, which no silence may turn.
///
/// # Errors
/// `mutability` where an immutable attribute has another value already; `invalidValue` where a required one is missing.
pub fn replace(
    resource_type: &ResourceType,
    current: &Resource,
    inbound: &Inbound,
) -> Result<Resource, ResourceError> {
    let mut attributes = inbound.resource.attributes().clone();
    keep("", &resource_type.schema.attributes, current.attributes(), &mut attributes)?;
    if &*resource_type.schema.id == USER_URN
        && !attributes.contains_key("active")
        && let Some(active) = current.attributes().get("active")
    {
        attributes.insert("active".to_owned(), active.clone());
    }
    for extension in &resource_type.extensions {
        let urn = &*extension.schema.id;
        let Some(old) = current.attributes().get(urn).and_then(Value::as_object) else { continue };
        let mut new = match attributes.swap_remove(urn) {
            Some(Value::Object(new)) => new,
            _ => Map::new(),
        };
        keep(&format!("{urn}:"), &extension.schema.attributes, old, &mut new)?;
        attributes.insert(urn.to_owned(), Value::Object(new));
    }
    let resource = canonical(resource_type, attributes);
    check_required(resource_type, &resource)?;
    Ok(resource)
}

/// Carries over from `old` what `new` may not leave out, and checks what it may not change. `prefix` stands before names
/// in messages.
fn keep(
    prefix: &str,
    attributes: &[Arc<Attribute>],
    old: &Map<String, Value>,
    new: &mut Map<String, Value>,
) -> Result<(), ResourceError> {
    for (attribute, present) in declared(attributes, old) {
        // What clients may write and has no parts, as most has not, need not be looked up.
        let is_free = attribute.mutability == Mutability::ReadWrite && !present.is_object();
        if is_free || attribute.residence != Residence::Document {
            continue;
        }
        let kept = match (attribute.mutability, member_mut(new, &attribute.name)) {
            (Mutability::Immutable, Some(given)) => {
                // Values that compare as equal are the same value, whatever their letter case.
                if fold(attribute, given) != fold(attribute, present) {
                    return Err(changed(&format_args!("{prefix}{}", attribute.name)));
                }
                true
            }
            (Mutability::ReadOnly, _) => true,
            (Mutability::Immutable | Mutability::WriteOnly, None) => true,
            (Mutability::ReadWrite, Some(Value::Object(given))) => {
                // The parts of a complex attribute have a mutability of their own.
                if let Value::Object(present) = present {
                    let prefix = format!("{prefix}{}.", attribute.name);
                    keep(&prefix, &attribute.sub_attributes, present, given)?;
                }
                false
            }
            (Mutability::ReadWrite | Mutability::WriteOnly, _) => false,
        };
        if kept {
            new.insert(attribute.name.clone(), present.clone());
        }
    }
    Ok(())
}

fn changed(path: &dyn Display) -> ResourceError {
    ResourceError::new(
        ScimType::Mutability,
        path,
        "is immutable and has another value; send the present one, or leave it out",
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Dialect;
    use crate::resource::ingest;
    use crate::schema::Registry;

    const URN: &str = "urn:example:Desk";
    const TOOLS: &str = "urn:example:Tools";

    fn desk() -> Arc<ResourceType> {
        let mut registry = Registry::builtin();
        let attribute = |name: &str, mutability: &str| json!({ "name": name, "mutability": mutability });
        for schema in [
            json!({ "id": URN, "name": "Desk", "attributes": [
                { "name": "label", "required": true }, attribute("serial", "immutable"),
                attribute("pin", "writeOnly"), attribute("colour", "readWrite"),
                { "name": "size", "type": "complex", "subAttributes": [
                    attribute("wide", "readWrite"), attribute("standard", "immutable")
                ]}
            ]}),
            json!({ "id": TOOLS, "name": "Tools", "attributes": [attribute("lamp", "immutable")] }),
        ] {
            registry.add_schema(&schema).expect("sound");
        }
        let desk = json!({ "name": "Desk", "endpoint": "/Desks", "schema": URN,
            "schemaExtensions": [{ "schema": TOOLS, "required": false }] });
        registry.add_resource_type(&desk).expect("sound");
        Arc::clone(registry.resource_type("Desk").expect("loaded"))
    }

    /// Puts `sent` in place of a desk that has everything; expects what changed, or part of the error's text.
    fn check(sent: Value, expected: Result<Value, &str>) {
        let desk = desk();
        let take = |mut body: Value| {
            body["schemas"] = json!([URN, TOOLS]);
            ingest(&desk, body, Dialect::STRICT).expect("sound")
        };
        let current = take(json!({
            "label": "A", "serial": "x1", "pin": "7", "colour": "red", "size": { "wide": "2", "standard": "ISO" },
            TOOLS: { "lamp": "big" }
        }));
        let got = replace(&desk, &current.resource, &take(sent));
        match (got, expected) {
            (Ok(got), Ok(expected)) => {
                let mut got = got.into_attributes();
                got.shift_remove("schemas");
                assert_eq!(Value::Object(got), expected);
            }
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
            (got, _) => panic!("{got:?}"),
        }
    }

    #[test]
    fn what_is_not_sent_is_cleared_unless_it_may_not_be() {
        check(
            json!({ "label": "B" }),
            Ok(json!({ "label": "B", "serial": "x1", "pin": "7", TOOLS: { "lamp": "big" } })),
        );
        check(
            json!({ "label": "B", "serial": "X1", "pin": "8", "size": { "wide": "3" } }),
            Ok(json!({
                "label": "B", "serial": "x1", "pin": "8", "size": { "wide": "3", "standard": "ISO" },
                TOOLS: { "lamp": "big" }
            })),
        );
    }

    #[test]
    fn immutable_and_required_attributes_are_guarded() {
        check(json!({ "label": "B", "serial": "x2" }), Err("serial: is immutable"));
        check(json!({ "label": "B", "size": { "standard": "DIN" } }), Err("size.standard: is immutable"));
        check(
            json!({ "label": "B", TOOLS: { "lamp": "small" } }),
            Err("urn:example:Tools:lamp: is immutable"),
        );
        check(json!({ "serial": "x1" }), Err("label: is required"));
        check(json!({ "label": "" }), Err("label: is required"));
    }

    #[test]
    fn silence_does_not_turn_active() {
        let registry = Registry::builtin();
        let user = registry.resource_type("User").expect("built in");
        let take = |body: Value| ingest(user, body, Dialect::LENIENT).expect("sound");
        let schemas = json!([USER_URN]);
        let current = take(json!({ "schemas": schemas, "userName": "ada", "active": false, "title": "T" }));
        let sent = take(json!({ "schemas": schemas, "userName": "ada" }));
        let after = replace(user, &current.resource, &sent).expect("sound");
        assert_eq!(after.attributes()["active"], false);
        assert_eq!(after.text("title"), None);
    }
}
