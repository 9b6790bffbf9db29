//! The log in pages and in three forms, followed, and summed up.

use scim_provider::Method;
use serde_json::{Value, json};

use crate::world::World;

const PATH: &str = "/instances/acme/log";

/// A world with seven people, one of them with a name that spreadsheets would calculate.
fn world() -> World {
    let world = World::new();
    world.accounts(&["a", "b", "c", "d", "e", "f", "=1+1"]);
    world
}

#[test]
fn pages_go_to_the_end_in_both_directions() {
    let world = world();
    let all = world.all(PATH, 200);
    assert!(all.len() > 7, "{all:?}");
    for limit in [1, 3] {
        assert_eq!(world.all(PATH, limit), all);
    }
    let (mut oldest, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("{PATH}?order=oldest&limit=4{cursor}");
        let page = world.get(&path).expect(200).json;
        let items = page["items"].as_array().expect("items");
        cursor = format!("&cursor={}", page["next"].as_str().expect("always a next"));
        if items.is_empty() {
            break;
        }
        oldest.extend(items.clone());
    }
    assert_eq!(oldest, all.iter().rev().cloned().collect::<Vec<Value>>());
    // Who follows the log sees what comes, once.
    world.accounts(&["later"]);
    let page = world.get(&format!("{PATH}?order=oldest&limit=4{cursor}")).expect(200).json;
    assert_eq!(page["items"].as_array().map(Vec::len), Some(1), "{page}");
    assert_eq!(page["items"][0]["resource"]["name"], "later");
    // A cursor is of the parameters that it was given for.
    let other = world.get(&format!("{PATH}?order=oldest&action=imported{cursor}")).expect(422);
    assert_eq!(other.wrong(), ["cursor"]);
}

#[test]
fn an_empty_log_can_be_followed() {
    let world = World::new();
    let none = "/instances/acme/log?order=oldest&person=ada";
    let page = world.get(none).expect(200).json;
    let next = page["next"].as_str().expect("a next");
    world.accounts(&["ada"]);
    let page = world.get(&format!("{none}&cursor={next}")).expect(200).json;
    assert_eq!(page["items"].as_array().map(Vec::len), Some(1), "{page}");
}

#[test]
fn records_are_filtered() {
    let world = world();
    let count = |query: &str| world.all(&format!("{PATH}?{query}"), 50).len();
    assert_eq!(count("person=a"), 1);
    assert_eq!(count("person=nobody"), 0);
    assert_eq!(count("action=imported"), 7);
    assert_eq!(count("action=imported&status=failure"), 0);
    assert_eq!(count("action=imported,instance_created&status=success,held"), 8);
    assert_eq!(count("until=2020-01-01T00:00:00Z"), 0);
    assert_eq!(count("from=2020-01-01T00:00:00Z&action=imported"), 7);
    assert_eq!(count("connector=default"), 0);
    let check = |query: &str, expected: &str| {
        let refused = world.get(&format!("{PATH}?{query}")).expect(422);
        assert_eq!(refused.wrong(), [expected], "{}", refused.text());
    };
    check("action=danced", "action");
    check("action=", "action");
    check("status=odd", "status");
    check("from=yesterday", "from");
    check("until=1", "until");
    check("connector=none", "connector");
    check("person=a&group=b", "group");
    check("order=random", "order");
    check("format=xml", "format");
    check("limit=0", "limit");
    check("limit=201", "limit");
    check("cursor=x", "cursor");
}

#[test]
fn other_forms_say_the_same() {
    let world = world();
    let owner = world.owner.clone();
    let pages = world.get(&format!("{PATH}?limit=3")).expect(200).json;
    for lines in [
        world.get(&format!("{PATH}?limit=3&format=jsonl")).expect(200),
        world
            .ask(&owner, Method::Get, &format!("{PATH}?limit=3"), &[("accept", "application/x-ndjson")], None)
            .expect(200),
    ] {
        assert_eq!(lines.header("content-type"), "application/x-ndjson");
        let read: Vec<Value> =
            lines.text().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(json!(read), pages["items"]);
        let next = lines.header("x-next-cursor");
        let rest = world.get(&format!("{PATH}?limit=200&format=jsonl&cursor={next}")).expect(200);
        assert_eq!(rest.header("x-next-cursor"), "");
    }
    let csv = world.get(&format!("{PATH}?limit=200&format=csv")).expect(200);
    assert!(csv.header("content-type").starts_with("text/csv"));
    assert!(csv.text().starts_with("at,instance,action,status,"), "{}", csv.text());
    assert!(csv.text().contains(",'=1+1,"), "{}", csv.text());
    let first = world.get(&format!("{PATH}?limit=1&format=csv")).expect(200);
    let cursor = first.header("x-next-cursor");
    let second = world.get(&format!("{PATH}?limit=1&format=csv&cursor={cursor}")).expect(200);
    assert!(!second.text().contains("resource_type"), "the header stands once: {}", second.text());
}

#[test]
fn changes_by_the_api_name_the_key_and_the_request() {
    let world = World::new();
    world.steer(Method::Delete, "/instances/acme/mapping", None).expect(200);
    let who = world.get("/whoami").expect(200).json;
    let saved = world.get(&format!("{PATH}?action=mapping_saved")).expect(200).json;
    assert_eq!(saved["items"][0]["admin_key_id"], who["id"]);
    assert_eq!(saved["items"][0]["request_id"], "request");
}

#[test]
fn the_server_has_a_log_of_its_own() {
    let world = World::new();
    let log = world.all("/log", 10);
    assert!(log.iter().any(|record| record["action"] == "admin_key_issued"), "{log:?}");
    assert!(log.iter().all(|record| record["instance"].is_null()));
    let csv = world.get("/log?format=csv").expect(200);
    assert!(csv.text().contains("admin_key_issued"), "{}", csv.text());
}

#[test]
fn a_report_counts() {
    let world = world();
    let report = world.get("/instances/acme/report").expect(200).json;
    assert_eq!(
        (&report["instance"], &report["from"], &report["failed"]),
        (&json!("acme"), &Value::Null, &json!(0))
    );
    assert_eq!(report["actions"]["imported"], json!({ "success": 7 }));
    assert_eq!(report["people"], json!({ "imported": 7 }));
    let none = world.get("/instances/acme/report?until=2020-01-01T00:00:00Z").expect(200).json;
    assert_eq!((&none["actions"], &none["until"]), (&json!({}), &json!("2020-01-01T00:00:00.000Z")));
    assert_eq!(world.get("/instances/acme/report?from=x").expect(422).wrong(), ["from"]);
}
