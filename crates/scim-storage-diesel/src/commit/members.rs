//! Members joining and leaving a group, edge by edge: nothing here depends on the size of the group.

use scim_directory::{EdgeEffect, EdgeOutcome, Effect, Key, MemberChange, ResourceId};

use super::Applying;
use crate::error::Refusal;
use crate::sql::{Number, Statement};

impl Applying<'_> {
    pub(crate) fn members(&mut self, change: &MemberChange) -> Result<Effect, Refusal> {
        let group = &change.group;
        let standing = self.standing(group)?.ok_or(Refusal::Conflict)?;
        self.check(group.id, standing.version, change.expected)?;
        if change.release_all {
            Statement::kept("DELETE FROM held WHERE instance_id = ? AND group_id = ?")
                .blob(self.instance)
                .blob(group.id.uuid().into_bytes())
                .run(self.connection)?;
        }
        self.release(group, &change.release)?;
        self.hold(group, &change.hold)?;
        let mut edges = Vec::with_capacity(change.add.len() + change.remove.len());
        for member in &change.remove {
            edges.push(self.leave(group.id, *member)?);
        }
        for member in &change.add {
            edges.push(self.join(group.id, member)?);
        }
        let moved =
            edges.iter().any(|edge| matches!(edge.outcome, EdgeOutcome::Added | EdgeOutcome::Removed));
        let effect = if moved { self.raise(group)? } else { standing };
        Ok(Effect { edges, ..effect })
    }

    /// Adds an edge, if the member is there and not in the group yet.
    pub(crate) fn join(&mut self, group: ResourceId, member: &Key) -> Result<EdgeEffect, Refusal> {
        let id = member.id.uuid().into_bytes();
        let live = Statement::kept("SELECT count(*) AS n FROM resources WHERE instance_id = ? AND id = ?")
            .blob(self.instance)
            .blob(id)
            .row::<Number>(self.connection)?
            .is_some_and(|row| row.n > 0);
        let outcome = if live {
            let added = Statement::kept(
                "INSERT INTO members (instance_id, group_id, member_id, member_type) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            )
            .blob(self.instance)
            .blob(group.uuid().into_bytes())
            .blob(id)
            .text(&*member.resource_type)
            .run(self.connection)?;
            if added == 1 { EdgeOutcome::Added } else { EdgeOutcome::Unchanged }
        } else {
            EdgeOutcome::Gone
        };
        if outcome == EdgeOutcome::Added {
            self.count_membership(member.id)?;
        }
        Ok(EdgeEffect { group, member: member.id, outcome })
    }

    fn leave(&mut self, group: ResourceId, member: ResourceId) -> Result<EdgeEffect, Refusal> {
        let removed =
            Statement::kept("DELETE FROM members WHERE instance_id = ? AND group_id = ? AND member_id = ?")
                .blob(self.instance)
                .blob(group.uuid().into_bytes())
                .blob(member.uuid().into_bytes())
                .run(self.connection)?;
        let outcome = if removed == 1 { EdgeOutcome::Removed } else { EdgeOutcome::Unchanged };
        if removed == 1 {
            self.count_membership(member)?;
        }
        Ok(EdgeEffect { group, member, outcome })
    }

    fn count_membership(&mut self, member: ResourceId) -> Result<(), Refusal> {
        Statement::kept("UPDATE resources SET membership = membership + 1 WHERE instance_id = ? AND id = ?")
            .blob(self.instance)
            .blob(member.uuid().into_bytes())
            .run(self.connection)?;
        Ok(())
    }
}
