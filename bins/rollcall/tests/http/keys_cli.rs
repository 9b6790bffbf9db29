//! Keys, integration users and the limits of connectors from the command line, beside a running server.

use serde_json::{Value, json};

use crate::support::{Client, Server, outcome};

const ISSUE: [&str; 6] = ["key", "issue", "--instance", "acme", "--user", "integration"];

#[track_caller]
fn parsed(server: &Server, arguments: &[&str]) -> Value {
    let arguments = [arguments, &["--json"]].concat();
    serde_json::from_str(&server.run(&arguments)).expect("JSON")
}

#[track_caller]
fn issue(server: &Server, options: &[&str]) -> (String, Client) {
    issued(server, "integration", options)
}

#[track_caller]
fn issued(server: &Server, user: &str, options: &[&str]) -> (String, Client) {
    let issue = ["key", "issue", "--instance", "acme", "--user", user];
    let issued = parsed(server, &[&issue[..], options].concat());
    let text = |member: &str| issued[member].as_str().expect("text").to_owned();
    (text("id"), Client::new(&server.address, &text("token")))
}

/// Exit status and what is told.
#[track_caller]
fn check(server: &Server, arguments: &[&str], expected: i32, told: &str) {
    let (status, out, err) = outcome(&server.output(arguments));
    assert_eq!((status, out.as_str()), (Some(expected), ""), "{arguments:?}: {err}");
    assert!(err.contains(told), "{arguments:?}: {err}");
}

#[test]
fn a_key_is_issued_with_its_terms() {
    let server = Server::start();
    let (id, client) = issue(
        &server,
        &[
            "--expires",
            "90d",
            "--scope",
            "users:read,groups:read",
            "--scope",
            "bulk",
            "--network",
            "127.0.0.1",
            "--network",
            "2001:db8::1/32",
            "--rate",
            "50",
        ],
    );
    let shown = parsed(&server, &["key", "show", &id]);
    assert_eq!(shown["scopes"], json!(["users:read", "groups:read", "bulk"]));
    assert_eq!(shown["networks"], json!(["127.0.0.1/32", "2001:db8::/32"]));
    assert_eq!(shown["rate"], json!({ "per_second": 50, "burst": 200 }));
    assert_eq!((&shown["state"], &shown["kind"]), (&json!("active"), &json!("generated")));
    assert!(client.token.ends_with(shown["ending"].as_str().expect("text")));
    client.get("/Users").ok(200);
    client.post("/Users", &crate::support::person("ada")).error(403, None);
    let shown = parsed(&server, &["key", "show", &id]);
    assert_eq!(shown["last_address"], "127.0.0.1");
    assert_eq!(shown["first_used_at"], shown["last_used_at"]);
    let text = server.run(&["key", "show", &id]);
    for told in ["users:read, groups:read, bulk", "127.0.0.1/32", "50 requests a second", "from 127.0.0.1"] {
        assert!(text.contains(told), "{told}: {text}");
    }
    let list = server.run(&["key", "list", "--instance", "acme"]);
    assert!(list.contains(&id) && list.contains("active"), "{list}");
}

/// It is kept in memory between times.
#[test]
fn when_a_key_was_used_last_is_written_every_minute_and_at_the_end() {
    let mut server = Server::start_by_clock(&[]);
    let (id, client) = issue(&server, &[]);
    let used = |server: &Server| {
        let shown = parsed(server, &["key", "show", &id]);
        let hour = |member: &str| shown[member].as_str().expect("a time")[..13].to_owned();
        (hour("first_used_at"), hour("last_used_at"))
    };
    client.get("/Users").ok(200);
    server.advance_hours(2);
    client.get("/Users").ok(200);
    let mut last = used(&server);
    for _ in 0..1000 {
        if last.0 != last.1 {
            break;
        }
        // The clock moves on by itself too slowly for a test.
        server.advance_hours(1);
        last = used(&server);
    }
    assert_ne!(last.0, last.1, "not written while the server runs");
    server.advance_hours(5);
    client.get("/Users").ok(200);
    server.terminate();
    assert_eq!(server.ended(), Some(0));
    assert_ne!(used(&server).1, last.1, "not written when the server ended");
}

