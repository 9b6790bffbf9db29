//! Each section in the conformance table says where it is tested, and that is there.
//!
//! A row begins with `| §`; a path is a text between back-quotes that begins with a folder of ours.

use std::path::Path;

use super::Finding;

const TABLE: &str = "docs/conformance.md";
const FOLDERS: &[&str] = &["crates/", "fixtures/", "bins/", "conformance/", "fuzz/"];

pub(super) fn check(root: &Path) -> anyhow::Result<Vec<Finding>> {
    let text = std::fs::read_to_string(root.join(TABLE))?;
    Ok(judge(&text, |path| root.join(path).exists()))
}

fn judge(text: &str, exists: impl Fn(&str) -> bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !text.lines().any(is_row) {
        findings.push(format!("{TABLE}: has no row; a row begins with `| §`"));
    }
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        if is_row(line) && paths(line).is_empty() {
            findings.push(format!("{TABLE}:{number}: does not say where that is tested"));
        }
        for path in paths(line).into_iter().filter(|path| !exists(path)) {
            findings.push(format!("{TABLE}:{number}: names {path}, which is not there"));
        }
    }
    findings
}

fn is_row(line: &str) -> bool {
    line.starts_with("| §")
}

fn paths(line: &str) -> Vec<&str> {
    let quoted = line.split('`').skip(1).step_by(2);
    quoted.filter(|text| FOLDERS.iter().any(|folder| text.starts_with(folder))).collect()
}

#[cfg(test)]
mod tests {
    use super::judge;

    fn check(text: &str, findings: usize) {
        let found = judge(text, |path| path == "crates/there.rs");
        assert_eq!(found.len(), findings, "{text}: {found:?}");
    }

    #[test]
    fn a_row_names_tests_that_are_there() {
        check("| §1 | `pr` | `crates/there.rs` |", 0);
        check("| §1 | `pr` | `crates/there.rs`, `fixtures/gone.json` |", 1);
        check("| §1 | `pr` | tested well |", 1);
        check("also `crates/gone.rs`\n| §1 | `pr` | `crates/there.rs` |", 1);
        check("nothing", 1);
    }
}
