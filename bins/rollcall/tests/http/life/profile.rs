//! The profile `email-username`: what is required, and that the e-mail address is the user name.

use serde_json::json;

use super::{Scene, employee, path, replace};
use crate::support::USER;

#[test]
fn a_missing_value_is_named() {
    let scene = Scene::of("email-username");
    let refused = |without: &str, named: &str| {
        let mut person = employee("mira@acme.example", "Mira", "Kowalska");
        match without.split_once('.') {
            Some((attribute, part)) => person[attribute].as_object_mut().expect("an object").remove(part),
            None => person.as_object_mut().expect("an object").remove(without),
        };
        let told = scene.idp.post("/Users", &person).error(400, Some("invalidValue"));
        assert!(told.contains(named), "{without}: {told}");
        let failure = scene.failure();
        assert_eq!(failure["error"]["code"], "required");
        assert_eq!(failure["resource"]["name"], "mira@acme.example");
        assert!(
            failure["error"]["advice"].as_str().is_some_and(|advice| advice.contains("identity provider"))
        );
    };
    refused("name.familyName", "name.familyName");
    refused("name.givenName", "name.givenName");
    refused("emails", "emails");
    // Nothing is half done, and several at once are named at once.
    let told = scene.idp.post("/Users", &json!({ "schemas": [USER], "userName": "mira@acme.example" }));
    let told = told.error(400, Some("invalidValue"));
    for named in ["LastName", "FirstName", "Email"] {
        assert!(told.contains(named), "{named}: {told}");
    }
    assert!(scene.fails(&["account", "show", "mira@acme.example"]).contains("mira"));
    let id = scene.idp.post("/Users", &employee("mira@acme.example", "Mira", "Kowalska")).created();
    scene
        .idp
        .patch(&path(&id), json!([{ "op": "Remove", "path": "name.familyName" }]))
        .error(400, Some("invalidValue"));
    scene
        .idp
        .patch(&path(&id), replace(&[("name.familyName", json!("  "))]))
        .error(400, Some("invalidValue"));
    assert_eq!(scene.field("mira@acme.example", "LastName"), "Kowalska");
}

#[test]
fn the_user_name_is_the_email_address() {
    let scene = Scene::of("email-username");
    let mut person = employee("mira@acme.example", "Mira", "Kowalska");
    person["userName"] = json!("mkowalska");
    let told = scene.idp.post("/Users", &person).error(400, Some("invalidValue"));
    assert!(told.contains("userName") && told.contains("emails"), "{told}");
    assert_eq!(scene.failure()["error"]["code"], "user_name_is_email");
    // In another letter case it is the same.
    person["userName"] = json!("Mira@Acme.example");
    let id = scene.idp.post("/Users", &person).created();
    let email = replace(&[("emails[type eq \"work\"].value", json!("mira.roy@acme.example"))]);
    scene.idp.patch(&path(&id), email).error(400, Some("invalidValue"));
    assert_eq!(scene.field("mira@acme.example", "Email"), "mira@acme.example");
    // Both at once is a change of name.
    let both = replace(&[
        ("userName", json!("mira.roy@acme.example")),
        ("emails[type eq \"work\"].value", json!("mira.roy@acme.example")),
    ]);
    assert!([200, 204].contains(&scene.idp.patch(&path(&id), both).status));
    assert_eq!(scene.field("mira.roy@acme.example", "Email"), "mira.roy@acme.example");
}

/// Whoever lacks a value can always be locked out.
#[test]
fn a_suspension_requires_nothing() {
    let scene = Scene::of("email-username");
    scene.import(&[json!({ "UserName": "old@acme.example" })]);
    let id = scene.account("old@acme.example")["id"].as_str().expect("an id").to_owned();
    assert!([200, 204].contains(&scene.idp.patch(&path(&id), super::disable()).status));
    assert_eq!(scene.state("old@acme.example"), "suspended");
}

/// The profile `standard` asks for a user name and nothing else.
#[test]
fn the_standard_profile_requires_a_user_name() {
    let scene = Scene::new();
    let told = scene.idp.post("/Users", &json!({ "schemas": [USER], "displayName": "Mira" }));
    assert!(told.error(400, Some("invalidValue")).contains("userName"));
    scene.idp.post("/Users", &json!({ "schemas": [USER], "userName": "mira" })).created();
}

/// The profile `adaptivework`: the job title goes to a text field.
#[test]
fn the_job_title_is_a_text() {
    let scene = Scene::of("adaptivework");
    scene.idp.post("/Users", &employee("mira@acme.example", "Mira", "Kowalska")).created();
    let account = scene.account("mira@acme.example");
    assert_eq!(account["fields"]["ScimSyncJobTitle"], "Engineer");
    assert_eq!(
        account["fields"]["JobTitle"],
        serde_json::Value::Null,
        "the object is a workflow rule's to link"
    );
}
