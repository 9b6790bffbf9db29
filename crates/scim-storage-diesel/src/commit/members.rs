//! Members joining and leaving a group, edge by edge: nothing here depends on the size of the group.

use std::collections::{BTreeMap, BTreeSet};

use scim_directory::{EdgeEffect, EdgeOutcome, Effect, Key, MemberChange, ResourceId};

use super::Applying;
use super::rows::{is_edges_alone, stored};
use crate::error::Refusal;
use crate::read::resource_id;
use crate::sql::{Id, Number, Statement};

impl Applying<'_> {
    pub(crate) fn members(&mut self, change: &MemberChange) -> Result<Effect, Refusal> {
        let group = &change.group;
        // Where edges are supposed to come or go, the change of the version finds out whether the group is there.
        let moving = is_edges_alone(change) && !(change.add.is_empty() && change.remove.is_empty());
        let standing = match self.connection.is_supposing() && moving {
            true => None,
            false => Some(self.standing(group)?.ok_or(Refusal::Conflict)?),
        };
        if let Some(standing) = &standing {
            self.check(group.id, standing.version, change.expected)?;
        }
        self.touched = true;
        if change.release_all {
            let release = Statement::kept("DELETE FROM held WHERE instance_id = ? AND group_id = ?")
                .blob(self.instance)
                .blob(group.id.uuid().into_bytes());
            self.connection.later(release)?;
        }
        self.release(group, &change.release)?;
        self.hold(group, &change.hold)?;
        let edges = if self.connection.is_postgres() {
            self.edges_at_once(change)?
        } else {
            let mut edges = Vec::with_capacity(change.add.len() + change.remove.len());
            for member in &change.remove {
                edges.push(self.leave(group.id, *member)?);
            }
            for member in &change.add {
                edges.push(self.join(group.id, member)?);
            }
            edges
        };
        let moved =
            edges.iter().any(|edge| matches!(edge.outcome, EdgeOutcome::Added | EdgeOutcome::Removed));
        let effect = match standing {
            Some(standing) if !moved => standing,
            _ => self.raise(group)?,
        };
        Ok(Effect { edges, ..effect })
    }

    /// The same in three statements, whatever the number of members. Those that are there were locked (see [`super::rows`]), or
    /// are this change set's own.
    fn edges_at_once(&mut self, change: &MemberChange) -> Result<Vec<EdgeEffect>, Refusal> {
        let group = change.group.id;
        let left = self.leave_at_once(group, &change.remove)?;
        let joined = self.join_at_once(group, &change.add)?;
        let edges: Vec<EdgeEffect> = left.into_iter().chain(joined).collect();
        let moved: BTreeSet<ResourceId> = edges
            .iter()
            .filter(|edge| matches!(edge.outcome, EdgeOutcome::Added | EdgeOutcome::Removed))
            .map(|edge| edge.member)
            .collect();
        self.count_memberships(&moved)?;
        Ok(edges)
    }

    fn leave_at_once(
        &mut self,
        group: ResourceId,
        members: &[ResourceId],
    ) -> Result<Vec<EdgeEffect>, Refusal> {
        if members.is_empty() {
            return Ok(Vec::new());
        }
        let wanted: BTreeSet<ResourceId> = members.iter().copied().collect();
        // Each is found by itself: until the table is analysed, `= ANY` is held against every member of the group. (And PostgreSQL
        // keeps this plan: it does not look into an array that a subquery gives.)
        let leave = Statement::of_postgres(
            "DELETE FROM members WHERE ctid = ANY(ARRAY(SELECT k.place FROM unnest((SELECT $3)) AS w (id) CROSS JOIN LATERAL \
             (SELECT m.ctid AS place FROM members m WHERE m.instance_id = $1 AND m.group_id = $2 AND m.member_id = w.id \
             LIMIT 1) k)) RETURNING member_id AS id",
        )
        .blob(self.instance)
        .blob(group.uuid().into_bytes())
        .blobs(stored(&wanted));
        let all = wanted.len();
        let rows: Vec<Id> =
            self.connection.suppose(leave, rows_of(&wanted), move |rows| rows.len() == all)?;
        let mut gone = ids(&rows)?;
        let outcome = |moved| if moved { EdgeOutcome::Removed } else { EdgeOutcome::Unchanged };
        let edge = |member: &ResourceId| EdgeEffect {
            group,
            member: *member,
            outcome: outcome(gone.remove(member)),
        };
        Ok(members.iter().map(edge).collect())
    }

    fn join_at_once(&mut self, group: ResourceId, members: &[Key]) -> Result<Vec<EdgeEffect>, Refusal> {
        if members.is_empty() {
            return Ok(Vec::new());
        }
        let wanted: BTreeSet<ResourceId> = members.iter().map(|member| member.id).collect();
        // Those that were locked are there, and it is supposed that all were.
        let live = if self.connection.is_supposing() {
            wanted
        } else {
            let live =
                Statement::of_postgres("SELECT id FROM resources WHERE instance_id = $1 AND id = ANY($2)")
                    .blob(self.instance)
                    .blobs(stored(&wanted));
            ids(&live.rows::<Id>(self.connection)?)?
        };
        let new: BTreeMap<ResourceId, &str> = members
            .iter()
            .filter(|member| live.contains(&member.id))
            .map(|member| (member.id, &*member.resource_type))
            .collect();
        let join = Statement::of_postgres(
            "INSERT INTO members (instance_id, group_id, member_id, member_type) \
             SELECT $1, $2, m.id, m.type FROM unnest($3, $4) AS m (id, type) \
             ON CONFLICT DO NOTHING RETURNING member_id AS id",
        )
        .blob(self.instance)
        .blob(group.uuid().into_bytes())
        .blobs(new.keys().map(|id| id.uuid().into_bytes()))
        .texts(new.values().copied());
        let all: BTreeSet<ResourceId> = new.keys().copied().collect();
        let wanted = all.len();
        let rows: Vec<Id> = self.connection.suppose(join, rows_of(&all), move |rows| rows.len() == wanted)?;
        let mut added = ids(&rows)?;
        let edge = |member: &Key| {
            let outcome = match (live.contains(&member.id), added.remove(&member.id)) {
                (false, _) => EdgeOutcome::Gone,
                (true, true) => EdgeOutcome::Added,
                (true, false) => EdgeOutcome::Unchanged,
            };
            EdgeEffect { group, member: member.id, outcome }
        };
        Ok(members.iter().map(edge).collect())
    }

    pub(super) fn count_memberships(&mut self, members: &BTreeSet<ResourceId>) -> Result<(), Refusal> {
        if members.is_empty() {
            return Ok(());
        }
        let count = Statement::of_postgres(
            "UPDATE resources SET membership = membership + 1 WHERE instance_id = $1 AND id = ANY($2)",
        )
        .blob(self.instance)
        .blobs(stored(members));
        self.connection.later(count)?;
        Ok(())
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

fn rows_of(ids: &BTreeSet<ResourceId>) -> Vec<Id> {
    stored(ids).map(|id| Id { id: id.to_vec() }).collect()
}

fn ids(rows: &[Id]) -> Result<BTreeSet<ResourceId>, Refusal> {
    Ok(rows.iter().map(|row| resource_id(&row.id)).collect::<Result<_, _>>()?)
}
