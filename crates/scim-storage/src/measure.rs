//! What a backend says of its own work, for monitoring: how long reads and commits took, what waits, how large it is.
//!
//! A [`Histogram`] counts by atomic numbers, so that nobody waits for whoever reads it. What it gives is of one moment per
//! number, not of one moment altogether: a sum may be a value ahead of its count.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use scim_core::instant::Timestamp;
use scim_directory::Position;

/// Microseconds in a second.
const SECOND: f64 = 1e6;

/// Counts values by how large they are.
#[derive(Debug)]
pub struct Histogram {
    /// The largest value of each bucket but the last, which has none.
    bounds: &'static [u64],
    /// By how much a value is divided when it is read.
    divisor: f64,
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

impl Histogram {
    /// For durations; the bounds are microseconds and grow, what is read are seconds.
    #[must_use]
    pub fn of_durations(bounds: &'static [u64]) -> Self {
        Self::new(bounds, SECOND)
    }

    /// For numbers; the bounds grow.
    #[must_use]
    pub fn of_numbers(bounds: &'static [u64]) -> Self {
        Self::new(bounds, 1.0)
    }

    fn new(bounds: &'static [u64], divisor: f64) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { bounds, divisor, counts, sum: AtomicU64::new(0) }
    }

    /// Counts a value.
    pub fn count(&self, value: u64) {
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        if let Some(bucket) = self.counts.get(bucket) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// Counts a duration.
    pub fn took(&self, time: Duration) {
        self.count(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }

    /// What was counted.
    #[must_use]
    pub fn read(&self) -> Distribution {
        #[expect(
            clippy::cast_precision_loss,
            reason = "beyond 2^53 microseconds nobody looks at the last one"
        )]
        let shown = |value: u64| value as f64 / self.divisor;
        let bounds = self.bounds.iter().map(|bound| shown(*bound)).chain([f64::INFINITY]);
        let counts = self.counts.iter().map(|count| count.load(Ordering::Relaxed));
        Distribution { buckets: bounds.zip(counts).collect(), sum: shown(self.sum.load(Ordering::Relaxed)) }
    }
}

/// How many values there were of which size.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Distribution {
    /// The largest value of each bucket, the last one infinite, and how many values are in this bucket alone.
    pub buckets: Vec<(f64, u64)>,
    /// The sum of all values.
    pub sum: f64,
}

impl Distribution {
    /// How many values there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|(_, count)| count).sum()
    }
}

/// What was read in one way.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadMeasures {
    /// Which method of the store.
    pub operation: &'static str,
    /// How long reads took, in seconds, waiting included.
    pub time: Distribution,
    /// How many of them failed.
    pub failed: u64,
}

/// What a store did since the process began, and what it does now. Nothing in it grows with the directory.
#[derive(Clone, Debug, PartialEq)]
pub struct StoreMeasures {
    /// Reads, by the store's method.
    pub reads: Vec<ReadMeasures>,
    /// How long commits took, in seconds, from when they were handed over to their answer.
    pub commits: Distribution,
    /// How commits ended, by a closed list of words.
    pub outcomes: Vec<(&'static str, u64)>,
    /// How many change sets were committed together.
    pub groups: Distribution,
    /// How long the transactions of those groups took, in seconds.
    pub transactions: Distribution,
    /// Change sets that were handed over and have no answer yet.
    pub writes_waiting: u64,
    /// Long reads for which no thread is free yet.
    pub reads_waiting: u64,
    /// When the last change set was decided that was committed by this process.
    pub last_commit: Option<Timestamp>,
    /// The last position of the log that was written by this process.
    pub position: Option<Position>,
    /// The size of each file, in bytes, by a closed list of words.
    pub files: Vec<(&'static str, u64)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_in_the_first_bucket_that_takes_it() {
        let check = |value: u64, expected: [u64; 3]| {
            let histogram = Histogram::of_numbers(&[1, 8]);
            histogram.count(value);
            let counts: Vec<u64> = histogram.read().buckets.iter().map(|(_, count)| *count).collect();
            assert_eq!(counts, expected, "{value}");
        };
        check(0, [1, 0, 0]);
        check(1, [1, 0, 0]);
        check(2, [0, 1, 0]);
        check(8, [0, 1, 0]);
        check(9, [0, 0, 1]);
        check(u64::MAX, [0, 0, 1]);
    }

    #[test]
    fn durations_are_read_in_seconds() {
        let histogram = Histogram::of_durations(&[1_000, 2_500_000]);
        [Duration::from_millis(1), Duration::from_millis(1500), Duration::from_secs(3)]
            .into_iter()
            .for_each(|time| histogram.took(time));
        let read = histogram.read();
        assert_eq!(read.buckets, [(0.001, 1), (2.5, 1), (f64::INFINITY, 1)]);
        assert_eq!((read.count(), read.sum), (3, 4.501));
    }
}
