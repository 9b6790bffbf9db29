//! Leases.

use scim_core::instant::Timestamp;
use scim_directory::{InstanceId, Lease, LeaseChange, NodeId, Scope};

use super::admin::{Administration, require_own};
use crate::CommitError;

impl Administration {
    /// Applies a change of leases to a draft.
    pub(super) fn apply_to_leases(
        &mut self,
        instance: InstanceId,
        at: Timestamp,
        change: &LeaseChange,
    ) -> Result<(), CommitError> {
        require_own(Scope::SERVER.instance, instance)?;
        match change {
            LeaseChange::Hold { name, holder, expected } => {
                let known = self.leases.get(name).map(|lease| lease.turn);
                if known != *expected {
                    return Err(CommitError::Conflict);
                }
                self.turn(name, Some(*holder), at);
            }
            LeaseChange::GiveUp { name, holder } => {
                if self.leases.get(name).is_some_and(|lease| lease.holder == Some(*holder)) {
                    self.turn(name, None, at);
                }
            }
        }
        Ok(())
    }

    fn turn(&mut self, name: &str, holder: Option<NodeId>, at: Timestamp) {
        let turn = self.leases.get(name).map_or(0, |lease| lease.turn) + 1;
        self.leases.insert(name.to_owned(), Lease { name: name.to_owned(), holder, turn, at });
    }
}
