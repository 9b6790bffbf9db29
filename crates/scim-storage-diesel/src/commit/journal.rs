//! Log records in the same commit, of what really happened.

use std::collections::HashSet;

use diesel::QueryableByName;
use diesel::sql_types::BigInt;
use scim_directory::{
    Action, AttributeChange, Change, EdgeEffect, EdgeOutcome, Effect, LogRecord, LogResource, LogStatus,
    Position,
};

use super::Applying;
use crate::error::{Refusal, damaged};
use crate::sql::{Bind, Statement};

#[derive(QueryableByName)]
struct Inserted {
    #[diesel(sql_type = BigInt)]
    position: i64,
}

impl Applying<'_> {
    /// Writes the log; the last record's position, or 0 where there is none.
    pub(crate) fn journal(&mut self, effects: &[Effect]) -> Result<Position, Refusal> {
        let changed: HashSet<(String, String, EdgeOutcome)> = self
            .set
            .changes
            .iter()
            .zip(effects)
            .filter(|(change, _)| matches!(change, Change::Members(_)))
            .flat_map(|(_, effect)| &effect.edges)
            .map(|edge| (edge.group.to_string(), edge.member.to_string(), edge.outcome))
            .collect();
        let mut position = Position(0);
        let set = self.set;
        for record in &set.log {
            if let Some(record) = really(record, &changed) {
                position = self.log(&record)?;
            }
        }
        for (change, effect) in set.changes.iter().zip(effects) {
            if matches!(change, Change::Create(_) | Change::Update { .. }) {
                for edge in &effect.edges {
                    position = self.log(&linked(edge))?;
                }
            }
        }
        Ok(position)
    }

    fn log(&mut self, record: &LogRecord) -> Result<Position, Refusal> {
        let text = serde_json::to_string(record).map_err(|_| damaged("a log record"))?;
        let actor = &self.set.actor;
        let blob = |id: Option<uuid::Uuid>| Bind::OptionalBlob(id.map(|id| id.into_bytes().to_vec()));
        let row = Statement::kept(
            "INSERT INTO journal (instance_id, at_ms, connector_id, key_id, user_id, request_id, record) \
             VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING position",
        )
        .blob(self.instance)
        .integer(self.set.at.unix_millis())
        .bind(blob(actor.connector.map(scim_directory::ConnectorId::uuid)))
        .bind(blob(actor.key.map(scim_directory::KeyId::uuid)))
        .bind(blob(actor.user.map(scim_directory::IntegrationUserId::uuid)))
        .text(self.set.request_id.clone())
        .text(text)
        .row::<Inserted>(self.connection)?
        .ok_or_else(|| damaged("a journal"))?;
        Ok(Position(row.position))
    }
}

/// A record with the edge differences that happened; `None` where it had some and none did.
fn really(record: &LogRecord, changed: &HashSet<(String, String, EdgeOutcome)>) -> Option<LogRecord> {
    let group = record.resource.as_ref().map(|resource| resource.id.clone()).unwrap_or_default();
    let mut kept = record.clone();
    let had = !kept.changes.is_empty();
    kept.changes.retain_mut(|change| match change {
        AttributeChange::Value { .. } => true,
        AttributeChange::Edges { added, removed, .. } => {
            added.retain(|member| changed.contains(&(group.clone(), member.clone(), EdgeOutcome::Added)));
            removed.retain(|member| changed.contains(&(group.clone(), member.clone(), EdgeOutcome::Removed)));
            !added.is_empty() || !removed.is_empty()
        }
    });
    (!had || !kept.changes.is_empty()).then_some(kept)
}

/// A held reference that became an edge: nobody asked for it in this request, so the store tells it.
fn linked(edge: &EdgeEffect) -> LogRecord {
    LogRecord {
        action: Action::ReferenceLinked,
        status: LogStatus::Success,
        resource: Some(LogResource::new("Group", edge.group, None)),
        changes: vec![AttributeChange::Edges {
            attribute: "members".to_owned(),
            added: vec![edge.member.to_string()],
            removed: Vec::new(),
        }],
        notes: Vec::new(),
    }
}
