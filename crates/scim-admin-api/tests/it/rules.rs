//! Workflow rules: added, replaced, switched, ordered, removed.

use scim_provider::Method;
use serde_json::{Value, json};

use crate::world::World;

const ALL: &str = "/instances/acme/rules";

fn sales() -> Value {
    json!({
        "when": { "field_changed": "LastName" },
        "if": "LastName pr",
        "then": [{ "do": "set_field", "field": "Department", "expression": "Left([LastName], 3)" }]
    })
}

fn path(name: &str) -> String {
    format!("{ALL}/{name}")
}

fn names(world: &World) -> Vec<String> {
    let rules = world.all(ALL, 2);
    rules.iter().map(|rule| rule["name"].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn a_rule_is_put_changed_and_removed() {
    let world = World::new();
    assert_eq!(names(&world), ["job-title"]);
    let put = world.steer(Method::Put, &path("sales%20team"), Some(&sales())).expect(200);
    let shown = world.get(&path("sales%20team")).expect(200);
    assert_eq!(put.header("etag"), shown.header("etag"));
    assert_eq!((&shown.json["name"], &shown.json["enabled"]), (&json!("sales team"), &json!(true)));
    assert_eq!(names(&world), ["sales team", "job-title"]);
    let off =
        world.steer(Method::Patch, &path("sales%20team"), Some(&json!({ "enabled": false }))).expect(200);
    assert_eq!((&off.json["enabled"], &off.json["if"]), (&json!(false), &json!("LastName pr")));
    let any =
        world.steer(Method::Patch, &path("sales%20team"), Some(&json!({ "if": null }))).expect(200).json;
    assert_eq!((&any["if"], &any["enabled"]), (&Value::Null, &json!(false)));
    world.steer(Method::Delete, &path("sales%20team"), None).expect(204);
    for method in [Method::Get, Method::Delete] {
        world.steer(method, &path("sales%20team"), None).expect(404);
    }
    world.steer(Method::Patch, &path("sales%20team"), Some(&json!({}))).expect(404);
}

#[test]
fn the_predefined_rule_is_switched_on() {
    let world = World::new();
    assert_eq!(world.get(&path("job-title")).expect(200).json["enabled"], false);
    world.steer(Method::Delete, &path("job-title"), None).expect(409);
    let on = world.steer(Method::Patch, &path("job-title"), Some(&json!({ "enabled": true }))).expect(200);
    assert_eq!(on.json["enabled"], true);
    world.steer(Method::Delete, &path("job-title"), None).expect(204);
    assert_eq!(world.get(&path("job-title")).expect(200).json["enabled"], false);
}

#[test]
fn mistakes_are_told_with_pointers_into_the_rule() {
    let world = World::new();
    let check = |change: Value, expected: &[&str]| {
        let mut rule = sales();
        for (name, value) in change.as_object().expect("members") {
            rule[name] = value.clone();
        }
        let refused = world.steer(Method::Put, &path("sales"), Some(&rule)).expect(422);
        assert_eq!(refused.wrong(), expected, "{}", refused.text());
    };
    let then = |action: Value| json!({ "then": [sales()["then"][0], action] });
    let set = |field: &str, expression: &str| json!({ "do": "set_field", "field": field, "expression": expression });
    check(
        json!({ "when": { "field_changed": "Nowhere" }, "if": "Nowhere pr" }),
        &["/when/field_changed", "/if"],
    );
    check(then(set("Nowhere", "[LastName]")), &["/then/1/field"]);
    check(then(set("Email", "[LastName]")), &["/then/1/field"]);
    check(then(set("Building", "Left(")), &["/then/1/field"]);
    check(then(set("Division", "Left(")), &["/then/1/expression"]);
    check(json!({ "then": [] }), &["/then"]);
    check(json!({ "then": [{ "do": "dance" }] }), &["/then/0/do"]);
    check(json!({ "name": "other" }), &["/name"]);
    check(json!({ "what": 1 }), &["/what"]);
    assert_eq!(names(&world), ["job-title"]);
    world.steer(Method::Put, &path("sales"), Some(&sales())).expect(200);
    let patch = json!({ "then": [set("Nowhere", "[LastName]")] });
    assert_eq!(
        world.steer(Method::Patch, &path("sales"), Some(&patch)).expect(422).wrong(),
        ["/then/0/field"]
    );
    let patch = json!({ "when": null });
    world.steer(Method::Patch, &path("sales"), Some(&patch)).expect(422);
}

#[test]
fn nobody_overwrites_a_rule_that_they_have_not_seen() {
    let world = World::new();
    let owner = world.owner.clone();
    let put = world.steer(Method::Put, &path("sales"), Some(&sales())).expect(200);
    let seen = [("if-match", put.header("etag"))];
    let off = json!({ "enabled": false });
    world.ask(&owner, Method::Patch, &path("sales"), &seen, Some(&off)).expect(200);
    world.ask(&owner, Method::Patch, &path("sales"), &seen, Some(&json!({ "enabled": true }))).expect(412);
    world.ask(&owner, Method::Put, &path("sales"), &seen, Some(&sales())).expect(412);
    world.ask(&owner, Method::Delete, &path("sales"), &seen, None).expect(412);
    for any in ["*", "\"x\""] {
        world.ask(&owner, Method::Put, &path("new"), &[("if-match", any)], Some(&sales())).expect(412);
    }
    assert_eq!(world.get(&path("sales")).expect(200).json["enabled"], false);
}

#[test]
fn the_order_is_changed_as_a_whole() {
    let world = World::new();
    let order = "/instances/acme/rule-order";
    for (name, field) in [("a", "Division"), ("b", "Department"), ("c", "EmployeeNumber")] {
        let mut rule = sales();
        rule["then"][0]["field"] = field.into();
        world.steer(Method::Put, &path(name), Some(&rule)).expect(200);
    }
    let before = world.get(order).expect(200);
    assert_eq!(before.json, json!({ "names": ["a", "b", "c"] }));
    let owner = world.owner.clone();
    let seen = [("if-match", before.header("etag"))];
    let wanted = json!({ "names": ["c", "a", "b"] });
    world.ask(&owner, Method::Put, order, &seen, Some(&wanted)).expect(200);
    assert_eq!(names(&world), ["c", "a", "b", "job-title"]);
    world.ask(&owner, Method::Put, order, &seen, Some(&wanted)).expect(412);
    for wrong in [json!(["a", "b"]), json!(["a", "b", "b"]), json!(["a", "b", "c", "d"]), json!([])] {
        let refused = world.steer(Method::Put, order, Some(&json!({ "names": wrong }))).expect(422);
        assert_eq!(refused.wrong(), ["/names"]);
    }
}