#[test]
fn json_of_an_issued_key_says_where_to_go() {
    let server = Server::start_with(&[("ROLLCALL_BASE_URL", "https://scim.example.com/scim/v2/")], &[]);
    let issued = parsed(&server, &ISSUE);
    assert_eq!(issued["scim_url"], "https://scim.example.com/scim/v2");
    let own = issued["connector_scim_url"].as_str().expect("text");
    assert!(own.starts_with("https://scim.example.com/c/") && own.ends_with("/scim/v2"), "{own}");
    for member in ["token", "id", "expires_at", "user", "connector"] {
        assert!(issued[member].is_string(), "{member}");
    }
}

#[test]
fn terms_change_from_the_next_request_on() {
    let server = Server::start();
    let (id, client) = issue(&server, &[]);
    client.person("ada");
    let set = |options: &[&str]| parsed(&server, &[&["key", "set", &id], options].concat());
    assert_eq!(set(&["--scope", "users:read"])["scopes"], json!(["users:read"]));
    client.get("/Users").ok(200);
    client.post("/Users", &crate::support::person("eve")).error(403, None);
    set(&["--scope", "all", "--network", "192.0.2.0/24"]);
    client.get("/Users").error(403, None);
    assert_eq!(set(&["--network", "none"])["networks"], json!([]));
    client.person("eve");
    assert_eq!(set(&["--rate", "1/2"])["rate"], json!({ "per_second": 1, "burst": 2 }));
    let statuses: Vec<u16> = (0..4).map(|_| client.get("/Users").status).collect();
    assert!(statuses.contains(&429), "{statuses:?}");
    assert_eq!(set(&["--rate", "none"])["rate"], Value::Null);
    assert_eq!(set(&["--expires", "never"])["expires_at"], Value::Null);
    assert_eq!(set(&["--expires", "2999-01-31"])["expires_at"], "2999-01-31T00:00:00.000Z");
    assert_eq!(set(&["--not-before", "7d"])["state"], "not_yet_valid");
    client.get("/Users").error(401, None);
    assert_eq!(set(&["--not-before", "now"])["state"], "active");
    client.get("/Users").ok(200);

    check(&server, &["key", "set", &id], 2, "--expires");
    check(&server, &["key", "set", &id, "--expires", "1999-01-01"], 1, "revoke");
    check(&server, &["key", "set", &id, "--expires", "soon"], 2, "2027-11-21");
    check(&server, &["key", "set", &id, "--scope", "admin"], 2, "users:read");
    check(&server, &["key", "set", &id, "--network", "none", "--network", "192.0.2.1"], 2, "alone");
    check(&server, &["key", "set", &id, "--network", "example.com"], 2, "192.0.2.0/24");
    check(&server, &["key", "set", &id, "--rate", "0"], 2, "at least 1");
    server.run(&["key", "revoke", &id]);
    check(&server, &["key", "set", &id, "--expires", "30d"], 1, "revoked for good");
}

#[test]
fn two_keys_are_live_and_a_third_is_refused() {
    let server = Server::start();
    let (first, old) = issue(&server, &[]);
    let (second, new) = issue(&server, &[]);
    check(&server, &ISSUE, 1, &first);
    old.get("/Users").ok(200);
    new.get("/Users").ok(200);
    let shown = parsed(&server, &["key", "show", &first]);
    assert_eq!(shown["state"], "retiring");
    assert!(shown["retiring_until"].is_string());
    assert!(server.run(&["key", "show", &first]).contains("it works until"));
    old.get("/Users").ok(200);
    server.run(&["key", "revoke", &first]);
    old.get("/Users").error(401, None);
    new.get("/Users").ok(200);
    assert_eq!(parsed(&server, &["key", "show", &first])["revoked_because"], "by_hand");
    let (third, _) = issue(&server, &[]);
    let list = parsed(&server, &["key", "list"]);
    assert_eq!(crate::support::texts(&list, "id"), [first, second, third]);
    assert_eq!(crate::support::texts(&list, "state"), ["revoked", "active", "active"]);
}

#[test]
fn a_secret_that_a_person_chose_is_for_basic_alone() {
    let server = Server::start();
    server.file("secret", "a phrase that nobody guesses\r\n");
    let with_secret = [&ISSUE[..], &["--secret-file", "secret"]].concat();
    check(&server, &with_secret, 1, "--basic on");
    server.run(&["connector", "set", "--instance", "acme", "--basic", "on"]);
    check(&server, &[&ISSUE[..], &["--secret-file", "missing"]].concat(), 1, "missing");
    let (status, out, err) = outcome(&server.output(&with_secret));
    assert_eq!(status, Some(0), "{err}");
    let id = out.trim_end();
    assert!(err.contains("HTTP Basic") && !err.contains("nobody guesses"), "{err}");
    let shown = parsed(&server, &["key", "show", id]);
    assert_eq!((&shown["kind"], &shown["ending"]), (&json!("chosen"), &json!("")));
    assert!(server.run(&["key", "show", id]).contains("chosen by a person"));
    server.file("short", "short");
    check(&server, &[&ISSUE[..], &["--secret-file", "short"]].concat(), 1, "15");
}

