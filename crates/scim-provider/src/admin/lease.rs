//! A node's part in a lease: taking it, renewing it, watching whoever has it, giving it up.
//!
//! Nothing here compares the clocks of two nodes ([`Lease`]): how long a turn has stood still is measured by this node's own
//! clock alone, and a clock that goes back only begins that measure anew.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use scim_core::instant::Timestamp;
use scim_directory::{AdminChange, Change, Lease, LeaseChange, NodeId, Scope};
use scim_lifecycle::Decision;
use scim_storage::{CommitError, ServerAnswer, ServerQuestion};

use super::account::account_refused;
use super::{Admin, AdminError};

/// How often a holder renews it.
const RENEWED: Duration = Duration::from_secs(20);
/// For how long after its last renewal a holder counts on it; less than others wait.
const COUNTED_ON: Duration = Duration::from_secs(45);
/// How often whoever wants it looks.
const LOOKED_AT: Duration = Duration::from_secs(5);
/// For how long a turn stands still before another node takes it.
const DEAD_AFTER: Duration = Duration::from_secs(60);

/// A lease as one node sees it. A node that dies holds it for a minute more, one that ends in order for no longer
/// ([`JobLease::give_up`]).
#[derive(Debug)]
pub struct JobLease {
    name: &'static str,
    node: NodeId,
    seen: Mutex<Seen>,
}

/// What a node knows of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    /// Nothing yet, or not for sure.
    Nothing,
    /// This node holds it.
    Ours { turn: i64, renewed: Timestamp },
    /// Another node held it at that turn, and this one saw it first and last then.
    Others { turn: i64, first: Timestamp, last: Timestamp },
}

/// Whether less than `span` has passed since `then`; not where the clock went back.
fn within(span: Duration, then: Timestamp, now: Timestamp) -> bool {
    let span = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    then <= now && now < then.plus_millis(span)
}

impl JobLease {
    /// The part of a node that does not hold it yet.
    #[must_use]
    pub const fn new(name: &'static str, node: NodeId) -> Self {
        Self { name, node, seen: Mutex::new(Seen::Nothing) }
    }

    fn seen(&self) -> Seen {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, seen: Seen) {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = seen;
    }

    /// Whether this node may count on it now.
    #[must_use]
    pub fn is_held(&self, now: Timestamp) -> bool {
        matches!(self.seen(), Seen::Ours { renewed, .. } if within(COUNTED_ON, renewed, now))
    }

    /// Takes it, renews it or looks who has it, where it is time for that; to be called again and again. Whether this node
    /// holds it now.
    ///
    /// # Errors
    /// If the store fails: a holder goes on counting on it for a while, and is to try again.
    pub async fn tend(&self, admin: &Admin, now: Timestamp) -> Result<bool, AdminError> {
        let expected = match self.seen() {
            Seen::Ours { renewed, .. } if within(RENEWED, renewed, now) => return Ok(true),
            Seen::Ours { turn, .. } => Some(turn),
            Seen::Others { last, .. } if within(LOOKED_AT, last, now) => return Ok(false),
            before => match admin.lease(self.name).await? {
                None => None,
                Some(lease) => match self.look(before, &lease, now) {
                    Some(free) => Some(free),
                    None => return Ok(false),
                },
            },
        };
        let change = LeaseChange::Hold { name: self.name.to_owned(), holder: self.node, expected };
        match admin.change_lease(change).await {
            Ok(()) => self.set(Seen::Ours { turn: expected.unwrap_or_default() + 1, renewed: now }),
            // Another node was faster, or has taken it over: who has it is seen the next time.
            Err(CommitError::Conflict) => self.set(Seen::Nothing),
            Err(error) => return Err(account_refused(error)),
        }
        Ok(self.is_held(now))
    }

    /// The turn at which this node may take it, or `None` where somebody lives who has it.
    fn look(&self, before: Seen, lease: &Lease, now: Timestamp) -> Option<i64> {
        let first = match before {
            Seen::Others { turn, first, .. } if turn == lease.turn && first <= now => first,
            _ => now,
        };
        self.set(Seen::Others { turn: lease.turn, first, last: now });
        // One's own lease of which one does not know is that of a commit whose answer was lost.
        let free = lease.holder.is_none_or(|holder| holder == self.node);
        (free || !within(DEAD_AFTER, first, now)).then_some(lease.turn)
    }

    /// Gives it up, so that another node goes on at once; nothing where this one does not hold it.
    ///
    /// # Errors
    /// If the store fails: others then take it when they have waited.
    pub async fn give_up(&self, admin: &Admin) -> Result<(), AdminError> {
        self.set(Seen::Nothing);
        let change = LeaseChange::GiveUp { name: self.name.to_owned(), holder: self.node };
        admin.change_lease(change).await.map_err(account_refused)
    }
}

