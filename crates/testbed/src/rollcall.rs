//! Rollcall itself: the real binary over a database.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::kept::Kept;
use crate::programs::output;
use crate::{ports, within};

/// A running server; ended when this is dropped or the process ends.
#[derive(Debug)]
pub struct Rollcall {
    /// Host and port.
    pub address: String,
    /// The SCIM base URL.
    pub base: String,
    /// The token of a key to the instance.
    pub token: String,
    /// An admin key to the whole server, of the highest role.
    pub admin_key: String,
    /// From the start of the process until it said that it is ready.
    pub started_in: Duration,
    process: Kept,
}

impl Rollcall {
    /// Serves an instance that is there, with new keys to it. What the server logs goes to `server.log` in the data folder.
    ///
    /// # Errors
    /// Where the command line refuses that, or the server does not become ready.
    pub fn start(binary: &Path, database: &str, data: &Path, instance: &str) -> anyhow::Result<Self> {
        let command = |arguments: &[&str]| {
            let mut command = Self::command(binary, database);
            command.arg("--data").arg(data).args(arguments);
            command
        };
        let issue = output(&mut command(&["key", "issue", "--instance", instance, "--user", "integration"]))?;
        let admin_key = output(&mut command(&["admin-key", "issue"]))?;
        let address = format!("127.0.0.1:{}", ports::free()?);
        let begun = Instant::now();
        let serve = command(&["serve", "--listen", &address]);
        let mut process = Kept::start(&serve, "TERM", &data.join("server.log"))?;
        within("Rollcall is ready", || {
            if !process.runs()? {
                anyhow::bail!("Rollcall ended before it was ready: see server.log in {}", data.display());
            }
            Ok(ready(&address).unwrap_or_default().then_some(()))
        })?;
        Ok(Self {
            base: format!("http://{address}/scim/v2"),
            address,
            token: issue.trim().to_owned(),
            admin_key: admin_key.trim().to_owned(),
            started_in: begun.elapsed(),
            process,
        })
    }

    /// The binary with its database, and nothing of this process's settings.
    #[must_use]
    pub fn command(binary: &Path, database: &str) -> Command {
        let mut command = Command::new(binary);
        command.args(["--database", database]).env_remove("DATABASE_URL");
        for (name, _) in
            std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ROLLCALL_"))
        {
            command.env_remove(name);
        }
        command
    }

    /// The server's process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.id()
    }
}

/// Whether the server there says that it is ready.
fn ready(address: &str) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    write!(stream, "GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer.starts_with(b"HTTP/1.1 200 "))
}
