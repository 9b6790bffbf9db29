//! [`SqliteStore`]: the trait's methods, and on which thread each runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::r2d2::{ConnectionManager, CustomizeConnection, Pool};
use diesel::sqlite::SqliteConnection;
use futures_channel::oneshot;
use scim_directory::{ChangeSet, Committed, Fact, Key, Position, Question, Record, Scope};
use scim_storage::{
    BoxFuture, Capabilities, CommitError, EdgePage, EdgeQuery, EventPage, InstanceAnswer, InstanceQuestion,
    JournalPage, JournalQuery, Page, Query, ServerAnswer, ServerQuestion, Store, StoreError, StoreMeasures,
    Want,
};

use crate::meter::{Meter, Reading};
use crate::open::{OpenError, Options, configure, connect, migrate, prepare};
use crate::patience::at_most;
use crate::sql::{Number, Statement};
use crate::workers::{Workers, ended};
use crate::writer::Writer;
use crate::{error, read};

/// Threads for long reads.
const WORKERS: usize = 2;
/// Edges of at most so many are read on the caller's thread.
const FEW_EDGES: usize = 1000;

/// A directory in an SQLite file. Cheap to share; dropping it ends its threads.
pub struct SqliteStore {
    readers: Pool<ConnectionManager<SqliteConnection>>,
    workers: Workers,
    writer: Writer,
    meter: Arc<Meter>,
    file: PathBuf,
    read_time: Duration,
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore").finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Configure;

impl CustomizeConnection<SqliteConnection, diesel::r2d2::Error> for Configure {
    fn on_acquire(&self, connection: &mut SqliteConnection) -> Result<(), diesel::r2d2::Error> {
        configure(connection).map_err(diesel::r2d2::Error::QueryError)
    }
}

impl SqliteStore {
    /// Opens the database file at `path`; one that is not there is made, an empty one migrated.
    ///
    /// # Errors
    /// If the file cannot be opened, or is of another release (see [`Options::migrate`]).
    pub fn open(path: &Path, options: Options) -> Result<Self, OpenError> {
        let shown = path.display().to_string();
        let open = |reason: &dyn std::fmt::Display| OpenError::Open {
            path: shown.clone(),
            reason: reason.to_string(),
        };
        let text = path.to_str().ok_or_else(|| open(&"the path is not UTF-8"))?;
        prepare(path)?;
        let mut writer = connect(text).map_err(|error| open(&error))?;
        migrate(&mut writer, path, options)?;
        let workers: Result<Vec<_>, _> = (0..WORKERS).map(|_| connect(text)).collect();
        let workers = workers.map_err(|error| open(&error))?;
        let readers = Pool::builder()
            .max_size(options.readers.max(1))
            .test_on_check_out(false)
            .connection_customizer(Box::new(Configure))
            .build(ConnectionManager::new(text))
            .map_err(|error| open(&error))?;
        let meter = Arc::new(Meter::default());
        Ok(Self {
            readers,
            workers: Workers::start(workers, options.waiting_reads).map_err(|error| open(&error))?,
            writer: Writer::start(writer, options.waiting_writes, Arc::clone(&meter))
                .map_err(|error| open(&error))?,
            meter,
            file: path.to_owned(),
            read_time: options.read_time,
        })
    }

    async fn read<T, F>(&self, what: Reading, short: bool, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut SqliteConnection) -> Result<T, StoreError> + Send + 'static,
    {
        let started = Instant::now();
        let outcome = self.run(short, job).await;
        self.meter.read(what, started.elapsed(), outcome.is_err());
        outcome
    }

