//! What the store counts of its own work: atomic numbers that its threads and its callers share.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use scim_core::instant::Timestamp;
use scim_directory::{Committed, Position};
use scim_storage::{CommitError, Histogram, ReadMeasures, StoreError, StoreMeasures};

/// Bounds of how long something takes, in microseconds.
const TIMES: [u64; 15] = [
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 5_000_000,
    30_000_000,
];
/// Bounds of how many change sets are committed together.
const SIZES: [u64; 8] = [1, 2, 4, 8, 16, 32, 64, 128];
/// That nothing was committed yet.
const NEVER: i64 = i64::MIN;

/// A way to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    Get,
    Find,
    Edges,
    Facts,
    Journal,
    Events,
    Instance,
    Server,
    Ready,
}

impl Reading {
    const ALL: [Self; 9] = [
        Self::Get,
        Self::Find,
        Self::Edges,
        Self::Facts,
        Self::Journal,
        Self::Events,
        Self::Instance,
        Self::Server,
        Self::Ready,
    ];

    /// The method's name.
    const fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Find => "find",
            Self::Edges => "edges",
            Self::Facts => "facts",
            Self::Journal => "journal",
            Self::Events => "events",
            Self::Instance => "instance",
            Self::Server => "server",
            Self::Ready => "ready",
        }
    }
}

/// How a commit ends, with what it is called.
const OUTCOMES: [&str; 8] =
    ["committed", "conflict", "duplicate", "claimed", "no_seat", "too_large", "unavailable", "internal"];

/// Where `unavailable` stands.
const UNAVAILABLE: usize = 6;

const fn outcome(answer: &Result<Committed, CommitError>) -> usize {
    match answer {
        Ok(_) => 0,
        Err(CommitError::Conflict) => 1,
        Err(CommitError::Duplicate { .. }) => 2,
        Err(CommitError::Claimed { .. }) => 3,
        Err(CommitError::NoSeat { .. }) => 4,
        Err(CommitError::TooLarge) => 5,
        Err(CommitError::Store(StoreError::Unavailable { .. })) => UNAVAILABLE,
        Err(_) => 7,
    }
}

#[derive(Debug)]
struct Reads {
    time: Histogram,
    failed: AtomicU64,
}

/// The counters of one store.
#[derive(Debug)]
pub(crate) struct Meter {
    reads: [Reads; Reading::ALL.len()],
    commits: Histogram,
    outcomes: [AtomicU64; OUTCOMES.len()],
    groups: Histogram,
    transactions: Histogram,
    writes_waiting: AtomicU64,
    reads_waiting: AtomicU64,
    last_commit: AtomicI64,
    position: AtomicI64,
}

impl Default for Meter {
    fn default() -> Self {
        let reads = || Reads { time: Histogram::of_durations(&TIMES), failed: AtomicU64::new(0) };
        Self {
            reads: std::array::from_fn(|_| reads()),
            commits: Histogram::of_durations(&TIMES),
            outcomes: Default::default(),
            groups: Histogram::of_numbers(&SIZES),
            transactions: Histogram::of_durations(&TIMES),
            writes_waiting: AtomicU64::new(0),
            reads_waiting: AtomicU64::new(0),
            last_commit: AtomicI64::new(NEVER),
            position: AtomicI64::new(0),
        }
    }
}

impl Meter {
    /// Counts a read.
    pub(crate) fn read(&self, what: Reading, took: Duration, failed: bool) {
        if let Some(reads) = self.reads.get(what as usize) {
            reads.time.took(took);
            reads.failed.fetch_add(u64::from(failed), Ordering::Relaxed);
        }
    }

    /// A long read waits for a thread, until [`Meter::read_begins`].
    pub(crate) fn read_waits(&self) {
        self.reads_waiting.fetch_add(1, Ordering::Relaxed);
    }

    /// It has one, or was not taken.
    pub(crate) fn read_begins(&self) {
        self.reads_waiting.fetch_sub(1, Ordering::Relaxed);
    }

    /// A change set waits for its answer, until [`Meter::answered`] or [`Meter::write_turned_away`].
    pub(crate) fn write_waits(&self) {
        self.writes_waiting.fetch_add(1, Ordering::Relaxed);
    }

