//! The one writer: it takes whatever waits, applies each change set, commits once, then answers all.
//!
//! A change set that is refused must leave nothing. Most refusals come before anything is written; then there is nothing to undo.
//! Where one comes later, the whole group is undone and applied again with a savepoint for each change set.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use futures_channel::oneshot;
use scim_core::instant::Timestamp;
use scim_directory::{ChangeSet, Committed};
use scim_storage::{CommitError, StoreError};

use super::checkpoints::Checkpoints;
use crate::commit::{Forms, Group, Undone, apply_grouped};
use crate::connection::Connection;
use crate::error::{Refusal, store_error};
use crate::meter::Meter;
use crate::sql::Statement;

/// The most change sets in one transaction.
const GROUP: usize = 128;

/// How many groups are applied with savepoints after one that had to be undone.
const CAREFUL: u32 = 16;

/// How long it waits for another process that writes.
const MOST_WAITING: Duration = Duration::from_secs(5);
/// What SQLite says where another process writes.
const BUSY: &str = "database is locked";

pub(crate) type Answer = Result<Committed, CommitError>;

/// A change set, and what it is written as.
type Set = (ChangeSet, Forms);

struct Waiting {
    set: Box<Set>,
    answer: Asking,
}

/// An answer, and the change set that it is to, for its memory to be freed where it was taken: the writer has no time for that, and
/// would wait for the allocator.
pub(crate) struct Answered {
    pub(crate) answer: Answer,
    _set: Option<Box<Set>>,
}

/// Who waits for the answer to a change set.
struct Asking {
    sender: oneshot::Sender<Answered>,
    /// Since when.
    since: Instant,
    /// When the change set was decided.
    at: Timestamp,
}

impl Asking {
    fn answer(self, answer: Answer, set: Option<Box<Set>>, meter: &Meter) {
        meter.answered(&answer, self.since, self.at);
        // The caller may be gone; what was done is done all the same.
        let _ = self.sender.send(Answered { answer, _set: set });
    }
}

/// The way to the writer's thread. Dropping it waits until what was queued is answered and the file is closed.
#[derive(Debug)]
pub(crate) struct Writer {
    // `None` only while it is dropped.
    queue: Option<SyncSender<Waiting>>,
    thread: Option<JoinHandle<()>>,
    checkpoints: Option<JoinHandle<()>>,
    meter: Arc<Meter>,
}

impl Writer {
    /// Starts the thread, and the one beside it that copies the write-ahead log into the database; each has a connection. So many
    /// change sets may wait.
    pub(crate) fn start(
        [mut connection, copier]: [Connection; 2],
        waiting: usize,
        meter: Arc<Meter>,
    ) -> std::io::Result<Self> {
        // SQLite sleeps that long in between; see `begin`.
        let settings = "PRAGMA busy_timeout = 2; PRAGMA wal_autocheckpoint = 0";
        connection.batch(settings).map_err(std::io::Error::other)?;
        let (copied, checkpoints) = Checkpoints::start(copier)?;
        let (queue, waiting) = sync_channel(waiting);
        let counted = Arc::clone(&meter);
        let thread = thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || write(connection, copied, &waiting, &counted))?;
        Ok(Self { queue: Some(queue), thread: Some(thread), checkpoints: Some(checkpoints), meter })
    }

    /// Queues a change set; the receiver gives the answer once it is on disk. It fails where too many wait already.
    pub(crate) fn submit(&self, changes: ChangeSet) -> Result<oneshot::Receiver<Answered>, StoreError> {
        let forms = Forms::of(&changes)?;
        let (sender, receiver) = oneshot::channel();
        let answer = Asking { sender, since: Instant::now(), at: changes.at };
        self.meter.write_waits();
        let refused = match self.queue.as_ref() {
            Some(queue) => match queue.try_send(Waiting { set: Box::new((changes, forms)), answer }) {
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
        // The writer's end is that of the other one.
        for thread in [self.thread.take(), self.checkpoints.take()].into_iter().flatten() {
            if thread.join().is_err() {
                log::error!("a thread that writes to the database panicked");
            }
        }
    }
}

impl std::fmt::Debug for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Waiting").field("id", &self.set.0.id).finish_non_exhaustive()
    }
}

fn write(mut connection: Connection, mut copied: Checkpoints, queue: &Receiver<Waiting>, meter: &Meter) {
    let mut hand = Hand { connection: &mut connection, group: Group::default(), careful: 0 };
    while let Ok(first) = queue.recv() {
        let mut group = vec![first];
        while group.len() < GROUP {
            match queue.try_recv() {
                Ok(next) => group.push(next),
                Err(_) => break,
            }
        }
        copied.finish(hand.connection);
        let changes = group.iter().map(|waiting| waiting.set.0.changes.len().max(1)).sum();
        hand.commit(group, meter);
        copied.committed(changes);
    }
}

