//! Bulk requests (RFC 7644 §3.7): order, references, errors, limits.

use serde_json::{Value, json};

use crate::support::{Client, ENTERPRISE, Server, USER, bulk, group, patch, person, texts};

fn post(path: &str, bulk_id: &str, data: Value) -> Value {
    let mut operation = json!({ "method": "POST", "path": path, "bulkId": bulk_id });
    operation["data"] = data;
    operation
}

fn managed(user_name: &str, manager: &str) -> Value {
    json!({ "schemas": [USER, ENTERPRISE], "userName": user_name, ENTERPRISE: { "manager": { "value": manager } } })
}

/// The results, which are in the request's order whatever the order of work was.
#[track_caller]
fn results(client: &Client, operations: Value, statuses: &[&str]) -> Vec<Value> {
    let answer = client.post("/Bulk", &bulk(operations)).ok(200);
    assert_eq!(answer["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:BulkResponse"]));
    assert_eq!(texts(&answer["Operations"], "status"), statuses, "{answer}");
    answer["Operations"].as_array().expect("results").clone()
}

fn id(result: &Value) -> String {
    let location = result["location"].as_str().expect("a location");
    location.rsplit('/').next().expect("an id").to_owned()
}

#[test]
fn references_forward_and_backward() {
    let server = Server::start();
    let acme = server.acme();
    let done = results(
        &acme,
        json!([
            post("/Groups", "g", group("Engines", &["bulkId:10", "bulkId:1"])),
            post("/Users", "1", managed("ada", "bulkId:10")),
            post("/Users", "10", person("boss")),
            post("/Groups", "outer", group("All", &["bulkId:g"])),
            { "method": "PATCH", "path": "/Groups/bulkId:outer", "data": patch(json!([
                { "op": "add", "path": "members", "value": [{ "value": "bulkId:1" }] }
            ])) },
        ]),
        &["201", "201", "201", "201", "200"],
    );
    assert_eq!(texts(&done.clone().into(), "bulkId")[..4], ["g", "1", "10", "outer"]);
    assert_eq!(texts(&done.clone().into(), "method"), ["POST", "POST", "POST", "POST", "PATCH"]);
    let (engines, ada, boss, all) = (id(&done[0]), id(&done[1]), id(&done[2]), id(&done[3]));
    assert_eq!(id(&done[4]), all);
    for result in &done {
        let path = result["location"]
            .as_str()
            .expect("a location")
            .split("/scim/v2")
            .nth(1)
            .expect("ours")
            .to_owned();
        let read = acme.get(&path).ok(200);
        assert_eq!(read["meta"]["location"], result["location"]);
        if result["method"] == "PATCH" {
            assert_eq!(read["meta"]["version"], result["version"]);
        }
    }
    let mut members = texts(&acme.get(&format!("/Groups/{engines}")).ok(200)["members"], "value");
    members.sort();
    let mut expected = vec![ada.clone(), boss.clone()];
    expected.sort();
    assert_eq!(members, expected);
    assert_eq!(acme.get(&format!("/Users/{ada}")).ok(200)[ENTERPRISE]["manager"]["value"], boss.as_str());
    assert_eq!(acme.get(&format!("/Groups/{all}")).ok(200)["members"].as_array().map(Vec::len), Some(2));
}

#[test]
fn circles() {
    let server = Server::start();
    let acme = server.acme();
    let done = results(
        &acme,
        json!([
            post("/Users", "a", managed("a", "bulkId:b")),
            post("/Users", "b", managed("b", "bulkId:c")),
            post("/Users", "c", managed("c", "bulkId:a")),
            post("/Users", "self", managed("self", "bulkId:self")),
            post("/Groups", "x", group("X", &["bulkId:y"])),
            post("/Groups", "y", group("Y", &["bulkId:x", "bulkId:a"])),
        ]),
        &["201"; 6],
    );
    let ids: Vec<String> = done.iter().map(id).collect();
    for (place, manager) in [(0, 1), (1, 2), (2, 0), (3, 3)] {
        let person = acme.get(&format!("/Users/{}", ids[place])).ok(200);
        assert_eq!(person[ENTERPRISE]["manager"]["value"], ids[manager].as_str());
        assert_eq!(person["meta"]["version"].as_str().map(|tag| tag.contains('1')), Some(true));
    }
    assert_eq!(
        texts(&acme.get(&format!("/Groups/{}", ids[4])).ok(200)["members"], "value"),
        [ids[5].as_str()]
    );
    assert_eq!(acme.get(&format!("/Groups/{}", ids[5])).ok(200)["members"].as_array().map(Vec::len), Some(2));
    // A circle is created whole or not at all.
    let before = acme.get("").ok(200)["totalResults"].clone();
    let failed = results(
        &acme,
        json!([
            post("/Users", "d", managed("d", "bulkId:e")),
            post("/Users", "e", managed("A", "bulkId:d")),
            post("/Users", "f", managed("f", "bulkId:d")),
        ]),
        &["409", "409", "400"],
    );
    for result in &failed {
        assert_eq!(result["response"]["status"], result["status"]);
        assert_eq!(result.get("location"), None);
        assert_eq!(result.get("version"), None);
    }
    assert_eq!(acme.get("").ok(200)["totalResults"], before);
    results(&acme, json!([post("/Groups", "own", group("Own", &["bulkId:own"]))]), &["400"]);
    // Members of a circle that are named by their externalId.
    let mut one = group("One", &["bulkId:two", "ext-two"]);
    one["externalId"] = json!("ext-one");
    let mut two = group("Two", &["bulkId:one", "ext-one"]);
    two["externalId"] = json!("ext-two");
    let done =
        results(&acme, json!([post("/Groups", "one", one), post("/Groups", "two", two)]), &["201", "201"]);
    let shown = acme.get(&format!("/Groups/{}", id(&done[0]))).ok(200);
    assert_eq!(texts(&shown["members"], "value"), [id(&done[1])]);
}

