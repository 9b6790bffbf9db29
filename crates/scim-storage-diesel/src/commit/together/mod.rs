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
mod supposed;
mod updates;
mod write;
mod written;

use scim_directory::{ChangeSet, Committed, Effect, Position, Version};

use crate::connection::Connection;
use crate::error::Refusal;
use crate::sql::Statement;

pub(super) use creates::{Comer, in_order, insert};
#[cfg(test)]
pub(in crate::commit) use deletes::uncounted;
pub(super) use party::is_found_by_few;
pub(crate) use party::{Party, may_share};
use party::{Plain, plain};

/// A number that says nothing, of a statement that fails unless this is so: the commit may be on its way already, and is a rollback then.
macro_rules! so_or_fail {
    ($so:expr) => {
        concat!("(CASE WHEN ", $so, " THEN '0' ELSE 'Rollcall tries these changes one by one' END)::bigint")
    };
}
use so_or_fail;

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

/// Runs a statement that fails unless a number is that one; it is bound last.
fn suppose_number(connection: &mut Connection, statement: Statement, wanted: i64) -> Result<(), Refusal> {
    connection.later(statement.integer(wanted))?;
    Ok(())
}
