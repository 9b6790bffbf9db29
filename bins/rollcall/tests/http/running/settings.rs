//! Settings, as an operator meets them.

use serde_json::Value;

use super::process::Process;
use crate::support::{outcome, raw, rollcall};

#[test]
fn a_start_is_refused_with_all_mistakes_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let file =
        "listen = \"0.0.0.0:0\"\nmax_boddy = \"1MiB\"\nkeep_alive = \"2 weeks\"\npepper = \"hidden\"\n";
    std::fs::write(folder.path().join("rollcall.toml"), file).expect("written");
    let mut command = rollcall("mysql://x");
    command.current_dir(folder.path()).arg("serve").env("ROLLCALL_TLS_KEY", "x");
    command.args(["--set", "workers=0"]);
    let (status, out, told) = outcome(&command.output().expect("it ends"));
    assert_eq!((status, out.as_str()), (Some(2), ""));
    for part in [
        "max_boddy (rollcall.toml line 2): there is no such setting; did you mean max_body?",
        "keep_alive (rollcall.toml line 3): \"2 weeks\" must be a time, 0 to 1h, such as",
        "pepper (rollcall.toml line 4): it does not belong into this file",
        "listen (rollcall.toml line 1): 0.0.0.0:0 is not a loopback address",
        "ROLLCALL_TLS_KEY: there is no such setting; did you mean ROLLCALL_TLS_KEY_FILE?",
        "workers (--set): \"0\" must be a number, 1 to 512",
        "database (DATABASE_URL): this must be sqlite:PATH",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert_eq!(told.lines().count(), 7, "{told}");
    assert!(!told.contains("hidden"));
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1, "nothing was made");
}

#[test]
fn a_configuration_is_checked_without_a_server() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = "max_page = 50\nmail_url = \"smtps://it:hidden@mail.example\"\nmail_from = \"a@b.example\"\n";
    std::fs::write(folder.path().join("rollcall.toml"), file).expect("written");
    let check = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = rollcall("sqlite:x.db");
        command.current_dir(folder.path()).args(["config", "check"]).args(arguments);
        outcome(&command.envs(variables.iter().copied()).output().expect("it ends"))
    };
    let (status, out, told) = check(&["--json"], &[("ROLLCALL_PEPPER", "hidden")]);
    assert_eq!(status, Some(0), "{told}");
    let shown: Value = serde_json::from_str(&out).expect("JSON");
    let of = |name: &str| {
        let setting =
            shown["settings"].as_array().expect("a list").iter().find(|shown| shown["name"] == name);
        let setting = setting.expect("there");
        (
            setting["value"].as_str().expect("text").to_owned(),
            setting["from"].as_str().expect("text").to_owned(),
        )
    };
    let pair = |value: &str, from: &str| (value.to_owned(), from.to_owned());
    assert_eq!(of("max_page"), pair("50", "rollcall.toml line 1"));
    assert_eq!(of("database"), pair("sqlite:x.db", "DATABASE_URL"));
    assert_eq!(of("pepper"), pair("set", "ROLLCALL_PEPPER"));
    assert_eq!(of("mail_password"), pair("not set", "default"));
    assert_eq!(of("mail_url"), pair("smtps://it:(set)@mail.example", "rollcall.toml line 2"));
    assert!(!out.contains("hidden"));
    let (status, out, told) = check(&["--set", "max_page=many"], &[]);
    assert_eq!(status, Some(2));
    assert!(told.contains("max_page (--set)") && out.contains("max_page"), "{told}");
    assert!(!folder.path().join("x.db").exists());
}

#[test]
fn the_example_is_a_file_that_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = |arguments: &[&str]| {
        let mut command = rollcall("sqlite:x.db");
        outcome(&command.current_dir(folder.path()).args(arguments).output().expect("it ends"))
    };
    let before = run(&["config", "check"]).1;
    std::fs::write(folder.path().join("rollcall.toml"), run(&["config", "example"]).1).expect("written");
    assert_eq!(run(&["config", "check"]).1, before);
    // Even where settings are wrong, what there is can be looked up.
    std::fs::write(folder.path().join("rollcall.toml"), "x = 1").expect("written");
    let (status, reference, _) = run(&["config", "reference"]);
    assert_eq!(status, Some(0));
    assert!(reference.contains("| `tls_certificate_file` |"));
}

#[test]
fn monitoring_can_have_an_address_of_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Process::start(folder.path(), &[("ROLLCALL_MONITORING_LISTEN", "127.0.0.1:0")]);
    let line = server.wrote("monitoring at http://");
    let monitoring = line.split_once("http://").expect("an address").1.to_owned();
    let status = |address: &str, path: &str| {
        raw(address, format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes()).status
    };
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(status(&monitoring, path), 200, "{path}");
    }
    assert_eq!(status(&monitoring, "/scim/v2/Users"), 404);
    assert_eq!(status(&server.address, "/metrics"), 404);
    assert_eq!((status(&server.address, "/readyz"), status(&server.address, "/scim/v2/Users")), (200, 401));
}

#[test]
fn limits_are_those_of_the_settings() {
    let folder = tempfile::tempdir().expect("a folder");
    let limits =
        [("ROLLCALL_MAX_BULK_OPERATIONS", "7"), ("ROLLCALL_MAX_PAGE", "9"), ("ROLLCALL_MAX_BODY", "16KiB")];
    let server = Process::start(folder.path(), &limits);
    let database = format!("sqlite:{}", folder.path().join("rollcall.db").display());
    let run = |arguments: &[&str]| {
        let (status, out, told) = outcome(&rollcall(&database).args(arguments).output().expect("it ends"));
        assert_eq!(status, Some(0), "{told}");
        out.trim_end().to_owned()
    };
    run(&["instance", "create", "acme"]);
    let token = run(&["key", "issue", "--instance", "acme", "--user", "integration"]);
    let client = crate::support::Client::new(&server.address, &token);
    let told = client.get("/ServiceProviderConfig").ok(200);
    assert_eq!((&told["bulk"]["maxOperations"], &told["filter"]["maxResults"]), (&7.into(), &9.into()));
    let large = crate::support::person(&"x".repeat(17 << 10));
    client.post("/Users", &large).error(413, None);
}
