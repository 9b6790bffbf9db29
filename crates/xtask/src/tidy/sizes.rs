//! No source file has grown past comfort.

use std::path::{Path, PathBuf};

use super::Finding;

/// The most lines before a file's tests.
const MAX_LINES: usize = 700;

pub(super) fn check(root: &Path, files: &[PathBuf]) -> anyhow::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "rs")) {
        findings.extend(judge(&file.display().to_string(), &std::fs::read_to_string(root.join(file))?));
    }
    Ok(findings)
}

fn judge(file: &str, text: &str) -> Option<Finding> {
    // `#[cfg(test)]` before `mod x;` is about another file.
    let ends = |(line, next): &(&str, &str)| *line == "#[cfg(test)]" && next.ends_with('{');
    let following = text.lines().skip(1).chain([""]);
    let lines = text.lines().zip(following).take_while(|pair| !ends(pair)).count();
    (lines > MAX_LINES).then(|| format!("{file}: has {lines} lines; split it at {MAX_LINES} at the latest"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_do_not_count() {
        let long = "x\n".repeat(MAX_LINES);
        assert_eq!(judge("a.rs", &format!("{long}#[cfg(test)]\nmod tests {{\n{long}")), None);
        assert!(judge("a.rs", &format!("#[cfg(test)]\nmod properties;\n{long}")).is_some());
        assert!(judge("a.rs", &format!("{long}x\n")).is_some());
    }
}
