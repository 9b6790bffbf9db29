//! Direct managers, in whatever order people arrive.

use serde_json::{Value, json};

use super::{Scene, employee, find, path, replace};
use crate::support::ENTERPRISE;

fn manager() -> String {
    format!("{ENTERPRISE}:manager")
}

/// Somebody who reports to `to`.
fn report(user_name: &str, to: &str) -> Value {
    let mut person = employee(user_name, "Rea", "Port");
    person[ENTERPRISE]["manager"] = json!({ "value": to });
    person
}

#[test]
fn a_manager_who_is_there() {
    let scene = Scene::new();
    let boss = scene.idp.post("/Users", &employee("boss@acme.example", "Bo", "Ss")).created();
    let id = scene.idp.post("/Users", &employee("rea@acme.example", "Rea", "Port")).created();
    assert_eq!(scene.field("rea@acme.example", "DirectManager"), Value::Null);
    let set = json!([{ "op": "Add", "path": manager(), "value": boss }]);
    assert!([200, 204].contains(&scene.idp.patch(&path(&id), set).status));
    assert_eq!(scene.field("rea@acme.example", "DirectManager"), boss);
    let gone = json!([{ "op": "Remove", "path": manager() }]);
    assert!([200, 204].contains(&scene.idp.patch(&path(&id), gone).status));
    assert_eq!(scene.field("rea@acme.example", "DirectManager"), Value::Null);
}

/// The identity provider names a manager who comes later, by its own id, by externalId or by user name: the value is kept
/// and answered, the account's manager is empty until that person arrives, and is linked then.
#[test]
fn a_manager_who_comes_later() {
    let scene = Scene::new();
    for (number, to) in
        ["e-boss@acme.example", "boss@acme.example", "BOSS@acme.example"].into_iter().enumerate()
    {
        let name = format!("rea{number}@acme.example");
        let answer = scene.idp.post("/Users", &report(&name, to));
        let id = answer.created();
        assert_eq!(answer.json()[ENTERPRISE]["manager"]["value"], to, "Entra checks what it wrote");
        let check = format!("id eq \"{id}\" and manager eq \"{to}\"");
        assert_eq!(scene.idp.filter("/Users", &check).ok(200)["totalResults"], 1, "{to}");
        assert_eq!(scene.field(&name, "DirectManager"), Value::Null, "{to}");
    }
    assert_eq!(scene.logged("reference_linked").len(), 0);
    let boss = scene.idp.post("/Users", &employee("boss@acme.example", "Bo", "Ss")).created();
    for number in 0..3 {
        assert_eq!(scene.field(&format!("rea{number}@acme.example"), "DirectManager"), boss, "{number}");
    }
    let linked = scene.logged("reference_linked");
    assert_eq!(linked.len(), 3, "{linked:?}");
    let names: Vec<&Value> = linked.iter().map(|record| &record["resource"]["type"]).collect();
    assert!(names.iter().all(|name| **name == "User"), "{linked:?}");
}

/// A manager whom nobody manages yet is not entered either, until that account is picked up.
#[test]
fn a_manager_who_is_picked_up_later() {
    let scene = Scene::new();
    scene.import(&[json!({ "UserName": "boss@acme.example" })]);
    let boss = scene.account("boss@acme.example")["id"].clone();
    scene.idp.post("/Users", &report("rea@acme.example", "boss@acme.example")).created();
    scene.idp.post("/Users", &report("rob@acme.example", boss.as_str().expect("an id"))).created();
    for name in ["rea@acme.example", "rob@acme.example"] {
        assert_eq!(scene.field(name, "DirectManager"), Value::Null, "{name}: the manager is unmanaged");
    }
    assert_eq!(find(&scene.idp, "boss@acme.example").0, 1);
    for name in ["rea@acme.example", "rob@acme.example"] {
        assert_eq!(scene.field(name, "DirectManager"), boss, "{name}");
    }
    assert_eq!(scene.logged("reference_linked").len(), 2);
}

/// A manager is deleted: the accounts have none, the resources keep the value, the log says so.
#[test]
fn a_manager_is_deleted() {
    let scene = Scene::new();
    let boss = scene.idp.post("/Users", &employee("boss@acme.example", "Bo", "Ss")).created();
    let id = scene.idp.post("/Users", &report("rea@acme.example", &boss)).created();
    assert_eq!(scene.field("rea@acme.example", "DirectManager"), boss);
    scene.idp.delete(&path(&boss)).empty(204);
    assert_eq!(scene.field("rea@acme.example", "DirectManager"), Value::Null);
    assert_eq!(scene.idp.get(&path(&id)).ok(200)[ENTERPRISE]["manager"]["value"], boss);
    let cleared = scene.logged("reference_cleared").pop().expect("in the log");
    assert_eq!(cleared["resource"]["id"], id);
    assert_eq!(scene.state("rea@acme.example"), "active", "reports stay as they are");
}

/// A manager is suspended: still the manager.
#[test]
fn a_manager_is_suspended() {
    let scene = Scene::new();
    let boss = scene.idp.post("/Users", &employee("boss@acme.example", "Bo", "Ss")).created();
    scene.idp.post("/Users", &report("rea@acme.example", &boss)).created();
    assert!([200, 204].contains(&scene.idp.patch(&path(&boss), super::disable()).status));
    assert_eq!(scene.field("rea@acme.example", "DirectManager"), boss);
}

/// Who reports to whom changes, and nobody is their own manager.
#[test]
fn a_manager_changes() {
    let scene = Scene::new();
    let old = scene.idp.post("/Users", &employee("old@acme.example", "Ol", "D")).created();
    let new = scene.idp.post("/Users", &employee("new@acme.example", "Ne", "W")).created();
    let id = scene.idp.post("/Users", &report("rea@acme.example", &old)).created();
    let to = |value: &str| replace(&[(&manager(), json!(value))]);
    assert!([200, 204].contains(&scene.idp.patch(&path(&id), to(&new)).status));
    assert_eq!(scene.field("rea@acme.example", "DirectManager"), new);
    scene.idp.patch(&path(&id), to(&id));
    assert_eq!(scene.field("rea@acme.example", "DirectManager"), Value::Null);
}
