//! What is started for a comparison, and ends with it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use testbed::{Cluster, Durability, Kept, Rollcall};

use super::Engine;
use crate::http::Target;
use crate::server::Server;

/// How long a bare handler may take to listen.
const START: Duration = Duration::from_secs(60);
/// The instance that is measured.
const INSTANCE: &str = "bench";
/// The name of the file on SQLite.
const FILE: &str = "rollcall.db";

/// A Rollcall over an empty database.
pub(super) struct Stage {
    pub(super) rollcall: Rollcall,
    pub(super) cluster: Option<Cluster>,
    binary: PathBuf,
    database: String,
    // Last: it goes after the servers.
    folder: tempfile::TempDir,
}

impl Stage {
    /// Starts one; none where PostgreSQL is not installed.
    pub(super) fn start(engine: Engine, binary: &Path) -> anyhow::Result<Option<Self>> {
        let folder = tempfile::tempdir()?;
        let cluster = match engine {
            Engine::Sqlite => None,
            Engine::Postgres => {
                let Some(cluster) = Cluster::start(Durability::On)? else { return Ok(None) };
                // What a database of this size would be given.
                for setting in ["shared_buffers=1GB", "max_wal_size=4GB", "effective_cache_size=4GB"] {
                    cluster.set(setting);
                }
                cluster.restart(testbed::Stop::Fast)?;
                for name in ["rollcall", "raw"] {
                    cluster.sql("postgres", &format!("CREATE DATABASE {name}"))?;
                }
                Some(cluster)
            }
        };
        let database = match &cluster {
            Some(cluster) => cluster.url("rollcall"),
            None => format!("sqlite:{}", folder.path().join(FILE).display()),
        };
        let mut create = Rollcall::command(binary, &database);
        create.arg("--data").arg(folder.path()).args(["instance", "create", INSTANCE]);
        let created = create.output().with_context(|| format!("cannot start {}", binary.display()))?;
        if !created.status.success() {
            bail!("instance create: {}", String::from_utf8_lossy(&created.stderr));
        }
        let rollcall = Rollcall::start(binary, &database, folder.path(), INSTANCE)?;
        Ok(Some(Self { rollcall, cluster, binary: binary.to_owned(), database, folder }))
    }

    /// The processes whose CPU time counts: the database's too.
    pub(super) fn processes(&self) -> anyhow::Result<Vec<u32>> {
        let mut processes = vec![self.rollcall.id()];
        if let Some(cluster) = &self.cluster {
            processes.push(cluster.process()?);
        }
        Ok(processes)
    }

    /// A folder for what belongs to this.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The file of the database on SQLite.
    pub(super) fn file(&self) -> PathBuf {
        self.folder().join(FILE)
    }

    /// How long a second node takes to be ready on the database as it is.
    pub(super) fn start_again(&self) -> anyhow::Result<Duration> {
        Ok(Rollcall::start(&self.binary, &self.database, self.folder.path(), INSTANCE)?.started_in)
    }
}

/// A bare handler in a process of its own, which ends with this.
pub(super) struct BareProcess {
    pub(super) server: Server,
    _process: Kept,
}

impl BareProcess {
    /// Starts one that sends this body.
    pub(super) fn start(name: &str, folder: &Path, body: &[u8]) -> anyhow::Result<Self> {
        let (file, log) = (folder.join(name), folder.join(format!("{name}.log")));
        std::fs::write(&file, body)?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["bare", "--body"]).arg(&file);
        let process = Kept::start(&command, "TERM", &log)?;
        let begun = Instant::now();
        let base = loop {
            let said = std::fs::read_to_string(&log).unwrap_or_default();
            if let Some((line, _)) = said.split_once('\n') {
                break line.to_owned();
            }
            if begun.elapsed() > START {
                bail!("the bare handler does not say where it listens");
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        let server = Server::bare(name, &Target::new(&base, "none")?, &[process.id()])?;
        Ok(Self { server, _process: process })
    }
}
