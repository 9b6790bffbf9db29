//! Unique keys and searched values of a record.

use std::collections::BTreeSet;

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Binary, Text};
use scim_core::resource::IndexEntry;
use scim_directory::Key;

use super::Applying;
use crate::error::Refusal;
use crate::read::USER_NAME;
use crate::sql::{Line, Statement, inserts};

/// What a record is found by.
#[derive(QueryableByName)]
pub(crate) struct Entry {
    #[diesel(sql_type = Text)]
    path: String,
    #[diesel(sql_type = Text)]
    key: String,
    #[diesel(sql_type = BigInt)]
    is_unique: i64,
}

/// What locked records are found by, with the ids of the records.
#[derive(QueryableByName)]
pub(super) struct EntryOf {
    #[diesel(sql_type = Binary)]
    pub(super) id: Vec<u8>,
    #[diesel(embed)]
    pub(super) entry: Entry,
}

/// All that these records are found by, in one statement.
pub(super) fn entries_of(instance: [u8; 16], ids: impl IntoIterator<Item = [u8; 16]>) -> Statement {
    Statement::of_postgres(
        "SELECT id, path, key, CAST(1 AS BIGINT) AS is_unique FROM unique_keys \
         WHERE instance_id = $1 AND id = ANY($2) UNION ALL \
         SELECT id, path, key, CAST(0 AS BIGINT) FROM search_keys WHERE instance_id = $1 AND id = ANY($2)",
    )
    .blob(instance)
    .blobs(ids)
}

impl Applying<'_> {
    /// Gives up what the record has and `keep` does not.
    pub(crate) fn drop_stale_index(&mut self, key: &Key, keep: &[IndexEntry]) -> Result<(), Refusal> {
        let id = key.id.uuid().into_bytes();
        let entries: Vec<Entry> = match self.entries.remove(&key.id) {
            Some(entries) => entries,
            None => Statement::kept(
            "SELECT path, key, CAST(1 AS BIGINT) AS is_unique FROM unique_keys WHERE instance_id = ? AND id = ? \
             UNION ALL SELECT path, key, CAST(0 AS BIGINT) FROM search_keys WHERE instance_id = ? AND id = ?",
        )
        .blob(self.instance)
        .blob(id)
        .blob(self.instance)
        .blob(id)
        .rows(self.connection)?,
        };
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
            self.touched = true;
            let unique = entry.is_unique == 1;
            let delete = if unique {
                "DELETE FROM unique_keys WHERE instance_id = ? AND resource_type = ? AND path = ? AND key = ? AND id = ?"
            } else {
                "DELETE FROM search_keys WHERE instance_id = ? AND resource_type = ? AND path = ? AND key = ? AND id = ?"
            };
            let delete = Statement::kept(delete)
                .blob(self.instance)
                .text(&*key.resource_type)
                .text(entry.path.clone())
                .text(entry.key.clone())
                .blob(id);
            self.connection.later(delete)?;
            if unique && entry.path == USER_NAME {
                self.give_up_claim(id, &entry.key)?;
            }
        }
        Ok(())
    }

    /// Gives up everything that the record has.
    pub(crate) fn drop_index(&mut self, key: &Key) -> Result<(), Refusal> {
        self.touched = true;
        let id = key.id.uuid().into_bytes();
        let delete = Statement::kept(
            "DELETE FROM unique_keys WHERE instance_id = ? AND id = ? RETURNING path, key, CAST(1 AS BIGINT) AS is_unique",
        )
        .blob(self.instance)
        .blob(id);
        let unique: Vec<Entry> = match self.entries.remove(&key.id) {
            Some(mut entries) => {
                self.connection.later(delete)?;
                entries.retain(|entry| entry.is_unique == 1);
                entries
            }
            None => delete.rows(self.connection)?,
        };
        if let Some(name) = unique.into_iter().find(|entry| entry.path == USER_NAME) {
            self.give_up_claim(id, &name.key)?;
            self.given_up.insert(key.id, name.key);
        }
        let searched = Statement::kept("DELETE FROM search_keys WHERE instance_id = ? AND id = ?")
            .blob(self.instance)
            .blob(id);
        self.connection.later(searched)?;
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
        self.add_index_in_turn(key, &new)
    }

    /// First what may be refused, one by one; then the others together.
    fn add_index_in_turn(&mut self, key: &Key, new: &BTreeSet<(bool, &str, &str)>) -> Result<(), Refusal> {
        let (unique, searched): (Vec<_>, Vec<_>) = new.iter().partition(|(unique, ..)| *unique);
        let row = |(_, path, value): &(bool, &str, &str)| {
            let row = Statement::default().blob(self.instance).text(&*key.resource_type);
            row.text(*path).text(*value).blob(key.id.uuid().into_bytes()).into_binds()
        };
        let searched = inserts(
            "INSERT INTO search_keys (instance_id, resource_type, path, key, id) VALUES ",
            searched.into_iter().map(row).collect(),
            " ON CONFLICT DO NOTHING",
        );
        for entry in unique {
            let insert = inserts(
                "INSERT INTO unique_keys (instance_id, resource_type, path, key, id) VALUES ",
                vec![row(entry)],
                " ON CONFLICT DO NOTHING",
            );
            let rows: usize =
                insert.into_iter().map(|insert| insert.run(self.connection)).sum::<Result<_, _>>()?;
            if rows == 0 {
                return Err(Refusal::Duplicate(entry.1.to_owned()));
            }
            self.touched = true;
        }
        for insert in searched {
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
