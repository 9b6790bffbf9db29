//! How far the log and the outbox reach, and how many changes wait for a person: what monitoring asks now and then.

use scim_core::instant::Timestamp;
use scim_directory::Position;

/// From where to where something reaches that is written in commit order and pruned from its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    /// Where the oldest one stands, and when it was decided.
    pub oldest: (Position, Timestamp),
    /// The same of the newest.
    pub newest: (Position, Timestamp),
}

/// What is kept and waits, over all instances.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// The log; `None` where it is empty.
    pub log: Option<Reach>,
    /// The outbox.
    pub outbox: Option<Reach>,
    /// The names of the instances with the most held changes that wait for a decision, and how many those are; the most
    /// first, then by name.
    pub held: Vec<(String, u64)>,
    /// How many wait in all other instances together.
    pub held_elsewhere: u64,
}

impl Backlog {
    /// Puts what was counted by instance in order, and all but so many instances together.
    #[must_use]
    pub fn with_held(self, mut held: Vec<(String, u64)>, instances: usize) -> Self {
        held.sort_by(|left, right| right.1.cmp(&left.1).then_with(|| left.0.cmp(&right.0)));
        let others = held.split_off(instances.min(held.len()));
        Self { held, held_elsewhere: others.iter().map(|(_, count)| count).sum(), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_come_first_and_the_rest_together() {
        let check = |instances: usize, expected: &[(&str, u64)], elsewhere: u64| {
            let held = [("a", 1), ("c", 5), ("b", 5), ("d", 2)].map(|(name, count)| (name.to_owned(), count));
            let backlog = Backlog::default().with_held(held.to_vec(), instances);
            let held: Vec<_> = backlog.held.iter().map(|(name, count)| (name.as_str(), *count)).collect();
            assert_eq!((held.as_slice(), backlog.held_elsewhere), (expected, elsewhere), "{instances}");
        };
        check(9, &[("b", 5), ("c", 5), ("d", 2), ("a", 1)], 0);
        check(2, &[("b", 5), ("c", 5)], 3);
        check(0, &[], 13);
    }
}
