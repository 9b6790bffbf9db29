//! The provisioning log: failures with advice, explanations, reports, erasure, and the invitation that is never sent.

use serde_json::{Value, json};

use super::{Scene, disable, employee, find, path, replace};
use crate::support::{Client, USER};

/// Each refusal of a write is one failure in the log, with the reason and something to do; reads and refused keys are none.
#[test]
fn refusals_are_logged_with_advice() {
    let scene = Scene::new();
    let id = scene.idp.post("/Users", &employee("mira@acme.example", "Mira", "Kowalska")).created();
    scene
        .idp
        .post("/Users", &employee("mira@acme.example", "Mira", "Kowalska"))
        .error(409, Some("uniqueness"));
    scene.idp.patch(&path(&id), replace(&[("nonsense", json!(1))])).error(400, Some("invalidPath"));
    scene.idp.patch(&path("rubbish"), replace(&[("title", json!("x"))])).error(404, None);
    scene.idp.delete(&path("00000000-0000-7000-8000-000000000000")).error(404, None);
    scene.idp.get(&path("rubbish")).error(404, None);
    Client::new(&scene.server.address, "rubbish")
        .post("/Users", &json!({ "userName": "x" }))
        .error(401, None);
    let log = scene.log();
    let failures: Vec<&Value> = log.iter().filter(|record| record["status"] == "failure").collect();
    let actions: Vec<&str> = failures.iter().filter_map(|record| record["action"].as_str()).collect();
    assert_eq!(actions, ["created", "updated", "updated", "deleted"], "{failures:?}");
    for failure in &failures {
        for member in ["code", "message", "advice"] {
            let text = failure["error"][member].as_str();
            assert!(text.is_some_and(|text| !text.is_empty()), "{member}: {failure}");
        }
        assert_eq!(failure["key_id"].as_str().map(str::len), Some(36));
    }
    assert_eq!(failures[1]["resource"]["id"], id);
    assert!(failures[1]["error"]["message"].to_string().contains("nonsense"));
}

/// Secrets never reach the log.
#[test]
fn no_password_is_logged() {
    let scene = Scene::new();
    scene.run(&["connector", "create", "keeps", "--keep-passwords"]);
    let keeps = scene.server.client("acme", "keeps");
    let mut person = employee("mira@acme.example", "Mira", "Kowalska");
    person["password"] = json!("correct horse battery");
    let id = keeps.post("/Users", &person).created();
    keeps.patch(&path(&id), replace(&[("password", json!("staple tower lemon"))]));
    keeps.post("/Users", &person).error(409, Some("uniqueness"));
    let log = scene.run(&["log", "--format", "jsonl"]);
    for secret in ["correct horse", "staple tower", "$argon2", keeps.token.as_str()] {
        assert!(!log.contains(secret), "{secret}");
    }
    assert!(!scene.run(&["account", "show", "mira@acme.example", "--json"]).contains("argon2"));
}

/// Where each value comes from.
#[test]
fn a_value_is_explained() {
    let scene = Scene::new();
    let id = scene.idp.post("/Users", &employee("mira@acme.example", "Mira", "Kowalska")).created();
    assert!([200, 204].contains(&scene.idp.patch(&path(&id), replace(&[("title", json!("Pilot"))])).status));
    assert!([200, 204].contains(&scene.idp.patch(&path(&id), disable()).status));
    let told = scene.run(&["explain", "mira@acme.example"]);
    let line =
        |of: &str| told.lines().find(|line| line.contains(of)).unwrap_or_else(|| panic!("{of}: {told}"));
    let request = |action: &str| {
        let record = scene.logged(action).pop().expect("in the log");
        record["request_id"].as_str().expect("an id").to_owned()
    };
    let title = line("ScimSyncJobTitle");
    for part in ["Pilot", "default", "Engineer"] {
        assert!(title.contains(part), "value, connector and value before: {part}: {title}");
    }
    let all = scene.json(&["explain", "mira@acme.example"]).to_string();
    assert!(all.contains(&request("updated")), "the request that set the title: {all}");
    assert!(all.contains(&request("suspended")), "the request that suspended: {all}");
    assert!(all.contains(&request("created")), "the request that created: {all}");
    assert!(told.contains("suspended"), "{told}");
}

