//! Keys of administrators from the command line, beside a running server.

use serde_json::{Value, json};

use crate::support::{Client, Server, outcome};

#[track_caller]
fn parsed(server: &Server, arguments: &[&str]) -> Value {
    let arguments = [arguments, &["--json"]].concat();
    serde_json::from_str(&server.run(&arguments)).expect("JSON")
}

/// Exit status and what is told.
#[track_caller]
fn check(server: &Server, arguments: &[&str], expected: i32, told: &str) {
    let (status, out, err) = outcome(&server.output(arguments));
    assert_eq!((status, out.as_str()), (Some(expected), ""), "{arguments:?}: {err}");
    assert!(err.contains(told), "{arguments:?}: {err}");
}

/// What the log says of admin keys.
#[track_caller]
fn logged(server: &Server, of: &[&str]) -> Vec<Value> {
    let actions = ["--action", "admin_key_issued,admin_key_revoked", "--format", "jsonl"];
    let text = server.run(&[&["log"], of, &actions].concat());
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn ids(keys: &Value) -> Vec<&str> {
    keys.as_array().expect("a list").iter().map(|key| key["id"].as_str().expect("text")).collect()
}

#[test]
fn the_token_alone_goes_to_standard_output() {
    let server = Server::start();
    let (status, out, err) = outcome(&server.output(&["admin-key", "issue"]));
    assert_eq!(status, Some(0), "{err}");
    let token = out.strip_suffix('\n').expect("one line");
    let (prefix, rest) = token.split_at(28);
    assert_eq!((prefix, token.len()), ("rca1_0000000000000000000000_", 100), "{token}");
    assert!(rest.chars().all(|character| character.is_ascii_alphanumeric() || character == '_'), "{token}");
    assert!(err.contains("the whole server, Owner: keep it now") && !err.contains(&rest[23..66]), "{err}");
    assert!(!server.holds(&rest[23..66]), "the database holds the secret");
    // It is no key of an identity provider.
    Client::new(&server.address, token).get("/Users").error(401, None);
}

#[test]
fn an_admin_key_is_issued_with_its_terms_listed_and_revoked() {
    let server = Server::start();
    let issue = ["admin-key", "issue", "--instance", "acme", "--role", "LiteAdmin", "--label", "help desk"];
    let networks = ["--network", "192.0.2.7", "--network", "2001:db8::1/32"];
    let issued = parsed(&server, &[&issue[..], &["--expires", "12h"], &networks].concat());
    let id = issued["id"].as_str().expect("text");
    assert!(
        issued["token"].as_str().is_some_and(|token| token.ends_with(issued["ending"].as_str().unwrap()))
    );
    let mut shown = parsed(&server, &["admin-key", "show", id]);
    shown["token"] = issued["token"].clone();
    assert_eq!(shown, issued);
    assert_eq!((&shown["instance"], &shown["role"]), (&json!("acme"), &json!("LiteAdmin")));
    assert_eq!((&shown["label"], &shown["state"]), (&json!("help desk"), &json!("active")));
    assert_eq!(shown["networks"], json!(["192.0.2.7/32", "2001:db8::/32"]));
    assert_eq!((&shown["issued_by"], &shown["last_used_at"]), (&Value::Null, &Value::Null));
    let whole = parsed(&server, &["admin-key", "issue", "--expires", "never"]);
    assert_eq!((&whole["instance"], &whole["expires_at"]), (&Value::Null, &Value::Null));
    assert_eq!((&whole["role"], &whole["label"]), (&json!("Owner"), &json!("command line")));
    let server_wide = whole["id"].as_str().expect("text");
    assert_eq!(ids(&parsed(&server, &["admin-key", "list"])), [server_wide, id]);
    assert_eq!(ids(&parsed(&server, &["admin-key", "list", "--instance", "acme"])), [id]);
    let text = server.run(&["admin-key", "list"]);
    for told in ["(the whole server)", "help desk", "LiteAdmin", "active", id] {
        assert!(text.contains(told), "{told}: {text}");
    }
    let text = server.run(&["admin-key", "show", id]);
    for told in ["acme", "help desk", "192.0.2.7/32", "the command line"] {
        assert!(text.contains(told), "{told}: {text}");
    }
    for _ in 0..2 {
        let text = server.run(&["admin-key", "revoke", id]);
        assert!(text.contains("is revoked"), "{text}");
    }
    assert_eq!(parsed(&server, &["admin-key", "show", id])["state"], "revoked");
    let of_instance = logged(&server, &["--instance", "acme"]);
    let actions: Vec<_> = of_instance.iter().map(|record| record["action"].as_str().expect("text")).collect();
    assert_eq!(actions, ["admin_key_issued", "admin_key_revoked"], "{of_instance:?}");
    assert_eq!(
        (&of_instance[0]["admin_key_id"], &of_instance[0]["instance"]),
        (&Value::Null, &json!("acme"))
    );
    let own = logged(&server, &["--server"]);
    assert_eq!(own.len(), 1, "{own:?}");
    assert_eq!((&own[0]["action"], &own[0]["instance"]), (&json!("admin_key_issued"), &Value::Null));
    let text = server.run(&["log", "--server"]);
    assert!(text.contains("admin_key_issued") && text.contains(server_wide), "{text}");
}

#[test]
fn what_is_wrong_is_told_with_what_to_do() {
    let server = Server::start();
    check(&server, &["admin-key", "issue", "--instance", "nowhere"], 1, "no instance \"nowhere\"");
    check(&server, &["admin-key", "issue", "--label", ""], 1, "1 to 100 characters");
    check(&server, &["admin-key", "issue", "--role", "Root"], 2, "ReadOnly, LiteAdmin, Admin, Owner");
    check(&server, &["admin-key", "issue", "--expires", "soon"], 2, "soon");
    check(&server, &["admin-key", "issue", "--network", "here"], 2, "is no network");
    check(&server, &["admin-key", "show", "rca1_x"], 1, "the token is not the id");
    let unknown = "00000000-0000-7000-8000-000000000000";
    for command in ["show", "revoke"] {
        check(&server, &["admin-key", command, unknown], 1, "there is no admin key");
    }
    check(&server, &["log", "--server", "--instance", "acme"], 2, "cannot be used with");
}
