//! Leases: which of several nodes does what one is to do for all.

use scim_directory::{LeaseChange, Scope};

use super::Applying;
use crate::error::Refusal;
use crate::sql::Statement;

impl Applying<'_> {
    pub(super) fn lease(&mut self, change: &LeaseChange) -> Result<(), Refusal> {
        self.require_own(Scope::SERVER.instance)?;
        let at = self.set.at.unix_millis();
        match change {
            LeaseChange::Hold { name, holder, expected: None } => {
                let take = Statement::kept(
                    "INSERT INTO leases (name, holder, turn, at_ms) VALUES (?, ?, 1, ?) ON CONFLICT DO NOTHING",
                )
                .text(name.clone())
                .blob(holder.uuid().into_bytes())
                .integer(at);
                self.one_row(take, || Refusal::Conflict)
            }
            LeaseChange::Hold { name, holder, expected: Some(expected) } => {
                let take = Statement::kept(
                    "UPDATE leases SET holder = ?, turn = turn + 1, at_ms = ? WHERE name = ? AND turn = ?",
                )
                .blob(holder.uuid().into_bytes())
                .integer(at)
                .text(name.clone())
                .integer(*expected);
                self.one_row(take, || Refusal::Conflict)
            }
            LeaseChange::GiveUp { name, holder } => {
                Statement::kept(
                    "UPDATE leases SET holder = NULL, turn = turn + 1, at_ms = ? WHERE name = ? AND holder = ?",
                )
                .integer(at)
                .text(name.clone())
                .blob(holder.uuid().into_bytes())
                .run(self.connection)?;
                Ok(())
            }
        }
    }
}
