//! A backend of a third party: a plain file, by the published interface alone.
//!
//! What is there is kept in memory, by [`MemoryStore`]; what makes it is a file of [`Entry`]s, which are played again when
//! the file is opened. An entry is on disk before it is done, so nothing is seen that a loss of power could take back.
//! One thread writes: it takes whatever waits, appends it as one line, waits for the disk once, does each and answers.
//!
//! Deliberately absent is a way to make the file shorter: it grows with every change, and so does the time to open it.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use futures_channel::oneshot;
use pollster::block_on;
use scim_directory::{ChangeSet, Committed, Fact, Key, Position, Question, Record, Scope};
use scim_storage::{
    BoxFuture, Capabilities, CommitError, EdgePage, EdgeQuery, EventPage, InstanceAnswer, InstanceQuestion,
    JournalPage, JournalQuery, MemoryStore, Page, Query, ServerAnswer, ServerQuestion, Store, StoreError,
    Want,
};

use crate::log_file::{Entry, LogFile};

/// The most entries of one line.
const GROUP: usize = 128;
/// The most that wait, before others are refused.
const WAITING: usize = 1024;

/// A store in a plain file.
pub(crate) struct FileStore {
    state: Arc<State>,
    // `None` only while it is dropped.
    queue: Option<SyncSender<Waiting>>,
    thread: Option<JoinHandle<()>>,
}

/// What the entries so far have made.
#[derive(Default)]
struct State {
    memory: MemoryStore,
    secrets: Mutex<BTreeMap<String, [u8; 32]>>,
    broken: AtomicBool,
}

/// What comes of an entry.
enum Outcome {
    Committed(Result<Committed, CommitError>),
    Answered(Box<Result<ServerAnswer, StoreError>>),
}

struct Waiting {
    entry: Entry,
    answer: oneshot::Sender<Result<Outcome, StoreError>>,
}

impl FileStore {
    /// Opens a file, or makes an empty one.
    ///
    /// # Errors
    /// If it cannot be read, another process has it open, or it is damaged.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let state = Arc::new(State::default());
        let file = LogFile::open(path, |entry| {
            // What was refused is refused again.
            state.apply(entry);
        })?;
        let (queue, waiting) = sync_channel(WAITING);
        let applied = Arc::clone(&state);
        let thread = thread::Builder::new()
            .name("file-writer".to_owned())
            .spawn(move || write(file, &applied, &waiting))?;
        Ok(Self { state, queue: Some(queue), thread: Some(thread) })
    }

    /// Has an entry written and done.
    fn submit(&self, entry: Entry) -> impl Future<Output = Result<Outcome, StoreError>> + Send + use<> {
        let (answer, answered) = oneshot::channel();
        let sent = self.queue.as_ref().is_some_and(|queue| queue.try_send(Waiting { entry, answer }).is_ok());
        async move {
            if !sent {
                return Err(unavailable("too many changes wait to be written"));
            }
            answered.await.unwrap_or_else(|_| Err(unavailable("the writer has ended")))
        }
    }
}

impl State {
    fn apply(&self, entry: Entry) -> Outcome {
        match entry {
            Entry::Commit(changes) => Outcome::Committed(block_on(self.memory.commit(*changes))),
            Entry::Peppers(held) => {
                Outcome::Answered(Box::new(block_on(self.memory.server(&ServerQuestion::Peppers(held)))))
            }
            Entry::Secret(name, made) => {
                let mut secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
                Outcome::Answered(Box::new(Ok(ServerAnswer::Secret(*secrets.entry(name).or_insert(made)))))
            }
        }
    }

    fn secret(&self, name: &str) -> Option<[u8; 32]> {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner).get(name).copied()
    }
}

fn write(mut file: LogFile, state: &State, queue: &Receiver<Waiting>) {
    while let Ok(first) = queue.recv() {
        let group = std::iter::once(first).chain(queue.try_iter().take(GROUP - 1));
        let (entries, answers): (Vec<_>, Vec<_>) =
            group.map(|waiting| (waiting.entry, waiting.answer)).unzip();
        let written = file.append(&entries);
        if written.is_err() {
            state.broken.store(true, Ordering::Relaxed);
        }
        for (entry, answer) in entries.into_iter().zip(answers) {
            let outcome = match &written {
                Ok(()) => Ok(state.apply(entry)),
                Err(error) => Err(unavailable(&error.to_string())),
            };
            // Who asked may be gone; what was done is done all the same.
            let _ = answer.send(outcome);
        }
    }
}