impl Admin {
    /// Every lease that was held once, by name.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn lease_list(&self) -> Result<Vec<Lease>, AdminError> {
        match self.store.server(&ServerQuestion::Leases).await? {
            ServerAnswer::Leases(leases) => Ok(leases),
            _ => Err(AdminError::Invalid("the store has no leases".to_owned())),
        }
    }

    async fn lease(&self, name: &str) -> Result<Option<Lease>, AdminError> {
        Ok(self.lease_list().await?.into_iter().find(|lease| lease.name == name))
    }

    async fn change_lease(&self, change: LeaseChange) -> Result<(), CommitError> {
        let changes = vec![Change::Admin(AdminChange::Lease(change))];
        let decision = Decision { changes, ..Decision::default() };
        let request_id = self.source.uuid().to_string();
        self.commit_decision(Scope::SERVER.instance, &request_id, decision).await.map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use pollster::block_on;
    use scim_core::schema::Registry;
    use scim_storage::MemoryStore;
    use uuid::Uuid;

    use super::*;
    use crate::Source;

    /// A clock that stands still, and ids that grow.
    #[derive(Default)]
    struct Counting(std::sync::atomic::AtomicU64);

    impl Source for Counting {
        fn now(&self) -> Timestamp {
            Timestamp::from_unix_millis(0)
        }

        fn uuid(&self) -> Uuid {
            let next = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Uuid::from_u128(u128::from(next) + 1)
        }

        fn random(&self, bytes: &mut [u8]) {
            bytes.fill(7);
        }
    }

    fn admin() -> Admin {
        Admin::new(Arc::new(MemoryStore::new()), Arc::new(Counting::default()), Registry::builtin())
    }

    fn node(number: u128) -> JobLease {
        JobLease::new("jobs", NodeId::new(Uuid::from_u128(number)))
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_unix_millis(1_700_000_000_000).plus_millis(second * 1000)
    }

    /// What a node says at that second of its own clock.
    #[track_caller]
    fn check(admin: &Admin, node: &JobLease, second: i64, expected: bool) {
        let now = at(second);
        let held = block_on(node.tend(admin, now)).expect("the store answers");
        assert_eq!(held, expected, "at {second}");
        assert_eq!(node.is_held(now), expected, "at {second}");
    }

    #[test]
    fn one_of_two_holds_it_as_long_as_it_renews_it() {
        let (admin, first, second) = (admin(), node(1), node(2));
        for passed in (0..600).step_by(5) {
            check(&admin, &first, passed, true);
            check(&admin, &second, passed, false);
        }
        let leases = block_on(admin.lease_list()).expect("leases");
        assert_eq!(leases.iter().map(|lease| lease.turn).collect::<Vec<_>>(), [30], "renewed every 20 s");
    }

    #[test]
    fn who_dies_is_followed_after_a_minute_and_who_ends_at_once() {
        let (admin, first, second, third) = (admin(), node(1), node(2), node(3));
        check(&admin, &first, 0, true);
        for passed in (0..60).step_by(5) {
            check(&admin, &second, passed, false);
        }
        check(&admin, &second, 60, true);
        // Who was thought dead and was not sees that it is no longer.
        check(&admin, &first, 61, false);
        check(&admin, &third, 62, false);
        block_on(second.give_up(&admin)).expect("given up");
        assert!(!second.is_held(at(62)));
        check(&admin, &third, 67, true);
        block_on(first.give_up(&admin)).expect("nothing");
        check(&admin, &third, 90, true);
    }

    #[test]
    fn clocks_need_not_agree_nor_go_forward() {
        let (admin, first, second) = (admin(), node(1), node(2));
        // An hour apart.
        check(&admin, &first, 3600, true);
        check(&admin, &second, 0, false);
        check(&admin, &second, 59, false);
        check(&admin, &first, 3620, true);
        check(&admin, &second, 61, false);
        check(&admin, &second, 120, false);
        // The clock of whoever waits goes back: it waits anew. That of the holder: it renews at once.
        check(&admin, &second, -3600, false);
        check(&admin, &second, -3541, false);
        check(&admin, &first, 0, true);
        check(&admin, &second, -3535, false);
        check(&admin, &second, -3475, true);
        check(&admin, &first, 20, false);
    }

    #[test]
    fn a_holder_that_cannot_renew_stops_counting_on_it() {
        let (admin, first) = (admin(), node(1));
        check(&admin, &first, 0, true);
        let held = |second: i64| first.is_held(at(second));
        assert!(held(44) && !held(45) && !held(-1));
    }

    #[test]
    fn a_lost_answer_is_found_out() {
        let (admin, first) = (admin(), node(1));
        check(&admin, &first, 0, true);
        first.set(Seen::Nothing);
        check(&admin, &first, 1, true);
    }
}
