//! The one writer: it takes whatever waits, applies each change set in a savepoint, commits once, then answers all.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use futures_channel::oneshot;
use scim_core::instant::Timestamp;
use scim_directory::{ChangeSet, Committed};
use scim_storage::{CommitError, StoreError};

use crate::commit::apply;
use crate::connection::Connection;
use crate::error::store_error;
use crate::meter::Meter;

/// The most change sets in one transaction.
const GROUP: usize = 128;

/// How long it waits for another process that writes.
const MOST_WAITING: Duration = Duration::from_secs(5);
/// What SQLite says where another process writes.
const BUSY: &str = "database is locked";

pub(crate) type Answer = Result<Committed, CommitError>;

struct Waiting {
    changes: ChangeSet,
    answer: Asking,
}

/// Who waits for the answer to a change set.
struct Asking {
    sender: oneshot::Sender<Answer>,
    /// Since when.
    since: Instant,
    /// When the change set was decided.
    at: Timestamp,
}

impl Asking {
    fn answer(self, answer: Answer, meter: &Meter) {
        meter.answered(&answer, self.since, self.at);
        // The caller may be gone; what was done is done all the same.
        let _ = self.sender.send(answer);
    }
}

/// The way to the writer's thread. Dropping it waits until what was queued is answered and the file is closed.
#[derive(Debug)]
pub(crate) struct Writer {
    // `None` only while it is dropped.
    queue: Option<SyncSender<Waiting>>,
    thread: Option<JoinHandle<()>>,
    meter: Arc<Meter>,
}

impl Writer {
    /// Starts the thread; so many change sets may wait for it.
    pub(crate) fn start(
        mut connection: Connection,
        waiting: usize,
        meter: Arc<Meter>,
    ) -> std::io::Result<Self> {
        // SQLite sleeps that long in between; see `begin`.
        connection.batch("PRAGMA busy_timeout = 2").map_err(std::io::Error::other)?;
        let (queue, waiting) = sync_channel(waiting);
        let counted = Arc::clone(&meter);
        let thread = thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || write(connection, &waiting, &counted))?;
        Ok(Self { queue: Some(queue), thread: Some(thread), meter })
    }

    /// Queues a change set; the receiver gives the answer once it is on disk. It fails where too many wait already.
    pub(crate) fn submit(&self, changes: ChangeSet) -> Result<oneshot::Receiver<Answer>, StoreError> {
        let (sender, receiver) = oneshot::channel();
        let answer = Asking { sender, since: Instant::now(), at: changes.at };
        self.meter.write_waits();
        let refused = match self.queue.as_ref() {
            Some(queue) => match queue.try_send(Waiting { changes, answer }) {
                Ok(()) => return Ok(receiver),
                Err(TrySendError::Full(_)) => "too many changes wait to be written",
                Err(TrySendError::Disconnected(_)) => "the writer has ended",
            },
            None => "the writer has ended",
        };
        self.meter.write_turned_away();
        Err(StoreError::Unavailable { reason: refused.to_owned() })
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            log::error!("the thread that writes to the database panicked");
        }
    }
}

impl std::fmt::Debug for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Waiting").field("id", &self.changes.id).finish_non_exhaustive()
    }
}

fn write(mut connection: Connection, queue: &Receiver<Waiting>, meter: &Meter) {
    while let Ok(first) = queue.recv() {
        let mut group = vec![first];
        while group.len() < GROUP {
            match queue.try_recv() {
                Ok(next) => group.push(next),
                Err(_) => break,
            }
        }
        commit_group(&mut connection, group, meter);
    }
}

/// Begins to write, waiting so long for another process that does. SQLite's own waiting asks less and less often, and would so be
/// kept out by a process that writes again and again, such as an import beside a server.
pub(crate) fn begin(connection: &mut Connection, patience: Duration) -> diesel::QueryResult<()> {
    let since = Instant::now();
    loop {
        match connection.batch("BEGIN IMMEDIATE") {
            Err(error) if error.to_string() == BUSY && since.elapsed() < patience => {}
            begun => return begun,
        }
    }
}

fn commit_group(connection: &mut Connection, group: Vec<Waiting>, meter: &Meter) {
    let (size, started) = (group.len(), Instant::now());
    if let Err(error) = begin(connection, MOST_WAITING) {
        return refuse(group.into_iter().map(|waiting| waiting.answer), error, meter);
    }
    let mut outcomes = Vec::with_capacity(group.len());
    let mut waiting = group.into_iter();
    while let Some(Waiting { changes, answer }) = waiting.next() {
        match in_savepoint(connection, changes) {
            Ok(outcome) => outcomes.push((answer, outcome)),
            Err(error) => {
                // The transaction itself is lost (a full disk, an I/O error): nothing of the group is done.
                let _ = connection.batch("ROLLBACK");
                let answers = outcomes.into_iter().map(|(answer, _)| answer).chain([answer]);
                return refuse(answers.chain(waiting.map(|waiting| waiting.answer)), error, meter);
            }
        }
    }
    match connection.batch("COMMIT") {
        Ok(()) => {
            meter.transaction(size, started.elapsed());
            for (answer, outcome) in outcomes {
                answer.answer(outcome, meter);
            }
        }
        Err(error) => {
            let _ = connection.batch("ROLLBACK");
            refuse(outcomes.into_iter().map(|(answer, _)| answer), error, meter);
        }
    }
}

/// Applies one change set, all of it or nothing. The outer error means that the transaction cannot go on.
fn in_savepoint(connection: &mut Connection, changes: ChangeSet) -> diesel::QueryResult<Answer> {
    connection.batch("SAVEPOINT change_set")?;
    match apply(connection, changes, true) {
        Ok(committed) => {
            connection.batch("RELEASE change_set")?;
            Ok(Ok(committed))
        }
        Err(refusal) => {
            connection.batch("ROLLBACK TO change_set; RELEASE change_set")?;
            Ok(Err(refusal.into()))
        }
    }
}

fn refuse(answers: impl Iterator<Item = Asking>, error: diesel::result::Error, meter: &Meter) {
    let reason = match store_error(error) {
        StoreError::Unavailable { reason } => reason,
        other => other.to_string(),
    };
    log::warn!("a group of changes was not committed: {reason}");
    for answer in answers {
        answer.answer(Err(StoreError::Unavailable { reason: reason.clone() }.into()), meter);
    }
}
