//! Dependencies among our crates go down only; only the binary knows both the web framework and the database.

use std::path::Path;

use super::{Finding, members};

/// What each of our crates may depend on, of ours.
const ALLOWED: &[(&str, &[&str])] = &[
    ("scim-core", &[]),
    ("scim-api-keys", &[]),
    ("scim-emulator", &[]),
    ("scim-directory", &["scim-core"]),
    ("scim-mapping", &["scim-core", "scim-directory"]),
    ("scim-storage", &["scim-core", "scim-directory"]),
    ("scim-lifecycle", &["scim-core", "scim-directory", "scim-mapping"]),
    ("scim-storage-suite", &["scim-core", "scim-directory", "scim-storage", "scim-api-keys"]),
    ("scim-storage-diesel", &["scim-core", "scim-directory", "scim-storage", "scim-api-keys"]),
    (
        "scim-provider",
        &["scim-core", "scim-directory", "scim-mapping", "scim-lifecycle", "scim-api-keys", "scim-storage"],
    ),
    (
        "scim-admin-api",
        &[
            "scim-core",
            "scim-directory",
            "scim-mapping",
            "scim-lifecycle",
            "scim-api-keys",
            "scim-storage",
            "scim-provider",
        ],
    ),
    // Storage and directory: what the provider shows of them.
    ("scim-actix", &["scim-core", "scim-provider", "scim-admin-api", "scim-storage", "scim-directory"]),
    (
        "rollcall",
        &[
            "scim-core",
            "scim-directory",
            "scim-mapping",
            "scim-storage",
            "scim-storage-diesel",
            "scim-api-keys",
            "scim-provider",
            "scim-admin-api",
            "scim-actix",
            "scim-emulator",
        ],
    ),
    // A program for the test command: it calls what is counted.
    (
        "scim-counts",
        &[
            "scim-core",
            "scim-directory",
            "scim-mapping",
            "scim-lifecycle",
            "scim-api-keys",
            "scim-storage",
            "scim-provider",
        ],
    ),
    ("xtask", &["scim-emulator", "testbed"]),
    ("testbed", &[]),
    ("scim-bench", &["testbed"]),
];

pub(super) fn check(root: &Path) -> anyhow::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for (name, manifest) in members(root)? {
        let names = |table: &str| -> Vec<String> {
            let table = manifest.get(table).and_then(toml::Value::as_table);
            table.into_iter().flat_map(toml::Table::keys).cloned().collect()
        };
        findings.extend(judge(&name, &names("dependencies"), &names("dev-dependencies")));
    }
    Ok(findings)
}

fn judge(name: &str, dependencies: &[String], dev_dependencies: &[String]) -> Vec<Finding> {
    let Some((_, allowed)) = ALLOWED.iter().find(|(known, _)| *known == name) else {
        return vec![format!("{name}: a new crate; give it a place in the list of layers")];
    };
    let ours = |dependency: &str| ALLOWED.iter().any(|(known, _)| *known == dependency);
    let mut findings = Vec::new();
    for dependency in
        dependencies.iter().filter(|dependency| ours(dependency) && !allowed.contains(&dependency.as_str()))
    {
        findings.push(format!("{name}: must not depend on {dependency}"));
    }
    // A backend runs the published suite, and anything may have real servers and load; nothing else reaches up in tests.
    for dependency in dev_dependencies.iter().filter(|dependency| ours(dependency)) {
        if !allowed.contains(&dependency.as_str())
            && !["scim-storage-suite", "testbed", "scim-bench"].contains(&dependency.as_str())
        {
            findings.push(format!("{name}: must not depend on {dependency}, not even in tests"));
        }
    }
    let uses = |library: &str| dependencies.iter().any(|dependency| dependency == library);
    // The benchmark has a bare handler of its own to compare with.
    if !["scim-actix", "rollcall", "scim-bench"].contains(&name) && uses("actix-web") {
        findings.push(format!("{name}: only scim-actix and the binary know actix-web"));
    }
    if name != "scim-storage-diesel" && uses("diesel") {
        findings.push(format!("{name}: only scim-storage-diesel knows Diesel"));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::judge;

    fn check(name: &str, dependencies: &[&str], dev: &[&str], findings: usize) {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            judge(name, &owned(dependencies), &owned(dev)).len(),
            findings,
            "{name} {dependencies:?} {dev:?}"
        );
    }

    #[test]
    fn arrows_go_down_only() {
        check("scim-directory", &["scim-core", "serde"], &[], 0);
        check("scim-core", &["scim-directory"], &[], 1);
        check("scim-lifecycle", &["scim-storage"], &[], 1);
        check("scim-storage", &["scim-core"], &["scim-storage-suite"], 0);
        check("scim-storage", &["scim-core"], &["scim-provider"], 1);
        check("scim-storage-diesel", &[], &["testbed"], 0);
        check("scim-storage-diesel", &["testbed"], &[], 1);
        check("scim-provider", &["actix-web", "diesel"], &[], 2);
        check("scim-new", &[], &[], 1);
    }
}
