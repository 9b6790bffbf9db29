//! The records that are changed or deleted: locked before they are looked at, with everybody whom edges lead to.
//!
//! What was supposed of a record (its version, whom it reports to) is known here, before anything is written. A change set of which that is
//! not so falls out: the others go on, and it is applied by itself after them.

use std::collections::{BTreeSet, HashMap, HashSet};

use diesel::QueryableByName;
use diesel::sql_types::{Binary, Nullable};
use scim_directory::{ChangeSet, Key, ResourceId, Version};

use super::party::{MOST_ROWS, Plain, Update, named};
use super::{Part, edges};
use crate::commit::index::{Entries, entries};
use crate::commit::record::Before;
use crate::commit::rows::{Locked, stored};
use crate::connection::Connection;
use crate::error::Refusal;
use crate::read::{USER_NAME, connector, resource_id};
use crate::sql::{Statement, rows_of};

/// In the order of all change sets.
const LOCK: &str = "SELECT r.id, r.resource_type, r.version, r.membership, r.modified_ms, r.active, r.managed_by, r.reports_to, \
    r.reports_via, r.direct_manager, r.keys FROM unnest($2) AS m (id) JOIN resources r ON r.instance_id = $1 AND r.id = m.id \
    ORDER BY r.resource_type = 'Group', r.id FOR NO KEY UPDATE OF r";

/// The groups of those who are deleted, and who of them takes more along: members, references that are held, or who reports to them.
/// They are locked, and whoever adds an edge or a report to them, or takes one away, locks them first: so this stays as it is.
const AROUND: &str = "SELECT d.id, e.group_id FROM unnest($2) AS d (id) CROSS JOIN LATERAL \
    (SELECT group_id FROM members WHERE instance_id = $1 AND member_id = d.id OFFSET 0) e \
    UNION ALL SELECT d.id, NULL FROM unnest($2) AS d (id) CROSS JOIN LATERAL \
    (SELECT 1 FROM members WHERE instance_id = $1 AND group_id = d.id LIMIT 1) e \
    UNION ALL SELECT d.id, NULL FROM unnest($2) AS d (id) CROSS JOIN LATERAL \
    (SELECT 1 FROM held WHERE instance_id = $1 AND group_id = d.id LIMIT 1) e \
    UNION ALL SELECT d.id, NULL FROM unnest($2) AS d (id) CROSS JOIN LATERAL \
    (SELECT 1 FROM resources WHERE instance_id = $1 AND direct_manager = d.id LIMIT 1) e";

/// What records are found by no more. Each belongs to a record that is locked, so nobody else deletes it meanwhile; and each is looked
/// up by itself: a join reads all keys of an instance where they were never analysed.
const GIVE_UP: &str = concat!(
    "WITH u AS (DELETE FROM unique_keys WHERE ctid = ANY(ARRAY(SELECT u.at FROM ",
    rows_of!(2 type, 3 path, 4 key, 5 id),
    " AS k CROSS JOIN LATERAL (SELECT ctid AS at FROM unique_keys \
    WHERE instance_id = $1 AND resource_type = k.type AND path = k.path AND key = k.key AND id = k.id LIMIT 1) u))) \
    DELETE FROM search_keys WHERE ctid = ANY(ARRAY(SELECT s.at FROM ",
    rows_of!(6 type, 7 path, 8 key, 9 id),
    " AS k CROSS JOIN LATERAL (SELECT ctid AS at FROM search_keys \
    WHERE instance_id = $1 AND resource_type = k.type AND path = k.path AND key = k.key AND id = k.id LIMIT 1) s))"
);

#[derive(QueryableByName)]
struct Around {
    #[diesel(sql_type = Binary)]
    id: Vec<u8>,
    #[diesel(sql_type = Nullable<Binary>)]
    group_id: Option<Vec<u8>>,
}

/// What a record is found by: type, path and key, and the record.
pub(super) type Entry<'a> = (&'a str, &'a str, &'a str, [u8; 16]);

/// A record before it is changed or deleted.
pub(super) struct Was<'a> {
    pub(super) before: Before,
    key: &'a Key,
    /// What it is found by, and will not be.
    stale: Entries,
    /// What it will be found by, and is not.
    new: BTreeSet<(bool, &'a str, &'a str)>,
    /// Its groups, where it is deleted.
    groups: BTreeSet<ResourceId>,
    /// Whether it can be deleted and nobody else is changed but its groups.
    alone: bool,
}

/// What is known of the records that change sets name.
#[derive(Default)]
pub(super) struct Known<'a> {
    written: HashMap<ResourceId, Was<'a>>,
    /// Who is there, where somebody looked.
    there: Option<HashSet<ResourceId>>,
}

