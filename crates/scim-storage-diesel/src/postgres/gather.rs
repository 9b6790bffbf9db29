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
//! a statement, each of its look-ups is asked by itself, so that one never fails for another. Whoever went away is left out.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_channel::oneshot::{Sender, channel};
use futures_util::future::join_all;
use scim_storage::StoreError;

use super::link::built;
use super::seek::{Kind, Seek, SeekRow, Sought};
use super::shared::Asking;
use super::workers::ended;
use crate::error::store_error;

/// Look-ups that one task takes at once.
const MOST: usize = 128;

/// What waits on a runtime.
#[derive(Default)]
pub(super) struct Queue(Mutex<State>);

#[derive(Default)]
struct State {
    waiting: VecDeque<Waiting>,
    /// Whether a task is there, which takes what waits when its turn comes.
    served: bool,
}

/// A look-up, and who is told.
struct Waiting {
    seek: Seek,
    answer: Sender<Result<Sought, StoreError>>,
}

/// A task's time with a queue. Where the task ends before the queue is empty (with its runtime), whoever waits is told so.
struct Serving<'q> {
    queue: &'q Queue,
    /// Whether the queue is empty; somebody else may serve it by now.
    done: bool,
}

impl Drop for Serving<'_> {
    fn drop(&mut self) {
        if !self.done {
            let mut state = self.queue.state();
            state.served = false;
            state.waiting.clear();
        }
    }
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What waits longest; none where nobody does, and then nobody serves any more.
    fn take(&self) -> Option<Vec<Waiting>> {
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
    pub(super) async fn seek(self, seek: Seek, most: usize) -> Result<Sought, StoreError> {
        let (answer, answered) = channel();
        let served = {
            let mut state = self.queue().state();
            if state.waiting.len() >= most {
                let reason = "too many requests wait for the database".to_owned();
                return Err(StoreError::Unavailable { reason });
            }
            state.waiting.push_back(Waiting { seek, answer });
            std::mem::replace(&mut state.served, true)
        };
        if !served {
            // Not under the lock: a runtime that ends drops the task at once.
            tokio::spawn(async move { self.serve().await });
        }
        answered.await.unwrap_or_else(|_| Err(ended()))
    }

    async fn serve(&self) {
        let mut serving = Serving { queue: self.queue(), done: false };
        while let Some(taken) = serving.queue.take() {
            let mut kinds: Vec<(Kind, Vec<Waiting>)> = Vec::new();
            for waiting in taken {
                let kind = waiting.seek.kind();
                match kinds.iter_mut().find(|(of, _)| *of == kind) {
                    Some((_, alike)) => alike.push(waiting),
                    None => kinds.push((kind, vec![waiting])),
                }
            }
            join_all(kinds.into_iter().map(|(kind, alike)| self.answer(kind, alike))).await;
        }
        serving.done = true;
    }

    /// Answers those of a kind.
    async fn answer(&self, kind: Kind, alike: Vec<Waiting>) {
        let outcome = if let [_] = alike.as_slice() { None } else { Some(self.together(kind, &alike).await) };
        match outcome {
            Some(Ok(found)) => {
                for (waiting, sought) in alike.into_iter().zip(found) {
                    let _ = waiting.answer.send(Ok(sought));
                }
            }
            // The server is not there, or not able: for nobody.
            Some(Err(StoreError::Unavailable { reason })) => {
                for waiting in alike {
                    let _ = waiting.answer.send(Err(StoreError::Unavailable { reason: reason.clone() }));
                }
            }
            Some(Err(_)) | None => {
                join_all(alike.into_iter().map(|waiting| async move {
                    let _ = waiting.answer.send(self.alone(&waiting.seek).await);
                }))
                .await;
            }
        }
    }

    async fn alone(&self, seek: &Seek) -> Result<Sought, StoreError> {
        let rows = self.rows(&seek.statement()).await?;
        seek.found(built::<SeekRow>(&rows).map_err(store_error)?)
    }

    async fn together(&self, kind: Kind, alike: &[Waiting]) -> Result<Vec<Sought>, StoreError> {
        let seeks: Vec<&Seek> = alike.iter().map(|waiting| &waiting.seek).collect();
        let rows = self.rows(&Seek::together(kind, &seeks)).await?;
        Seek::each_found(&seeks, built::<SeekRow>(&rows).map_err(store_error)?)
    }
}