    /// A read that takes microseconds runs on the caller's thread while a connection is free.
    async fn run<T, F>(&self, short: bool, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut SqliteConnection) -> Result<T, StoreError> + Send + 'static,
    {
        let time = self.read_time;
        if short && let Some(mut connection) = self.readers.try_get() {
            return at_most(time, || job(&mut connection));
        }
        let (answer, receiver) = oneshot::channel();
        let meter = Arc::clone(&self.meter);
        meter.read_waits();
        let submitted = self.workers.submit(Box::new(move |connection| {
            meter.read_begins();
            // Who asked may have gone while this waited; then nobody reads.
            if !answer.is_canceled() {
                let _ = answer.send(at_most(time, || job(connection)));
            }
        }));
        if submitted.is_err() {
            self.meter.read_begins();
        }
        submitted?;
        receiver.await.map_err(|_| ended())?
    }
}

impl Store for SqliteStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities { filters_completely: true, sorts: true, keyset_paging: true }
    }

    fn get<'a>(
        &'a self,
        scope: &'a Scope,
        key: &'a Key,
        want: Want,
    ) -> BoxFuture<'a, Result<Option<Record>, StoreError>> {
        let (scope, key) = (*scope, key.clone());
        Box::pin(self.read(Reading::Get, true, move |connection| read::get(connection, &scope, &key, want)))
    }

    fn find<'a>(&'a self, scope: &'a Scope, query: &'a Query) -> BoxFuture<'a, Result<Page, StoreError>> {
        let (scope, query) = (*scope, query.clone());
        let short = read::is_short(&query);
        Box::pin(self.read(Reading::Find, short, move |connection| read::find(connection, &scope, &query)))
    }

    fn edges<'a>(
        &'a self,
        scope: &'a Scope,
        query: &'a EdgeQuery,
    ) -> BoxFuture<'a, Result<EdgePage, StoreError>> {
        let (scope, query) = (*scope, query.clone());
        let short = query.limit <= FEW_EDGES || query.of.len() == 1 && query.only.is_some();
        Box::pin(self.read(Reading::Edges, short, move |connection| read::edges(connection, &scope, &query)))
    }

    fn facts<'a>(
        &'a self,
        scope: &'a Scope,
        questions: &'a [Question],
    ) -> BoxFuture<'a, Result<Vec<Fact>, StoreError>> {
        let (scope, questions) = (*scope, questions.to_vec());
        let short = questions.len() <= FEW_EDGES;
        Box::pin(
            self.read(Reading::Facts, short, move |connection| read::facts(connection, &scope, &questions)),
        )
    }

    fn commit(&self, changes: ChangeSet) -> BoxFuture<'_, Result<Committed, CommitError>> {
        Box::pin(async move {
            let receiver = self.writer.submit(changes)?;
            receiver.await.unwrap_or_else(|_| {
                Err(CommitError::Store(StoreError::Unavailable { reason: "the writer has ended".to_owned() }))
            })
        })
    }

    fn journal<'a>(
        &'a self,
        scope: &'a Scope,
        query: &'a JournalQuery,
    ) -> BoxFuture<'a, Result<JournalPage, StoreError>> {
        let (scope, query) = (*scope, query.clone());
        Box::pin(
            self.read(Reading::Journal, false, move |connection| read::journal(connection, &scope, &query)),
        )
    }

    fn events<'a>(
        &'a self,
        scope: &'a Scope,
        after: Option<Position>,
        limit: usize,
    ) -> BoxFuture<'a, Result<EventPage, StoreError>> {
        let scope = *scope;
        Box::pin(
            self.read(Reading::Events, false, move |connection| {
                read::events(connection, &scope, after, limit)
            }),
        )
    }

    fn instance<'a>(
        &'a self,
        scope: &'a Scope,
        question: &'a InstanceQuestion,
    ) -> BoxFuture<'a, Result<InstanceAnswer, StoreError>> {
        let (scope, question) = (*scope, question.clone());
        let short = matches!(
            question,
            InstanceQuestion::Policy
                | InstanceQuestion::Mapping(_)
                | InstanceQuestion::Job(_)
                | InstanceQuestion::Import(_)
        );
        Box::pin(
            self.read(Reading::Instance, short, move |connection| {
                read::instance(connection, &scope, &question)
            }),
        )
    }

    fn server<'a>(&'a self, question: &'a ServerQuestion) -> BoxFuture<'a, Result<ServerAnswer, StoreError>> {
        let question = question.clone();
        let long = matches!(
            question,
            ServerQuestion::Instances
                | ServerQuestion::Keys(_)
                | ServerQuestion::KeysDue { .. }
                | ServerQuestion::Peppers(_)
                | ServerQuestion::Backlog { .. }
        );
        Box::pin(self.read(Reading::Server, !long, move |connection| read::server(connection, &question)))
    }

    fn ready(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.read(Reading::Ready, true, |connection| {
            let row = Statement::kept("SELECT count(*) AS n FROM secrets").row::<Number>(connection);
            row.map(|_| ()).map_err(error::store_error)
        }))
    }

    fn measures(&self) -> Option<StoreMeasures> {
        let size = |suffix: &str| {
            let mut file = self.file.clone().into_os_string();
            file.push(suffix);
            std::fs::metadata(file).map_or(0, |file| file.len())
        };
        Some(self.meter.measures(vec![("database", size("")), ("wal", size("-wal"))]))
    }
}
