//! What a change set did, kept for a repeated commit.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use scim_core::instant::Timestamp;
use scim_directory::{
    ChangeSet, Committed, Condition, EdgeEffect, EdgeOutcome, Effect, Position, ResourceId, Version,
};
use serde::{Deserialize, Serialize};

use super::Applying;
use super::condition::first_key;
use super::ranges::{self, first_moved};
use crate::connection::Connection;
use crate::error::{Refusal, damaged};
use crate::sql::{Bind, Line, Statement, json};

#[derive(Serialize, Deserialize)]
struct Kept {
    position: i64,
    effects: Vec<KeptEffect>,
}

/// The same, for PostgreSQL to add the position.
#[derive(Serialize)]
struct Unplaced {
    effects: Vec<KeptEffect>,
}

/// `{"position":…,` and what follows the brace of an [`Unplaced`].
const REMEMBER_PLACED: &str = "UPDATE change_sets SET result = '{\"position\":' \
    || (current_setting('rollcall.place')::bigint + $2) || ',' || substr($1, 2) WHERE instance_id = $3 AND id = $4";
const REMEMBER: &str =
    "UPDATE change_sets SET result = '{\"position\":0,' || substr($1, 2) WHERE instance_id = $2 AND id = $3";

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

/// What is known when a change set begins on PostgreSQL: one question instead of three.
#[derive(Clone, QueryableByName)]
pub(crate) struct Known {
    #[diesel(sql_type = Nullable<Text>)]
    result: Option<String>,
    /// That of the instance.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub(super) generation: Option<i64>,
    /// That of the key which the conditions name first, where it is not revoked.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub(super) key_generation: Option<i64>,
    /// Where the last range begins of the type of the first resource that comes or goes.
    #[diesel(sql_type = Nullable<Binary>)]
    pub(super) last_range: Option<Vec<u8>>,
}

const KNOWN: &str = "SELECT (SELECT result FROM change_sets WHERE instance_id = $1 AND id = $2) AS result, \
    (SELECT generation FROM instances WHERE id = $1) AS generation, \
    (SELECT generation FROM api_keys WHERE id = $3 AND instance_id = $1 AND revoked_ms IS NULL) AS key_generation, \
    (SELECT first_id FROM ranges WHERE instance_id = $1 AND resource_type = $4 ORDER BY first_id DESC LIMIT 1) AS last_range";

/// Asks that. It is supposed that the change set is new, and that what its conditions say about these is so.
pub(super) fn known(
    connection: &mut Connection,
    set: &ChangeSet,
    instance: &[u8],
) -> Result<Option<Known>, Refusal> {
    if !connection.is_postgres() {
        return Ok(None);
    }
    let ask = Statement::of_postgres(KNOWN)
        .blob(instance)
        .blob(set.id.uuid().as_bytes())
        .optional_blob(first_key(set).map(|(key, _)| key.uuid().into_bytes()))
        .text(first_moved(set));
    let generation = set.conditions.iter().find_map(|condition| match condition {
        Condition::Generation(generation) => Some(*generation),
        _ => None,
    });
    let key_generation = first_key(set).map(|(_, generation)| generation);
    let supposed = Known { result: None, generation, key_generation, last_range: None };
    let oldest = ranges::oldest_created(set);
    let wanted = supposed.clone();
    let as_wanted = move |rows: &[Known]| {
        rows.first().is_some_and(|known| {
            let is = |wanted: Option<i64>, is| wanted.is_none() || wanted == is;
            known.result.is_none()
                && is(wanted.generation, known.generation)
                && is(wanted.key_generation, known.key_generation)
                // Who is created is younger than all that is counted.
                && known.last_range.as_deref() <= oldest.as_ref().map(<[u8; 16]>::as_slice).or(known.last_range.as_deref())
        })
    };
    Ok(connection.suppose(ask, vec![supposed], as_wanted)?.into_iter().next())
}

/// What the change set did, where it was committed already.
pub(super) fn done_before(
    connection: &mut Connection,
    set: &ChangeSet,
    instance: &[u8],
    known: Option<&Known>,
) -> Result<Option<Committed>, Refusal> {
    let result = match known {
        Some(known) => known.result.clone(),
        None => Statement::kept("SELECT result AS line FROM change_sets WHERE instance_id = ? AND id = ?")
            .blob(instance)
            .blob(set.id.uuid().as_bytes())
            .row::<Line>(connection)?
            .map(|row| row.line),
    };
    let Some(result) = result else { return Ok(None) };
    let kept: Kept = serde_json::from_str(&result).map_err(|_| damaged("a result"))?;
    Ok(Some(Committed {
        position: Position(kept.position),
        effects: kept.effects.into_iter().map(KeptEffect::effect).collect(),
    }))
}

/// What is kept of effects, without the brace and the position before it.
#[cfg(feature = "postgres")]
pub(super) fn unplaced(effects: &[Effect]) -> Result<String, Refusal> {
    let mut result = json(&Unplaced { effects: effects.iter().map(KeptEffect::of).collect() })?;
    result.remove(0);
    Ok(result)
}

impl KeptEffect {
    fn of(effect: &Effect) -> Self {
        let edge = |edge: &EdgeEffect| {
            let outcome = OUTCOMES.iter().position(|outcome| *outcome == edge.outcome).unwrap_or_default();
            (edge.group.uuid(), edge.member.uuid(), u8::try_from(outcome).unwrap_or_default())
        };
        Self {
            version: effect.version.map(|version| version.0),
            membership: effect.membership,
            modified: effect.modified.unix_millis(),
            rows: effect.rows,
            edges: effect.edges.iter().map(edge).collect(),
        }
    }

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
    /// The row that keeps what the change set did.
    pub(super) fn done(&self, committed: &Committed) -> Result<Vec<Bind>, Refusal> {
        Ok(self.remember(committed, false)?.into_binds())
    }

    /// What keeps what the change set did; `placed` where its row is there already, and its positions are counted from its place
    /// (see [`Self::place`]).
    pub(super) fn remember(&self, committed: &Committed, placed: bool) -> Result<Statement, Refusal> {
        let effects = committed.effects.iter().map(KeptEffect::of).collect();
        let position = committed.position.0;
        let id = self.set.id.uuid().into_bytes();
        if placed {
            let result = json(&Unplaced { effects })?;
            let update = match position {
                0 => Statement::of_postgres(REMEMBER).text(result),
                _ => Statement::of_postgres(REMEMBER_PLACED).text(result).integer(position),
            };
            return Ok(update.blob(self.instance).blob(id));
        }
        let result = json(&Kept { position, effects })?;
        let insert =
            Statement::kept("INSERT INTO change_sets (instance_id, id, at_ms, result) VALUES (?, ?, ?, ?)");
        Ok(insert.blob(self.instance).blob(id).integer(self.set.at.unix_millis()).text(result))
    }
}
