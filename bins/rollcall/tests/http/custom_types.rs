//! An extension and a whole resource type of one's own, loaded from files (RFC 7643 §6, §7).

use serde_json::{Value, json};

use crate::support::{Client, Server, USER, extend, outcome, texts};

const BADGE: &str = "urn:example:params:scim:schemas:extension:badge:2.0:User";
const DEVICE: &str = "urn:example:params:scim:schemas:core:2.0:Device";

fn attribute(name: &str, kind: &str, more: Value) -> Value {
    let mut attribute = json!({
        "name": name, "type": kind, "multiValued": false, "description": "A test.", "required": false,
        "mutability": "readWrite", "returned": "default", "uniqueness": "none"
    });
    extend(&mut attribute, more);
    attribute
}

fn badge_schema() -> Value {
    json!({
        "id": BADGE, "name": "Badge", "description": "An employee's badge.",
        "attributes": [
            attribute("number", "integer", json!({ "uniqueness": "server" })),
            attribute("photo", "binary", json!({ "returned": "request" })),
            attribute("pin", "string", json!({ "returned": "never", "mutability": "writeOnly" })),
            attribute("code", "string", json!({ "caseExact": true, "returned": "always" })),
        ]
    })
}

fn device_schema() -> Value {
    json!({
        "id": DEVICE, "name": "Device", "description": "A machine.",
        "attributes": [
            attribute("serial", "string", json!({ "required": true, "uniqueness": "server", "mutability": "immutable" })),
            attribute("model", "string", json!({ "caseExact": true, "canonicalValues": ["X1", "Y2"] })),
            attribute("active", "boolean", json!({})),
            attribute("weight", "decimal", json!({})),
            attribute("cores", "integer", json!({})),
            attribute("bought", "dateTime", json!({})),
            attribute("certificate", "binary", json!({})),
            attribute("owner", "reference", json!({ "referenceTypes": ["User", "external"] })),
            attribute("state", "string", json!({ "mutability": "readOnly" })),
            attribute("key", "string", json!({ "returned": "never", "mutability": "writeOnly" })),
            attribute("tags", "string", json!({ "multiValued": true })),
            attribute("label", "string", json!({ "returned": "always" })),
            attribute("notes", "string", json!({ "returned": "request" })),
            attribute("disks", "complex", json!({ "multiValued": true, "subAttributes": [
                attribute("name", "string", json!({})),
                attribute("bytes", "integer", json!({})),
                attribute("primary", "boolean", json!({})),
            ] })),
        ]
    })
}

