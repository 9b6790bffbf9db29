//! Erasing what the log, the outbox and a tombstone say about a person.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use scim_directory::Key;

use super::Applying;
use crate::connection::SqlDialect;
use crate::error::Refusal;
use crate::logged;
use crate::read::{name_key, resource_id};
use crate::sql::Statement;

#[derive(QueryableByName)]
struct Logged {
    #[diesel(sql_type = BigInt)]
    position: i64,
    #[diesel(sql_type = Text)]
    action: String,
    #[diesel(sql_type = Text)]
    status: String,
    #[diesel(sql_type = Nullable<Text>)]
    resource_type: Option<String>,
    #[diesel(sql_type = Nullable<Binary>)]
    resource_id: Option<Vec<u8>>,
    #[diesel(sql_type = Text)]
    record: String,
}

impl Applying<'_> {
    /// How many log records, events, tombstones and rejected lines said something.
    pub(super) fn erase(&mut self, key: &Key, name: Option<&str>) -> Result<u64, Refusal> {
        let id = key.id.uuid().into_bytes();
        let mut rows = self.erase_records(&id, name)?;
        rows += Statement::kept(
            "UPDATE events SET before = NULL, after = NULL WHERE instance_id = ? AND id = ? \
             AND (before IS NOT NULL OR after IS NOT NULL)",
        )
        .blob(self.instance)
        .blob(id)
        .run(self.connection)?;
        rows += Statement::kept(
            "UPDATE tombstones SET display = NULL, account = NULL, user_name_key = NULL \
             WHERE instance_id = ? AND id = ? \
             AND (display IS NOT NULL OR account IS NOT NULL OR user_name_key IS NOT NULL)",
        )
        .blob(self.instance)
        .blob(id)
        .run(self.connection)?;
        self.drop_tombstone_links(&id)?;
        match self.connection.dialect() {
            #[cfg(feature = "sqlite")]
            SqlDialect::Sqlite => crate::sqlite::forget(self.connection)?,
            #[cfg(feature = "postgres")]
            SqlDialect::Postgres => self.erase_texts(&id)?,
        }
        Statement::kept("UPDATE held_changes SET name = NULL WHERE instance_id = ? AND resource_id = ?")
            .blob(self.instance)
            .blob(id)
            .run(self.connection)?;
        if let Some(name) = name {
            rows += self.erase_rejected(name)?;
        }
        Ok(u64::try_from(rows).unwrap_or(u64::MAX))
    }

    /// Takes what the index of texts has of somebody. Should it come in again meanwhile, the note has it looked at once more.
    #[cfg(feature = "postgres")]
    fn erase_texts(&mut self, id: &[u8]) -> Result<(), Refusal> {
        let note = "INSERT INTO texts_stale (instance_id, id, change) \
            SELECT instance_id, $2, uuid_send(gen_random_uuid()) FROM texts_known WHERE instance_id = $1 \
            ON CONFLICT (instance_id, id) DO UPDATE SET change = excluded.change";
        for text in [note, "DELETE FROM texts WHERE instance_id = $1 AND id = $2"] {
            self.connection.later(Statement::of_postgres(text).blob(self.instance).blob(id))?;
        }
        Ok(())
    }

    fn erase_records(&mut self, id: &[u8], name: Option<&str>) -> Result<usize, Refusal> {
        let logged: Vec<Logged> = Statement::kept(
            "SELECT position, action, status, resource_type, resource_id, record \
             FROM journal INDEXED BY journal_by_resource \
             WHERE instance_id = ? AND resource_id = ? \
             UNION ALL SELECT position, action, status, resource_type, resource_id, record \
             FROM journal INDEXED BY journal_by_name \
             WHERE instance_id = ? AND name_key = ?",
        )
        .blob(self.instance)
        .blob(id)
        .blob(self.instance)
        .optional_text(name.map(name_key))
        .rows(self.connection)?;
        let mut rows = 0;
        for Logged { position, action, status, resource_type, resource_id: of, record } in logged {
            let columns = logged::Columns {
                action: &action,
                status: &status,
                resource_type: resource_type.as_deref(),
                resource: of.as_deref().map(resource_id).transpose()?,
            };
            let mut scrubbed = logged::read(&record, &columns)?;
            scrubbed.scrub();
            let scrubbed = logged::write(&scrubbed)?;
            if scrubbed != record {
                rows += Statement::kept(
                    "UPDATE journal SET record = ?, name_key = NULL WHERE instance_id = ? AND position = ?",
                )
                .text(scrubbed)
                .blob(self.instance)
                .integer(position)
                .run(self.connection)?;
            }
        }
        Ok(rows)
    }
}
