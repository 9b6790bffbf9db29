//! Held suspensions and deletions: listed, let through, rejected.

use scim_directory::Privilege;
use serde_json::{Value, json};

use super::town::Town;

/// A town whose guard has held back the deletion of that many people; their ids.
fn held(count: usize) -> (Town, Vec<String>) {
    let town = Town::new();
    let guard = json!({ "settings": { "guard": { "people": 1, "percent": 1 } } });
    town.send("PATCH", "connectors/default", &guard).is(200);
    let people: Vec<String> = (0..=count).map(|number| town.managed(&format!("p{number}"))).collect();
    let mut waiting = Vec::new();
    for id in people {
        let answer = town.scim("DELETE", &format!("/Users/{id}"), &Value::Null);
        match answer.status {
            204 => {}
            503 => waiting.push(id),
            status => panic!("{status}"),
        }
        town.pass(1);
    }
    assert!(waiting.len() >= count);
    (town, waiting)
}

#[test]
fn held_changes_are_listed_and_decided() {
    let (town, people) = held(5);
    for limit in [1, 2, 200] {
        let items = town.pages(&format!("held?limit={limit}")).0;
        let about: Vec<&str> = items.iter().filter_map(|item| item["resource"]["id"].as_str()).collect();
        assert_eq!(about, people);
    }
    let items = town.pages("held").0;
    let id = |at: usize| items[at]["id"].as_str().expect("an id").to_owned();
    assert_eq!(items[0]["state"], "waiting");
    assert_eq!(items[0]["action"], "deleted");
    let decide = |at: usize, body: Value| town.send("POST", &format!("held/{}/decide", id(at)), &body);
    let released = decide(0, json!({ "decision": "release" })).is(200);
    assert_eq!(released.text("/state"), "released");
    let rejected = decide(1, json!({ "decision": "reject", "reason": "wrong scope" })).is(200);
    assert_eq!(
        (rejected.text("/state"), rejected.text("/reason")),
        ("rejected".to_owned(), "wrong scope".to_owned())
    );
    assert_eq!(town.get(&format!("held/{}", id(1))).is(200).body, rejected.body);
    let delete = |at: usize| town.scim("DELETE", &format!("/Users/{}", people[at]), &Value::Null);
    delete(0).is(204);
    let refused = delete(1).is(403);
    assert!(refused.text("/detail").contains("wrong scope"));
    delete(2).is(503);
    // What was let through and done is off the list.
    decide(0, json!({ "decision": "release" })).refused(404, "not_found", "is held");
    for (wrong, says) in [
        (json!({ "decision": "reject" }), "reason"),
        (json!({ "decision": "reject", "reason": " " }), "reason"),
        (json!({ "decision": "reject", "reason": "x".repeat(1_001) }), "reason"),
        (json!({ "decision": "release", "reason": "x" }), "reason"),
        (json!({ "decision": "wait" }), "wait"),
        (json!({}), "decision"),
    ] {
        decide(2, wrong).refused(422, "invalid", says);
    }
}

#[test]
fn held_changes_are_guarded() {
    let (town, _) = held(2);
    let id = town.get("held").text("/items/0/id");
    let (one, decide) = (format!("held/{id}"), format!("held/{id}/decide"));
    let release = json!({ "decision": "release" });
    town.guarded(Privilege::ReadOnly, "GET", "held", &Value::Null);
    town.guarded(Privilege::ReadOnly, "GET", &one, &Value::Null);
    town.guarded(Privilege::LiteAdmin, "POST", &decide, &release);
    town.get(&format!("/instances/other/{one}")).refused(404, "not_found", "is held");
    town.send("POST", &format!("/instances/other/{decide}"), &release).refused(404, "not_found", "is held");
    town.get("held/00000000-0000-0000-0000-000000000000").refused(404, "not_found", "is held");
    town.get("held/x").refused(404, "not_found", "");
    assert!(town.pages("/instances/other/held").0.is_empty());
}
