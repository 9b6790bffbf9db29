//! What a cycle did, counted, with the first failures and the times that answers took.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};

/// Failures and mismatches beyond this many are counted only.
const EXAMPLES: usize = 50;

/// Both cycles of a run.
#[derive(Debug, Clone, Default, Serialize)]
#[non_exhaustive]
pub struct Summary {
    /// The initial cycle.
    pub initial: CycleSummary,
    /// The incremental cycle.
    pub incremental: CycleSummary,
}

impl Summary {
    /// Nothing failed, and everything was found as it was written.
    pub fn is_clean(&self) -> bool {
        self.initial.is_clean() && self.incremental.is_clean()
    }
}

/// What one cycle did.
#[derive(Debug, Clone, Default, Serialize)]
#[non_exhaustive]
pub struct CycleSummary {
    /// People created.
    pub people_created: u64,
    /// People who were there already when they were searched for.
    pub people_matched: u64,
    /// People changed because mapped attributes differed.
    pub people_updated: u64,
    /// People who needed no change.
    pub people_unchanged: u64,
    /// People disabled (`active` false).
    pub people_disabled: u64,
    /// People deleted.
    pub people_deleted: u64,
    /// Managers written.
    pub managers_set: u64,
    /// Managers who were there already.
    pub managers_unchanged: u64,
    /// Groups created.
    pub groups_created: u64,
    /// Groups that were there already.
    pub groups_matched: u64,
    /// Groups changed other than by members.
    pub groups_updated: u64,
    /// Members added.
    pub members_added: u64,
    /// Members removed.
    pub members_removed: u64,
    /// Managers and members left out, because the person or the group could not be created.
    pub references_postponed: u64,
    /// People read back.
    pub people_read_back: u64,
    /// Groups read back.
    pub groups_read_back: u64,
    /// Values that were not found as they were written.
    pub mismatches: u64,
    /// The first of them.
    pub mismatch_examples: Vec<Mismatch>,
    /// Requests that failed for good.
    pub failures: u64,
    /// The first of them.
    pub failure_examples: Vec<Failure>,
    /// Requests sent again after 429, 503 or a lost connection.
    pub retries: u64,
    /// How long answers took, by kind of request; every try counts.
    pub latencies: BTreeMap<RequestKind, Latency>,
    /// How long the cycle took, without reading back. In JSON: seconds.
    #[serde(serialize_with = "as_seconds")]
    pub duration: Duration,
    /// Requests in that time.
    pub requests: u64,
}

/// A request that failed for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Failure {
    /// What was asked.
    pub request: RequestKind,
    /// User name or name of the group.
    pub subject: String,
    /// HTTP status; `None` when no answer came.
    pub status: Option<u16>,
    /// `detail` of the SCIM error, or what else there was.
    pub detail: String,
}

/// A value that was not found as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Mismatch {
    /// User name or name of the group.
    pub subject: String,
    /// Path of the attribute.
    pub attribute: String,
    /// What was written.
    pub expected: String,
    /// What was read.
    pub found: String,
}

/// The requests that are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RequestKind {
    /// A search of *Test Connection*.
    TestConnection,
    /// `GET /Users?filter=userName eq …`
    MatchPerson,
    /// `POST /Users`
    CreatePerson,
    /// `GET /Users/{id}`
    ReadPerson,
    /// `PATCH /Users/{id}`
    UpdatePerson,
    /// `DELETE /Users/{id}`
    DeletePerson,
    /// `GET` with `id eq … and manager eq …` or `members eq …`
    CheckReference,
    /// `PATCH /Users/{id}` of the manager
    SetManager,
    /// `GET /Groups?filter=displayName eq …`
    MatchGroup,
    /// `POST /Groups`
    CreateGroup,
    /// `GET /Groups/{id}`
    ReadGroup,
    /// `PATCH /Groups/{id}` of anything but members
    UpdateGroup,
    /// `PATCH /Groups/{id}` of members
    ChangeMembers,
}

impl fmt::Display for RequestKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::TestConnection => "test connection",
            Self::MatchPerson => "match person",
            Self::CreatePerson => "create person",
            Self::ReadPerson => "read person",
            Self::UpdatePerson => "update person",
            Self::DeletePerson => "delete person",
            Self::CheckReference => "check reference",
            Self::SetManager => "set manager",
            Self::MatchGroup => "match group",
            Self::CreateGroup => "create group",
            Self::ReadGroup => "read group",
            Self::UpdateGroup => "update group",
            Self::ChangeMembers => "change members",
        })
    }
}

impl CycleSummary {
    /// Nothing failed, and everything was found as it was written.
    pub fn is_clean(&self) -> bool {
        self.failures == 0 && self.mismatches == 0
    }

    /// Requests in a second of the cycle, without reading back.
    pub fn requests_per_second(&self) -> f64 {
        let seconds = self.duration.as_secs_f64();
        if seconds > 0.0 { self.requests as f64 / seconds } else { 0.0 }
    }

    /// How long answers took, whatever was asked.
    pub fn latency(&self) -> Latency {
        let mut all = Latency::default();
        self.latencies.values().for_each(|latency| all.merge(latency));
        all
    }

