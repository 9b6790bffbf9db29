//! How many resources of each type there are, how many of them active and how many managed: kept in step, never counted.

use scim_directory::{AccountState, Content};

use super::Applying;
use crate::sql::Statement;

/// What one record counts for, or by how much counters move.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tallies {
    pub(super) all: i64,
    pub(super) active: i64,
    pub(super) managed: i64,
}

impl Tallies {
    /// What a record of that content counts for.
    pub(super) fn of(content: &Content) -> Self {
        let active = content.account.as_ref().is_some_and(|account| account.state == AccountState::Active);
        Self { all: 1, active: i64::from(active), managed: i64::from(content.managed_by.is_some()) }
    }

    /// How far it is from `before` to here.
    pub(super) fn since(self, before: Self) -> Self {
        Self {
            all: self.all - before.all,
            active: self.active - before.active,
            managed: self.managed - before.managed,
        }
    }
}

impl Applying<'_> {
    /// Adds to what the change set does to the counters of a type, which are written at its end: others wait for their rows.
    pub(super) fn count(&mut self, resource_type: &str, step: Tallies) {
        let sum = self.tallies.entry(resource_type.to_owned()).or_default();
        *sum = sum.since(Tallies::default().since(step));
    }

    /// The statements that write the counters, in the order of the types.
    pub(super) fn counted(&mut self) -> Vec<Statement> {
        let slot = self.slot();
        let tallies = std::mem::take(&mut self.tallies).into_iter();
        let moved = tallies.filter(|(_, step)| *step != Tallies::default());
        moved.map(|(resource_type, step)| add(self.instance, resource_type, slot, step)).collect()
    }
}

/// Moves the counters of a type.
pub(super) fn add(instance: [u8; 16], resource_type: String, slot: i64, step: Tallies) -> Statement {
    Statement::kept(
        "INSERT INTO counters (instance_id, resource_type, slot, count, active, managed) VALUES (?, ?, ?, ?, ?, ?) \
         ON CONFLICT (instance_id, resource_type, slot) DO UPDATE SET count = counters.count + excluded.count, \
         active = counters.active + excluded.active, managed = counters.managed + excluded.managed",
    )
    .blob(instance)
    .text(resource_type)
    .integer(slot)
    .integer(step.all)
    .integer(step.active)
    .integer(step.managed)
}
