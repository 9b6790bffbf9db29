//! What rounds say together: medians, with the least and the most beside them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::drive::Outcome;

/// A figure of several rounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// The least of them.
    pub min: f64,
    /// The middle one; of an even number the mean of the two in the middle.
    pub median: f64,
    /// The most of them.
    pub max: f64,
}

impl Spread {
    /// Of some values; nothing where there is none.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        let upper = *sorted.get(middle)?;
        let lower = if sorted.len().is_multiple_of(2) { *sorted.get(middle.checked_sub(1)?)? } else { upper };
        Some(Self { min: *sorted.first()?, median: f64::midpoint(lower, upper), max: *sorted.last()? })
    }
}

/// One round.
#[derive(Clone, Copy, Debug)]
pub struct Round {
    /// CPU time of the server for an operation, in microseconds; none where no process was named.
    pub cpu: Option<f64>,
    /// Operations a second.
    pub rate: f64,
    /// Times of operations at the percentiles 50, 99 and 99.9, in microseconds.
    pub times: [f64; 3],
    /// Operations.
    pub operations: u64,
}

impl Round {
    /// From what was sent and the CPU time that the server took for it.
    #[must_use]
    pub fn new(outcome: &Outcome, cpu: Option<Duration>) -> Self {
        let micros = |time: Duration| time.as_secs_f64() * 1e6 / (outcome.operations.max(1) as f64);
        let at = |quantile: f64| outcome.times.value_at_quantile(quantile) as f64 / 1e3;
        Self {
            cpu: cpu.map(micros),
            rate: outcome.rate(),
            times: [at(0.5), at(0.99), at(0.999)],
            operations: outcome.operations,
        }
    }
}

/// The rounds of a workload on a server.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// CPU time of the server for an operation, in microseconds.
    pub cpu: Option<Spread>,
    /// Operations a second.
    pub rate: Spread,
    /// The time within which half of the operations were answered, in microseconds.
    pub p50: Spread,
    /// The same for 99 % of them.
    pub p99: Spread,
    /// The same for 99.9 % of them.
    pub p999: Spread,
    /// Operations of all rounds.
    pub operations: u64,
}

impl Figures {
    /// Of some rounds; nothing where there is none.
    #[must_use]
    pub fn of(rounds: &[Round]) -> Option<Self> {
        let spread = |of: fn(&Round) -> f64| Spread::of(&rounds.iter().map(of).collect::<Vec<_>>());
        Some(Self {
            cpu: Spread::of(&rounds.iter().filter_map(|round| round.cpu).collect::<Vec<_>>()),
            rate: spread(|round| round.rate)?,
            p50: spread(|round| round.times[0])?,
            p99: spread(|round| round.times[1])?,
            p999: spread(|round| round.times[2])?,
            operations: rounds.iter().map(|round| round.operations).sum(),
        })
    }
}

#[cfg(test)]
mod tests {
    use hdrhistogram::Histogram;

    use super::*;

    #[test]
    fn a_median_is_in_the_middle() {
        let check = |values: &[f64], expected: Option<(f64, f64, f64)>| {
            let seen = Spread::of(values).map(|spread| (spread.min, spread.median, spread.max));
            assert_eq!(seen, expected, "{values:?}");
        };
        check(&[3.0, 1.0, 2.0], Some((1.0, 2.0, 3.0)));
        check(&[4.0, 1.0, 2.0, 9.0], Some((1.0, 3.0, 9.0)));
        check(&[5.0], Some((5.0, 5.0, 5.0)));
        check(&[], None);
    }

    #[test]
    fn a_round_is_told_by_operation() {
        let mut times = Histogram::new_with_bounds(1, 3_600_000_000_000, 3).expect("bounds");
        for micros in 1..=1000 {
            times.record(micros * 1000).expect("within the bounds");
        }
        let elapsed = Duration::from_millis(500);
        let outcome = Outcome { operations: 1000, requests: 3000, elapsed, times };
        let round = Round::new(&outcome, Some(Duration::from_millis(40)));
        assert_eq!((round.cpu, round.rate), (Some(40.0), 2000.0));
        assert!((round.times[0] - 500.0).abs() < 1.0, "{round:?}");
        assert!((round.times[1] - 990.0).abs() < 2.0, "{round:?}");
        let figures = Figures::of(&[round, Round { cpu: None, ..round }]).expect("figures");
        assert_eq!((figures.operations, figures.cpu.map(|cpu| cpu.max)), (2000, Some(40.0)));
        assert_eq!(Figures::of(&[]), None);
    }
}
