//! A client that did not get its answer sends the request again: nothing is done twice, and nothing is told twice.

use serde_json::{Value, json};

use crate::support::{Client, Server, group, person};

/// What stands in the log and the outbox of `acme`: action and status of each record, and the kinds of events.
fn told(server: &Server) -> (Vec<String>, Vec<String>) {
    let log = server.run(&["log", "--instance", "acme", "--format", "jsonl"]);
    let records = log.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let of_resources = records.filter(|record| !record["resource"].is_null());
    let named = of_resources.map(|record| {
        let word = |member: &str| record[member].as_str().unwrap_or_default().to_owned();
        format!("{} {}", word("action"), word("status"))
    });
    (named.collect(), server.events())
}

fn member(op: &str, id: &str) -> Value {
    match op {
        "remove" => json!([{ "op": op, "path": format!("members[value eq \"{id}\"]") }]),
        _ => json!([{ "op": op, "path": "members", "value": [{ "value": id }] }]),
    }
}

fn version(client: &Client, path: &str) -> Value {
    client.get(path).ok(200)["meta"]["version"].clone()
}

#[test]
fn what_comes_twice_is_done_once() {
    let server = Server::start();
    let acme = server.acme();
    let (ada, bob) = (acme.person("ada"), acme.person("bob"));
    let engines = acme.group("Engines", &[&ada]);
    let (user, of_group) = (format!("/Users/{ada}"), format!("/Groups/{engines}"));

    // A created person is not created again; who sends it is told how to find it.
    let before = told(&server);
    let again = acme.post("/Users", &person("ada"));
    assert!(again.error(409, Some("uniqueness")).contains("filter"));
    assert_eq!(acme.get("/Users").ok(200)["totalResults"], 2);
    let after = told(&server);
    assert_eq!(before.1, after.1, "no event");
    assert_eq!(after.0.len(), before.0.len() + 1, "one record, of the refusal");
    assert!(after.0.iter().any(|record| record.ends_with(" failure")), "{:?}", after.0);

    // Each of these: the first time it does something, the second time nothing.
    let mut full = person("ada");
    full["displayName"] = json!("Ada II");
    let suspend = json!([{ "op": "replace", "path": "active", "value": false }]);
    let title = json!([{ "op": "replace", "value": { "title": "Engineer" } }]);
    type Write<'a> = (&'a str, Box<dyn Fn() -> u16 + 'a>, &'a str);
    let writes: Vec<Write<'_>> = vec![
        ("a PATCH", Box::new(|| acme.patch(&user, title.clone()).status), &user),
        ("a suspension", Box::new(|| acme.patch(&user, suspend.clone()).status), &user),
        ("a PUT", Box::new(|| acme.put(&user, &full).status), &user),
        ("a member's arrival", Box::new(|| acme.patch(&of_group, member("add", &bob)).status), &of_group),
        ("a member's leaving", Box::new(|| acme.patch(&of_group, member("remove", &bob)).status), &of_group),
        ("a PUT of a group", Box::new(|| acme.put(&of_group, &group("Engines", &[&bob])).status), &of_group),
    ];
    for (what, write, path) in &writes {
        let beginning = version(&acme, path);
        let first = write();
        let (done, after_first) = (version(&acme, path), told(&server));
        assert_ne!(beginning, done, "{what} does something");
        let body = acme.get(path).body;
        assert_eq!(write(), first, "{what}: the same answer");
        assert_eq!(version(&acme, path), done, "{what}: the same version");
        assert_eq!(acme.get(path).body, body, "{what}: the same state");
        assert_eq!(told(&server), after_first, "{what}: nothing more is told");
    }

    // A deleted person is gone; that is what was wanted.
    acme.delete(&user).empty(204);
    let after_first = told(&server);
    acme.delete(&user).error(404, None);
    let after_second = told(&server);
    assert_eq!(after_first.1, after_second.1, "no event");
    assert!(after_second.0.len() <= after_first.0.len() + 1, "at most a record of the refusal");
    acme.get(&user).error(404, None);
}

#[test]
fn a_bulk_request_that_comes_twice_creates_nobody_twice() {
    let server = Server::start();
    let acme = server.acme();
    let operations = json!([
        { "method": "POST", "path": "/Users", "bulkId": "u", "data": person("ada") },
        { "method": "POST", "path": "/Groups", "bulkId": "g", "data": group("Engines", &["bulkId:u"]) },
    ]);
    let body = crate::support::bulk(operations);
    let first = acme.post("/Bulk", &body).ok(200);
    assert_eq!(crate::support::texts(&first["Operations"], "status"), ["201", "201"]);
    let second = acme.post("/Bulk", &body).ok(200);
    assert_eq!(second["Operations"][0]["status"], "409", "{second}");
    assert_eq!(acme.get("/Users").ok(200)["totalResults"], 1);
}
