//! The default order in ranges whose sizes are known, so that a page finds its beginning by a number without going through
//! what stands before it.
//!
//! A range begins at an id and goes up to where the next one begins. All but the last are counted: who comes into one or leaves
//! it changes its count in the same change set. New ids are the highest, so they fall into the last range, of which nothing is
//! written; when it has grown long it is cut ([`cut`]), while nobody else writes to the instance. A type with fewer
//! resources than a range has ([`SIZES`]) has no ranges at all.
//!
//! Ranges stand in spans of [`SIZES`], which are kept in the same way one level up: the last one is not counted, and who comes into a
//! counted one or leaves it changes its count too. A page by number reads all spans and the ranges of one. A directory of less than one
//! span has none, and nothing is written for them.
//!
//! No row of these is hotter than others: what comes falls into the last range and writes none; what goes writes its range and its
//! span, each in the row of the connection's slot, as it does in the counters of the whole type, which are written more often.

use std::collections::BTreeSet;

use diesel::QueryResult;
use scim_directory::{Change, ChangeSet, Key};

use super::Applying;
use crate::connection::Connection;
use crate::error::Refusal;
use crate::read::{Level, last_first, left_in_last_range};
use crate::sql::{Id, Number, Statement};

/// How long ranges and spans are when they are cut.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    /// Resources of a range.
    range: u64,
    /// Ranges of a span.
    span: u64,
}

const SIZES: Sizes = Sizes { range: 512, span: 64 };
/// One change set in so many looks whether the last range is long enough, and each that creates as many resources.
const LOOKS: u8 = 64;

/// Adds to the count of the range, or span, that an id is in.
macro_rules! add {
    ($table:literal) => {
        concat!(
            "INSERT INTO ",
            $table,
            " (instance_id, resource_type, first_id, slot, count) \
             SELECT instance_id, resource_type, first_id, CAST(? AS BIGINT), CAST(? AS BIGINT) FROM ",
            $table,
            " WHERE instance_id = ? AND resource_type = ? AND first_id <= ? ORDER BY first_id DESC LIMIT 1 \
             ON CONFLICT (instance_id, resource_type, first_id, slot) DO UPDATE SET count = ",
            $table,
            ".count + excluded.count"
        )
    };
}

/// The same, unless it is the last one (PostgreSQL).
macro_rules! add_unless_last {
    ($table:literal) => {
        concat!(
            "INSERT INTO ",
            $table,
            " (instance_id, resource_type, first_id, slot, count) SELECT $1, $2, f.first_id, $3, $4 FROM (SELECT first_id FROM ",
            $table,
            " WHERE instance_id = $1 AND resource_type = $2 AND first_id <= $5 ORDER BY first_id DESC LIMIT 1) f \
             WHERE EXISTS (SELECT 1 FROM ",
            $table,
            " n WHERE n.instance_id = $1 AND n.resource_type = $2 AND n.first_id > f.first_id) \
             ON CONFLICT (instance_id, resource_type, first_id, slot) DO UPDATE SET count = ",
            $table,
            ".count + excluded.count"
        )
    };
}

/// A resource that comes (1) or goes (-1).
type Step = ([u8; 16], i64);

/// Adds to the count of what an id is in, which is not the last one.
fn add(level: Level, instance: &[u8], resource_type: &str, slot: i64, (id, step): Step) -> Statement {
    let text = match level {
        Level::Ranges => add!("ranges"),
        Level::Spans => add!("spans"),
    };
    Statement::kept(text).integer(slot).integer(step).blob(instance).text(resource_type).blob(id)
}

/// The same where it is not known which is the last one.
fn add_unseen(level: Level, instance: &[u8], resource_type: &str, slot: i64, (id, step): Step) -> Statement {
    let text = match level {
        Level::Ranges => add_unless_last!("ranges"),
        Level::Spans => add_unless_last!("spans"),
    };
    Statement::of_postgres(text).blob(instance).text(resource_type).integer(slot).integer(step).blob(id)
}

impl Applying<'_> {
    /// Notes that a resource comes (1) or goes (-1).
    pub(super) fn moved(&mut self, key: &Key, step: i64) {
        let moved = self.moved.entry(key.resource_type.to_string()).or_default();
        moved.push((key.id.uuid().into_bytes(), step));
    }

    /// The statements that change the counts of ranges and spans, in one order for all change sets: all ranges by type and id, then all
    /// spans.
    pub(super) fn ranged(&mut self) -> Result<Vec<Statement>, Refusal> {
        let (mut ranges, mut spans) = (Vec::new(), Vec::new());
        let slot = self.slot();
        for (resource_type, mut moved) in std::mem::take(&mut self.moved) {
            moved.sort_unstable();
            let unseen = self.connection.is_supposing();
            // That those who are created first of all fall into the last range is supposed (see [`super::kept::known`]); the others find
            // out by themselves.
            if unseen && first_moved(self.set) == resource_type {
                moved.retain(|(_, step)| *step < 0);
            }
            for (level, statements) in [(Level::Ranges, &mut ranges), (Level::Spans, &mut spans)] {
                if unseen {
                    let add = |step: &Step| add_unseen(level, &self.instance, &resource_type, slot, *step);
                    statements.extend(moved.iter().map(add));
                    continue;
                }
                // Who is in the last range is in the last span.
                let last = if moved.is_empty() { None } else { self.last_first(&resource_type, level)? };
                let Some(last) = last else { break };
                moved.retain(|(id, _)| id.as_slice() < last.as_slice());
                let add = |step: &Step| add(level, &self.instance, &resource_type, slot, *step);
                statements.extend(moved.iter().map(add));
            }
        }
        ranges.extend(spans);
        Ok(ranges)
    }

    /// Where the last range, or span, of a type begins.
    fn last_first(&mut self, resource_type: &str, level: Level) -> QueryResult<Option<Vec<u8>>> {
        let asked = level == Level::Ranges && first_moved(self.set) == resource_type;
        if let Some(known) = self.known.as_ref().filter(|_| asked) {
            return Ok(known.last_range.clone());
        }
        match &mut self.group {
            Some(group) => group.last_first(self.connection, self.instance, resource_type, level),
            None => last_first(self.connection, &self.instance, resource_type, level),
        }
    }
}