/// The report counts what the log holds.
#[test]
fn the_report_counts_what_happened() {
    let scene = Scene::new();
    scene.import(&[json!({ "UserName": "old@acme.example" })]);
    let mira = scene.idp.post("/Users", &employee("mira@acme.example", "Mira", "Kowalska")).created();
    let noor = scene.idp.post("/Users", &employee("noor@acme.example", "Noor", "Ali")).created();
    find(&scene.idp, "old@acme.example");
    scene.idp.patch(&path(&mira), replace(&[("title", json!("Pilot"))]));
    scene.idp.patch(&path(&mira), disable());
    scene.idp.delete(&path(&noor)).empty(204);
    scene
        .idp
        .post("/Users", &employee("mira@acme.example", "Mira", "Kowalska"))
        .error(409, Some("uniqueness"));
    let report = scene.json(&["report"]);
    let counted = super::counts(&report);
    let log = scene.log();
    let mut expected = std::collections::BTreeMap::new();
    for record in &log {
        let key =
            (record["action"].as_str().unwrap_or_default(), record["status"].as_str().unwrap_or_default());
        *expected.entry((key.0.to_owned(), key.1.to_owned())).or_insert(0_u64) += 1;
    }
    assert_eq!(counted, expected, "{report}");
    let of = |action: &str, status: &str| counted.get(&(action.to_owned(), status.to_owned())).copied();
    assert_eq!(of("picked_up", "success"), Some(1));
    assert_eq!(of("suspended", "success"), Some(1));
    assert_eq!(of("deleted", "success"), Some(1));
    assert_eq!(of("created", "failure"), Some(1));
}

/// A person's data is erased on demand: gone from account, resource and log, while the counts stay.
#[test]
fn erasure_keeps_the_counts() {
    let scene = Scene::new();
    let mut person = employee("mira.distinctive@acme.example", "Mira", "Distinctive");
    person["title"] = json!("Distinctive Engineer");
    let id = scene.idp.post("/Users", &person).created();
    scene.idp.patch(&path(&id), replace(&[("nickName", json!("Distinctive M"))]));
    scene.idp.post("/Users", &person).error(409, Some("uniqueness"));
    scene.idp.delete(&path(&id)).empty(204);
    let counts = || super::counts(&scene.json(&["report"]));
    let before = counts();
    assert!(scene.run(&["log", "--format", "jsonl"]).contains("Distinctive"));
    scene.run(&["account", "erase", "mira.distinctive@acme.example"]);
    let log = scene.run(&["log", "--format", "jsonl"]);
    for text in ["Distinctive", "distinctive"] {
        assert!(!log.contains(text), "{log}");
    }
    assert!(log.contains(&id), "what happened to whom stays, without what they are called");
    let after = counts();
    for (key, count) in &before {
        assert!(after.get(key) >= Some(count), "{key:?}: {before:?} {after:?}");
    }
    assert_eq!(scene.logged("erased").len(), 1);
    // Who was erased does not come back by the externalId.
    assert_ne!(scene.idp.post("/Users", &person).created(), id);
}

/// Provisioning never emits an invitation; only `account invite` does.
#[test]
fn provisioning_never_invites() {
    let scene = Scene::new();
    scene.import(&[json!({ "UserName": "old@acme.example", "Email": "old@acme.example" })]);
    let person = employee("mira@acme.example", "Mira", "Kowalska");
    let id = scene.idp.post("/Users", &person).created();
    find(&scene.idp, "old@acme.example");
    scene.idp.patch(&path(&id), disable());
    scene.idp.patch(&path(&id), replace(&[("active", json!("True"))]));
    scene.idp.delete(&path(&id)).empty(204);
    scene.idp.post("/Users", &person).created();
    scene.idp.post("/Users", &json!({ "schemas": [USER], "userName": "noor", "active": true })).created();
    scene.run(&["mapping", "reapply"]);
    let events = scene.server.events();
    for kind in
        ["account_created", "account_picked_up", "account_suspended", "sessions_ended", "account_deleted"]
    {
        assert!(events.iter().any(|event| event == kind), "{kind}: {events:?}");
    }
    assert!(!events.iter().any(|event| event == "account_invited"), "{events:?}");
    assert_eq!(scene.logged("invited").len(), 0);
    scene.run(&["account", "invite", "mira@acme.example"]);
    assert_eq!(scene.server.events().iter().filter(|event| *event == "account_invited").count(), 1);
    assert_eq!(scene.logged("invited").len(), 1);
}

/// The log by filters: person, action, status.
#[test]
fn the_log_is_searched() {
    let scene = Scene::new();
    let id = scene.idp.post("/Users", &employee("mira@acme.example", "Mira", "Kowalska")).created();
    scene.idp.post("/Users", &employee("noor@acme.example", "Noor", "Ali")).created();
    scene.idp.patch(&path(&id), disable());
    scene.idp.post("/Users", &employee("noor@acme.example", "Noor", "Ali")).error(409, Some("uniqueness"));
    let lines = |filter: &[&str]| {
        let mut command = vec!["log", "--format", "jsonl"];
        command.extend(filter);
        scene.run(&command).lines().count()
    };
    assert_eq!(lines(&["--person", "mira@acme.example"]), 2);
    assert_eq!(lines(&["--status", "failure"]), 1);
    assert_eq!(lines(&["--action", "suspended"]), 1);
    let csv = scene.run(&["log", "--format", "csv"]);
    assert!(csv.lines().count() > scene.log().len(), "a header, and at least a line for each record: {csv}");
    assert!(
        csv.lines().next().is_some_and(|head| head.contains("action") && head.contains("status")),
        "{csv}"
    );
}
