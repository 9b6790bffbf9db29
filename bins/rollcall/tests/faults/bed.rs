//! A database with a folder, and nodes on it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use diesel::sql_types::Text;
use diesel::sqlite::SqliteConnection;
use diesel::{Connection as _, QueryableByName, RunQueryDsl as _, sql_query};
use tempfile::TempDir;
use testbed::{Cluster, Durability, Kept};

use crate::support::{Clock, own_output, raw, rollcall};
use crate::wire::Wire;

/// How long anything is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until something is so.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "in vain: {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// How long a test goes on: this long, or as long as `ROLLCALL_SOAK_SECONDS` says.
pub(crate) fn length(seconds: u64) -> Duration {
    Duration::from_secs(soak().unwrap_or(seconds))
}

/// The length that a person asked for.
pub(crate) fn soak() -> Option<u64> {
    let text = std::env::var("ROLLCALL_SOAK_SECONDS").ok()?;
    Some(text.parse().expect("ROLLCALL_SOAK_SECONDS is a number of seconds"))
}

/// Numbers that look random and are the same each time.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(2).wrapping_add(0x9E37_79B9_7F4A_7C15))
    }

    /// A number below this.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(bound).expect("small")).expect("small")
    }
}

/// Which database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

/// Where the data are.
enum Data {
    File(PathBuf),
    Cluster(Box<Cluster>),
}

/// The name of the database in a cluster.
pub(crate) const NAME: &str = "rollcall";

/// A database of a test's own, with an instance `acme`.
pub(crate) struct Bed {
    data: Data,
    /// Where nodes find the database, if not where commands do: by way of a proxy, or of a pooler.
    way: Option<String>,
    /// Clusters that were left.
    left: Vec<Cluster>,
    /// What nodes are told besides the database.
    variables: Vec<(&'static str, String)>,
    clock: Option<Clock>,
    // Last: it goes after the cluster.
    folder: TempDir,
}

/// A line of a query's answer.
#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

impl Bed {
    /// A new one; none where the machine lacks what it needs, which was said.
    pub(crate) fn new(engine: Engine) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let data = match engine {
            Engine::Sqlite => Data::File(folder.path().join("rollcall.db")),
            Engine::Postgres => {
                let cluster = Cluster::start(Durability::On).expect("a cluster")?;
                cluster.sql("postgres", &format!("CREATE DATABASE {NAME}")).expect("created");
                Data::Cluster(Box::new(cluster))
            }
        };
        Some(Self::on(data, folder))
    }

