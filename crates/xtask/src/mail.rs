//! A reminder by real SMTP: the release binary serves, a key ends, and aiosmtpd, which we did not write, keeps the mail.

use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::judges::python;
use crate::server::{binary, free_address, rollcall};
use crate::shell::{output, say};

/// How long the mail may take: the server looks every ten seconds for keys that have ended.
const PATIENCE: Duration = Duration::from_secs(60);

/// A process that ends with this.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// One key, one end, one mail, to whom it concerns and without a secret.
pub(crate) fn reminder() -> anyhow::Result<()> {
    let (python, binary) = (python()?, binary()?);
    let folder = tempfile::tempdir()?;
    let (mailbox, database) = (folder.path().join("mailbox"), folder.path().join("mail.db"));
    let database = format!("sqlite:{}", database.display());
    let (sink, address) = (free_address()?, free_address()?);
    let mut command = Command::new(python);
    command
        .args(["-m", "aiosmtpd", "-n", "-c", "aiosmtpd.handlers.Mailbox"])
        .arg(&mailbox)
        .args(["-l", &sink]);
    let _sink = Running(command.stdin(Stdio::null()).spawn().context("cannot start aiosmtpd")?);
    within(PATIENCE, "aiosmtpd listens", || Ok(TcpStream::connect(&sink).ok()))?;

    let run = |arguments: &[&str]| output(rollcall(&binary, &database).args(arguments));
    run(&["instance", "create", "acme"])?;
    run(&["user", "set", "--instance", "acme", "integration", "--email", "it@acme.example"])?;
    let issue = ["key", "issue", "--instance", "acme", "--user", "integration", "--expires", "1s"];
    let token = run(&issue)?.trim().to_owned();
    let mut command = rollcall(&binary, &database);
    command.args(["serve", "--listen", &address]).stdin(Stdio::null());
    command.env("ROLLCALL_MAIL_URL", format!("smtp://{sink}"));
    command.env("ROLLCALL_MAIL_FROM", "rollcall@example.com").env("ROLLCALL_MAIL_TO", "ops@example.com");
    let _server = Running(command.spawn().context("cannot start the server")?);

    let mail = within(PATIENCE, "the mail arrives", || first_mail(&mailbox))?;
    let secret = token.rsplit('_').next().unwrap_or(&token);
    for (what, holds) in [
        ("goes to the integration user", mail.contains("it@acme.example")),
        ("comes from mail_from", mail.contains("rollcall@example.com")),
        ("says what ended", mail.contains("acme / default") && mail.contains("expired")),
        ("says what to do", mail.contains("rollcall key issue")),
        ("holds no secret", !mail.contains(secret)),
    ] {
        if !holds {
            bail!("the mail should be one that {what}: {mail}");
        }
    }
    say("reminder by SMTP: 1 passed, 0 failed");
    Ok(())
}

/// What a look gives at last.
fn within<T>(time: Duration, what: &str, look: impl Fn() -> anyhow::Result<Option<T>>) -> anyhow::Result<T> {
    let started = Instant::now();
    while started.elapsed() < time {
        if let Some(found) = look()? {
            return Ok(found);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    bail!("within {time:?} it did not happen that {what}")
}

/// The first mail of a Maildir.
fn first_mail(mailbox: &Path) -> anyhow::Result<Option<String>> {
    let Ok(mut mails) = std::fs::read_dir(mailbox.join("new")) else { return Ok(None) };
    mails.next().map(|mail| Ok(std::fs::read_to_string(mail?.path())?)).transpose()
}
