//! Groups and their members: what joins, leaves, is held for later, and what it looks like from either side.

use serde_json::{Value, json};

use crate::support::{Client, GROUP, Server, USER, group, texts};

fn members(client: &Client, group: &str) -> Vec<String> {
    let mut ids = texts(&client.get(&format!("/Groups/{group}")).ok(200)["members"], "value");
    ids.sort();
    ids
}

fn groups(client: &Client, user: &str) -> Vec<String> {
    texts(&client.get(&format!("/Users/{user}")).ok(200)["groups"], "display")
}

fn add(ids: &[&str]) -> Value {
    json!([{ "op": "add", "path": "members", "value": values(ids) }])
}

fn values(ids: &[&str]) -> Value {
    ids.iter().map(|id| json!({ "value": id })).collect()
}

#[track_caller]
fn sorted(ids: &[&str]) -> Vec<String> {
    let mut ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
    ids.sort();
    ids
}

#[test]
fn members_come_and_go_in_every_shape() {
    let server = Server::start();
    let acme = server.acme();
    let (ada, bob, eve) = (acme.person("ada"), acme.person("bob"), acme.person("eve"));
    let engines = acme.group("Engines", &[]);
    let path = format!("/Groups/{engines}");
    let step = |operations: Value, expected: &[&str]| {
        let answer = acme.patch(&path, operations.clone()).ok(200);
        let mut shown = texts(&answer["members"], "value");
        shown.sort();
        assert_eq!(shown, sorted(expected), "{operations}");
        assert_eq!(members(&acme, &engines), sorted(expected), "{operations}");
        assert_eq!(answer.get("members").is_none(), expected.is_empty(), "no empty arrays: {operations}");
    };
    step(add(&[&ada]), &[&ada]);
    step(add(&[&ada, &ada]), &[&ada]);
    step(json!([{ "op": "Add", "path": "members", "value": { "value": bob } }]), &[&ada, &bob]);
    step(json!([{ "op": "add", "path": "members", "value": [eve] }]), &[&ada, &bob, &eve]);
    step(json!([{ "op": "remove", "path": format!("members[value eq \"{eve}\"]") }]), &[&ada, &bob]);
    step(json!([{ "op": "remove", "path": format!("members[value eq \"{eve}\"]") }]), &[&ada, &bob]);
    step(json!([{ "op": "Remove", "path": "members", "value": [{ "value": bob }] }]), &[&ada]);
    step(
        json!([{ "op": "remove", "path": "members", "value": [{ "value": bob }, { "value": "nobody" }] }]),
        &[&ada],
    );
    step(json!([{ "op": "remove", "path": "members", "value": [] }]), &[&ada]);
    step(json!([{ "op": "remove", "path": "members", "value": ada }]), &[]);
    step(
        json!([{ "op": "add", "value": { "members": [{ "value": ada }, { "value": bob }] } }]),
        &[&ada, &bob],
    );
    step(json!([{ "op": "replace", "path": "members", "value": [{ "value": eve }] }]), &[&eve]);
    step(json!([{ "op": "replace", "value": { "members": [{ "value": ada }] } }]), &[&ada]);
    // Order counts within a request.
    step(json!([add(&[&bob])[0], { "op": "remove", "path": "members" }, add(&[&eve])[0]]), &[&eve]);
    step(
        json!([{ "op": "remove", "path": format!("members[value eq \"{eve}\"]") }, add(&[&eve])[0]]),
        &[&eve],
    );
    step(
        json!([add(&[&ada])[0], { "op": "remove", "path": "members", "value": [{ "value": ada }] }]),
        &[&eve],
    );
    step(json!([{ "op": "replace", "path": "members", "value": [] }]), &[]);
    step(add(&[&ada, &bob]), &[&ada, &bob]);
    step(json!([{ "op": "remove", "path": "members" }]), &[]);
    let put = |members: &[&str]| acme.put(&path, &group("Engines", members)).ok(200);
    assert_eq!(put(&[&ada, &bob])["members"].as_array().map(Vec::len), Some(2));
    assert_eq!(texts(&put(&[&eve])["members"], "value"), [eve.as_str()]);
    assert_eq!(put(&[]).get("members"), None);
    put(&[&ada]);
    let without = acme.put(&path, &json!({ "schemas": [GROUP], "displayName": "Engines" })).ok(200);
    assert_eq!(without.get("members"), None, "what a PUT does not have is cleared");
}

