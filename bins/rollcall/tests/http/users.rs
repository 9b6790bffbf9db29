//! People: names, defaults, managers, and what is ignored, refused or never shown.

use serde_json::{Value, json};

use crate::support::{Client, ENTERPRISE, Server, USER, extend, person, texts};

fn with(members: Value) -> Value {
    let mut body = person("ada");
    extend(&mut body, members);
    body
}

fn replace(path: &str, value: Value) -> Value {
    let mut operation = json!({ "op": "replace", "path": path });
    operation["value"] = value;
    json!([operation])
}

fn found(client: &Client, filter: &str) -> u64 {
    client.filter("/Users", filter).ok(200)["totalResults"].as_u64().expect("a number")
}

#[test]
fn user_names_are_compared_as_precis_says() {
    let server = Server::start();
    let (acme, strict) = (server.acme(), server.strict());
    let cases = [
        ("Ada@Example.com", "aDA@eXAMPLE.COM"),
        ("Zo\u{eb}", "ZOE\u{308}"),
        ("\u{ff21}\u{ff42}c", "abc"),
        ("\u{c5}ngstr\u{f6}m", "\u{e5}ngstro\u{308}m"),
        ("\u{3a3}\u{3bf}\u{3c6}\u{3af}\u{3b1}", "\u{3c3}\u{3bf}\u{3c6}\u{3af}\u{3b1}"),
        ("two words", "Two Words"),
    ];
    for (name, same) in cases {
        let id = acme.person(name);
        acme.post("/Users", &person(same)).error(409, Some("uniqueness"));
        let found = acme.filter("/Users", &format!("userName eq \"{same}\"")).ok(200);
        assert_eq!(texts(&found["Resources"], "id"), [id.as_str()], "{same}");
        assert_eq!(acme.get(&format!("/Users/{id}")).ok(200)["userName"], name, "kept as it was sent");
        // One's own name in another spelling is no clash.
        let renamed = acme.patch(&format!("/Users/{id}"), replace("userName", json!(same)));
        assert_eq!(renamed.ok(200)["userName"], same);
    }
    acme.person("zoe");
    let ada = acme.person("ada");
    for taken in ["Zoe", "TWO WORDS"] {
        acme.patch(&format!("/Users/{ada}"), replace("userName", json!(taken)))
            .error(409, Some("uniqueness"));
        acme.put(&format!("/Users/{ada}"), &person(taken)).error(409, Some("uniqueness"));
    }
    strict.post("/Users", &person("three more words")).error(400, Some("invalidValue"));
    strict
        .patch(&format!("/Users/{ada}"), replace("userName", json!("a b")))
        .error(400, Some("invalidValue"));
    // A name is free again as soon as it is given up.
    acme.patch(&format!("/Users/{ada}"), replace("userName", json!("countess"))).ok(200);
    acme.person("ADA");
}

#[test]
fn what_a_new_person_has() {
    let server = Server::start();
    let acme = server.acme();
    let sent = with(json!({
        "id": "mine", "meta": { "resourceType": "Group", "created": "1999-01-01T00:00:00Z", "version": "W/\"9\"" },
        "groups": [{ "value": "x" }], "externalId": "Ext-1", "DisplayName": "Ada", "name": { "FamilyName": "Lovelace" },
        "nickName": null, "title": "", "emails": [], "addresses": [{ "type": "work", "locality": null }],
        "phoneNumbers": [{}]
    }));
    let answer = acme.post("/Users", &sent);
    let id = answer.created();
    let body = answer.json();
    assert_ne!(id, "mine");
    assert_eq!(uuid_version(&id), Some('7'), "{id}");
    let meta = body["meta"].clone();
    assert_eq!(meta["resourceType"], "User");
    assert_eq!((&meta["created"], &meta["version"]), (&meta["lastModified"], &json!("W/\"1\"")));
    assert!(
        meta["created"].as_str().is_some_and(|created| created.starts_with("20") && created.ends_with('Z'))
    );
    assert_eq!(
        body,
        json!({
            "schemas": [USER], "id": id, "externalId": "Ext-1", "userName": "ada", "name": { "familyName": "Lovelace" },
            "displayName": "Ada", "addresses": [{ "type": "work" }], "active": true, "meta": meta
        })
    );
    assert_eq!(acme.get(&format!("/Users/{id}")).ok(200), body);
    let off =
        acme.post("/Users", &json!({ "schemas": [USER], "userName": "bob", "active": "False" })).ok(201);
    assert_eq!(off["active"], false);
    // A PUT without `active` is no word about it.
    let path = format!("/Users/{}", off["id"].as_str().expect("an id"));
    assert_eq!(acme.put(&path, &person("bob")).ok(200)["active"], false);
}

