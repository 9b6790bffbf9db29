//! A limit on requests by id: GCRA, in its form as a leaky bucket (ITU-T I.371, annex A).
//!
//! There is no clock in here: the time of a request is an argument. A limiter knows its own node's requests only, and
//! forgets all of them on a restart; both err on the side of the client.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The most ids that a limiter remembers.
pub const MAX_RATED_IDS: usize = 10_000;

/// How many ids make room at once, if all are busy, so that making room is rare.
const ROOM: usize = MAX_RATED_IDS / 16;

/// What a request adds to an id's level. A millisecond takes away as many of these as a second lets requests pass, so
/// that all is whole numbers.
const REQUEST: u64 = 1000;

/// Clocks of one process may differ by this, in milliseconds, before the clock counts as set back.
const JITTER_MS: i64 = 60_000;

/// How many requests may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate {
    /// Requests a second, in the long run. 0 counts as 1: what is to let nothing pass is a revocation, not a limit.
    pub per_second: u32,
    /// Requests at once, after a pause. 0 counts as 1, which leaves no room for requests that come a little unevenly.
    pub burst: u32,
}

impl Rate {
    fn room(self) -> u64 {
        u64::from(self.burst.max(1)) * REQUEST
    }
}

/// A request over the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many requests; try again in {seconds} s")]
pub struct Wait {
    /// Seconds, at least 1, after which a request passes, if none comes before: what `Retry-After` says.
    pub seconds: u32,
}

/// Counts requests by id, and says which are too many.
///
/// It remembers at most [`MAX_RATED_IDS`] ids. When another one comes, those are forgotten that have nothing to their
/// account, which changes nothing; then those that have least, who get their burst early.
#[derive(Debug, Default)]
pub struct RateLimiter {
    levels: Mutex<HashMap<[u8; 16], Level>>,
}

/// What an id has to its account.
#[derive(Clone, Copy, Debug)]
struct Level {
    /// Thousandths of requests that the rate has not yet worn off.
    level: u64,
    /// When that was so, in milliseconds.
    at_ms: i64,
    /// The rate by which it wears off.
    per_second: u32,
}

impl Level {
    /// What is left of it at a later time.
    fn at(&self, now_ms: i64) -> u64 {
        let passed = u64::try_from(now_ms.saturating_sub(self.at_ms)).unwrap_or(0);
        self.level.saturating_sub(passed.saturating_mul(u64::from(self.per_second)))
    }
}

impl RateLimiter {
    /// A limiter that has seen no request.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts a request of `id` at the time `now_ms`, in milliseconds since any fixed moment, if it may pass.
    ///
    /// `rate` may differ from the last call's: the new one holds from this request on, and of the old one's burst no more
    /// is held against the id than the new one's. Time is meant to go forward; should the clock be set back, the rate goes
    /// on from the new time.
    ///
    /// # Errors
    /// If `id` has used up its rate and burst: how long to wait. Such a request is not counted.
    pub fn check(&self, id: [u8; 16], rate: Rate, now_ms: i64) -> Result<(), Wait> {
        let per_second = rate.per_second.max(1);
        let mut levels = self.levels();
        if levels.len() >= MAX_RATED_IDS && !levels.contains_key(&id) {
            make_room(&mut levels, now_ms);
        }
        let entry = levels.entry(id).or_insert(Level { level: 0, at_ms: now_ms, per_second });
        let set_back = entry.at_ms.saturating_sub(now_ms) > JITTER_MS;
        let at_ms = if set_back { now_ms } else { entry.at_ms.max(now_ms) };
        // The time until now wears off by the new rate: the old one no longer holds.
        let level = Level { per_second, ..*entry }.at(at_ms).min(rate.room());
        let after = level + REQUEST;
        let over = after.saturating_sub(rate.room());
        *entry = Level { level: if over == 0 { after } else { level }, at_ms, per_second };
        drop(levels);
        if over == 0 {
            return Ok(());
        }
        // Whoever's clock is behind, waits until it has caught up.
        let behind = u64::try_from(at_ms.saturating_sub(now_ms)).unwrap_or(0);
        let wait_ms = over.div_ceil(u64::from(per_second)) + behind;
        Err(Wait { seconds: u32::try_from(wait_ms.div_ceil(1000)).unwrap_or(u32::MAX) })
    }

    /// Whether a request of `id` would pass at that time, without counting it: for limits on what fails, which is known
    /// afterwards.
    ///
    /// # Errors
    /// As [`RateLimiter::check`].
    pub fn peek(&self, id: [u8; 16], rate: Rate, now_ms: i64) -> Result<(), Wait> {
        let Some(known) = self.levels().get(&id).copied() else { return Ok(()) };
        let alone = Self { levels: Mutex::new(HashMap::from([(id, known)])) };
        alone.check(id, rate, now_ms)
    }

