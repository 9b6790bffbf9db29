//! The clock is set back by an hour: order, versions and expiry stay right.

use serde_json::{Value, json};

use crate::bed::{Bed, Engine};
use crate::support::{Answer, encoded, patch, person};
use crate::wire::Wire;

/// More than the tolerance of anything that reads a clock.
const HOUR: i64 = 1;

fn sent(wire: &Wire, method: &str, path: &str, body: Option<&Value>) -> Answer {
    wire.send("clock", method, path, &[], body).expect("answered")
}

fn created(wire: &Wire, name: &str) -> String {
    sent(wire, "POST", "/Users", Some(&person(name))).created()
}

/// Gives a person a title; the version and the moment of the change.
fn titled(wire: &Wire, id: &str, title: &str) -> (String, String) {
    let change = patch(json!([{ "op": "replace", "path": "title", "value": title }]));
    let body = sent(wire, "PATCH", &format!("/Users/{id}"), Some(&change)).ok(200);
    let text = |name: &str| body["meta"][name].as_str().expect("text").to_owned();
    (text("version"), text("lastModified"))
}

/// The records of the log, in the order in which it gives them: user name and new title.
fn log(bed: &Bed, more: &[&str]) -> Vec<(String, String)> {
    let arguments =
        [&["log", "--instance", "acme", "--format", "jsonl", "--action", "updated"], more].concat();
    let record = |line: &str| {
        let record: Value = serde_json::from_str(line).expect("JSON");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (text(&record["resource"]["name"]), text(&record["changes"][0]["new"]))
    };
    bed.run(&arguments).lines().map(record).collect()
}

fn stays_right(engine: Engine) {
    let Some(bed) = Bed::new(engine) else { return };
    let (bed, clock) = bed.by_clock();
    let issue = || -> Value {
        let issue =
            ["key", "issue", "--instance", "acme", "--user", "integration", "--expires", "2h", "--json"];
        serde_json::from_str(&bed.run(&issue)).expect("JSON")
    };
    let revoked = issue();
    bed.run(&["key", "revoke", revoked["id"].as_str().expect("an id")]);
    let (token, short) = (bed.token(), issue());
    let short = short["token"].as_str().expect("a token");
    let node = bed.node();
    let wire = node.wire(&token);
    let first = created(&wire, "first@example.com");
    let before = titled(&wire, &first, "one");
    assert_eq!(before.0, "W/\"2\"");
    let names: Vec<String> = (0..4).map(|number| format!("page{number}@example.com")).collect();
    names.iter().for_each(|name| drop(created(&wire, name)));
    let page = sent(&wire, "GET", "/Users?count=2&cursor=", None).ok(200);

    clock.advance_hours(-HOUR);

    // Versions and preconditions.
    let after = titled(&wire, &first, "two");
    assert_eq!(after.0, "W/\"3\"", "versions go on");
    assert!(after.1 >= before.1, "a later change is not said to be earlier: {before:?}, {after:?}");
    let stale = wire.send("clock", "DELETE", &format!("/Users/{first}"), &[("If-Match", &before.0)], None);
    stale.expect("answered").error(412, None);

    // Keys: those that are in force stay so, whatever they were used for before; others do not come back.
    for token in [token.as_str(), short] {
        (0..30).for_each(|_| drop(sent(&node.wire(token), "GET", "/Users?count=1", None).ok(200)));
    }
    let revoked = node.wire(revoked["token"].as_str().expect("a token"));
    sent(&revoked, "GET", "/Users?count=1", None).error(401, None);

    // A list that was begun goes on, and has everybody once, those of the second time included.
    let late = created(&wire, "late@example.com");
    let (mut found, mut page) = (Vec::new(), page);
    loop {
        found.extend(crate::support::texts(&page["Resources"], "userName"));
        let Some(next) = page["nextCursor"].as_str() else { break };
        page = sent(&wire, "GET", &format!("/Users?count=2&cursor={}", encoded(next)), None).ok(200);
    }
    // Who was created by a later clock may stand before where the list had come to.
    found.retain(|name| name != "late@example.com");
    found.sort();
    let mut expected = names.clone();
    expected.push("first@example.com".to_owned());
    expected.sort();
    assert_eq!(found, expected);
    let all = sent(&wire, "GET", "/Users?count=100", None).ok(200);
    assert_eq!(all["totalResults"], 6);
    assert_eq!(crate::support::texts(&all["Resources"], "id").len(), 6);

    // The log has the order in which things happened, not that of the clock.
    titled(&wire, &late, "three");
    let order = [("first@example.com", "one"), ("first@example.com", "two"), ("late@example.com", "three")];
    let order = order.map(|(name, title)| (name.to_owned(), title.to_owned()));
    assert_eq!(log(&bed, &[]), order);
    let mut newest = log(&bed, &["--newest-first"]);
    newest.reverse();
    assert_eq!(newest, order);

    // A node that starts by the earlier clock.
    let again = bed.node();
    let wire = again.wire(&token);
    assert_eq!(titled(&wire, &first, "four").0, "W/\"4\"");
    assert_eq!(sent(&node.wire(&token), "GET", &format!("/Users/{first}"), None).ok(200)["title"], "four");

    // Time goes on: an end comes when it was said to come, and stays.
    clock.advance_hours(HOUR + 1);
    sent(&again.wire(short), "GET", "/Users?count=1", None).ok(200);
    clock.advance_hours(1);
    for node in [&node, &again] {
        sent(&node.wire(short), "GET", "/Users?count=1", None).error(401, None);
    }
    assert_eq!(titled(&wire, &first, "five").0, "W/\"5\"");
    assert_eq!(log(&bed, &[]).len(), 5);
}

#[test]
fn on_sqlite() {
    stays_right(Engine::Sqlite);
}

#[test]
fn on_postgresql() {
    stays_right(Engine::Postgres);
}
