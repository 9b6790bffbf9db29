//! The mapping: seen, changed, tried, applied again, restored.

use serde_json::{Value, json};

use super::{Scene, employee, path, replace};
use crate::support::ENTERPRISE;

/// Saves the mapping with a row more, or another row for the same field.
fn save(scene: &Scene, row: &Value) {
    scene.server.file("mapping.json", &with(scene, row).to_string());
    scene.run(&["mapping", "import", "mapping.json"]);
}

fn with(scene: &Scene, row: &Value) -> Value {
    let mut mapping: Value = serde_json::from_str(&scene.run(&["mapping", "export"])).expect("JSON");
    let rows = mapping["rows"].as_array_mut().expect("rows");
    rows.retain(|other| other["field"] != row["field"]);
    rows.push(row.clone());
    mapping
}

fn display_name() -> Value {
    json!({
        "field": "DisplayName",
        "source": { "expression": "Join(\" \", ToUpper([name.familyName]), [name.givenName])" }
    })
}

#[test]
fn an_expression_is_applied_to_everybody() {
    let scene = Scene::new();
    scene.import(&[json!({ "UserName": "old@acme.example", "DisplayName": "Old Hand", "LastName": "Hand" })]);
    let id = scene.idp.post("/Users", &employee("mira@acme.example", "Mira", "Kowalska")).created();
    save(&scene, &display_name());
    assert_eq!(scene.field("mira@acme.example", "DisplayName"), "Mira Kowalska", "saved, not applied yet");
    // The next person comes by the new mapping; who changes follows it.
    scene.idp.post("/Users", &employee("noor@acme.example", "Noor", "Ali")).created();
    assert_eq!(scene.field("noor@acme.example", "DisplayName"), "ALI Noor");
    let preview = scene.run(&["mapping", "reapply", "--preview"]);
    assert!(preview.contains("KOWALSKA Mira"), "{preview}");
    assert_eq!(scene.field("mira@acme.example", "DisplayName"), "Mira Kowalska", "a preview changes nothing");
    scene.run(&["mapping", "reapply"]);
    assert_eq!(scene.field("mira@acme.example", "DisplayName"), "KOWALSKA Mira");
    assert_eq!(scene.field("old@acme.example", "DisplayName"), "Old Hand", "nobody manages this one");
    let records = scene.log().len();
    scene.run(&["mapping", "reapply"]);
    let changed =
        scene.log().into_iter().skip(records).filter(|record| record["resource"] != Value::Null).count();
    assert_eq!(changed, 0, "a second time changes nobody");
    assert!(
        [200, 204]
            .contains(&scene.idp.patch(&path(&id), replace(&[("name.familyName", json!("Roy"))])).status)
    );
    assert_eq!(scene.field("mira@acme.example", "DisplayName"), "ROY Mira");
    scene.run(&["mapping", "reset"]);
    scene.run(&["mapping", "reapply"]);
    assert_eq!(scene.field("mira@acme.example", "DisplayName"), "Mira Kowalska");
}

/// A custom field from an extension, a constant on creation, a default where nothing is sent.
#[test]
fn rows_of_every_kind() {
    let scene = Scene::new();
    scene.run(&["field", "add", "BadgeColour"]);
    save(
        &scene,
        &json!({ "field": "BadgeColour", "source": { "constant": "white" }, "apply": "on_creation" }),
    );
    save(
        &scene,
        &json!({ "field": "Department", "source": { "attribute": format!("{ENTERPRISE}:department") } }),
    );
    save(
        &scene,
        &json!({ "field": "Language", "source": { "attribute": "preferredLanguage" }, "default": "en" }),
    );
    let id = scene.idp.post("/Users", &employee("mira@acme.example", "Mira", "Kowalska")).created();
    let account = scene.account("mira@acme.example");
    for (field, value) in [("BadgeColour", "white"), ("Department", "Research"), ("Language", "en")] {
        assert_eq!(account["fields"][field], value, "{field}");
    }
    scene.idp.patch(&path(&id), replace(&[("preferredLanguage", json!("sv"))]));
    assert_eq!(scene.field("mira@acme.example", "Language"), "sv");
    scene.idp.patch(&path(&id), json!([{ "op": "remove", "path": "preferredLanguage" }]));
    assert_eq!(scene.field("mira@acme.example", "Language"), Value::Null, "a default is for creation");
}

