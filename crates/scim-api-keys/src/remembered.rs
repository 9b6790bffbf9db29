//! Passwords that were verified a moment ago.
//!
//! A secret that a person chose is kept as an argon2id hash, which takes tens of milliseconds to verify: too long for each
//! request of a provisioning run. So a success is remembered for five minutes, as HMAC-SHA-256 under a random key of the
//! process, from which nobody gets back to the password, neither from a dump of the memory without the key nor in another
//! process. Failures are not remembered: a guess costs what it costs each time.
//!
//! A changed or revoked credential has another generation, which the caller reads with each request, so that what is
//! remembered of the former one counts no more.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Mutex, PoisonError};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

/// For how many seconds a success is remembered, from the verification on: five minutes.
pub const REMEMBERED_SECONDS: i64 = 5 * 60;

/// How many successes are remembered. Beyond, the one that was not asked for longest is forgotten.
pub const MAX_REMEMBERED: usize = 4096;

/// Successful verifications of the last five minutes. `Debug` shows how many.
pub struct Remembered {
    /// The state of HMAC once the key is in. In a box: moving this leaves nothing behind.
    keyed: Box<Hmac<Sha256>>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    successes: HashMap<[u8; 32], Success>,
    /// The same by when they were asked for last.
    order: BTreeMap<u64, [u8; 32]>,
    /// Counts uses.
    uses: u64,
}

struct Success {
    generation: i64,
    /// When the password was verified.
    since: i64,
    used: u64,
}

impl Remembered {
    /// One that remembers nothing yet, under a key of 32 random bytes that lives as long as the process.
    #[must_use]
    pub fn new(key: [u8; 32]) -> Self {
        let key = Zeroizing::new(key);
        // A block of SHA-256: HMAC fills a shorter key up with zeros.
        let block: Zeroizing<[u8; 64]> =
            Zeroizing::new(std::array::from_fn(|at| key.get(at).copied().unwrap_or_default()));
        Self { keyed: Box::new(Hmac::new((&*block).into())), known: Mutex::default() }
    }

    /// Whether this password was verified for this credential, of this generation, within the last
    /// [`REMEMBERED_SECONDS`]. `now` is in seconds since 1970. A no says nothing of the password.
    #[must_use]
    pub fn is_known(&self, credential: &[u8; 16], password: &str, generation: i64, now: i64) -> bool {
        let id = self.id(credential, password);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(success) = known.successes.get(&id) else { return false };
        // A clock that was set back makes it no younger.
        let recent = (0..REMEMBERED_SECONDS).contains(&now.saturating_sub(success.since));
        if success.generation != generation || !recent {
            known.forget(&id);
            return false;
        }
        known.touch(&id);
        true
    }

    /// Remembers that this password was verified for this credential, of this generation, just now.
    pub fn remember(&self, credential: &[u8; 16], password: &str, generation: i64, now: i64) {
        let id = self.id(credential, password);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.forget(&id);
        while known.successes.len() >= MAX_REMEMBERED {
            let Some((_, oldest)) = known.order.pop_first() else { break };
            known.successes.remove(&oldest);
        }
        known.successes.insert(id, Success { generation, since: now, used: 0 });
        known.touch(&id);
    }

    fn id(&self, credential: &[u8; 16], password: &str) -> [u8; 32] {
        let mut mac = Hmac::clone(&self.keyed);
        // The id is of one width, so that no two pairs are joined to the same bytes.
        mac.update(credential);
        mac.update(password.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

impl Known {
    /// Makes it the one asked for last.
    fn touch(&mut self, id: &[u8; 32]) {
        self.uses = self.uses.saturating_add(1);
        if let Some(success) = self.successes.get_mut(id) {
            self.order.remove(&success.used);
            success.used = self.uses;
            self.order.insert(self.uses, *id);
        }
    }

    fn forget(&mut self, id: &[u8; 32]) {
        if let Some(success) = self.successes.remove(id) {
            self.order.remove(&success.used);
        }
    }
}

impl fmt::Debug for Remembered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        f.debug_struct("Remembered").field("successes", &known.successes.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: [u8; 16] = [1; 16];
    const B: [u8; 16] = [2; 16];

    /// After `A` with `secret` of generation 3 was verified at 1000.
    fn check(credential: &[u8; 16], password: &str, generation: i64, now: i64, expected: bool) {
        let remembered = Remembered::new([7; 32]);
        remembered.remember(&A, "secret", 3, 1000);
        let known = remembered.is_known(credential, password, generation, now);
        assert_eq!(known, expected, "{password} {generation} {now}");
    }

    #[test]
    fn a_success_is_known_for_five_minutes() {
        check(&A, "secret", 3, 1000, true);
        check(&A, "secret", 3, 1299, true);
        check(&A, "secret", 3, 1300, false);
        check(&A, "secret", 3, 999, false);
        check(&A, "secret", 3, i64::MAX, false);
        check(&A, "secret", 3, i64::MIN, false);
    }

    #[test]
    fn nothing_else_is_known() {
        check(&A, "Secret", 3, 1000, false);
        check(&A, "secret ", 3, 1000, false);
        check(&A, "", 3, 1000, false);
        check(&B, "secret", 3, 1000, false);
    }

    #[test]
    fn another_generation_is_a_miss_and_forgets() {
        for generation in [2, 4] {
            check(&A, "secret", generation, 1000, false);
        }
        let remembered = Remembered::new([7; 32]);
        remembered.remember(&A, "secret", 3, 1000);
        assert!(!remembered.is_known(&A, "secret", 4, 1000));
        assert!(!remembered.is_known(&A, "secret", 3, 1000));
        assert_eq!(format!("{remembered:?}"), "Remembered { successes: 0, .. }");
    }

    #[test]
    fn a_use_makes_it_no_younger() {
        let remembered = Remembered::new([7; 32]);
        remembered.remember(&A, "secret", 3, 1000);
        assert!(remembered.is_known(&A, "secret", 3, 1290));
        assert!(!remembered.is_known(&A, "secret", 3, 1310));
        remembered.remember(&A, "secret", 3, 1311);
        assert!(remembered.is_known(&A, "secret", 3, 1500));
    }

    #[test]
    fn a_changed_password_does_not_disturb_the_other() {
        let remembered = Remembered::new([7; 32]);
        remembered.remember(&A, "old", 3, 1000);
        remembered.remember(&A, "new", 4, 1001);
        assert!(remembered.is_known(&A, "new", 4, 1002));
        assert!(!remembered.is_known(&A, "old", 4, 1002));
    }

    #[test]
    fn the_memory_is_bounded_and_forgets_what_is_not_asked_for() {
        let remembered = Remembered::new([7; 32]);
        remembered.remember(&A, "kept", 1, 0);
        remembered.remember(&A, "left", 1, 0);
        for n in 0..MAX_REMEMBERED {
            assert!(remembered.is_known(&A, "kept", 1, 0));
            remembered.remember(&B, &n.to_string(), 1, 0);
        }
        assert!(remembered.is_known(&A, "kept", 1, 0));
        assert!(!remembered.is_known(&A, "left", 1, 0));
        assert!(!remembered.is_known(&B, "0", 1, 0));
        assert!(remembered.is_known(&B, &(MAX_REMEMBERED - 1).to_string(), 1, 0));
        let known = remembered.known.lock().expect("a lock");
        assert_eq!((known.successes.len(), known.order.len()), (MAX_REMEMBERED, MAX_REMEMBERED));
    }

    #[test]
    fn another_process_knows_it_by_another_name() {
        let id = |key| Remembered::new([key; 32]).id(&A, "secret");
        assert_ne!(id(1), id(2));
    }
}
