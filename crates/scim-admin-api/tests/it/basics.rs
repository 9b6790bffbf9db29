//! Who is let in where, what is not there, lists, entity tags, and the description.

use scim_directory::Privilege;
use scim_provider::Method;
use serde_json::json;

use crate::world::World;

#[test]
fn a_key_is_needed() {
    let world = World::new();
    let send = |key: &str| world.send(key, Method::Get, "/instances", &[], "");
    send(&world.owner).expect(200);
    let other_end = format!("{}A", &world.owner[..world.owner.len() - 1]);
    for wrong in ["", "x", "rca1_", &other_end] {
        let refused = send(wrong).expect_problem(401, "unauthorized", "");
        assert!(refused.header("www-authenticate").starts_with("Bearer"));
    }
}

#[test]
fn keys_of_identity_providers_do_not_open_it() {
    let world = World::new();
    let issued = world.post("/instances/acme/keys", &json!({ "user": "integration" })).expect(201);
    let token = issued.at("/token").to_owned();
    world.send(&token, Method::Get, "/instances", &[], "").expect_problem(401, "unauthorized", "");
}

#[test]
fn an_instance_that_the_key_does_not_reach_is_not_there() {
    let world = World::new();
    let (globex, globex_key) = world.stranger("globex");
    let unknown = world.send(&globex_key, Method::Get, "/instances/nowhere", &[], "").expect(404);
    for name in ["acme".to_owned(), world.acme.id.to_string()] {
        let foreign =
            world.send(&globex_key, Method::Get, &format!("/instances/{name}"), &[], "").expect(404);
        assert_eq!(foreign.text().replace(&name, "nowhere"), unknown.text());
        // The role does not show either.
        let reader = world.key(Privilege::ReadOnly);
        let path = format!("/instances/{}/settings", globex.id);
        world.send(&reader, Method::Patch, &path, &[], "{}").expect_problem(404, "not_found", "");
    }
    let seen = world.send(&globex_key, Method::Get, "/instances", &[], "").expect(200);
    assert_eq!((seen.at("/items/0/name"), seen.json["items"].as_array().map(Vec::len)), ("globex", Some(1)));
    world.send(&globex_key, Method::Post, "/instances", &[], "{\"name\":\"mine\"}").expect_problem(
        403,
        "forbidden",
        "",
    );
}

#[test]
fn a_role_opens_what_is_its_own() {
    let world = World::new();
    let path = "/instances/acme/settings";
    let reader = world.key(Privilege::ReadOnly);
    world.send(&reader, Method::Get, path, &[], "").expect(200);
    let refused =
        world.send(&reader, Method::Patch, path, &[], "{\"seats\":3}").expect_problem(403, "forbidden", "");
    assert!(refused.at("/detail").contains("Admin"), "{}", refused.text());
    world.send(&world.key(Privilege::Admin), Method::Patch, path, &[], "{\"seats\":3}").expect(200);
    assert_eq!(world.get(path).json["seats"], 3);
}

/// Each endpoint is asked for with each role: whether it answers 403 follows from its own least role.
#[test]
fn every_endpoint_holds_its_role() {
    let world = World::new();
    let roles = [Privilege::ReadOnly, Privilege::LiteAdmin, Privilege::Admin, Privilege::Owner];
    let keys: Vec<_> = roles.into_iter().map(|role| (role, world.key(role))).collect();
    let mut asked = 0;
    for endpoint in world.api.endpoints() {
        let path = endpoint.path.replace("{instance}", "acme");
        let path: String = path
            .split('/')
            .map(|part| if part.starts_with('{') { "/none" } else { part })
            .fold(String::new(), |path, part| {
                if part.is_empty() || part.starts_with('/') { path + part } else { path + "/" + part }
            });
        for (role, key) in &keys {
            let status = world.send(key, endpoint.method, &path, &[], "").status;
            let refused = endpoint.server || *role < endpoint.role;
            assert_eq!(status == 403, refused, "{endpoint:?} by {role:?}: {status}");
            assert!(status < 500, "{endpoint:?} by {role:?}: {status}");
            asked += 1;
        }
        world.send("", endpoint.method, &path, &[], "").expect_problem(401, "unauthorized", "");
    }
    assert!(asked >= 100);
}

#[test]
fn other_paths_and_methods() {
    let world = World::new();
    world.get("/nothing").expect_problem(404, "not_found", "");
    world.get("/instances/").expect_problem(404, "not_found", "");
    let wrong = world.delete("/instances/acme/settings").expect_problem(405, "method_not_allowed", "");
    assert_eq!(wrong.header("allow"), "GET, PATCH, HEAD");
}