/// Locks everybody who is named, and looks at those who are written.
pub(super) fn look<'a>(
    connection: &mut Connection,
    instance: [u8; 16],
    parts: &[Part<'a>],
) -> Result<Known<'a>, Refusal> {
    let (mut all, mut deleted) = (BTreeSet::new(), BTreeSet::new());
    let mut plans = Vec::new();
    for part in parts {
        match part.plain {
            Plain::Create(_) => {}
            Plain::Edges(change) => all.extend(named(change)),
            Plain::Update(Update { key, content, .. }) => plans.push((key, Some(content))),
            Plain::Delete(key, _) => {
                deleted.insert(key.id);
                plans.push((key, None));
            }
        }
    }
    if plans.is_empty() {
        edges::suppose_there(connection, instance, &all)?;
        return Ok(Known::default());
    }
    all.extend(plans.iter().map(|(key, _)| key.id));
    let lock = Statement::of_postgres(LOCK).blob(instance).blobs(stored(&all));
    let (rows, around): (Vec<Locked>, Vec<Around>) = if deleted.is_empty() {
        (lock.rows(connection)?, Vec::new())
    } else {
        connection.both(lock, Statement::of_postgres(AROUND).blob(instance).blobs(stored(&deleted)))?
    };
    let rows = rows.into_iter().map(|row| row.known().map(|(id, of, before)| (id, (of, before))));
    let mut rows: HashMap<ResourceId, (String, Before)> = rows.collect::<Result<_, _>>()?;
    let there = rows.keys().copied().collect();
    let mut written = HashMap::new();
    for (key, content) in plans {
        let Some((_, before)) = rows.remove(&key.id).filter(|(of, _)| *of == *key.resource_type) else {
            continue;
        };
        let had = entries(&before.keys)?;
        let index = content.map(|content| &content.index).into_iter().flatten();
        let mut new: BTreeSet<_> =
            index.map(|entry| (entry.unique, entry.path.as_str(), entry.key.as_str())).collect();
        let (kept, stale): (Entries, Entries) = had
            .into_iter()
            .partition(|(unique, path, key)| new.contains(&(*unique, path.as_str(), key.as_str())));
        let kept: BTreeSet<_> =
            kept.iter().map(|(unique, path, key)| (*unique, path.as_str(), key.as_str())).collect();
        new.retain(|entry| !kept.contains(entry));
        let was = Was { before, key, stale, new, groups: BTreeSet::new(), alone: true };
        written.insert(key.id, was);
    }
    for row in around {
        let group = row.group_id.as_deref().map(resource_id).transpose()?;
        if let Some(was) = written.get_mut(&resource_id(&row.id)?) {
            was.alone &= group.is_some();
            was.groups.extend(group);
        }
    }
    Ok(Known { written, there: Some(there) })
}

