//! User names that somebody has: in the instance, in another one, or an integration user.

use serde_json::{Value, json};

use super::{Scene, employee, find, path, replace};

/// Names are unique among instances of this profile: whoever has the name is told nothing about.
#[test]
fn a_name_is_taken_in_another_instance() {
    let scene = Scene::of("adaptivework");
    scene.server.run(&["instance", "create", "globex", "--profile", "adaptivework"]);
    let globex = scene.server.client("globex", "default");
    globex.post("/Users", &employee("mira@acme.example", "Mira", "Secretperson")).created();
    let there = scene.server.run(&["log", "--instance", "globex", "--format", "jsonl"]);

    assert_eq!(find(&scene.idp, "mira@acme.example"), (0, None));
    let answer = scene.idp.post("/Users", &employee("MIRA@acme.example", "Mira", "Kowalska"));
    let told = answer.error(409, Some("uniqueness"));
    let failure = scene.failure();
    assert_eq!((&failure["action"], &failure["error"]["code"]), (&json!("created"), &json!("uniqueness")));
    assert_eq!(failure["resource"]["name"], "MIRA@acme.example");
    let advice = failure["error"]["advice"].as_str().expect("advice");
    assert!(advice.len() > 20, "{advice}");
    for said in [&told, &failure.to_string()] {
        assert!(
            !said.contains("globex") && !said.contains("Secretperson"),
            "nothing about the other: {said}"
        );
    }
    assert!(scene.fails(&["account", "show", "mira@acme.example"]).contains("mira"));
    assert_eq!(
        scene.server.run(&["log", "--instance", "globex", "--format", "jsonl"]),
        there,
        "nothing happened there"
    );
    // A rename runs into it as well, and changes nothing.
    let id = scene.idp.post("/Users", &employee("noor@acme.example", "Noor", "Ali")).created();
    scene
        .idp
        .patch(&path(&id), replace(&[("userName", json!("mira@acme.example"))]))
        .error(409, Some("uniqueness"));
    assert_eq!(scene.field("noor@acme.example", "UserName"), "noor@acme.example");
    // The name is free once the other instance gives it up.
    let (_, other) = find(&globex, "mira@acme.example");
    globex.delete(&path(&other.expect("there"))).empty(204);
    scene.idp.post("/Users", &employee("mira@acme.example", "Mira", "Kowalska")).created();
}

/// Who is picked up by a search keeps the name among instances.
#[test]
fn picking_up_keeps_the_name() {
    let scene = Scene::of("adaptivework");
    scene.server.run(&["instance", "create", "globex", "--profile", "adaptivework"]);
    let globex = scene.server.client("globex", "default");
    scene.import(&[json!({ "UserName": "mira@acme.example" })]);
    assert_eq!(find(&scene.idp, "mira@acme.example").0, 1);
    assert_eq!(scene.logged("picked_up").len(), 1);
    globex.post("/Users", &employee("mira@acme.example", "Mira", "Other")).error(409, Some("uniqueness"));
}

/// `instance set --user-names`: refused it claims nothing, and switched back it gives all names up.
#[test]
fn names_are_shared_and_given_up() {
    let scene = Scene::new();
    scene.server.run(&["instance", "create", "globex"]);
    let globex = scene.server.client("globex", "default");
    for name in ["mira@acme.example", "noor@acme.example"] {
        scene.idp.post("/Users", &employee(name, "A", "Person")).created();
    }
    globex.post("/Users", &employee("MIRA@acme.example", "Mira", "Other")).created();
    globex.post("/Users", &employee("only@acme.example", "Only", "Here")).created();
    let set = |name: &str, names: &str| {
        let output = scene.server.output(&["instance", "set", name, "--user-names", names]);
        let (status, _, said) = crate::support::outcome(&output);
        (status, said)
    };
    assert_eq!(set("acme", "server").0, Some(0));
    let (status, said) = set("globex", "server");
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("MIRA@acme.example") && !said.contains("only@"), "{said}");
    // What the refused instance has is not kept from others.
    scene.idp.post("/Users", &employee("only@acme.example", "Only", "There")).created();
    assert_eq!(set("acme", "instance").0, Some(0));
    assert_eq!(set("globex", "server").0, Some(0), "nobody else has the names now");
    assert_eq!(set("acme", "server").0, Some(1));
}

