//! Objects of the application: kinds, lists, new ones.

use scim_directory::Privilege;
use serde_json::{Value, json};

use super::town::Town;

#[test]
fn objects_are_created_and_listed_by_kind() {
    let town = Town::new();
    let create =
        |kind: &str, name: &str| town.send("POST", &format!("objects/{kind}"), &json!({ "name": name }));
    for name in ["Engineer", "Manager", "architect"] {
        let made = create("JobTitle", name).is(201);
        assert_eq!((made.text("/kind"), made.text("/name")), ("JobTitle".to_owned(), name.to_owned()));
    }
    let made = create("Cost%20Center", "4711/A").is(201);
    let location = made.header("location").expect("a location").to_owned();
    let path = location.strip_prefix("https://rollcall.example/admin/v1").expect("below the root");
    assert_eq!(town.get(path).is(200).body, made.body);
    create("JobTitle", "ENGINEER").refused(409, "conflict", "ENGINEER");
    create("JobTitle", " ").refused(422, "invalid", "object");
    create("JobTitle", &"x".repeat(101)).refused(422, "invalid", "object");
    town.send("POST", "objects/JobTitle", &json!({ "title": "x" })).refused(422, "invalid", "title");
    let names = |path: &str, member: &str| {
        let items = town.pages(path).0;
        items.iter().map(|item| item[member].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names("objects?limit=1", "kind"), ["Cost Center", "JobTitle"]);
    for limit in [1, 2, 3] {
        let path = format!("objects/JobTitle?limit={limit}");
        assert_eq!(names(&path, "name"), ["architect", "Engineer", "Manager"]);
    }
    assert!(names("objects/Nothing", "name").is_empty());
    town.get("objects/JobTitle/Clown").refused(404, "not_found", "Clown");
    let cursor = town.get("objects/JobTitle?limit=1").text("/next");
    town.get(&format!("objects/Cost%20Center?cursor={cursor}")).refused(422, "invalid", "cursor");
    for path in ["objects", "objects/JobTitle", "objects/JobTitle/Engineer"] {
        town.guarded(Privilege::ReadOnly, "GET", path, &Value::Null);
    }
    town.guarded(Privilege::LiteAdmin, "POST", "objects/JobTitle", &json!({ "name": "x" }));
    town.get("/instances/other/objects/JobTitle/Engineer").refused(404, "not_found", "Engineer");
    assert!(names("/instances/other/objects", "kind").is_empty());
}
