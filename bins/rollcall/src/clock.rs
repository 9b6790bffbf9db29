//! The one place that reads the clock, and where ids and random bytes come from.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use scim_core::instant::Timestamp;
use scim_provider::Source;
use uuid::Uuid;

/// The last id's place in time: milliseconds and a counter of 12 bits. Ids of this process ascend strictly, within a
/// millisecond and where the clock is set back.
static LAST: AtomicU64 = AtomicU64::new(0);

/// The machine's clock and its secure random source.
#[derive(Debug)]
pub(crate) struct System;

/// How many ids the random bytes of a thread are good for, before it asks the system for more.
const IDS: usize = 32;

/// Random bytes for ids. Ids are no secrets: whoever could read what the next ones are made of could read all the rest. What is
/// secret takes its bytes from the system, each time.
struct Pool {
    bytes: [u8; 10 * IDS],
    used: usize,
}

thread_local! {
    static POOL: RefCell<Pool> = const { RefCell::new(Pool { bytes: [0; 10 * IDS], used: 10 * IDS }) };
}

impl System {
    /// Ten random bytes for an id.
    fn for_an_id(&self) -> [u8; 10] {
        POOL.with_borrow_mut(|pool| {
            if pool.used >= pool.bytes.len() {
                self.random(&mut pool.bytes);
                pool.used = 0;
            }
            let next = pool.bytes.get(pool.used..).and_then(<[u8]>::first_chunk);
            let taken = next.copied().unwrap_or_default();
            pool.used += taken.len();
            taken
        })
    }

    #[expect(clippy::disallowed_methods, reason = "this is the place that reads the clock")]
    fn millis() -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

impl Source for System {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(i64::try_from(Self::millis()).unwrap_or(i64::MAX))
    }

    fn uuid(&self) -> Uuid {
        let random = self.for_an_id();
        let [high, low, ..] = random;
        // A new millisecond begins in the lower quarter of its counter, at a place that nobody can guess.
        let start = Self::millis() << 12 | u64::from(u16::from_be_bytes([high & 0x03, low]));
        let next = |last: u64| Some(start.max(last.saturating_add(1)));
        let last = LAST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).unwrap_or_default();
        let place = start.max(last.saturating_add(1));
        let [.., high, low] = (place & 0x0fff).to_be_bytes();
        let [_, _, tail @ ..] = random;
        let mut bytes = [high, low, 0, 0, 0, 0, 0, 0, 0, 0];
        if let Some(rest) = bytes.get_mut(2..) {
            rest.copy_from_slice(&tail);
        }
        uuid::Builder::from_unix_timestamp_millis(place >> 12, &bytes).into_uuid()
    }

    #[expect(
        clippy::expect_used,
        reason = "a machine without random source cannot issue keys or ids; ending is right"
    )]
    fn random(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the operating system gives random bytes");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_bytes_are_used_once() {
        let mut all: Vec<[u8; 10]> = (0..5 * IDS).map(|_| System.for_an_id()).collect();
        all.extend(std::thread::spawn(|| System.for_an_id()).join());
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
        assert!(!all.contains(&[0; 10]));
    }

    #[test]
    fn ids_ascend_within_a_millisecond() {
        let ids: Vec<Uuid> = (0..10_000).map(|_| System.uuid()).collect();
        assert!(ids.is_sorted_by(|left, right| left < right));
        assert!(ids.iter().all(|id| id.get_version_num() == 7));
    }
}
