//! The mapping: saved whole or not at all, by whoever saw the one in force; tried, checked, applied again.

use scim_provider::Method;
use serde_json::{Value, json};

use crate::world::World;

const PATH: &str = "/instances/acme/mapping";

/// The default mapping with other rows behind it.
fn with_rows(world: &World, rows: &[Value]) -> Value {
    let mut mapping = world.get(PATH).expect(200).json;
    mapping["rows"].as_array_mut().expect("rows").extend_from_slice(rows);
    mapping
}

fn department() -> Value {
    json!({ "field": "Department", "source": { "constant": "Sales" } })
}

#[test]
fn it_is_shown_saved_and_reset() {
    let world = World::new();
    let before = world.get(PATH).expect(200);
    assert_eq!(before.json["version"], 0);
    assert_eq!(before.json["rows"].as_array().map(Vec::len), Some(11));
    let wanted = with_rows(&world, &[department()]);
    let saved = world.steer(Method::Put, PATH, Some(&wanted)).expect(200);
    assert_eq!(saved.json["version"], 1);
    let after = world.get(PATH).expect(200);
    assert_eq!(after.json["rows"], wanted["rows"]);
    assert_eq!(after.header("etag"), saved.header("etag"));
    assert_ne!(after.header("etag"), before.header("etag"));
    let reset = world.steer(Method::Delete, PATH, None).expect(200);
    assert_eq!(reset.json["version"], 2);
    assert_eq!(world.get(PATH).json["rows"], before.json["rows"]);
}

#[test]
fn nobody_overwrites_what_they_have_not_seen() {
    let world = World::new();
    let seen = world.get(PATH).expect(200);
    let tag = seen.header("etag");
    let wanted = with_rows(&world, &[department()]);
    let put = |tag: &str| world.ask(&world.owner, Method::Put, PATH, &[("if-match", tag)], Some(&wanted));
    put(tag).expect(200);
    let refused = put(tag).expect(412);
    assert_eq!(refused.json["code"], "precondition_failed");
    let owner = world.owner.clone();
    world.ask(&owner, Method::Delete, PATH, &[("if-match", tag)], None).expect(412);
    assert_eq!(world.get(PATH).json["version"], 1);
    let known = world.get(PATH);
    let known = [("if-none-match", known.header("etag"))];
    world.ask(&owner, Method::Get, PATH, &known, None).expect(304);
}

#[test]
fn every_mistake_is_told_with_a_pointer_to_its_row() {
    let world = World::new();
    let check = |body: Value, expected: &[&str]| {
        for (method, path) in [(Method::Put, PATH.to_owned()), (Method::Post, format!("{PATH}/check"))] {
            let answer = world.steer(method, &path, Some(&body)).expect(422);
            assert_eq!(answer.wrong(), expected, "{}", answer.text());
        }
        assert_eq!(world.get(PATH).json["version"], 0);
    };
    // The read-only rows are left out: pointers are those of the body all the same.
    let body = json!({ "rows": [
            { "field": "FirstName", "source": { "attribute": "name.givenName" } },
            { "field": "Nowhere", "source": { "attribute": "title" } },
            { "field": "LastName", "source": { "attribute": "name.FamilyName2" } },
            { "field": "Email", "source": { "expression": "Lower(" } },
            { "field": "FirstName", "source": { "constant": "x" } },
        ] });
    check(body, &["/rows/1/field", "/rows/2/source", "/rows/3/source", "/rows/4/field"]);
    let body = json!({ "rows": [{ "field": "Email" }, { "field": 1, "source": { "constant": "x" } }] });
    check(body, &["/rows/0", "/rows/1"]);
    check(json!({ "rows": {} }), &[""]);
    check(json!({ "lines": [] }), &[""]);
    check(json!("x"), &[""]);
    check(json!({ "synchronizationRules": [] }), &[""]);
}

#[test]
fn a_mapping_goes_with_the_rules() {
    let world = World::new();
    let rule = json!({ "when": "created", "then": [
            { "do": "set_field", "field": "Department", "expression": "[LastName]" }
        ] });
    world.steer(Method::Put, "/instances/acme/rules/department", Some(&rule)).expect(200);
    let wanted = with_rows(&world, &[department()]);
    let refused = world.steer(Method::Put, PATH, Some(&wanted)).expect(422);
    assert!(refused.text().contains("department"), "{}", refused.text());
}

