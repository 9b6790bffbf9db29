//! Reminders by a clock that is moved on: in the log, to the integration user or the operators by real SMTP, each once.

use serde_json::Value;

use crate::support::{Client, Server, Sink, outcome};

const ISSUE: [&str; 7] = ["key", "issue", "--instance", "acme", "--user", "integration", "--json"];

/// A server that mails there, by a clock of its own.
fn server(sink: &Sink) -> Server {
    Server::start_by_clock(&[
        ("ROLLCALL_MAIL_URL", &format!("smtp://{}", sink.address)),
        ("ROLLCALL_MAIL_FROM", "Rollcall <rollcall@example.com>"),
        ("ROLLCALL_MAIL_TO", "ops@example.com, night@example.com"),
    ])
}

/// Issues a key; its id and its text.
fn issue(server: &Server, expires: &str) -> (String, String) {
    let issued = server.run(&[&ISSUE[..], &["--expires", expires]].concat());
    let issued: Value = serde_json::from_str(&issued).expect("JSON");
    let text = |member: &str| issued[member].as_str().expect("text").to_owned();
    (text("id"), text("token"))
}

#[test]
fn reminders_are_mailed_once_each_though_two_servers_run() {
    let sink = Sink::start(0);
    let server = server(&sink);
    server.run(&["instance", "set", "acme", "--retention-days", "100"]);
    let (mut other, _) = server.beside();
    let (id, token) = issue(&server, "90d");
    Client::new(&server.address, &token).get("/Users").ok(200);

    server.advance_hours(24 * 60);
    let first = sink.mails(1).remove(0);
    assert_eq!(first.from, "rollcall@example.com");
    assert_eq!(first.to, ["ops@example.com", "night@example.com"]);
    for told in [
        "Subject: Rollcall: the key of acme / default expires in 30 days",
        &id,
        "rollcall key issue",
        "What to do",
    ] {
        assert!(first.text.contains(told), "{told}: {}", first.text);
    }
    let secret = token.rsplit('_').next().expect("a secret");
    assert!(!first.text.contains(secret), "a mail holds no secret");

    server.run(&["user", "set", "--instance", "acme", "integration", "--email", "it@acme.example"]);
    for (days, count, subject) in
        [(23, 2, "expires in 7 days"), (6, 3, "expires within a day"), (1, 4, "has expired")]
    {
        server.advance_hours(24 * days);
        let mail = sink.mails(count).remove(count - 1);
        assert_eq!(mail.to, ["it@acme.example"]);
        assert!(mail.text.contains(subject), "{subject}: {}", mail.text);
    }
    Client::new(&server.address, &token).get("/Users").error(401, None);
    assert_eq!(server.run(&["key", "remind", "--json"]), "[]");
    let log = server.run(&["log", "--instance", "acme", "--format", "jsonl"]);
    let count =
        |action: &str| log.lines().filter(|line| line.contains(&format!("\"action\":\"{action}\""))).count();
    assert_eq!((count("key_expiring"), count("key_expired")), (3, 1));
    sink.mails(4);
    let _ = other.kill();
    let _ = other.wait();
}

#[test]
fn a_mail_that_finds_the_server_busy_is_sent_later() {
    let sink = Sink::start(1);
    let mut server = server(&sink);
    issue(&server, "10d");
    server.advance_hours(24 * 4);
    // It is tried again after a pause, at the latest when the server ends.
    while sink.turned_away() == 0 {
        std::thread::yield_now();
    }
    server.terminate();
    assert_eq!(server.ended(), Some(0));
    assert!(sink.mails(1)[0].text.contains("expires in 6 days"));
}

#[test]
fn reminders_are_told_by_command_too() {
    let sink = Sink::start(0);
    let folder = tempfile::tempdir().expect("a folder");
    let clock = crate::support::Clock::new(folder.path());
    let database = format!("sqlite:{}", folder.path().join("rollcall.db").display());
    let url = format!("smtp://{}", sink.address);
    let run = |url: &str, arguments: &[&str]| {
        let mut command = clock.command(arguments);
        command.current_dir(folder.path()).env("DATABASE_URL", &database);
        command.env("ROLLCALL_MAIL_URL", url).env("ROLLCALL_MAIL_FROM", "rollcall@example.com");
        let mut output = command.env("ROLLCALL_MAIL_TO", "ops@example.com").output().expect("it runs");
        output.stdout = crate::support::own_output(output.stdout);
        outcome(&output)
    };
    assert_eq!(run(&url, &["instance", "create", "acme"]).0, Some(0));
    let issued = run(&url, &ISSUE);
    assert_eq!(issued.0, Some(0), "{}", issued.2);
    let nothing = run(&url, &["key", "remind"]);
    assert_eq!((nothing.0, nothing.1.as_str()), (Some(0), ""));
    clock.advance_hours(24 * 340);
    let (status, out, err) = run(&url, &["key", "remind"]);
    assert_eq!(status, Some(0), "{err}");
    assert!(
        out.contains("in 25 days") && out.contains("at the connector default of the instance acme"),
        "{out}"
    );
    assert!(sink.mails(1)[0].text.contains("expires in 25 days"));
    clock.advance_hours(24 * 20);
    let (status, out, err) = run("smtp://127.0.0.1:1", &["key", "remind", "--json"]);
    assert_eq!(status, Some(1));
    let told: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((&told[0]["what"], &told[0]["days"]), (&"expiring".into(), &5.into()));
    assert!(err.contains("mail_url"), "{err}");
    assert_eq!(run(&url, &["key", "remind"]).1, "", "each is told once");
}
