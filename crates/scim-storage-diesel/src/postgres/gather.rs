//! Look-ups that go together.
//!
//! A look-up by itself costs server and client some hundred microseconds of processor time; nearly all of that is for what
//! surrounds a statement. As one row of an array it costs ten. So those of a runtime stand in a queue, and a task of that runtime
//! takes all that stand there, asks for those of a kind by one statement, and answers each. It does so as soon as its turn comes:
//! nobody waits for company. While one statement is under way whoever comes waits for the next; how many go together follows from
//! how many ask.
//!
//! What is found is what is there when the statement begins, and that is after each of its look-ups was asked: who reads, reads
//! what was acknowledged before. A look-up is a row with an instance of its own, and is joined by that. Where the server refuses
//! a statement, each of its look-ups is asked by itself, so that one never fails for another. Whoever went away is left out. Those who
//! want the same thing, as many do who change one group, share a row.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_channel::oneshot::{Sender, channel};
use futures_util::future::join_all;
use scim_storage::StoreError;

use super::link::built;
use super::references::Reference;
use super::seek::Seek;
use super::shared::Asking;
use super::workers::ended;
use crate::connection::{Connection, Row};
use crate::error::{damaged, store_error};
use crate::sql::Statement;

/// Look-ups that one task takes at once.
const MOST: usize = 128;

/// What can be looked up together with others of its kind.
pub(crate) trait Gathered: PartialEq + Send + Sync + Sized + 'static {
    /// Those of a kind have the same text.
    type Kind: Copy + PartialEq + Send + Sync;
    /// A row of an answer: there is one for each look-up at least.
    type Row: Row;
    /// What is found.
    type Found: Clone + Send + 'static;

    /// Where such wait.
    fn queue(queues: &Queues) -> &Queue<Self>;

    /// Of which kind it is.
    fn kind(&self) -> Self::Kind;

    /// What asks for it.
    fn statement(&self) -> Statement;

    /// What asks for several, all of that kind.
    fn together(kind: Self::Kind, all: &[&Self]) -> Statement;

    /// What the answer to [`Self::together`] says about each.
    fn each_found(all: &[&Self], rows: Vec<Self::Row>) -> Result<Vec<Self::Found>, StoreError>;

    /// What the answer to [`Self::statement`] says.
    fn found(&self, rows: Vec<Self::Row>) -> Result<Self::Found, StoreError> {
        Self::each_found(&[self], rows)?.pop().ok_or_else(|| damaged("a read"))
    }

    /// Looks it up by itself.
    fn on(&self, connection: &mut Connection) -> Result<Self::Found, StoreError> {
        self.found(self.statement().rows(connection).map_err(store_error)?)
    }
}

/// What waits on a runtime.
#[derive(Default)]
pub(crate) struct Queues {
    pub(super) records: Queue<Seek>,
    pub(super) references: Queue<Reference>,
}

/// What waits of one sort.
pub(crate) struct Queue<L: Gathered>(Mutex<State<L>>);

impl<L: Gathered> Default for Queue<L> {
    fn default() -> Self {
        Self(Mutex::new(State { waiting: VecDeque::new(), served: false }))
    }
}

struct State<L: Gathered> {
    waiting: VecDeque<Waiting<L>>,
    /// Whether a task is there, which takes what waits when its turn comes.
    served: bool,
}

/// A look-up, and who is told.
struct Waiting<L: Gathered> {
    look_up: L,
    answer: Sender<Result<L::Found, StoreError>>,
}

/// A look-up, and all who are told.
struct Wanted<L: Gathered> {
    look_up: L,
    answers: Vec<Sender<Result<L::Found, StoreError>>>,
}

impl<L: Gathered> Wanted<L> {
    /// Adds what waits to those of its kind.
    fn add(alike: &mut Vec<Self>, Waiting { look_up, answer }: Waiting<L>) {
        match alike.iter_mut().find(|wanted| wanted.look_up == look_up) {
            Some(same) => same.answers.push(answer),
            None => alike.push(Self { look_up, answers: vec![answer] }),
        }
    }

    /// What is found; those who went away do not hear it.
    fn tell(mut self, found: Result<L::Found, StoreError>) {
        let Some(last) = self.answers.pop() else { return };
        for answer in self.answers {
            let _ = answer.send(found.as_ref().map(L::Found::clone).map_err(same));
        }
        let _ = last.send(found);
    }
}