/// The lowest id among those that are created of the type that comes or goes first.
pub(super) fn oldest_created(set: &ChangeSet) -> Option<[u8; 16]> {
    let of = first_moved(set);
    let created = set.changes.iter().filter_map(|change| match change {
        Change::Create(new) if &*new.key.resource_type == of => Some(new.key.id.uuid().into_bytes()),
        _ => None,
    });
    created.min()
}

/// The type of the first resource that comes or goes; empty where none does.
pub(super) fn first_moved(set: &ChangeSet) -> &str {
    let moved = set.changes.iter().find_map(|change| match change {
        Change::Create(new) => Some(&*new.key.resource_type),
        Change::Delete { key, .. } => Some(&*key.resource_type),
        _ => None,
    });
    moved.unwrap_or_default()
}

/// The types whose last range may have grown long by a change set. Only some look.
pub(crate) fn may_be_long(set: &ChangeSet) -> BTreeSet<&str> {
    let created = || {
        set.changes.iter().filter_map(|change| match change {
            Change::Create(new) => Some(&*new.key.resource_type),
            _ => None,
        })
    };
    let chance = set.id.uuid().as_bytes().last().copied().unwrap_or_default();
    let looks = chance % LOOKS == 0 || created().nth(usize::from(LOOKS)).is_some();
    if looks { created().collect() } else { BTreeSet::new() }
}

/// Whether there is something to cut.
pub(crate) fn is_long(
    connection: &mut Connection,
    instance: &[u8],
    resource_type: &str,
) -> QueryResult<bool> {
    Ok(left_in_last_range(connection, instance, resource_type)? > SIZES.range)
}

/// Cuts the last range of a type as often as it is long enough, and then the last span, in a transaction beside which nobody writes to
/// the instance.
pub(crate) fn cut(connection: &mut Connection, instance: &[u8], resource_type: &str) -> QueryResult<()> {
    if !is_long(connection, instance, resource_type)? {
        return Ok(());
    }
    cut_at(connection, (instance, resource_type), SIZES)
}

fn cut_at(connection: &mut Connection, of: (&[u8], &str), sizes: Sizes) -> QueryResult<()> {
    let whole = |size| i64::try_from(size).unwrap_or(i64::MAX);
    let mut first = last_first(connection, of.0, of.1, Level::Ranges)?.unwrap_or_default();
    let next_range = "SELECT id FROM resources INDEXED BY resources_by_type WHERE instance_id = ? AND resource_type = ? \
         AND id >= ? ORDER BY id LIMIT 1 OFFSET ?";
    while let Some(next) = next(connection, next_range, of, &first, whole(sizes.range))? {
        bound(connection, Level::Ranges, of, (&first, whole(sizes.range)), &next)?;
        first = next;
    }
    let mut first = last_first(connection, of.0, of.1, Level::Spans)?.unwrap_or_default();
    let next_span = "SELECT DISTINCT first_id AS id FROM ranges WHERE instance_id = ? AND resource_type = ? AND first_id >= ? \
         ORDER BY first_id LIMIT 1 OFFSET ?";
    while let Some(next) = next(connection, next_span, of, &first, whole(sizes.span))? {
        let count = Statement::kept(
            "SELECT CAST(sum(count) AS BIGINT) AS n FROM ranges WHERE instance_id = ? AND resource_type = ? \
             AND first_id >= ? AND first_id < ?",
        );
        let count = count.blob(of.0).text(of.1).blob(&first).blob(&next).row::<Number>(connection)?;
        bound(connection, Level::Spans, of, (&first, count.map_or(0, |count| count.n)), &next)?;
        first = next;
    }
    Ok(())
}

/// Where the next range, or span, begins; `None` where the last one is not long enough.
fn next(
    connection: &mut Connection,
    text: &'static str,
    (instance, resource_type): (&[u8], &str),
    first: &[u8],
    size: i64,
) -> QueryResult<Option<Vec<u8>>> {
    let next = Statement::kept(text).blob(instance).text(resource_type).blob(first).integer(size);
    Ok(next.row::<Id>(connection)?.map(|next| next.id))
}

/// Counts the last range, or span, and begins the next one. The last one has no other rows: nobody counts there.
fn bound(
    connection: &mut Connection,
    level: Level,
    (instance, resource_type): (&[u8], &str),
    (first, count): (&[u8], i64),
    next: &[u8],
) -> QueryResult<()> {
    let table = level.table();
    for (id, count) in [(first, count), (next, 0)] {
        Statement::kept(format!(
            "INSERT INTO {table} (instance_id, resource_type, first_id, slot, count) VALUES (?, ?, ?, 0, ?) \
             ON CONFLICT (instance_id, resource_type, first_id, slot) DO UPDATE SET count = excluded.count"
        ))
        .blob(instance)
        .text(resource_type)
        .blob(id)
        .integer(count)
        .run(connection)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
