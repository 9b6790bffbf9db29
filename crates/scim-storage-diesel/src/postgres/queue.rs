//! Change sets that wait to be committed, and which of them are committed together.
//!
//! What waits when a thread becomes free, and may share a transaction, is the next group. So that groups form, one of an instance is
//! under way at a time, and a second beside it only where many wait: what came meanwhile waits for one of them to end, and then goes
//! all at once. A group that takes long (it waits
//! for somebody's lock, or the network is slow) is not counted any more, so that others go on beside it on the threads that are left.
//!
//! Of idle threads the one that became so last goes on: its connection has its plans, which are given up every now and then
//! ([`super::commit`]), and what it works with is still at hand, at the server and here.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_channel::oneshot;
use scim_directory::{ChangeSet, Committed, InstanceId};
use scim_storage::CommitError;

use crate::commit::{Party, may_share};

/// How many groups of an instance are under way at a time, at most.
const GROUPS: usize = 2;
/// So many wait when another one begins beside the first: fewer are cheaper all at once, when that has ended.
const MANY: usize = 16;
/// From when on a group takes long.
const LONG: Duration = Duration::from_millis(25);

/// A change set that waits.
pub(super) struct Waiting {
    pub(super) changes: ChangeSet,
    pub(super) since: Instant,
    pub(super) answer: oneshot::Sender<Result<Committed, CommitError>>,
    /// Whether it may share a transaction.
    shares: bool,
}

impl Waiting {
    /// From now on.
    pub(super) fn new(changes: ChangeSet, answer: oneshot::Sender<Result<Committed, CommitError>>) -> Self {
        let shares = may_share(&changes);
        Self { changes, since: Instant::now(), answer, shares }
    }

    /// The same, to be committed by itself.
    pub(super) fn by_itself(self) -> Self {
        Self { shares: false, ..self }
    }
}

/// What a thread commits next.
pub(super) struct Next {
    /// The group's number, where they share a transaction.
    pub(super) group: Option<u64>,
    /// At least one; one alone where it shares with nobody.
    pub(super) sets: Vec<Waiting>,
}

/// A group that is under way.
struct Running {
    number: u64,
    instance: InstanceId,
    begun: Instant,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Waiting>,
    running: Vec<Running>,
    /// How many groups there were.
    groups: u64,
    /// Threads that have nothing to do, and are not woken yet; the last one was the last to become so.
    idle: Vec<Arc<Condvar>>,
    /// Whether one of them looks when a group takes long.
    watched: bool,
    ended: bool,
}

/// The queue. Whoever leaves something in it that could be done wakes an idle thread.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one more; false where so many wait already.
    pub(super) fn add(&self, waiting: Waiting, most: usize) -> bool {
        let mut state = self.lock();
        if state.ended || state.waiting.len() >= most {
            return false;
        }
        state.waiting.push_back(waiting);
        state.wake();
        true
    }

    /// Takes back what a group did not commit: each goes by itself, before all others.
    pub(super) fn put_back(&self, sets: Vec<Waiting>) {
        let mut state = self.lock();
        for set in sets.into_iter().rev() {
            state.waiting.push_front(set.by_itself());
        }
        state.wake();
    }

    /// A group ended. Its thread takes the next one soon, or wakes another.
    pub(super) fn end_group(&self, group: u64) {
        self.lock().running.retain(|running| running.number != group);
    }

    /// Wakes a thread where there is something to do.
    pub(super) fn go_on(&self) {
        self.lock().wake();
    }

    /// No more comes: threads end when nothing waits for them.
    pub(super) fn end(&self) {
        let mut state = self.lock();
        state.ended = true;
        state.idle.drain(..).for_each(|idle| idle.notify_one());
    }

    /// What to commit next, as soon as there is something; nothing at the end.
    pub(super) fn next(&self) -> Option<Next> {
        let woken = Arc::new(Condvar::new());
        let mut state = self.lock();
        loop {
            if let Some(next) = state.next(Instant::now()) {
                state.wake();
                return Some(next);
            }
            if state.ended {
                // What still waits is for those whose groups it waits for.
                return None;
            }
            let watches = !state.watched;
            let due = if watches { state.due() } else { None };
            state.idle.push(Arc::clone(&woken));
            state = match due {
                Some(due) => {
                    state.watched = true;
                    let time = due.saturating_duration_since(Instant::now());
                    let (mut state, _) =
                        woken.wait_timeout(state, time).unwrap_or_else(PoisonError::into_inner);
                    state.watched = false;
                    state
                }
                None => woken.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
            // Nobody may have woken it.
            state.idle.retain(|idle| !Arc::ptr_eq(idle, &woken));
        }
    }
}

impl State {
    /// Wakes a thread where there is something to do.
    fn wake(&mut self) {
        let wanted = |state: &Self| match state.first(Instant::now()) {
            Some(_) => true,
            None => !state.watched && state.due().is_some(),
        };
        if !self.idle.is_empty()
            && wanted(self)
            && let Some(idle) = self.idle.pop()
        {
            idle.notify_one();
        }
    }

    /// Where the first stands that may go now.
    fn first(&self, now: Instant) -> Option<usize> {
        let mut running: HashMap<InstanceId, usize> = HashMap::new();
        for group in self.running.iter().filter(|group| now < group.begun + LONG) {
            *running.entry(group.instance).or_default() += 1;
        }
        let is_free = |instance: InstanceId| match running.get(&instance).copied().unwrap_or_default() {
            0 => true,
            groups if groups < GROUPS => {
                let of = |waiting: &&Waiting| waiting.shares && waiting.changes.scope.instance == instance;
                self.waiting.iter().filter(of).nth(MANY - 1).is_some()
            }
            _ => false,
        };
        let mut known: HashMap<InstanceId, bool> = HashMap::new();
        self.waiting.iter().position(|waiting| {
            let instance = waiting.changes.scope.instance;
            !waiting.shares || *known.entry(instance).or_insert_with(|| is_free(instance))
        })
    }

