//! `rollcall demo` and `rollcall emulate entra`: an identity provider's cycles against the real binary.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::support::{Client, Server, outcome, rollcall};

/// A demonstration that stays up; ended when dropped.
struct Demo {
    child: Child,
    /// What it wrote to standard output, down to the last command to try.
    told: Vec<String>,
}

impl Demo {
    fn start(database: &str) -> Self {
        let mut command = rollcall(database);
        command.args(["demo", "--listen", "127.0.0.1:0", "--people", "30"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("started");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines().map_while(Result::ok);
        let mut told = Vec::new();
        while told.last().is_none_or(|line: &String| !line.contains(" log --database")) {
            told.push(lines.next().expect("more to be told"));
        }
        Self { child, told }
    }

    fn after(&self, label: &str) -> &str {
        self.told.iter().find_map(|line| line.strip_prefix(label)).expect("told").trim()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn database(folder: &tempfile::TempDir) -> String {
    format!("sqlite:{}", folder.path().join("demo.db").display())
}

#[test]
fn it_ends_clean_and_leaves_its_data_where_it_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let demo = ["demo", "--once", "--listen", "127.0.0.1:0", "--people", "40", "--json"];
    let (status, out, err) = outcome(&rollcall(&database(&folder)).args(demo).output().expect("it runs"));
    assert_eq!(status, Some(0), "{err}");
    let told: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(told["clean"], true);
    assert_eq!(
        told["summary"]["initial"]["people_matched"], 20,
        "half of a small company has accounts already"
    );
    assert_eq!(told["summary"]["initial"]["people_created"], 19);
    assert_eq!(told["summary"]["incremental"]["mismatches"], 0);
    assert!(err.contains("people: 40 of 40"), "progress in lines where there is no terminal: {err}");

    let failures = told["log"]["failures"].as_array().expect("a list");
    let codes: Vec<_> = failures.iter().filter_map(|failure| failure["code"].as_str()).collect();
    assert_eq!(codes, ["uniqueness", "field_too_long"]);
    assert!(
        failures.iter().all(|failure| failure["advice"].as_str().is_some_and(|advice| advice.len() > 20))
    );

    let report = ["report", "--instance", "demo", "--json"];
    let (_, report, _) = outcome(&rollcall(&database(&folder)).args(report).output().expect("it runs"));
    let report: Value = serde_json::from_str(&report).expect("JSON");
    let people = &told["log"]["people"];
    for action in ["picked_up", "created", "updated", "suspended", "deleted"] {
        assert_eq!(report["people"][action], people[action], "{action}: {report}");
        assert!(people[action].as_u64().is_some_and(|count| count > 0), "{action}: {people}");
    }
    assert_eq!(
        (&report["failed"], &report["people"]["imported"]),
        (&people["failed"], &told["log"]["existing"]["people"])
    );
}

/// The same database again: the instance is used as it was left, and the same people are refused.
#[test]
fn it_runs_again_on_its_own_data() {
    let folder = tempfile::tempdir().expect("a folder");
    let demo = ["demo", "--once", "--listen", "127.0.0.1:0", "--people", "20", "--json"];
    for existing in [10, 0] {
        let (status, out, err) = outcome(&rollcall(&database(&folder)).args(demo).output().expect("it runs"));
        assert_eq!(status, Some(0), "{err}");
        let told: Value = serde_json::from_str(&out).expect("JSON");
        assert_eq!(
            (&told["clean"], &told["log"]["people"]["picked_up"]),
            (&Value::Bool(true), &existing.into())
        );
    }
}

/// A company of one.
#[test]
fn it_works_with_one_person() {
    let folder = tempfile::tempdir().expect("a folder");
    let demo = ["demo", "--once", "--listen", "127.0.0.1:0", "--people", "1", "--json"];
    let (status, out, err) = outcome(&rollcall(&database(&folder)).args(demo).output().expect("it runs"));
    assert_eq!(status, Some(0), "{err}");
    let told: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(told["log"]["people"]["failed"], 0);
}

#[test]
fn what_it_says_to_try_works_until_it_is_ended() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut demo = Demo::start(&database(&folder));
    let address =
        demo.after("SCIM URL").trim_start_matches("http://").trim_end_matches("/scim/v2").to_owned();
    let list = Client::new(&address, demo.after("Secret token")).get("/Users").ok(200);
    assert!(list["totalResults"].as_u64().is_some_and(|total| total >= 28), "{}", list["totalResults"]);
    let commands: Vec<&String> =
        demo.told.iter().filter(|line| line.trim_start().starts_with("curl ")).collect();
    assert_eq!(commands.len(), 3);
    if Command::new("curl").arg("--version").output().is_ok() {
        for command in commands {
            let output = Command::new("sh").args(["-c", command]).output().expect("sh runs");
            let answer: Value = serde_json::from_slice(&output.stdout).expect("JSON");
            assert!(!answer["schemas"].to_string().contains("Error"), "{command}: {answer}");
        }
    } else {
        eprintln!("curl is not there: its commands were counted only");
    }
    let id = demo.child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().expect("kill runs").success());
    assert_eq!(demo.child.wait().expect("it ends").code(), Some(0));
}

#[test]
fn a_signal_ends_it_during_the_cycles() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = rollcall(&database(&folder));
    command.args(["demo", "--listen", "127.0.0.1:0", "--people", "100000"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("started");
    let mut told = BufReader::new(child.stderr.take().expect("piped")).lines().map_while(Result::ok);
    assert!(told.any(|line| line.starts_with("serving ")));
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().expect("kill runs").success());
    let rest: Vec<String> = told.collect();
    assert!(rest.iter().any(|line| line.contains("before the cycles were done")), "{rest:?}");
    assert_eq!(child.wait().expect("it ends").code(), Some(1));
}

#[test]
fn a_server_that_refuses_is_told_and_fails() {
    let server = Server::start();
    let base = format!("http://{}/scim/v2", server.address);
    let emulate = |token: &str| {
        let command = ["emulate", "entra", "--base", &base, "--token", token, "--people", "5", "--json"];
        outcome(&server.output(&command))
    };
    let (status, out, err) = emulate("rubbish");
    assert_eq!((status, out.as_str()), (Some(1), ""));
    assert!(err.contains("401"), "{err}");
    let (status, out, _) = emulate(&server.acme().token);
    let summary: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(status, Some(0), "{summary}");
    assert_eq!(summary["initial"]["people_created"], 5);
}