#[test]
fn it_is_checked_without_being_saved() {
    let world = World::new();
    let mut wanted = with_rows(&world, &[department()]);
    wanted["rows"].as_array_mut().expect("rows").remove(5);
    let checked = world.steer(Method::Post, &format!("{PATH}/check"), Some(&wanted)).expect(200).json;
    assert_eq!(checked["added"], json!([department()]));
    assert_eq!(checked["removed"][0]["field"], "FirstName");
    assert_eq!(world.get(PATH).json["version"], 0);
}

#[test]
fn a_schema_from_graph_is_read() {
    let world = World::new();
    let schema = json!({ "synchronizationRules": [{ "name": "users", "objectMappings": [{
            "enabled": true, "sourceObjectName": "User", "targetObjectName": "User",
            "attributeMappings": [
                { "targetAttributeName": "userName", "source": { "name": "userPrincipalName", "type": "Attribute" } },
                { "targetAttributeName": "preferredLanguage", "source": { "name": "preferredLanguage", "type": "Attribute" } }
            ]
        }] }] });
    for query in ["", "?format=graph"] {
        let path = format!("{PATH}/check{query}");
        let checked = world.steer(Method::Post, &path, Some(&schema)).expect(200).json;
        assert_eq!(checked["added"][0]["field"], "Language", "{checked}");
        let taken = json!({ "attribute": "preferredLanguage", "field": "Language", "new": true });
        assert!(checked["graph"]["taken"].as_array().expect("taken").contains(&taken), "{checked}");
    }
    world.steer(Method::Put, &format!("{PATH}?format=mapping"), Some(&schema)).expect(422);
    let saved = world.steer(Method::Put, &format!("{PATH}?format=graph"), Some(&schema)).expect(200).json;
    assert_eq!(saved["version"], 1);
    assert!(saved["graph"]["without_source"].is_array());
    world.steer(Method::Put, &format!("{PATH}?format=odd"), Some(&schema)).expect(422);
}

#[test]
fn versions_are_listed_and_shown() {
    let world = World::new();
    let wanted = with_rows(&world, &[department()]);
    for _ in 0..5 {
        world.steer(Method::Put, PATH, Some(&wanted)).expect(200);
    }
    for limit in [1, 2, 5, 200] {
        let versions = world.all(&format!("{PATH}/versions"), limit);
        let numbers: Vec<_> = versions.iter().filter_map(|saved| saved["version"].as_i64()).collect();
        assert_eq!(numbers, [5, 4, 3, 2, 1], "{limit}");
    }
    let version = world.get(&format!("{PATH}/versions/2")).expect(200).json;
    assert_eq!((&version["version"], &version["rows"]), (&json!(2), &wanted["rows"]));
    assert_eq!(world.get(&format!("{PATH}/versions/0")).expect(200).json["version"], 0);
    for missing in ["6", "-1", "x", "99999999999999999999"] {
        world.get(&format!("{PATH}/versions/{missing}")).expect(404);
    }
}

#[test]
fn it_is_tried_on_a_sample() {
    let world = World::new();
    let sample = json!({ "userName": "ada", "name": { "givenName": "Ada" }, "title": "Engineer" });
    let path = format!("{PATH}/try");
    let tried = world.steer(Method::Post, &path, Some(&json!({ "sample": sample }))).expect(200).json;
    assert_eq!(tried["account"]["FirstName"], "Ada");
    assert_eq!(tried["account"]["ScimSyncJobTitle"], "Engineer");
    assert_eq!(tried["failed"], 0);
    assert_eq!(tried["rows"].as_array().map(Vec::len), Some(11));
    let mapping = json!({ "rows": [
            { "field": "Department", "source": { "expression": "Mid([title], 0, 2)" } },
            { "field": "DisplayName", "source": { "expression": "Append(Left([title], 3), \"!\")" } }
        ] });
    let body = json!({ "sample": sample, "mapping": mapping });
    let tried = world.steer(Method::Post, &path, Some(&body)).expect(200).json;
    let row = |field: &str| {
        let rows = tried["rows"].as_array().expect("rows");
        rows.iter().find(|row| row["field"] == field).cloned().unwrap_or_default()
    };
    assert_eq!(row("DisplayName")["value"], "Eng!");
    assert!(row("DisplayName")["steps"].as_array().is_some_and(|steps| steps.len() > 1), "{tried}");
    assert!(row("Department")["error"].is_string(), "{tried}");
    assert_eq!(tried["failed"], 1);
    let body = json!({ "sample": sample, "mapping": { "rows": [{ "field": "No", "source": { "constant": "x" } }] } });
    let refused = world.steer(Method::Post, &path, Some(&body)).expect(422);
    assert_eq!(refused.wrong(), ["/mapping/rows/0/field"]);
    let body = json!({ "sample": { "userName": 5 } });
    assert_eq!(world.steer(Method::Post, &path, Some(&body)).expect(422).wrong(), ["/sample"]);
    assert_eq!(world.get(PATH).json["version"], 0);
}

