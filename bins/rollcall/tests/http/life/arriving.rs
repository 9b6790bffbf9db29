//! Into scope, changed, and what becomes of a cycle whose key expires.

use serde_json::{Value, json};

use super::{Scene, employee, find, path, replace};
use crate::support::{Client, ENTERPRISE};

#[test]
fn a_person_comes_into_scope_and_can_sign_in() {
    let scene = Scene::new();
    assert_eq!(find(&scene.idp, "mira@acme.example"), (0, None));
    let id = scene.idp.post("/Users", &employee("mira@acme.example", "Mira", "Kowalska")).created();
    let account = scene.account("mira@acme.example");
    assert_eq!(account["id"], id);
    assert_eq!((&account["state"], &account["managed"]), (&json!("active"), &json!(true)));
    assert_eq!(account["scim_sync_id"], id);
    assert_eq!(account["access_role"], Value::Null, "no role: sign-in to the app only");
    assert_eq!(account.get("sessions_valid_after").unwrap_or(&Value::Null), &Value::Null);
    for (field, value) in [
        ("UserName", json!("mira@acme.example")),
        ("DisplayName", json!("Mira Kowalska")),
        ("Email", json!("mira@acme.example")),
        ("FirstName", json!("Mira")),
        ("LastName", json!("Kowalska")),
        ("OfficePhone", json!("+44 20 7946 0101")),
        ("MobilePhone", json!("+44 7700 900101")),
        ("ScimSyncJobTitle", json!("Engineer")),
        ("DirectManager", Value::Null),
        ("JobTitle", Value::Null),
    ] {
        assert_eq!(account["fields"][field], value, "{field}");
    }
    let created = scene.logged("created").pop().expect("in the log");
    assert_eq!(created["resource"]["id"], id);
    assert_eq!((&created["connector"], &created["user"]), (&json!("default"), &json!("integration")));
    assert!(created["request_id"].as_str().is_some_and(|id| !id.is_empty()));
}

#[test]
fn a_change_arrives_in_the_account() {
    let scene = Scene::new();
    let id = scene.idp.post("/Users", &employee("mira@acme.example", "Mira", "Kowalska")).created();
    let changes = replace(&[
        ("title", json!("Lead Engineer")),
        ("name.familyName", json!("Kowalska-Roy")),
        ("displayName", json!("Mira Kowalska-Roy")),
        ("phoneNumbers[type eq \"mobile\"].value", json!("+44 7700 900202")),
        ("emails[type eq \"work\"].value", json!("mira.roy@acme.example")),
        ("userName", json!("mira.roy@acme.example")),
    ]);
    assert!([200, 204].contains(&scene.idp.patch(&path(&id), changes).status));
    let account = scene.account("mira.roy@acme.example");
    for (field, value) in [
        ("UserName", "mira.roy@acme.example"),
        ("Email", "mira.roy@acme.example"),
        ("LastName", "Kowalska-Roy"),
        ("FirstName", "Mira"),
        ("DisplayName", "Mira Kowalska-Roy"),
        ("MobilePhone", "+44 7700 900202"),
        ("OfficePhone", "+44 20 7946 0101"),
        ("ScimSyncJobTitle", "Lead Engineer"),
    ] {
        assert_eq!(account["fields"][field], value, "{field}");
    }
    assert_eq!((&account["id"], &account["state"]), (&json!(id), &json!("active")));
    assert!(scene.fails(&["account", "show", "mira@acme.example"]).contains("mira@acme.example"));
    let updated = scene.logged("updated").pop().expect("in the log");
    let title =
        updated["changes"].as_array().expect("a list").iter().find(|change| change["attribute"] == "title");
    let title = title.expect("the title's change");
    assert_eq!((&title["old"], &title["new"]), (&json!("Engineer"), &json!("Lead Engineer")));
    let phones = updated["changes"].as_array().expect("a list").iter();
    let phones =
        phones.clone().find(|change| change["attribute"] == "phoneNumbers").expect("the phones' change");
    let count = |side: &str| phones[side].as_array().map(Vec::len);
    assert_eq!(
        (count("old"), count("new")),
        (Some(2), Some(2)),
        "the whole attribute on both sides: {phones}"
    );
}

