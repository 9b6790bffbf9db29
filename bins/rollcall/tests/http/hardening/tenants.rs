//! Every route with ids of another instance: what is answered is, but for the id, what is answered for an id that nobody has.
//! (How long an answer takes is not looked at.)

use std::collections::BTreeMap;

use scim_provider::ROUTES;
use serde_json::{Value, json};

use crate::support::{Answer, Client, ENTERPRISE, Server, bulk, encoded, group, patch, person, search, send};

const ROOM: &str = "urn:example:params:scim:schemas:core:2.0:Room";
/// Nobody's.
const UNKNOWN: &str = "0198d9a2-7c3a-7000-8000-0123456789ab";

/// A server with a type of its own, and an instance `acme` with somebody and something of each type in it.
struct Neighbours {
    server: Server,
    acme: Client,
    /// Works for `globex`, where there is nobody.
    globex: Client,
    /// Ids in `acme`, by endpoint.
    ids: BTreeMap<&'static str, String>,
}

impl Neighbours {
    fn start() -> Self {
        let schema = json!({ "id": ROOM, "name": "Room", "description": "A room.", "attributes": [
            { "name": "title", "type": "string", "multiValued": false, "description": "A test.", "required": false,
              "mutability": "readWrite", "returned": "default", "uniqueness": "none" }
        ]});
        let kind = json!({ "id": "Room", "name": "Room", "endpoint": "/Rooms", "description": "Rooms", "schema": ROOM });
        let variables = [("ROLLCALL_SCHEMAS", "room.json"), ("ROLLCALL_RESOURCE_TYPES", "type.json")];
        let files = [("room.json", &*schema.to_string()), ("type.json", &*kind.to_string())];
        let server = Server::start_with(&variables, &files);
        server.run(&["instance", "create", "globex"]);
        let (acme, globex) = (server.acme(), server.client("globex", "default"));
        let ada = acme.person("ada");
        let ids = BTreeMap::from([
            ("/Groups", acme.group("Engines", &[&ada])),
            ("/Rooms", acme.post("/Rooms", &json!({ "schemas": [ROOM], "title": "Attic" })).created()),
            ("/Users", ada),
        ]);
        Self { server, acme, globex, ids }
    }

    /// All that is in `acme`.
    fn of_acme(&self) -> Vec<Vec<u8>> {
        let items = self.ids.iter().map(|(endpoint, id)| self.acme.get(&format!("{endpoint}/{id}")).body);
        let log = self.server.run(&["log", "--instance", "acme", "--format", "jsonl"]);
        items.chain([log.into_bytes()]).collect()
    }
}

/// What is seen of an answer, without the id that was asked for and what is of the moment.
fn seen(answer: &Answer, id: &str) -> (u16, String, Vec<(String, String)>) {
    let text = String::from_utf8_lossy(&answer.body).replace(id, "ID");
    let text = match serde_json::from_str::<Value>(&text) {
        Ok(mut body) => {
            blank(&mut body);
            body.to_string()
        }
        Err(_) => text,
    };
    let of_the_moment = ["x-request-id", "date", "content-length", "location", "etag"];
    let fields = answer.headers.iter().filter(|(name, _)| !of_the_moment.contains(&name.as_str()));
    let mut fields: Vec<_> = fields.cloned().collect();
    fields.sort();
    (answer.status, text, fields)
}

/// Takes out what differs between any two resources.
fn blank(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for name in ["id", "created", "lastModified", "location", "version"] {
                members.remove(name);
            }
            members.values_mut().for_each(blank);
        }
        Value::Array(list) => list.iter_mut().for_each(blank),
        _ => {}
    }
}

