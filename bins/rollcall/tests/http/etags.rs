//! Versions (RFC 7644 §3.14, RFC 7232): who may read and write what they have seen before.

use serde_json::{Value, json};

use crate::support::{Answer, Client, Server, USER, group, person};

fn version(client: &Client, path: &str) -> String {
    let answer = client.get(path);
    let body = answer.ok(200);
    assert_eq!(answer.header("etag"), body["meta"]["version"].as_str());
    answer.header("etag").expect("a tag").to_owned()
}

fn title(value: &str) -> Value {
    crate::support::patch(json!([{ "op": "replace", "path": "title", "value": value }]))
}

#[track_caller]
fn not_modified(answer: &Answer, tag: &str) {
    answer.empty(304);
    assert_eq!(answer.header("etag"), Some(tag));
}

#[test]
fn if_none_match() {
    let server = Server::start();
    let acme = server.acme();
    let path = format!("/Users/{}", acme.person("ada"));
    let tag = version(&acme, &path);
    assert!(tag.starts_with("W/\""), "{tag}");
    let strong = tag.trim_start_matches("W/");
    let get = |header: &str| acme.send("GET", &path, &[("If-None-Match", header)], b"");
    for same in [tag.as_str(), strong, "*", &format!("\"x\", {tag}"), &format!("W/\"0\",{strong} , W/\"9\"")]
    {
        not_modified(&get(same), &tag);
        let head = acme.send("HEAD", &path, &[("If-None-Match", same)], b"");
        not_modified(&head, &tag);
    }
    for other in ["W/\"0\"", "\"x\"", "", "rubbish", "W/\"", ","] {
        get(other).ok(200);
    }
    acme.patch(&path, json!([{ "op": "replace", "path": "title", "value": "Countess" }])).ok(200);
    get(&tag).ok(200);
    acme.send("GET", "/Users/nobody", &[("If-None-Match", "*")], b"").error(404, None);
}

/// RFC 7232 §3.2: on a write, a match is 412, so that `*` means "only where there is nothing yet".
#[test]
fn if_none_match_on_writes() {
    let server = Server::start();
    let acme = server.acme();
    let path = format!("/Users/{}", acme.person("ada"));
    let tag = version(&acme, &path);
    for (method, body) in [("PUT", person("eve")), ("PATCH", title("x")), ("DELETE", json!({}))] {
        for header in ["*", &tag] {
            acme.send(method, &path, &[("If-None-Match", header)], body.to_string().as_bytes())
                .error(412, None);
        }
    }
    assert_eq!(version(&acme, &path), tag);
    let body = title("x").to_string();
    acme.send("PATCH", &path, &[("If-None-Match", "\"other\"")], body.as_bytes()).ok(200);
}

#[test]
fn if_match() {
    let server = Server::start();
    let acme = server.acme();
    let path = format!("/Users/{}", acme.person("ada"));
    let first = version(&acme, &path);
    let changed = acme.if_match("PATCH", &path, &first, &title("a"));
    changed.ok(200);
    let second = changed.header("etag").expect("a tag").to_owned();
    assert_ne!(first, second);
    for (method, body) in [("PUT", person("ada")), ("PATCH", title("b")), ("DELETE", json!({}))] {
        for stale in [first.as_str(), "W/\"0\"", "\"x\"", "", ",", "W/\"\""] {
            let detail = acme.if_match(method, &path, stale, &body).error(412, None);
            assert!(detail.contains(&second), "{detail}");
        }
    }
    assert_eq!(version(&acme, &path), second, "nothing was written");
    // The last of several fields counts as much as the first.
    let both = [("If-Match", "\"x\""), ("If-Match", second.as_str())];
    let third = acme.send("PATCH", &path, &both, title("c").to_string().as_bytes());
    third.ok(200);
    let strong = third.header("etag").expect("a tag").trim_start_matches("W/").to_owned();
    acme.if_match("PATCH", &path, &format!("W/\"0\", {strong}"), &title("d")).ok(200);
    acme.if_match("PUT", &path, "*", &person("ada")).ok(200);
    acme.send("PATCH", &path, &[("If-Match", "\"\u{e9}\"")], title("e").to_string().as_bytes())
        .error(400, None);
    acme.if_match("DELETE", &path, &version(&acme, &path), &json!({})).empty(204);
    for header in ["*", &second] {
        acme.if_match("DELETE", &path, header, &json!({})).error(404, None);
    }
}

#[test]
fn a_version_in_a_write_answer_is_the_one_of_the_next_read() {
    let server = Server::start();
    let acme = server.acme();
    let created = acme.post("/Users", &person("ada"));
    let path = format!("/Users/{}", created.created());
    assert_eq!(created.header("etag"), Some(version(&acme, &path).as_str()));
    let body = json!({ "schemas": [USER], "userName": "ada", "title": "Countess" });
    for _ in 0..2 {
        let put = acme.put(&path, &body);
        assert_eq!(put.ok(200), acme.get(&path).ok(200));
        assert_eq!(put.header("etag"), Some(version(&acme, &path).as_str()));
    }
    let patched = acme.patch(&path, json!([{ "op": "remove", "path": "title" }]));
    assert_eq!(patched.ok(200), acme.get(&path).ok(200));
}

