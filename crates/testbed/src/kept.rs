//! A server that does not outlive the test process.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, bail};

use crate::within;

/// Says the server's process id, waits for the server, and signals it once standard input has ended. `read` is no process of
/// its own, so none is left behind.
const SCRIPT: &str = r#"
exec 3<&0 </dev/null
"$@" 3<&- >>"$TESTBED_LOG" 2>&1 &
server=$!
echo $server
exec >/dev/null 2>&1
{ while read -r line; do :; done <&3; kill -s "$TESTBED_SIGNAL" $server; } &
watcher=$!
exec 3<&-
wait $server
status=$?
kill $watcher
wait $watcher
exit $status
"#;

/// A running server.
///
/// A shell starts it and holds it: the end of the shell's standard input, which comes with the end of this process whatever
/// that end was, ends the server. (A death signal of the parent would do on Linux only, and comes when the starting *thread*
/// ends.) Both are in a process group of their own, so that an interrupt at the terminal reaches them by this way only.
#[derive(Debug)]
pub struct Kept {
    shell: Child,
    id: u32,
}

impl Kept {
    /// Starts a server that ends by this signal (`TERM`); what it says goes to the log.
    ///
    /// # Errors
    /// Where there is no shell.
    pub fn start(server: &Command, signal: &str, log: &Path) -> anyhow::Result<Self> {
        Self::start_by(Command::new("sh"), server, signal, log)
    }

    /// The same by a shell of somebody else.
    pub(crate) fn start_by(
        mut shell: Command,
        server: &Command,
        signal: &str,
        log: &Path,
    ) -> anyhow::Result<Self> {
        shell.args(["-c", SCRIPT, "sh"]).arg(server.get_program()).args(server.get_args());
        for (name, value) in server.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        if let Some(folder) = server.get_current_dir() {
            shell.current_dir(folder);
        }
        shell.env("TESTBED_SIGNAL", signal).env("TESTBED_LOG", log);
        shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
        let mut shell = shell.spawn().context("cannot start sh")?;
        let mut id = String::new();
        BufReader::new(shell.stdout.take().context("no output")?).read_line(&mut id)?;
        let Ok(id) = id.trim().parse() else {
            let _ = shell.wait();
            bail!("{:?} was not started", server.get_program());
        };
        Ok(Self { shell, id })
    }

    /// The server's process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Whether it has not ended yet.
    ///
    /// # Errors
    /// Where the system does not say.
    pub fn runs(&mut self) -> anyhow::Result<bool> {
        Ok(self.shell.try_wait()?.is_none())
    }

    /// Sends a signal (`KILL`).
    ///
    /// # Errors
    /// Where it has ended already.
    pub fn signal(&self, name: &str) -> anyhow::Result<()> {
        let id = self.id.to_string();
        let status = Command::new("kill").args(["-s", name, &id]).stderr(Stdio::null()).status()?;
        if !status.success() {
            bail!("process {id} has ended");
        }
        Ok(())
    }

    /// Waits for its end; the exit status, 128 and the signal's number where a signal ended it.
    ///
    /// # Errors
    /// Where it goes on for a minute.
    pub fn ended(&mut self) -> anyhow::Result<Option<i32>> {
        let status = within("the server ends", || Ok(self.shell.try_wait()?))?;
        Ok(status.code())
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        // Where it does not listen: its end.
        if self.ended().is_err() {
            let _ = self.signal("KILL");
            let _ = self.shell.wait();
        }
    }
}
