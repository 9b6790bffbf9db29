//! Groups and their members: made, listed, changed, deleted, as the application does.

use scim_directory::Privilege;
use serde_json::{Value, json};

use super::town::Town;

const NOBODY: &str = "00000000-0000-7000-8000-000000000000";

fn group(town: &Town, name: &str, members: &[&str]) -> String {
    let body = json!({ "display_name": name, "members": members });
    town.send("POST", "groups", &body).is(201).text("/id")
}

fn members(town: &Town, group: &str) -> Vec<String> {
    let items = town.pages(&format!("groups/{group}/members?limit=2")).0;
    items.iter().map(|item| item["id"].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn a_group_is_made_with_members_and_shown() {
    let town = Town::new();
    let (mira, nora) = (town.account("mira"), town.managed("nora"));
    let body = json!({ "display_name": "Sales", "members": [mira, "NORA", nora] });
    let made = town.send("POST", "groups", &body).is(201);
    let id = made.text("/id");
    assert_eq!(
        made.header("location"),
        Some(format!("https://rollcall.example/admin/v1/instances/{}/groups/{id}", town.acme().id).as_str())
    );
    assert_eq!((made.text("/display_name"), &made.body["managed"]), ("Sales".to_owned(), &json!(false)));
    let shown = town.get(&format!("groups/{id}")).is(200);
    assert_eq!(shown.body["waiting_for"], json!([]));
    assert_eq!(shown.etag(), made.etag());
    assert_eq!(members(&town, &id), [mira, nora]);
    let over_scim = town.scim("GET", &format!("/Groups/{id}"), &Value::Null).is(200);
    assert_eq!(over_scim.text("/displayName"), "Sales");
    assert_eq!(over_scim.body["members"].as_array().map(Vec::len), Some(2));
    let refused = |body: Value, status, code: &str, says: &str| {
        town.send("POST", "groups", &body).refused(status, code, says);
    };
    refused(json!({ "display_name": "X", "members": ["ghost"] }), 422, "invalid", "ghost");
    refused(json!({ "display_name": " " }), 422, "invalid", "display name");
    refused(json!({ "display_name": "x".repeat(1_001) }), 422, "invalid", "display name");
    refused(json!({ "members": [] }), 422, "invalid", "display_name");
    refused(json!({ "display_name": "X", "owner": 1 }), 422, "invalid", "owner");
    refused(json!({ "display_name": "X", "members": vec!["x"; 1_001] }), 422, "invalid", "members");
    assert_eq!(town.pages("groups").0.len(), 1, "nothing was made");
}

#[test]
fn group_names_are_unique_where_the_instance_wants_it() {
    let town = Town::new();
    town.send("PATCH", "settings", &json!({ "unique_group_names": false })).is(200);
    let first = group(&town, "Sales", &[]);
    assert_ne!(group(&town, "sales", &[]), first);
    town.send("PATCH", "settings", &json!({ "unique_group_names": true })).is(200);
    let other = group(&town, "Other", &[]);
    town.send("POST", "groups", &json!({ "display_name": "OTHER" })).refused(
        409,
        "conflict",
        "another group",
    );
    group(&town, "Third", &[]);
    town.send("PATCH", &format!("groups/{other}"), &json!({ "display_name": "third" })).refused(
        409,
        "conflict",
        "displayName",
    );
}

#[test]
fn a_group_gets_another_name() {
    let town = Town::new();
    let body = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "Sales" });
    let id = town.scim("POST", "/Groups", &body).is(201).text("/id");
    let one = format!("groups/{id}");
    let read = town.get(&one).is(200);
    assert_eq!(read.text("/scim_sync_id"), id);
    let (tag, key) = (read.etag(), town.key(Some(town.acme()), Privilege::LiteAdmin));
    let if_match = [("if-match", tag.as_str())];
    let change = json!({ "display_name": "Selling" });
    let changed = town.send_with(&key, "PATCH", &one, &change, &if_match).is(200);
    assert_eq!(
        (changed.text("/display_name"), changed.body["version"].as_i64()),
        ("Selling".to_owned(), Some(2))
    );
    assert_eq!(changed.body["managed"], true, "it stays managed");
    for (method, path, body) in [
        ("PATCH", one.clone(), change.clone()),
        ("DELETE", one.clone(), Value::Null),
        ("PUT", format!("{one}/members/{}", town.account("mira")), Value::Null),
        ("DELETE", format!("{one}/members/{}", town.account("nora")), Value::Null),
    ] {
        town.send_with(&key, method, &path, &body, &if_match).refused(412, "precondition_failed", "changed");
    }
    let over_scim = town.scim("GET", &format!("/Groups/{id}"), &Value::Null).is(200);
    assert_eq!(over_scim.text("/displayName"), "Selling");
    for wrong in [json!({ "display_name": null }), json!({ "display_name": "" }), json!({ "name": "x" })] {
        town.send("PATCH", &one, &wrong).refused(422, "invalid", "");
    }
}

