//! Several identity providers on one instance: who manages a person decides about that person's life.

use serde_json::json;

use super::{Scene, disable, employee, find, path, replace};

#[test]
fn only_the_managing_connector_may_suspend_or_delete() {
    let scene = Scene::new();
    let other = scene.other("okta");
    let id = scene.idp.post("/Users", &employee("mira@acme.example", "Mira", "Kowalska")).created();
    assert_eq!(find(&other, "mira@acme.example"), (1, Some(id.clone())));
    for answer in [other.patch(&path(&id), disable()), other.delete(&path(&id))] {
        let told = answer.error(403, None);
        assert!(told.contains("connector"), "{told}");
    }
    assert_eq!(scene.state("mira@acme.example"), "active");
    let log = scene.log();
    let failures: Vec<_> = log.iter().filter(|record| record["status"] == "failure").collect();
    assert_eq!(failures.len(), 2);
    for failure in failures {
        assert_eq!(
            (&failure["connector"], &failure["error"]["code"]),
            (&json!("okta"), &json!("managed_elsewhere"))
        );
        assert!(
            failure["error"]["advice"].as_str().is_some_and(|advice| advice.contains("scope")),
            "{failure}"
        );
    }
    // Fields are anybody's: the last writer wins, and the log shows who.
    let title = replace(&[("title", json!("Pilot"))]);
    assert!([200, 204].contains(&other.patch(&path(&id), title).status));
    assert_eq!(scene.field("mira@acme.example", "ScimSyncJobTitle"), "Pilot");
    assert_eq!(scene.logged("updated").pop().expect("in the log")["connector"], "okta");
    // Suspended by its own connector, it is not let in again by the other one.
    assert!([200, 204].contains(&scene.idp.patch(&path(&id), disable()).status));
    other.patch(&path(&id), replace(&[("active", json!("True"))])).error(403, None);
    assert_eq!(scene.state("mira@acme.example"), "suspended");
    scene.idp.delete(&path(&id)).empty(204);
}

/// An `externalId` belongs to the connector that gave it.
#[test]
fn external_ids_are_the_connectors_own() {
    let scene = Scene::new();
    let other = scene.other("okta");
    let id = scene.idp.post("/Users", &employee("mira@acme.example", "Mira", "Kowalska")).created();
    assert_eq!(scene.idp.get(&path(&id)).ok(200)["externalId"], "e-mira@acme.example");
    assert_eq!(other.get(&path(&id)).ok(200).get("externalId"), None);
    // Nobody comes back for a connector that never had them.
    scene.idp.delete(&path(&id)).empty(204);
    assert_ne!(other.post("/Users", &employee("mira@acme.example", "Mira", "Kowalska")).created(), id);
}
