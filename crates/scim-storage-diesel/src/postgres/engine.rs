//! On which connection each read runs, and each commit.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use futures_channel::oneshot;
use scim_directory::{ChangeSet, Committed, InstanceId};
use scim_storage::{CommitError, StoreError};

use super::gather::Gathered;
use super::link::{Link, Target, Trouble, built};
use super::migrate::migrate;
use super::opened::{go_on, warn_of_loss};
use super::options::PostgresOptions;
use super::queue::Waiting;
use super::row::PgRow;
use super::shared::Shared;
use super::texts::Texts;
use super::url::{shown, understood};
use super::workers::{Worker, Workers, ended};
use super::writers::Writers;
use crate::connection::{Connection, Row, SqlDialect};
use crate::error::store_error;
use crate::meter::Meter;
use crate::opening::OpenError;
use crate::sql::Statement;
use crate::store::{Engine, EngineStore, Way};

/// How long a statement may take on a connection of the caller's own.
const APART_TIME: Duration = Duration::from_secs(600);
/// Connections to a replica.
const REPLICA: usize = 2;

/// A directory in a PostgreSQL database. Cheap to share; dropping it ends its threads.
pub type PostgresStore = EngineStore<Postgres>;

/// The PostgreSQL engine.
pub struct Postgres {
    /// For look-ups of one statement, of whoever has a runtime: authentication among them.
    shared: Shared,
    /// For other look-ups: nothing here waits for anybody's lock.
    quick: Workers,
    /// For commits.
    writes: Writers,
    /// For what may take long, so that it never keeps the others waiting.
    long: Workers,
    /// For what may be a little old.
    replica: Option<Workers>,
    /// What keeps the index of texts.
    texts: Texts,
    /// Where the primary is.
    primary: Target,
    meter: Arc<Meter>,
    read_time: Duration,
    /// How many look-ups wait on a runtime at most.
    waiting: usize,
}

impl std::fmt::Debug for Postgres {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Postgres").finish_non_exhaustive()
    }
}

impl PostgresStore {
    /// Opens a database; an empty one is migrated.
    ///
    /// # Errors
    /// If it cannot be reached, is another program's, or of another release (see [`PostgresOptions::migrate`]).
    pub fn open(options: &PostgresOptions) -> Result<Self, OpenError> {
        let primary = target(&options.url, !options.reads_only, options)?;
        let direct = match &options.direct_url {
            Some(url) if !options.reads_only => target(url, true, options)?,
            _ => primary.clone(),
        };
        let name = shown(&direct.config);
        let open = |reason: &dyn std::fmt::Display| OpenError::Open {
            path: name.clone(),
            reason: reason.to_string(),
        };
        // On a thread of its own: the caller's may have a runtime, and a link has another.
        thread::scope(|scope| {
            let migrating = scope.spawn(|| {
                let link = Link::connect(&direct).map_err(|error| open(&error))?;
                let mut connection = Connection::Postgres(Box::new(link));
                migrate(&mut connection, &name, options.migrate)?;
                if options.reads_only {
                    return Ok(());
                }
                go_on(&mut connection).map_err(|error| open(&error))?;
                warn_of_loss(&mut connection).map_err(|error| open(&error))
            });
            migrating.join().unwrap_or_else(|_| Err(open(&"the thread that migrates ended")))
        })?;
        let long = (options.connections / 4).max(1);
        let writes = (options.connections / 2).max(1);
        let quick = options.connections.saturating_sub(long + writes).max(1);
        let workers = |name: &str, threads, target: &Target| {
            Workers::start(name, threads, target, options.waiting).map_err(|error| open(&error))
        };
        let replica = match &options.replica_url {
            Some(url) => Some(workers("postgres-replica", REPLICA, &target(url, false, options)?)?),
            None => None,
        };
        let meter = Arc::new(Meter::default());
        let engine = Postgres {
            shared: Shared::new(&primary, quick),
            quick: workers("postgres", quick, &primary)?,
            writes: Writers::start(writes, &primary, options.waiting, &meter)
                .map_err(|error| open(&error))?,
            long: workers("postgres-long", long, &primary)?,
            replica,
            texts: Texts::start(&primary).map_err(|error| open(&error))?,
            primary,
            meter: Arc::clone(&meter),
            read_time: options.read_time,
            waiting: options.waiting.max(1),
        };
        Ok(Self { engine, meter })
    }
}

fn target(url: &str, writes: bool, options: &PostgresOptions) -> Result<Target, OpenError> {
    understood(url, writes, options)
        .map_err(|reason| OpenError::Open { path: "postgres://…".to_owned(), reason })
}

