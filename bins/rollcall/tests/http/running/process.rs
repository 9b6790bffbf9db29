//! A server whose every line on standard error is kept.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::support::rollcall;

/// How long anything is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until something is so.
#[track_caller]
pub(super) fn until<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = attempt() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "in vain: {what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// A server, and what it wrote.
pub(super) struct Process {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
    /// Where it listens.
    pub(super) address: String,
}

impl Process {
    /// The command that serves in a folder, on a free port unless the variables say more.
    pub(super) fn command(folder: &Path, variables: &[(&str, &str)]) -> Command {
        let mut command = rollcall(&format!("sqlite:{}", folder.join("rollcall.db").display()));
        command.current_dir(folder).arg("serve").env("ROLLCALL_LISTEN", "127.0.0.1:0");
        command.envs(variables.iter().copied());
        command
    }

    /// Starts a server.
    pub(super) fn start(folder: &Path, variables: &[(&str, &str)]) -> Self {
        let mut command = Self::command(folder, variables);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("started");
        let lines = Arc::new(Mutex::new(Vec::new()));
        let (reader, kept) = (BufReader::new(child.stderr.take().expect("piped")), Arc::clone(&lines));
        std::thread::spawn(move || {
            for line in reader.lines().map_while(Result::ok) {
                kept.lock().expect("free").push(line);
            }
        });
        let mut process = Self { child, lines, address: String::new() };
        process.address = until("the server says where it listens", || {
            let Some(line) = process.find("serving http") else {
                assert!(process.runs(), "it ended: {:?}", process.lines());
                return None;
            };
            let (_, rest) = line.split_once("://")?;
            Some(rest.split_once("/scim/v2")?.0.to_owned())
        });
        process
    }

    /// What it wrote until now.
    pub(super) fn lines(&self) -> Vec<String> {
        self.lines.lock().expect("free").clone()
    }

    /// A line with this text.
    pub(super) fn find(&self, text: &str) -> Option<String> {
        self.lines().into_iter().find(|line| line.contains(text))
    }

    /// Waits for a line with this text.
    #[track_caller]
    pub(super) fn wrote(&self, text: &str) -> String {
        until(text, || self.find(text))
    }

    /// Sends a signal.
    pub(super) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().expect("kill runs").success());
    }

    /// The exit status, once it has ended.
    pub(super) fn ended(&mut self) -> Option<i32> {
        until("the server ends", || self.child.try_wait().expect("a child")).code()
    }

    /// Whether it still runs.
    pub(super) fn runs(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_none()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
