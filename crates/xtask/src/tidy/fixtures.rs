//! Each fixture is read by a test.
//!
//! A test reads what its source names by the path from the root: a file, or a folder with all that is below. Comments do
//! not count.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::Finding;

const FIXTURES: &str = "fixtures/";

pub(super) fn check(root: &Path, files: &[PathBuf]) -> anyhow::Result<Vec<Finding>> {
    let mut named = BTreeSet::new();
    for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "rs")) {
        // The examples in the tests below are no reading.
        let own = file.starts_with("crates/xtask/src/tidy");
        let text = std::fs::read_to_string(root.join(file))?;
        if !own && (text.contains("#[cfg(test)]") || file.iter().any(|part| part == "tests")) {
            named.extend(names(&text).map(PathBuf::from));
        }
    }
    Ok(judge(files, &named))
}

fn judge(files: &[PathBuf], named: &BTreeSet<PathBuf>) -> Vec<Finding> {
    // A document beside the fixtures is for people.
    let fixtures = files.iter().filter(|file| {
        file.starts_with(FIXTURES) && file.extension().is_none_or(|extension| extension != "md")
    });
    let unread = fixtures.filter(|file| !file.ancestors().any(|path| named.contains(path)));
    unread.map(|file| format!("{}: no test names it, or a folder that it is in", file.display())).collect()
}

/// The paths of fixtures in a source's code.
fn names(text: &str) -> impl Iterator<Item = &str> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(|line| line.match_indices(FIXTURES).filter_map(move |(at, _)| line.get(at..)))
        .map(|rest| {
            let end = rest.find(|next: char| !next.is_alphanumeric() && !"-_./".contains(next));
            rest.get(..end.unwrap_or(rest.len())).unwrap_or(rest).trim_end_matches(['/', '.'])
        })
        // `fixtures/` alone says nothing.
        .filter(|path| path.len() > FIXTURES.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, findings: usize) {
        let files = ["fixtures/README.md", "fixtures/patch/add/before.json", "fixtures/patch/person.json"];
        let found = judge(&files.map(PathBuf::from), &names(source).map(PathBuf::from).collect());
        assert_eq!(found.len(), findings, "{source}: {found:?}");
    }

    #[test]
    fn a_fixture_that_no_test_names_is_found() {
        check("root.join(\"../../fixtures/patch\")", 0);
        check("root.join(\"../../fixtures/patch/\")", 0);
        check("root.join(\"../../fixtures/patch/add\")", 1);
        check("include_str!(\"../../../fixtures/patch/person.json\")", 1);
        check("root.join(\"../../fixtures/patches\")", 2);
        check("// fixtures/patch is read elsewhere", 2);
        check("root.join(\"../../fixtures/\")", 2);
    }
}
