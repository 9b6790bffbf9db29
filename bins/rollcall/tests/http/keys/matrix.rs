//! Every route with every key that should not open it, from the one table of routes and scopes.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use scim_directory::AccessScope;
use scim_provider::{ROUTES, RouteAccess};
use serde_json::{Value, json};

use crate::support::{Answer, Client, Server, bulk, group, patch, person, send};

const GENERIC: &str = "The key is not valid; copy it again, whole, or issue a new one";

fn issue(server: &Server, instance: &str, connector: &str, user: &str, options: &[&str]) -> (String, String) {
    let mut all =
        vec!["key", "issue", "--instance", instance, "--connector", connector, "--user", user, "--json"];
    all.extend_from_slice(options);
    let issued: Value = serde_json::from_str(&server.run(&all)).expect("JSON");
    let text = |member: &str| issued[member].as_str().expect("text").to_owned();
    (text("id"), text("token"))
}

/// Issues a key to an integration user of its own, because one may have but two.
fn fresh(server: &Server, options: &[&str]) -> (String, String) {
    fresh_at(server, "default", options)
}

fn fresh_at(server: &Server, connector: &str, options: &[&str]) -> (String, String) {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let name = format!("user-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    server.run(&["user", "create", "--instance", "acme", &name, "--privilege", "LiteAdmin"]);
    issue(server, "acme", connector, &name, options)
}

/// A route with a resource's id in it, and a body that would do something.
struct Probe {
    route: &'static RouteAccess,
    path: String,
    body: String,
}

fn probes(user: &str, group_id: &str) -> Vec<Probe> {
    let probe = |route: &'static RouteAccess| {
        let id = if route.path.starts_with("/Groups") { group_id } else { user };
        let name = if route.path.starts_with("/Schemas") { crate::support::USER } else { "User" };
        let path = route.path.replace("{id}", id).replace("{name}", name);
        let changes = patch(json!([{ "op": "replace", "path": "displayName", "value": "Changed" }]));
        let body = match (route.method, route.path) {
            ("POST", "/Users") => person("eve"),
            ("POST", "/Groups") => group("Eves", &[]),
            ("POST", "/Bulk") => bulk(json!([{ "method": "DELETE", "path": format!("/Users/{user}") }])),
            ("PUT", "/Users/{id}") => person("changed"),
            ("PUT", "/Groups/{id}") => group("Changed", &[]),
            ("PATCH", _) => changes,
            _ => Value::Null,
        };
        Probe { route, path, body: if body.is_null() { String::new() } else { body.to_string() } }
    };
    ROUTES.iter().map(probe).collect()
}

impl Probe {
    fn send(&self, address: &str, base: &str, authorization: Option<&str>) -> Answer {
        let mut headers = vec![("Content-Type", "application/scim+json")];
        headers.extend(authorization.map(|value| ("Authorization", value)));
        send(address, self.route.method, &format!("{base}{}", self.path), &headers, self.body.as_bytes())
    }
}

