//! The threads that commit, each with a connection of its own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use scim_directory::{ChangeSet, Committed};
use scim_storage::{CommitError, StoreError};

use super::commit::{Apart, commit, commit_together, cut_ranges};
use super::link::Target;
use super::queue::{Next, Queue, Waiting};
use super::workers::{Down, Worker};
use crate::commit::may_be_long;
use crate::meter::Meter;

/// Threads that commit. They end with what waits, when this is dropped.
pub(super) struct Writers {
    queue: Arc<Queue>,
    /// How many change sets may wait.
    most: usize,
}

/// One of them.
struct Writer {
    worker: Worker,
    queue: Arc<Queue>,
    meter: Arc<Meter>,
}

impl Writers {
    /// Starts so many threads; so many change sets may wait for them.
    pub(super) fn start(
        threads: usize,
        target: &Target,
        waiting: usize,
        meter: &Arc<Meter>,
    ) -> std::io::Result<Self> {
        let queue = Arc::new(Queue::default());
        let (target, down) = (Arc::new(target.clone()), Down::default());
        let writers = Self { queue: Arc::clone(&queue), most: waiting.max(1) };
        for _ in 0..threads.max(1) {
            let worker = Worker::new(&target, &down);
            let mut writer = Writer { worker, queue: Arc::clone(&queue), meter: Arc::clone(meter) };
            thread::Builder::new().name("postgres-write".to_owned()).spawn(move || writer.work())?;
        }
        Ok(writers)
    }

    /// Hands a change set to them. It fails where too many wait already.
    pub(super) fn submit(&self, waiting: Waiting) -> Result<(), StoreError> {
        if self.queue.add(waiting, self.most) {
            return Ok(());
        }
        Err(StoreError::Unavailable { reason: "too many requests wait for the database".to_owned() })
    }
}

impl Drop for Writers {
    fn drop(&mut self) {
        self.queue.end();
    }
}

impl Writer {
    fn work(&mut self) {
        let queue = Arc::clone(&self.queue);
        while let Some(next) = queue.next() {
            let group = next.group;
            // What was about to be said is lost, the connection in whatever state: the thread goes on with another one.
            let outcome = catch_unwind(AssertUnwindSafe(|| self.commit(next)));
            if outcome.is_err() {
                log::error!("a commit panicked");
                self.worker.disconnect();
                if let Some(group) = group {
                    queue.end_group(group);
                }
            }
        }
    }

    fn commit(&mut self, next: Next) {
        let Some(group) = next.group else {
            next.sets.into_iter().for_each(|waiting| self.commit_one(waiting, true));
            return;
        };
        let begun = Instant::now();
        let sets: Vec<&ChangeSet> = next.sets.iter().map(|waiting| &waiting.changes).collect();
        let outcome = commit_together(&mut self.worker, &sets);
        self.queue.end_group(group);
        match outcome {
            Ok(committed) => {
                let (mut left, mut long) = (Vec::new(), Vec::new());
                self.meter.transaction(committed.iter().flatten().count(), begun.elapsed());
                for (waiting, committed) in next.sets.into_iter().zip(committed) {
                    match committed {
                        Some(committed) => long.push(self.answer(waiting, Ok(committed))),
                        None => left.push(waiting),
                    }
                }
                if !left.is_empty() {
                    self.queue.put_back(left);
                }
                long.retain(|set| !may_be_long(set).is_empty());
                self.cut(&long);
            }
            Err(apart) => {
                let mut sets = next.sets;
                match sets.pop() {
                    Some(only) if sets.is_empty() => {
                        // That may take a while, and others may have waited for this group to end.
                        self.queue.go_on();
                        self.commit_one(only, apart != Apart::Mistaken);
                    }
                    last => {
                        sets.extend(last);
                        self.queue.put_back(sets);
                    }
                }
            }
        }
    }

    fn commit_one(&mut self, waiting: Waiting, supposing: bool) {
        let begun = Instant::now();
        let outcome = commit(&mut self.worker, &waiting.changes, supposing);
        let committed = outcome.is_ok();
        if committed {
            self.meter.transaction(1, begun.elapsed());
        }
        let changes = self.answer(waiting, outcome);
        if committed && !may_be_long(&changes).is_empty() {
            self.cut(std::slice::from_ref(&changes));
        }
    }

    /// The caller may be gone; what was done is done all the same.
    fn answer(&self, waiting: Waiting, outcome: Result<Committed, CommitError>) -> ChangeSet {
        self.meter.answered(&outcome, waiting.since, waiting.changes.at);
        let _ = waiting.answer.send(outcome);
        waiting.changes
    }

    fn cut(&mut self, sets: &[ChangeSet]) {
        if !sets.is_empty() {
            // That takes a while.
            self.queue.go_on();
        }
        sets.iter().for_each(|changes| cut_ranges(&mut self.worker, changes));
    }
}
