//! Links in documents lead somewhere.

use std::path::{Path, PathBuf};

use super::Finding;

pub(super) fn check(root: &Path, files: &[PathBuf]) -> anyhow::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "md")) {
        let text = std::fs::read_to_string(root.join(file))?;
        let folder = file.parent().unwrap_or(Path::new(""));
        for target in targets(&text) {
            if !root.join(folder).join(&target).exists() {
                findings.push(format!("{}: the link to {target} leads nowhere", file.display()));
            }
        }
    }
    Ok(findings)
}

/// The files that `[text](target)` links to; not URLs, not fragments.
fn targets(text: &str) -> Vec<String> {
    let links = text.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(target, _)| target));
    links
        .map(|target| target.split('#').next().unwrap_or_default().trim())
        .filter(|target| !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:"))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_to_nothing_is_found() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = PathBuf::from("a.md");
        let findings = |text: &str| {
            std::fs::write(folder.path().join(&file), text).expect("written");
            check(folder.path(), std::slice::from_ref(&file)).expect("checked").len()
        };
        assert_eq!(findings("[a](a.md#here)"), 0);
        assert_eq!(findings("[a](gone.md) [b](a.md)"), 1);
    }

    #[test]
    fn finds_what_is_linked() {
        let text = "[a](b.md#c) [d](https://x.example) [e](#f) ![g](h.png)";
        assert_eq!(targets(text), ["b.md", "h.png"]);
    }
}