fn uuid_version(id: &str) -> Option<char> {
    (id.len() == 36).then(|| id.chars().nth(14)).flatten()
}

#[test]
fn the_id_in_the_url_decides() {
    let server = Server::start();
    let acme = server.acme();
    let (ada, bob) = (acme.person("ada"), acme.person("bob"));
    let path = format!("/Users/{ada}");
    let put = acme.put(&path, &with(json!({ "id": bob, "title": "Countess" }))).ok(200);
    assert_eq!((&put["id"], &put["title"]), (&json!(ada), &json!("Countess")));
    assert_eq!(acme.get(&format!("/Users/{bob}")).ok(200)["userName"], "bob");
    let equal = json!([{ "op": "replace", "value": { "id": ada, "title": "Lady" } }]);
    assert_eq!(acme.patch(&path, equal).ok(200)["title"], "Lady");
    for operations in [
        json!([{ "op": "replace", "value": { "title": "no", "id": bob } }]),
        replace("id", json!(bob)),
        replace("meta.created", json!("1999-01-01T00:00:00Z")),
        json!([{ "op": "remove", "path": "id" }]),
        json!([{ "op": "remove", "path": "userName" }]),
        json!([{ "op": "remove", "path": "meta" }]),
    ] {
        acme.patch(&path, operations).error(400, Some("mutability"));
    }
    acme.patch(&path, json!([{ "op": "remove" }])).error(400, Some("noTarget"));
    assert_eq!(acme.get(&path).ok(200)["title"], "Lady");
}

#[test]
fn managers_in_every_shape() {
    let server = Server::start();
    let acme = server.acme();
    let boss = acme
        .post("/Users", &json!({ "schemas": [USER], "userName": "boss", "displayName": "The Boss" }))
        .created();
    let ada = acme.person("ada");
    let path = format!("/Users/{ada}");
    let manager = || acme.get(&path).ok(200)[ENTERPRISE]["manager"].clone();
    let whole = json!({
        "value": boss, "$ref": format!("http://{}/scim/v2/Users/{boss}", server.address), "displayName": "The Boss"
    });
    let of = format!("{ENTERPRISE}:manager");
    for (path_or_none, value) in [
        (Some(of.as_str()), json!(boss)),
        (Some(of.as_str()), json!({ "value": boss })),
        (Some(of.as_str()), json!([{ "value": boss }])),
        (Some(&format!("{of}.value")), json!(boss)),
        (Some("manager"), json!({ "value": boss, "displayName": "somebody else", "$ref": "x" })),
        (None, json!({ of.clone(): boss })),
        (None, json!({ ENTERPRISE: { "manager": { "value": boss } } })),
        (None, json!({ "manager": boss })),
    ] {
        acme.patch(&path, json!([{ "op": "remove", "path": of }])).ok(200);
        assert_eq!(manager(), Value::Null);
        let mut operation = json!({ "op": "add" });
        if let Some(path) = path_or_none {
            operation["path"] = json!(path);
        }
        operation["value"] = value.clone();
        acme.patch(&path, json!([operation])).ok(200);
        assert_eq!(manager(), whole, "{path_or_none:?} {value}");
    }
    assert_eq!(found(&acme, &format!("id eq \"{ada}\" and manager eq \"{boss}\"")), 1);
    assert_eq!(found(&acme, &format!("{of}.displayName eq \"the boss\"")), 1);
    acme.patch(&format!("/Users/{boss}"), replace("displayName", json!("Chief"))).ok(200);
    assert_eq!(manager()["displayName"], "Chief", "derived, so never stale");
    // Nobody yet: kept as it was sent, so that the client's check of its own write is true; known once they are there.
    for cleared in [json!(""), json!(null), json!({ "value": "" }), json!([])] {
        acme.patch(&path, replace(&of, json!(boss))).ok(200);
        acme.patch(&path, replace(&of, cleared)).ok(200);
        assert_eq!(manager(), Value::Null);
    }
    acme.patch(&path, replace(&of, json!("ext-new-boss"))).ok(200);
    assert_eq!(manager()["value"], "ext-new-boss");
    assert_eq!(manager().get("displayName"), None);
    assert_eq!(found(&acme, "manager eq \"ext-new-boss\""), 1);
    // A manager who is deleted stays as a value.
    acme.patch(&path, replace(&of, json!(boss))).ok(200);
    acme.delete(&format!("/Users/{boss}")).empty(204);
    assert_eq!(manager()["value"], boss.as_str());
    assert_eq!(manager().get("displayName"), None);
}

