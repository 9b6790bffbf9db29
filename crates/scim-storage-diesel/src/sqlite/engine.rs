//! On which thread each read runs, and how the writer is asked.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_channel::oneshot;
use scim_directory::{ChangeSet, Committed, InstanceId};
use scim_storage::{CommitError, StoreError};

use super::open::{Options, connect, establish, migrate, prepare};
use super::patience::at_most;
use super::readers::Readers;
use super::texts::Texts;
use super::workers::{Workers, ended};
use super::writer::Writer;
use crate::connection::Connection;
use crate::meter::Meter;
use crate::opening::OpenError;
use crate::store::{Engine, EngineStore, Way};

/// Threads for long reads.
const WORKERS: usize = 2;
/// A directory in an SQLite file. Cheap to share; dropping it ends its threads.
pub type SqliteStore = EngineStore<Sqlite>;

/// The SQLite engine.
pub struct Sqlite {
    readers: Readers,
    workers: Workers,
    writer: Writer,
    texts: Texts,
    meter: Arc<Meter>,
    file: PathBuf,
    read_time: Duration,
}

impl std::fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sqlite").finish_non_exhaustive()
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
        migrate(&mut establish(text).map_err(|error| open(&error))?, path, options)?;
        let writer = connect(text).map_err(|error| open(&error))?;
        let copier = connect(text).map_err(|error| open(&error))?;
        let workers: Result<Vec<_>, _> = (0..WORKERS).map(|_| connect(text)).collect();
        let workers = workers.map_err(|error| open(&error))?;
        let readers: Result<Vec<_>, _> = (0..options.readers.max(1)).map(|_| connect(text)).collect();
        let readers = Readers::new(readers.map_err(|error| open(&error))?);
        let texts = connect(text).map_err(|error| open(&error))?;
        let meter = Arc::new(Meter::default());
        let engine = Sqlite {
            readers,
            workers: Workers::start(workers, options.waiting_reads).map_err(|error| open(&error))?,
            writer: Writer::start([writer, copier], options.waiting_writes, Arc::clone(&meter))
                .map_err(|error| open(&error))?,
            texts: Texts::start(texts).map_err(|error| open(&error))?,
            meter: Arc::clone(&meter),
            file: path.to_owned(),
            read_time: options.read_time,
        };
        Ok(Self { engine, meter })
    }
}

impl Engine for Sqlite {
    /// A quick read runs on the caller's thread while a connection is free.
    async fn read<T, F>(&self, way: Way, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let time = self.read_time;
        if way == Way::Quick
            && let Some(read) = self.readers.read(|connection| at_most(time, || job(connection)))
        {
            return read;
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

    fn at_once<T>(
        &self,
        job: impl FnOnce(&mut Connection) -> Result<T, StoreError>,
    ) -> Option<Result<T, StoreError>> {
        self.readers.read(job)
    }

    async fn commit(&self, changes: ChangeSet) -> Result<Committed, CommitError> {
        let receiver = self.writer.submit(changes)?;
        match receiver.await {
            Ok(answered) => answered.answer,
            Err(_) => {
                Err(CommitError::Store(StoreError::Unavailable { reason: "the writer has ended".to_owned() }))
            }
        }
    }

    fn follow_texts(&self, instance: InstanceId) {
        self.texts.follow(instance);
    }

    fn connect(&self) -> Result<Connection, StoreError> {
        let path = self.file.to_string_lossy();
        connect(&path).map_err(|error| StoreError::Unavailable { reason: error.to_string() })
    }

    fn sizes(&self) -> Vec<(&'static str, u64)> {
        let size = |suffix: &str| {
            let mut file = self.file.clone().into_os_string();
            file.push(suffix);
            std::fs::metadata(file).map_or(0, |file| file.len())
        };
        vec![("database", size("")), ("wal", size("-wal"))]
    }
}
