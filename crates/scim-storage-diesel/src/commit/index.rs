//! Unique keys and searched values of a record.
//!
//! Their rows are found by what they say. That a record's own ones can be found when it changes or goes, the record lists them
//! (its column `keys`): an index of either table by the record's id would be one more to keep for each.

use std::collections::BTreeSet;

use scim_core::resource::IndexEntry;
use scim_directory::{ChangeSet, Key, ResourceId};
use scim_storage::StoreError;

use super::Applying;
use super::ready::Ready;
use crate::error::{Refusal, damaged};
use crate::read::USER_NAME;
use crate::sql::{Line, Statement, fixed_texts, inserts, json};

fixed_texts! {
    /// A unique key.
    Unique = "INSERT INTO unique_keys (instance_id, resource_type, path, key, id) VALUES (?, ?, ?, ?, ?) \
        ON CONFLICT DO NOTHING";
    /// A value that is searched by.
    Searched = "INSERT INTO search_keys (instance_id, resource_type, path, key, id) VALUES (?, ?, ?, ?, ?) \
        ON CONFLICT DO NOTHING";
    /// Two of them, as most people have. (`OR FAIL` as in `super::ready::insertion`.)
    SearchedTwice = "INSERT OR FAIL INTO search_keys (instance_id, resource_type, path, key, id) \
        VALUES (?, ?, ?, ?, ?), (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";
}

/// What a record is found by: whether it is unique, the path, the key. In the order in which rows are written.
pub(crate) type Entries = BTreeSet<(bool, String, String)>;

/// Entries as the column `keys` has them.
pub(super) fn keys(entries: &[IndexEntry]) -> Result<String, StoreError> {
    let entries = entries.iter().map(|entry| (entry.unique, &*entry.path, &*entry.key));
    json(&entries.collect::<BTreeSet<(bool, &str, &str)>>())
}

/// The entries that the column lists.
pub(super) fn entries(keys: &str) -> Result<Entries, StoreError> {
    serde_json::from_str(keys).map_err(|_| damaged("index entries"))
}

/// Inserts a unique key, unless another record has it.
pub(super) fn unique_row(set: &ChangeSet, key: &Key, path: &str, value: &str) -> Statement {
    let insert = Statement::fixed::<Unique>();
    let insert = insert.blob(set.scope.instance.uuid().as_bytes()).text(&*key.resource_type);
    insert.text(path).text(value).blob(key.id.uuid().as_bytes())
}

/// Inserts the other entries, of which several records may have the same.
pub(super) fn searched_rows<'e>(
    set: &ChangeSet,
    key: &Key,
    entries: impl Iterator<Item = (&'e str, &'e str)>,
) -> Vec<Statement> {
    let bind = |row: Statement, (path, value): (&str, &str)| {
        let row = row.blob(set.scope.instance.uuid().as_bytes()).text(&*key.resource_type);
        row.text(path).text(value).blob(key.id.uuid().as_bytes())
    };
    let entries: Vec<_> = entries.collect();
    match *entries {
        [one] => return vec![bind(Statement::fixed::<Searched>(), one)],
        [one, two] => return vec![bind(bind(Statement::fixed::<SearchedTwice>(), one), two)],
        _ => {}
    }
    let row = |entry| bind(Statement::default(), entry).into_binds();
    let into = "INSERT OR FAIL INTO search_keys (instance_id, resource_type, path, key, id) VALUES ";
    inserts(into, entries.into_iter().map(row).collect(), " ON CONFLICT DO NOTHING")
}

/// Entries of a record in a table, each looked up by itself: a join reads all keys of an instance where they were never analysed. (PostgreSQL.)
macro_rules! gone {
    ($table:literal) => {
        concat!(
            "DELETE FROM ",
            $table,
            " WHERE ctid = ANY(ARRAY(SELECT e.at FROM unnest($4, $5) AS k (path, key) CROSS JOIN LATERAL (SELECT ctid AS at FROM ",
            $table,
            " WHERE instance_id = $1 AND resource_type = $2 AND path = k.path AND key = k.key AND id = $3 LIMIT 1) e))"
        )
    };
}
const UNIQUE_GONE: &str = gone!("unique_keys");
const SEARCHED_GONE: &str = gone!("search_keys");