#[test]
fn bodies_are_read_strictly() {
    let world = World::new();
    let send = |headers: &[(&str, &str)], body: &str| {
        world.send(&world.owner, Method::Post, "/instances", headers, body)
    };
    send(&[], "{\"name\":\"x\",\"colour\":1}").expect_problem(422, "invalid", "/colour");
    send(&[], "{\"name\":1}").expect_problem(422, "invalid", "/name");
    send(&[], "{}").expect_problem(422, "invalid", "");
    send(&[], "{\"name\":\"x\"").expect_problem(400, "malformed", "");
    send(&[], "{\"name\":\"x\",\"name\":\"y\"}").expect_problem(400, "malformed", "");
    send(&[("content-type", "text/plain")], "{}").expect_problem(415, "unsupported_media_type", "");
    send(&[], &"[".repeat(100)).expect_problem(400, "malformed", "");
    world.send(&world.owner, Method::Get, "/instances", &[], "{}").expect_problem(400, "malformed", "");
    world.get("/instances?limit=0").expect_problem(422, "invalid", "limit");
    world.get("/instances?limit=x").expect_problem(422, "invalid", "limit");
    world.get("/instances?colour=x").expect_problem(422, "invalid", "colour");
    world.get("/instances?cursor=x").expect_problem(422, "invalid", "cursor");
    world.post("/instances", &json!({ "name": "acme" })).expect_problem(409, "conflict", "");
}

#[test]
fn lists_come_in_pages() {
    let world = World::new();
    for number in 0..7 {
        world.post("/instances", &json!({ "name": format!("instance {number}") })).expect(201);
    }
    let names = |limit| -> Vec<String> {
        let all = world.all("/instances", limit);
        all.iter().filter_map(|item| item["name"].as_str()).map(str::to_owned).collect()
    };
    assert_eq!(names(1).len(), 8);
    assert_eq!((names(3), names(8)), (names(1), names(200)));
    // A cursor is good for its own list alone.
    let next = world.get("/instances?limit=1").at("/next").to_owned();
    world.get(&format!("/instances/acme/connectors?cursor={next}")).expect_problem(422, "invalid", "cursor");
}

#[test]
fn entity_tags_guard_against_lost_updates() {
    let world = World::new();
    let path = "/instances/acme/settings";
    let tag = world.get(path).header("etag").to_owned();
    let with = |name: &str, tag: &str, method, body: &str| {
        world.send(&world.owner, method, path, &[(name, tag)], body)
    };
    with("if-none-match", &tag, Method::Get, "").expect(304);
    with("if-match", &tag, Method::Patch, "{\"seats\":5}").expect(200);
    with("if-match", &tag, Method::Patch, "{\"seats\":6}").expect_problem(412, "precondition_failed", "");
    with("if-none-match", &tag, Method::Get, "").expect(200);
    assert_eq!(world.get(path).json["seats"], 5);
    world.patch(path, &json!({ "seats": null })).expect(200);
    assert!(world.get(path).json["seats"].is_null());
    world.patch(path, &json!({ "retention_days": 0 })).expect(422);
    world.patch(path, &json!({ "seat": 1 })).expect_problem(422, "invalid", "/seat");
}

#[test]
fn a_change_is_logged_with_the_key_and_the_request() {
    let world = World::new();
    world.patch("/instances/acme/settings", &json!({ "seats": 9 })).expect(200);
    let query = scim_storage::JournalQuery { limit: 1, newest_first: true, ..Default::default() };
    let page = pollster::block_on(world.admin.log(&world.acme, &query)).expect("a page");
    let entry = page.entries.first().expect("an entry");
    assert_eq!(
        (entry.record.action, entry.request_id.as_str()),
        (scim_directory::Action::SettingsChanged, "request")
    );
    assert!(entry.actor.admin.is_some());
}

#[test]
fn the_description_has_every_endpoint_and_no_loose_end() {
    let world = World::new();
    let answer = world.send("", Method::Get, "/openapi.json", &[], "").expect(200);
    assert_eq!(answer.json["openapi"], "3.1.0");
    for endpoint in world.api.endpoints() {
        let method = endpoint.method.name().to_lowercase();
        let operation = &answer.json["paths"][endpoint.path][&method];
        assert_eq!(operation["operationId"], endpoint.id, "{endpoint:?}");
    }
    let (text, mut at) = (answer.text(), 0);
    while let Some(found) = text[at..].find("#/components/schemas/") {
        let name = &text[at + found + "#/components/schemas/".len()..];
        let name = &name[..name.find('"').expect("an end")];
        assert!(answer.json["components"]["schemas"].get(name).is_some(), "{name} is not described");
        at += found + 1;
    }
}