/// Does a read; its statements may take so long, where that is said. Where the connection turns out to be broken, the read is done
/// once more on another one.
fn within<T>(
    worker: &mut Worker,
    time: Option<Duration>,
    mut job: impl FnMut(&mut Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let outcome = once(worker, time, &mut job);
    let lost = worker.link().is_some_and(|link| link.trouble() == Trouble::Lost && !link.is_overdue());
    if outcome.is_err() && lost {
        worker.disconnect();
        return once(worker, time, &mut job);
    }
    outcome
}

fn once<T>(
    worker: &mut Worker,
    time: Option<Duration>,
    job: &mut impl FnMut(&mut Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let Some(time) = time else { return job(worker.connection()?) };
    worker.connection()?;
    let before = worker.link().map(|link| link.allow(time));
    let outcome = job(worker.connection()?);
    let (Some(link), Some(before)) = (worker.link(), before) else { return outcome };
    link.allow(before);
    if link.is_overdue() { Err(StoreError::TooLong) } else { outcome }
}

/// What came of a read.
enum Outcome<T, F> {
    /// It was done.
    Read(Result<T, StoreError>),
    /// The server is not there; nothing was asked.
    NotThere(F),
}

impl Postgres {
    /// Looks one thing up.
    pub(crate) async fn look_up<L: Gathered>(&self, look_up: L) -> Result<L::Found, StoreError> {
        match self.shared.place() {
            Some(asking) => asking.look_up(look_up, self.waiting).await,
            None => self.read(Way::Quick, move |connection| look_up.on(connection)).await,
        }
    }

    /// What is made of the rows of a statement that takes microseconds.
    pub(crate) async fn made_of<T, F>(&self, statement: Statement, make: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&[PgRow]) -> Result<T, StoreError> + Send + 'static,
    {
        if let Some(asking) = self.shared.place() {
            return make(&asking.rows(&statement).await?);
        }
        let read = move |connection: &mut Connection| {
            let link = connection.postgres().ok_or_else(ended)?;
            make(&link.answer(&statement).map_err(store_error)?)
        };
        self.read(Way::Quick, read).await
    }

    /// Somebody searches an instance by texts; whether there is an index for it.
    pub(crate) fn searched(&self, instance: InstanceId) -> bool {
        self.texts.searched(instance)
    }

    /// Does a read on one of these connections; where `looks`, it looks first whether the server is there.
    async fn read_by<T, F>(
        &self,
        workers: &Workers,
        time: Option<Duration>,
        looks: bool,
        job: F,
    ) -> Result<Outcome<T, F>, StoreError>
    where
        T: Send + 'static,
        F: Fn(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let (answer, receiver) = oneshot::channel();
        let meter = Arc::clone(&self.meter);
        meter.read_waits();
        let submitted = workers.submit(Box::new(move |worker| {
            meter.read_begins();
            // Who asked may have gone while this waited; then nobody reads.
            if answer.is_canceled() {
                return;
            }
            let outcome = if looks && !is_there(worker) {
                Outcome::NotThere(job)
            } else {
                Outcome::Read(within(worker, time, job))
            };
            let _ = answer.send(outcome);
        }));
        if submitted.is_err() {
            self.meter.read_begins();
        }
        submitted?;
        receiver.await.map_err(|_| ended())
    }
}

/// Whether the server answers, on a new connection where the old one ended unseen.
fn is_there(worker: &mut Worker) -> bool {
    (0..2).any(|_| worker.connection().is_ok_and(|connection| connection.batch("SELECT 1").is_ok()))
}

impl Engine for Postgres {
    async fn read<T, F>(&self, way: Way, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let (workers, time) = match way {
            Way::Quick => (&self.quick, None),
            Way::Long | Way::Report => (&self.long, Some(self.read_time)),
        };
        let mut job = job;
        if let (Way::Report, Some(replica)) = (way, &self.replica) {
            match self.read_by(replica, time, true, job).await? {
                Outcome::Read(read) => return read,
                Outcome::NotThere(back) => job = back,
            }
        }
        match self.read_by(workers, time, false, job).await? {
            Outcome::Read(read) => read,
            Outcome::NotThere(_) => Err(ended()),
        }
    }

    async fn ask<R: Row>(&self, statement: Statement) -> Result<Vec<R>, StoreError> {
        self.made_of(statement, |rows| built(rows).map_err(store_error)).await
    }

    fn as_postgres(&self) -> Option<&Postgres> {
        Some(self)
    }

    fn asks(&self) -> Option<SqlDialect> {
        Some(SqlDialect::Postgres)
    }

    async fn commit(&self, changes: ChangeSet) -> Result<Committed, CommitError> {
        let (answer, receiver) = oneshot::channel();
        self.meter.write_waits();
        if let Err(refused) = self.writes.submit(Waiting::new(changes, answer)) {
            self.meter.write_turned_away();
            return Err(refused.into());
        }
        receiver.await.unwrap_or_else(|_| Err(CommitError::Store(ended())))
    }

    fn follow_texts(&self, instance: InstanceId) {
        self.texts.searched(instance);
    }

    fn connect(&self) -> Result<Connection, StoreError> {
        let mut link = Link::connect(&self.primary).map_err(store_error)?;
        link.allow(APART_TIME);
        Ok(Connection::Postgres(Box::new(link)))
    }

    fn sizes(&self) -> Vec<(&'static str, u64)> {
        Vec::new()
    }
}
