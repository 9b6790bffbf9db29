//! Applying a change set inside the writer's savepoint.
//!
//! Order: what deletions and updates give up goes first, so that within one change set names can be swapped; then the
//! changes as they stand; then the journal.

mod admin;
mod delete;
mod held;
mod index;
mod journal;
mod members;
mod record;

use std::collections::HashMap;

use diesel::sqlite::SqliteConnection;
use scim_core::instant::Timestamp;
use scim_directory::{
    Change, ChangeSet, Committed, EdgeEffect, EdgeOutcome, Effect, Position, ResourceId, Version,
};
use serde::{Deserialize, Serialize};

use crate::error::{Refusal, damaged};
use crate::sql::{Line, Statement};

/// A change set that is being applied.
pub(crate) struct Applying<'a> {
    pub(crate) connection: &'a mut SqliteConnection,
    pub(crate) set: &'a ChangeSet,
    /// The instance's id as it is stored.
    pub(crate) instance: [u8; 16],
    /// Records whose version this change set raised already, with the one that they had before: it rises once, and
    /// every precondition of the change set is about the one before.
    pub(crate) raised: HashMap<ResourceId, Version>,
}

/// Applies a change set: all of it, or the caller rolls back.
pub(crate) fn apply(connection: &mut SqliteConnection, set: &ChangeSet) -> Result<Committed, Refusal> {
    let instance = set.scope.instance.uuid().into_bytes();
    if let Some(done) = done_before(connection, set, &instance)? {
        return Ok(done);
    }
    let mut applying = Applying { connection, set, instance, raised: HashMap::new() };
    for change in &set.changes {
        match change {
            Change::Update { key, content, .. } => applying.drop_stale_index(key, &content.index)?,
            Change::Delete { key, .. } => applying.drop_index(key)?,
            _ => {}
        }
    }
    let mut effects = Vec::with_capacity(set.changes.len());
    for change in &set.changes {
        effects.push(match change {
            Change::Create(new) => applying.create(new)?,
            Change::Update { key, expected, content, external_id } => {
                applying.update(key, *expected, content, external_id.as_deref())?
            }
            Change::Delete { key, expected } => applying.delete(key, *expected)?,
            Change::Members(members) => applying.members(members)?,
            Change::Admin(admin) => applying.admin(admin)?,
            Change::Hold(_) | Change::Unhold(_) => applying.no_record(),
        });
    }
    let position = applying.journal(&effects)?;
    let committed = Committed { position, effects };
    applying.remember(&committed)?;
    Ok(committed)
}

/// What a change set did, as it is kept for a repeated commit.
#[derive(Serialize, Deserialize)]
struct Kept {
    position: i64,
    effects: Vec<KeptEffect>,
}

#[derive(Serialize, Deserialize)]
struct KeptEffect {
    version: Option<i64>,
    membership: i64,
    modified: i64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    edges: Vec<(uuid::Uuid, uuid::Uuid, u8)>,
}

const OUTCOMES: [EdgeOutcome; 4] =
    [EdgeOutcome::Added, EdgeOutcome::Removed, EdgeOutcome::Unchanged, EdgeOutcome::Gone];

fn done_before(
    connection: &mut SqliteConnection,
    set: &ChangeSet,
    instance: &[u8],
) -> Result<Option<Committed>, Refusal> {
    let row = Statement::kept("SELECT result AS line FROM change_sets WHERE instance_id = ? AND id = ?")
        .blob(instance)
        .blob(set.id.uuid().as_bytes())
        .row::<Line>(connection)?;
    let Some(row) = row else { return Ok(None) };
    let kept: Kept = serde_json::from_str(&row.line).map_err(|_| damaged("a result"))?;
    let effect = |kept: KeptEffect| Effect {
        version: kept.version.map(Version),
        membership: kept.membership,
        modified: Timestamp::from_unix_millis(kept.modified),
        rows: 0,
        edges: kept
            .edges
            .into_iter()
            .filter_map(|(group, member, outcome)| {
                let outcome = *OUTCOMES.get(usize::from(outcome))?;
                Some(EdgeEffect { group: ResourceId::new(group), member: ResourceId::new(member), outcome })
            })
            .collect(),
    };
    Ok(Some(Committed {
        position: Position(kept.position),
        effects: kept.effects.into_iter().map(effect).collect(),
    }))
}

impl Applying<'_> {
    fn remember(&mut self, committed: &Committed) -> Result<(), Refusal> {
        let edge = |edge: &EdgeEffect| {
            let outcome = OUTCOMES.iter().position(|outcome| *outcome == edge.outcome).unwrap_or_default();
            (edge.group.uuid(), edge.member.uuid(), u8::try_from(outcome).unwrap_or_default())
        };
        let kept = Kept {
            position: committed.position.0,
            effects: committed
                .effects
                .iter()
                .map(|effect| KeptEffect {
                    version: effect.version.map(|version| version.0),
                    membership: effect.membership,
                    modified: effect.modified.unix_millis(),
                    edges: effect.edges.iter().map(edge).collect(),
                })
                .collect(),
        };
        let text = serde_json::to_string(&kept).map_err(|_| damaged("a result"))?;
        Statement::kept("INSERT INTO change_sets (instance_id, id, result) VALUES (?, ?, ?)")
            .blob(self.instance)
            .blob(self.set.id.uuid().as_bytes())
            .text(text)
            .run(self.connection)?;
        Ok(())
    }

    /// Whether a record, which is at `current` now, was at the expected version before this change set.
    fn check(
        &self,
        id: ResourceId,
        current: Option<Version>,
        expected: Option<Version>,
    ) -> Result<(), Refusal> {
        let before = self.raised.get(&id).copied().or(current);
        if expected.is_some() && expected != before { Err(Refusal::Conflict) } else { Ok(()) }
    }

    /// An effect of a change that leaves no record.
    fn no_record(&self) -> Effect {
        Effect { version: None, membership: 0, modified: self.set.at, rows: 0, edges: Vec::new() }
    }
}
