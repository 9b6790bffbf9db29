//! Who asks, what the server is, and its jobs.

use scim_directory::Privilege;
use scim_provider::Method;
use serde_json::{Value, json};

use crate::world::World;

#[test]
fn a_key_says_what_it_is() {
    let world = World::new();
    let who = world.get("/whoami").expect(200).json;
    assert_eq!((&who["role"], &who["instance"]), (&json!("Owner"), &Value::Null));
    let key = world.key(Privilege::ReadOnly);
    let who = world.ask(&key, Method::Get, "/whoami", &[], None).expect(200).json;
    assert_eq!((&who["role"], &who["instance"]["name"]), (&json!("ReadOnly"), &json!("acme")));
    assert_eq!(who["label"], "ReadOnly");
    assert_eq!(who["expires_at"], Value::Null);
    world.ask("rca1_x", Method::Get, "/whoami", &[], None).expect(401);
}

#[test]
fn the_server_says_what_it_is() {
    let world = World::new();
    world.clock.pass(90_500);
    let key = world.key(Privilege::ReadOnly);
    let server = world.ask(&key, Method::Get, "/server", &[], None).expect(200).json;
    assert_eq!(server["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(server["uptime_seconds"], 90);
    let user = json!({ "name": "User", "endpoint": "/Users", "schema": scim_core::schema::USER_URN });
    assert!(server["resource_types"].as_array().expect("types").contains(&user), "{server}");
    assert_eq!(server["limits"]["page_items"], 200);
}

#[test]
fn jobs_are_shown_while_they_are_under_way() {
    let world = World::new();
    let jobs = "/instances/acme/jobs";
    world.accounts(&["a", "b", "c"]);
    assert_eq!(world.all(jobs, 1), Vec::<Value>::new());
    let slice = "/instances/acme/mapping/reapply?limit=1";
    world.steer(Method::Post, slice, Some(&json!({ "apply": true }))).expect(200);
    let listed = world.all(jobs, 1);
    assert_eq!(listed.len(), 1, "{listed:?}");
    let name = listed.first().and_then(|job| job["name"].as_str()).expect("a name");
    let job = world.get(&format!("{jobs}/{name}")).expect(200).json;
    assert_eq!(Some(&job), listed.first());
    assert!(job["state"]["after"].is_string(), "{job}");
    world.get(&format!("{jobs}/nothing")).expect(404);
}

#[test]
fn pruning_goes_on_until_nothing_is_left() {
    let world = World::new();
    world.accounts(&["a", "b", "c"]);
    let prune = || world.steer(Method::Post, "/instances/acme/prune", None).expect(200).json;
    assert_eq!(prune(), json!({ "rows": 0, "more": false }));
    // The owner's key is good for 90 days, the log is kept for 30.
    world.clock.pass(40 * 86_400_000);
    let done = prune();
    assert!(done["rows"].as_u64().is_some_and(|rows| rows > 3), "{done}");
    assert_eq!(done["more"], false);
    assert_eq!(world.all("/instances/acme/log?action=imported", 50), Vec::<Value>::new());
}
