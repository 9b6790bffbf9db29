//! Export and import by the command line.

use std::os::unix::fs::MetadataExt as _;

use serde_json::Value;
use tempfile::TempDir;

use super::{Lived, MARK};
use crate::support::{Client, Server, outcome, person, rollcall, texts};

/// What a client sees: every answer of a list of reads, with status and ETag, byte for byte.
fn seen(client: &Client, lived: &Lived) -> Vec<(u16, Option<String>, String)> {
    let mut paths = vec![
        format!("/Groups/{}", lived.team),
        "/Users?count=100".to_owned(),
        "/Groups?filter=displayName%20sw%20%22zz%22".to_owned(),
        format!("/Users?filter=userName%20eq%20%22{MARK}-NAME-3%40{MARK}.example%22"),
        format!("/Users?filter=externalId%20eq%20%22{MARK}-external-4%22"),
        "/Users?filter=title%20co%20%22promoted%22&sortBy=userName".to_owned(),
    ];
    paths.extend(lived.people.iter().map(|id| format!("/Users/{id}")));
    let see = |path: &String| {
        let answer = client.get(path);
        let body = String::from_utf8(answer.body.clone()).expect("text").replace(&client.address, "HOST");
        (answer.status, answer.header("etag").map(str::to_owned), body)
    };
    paths.iter().map(see).collect()
}

/// The log of `acme`, oldest first.
fn log(server: &Server) -> String {
    server.run(&["log", "--instance", "acme", "--format", "jsonl"])
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

#[test]
fn the_identity_provider_does_not_notice_another_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = format!("sqlite:{}", folder.path().join("new.db").display());
    moves(&Lived::new(), folder, &database);
}

#[cfg(feature = "postgres")]
#[test]
fn the_identity_provider_does_not_notice_another_engine() {
    let Some(cluster) = testbed::Postgres::shared() else { return };
    let database = cluster.database().expect("a database");
    let lived = Lived::new();
    let server = moves(&lived, tempfile::tempdir().expect("a folder"), database.url());
    // And back, with what was written since.
    let folder = tempfile::tempdir().expect("a folder");
    let database = format!("sqlite:{}", folder.path().join("back.db").display());
    let client = Client::new(&server.address, &lived.client.token);
    moves(&Lived { server, client, ..lived }, folder, &database);
}

/// Moves the instance to this database, and serves it there.
fn moves(lived: &Lived, folder: TempDir, database: &str) -> Server {
    let (old, before) = (&lived.server, seen(&lived.client, lived));
    let log_before = log(old);
    let moved = parsed(&old.run(&["instance", "export", "acme", "--output", "acme.jsonl", "--json"]));
    let file = old.folder().join("acme.jsonl");
    assert_eq!(std::fs::metadata(&file).expect("made").mode() & 0o777, 0o600);
    // Another server, which has an instance of that name: another database of its own is what is needed.
    let (status, _, told) = outcome(&old.output(&["instance", "import", "acme.jsonl"]));
    assert_eq!(status, Some(1));
    assert!(told.contains("there is an instance \"acme\""), "{told}");
    let data = folder.path().display().to_string();
    let run = |arguments: &[&str]| {
        let mut command = rollcall(database);
        command.current_dir(folder.path()).env("ROLLCALL_DATA", &data).args(arguments);
        outcome(&command.output().expect("it runs"))
    };
    let file = file.to_str().expect("UTF-8");
    // Without the pepper no key would work.
    let (status, _, told) = run(&["instance", "import", file]);
    assert_eq!(status, Some(1));
    assert!(told.contains("Bring the pepper file") && told.contains("--without-keys"), "{told}");
    assert_eq!(run(&["instance", "list", "--json"]).1.trim(), "[]");
    std::fs::copy(old.folder().join("pepper"), folder.path().join("pepper")).expect("copied");
    let (status, out, told) = run(&["instance", "import", file, "--json"]);
    assert_eq!(status, Some(0), "{told}");
    let there = parsed(&out);
    for member in ["id", "name", "rows", "digest", "scrubbed"] {
        assert_eq!(there[member], moved[member], "{member}");
    }
    assert_eq!(there["without_keys"], false);
    // Every line but the first is the same.
    let (status, again, told) = run(&["instance", "export", "acme"]);
    assert_eq!(status, Some(0), "{told}");
    assert!(told.contains(moved["digest"].as_str().expect("a digest")), "the summary is a message: {told}");
    let lines = |text: &str| text.lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(lines(&again), lines(&std::fs::read_to_string(file).expect("there")));
    // The same key, on another server.
    let new = Server::on(folder, database, &[("ROLLCALL_DATA", data.as_str())]);
    let client = Client::new(&new.address, &lived.client.token);
    assert_eq!(seen(&client, lived), before);
    assert_eq!(log(&new), log_before);
    // Life goes on: whom a reference waited for arrives, and versions go on.
    let team = format!("/Groups/{}", lived.team);
    let held = |team: &Value| texts(&team["members"], "value").contains(&format!("{MARK}-nobody"));
    let waits = held(&client.get(&team).ok(200));
    if waits {
        let arrived = client.post("/Users", &person(&format!("{MARK}-nobody"))).created();
        let team = client.get(&team).ok(200);
        assert!(team["members"].to_string().contains(&arrived) && !held(&team), "{team}");
    }
    let rename =
        serde_json::json!([{ "op": "replace", "path": "displayName", "value": format!("zz {waits}") }]);
    client.patch(&team, rename);
    assert_ne!(client.get(&team).header("etag"), lived.client.get(&team).header("etag"));
    new
}

