//! Somebody who was deleted comes back.

use serde_json::{Value, json};

use super::{Scene, employee, path};

#[test]
fn a_rehire_gets_the_old_account_back() {
    let scene = Scene::new();
    scene.run(&["field", "add", "BadgeColour"]);
    scene.import(&[json!({ "UserName": "mira@acme.example", "BadgeColour": "green", "CostCenter": "4711" })]);
    let id = scene.idp.post("/Users", &employee("mira@acme.example", "Mira", "Kowalska")).created();
    let group = scene.idp.group("Engines", &[&id]);
    let created = scene.idp.get(&path(&id)).ok(200)["meta"]["created"].clone();
    scene.idp.delete(&path(&id)).empty(204);
    assert_eq!(scene.state("mira@acme.example"), "deleted");
    // Rehired under another name, with less said about her: the externalId is what she is known by.
    let answer = scene.idp.post(
        "/Users",
        &json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "externalId": "e-mira@acme.example",
            "userName": "mira.roy@acme.example", "name": { "familyName": "Roy" }, "active": true
        }),
    );
    assert_eq!(answer.created(), id);
    let body = answer.json();
    assert_eq!((&body["userName"], &body["meta"]["created"]), (&json!("mira.roy@acme.example"), &created));
    assert_eq!((body.get("title"), body.get("emails")), (None, None), "the body is all there is");
    assert_eq!(body.get("groups"), None, "memberships are not restored");
    let members = scene.idp.get(&format!("/Groups/{group}")).ok(200)["members"].clone();
    assert!(members.as_array().is_none_or(Vec::is_empty), "{members}");
    let account = scene.account("mira.roy@acme.example");
    assert_eq!(
        (&account["id"], &account["state"], &account["managed"]),
        (&json!(id), &json!("active"), &json!(true))
    );
    for (field, value) in [
        ("UserName", json!("mira.roy@acme.example")),
        ("LastName", json!("Roy")),
        ("FirstName", Value::Null),
        ("ScimSyncJobTitle", Value::Null),
        ("BadgeColour", json!("green")),
        ("CostCenter", json!("4711")),
    ] {
        assert_eq!(account["fields"][field], value, "{field}");
    }
    assert_eq!(scene.logged("restored").len(), 1);
    assert_eq!(scene.idp.get("/Users?count=0").ok(200)["totalResults"], 1);
    // Gone and back once more.
    scene.idp.delete(&path(&id)).empty(204);
    assert_eq!(scene.idp.post("/Users", &employee("mira@acme.example", "Mira", "Kowalska")).created(), id);
}

/// Another externalId, or none: another person, even of the same name.
#[test]
fn only_the_external_id_brings_somebody_back() {
    let scene = Scene::new();
    let person = employee("mira@acme.example", "Mira", "Kowalska");
    let id = scene.idp.post("/Users", &person).created();
    scene.idp.delete(&path(&id)).empty(204);
    let mut without = person.clone();
    without.as_object_mut().expect("an object").remove("externalId");
    let second = scene.idp.post("/Users", &without).created();
    assert_ne!(second, id);
    // The name is taken now: who comes back has to have another one, and nothing is half done.
    scene.idp.post("/Users", &person).error(409, Some("uniqueness"));
    assert_eq!(scene.account("mira@acme.example")["id"], second);
    let mut renamed = person;
    renamed["userName"] = json!("mira.k@acme.example");
    assert_eq!(scene.idp.post("/Users", &renamed).created(), id);
}
