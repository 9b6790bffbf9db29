//! The pepper: made once, its owner's alone, the same for every process, changed line by line.

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::process::{Command, Stdio};

use crate::support::{Client, Server, outcome, rollcall};

const ISSUE: [&str; 6] = ["key", "issue", "--instance", "acme", "--user", "integration"];
/// A line that is a pepper, and no server's.
const OTHER: &str = "00112233445566778899aabbccddeeff0123456789abcdef0123456789abcdef";

fn lines(server: &Server) -> Vec<String> {
    let text = std::fs::read_to_string(server.folder().join("pepper")).expect("a pepper");
    text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

fn bring(server: &Server, lines: &[String]) {
    std::fs::write(server.folder().join("pepper"), lines.join("\n")).expect("written");
}

#[track_caller]
fn refused(server: &Server, arguments: &[&str], told: &str) {
    let (status, out, err) = outcome(&server.output(arguments));
    assert_eq!((status, out.as_str()), (Some(1), ""), "{arguments:?}: {err}");
    assert!(err.contains(told), "{arguments:?}: {err}");
}

/// On a database that nobody served yet.
#[test]
fn processes_that_begin_at_once_share_one_pepper() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = format!("sqlite:{}", folder.path().join("rollcall.db").display());
    let run = |arguments: &[&str]| -> Command {
        let mut command = rollcall(&database);
        command.current_dir(folder.path()).args(arguments);
        command
    };
    assert!(run(&["instance", "create", "acme"]).output().expect("it runs").status.success());
    assert!(!folder.path().join("pepper").exists(), "nothing was hashed yet");
    let children: Vec<_> = (0..6)
        .map(|number| {
            let name = format!("connector{number}");
            let create = ["connector", "create", "--instance", "acme", &name];
            assert!(run(&create).output().expect("it runs").status.success());
            let issue = [&ISSUE[..], &["--connector", &name]].concat();
            run(&issue).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started")
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().expect("ended");
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let pepper = folder.path().join("pepper");
    assert_eq!(std::fs::metadata(&pepper).expect("there").mode() & 0o777, 0o600);
    // A node with that file holds the pepper of every key: else it would not start.
    let (status, _, err) = outcome(&run(&ISSUE).output().expect("it runs"));
    assert_eq!(status, Some(0), "{err}");
    let left = std::fs::read_dir(folder.path()).expect("a folder").flatten();
    let left = left.filter(|file| file.file_name().to_string_lossy().starts_with(".pepper"));
    assert_eq!(left.count(), 0);
}

#[test]
fn a_node_with_another_pepper_does_not_start() {
    let server = Server::start();
    server.run(&ISSUE);
    let pepper = server.folder().join("pepper");
    let serve = ["serve", "--listen", "127.0.0.1:0"];

    server.file("other", OTHER);
    std::fs::set_permissions(server.folder().join("other"), Permissions::from_mode(0o600)).expect("set");
    for command in [&serve[..], &ISSUE] {
        let with_other = [command, &["--pepper-file", "other"]].concat();
        refused(&server, &with_other, "belongs to another pepper");
    }
    let told = outcome(&server.refuses("ROLLCALL_PEPPER", OTHER, None));
    assert_eq!(told.0, Some(1));
    assert!(told.2.contains("belongs to another pepper"), "{told:?}");
    assert!(!told.2.contains(OTHER), "a pepper is not shown");

    std::fs::rename(&pepper, server.folder().join("moved")).expect("moved");
    for command in [&serve[..], &ISSUE] {
        refused(&server, command, "Bring the pepper file");
    }
    assert!(!pepper.exists(), "no other one was made");
    // What issues no key needs none.
    server.run(&["key", "list"]);
    server.run(&["instance", "show", "acme"]);
    server.run(&["log"]);
    server.run(&["user", "list", "--instance", "acme"]);

    std::fs::rename(server.folder().join("moved"), &pepper).expect("moved");
    std::fs::set_permissions(&pepper, Permissions::from_mode(0o640)).expect("set");
    refused(&server, &ISSUE, "chmod 600");
    std::fs::set_permissions(&pepper, Permissions::from_mode(0o600)).expect("set");
    server.run(&ISSUE);
}

#[test]
fn the_data_folder_and_the_environment_say_where_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = format!("sqlite:{}", folder.path().join("rollcall.db").display());
    let run = |variables: &[(&str, &str)], arguments: &[&str]| {
        let mut command = rollcall(&database);
        command.current_dir(folder.path()).args(arguments).envs(variables.iter().copied());
        outcome(&command.output().expect("it runs"))
    };
    assert_eq!(run(&[], &["instance", "create", "acme"]).0, Some(0));
    let issued = run(&[], &[&ISSUE[..], &["--data", "kept/here"]].concat());
    assert_eq!(issued.0, Some(0), "{}", issued.2);
    assert_eq!(std::fs::metadata(folder.path().join("kept/here")).expect("there").mode() & 0o777, 0o700);
    let text = std::fs::read_to_string(folder.path().join("kept/here/pepper")).expect("a pepper");
    assert!(issued.2.contains("made the pepper") && !issued.2.contains(text.lines().last().expect("one")));
    assert_eq!(run(&[("ROLLCALL_DATA", "kept/here")], &ISSUE).0, Some(0));
    // With the pepper at hand it comes to look for the connector.
    let elsewhere = [&ISSUE[..], &["--connector", "nowhere"]].concat();
    let told = |variables: &[(&str, &str)]| run(variables, &elsewhere).2;
    assert!(told(&[("ROLLCALL_PEPPER_FILE", "kept/here/pepper")]).contains("nowhere"));
    assert!(told(&[("ROLLCALL_PEPPER", &text)]).contains("nowhere"));
    assert!(told(&[]).contains("Bring the pepper file"));

    std::fs::write(folder.path().join("rollcall.toml"), format!("pepper = \"{OTHER}\"")).expect("written");
    let (status, _, err) = run(&[], &["instance", "list"]);
    assert_eq!(status, Some(2));
    assert!(err.contains("pepper_file") && !err.contains(OTHER), "{err}");
}

#[test]
fn a_pepper_is_changed_by_a_line_above_it() {
    let mut server = Server::start();
    let (used, idle) = (server.acme(), server.acme());
    let old = lines(&server);
    assert_eq!(old.len(), 1);
    let both = [OTHER.to_owned(), old[0].clone()];
    bring(&server, &both);
    server.restart();
    let used = Client::new(&server.address, &used.token);
    used.get("/Users").ok(200);
    used.get("/Users").ok(200);
    // The key that was not used yet is known by the old pepper alone.
    bring(&server, &both[..1]);
    refused(&server, &["serve", "--listen", "127.0.0.1:0"], "by 1 of the keys that are not revoked");
    bring(&server, &both);
    let idle = Client::new(&server.address, &idle.token);
    idle.get("/Users").ok(200);
    bring(&server, &both[..1]);
    server.restart();
    for client in [used, idle] {
        Client::new(&server.address, &client.token).get("/Users").ok(200);
    }
}
