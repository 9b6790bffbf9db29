//! The pure crates have no runtime, web or database crate anywhere below them.

use super::Finding;
use crate::shell::{cargo, output};

const PURE: &[&str] = &["scim-core", "scim-directory", "scim-mapping", "scim-lifecycle", "scim-api-keys"];
const IMPURE: &[&str] = &[
    "tokio",
    "async-std",
    "smol",
    "mio",
    "socket2",
    "hyper",
    "axum",
    "reqwest",
    "ureq",
    "h2",
    "diesel",
    "rusqlite",
    "libsqlite3-sys",
    "sqlx",
    "postgres",
    "pq-sys",
    "r2d2",
];

pub(super) fn check() -> anyhow::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for name in PURE {
        let tree = output(&mut cargo(&["tree", "--package", name, "--edges", "normal", "--prefix", "none"]))?;
        findings.extend(judge(name, &tree));
    }
    Ok(findings)
}

fn judge(name: &str, tree: &str) -> Vec<Finding> {
    let names = tree.lines().filter_map(|line| line.split_whitespace().next());
    let mut found: Vec<&str> =
        names.filter(|name| IMPURE.contains(name) || name.starts_with("actix")).collect();
    found.sort_unstable();
    found.dedup();
    found.into_iter().map(|library| format!("{name}: is pure, but {library} is below it")).collect()
}

#[cfg(test)]
mod tests {
    use super::judge;

    #[test]
    fn a_runtime_below_is_found() {
        assert_eq!(judge("scim-core", "scim-core v0.1.0\nserde v1.0.0\n"), Vec::<String>::new());
        assert_eq!(judge("scim-core", "scim-core v0.1.0\ntokio v1.0.0\ntokio v1.0.0 (*)\n").len(), 1);
        assert_eq!(judge("scim-core", "scim-core v0.1.0\nactix-http v3.0.0\n").len(), 1);
    }
}