impl Applying<'_> {
    /// What a record is found by now.
    fn entries_of(&mut self, id: ResourceId) -> Result<Entries, Refusal> {
        if let Some(entries) = self.entries.remove(&id) {
            return Ok(entries);
        }
        let listed = Statement::kept("SELECT keys AS line FROM resources WHERE instance_id = ? AND id = ?")
            .blob(self.instance)
            .blob(id.uuid().into_bytes())
            .row::<Line>(self.connection)?;
        Ok(listed.map_or_else(|| Ok(Entries::new()), |listed| entries(&listed.line))?)
    }

    /// Gives up what the record has and `keep` does not.
    pub(crate) fn drop_stale_index(&mut self, key: &Key, keep: &[IndexEntry]) -> Result<(), Refusal> {
        let is_kept = |(unique, path, value): &(bool, String, String)| {
            keep.iter().any(|kept| kept.unique == *unique && kept.path == *path && kept.key == *value)
        };
        let (kept, stale) = self.entries_of(key.id)?.into_iter().partition(is_kept);
        self.entries.insert(key.id, kept);
        self.give_up(key, &stale)?;
        for (_, _, name) in stale.iter().filter(|(unique, path, _)| *unique && path == USER_NAME) {
            self.give_up_claim(key.id.uuid().into_bytes(), name)?;
        }
        Ok(())
    }

    /// Gives up everything that the record has.
    pub(crate) fn drop_index(&mut self, key: &Key) -> Result<(), Refusal> {
        self.touched = true;
        let all = self.entries_of(key.id)?;
        self.entries.insert(key.id, Entries::new());
        self.give_up(key, &all)?;
        if let Some((_, _, name)) = all.into_iter().find(|(unique, path, _)| *unique && path == USER_NAME) {
            self.give_up_claim(key.id.uuid().into_bytes(), &name)?;
            self.given_up.insert(key.id, name);
        }
        Ok(())
    }

    /// Deletes these rows of the record's.
    fn give_up(&mut self, key: &Key, entries: &Entries) -> Result<(), Refusal> {
        let id = key.id.uuid().into_bytes();
        if self.connection.is_postgres() {
            for unique in [true, false] {
                let of = || entries.iter().filter(|(of, ..)| *of == unique);
                if of().next().is_none() {
                    continue;
                }
                let delete = Statement::of_postgres(if unique { UNIQUE_GONE } else { SEARCHED_GONE });
                let delete = delete.blob(self.instance).text(&*key.resource_type).blob(id);
                let delete = delete.texts(of().map(|(_, path, _)| path)).texts(of().map(|(.., key)| key));
                self.connection.later(delete)?;
            }
            return Ok(());
        }
        for (unique, path, value) in entries {
            self.touched = true;
            let delete = Statement::kept(if *unique {
                "DELETE FROM unique_keys WHERE instance_id = ? AND resource_type = ? AND path = ? AND key = ? AND id = ?"
            } else {
                "DELETE FROM search_keys WHERE instance_id = ? AND resource_type = ? AND path = ? AND key = ? AND id = ?"
            });
            let delete = delete.blob(self.instance).text(&*key.resource_type).text(path).text(value);
            self.connection.later(delete.blob(id))?;
        }
        Ok(())
    }

    /// Takes what the record has now; a unique key that another has is a `Duplicate`.
    pub(crate) fn add_index(&mut self, key: &Key, entries: &[IndexEntry]) -> Result<(), Refusal> {
        let known = self.entries.remove(&key.id).unwrap_or_default();
        let is = |entry: &IndexEntry, (unique, path, value): &(bool, String, String)| {
            entry.unique == *unique && entry.path == *path && entry.key == *value
        };
        let new: BTreeSet<(bool, &str, &str)> = entries
            .iter()
            .filter(|entry| !known.iter().any(|known| is(entry, known)))
            .map(|entry| (entry.unique, entry.path.as_str(), entry.key.as_str()))
            .collect();
        if self.connection.is_postgres() {
            self.add_index_at_once(key, &new)?;
        } else {
            self.add_index_in_turn(key, &new)?;
        }
        // From here on its row says it.
        Ok(())
    }

    /// The same for a record that is created, by statements that were made before.
    pub(super) fn add_ready_index(&mut self, ready: &Ready) -> Result<(), Refusal> {
        for (path, insert) in &ready.unique {
            if insert.run_again(self.connection)? == 0 {
                return Err(Refusal::Duplicate(path.clone()));
            }
            self.touched = true;
        }
        for insert in &ready.searched {
            self.touched = true;
            insert.run_again(self.connection)?;
        }
        Ok(())
    }

    /// First what may be refused, one by one; then the others together.
    fn add_index_in_turn(&mut self, key: &Key, new: &BTreeSet<(bool, &str, &str)>) -> Result<(), Refusal> {
        for (_, path, value) in new.iter().filter(|(unique, ..)| *unique) {
            if unique_row(self.set, key, path, value).run(self.connection)? == 0 {
                return Err(Refusal::Duplicate((*path).to_owned()));
            }
            self.touched = true;
        }
        let searched = new.iter().filter(|(unique, ..)| !unique).map(|(_, path, value)| (*path, *value));
        for insert in searched_rows(self.set, key, searched) {
            self.touched = true;
            insert.run(self.connection)?;
        }
        Ok(())
    }

    /// The same in a statement of each kind, in the order of the keys: two who want the same ones do not wait for one another in
    /// a ring.
    fn add_index_at_once(&mut self, key: &Key, new: &BTreeSet<(bool, &str, &str)>) -> Result<(), Refusal> {
        for unique in [true, false] {
            let entries = || new.iter().filter(|(of, ..)| *of == unique);
            let wanted = entries().count();
            if wanted == 0 {
                continue;
            }
            let add = Statement::of_postgres(if unique {
                "INSERT INTO unique_keys (instance_id, resource_type, path, key, id) \
                 SELECT $1, $2, k.path, k.key, $3 FROM unnest($4, $5) AS k (path, key) \
                 ON CONFLICT DO NOTHING RETURNING path AS line"
            } else {
                "INSERT INTO search_keys (instance_id, resource_type, path, key, id) \
                 SELECT $1, $2, k.path, k.key, $3 FROM unnest($4, $5) AS k (path, key) ON CONFLICT DO NOTHING"
            })
            .blob(self.instance)
            .text(&*key.resource_type)
            .blob(key.id.uuid().into_bytes())
            .texts(entries().map(|(_, path, _)| *path))
            .texts(entries().map(|(.., key)| *key));
            if !unique {
                self.connection.later(add)?;
                continue;
            }
            let all = || entries().map(|(_, path, _)| Line { line: (*path).to_owned() }).collect();
            let added: Vec<Line> = self.connection.suppose(add, all(), move |rows| rows.len() == wanted)?;
            if added.len() < wanted {
                let count = |path: &str| added.iter().filter(|line| line.line == path).count();
                let wanted = |path: &str| entries().filter(|(_, of, _)| *of == path).count();
                let taken = entries().find(|(_, path, _)| count(path) < wanted(path));
                return Err(Refusal::Duplicate(
                    taken.map(|(_, path, _)| (*path).to_owned()).unwrap_or_default(),
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[cfg(feature = "postgres")]
mod tests {
    use super::*;
    use crate::postgres::{blank, check_plan, fill};

    #[test]
    fn entries_of_one_record_are_given_up_one_by_one_in_tables_that_nobody_has_counted() {
        let Some((mut connection, _database)) = blank() else { return };
        fill(&mut connection, 3000);
        let keys: Vec<String> = (0..300).map(|number| format!("n{number}")).collect();
        for text in [UNIQUE_GONE, SEARCHED_GONE] {
            let delete = Statement::of_postgres(text).blob([0; 16]).text("User").blob([0; 16]);
            let delete =
                delete.texts(keys.iter().map(|_| "emails.value")).texts(keys.iter().map(String::as_str));
            check_plan(&mut connection, delete);
        }
    }
}
