//! The list of suspensions and deletions that wait for a person's decision.

use scim_directory::{Effect, HeldChange, HeldChangeId, HeldState};

use super::Applying;
use crate::error::Refusal;
use crate::sql::{Statement, json, word};

impl Applying<'_> {
    /// Lists a removal, unless the same one of that person is listed already.
    pub(super) fn put_on_list(&mut self, held: &HeldChange) -> Result<Effect, Refusal> {
        self.touched = true;
        Statement::kept(
            "INSERT INTO held_changes (instance_id, id, resource_type, resource_id, name, removal, \
             connector_id, at_ms, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        )
        .blob(self.instance)
        .blob(held.id.uuid().into_bytes())
        .text(&*held.key.resource_type)
        .blob(held.key.id.uuid().into_bytes())
        .optional_text(held.name.clone())
        .text(word(held.removal)?)
        .blob(held.connector.uuid().into_bytes())
        .integer(held.at.unix_millis())
        .text(json(&held.state)?)
        .run(self.connection)?;
        Ok(self.no_record())
    }

    /// Takes a released removal off the list.
    pub(super) fn take_off_list(&mut self, id: HeldChangeId) -> Result<Effect, Refusal> {
        self.touched = true;
        let gone = Statement::kept("DELETE FROM held_changes WHERE instance_id = ? AND id = ? AND state = ?")
            .blob(self.instance)
            .blob(id.uuid().into_bytes())
            .text(json(&HeldState::Released)?)
            .run(self.connection)?;
        if gone == 1 { Ok(self.no_record()) } else { Err(Refusal::Conflict) }
    }

    /// Decides on a removal that is on the list.
    pub(super) fn decide(&mut self, id: HeldChangeId, state: &HeldState) -> Result<(), Refusal> {
        self.one_row(
            Statement::kept("UPDATE held_changes SET state = ? WHERE instance_id = ? AND id = ?")
                .text(json(state)?)
                .blob(self.instance)
                .blob(id.uuid().into_bytes()),
            || Refusal::Conflict,
        )
    }
}
