//! The command line beside a running server: exit statuses, what goes to which stream, the shapes of `--json`.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::support::{Client, Server, outcome, person, read, send};

/// The keys of a JSON object.
fn keys(value: &Value) -> Vec<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

#[track_caller]
fn parsed(server: &Server, arguments: &[&str]) -> Value {
    serde_json::from_str(&server.run(arguments)).expect("JSON")
}

#[test]
fn exit_statuses() {
    let server = Server::start();
    let check = |arguments: &[&str], expected: i32, told: &str| {
        let (status, out, err) = outcome(&server.output(arguments));
        assert_eq!(status, Some(expected), "{arguments:?}: {err}");
        assert_eq!(out, "", "messages go to standard error: {arguments:?}");
        assert!(err.contains(told), "{arguments:?}: {err}");
    };
    check(&[], 2, "Usage");
    check(&["frobnicate"], 2, "frobnicate");
    check(&["instance"], 2, "Usage");
    check(&["instance", "create"], 2, "NAME");
    check(&["key", "issue", "--instance", "acme"], 2, "--user");
    check(&["key", "issue", "--instance", "acme", "--user", "integration", "--expires", "soon"], 2, "365d");
    check(&["connector", "create", "--instance", "acme", "x", "--dialect", "loose"], 2, "lenient");
    check(&["--database", "mysql://x", "instance", "list"], 2, "--database");
    check(&["--database", "rubbish", "instance", "list"], 2, "--database");
    check(&["--config", "missing.toml", "instance", "list"], 2, "missing.toml");
    check(&["instance", "create", "acme"], 1, "acme");
    check(&["instance", "create", ""], 1, "name");
    check(&["instance", "create", "a\nb"], 1, "name");
    check(&["instance", "show", "globex"], 1, "globex");
    check(&["connector", "create", "--instance", "globex", "okta"], 1, "globex");
    check(&["connector", "create", "--instance", "acme", "default"], 1, "default");
    check(&["connector", "show", "--instance", "acme", "okta"], 1, "default");
    check(&["key", "issue", "--instance", "acme", "--user", "nobody"], 1, "integration");
    check(&["key", "issue", "--instance", "acme", "--connector", "okta", "--user", "integration"], 1, "okta");
    check(&["key", "show", "rubbish"], 1, "key list");
    check(&["key", "revoke", "00000000-0000-7000-8000-000000000000"], 1, "key list");
    check(&["log", "--instance", "globex"], 1, "globex");
    check(&["serve", "--listen", "0.0.0.0:0"], 2, "insecure_listen");
    check(&["demo", "--listen", "nowhere"], 2, "--listen");
    check(&["serve", "--listen", &server.address], 1, &server.address);
}

#[test]
fn help_and_version_are_results() {
    let server = Server::start();
    for arguments in [&["--help"][..], &["serve", "--help"], &["--version"]] {
        let (status, out, err) = outcome(&server.output(arguments));
        assert_eq!((status, err.as_str()), (Some(0), ""), "{arguments:?}");
        assert!(out.contains("rollcall"), "{out}");
    }
}

#[test]
fn the_token_stands_alone_on_standard_output() {
    let server = Server::start();
    let issue = ["key", "issue", "--instance", "acme", "--user", "integration"];
    let (status, out, err) = outcome(&server.output(&issue));
    assert_eq!(status, Some(0));
    let token = out.strip_suffix('\n').expect("one line");
    assert!(
        token.len() > 40 && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'),
        "{token}"
    );
    assert!(!err.contains(token), "the token is told once");
    assert!(err.contains("not shown again"), "{err}");
    Client::new(&server.address, token).get("/Users").ok(200);
    for command in [&["key", "list", "--json"][..], &["key", "list"], &["log", "--format", "jsonl"]] {
        let secret = token.rsplit('_').next().expect("a secret");
        assert!(!server.run(command).contains(secret), "{command:?}");
    }
    let issued = parsed(&server, &[&issue[..], &["--json"]].concat());
    Client::new(&server.address, issued["token"].as_str().expect("a token")).get("/Users").ok(200);
}