#[test]
fn what_changes_nothing_keeps_version_and_time() {
    let server = Server::start();
    let acme = server.acme();
    let body = json!({
        "schemas": [USER], "userName": "ada", "externalId": "x-1", "title": "Countess", "active": true,
        "emails": [{ "value": "ada@example.com", "type": "work", "primary": true }]
    });
    let user = acme.post("/Users", &body).created();
    let path = format!("/Users/{user}");
    let before = acme.get(&path).ok(200);
    assert_eq!(acme.put(&path, &body).ok(200), before);
    assert_eq!(acme.put(&path, &before).ok(200), before, "what was read can be written back");
    for operations in [
        json!([]),
        json!([{ "op": "replace", "path": "title", "value": "Countess" }]),
        json!([{ "op": "add", "path": "emails", "value": [{ "value": "ada@example.com", "type": "work", "primary": true }] }]),
        json!([{ "op": "Replace", "value": { "active": "True", "externalId": "x-1" } }]),
        json!([{ "op": "remove", "path": "nickName" }]),
        json!([{ "op": "add", "path": "title", "value": "x" }, { "op": "add", "path": "title", "value": "Countess" }]),
        json!([{ "op": "add", "path": "password", "value": "secret" }]),
    ] {
        assert_eq!(acme.patch(&path, operations.clone()).ok(200), before, "{operations}");
    }
    let engines = acme.group("Engines", &[&user]);
    let path = format!("/Groups/{engines}");
    let before = acme.get(&path).ok(200);
    for operations in [
        json!([]),
        json!([{ "op": "add", "path": "members", "value": [{ "value": user }] }]),
        json!([{ "op": "remove", "path": "members", "value": [{ "value": "nobody" }] }]),
        json!([{ "op": "replace", "path": "members", "value": [{ "value": user }] }]),
        json!([{ "op": "replace", "path": "displayName", "value": "Engines" }]),
    ] {
        assert_eq!(acme.patch(&path, operations.clone()).ok(200), before, "{operations}");
    }
    assert_eq!(acme.put(&path, &group("Engines", &[&user])).ok(200), before);
}

#[test]
fn groups_move_with_their_members_and_people_with_their_groups() {
    let server = Server::start();
    let acme = server.acme();
    let (ada, bob) = (acme.person("ada"), acme.person("bob"));
    let engines = acme.group("Engines", &[]);
    let (person_path, group_path) = (format!("/Users/{ada}"), format!("/Groups/{engines}"));
    let (person_before, group_before) = (version(&acme, &person_path), version(&acme, &group_path));
    let add = json!([{ "op": "add", "path": "members", "value": [{ "value": ada }] }]);
    let patched = acme.patch(&group_path, add.clone());
    patched.ok(200);
    let (person_after, group_after) = (version(&acme, &person_path), version(&acme, &group_path));
    assert_ne!(group_after, group_before);
    assert_ne!(person_after, person_before);
    assert_eq!(patched.header("etag"), Some(group_after.as_str()));
    // The person reads differently now …
    acme.send("GET", &person_path, &[("If-None-Match", &person_before)], b"").ok(200);
    // … but is the same to write to: membership is not part of what a writer sees.
    acme.if_match("PATCH", &person_path, &person_before, &title("Countess")).ok(200);
    // A group is written with all of its members: an old version is stale.
    let stale =
        crate::support::patch(json!([{ "op": "add", "path": "members", "value": [{ "value": bob }] }]));
    acme.if_match("PATCH", &group_path, &group_before, &stale).error(412, None);
    acme.if_match("PUT", &group_path, &group_before, &group("Engines", &[])).error(412, None);
    acme.if_match("DELETE", &group_path, &group_before, &json!({})).error(412, None);
    acme.if_match("PATCH", &group_path, &group_after, &stale).ok(200);
    // Every way out moves them, too.
    let (person_before, group_before) = (version(&acme, &person_path), version(&acme, &group_path));
    acme.delete(&format!("/Users/{bob}")).empty(204);
    assert_ne!(version(&acme, &group_path), group_before);
    acme.delete(&group_path).empty(204);
    let after = version(&acme, &person_path);
    assert_ne!(after, person_before);
    // Counting does not begin again: a tag never means two states.
    let again = acme.group("Engines again", &[&ada]);
    let joined = version(&acme, &person_path);
    acme.delete(&format!("/Groups/{again}")).empty(204);
    let tags = [person_before, after, joined, version(&acme, &person_path)];
    let distinct: std::collections::HashSet<_> = tags.iter().collect();
    assert_eq!(distinct.len(), tags.len(), "{tags:?}");
}

#[test]
fn renaming_a_member_changes_what_a_group_shows_not_who_may_write_it() {
    let server = Server::start();
    let acme = server.acme();
    let ada = acme.person("ada");
    let path = format!("/Groups/{}", acme.group("Engines", &[&ada]));
    let tag = version(&acme, &path);
    acme.patch(&format!("/Users/{ada}"), json!([{ "op": "add", "path": "displayName", "value": "Ada" }]))
        .ok(200);
    let body = acme.get(&path).ok(200);
    assert_eq!(body["members"][0]["display"], "Ada");
    acme.if_match("PUT", &path, &tag, &group("Engines", &[&ada])).ok(200);
}
