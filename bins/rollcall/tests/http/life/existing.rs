//! Accounts and groups that the application has already when provisioning begins.

use serde_json::{Value, json};

use super::{Scene, disable, employee, find, path, replace};
use crate::support::{Client, ENTERPRISE, GROUP, USER, texts};

/// An existing account with things that no mapping knows.
fn existing(scene: &Scene) -> String {
    scene.run(&["field", "add", "BadgeColour"]);
    scene.import(&[json!({
        "UserName": "mira@acme.example", "DisplayName": "Mira K.", "Email": "mira@acme.example", "LastName": "Kowalska",
        "OfficePhone": "+44 20 7946 0999", "CostCenter": "4711", "BadgeColour": "green",
    })]);
    let account = scene.account("mira@acme.example");
    assert_eq!((&account["state"], &account["managed"]), (&json!("active"), &json!(false)));
    assert_eq!(account["scim_sync_id"], Value::Null);
    account["id"].as_str().expect("an id").to_owned()
}

/// The identity provider asks by user name, as it does before it creates anybody, and the account is managed from then on.
#[test]
fn an_account_is_picked_up_by_the_filter_that_finds_it() {
    let scene = Scene::new();
    let id = existing(&scene);
    let list = scene.idp.filter("/Users", "userName eq \"MIRA@acme.example\"").ok(200);
    assert_eq!(list["totalResults"], 1);
    let found = &list["Resources"][0];
    assert_eq!(found["id"], id);
    assert_eq!((&found["displayName"], &found["active"]), (&json!("Mira K."), &json!(true)));
    assert_eq!(found["name"]["familyName"], "Kowalska");
    let account = scene.account("mira@acme.example");
    assert_eq!((&account["managed"], &account["scim_sync_id"]), (&json!(true), &json!(id)));
    assert_eq!(scene.logged("picked_up").len(), 1);
    // What the identity provider finds different it writes; what no row of the mapping fills stays.
    let changes = replace(&[
        ("displayName", json!("Mira Kowalska")),
        ("name.givenName", json!("Mira")),
        ("externalId", json!("e-1")),
        ("phoneNumbers[type eq \"work\"].value", json!("+44 20 7946 0101")),
    ]);
    assert!([200, 204].contains(&scene.idp.patch(&path(&id), changes).status));
    let account = scene.account("mira@acme.example");
    for (field, value) in [
        ("DisplayName", "Mira Kowalska"),
        ("FirstName", "Mira"),
        ("LastName", "Kowalska"),
        ("OfficePhone", "+44 20 7946 0101"),
        ("CostCenter", "4711"),
        ("BadgeColour", "green"),
    ] {
        assert_eq!(account["fields"][field], value, "{field}");
    }
    find(&scene.idp, "mira@acme.example");
    assert_eq!(scene.logged("picked_up").len(), 1, "once");
    assert_eq!(scene.idp.get("/Users?count=0").ok(200)["totalResults"], 1, "no duplicate");
}

/// Lists, other filters and the e-mail address pick nobody up.
#[test]
fn only_the_name_picks_up() {
    let scene = Scene::new();
    let id = existing(&scene);
    scene.idp.get("/Users").ok(200);
    scene.idp.get(&path(&id)).ok(200);
    for filter in [
        "userName sw \"mira\"",
        "emails.value eq \"mira@acme.example\"",
        "emails[type eq \"work\"].value eq \"mira@acme.example\"",
        "userName eq \"mira@acme.example\" or userName eq \"x\"",
        "not (userName ne \"mira@acme.example\")",
        "displayName eq \"Mira K.\"",
        &format!("id eq \"{id}\""),
    ] {
        assert_eq!(scene.idp.filter("/Users", filter).ok(200)["totalResults"], 1, "{filter}");
        assert_eq!(scene.account("mira@acme.example")["managed"], false, "{filter}");
    }
    // Somebody with that e-mail address and another name is another person.
    let mut person = employee("mira.kowalska@acme.example", "Mira", "Kowalska");
    person["emails"][0]["value"] = json!("mira@acme.example");
    assert_ne!(scene.idp.post("/Users", &person).created(), id);
    assert_eq!(scene.account("mira@acme.example")["managed"], false);
}

