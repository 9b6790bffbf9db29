//! The server log, as programs read it.

use serde_json::Value;

use super::process::{Process, until};
use crate::support::{Client, outcome, person, rollcall, send};

/// A key of a new instance; and the ids of instance and connector.
fn prepared(folder: &std::path::Path) -> (String, String, String) {
    let database = format!("sqlite:{}", folder.join("rollcall.db").display());
    let run = |arguments: &[&str]| {
        let (status, out, told) = outcome(&rollcall(&database).args(arguments).output().expect("it ends"));
        assert_eq!(status, Some(0), "{told}");
        out.trim_end().to_owned()
    };
    run(&["instance", "create", "acme"]);
    let id = |arguments: &[&str]| {
        let shown: Value = serde_json::from_str(&run(arguments)).expect("JSON");
        shown["id"].as_str().expect("an id").to_owned()
    };
    let instance = id(&["instance", "show", "acme", "--json"]);
    let connector = id(&["connector", "show", "--instance", "acme", "default", "--json"]);
    (run(&["key", "issue", "--instance", "acme", "--user", "integration"]), instance, connector)
}

#[test]
fn every_line_is_an_object_with_what_programs_look_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let (token, instance, connector) = prepared(folder.path());
    let variables = [("ROLLCALL_LOG_FORMAT", "json"), ("ROLLCALL_LOG_LEVEL", "info")];
    let mut server = Process::start(folder.path(), &variables);
    let client = Client::new(&server.address, &token);
    let created = client.post("/Users", &person("ada@acme.example"));
    let id = created.header("x-request-id").expect("an id").to_owned();
    created.created();
    client.get("/Users?filter=userName%20eq%20%22ada@acme.example%22").ok(200);
    // Nobody makes a line of their own.
    let forged = "x\u{85}{\"level\":\"ERROR\"}";
    send(&server.address, "GET", "/scim/v2/Users%0a%7b%22level%22:1%7d", &[("X-Request-Id", forged)], b"");
    send(&server.address, "GET", "/scim/v2/%0d%0aforged", &[("Authorization", "Bearer x")], b"");
    let requests = || {
        let lines: Vec<Value> = server
            .lines()
            .iter()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
            .collect();
        let requests: Vec<Value> = lines.into_iter().filter(|line| line["message"] == "request").collect();
        (requests.len() == 4).then_some(requests)
    };
    let requests = until("four requests are logged", requests);
    let post = &requests[0];
    for (name, expected) in [
        ("level", "INFO"),
        ("target", "scim_actix::exchange"),
        ("method", "POST"),
        ("route", "/Users"),
        ("instance", &instance),
        ("connector", &connector),
        ("request_id", &id),
    ] {
        assert_eq!(post[name], expected, "{post}");
    }
    assert_eq!(post["status"], 201);
    assert!(post["duration_us"].as_u64().is_some_and(|us| us > 0), "{post}");
    let time = post["time"].as_str().expect("a time");
    assert!(time.len() == 24 && time.ends_with('Z') && time.as_bytes()[19] == b'.', "{time}");
    assert!(requests[2].get("instance").is_none(), "nobody was let in");
    server.signal("TERM");
    assert_eq!(server.ended(), Some(0));
    let all = server.lines().join("\n");
    assert!(
        !all.contains("ada@acme.example") && !all.contains("forged") && !all.contains("userName"),
        "{all}"
    );
    assert!(server.lines().iter().all(|line| line.starts_with('{') && line.ends_with('}')), "{all}");
}

#[test]
fn a_mistake_at_the_start_is_text_for_people() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Process::command(folder.path(), &[("ROLLCALL_LOG_FORMAT", "jason")]);
    let (status, _, told) = outcome(&command.output().expect("it ends"));
    assert_eq!(status, Some(2));
    assert!(told.starts_with("log_format (ROLLCALL_LOG_FORMAT): \"jason\" must be text or json"), "{told}");
}

#[test]
fn lines_for_people_have_the_same_fields() {
    let folder = tempfile::tempdir().expect("a folder");
    let (token, instance, _) = prepared(folder.path());
    // The usual variable counts before ours.
    let variables = [("RUST_LOG", "scim_actix=info"), ("ROLLCALL_LOG_LEVEL", "error")];
    let server = Process::start(folder.path(), &variables);
    Client::new(&server.address, &token).get("/Users/nobody").error(404, None);
    let line = server.wrote(" request method=GET");
    assert!(line.contains("route=/Users/{id} status=404 duration_us="), "{line}");
    assert!(
        line.contains(&format!("instance={instance}")) && line.contains(" INFO scim_actix::exchange: "),
        "{line}"
    );
}
