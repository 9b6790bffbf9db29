//! What the server counts of its own work, for monitoring: numbers by labels that are closed lists, never a name, an address or
//! a key. They begin at 0 with the process; each node has its own.

use std::sync::atomic::{AtomicU64, Ordering};

use scim_core::instant::Timestamp;
use scim_directory::KeyId;
use scim_storage::{ServerAnswer, ServerQuestion};

use crate::Provider;
use crate::admin::{Telling, Told};
use crate::failure::Failure;

/// How long before its end a key is among [`Provider::ending_keys`], in days: the longest time of a reminder.
pub const ENDING_DAYS: u32 = crate::admin::MAX_REMINDER_DAYS;
/// The most keys that [`Provider::ending_keys`] tells of.
pub const MAX_ENDING_KEYS: usize = 1000;
/// Keys read at once.
const PAGE: usize = 250;
/// A day, in milliseconds.
const DAY: i64 = 86_400_000;

/// What refusals are called in the provisioning log; the last stands for any other.
const REFUSALS: [&str; 17] = [
    "key_missing",
    "key_unknown",
    "key_not_yet_valid",
    "key_expired",
    "key_revoked",
    "token_expired",
    "token_outdated",
    "assertion_used",
    "other_connector",
    "way_in",
    "user_suspended",
    "privilege",
    "network",
    "scope",
    "operation",
    "rate",
    "other",
];
/// What is told of keys.
const TELLINGS: [&str; 3] = ["expiring", "expired", "overlap_over"];
/// Classes of status codes.
const CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];
/// Too many requests.
const RATE_LIMITED: u16 = 429;

/// How often something happened since the process began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// What, of a closed list.
    pub label: &'static str,
    /// How often.
    pub count: u64,
}

/// What was counted since the process began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Clients that were not let in, by the code that the provisioning log has.
    pub refused: Vec<Count>,
    /// What was told of keys that end: `expiring`, `expired`, `overlap_over`.
    pub told: Vec<Count>,
    /// Answers by the class of their status: `2xx` and so on.
    pub answers: Vec<Count>,
    /// Answers with 429.
    pub rate_limited: u64,
}

/// A key that ends soon, or has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndingKey {
    /// The instance's name.
    pub instance: String,
    /// The connector's name.
    pub connector: String,
    /// The key.
    pub key: KeyId,
    /// Seconds until it ends; negative once it has.
    pub seconds: i64,
}

/// The counters themselves.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    refused: [AtomicU64; REFUSALS.len()],
    told: [AtomicU64; TELLINGS.len()],
    answers: [AtomicU64; CLASSES.len()],
    rate_limited: AtomicU64,
}

impl Counters {
    /// Counts a client that was not let in.
    pub(crate) fn refused(&self, failure: &Failure) {
        let code = failure.named().unwrap_or_default();
        let place = REFUSALS.iter().position(|known| *known == code).unwrap_or(REFUSALS.len() - 1);
        add(self.refused.get(place), 1);
    }

    fn told(&self, what: Telling) {
        let place = match what {
            Telling::Expiring { .. } => 0,
            Telling::Expired => 1,
            Telling::OverlapOver => 2,
        };
        add(self.told.get(place), 1);
    }

    fn answered(&self, status: u16) {
        let class = usize::from(status / 100).saturating_sub(2).min(CLASSES.len() - 1);
        add(self.answers.get(class), 1);
        add(Some(&self.rate_limited), u64::from(status == RATE_LIMITED));
    }
}

fn add(counter: Option<&AtomicU64>, count: u64) {
    if let Some(counter) = counter {
        counter.fetch_add(count, Ordering::Relaxed);
    }
}

