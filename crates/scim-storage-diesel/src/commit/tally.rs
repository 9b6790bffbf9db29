//! How many resources of each type there are, how many of them active and how many managed: kept in step, never counted.

use scim_directory::{AccountState, Content};

use super::Applying;
use crate::error::{Refusal, damaged};
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
    pub(super) fn count(&mut self, resource_type: &str, step: Tallies) -> Result<(), Refusal> {
        if step == Tallies::default() {
            return Ok(());
        }
        let rows = Statement::kept(
            "INSERT INTO counters (instance_id, resource_type, slot, count, active, managed) VALUES (?, ?, ?, ?, ?, ?) \
             ON CONFLICT (instance_id, resource_type, slot) DO UPDATE SET count = counters.count + excluded.count, \
             active = counters.active + excluded.active, managed = counters.managed + excluded.managed",
        )
        .blob(self.instance)
        .text(resource_type)
        .integer(self.slot())
        .integer(step.all)
        .integer(step.active)
        .integer(step.managed)
        .run(self.connection)?;
        if rows == 1 { Ok(()) } else { Err(damaged("a counter").into()) }
    }
}
