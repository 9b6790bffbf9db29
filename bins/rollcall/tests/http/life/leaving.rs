//! Out of scope, disabled, deleted.

use serde_json::{Value, json};

use super::{Scene, disable, employee, find, path, replace};

/// The moment before which sessions have ended.
fn sessions(account: &Value) -> String {
    account["sessions_valid_after"].as_str().unwrap_or_else(|| panic!("sessions: {account}")).to_owned()
}

#[test]
fn a_person_out_of_scope_is_suspended_and_cannot_sign_in() {
    let scene = Scene::new();
    let sent = scene.idp.post("/Users", &employee("mira@acme.example", "Mira", "Kowalska"));
    let (id, created) = (sent.created(), sent.json()["meta"]["created"].clone());
    let before = scene.account("mira@acme.example");
    assert!([200, 204].contains(&scene.idp.patch(&path(&id), disable()).status));
    let account = scene.account("mira@acme.example");
    assert_eq!((&account["state"], &account["managed"]), (&json!("suspended"), &json!(true)));
    assert_eq!(account["fields"], before["fields"], "nothing else changes");
    // ISO 8601 in UTC compares as text.
    assert!(
        sessions(&account).as_str() >= created.as_str().expect("a time"),
        "sessions from before have ended"
    );
    assert_eq!(scene.idp.get(&path(&id)).ok(200)["active"], false);
    let record = scene.logged("suspended").pop().expect("in the log");
    assert_eq!(record["resource"]["id"], id);
    // Back in scope: the same account, and sessions from before stay ended.
    let back = replace(&[("active", json!("True"))]);
    assert!([200, 204].contains(&scene.idp.patch(&path(&id), back).status));
    let again = scene.account("mira@acme.example");
    assert_eq!((&again["state"], &again["id"]), (&json!("active"), &json!(id)));
    assert_eq!(sessions(&again), sessions(&account));
    assert_eq!(scene.logged("reactivated").len(), 1);
}

/// Every way in which `active` says no.
#[test]
fn a_disabled_person_is_suspended() {
    let scene = Scene::new();
    let person = employee("mira@acme.example", "Mira", "Kowalska");
    let id = scene.idp.post("/Users", &person).created();
    for operations in [
        json!([{ "op": "Replace", "path": "active", "value": "False" }]),
        json!([{ "op": "replace", "path": "active", "value": false }]),
        json!([{ "op": "replace", "value": { "active": false } }]),
        json!([{ "op": "Add", "path": "active", "value": "false" }]),
    ] {
        assert!([200, 204].contains(&scene.idp.patch(&path(&id), operations.clone()).status));
        assert_eq!(scene.state("mira@acme.example"), "suspended", "{operations}");
        let on = replace(&[("active", json!(true))]);
        assert!([200, 204].contains(&scene.idp.patch(&path(&id), on).status));
        assert_eq!(scene.state("mira@acme.example"), "active");
    }
    let mut off = person;
    off["active"] = json!(false);
    scene.idp.put(&path(&id), &off).ok(200);
    assert_eq!(scene.state("mira@acme.example"), "suspended");
    // Clearing `active` unlocks nobody.
    scene.idp.patch(&path(&id), json!([{ "op": "remove", "path": "active" }]));
    assert_eq!(scene.state("mira@acme.example"), "suspended");
    assert_eq!((scene.logged("suspended").len(), scene.logged("reactivated").len()), (5, 4));
}

/// Somebody who arrives disabled has an account, and cannot sign in with it.
#[test]
fn a_person_who_arrives_disabled() {
    let scene = Scene::new();
    let mut person = employee("mira@acme.example", "Mira", "Kowalska");
    person["active"] = json!("False");
    scene.idp.post("/Users", &person).created();
    assert_eq!(scene.state("mira@acme.example"), "suspended");
}

#[test]
fn a_deleted_person_is_deleted_and_the_name_is_free() {
    let scene = Scene::new();
    let id = scene.idp.post("/Users", &employee("mira@acme.example", "Mira", "Kowalska")).created();
    let group = scene.idp.group("Engines", &[&id]);
    // Entra disables first, and deletes weeks later.
    assert!([200, 204].contains(&scene.idp.patch(&path(&id), disable()).status));
    scene.idp.delete(&path(&id)).empty(204);
    let account = scene.account("mira@acme.example");
    assert_eq!((&account["state"], &account["id"]), (&json!("deleted"), &json!(id)));
    scene.idp.get(&path(&id)).error(404, None);
    scene.idp.delete(&path(&id)).error(404, None);
    assert_eq!(find(&scene.idp, "mira@acme.example"), (0, None));
    let members = scene.idp.get(&format!("/Groups/{group}")).ok(200)["members"].clone();
    assert!(members.as_array().is_none_or(Vec::is_empty), "{members}");
    assert_eq!(scene.logged("deleted").len(), 1);
    // Somebody else of that name is somebody else.
    let mut namesake = employee("mira@acme.example", "Mira", "Khan");
    namesake["externalId"] = json!("another person");
    let other = scene.idp.post("/Users", &namesake).created();
    assert_ne!(other, id);
    let account = scene.account("mira@acme.example");
    assert_eq!((&account["id"], &account["fields"]["LastName"]), (&json!(other), &json!("Khan")));
    assert_eq!(account["state"], "active");
}

/// Memberships outlive a suspension, not a deletion.
#[test]
fn a_suspended_person_stays_in_groups() {
    let scene = Scene::new();
    let id = scene.idp.post("/Users", &employee("mira@acme.example", "Mira", "Kowalska")).created();
    scene.idp.group("Engines", &[&id]);
    scene.idp.patch(&path(&id), disable());
    let members = scene.json(&["group", "show", "Engines"])["members"].clone();
    assert_eq!(members.as_array().map(Vec::len), Some(1), "{members}");
}

/// A request about somebody who is gone fails, is logged with advice, and brings nobody back.
#[test]
fn a_change_of_somebody_who_is_gone() {
    let scene = Scene::new();
    let id = scene.idp.post("/Users", &employee("mira@acme.example", "Mira", "Kowalska")).created();
    scene.idp.delete(&path(&id)).empty(204);
    scene.idp.patch(&path(&id), replace(&[("title", json!("Ghost"))])).error(404, None);
    assert_eq!(scene.state("mira@acme.example"), "deleted");
    let failure = scene.failure();
    assert_eq!((&failure["action"], &failure["resource"]["id"]), (&json!("updated"), &json!(id)));
}