    /// Everything counted, with a label, in the order to show it.
    pub fn counts(&self) -> [(&'static str, u64); 19] {
        [
            ("people created", self.people_created),
            ("people matched", self.people_matched),
            ("people updated", self.people_updated),
            ("people unchanged", self.people_unchanged),
            ("people disabled", self.people_disabled),
            ("people deleted", self.people_deleted),
            ("managers set", self.managers_set),
            ("managers unchanged", self.managers_unchanged),
            ("groups created", self.groups_created),
            ("groups matched", self.groups_matched),
            ("groups updated", self.groups_updated),
            ("members added", self.members_added),
            ("members removed", self.members_removed),
            ("references postponed", self.references_postponed),
            ("people read back", self.people_read_back),
            ("groups read back", self.groups_read_back),
            ("mismatches", self.mismatches),
            ("failures", self.failures),
            ("retries", self.retries),
        ]
    }

    pub(crate) fn fail(&mut self, failure: Failure) {
        self.failures += 1;
        if self.failure_examples.len() < EXAMPLES {
            self.failure_examples.push(failure);
        }
    }

    pub(crate) fn mismatch(&mut self, mismatch: Mismatch) {
        self.mismatches += 1;
        if self.mismatch_examples.len() < EXAMPLES {
            self.mismatch_examples.push(mismatch);
        }
    }
}

/// Times in buckets that are at most 7 % wide, so that millions of them take no memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Latency {
    count: u64,
    max: Duration,
    /// Bucket to number of times in it.
    buckets: BTreeMap<u32, u64>,
}

impl Latency {
    pub(crate) fn record(&mut self, time: Duration) {
        self.count += 1;
        self.max = self.max.max(time);
        *self.buckets.entry(bucket(micros(time))).or_default() += 1;
    }

    fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.max = self.max.max(other.max);
        for (bucket, count) in &other.buckets {
            *self.buckets.entry(*bucket).or_default() += count;
        }
    }

    /// How many requests.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The slowest.
    pub fn max(&self) -> Duration {
        self.max
    }

    /// The time within which that share (0 to 1) of the requests was answered; at most 7 % too high.
    pub fn quantile(&self, share: f64) -> Duration {
        let mut seen = 0;
        for (bucket, count) in &self.buckets {
            seen += count;
            if seen as f64 >= share * self.count as f64 {
                return Duration::from_micros(upper(*bucket)).min(self.max);
            }
        }
        self.max
    }

    /// The median.
    pub fn p50(&self) -> Duration {
        self.quantile(0.5)
    }

    /// All but one in a hundred were faster.
    pub fn p99(&self) -> Duration {
        self.quantile(0.99)
    }
}

impl Serialize for Latency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let millis = |d: Duration| d.as_secs_f64() * 1000.0;
        let mut out = serializer.serialize_struct("Latency", 4)?;
        out.serialize_field("count", &self.count)?;
        out.serialize_field("p50_ms", &millis(self.p50()))?;
        out.serialize_field("p99_ms", &millis(self.p99()))?;
        out.serialize_field("max_ms", &millis(self.max))?;
        out.end()
    }
}

fn as_seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// Sixteen buckets for each power of two.
fn bucket(micros: u64) -> u32 {
    let exponent = micros.max(16).ilog2() - 4;
    let mantissa = u32::try_from(micros >> exponent).unwrap_or(31);
    exponent * 16 + mantissa
}

/// The highest time of a bucket.
fn upper(bucket: u32) -> u64 {
    let exponent = (bucket / 16).saturating_sub(1);
    let mantissa = u64::from(bucket - exponent * 16) + 1;
    mantissa.checked_shl(exponent).map_or(u64::MAX, |n| n.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_narrow_and_in_order() {
        let mut last = 0;
        for micros in (0..200_000).chain([1 << 40, u64::MAX >> 8]) {
            let bucket = bucket(micros);
            assert!(bucket >= last, "{micros}");
            last = bucket;
            let upper = upper(bucket);
            assert!(upper >= micros && upper as f64 <= micros as f64 * 1.07 + 1.0, "{micros}: {upper}");
        }
    }

    #[test]
    fn quantiles() {
        let mut latency = Latency::default();
        assert_eq!(latency.p50(), Duration::ZERO);
        (1..=1000).for_each(|n| latency.record(Duration::from_millis(n)));
        let near = |d: Duration, ms: f64| (d.as_secs_f64() * 1000.0 / ms - 1.0).abs() < 0.07;
        assert!(near(latency.p50(), 500.0), "{:?}", latency.p50());
        assert!(near(latency.p99(), 990.0), "{:?}", latency.p99());
        assert_eq!((latency.count(), latency.max()), (1000, Duration::from_secs(1)));
        assert_eq!(latency.quantile(1.0), Duration::from_secs(1));
    }

    #[test]
    fn latencies_of_all_kinds_count_together() {
        let mut summary = CycleSummary::default();
        for (kind, millis) in [(RequestKind::CreatePerson, 1), (RequestKind::ReadPerson, 100)] {
            summary.latencies.entry(kind).or_default().record(Duration::from_millis(millis));
        }
        let all = summary.latency();
        assert_eq!((all.count(), all.max()), (2, Duration::from_millis(100)));
        assert!(all.p50() < Duration::from_millis(2), "{:?}", all.p50());
    }

    #[test]
    fn only_the_first_failures_are_kept() {
        let mut summary = CycleSummary::default();
        let failure = Failure {
            request: RequestKind::CreatePerson,
            subject: "a".to_owned(),
            status: Some(400),
            detail: "b".to_owned(),
        };
        (0..1000).for_each(|_| summary.fail(failure.clone()));
        assert_eq!((summary.failures, summary.failure_examples.len()), (1000, EXAMPLES));
        assert!(!summary.is_clean());
    }
}