/// `--pick-up on-write`: looking changes nothing, the first write does.
#[test]
fn an_account_is_picked_up_at_the_first_write() {
    let scene = Scene::new();
    scene.careful("standard");
    let careful = scene.server.client("acme", "careful");
    let id = existing(&scene);
    assert_eq!(find(&careful, "mira@acme.example"), (1, Some(id.clone())));
    assert_eq!(scene.account("mira@acme.example")["managed"], false);
    assert!([200, 204].contains(&careful.patch(&path(&id), replace(&[("title", json!("Pilot"))])).status));
    let account = scene.account("mira@acme.example");
    assert_eq!(
        (&account["managed"], &account["fields"]["ScimSyncJobTitle"]),
        (&json!(true), &json!("Pilot"))
    );
    assert_eq!(
        (&account["fields"]["BadgeColour"], &account["fields"]["DisplayName"]),
        (&json!("green"), &json!("Mira K."))
    );
    let record = scene.logged("picked_up").pop().expect("in the log");
    assert_eq!(record["connector"], "careful");
}

/// A POST on the name of an unmanaged account answers 201 with the id that is there, and keeps what it does not say.
#[test]
fn creating_somebody_who_is_there() {
    let scene = Scene::new();
    scene.careful("standard");
    for (name, idp) in [("by match", scene.idp.clone()), ("by write", scene.server.client("acme", "careful"))]
    {
        let user_name = format!("{}@acme.example", name.replace(' ', "."));
        scene.import(&[json!({
            "UserName": user_name, "LastName": "Kowalska", "OfficePhone": "+44 20 7946 0999", "CostCenter": "4711"
        })]);
        let there = scene.account(&user_name)["id"].clone();
        let sent = json!({
            "schemas": [USER], "userName": user_name.to_uppercase(), "externalId": "e-1", "active": true,
            "displayName": "Mira", "name": { "givenName": "Mira" }
        });
        let answer = idp.post("/Users", &sent);
        assert_eq!(json!(answer.created()), there, "{name}");
        let account = scene.account(&user_name);
        assert_eq!((&account["id"], &account["managed"]), (&there, &json!(true)), "{name}");
        for (field, value) in [
            ("DisplayName", "Mira"),
            ("FirstName", "Mira"),
            ("OfficePhone", "+44 20 7946 0999"),
            ("CostCenter", "4711"),
        ] {
            assert_eq!(account["fields"][field], value, "{name}: {field}");
        }
        // Now somebody manages it.
        idp.post("/Users", &sent).error(409, Some("uniqueness"));
    }
    assert_eq!(scene.logged("picked_up").len(), 2);
    assert_eq!(scene.logged("created").iter().filter(|record| record["connector"] != Value::Null).count(), 0);
}

/// Locking somebody out is never refused: a suspension or deletion may be the first that an identity provider says.
#[test]
fn the_first_write_may_suspend_or_delete() {
    let scene = Scene::new();
    scene.careful("standard");
    let careful: Client = scene.server.client("acme", "careful");
    scene.import(&[json!({ "UserName": "out@acme.example" }), json!({ "UserName": "gone@acme.example" })]);
    let id = |name: &str| scene.account(name)["id"].as_str().expect("an id").to_owned();
    let (out, gone) = (id("out@acme.example"), id("gone@acme.example"));
    assert!([200, 204].contains(&careful.patch(&path(&out), disable()).status));
    let account = scene.account("out@acme.example");
    assert_eq!((&account["state"], &account["managed"]), (&json!("suspended"), &json!(true)));
    careful.delete(&path(&gone)).empty(204);
    assert_eq!(scene.state("gone@acme.example"), "deleted");
    let log = scene.log();
    let of_people = log.iter().rev().filter(|record| record["resource"]["type"] == "User");
    let actions: Vec<String> = of_people.take(4).map(|record| record["action"].to_string()).collect();
    assert_eq!(actions, ["\"deleted\"", "\"picked_up\"", "\"suspended\"", "\"picked_up\""]);
}

