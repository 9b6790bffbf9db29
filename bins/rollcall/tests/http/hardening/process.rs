//! The process itself: what is in its memory stays there.
#![cfg(target_os = "linux")]

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};

use crate::support::Server;

#[test]
fn memory_is_never_dumped() {
    let server = Server::start();
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.process())).expect("it runs");
    let line = |name: &str| -> Vec<String> {
        let line = limits.lines().find(|line| line.starts_with(name)).expect(name);
        line[name.len()..].split_whitespace().map(str::to_owned).collect()
    };
    assert_eq!(line("Max core file size")[..2], ["0", "0"]);
    let files = line("Max open files");
    assert_eq!(files[0], files[1], "as many files as it may");
}

#[test]
fn a_crash_leaves_no_core_even_where_the_system_would_keep_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = "ulimit -c unlimited 2>/dev/null; exec \"$@\"";
    let mut child = Command::new("sh")
        .args(["-c", script, "sh", env!("CARGO_BIN_EXE_rollcall"), "serve", "--listen", "127.0.0.1:0"])
        .env("DATABASE_URL", format!("sqlite:{}", folder.path().join("rollcall.db").display()))
        .current_dir(folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    let stderr = std::io::BufReader::new(child.stderr.take().expect("piped"));
    let mut lines = std::io::BufRead::lines(stderr).map_while(Result::ok);
    assert!(lines.any(|line| line.contains("serving http://")), "it serves");
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-ABRT", &id]).status().expect("kill runs").success());
    let status = child.wait().expect("ended");
    assert!(status.signal().is_some() && !status.core_dumped(), "{status}");
    let files = std::fs::read_dir(folder.path()).expect("a folder").flatten();
    assert!(!files.into_iter().any(|file| file.file_name().to_string_lossy().starts_with("core")));
}
