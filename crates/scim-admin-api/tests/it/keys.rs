//! Keys of identity providers, and admin keys.

use scim_directory::Privilege;
use scim_provider::Method;
use serde_json::json;

use crate::world::World;

#[test]
fn a_key_is_issued_changed_and_revoked() {
    let world = World::new();
    let issued =
        world.post("/instances/acme/keys", &json!({ "user": "integration", "scopes": ["users:read"] }));
    let issued = issued.expect(201);
    assert!(issued.at("/token").starts_with("rck1_"));
    let path = format!("/instances/acme/keys/{}", issued.at("/key/id"));
    let shown = world.get(&path).expect(200);
    assert_eq!((shown.at("/state"), shown.json["scopes"][0].as_str()), ("active", Some("users:read")));
    assert!(!shown.text().contains(issued.at("/token")));

    let tag = shown.header("etag").to_owned();
    let patch =
        |tag: &str, body: &str| world.send(&world.owner, Method::Patch, &path, &[("if-match", tag)], body);
    patch(&tag, "{\"networks\":[\"192.0.2.0/24\"],\"expires_at\":null}").expect(200);
    patch(&tag, "{\"networks\":[]}").expect_problem(412, "precondition_failed", "");
    world.patch(&path, &json!({ "expires_at": "tomorrow" })).expect_problem(422, "invalid", "/expires_at");
    world.patch(&path, &json!({ "expires_at": "2001-01-01T00:00:00Z" })).expect(422);

    world.delete(&path).expect(204);
    assert_eq!(world.get(&path).at("/state"), "revoked");
    world.get("/instances/acme/keys/none").expect_problem(404, "not_found", "");
    world.post("/instances/acme/keys", &json!({ "user": "nobody" })).expect_problem(404, "not_found", "");
    world
        .post("/instances/acme/keys", &json!({ "user": "integration", "expires_in_days": 0 }))
        .expect_problem(422, "invalid", "/expires_in_days");
}

#[test]
fn keys_of_another_instance_are_not_there() {
    let world = World::new();
    let (_, stranger) = world.stranger("globex");
    let issued = world.post("/instances/acme/keys", &json!({ "user": "integration" })).expect(201);
    let path = format!("/instances/globex/keys/{}", issued.at("/key/id"));
    for (method, body) in [(Method::Get, ""), (Method::Patch, "{}"), (Method::Delete, "")] {
        world.send(&stranger, method, &path, &[], body).expect_problem(404, "not_found", "");
    }
    assert!(world.all("/instances/globex/keys", 10).is_empty());
}

#[test]
fn admin_keys_are_issued_within_reach_and_end_at_once() {
    let world = World::new();
    let owner = world.key(Privilege::Owner);
    let send = |key: &str, method, path: &str, body: &str| world.send(key, method, path, &[], body);
    let path = "/instances/acme/admin-keys";
    let issued = send(&owner, Method::Post, path, "{\"role\":\"Admin\",\"label\":\"console\"}").expect(201);
    let (token, id) = (issued.at("/token").to_owned(), issued.at("/admin_key/id").to_owned());
    assert!(token.starts_with("rca1_"));
    send(&token, Method::Get, path, "").expect(200);
    send(&token, Method::Post, path, "{\"role\":\"Admin\",\"label\":\"x\"}").expect_problem(
        403,
        "forbidden",
        "",
    );
    send(&owner, Method::Post, path, "{\"role\":\"King\",\"label\":\"x\"}")
        .expect_problem(422, "invalid", "/role");
    // Keys of the server are out of reach.
    send(&owner, Method::Get, "/admin-keys", "").expect_problem(403, "forbidden", "");
    world.get(&format!("/admin-keys/{id}")).expect_problem(404, "not_found", "");

    send(&owner, Method::Delete, &format!("{path}/{id}"), "").expect(204);
    let refused = send(&token, Method::Get, path, "").expect_problem(401, "unauthorized", "");
    assert!(refused.at("/detail").contains("revoked"));
    assert_eq!(world.get(&format!("{path}/{id}")).at("/state"), "revoked");
}

#[test]
fn an_admin_key_expires() {
    let world = World::new();
    let body = json!({ "role": "ReadOnly", "label": "a day", "expires_in_days": 1 });
    let token = world.post("/admin-keys", &body).expect(201).at("/token").to_owned();
    world.send(&token, Method::Get, "/instances", &[], "").expect(200);
    world.clock.pass(86_400_000);
    let refused =
        world.send(&token, Method::Get, "/instances", &[], "").expect_problem(401, "unauthorized", "");
    assert!(refused.at("/detail").contains("expired"));
}
