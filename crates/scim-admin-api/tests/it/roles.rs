//! Who may: every endpoint that steers an instance, with a key that is too low and with one of another instance.

use scim_directory::Privilege;
use scim_provider::Method;
use serde_json::{Value, json};

use crate::world::World;

/// What changes something, or reads as much as a higher role: needs `Admin`.
fn admins() -> Vec<(Method, &'static str, Option<Value>)> {
    let rule = json!({ "when": "created", "then": [{ "do": "set_access_role", "role": null }] });
    vec![
        (Method::Put, "/instances/acme/mapping", Some(json!({ "rows": [] }))),
        (Method::Delete, "/instances/acme/mapping", None),
        (Method::Post, "/instances/acme/mapping/reapply", Some(json!({}))),
        (Method::Put, "/instances/acme/rules/x", Some(rule)),
        (Method::Patch, "/instances/acme/rules/job-title", Some(json!({ "enabled": true }))),
        (Method::Delete, "/instances/acme/rules/x", None),
        (Method::Put, "/instances/acme/rule-order", Some(json!({ "names": ["x", "job-title"] }))),
        (Method::Post, "/instances/acme/prune", None),
    ]
}

/// What everybody may who may look.
const READERS: [&str; 11] = [
    "/instances/acme/mapping",
    "/instances/acme/mapping/versions",
    "/instances/acme/mapping/versions/0",
    "/instances/acme/mapping/functions",
    "/instances/acme/rules",
    "/instances/acme/rules/job-title",
    "/instances/acme/rule-order",
    "/instances/acme/log",
    "/instances/acme/report",
    "/instances/acme/jobs",
    "/instances/acme/jobs/none",
];

#[test]
fn changes_need_an_administrator() {
    let world = World::new();
    let low = world.key(Privilege::LiteAdmin);
    for (method, path, body) in admins() {
        let refused = world.ask(&low, method, path, &[], body.as_ref()).expect(403);
        assert_eq!(refused.json["code"], "forbidden", "{path}");
    }
    assert_eq!(world.get("/instances/acme/mapping").json["version"], 0);
}

#[test]
fn who_may_look_sees_all_but_changes_nothing() {
    let world = World::new();
    let key = world.key(Privilege::ReadOnly);
    for path in READERS.iter().filter(|path| !path.ends_with("/none")) {
        world.ask(&key, Method::Get, path, &[], None).expect(200);
    }
    let sample = json!({ "sample": { "userName": "ada" } });
    world.ask(&key, Method::Post, "/instances/acme/mapping/try", &[], Some(&sample)).expect(200);
    let rows = json!({ "rows": [] });
    world.ask(&key, Method::Post, "/instances/acme/mapping/check", &[], Some(&rows)).expect(200);
    // The server's own log is for keys of the server.
    world.ask(&key, Method::Get, "/log", &[], None).expect(403);
}

#[test]
fn another_instance_is_not_there() {
    let world = World::new();
    let (other, _) = world.stranger("other");
    let key = world.key(Privilege::Owner);
    let without_id = |text: &str| text.replace("other", "X").replace("nowhere", "X");
    for (method, path, body) in admins() {
        for name in [other.id.to_string(), "other".to_owned()] {
            let path = path.replace("acme", &name);
            world.ask(&key, method, &path, &[], body.as_ref()).expect(404);
        }
    }
    for path in READERS {
        let hidden = world.ask(&key, Method::Get, &path.replace("acme", "other"), &[], None).expect(404);
        let unknown = world.ask(&key, Method::Get, &path.replace("acme", "nowhere"), &[], None).expect(404);
        assert_eq!(without_id(hidden.text()), without_id(unknown.text()));
    }
}