fn start() -> (Server, Client) {
    let user = json!({
        "id": "User", "name": "User", "endpoint": "/Users", "description": "People", "schema": USER,
        "schemaExtensions": [
            { "schema": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User", "required": false },
            { "schema": BADGE, "required": false }
        ]
    });
    let device = json!({ "id": "Device", "name": "Device", "endpoint": "/Devices", "description": "Machines", "schema": DEVICE });
    let (badge, device_schema) = (badge_schema().to_string(), device_schema().to_string());
    let (user, device) = (user.to_string(), device.to_string());
    let server = Server::start_with(
        &[
            ("ROLLCALL_SCHEMAS", "badge.json,device.json"),
            ("ROLLCALL_RESOURCE_TYPES", "user-type.json,device-type.json"),
        ],
        &[
            ("badge.json", &badge),
            ("device.json", &device_schema),
            ("user-type.json", &user),
            ("device-type.json", &device),
        ],
    );
    let acme = server.acme();
    (server, acme)
}

fn device(serial: &str, more: Value) -> Value {
    let mut body = json!({ "schemas": [DEVICE], "serial": serial });
    extend(&mut body, more);
    body
}

#[test]
fn discovery_shows_them() {
    let (_server, acme) = start();
    let types = acme.get("/ResourceTypes").ok(200);
    assert_eq!(texts(&types["Resources"], "id"), ["User", "Group", "Device"]);
    assert_eq!(types["Resources"][2]["schema"], DEVICE);
    let extensions = acme.get("/ResourceTypes/User").ok(200)["schemaExtensions"].clone();
    assert!(texts(&extensions, "schema").contains(&BADGE.to_owned()));
    let shown = acme.get(&format!("/Schemas/{DEVICE}")).ok(200);
    let sent = device_schema();
    let names = texts(&sent["attributes"], "name");
    assert_eq!(texts(&shown["attributes"], "name"), names);
    for (shown, sent) in shown["attributes"]
        .as_array()
        .expect("a list")
        .iter()
        .zip(sent["attributes"].as_array().expect("a list"))
    {
        for (key, value) in sent.as_object().expect("an object") {
            if key != "subAttributes" {
                assert_eq!(&shown[key], value, "{key} of {}", sent["name"]);
            }
        }
    }
    acme.get("/Devices").ok(200);
    let options = acme.send("OPTIONS", "/Devices", &[], b"");
    assert_eq!(options.header("allow"), Some("GET, HEAD, POST, OPTIONS"));
}

#[test]
fn every_attribute_type_is_kept_and_found() {
    let (_server, acme) = start();
    let full = device(
        "S-1",
        json!({
            "MODEL": "X1", "active": true, "weight": 1.25, "cores": 8, "bought": "2024-02-29T12:00:00+02:00",
            "certificate": "AQID", "owner": "https://example.com/ada", "state": "stolen", "key": "hidden",
            "tags": ["a", "b", "a"], "label": "L", "notes": "N",
            "disks": [{ "name": "one", "bytes": 1_000_000_000_000_u64, "primary": true }, { "name": "two", "bytes": 5 }]
        }),
    );
    let created = acme.post("/Devices", &full);
    let id = created.created();
    let body = created.json();
    assert_eq!(
        body,
        json!({
            "schemas": [DEVICE], "id": id, "serial": "S-1", "model": "X1", "active": true, "weight": 1.25, "cores": 8,
            "bought": "2024-02-29T12:00:00+02:00", "certificate": "AQID", "owner": "https://example.com/ada",
            "tags": ["a", "b"], "label": "L",
            "disks": [{ "name": "one", "bytes": 1_000_000_000_000_u64, "primary": true }, { "name": "two", "bytes": 5 }],
            "meta": body["meta"]
        })
    );
    assert_eq!(body["meta"]["resourceType"], "Device");
    assert_eq!(acme.get(&format!("/Devices/{id}")).ok(200), body);
    acme.post("/Devices", &device("S-2", json!({ "weight": 10, "cores": 16, "label": "M" }))).created();
    for (filter, expected) in [
        ("serial eq \"s-1\"", 1),
        ("model eq \"X1\"", 1),
        ("model eq \"x1\"", 0),
        ("active eq true", 1),
        ("active ne true", 1),
        ("weight gt 1.2", 2),
        ("weight gt 9.5", 1),
        ("weight eq 1.25", 1),
        ("weight eq 10.0", 1),
        ("cores ge 8 and cores lt 16", 1),
        ("cores eq 8", 1),
        ("bought eq \"2024-02-29T10:00:00Z\"", 1),
        ("bought lt \"2024-02-29T10:00:00Z\"", 0),
        ("certificate eq \"AQID\"", 1),
        ("owner sw \"https://\"", 1),
        ("tags eq \"A\"", 1),
        ("tags pr", 1),
        ("disks[name eq \"one\" and bytes gt 10]", 1),
        ("disks[name eq \"two\" and bytes gt 10]", 0),
        ("disks.bytes gt 10", 1),
        ("not (disks pr)", 1),
        (&format!("{DEVICE}:label eq \"m\""), 1),
        ("meta.resourceType eq \"Device\"", 2),
        ("notes eq \"n\"", 1),
    ] {
        assert_eq!(acme.filter("/Devices", filter).ok(200)["totalResults"], expected, "{filter}");
    }
    for wrong in
        ["key eq \"hidden\"", "key pr", "weight eq \"heavy\"", "certificate gt \"AQID\"", "active gt false"]
    {
        acme.filter("/Devices", wrong).error(400, Some("invalidFilter"));
    }
    assert_eq!(acme.filter("", "serial pr").ok(200)["totalResults"], 2);
    for (by, expected) in
        [("weight", ["S-1", "S-2"]), ("cores&sortOrder=descending", ["S-2", "S-1"]), ("disks", ["", ""])]
    {
        let answer = acme.get(&format!("/Devices?sortBy={by}"));
        if by == "disks" {
            answer.error(400, Some("invalidPath"));
        } else {
            assert_eq!(texts(&answer.ok(200)["Resources"], "serial"), expected, "{by}");
        }
    }
    for (wrong, value) in [
        ("cores", json!(1.5)),
        ("cores", json!("many")),
        ("weight", json!("heavy")),
        ("active", json!("perhaps")),
        ("bought", json!("yesterday")),
        ("certificate", json!("not base64!")),
        ("owner", json!({ "a": 1 })),
        ("disks", json!(["one"])),
        ("tags", json!([{ "value": "x" }])),
    ] {
        acme.post("/Devices", &device("S-3", json!({ wrong: value }))).error(400, Some("invalidValue"));
    }
    acme.post("/Devices", &json!({ "schemas": [DEVICE] })).error(400, Some("invalidValue"));
}

#[test]
fn when_attributes_are_returned() {
    let (server, acme) = start();
    let created =
        acme.post("/Devices", &device("S-1", json!({ "label": "L", "notes": "N", "key": "hidden-key" })));
    let path = format!("/Devices/{}", created.created());
    let keys = |query: &str| {
        let body = acme.get(&format!("{path}?{query}")).ok(200);
        body.as_object().expect("an object").keys().cloned().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(keys(""), "schemas id serial label meta");
    assert_eq!(keys("attributes=notes"), "schemas id label notes");
    assert_eq!(keys("attributes=key"), "schemas id label");
    assert_eq!(keys("attributes=serial,notes,key"), "schemas id serial label notes");
    assert_eq!(keys("excludedAttributes=label,serial"), "schemas id label meta");
    acme.patch(&path, json!([{ "op": "replace", "path": "key", "value": "another-key" }])).ok(200);
    assert!(!server.run(&["log", "--format", "jsonl"]).contains("-key"));
}

#[test]
fn unique_and_immutable() {
    let (_server, acme) = start();
    let id = acme.post("/Devices", &device("S-1", json!({}))).created();
    let path = format!("/Devices/{id}");
    acme.post("/Devices", &device("s-1", json!({}))).error(409, Some("uniqueness"));
    acme.put(&path, &device("S-2", json!({}))).error(400, Some("mutability"));
    let change = json!([{ "op": "replace", "path": "serial", "value": "S-2" }]);
    acme.patch(&path, change).error(400, Some("mutability"));
    let same = json!([{ "op": "replace", "path": "serial", "value": "S-1" }, { "op": "add", "path": "cores", "value": 4 }]);
    assert_eq!(acme.patch(&path, same).ok(200)["cores"], 4);
    assert_eq!(acme.put(&path, &device("S-1", json!({ "cores": 8 }))).ok(200)["cores"], 8);
    acme.patch(&path, json!([{ "op": "replace", "path": "state", "value": "x" }]))
        .error(400, Some("mutability"));
    acme.patch(&path, json!([{ "op": "replace", "path": "disks[name eq \"one\"].bytes", "value": 7 }]))
        .ok(200);
    let grown = json!([{ "op": "replace", "path": "disks[name eq \"one\"].bytes", "value": 8 }]);
    assert_eq!(acme.patch(&path, grown).ok(200)["disks"], json!([{ "name": "one", "bytes": 8 }]));
    acme.delete(&path).empty(204);
    acme.post("/Devices", &device("S-1", json!({}))).created();
    // Another type's names are another's.
    acme.person("S-1");
    assert_eq!(acme.get("").ok(200)["totalResults"], 2);
}

#[test]
fn an_extension_of_people() {
    let (_server, acme) = start();
    let body = |name: &str, badge: Value| json!({ "schemas": [USER, BADGE], "userName": name, BADGE: badge });
    let badge = json!({ "NUMBER": 7, "photo": "AQID", "pin": "1234", "code": "Abc" });
    let created = acme.post("/Users", &body("ada", badge));
    let path = format!("/Users/{}", created.created());
    assert_eq!(created.json()[BADGE], json!({ "number": 7, "code": "Abc" }));
    assert_eq!(created.json()["schemas"], json!([USER, BADGE]));
    acme.post("/Users", &body("bob", json!({ "number": 7 }))).error(409, Some("uniqueness"));
    let set = json!([{ "op": "replace", "path": format!("{BADGE}:number"), "value": "8" }]);
    assert_eq!(acme.patch(&path, set).ok(200)[BADGE]["number"], 8);
    acme.post("/Users", &body("bob", json!({ "number": 7 }))).created();
    let flat = json!([{ "op": "add", "value": { format!("{BADGE}:code"): "Xyz" } }]);
    assert_eq!(acme.patch(&path, flat).ok(200)[BADGE]["code"], "Xyz");
    for (filter, expected) in [
        (format!("{BADGE}:number eq 8"), 1),
        (format!("{BADGE}:number gt 1"), 2),
        (format!("{BADGE}:code eq \"xyz\""), 0),
        (format!("{}:CODE eq \"Xyz\"", BADGE.to_uppercase()), 1),
        (format!("schemas eq \"{BADGE}\""), 2),
    ] {
        assert_eq!(acme.filter("/Users", &filter).ok(200)["totalResults"], expected, "{filter}");
    }
    acme.filter("/Users", &format!("{BADGE}:pin eq \"1234\"")).error(400, Some("invalidFilter"));
    let photo = acme.get(&format!("{path}?attributes={BADGE}:photo")).ok(200);
    assert_eq!(photo[BADGE], json!({ "photo": "AQID", "code": "Xyz" }));
    acme.patch(&path, json!([{ "op": "remove", "path": BADGE }])).ok(200);
    let bare = acme.get(&path).ok(200);
    assert_eq!((bare.get(BADGE), &bare["schemas"]), (None, &json!([USER])));
}

#[test]
fn files_that_are_wrong_are_told_at_the_start() {
    let server = Server::start();
    let mut blank = badge_schema();
    blank["attributes"][0]["name"] = json!("first issued");
    let mut kind = badge_schema();
    kind["attributes"][0]["type"] = json!("number");
    let unknown =
        json!({ "id": "X", "name": "X", "endpoint": "/Xs", "description": "", "schema": "urn:example:none" });
    let mut reserved = unknown.clone();
    reserved["endpoint"] = json!("/Bulk");
    let (schemas, types) = ("ROLLCALL_SCHEMAS", "ROLLCALL_RESOURCE_TYPES");
    for (variable, name, text, told) in [
        (schemas, "missing.json", None, "cannot read"),
        (schemas, "a.json", Some("{".to_owned()), "not JSON"),
        (schemas, "b.json", Some("{}".to_owned()), "id"),
        (schemas, "c.json", Some(blank.to_string()), "first issued"),
        (schemas, "d.json", Some(kind.to_string()), "number"),
        (types, "e.json", Some(unknown.to_string()), "urn:example:none"),
        (types, "f.json", Some(reserved.to_string()), "/Bulk"),
    ] {
        let (status, out, err) = outcome(&server.refuses(variable, name, text.as_deref()));
        assert_eq!((status, out.as_str()), (Some(1), ""), "{err}");
        assert!(err.contains(name) && err.contains(told), "{err}");
    }
}
