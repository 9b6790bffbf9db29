//! `rollcall serve` as a process of its own, and the command line beside it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use scim_storage::Store as _;
use tempfile::TempDir;

use super::clock::{Clock, own_output};
use super::{Client, raw};

/// The binary under test, without settings of whoever runs the tests.
pub(crate) fn rollcall(database: &str) -> Command {
    on_database(Command::new(env!("CARGO_BIN_EXE_rollcall")), database)
}

fn on_database(mut command: Command, database: &str) -> Command {
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("ROLLCALL_") || name == "DATABASE_URL" || name == "RUST_LOG" {
            command.env_remove(name);
        }
    }
    command.env("DATABASE_URL", database);
    command
}

/// How a server is started.
const SERVE: [&str; 3] = ["serve", "--listen", "127.0.0.1:0"];

/// A command on a database, in its folder.
fn command(
    database: &str,
    folder: &TempDir,
    variables: &[(&'static str, String)],
    clock: Option<&Clock>,
    arguments: &[&str],
) -> Command {
    let mut command = match clock {
        Some(clock) => on_database(clock.command(arguments), database),
        None => rollcall(database),
    };
    if clock.is_none() {
        command.args(arguments);
    }
    command.current_dir(folder.path()).envs(variables.iter().map(|(name, value)| (*name, value)));
    command
}

/// A server with its database; both go when it is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: String,
    database: String,
    folder: TempDir,
    variables: Vec<(&'static str, String)>,
    clock: Option<Clock>,
}

/// Starts a server on a free port and waits until it is ready.
fn serve(mut command: Command) -> (Child, String) {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("started");
    let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines().map_while(Result::ok);
    let mut said = Vec::new();
    let address = lines.by_ref().find_map(|line| {
        let address = line.split_once("serving http://").map(|(_, address)| address.replace("/scim/v2", ""));
        said.push(line);
        address
    });
    let address = address.unwrap_or_else(|| panic!("the server does not start: {said:?}"));
    // What else it says must not fill the pipe.
    std::thread::spawn(move || lines.for_each(drop));
    let ready = b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    assert!((0..200).any(|_| raw(&address, ready).status == 200), "the server is not ready");
    (child, address)
}

impl Server {
    /// Starts with an instance `acme`.
    pub(crate) fn start() -> Self {
        Self::start_with(&[], &[])
    }

    /// Starts with these variables, and these files (name, text) in its folder.
    pub(crate) fn start_with(variables: &[(&'static str, &str)], files: &[(&str, &str)]) -> Self {
        Self::start_by(|_| None, variables, files)
    }

    /// Starts by a clock that tests move on, with these variables; so are the commands that it runs.
    pub(crate) fn start_by_clock(variables: &[(&'static str, &str)]) -> Self {
        Self::start_by(|folder| Some(Clock::new(folder)), variables, &[])
    }

    /// Starts on a database of another engine, with these variables; its pepper is in its folder.
    #[cfg(feature = "postgres")]
    pub(crate) fn start_on(url: &str, variables: &[(&'static str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().display().to_string();
        let variables = [&[("ROLLCALL_DATA", data.as_str())], variables].concat();
        Self::start_in(folder, url.to_owned(), None, &variables)
    }

    fn start_by(
        clock: fn(&Path) -> Option<Clock>,
        variables: &[(&'static str, &str)],
        files: &[(&str, &str)],
    ) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let database = format!("sqlite:{}", folder.path().join("rollcall.db").display());
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).expect("written");
        }
        let clock = clock(folder.path());
        Self::start_in(folder, database, clock, variables)
    }

    fn start_in(
        folder: TempDir,
        database: String,
        clock: Option<Clock>,
        variables: &[(&'static str, &str)],
    ) -> Self {
        let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let (child, address) = serve(command(&database, &folder, &variables, clock.as_ref(), &SERVE));
        let server = Self { child, address, database, folder, variables, clock };
        server.run(&["instance", "create", "acme"]);
        server
    }

    /// Starts on a database that is there, with these variables.
    pub(crate) fn on(folder: TempDir, database: &str, variables: &[(&'static str, &str)]) -> Self {
        let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let (child, address) = serve(command(database, &folder, &variables, None, &SERVE));
        Self { child, address, database: database.to_owned(), folder, variables, clock: None }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        command(&self.database, &self.folder, &self.variables, self.clock.as_ref(), arguments)
    }

    /// Another server on the same database, by the same clock; whoever asks ends it.
    pub(crate) fn beside(&self) -> (Child, String) {
        serve(self.command(&SERVE))
    }

    /// Moves the clock on.
    pub(crate) fn advance_hours(&self, hours: i64) {
        self.clock.as_ref().expect("a clock of its own").advance_hours(hours);
    }

    /// Its folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What another server says that this variable keeps from starting, with this file in its folder.
    pub(crate) fn refuses(&self, variable: &str, name: &str, text: Option<&str>) -> Output {
        if let Some(text) = text {
            std::fs::write(self.folder.path().join(name), text).expect("written");
        }
        let mut command = rollcall(&self.database);
        command.current_dir(self.folder.path()).args(["serve", "--listen", "127.0.0.1:0"]);
        command.env(variable, name).output().expect("it ends")
    }

    /// Kills the server and starts another one on the same database.
    pub(crate) fn restart(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("ended");
        (self.child, self.address) = serve(self.command(&SERVE));
    }

    /// Runs another command on the same database; its standard output, without the line end.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text").trim_end().to_owned()
    }

    /// Runs another command on the same database.
    pub(crate) fn output(&self, arguments: &[&str]) -> Output {
        let mut output = self.command(arguments).output().expect("it runs");
        if self.clock.is_some() {
            output.stdout = own_output(output.stdout);
        }
        output
    }

    /// Begins another command on the same database; whoever asks feeds and ends it.
    pub(crate) fn begin(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("started")
    }

    /// Writes a file into its folder, where commands find it under this name.
    pub(crate) fn file(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).expect("written");
    }

    /// A client with a key of this connector.
    pub(crate) fn client(&self, instance: &str, connector: &str) -> Client {
        let key = ["key", "issue", "--instance", instance, "--connector", connector, "--user", "integration"];
        Client::new(&self.address, &self.run(&key))
    }

    /// A client of the instance `acme`.
    pub(crate) fn acme(&self) -> Client {
        self.client("acme", "default")
    }

    /// A client of the instance `acme` whose connector is strict.
    pub(crate) fn strict(&self) -> Client {
        self.run(&["connector", "create", "--instance", "acme", "strict", "--dialect", "strict"]);
        self.client("acme", "strict")
    }

    /// The kinds of events that wait in the outbox of the instance `acme`, in commit order.
    pub(crate) fn events(&self) -> Vec<String> {
        let shown: serde_json::Value =
            serde_json::from_str(&self.run(&["instance", "show", "acme", "--json"])).expect("JSON");
        let id: uuid::Uuid = shown["id"].as_str().and_then(|id| id.parse().ok()).expect("an id");
        let scope = scim_directory::Scope { instance: scim_directory::InstanceId::new(id), connector: None };
        let path = Path::new(self.database.trim_start_matches("sqlite:"));
        let store = scim_storage_diesel::SqliteStore::open(path, Default::default()).expect("opened");
        let page = actix_web::rt::System::new().block_on(store.events(&scope, None, 1000)).expect("read");
        let kind =
            |event: &scim_directory::StoredEvent| serde_json::to_value(event.event.kind).expect("a name");
        page.events.iter().map(|event| kind(event).as_str().unwrap_or_default().to_owned()).collect()
    }

    /// The process.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// The file of its database.
    pub(crate) fn database(&self) -> &Path {
        Path::new(self.database.trim_start_matches("sqlite:"))
    }

    /// Whether this text stands in a file of the database.
    pub(crate) fn holds(&self, text: &str) -> bool {
        let files = std::fs::read_dir(self.folder.path()).expect("a folder");
        files.flatten().any(|file| {
            let bytes = std::fs::read(file.path()).unwrap_or_default();
            bytes.windows(text.len()).any(|window| window == text.as_bytes())
        })
    }

    /// Asks the server to end, as a service manager does.
    pub(crate) fn terminate(&self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().expect("kill runs").success());
    }

    /// The exit status, once it has ended.
    pub(crate) fn ended(&mut self) -> Option<i32> {
        for _ in 0..1000 {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status.code();
            }
            std::thread::park_timeout(Duration::from_millis(10));
        }
        panic!("the server does not end");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Exit status, standard output, standard error.
pub(crate) fn outcome(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}
