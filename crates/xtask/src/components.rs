//! Programs of others that tests use; installed where they are not there.

use std::path::Path;

use anyhow::{Context as _, bail};

use crate::shell::{answers, check, output, program, say};

/// The database, for the tests of the backend and of faults.
pub(crate) const POSTGRESQL: Component = Component { package: "postgresql", programs: &["initdb", "psql"] };
/// A pooler in front of it.
pub(crate) const PGBOUNCER: Component = Component { package: "pgbouncer", programs: &["pgbouncer"] };
/// Reads metrics and alerts.
pub(crate) const PROMETHEUS: Component =
    Component { package: "prometheus", programs: &["promtool", "prometheus"] };
/// Counts instructions.
pub(crate) const VALGRIND: Component = Component { package: "valgrind", programs: &["valgrind"] };

/// A package of Debian and Ubuntu.
pub(crate) struct Component {
    package: &'static str,
    /// What must answer `--version`.
    programs: &'static [&'static str],
}

impl Component {
    /// Whether it is there; it is installed where this runs as root on a system with apt-get. Where it is not, CI fails and a
    /// person is told.
    pub(crate) fn installed(&self) -> anyhow::Result<bool> {
        if self.there() {
            return Ok(true);
        }
        let package = self.package;
        let missing = format!(
            "{} not there and could not be installed: install the package {package} (on Debian and Ubuntu, as root)",
            if self.programs.len() == 1 {
                format!("{package} is")
            } else {
                format!("{} are", self.programs.join(" and "))
            },
        );
        let root = output(&mut program("id", &["-u"])).is_ok_and(|id| id.trim() == "0");
        if root && answers("apt-get") {
            say(&format!("installing {package}"));
            let apt = |arguments: &[&str]| {
                // At this run level, what is installed is not started.
                let mut apt = program("apt-get", arguments);
                check(apt.env("DEBIAN_FRONTEND", "noninteractive").env("RUNLEVEL", "1"))
            };
            // Old lists may do; whether they did shows below.
            let updated = apt(&["update", "-q"]);
            let wait = "DPkg::Lock::Timeout=600";
            apt(&["install", "-y", "-q", "--no-install-recommends", "-o", wait, package])
                .and(updated)
                .with_context(|| missing.clone())?;
        }
        if self.there() {
            return Ok(true);
        }
        if std::env::var("CI").is_ok_and(|ci| ci == "true") {
            bail!(missing);
        }
        say(&format!("skipped: {missing}"));
        Ok(false)
    }

    fn there(&self) -> bool {
        self.programs.iter().all(|name| folders().any(|folder| answers(Path::new(&folder).join(name))))
    }
}

/// Where programs are: on the path (the empty folder), among the system's, and where Debian keeps PostgreSQL's.
fn folders() -> impl Iterator<Item = std::path::PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let kept = versions.map(|version| version.path().join("bin"));
    ["", "/usr/sbin"].map(Into::into).into_iter().chain(kept)
}