    /// One on SQLite whose file is here.
    pub(crate) fn at(file: PathBuf) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self::on(Data::File(file), folder)
    }

    fn on(data: Data, folder: TempDir) -> Self {
        let pepper = folder.path().join("data").display().to_string();
        let variables = vec![("ROLLCALL_DATA", pepper)];
        let bed = Self { data, way: None, left: Vec::new(), variables, clock: None, folder };
        bed.run(&["instance", "create", "acme"]);
        bed
    }

    /// The same by a clock that the test moves.
    pub(crate) fn by_clock(mut self) -> (Self, Clock) {
        let clock = Clock::new(self.folder.path());
        self.clock = Some(clock.clone());
        (self, clock)
    }

    /// Tells nodes and commands that are started from now on something more.
    pub(crate) fn tell(&mut self, name: &'static str, value: &str) {
        self.variables.push((name, value.to_owned()));
    }

    /// Nodes that are started from now on find the database by way of this URL; nothing for the plain one.
    pub(crate) fn by_way_of(&mut self, url: Option<String>) {
        self.way = url;
    }

    /// From now on another cluster has the data; the one that had them is left as it is.
    pub(crate) fn moved_to(&mut self, cluster: Cluster) {
        if let Data::Cluster(left) = std::mem::replace(&mut self.data, Data::Cluster(Box::new(cluster))) {
            self.left.push(*left);
        }
    }

    /// The cluster.
    pub(crate) fn cluster(&self) -> &Cluster {
        match &self.data {
            Data::Cluster(cluster) => cluster,
            Data::File(_) => panic!("this is no cluster"),
        }
    }

    /// The database's URL.
    pub(crate) fn url(&self) -> String {
        match &self.data {
            Data::File(path) => format!("sqlite:{}", path.display()),
            Data::Cluster(cluster) => cluster.url(NAME),
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = match &self.clock {
            Some(clock) => {
                let mut command = clock.command(arguments);
                command.env("DATABASE_URL", self.url());
                command
            }
            None => {
                let mut command = rollcall(&self.url());
                command.args(arguments);
                command
            }
        };
        command.current_dir(self.folder.path());
        command.envs(self.variables.iter().map(|(name, value)| (*name, value)));
        command
    }

    /// Runs a command; its standard output.
    #[track_caller]
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let mut output = self.command(arguments).output().expect("it runs");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        if self.clock.is_some() {
            output.stdout = own_output(output.stdout);
        }
        String::from_utf8(output.stdout).expect("text").trim_end().to_owned()
    }

    /// A key's token.
    pub(crate) fn token(&self) -> String {
        self.run(&["key", "issue", "--instance", "acme", "--user", "integration"])
    }

    /// Starts a node and waits until it is ready.
    #[track_caller]
    pub(crate) fn node(&self) -> Node {
        let node = self.node_begun();
        until("the node is ready", || node.ready().then_some(()));
        node
    }

    /// Starts a node and waits until it listens.
    #[track_caller]
    pub(crate) fn node_begun(&self) -> Node {
        let log = tempfile::Builder::new().prefix("node-").tempfile_in(self.folder.path()).expect("a file");
        let log = log.into_temp_path().keep().expect("kept");
        let mut serve = self.command(&["serve", "--listen", "127.0.0.1:0"]);
        if let Some(way) = &self.way {
            serve.env("DATABASE_URL", way);
        }
        let mut process = Kept::start(&serve, "KILL", &log).expect("started");
        let address = until("the node listens", || {
            let text = std::fs::read_to_string(&log).expect("a log");
            if let Some((_, rest)) = text.split_once("serving http://") {
                return Some(rest.split_once("/scim/v2")?.0.to_owned());
            }
            assert!(process.runs().expect("a process"), "the node ended: {text}");
            None
        });
        Node { process, address, log }
    }

    /// The lines that a query gives; it names its one column `line`, of text.
    pub(crate) fn lines(&self, query: &str) -> Vec<String> {
        match &self.data {
            Data::File(path) => {
                let mut connection =
                    SqliteConnection::establish(path.to_str().expect("text")).expect("opened");
                let wait = "PRAGMA busy_timeout = 60000";
                diesel::connection::SimpleConnection::batch_execute(&mut connection, wait).expect("set");
                let rows = sql_query(query).load::<Line>(&mut connection).expect(query);
                rows.into_iter().map(|row| row.line).collect()
            }
            Data::Cluster(cluster) => {
                let text = cluster.sql(NAME, query).expect(query);
                text.lines().map(str::to_owned).collect()
            }
        }
    }

    /// An id's hexadecimal digits in a query.
    pub(crate) fn hex(&self, column: &str) -> String {
        match &self.data {
            Data::File(_) => format!("lower(hex({column}))"),
            Data::Cluster(_) => format!("encode({column}, 'hex')"),
        }
    }
}

/// A process that serves; killed when dropped.
pub(crate) struct Node {
    process: Kept,
    pub(crate) address: String,
    log: PathBuf,
}

impl Node {
    /// Requests to it with this key.
    pub(crate) fn wire(&self, token: &str) -> Wire {
        Wire { address: self.address.clone(), token: token.to_owned() }
    }

    /// Whether it says that it is ready.
    pub(crate) fn ready(&self) -> bool {
        raw(&self.address, b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").status == 200
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, name: &str) {
        self.process.signal(name).expect("it runs");
    }

    /// Its exit status, once it has ended.
    pub(crate) fn ended(&mut self) -> Option<i32> {
        self.process.ended().expect("it ends")
    }

    /// What it wrote until now.
    pub(crate) fn said(&self) -> String {
        std::fs::read_to_string(Path::new(&self.log)).expect("a log")
    }
}
