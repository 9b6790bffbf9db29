//! Client assertions that were used (RFC 7523 §3, point 7): each counts once.
//!
//! The memory is the process's own and bounded. It narrows what somebody can do with an assertion that he saw; that such a
//! token is short and goes over TLS is what protects it.

use std::collections::{BTreeMap, BTreeSet};
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
    /// The digest of issuer and `jti`, and until when it counts.
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

    /// Whether this is the first use of an issuer's token; the next ones are not, until it is past `exp` and the leeway.
    /// `exp` and `now` are in seconds since 1970.
    ///
    /// To be asked after the signature was verified. Where there is no more room, the token that ends soonest is
    /// forgotten: refusing instead would let one issuer keep out the others.
    #[must_use]
    pub fn is_first(&self, issuer: &str, jti: &str, exp: i64, now: i64) -> bool {
        let mut digest = Sha256::new();
        digest.update((issuer.len() as u64).to_be_bytes());
        digest.update(issuer);
        digest.update(jti);
        let id: [u8; 32] = digest.finalize().into();
        let until = exp.saturating_add(LEEWAY_SECONDS);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        while seen.order.first().is_some_and(|(until, _)| *until <= now) {
            seen.forget_first();
        }
        if seen.until.contains_key(&id) {
            return false;
        }
        if seen.until.len() >= self.capacity {
            seen.forget_first();
        }
        seen.until.insert(id, until);
        seen.order.insert((until, id));
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
    fn forget_first(&mut self) {
        if let Some((_, id)) = self.order.pop_first() {
            self.until.remove(&id);
        }
    }
}

impl fmt::Debug for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replay").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `(issuer, jti, exp, now, first)` one after the other.
    fn check(replay: &Replay, steps: &[(&str, &str, i64, i64, bool)]) {
        for (issuer, jti, exp, now, first) in steps {
            assert_eq!(replay.is_first(issuer, jti, *exp, *now), *first, "{issuer} {jti} at {now}");
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
    fn issuers_have_ids_of_their_own() {
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
        assert_eq!((seen.until.len(), seen.order.len()), (2, 2));
    }

    #[test]
    fn times_at_the_ends_are_no_matter() {
        let replay = Replay::new(0);
        check(&replay, &[("i", "a", i64::MAX, i64::MIN, true), ("i", "a", i64::MAX, i64::MAX - 1, false)]);
        check(&replay, &[("i", "b", i64::MIN, i64::MAX, true)]);
    }
}