    /// A change set does not wait any more, because it was not taken.
    pub(crate) fn write_turned_away(&self) {
        self.writes_waiting.fetch_sub(1, Ordering::Relaxed);
        if let Some(count) = self.outcomes.get(UNAVAILABLE) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts an answer to what waited since then and was decided at that time.
    pub(crate) fn answered(&self, answer: &Result<Committed, CommitError>, since: Instant, at: Timestamp) {
        self.writes_waiting.fetch_sub(1, Ordering::Relaxed);
        self.commits.took(since.elapsed());
        if let Some(count) = self.outcomes.get(outcome(answer)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        if let Ok(committed) = answer {
            self.last_commit.store(at.unix_millis(), Ordering::Relaxed);
            self.position.fetch_max(committed.position.0, Ordering::Relaxed);
        }
    }

    /// Counts a transaction of so many change sets.
    pub(crate) fn transaction(&self, size: usize, took: Duration) {
        self.groups.count(size as u64);
        self.transactions.took(took);
    }

    /// What was counted; `files` is what only the store knows.
    pub(crate) fn measures(&self, files: Vec<(&'static str, u64)>) -> StoreMeasures {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (last, position) =
            (self.last_commit.load(Ordering::Relaxed), self.position.load(Ordering::Relaxed));
        let reads = Reading::ALL.iter().zip(&self.reads).map(|(what, reads)| ReadMeasures {
            operation: what.name(),
            time: reads.time.read(),
            failed: load(&reads.failed),
        });
        StoreMeasures {
            reads: reads.collect(),
            commits: self.commits.read(),
            outcomes: OUTCOMES.into_iter().zip(self.outcomes.iter().map(load)).collect(),
            groups: self.groups.read(),
            transactions: self.transactions.read(),
            writes_waiting: load(&self.writes_waiting),
            reads_waiting: load(&self.reads_waiting),
            last_commit: (last != NEVER).then(|| Timestamp::from_unix_millis(last)),
            position: (position > 0).then_some(Position(position)),
            files,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An array is indexed by what stands in [`Reading::ALL`].
    #[test]
    fn every_way_to_read_has_its_own_counter() {
        for (index, what) in Reading::ALL.into_iter().enumerate() {
            assert_eq!(what as usize, index);
            let meter = Meter::default();
            meter.read(what, Duration::from_micros(70), true);
            let measures = meter.measures(Vec::new());
            let counted: Vec<_> = measures.reads.iter().filter(|read| read.failed == 1).collect();
            assert_eq!(counted.len(), 1);
            assert_eq!((counted[0].operation, counted[0].time.count()), (what.name(), 1));
        }
    }

    #[test]
    fn commits_are_counted_by_how_they_ended() {
        let check = |answer: Result<Committed, CommitError>, expected: &str| {
            let meter = Meter::default();
            meter.write_waits();
            assert_eq!(meter.measures(Vec::new()).writes_waiting, 1);
            meter.answered(&answer, Instant::now(), Timestamp::from_unix_millis(5));
            let measures = meter.measures(Vec::new());
            let counted: Vec<_> = measures.outcomes.iter().filter(|(_, count)| *count == 1).collect();
            assert_eq!(counted.len(), 1);
            assert_eq!(counted[0].0, expected);
            assert_eq!(measures.last_commit.is_some(), answer.is_ok(), "{expected}");
            assert_eq!((measures.writes_waiting, measures.commits.count()), (0, 1));
        };
        let attribute = || "userName".to_owned();
        check(Ok(Committed { position: Position(7), effects: Vec::new() }), "committed");
        check(Err(CommitError::Conflict), "conflict");
        check(Err(CommitError::Duplicate { attribute: attribute() }), "duplicate");
        check(Err(CommitError::Claimed { attribute: attribute() }), "claimed");
        check(Err(CommitError::NoSeat { seats: 1 }), "no_seat");
        check(Err(CommitError::TooLarge), "too_large");
        let unavailable = StoreError::Unavailable { reason: "the disk is full".to_owned() };
        check(Err(unavailable.into()), "unavailable");
        check(Err(StoreError::internal("damaged").into()), "internal");
    }
}