#[test]
fn every_route_with_a_neighbours_id_answers_as_if_there_were_nobody() {
    let world = Neighbours::start();
    let before = world.of_acme();
    let globex = &world.globex;
    let version = world.acme.get(&format!("/Users/{}", world.ids["/Users"]));
    let version = version.header("etag").expect("a version").to_owned();
    let mut probed = 0;
    // The table names people and groups; other types have the same routes.
    let items = ROUTES.iter().filter(|route| route.path.ends_with("/{id}"));
    let items: Vec<(&str, &str)> =
        items.map(|route| (route.method, route.path.trim_end_matches("/{id}"))).collect();
    let rooms =
        items.iter().filter(|(_, endpoint)| *endpoint == "/Users").map(|(method, _)| (*method, "/Rooms"));
    let rooms: Vec<_> = rooms.collect();
    for (method, endpoint) in
        items.iter().copied().chain(rooms).chain([("HEAD", "/Users"), ("HEAD", "/Groups")])
    {
        let body = match (method, endpoint) {
            ("PUT", "/Users") => person("eve").to_string(),
            ("PUT", "/Groups") => group("Eves", &[]).to_string(),
            ("PUT", _) => json!({ "schemas": [ROOM], "title": "Cellar" }).to_string(),
            ("PATCH", _) => {
                patch(json!([{ "op": "replace", "path": "externalId", "value": "x" }])).to_string()
            }
            _ => String::new(),
        };
        for precondition in
            [None, Some(("If-Match", &*version)), Some(("If-Match", "*")), Some(("If-None-Match", "*"))]
        {
            let ask = |id: &str| {
                let fields: Vec<_> =
                    [("Content-Type", "application/scim+json")].into_iter().chain(precondition).collect();
                seen(&globex.send(method, &format!("{endpoint}/{id}"), &fields, body.as_bytes()), id)
            };
            // An id of one type is no more known at another's endpoint.
            for id in world.ids.values() {
                let (foreign, unknown) = (ask(id), ask(UNKNOWN));
                assert_eq!(foreign, unknown, "{method} {endpoint} {precondition:?}");
                assert_eq!(foreign.0, 404, "{method} {endpoint} {precondition:?}");
                probed += 1;
            }
        }
    }
    assert!(probed >= 12 * 4 * 3, "{probed} probes");
    assert_eq!(before, world.of_acme(), "nothing of acme's is another");
}

#[test]
fn references_to_a_neighbours_people_are_references_to_nobody() {
    let world = Neighbours::start();
    let before = world.of_acme();
    world.server.run(&["connector", "create", "--instance", "globex", "strict", "--dialect", "strict"]);
    let strict = world.server.client("globex", "strict");
    for (globex, dialect) in [(&world.globex, "lenient"), (&strict, "strict")] {
        let (bob, bobs) =
            (globex.person(&format!("bob-{dialect}")), globex.group(&format!("Bobs {dialect}"), &[]));
        let (mine, ours) = (format!("/Users/{bob}"), format!("/Groups/{bobs}"));
        // Before each request all is as in the beginning.
        let reset = || {
            globex.put(&ours, &group(&format!("Bobs {dialect}"), &[])).ok(200);
            globex.put(&mine, &person(&format!("bob-{dialect}"))).ok(200);
        };
        let mut number = 0;
        for (endpoint, id) in &world.ids {
            // Each with the foreign id, then with the one that nobody has; names differ, for they are taken by then.
            let mut ask = |make: &dyn Fn(&str, &str) -> Answer| {
                number += 1;
                let name = format!("name-{number}-{dialect}");
                let blank_name = |mut seen: (u16, String, Vec<(String, String)>), name: &str| {
                    seen.1 = seen.1.replace(name, "NAME");
                    seen
                };
                reset();
                let foreign = blank_name(seen(&make(id, &format!("{name}-a")), id), &format!("{name}-a"));
                reset();
                let unknown =
                    blank_name(seen(&make(UNKNOWN, &format!("{name}-b")), UNKNOWN), &format!("{name}-b"));
                assert_eq!(foreign, unknown, "{dialect} {endpoint} {name}");
                assert!(foreign.0 < 500 && foreign.0 != 403, "{dialect}: {foreign:?}");
                foreign
            };
            ask(&|id, name| globex.post("/Groups", &group(name, &[id])));
            ask(&|id, _| globex.put(&ours, &group("Bobs", &[id])));
            for op in ["add", "replace", "remove"] {
                ask(&|id, _| {
                    globex.patch(&ours, json!([{ "op": op, "path": "members", "value": [{ "value": id }] }]))
                });
            }
            ask(&|id, _| {
                globex
                    .patch(&ours, json!([{ "op": "remove", "path": format!("members[value eq \"{id}\"]") }]))
            });
            ask(&|id, name| {
                let mut body = person(name);
                body[ENTERPRISE] = json!({ "manager": { "value": id } });
                globex.post("/Users", &body)
            });
            ask(&|id, _| {
                let path = format!("{ENTERPRISE}:manager");
                globex.patch(&mine, json!([{ "op": "replace", "path": path, "value": id }]))
            });
            for (method, data) in [("PUT", person("x")), ("PATCH", patch(json!([]))), ("DELETE", Value::Null)]
            {
                ask(&|id, _| {
                    let mut operation = json!({ "method": method, "path": format!("{endpoint}/{id}") });
                    if !data.is_null() {
                        operation["data"] = data.clone();
                    }
                    globex.post("/Bulk", &bulk(json!([operation])))
                });
            }
            ask(&|id, name| {
                let operation =
                    json!({ "method": "POST", "path": "/Groups", "bulkId": "g", "data": group(name, &[id]) });
                globex.post("/Bulk", &bulk(json!([operation])))
            });
            // Filters find nobody.
            for (at, filter) in [
                ("/Users", "id eq \"{}\""),
                ("/Groups", "id eq \"{}\""),
                ("/Rooms", "id eq \"{}\""),
                ("/Users", "groups.value eq \"{}\""),
                (
                    "/Users",
                    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value eq \"{}\" and id pr and userName eq \"none\"",
                ),
                ("/", "id eq \"{}\""),
            ] {
                let (status, body, _) =
                    ask(&|id, _| globex.get(&format!("{at}?filter={}", encoded(&filter.replace("{}", id)))));
                assert!(status != 200 || body.contains("\"totalResults\":0"), "{at} {filter}: {body}");
                let members = |id: &str| search(json!({ "filter": filter.replace("{}", id) }));
                let path = if at == "/" { "/.search".to_owned() } else { format!("{at}/.search") };
                ask(&|id, _| globex.post(&path, &members(id)));
            }
        }
    }
    assert_eq!(before, world.of_acme(), "nothing of acme's is another");
    // Nobody of the neighbour's has come to be shown.
    for path in ["/Users?count=1000", "/Groups?count=1000", "/Rooms", "/"] {
        let shown = world.globex.get(path).ok(200).to_string();
        assert!(
            !shown.contains("Engines") && !shown.contains("Attic") && !shown.contains("\"ada\""),
            "{shown}"
        );
    }
}