    /// When the next of the groups that others may wait for takes long.
    fn due(&self) -> Option<Instant> {
        let now = Instant::now();
        let due = self.running.iter().map(|running| running.begun + LONG).filter(|due| *due > now).min();
        due.filter(|_| !self.waiting.is_empty())
    }

    fn next(&mut self, now: Instant) -> Option<Next> {
        let first = self.first(now)?;
        let mut chosen = Vec::new();
        if self.waiting.get(first)?.shares {
            let mut party = Party::default();
            for (at, waiting) in self.waiting.iter().enumerate().skip(first) {
                if waiting.shares && party.admit(&waiting.changes) {
                    chosen.push(at);
                }
            }
        }
        if chosen.is_empty() {
            let sets = self.waiting.remove(first).into_iter().collect();
            return Some(Next { group: None, sets });
        }
        // From the end, so that the others stay where they are.
        let mut sets: Vec<_> = chosen.into_iter().rev().filter_map(|at| self.waiting.remove(at)).collect();
        sets.reverse();
        let instance = sets.first()?.changes.scope.instance;
        self.groups += 1;
        self.running.push(Running { number: self.groups, instance, begun: now });
        Some(Next { group: Some(self.groups), sets })
    }
}

#[cfg(test)]
mod tests {
    use scim_directory::Change;
    use scim_storage::MemoryStore;
    use scim_storage_suite::world::{World, delete};
    use serde_json::json;

    use super::*;

    fn waiting(world: &World<'_>, changes: Vec<Change>) -> Waiting {
        Waiting::new(world.change_set(world.scope, changes), oneshot::channel().0)
    }

    fn person(world: &World<'_>, name: &str) -> Waiting {
        waiting(world, vec![Change::Create(world.new_record("User", &json!({ "userName": name })))])
    }

    /// Whether they share, and how many they are.
    fn size(next: Option<Next>) -> Option<(bool, usize)> {
        next.map(|next| (next.group.is_some(), next.sets.len()))
    }

    #[test]
    fn what_comes_while_groups_are_under_way_goes_together() {
        let store = MemoryStore::default();
        let world = World::new(&store);
        let (mut state, begun) = (State::default(), Instant::now());
        state.waiting.push_back(person(&world, "first"));
        assert_eq!(size(state.next(begun)), Some((true, 1)), "nobody waits for others to come");
        state.waiting.extend((1..MANY).map(|number| person(&world, &format!("p{number}"))));
        assert_eq!(size(state.next(begun)), None, "they go when that one has ended");
        state.waiting.push_back(person(&world, "one more"));
        assert_eq!(size(state.next(begun)), Some((true, MANY)), "many go beside it");
        state.waiting.extend((0..MANY).map(|number| person(&world, &format!("late {number}"))));
        assert_eq!(size(state.next(begun)), None, "so many are under way");
        state.waiting.clear();
        state.waiting.extend(["a", "b"].map(|name| person(&world, name)));
        state.waiting.push_back(waiting(&world, vec![delete(&world.key("Group"))]));
        assert_eq!(size(state.next(begun)), Some((false, 1)), "what goes by itself waits for none");
        assert_eq!(
            size(state.next(begun + LONG)),
            Some((true, 2)),
            "nor does anybody for one that takes long"
        );
        let elsewhere = world.from_elsewhere();
        state.waiting.extend([person(&world, "c"), person(&elsewhere, "d")]);
        assert_eq!(size(state.next(begun + LONG)), Some((true, 1)), "another instance has groups of its own");
        assert_eq!(
            state.waiting.front().map(|waiting| waiting.changes.scope.instance),
            Some(world.scope.instance)
        );
    }

    #[test]
    fn the_thread_that_worked_last_goes_on() {
        let store = MemoryStore::default();
        let world = World::new(&store);
        let queue = Queue::default();
        let worked = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while let Some(next) = queue.next() {
                        worked.lock().expect("a lock").push(std::thread::current().id());
                        next.group.into_iter().for_each(|group| queue.end_group(group));
                    }
                });
            }
            let all_are_idle = || {
                while queue.lock().idle.len() < 3 {
                    std::thread::yield_now();
                }
            };
            for number in 0..20 {
                all_are_idle();
                assert!(queue.add(person(&world, &format!("p{number}")), 1));
            }
            all_are_idle();
            queue.end();
        });
        let mut worked = worked.into_inner().expect("a lock");
        assert_eq!(worked.len(), 20);
        worked.dedup();
        assert_eq!(worked.len(), 1, "always the same one");
    }

    #[test]
    fn who_was_put_back_goes_first_and_by_itself() {
        let store = MemoryStore::default();
        let world = World::new(&store);
        let queue = Queue::default();
        assert!(["a", "b"].into_iter().all(|name| queue.add(person(&world, name), 3)));
        let Some(Next { group: Some(group), sets }) = queue.next() else { panic!("a group") };
        assert_eq!(sets.len(), 2);
        assert!(["c", "d", "e"].into_iter().all(|name| queue.add(person(&world, name), 3)));
        assert!(!queue.add(person(&world, "too many"), 3));
        queue.end_group(group);
        queue.put_back(sets);
        let sizes = [queue.next(), queue.next(), queue.next()].map(size);
        assert_eq!(sizes, [Some((false, 1)), Some((false, 1)), Some((true, 3))]);
        queue.end();
        assert!(queue.next().is_none());
        assert!(!queue.add(person(&world, "too late"), 3));
    }
}
