//! Tests of what more than one file makes.

mod compiling;
mod evaluating;
mod importing;
mod inverting;
mod json;
mod properties;

use std::sync::Arc;

use scim_core::resource::canonical;
use scim_core::schema::ResourceType;
use scim_core::{Registry, Resource};
use scim_directory::{Excess, FieldDefinition, Fields};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::*;

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const SHIP: &str = "urn:example:params:scim:schemas:extension:ship:2.0:User";

/// User with the enterprise extension and one of a customer's.
fn user() -> Arc<ResourceType> {
    let mut registry = Registry::builtin();
    let ship = json!({
        "id": SHIP, "name": "Ship", "attributes": [
            { "name": "vessel", "type": "string" },
            { "name": "berth", "type": "integer" },
            { "name": "flags", "type": "string", "multiValued": true },
            { "name": "boarded", "type": "dateTime" },
            { "name": "serial", "type": "string", "mutability": "readOnly" },
            { "name": "harbours", "type": "complex", "multiValued": true, "subAttributes": [
                { "name": "value", "type": "string" }, { "name": "kind", "type": "string" },
                { "name": "since", "type": "dateTime" }, { "name": "primary", "type": "boolean" }
            ] }
        ]
    });
    registry.add_schema(&ship).expect("sound");
    let user = json!({
        "name": "User", "endpoint": "/Users", "schema": scim_core::schema::USER_URN,
        "schemaExtensions": [{ "schema": ENTERPRISE, "required": false }, { "schema": SHIP, "required": false }]
    });
    let mut user_type = registry.resource_type("User").expect("built in").as_ref().clone();
    let extensions = user["schemaExtensions"].as_array().expect("listed");
    user_type.extensions = extensions
        .iter()
        .map(|extension| scim_core::schema::SchemaExtension {
            schema: Arc::clone(registry.schema(extension["schema"].as_str().expect("text")).expect("known")),
            required: false,
        })
        .collect();
    Arc::new(user_type)
}

fn definitions() -> Vec<FieldDefinition> {
    let field = |name: &str, max_chars, allowed: &[&str]| FieldDefinition {
        name: name.to_owned(),
        max_chars,
        allowed: allowed.iter().map(|value| (*value).to_owned()).collect(),
        excess: Excess::Refuse,
    };
    vec![
        field("BadgeColour", Some(6), &[]),
        field("Shift", None, &["day", "night"]),
        field("Berth", None, &[]),
    ]
}

/// The default rows with others in place of those that fill the same field.
fn with(rows: Vec<Row>) -> Mapping {
    let mut mapping = Mapping::defaults();
    mapping.rows.retain(|old| old.is_read_only() || rows.iter().all(|row| row.field != old.field));
    mapping.rows.extend(rows);
    mapping
}

fn compiled(rows: Vec<Row>) -> CompiledMapping {
    let definitions = definitions();
    with(rows).compile(&user(), Fields::new(&definitions), 7).unwrap_or_else(|errors| panic!("{errors:?}"))
}

fn expression(field: &str, text: &str) -> Row {
    Row::new(field, Source::Expression(text.to_owned()))
}

fn person(json: Value) -> Resource {
    let Value::Object(values) = json else { panic!("an object") };
    canonical(&user(), values)
}

fn mira() -> Resource {
    person(json!({
        "userName": "mira@contoso.example", "active": true, "displayName": "Mira Okafor", "title": "Pilot",
        "name": { "familyName": "Okafor", "givenName": "Mira" },
        "emails": [
            { "value": "m@home.example", "type": "home", "primary": true },
            { "value": "m@work.example", "type": "work" }
        ],
        "phoneNumbers": [{ "value": "+44 117", "type": "work" }],
        ENTERPRISE: { "department": "Pilotage", "manager": { "value": "42" } },
        SHIP: { "vessel": "Aurora", "berth": 7, "flags": ["red", "blue"] }
    }))
}

fn env<'e>() -> Env<'e> {
    Env::at(OffsetDateTime::UNIX_EPOCH)
}
