//! What a change set did, kept for a repeated commit.

use scim_core::instant::Timestamp;
use scim_directory::{ChangeSet, Committed, EdgeEffect, EdgeOutcome, Effect, Position, ResourceId, Version};
use serde::{Deserialize, Serialize};

use super::Applying;
use crate::connection::Connection;
use crate::error::{Refusal, damaged};
use crate::sql::{Line, Statement, json};

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
    #[serde(default, skip_serializing_if = "is_zero")]
    rows: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    edges: Vec<(uuid::Uuid, uuid::Uuid, u8)>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(rows: &u64) -> bool {
    *rows == 0
}

const OUTCOMES: [EdgeOutcome; 4] =
    [EdgeOutcome::Added, EdgeOutcome::Removed, EdgeOutcome::Unchanged, EdgeOutcome::Gone];

/// What the change set did, where it was committed already.
pub(super) fn done_before(
    connection: &mut Connection,
    set: &ChangeSet,
    instance: &[u8],
) -> Result<Option<Committed>, Refusal> {
    let row = Statement::kept("SELECT result AS line FROM change_sets WHERE instance_id = ? AND id = ?")
        .blob(instance)
        .blob(set.id.uuid().as_bytes())
        .row::<Line>(connection)?;
    let Some(row) = row else { return Ok(None) };
    let kept: Kept = serde_json::from_str(&row.line).map_err(|_| damaged("a result"))?;
    Ok(Some(Committed {
        position: Position(kept.position),
        effects: kept.effects.into_iter().map(KeptEffect::effect).collect(),
    }))
}

impl KeptEffect {
    fn effect(self) -> Effect {
        let edge = |(group, member, outcome): (uuid::Uuid, uuid::Uuid, u8)| {
            let outcome = *OUTCOMES.get(usize::from(outcome))?;
            Some(EdgeEffect { group: ResourceId::new(group), member: ResourceId::new(member), outcome })
        };
        Effect {
            version: self.version.map(Version),
            membership: self.membership,
            modified: Timestamp::from_unix_millis(self.modified),
            rows: self.rows,
            edges: self.edges.into_iter().filter_map(edge).collect(),
        }
    }
}

impl Applying<'_> {
    /// Keeps what the change set did; `placed` where its row is there already (see [`Self::place`]).
    pub(super) fn remember(&mut self, committed: &Committed, placed: bool) -> Result<(), Refusal> {
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
                    rows: effect.rows,
                    edges: effect.edges.iter().map(edge).collect(),
                })
                .collect(),
        };
        let result = json(&kept)?;
        if placed {
            Statement::kept("UPDATE change_sets SET result = ? WHERE instance_id = ? AND id = ?")
                .text(result)
                .blob(self.instance)
                .blob(self.set.id.uuid().as_bytes())
                .run(self.connection)?;
            return Ok(());
        }
        Statement::kept("INSERT INTO change_sets (instance_id, id, at_ms, result) VALUES (?, ?, ?, ?)")
            .blob(self.instance)
            .blob(self.set.id.uuid().as_bytes())
            .integer(self.set.at.unix_millis())
            .text(result)
            .run(self.connection)?;
        Ok(())
    }
}
