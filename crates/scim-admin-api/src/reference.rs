//! The parts of `docs/admin-api.md` that are made from the code: the endpoints and the codes of problems.

use std::fmt::Write as _;
use std::path::Path;

use crate::endpoint::Endpoint;
use crate::problem::Code;
use crate::resources;

/// A part of the page that is made from the code: where it begins, where it ends, and what makes it.
type Part = (&'static str, &'static str, fn() -> String);

const PARTS: [Part; 2] = [
    ("<!-- endpoints -->\n", "<!-- end of endpoints -->", endpoints),
    ("<!-- codes -->\n", "<!-- end of codes -->", codes),
];
/// How the page is made anew.
const COMMAND: &str = "WRITE_DOCS=1 cargo test -p scim-admin-api reference";

/// A table of endpoints for each kind.
fn endpoints() -> String {
    let all = resources::all();
    let tag = |endpoint: &Endpoint| endpoint.operation.tags.clone().unwrap_or_default().join(", ");
    let mut tags: Vec<String> = Vec::new();
    for endpoint in &all {
        if !tags.contains(&tag(endpoint)) {
            tags.push(tag(endpoint));
        }
    }
    let mut text = String::new();
    for name in tags {
        // Writing to a text does not fail.
        let _ = writeln!(text, "\n### {name}\n\n| request | role | |\n| --- | --- | --- |");
        for endpoint in all.iter().filter(|endpoint| tag(endpoint) == name) {
            let summary = endpoint.operation.summary.clone().unwrap_or_default();
            let server = if endpoint.server { ", of the server" } else { "" };
            let (method, path, role) = (endpoint.method.name(), endpoint.path, endpoint.role);
            let _ = writeln!(text, "| `{method} {path}` | `{role:?}`{server} | {summary} |");
        }
    }
    text + "\n"
}

/// A table of the codes of problems.
fn codes() -> String {
    let mut text = String::from("\n| status | code | meaning |\n| --- | --- | --- |\n");
    for code in Code::ALL {
        let (status, word, title) = code.parts();
        let _ = writeln!(text, "| {status} | `{word}` | {title} |");
    }
    text + "\n"
}

#[test]
fn the_page_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/admin-api.md");
    let before = std::fs::read_to_string(&path).expect("the page");
    let mut page = before.clone();
    for (begin, end, made) in PARTS {
        let (head, rest) = page.split_once(begin).expect(begin);
        let (_, tail) = rest.split_once(end).expect(end);
        page = format!("{head}{begin}{}{end}{tail}", made());
    }
    if std::env::var_os("WRITE_DOCS").is_some() {
        std::fs::write(&path, &page).expect("the page can be written");
    } else {
        assert!(page == before, "docs/admin-api.md differs from the code: {COMMAND}");
    }
}