#[test]
fn references_that_resolve_to_nothing_fail() {
    let server = Server::start();
    let (acme, strict) = (server.acme(), server.strict());
    for client in [&acme, &strict] {
        let failed = results(
            client,
            json!([
                post("/Users", "a", managed("a", "bulkId:nothing")),
                post("/Groups", "g", group("G", &["bulkId:a"])),
                post("/Groups", "h", group("H", &["bulkId:1"])),
                { "method": "DELETE", "path": "/Users/bulkId:a" },
                { "method": "PATCH", "path": "/Groups/bulkId:g", "data": patch(json!([])) },
            ]),
            &["400"; 5],
        );
        for result in &failed {
            assert_eq!(result["response"]["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:Error"]));
            assert_eq!(result["response"]["scimType"], "invalidValue", "{result}");
        }
        assert_eq!(client.get("").ok(200)["totalResults"], 0);
    }
    // A name is not a part of another one.
    results(
        &acme,
        json!([post("/Users", "1", person("one")), post("/Groups", "g", group("G", &["bulkId:10"]))]),
        &["201", "400"],
    );
}

#[test]
fn changes_with_versions() {
    let server = Server::start();
    let acme = server.acme();
    let (ada, bob) = (acme.person("ada"), acme.person("bob"));
    let path = format!("/Users/{ada}");
    let retitled = |title: &str| patch(json!([{ "op": "replace", "path": "title", "value": title }]));
    let done = results(
        &acme,
        json!([
            { "method": "put", "path": path, "version": "W/\"1\"", "data": { "schemas": [USER], "userName": "ada", "title": "a" } },
            { "method": "PATCH", "path": path, "version": "W/\"1\"", "data": retitled("b") },
            { "method": "PATCH", "path": path, "version": "W/\"2\"", "data": retitled("c") },
            { "method": "DELETE", "path": format!("/Users/{bob}"), "version": "W/\"7\"" },
            { "method": "DELETE", "path": format!("/Users/{bob}"), "version": "W/\"1\"" },
            { "method": "DELETE", "path": format!("/Users/{bob}") },
            { "method": "PATCH", "path": "/Users/nobody", "data": retitled("d") },
            { "method": "PATCH", "path": path, "data": patch(json!([{ "op": "add", "path": "nothing", "value": 1 }])) },
        ]),
        &["200", "412", "200", "412", "204", "404", "404", "400"],
    );
    assert_eq!((&done[0]["version"], &done[2]["version"]), (&json!("W/\"2\""), &json!("W/\"3\"")));
    assert_eq!(done[7]["response"]["scimType"], "invalidPath");
    let location = format!("http://{}/scim/v2{path}", server.address);
    for place in [0, 1, 2, 7] {
        assert_eq!(done[place]["location"], location);
    }
    let read = acme.get(&path).ok(200);
    assert_eq!((&read["title"], &read["meta"]["version"]), (&json!("c"), &json!("W/\"3\"")));
}

#[test]
fn fail_on_errors_ends_the_request() {
    let server = Server::start();
    let acme = server.acme();
    acme.person("taken");
    let operations = |prefix: &str| {
        json!([
            post("/Users", "1", person(&format!("{prefix}1"))),
            post("/Users", "2", person("taken")),
            post("/Users", "3", person(&format!("{prefix}3"))),
            post("/Users", "4", person("TAKEN")),
            post("/Users", "5", person(&format!("{prefix}5"))),
        ])
    };
    for (limit, prefix, expected) in [
        (json!(1), "a", vec!["201", "409"]),
        (json!(2), "b", vec!["201", "409", "201", "409"]),
        (json!(3), "c", vec!["201", "409", "201", "409", "201"]),
        (json!(null), "d", vec!["201", "409", "201", "409", "201"]),
    ] {
        let mut body = bulk(operations(prefix));
        body["failOnErrors"] = limit;
        let answer = acme.post("/Bulk", &body).ok(200);
        assert_eq!(texts(&answer["Operations"], "status"), expected);
        let created =
            acme.filter("/Users", &format!("userName sw \"{prefix}\"")).ok(200)["totalResults"].clone();
        assert_eq!(created, expected.iter().filter(|status| **status == "201").count());
    }
}

