//! Members take lints and versions from the workspace.

use std::path::Path;

use super::{Finding, members};

pub(super) fn check(root: &Path) -> anyhow::Result<Vec<Finding>> {
    Ok(members(root)?.iter().flat_map(|(name, manifest)| judge(name, manifest)).collect())
}

fn judge(name: &str, manifest: &toml::Table) -> Vec<Finding> {
    let mut findings = Vec::new();
    let from_workspace =
        |value: &toml::Value| value.get("workspace").and_then(toml::Value::as_bool) == Some(true);
    if !manifest.get("lints").is_some_and(from_workspace) {
        findings.push(format!("{name}: has no `[lints] workspace = true`"));
    }
    for member in ["version", "edition", "rust-version", "license"] {
        if !manifest.get("package").and_then(|package| package.get(member)).is_some_and(from_workspace) {
            findings.push(format!("{name}: `{member}` must come from the workspace"));
        }
    }
    for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
        for (dependency, value) in manifest.get(table).and_then(toml::Value::as_table).into_iter().flatten() {
            if !from_workspace(value) {
                findings.push(format!("{name}: the version of {dependency} must come from the workspace"));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::judge;

    const SOUND: &str = "[package]\nname = \"x\"\nversion.workspace = true\nedition.workspace = true\n\
        rust-version.workspace = true\nlicense.workspace = true\n[dependencies]\nserde.workspace = true\n[lints]\nworkspace = true\n";

    #[test]
    fn own_versions_and_missing_lints_are_found() {
        let findings = |text: &str| judge("x", &text.parse().expect("TOML")).len();
        assert_eq!(findings(SOUND), 0);
        assert_eq!(findings(&SOUND.replace("serde.workspace = true", "serde = \"1\"")), 1);
        assert_eq!(findings(&SOUND.replace("[lints]\nworkspace = true\n", "")), 1);
        assert_eq!(findings(&SOUND.replace("edition.workspace = true", "edition = \"2021\"")), 1);
    }
}
