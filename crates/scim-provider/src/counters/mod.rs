//! What the server counts of its own work, for monitoring: numbers by labels that are closed lists, never a name, an address or
//! a key. They begin at 0 with the process; each node has its own. What is counted by connector has a bound (`connectors.rs`);
//! what runs beside requests tells `housekeeping.rs`.

mod connectors;
mod ending;
mod housekeeping;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use scim_storage::StoreMeasures;

use self::connectors::Connectors;
pub use self::connectors::{ConnectorCounts, MAX_CONNECTORS, OTHERS};
pub use self::ending::{ENDING_DAYS, EndingKey, MAX_ENDING_KEYS, MAX_HELD, MAX_HOLDING_INSTANCES};
pub use self::housekeeping::{Housekeeping, HousekeepingCounts, Job, JobCounts, MailOutcome};
use crate::Provider;
use crate::admin::{Telling, Told};
use crate::failure::Failure;

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
}

/// The counters themselves.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    refused: [AtomicU64; REFUSALS.len()],
    told: [AtomicU64; TELLINGS.len()],
    pub(crate) connectors: Connectors,
    housekeeping: Arc<Housekeeping>,
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
        }
    }

    /// Where what runs beside requests is counted: jobs and mail.
    #[must_use]
    pub fn housekeeping(&self) -> &Arc<Housekeeping> {
        &self.counters.housekeeping
    }

    /// What the store says of its own work; see [`scim_storage::Store::measures`].
    #[must_use]
    pub fn store_measures(&self) -> Option<StoreMeasures> {
        self.store.measures()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(counters: &[AtomicU64]) -> Vec<u64> {
        counters.iter().map(|counter| counter.load(Ordering::Relaxed)).collect()
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
            include_str!("../access/force.rs"),
            include_str!("../access/refused.rs"),
            include_str!("../access/token.rs"),
            include_str!("../access/permission.rs"),
            include_str!("../oauth/client.rs"),
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
