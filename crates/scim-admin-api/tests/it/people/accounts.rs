//! Accounts: made, listed, changed, deleted, as the application does.

use scim_directory::Privilege;
use serde_json::{Value, json};

use super::town::Town;

const NOBODY: &str = "00000000-0000-7000-8000-000000000000";

/// The user names of items.
fn names(items: &[Value]) -> Vec<&str> {
    items.iter().filter_map(|item| item["fields"]["UserName"].as_str()).collect()
}

#[test]
fn an_account_is_made_unmanaged_and_shown() {
    let town = Town::new();
    let body = json!({
        "fields": { "UserName": "mira", "DisplayName": "Mira", "Email": null },
        "state": "suspended",
        "access_role": "Admin",
    });
    let made = town.send("POST", "accounts", &body).is(201);
    let id = made.text("/id");
    let path = format!("https://rollcall.example/admin/v1/instances/{}/accounts/{id}", town.acme().id);
    assert_eq!(made.header("location"), Some(path.as_str()));
    assert_eq!(made.body["managed"], false);
    assert_eq!(made.body["scim_sync_id"], Value::Null);
    assert_eq!(made.body["state"], "suspended");
    assert_eq!(made.body["access_role"], "Admin");
    assert_eq!(made.body["fields"]["DisplayName"], "Mira");
    assert_eq!(made.body["fields"]["Email"], Value::Null);
    assert_eq!(made.body["version"], 1);
    let shown = town.get(&format!("accounts/{id}")).is(200);
    assert_eq!(shown.body, made.body);
    let same = [("if-none-match", shown.etag())];
    let same = same.each_ref().map(|(name, value)| (*name, value.as_str()));
    let key = town.key(None, Privilege::ReadOnly);
    town.send_with(&key, "GET", &format!("accounts/{id}"), &Value::Null, &same).is(304);
    let over_scim = town.scim("GET", &format!("/Users/{id}"), &Value::Null).is(200);
    assert_eq!((over_scim.text("/userName"), &over_scim.body["active"]), ("mira".to_owned(), &json!(false)));
}

#[test]
fn what_no_account_can_be_made_of_is_told_by_name() {
    let town = Town::new();
    town.account("mira");
    let refused = |body: Value, status, code: &str, says: &str| {
        town.send("POST", "accounts", &body).refused(status, code, says)
    };
    refused(json!({ "fields": {} }), 422, "invalid", "UserName");
    refused(json!({ "fields": { "UserName": "MIRA" } }), 409, "conflict", "userName");
    refused(json!({ "fields": { "UserName": "x" }, "colour": 1 }), 422, "invalid", "colour");
    refused(json!({ "fields": { "UserName": "x" }, "state": "deleted" }), 422, "invalid", "deleted");
    refused(json!({ "fields": { "UserName": "x" }, "access_role": "King" }), 422, "invalid", "King");
    let several = json!({ "fields": { "UserName": "x", "displayname": "X", "State": "active", "JobTitle": "CEO", "ScimSyncId": "1", "a/b": "x" } });
    let answer = refused(several, 422, "invalid", "");
    let pointers: Vec<&str> = answer.body["errors"]
        .as_array()
        .expect("errors")
        .iter()
        .filter_map(|error| error["pointer"].as_str())
        .collect();
    assert_eq!(
        pointers,
        ["/fields/JobTitle", "/fields/ScimSyncId", "/fields/State", "/fields/a~1b", "/fields/displayname"]
    );
    let accounts = town.pages("accounts").0;
    assert_eq!(names(&accounts), ["mira"], "nothing was made");
}

