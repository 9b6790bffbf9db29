//! `rollcall expression check` and `rollcall scoping check`: no database, no server.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{outcome, rollcall};

/// A vector that holds, and one that does not.
const VECTORS: &str = r#"[{"id": "yes", "expr": "Left([a], 1)", "attrs": {"a": "xy"}, "expect": "x"},
{"id": "no", "expr": "Left([a], 1)", "attrs": {"a": "xy"}, "expect": "y"}]"#;

fn check(arguments: &[&str], status: i32, out: &str, err: &[&str]) {
    // A database that cannot be opened: nobody asks for it.
    let output = rollcall("sqlite:missing/folder/x.db").args(arguments).output().expect("run");
    let (found, stdout, stderr) = outcome(&output);
    assert_eq!((found, stdout.as_str()), (Some(status), out), "{arguments:?}: {stderr}");
    assert_eq!(stderr.is_empty(), err.is_empty(), "{stderr}");
    for told in err {
        assert!(stderr.contains(told), "{told}: {stderr}");
    }
}

#[test]
fn failures_are_told_and_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path.display().to_string()
    };
    let (both, none) = (write("both.json", VECTORS), write("none.json", "\u{feff}[]"));
    check(
        &["expression", "check", &both],
        1,
        "1 passed, 1 failed\n",
        &["no: Left([a], 1)", "\"y\"", "\"x\""],
    );
    check(&["expression", "check", &none], 0, "0 passed, 0 failed\n", &[]);
    let rubbish = write("rubbish.json", "[{\"id\": \"odd\"}]");
    check(&["expression", "check", &rubbish], 1, "", &["rubbish.json", "odd", "expr"]);
    check(&["expression", "check", &write("text", "x")], 1, "", &["not JSON"]);
    check(&["expression", "check", "missing.json"], 1, "", &["missing.json"]);
    check(&["expression", "check"], 2, "", &["FILE"]);
    let output =
        rollcall("sqlite:x.db").args(["--json", "expression", "check", &both]).output().expect("run");
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&report["passed"], &report["failed"]), (&json!(1), &json!(1)));
    assert_eq!(report["failures"][0]["id"], "no");
}

#[test]
fn the_vectors_of_the_project_pass() {
    for (command, file, out) in [
        ("expression", "expressions.json", "303 passed, 0 failed\n"),
        ("scoping", "scoping.json", "46 passed, 0 failed\n"),
    ] {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/mapping").join(file);
        check(&[command, "check", &file.display().to_string()], 0, out, &[]);
    }
}
