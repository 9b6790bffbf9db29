//! Accounts that the admin API changes, as identity providers and the log see them.

use serde_json::{Value, json};

use crate::support::{Answer, Server, patch, send};

/// An admin key of `acme` that may change accounts: its id and its token.
fn key(server: &Server) -> (String, String) {
    let issue = ["admin-key", "issue", "--instance", "acme", "--role", "LiteAdmin", "--json"];
    let issued: Value = serde_json::from_str(&server.run(&issue)).expect("JSON");
    let text = |name: &str| issued[name].as_str().expect("text").to_owned();
    (text("id"), text("token"))
}

/// A request to the admin API, about the instance `acme`.
fn admin(server: &Server, token: &str, method: &str, path: &str, body: Option<&Value>) -> Answer {
    let authorization = format!("Bearer {token}");
    let mut headers = vec![("Authorization", authorization.as_str())];
    let text = body.map(Value::to_string).unwrap_or_default();
    if body.is_some() {
        headers.push(("Content-Type", "application/json"));
    }
    send(&server.address, method, &format!("/admin/v1/instances/acme/{path}"), &headers, text.as_bytes())
}

#[test]
fn a_change_shows_over_scim_with_a_new_version_and_names_the_admin_key_in_the_log() {
    let server = Server::start();
    let acme = server.acme();
    let id = acme.person("mira");
    let (key_id, token) = key(&server);
    let before = acme.get(&format!("/Users/{id}"));
    let tag = before.header("etag").expect("an entity tag").to_owned();
    let change = json!({ "fields": { "DisplayName": "Mira M" }, "state": "suspended" });
    let changed = admin(&server, &token, "PATCH", &format!("accounts/{id}"), Some(&change));
    assert_eq!(changed.status, 200, "{}", String::from_utf8_lossy(&changed.body));
    assert_eq!(changed.json()["version"], 2);
    assert_eq!(changed.json()["managed"], true);

    let after = acme.get(&format!("/Users/{id}"));
    let body = after.ok(200);
    assert_eq!((&body["displayName"], &body["active"]), (&json!("Mira M"), &json!(false)));
    assert_ne!(after.header("etag"), Some(tag.as_str()));
    assert_eq!(after.header("etag"), body["meta"]["version"].as_str());
    let known = acme.send("GET", &format!("/Users/{id}"), &[("If-None-Match", &tag)], b"");
    assert_eq!(known.status, 200, "what the client has is not so any more");
    let operations = patch(json!([{ "op": "replace", "path": "displayName", "value": "Old" }]));
    acme.if_match("PATCH", &format!("/Users/{id}"), &tag, &operations).error(412, None);

    let log = server.run(&["log", "--instance", "acme", "--person", &id, "--format", "jsonl"]);
    let records: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let record = records
        .iter()
        .find(|record| record["request_id"].as_str() == changed.header("x-request-id"))
        .expect("the change is in the log, under its request");
    assert_eq!((&record["action"], &record["status"]), (&json!("suspended"), &json!("success")));
    assert_eq!(record["admin_key_id"], json!(key_id));
    assert_eq!(record["key_id"], Value::Null);
    let field = |name: &str| {
        let fields = record["fields"].as_array().expect("fields");
        fields.iter().find(|field| field["field"] == name).map(|field| field["new"].clone())
    };
    assert_eq!(field("DisplayName"), Some(json!("Mira M")));
    assert_eq!(field("State"), Some(json!("suspended")));

    server.run(&["admin-key", "revoke", &key_id]);
    let refused = admin(&server, &token, "PATCH", &format!("accounts/{id}"), Some(&change));
    assert_eq!((refused.status, refused.header("content-type")), (401, Some("application/problem+json")));
}

#[test]
fn groups_and_deletions_of_the_admin_api_show_over_scim() {
    let server = Server::start();
    let acme = server.acme();
    let (_, token) = key(&server);
    let made = |path: &str, body: Value| {
        let answer = admin(&server, &token, "POST", path, Some(&body));
        assert_eq!(answer.status, 201, "{}", String::from_utf8_lossy(&answer.body));
        answer.json()["id"].as_str().expect("an id").to_owned()
    };
    let mira = made("accounts", json!({ "fields": { "UserName": "mira" } }));
    let sales = made("groups", json!({ "display_name": "Sales", "members": ["mira"] }));
    let members = acme.get(&format!("/Groups/{sales}")).ok(200)["members"].clone();
    assert_eq!(members[0]["value"], json!(mira));
    // Both are picked up by who provisions them.
    assert_eq!(acme.person("mira"), mira);
    assert_eq!(acme.group("Sales", &[]), sales);
    let shown = admin(&server, &token, "GET", &format!("groups/{sales}"), None).json();
    assert_eq!(shown["scim_sync_id"], json!(sales));

    let deleted = admin(&server, &token, "DELETE", &format!("accounts/{mira}"), None);
    assert_eq!(deleted.status, 204);
    acme.get(&format!("/Users/{mira}")).error(404, None);
    let gone = admin(&server, &token, "GET", "accounts?state=deleted", None).json();
    assert_eq!(gone["items"][0]["id"], json!(mira));
    assert_eq!(gone["items"][0]["fields"]["UserName"], json!("mira"));
    let renamed = json!({ "display_name": "Selling" });
    let renamed = admin(&server, &token, "PATCH", &format!("groups/{sales}"), Some(&renamed));
    assert_eq!(renamed.status, 200);
    assert_eq!(acme.get(&format!("/Groups/{sales}")).ok(200)["displayName"], "Selling");
}
