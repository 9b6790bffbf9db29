//! Words that must not stand in the tree: leftovers, and paths of somebody's machine.

use std::path::{Path, PathBuf};

use super::Finding;

/// What is looked for, in halves so that this file does not find itself, and in which files (all where `None`).
/// Fixtures and corpora are other people's words.
const FORBIDDEN: &[(&str, &str, Option<&str>)] = &[
    ("../", "shared", None),
    ("/wo", "rk/", None),
    ("/ro", "ot/", None),
    ("todo", "!(", Some("rs")),
    ("dbg", "!(", Some("rs")),
    ("#[ign", "ore]", Some("rs")),
    ("FIX", "ME", Some("rs")),
    ("TO", "DO", Some("rs")),
];

pub(super) fn check(root: &Path, files: &[PathBuf]) -> anyhow::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| !file.starts_with("fuzz/corpus") && !file.starts_with("fixtures"))
    {
        // What is not text has no words.
        if let Ok(text) = std::fs::read_to_string(root.join(file)) {
            let extension = file.extension().and_then(|extension| extension.to_str());
            findings.extend(judge(&file.display().to_string(), extension, &text));
        }
    }
    Ok(findings)
}

fn judge(file: &str, extension: Option<&str>, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (head, tail, only) in FORBIDDEN {
        let word = format!("{head}{tail}");
        if only.is_none_or(|only| extension == Some(only))
            && let Some(line) = text.lines().position(|line| line.contains(&word))
        {
            findings.push(format!("{file}:{}: {word:?} must not stand there", line + 1));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::judge;

    #[test]
    fn leftovers_are_found() {
        assert!(judge("a.rs", Some("rs"), "fn a() {}\n").is_empty());
        assert_eq!(judge("a.rs", Some("rs"), &format!("x\n{}{}\n", "todo", "!()")).len(), 1);
        assert_eq!(judge("a.md", Some("md"), &format!("see {}{}/x\n", "../", "shared")).len(), 1);
        assert!(judge("a.md", Some("md"), &format!("{}{}\n", "TO", "DO")).is_empty());
    }
}
