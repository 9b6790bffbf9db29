//! Checks of the tree that no compiler makes.

mod conformance;
mod fixtures;
mod layers;
mod links;
mod manifests;
mod purity;
mod sizes;
mod words;

use std::path::{Path, PathBuf};

use anyhow::bail;

use crate::shell::say;

/// Something that is not in order.
pub(crate) type Finding = String;

/// Runs every check.
pub(crate) fn run(root: &Path) -> anyhow::Result<()> {
    let files = files(root)?;
    let mut findings = layers::check(root)?;
    findings.extend(manifests::check(root)?);
    findings.extend(purity::check()?);
    findings.extend(sizes::check(root, &files)?);
    findings.extend(words::check(root, &files)?);
    findings.extend(links::check(root, &files)?);
    findings.extend(conformance::check(root)?);
    findings.extend(fixtures::check(root, &files)?);
    for finding in &findings {
        say(finding);
    }
    if !findings.is_empty() {
        bail!("{} findings", findings.len());
    }
    say(&format!("{} files are in order", files.len()));
    Ok(())
}

/// The files of the tree that are ours, relative to the root: tracked, or new and not ignored.
fn files(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let listed = crate::shell::output(
        crate::shell::program("git", &["ls-files", "--cached", "--others", "--exclude-standard"])
            .current_dir(root),
    )?;
    Ok(listed.lines().map(PathBuf::from).filter(|path| root.join(path).is_file()).collect())
}

/// The workspace's members: name and manifest.
fn members(root: &Path) -> anyhow::Result<Vec<(String, toml::Table)>> {
    let mut members = Vec::new();
    for folder in ["crates", "bins"] {
        for entry in std::fs::read_dir(root.join(folder))? {
            let manifest = entry?.path().join("Cargo.toml");
            if manifest.exists() {
                let table: toml::Table = std::fs::read_to_string(&manifest)?.parse()?;
                let name = table
                    .get("package")
                    .and_then(|package| package.get("name"))
                    .and_then(toml::Value::as_str);
                members.push((name.unwrap_or_default().to_owned(), table));
            }
        }
    }
    members.sort_by(|left, right| left.0.cmp(&right.0));
    Ok(members)
}
