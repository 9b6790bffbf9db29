//! Connectors, integration users and fields.

use scim_directory::Privilege;
use scim_provider::Method;
use serde_json::json;

use crate::world::World;

#[test]
fn a_connector_shows_what_is_copied_and_can_be_changed() {
    let world = World::new();
    let made =
        world.post("/instances/acme/connectors", &json!({ "name": "okta", "profile": "email-username" }));
    let made = made.expect(201);
    let id = made.at("/id").to_owned();
    assert_eq!(
        (made.at("/scim_url"), made.at("/connector_scim_url")),
        ("https://rollcall.example/scim/v2", &*format!("https://rollcall.example/c/{id}/scim/v2"))
    );
    assert!(made.header("location").ends_with(&format!("/connectors/{id}")));
    assert_eq!(
        (made.at("/user_name"), made.at("/settings/role_ceiling")),
        ("integration", "EnterpriseAdmin")
    );

    let path = "/instances/acme/connectors/okta";
    let change = json!({ "dialect": "strict", "settings": { "rate": { "per_second": 30, "burst": 60 }, "networks": ["192.0.2.0/24"] } });
    let changed = world.patch(path, &change).expect(200);
    assert_eq!((changed.at("/dialect"), changed.at("/settings/networks/0")), ("strict", "192.0.2.0/24"));
    // What was not named stays.
    assert_eq!(changed.json["settings"]["guard"], json!({ "people": 500, "percent": 20 }));
    let by_id = world.get(&format!("/instances/acme/connectors/{id}")).expect(200);
    assert_eq!(by_id.json, changed.json);
    let changed = world.patch(path, &json!({ "settings": { "guard": null, "rate": null } })).expect(200);
    assert!(changed.json["settings"]["rate"].is_null());

    world.patch(path, &json!({ "settings": { "guard": { "people": 1 } } })).expect_problem(
        422,
        "invalid",
        "/settings/guard",
    );
    world.patch(path, &json!({ "settings": { "rate": { "per_second": 0, "burst": 1 } } })).expect(422);
    world.patch(path, &json!({ "settings": { "networks": ["here"] } })).expect_problem(
        422,
        "invalid",
        "/settings/networks/0",
    );
    let nobody = json!({ "issuer": "https://idp", "audience": "a", "subject": "s", "jwks_uri": "https://idp/keys", "user": id });
    world.patch(path, &json!({ "settings": { "ways_in": { "issuer": nobody } } })).expect(422);
    world.get("/instances/acme/connectors/none").expect_problem(404, "not_found", "");
    world.post("/instances/acme/connectors", &json!({ "name": "okta" })).expect_problem(409, "conflict", "");
}

#[test]
fn an_integration_user_is_suspended_and_activated() {
    let world = World::new();
    let path = "/instances/acme/integration-users/integration";
    let tag = world.get(path).header("etag").to_owned();
    let changed =
        world.send(&world.owner, Method::Patch, path, &[("if-match", &tag)], "{\"suspended\":true}");
    assert_eq!(changed.expect(200).json["suspended"], true);
    world.send(&world.owner, Method::Patch, path, &[("if-match", &tag)], "{\"suspended\":false}").expect(412);
    let refused = world.post("/instances/acme/keys", &json!({ "user": "integration" })).expect(422);
    assert!(refused.at("/detail").contains("suspended"), "{}", refused.text());
    world.patch(path, &json!({ "email": "nobody" })).expect(422);
    world
        .post("/instances/acme/integration-users", &json!({ "name": "second", "email": "it@example.com" }))
        .expect(201);
    assert_eq!(world.all("/instances/acme/integration-users", 1).len(), 2);
}

#[test]
fn nobody_gives_more_than_they_have() {
    let world = World::new();
    let admin = world.key(Privilege::Admin);
    let send = |method, path: &str, body: &str| world.send(&admin, method, path, &[], body);
    let owner = "{\"name\":\"boss\",\"privilege\":\"Owner\"}";
    send(Method::Post, "/instances/acme/integration-users", owner).expect_problem(
        422,
        "invalid",
        "/privilege",
    );
    send(Method::Patch, "/instances/acme/integration-users/integration", "{\"privilege\":\"Owner\"}")
        .expect_problem(422, "invalid", "/privilege");
}

#[test]
fn fields_are_declared_and_forgotten() {
    let world = World::new();
    let path = "/instances/acme/fields/BadgeColour";
    world.get(path).expect_problem(404, "not_found", "");
    let declared = world
        .send(&world.owner, Method::Put, path, &[], "{\"max_chars\":10,\"allowed\":[\"red\"]}")
        .expect(200);
    assert_eq!((declared.at("/holds"), declared.json["custom"].as_bool()), ("text", Some(true)));
    assert_eq!(world.all("/instances/acme/fields", 7).last().expect("a field")["name"], "BadgeColour");
    world.send(&world.owner, Method::Put, "/instances/acme/fields/State", &[], "{}").expect(422);
    world.delete(path).expect(204);
    world.delete(path).expect_problem(404, "not_found", "");
}

#[test]
fn profiles_propose_settings() {
    let world = World::new();
    let profiles = world.get("/profiles").expect(200);
    assert_eq!(profiles.at("/items/1/settings/user_names"), "server");
}