fn unavailable(reason: &str) -> StoreError {
    StoreError::Unavailable { reason: reason.to_owned() }
}

/// Waits until what was queued is answered and the file is closed.
impl Drop for FileStore {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the writer was an answer to whoever waited.
            let _ = thread.join();
        }
    }
}

/// Says nothing of what it holds.
impl fmt::Debug for FileStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileStore").finish_non_exhaustive()
    }
}

impl Store for FileStore {
    fn capabilities(&self) -> Capabilities {
        self.state.memory.capabilities()
    }

    fn get<'a>(
        &'a self,
        scope: &'a Scope,
        key: &'a Key,
        want: Want,
    ) -> BoxFuture<'a, Result<Option<Record>, StoreError>> {
        self.state.memory.get(scope, key, want)
    }

    fn find<'a>(&'a self, scope: &'a Scope, query: &'a Query) -> BoxFuture<'a, Result<Page, StoreError>> {
        self.state.memory.find(scope, query)
    }

    fn edges<'a>(
        &'a self,
        scope: &'a Scope,
        query: &'a EdgeQuery,
    ) -> BoxFuture<'a, Result<EdgePage, StoreError>> {
        self.state.memory.edges(scope, query)
    }

    fn facts<'a>(
        &'a self,
        scope: &'a Scope,
        questions: &'a [Question],
    ) -> BoxFuture<'a, Result<Vec<Fact>, StoreError>> {
        self.state.memory.facts(scope, questions)
    }

    fn commit(&self, changes: ChangeSet) -> BoxFuture<'_, Result<Committed, CommitError>> {
        let outcome = self.submit(Entry::Commit(Box::new(changes)));
        Box::pin(async {
            match outcome.await? {
                Outcome::Committed(committed) => committed,
                Outcome::Answered(_) => Err(StoreError::internal("an answer to something else").into()),
            }
        })
    }

    fn journal<'a>(
        &'a self,
        scope: &'a Scope,
        query: &'a JournalQuery,
    ) -> BoxFuture<'a, Result<JournalPage, StoreError>> {
        self.state.memory.journal(scope, query)
    }

    fn events<'a>(
        &'a self,
        scope: &'a Scope,
        after: Option<Position>,
        limit: usize,
    ) -> BoxFuture<'a, Result<EventPage, StoreError>> {
        self.state.memory.events(scope, after, limit)
    }

    fn instance<'a>(
        &'a self,
        scope: &'a Scope,
        question: &'a InstanceQuestion,
    ) -> BoxFuture<'a, Result<InstanceAnswer, StoreError>> {
        self.state.memory.instance(scope, question)
    }

    fn server<'a>(&'a self, question: &'a ServerQuestion) -> BoxFuture<'a, Result<ServerAnswer, StoreError>> {
        let entry = match question {
            // The two questions that leave something behind.
            ServerQuestion::Peppers(held) => Entry::Peppers(held.clone()),
            ServerQuestion::Secret(name) => {
                if let Some(secret) = self.state.secret(name) {
                    return Box::pin(async move { Ok(ServerAnswer::Secret(secret)) });
                }
                let mut made = [0; 32];
                if let Err(error) = getrandom::fill(&mut made) {
                    let failed = unavailable(&format!("no randomness: {error}"));
                    return Box::pin(async { Err(failed) });
                }
                Entry::Secret((*name).to_owned(), made)
            }
            other => return self.state.memory.server(other),
        };
        let outcome = self.submit(entry);
        Box::pin(async {
            match outcome.await? {
                Outcome::Answered(answer) => *answer,
                Outcome::Committed(_) => Err(StoreError::internal("an answer to something else")),
            }
        })
    }

    fn ready(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        let broken = self.state.broken.load(Ordering::Relaxed);
        Box::pin(async move {
            if broken { Err(unavailable("a write failed; the file has to be opened again")) } else { Ok(()) }
        })
    }
}
