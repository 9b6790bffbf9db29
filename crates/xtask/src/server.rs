//! The real binary, serving a database of its own on a free port.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tempfile::TempDir;

use crate::root;
use crate::shell::output;

/// How long the server may take to be ready.
const START: Duration = Duration::from_secs(30);

/// The release binary.
pub(crate) fn binary() -> anyhow::Result<PathBuf> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let binary = target.join("release/rollcall");
    if !binary.exists() {
        bail!("{} is not there; run the step `release` first", binary.display());
    }
    Ok(binary)
}

/// A running server; ended when dropped.
pub(crate) struct Server {
    /// Host and port.
    pub(crate) address: String,
    /// The SCIM base URL.
    pub(crate) base: String,
    /// A key's token.
    pub(crate) token: String,
    /// Of the whole server, of the highest role.
    pub(crate) admin_key: String,
    child: Child,
    /// Its own database, where it has one.
    _folder: Option<TempDir>,
}

impl Server {
    /// Starts a server with an instance `judge` on an empty database.
    pub(crate) fn start() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let database = format!("sqlite:{}", folder.path().join("judge.db").display());
        output(rollcall(&binary()?, &database).args(["instance", "create", "judge"]))?;
        let mut server = Self::over(&database, folder.path(), "judge")?;
        server._folder = Some(folder);
        Ok(server)
    }

    /// Starts a server over a database that is there, with its data folder and new keys to an instance of it.
    pub(crate) fn over(database: &str, data: &Path, instance: &str) -> anyhow::Result<Self> {
        let binary = binary()?;
        let data = data.display().to_string();
        let command = |arguments: &[&str]| {
            let mut command = rollcall(&binary, database);
            command.args(["--data", &data]).args(arguments);
            command
        };
        let run = |arguments: &[&str]| output(&mut command(arguments));
        let token =
            run(&["key", "issue", "--instance", instance, "--user", "integration"])?.trim().to_owned();
        let admin_key = run(&["admin-key", "issue"])?.trim().to_owned();
        let address = free_address()?;
        let child = command(&["serve", "--listen", &address])
            .stdin(Stdio::null())
            .spawn()
            .context("cannot start the server")?;
        let base = format!("http://{address}/scim/v2");
        let mut server = Self { address: address.clone(), base, token, admin_key, child, _folder: None };
        server.wait(&address)?;
        Ok(server)
    }

    fn wait(&mut self, address: &str) -> anyhow::Result<()> {
        let started = Instant::now();
        while started.elapsed() < START {
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended with {status} before it was ready");
            }
            if ready(address).unwrap_or_default() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        bail!("the server was not ready within {START:?}")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether the server there says that it is ready.
fn ready(address: &str) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(START))?;
    write!(stream, "GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer.starts_with(b"HTTP/1.1 200 "))
}

/// The binary with its database, and nothing of this process's settings.
pub(crate) fn rollcall(binary: &Path, database: &str) -> Command {
    let mut command = Command::new(binary);
    command.args(["--database", database]).env_remove("DATABASE_URL");
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ROLLCALL_")) {
        command.env_remove(name);
    }
    command
}

/// An address that was free a moment ago.
pub(crate) fn free_address() -> anyhow::Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}
