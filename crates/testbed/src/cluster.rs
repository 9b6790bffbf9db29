//! A throw-away PostgreSQL.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, bail};

use crate::folder::Folder;
use crate::kept::Kept;
use crate::programs::{self, User, output};
use crate::{missing, ports, within};

/// Whether what was acknowledged is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// No: several times faster, for tests that do not end the database hard.
    Off,
    /// Yes, as in use: `fsync` and `synchronous_commit` are on.
    On,
}

/// How a cluster is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// As by a fall of the power: no checkpoint, and the start after it recovers.
    Immediate,
    /// Transactions are rolled back, connections closed.
    Fast,
}

/// A PostgreSQL of a test's own; it ends, and its data go, when it is dropped or the process ends.
///
/// The superuser is `postgres`, without a password. Texts are ordered as bytes unless the database says otherwise.
#[derive(Debug)]
pub struct Cluster {
    pub(crate) programs: PathBuf,
    pub(crate) user: User,
    pub(crate) durability: Durability,
    port: u16,
    databases: AtomicU32,
    settings: Mutex<Vec<String>>,
    server: Mutex<Option<Kept>>,
    // Last: it goes after the server.
    folder: Folder,
}

impl Cluster {
    /// A new one, started; none where PostgreSQL is not installed.
    ///
    /// # Errors
    /// Where it does not start; with `CI=true` also where it is not installed.
    pub fn start(durability: Durability) -> anyhow::Result<Option<Self>> {
        let Some(programs) = programs::postgres() else {
            missing("PostgreSQL is not installed (on Debian and Ubuntu: the package postgresql)")?;
            return Ok(None);
        };
        let user = User::find()?;
        Self::made(programs, user, durability, |cluster| {
            let mut initdb = cluster.program("initdb");
            initdb.args(["-U", "postgres", "-A", "trust", "--no-sync", "--locale=C", "-E", "UTF8", "-D"]);
            output(initdb.arg(cluster.data()))
        })
        .map(Some)
    }

    /// One whose data are made like this.
    pub(crate) fn made(
        programs: PathBuf,
        user: User,
        durability: Durability,
        make: impl FnOnce(&Self) -> anyhow::Result<String>,
    ) -> anyhow::Result<Self> {
        let cluster = Self {
            programs,
            user,
            durability,
            port: ports::free()?,
            databases: AtomicU32::new(0),
            settings: Mutex::new(Vec::new()),
            server: Mutex::new(None),
            folder: Folder::new(user)?,
        };
        make(&cluster)?;
        cluster.start_again()?;
        Ok(cluster)
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// One of PostgreSQL's programs, as the user that the server runs as.
    pub(crate) fn program(&self, name: &str) -> Command {
        let mut command = self.user.command(&self.programs.join(name));
        command.env("HOME", self.folder.path()).current_dir(self.folder.path());
        // What a person has set up for databases of their own.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PG")) {
            command.env_remove(name);
        }
        command
    }