#[test]
fn passwords_are_taken_and_not_kept() {
    let server = Server::start();
    let acme = server.acme();
    let secret = "correct horse battery staple";
    let created = acme.post("/Users?attributes=password,userName", &with(json!({ "password": secret })));
    let path = format!("/Users/{}", created.ok(201)["id"].as_str().expect("an id"));
    let patched =
        acme.patch(&path, json!([{ "op": "replace", "value": { "password": secret, "title": "x" } }]));
    let put = acme.put(&path, &with(json!({ "password": secret })));
    let lists = [acme.get("/Users?attributes=password"), acme.get(&format!("{path}?attributes=password"))];
    for answer in [&created, &patched, &put].into_iter().chain(&lists) {
        let text = String::from_utf8_lossy(&answer.body);
        assert!(!text.contains("password") && !text.contains(secret), "{text}");
    }
    for filter in ["password eq \"x\"", "password pr"] {
        acme.filter("/Users", filter).error(400, Some("invalidFilter"));
    }
    assert!(!server.run(&["log", "--format", "jsonl"]).contains(secret));
    assert!(!server.holds(secret), "nothing of it on disk");
}

#[test]
fn unknown_attributes() {
    let server = Server::start();
    let (acme, strict) = (server.acme(), server.strict());
    let odd = json!({
        "schemas": [USER, "urn:example:unknown", ENTERPRISE], "userName": "odd", "shoeSize": 44,
        "name": { "familyName": "O", "shoe": 1 }, "urn:example:unknown": { "a": 1 }, ENTERPRISE: { "b": 1, "department": "D" }
    });
    let kept = acme.post("/Users", &odd).ok(201);
    for gone in ["shoeSize", "urn:example:unknown"] {
        assert_eq!(kept.get(gone), None);
    }
    assert_eq!(
        (&kept["name"], &kept[ENTERPRISE]),
        (&json!({ "familyName": "O" }), &json!({ "department": "D" }))
    );
    assert_eq!(kept["schemas"], json!([USER, ENTERPRISE]));
    assert!(server.run(&["log", "--format", "jsonl"]).contains("unknown-attributes"));
    let path = format!("/Users/{}", kept["id"].as_str().expect("an id"));
    for members in
        [json!({ "shoeSize": 44 }), json!({ "name": { "shoe": 1 } }), json!({ "urn:example:unknown": {} })]
    {
        let body = with(members.clone());
        let answer = strict.post("/Users", &body);
        assert_eq!(answer.status, 400, "{members}");
        assert!(matches!(answer.json()["scimType"].as_str(), Some("invalidSyntax" | "invalidValue")));
        acme.patch(&path, json!([{ "op": "add", "value": members }])).ok(200);
        assert_eq!(strict.patch(&path, json!([{ "op": "add", "value": members }])).status, 400);
    }
    for client in [&acme, &strict] {
        client
            .patch(&path, json!([{ "op": "add", "path": "shoeSize", "value": 44 }]))
            .error(400, Some("invalidPath"));
        client
            .patch(&path, json!([{ "op": "add", "path": "name.shoe", "value": 44 }]))
            .error(400, Some("invalidPath"));
        client.post("/Users", &json!({ "userName": "x" })).error(400, Some("invalidSyntax"));
        client.post("/Users", &json!({ "schemas": [], "userName": "x" })).error(400, Some("invalidSyntax"));
        client.post("/Users", &json!({ "schemas": [USER] })).error(400, Some("invalidValue"));
        client.post("/Users", &json!({ "schemas": [USER], "userName": "" })).error(400, Some("invalidValue"));
        client.post("/Users", &with(json!({ "emails": "a@b" }))).error(400, Some("invalidValue"));
        client.post("/Users", &with(json!({ "name": "Ada" }))).error(400, Some("invalidValue"));
        client.post("/Users", &with(json!({ "active": "perhaps" }))).error(400, Some("invalidValue"));
        client.post("/Users", &with(json!({ "userName": 7 }))).error(400, Some("invalidValue"));
        client.post("/Users", &with(json!({ "title": { "a": 1 } }))).error(400, Some("invalidValue"));
    }
}