#[test]
fn what_is_wrong_changes_nothing() {
    let server = Server::start();
    let (acme, strict) = (server.acme(), server.strict());
    let (ada, bob) = (acme.person("ada"), acme.person("bob"));
    let engines = acme.group("Engines", &[&ada]);
    let path = format!("/Groups/{engines}");
    let before = acme.get(&path).ok(200);
    let refused = |client: &Client, operations: Value, scim_type: &str| {
        let detail = client.patch(&path, operations.clone()).error(400, Some(scim_type));
        assert_eq!(acme.get(&path).ok(200), before, "{operations}");
        detail
    };
    let good = add(&[&bob])[0].clone();
    refused(&acme, json!([good, { "op": "add", "path": "nothing", "value": 1 }]), "invalidPath");
    refused(&acme, json!([good, { "op": "add", "path": "members[", "value": 1 }]), "invalidPath");
    refused(&acme, json!([good, { "op": "move", "path": "members" }]), "invalidSyntax");
    refused(&acme, json!([good, { "op": "replace", "path": "id", "value": ada }]), "mutability");
    refused(
        &acme,
        json!([good, { "op": "add", "path": "members", "value": [{ "value": 7 }] }]),
        "invalidValue",
    );
    refused(
        &acme,
        json!([good, { "op": "add", "path": "members", "value": [{ "display": "x" }] }]),
        "invalidValue",
    );
    refused(&acme, json!([good, { "op": "replace", "path": "displayName", "value": "" }]), "invalidValue");
    refused(&acme, json!([good, { "op": "remove", "path": "displayName" }]), "mutability");
    let detail = refused(&acme, add(&[&bob, "bulkId:x"]), "invalidValue");
    assert!(detail.contains("bulkId:x"), "{detail}");
    refused(&acme, add(&[&bob, &engines]), "invalidValue");
    refused(
        &strict,
        json!([good, { "op": "remove", "path": "members", "value": [{ "value": ada }] }]),
        "invalidValue",
    );
    refused(&strict, json!([{ "op": "Add", "path": "members", "value": values(&[&bob]) }]), "invalidSyntax");
    let detail = refused(&strict, add(&[&bob, "nobody-1", "nobody-2"]), "invalidValue");
    assert!(detail.contains("nobody-1") && detail.contains("nobody-2") && !detail.contains(&bob), "{detail}");
    strict.post("/Groups", &group("Unknown", &["nobody-1"])).error(400, Some("invalidValue"));
    strict.put(&path, &group("Engines", &["nobody-1"])).error(400, Some("invalidValue"));
    let without = json!({ "Operations": [good] });
    acme.send("PATCH", &path, &[], without.to_string().as_bytes()).error(400, Some("invalidSyntax"));
    assert_eq!(acme.get(&path).ok(200), before);
}

#[test]
fn members_are_shown_from_both_sides() {
    let server = Server::start();
    let acme = server.acme();
    let ada = json!({ "schemas": [USER], "userName": "ada", "displayName": "Ada Lovelace" });
    let ada = acme.post("/Users", &ada).created();
    let (inner, outer) = (acme.group("Inner", &[&ada]), acme.group("Outer", &[]));
    acme.patch(&format!("/Groups/{outer}"), add(&[&inner, &ada])).ok(200);
    let base = format!("http://{}/scim/v2", server.address);
    let shown = acme.get(&format!("/Groups/{outer}")).ok(200);
    let of = |id: &str| {
        let members = shown["members"].as_array().expect("members");
        members.iter().find(|member| member["value"] == id).cloned().expect("a member")
    };
    assert_eq!(
        of(&ada),
        json!({ "value": ada, "$ref": format!("{base}/Users/{ada}"), "display": "Ada Lovelace", "type": "User" })
    );
    assert_eq!(
        of(&inner),
        json!({ "value": inner, "$ref": format!("{base}/Groups/{inner}"), "display": "Inner", "type": "Group" })
    );
    let groups = acme.get(&format!("/Users/{ada}")).ok(200)["groups"].clone();
    assert_eq!(groups.as_array().map(Vec::len), Some(2));
    let own =
        groups.as_array().and_then(|groups| groups.iter().find(|group| group["value"] == inner.as_str()));
    let own = own.expect("a group");
    assert_eq!((&own["display"], &own["$ref"]), (&json!("Inner"), &json!(format!("{base}/Groups/{inner}"))));
    // A person's groups are derived: what is sent is not taken.
    acme.patch(&format!("/Users/{ada}"), json!([{ "op": "replace", "value": { "groups": [] } }])).ok(200);
    let body = json!({ "schemas": [USER], "userName": "ada", "groups": [{ "value": "x" }] });
    assert_eq!(acme.put(&format!("/Users/{ada}"), &body).ok(200)["groups"].as_array().map(Vec::len), Some(2));
    acme.patch(&format!("/Users/{ada}"), json!([{ "op": "remove", "path": "groups" }]))
        .error(400, Some("mutability"));
    // Filters look through both sides.
    for (endpoint, filter, expected) in [
        ("/Groups", format!("members.value eq \"{ada}\""), 2),
        ("/Groups", format!("members[value eq \"{ada}\" and type eq \"User\"]"), 2),
        ("/Groups", format!("members eq \"{inner}\""), 1),
        ("/Groups", "members[type eq \"Group\"]".to_owned(), 1),
        ("/Groups", format!("id eq \"{outer}\" and members eq \"{ada}\""), 1),
        ("/Groups", "not (members pr)".to_owned(), 0),
        ("/Users", format!("groups.value eq \"{inner}\""), 1),
        ("/Users", "groups.display eq \"outer\"".to_owned(), 1),
        ("/Users", "groups.display eq \"nothing\"".to_owned(), 0),
    ] {
        assert_eq!(acme.filter(endpoint, &filter).ok(200)["totalResults"], expected, "{filter}");
    }
}

