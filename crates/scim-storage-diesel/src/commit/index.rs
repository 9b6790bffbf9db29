//! Unique keys and searched values of a record.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Text};
use scim_core::resource::IndexEntry;
use scim_directory::Key;

use super::Applying;
use crate::error::Refusal;
use crate::read::USER_NAME;
use crate::sql::Statement;

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
            "SELECT path, key, 1 AS is_unique FROM unique_keys WHERE instance_id = ? AND id = ? \
             UNION ALL SELECT path, key, 0 FROM search_keys WHERE instance_id = ? AND id = ?",
        )
        .blob(self.instance)
        .blob(id)
        .blob(self.instance)
        .blob(id)
        .rows(self.connection)?;
        for entry in entries {
            let unique = entry.is_unique == 1;
            let kept = keep
                .iter()
                .any(|kept| kept.unique == unique && kept.path == entry.path && kept.key == entry.key);
            if kept {
                continue;
            }
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
            "DELETE FROM unique_keys WHERE instance_id = ? AND id = ? RETURNING path, key, 1 AS is_unique",
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
        let id = key.id.uuid().into_bytes();
        for entry in entries {
            // For a key that this record has already, setting its own id again changes nothing and counts as done.
            let insert = if entry.unique {
                "INSERT INTO unique_keys (instance_id, resource_type, path, key, id) VALUES (?, ?, ?, ?, ?) \
                 ON CONFLICT (instance_id, resource_type, path, key) DO UPDATE SET id = excluded.id WHERE unique_keys.id = excluded.id"
            } else {
                "INSERT INTO search_keys (instance_id, resource_type, path, key, id) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
            };
            let rows = Statement::kept(insert)
                .blob(self.instance)
                .text(&*key.resource_type)
                .text(entry.path.clone())
                .text(entry.key.clone())
                .blob(id)
                .run(self.connection)?;
            if entry.unique && rows == 0 {
                return Err(Refusal::Duplicate(entry.path.clone()));
            }
        }
        Ok(())
    }
}
