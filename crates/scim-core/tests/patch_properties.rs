//! Properties of PATCH over generated operations: what comes out is valid, the whole request is applied or nothing, and
//! a request of replacements changes nothing the second time.
#![cfg(test)]

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use scim_core::message::PATCH_OP_URN;
use scim_core::patch::{PatchOutcome, PatchRequest};
use scim_core::resource::{canonical, check_required, ingest};
use scim_core::{Dialect, Registry, Resource, ResourceType};
use serde_json::{Value, json};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn texts() -> impl Strategy<Value = Value> {
    select(vec!["a", "B", "ana@example.com", "", "True", "é"]).prop_map(Value::from)
}

fn flags() -> impl Strategy<Value = Value> {
    select(vec![json!(true), json!(false), json!("True"), Value::Null])
}

fn element() -> impl Strategy<Value = Value> {
    let kinds = select(vec![json!("work"), json!("home"), Value::Null]);
    (texts(), kinds, select(vec![json!(false), Value::Null]))
        .prop_map(|(value, kind, primary)| json!({ "value": value, "type": kind, "primary": primary }))
}

/// A path and a value that goes with it.
fn assignment() -> impl Strategy<Value = (String, Value)> {
    let singular = select(vec!["displayName", "title", "name.familyName", "name.givenName", "externalId"]);
    let filtered = select(vec![
        "emails[type eq \"work\"].value",
        "emails[type eq \"home\"].display",
        "phoneNumbers[type eq \"mobile\" and primary eq true].value",
        "addresses[type eq \"work\"].locality",
        "addresses.country",
    ]);
    let extension = select(vec!["department", "manager", "manager.value", "costCenter"]);
    prop_oneof![
        (singular, texts()).prop_map(|(path, value)| (path.to_owned(), value)),
        (filtered, texts()).prop_map(|(path, value)| (path.to_owned(), value)),
        (extension, texts()).prop_map(|(name, value)| (format!("{ENTERPRISE}:{name}"), value)),
        flags().prop_map(|value| ("active".to_owned(), value)),
        flags().prop_map(|value| ("emails[type eq \"work\"].primary".to_owned(), value)),
        vec(element(), 0..4).prop_map(|list| ("emails".to_owned(), Value::Array(list))),
        (texts(), texts()).prop_map(|(given, family)| (
            "name".to_owned(),
            json!({ "givenName": given, "familyName": family })
        )),
    ]
}

fn operation() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => (select(vec!["add", "replace", "Replace"]), assignment())
            .prop_map(|(op, (path, value))| json!({ "op": op, "path": path, "value": value })),
        1 => (select(vec!["add", "replace"]), assignment()).prop_map(|(op, (path, value))| {
            let mut values = serde_json::Map::new();
            values.insert(path, value);
            json!({ "op": op, "value": values })
        }),
        1 => assignment().prop_map(|(path, _)| json!({ "op": "remove", "path": path })),
    ]
}

fn resource() -> impl Strategy<Value = Resource> {
    let registry = Registry::builtin();
    vec(element(), 0..4).prop_map(move |emails| {
        let user = user(&registry);
        let body = json!({ "schemas": [&*user.schema.id], "userName": "ana@example.com", "emails": emails });
        ingest(user, body, Dialect::LENIENT).expect("valid").resource
    })
}

fn user(registry: &Registry) -> &ResourceType {
    registry.resource_type("User").expect("built in")
}

fn run(operations: &[Value], current: &Resource) -> Option<PatchOutcome> {
    let registry = Registry::builtin();
    let body = json!({ "schemas": [PATCH_OP_URN], "Operations": operations });
    let request = PatchRequest::parse(user(&registry), body, Dialect::LENIENT).ok()?;
    request.apply(user(&registry), "1", current, None, Dialect::LENIENT).ok()
}

fn primaries(resource: &Resource) -> usize {
    let emails = resource.attributes().get("emails").and_then(Value::as_array);
    emails.into_iter().flatten().filter(|element| element["primary"] == true).count()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_comes_out_is_valid(operations in vec(operation(), 0..8), current in resource()) {
        let registry = Registry::builtin();
        let Some(outcome) = run(&operations, &current) else { return Ok(()) };
        prop_assert!(primaries(&outcome.resource) <= 1);
        prop_assert_eq!(check_required(user(&registry), &outcome.resource), Ok(()));
        let attributes = outcome.resource.attributes().clone();
        prop_assert_eq!(&canonical(user(&registry), attributes.clone()), &outcome.resource);
        let inbound = ingest(user(&registry), Value::Object(attributes), Dialect::STRICT);
        prop_assert_eq!(inbound.map(|inbound| inbound.resource), Ok(outcome.resource.clone()));
        prop_assert_eq!(outcome.changed, outcome.resource != current || outcome.external_id.is_some());
    }

    #[test]
    fn operations_of_one_request_are_those_of_several(operations in vec(operation(), 1..6), current in resource()) {
        // The sweep of elements that were cleared comes at a request's end: without clearing, cutting changes nothing.
        let clears = |operation: &Value| {
            let text = operation.to_string();
            operation["op"] == "remove" || text.contains("\"\"") || text.contains("null")
        };
        let operations: Vec<_> = operations.into_iter().filter(|operation| !clears(operation)).collect();
        let whole = run(&operations, &current);
        let mut step = Some((current, None));
        for operation in &operations {
            step = step.and_then(|(resource, external_id): (Resource, Option<String>)| {
                let outcome = run(std::slice::from_ref(operation), &resource)?;
                Some((outcome.resource, outcome.external_id.or(external_id)))
            });
        }
        prop_assert_eq!(whole.map(|outcome| (outcome.resource, outcome.external_id)), step);
    }

    #[test]
    fn replacing_twice_is_replacing_once((path, value) in assignment(), current in resource()) {
        let operation = [json!({ "op": "replace", "path": path, "value": value })];
        let Some(once) = run(&operation, &current) else { return Ok(()) };
        let twice = run(&operation, &once.resource).expect("what could be done once can be done twice");
        prop_assert_eq!(twice.resource, once.resource);
    }
}