    /// A panic elsewhere leaves numbers behind that are no worse than any others.
    fn levels(&self) -> MutexGuard<'_, HashMap<[u8; 16], Level>> {
        self.levels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets the ids with least to their account: those with nothing, and if that is not enough, the next ones.
fn make_room(levels: &mut HashMap<[u8; 16], Level>, now_ms: i64) {
    levels.retain(|_, level| level.at(now_ms) > 0);
    let keep = MAX_RATED_IDS - ROOM;
    let Some(surplus) = levels.len().checked_sub(keep).filter(|surplus| *surplus > 0) else { return };
    let mut by_level: Vec<_> = levels.iter().map(|(id, level)| (level.at(now_ms), *id)).collect();
    by_level.select_nth_unstable(surplus - 1);
    for (_, id) in by_level.iter().take(surplus) {
        levels.remove(id);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: [u8; 16] = [1; 16];

    fn number(id: usize) -> [u8; 16] {
        (id as u128).to_be_bytes()
    }

    fn remembered(limiter: &RateLimiter) -> usize {
        limiter.levels().len()
    }

    /// Requests at these times: 0 for each that passes, else the seconds to wait.
    fn check(rate: Rate, times_ms: &[i64], expected: &[u32]) {
        let limiter = RateLimiter::new();
        let told: Vec<_> = times_ms
            .iter()
            .map(|now_ms| limiter.check(ID, rate, *now_ms).map_or_else(|wait| wait.seconds, |()| 0))
            .collect();
        assert_eq!(told, expected, "{rate:?} {times_ms:?}");
    }

    #[test]
    fn a_burst_then_the_rate() {
        let rate = Rate { per_second: 2, burst: 3 };
        check(rate, &[0, 0, 0, 0, 499, 500, 500, 1000, 1500], &[0, 0, 0, 1, 1, 0, 1, 0, 0]);
        check(rate, &[0, 0, 0, 10_000, 10_000, 10_000, 10_000], &[0, 0, 0, 0, 0, 0, 1]);
        check(Rate { per_second: 2, burst: 1 }, &[0, 500, 1000, 1499, 1500], &[0, 0, 0, 1, 0]);
        check(Rate { per_second: 0, burst: 0 }, &[0, 0, 999, 1000], &[0, 1, 1, 0]);
        check(Rate { per_second: u32::MAX, burst: u32::MAX }, &[i64::MIN, 0, i64::MAX], &[0, 0, 0]);
    }

    #[test]
    fn a_look_counts_nothing() {
        let (limiter, rate) = (RateLimiter::new(), Rate { per_second: 1, burst: 2 });
        let looks = |now_ms| (0..5).map(|_| limiter.peek(ID, rate, now_ms).is_ok()).collect::<Vec<_>>();
        assert_eq!((looks(0), remembered(&limiter)), (vec![true; 5], 0));
        assert_eq!((limiter.check(ID, rate, 0), limiter.check(ID, rate, 0)), (Ok(()), Ok(())));
        assert_eq!(limiter.peek(ID, rate, 0), Err(Wait { seconds: 1 }));
        assert_eq!((looks(999), looks(1000)), (vec![false; 5], vec![true; 5]));
        assert_eq!(limiter.check(ID, rate, 1000), Ok(()));
    }

    #[test]
    fn a_clock_that_is_set_back_or_jumps_ahead_locks_nobody_out() {
        let rate = Rate { per_second: 1, burst: 2 };
        let year_ms = 365 * 86_400_000;
        check(rate, &[year_ms, year_ms, 0, 1000, 1000], &[0, 0, 1, 0, 1]);
        check(rate, &[0, 0, year_ms, 1, 1001], &[0, 0, 0, 0, 0]);
        // Threads that disagree by little gain nothing by it, and are told to wait for the later clock.
        check(rate, &[1000, 1000, 0, 1000, 0, 1000, 2000], &[0, 0, 2, 1, 2, 1, 0]);
    }

    #[test]
    fn a_new_rate_holds_from_the_next_request_on() {
        let limiter = RateLimiter::new();
        let (narrow, wide) = (Rate { per_second: 1, burst: 1 }, Rate { per_second: 1, burst: 100 });
        assert_eq!(limiter.check(ID, narrow, 0), Ok(()));
        assert_eq!(limiter.check(ID, narrow, 0), Err(Wait { seconds: 1 }));
        for _ in 0..99 {
            assert_eq!(limiter.check(ID, wide, 0), Ok(()));
        }
        assert_eq!(limiter.check(ID, wide, 0), Err(Wait { seconds: 1 }));
        assert_eq!(limiter.check(ID, narrow, 0), Err(Wait { seconds: 1 }));
        assert_eq!(limiter.check(ID, narrow, 1000), Ok(()));
    }

    #[test]
    fn ids_do_not_share() {
        let limiter = RateLimiter::new();
        let rate = Rate { per_second: 1, burst: 1 };
        for id in 0..100 {
            assert_eq!(limiter.check(number(id), rate, 0), Ok(()));
            assert!(limiter.check(number(id), rate, 0).is_err());
        }
        assert_eq!(remembered(&limiter), 100);
    }

    #[test]
    fn memory_is_bounded_and_who_is_idle_goes_first() {
        let limiter = RateLimiter::new();
        let rate = Rate { per_second: 1, burst: 100 };
        // One id with a full account, then as many as there is room for with a little.
        for _ in 0..100 {
            assert_eq!(limiter.check(ID, rate, 0), Ok(()));
        }
        for id in 1..MAX_RATED_IDS {
            assert_eq!(limiter.check(number(id), rate, 0), Ok(()));
        }
        assert_eq!(remembered(&limiter), MAX_RATED_IDS);
        // All are busy: who has least goes, who is at the limit stays.
        assert_eq!(limiter.check(number(0), rate, 0), Ok(()));
        assert_eq!(remembered(&limiter), MAX_RATED_IDS - ROOM + 1);
        assert!(limiter.check(ID, rate, 0).is_err());
        for id in 0..3 * MAX_RATED_IDS {
            assert_eq!(limiter.check(number(id), rate, 1), Ok(()));
            assert!(remembered(&limiter) <= MAX_RATED_IDS);
        }
        assert!(limiter.check(ID, rate, 1).is_err());
        // Later, all but the one are idle.
        for id in 3 * MAX_RATED_IDS.. {
            let before = remembered(&limiter);
            assert_eq!(limiter.check(number(id), rate, 50_000), Ok(()));
            if remembered(&limiter) < before {
                break;
            }
        }
        assert!(remembered(&limiter) <= ROOM + 2, "{}", remembered(&limiter));
        assert_eq!(limiter.check(ID, rate, 50_000), Ok(()));
    }

    fn rates() -> impl Strategy<Value = Rate> {
        (1_u32..200, 1_u32..200).prop_map(|(per_second, burst)| Rate { per_second, burst })
    }

    proptest! {
        #[test]
        fn never_more_than_burst_and_rate_in_any_span(rate in rates(), pauses in prop::collection::vec(0_i64..60, 1..400)) {
            let limiter = RateLimiter::new();
            let mut now_ms = 0;
            let mut passed = Vec::new();
            for pause in pauses {
                now_ms += pause;
                if limiter.check(ID, rate, now_ms).is_ok() {
                    passed.push(now_ms);
                }
            }
            for (first, from_ms) in passed.iter().enumerate() {
                for (last, to_ms) in passed.iter().enumerate().skip(first) {
                    let count = i64::try_from(last - first + 1).expect("few");
                    let most = i64::from(rate.burst) * 1000 + i64::from(rate.per_second) * (to_ms - from_ms);
                    prop_assert!(count * 1000 <= most, "{count} from {from_ms} to {to_ms}");
                }
            }
        }

        #[test]
        fn a_steady_stream_at_the_rate_always_passes(rate in rates(), start in -1_000_000_i64..1_000_000) {
            let limiter = RateLimiter::new();
            // In whole milliseconds the stream is not quite even, for which a burst of one request has no room.
            let rate = Rate { burst: rate.burst.max(2), ..rate };
            for request in 0..1000_i64 {
                // The first whole millisecond at which the request is due.
                let due_ms = (request * 1000 + i64::from(rate.per_second) - 1) / i64::from(rate.per_second);
                prop_assert_eq!(limiter.check(ID, rate, start + due_ms), Ok(()));
            }
        }

        #[test]
        fn the_wait_that_it_names_is_enough(rate in rates(), pauses in prop::collection::vec(0_i64..20, 1..400)) {
            let limiter = RateLimiter::new();
            let mut now_ms = 0;
            for pause in pauses {
                now_ms += pause;
                if let Err(wait) = limiter.check(ID, rate, now_ms) {
                    prop_assert!(wait.seconds >= 1);
                    now_ms += i64::from(wait.seconds) * 1000;
                    prop_assert_eq!(limiter.check(ID, rate, now_ms), Ok(()));
                }
            }
        }

        #[test]
        fn no_input_makes_it_panic(calls in prop::collection::vec(any::<(u8, u32, u32, i64)>(), 0..50)) {
            let limiter = RateLimiter::new();
            for (id, per_second, burst, now_ms) in calls {
                let _ = limiter.check([id % 3; 16], Rate { per_second, burst }, now_ms);
            }
        }
    }
}