/// A mistake is caught when the mapping is saved, and the old one stays in force.
#[test]
fn mistakes_are_caught_when_saved() {
    let scene = Scene::new();
    for (row, named) in [
        (json!({ "field": "Departmnt", "source": { "attribute": "title" } }), "Departmnt"),
        (json!({ "field": "AccessRole", "source": { "attribute": "title" } }), "AccessRole"),
        (json!({ "field": "JobTitle", "source": { "attribute": "title" } }), "JobTitle"),
        (json!({ "field": "Department", "source": { "attribute": "departmnt" } }), "departmnt"),
        (json!({ "field": "Department", "source": { "expression": "Left([title])" } }), "Left"),
        (json!({ "field": "Department", "source": { "expression": "Lft([title], 1)" } }), "Lft"),
        (json!({ "field": "UserName", "source": { "attribute": "displayName" } }), "UserName"),
        (
            json!({ "field": "Department", "source": { "expression": "ToUpper([title])" }, "direction": "both" }),
            "Department",
        ),
    ] {
        scene.server.file("wrong.json", &with(&scene, &row).to_string());
        let told = scene.fails(&["mapping", "import", "wrong.json"]);
        assert!(told.contains(named), "{row}: {told}");
    }
    let mut twice = with(&scene, &display_name());
    let rows = twice["rows"].as_array_mut().expect("rows");
    rows.push(json!({ "field": "DisplayName", "source": { "attribute": "nickName" } }));
    scene.server.file("twice.json", &twice.to_string());
    assert!(scene.fails(&["mapping", "import", "twice.json"]).contains("DisplayName"));
    scene.idp.post("/Users", &employee("mira@acme.example", "Mira", "Kowalska")).created();
    assert_eq!(scene.field("mira@acme.example", "DisplayName"), "Mira Kowalska");
}

/// A preview shows in what rows differ, and refuses what saving would refuse.
#[test]
fn a_preview_says_what_saving_would() {
    let scene = Scene::new();
    let mut changed = with(&scene, &display_name());
    for row in changed["rows"].as_array_mut().expect("rows") {
        if row["field"] == "FirstName" {
            row["default"] = json!("unknown");
        }
    }
    scene.server.file("changed.json", &changed.to_string());
    let told = scene.run(&["mapping", "import", "changed.json", "--preview"]);
    assert!(told.contains("- FirstName <- name.givenName\n"), "{told}");
    assert!(told.contains("+ FirstName <- name.givenName  default \"unknown\""), "{told}");
    let rule = json!({
        "name": "country", "when": "created",
        "then": [{ "do": "set_field", "field": "Country", "expression": "\"NO\"" }],
    });
    scene.server.file("rule.json", &rule.to_string());
    scene.run(&["rule", "add", "rule.json"]);
    let row = json!({ "field": "Country", "source": { "attribute": "nickName" } });
    scene.server.file("clash.json", &with(&scene, &row).to_string());
    for command in
        [&["mapping", "import", "clash.json", "--preview"][..], &["mapping", "import", "clash.json"]]
    {
        let told = scene.fails(command);
        assert!(told.contains("Country") && told.contains("country"), "{told}");
    }
}

/// A row that fails on somebody's value fails that request alone, and the log names the row.
#[test]
fn a_row_that_fails_fails_one_request() {
    let scene = Scene::new();
    save(
        &scene,
        &json!({ "field": "CostCenter", "source": { "expression": "Item(Split([title], \"/\"), 2)" } }),
    );
    let refused = scene.idp.post("/Users", &employee("mira@acme.example", "Mira", "Kowalska"));
    let told = refused.error(400, Some("invalidValue"));
    assert!(told.contains("CostCenter"), "{told}");
    let failure = scene.failure();
    assert_eq!(failure["error"]["code"], "mapping_failed");
    assert!(failure["error"]["advice"].as_str().is_some_and(|advice| advice.contains("row")), "{failure}");
    let mut fits = employee("noor@acme.example", "Noor", "Ali");
    fits["title"] = json!("Pilot/4711");
    scene.idp.post("/Users", &fits).created();
    assert_eq!(scene.field("noor@acme.example", "CostCenter"), "4711");
}

/// `mapping try`: what a sample resource comes to, step by step, and nothing is changed.
#[test]
fn a_mapping_is_tried_on_a_sample() {
    let scene = Scene::new();
    save(&scene, &display_name());
    scene.server.file("sample.json", &employee("mira@acme.example", "Mira", "Kowalska").to_string());
    let tried = scene.run(&["mapping", "try", "sample.json"]);
    for step in ["KOWALSKA Mira", "ToUpper", "DisplayName", "ScimSyncJobTitle"] {
        assert!(tried.contains(step), "{step}: {tried}");
    }
    assert!(scene.fails(&["account", "show", "mira@acme.example"]).contains("mira"));
}