#[test]
fn a_change_shows_over_scim_with_a_new_version_and_in_the_log() {
    let town = Town::new();
    let id = town.managed("mira");
    let before = town.scim("GET", &format!("/Users/{id}"), &Value::Null).is(200);
    let one = format!("accounts/{id}");
    let read = town.get(&one).is(200);
    assert_eq!(read.body["managed"], true);
    assert_eq!(read.text("/scim_sync_id"), id);
    town.pass(1_000);
    let tag = read.etag();
    let if_match = [("if-match", tag.as_str())];
    let key = town.key(Some(town.acme()), Privilege::LiteAdmin);
    let change =
        json!({ "fields": { "DisplayName": "Mira M", "Department": "Sales" }, "access_role": "User" });
    let changed = town.send_with(&key, "PATCH", &one, &change, &if_match).is(200);
    assert_eq!(changed.body["version"], 2);
    assert_eq!(changed.text("/fields/DisplayName"), "Mira M");
    assert_eq!(changed.text("/access_role"), "User");
    assert_eq!(changed.text("/modified_at"), "2026-09-21T14:13:21.000Z");
    assert_ne!(changed.etag(), tag);
    // What was read before is not so any more.
    town.send_with(&key, "PATCH", &one, &change, &if_match).refused(412, "precondition_failed", "changed");
    town.send_with(&key, "DELETE", &one, &Value::Null, &if_match).refused(
        412,
        "precondition_failed",
        "changed",
    );
    let after = town.scim("GET", &format!("/Users/{id}"), &Value::Null).is(200);
    assert_eq!(after.text("/displayName"), "Mira M");
    assert_ne!(after.text("/meta/version"), before.text("/meta/version"));
    assert_eq!(after.header("etag"), Some(after.text("/meta/version").as_str()));
    // The same once more changes nothing.
    let again = town.send_with(&key, "PATCH", &one, &change, &[]).is(200);
    assert_eq!(again.etag(), changed.etag());
    // Null takes away, and what is not sent stays.
    let cleared = json!({ "fields": { "Department": null }, "access_role": null, "state": "suspended" });
    let cleared = town.send_with(&key, "PATCH", &one, &cleared, &[]).is(200);
    assert_eq!(cleared.body["fields"]["Department"], Value::Null);
    assert_eq!(cleared.body["access_role"], Value::Null);
    assert_eq!(cleared.text("/fields/DisplayName"), "Mira M");
    let after = town.scim("GET", &format!("/Users/{id}"), &Value::Null).is(200);
    assert_eq!(after.body["active"], false);
}

#[test]
fn a_change_that_cannot_be_is_told_by_name() {
    let town = Town::new();
    let (mira, _) = (town.account("mira"), town.account("nora"));
    let one = format!("accounts/{mira}");
    let limited = json!({ "max_chars": 3, "allowed": [] });
    town.send("PUT", "fields/Division", &limited).is(200);
    let refused = |change: Value, status, code: &str, says: &str| {
        town.send("PATCH", &one, &change).refused(status, code, says);
    };
    refused(json!({ "fields": { "UserName": "Nora" } }), 409, "conflict", "userName");
    refused(json!({ "fields": { "UserName": null } }), 422, "invalid", "UserName");
    refused(json!({ "fields": { "Division": "North" } }), 422, "invalid", "Division");
    refused(json!({ "fields": { "Shoe": "42" } }), 422, "invalid", "Shoe");
    refused(json!({ "fields": { "Shoe": null } }), 422, "invalid", "Shoe");
    refused(json!({ "fields": { "ScimSyncId": "x" } }), 422, "invalid", "ScimSyncId");
    refused(json!({ "state": null }), 422, "invalid", "state");
    refused(json!({ "state": "deleted" }), 422, "invalid", "deleted");
    refused(json!({ "version": 7 }), 422, "invalid", "version");
    refused(json!(7), 422, "invalid", "");
    assert_eq!(town.get(&one).body["version"], 1, "nothing was changed");
}

#[test]
fn a_manager_is_named_by_id_or_user_name() {
    let town = Town::new();
    let (boss, mira) = (town.managed("boss"), town.account("mira"));
    let one = format!("accounts/{mira}");
    let named = |manager: Value| {
        let change = json!({ "fields": { "DirectManager": manager } });
        town.send("PATCH", &one, &change).is(200).body["fields"]["DirectManager"].clone()
    };
    assert_eq!(named(json!("boss")), json!(boss));
    assert_eq!(named(Value::Null), Value::Null);
    assert_eq!(named(json!(boss)), json!(boss));
}

#[test]
fn lists_come_in_pages_newest_first() {
    let town = Town::new();
    let wanted: Vec<String> = (0..7).map(|number| format!("p{number}")).collect();
    for name in &wanted {
        town.account(name);
        town.pass(1);
    }
    for (limit, pages) in [(2, 4), (3, 3), (7, 1), (200, 1)] {
        let (items, took) = town.pages(&format!("accounts?limit={limit}"));
        let mut found = names(&items);
        found.reverse();
        assert_eq!(found, wanted);
        assert_eq!(took, pages, "{limit}");
    }
    for path in ["accounts?limit=0", "accounts?limit=201", "accounts?limit=x", "accounts?cursor=AAAA"] {
        town.get(path).refused(422, "invalid", "");
    }
    let cursor = town.get("accounts?limit=2").is(200).text("/next");
    for path in [
        format!("accounts?limit=2&state=active&cursor={cursor}"),
        format!("/instances/other/accounts?limit=2&cursor={cursor}"),
        format!("groups?limit=2&cursor={cursor}"),
    ] {
        town.get(&path).refused(422, "invalid", "cursor");
    }
    town.get("accounts?stat=active").refused(422, "invalid", "stat");
}