#[test]
fn what_is_no_export_leaves_nothing() {
    let lived = Lived::new();
    let whole = lived.server.run(&["instance", "export", "acme"]) + "\n";
    let folder = tempfile::tempdir().expect("a folder");
    let database = format!("sqlite:{}", folder.path().join("new.db").display());
    std::fs::copy(lived.server.folder().join("pepper"), folder.path().join("pepper")).expect("copied");
    let check = |text: &str, expected: &str| {
        let file = folder.path().join("acme.jsonl");
        std::fs::write(&file, text).expect("written");
        let output = rollcall(&database)
            .current_dir(folder.path())
            .args(["instance", "import", "acme.jsonl"])
            .output();
        let (status, out, told) = outcome(&output.expect("it runs"));
        assert_eq!((status, out.as_str()), (Some(1), ""), "{told}");
        assert!(told.contains(expected), "{expected}: {told}");
        let list = rollcall(&database).args(["instance", "list", "--json"]).output().expect("it runs");
        assert_eq!(outcome(&list).1.trim(), "[]");
    };
    check("", "ends after line 0");
    check("UserName,Email\n", "line 1");
    check(&whole[..whole.len() / 2], "nothing was imported");
    check(whole.trim_end().rsplit_once('\n').expect("lines").0, "cut off");
    check(&whole.replace(&format!("{MARK}-promoted"), "demoted"), "was altered");
    std::fs::write(folder.path().join("acme.jsonl"), &whole).expect("written");
    let output =
        rollcall(&database).current_dir(folder.path()).args(["instance", "import", "acme.jsonl"]).output();
    assert_eq!(outcome(&output.expect("it runs")).0, Some(0));
}

#[test]
fn files_are_not_written_over() {
    let server = Server::start();
    server.file("there.jsonl", "precious");
    let (status, _, told) =
        outcome(&server.output(&["instance", "export", "acme", "--output", "there.jsonl"]));
    assert_eq!(status, Some(1));
    assert!(told.contains("there.jsonl already"), "{told}");
    let (status, _, told) =
        outcome(&server.output(&["instance", "export", "nobody", "--output", "new.jsonl"]));
    assert_eq!(status, Some(1));
    assert!(told.contains("no instance \"nobody\""), "{told}");
    assert!(!server.folder().join("new.jsonl").exists());
    assert_eq!(std::fs::read_to_string(server.folder().join("there.jsonl")).expect("there"), "precious");
}