#[test]
fn members_that_are_not_there_yet_are_linked_when_they_come() {
    let server = Server::start();
    let acme = server.acme();
    let engines = acme.group("Engines", &["ext-ada", "BOB@example.com", "ext-late", "ext-gone"]);
    assert_eq!(members(&acme, &engines), sorted(&["BOB@example.com", "ext-ada", "ext-gone", "ext-late"]));
    let path = format!("/Groups/{engines}");
    let ada = json!({ "schemas": [USER], "userName": "ada", "externalId": "ext-ada" });
    let created = acme.post("/Users", &ada);
    let ada = created.created();
    assert_eq!(texts(&created.json()["groups"], "display"), ["Engines"], "the answer shows it already");
    let bob = acme.person("bob@example.com");
    assert_eq!(groups(&acme, &bob), ["Engines"]);
    // Somebody who is there already gets the externalId later.
    let late = acme.person("late");
    let patched = acme.patch(
        &format!("/Users/{late}"),
        json!([{ "op": "add", "path": "externalId", "value": "ext-late" }]),
    );
    assert_eq!(texts(&patched.ok(200)["groups"], "display"), ["Engines"]);
    acme.patch(&path, json!([{ "op": "remove", "path": "members", "value": [{ "value": "ext-gone" }] }]))
        .ok(200);
    acme.post("/Users", &json!({ "schemas": [USER], "userName": "gone", "externalId": "ext-gone" }))
        .created();
    assert_eq!(members(&acme, &engines), sorted(&[&ada, &bob, &late]));
    // By what a person is known as, they join at once, too, and leave.
    let known = acme.group("Known", &["ext-ada", "Bob@Example.com", &late]);
    assert_eq!(members(&acme, &known), sorted(&[&ada, &bob, &late]));
    acme.patch(
        &format!("/Groups/{known}"),
        json!([{ "op": "remove", "path": "members", "value": values(&["ext-ada"]) }]),
    )
    .ok(200);
    assert_eq!(members(&acme, &known), sorted(&[&bob, &late]));
    // A group may come as late as a person.
    let outer = acme.group("Outer", &["ext-group"]);
    let inner = json!({ "schemas": [GROUP], "displayName": "Inner", "externalId": "ext-group" });
    let inner = acme.post("/Groups", &inner).created();
    assert_eq!(members(&acme, &outer), [inner]);
    // A replacement forgets who was waited for.
    let waiting = acme.group("Waiting", &["ext-never"]);
    acme.put(&format!("/Groups/{waiting}"), &group("Waiting", &[&bob])).ok(200);
    acme.post("/Users", &json!({ "schemas": [USER], "userName": "never", "externalId": "ext-never" }))
        .created();
    assert_eq!(members(&acme, &waiting), [bob]);
    let log = server.run(&["log", "--instance", "acme", "--format", "jsonl"]);
    assert_eq!(log.lines().filter(|line| line.contains("\"reference_linked\"")).count(), 4, "{log}");
}