#[test]
fn shapes_of_json() {
    let server = Server::start();
    server.run(&["connector", "create", "--instance", "acme", "okta", "--dialect", "strict"]);
    let acme = server.acme();
    let list = parsed(&server, &["key", "list", "--json"]);
    let key = &list[0];
    for member in ["id", "user", "connector", "created_at", "expires_at", "state", "last_used_at"] {
        assert!(keys(key).contains(&member), "{member}");
    }
    assert_eq!(
        (&key["user"], &key["connector"], &key["state"]),
        (&json!("integration"), &json!("default"), &json!("active"))
    );
    let id = key["id"].as_str().expect("an id");
    assert_eq!(parsed(&server, &["key", "show", id, "--json"]), *key);
    server.run(&["key", "revoke", id]);
    server.run(&["key", "revoke", id]);
    assert_eq!(parsed(&server, &["--json", "key", "show", id])["state"], "revoked");
    assert_eq!(
        parsed(&server, &["key", "list", "--instance", "acme", "--json"]).as_array().map(Vec::len),
        Some(1)
    );
    acme.get("/Users").error(401, None);

    let never =
        ["key", "issue", "--instance", "acme", "--user", "integration", "--expires", "never", "--json"];
    assert_eq!(parsed(&server, &never)["expires_at"], Value::Null);

    let instances = parsed(&server, &["instance", "list", "--json"]);
    assert_eq!(instances[0]["name"], "acme");
    let shown = parsed(&server, &["instance", "show", "acme", "--json"]);
    assert_eq!(crate::support::texts(&shown["connectors"], "name"), ["default", "okta"]);
    assert_eq!(crate::support::texts(&shown["integration_users"], "name"), ["integration"]);
    let connector = parsed(&server, &["connector", "show", "--instance", "acme", "okta", "--json"]);
    assert_eq!(connector["dialect"], "strict");
    assert_eq!(parsed(&server, &["connector", "list", "--instance", "acme", "--json"])[1], connector);
}

#[test]
fn the_log_tells_what_happened_in_order() {
    let server = Server::start();
    let acme = server.acme();
    let ada = acme.person("ada");
    let path = format!("/Users/{ada}");
    acme.patch(&path, json!([{ "op": "Replace", "path": "active", "value": "False" }])).ok(200);
    acme.patch(&path, json!([{ "op": "replace", "path": "active", "value": true }])).ok(200);
    acme.patch(&path, json!([{ "op": "replace", "path": "title", "value": "Countess" }])).ok(200);
    acme.patch(&path, json!([])).ok(200);
    let engines = acme.group("Engines", &[&ada, "later"]);
    let leave = json!([{ "op": "remove", "path": format!("members[value eq \"{ada}\"]") }]);
    acme.patch(&format!("/Groups/{engines}"), leave).ok(200);
    acme.delete(&path).empty(204);
    let text = server.run(&["log", "--instance", "acme", "--format", "jsonl"]);
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let mut actions = Vec::new();
    for line in &lines {
        for member in [
            "at",
            "action",
            "status",
            "instance",
            "connector",
            "key_id",
            "admin_key_id",
            "user",
            "request_id",
            "resource",
            "changes",
            "error",
        ] {
            assert!(keys(line).contains(&member), "{member}");
        }
        assert_eq!(line["instance"], "acme");
        // Records about keys are not about what a client wrote.
        if ["User", "Group"].iter().any(|kind| line["resource"]["type"] == *kind) {
            assert_eq!((&line["connector"], &line["user"]), (&json!("default"), &json!("integration")));
            actions.push((line["action"].as_str().expect("text"), line["status"].as_str().expect("text")));
        }
    }
    let success = |action| (action, "success");
    assert_eq!(
        actions,
        [
            success("created"),
            success("suspended"),
            success("reactivated"),
            success("updated"),
            success("created"),
            success("member_added"),
            ("reference_held", "warning"),
            success("member_removed"),
            success("deleted"),
        ]
    );
    let updated = lines.iter().find(|line| line["action"] == "updated").expect("there");
    assert_eq!(updated["resource"]["id"], ada.as_str());
    assert_eq!(updated["resource"]["name"], "ada");
    assert_eq!(updated["changes"], json!([{ "attribute": "title", "old": null, "new": "Countess" }]));
    let suspended = lines.iter().find(|line| line["action"] == "suspended").expect("there");
    assert!(suspended["notes"].to_string().contains("operation-case"), "{suspended}");
    assert_eq!(server.run(&["log", "--instance", "acme"]).lines().count(), lines.len());
}

#[test]
fn termination_finishes_what_was_begun() {
    let mut server = Server::start();
    let acme = server.acme();
    let body = person("ada").to_string();
    let mut stream = TcpStream::connect(&server.address).expect("connected");
    let head = format!(
        "POST /scim/v2/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Length: {}\r\n\
         Expect: 100-continue\r\n\r\n",
        acme.token,
        body.len()
    );
    stream.write_all(head.as_bytes()).expect("sent");
    // The server says that it has begun to read the request.
    assert_eq!(read(&mut stream, false).status, 100);
    server.terminate();
    // It accepts no more: the signal has arrived.
    let refuses = (0..1_000_000).any(|_| TcpStream::connect(&server.address).is_err());
    assert!(refuses, "still accepts connections");
    stream.write_all(body.as_bytes()).expect("sent");
    read(&mut stream, false).created();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    assert!(rest.is_empty());
    assert_eq!(server.ended(), Some(0));
}

/// What is acknowledged is there after the process was killed.
#[test]
fn a_second_server_finds_everything() {
    let mut server = Server::start();
    let acme = server.acme();
    let ada = acme.person("ada");
    server.restart();
    let acme = Client::new(&server.address, &acme.token);
    assert_eq!(acme.get(&format!("/Users/{ada}")).ok(200)["userName"], "ada");
    assert_eq!(send(&server.address, "GET", "/readyz", &[], b"").status, 200);
}