#[test]
fn lists_are_filtered_and_a_page_looks_at_so_many_at_most() {
    let town = Town::new();
    for number in 0..250 {
        town.account(&format!("p{number}"));
    }
    let rare = town.managed("rare");
    let suspended = town.account("sleeper");
    town.send("PATCH", &format!("accounts/{suspended}"), &json!({ "state": "suspended" })).is(200);
    let listed = |query: &str| {
        let items = town.pages(&format!("accounts?{query}")).0;
        items.iter().map(|item| item["id"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(listed("managed=true"), std::slice::from_ref(&rare));
    assert_eq!(listed("state=suspended&limit=1"), std::slice::from_ref(&suspended));
    assert_eq!(listed("managed=true&state=suspended"), [""; 0]);
    assert_eq!(listed("managed=false&limit=50").len(), 251);
    assert_eq!(listed("user_name=RARE"), std::slice::from_ref(&rare));
    assert_eq!(listed("user_name=rare&managed=false"), [""; 0]);
    assert_eq!(listed("user_name=nobody"), [""; 0]);
}

#[test]
fn a_page_that_comes_out_empty_is_not_the_last() {
    let town = Town::new();
    let first = town.managed("first");
    for number in 0..2_100 {
        town.account(&format!("p{number}"));
    }
    let page = town.get("accounts?managed=true").is(200);
    assert_eq!(page.body["items"], json!([]));
    let (items, pages) = town.pages("accounts?managed=true");
    assert_eq!(names(&items), ["first"]);
    assert_eq!(items[0]["id"], json!(first));
    assert_eq!(pages, 2);
}

#[test]
fn a_deleted_account_is_listed_and_shown_for_a_time() {
    let town = Town::new();
    let ids: Vec<String> = ["mira", "nora", "vera"].iter().map(|name| town.account(name)).collect();
    for id in &ids {
        town.pass(1_000);
        let tag = town.get(&format!("accounts/{id}")).is(200).etag();
        let key = town.key(Some(town.acme()), Privilege::LiteAdmin);
        let if_match = [("if-match", tag.as_str())];
        town.send_with(&key, "DELETE", &format!("accounts/{id}"), &Value::Null, &if_match).is(204);
    }
    assert_eq!(town.pages("accounts").0, [Value::Null; 0]);
    for limit in [1, 2, 3] {
        let (items, _) = town.pages(&format!("accounts?state=deleted&limit={limit}"));
        assert_eq!(names(&items), ["vera", "nora", "mira"]);
    }
    let shown = town.get(&format!("accounts/{}", ids[0])).is(200);
    assert_eq!(shown.text("/state"), "deleted");
    assert_eq!(shown.text("/deleted_at"), "2026-09-21T14:13:21.000Z");
    assert_eq!(names(&town.pages("accounts?state=deleted&user_name=NORA").0), ["nora"]);
    assert_eq!(town.pages("accounts?state=deleted&managed=true").0, [Value::Null; 0]);
    for (method, body) in [("DELETE", Value::Null), ("PATCH", json!({}))] {
        town.send(method, &format!("accounts/{}", ids[0]), &body).refused(404, "not_found", "no account");
    }
    // The name is free.
    town.account("mira");
}

#[test]
fn accounts_are_guarded() {
    let town = Town::new();
    let (mira, new) = (town.account("mira"), json!({ "fields": { "UserName": "x" } }));
    let one = format!("accounts/{mira}");
    town.guarded(Privilege::ReadOnly, "GET", "accounts", &Value::Null);
    town.guarded(Privilege::ReadOnly, "GET", &one, &Value::Null);
    town.guarded(Privilege::LiteAdmin, "POST", "accounts", &new);
    town.guarded(Privilege::LiteAdmin, "PATCH", &one, &json!({ "state": "suspended" }));
    town.guarded(Privilege::LiteAdmin, "DELETE", &one, &Value::Null);
    // Whom another instance has answers as nobody does.
    let foreign = town.get(&format!("/instances/other/accounts/{mira}")).refused(404, "not_found", "");
    let nobody = town.get(&format!("/instances/other/accounts/{NOBODY}")).refused(404, "not_found", "");
    assert_eq!(foreign.text("/detail").replace(&mira, NOBODY), nobody.text("/detail"));
    for (method, body) in [("PATCH", json!({ "state": "suspended" })), ("DELETE", Value::Null)] {
        town.send(method, &format!("/instances/other/accounts/{mira}"), &body).refused(404, "not_found", "");
    }
    town.get("accounts/mira").refused(404, "not_found", "by its id");
    assert_eq!(town.get(&one).is(200).text("/state"), "active");
}
