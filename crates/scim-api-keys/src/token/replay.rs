//! Client assertions that were used (RFC 7523 §3, point 7): each counts once.
//!
//! The memory is the process's own and bounded. It narrows what somebody can do with an assertion that he saw; that such a
//! token is short and goes over TLS is what protects it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

use super::LEEWAY_SECONDS;

/// How many tokens are remembered unless another number is asked for.
pub const REPLAY_CAPACITY: usize = 16_384;

/// Remembers the ids of tokens until they are past their `exp`.
pub struct Replay {
    capacity: usize,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// How many tokens there are, of all owners.
    count: usize,
    /// By the digest of the owner's name; nobody is in here without a token.
    owners: HashMap<[u8; 32], Own>,
}

/// The tokens of one owner.
#[derive(Default)]
struct Own {
    /// The digest of a `jti`, and until when it counts.
    until: BTreeMap<[u8; 32], i64>,
    /// The same, by time.
    order: BTreeSet<(i64, [u8; 32])>,
}

impl Replay {
    /// One for this many tokens, at least one.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { capacity: capacity.max(1), seen: Mutex::default() }
    }

    /// Whether this is the first use of a token of `owner`; the next ones are not, until it is past `exp` and the leeway.
    /// The owner is whoever accepts the token, by a name that nobody else can take: two who trust an issuer of one name may
    /// mean two issuers. `exp` and `now` are in seconds since 1970.
    ///
    /// To be asked after the signature was verified. Where there is no more room, of the owner who has most the token is
    /// forgotten that ends soonest: refusing instead would let one keep out the others, and so would forgetting theirs.
    #[must_use]
    pub fn is_first(&self, owner: &str, jti: &str, exp: i64, now: i64) -> bool {
        let (owner, id) = (digest(owner), digest(jti));
        let until = exp.saturating_add(LEEWAY_SECONDS);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.forget_past(&owner, now);
        if seen.owners.get(&owner).is_some_and(|own| own.until.contains_key(&id)) {
            return false;
        }
        if seen.count >= self.capacity {
            seen.make_room(now);
        }
        let own = seen.owners.entry(owner).or_default();
        own.until.insert(id, until);
        own.order.insert((until, id));
        seen.count += 1;
        true
    }
}

impl Default for Replay {
    /// One for [`REPLAY_CAPACITY`] tokens.
    fn default() -> Self {
        Self::new(REPLAY_CAPACITY)
    }
}

impl Seen {
    fn forget_past(&mut self, owner: &[u8; 32], now: i64) {
        while self.owners.get(owner).and_then(|own| own.order.first()).is_some_and(|(until, _)| *until <= now)
        {
            self.forget_first(owner);
        }
    }

    fn forget_first(&mut self, owner: &[u8; 32]) {
        let Some(own) = self.owners.get_mut(owner) else { return };
        if let Some((_, id)) = own.order.pop_first() {
            own.until.remove(&id);
            self.count -= 1;
        }
        if own.order.is_empty() {
            self.owners.remove(owner);
        }
    }

    /// Forgets what is past, and one more where that was nothing.
    fn make_room(&mut self, now: i64) {
        let (before, owners) = (self.count, self.owners.keys().copied().collect::<Vec<_>>());
        for owner in &owners {
            self.forget_past(owner, now);
        }
        let most = self.owners.iter().max_by_key(|(_, own)| own.order.len()).map(|(owner, _)| *owner);
        if let Some(owner) = most.filter(|_| self.count == before) {
            self.forget_first(&owner);
        }
    }
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}

impl fmt::Debug for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replay").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `(owner, jti, exp, now, first)` one after the other.
    fn check(replay: &Replay, steps: &[(&str, &str, i64, i64, bool)]) {
        for (owner, jti, exp, now, first) in steps {
            assert_eq!(replay.is_first(owner, jti, *exp, *now), *first, "{owner} {jti} at {now}");
        }
    }

    #[test]
    fn a_token_counts_once_until_it_is_past_the_leeway() {
        let replay = Replay::default();
        check(&replay, &[("i", "a", 100, 0, true), ("i", "a", 100, 0, false), ("i", "a", 100, 159, false)]);
        // A later expiry does not make it another token; but there is none of that name now.
        check(&replay, &[("i", "a", 900, 160, true), ("i", "a", 1000, 161, false)]);
    }

    #[test]
    fn owners_have_tokens_of_their_own() {
        let replay = Replay::default();
        check(&replay, &[("i", "a", 100, 0, true), ("j", "a", 100, 0, true), ("ia", "", 100, 0, true)]);
        check(&replay, &[("i", "b", 100, 0, true), ("ib", "", 100, 0, true), ("i", "b", 100, 0, false)]);
    }

    #[test]
    fn the_memory_is_bounded_and_forgets_what_ends_soonest() {
        let replay = Replay::new(2);
        check(
            &replay,
            &[("i", "late", 300, 0, true), ("i", "soon", 100, 0, true), ("i", "mid", 200, 0, true)],
        );
        check(
            &replay,
            &[("i", "late", 300, 0, false), ("i", "mid", 200, 0, false), ("i", "soon", 100, 0, true)],
        );
        let seen = replay.seen.lock().expect("a lock");
        let own = seen.owners.values().next().expect("an owner");
        assert_eq!((seen.count, own.until.len(), own.order.len()), (2, 2, 2));
    }

    #[test]
    fn nobody_makes_what_another_one_used_forgotten() {
        let replay = Replay::new(100);
        check(&replay, &[("quiet", "a", 100, 0, true), ("quiet", "b", 100, 0, true)]);
        for n in 0..1000 {
            check(&replay, &[("loud", &n.to_string(), 86_400, 1, true)]);
        }
        check(&replay, &[("quiet", "a", 100, 1, false), ("quiet", "b", 100, 1, false)]);
        check(&replay, &[("loud", "999", 86_400, 1, false)]);
        // What is past makes room first, whosever it is.
        check(&replay, &[("third", "a", 86_400, 160, true), ("third", "b", 86_400, 160, true)]);
        let seen = replay.seen.lock().expect("a lock");
        assert_eq!((seen.count, seen.owners.len()), (100, 2));
    }

    #[test]
    fn times_at_the_ends_are_no_matter() {
        let replay = Replay::new(0);
        check(&replay, &[("i", "a", i64::MAX, i64::MIN, true), ("i", "a", i64::MAX, i64::MAX - 1, false)]);
        check(&replay, &[("i", "b", i64::MIN, i64::MAX, true)]);
    }
}
