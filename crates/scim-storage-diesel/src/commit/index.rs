//! Unique keys and searched values of a record.

use std::collections::BTreeSet;

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Text};
use scim_core::resource::IndexEntry;
use scim_directory::Key;

use super::Applying;
use crate::error::Refusal;
use crate::read::USER_NAME;
use crate::sql::{Line, Statement};

#[derive(QueryableByName)]
struct Entry {
    #[diesel(sql_type = Text)]
    path: String,
    #[diesel(sql_type = Text)]
    key: String,
    #[diesel(sql_type = BigInt)]
    is_unique: i64,
}

impl Applying<'_> {
    /// Gives up what the record has and `keep` does not.
    pub(crate) fn drop_stale_index(&mut self, key: &Key, keep: &[IndexEntry]) -> Result<(), Refusal> {
        let id = key.id.uuid().into_bytes();
        let entries: Vec<Entry> = Statement::kept(
            "SELECT path, key, CAST(1 AS BIGINT) AS is_unique FROM unique_keys WHERE instance_id = ? AND id = ? \
             UNION ALL SELECT path, key, CAST(0 AS BIGINT) FROM search_keys WHERE instance_id = ? AND id = ?",
        )
        .blob(self.instance)
        .blob(id)
        .blob(self.instance)
        .blob(id)
        .rows(self.connection)?;
        let indexed = self.indexed.entry(key.id).or_default();
        indexed.clear();
        let mut stale = Vec::new();
        for entry in entries {
            let unique = entry.is_unique == 1;
            let kept = keep
                .iter()
                .any(|kept| kept.unique == unique && kept.path == entry.path && kept.key == entry.key);
            if kept {
                indexed.insert((unique, entry.path, entry.key));
            } else {
                stale.push(entry);
            }
        }
        for entry in stale {
            let unique = entry.is_unique == 1;
            let delete = if unique {
                "DELETE FROM unique_keys WHERE instance_id = ? AND resource_type = ? AND path = ? AND key = ? AND id = ?"
            } else {
                "DELETE FROM search_keys WHERE instance_id = ? AND resource_type = ? AND path = ? AND key = ? AND id = ?"
            };
            Statement::kept(delete)
                .blob(self.instance)
                .text(&*key.resource_type)
                .text(entry.path.clone())
                .text(entry.key.clone())
                .blob(id)
                .run(self.connection)?;
            if unique && entry.path == USER_NAME {
                self.give_up_claim(id, &entry.key)?;
            }
        }
        Ok(())
    }

    /// Gives up everything that the record has.
    pub(crate) fn drop_index(&mut self, key: &Key) -> Result<(), Refusal> {
        let id = key.id.uuid().into_bytes();
        let unique: Vec<Entry> = Statement::kept(
            "DELETE FROM unique_keys WHERE instance_id = ? AND id = ? RETURNING path, key, CAST(1 AS BIGINT) AS is_unique",
        )
        .blob(self.instance)
        .blob(id)
        .rows(self.connection)?;
        if let Some(name) = unique.into_iter().find(|entry| entry.path == USER_NAME) {
            self.give_up_claim(id, &name.key)?;
            self.given_up.insert(key.id, name.key);
        }
        Statement::kept("DELETE FROM search_keys WHERE instance_id = ? AND id = ?")
            .blob(self.instance)
            .blob(id)
            .run(self.connection)?;
        Ok(())
    }

    /// Takes what the record has now; a unique key that another has is a `Duplicate`.
    pub(crate) fn add_index(&mut self, key: &Key, entries: &[IndexEntry]) -> Result<(), Refusal> {
        let known = self.indexed.remove(&key.id).unwrap_or_default();
        let new: BTreeSet<(bool, &str, &str)> = entries
            .iter()
            .map(|entry| (entry.unique, entry.path.as_str(), entry.key.as_str()))
            .filter(|(unique, path, key)| !known.contains(&(*unique, (*path).to_owned(), (*key).to_owned())))
            .collect();
        if self.connection.is_postgres() {
            return self.add_index_at_once(key, &new);
        }
        for (unique, path, value) in new {
            let insert = if unique {
                "INSERT INTO unique_keys (instance_id, resource_type, path, key, id) VALUES (?, ?, ?, ?, ?) \
                 ON CONFLICT DO NOTHING"
            } else {
                "INSERT INTO search_keys (instance_id, resource_type, path, key, id) VALUES (?, ?, ?, ?, ?) \
                 ON CONFLICT DO NOTHING"
            };
            let rows = Statement::kept(insert)
                .blob(self.instance)
                .text(&*key.resource_type)
                .text(path)
                .text(value)
                .blob(key.id.uuid().into_bytes())
                .run(self.connection)?;
            if unique && rows == 0 {
                return Err(Refusal::Duplicate(path.to_owned()));
            }
        }
        Ok(())
    }

    /// The same in a statement of each kind, in the order of the keys: two who want the same ones do not wait for one another in
    /// a ring.
    fn add_index_at_once(&mut self, key: &Key, new: &BTreeSet<(bool, &str, &str)>) -> Result<(), Refusal> {
        for kind in [true, false] {
            let entries = || new.iter().filter(|(unique, ..)| *unique == kind);
            if entries().next().is_none() {
                continue;
            }
            let added: Vec<Line> = Statement::of_postgres(if kind {
                "INSERT INTO unique_keys (instance_id, resource_type, path, key, id) \
                 SELECT $1, $2, k.path, k.key, $3 FROM unnest($4, $5) AS k (path, key) \
                 ON CONFLICT DO NOTHING RETURNING path AS line"
            } else {
                "INSERT INTO search_keys (instance_id, resource_type, path, key, id) \
                 SELECT $1, $2, k.path, k.key, $3 FROM unnest($4, $5) AS k (path, key) ON CONFLICT DO NOTHING \
                 RETURNING path AS line"
            })
            .blob(self.instance)
            .text(&*key.resource_type)
            .blob(key.id.uuid().into_bytes())
            .texts(entries().map(|(_, path, _)| *path))
            .texts(entries().map(|(.., key)| *key))
            .rows(self.connection)?;
            if kind && added.len() < entries().count() {
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