#[test]
fn expressions_are_evaluated() {
    let world = World::new();
    let evaluate = |expression: &str, sample: Value| {
        let body = json!({ "expression": expression, "sample": sample });
        world.steer(Method::Post, &format!("{PATH}/expressions/evaluate"), Some(&body))
    };
    let sample =
        json!({ "userName": "ada", "emails": [{ "type": "work", "value": "ada@x" }, { "value": "b@x" }] });
    let check = |expression: &str, result: Value, value: Value| {
        let given = evaluate(expression, sample.clone()).expect(200).json;
        assert_eq!((&given["result"], &given["value"]), (&result, &value), "{expression}: {given}");
    };
    check("Append([userName], \"!\")", json!("ada!"), json!("ada!"));
    check("[userName]", json!("ada"), json!("ada"));
    check("[emails[type eq \"work\"].value]", json!("ada@x"), json!("ada@x"));
    check("[title]", json!(null), json!(null));
    check("Coalesce([title], [userName])", json!("ada"), json!("ada"));
    let failed = evaluate("Mid([userName], 0, 2)", sample.clone()).expect(200).json;
    assert!(failed["error"].is_string(), "{failed}");
    for wrong in ["Append(", "Nothing([userName])", "[nowhere]"] {
        assert_eq!(evaluate(wrong, json!({})).expect(422).wrong(), ["/expression"], "{wrong}");
    }
    assert_eq!(evaluate("[userName]", json!({ "userName": 5 })).expect(422).wrong(), ["/sample"]);
}

#[test]
fn functions_are_listed_to_the_last() {
    let world = World::new();
    let functions = world.all(&format!("{PATH}/functions"), 7);
    assert_eq!(functions.len(), scim_mapping::expression::functions().count());
    let join = functions.iter().find(|function| function["name"] == "Join").expect("Join");
    assert_eq!(join["signature"], "Join(separator, source...)");
    assert!(join["examples"][0]["outcome"].is_string());
}

#[test]
fn it_is_applied_again_slice_by_slice() {
    let world = World::new();
    let people: String = (0..7).map(|number| format!("person{number},Sales\n")).collect();
    world.import(&format!("UserName,Department\n{people}"));
    // Of people whom nobody manages, the SCIM side follows the account.
    let source = json!({ "attribute": format!("{}:department", scim_core::schema::ENTERPRISE_USER_URN) });
    let wanted = with_rows(&world, &[json!({ "field": "Department", "source": source })]);
    world.steer(Method::Put, PATH, Some(&wanted)).expect(200);
    for apply in [false, true] {
        let (mut cursor, mut seen, mut changed, mut slices) = (String::new(), 0, 0, 0);
        loop {
            let path = format!("{PATH}/reapply?limit=3{cursor}");
            let slice = world.steer(Method::Post, &path, Some(&json!({ "apply": apply }))).expect(200).json;
            assert_eq!(slice["preview"], !apply);
            seen += slice["seen"].as_u64().expect("seen");
            changed += slice["accounts"].as_array().expect("accounts").len();
            assert_eq!(slice["changed"], json!(slice["accounts"].as_array().map(Vec::len)));
            slices += 1;
            match slice["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!((seen, changed, slices), (7, 7, 3));
    }
    let again = world.steer(Method::Post, &format!("{PATH}/reapply"), Some(&json!({}))).expect(200).json;
    assert_eq!((&again["seen"], &again["changed"]), (&json!(7), &json!(0)));
    let first = format!("{PATH}/reapply?limit=3");
    let first = world.steer(Method::Post, &first, Some(&json!({}))).expect(200).json;
    let next = first["next"].as_str().expect("more").to_owned();
    let path = format!("{PATH}/reapply?limit=3&cursor={next}");
    let other = world.steer(Method::Post, &path, Some(&json!({ "apply": true }))).expect(422);
    assert_eq!(other.wrong(), ["cursor"]);
    world.steer(Method::Delete, PATH, None).expect(200);
    let stale = world.steer(Method::Post, &path, Some(&json!({}))).expect(412);
    assert!(stale.text().contains("begin again"), "{}", stale.text());
}
