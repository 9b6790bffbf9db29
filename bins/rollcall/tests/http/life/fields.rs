//! Fields: what clears them, what they take, and how many seats there are.

use serde_json::{Value, json};

use super::{Scene, disable, employee, path, replace};

/// Every way in which an identity provider clears an attribute clears the fields that are mapped from it, and no other.
#[test]
fn what_is_cleared_is_cleared() {
    let scene = Scene::new();
    scene.run(&["field", "add", "BadgeColour"]);
    scene.import(&[
        json!({ "UserName": "mira@acme.example", "BadgeColour": "green", "Department": "Optics" }),
    ]);
    let id = scene.idp.post("/Users", &employee("mira@acme.example", "Mira", "Kowalska")).created();
    for operations in [
        json!([{ "op": "Remove", "path": "title" }]),
        json!([{ "op": "Replace", "path": "title", "value": "" }]),
        json!([{ "op": "replace", "path": "title", "value": null }]),
        json!([{ "op": "replace", "value": { "title": null } }]),
    ] {
        scene.idp.patch(&path(&id), replace(&[("title", json!("Pilot"))]));
        assert_eq!(scene.field("mira@acme.example", "ScimSyncJobTitle"), "Pilot");
        assert!([200, 204].contains(&scene.idp.patch(&path(&id), operations.clone()).status), "{operations}");
        assert_eq!(scene.field("mira@acme.example", "ScimSyncJobTitle"), Value::Null, "{operations}");
    }
    let phones = json!([
        { "op": "Remove", "path": "phoneNumbers[type eq \"mobile\"]" }, { "op": "Remove", "path": "name.givenName" }
    ]);
    assert!([200, 204].contains(&scene.idp.patch(&path(&id), phones).status));
    let account = scene.account("mira@acme.example");
    for (field, value) in [
        ("MobilePhone", Value::Null),
        ("FirstName", Value::Null),
        ("OfficePhone", json!("+44 20 7946 0101")),
        ("LastName", json!("Kowalska")),
        ("BadgeColour", json!("green")),
        ("Department", json!("Optics")),
    ] {
        assert_eq!(account["fields"][field], value, "{field}");
    }
}

/// A value that does not keep a field's limit: nothing is half done, and the refusal says what to do.
#[test]
fn a_field_takes_what_it_can() {
    let scene = Scene::new();
    scene.run(&["field", "add", "ScimSyncJobTitle", "--max-chars", "8"]);
    let refused = scene.idp.post("/Users", &{
        let mut person = employee("mira@acme.example", "Mira", "Kowalska");
        person["title"] = json!("Lead Engineer");
        person
    });
    let told = refused.error(400, Some("invalidValue"));
    for word in ["title", "ScimSyncJobTitle", "13", "8"] {
        assert!(told.contains(word), "{word}: {told}");
    }
    assert!(scene.fails(&["account", "show", "mira@acme.example"]).contains("mira"));
    assert_eq!(scene.failure()["error"]["code"], "field_too_long");
    let id = scene.idp.post("/Users", &employee("mira@acme.example", "Mira", "Kowalska")).created();
    let both = replace(&[("displayName", json!("Mira K.")), ("title", json!("Lead Engineer"))]);
    scene.idp.patch(&path(&id), both).error(400, Some("invalidValue"));
    let account = scene.account("mira@acme.example");
    assert_eq!(account["fields"]["ScimSyncJobTitle"], "Engineer");
    assert_eq!(account["fields"]["DisplayName"], "Mira Kowalska", "nothing is half done");
}

/// A field that cuts: the value is cut, and the log says so.
#[test]
fn a_field_may_cut() {
    let scene = Scene::new();
    scene.run(&["field", "add", "ScimSyncJobTitle", "--max-chars", "8", "--cut"]);
    let mut person = employee("mira@acme.example", "Mira", "Kowalska");
    person["title"] = json!("Lead Engineer");
    let answer = scene.idp.post("/Users", &person);
    answer.created();
    assert_eq!(answer.json()["title"], "Lead Engineer", "what was sent is shown as it was sent");
    assert_eq!(scene.field("mira@acme.example", "ScimSyncJobTitle"), "Lead Eng");
    let created = scene.logged("created").pop().expect("in the log");
    assert!(created["notes"].to_string().contains("ScimSyncJobTitle"), "{created}");
}

#[test]
fn a_field_has_allowed_values() {
    let scene = Scene::new();
    scene.run(&["field", "add", "ScimSyncJobTitle", "--allowed", "Engineer,Pilot"]);
    let id = scene.idp.post("/Users", &employee("mira@acme.example", "Mira", "Kowalska")).created();
    let told =
        scene.idp.patch(&path(&id), replace(&[("title", json!("Juggler"))])).error(400, Some("invalidValue"));
    assert!(told.contains("title") && told.contains("Engineer") && told.contains("Pilot"), "{told}");
    assert!([200, 204].contains(&scene.idp.patch(&path(&id), replace(&[("title", json!("Pilot"))])).status));
}

/// Seats are counted by active accounts: who would be one too many is refused, until somebody leaves.
#[test]
fn seats() {
    let scene = Scene::new();
    scene.server.run(&["instance", "set", "acme", "--seats", "2"]);
    let mira = scene.idp.post("/Users", &employee("mira@acme.example", "Mira", "Kowalska")).created();
    scene.idp.post("/Users", &employee("noor@acme.example", "Noor", "Ali")).created();
    let told = scene.idp.post("/Users", &employee("olu@acme.example", "Olu", "Ade")).error(403, None);
    assert!(told.contains('2') && told.contains("seats"), "{told}");
    assert_eq!(scene.failure()["error"]["code"], "seats");
    assert!(scene.fails(&["account", "show", "olu@acme.example"]).contains("olu"));
    // Nobody needs a seat who is suspended.
    let mut suspended = employee("pia@acme.example", "Pia", "Berg");
    suspended["active"] = json!(false);
    let pia = scene.idp.post("/Users", &suspended).created();
    let on = || replace(&[("active", json!("True"))]);
    scene.idp.patch(&path(&pia), on()).error(403, None);
    assert_eq!(scene.state("pia@acme.example"), "suspended");
    assert!([200, 204].contains(&scene.idp.patch(&path(&mira), disable()).status));
    assert!([200, 204].contains(&scene.idp.patch(&path(&pia), on()).status));
    scene.idp.patch(&path(&mira), on()).error(403, None);
}