    /// Sets something (`shared_buffers=1GB`) from the next start on.
    pub fn set(&self, setting: &str) {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner).push(setting.to_owned());
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// The URL of one of its databases.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@{}/{database}", self.address())
    }

    /// A new empty database.
    ///
    /// # Errors
    /// Where the cluster does not run.
    pub fn database(&self) -> anyhow::Result<Database<'_>> {
        self.database_with("")
    }

    /// A new empty database that orders texts as American English does (ICU), not by bytes: nothing of ours may depend on it.
    ///
    /// # Errors
    /// Where the cluster does not run, or PostgreSQL is older than 15.
    pub fn database_of_english(&self) -> anyhow::Result<Database<'_>> {
        self.database_with("TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'")
    }

    /// A new database with what another one has; nobody may be connected to that.
    ///
    /// # Errors
    /// Where the cluster does not run, or somebody is connected.
    pub fn database_like(&self, template: &Database<'_>) -> anyhow::Result<Database<'_>> {
        self.database_with(&format!("TEMPLATE {} STRATEGY FILE_COPY", template.name))
    }

    fn database_with(&self, options: &str) -> anyhow::Result<Database<'_>> {
        let name = format!("t{}", self.databases.fetch_add(1, Ordering::Relaxed) + 1);
        self.sql("postgres", &format!("CREATE DATABASE {name} {options}"))?;
        Ok(Database { cluster: self, url: self.url(&name), name })
    }

    /// Runs SQL by psql; what it gives: a line for each row, columns with `|` between them.
    ///
    /// # Errors
    /// What psql says.
    pub fn sql(&self, database: &str, text: &str) -> anyhow::Result<String> {
        let mut psql = self.program("psql");
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", &self.url(database), "-c", text]);
        Ok(output(&mut psql)?.trim_end().to_owned())
    }

    /// The process that the others of the server are children of.
    ///
    /// # Errors
    /// Where the cluster does not run.
    pub fn process(&self) -> anyhow::Result<u32> {
        let server = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        server.as_ref().map(Kept::id).context("the cluster does not run")
    }

    /// Stops it.
    ///
    /// # Errors
    /// Where it does not run, or does not end.
    pub fn stop(&self, how: Stop) -> anyhow::Result<()> {
        let mut server = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        let mut running = server.take().context("the cluster does not run")?;
        running.signal(match how {
            Stop::Immediate => "QUIT",
            Stop::Fast => "INT",
        })?;
        running.ended()?;
        Ok(())
    }

    /// Starts it again after it was stopped, at the same address; returns once it takes connections.
    ///
    /// # Errors
    /// Where it runs, or does not start: with the end of its log.
    pub fn start_again(&self) -> anyhow::Result<()> {
        let mut server = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        if server.is_some() {
            bail!("the cluster runs");
        }
        let log = self.folder.path().join("log");
        let mut postgres = self.program("postgres");
        postgres.arg("-D").arg(self.data()).arg("-k").arg(self.folder.path());
        postgres.args(["-p", &self.port.to_string()]);
        let mut settings = vec!["listen_addresses=127.0.0.1", "max_connections=200", "shared_buffers=64MB"];
        if self.durability == Durability::Off {
            settings.extend(["fsync=off", "synchronous_commit=off", "full_page_writes=off"]);
        }
        let own = self.settings.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for setting in settings.into_iter().chain(own.iter().map(String::as_str)) {
            postgres.args(["-c", setting]);
        }
        let shell = self.user.command(Path::new("sh"));
        let mut running = Kept::start_by(shell, &postgres, "QUIT", &log)?;
        let ready = within("PostgreSQL takes connections", || {
            let mut ready = self.program("pg_isready");
            ready.args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()]);
            if ready.status()?.success() {
                return Ok(Some(()));
            }
            if !running.runs()? {
                bail!("PostgreSQL ended");
            }
            Ok(None)
        });
        ready.with_context(|| {
            let said = std::fs::read_to_string(&log).unwrap_or_default();
            let last: Vec<&str> = said.lines().rev().take(20).collect();
            format!("its log ends: {}", last.into_iter().rev().collect::<Vec<_>>().join("\n"))
        })?;
        *server = Some(running);
        Ok(())
    }

    /// Stops it and starts it again.
    ///
    /// # Errors
    /// As [`Self::stop`] and [`Self::start_again`].
    pub fn restart(&self, how: Stop) -> anyhow::Result<()> {
        self.stop(how)?;
        self.start_again()
    }
}

/// A database of a test's own; dropped with this.
#[derive(Debug)]
pub struct Database<'c> {
    cluster: &'c Cluster,
    name: String,
    url: String,
}

impl Database<'_> {
    /// Its name in the cluster.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its URL: `postgres://postgres@127.0.0.1:PORT/NAME`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Runs SQL in it, as [`Cluster::sql`] does.
    ///
    /// # Errors
    /// What psql says.
    pub fn sql(&self, text: &str) -> anyhow::Result<String> {
        self.cluster.sql(&self.name, text)
    }
}

impl Drop for Database<'_> {
    fn drop(&mut self) {
        // Whoever still uses it is cut off. A cluster that does not run takes its databases with it.
        let _ = self.cluster.sql("postgres", &format!("DROP DATABASE {} WITH (FORCE)", self.name));
    }
}