impl<'a> Known<'a> {
    /// A record before it is changed or deleted.
    pub(super) fn was(&self, key: &Key) -> Option<&Was<'a>> {
        self.written.get(&key.id)
    }

    /// The groups of somebody who is deleted.
    pub(super) fn groups(&self, key: &Key) -> impl Iterator<Item = &ResourceId> {
        self.was(key).into_iter().flat_map(|was| &was.groups)
    }

    /// Whether a change set finds what it supposes of records, and wants no unique key that another one gives up: it comes after that one.
    pub(super) fn suits(&self, part: &Part<'_>) -> bool {
        match part.plain {
            Plain::Create(new) => {
                let mut unique = new.content.index.iter().filter(|entry| entry.unique);
                !unique.any(|entry| self.is_given_up(&new.key, &entry.path, &entry.key))
            }
            Plain::Edges(change) => {
                self.there.as_ref().is_none_or(|there| named(change).all(|member| there.contains(&member)))
            }
            Plain::Update(update) => self.was(update.key).is_some_and(|was| {
                let mut unique = was.new.iter().filter(|(unique, ..)| *unique);
                was.can_change(part.set, update)
                    && !unique.any(|(_, path, key)| self.is_given_up(update.key, path, key))
            }),
            Plain::Delete(key, expected) => self.was(key).is_some_and(|was| was.can_go(expected)),
        }
    }

    fn is_given_up(&self, by: &Key, path: &str, key: &str) -> bool {
        let has = |was: &Was<'_>| {
            let mut stale = was.stale.iter().filter(|(unique, ..)| *unique);
            was.key.resource_type == by.resource_type
                && stale.any(|(_, of, stale)| of == path && stale == key)
        };
        self.written.values().any(has)
    }

    /// What records that are changed will be found by and are not, in the order of the keys.
    pub(super) fn new_entries(&self, parts: &[Part<'a>], unique: bool) -> Vec<Entry<'a>> {
        let of = |update: Update<'a>| {
            let (of, id) = (&*update.key.resource_type, update.key.id.uuid().into_bytes());
            let new = self.was(update.key).into_iter().flat_map(|was| &was.new);
            new.filter(move |entry| entry.0 == unique).map(move |(_, path, key)| (of, *path, *key, id))
        };
        let mut entries: Vec<_> = updates(parts).flat_map(|(_, update)| of(update)).collect();
        entries.sort_unstable();
        entries
    }

    /// What records that are changed or deleted are found by no more, in the order of the keys.
    fn stale_entries(&self, parts: &[Part<'_>], unique: bool) -> Vec<Entry<'_>> {
        let mut entries: Vec<Entry<'_>> = Vec::new();
        for was in parts.iter().filter_map(|part| self.was(part.plain.written()?)) {
            let (of, id) = (&*was.key.resource_type, was.key.id.uuid().into_bytes());
            let stale = was.stale.iter().filter(|entry| entry.0 == unique);
            entries.extend(stale.map(|(_, path, key)| (of, path.as_str(), key.as_str(), id)));
        }
        entries.sort_unstable();
        entries
    }

    /// Gives up what records are found by no more: before others take it, and before they are gone.
    pub(super) fn give_up(
        &self,
        connection: &mut Connection,
        instance: [u8; 16],
        parts: &[Part<'a>],
    ) -> Result<(), Refusal> {
        let (unique, searched) = (self.stale_entries(parts, true), self.stale_entries(parts, false));
        if unique.is_empty() && searched.is_empty() {
            return Ok(());
        }
        let give_up = Statement::of_postgres(GIVE_UP).blob(instance);
        connection.later(with_entries(with_entries(give_up, &unique), &searched))?;
        Ok(())
    }
}

impl Was<'_> {
    /// Whether it is at the version on which a change was decided, and goes on reporting to whom it does.
    fn can_change(&self, set: &ChangeSet, update: Update<'_>) -> bool {
        let before = &self.before;
        let reports = update.content.reports_to.as_deref();
        // An edit in the application sends on what a connector sent.
        let same_sender =
            || set.scope.connector.is_none() || before.reports_via.as_deref() == Some(&connector(&set.scope));
        self.is_found_by_few()
            && before.version == update.expected.0
            && before.reports_to.as_deref() == reports
            && if reports.is_some() { same_sender() } else { before.direct_manager.is_none() }
    }

    fn can_go(&self, expected: Option<Version>) -> bool {
        self.alone
            && self.is_found_by_few()
            && self.groups.len() <= MOST_ROWS
            && expected.is_none_or(|expected| self.before.version == expected.0)
    }

    fn is_found_by_few(&self) -> bool {
        self.stale.len() <= MOST_ROWS
    }

    /// The user names that it is found by no more.
    pub(super) fn stale_names(&self) -> impl Iterator<Item = &str> {
        let names = self.stale.iter().filter(|(unique, path, _)| *unique && path == USER_NAME);
        names.map(|(.., name)| name.as_str())
    }
}

/// The records that are changed.
pub(super) fn updates<'a>(parts: &[Part<'a>]) -> impl Iterator<Item = (&'a ChangeSet, Update<'a>)> {
    parts.iter().filter_map(|part| match part.plain {
        Plain::Update(update) => Some((part.set, update)),
        _ => None,
    })
}

/// Adds entries as lists of types, paths, keys and ids.
pub(super) fn with_entries(statement: Statement, entries: &[Entry<'_>]) -> Statement {
    statement
        .texts(entries.iter().map(|(of, ..)| *of))
        .texts(entries.iter().map(|(_, path, ..)| *path))
        .texts(entries.iter().map(|(_, _, key, _)| *key))
        .blobs(entries.iter().map(|(.., id)| id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::{blank, check_plan, fill};

    #[test]
    fn entries_are_given_up_one_by_one_in_tables_that_nobody_has_counted() {
        let Some((mut connection, _database)) = blank() else { return };
        fill(&mut connection, 3000);
        let keys: Vec<String> = (0..300).map(|number| format!("n{number}")).collect();
        let entries: Vec<Entry<'_>> = keys.iter().map(|key| ("User", "userName", &**key, [0; 16])).collect();
        let give_up = Statement::of_postgres(GIVE_UP).blob([0; 16]);
        check_plan(&mut connection, with_entries(with_entries(give_up, &entries), &entries));
    }
}
