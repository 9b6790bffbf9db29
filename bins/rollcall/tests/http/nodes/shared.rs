//! What is done at one node, as the other one shows it.

use serde_json::{Value, json};

use super::{admin, on_each, on_each_with, titled};
use crate::support::{extend, send, texts};

#[test]
fn a_revoked_key_ends_at_once_at_every_node() {
    on_each(|nodes| {
        let [here, there] = nodes.clients();
        let (admin_key, keys) = (nodes.admin_key(), || nodes.first.run(&["key", "list", "--json"]));
        for client in [&here, &there] {
            client.get("/Users").ok(200);
        }
        let keys: Value = serde_json::from_str(&keys()).expect("JSON");
        let id = keys[0]["id"].as_str().expect("an id");
        let revoked = admin(&nodes.addresses[0], &admin_key, "DELETE", &format!("/keys/{id}"), &[], None);
        assert_eq!(revoked.status, 204, "{}", String::from_utf8_lossy(&revoked.body));
        there.get("/Users").error(401, None);
        there.post("/Users", &titled("mira", "x")).error(401, None);
        here.get("/Users").error(401, None);

        // So does an admin key.
        let path = "/settings";
        assert_eq!(admin(&nodes.addresses[1], &admin_key, "GET", path, &[], None).status, 200);
        let list: Value =
            serde_json::from_str(&nodes.first.run(&["admin-key", "list", "--json"])).expect("JSON");
        nodes.first.run(&["admin-key", "revoke", list[0]["id"].as_str().expect("an id")]);
        assert_eq!(admin(&nodes.addresses[1], &admin_key, "GET", path, &[], None).status, 401);
    });
}

#[test]
fn settings_and_mapping_act_at_every_node_from_the_next_request_on() {
    on_each(|nodes| {
        let [here, there] = nodes.clients();
        let admin_key = nodes.admin_key();
        let title = |name: &str| {
            let shown = nodes.first.run(&["account", "show", "--instance", "acme", name, "--json"]);
            let shown: Value = serde_json::from_str(&shown).expect("JSON");
            shown["fields"]["ScimSyncJobTitle"].clone()
        };
        for (client, name) in [(&here, "one"), (&there, "two")] {
            client.post("/Users", &titled(name, "Engineer")).created();
            assert_eq!(title(name), "Engineer");
        }
        let at = |node: usize, method: &str, path: &str, body: Option<&Value>| {
            admin(&nodes.addresses[node], &admin_key, method, path, &[], body)
        };
        // The mapping, changed here, is that of the next request there; and the other way round.
        for (number, changed) in [(0, "Upper"), (1, "Again")] {
            let mut mapping = json!({ "rows": at(number, "GET", "/mapping", None).json()["rows"] });
            let rows = mapping["rows"].as_array_mut().expect("rows");
            rows.retain(|row| row["field"] != "ScimSyncJobTitle");
            rows.push(json!({ "field": "ScimSyncJobTitle", "source": { "constant": changed } }));
            let saved = at(number, "PUT", "/mapping", Some(&mapping));
            assert!(saved.status < 300, "{}", String::from_utf8_lossy(&saved.body));
            let other = if number == 0 { &there } else { &here };
            other.post("/Users", &titled(changed, "Engineer")).created();
            assert_eq!(title(changed), changed);
        }
        // So is a connector's dialect.
        let mut body = titled("strict", "x");
        extend(&mut body, json!({ "active": "True" }));
        there.post("/Users", &body).created();
        let changed = at(0, "PATCH", "/connectors/default", Some(&json!({ "dialect": "strict" })));
        assert_eq!(changed.status, 200, "{}", String::from_utf8_lossy(&changed.body));
        extend(&mut body, json!({ "userName": "strict2" }));
        there.post("/Users", &body).error(400, Some("invalidValue"));
    });
}

#[test]
fn a_cursor_goes_on_at_another_node() {
    on_each(|nodes| {
        let clients = nodes.clients();
        let mut names: Vec<String> = (0..25).map(|number| format!("person{number:02}")).collect();
        for (number, name) in names.iter().enumerate() {
            clients[number % 2].post("/Users", &titled(name, "x")).created();
        }
        let (mut found, mut cursor, mut turn) = (Vec::new(), String::new(), 0);
        loop {
            let list =
                clients[turn % 2].get(&format!("/Users?sortBy=userName&count=4&cursor={cursor}")).ok(200);
            found.extend(texts(&list["Resources"], "userName"));
            turn += 1;
            let Some(next) = list["nextCursor"].as_str() else { break };
            next.clone_into(&mut cursor);
        }
        names.sort();
        assert_eq!((found, turn), (names, 7));
    });
}

#[test]
fn a_repeated_request_gets_its_first_answer_from_any_node() {
    on_each(|nodes| {
        let admin_key = nodes.admin_key();
        let body = json!({ "name": "second" });
        let ask = |node: usize, key: &str| {
            let key = [("Idempotency-Key", key)];
            admin(&nodes.addresses[node], &admin_key, "POST", "/connectors", &key, Some(&body))
        };
        let first = ask(0, "one");
        assert_eq!(first.status, 201, "{}", String::from_utf8_lossy(&first.body));
        let again = ask(1, "one");
        assert_eq!((again.status, again.json()), (201, first.json()));
        assert_eq!(again.header("idempotency-replayed"), Some("true"));
        assert_eq!(ask(1, "two").status, 409);
    });
}

#[test]
fn an_access_token_opens_every_node() {
    // A token names the URL that it was asked for at, which is one for all nodes.
    on_each_with(&[("ROLLCALL_BASE_URL", "https://scim.example.com/scim/v2")], |nodes| {
        let [here, there] = nodes.clients();
        nodes.first.run(&["connector", "set", "--instance", "acme", "--oauth", "on"]);
        let keys: Value = serde_json::from_str(&nodes.first.run(&["key", "list", "--json"])).expect("JSON");
        let id = keys[0]["id"].as_str().expect("an id");
        let form = format!("grant_type=client_credentials&client_id={id}&client_secret={}", here.token);
        let typed = [("Content-Type", "application/x-www-form-urlencoded")];
        let answer = send(&here.address, "POST", "/oauth2/token", &typed, form.as_bytes());
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        let token = answer.json()["access_token"].as_str().expect("a token").to_owned();
        let authorization = format!("Bearer {token}");
        let status = |address: &str| {
            send(address, "GET", "/scim/v2/Users", &[("Authorization", &authorization)], b"").status
        };
        assert_eq!([&here, &there].map(|client| status(&client.address)), [200, 200]);
        nodes.first.run(&["key", "revoke", id]);
        assert_eq!([&here, &there].map(|client| status(&client.address)), [401, 401]);
    });
}
