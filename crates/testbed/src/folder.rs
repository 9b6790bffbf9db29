//! A server's folder, which goes with the test process.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::Context as _;

use crate::programs::User;

/// A server that is just ending may still be writing.
const REMOVE: &str = r#"for n in 1 2 3 4 5; do rm -rf -- "$1" && exit; sleep 0.5; done"#;

/// A folder that is removed when this is dropped, or the process has ended.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    _remover: Afterwards,
}

impl Folder {
    /// A new one of this user.
    pub(crate) fn new(user: User) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("testbed-").tempdir()?;
        user.own(folder.path())?;
        let path = folder.keep();
        Ok(Self { _remover: Afterwards::new(REMOVE, &path)?, path })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// A script that is run when this is dropped, or the process has ended.
#[derive(Debug)]
pub(crate) struct Afterwards(Child);

impl Afterwards {
    /// A script about a path, `$1`.
    pub(crate) fn new(script: &str, path: &Path) -> anyhow::Result<Self> {
        let mut shell = Command::new("sh");
        // It waits for the end of its standard input.
        shell.args(["-c", &format!("while read -r line; do :; done; {script}"), "sh"]).arg(path);
        shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        Ok(Self(shell.spawn().context("cannot start sh")?))
    }
}

impl Drop for Afterwards {
    fn drop(&mut self) {
        // Waiting closes its standard input first. Nothing can be done about what stays.
        let _ = self.0.wait();
    }
}
