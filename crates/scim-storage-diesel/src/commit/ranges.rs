//! The default order in ranges whose sizes are known, so that a page finds its beginning by a number without going through
//! what stands before it.
//!
//! A range begins at an id and goes up to where the next one begins. All but the last are counted: who comes into one or leaves
//! it changes its count in the same change set. New ids are the highest, so they fall into the last range, of which nothing is
//! written; when it has grown long it is cut ([`cut`]), while nobody else writes to the instance. A type with fewer
//! resources than [`STRIDE`] has no ranges at all.

use std::collections::BTreeSet;

use diesel::QueryResult;
use scim_directory::{Change, ChangeSet, Key};

use super::Applying;
use crate::connection::Connection;
use crate::error::Refusal;
use crate::read::{last_range, left_in_last_range};
use crate::sql::{Id, Statement};

/// How many resources a range has when it is cut.
const STRIDE: u64 = 512;
/// One change set in so many looks whether the last range is long enough, and each that creates as many resources.
const LOOKS: u8 = 64;

impl Applying<'_> {
    /// Notes that a resource comes (1) or goes (-1).
    pub(super) fn moved(&mut self, key: &Key, step: i64) {
        let moved = self.moved.entry(key.resource_type.to_string()).or_default();
        moved.push((key.id.uuid().into_bytes(), step));
    }

    /// The statements that change the counts of ranges, in one order for all change sets.
    pub(super) fn ranged(&mut self) -> Result<Vec<Statement>, Refusal> {
        let mut statements = Vec::new();
        let slot = self.slot();
        for (resource_type, mut moved) in std::mem::take(&mut self.moved) {
            if self.connection.is_supposing() {
                statements.extend(self.ranged_unseen(&resource_type, moved, slot));
                continue;
            }
            let asked = self.known.as_ref().filter(|_| first_moved(self.set) == resource_type);
            let last = match asked {
                Some(known) => known.last_range.clone(),
                None => match &mut self.group {
                    Some(group) => group.last_range(self.connection, self.instance, &resource_type)?,
                    None => last_range(self.connection, &self.instance, &resource_type)?,
                },
            };
            let Some(last) = last else { continue };
            moved.retain(|(id, _)| id.as_slice() < last.as_slice());
            moved.sort_unstable();
            let statement = |(id, step): ([u8; 16], i64)| {
                Statement::kept(
                    "INSERT INTO ranges (instance_id, resource_type, first_id, slot, count) \
                     SELECT instance_id, resource_type, first_id, CAST(? AS BIGINT), CAST(? AS BIGINT) FROM ranges \
                     WHERE instance_id = ? AND resource_type = ? AND first_id <= ? ORDER BY first_id DESC LIMIT 1 \
                     ON CONFLICT (instance_id, resource_type, first_id, slot) \
                     DO UPDATE SET count = ranges.count + excluded.count",
                )
                .integer(slot)
                .integer(step)
                .blob(self.instance)
                .text(&*resource_type)
                .blob(id)
            };
            statements.extend(moved.into_iter().map(statement));
        }
        Ok(statements)
    }
}

impl Applying<'_> {
    /// The same where the last range is not known. That those who are created first of all fall into it is supposed (see
    /// [`super::kept::known`]); the others find out by themselves.
    fn ranged_unseen(
        &self,
        resource_type: &str,
        mut moved: Vec<([u8; 16], i64)>,
        slot: i64,
    ) -> Vec<Statement> {
        if first_moved(self.set) == resource_type {
            moved.retain(|(_, step)| *step < 0);
        }
        moved.sort_unstable();
        let statement = |(id, step): ([u8; 16], i64)| {
            Statement::of_postgres(
                "INSERT INTO ranges (instance_id, resource_type, first_id, slot, count) \
                 SELECT $1, $2, f.first_id, $3, $4 FROM (SELECT first_id FROM ranges \
                 WHERE instance_id = $1 AND resource_type = $2 AND first_id <= $5 ORDER BY first_id DESC LIMIT 1) f \
                 WHERE EXISTS (SELECT 1 FROM ranges n WHERE n.instance_id = $1 AND n.resource_type = $2 \
                 AND n.first_id > f.first_id) \
                 ON CONFLICT (instance_id, resource_type, first_id, slot) \
                 DO UPDATE SET count = ranges.count + excluded.count",
            )
            .blob(self.instance)
            .text(resource_type)
            .integer(slot)
            .integer(step)
            .blob(id)
        };
        moved.into_iter().map(statement).collect()
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
    Ok(left_in_last_range(connection, instance, resource_type)? > STRIDE)
}

/// Cuts the last range of a type as often as it is long enough, in a transaction beside which nobody writes to the instance.
pub(crate) fn cut(connection: &mut Connection, instance: &[u8], resource_type: &str) -> QueryResult<()> {
    if !is_long(connection, instance, resource_type)? {
        return Ok(());
    }
    let stride = i64::try_from(STRIDE).unwrap_or(i64::MAX);
    let mut first = last_range(connection, instance, resource_type)?.unwrap_or_default();
    loop {
        let next = Statement::kept(
            "SELECT id FROM resources INDEXED BY resources_by_type WHERE instance_id = ? AND resource_type = ? \
             AND id >= ? ORDER BY id LIMIT 1 OFFSET ?",
        )
        .blob(instance)
        .text(resource_type)
        .blob(&first)
        .integer(stride)
        .row::<Id>(connection)?;
        let Some(Id { id: next }) = next else { return Ok(()) };
        for (id, count) in [(&first, stride), (&next, 0)] {
            Statement::kept(
                "INSERT INTO ranges (instance_id, resource_type, first_id, slot, count) VALUES (?, ?, ?, 0, ?) \
                 ON CONFLICT (instance_id, resource_type, first_id, slot) DO UPDATE SET count = excluded.count",
            )
            .blob(instance)
            .text(resource_type)
            .blob(id)
            .integer(count)
            .run(connection)?;
        }
        first = next;
    }
}