/// A PUT says everything: what it leaves out is cleared.
#[test]
fn a_put_changes_the_account_too() {
    let scene = Scene::new();
    let mut body = employee("mira@acme.example", "Mira", "Kowalska");
    let id = scene.idp.post("/Users", &body).created();
    body["title"] = json!("Architect");
    body["phoneNumbers"] = json!([{ "type": "work", "value": "+44 20 7946 0303" }]);
    scene.idp.put(&path(&id), &body).ok(200);
    let account = scene.account("mira@acme.example");
    assert_eq!(account["fields"]["ScimSyncJobTitle"], "Architect");
    assert_eq!(account["fields"]["OfficePhone"], "+44 20 7946 0303");
    assert_eq!(account["fields"]["MobilePhone"], Value::Null);
    assert_eq!(account["state"], "active");
}

/// Nothing happens twice: a cycle that finds all as it is writes nothing.
#[test]
fn a_second_cycle_changes_nothing() {
    let scene = Scene::new();
    let id = scene.idp.post("/Users", &employee("mira@acme.example", "Mira", "Kowalska")).created();
    let (version, records) =
        (scene.idp.get(&path(&id)).ok(200)["meta"]["version"].clone(), scene.log().len());
    assert_eq!(find(&scene.idp, "mira@acme.example"), (1, Some(id.clone())));
    let same = replace(&[("title", json!("Engineer")), ("active", json!("True"))]);
    assert!([200, 204].contains(&scene.idp.patch(&path(&id), same).status));
    assert_eq!(scene.idp.get(&path(&id)).ok(200)["meta"]["version"], version);
    assert_eq!(scene.log().len(), records);
}

/// The key expires in the middle of a cycle. Nobody is suspended for it, and the cycle goes on with a new key where it stood.
#[test]
fn a_key_expires_in_the_middle_of_a_cycle() {
    let scene = Scene::new();
    let token = scene.run(&["key", "issue", "--user", "integration", "--expires", "1s"]);
    let expiring = Client::new(&scene.server.address, &token);
    let name = |number: usize| format!("person{number}@acme.example");
    let arrive = |idp: &Client, number: usize| match find(idp, &name(number)).1 {
        Some(id) => (200, Some(id)),
        None => {
            let answer = idp.post("/Users", &employee(&name(number), "Person", &number.to_string()));
            (answer.status, (answer.status == 201).then(|| answer.created()))
        }
    };
    let first = expiring.post("/Users", &employee(&name(0), "Person", "0"));
    // On a machine that is very slow the key may have expired before.
    let arrived = usize::from(first.status == 201);
    let refused = (0..100_000).map(|_| expiring.get("/Users?count=0")).find(|answer| answer.status != 200);
    let told = refused.expect("the key expires").error(401, None);
    assert!(told.contains("expired"), "{told}");
    let lost = expiring.post("/Users", &employee(&name(1), "Person", "1"));
    lost.error(401, None);
    assert!(
        scene.fails(&["account", "show", &name(1)]).contains(&name(1)),
        "nothing was done for an expired key"
    );
    for number in 0..arrived {
        assert_eq!(scene.state(&name(number)), "active", "an expired key suspends nobody");
    }
    // The administrator pastes a new key: the cycle finds who is there and creates the others, nobody twice.
    let ids: Vec<_> = (0..3).map(|number| arrive(&scene.idp, number)).collect();
    for (number, (status, id)) in ids.iter().enumerate() {
        assert_eq!(*status, if number < arrived { 200 } else { 201 });
        assert_eq!(scene.account(&name(number))["id"].as_str(), id.as_deref());
    }
    assert_eq!(scene.idp.get("/Users?count=0").ok(200)["totalResults"], 3);
    assert_eq!(scene.logged("created").len(), 3);
}

/// What the default mapping does not carry stays in the SCIM resource, and touches no field.
#[test]
fn attributes_outside_the_mapping_touch_no_field() {
    let scene = Scene::new();
    let id = scene.idp.post("/Users", &employee("mira@acme.example", "Mira", "Kowalska")).created();
    let before = scene.account("mira@acme.example")["fields"].clone();
    let department = format!("{ENTERPRISE}:department");
    let changed = replace(&[(&department, json!("Sales")), ("nickName", json!("Mi"))]);
    assert!([200, 204].contains(&scene.idp.patch(&path(&id), changed).status));
    assert_eq!(scene.idp.get(&path(&id)).ok(200)[ENTERPRISE]["department"], "Sales");
    assert_eq!(scene.account("mira@acme.example")["fields"], before);
}