/// The same error for somebody else.
fn same(error: &StoreError) -> StoreError {
    match error {
        StoreError::Unavailable { reason } => StoreError::Unavailable { reason: reason.clone() },
        StoreError::TooLong => StoreError::TooLong,
        StoreError::Unsupported { what } => StoreError::Unsupported { what: what.clone() },
        StoreError::Internal { source } => StoreError::internal(source.to_string()),
        other => StoreError::internal(other.to_string()),
    }
}

/// A task's time with a queue. Where the task ends before the queue is empty (with its runtime), whoever waits is told so.
struct Serving<'q, L: Gathered> {
    queue: &'q Queue<L>,
    /// Whether the queue is empty; somebody else may serve it by now.
    done: bool,
}

impl<L: Gathered> Drop for Serving<'_, L> {
    fn drop(&mut self) {
        if !self.done {
            let mut state = self.queue.state();
            state.served = false;
            state.waiting.clear();
        }
    }
}

impl<L: Gathered> Queue<L> {
    fn state(&self) -> MutexGuard<'_, State<L>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What waits longest; none where nobody does, and then nobody serves any more.
    fn take(&self) -> Option<Vec<Waiting<L>>> {
        let mut state = self.state();
        let mut taken = Vec::with_capacity(state.waiting.len().min(MOST));
        while taken.len() < MOST
            && let Some(waiting) = state.waiting.pop_front()
        {
            if !waiting.answer.is_canceled() {
                taken.push(waiting);
            }
        }
        state.served = !taken.is_empty();
        state.served.then_some(taken)
    }
}

impl Asking {
    /// Looks one thing up, together with whatever is looked up meanwhile; refused where so many wait already.
    pub(super) async fn look_up<L: Gathered>(self, look_up: L, most: usize) -> Result<L::Found, StoreError> {
        let (answer, answered) = channel();
        let served = {
            let mut state = L::queue(self.queues()).state();
            if state.waiting.len() >= most {
                let reason = "too many requests wait for the database".to_owned();
                return Err(StoreError::Unavailable { reason });
            }
            state.waiting.push_back(Waiting { look_up, answer });
            std::mem::replace(&mut state.served, true)
        };
        if !served {
            // Not under the lock: a runtime that ends drops the task at once.
            tokio::spawn(async move { self.serve::<L>().await });
        }
        answered.await.unwrap_or_else(|_| Err(ended()))
    }

    async fn serve<L: Gathered>(&self) {
        let mut serving = Serving { queue: L::queue(self.queues()), done: false };
        while let Some(taken) = serving.queue.take() {
            let mut kinds: Vec<(L::Kind, Vec<Wanted<L>>)> = Vec::new();
            for waiting in taken {
                let kind = waiting.look_up.kind();
                let place = kinds.iter().position(|(of, _)| *of == kind);
                let place = place.unwrap_or_else(|| {
                    kinds.push((kind, Vec::new()));
                    kinds.len() - 1
                });
                if let Some((_, alike)) = kinds.get_mut(place) {
                    Wanted::add(alike, waiting);
                }
            }
            join_all(kinds.into_iter().map(|(kind, alike)| self.answer(kind, alike))).await;
        }
        serving.done = true;
    }

    /// Answers those of a kind.
    async fn answer<L: Gathered>(&self, kind: L::Kind, alike: Vec<Wanted<L>>) {
        let outcome = if let [_] = alike.as_slice() { None } else { Some(self.together(kind, &alike).await) };
        match outcome {
            Some(Ok(found)) => {
                for (wanted, found) in alike.into_iter().zip(found) {
                    wanted.tell(Ok(found));
                }
            }
            // The server is not there, or not able: for nobody.
            Some(Err(error @ StoreError::Unavailable { .. })) => {
                for wanted in alike {
                    wanted.tell(Err(same(&error)));
                }
            }
            Some(Err(_)) | None => {
                join_all(alike.into_iter().map(|wanted| async move {
                    let found = self.alone(&wanted.look_up).await;
                    wanted.tell(found);
                }))
                .await;
            }
        }
    }

    async fn alone<L: Gathered>(&self, look_up: &L) -> Result<L::Found, StoreError> {
        let rows = self.rows(&look_up.statement()).await?;
        look_up.found(built(&rows).map_err(store_error)?)
    }

    async fn together<L: Gathered>(
        &self,
        kind: L::Kind,
        alike: &[Wanted<L>],
    ) -> Result<Vec<L::Found>, StoreError> {
        let all: Vec<&L> = alike.iter().map(|wanted| &wanted.look_up).collect();
        let rows = self.rows(&L::together(kind, &all)).await?;
        L::each_found(&all, built(&rows).map_err(store_error)?)
    }
}