#[test]
fn a_deleted_person_leaves_and_stays_away() {
    let server = Server::start();
    let acme = server.acme();
    let (ada, bob) = (acme.person("ada"), acme.person("bob"));
    let (one, two) = (acme.group("One", &[&ada, &bob]), acme.group("Two", &[&ada]));
    acme.delete(&format!("/Users/{ada}")).empty(204);
    assert_eq!(members(&acme, &one), [bob.as_str()]);
    assert!(members(&acme, &two).is_empty());
    acme.patch(&format!("/Groups/{two}"), add(&[&ada, &bob])).ok(200);
    assert_eq!(members(&acme, &two), [bob.as_str()], "the id of a deleted person is ignored");
    let three = acme.group("Three", &[&ada]);
    assert!(members(&acme, &three).is_empty());
    let log = server.run(&["log", "--instance", "acme", "--format", "jsonl"]);
    assert_eq!(log.lines().filter(|line| line.contains("\"reference_ignored\"")).count(), 2);
    // A deleted group leaves its members and its own groups.
    let outer = acme.group("Outer", &[&one]);
    acme.delete(&format!("/Groups/{one}")).empty(204);
    assert_eq!(groups(&acme, &bob), ["Two"]);
    assert!(members(&acme, &outer).is_empty());
    acme.delete(&format!("/Groups/{one}")).error(404, None);
    assert_ne!(acme.group("One", &[]), one, "its name is free again");
}

#[test]
fn display_names_are_unique_in_any_letter_case() {
    let server = Server::start();
    let acme = server.acme();
    let engines = acme.group("Engines", &[]);
    let looms = acme.group("Looms", &[]);
    for name in ["Engines", "ENGINES", "engines"] {
        acme.post("/Groups", &group(name, &[])).error(409, Some("uniqueness"));
        acme.put(&format!("/Groups/{looms}"), &group(name, &[])).error(409, Some("uniqueness"));
        let rename = json!([{ "op": "replace", "value": { "displayName": name } }]);
        acme.patch(&format!("/Groups/{looms}"), rename).error(409, Some("uniqueness"));
    }
    // Its own name in another case is no clash.
    let rename = json!([{ "op": "replace", "path": "displayName", "value": "ENGINES" }]);
    assert_eq!(acme.patch(&format!("/Groups/{engines}"), rename).ok(200)["displayName"], "ENGINES");
    for body in [json!({ "schemas": [GROUP] }), json!({ "schemas": [GROUP], "displayName": "" })] {
        acme.post("/Groups", &body).error(400, Some("invalidValue"));
    }
    server.run(&["instance", "create", "globex", "--shared-group-names"]);
    let globex = server.client("globex", "default");
    assert_ne!(globex.group("Engines", &[]), globex.group("engines", &[]));
    assert_eq!(globex.filter("/Groups", "displayName eq \"Engines\"").ok(200)["totalResults"], 2);
    let schema = |client: &Client| client.get(&format!("/Schemas/{GROUP}")).ok(200)["attributes"][0].clone();
    assert_eq!(
        (schema(&acme)["uniqueness"].clone(), schema(&globex)["uniqueness"].clone()),
        (json!("server"), json!("none"))
    );
}

#[test]
fn a_group_cannot_be_its_own_member() {
    let server = Server::start();
    let acme = server.acme();
    let engines = acme.group("Engines", &[]);
    let path = format!("/Groups/{engines}");
    acme.put(&path, &group("Engines", &[&engines])).error(400, Some("invalidValue"));
    let own = json!({ "schemas": [GROUP], "displayName": "Engines", "externalId": "own" });
    acme.put(&path, &own).ok(200);
    acme.patch(&path, add(&["own"])).error(400, Some("invalidValue"));
    assert!(members(&acme, &engines).is_empty());
    // Not under a name that it has from the same request, either.
    let selfish = json!({ "schemas": [GROUP], "displayName": "Selfish", "externalId": "me", "members": [{ "value": "me" }] });
    acme.post("/Groups", &selfish).error(400, Some("invalidValue"));
    let selfish = json!([{ "op": "add", "path": "externalId", "value": "me" }, add(&["me"])[0]]);
    acme.patch(&path, selfish).error(400, Some("invalidValue"));
    // Nor does it become one by arriving under the name that it waits for.
    let waiting = acme.group("Waiting", &["ext-self"]);
    let renamed = json!([{ "op": "add", "path": "externalId", "value": "ext-self" }]);
    acme.patch(&format!("/Groups/{waiting}"), renamed).ok(200);
    assert!(!members(&acme, &waiting).contains(&waiting));
}