#[test]
fn no_route_opens_to_a_key_that_should_not_open_it() {
    let server = Server::start_by_clock(&[]);
    let acme = server.acme();
    let ada = acme.person("ada");
    let engines = acme.group("Engines", &[&ada]);
    let probes = probes(&ada, &engines);
    let before = (acme.get(&format!("/Users/{ada}")).body, acme.get(&format!("/Groups/{engines}")).body);

    // Who has no secret is told one and the same thing, whatever is wrong.
    let mut wrong = acme.token.clone().into_bytes();
    wrong[60] = if wrong[60] == b'a' { b'b' } else { b'a' };
    let wrong = String::from_utf8(wrong).expect("text");
    let unknown = scim_api_keys::ApiKey::new([1; 16], [2; 16], [3; 32]).reveal();
    let shown = [
        format!("Bearer {wrong}"),
        format!("Bearer {}", &acme.token[..50]),
        format!("Bearer {unknown}"),
        format!("Bearer {}", "x".repeat(5000)),
        "Bearer a.b.c".to_owned(),
        "Basic YTpi".to_owned(),
        format!("Token {}", acme.token),
        "Bearer".to_owned(),
        String::new(),
    ];
    for probe in &probes {
        let none = probe.send(&server.address, "/scim/v2", None);
        assert!(none.error(401, None).contains("Authorization: Bearer"), "{:?}", probe.route);
        for authorization in &shown {
            let answer = probe.send(&server.address, "/scim/v2", Some(authorization));
            assert_eq!(answer.error(401, None), GENERIC, "{:?} {authorization}", probe.route);
            assert_eq!(
                answer.header("www-authenticate"),
                Some("Bearer realm=\"rollcall\", error=\"invalid_token\"")
            );
        }
    }

    // Who has the secret is told what is wrong.
    server.run(&["instance", "create", "globex"]);
    server.run(&["connector", "create", "--instance", "acme", "okta"]);
    let shown = |connector: &str| -> Value {
        serde_json::from_str(&server.run(&["connector", "show", "--instance", "acme", connector, "--json"]))
            .expect("JSON")
    };
    let door = format!("/c/{}/scim/v2", shown("default")["id"].as_str().expect("an id"));
    let (revoked_id, revoked) = fresh(&server, &[]);
    server.run(&["key", "revoke", &revoked_id]);
    let (_, expired) = fresh(&server, &["--expires", "1h"]);
    server.advance_hours(2);
    let (_, later) = fresh(&server, &["--not-before", "2999-01-01"]);
    let (_, elsewhere) = fresh(&server, &["--network", "192.0.2.0/24"]);
    let (_, foreign) = issue(&server, "globex", "default", "integration", &[]);
    let (_, neighbour) = fresh_at(&server, "okta", &[]);
    let lesser = |name: &str, change: &[&str]| {
        server.run(&["user", "create", "--instance", "acme", name, "--privilege", "LiteAdmin"]);
        let (_, token) = issue(&server, "acme", "default", name, &[]);
        server.run(&[&["user"], change, &["--instance", "acme", name]].concat());
        token
    };
    let suspended = lesser("suspended", &["suspend"]);
    let demoted = lesser("demoted", &["set", "--privilege", "ReadOnly"]);
    for (token, base, status, told) in [
        (&revoked, "/scim/v2", 401, "This key was revoked at 20"),
        (&expired, "/scim/v2", 401, "This key expired at 20"),
        (&later, "/scim/v2", 401, "This key is valid from 2999-01-01"),
        (&elsewhere, "/scim/v2", 403, "The request came from 127.0.0.1"),
        (&suspended, "/scim/v2", 403, "The integration user suspended"),
        (&demoted, "/scim/v2", 403, "LiteAdmin"),
        (&neighbour, door.as_str(), 403, "another connector"),
        (&foreign, &door, 403, "another connector"),
    ] {
        for probe in &probes {
            let answer = probe.send(&server.address, base, Some(&format!("Bearer {token}")));
            let detail = answer.error(status, None);
            assert!(detail.contains(told), "{:?}: {detail}", probe.route);
            assert_eq!(answer.header("www-authenticate").is_some(), status == 401, "{:?}", probe.route);
        }
    }

    // Another instance's key finds nothing of this one's.
    let globex = Client::new(&server.address, &foreign);
    for probe in probes.iter().filter(|probe| probe.route.path.contains("{id}")) {
        probe.send(&server.address, "/scim/v2", Some(&format!("Bearer {foreign}"))).error(404, None);
    }
    assert_eq!(globex.get("/Users").ok(200)["totalResults"], 0);

    // Nothing of all that changed anything; and all of it is in the log, with advice, one of a kind and key a minute.
    let after = (acme.get(&format!("/Users/{ada}")).body, acme.get(&format!("/Groups/{engines}")).body);
    assert_eq!(before, after);
    let log = server.run(&["log", "--instance", "acme", "--format", "jsonl", "--action", "access_refused"]);
    let mut codes: BTreeMap<String, usize> = BTreeMap::new();
    for line in log.lines() {
        let record: Value = serde_json::from_str(line).expect("JSON");
        assert_eq!((&record["status"], &record["resource"]), (&json!("failure"), &Value::Null));
        assert!(record["error"]["advice"].as_str().is_some_and(|advice| !advice.is_empty()), "{record}");
        *codes.entry(record["error"]["code"].as_str().expect("a code").to_owned()).or_default() += 1;
    }
    for code in [
        "key_unknown",
        "key_revoked",
        "key_expired",
        "key_not_yet_valid",
        "network",
        "user_suspended",
        "privilege",
        "other_connector",
    ] {
        let count = codes.get(code).copied().unwrap_or_default();
        assert!((1..=4).contains(&count), "{code}: {count} records: {codes:?}");
    }
    let elsewhere =
        server.run(&["log", "--instance", "globex", "--format", "jsonl", "--action", "access_refused"]);
    assert_eq!(elsewhere.lines().count(), 1, "the foreign key's own instance has it: {elsewhere}");
}

#[test]
fn a_key_opens_what_its_scopes_say() {
    let server = Server::start();
    let acme = server.acme();
    let ada = acme.person("ada");
    let engines = acme.group("Engines", &[&ada]);
    let all: Vec<&str> = AccessScope::ALL.iter().map(|scope| scope.name()).collect();
    for missing in AccessScope::ALL {
        let rest: Vec<&str> = all.iter().copied().filter(|name| *name != missing.name()).collect();
        let (_, token) = fresh(&server, &["--scope", &rest.join(",")]);
        let authorization = format!("Bearer {token}");
        for probe in probes(&ada, &engines).iter().filter(|probe| probe.route.scopes.contains(&missing)) {
            let answer = probe.send(&server.address, "/scim/v2", Some(&authorization));
            let detail = answer.error(403, None);
            assert!(detail.contains(missing.name()), "{:?}: {detail}", probe.route);
            let challenge = answer.header("www-authenticate").expect("a challenge");
            assert!(
                challenge.contains("insufficient_scope") && challenge.contains(missing.name()),
                "{challenge}"
            );
        }
        let client = Client::new(&server.address, &token);
        client.get("/Schemas").ok(200);
        if missing == AccessScope::UsersWrite {
            // In a bulk request, each operation needs its own scope.
            let operations = json!([
                { "method": "DELETE", "path": format!("/Users/{ada}") },
                { "method": "POST", "path": "/Groups", "bulkId": "g", "data": group("Others", &[]) },
            ]);
            let answer = client.post("/Bulk", &bulk(operations)).ok(200);
            assert_eq!(crate::support::texts(&answer["Operations"], "status"), ["403", "201"]);
        }
    }
    acme.get(&format!("/Users/{ada}")).ok(200);
    // The scopes that a route needs are enough for it.
    for probe in probes(&ada, &engines).iter().filter(|probe| probe.route.method == "GET") {
        let names: Vec<&str> = probe.route.scopes.iter().map(|scope| scope.name()).collect();
        let scopes = if names.is_empty() { "bulk".to_owned() } else { names.join(",") };
        let (_, token) = fresh(&server, &["--scope", &scopes]);
        let answer = probe.send(&server.address, "/scim/v2", Some(&format!("Bearer {token}")));
        let expected = if probe.route.path == "/Me" { 501 } else { 200 };
        assert_eq!(answer.status, expected, "{:?}", probe.route);
    }
}