#[test]
fn an_external_id_belongs_to_its_connector() {
    let server = Server::start();
    let acme = server.acme();
    server.run(&["connector", "create", "--instance", "acme", "okta"]);
    let okta = server.client("acme", "okta");
    let ada = acme.post("/Users", &with(json!({ "externalId": "entra-1" }))).created();
    let path = format!("/Users/{ada}");
    assert_eq!(okta.get(&path).ok(200).get("externalId"), None);
    assert_eq!(okta.patch(&path, replace("externalId", json!("okta-1"))).ok(200)["externalId"], "okta-1");
    assert_eq!(acme.get(&path).ok(200)["externalId"], "entra-1");
    for (client, own, other) in [(&acme, "entra-1", "okta-1"), (&okta, "okta-1", "entra-1")] {
        assert_eq!(found(client, &format!("externalId eq \"{own}\"")), 1);
        assert_eq!(found(client, &format!("externalId eq \"{other}\"")), 0);
        assert_eq!(
            found(client, &format!("externalId eq \"{}\"", own.to_uppercase())),
            0,
            "compared exactly"
        );
        assert_eq!(found(client, &format!("externalId sw \"{}\"", &own[..4])), 1);
    }
    // It need not be unique.
    acme.post("/Users", &json!({ "schemas": [USER], "userName": "bob", "externalId": "entra-1" })).created();
    assert_eq!(found(&acme, "externalId eq \"entra-1\""), 2);
    // A PUT without it takes away the own one alone.
    assert_eq!(okta.put(&path, &person("ada")).ok(200).get("externalId"), None);
    assert_eq!(acme.get(&path).ok(200)["externalId"], "entra-1");
    let members =
        json!({ "schemas": [crate::support::GROUP], "displayName": "G", "members": [{ "value": "okta-2" }] });
    let group = okta.post("/Groups", &members).created();
    acme.post("/Users", &json!({ "schemas": [USER], "userName": "eve", "externalId": "okta-2" })).created();
    let shown = okta.get(&format!("/Groups/{group}")).ok(200)["members"].clone();
    assert_eq!(texts(&shown, "value"), ["okta-2"], "another connector's id means nobody here");
}

#[test]
fn values_that_are_hard_to_keep() {
    let server = Server::start();
    let acme = server.acme();
    let nul = "{\"schemas\":[\"urn:ietf:params:scim:schemas:core:2.0:User\"],\"userName\":\"a\\u0000b\"}";
    acme.send("POST", "/Users", &[], nul.as_bytes()).error(400, Some("invalidValue"));
    let ada = acme.person("ada");
    let path = format!("/Users/{ada}");
    for attribute in
        ["title", "externalId", "emails[type eq \"work\"].value", &format!("{ENTERPRISE}:manager")]
    {
        acme.patch(&path, replace(attribute, json!("a\0b"))).error(400, Some("invalidValue"));
    }
    assert_eq!(acme.filter("/Users", "title eq \"a\\u0000b\"").ok(200)["totalResults"], 0);
    for hard in [
        "\u{1f469}\u{200d}\u{1f469}\u{200d}\u{1f467}",
        "\u{202e}abc",
        "a\u{1}\u{7f}\n\t\r",
        "'; DROP TABLE resources; --",
        "\\\"\\u0041",
        "\u{ffff}\u{10ffff}",
        " blanks around ",
        "null",
    ] {
        assert_eq!(acme.patch(&path, replace("title", json!(hard))).ok(200)["title"], hard);
        assert_eq!(acme.get(&path).ok(200)["title"], hard);
        let filter = json!({ "filter": format!("title eq {}", json!(hard)) });
        assert_eq!(
            acme.post("/Users/.search", &crate::support::search(filter)).ok(200)["totalResults"],
            1,
            "{hard:?}"
        );
    }
    let long = "x".repeat(500_000);
    assert_eq!(acme.patch(&path, replace("title", json!(long))).ok(200)["title"], long.as_str());
    assert_eq!(acme.get("/Users?sortBy=title").ok(200)["totalResults"], 1);
    let name = "n".repeat(100_000);
    let answer = acme.post("/Users", &person(&name));
    assert!(answer.status == 201 || answer.status == 400, "{}", answer.status);
    // Numbers keep their value, large ones too; what no number can hold is refused.
    acme.patch(&path, replace("title", json!(7))).error(400, Some("invalidValue"));
    let emails: Vec<Value> =
        (0..1001).map(|number| json!({ "value": format!("{number}@example.com") })).collect();
    acme.patch(&path, replace("emails", emails.into())).error(400, Some("invalidValue"));
}