#[test]
fn an_integration_user_takes_its_keys_along() {
    let server = Server::start();
    let user = |options: &[&str]| parsed(&server, &[&["user"], options].concat());
    let acme = ["--instance", "acme"];
    let created = user(&["create", "--instance", "acme", "okta", "--email", "it@acme.example"]);
    assert_eq!(
        (&created["privilege"], &created["state"], &created["email"]),
        (&json!("LiteAdmin"), &json!("active"), &json!("it@acme.example"))
    );
    assert_eq!(
        crate::support::texts(&user(&["list", "--instance", "acme"]), "name"),
        ["integration", "okta"]
    );
    let (id, client) = issued(&server, "okta", &[]);
    client.get("/Users").ok(200);
    assert_eq!(user(&["suspend", "--instance", "acme", "okta"])["state"], "suspended");
    client.get("/Users").error(403, None);
    assert!(server.run(&["key", "show", &id]).contains("out of force"));
    // What the log advises does it.
    let log = server.run(&["log", "--instance", "acme"]);
    let advised = log.split("`rollcall user activate ").nth(1).and_then(|rest| rest.split('`').next());
    let advised: Vec<&str> = advised.expect("advice").split(' ').collect();
    server.run(&[&["user", "activate"][..], &advised].concat());
    client.get("/Users").ok(200);
    user(&["set", "--instance", "acme", "okta", "--privilege", "ReadOnly", "--email", "none"]);
    client.get("/Users").error(403, None);
    let log = server.run(&["log", "--instance", "acme"]);
    let advised = log.split("`rollcall user set ").nth(1).and_then(|rest| rest.split('`').next());
    let advised: Vec<&str> = advised.expect("advice").split(' ').collect();
    server.run(&[&["user", "set"][..], &advised].concat());
    client.get("/Users").ok(200);
    let table = server.run(&[&["user", "list"][..], &acme].concat());
    assert!(table.contains("okta") && table.contains("LiteAdmin"), "{table}");

    check(&server, &["user", "create", "--instance", "acme", "okta"], 1, "already");
    check(&server, &["user", "suspend", "--instance", "acme", "nobody"], 1, "integration");
    check(&server, &["user", "set", "--instance", "acme", "okta", "--email", "nowhere"], 1, "e-mail");
    check(&server, &["user", "set", "--instance", "acme", "okta", "--privilege", "King"], 2, "LiteAdmin");
}

#[test]
fn what_an_administrator_copies_into_the_identity_provider() {
    let server = Server::start_with(&[("ROLLCALL_BASE_URL", "https://scim.example.com/scim/v2")], &[]);
    let show = ["connector", "show", "--instance", "acme"];
    let shown = parsed(&server, &show);
    let id = shown["id"].as_str().expect("an id");
    let root = "https://scim.example.com";
    assert_eq!(shown["scim_url"], format!("{root}/scim/v2"));
    assert_eq!(shown["connector_scim_url"], format!("{root}/c/{id}/scim/v2"));
    assert_eq!(shown["user_name"], "integration");
    assert_eq!(
        shown["redirect_uris"],
        json!({ "web": format!("{root}/c/{id}/oidc/callback/web"), "app": format!("{root}/c/{id}/oidc/callback/app") })
    );
    assert_eq!(shown["token_endpoint"], Value::Null);
    let text = server.run(&show);
    let issue = "rollcall key issue --instance acme --connector default --user integration";
    for told in [issue, "reserved for single sign-on", "Secret Token"] {
        assert!(text.to_lowercase().contains(&told.to_lowercase()), "{told}: {text}");
    }
    server.run(&["connector", "set", "--instance", "acme", "--oauth", "on"]);
    assert_eq!(parsed(&server, &show)["token_endpoint"], format!("{root}/oauth2/token"));
    assert!(server.run(&show).contains("/oauth2/token"));
}