#[test]
fn a_neighbours_cursors_urls_and_tokens_open_nothing() {
    let world = Neighbours::start();
    world.acme.person("bob");
    world.globex.person("eve");
    world.globex.person("fay");
    let cursor = |client: &Client| {
        let page = client.get("/Users?cursor&count=1").ok(200);
        page["nextCursor"].as_str().expect("more").to_owned()
    };
    let (foreign, own) = (cursor(&world.acme), cursor(&world.globex));
    let follow = |cursor: &str| world.globex.get(&format!("/Users?cursor={}&count=1", encoded(cursor)));
    follow(&own).ok(200);
    assert_eq!(seen(&follow(&foreign), &foreign), seen(&follow("nonsense"), "nonsense"));
    follow(&foreign).error(400, Some("invalidCursor"));
    // The neighbour's own URL is as closed as one that there is not.
    let shown = world.server.run(&["connector", "show", "--instance", "acme", "default", "--json"]);
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    let connector = shown["id"].as_str().expect("an id");
    let at_door = |door: &str, token: &str| {
        let authorization = format!("Bearer {token}");
        let target = format!("/c/{door}/scim/v2/Users");
        send(&world.server.address, "GET", &target, &[("Authorization", &authorization)], b"")
    };
    let closed = |door: &str| seen(&at_door(door, &world.globex.token), door);
    assert_eq!(closed(connector), closed(UNKNOWN));
    assert_eq!(at_door(connector, &world.acme.token).status, 200);
    // Tokens are for where they were given, whatever key got them.
    for instance in ["acme", "globex"] {
        world.server.run(&["connector", "set", "--instance", instance, "--oauth", "on"]);
    }
    let issue = ["key", "issue", "--instance", "globex", "--user", "integration", "--json"];
    let key: Value = serde_json::from_str(&world.server.run(&issue)).expect("JSON");
    let (id, secret) = (key["id"].as_str().expect("an id"), key["token"].as_str().expect("a token"));
    let form = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
    let typed = [("Content-Type", "application/x-www-form-urlencoded")];
    let answer = send(&world.server.address, "POST", "/oauth2/token", &typed, form.as_bytes());
    let token = answer.json()["access_token"].as_str().expect("a token").to_owned();
    let by_token = Client::new(&world.server.address, &token);
    assert_eq!(by_token.get("/Users").ok(200)["totalResults"], 2);
    by_token.get(&format!("/Users/{}", world.ids["/Users"])).error(404, None);
    let closed = |door: &str| seen(&at_door(door, &token), door);
    assert_eq!(closed(connector), closed(UNKNOWN));
    assert_ne!(closed(connector).0, 200);
}
