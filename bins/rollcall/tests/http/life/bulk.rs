//! Bulk requests and searches live by the same rules as single requests.

use serde_json::{Value, json};

use super::{Scene, employee, path};
use crate::support::{ENTERPRISE, bulk, group, search, texts};

/// Somebody who is there is picked up, somebody new is created, and references between them hold.
#[test]
fn a_bulk_request_picks_up_and_creates() {
    let scene = Scene::new();
    scene.import(&[json!({ "UserName": "boss@acme.example", "CostCenter": "4711" })]);
    let boss = scene.account("boss@acme.example")["id"].clone();
    let mut report = employee("rea@acme.example", "Rea", "Port");
    report[ENTERPRISE]["manager"] = json!({ "value": "bulkId:boss" });
    let answer = scene.idp.post("/Bulk", &bulk(json!([
        { "method": "POST", "path": "/Users", "bulkId": "rea", "data": report },
        { "method": "POST", "path": "/Users", "bulkId": "boss", "data": employee("boss@acme.example", "Bo", "Ss") },
        { "method": "POST", "path": "/Groups", "bulkId": "all", "data": group("All", &["bulkId:rea", "bulkId:boss"]) },
    ])));
    let answer = answer.ok(200);
    assert_eq!(texts(&answer["Operations"], "status"), ["201", "201", "201"], "{answer}");
    let account = scene.account("boss@acme.example");
    assert_eq!((&account["id"], &account["managed"]), (&boss, &json!(true)));
    assert_eq!(
        (&account["fields"]["CostCenter"], &account["fields"]["FirstName"]),
        (&json!("4711"), &json!("Bo"))
    );
    assert_eq!(scene.field("rea@acme.example", "DirectManager"), boss);
    assert_eq!(scene.json(&["group", "show", "All"])["members"].as_array().map(Vec::len), Some(2));
    assert_eq!(scene.logged("picked_up").len(), 1);
}

/// What a rule refuses in a bulk request is refused alone, and is a failure in the log.
#[test]
fn a_refusal_in_a_bulk_request() {
    let scene = Scene::of("email-username");
    let mut nameless = employee("noor@acme.example", "Noor", "Ali");
    nameless["name"] = json!({ "givenName": "Noor" });
    let answer = scene.idp.post("/Bulk", &bulk(json!([
        { "method": "POST", "path": "/Users", "bulkId": "a", "data": employee("mira@acme.example", "Mira", "Kowalska") },
        { "method": "POST", "path": "/Users", "bulkId": "b", "data": nameless },
    ])));
    let answer = answer.ok(200);
    assert_eq!(texts(&answer["Operations"], "status"), ["201", "400"], "{answer}");
    assert!(
        answer["Operations"][1]["response"]["detail"].to_string().contains("name.familyName"),
        "{answer}"
    );
    assert_eq!(scene.state("mira@acme.example"), "active");
    let failure = scene.failure();
    assert_eq!(
        (&failure["error"]["code"], &failure["resource"]["name"]),
        (&json!("required"), &json!("noor@acme.example"))
    );
}

/// The guard counts the operations of one bulk request too.
#[test]
fn a_mass_deletion_in_one_bulk_request() {
    let scene = Scene::of("adaptivework");
    let arrive = |number: usize| {
        scene.idp.post("/Users", &employee(&format!("person{number}@acme.example"), "Person", "X")).created()
    };
    let ids: Vec<String> = (0..10).map(arrive).collect();
    let delete = |id: &String| json!({ "method": "DELETE", "path": path(id) });
    let operations: Vec<Value> = ids.iter().map(delete).collect();
    let answer = scene.idp.post("/Bulk", &bulk(json!(operations))).ok(200);
    let statuses = texts(&answer["Operations"], "status");
    assert_eq!(statuses.iter().filter(|status| *status == "204").count(), 2, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| *status == "503").count(), 8, "{statuses:?}");
    assert_eq!(scene.idp.get("/Users?count=0").ok(200)["totalResults"], 8);
    assert_eq!(scene.json(&["held", "list"]).as_array().map(Vec::len), Some(8));
}

/// A search by POST finds by name, and so picks up; one over several types only looks.
#[test]
fn a_search_by_post_picks_up() {
    let scene = Scene::new();
    scene.import(&[json!({ "UserName": "mira@acme.example" }), json!({ "UserName": "noor@acme.example" })]);
    let by_name = |name: &str| search(json!({ "filter": format!("userName eq \"{name}\"") }));
    assert_eq!(scene.idp.post("/.search", &by_name("noor@acme.example")).ok(200)["totalResults"], 1);
    assert_eq!(scene.account("noor@acme.example")["managed"], false);
    assert_eq!(scene.idp.post("/Users/.search", &by_name("mira@acme.example")).ok(200)["totalResults"], 1);
    assert_eq!(scene.account("mira@acme.example")["managed"], true);
}

/// A PUT is a first write too.
#[test]
fn a_put_picks_up() {
    let scene = Scene::new();
    scene.import(&[
        json!({ "UserName": "mira@acme.example", "CostCenter": "4711", "OfficePhone": "+44 20 7946 0999" }),
    ]);
    let id = scene.account("mira@acme.example")["id"].as_str().expect("an id").to_owned();
    let mut body = employee("mira@acme.example", "Mira", "Kowalska");
    body.as_object_mut().expect("an object").remove("phoneNumbers");
    scene.idp.put(&path(&id), &body).ok(200);
    let account = scene.account("mira@acme.example");
    assert_eq!((&account["managed"], &account["scim_sync_id"]), (&json!(true), &json!(id)));
    for (field, value) in
        [("LastName", json!("Kowalska")), ("CostCenter", json!("4711")), ("OfficePhone", Value::Null)]
    {
        assert_eq!(account["fields"][field], value, "{field}");
    }
    assert_eq!(scene.logged("picked_up").len(), 1);
}