#[test]
fn a_group_is_picked_up_by_its_display_name() {
    let scene = Scene::new();
    scene.import(&[json!({ "UserName": "mira@acme.example" })]);
    scene.server.file(
        "groups.jsonl",
        &json!({ "DisplayName": "Engines", "Members": ["mira@acme.example"] }).to_string(),
    );
    scene.run(&["group", "import", "groups.jsonl"]);
    let before = scene.json(&["group", "show", "Engines"]);
    assert_eq!((&before["managed"], &before["scim_sync_id"]), (&json!(false), &Value::Null));
    scene.idp.get("/Groups").ok(200);
    scene.idp.filter("/Groups", "displayName sw \"Eng\"").ok(200);
    assert_eq!(scene.json(&["group", "show", "Engines"])["managed"], false);
    let list = scene.idp.filter("/Groups", "displayName eq \"engines\"").ok(200);
    assert_eq!(texts(&list["Resources"], "id"), [before["id"].as_str().expect("an id")]);
    let after = scene.json(&["group", "show", "Engines"]);
    assert_eq!((&after["managed"], &after["scim_sync_id"]), (&json!(true), &before["id"]));
    assert_eq!(after["members"], before["members"], "who was in it stays");
    assert_eq!(after["members"].as_array().map(Vec::len), Some(1));
    // A POST of a name that is there, unmanaged, finds it too.
    scene.server.file("groups.csv", "DisplayName\nPumps\n");
    scene.run(&["group", "import", "groups.csv"]);
    let pumps = scene.json(&["group", "show", "Pumps"])["id"].clone();
    let answer = scene
        .idp
        .post("/Groups", &json!({ "schemas": [GROUP], "displayName": "Pumps", "externalId": "g-1" }));
    assert_eq!(json!(answer.created()), pumps);
    assert_eq!(scene.logged("picked_up").len(), 2);
}

/// An account edited in the application shows its new values over SCIM, with a new version, managed or not.
#[test]
fn what_the_application_changes_shows_over_scim() {
    let scene = Scene::new();
    let id = scene.idp.post("/Users", &employee("mira@acme.example", "Mira", "Kowalska")).created();
    let before = scene.idp.get(&path(&id)).ok(200);
    scene.run(&["account", "rename", "mira@acme.example", "mira.roy@acme.example"]);
    let after = scene.idp.get(&path(&id)).ok(200);
    assert_eq!(after["userName"], "mira.roy@acme.example");
    assert_ne!(after["meta"]["version"], before["meta"]["version"]);
    assert_eq!(after[ENTERPRISE], before[ENTERPRISE], "the rest stays");
    assert_eq!(find(&scene.idp, "mira.roy@acme.example"), (1, Some(id)));
    assert_eq!(find(&scene.idp, "mira@acme.example"), (0, None));
}

/// Coming from another tool: user names are rewritten by an expression, after a look at what would happen.
#[test]
fn user_names_are_rewritten_before_picking_up() {
    let scene = Scene::new();
    scene.import(&[
        json!({ "UserName": "mira" }),
        json!({ "UserName": "noor" }),
        json!({ "UserName": "olu@acme.example" }),
    ]);
    let rule = "IIF(InStr([UserName], \"@\") = \"0\", Append([UserName], \"@acme.example\"), [UserName])";
    let preview = scene.run(&["account", "rename", "--expression", rule, "--preview"]);
    assert!(preview.contains("mira@acme.example"), "{preview}");
    assert_eq!(scene.state("mira"), "active", "a preview changes nothing");
    scene.run(&["account", "rename", "--expression", rule, "--apply"]);
    for name in ["mira@acme.example", "noor@acme.example", "olu@acme.example"] {
        assert_eq!(scene.account(name)["managed"], false);
        assert_eq!(find(&scene.idp, name).0, 1, "{name}");
        assert_eq!(scene.account(name)["managed"], true);
    }
}

/// An import tells which lines it rejects and why, and takes the others.
#[test]
fn an_import_rejects_lines_by_name() {
    let scene = Scene::new();
    scene.import(&[json!({ "UserName": "mira@acme.example" })]);
    scene.server.file(
        "more.csv",
        "UserName,FirstName\nnoor@acme.example,Noor\n,Nobody\nMIRA@acme.example,Twin\nolu@acme.example,Olu\n",
    );
    let output = scene.server.output(&["account", "import", "--instance", "acme", "more.csv"]);
    let told =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(told.contains('3') && told.contains("UserName"), "the line without a name: {told}");
    for name in ["noor@acme.example", "olu@acme.example"] {
        assert_eq!(scene.account(name)["managed"], false, "{told}");
    }
    assert_eq!(
        scene.field("mira@acme.example", "FirstName"),
        Value::Null,
        "no second one of that name: {told}"
    );
}