/// Begins to write, waiting so long for another process that does. SQLite's own waiting asks less and less often, and would so be
/// kept out by a process that writes again and again, such as an import beside a server.
pub(crate) fn begin(connection: &mut Connection, patience: Duration) -> diesel::QueryResult<()> {
    let since = Instant::now();
    loop {
        match Statement::kept("BEGIN IMMEDIATE").run(connection) {
            Err(error) if error.to_string() == BUSY && since.elapsed() < patience => {}
            begun => return begun.map(drop),
        }
    }
}

/// What the writer writes with.
struct Hand<'c> {
    connection: &'c mut Connection,
    group: Group,
    /// How many groups are still applied with a savepoint for each change set.
    careful: u32,
}

impl Hand<'_> {
    /// Commits change sets together, then answers all.
    fn commit(&mut self, group: Vec<Waiting>, meter: &Meter) {
        let (size, started) = (group.len(), Instant::now());
        match self.applied(&group).and_then(|answers| self.end().map(|()| answers)) {
            Ok(answers) => {
                meter.transaction(size, started.elapsed());
                for (waiting, answer) in group.into_iter().zip(answers) {
                    waiting.answer.answer(answer, Some(waiting.set), meter);
                }
            }
            Err(error) => {
                self.undo();
                refuse(group.into_iter().map(|waiting| waiting.answer), error, meter);
            }
        }
    }

    /// Applies all of them in a transaction that it begins. An error means that nothing of the group can be done.
    fn applied(&mut self, group: &[Waiting]) -> diesel::QueryResult<Vec<Answer>> {
        self.begin()?;
        if self.careful == 0 {
            if let Some(answers) = self.plainly(group) {
                return Ok(answers);
            }
            // One of them was refused when a part of it was written already, or the database failed.
            self.undo();
            self.careful = CAREFUL;
            self.begin()?;
        }
        self.careful -= 1;
        let answers = group.iter().map(|waiting| self.carefully(waiting)).collect::<Result<_, _>>()?;
        self.group.flush(self.connection)?;
        Ok(answers)
    }

    fn begin(&mut self) -> diesel::QueryResult<()> {
        begin(self.connection, MOST_WAITING)?;
        self.group.begin(self.connection)
    }

    fn end(&mut self) -> diesel::QueryResult<()> {
        Statement::kept("COMMIT").run(self.connection).map(drop)
    }

    fn undo(&mut self) {
        self.group.forget();
        let _ = self.connection.batch("ROLLBACK");
    }

    /// Applies them without savepoints, which take a copy of each page; `None` where one leaves something that must be undone.
    fn plainly(&mut self, group: &[Waiting]) -> Option<Vec<Answer>> {
        let mut answers = Vec::with_capacity(group.len());
        for waiting in group {
            let (changes, forms) = &*waiting.set;
            let again = self.group.has(changes);
            if (again || Group::must_write_first(changes)) && !self.group.flush(self.connection).ok()? {
                return None;
            }
            match apply_grouped(self.connection, &mut self.group, (changes, forms), !again) {
                Ok(committed) => answers.push(Ok(committed)),
                Err(Undone { refusal: Refusal::Store(_), .. } | Undone { touched: true, .. }) => return None,
                Err(Undone { refusal, .. }) => answers.push(Err(refusal.into())),
            }
        }
        self.group.flush(self.connection).ok()?.then_some(answers)
    }

    /// Applies one in a savepoint, all of it or nothing.
    fn carefully(&mut self, waiting: &Waiting) -> diesel::QueryResult<Answer> {
        let (changes, forms) = &*waiting.set;
        if self.group.has(changes) || Group::must_write_first(changes) {
            self.group.flush(self.connection)?;
        }
        self.connection.batch("SAVEPOINT change_set")?;
        match apply_grouped(self.connection, &mut self.group, (changes, forms), false) {
            Ok(committed) => {
                self.connection.batch("RELEASE change_set")?;
                Ok(Ok(committed))
            }
            Err(Undone { refusal, .. }) => {
                self.group.forget_facts();
                self.connection.batch("ROLLBACK TO change_set; RELEASE change_set")?;
                Ok(Err(refusal.into()))
            }
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
        answer.answer(Err(StoreError::Unavailable { reason: reason.clone() }.into()), None, meter);
    }
}

#[cfg(test)]
mod tests {
    use scim_core::resource::IndexEntry;
    use scim_directory::{
        Action, Actor, Change, ChangeSetId, Content, InstanceId, Key, LogRecord, LogStatus, NewRecord,
        ResourceId, Scope,
    };
    use uuid::Uuid;