#[test]
fn small_groups_are_answered_large_ones_are_not() {
    let server = Server::start();
    let acme = server.acme();
    let people: Vec<String> = (0..21).map(|number| acme.person(&format!("p{number}"))).collect();
    let people: Vec<&str> = people.iter().map(String::as_str).collect();
    let engines = acme.group("Engines", &[]);
    let path = format!("/Groups/{engines}");
    let twenty = acme.patch(&path, add(&people[..20]));
    assert_eq!(twenty.ok(200)["members"].as_array().map(Vec::len), Some(20));
    let more = acme.patch(&path, add(&people[20..]));
    more.empty(204);
    assert_eq!(more.header("etag"), acme.get(&path).header("etag"));
    assert_eq!(acme.patch(&format!("{path}?attributes=displayName"), json!([])).ok(200).get("members"), None);
    let all = acme.patch(&format!("{path}?attributes=members"), json!([])).ok(200);
    assert_eq!(all["members"].as_array().map(Vec::len), Some(21));
    let none = acme.patch(&format!("{path}?excludedAttributes=members"), json!([])).ok(200);
    assert_eq!(none.get("members"), None);
    assert_eq!(none["displayName"], "Engines");
    let one = json!([{ "op": "remove", "path": format!("members[value eq \"{}\"]", people[20]) }]);
    assert_eq!(acme.patch(&path, one).ok(200)["members"].as_array().map(Vec::len), Some(20));
    for path in [path.clone(), "/Groups".to_owned()] {
        let read = acme.get(&format!("{path}?excludedAttributes=members")).ok(200);
        let group = if read["Resources"].is_array() { read["Resources"][0].clone() } else { read };
        assert_eq!((group.get("members"), &group["displayName"]), (None, &json!("Engines")));
    }
}

#[test]
fn five_thousand_members() {
    let server = Server::start();
    let acme = server.acme();
    let numbers: Vec<usize> = (0..5000).collect();
    let mut ids = Vec::new();
    for chunk in numbers.chunks(1000) {
        let operations: Vec<Value> = chunk
            .iter()
            .map(|number| {
                let data = crate::support::person(&format!("p{number}"));
                json!({ "method": "POST", "path": "/Users", "bulkId": number.to_string(), "data": data })
            })
            .collect();
        let answer = acme.post("/Bulk", &crate::support::bulk(operations.into())).ok(200);
        let own = answer["Operations"].as_array().expect("results").iter().map(|result| {
            assert_eq!(result["status"], "201");
            result["location"]
                .as_str()
                .and_then(|location| location.rsplit('/').next())
                .expect("an id")
                .to_owned()
        });
        ids.extend(own);
    }
    let all: Vec<&str> = ids.iter().map(String::as_str).collect();
    let engines = acme.group("Engines", &[]);
    let path = format!("/Groups/{engines}");
    let count = || acme.get(&path).ok(200)["members"].as_array().map_or(0, Vec::len);
    let put = acme.put(&path, &group("Engines", &all)).ok(200);
    assert_eq!(put["members"].as_array().map(Vec::len), Some(5000));
    assert_eq!(count(), 5000);
    acme.put(&path, &group("Engines", &all[2500..])).ok(200);
    assert_eq!(count(), 2500);
    for batch in all[..2500].chunks(1000) {
        acme.patch(&path, add(batch)).empty(204);
    }
    assert_eq!(count(), 5000);
    let page = acme.get("/Groups?filter=displayName%20eq%20%22engines%22").ok(200);
    assert_eq!(page["Resources"][0]["members"].as_array().map(Vec::len), Some(5000));
    let leaving: Vec<Value> = all[..1000]
        .iter()
        .map(|id| json!({ "op": "remove", "path": format!("members[value eq \"{id}\"]") }))
        .collect();
    acme.patch(&path, leaving.into()).empty(204);
    acme.patch(&path, json!([{ "op": "remove", "path": "members", "value": values(&all[1000..2000]) }]))
        .empty(204);
    assert_eq!(count(), 3000);
    acme.patch(&path, json!([{ "op": "remove", "path": "members" }])).ok(200);
    assert_eq!(count(), 0);
}

/// A filter on members reaches everybody that the group shows: also who is waited for, and whom an earlier operation of
/// the same request brought.
#[test]
fn members_are_removed_by_filters_of_every_kind() {
    let server = Server::start();
    let acme = server.acme();
    let ada = acme.person("ada");
    let engines = acme.group("Engines", &[]);
    let path = format!("/Groups/{engines}");
    acme.patch(
        &path,
        json!([{ "op": "add", "path": "members", "value": [{ "value": "nobody", "type": "User" }] }]),
    );
    assert_eq!(members(&acme, &engines), ["nobody"]);
    let by_type = json!({ "op": "remove", "path": "members[type eq \"User\"]" });
    acme.patch(&path, json!([{ "op": "add", "path": "members", "value": [{ "value": ada }] }, by_type]));
    assert_eq!(members(&acme, &engines), [""; 0]);
    acme.patch(&path, json!([by_type, { "op": "add", "path": "members", "value": [{ "value": ada }] }]));
    assert_eq!(members(&acme, &engines), [ada]);
}
