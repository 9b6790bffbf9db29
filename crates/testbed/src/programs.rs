//! Where the servers' programs are, and who runs them.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

/// Whom the servers run as, where not as this process: user and group.
#[derive(Clone, Copy, Debug)]
pub(crate) struct User(Option<(u32, u32)>);

impl User {
    /// `postgres` where this is root, whom PostgreSQL refuses.
    pub(crate) fn find() -> anyhow::Result<Self> {
        if !is_root()? {
            return Ok(Self(None));
        }
        let users = std::fs::read_to_string("/etc/passwd").context("cannot read /etc/passwd")?;
        let line = users.lines().find_map(|line| line.strip_prefix("postgres:"));
        let mut parts =
            line.context("there is no user `postgres`, and root cannot run PostgreSQL")?.split(':');
        let mut number = || parts.next().and_then(|part| part.parse().ok());
        // The first part is the password.
        let (_, user, group): (Option<u32>, Option<u32>, Option<u32>) = (number(), number(), number());
        Ok(Self(Some((user.context("no user id")?, group.context("no group id")?))))
    }

    /// A program run as this user.
    pub(crate) fn command(self, program: &Path) -> Command {
        let mut command = Command::new(program);
        if let Self(Some((user, group))) = self {
            command.uid(user).gid(group);
        }
        command
    }

    /// Makes this user a file's owner.
    pub(crate) fn own(self, path: &Path) -> anyhow::Result<()> {
        if let Self(Some((user, group))) = self {
            std::os::unix::fs::chown(path, Some(user), Some(group))
                .with_context(|| format!("cannot give away {}", path.display()))?;
        }
        Ok(())
    }
}

/// Whether this process may do everything.
pub(crate) fn is_root() -> anyhow::Result<bool> {
    let id = Command::new("id").arg("-u").output().context("cannot run id")?;
    Ok(id.stdout.trim_ascii() == b"0")
}

/// The folder of PostgreSQL's programs: the newest of Debian's, else the one on the path.
pub(crate) fn postgres() -> Option<PathBuf> {
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = debian
        .filter_map(|folder| {
            let version = folder.file_name().to_str()?.parse().ok()?;
            Some((version, folder.path().join("bin")))
        })
        .collect();
    versions.sort();
    let newest_first = versions.into_iter().rev().map(|(_, folder)| folder);
    newest_first.chain(on_path()).find(|folder| {
        ["initdb", "postgres", "psql", "pg_isready", "pg_basebackup"]
            .iter()
            .all(|program| folder.join(program).exists())
    })
}

/// A program on the path or among the system's.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let system = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    on_path().chain(system).map(|folder| folder.join(name)).find(|program| program.exists())
}

fn on_path() -> impl Iterator<Item = PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).collect::<Vec<_>>().into_iter()
}

/// Runs a program; its standard output.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output().with_context(|| format!("cannot start {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?} ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?)
}