fn read(labels: &[&'static str], counters: &[AtomicU64]) -> Vec<Count> {
    let count = |(label, counter): (&&'static str, &AtomicU64)| Count {
        label,
        count: counter.load(Ordering::Relaxed),
    };
    labels.iter().zip(counters).map(count).collect()
}

impl Provider {
    /// Counts an answer; for adapters, which know of answers that the provider does not.
    pub fn count_answer(&self, status: u16) {
        self.counters.answered(status);
    }

    /// Counts what [`Admin::tell_of_key_ends`](crate::admin::Admin::tell_of_key_ends) told.
    pub fn count_told(&self, told: &[Told]) {
        told.iter().for_each(|told| self.counters.told(told.what));
    }

    /// What was counted.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            refused: read(&REFUSALS, &self.counters.refused),
            told: read(&TELLINGS, &self.counters.told),
            answers: read(&CLASSES, &self.counters.answers),
            rate_limited: self.counters.rate_limited.load(Ordering::Relaxed),
        }
    }

    /// Keys that end within [`ENDING_DAYS`], the next first, at most [`MAX_ENDING_KEYS`]; and those that have ended, until
    /// that was told. One that retires is none of them: another has taken its place.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn ending_keys(&self, now: Timestamp) -> Result<Vec<EndingKey>, Failure> {
        let before = now.plus_millis(i64::from(ENDING_DAYS) * DAY);
        let (mut ending, mut after) = (Vec::new(), None);
        loop {
            let question = ServerQuestion::KeysDue { before, after, limit: PAGE };
            let ServerAnswer::Keys(page) = self.server(&question).await? else { return Ok(ending) };
            let full = page.len() >= PAGE;
            after = page.last().and_then(|last| Some((last.key.due()?, last.key.id)));
            for context in page.into_iter().filter(|context| context.key.retiring.is_none()) {
                let Some(expires) = context.key.terms.expires else { continue };
                if ending.len() >= MAX_ENDING_KEYS {
                    return Ok(ending);
                }
                ending.push(EndingKey {
                    instance: context.instance.name,
                    connector: context.connector.name,
                    key: context.key.id,
                    seconds: (expires.unix_millis() - now.unix_millis()).div_euclid(1000),
                });
            }
            if !full || after.is_none() {
                return Ok(ending);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(counters: &[AtomicU64]) -> Vec<u64> {
        counters.iter().map(|counter| counter.load(Ordering::Relaxed)).collect()
    }

    #[test]
    fn answers_count_by_their_class() {
        let counters = Counters::default();
        [200, 201, 204, 304, 400, 429, 499, 500, 599]
            .into_iter()
            .for_each(|status| counters.answered(status));
        assert_eq!(counts(&counters.answers), [3, 1, 3, 2]);
        assert_eq!(counters.rate_limited.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn refusals_count_by_a_closed_list_of_codes() {
        let counters = Counters::default();
        for code in REFUSALS {
            counters.refused(&Failure::status(403, "no").advice(code, "none"));
        }
        assert_eq!(counts(&counters.refused), [1; REFUSALS.len()]);
        counters.refused(&Failure::status(403, "no").advice("new", "none"));
        counters.refused(&Failure::status(403, "no"));
        assert_eq!(counts(&counters.refused).last(), Some(&3));
    }

    /// Codes are literals beside their texts; one that is missing here would count as another.
    #[test]
    fn the_list_has_every_code_that_refuses() {
        let sources = [
            include_str!("access/force.rs"),
            include_str!("access/refused.rs"),
            include_str!("access/token.rs"),
            include_str!("access/permission.rs"),
            include_str!("oauth/client.rs"),
        ];
        let mut found = 0;
        for source in sources {
            for (at, call) in ["::ended(", "::forbidden(", ".advice("]
                .into_iter()
                .flat_map(|call| source.match_indices(call))
            {
                let arguments = source.get(at + call.len()..).unwrap_or_default().trim_start();
                let Some((code, _)) = arguments.strip_prefix('"').and_then(|text| text.split_once('"'))
                else {
                    continue;
                };
                assert!(REFUSALS.contains(&code), "{code}");
                found += 1;
            }
        }
        assert!(found >= REFUSALS.len() - 1, "{found}");
    }

    #[test]
    fn what_is_told_counts_by_what_it_is() {
        let counters = Counters::default();
        let told = [
            Telling::Expiring { days: 7 },
            Telling::Expired,
            Telling::Expiring { days: 1 },
            Telling::OverlapOver,
        ];
        told.into_iter().for_each(|what| counters.told(what));
        assert_eq!(counts(&counters.told), [2, 1, 1]);
    }
}
