//! Applying several change sets in one transaction on PostgreSQL, by the statements of one.
//! `docs/decisions/0033-change-sets-that-wait-are-committed-together.md` says why.
//!
//! Only what is common and commutes comes here ([`Party`]): one resource that comes, changes or goes and is no group, and edges of a
//! group. Everything that such a change set finds out is supposed: nothing is committed unless each of them comes
//! out as it would alone. One that finds another version of its record falls out before anything is written; where something else is
//! not as supposed, all of it is rolled back. Who did not get through is applied by itself ([`super::apply`]).
//!
//! The steps, their order and their locks are those of a single change set (see [`crate::postgres`]); each is one statement for all.
//! Each value of a list is looked up by a statement within the statement (`LATERAL`, with a limit so that it stays one), as that of a
//! single change set does. Joins, or `= ANY`, would be planned by what the tables had when they were empty, and read all of an instance
//! long after that.
//!
//! What is deliberately absent: whatever locks or changes more than it names, and is found out on the way: a manager who is another one
//! now, a manager or a group that goes, references that are held and linked.

mod creates;
mod deletes;
mod edges;
mod party;
mod updates;
mod waiting;
mod write;
mod written;

use scim_directory::{ChangeSet, Committed, Condition, Effect, Position, Version};

use crate::connection::Connection;
use crate::error::Refusal;
use crate::sql::{Number, Statement};

#[cfg(test)]
pub(in crate::commit) use deletes::uncounted;
pub(crate) use party::{Party, may_share};
use party::{Plain, plain};

/// Whether no change set is there already, the instance is of the generation, all keys are in force, and nobody who is created stands
/// in a range that is counted.
const KNOWN: &str = "SELECT t.n, CASE WHEN t.n = $9 THEN '' ELSE set_config('rollcall.mistaken', 'yes', true) END AS mistaken \
    FROM (SELECT (NOT EXISTS (SELECT 1 FROM unnest($2) AS s (id) CROSS JOIN LATERAL \
    (SELECT 1 FROM change_sets WHERE instance_id = $1 AND id = s.id LIMIT 1) c) \
    AND ($3 IS NULL OR EXISTS (SELECT 1 FROM instances WHERE id = $1 AND generation = $3)) \
    AND (SELECT count(*) FROM unnest($4, $5) AS k (id, generation) CROSS JOIN LATERAL (SELECT 1 FROM api_keys \
    WHERE id = k.id AND instance_id = $1 AND revoked_ms IS NULL AND generation = k.generation LIMIT 1) a) = $6 \
    AND NOT EXISTS (SELECT 1 FROM unnest($7, $8) AS c (type, id) CROSS JOIN LATERAL (SELECT 1 FROM ranges \
    WHERE instance_id = $1 AND resource_type = c.type AND first_id > c.id LIMIT 1) g))::int::bigint AS n OFFSET 0) t";

/// One of the change sets, with what it changes.
#[derive(Clone, Copy)]
struct Part<'a> {
    set: &'a ChangeSet,
    plain: Plain<'a>,
}

/// Applies change sets that a [`Party`] admitted, and commits: what each did, in their order, and nothing for those that fell out because a
/// record is not as they suppose. Or the caller rolls back and applies each by itself. The connection must suppose outcomes.
pub(crate) fn apply_together(
    connection: &mut Connection,
    sets: &[&ChangeSet],
) -> Result<Vec<Option<Committed>>, Refusal> {
    let Some(instance) = sets.first().map(|set| set.scope.instance.uuid().into_bytes()) else {
        return Ok(Vec::new());
    };
    let parts = sets
        .iter()
        .copied()
        .map(|set| Some(Part { set, plain: plain(set)? }))
        .collect::<Option<Vec<_>>>()
        .ok_or(Refusal::Conflict)?;
    suppose_known(connection, instance, &parts)?;
    let known = written::look(connection, instance, &parts)?;
    let suits: Vec<bool> = parts.iter().map(|part| known.suits(part)).collect();
    let left = parts.into_iter().zip(&suits).filter(|(_, suits)| **suits);
    let parts: Vec<Part<'_>> = left.map(|(part, _)| part).collect();
    if parts.is_empty() {
        return Err(Refusal::Conflict);
    }
    known.give_up(connection, instance, &parts)?;
    updates::change(connection, instance, &parts, &known)?;
    deletes::bury(connection, instance, &parts, &known)?;
    creates::create(connection, instance, &parts, &known)?;
    edges::move_edges(connection, instance, &parts)?;
    waiting::suppose_none(connection, instance, &parts)?;
    let mut standings = edges::raise(connection, instance, &parts, &known)?;
    let effects: Vec<Effect> = parts
        .iter()
        .map(|part| match part.plain {
            Plain::Create(_) => Some(Effect { version: Some(Version(1)), ..no_record(part.set) }),
            Plain::Update(update) => known.was(update.key).map(|was| was.before.changed(part.set.at)),
            Plain::Delete(key, _) => {
                standings.lose(part.set, known.groups(key));
                Some(no_record(part.set))
            }
            Plain::Edges(change) => standings.next(part.set, change),
        })
        .collect::<Option<_>>()
        .ok_or(Refusal::Conflict)?;
    let places = write::write(connection, instance, &parts, &known, &effects)?;
    deletes::uncount(connection, instance, &parts)?;
    connection.conclude()?;
    let mut done = effects.into_iter().zip(places.positions()).map(|(effect, last)| Committed {
        position: Position(last.unwrap_or_default()),
        effects: vec![effect],
    });
    Ok(suits.into_iter().map(|suits| if suits { done.next() } else { None }).collect())
}

/// What is left of a change where no record is.
fn no_record(set: &ChangeSet) -> Effect {
    Effect { version: None, membership: 0, modified: set.at, rows: 0, edges: Vec::new() }
}

fn suppose_known(connection: &mut Connection, instance: [u8; 16], parts: &[Part<'_>]) -> Result<(), Refusal> {
    let conditions = || parts.iter().flat_map(|part| &part.set.conditions);
    let generation = conditions().find_map(|condition| match condition {
        Condition::Generation(generation) => Some(*generation),
        _ => None,
    });
    let mut keys: Vec<([u8; 16], i64)> = conditions()
        .filter_map(|condition| match condition {
            Condition::Key(id, generation) => Some((id.uuid().into_bytes(), *generation)),
            _ => None,
        })
        .collect();
    keys.sort_unstable();
    keys.dedup();
    let oldest = creates::oldest(parts);
    let known = Statement::of_postgres(KNOWN)
        .blob(instance)
        .blobs(parts.iter().map(|part| part.set.id.uuid().into_bytes()))
        .optional_integer(generation)
        .blobs(keys.iter().map(|(id, _)| id))
        .integers(keys.iter().map(|(_, generation)| *generation).collect())
        .integer(i64::try_from(keys.len()).unwrap_or(i64::MAX))
        .texts(oldest.keys().copied())
        .blobs(oldest.values());
    suppose_number(connection, known, 1)
}

/// Runs a statement that says a number, which is supposed to be that one. The number that it should be is bound last; where it is another
/// one, the statement sets `rollcall.mistaken`, and [`write::write`] fails before the commit, which may be on its way already.
fn suppose_number(connection: &mut Connection, statement: Statement, wanted: i64) -> Result<(), Refusal> {
    connection.suppose_noted(statement.integer(wanted), move |rows: &[Number]| {
        rows.first().is_some_and(|row| row.n == wanted)
    })?;
    Ok(())
}
