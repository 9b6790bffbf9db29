//! References to nobody yet: kept, forgotten, and linked when that resource arrives.

use std::collections::BTreeSet;

use diesel::QueryableByName;
use diesel::sql_types::{Binary, Text};
use scim_core::text::Matching;
use scim_directory::{Content, EdgeEffect, EdgeOutcome, HeldReference, Key, ResourceId, Target};
use uuid::Uuid;

use super::Applying;
use super::group::Any;
use crate::error::{Refusal, damaged};
use crate::read::{USER_NAME, resource_id, target};
use crate::sql::{Bind, Statement};

#[derive(QueryableByName)]
struct Held {
    #[diesel(sql_type = Binary)]
    group_id: Vec<u8>,
    #[diesel(sql_type = Binary)]
    connector_id: Vec<u8>,
    #[diesel(sql_type = Text)]
    reference: String,
}

impl Applying<'_> {
    pub(crate) fn hold(&mut self, group: &Key, references: &[HeldReference]) -> Result<(), Refusal> {
        for HeldReference { reference, kind } in references {
            if target(self.connection, &self.set.scope, reference)? != Target::Unknown {
                return Err(Refusal::Conflict);
            }
            self.has_some(Any::Held);
            Statement::kept(
                "INSERT INTO held (instance_id, group_id, connector_id, reference, kind, folded, value_key) \
                 VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (instance_id, group_id, connector_id, reference) \
                 DO UPDATE SET kind = excluded.kind",
            )
            .blob(self.instance)
            .blob(group.id.uuid().into_bytes())
            .blob(self.connector())
            .text(reference.clone())
            .bind(Bind::OptionalText(kind.clone()))
            .text(Matching::UserName.key(reference))
            .text(Matching::IgnoreCase.key(reference))
            .run(self.connection)?;
        }
        Ok(())
    }

    pub(crate) fn release(&mut self, group: &Key, references: &[String]) -> Result<(), Refusal> {
        for reference in references {
            let release = Statement::kept(
                "DELETE FROM held WHERE instance_id = ? AND group_id = ? AND connector_id = ? AND reference = ?",
            )
            .blob(self.instance)
            .blob(group.id.uuid().into_bytes())
            .blob(self.connector())
            .text(reference.clone());
            self.connection.later(release)?;
        }
        Ok(())
    }

    /// Turns the references that mean this resource into edges: by its id, its user name, or its `externalId` at the
    /// connector that sent them. A group's own references to itself stay held.
    pub(crate) fn link_held(
        &mut self,
        key: &Key,
        content: &Content,
        external_id: Option<&str>,
    ) -> Result<Vec<EdgeEffect>, Refusal> {
        if !self.may_have(Any::Held)? {
            return Ok(Vec::new());
        }
        let user_name =
            content.index.iter().find(|entry| entry.path == USER_NAME).map(|entry| entry.key.as_str());
        let waiting = Statement::kept(
            "SELECT group_id, connector_id, reference FROM held WHERE instance_id = ? AND reference = ? \
             UNION SELECT group_id, connector_id, reference FROM held WHERE instance_id = ? AND folded = ? \
             UNION SELECT group_id, connector_id, reference FROM held \
             WHERE instance_id = ? AND reference = ? AND connector_id = ? ORDER BY group_id",
        )
        .blob(self.instance)
        .text(key.id.to_string())
        .blob(self.instance)
        .text(user_name.unwrap_or_default())
        .blob(self.instance)
        .text(external_id.unwrap_or_default())
        .blob(self.connector());
        let held: Vec<Held> = self.connection.suppose_none(waiting)?;
        let mut edges = Vec::new();
        let groups = self.groups_that_hold(&held)?;
        for held in held {
            let group = Uuid::from_slice(&held.group_id).map_err(|_| damaged("an id"))?;
            let group = Key { resource_type: "Group".into(), id: ResourceId::new(group) };
            if group.id == key.id || groups.as_ref().is_some_and(|groups| !groups.contains(&group.id)) {
                continue;
            }
            let there = Statement::kept(
                "DELETE FROM held WHERE instance_id = ? AND group_id = ? AND connector_id = ? AND reference = ?",
            )
            .blob(self.instance)
            .blob(held.group_id)
            .blob(held.connector_id)
            .text(held.reference)
            .run(self.connection)?;
            if there == 0 {
                // Forgotten in between.
                continue;
            }
            let edge = self.join(group.id, key)?;
            if edge.outcome == EdgeOutcome::Added {
                self.raise(&group)?;
                edges.push(edge);
            }
        }
        Ok(edges)
    }

    /// On PostgreSQL, the groups that are there, locked: before what they hold, as whoever changes that does.
    fn groups_that_hold(&mut self, held: &[Held]) -> Result<Option<BTreeSet<ResourceId>>, Refusal> {
        if held.is_empty() || !self.connection.is_postgres() {
            return Ok(None);
        }
        let groups = held.iter().map(|held| resource_id(&held.group_id)).collect::<Result<_, _>>()?;
        self.lock_groups(&groups).map(Some)
    }
}
