//! Workflow rules: text becomes a reference, and one field follows another.

use serde_json::{Value, json};

use super::{Scene, employee, path, replace};

fn add(scene: &Scene, rule: &Value) {
    scene.server.file("rule.json", &rule.to_string());
    scene.run(&["rule", "add", "rule.json"]);
}

/// The predefined rule links the job title object that the text names, once it is switched on.
#[test]
fn the_job_title_rule() {
    let scene = Scene::new();
    let before = scene.idp.post("/Users", &employee("mira@acme.example", "Mira", "Kowalska")).created();
    assert_eq!(scene.field("mira@acme.example", "JobTitle"), Value::Null, "off until wanted");
    scene.run(&["rule", "enable", "job-title"]);
    scene.idp.post("/Users", &employee("noor@acme.example", "Noor", "Ali")).created();
    assert_eq!(scene.field("noor@acme.example", "JobTitle"), "Engineer");
    assert!(
        [200, 204].contains(&scene.idp.patch(&path(&before), replace(&[("title", json!("Pilot"))])).status)
    );
    assert_eq!(scene.field("mira@acme.example", "JobTitle"), "Pilot");
    // The same object for everybody, in any letter case.
    assert!(
        [200, 204]
            .contains(&scene.idp.patch(&path(&before), replace(&[("title", json!("ENGINEER"))])).status)
    );
    assert_eq!(scene.field("mira@acme.example", "JobTitle"), "Engineer");
    assert_eq!(scene.logged("object_created").len(), 2, "Engineer and Pilot");
    assert!(scene.logged("rule_applied").len() >= 3);
    // Without a title there is no job title.
    scene.idp.patch(&path(&before), json!([{ "op": "remove", "path": "title" }]));
    assert_eq!(scene.field("mira@acme.example", "JobTitle"), Value::Null);
}

/// A condition, a field by expression, a group by name, a role: each in the log.
#[test]
fn a_rule_of_ones_own() {
    let scene = Scene::new();
    add(
        &scene,
        &json!({
            "name": "pilots fly",
            "when": { "field_changed": "ScimSyncJobTitle" },
            "if": "ScimSyncJobTitle sw \"Pilot\"",
            "then": [
                { "do": "set_field", "field": "CostCenter", "expression": "Append(\"fly-\", ToLower([LastName]))" },
                { "do": "add_to_group", "group": "\"Pilots\"", "unknown": "create" },
                { "do": "set_access_role", "role": "ReadOnly" },
            ],
        }),
    );
    let mira = scene.idp.post("/Users", &employee("mira@acme.example", "Mira", "Kowalska")).created();
    assert_eq!(scene.field("mira@acme.example", "CostCenter"), Value::Null, "an engineer");
    assert!(
        [200, 204].contains(&scene.idp.patch(&path(&mira), replace(&[("title", json!("Pilot II"))])).status)
    );
    let account = scene.account("mira@acme.example");
    assert_eq!(account["fields"]["CostCenter"], "fly-kowalska");
    assert_eq!(account["access_role"], "ReadOnly");
    let pilots = scene.json(&["group", "show", "Pilots"]);
    assert_eq!(pilots["managed"], false, "the application's own group");
    assert_eq!(pilots["members"].as_array().map(Vec::len), Some(1));
    assert!(!scene.logged("rule_applied").is_empty());
    let told = scene.run(&["explain", "mira@acme.example"]);
    assert!(told.contains("pilots fly"), "{told}");
}

/// An unknown name is reported or ignored, as the rule says.
#[test]
fn unknown_names_are_reported() {
    let scene = Scene::new();
    add(
        &scene,
        &json!({
            "name": "teams",
            "when": "created",
            "then": [{ "do": "add_to_group", "group": "[ScimSyncJobTitle]", "unknown": "report" }],
        }),
    );
    scene.idp.post("/Users", &employee("mira@acme.example", "Mira", "Kowalska")).created();
    let log = scene.log();
    let told = log.iter().find(|record| record["action"] == "rule_applied").expect("in the log");
    assert_eq!(told["status"], "warning");
    assert!(told.to_string().contains("Engineer"), "{told}");
}

/// What could never stop, or has nothing to act on, is refused when it is added.
#[test]
fn rules_that_make_no_sense_are_refused() {
    let scene = Scene::new();
    let set = |name: &str, from: &str, to: &str| {
        json!({
            "name": name, "when": { "field_changed": from },
            "then": [{ "do": "set_field", "field": to, "expression": format!("[{from}]") }],
        })
    };
    add(&scene, &set("one", "CostCenter", "Division"));
    for (rule, named) in [
        (set("two", "Division", "CostCenter"), "two"),
        (set("three", "Divison", "CostCenter"), "Divison"),
        (set("four", "Department", "LastName"), "LastName"),
        (set("one", "Department", "Country"), "one"),
        (
            json!({ "name": "five", "when": "created", "then": [{ "do": "set_field", "field": "Country", "expression": "Left(" }] }),
            "five",
        ),
        (
            json!({ "name": "six", "when": "created", "if": "Country zz 1", "then": [{ "do": "set_access_role", "role": "User" }] }),
            "six",
        ),
    ] {
        scene.server.file("rule.json", &rule.to_string());
        let told = scene.fails(&["rule", "add", "rule.json"]);
        assert!(told.contains(named), "{rule}: {told}");
    }
    let rules = scene.run(&["rule", "list"]);
    assert!(rules.contains("one") && !rules.contains("three"), "{rules}");
    scene.run(&["rule", "remove", "one"]);
    assert!(!scene.run(&["rule", "list"]).contains("one"));
}

/// Many people with a title that nobody had yet arrive at once: the object and the group are made once, and nobody is
/// refused for it.
#[test]
fn what_rules_make_is_made_once() {
    let scene = Scene::new();
    scene.run(&["rule", "enable", "job-title"]);
    let join = json!({ "do": "add_to_group", "group": "[ScimSyncJobTitle]", "unknown": "create" });
    add(&scene, &json!({ "name": "teams", "when": "created", "then": [join] }));
    let idp = &scene.idp;
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let arrivals: Vec<_> = (0..12)
            .map(|number| {
                let name = format!("person{number}@acme.example");
                scope.spawn(move || idp.post("/Users", &employee(&name, "Person", "Of Many")).status)
            })
            .collect();
        arrivals.into_iter().map(|arrival| arrival.join().expect("answered")).collect()
    });
    assert_eq!(statuses, [201; 12]);
    assert_eq!(scene.logged("object_created").len(), 1);
    let team = scene.json(&["group", "show", "Engineer"]);
    assert_eq!(team["members"].as_array().map(Vec::len), Some(12));
}