#[test]
fn limits_of_a_connector() {
    let server = Server::start();
    let (_, client) = issue(&server, &[]);
    let set = |options: &[&str]| {
        parsed(&server, &[&["connector", "set", "--instance", "acme"], options].concat())["settings"].clone()
    };
    assert_eq!(set(&["--network", "192.0.2.0/24"])["networks"], json!(["192.0.2.0/24"]));
    client.get("/Users").error(403, None);
    set(&["--network", "none"]);
    assert_eq!(set(&["--people", "update"])["people"]["create"], false);
    client.post("/Users", &crate::support::person("ada")).error(403, None);
    client.group("Engines", &[]);
    set(&["--people", "create,update,delete", "--groups", "none"]);
    client.person("ada");
    client.post("/Groups", &crate::support::group("Motors", &[])).error(403, None);
    let keys = set(&["--key-overlap", "0s", "--revoke-old", "on-first-write", "--reminders", "7,14"]);
    assert_eq!(
        (&keys["overlap_seconds"], &keys["retirement"], &keys["reminder_days"]),
        (&json!(0), &json!("first_write"), &json!([14, 7]))
    );
    assert_eq!(set(&["--retention-days", "12"])["retention_days"], 12);
    let issuer = [
        "--issuer",
        "https://idp.example",
        "--audience",
        "rollcall",
        "--subject",
        "app",
        "--jwks-uri",
        "https://idp.example/keys",
        "--issuer-user",
        "integration",
        "--issuer-scope",
        "users:read",
    ];
    let trusted = set(&issuer)["ways_in"]["issuer"].clone();
    assert_eq!((&trusted["subject"], &trusted["scopes"]), (&json!("app"), &json!(["users:read"])));
    let text = server.run(&["connector", "show", "--instance", "acme"]);
    assert!(
        text.contains("https://idp.example, audience rollcall") && text.contains("for integration"),
        "{text}"
    );
    assert_eq!(set(&["--issuer", "none"]).pointer("/ways_in/issuer"), None);

    let refused = |options: &[&str], status: i32, told: &str| {
        check(&server, &[&["connector", "set", "--instance", "acme"], options].concat(), status, told);
    };
    refused(&["--guard", "off", "--guard-people", "5"], 2, "--guard-people");
    refused(&["--issuer", "https://idp.example"], 2, "--jwks-uri");
    refused(&["--audience", "x"], 2, "--issuer");
    refused(&["--people", "fly"], 2, "delete");
    refused(&["--reminders", "soon"], 2, "30,7,1");
    refused(&["--reminders", "400"], 1, "60");
    refused(&[&issuer[..10], &["--issuer-user", "nobody"]].concat(), 2, "issuer-user");
}

/// Behind a proxy that is named, the client's own address counts; what anybody else writes there does not.
#[test]
fn a_named_proxy_says_where_clients_come_from() {
    let client_at = |server: &Server, address: &str| {
        let (_, client) = issue(server, &["--network", "192.0.2.0/24"]);
        client.send("GET", "/Users", &[("X-Forwarded-For", address)], b"").status
    };
    let named = Server::start_with(&[("ROLLCALL_TRUSTED_PROXIES", "127.0.0.0/8, ::1")], &[]);
    assert_eq!(client_at(&named, "192.0.2.7"), 200);
    assert_eq!(client_at(&named, "198.51.100.7"), 403);
    let none = Server::start();
    assert_eq!(client_at(&none, "192.0.2.7"), 403);
}

#[test]
fn low_limits_and_missing_urls_are_noted() {
    let server = Server::start();
    let noted = |arguments: &[&str], note: &str| {
        let (status, _, err) = outcome(&server.output(arguments));
        assert_eq!(status, Some(0), "{err}");
        err.contains(note)
    };
    let set = |rate| noted(&["connector", "set", "--instance", "acme", "--rate", rate], "more than 25");
    assert!(set("25"));
    assert!(!set("26"));
    assert!(!set("none"));
    assert!(noted(&[&ISSUE[..], &["--rate", "5"]].concat(), "more than 25"));
    assert!(noted(&["connector", "show", "--instance", "acme"], "base_url"));
}

#[test]
fn an_instance_shows_its_settings_as_text() {
    let server = Server::start();
    server.run(&[
        "instance",
        "set",
        "acme",
        "--seats",
        "250",
        "--retention-days",
        "90",
        "--user-names",
        "server",
    ]);
    let text = server.run(&["instance", "show", "acme"]);
    for told in ["250", "90 days", "among all instances"] {
        assert!(text.contains(told), "{told}: {text}");
    }
}