/// In the profile `standard` each instance has names of its own.
#[test]
fn names_are_an_instances_own_by_default() {
    let scene = Scene::new();
    scene.server.run(&["instance", "create", "globex"]);
    let globex = scene.server.client("globex", "default");
    let ours = scene.idp.post("/Users", &employee("mira@acme.example", "Mira", "Kowalska")).created();
    assert_ne!(globex.post("/Users", &employee("mira@acme.example", "Mira", "Other")).created(), ours);
}

/// Integration users are nobody over SCIM: not found, not created, not taken over.
#[test]
fn an_integration_user_is_not_a_person() {
    let scene = Scene::new();
    assert_eq!(find(&scene.idp, "integration"), (0, None));
    for name in ["integration", "INTEGRATION"] {
        let told =
            scene.idp.post("/Users", &employee(name, "Inte", "Gration")).error(409, Some("uniqueness"));
        assert!(told.contains("integration user"), "{told}");
    }
    let failure = scene.failure();
    assert!(failure["error"]["advice"].as_str().is_some_and(|advice| advice.contains("scope")), "{failure}");
    let id = scene.idp.post("/Users", &employee("mira@acme.example", "Mira", "Kowalska")).created();
    scene
        .idp
        .patch(&path(&id), replace(&[("userName", json!("integration"))]))
        .error(409, Some("uniqueness"));
    assert_eq!(scene.field("mira@acme.example", "UserName"), "mira@acme.example");
    assert_eq!(scene.idp.get("/Users?count=0").ok(200)["totalResults"], 1);
    assert!(scene.fails(&["account", "show", "integration"]).contains("integration"));
}

/// A name that a managed account has: 409, a failure with advice, and the account stays as it is.
#[test]
fn a_name_is_taken_in_the_instance() {
    let scene = Scene::new();
    let id = scene.idp.post("/Users", &employee("mira@acme.example", "Mira", "Kowalska")).created();
    let before = scene.account("mira@acme.example");
    let mut twin = employee("mira@acme.example", "Mira", "Khan");
    twin["externalId"] = json!("somebody else");
    let told = scene.idp.post("/Users", &twin).error(409, Some("uniqueness"));
    assert!(told.contains("userName"), "{told}");
    let failure = scene.failure();
    assert_eq!((&failure["action"], &failure["status"]), (&json!("created"), &json!("failure")));
    assert_eq!(failure["resource"]["name"], "mira@acme.example");
    assert_eq!(scene.account("mira@acme.example"), before);
    assert_eq!(before["id"], id);
    let other = scene.idp.post("/Users", &employee("noor@acme.example", "Noor", "Ali")).created();
    scene
        .idp
        .patch(&path(&other), replace(&[("userName", json!("Mira@acme.example"))]))
        .error(409, Some("uniqueness"));
    assert_eq!(scene.field("noor@acme.example", "UserName"), "noor@acme.example");
    assert_eq!(scene.failure()["resource"]["id"], other);
}

/// Two people swap names by way of a third one, as identity providers do.
#[test]
fn a_name_that_is_given_up_is_free() {
    let scene = Scene::new();
    let mira = scene.idp.post("/Users", &employee("mira@acme.example", "Mira", "Kowalska")).created();
    let noor = scene.idp.post("/Users", &employee("noor@acme.example", "Noor", "Ali")).created();
    let rename = |id: &str, to: &str| {
        let answer = scene.idp.patch(&path(id), replace(&[("userName", json!(to))]));
        assert!([200, 204].contains(&answer.status), "{to}: {}", answer.status);
    };
    rename(&mira, "swap@acme.example");
    rename(&noor, "mira@acme.example");
    rename(&mira, "noor@acme.example");
    assert_eq!(scene.account("mira@acme.example")["id"], noor);
    assert_eq!(scene.account("noor@acme.example")["id"], mira);
    assert!(scene.fails(&["account", "show", "swap@acme.example"]).contains("swap"));
    assert_eq!(scene.field("noor@acme.example", "LastName"), Value::from("Kowalska"));
}