#[test]
fn members_join_and_leave() {
    let town = Town::new();
    let people: Vec<String> = (0..5).map(|number| town.account(&format!("p{number}"))).collect();
    let (sales, all) = (group(&town, "Sales", &[]), group(&town, "All", &[]));
    let version = |group: &str| town.get(&format!("groups/{group}")).body["version"].as_i64();
    for person in &people {
        town.send("PUT", &format!("groups/{sales}/members/{person}"), &Value::Null).is(204);
    }
    assert_eq!(members(&town, &sales), people);
    assert_eq!(version(&sales), Some(6));
    town.send("PUT", &format!("groups/{sales}/members/{}", people[0]), &Value::Null).is(204);
    assert_eq!(version(&sales), Some(6), "nothing happened");
    town.send("PUT", &format!("groups/{all}/members/{sales}"), &Value::Null).is(204);
    let of_all = town.get(&format!("groups/{all}/members")).is(200);
    assert_eq!(of_all.body["items"], json!([{ "id": sales, "type": "Group", "display": "Sales" }]));
    town.send("DELETE", &format!("groups/{sales}/members/{}", people[2]), &Value::Null).is(204);
    assert_eq!(members(&town, &sales).len(), 4);
    town.send("DELETE", &format!("groups/{sales}/members/{}", people[2]), &Value::Null).is(204);
    assert_eq!(version(&sales), Some(7));
    let put = |group: &str, member: &str| {
        town.send("PUT", &format!("groups/{group}/members/{member}"), &Value::Null)
    };
    put(&sales, &sales).refused(422, "invalid", "its own member");
    put(&sales, NOBODY).refused(404, "not_found", "nobody");
    put(NOBODY, &people[0]).refused(404, "not_found", "no group");
    put(&sales, "p0").refused(404, "not_found", "by its id");
    town.send("DELETE", &format!("groups/{sales}"), &Value::Null).is(204);
    town.get(&format!("groups/{sales}")).refused(404, "not_found", "no group");
    town.get(&format!("groups/{sales}/members")).refused(404, "not_found", "no group");
    assert!(members(&town, &all).is_empty());
    assert_eq!(town.pages("accounts").0.len(), 5, "members stay");
}

#[test]
fn whom_a_group_waits_for_is_shown() {
    let town = Town::new();
    let body = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
        "displayName": "Sales",
        "members": [{ "value": "ghost" }],
    });
    let id = town.scim("POST", "/Groups", &body).is(201).text("/id");
    assert_eq!(town.get(&format!("groups/{id}")).is(200).body["waiting_for"], json!(["ghost"]));
    assert!(members(&town, &id).is_empty());
}

#[test]
fn groups_are_listed_and_guarded() {
    let town = Town::new();
    let ids: Vec<String> = (0..5)
        .map(|number| {
            town.pass(1);
            group(&town, &format!("G{number}"), &[])
        })
        .collect();
    for limit in [1, 2, 5, 200] {
        let items = town.pages(&format!("groups?limit={limit}")).0;
        let found: Vec<&str> = items.iter().rev().filter_map(|item| item["id"].as_str()).collect();
        assert_eq!(found, ids);
    }
    let named = town.pages("groups?display_name=g3").0;
    assert_eq!(named.iter().map(|item| &item["id"]).collect::<Vec<_>>(), [&json!(ids[3])]);
    assert!(town.pages("groups?display_name=none").0.is_empty());
    town.get("groups?limit=0").refused(422, "invalid", "limit");
    town.get("groups?name=x").refused(422, "invalid", "name");
    let (mira, one) = (town.account("mira"), format!("groups/{}", ids[0]));
    let member = format!("{one}/members/{mira}");
    town.guarded(Privilege::ReadOnly, "GET", "groups", &Value::Null);
    town.guarded(Privilege::ReadOnly, "GET", &one, &Value::Null);
    town.guarded(Privilege::ReadOnly, "GET", &format!("{one}/members"), &Value::Null);
    town.guarded(Privilege::LiteAdmin, "POST", "groups", &json!({ "display_name": "x" }));
    town.guarded(Privilege::LiteAdmin, "PATCH", &one, &json!({ "display_name": "x" }));
    town.guarded(Privilege::LiteAdmin, "DELETE", &one, &Value::Null);
    town.guarded(Privilege::LiteAdmin, "PUT", &member, &Value::Null);
    town.guarded(Privilege::LiteAdmin, "DELETE", &member, &Value::Null);
    let other =
        town.send("POST", "/instances/other/groups", &json!({ "display_name": "x" })).is(201).text("/id");
    for (method, path, body) in [
        ("GET", one.clone(), Value::Null),
        ("PATCH", one.clone(), json!({ "display_name": "x" })),
        ("DELETE", one.clone(), Value::Null),
        ("GET", format!("{one}/members"), Value::Null),
        ("PUT", member.clone(), Value::Null),
        ("DELETE", member, Value::Null),
        ("PUT", format!("groups/{other}/members/{mira}"), Value::Null),
    ] {
        town.send(method, &format!("/instances/other/{path}"), &body).refused(404, "not_found", "");
    }
    assert_eq!(town.get(&one).text("/display_name"), "G0");
}