    use super::*;
    use crate::sql::Number;
    use crate::sqlite::blank;

    /// A change set of that number that creates people with these names, and says so.
    fn people(number: u128, names: &[&str]) -> ChangeSet {
        let create = |(place, name): (usize, &&str)| {
            let index =
                vec![IndexEntry { path: "userName".to_owned(), key: (*name).to_owned(), unique: true }];
            let content = Content {
                document: b"{}".to_vec(),
                shadow: format!("{{\"userName\":\"{name}\"}}"),
                index,
                display: None,
                manager: None,
                managed_by: None,
                reports_to: None,
                account: None,
            };
            let id = ResourceId::new(Uuid::from_u128(number * 100 + place as u128));
            let key = Key { resource_type: "User".into(), id };
            Change::Create(NewRecord { key, content, external_id: None, revives: false })
        };
        let scope = Scope { instance: InstanceId::new(Uuid::from_u128(1)), connector: None };
        let (id, at) = (ChangeSetId::new(Uuid::from_u128(number)), Timestamp::from_unix_millis(1));
        ChangeSet {
            changes: names.iter().enumerate().map(create).collect(),
            log: vec![LogRecord::new(Action::Created, LogStatus::Success, None)],
            ..ChangeSet::empty(id, scope, Actor::default(), "request".to_owned(), at)
        }
    }

    fn count(connection: &mut Connection, of: &'static str) -> i64 {
        Statement::new(of).row::<Number>(connection).expect("a read").expect("a row").n
    }

    /// Commits groups one after the other; what each change set is answered (its position, or why not), and how many people,
    /// counted people and log records there are afterwards.
    fn check(groups: &[&[(u128, &[&str])]], expected: &str, there: i64, logged: i64) {
        let (mut connection, _directory) = blank();
        let mut hand = Hand { connection: &mut connection, group: Group::default(), careful: 0 };
        let meter = Meter::default();
        let mut answers = Vec::new();
        for group in groups {
            let (mut waiting, mut receivers) = (Vec::new(), Vec::new());
            for (number, names) in *group {
                let changes = people(*number, names);
                let (sender, receiver) = oneshot::channel();
                let forms = Forms::of(&changes).expect("forms");
                meter.write_waits();
                let answer = Asking { sender, since: Instant::now(), at: changes.at };
                waiting.push(Waiting { set: Box::new((changes, forms)), answer });
                receivers.push(receiver);
            }
            hand.commit(waiting, &meter);
            answers.extend(receivers.into_iter().map(|mut receiver| {
                match receiver.try_recv().map(|answered| answered.map(|answered| answered.answer)) {
                    Ok(Some(Ok(committed))) => committed.position.0.to_string(),
                    Ok(Some(Err(CommitError::Duplicate { attribute }))) => attribute,
                    other => format!("{other:?}"),
                }
            }));
        }
        assert_eq!(answers.join(" "), expected);
        assert_eq!(count(&mut connection, "SELECT count(*) AS n FROM resources"), there);
        assert_eq!(count(&mut connection, "SELECT count(*) AS n FROM unique_keys"), there);
        assert_eq!(count(&mut connection, "SELECT coalesce(sum(count), 0) AS n FROM counters"), there);
        assert_eq!(count(&mut connection, "SELECT count(*) AS n FROM journal"), logged);
        assert_eq!(count(&mut connection, "SELECT coalesce(max(last_record), 0) AS n FROM minutes"), logged);
    }

    #[test]
    fn who_is_refused_leaves_nothing_and_takes_nobody_along() {
        check(&[&[(1, &["a"]), (2, &["b"]), (3, &["c"])]], "1 2 3", 3, 3);
        // Refused before anything is written, and after.
        check(&[&[(1, &["a"]), (2, &["a"]), (3, &["c"])]], "1 userName 2", 2, 2);
        check(&[&[(1, &["a"]), (2, &["b", "a"]), (3, &["b"])]], "1 userName 2", 2, 2);
        check(
            &[&[(1, &["a"])], &[(2, &["b", "a"])], &[(3, &["b"]), (4, &["b"])]],
            "1 userName 2 userName",
            2,
            2,
        );
    }

    #[test]
    fn a_change_set_that_comes_again_does_nothing() {
        check(&[&[(1, &["a"]), (1, &["a"])]], "1 1", 1, 1);
        check(&[&[(1, &["a"])], &[(2, &["b"]), (1, &["a"]), (3, &["c"])]], "1 2 1 3", 3, 3);
        check(&[&[(1, &[])], &[(1, &[]), (2, &["b"]), (2, &["b"])]], "1 1 2 2", 1, 2);
    }
}
