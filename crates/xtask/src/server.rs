//! The real binary, serving a database of its own on a free port.

use std::net::TcpListener;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::bail;
use tempfile::TempDir;
use testbed::Rollcall;

use crate::root;
use crate::shell::output;

/// Where the release build is.
pub(crate) fn release() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    target.join("release")
}

/// The release binary.
pub(crate) fn binary() -> anyhow::Result<PathBuf> {
    let binary = release().join("rollcall");
    if !binary.exists() {
        bail!("{} is not there; run the step `release` first", binary.display());
    }
    Ok(binary)
}

/// A server on an empty database of its own, with an instance `judge`.
pub(crate) struct Server {
    rollcall: Rollcall,
    // Last: it goes after the server.
    _folder: TempDir,
}

impl Server {
    /// Starts one.
    pub(crate) fn start() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let database = format!("sqlite:{}", folder.path().join("judge.db").display());
        let binary = binary()?;
        output(rollcall(&binary, &database).args(["instance", "create", "judge"]))?;
        let rollcall = Rollcall::start(&binary, &database, folder.path(), "judge")?;
        Ok(Self { rollcall, _folder: folder })
    }
}

impl Deref for Server {
    type Target = Rollcall;

    fn deref(&self) -> &Rollcall {
        &self.rollcall
    }
}

/// Serves a database that is there, with its data folder and new keys to an instance of it.
pub(crate) fn serve(database: &str, data: &Path, instance: &str) -> anyhow::Result<Rollcall> {
    Rollcall::start(&binary()?, database, data, instance)
}

/// The binary with its database, and nothing of this process's settings.
pub(crate) fn rollcall(binary: &Path, database: &str) -> Command {
    Rollcall::command(binary, database)
}

/// An address that was free a moment ago.
pub(crate) fn free_address() -> anyhow::Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}
