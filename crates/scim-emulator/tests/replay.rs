//! The player against a server of the test's own.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on has to stop")]

mod support;

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use scim_emulator::replay::{self, Outcome, Player, ReplayError, Report};
use serde_json::{Value, json};
use support::{Reply, Request, serve};

/// Plays one scenario of the given steps against a server.
fn play(
    steps: &Value,
    requires: &[&str],
    answer: impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static,
) -> Result<Report, ReplayError> {
    let folder = tempfile::tempdir().unwrap();
    let scenario = json!({"name": "s", "client": "c", "level": "rfc", "requires": requires, "steps": steps});
    fs::write(folder.path().join("s.json"), scenario.to_string()).unwrap();
    replay::run(&format!("{}/base/", serve(answer)), "secret", &[folder.path()], |_| {})
}

fn line(
    steps: &Value,
    requires: &[&str],
    answer: impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static,
) -> String {
    play(steps, requires, answer).unwrap().results[0].to_string()
}

/// Plays and gives back what the server saw.
fn requests(steps: &Value) -> Vec<Request> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let report = play(steps, &[], move |request| {
        log.lock().unwrap().push(request.clone());
        Some(Reply::new(200, r#"{"id": "7/é", "n": 5}"#).with("ETag", "W/\"1\""))
    });
    assert_eq!(report.unwrap().to_string(), "1 passed, 0 failed");
    let seen = seen.lock().unwrap();
    seen.clone()
}

#[test]
fn paths_go_out_as_written() {
    let seen = requests(&json!([
        {"method": "GET", "path": "//Users/?filter=a+eq+%22b%22&x=[y]", "save": {"id": "/id"}},
        {"method": "GET", "path": "/Users/${id}"},
    ]));
    assert_eq!(seen[0].target, "/base//Users/?filter=a+eq+%22b%22&x=[y]");
    assert_eq!(seen[1].target, "/base/Users/7%2F%C3%A9");
}

#[test]
fn default_headers_and_their_removal() {
    let seen = requests(&json!([
        {"method": "GET", "path": "/a"},
        {"method": "POST", "path": "/a", "body": {}},
        {"method": "POST", "path": "/a", "body": {}, "headers": {"authorization": null, "ACCEPT": "x/y", "content-type": null}},
        {"method": "POST", "path": "/a"},
    ]));
    assert_eq!(seen[0].header("authorization"), Some("Bearer secret"));
    assert_eq!(seen[0].header("accept"), Some("application/scim+json"));
    assert_eq!(seen[0].header("content-type"), None);
    assert_eq!(seen[0].header("user-agent"), None);
    assert_eq!(seen[1].header("content-type"), Some("application/scim+json"));
    assert_eq!(seen[2].header("authorization"), None);
    assert_eq!(seen[2].header("accept"), Some("x/y"));
    assert_eq!(seen[2].header("content-type"), None);
    assert_eq!(seen[3].header("content-length"), Some("0"));
}

#[test]
fn bodies_are_json_or_raw_text() {
    let seen = requests(&json!([
        {"method": "POST", "path": "/a", "body": {"k": 1}, "save": {"n": "/n", "etag": "header:etag"}},
        {"method": "PATCH", "path": "/a", "body": {"n": "${n}", "t": "n=${n}", "e": "${etag}"}},
        {"method": "POST", "path": "/a", "body": "{\"broken\": [${n}"},
        {"method": "DELETE", "path": "/a", "body": []},
        {"method": "POST", "path": "/a", "body": {"u": "${uniq}", "b": "${base}"}},
    ]));
    assert_eq!(
        serde_json::from_str::<Value>(&seen[1].body).unwrap(),
        json!({"n": 5, "t": "n=5", "e": "W/\"1\""})
    );
    assert_eq!(seen[2].body, "{\"broken\": [5");
    assert_eq!((seen[3].method.as_str(), seen[3].body.as_str()), ("DELETE", "[]"));
    let last: Value = serde_json::from_str(&seen[4].body).unwrap();
    assert_eq!(last["u"].as_str().unwrap().len(), 10);
    assert!(last["b"].as_str().unwrap().ends_with("/base"));
}

#[test]
fn every_kind_of_failure_has_its_reason() {
    let reply = |_: &Request| Some(Reply::new(200, r#"{"a": "true"}"#));
    let get = |expect: Value| json!([{"method": "GET", "path": "/x", "expect": expect}]);
    let fails = |expect: Value, reason: &str| {
        assert_eq!(line(&get(expect), &[], reply), format!("FAIL s: step 1/1 GET /x: {reason}"));
    };
    fails(json!({"status": [201, 204]}), r#"status 200, expected 201/204; body {"a": "true"}"#);
    fails(json!({"status": 404}), r#"status 200, expected 404; body {"a": "true"}"#);
    fails(json!({"json": {"/a": true}}), r#"/a: expected true, got "true""#);
    fails(json!({"json": {"": {"length": 2}}}), r#"body: expected {"length": 2}, got {"a": "true"}"#);
    fails(
        json!({"headers": {"content-Type": "x"}}),
        r#"header content-Type: expected "x", got "application/scim+json""#,
    );
    fails(
        json!({"headers": {"ETag": {"exists": true}}}),
        r#"header ETag: expected {"exists": true}, got (missing)"#,
    );
    fails(json!({"json": {"/a": "${nope}"}}), "variable ${nope} was never saved");
    let save = json!([{"method": "GET", "path": "/x", "save": {"v": "/b"}}]);
    assert_eq!(line(&save, &[], reply), "FAIL s: step 1/1 GET /x: cannot save ${v}: /b is not in the answer");
    let closed = line(&get(json!({})), &[], |_| None);
    assert!(closed.starts_with("FAIL s: step 1/1 GET /x: no answer: "), "{closed}");
    let empty = line(&get(json!({"status": 200})), &[], |_| Some(Reply::new(500, "")));
    assert_eq!(empty, "FAIL s: step 1/1 GET /x: status 500, expected 200; body (empty)");
    let garbage = get(json!({"status": 200, "json": {"": {"strictAbsent": true}}}));
    assert_eq!(line(&garbage, &[], |_| Some(Reply::new(200, "<html>"))), "PASS s (1 steps)");
}

#[test]
fn a_failure_keeps_the_exchange_and_ends_the_scenario() {
    let steps = json!([
        {"method": "GET", "path": "/1", "expect": {"status": 200}},
        {"method": "PUT", "path": "/2", "body": {"x": "${uniq}"}, "expect": {"status": 204}},
        {"method": "GET", "path": "/3"},
    ]);
    let report = play(&steps, &[], |r| {
        assert!(!r.target.ends_with("/3"));
        Some(Reply::new(200, "hello"))
    })
    .unwrap();
    let Outcome::Failed(failure) = &report.results[0].outcome else { panic!("{report}") };
    assert_eq!((failure.step, failure.method.as_str(), failure.path.as_str()), (2, "PUT", "/2"));
    assert_eq!(failure.sent.as_ref().unwrap()["x"].as_str().unwrap().len(), 10);
    let received = failure.received.as_ref().unwrap();
    assert_eq!((received.status, received.body.as_str()), (200, "hello"));
}

#[test]
fn what_is_not_announced_is_skipped() {
    let steps = json!([{"method": "GET", "path": "/x", "expect": {"status": 200}}]);
    let config = |r: &Request| {
        let config = json!({"patch": {"supported": true}, "bulk": {"supported": false}, "sort": null});
        Some(Reply::new(
            200,
            if r.target == "/base/ServiceProviderConfig" { config.to_string() } else { String::new() },
        ))
    };
    assert_eq!(line(&steps, &["patch"], config), "PASS s (1 steps)");
    assert_eq!(
        line(&steps, &["bulk", "patch", "sort", "etag"], config),
        "SKIP s (not announced: bulk, sort, etag)"
    );
    assert_eq!(line(&steps, &["patch"], |_| Some(Reply::new(404, "{}"))), "SKIP s (not announced: patch)");
}

#[test]
fn redirects_are_answers() {
    let steps =
        json!([{"method": "GET", "path": "/x", "expect": {"status": 302, "headers": {"location": "/y"}}}]);
    assert_eq!(line(&steps, &[], |_| Some(Reply::new(302, "").with("Location", "/y"))), "PASS s (1 steps)");
}

#[test]
fn a_broken_scenario_is_an_error_that_names_the_step() {
    let steps = json!([{"method": "GET", "path": "/x", "expect": {"json": {"/a": {"matches": "("}}}}]);
    let error = play(&steps, &[], |_| Some(Reply::new(200, r#"{"a": "b"}"#))).unwrap_err().to_string();
    assert!(error.contains("s.json: s, step 1: /a: "), "{error}");
}

#[test]
fn a_server_that_knows_nothing_fails_the_corpus_without_stopping_it() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/idp");
    let base = serve(|_| Some(Reply::new(404, "{}")));
    let mut lines = 0;
    let report = replay::run(&base, "", &[&fixtures], |_| lines += 1).unwrap();
    assert_eq!((report.results.len(), lines, report.passed()), (83, 83, 0));
    let player = Player::new(&base, "").unwrap().levels(["rfc".to_owned()]);
    let rfc = player.run(&[&fixtures], |_| {}).unwrap();
    assert!(rfc.results.iter().all(|r| r.level == "rfc") && rfc.results.len() < 83);
}