#[test]
fn an_empty_text_clears_what_is_optional() {
    let server = Server::start();
    let (acme, strict) = (server.acme(), server.strict());
    let full = with(json!({
        "title": "Countess", "name": { "familyName": "Lovelace", "givenName": "Ada" },
        "emails": [{ "type": "work", "value": "a@example.com" }], ENTERPRISE: { "department": "D" }
    }));
    let path = format!("/Users/{}", acme.post("/Users", &full).created());
    for (attribute, value) in [
        ("title", json!("")),
        ("name.givenName", json!(null)),
        ("emails[type eq \"work\"].value", json!("")),
        (&format!("{ENTERPRISE}:department"), json!("")),
    ] {
        acme.patch(&path, replace(attribute, value)).ok(200);
    }
    let body = acme.get(&path).ok(200);
    assert_eq!((body.get("title"), body.get(ENTERPRISE)), (None, None));
    assert_eq!(body["name"], json!({ "familyName": "Lovelace" }));
    assert!(body["emails"].to_string().find("example.com").is_none());
    assert_eq!(body["schemas"], json!([USER]));
    for client in [&acme, &strict] {
        client.patch(&path, replace("userName", json!(""))).error(400, Some("invalidValue"));
        client.put(&path, &with(json!({ "userName": "" }))).error(400, Some("invalidValue"));
    }
}

#[test]
fn one_value_is_primary() {
    let server = Server::start();
    let acme = server.acme();
    let two = |first: bool, second: bool| {
        with(json!({ "emails": [
            { "value": "a@example.com", "type": "work", "primary": first },
            { "value": "b@example.com", "type": "home", "primary": second }
        ] }))
    };
    acme.post("/Users", &two(true, true)).error(400, Some("invalidValue"));
    let path = format!("/Users/{}", acme.post("/Users", &two(true, false)).created());
    acme.put(&path, &two(true, true)).error(400, Some("invalidValue"));
    let primary = || {
        let emails = acme.get(&path).ok(200)["emails"].clone();
        let emails = emails.as_array().expect("emails").clone();
        let primary = emails.iter().filter(|email| email["primary"] == true);
        texts(&primary.cloned().collect(), "value")
    };
    acme.patch(&path, replace("emails[type eq \"home\"].primary", json!("True"))).ok(200);
    assert_eq!(primary(), ["b@example.com"]);
    let third =
        json!([{ "op": "add", "path": "emails", "value": [{ "value": "c@example.com", "primary": true }] }]);
    acme.patch(&path, third).ok(200);
    assert_eq!(primary(), ["c@example.com"]);
}

#[test]
fn a_deleted_person_is_gone() {
    let server = Server::start();
    let acme = server.acme();
    let ada = acme.post("/Users", &with(json!({ "externalId": "x" }))).created();
    let path = format!("/Users/{ada}");
    acme.delete(&path).empty(204);
    acme.delete(&path).error(404, None);
    acme.get(&path).error(404, None);
    acme.put(&path, &person("ada")).error(404, None);
    acme.patch(&path, json!([])).error(404, None);
    assert_eq!(found(&acme, "userName eq \"ada\""), 0);
    assert_eq!(found(&acme, "externalId eq \"x\""), 0);
    assert_eq!(acme.get("/Users").ok(200)["totalResults"], 0);
    assert_ne!(acme.person("ada"), ada);
}

/// Many write at once: nobody is refused, and nothing gets lost.
#[test]
fn writers_do_not_lose_one_another() {
    let server = Server::start();
    let acme = server.acme();
    let path = format!("/Users/{}", acme.person("ada"));
    let group = acme.group("Engines", &[]);
    std::thread::scope(|scope| {
        for writer in 0..8 {
            let (acme, path, group) = (acme.clone(), path.clone(), format!("/Groups/{group}"));
            scope.spawn(move || {
                for round in 0..10 {
                    let email = json!({ "value": format!("m{writer}-{round}@example.com") });
                    acme.patch(&path, json!([{ "op": "add", "path": "emails", "value": [email] }])).ok(200);
                    let own = acme.person(&format!("p{writer}-{round}"));
                    let joined = json!([{ "op": "add", "path": "members", "value": [{ "value": own }] }]);
                    let answer = acme.patch(&group, joined);
                    assert!([200, 204].contains(&answer.status), "{}", answer.status);
                }
            });
        }
    });
    assert_eq!(acme.get(&path).ok(200)["emails"].as_array().map(Vec::len), Some(80));
    assert_eq!(acme.get(&format!("/Groups/{group}")).ok(200)["members"].as_array().map(Vec::len), Some(80));
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let tries: Vec<_> =
            (0..8).map(|_| scope.spawn(|| acme.post("/Users", &person("eve")).status)).collect();
        tries.into_iter().map(|one| one.join().expect("no panic")).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 7, "{statuses:?}");
}
