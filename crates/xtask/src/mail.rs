//! A reminder by real SMTP: the release binary serves, a key ends, and aiosmtpd, which we did not write, keeps the mail.

use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::bail;

use crate::judges::python;
use crate::server::{binary, free_address, rollcall};
use crate::shell::{Running, output, say, within};

/// How long the mail may take: the server looks every ten seconds for keys that have ended.
const PATIENCE: Duration = Duration::from_secs(60);

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
    let _sink = Running::start(command.stdin(Stdio::null()))?;
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
    let _server = Running::start(&mut command)?;

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

/// The first mail of a Maildir.
fn first_mail(mailbox: &Path) -> anyhow::Result<Option<String>> {
    let Ok(mut mails) = std::fs::read_dir(mailbox.join("new")) else { return Ok(None) };
    mails.next().map(|mail| Ok(std::fs::read_to_string(mail?.path())?)).transpose()
}