#[test]
fn malformed_requests_do_nothing() {
    let server = Server::start();
    let acme = server.acme();
    let good = post("/Users", "good", person("good"));
    for wrong in [
        json!({ "method": "GET", "path": "/Users" }),
        json!({ "method": "POST", "path": "/Users", "data": person("x") }),
        json!({ "method": "POST", "path": "/Users", "bulkId": "", "data": person("x") }),
        json!({ "method": "POST", "path": "/Users/1", "bulkId": "x", "data": person("x") }),
        json!({ "method": "POST", "path": "/Users", "bulkId": "x" }),
        json!({ "method": "POST", "path": "/Users", "bulkId": "good", "data": person("x") }),
        json!({ "method": "POST", "path": "/Users?x=1", "bulkId": "x", "data": person("x") }),
        json!({ "method": "PUT", "path": "/Users", "data": person("x") }),
        json!({ "method": "DELETE", "path": "/Users/" }),
        json!({ "method": "PATCH", "path": "/Users/1", "data": [] }),
        json!({ "path": "/Users", "bulkId": "x", "data": person("x") }),
        json!({ "method": "POST", "bulkId": "x", "data": person("x") }),
        json!("POST"),
        json!(null),
    ] {
        let detail = acme.post("/Bulk", &bulk(json!([good, wrong]))).error(400, Some("invalidSyntax"));
        assert!(detail.starts_with("Operations[2]"), "{detail}");
    }
    for body in
        [json!({}), json!({ "Operations": [good] }), bulk(json!({})), bulk(json!(null)), patch(json!([good]))]
    {
        acme.post("/Bulk", &body).error(400, Some("invalidSyntax"));
    }
    assert_eq!(acme.get("/Users").ok(200)["totalResults"], 0);
    assert!(results(&acme, json!([]), &[]).is_empty());
    // What is well formed, but cannot be, fails by itself.
    results(
        &acme,
        json!([
            post("/Nothing", "x", person("x")),
            post("/Bulk", "b", json!({})),
            post("/Schemas", "s", json!({})),
            post("/Users", "y", json!({ "schemas": [USER] })),
            good
        ]),
        &["400", "400", "400", "400", "201"],
    );
}

#[test]
fn limits() {
    let server = Server::start();
    let acme = server.acme();
    let config = acme.get("/ServiceProviderConfig").ok(200)["bulk"].clone();
    assert_eq!(
        config,
        json!({ "supported": true, "maxOperations": 1000, "maxPayloadSize": 10 * 1024 * 1024 })
    );
    let operations: Vec<Value> =
        (0..1001).map(|number| post("/Users", &number.to_string(), person(&format!("p{number}")))).collect();
    let detail = acme.post("/Bulk", &bulk(operations.clone().into())).error(413, None);
    assert!(detail.contains("1000"), "{detail}");
    let large = vec![b' '; 10 * 1024 * 1024 + 1];
    acme.send("POST", "/Bulk", &[], &large).error(413, None);
    assert_eq!(acme.get("/Users").ok(200)["totalResults"], 0);
    let done = results(&acme, operations[..1000].into(), &["201"; 1000]);
    assert_eq!(texts(&done.into(), "bulkId")[999], "999");
    assert_eq!(acme.get("/Users").ok(200)["totalResults"], 1000);
}

#[test]
fn later_operations_see_what_earlier_ones_did() {
    let server = Server::start();
    let acme = server.acme();
    let ada = acme.person("ada");
    results(
        &acme,
        json!([
            { "method": "DELETE", "path": format!("/Users/{ada}") },
            post("/Users", "again", person("Ada")),
            post("/Users", "twice", person("ADA")),
            { "method": "PATCH", "path": "/Users/bulkId:again", "data": patch(json!([
                { "op": "replace", "path": "userName", "value": "eve" }
            ])) },
            post("/Groups", "g", group("G", &["bulkId:again", &ada])),
            { "method": "DELETE", "path": "/Users/bulkId:again" },
        ]),
        &["204", "201", "409", "200", "201", "204"],
    );
    assert_eq!(acme.get("/Users").ok(200)["totalResults"], 0);
    assert_eq!(acme.get("/Groups").ok(200)["Resources"][0].get("members"), None);
}
