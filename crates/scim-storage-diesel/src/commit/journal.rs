//! Log records in the same commit, of what really happened.

use diesel::QueryableByName;
use diesel::sql_types::BigInt;
use scim_directory::{Change, Effect, LogRecord, Position};
use scim_storage::{reference_linked, what_happened};

use super::Applying;
use crate::error::{Refusal, damaged};
use crate::sql::{Bind, Statement};

#[derive(QueryableByName)]
struct Inserted {
    #[diesel(sql_type = BigInt)]
    position: i64,
}

impl Applying<'_> {
    /// Writes the log; the last record's position, or 0 where there is none.
    pub(crate) fn journal(&mut self, effects: &[Effect]) -> Result<Position, Refusal> {
        let (set, mut position) = (self.set, Position(0));
        for record in what_happened(set.log.clone(), effects) {
            position = self.log(&record)?;
        }
        for (change, effect) in set.changes.iter().zip(effects) {
            if matches!(change, Change::Create(_) | Change::Update { .. }) {
                for record in reference_linked(&effect.edges) {
                    position = self.log(&record)?;
                }
            }
        }
        Ok(position)
    }

    fn log(&mut self, record: &LogRecord) -> Result<Position, Refusal> {
        let text = serde_json::to_string(record).map_err(|_| damaged("a log record"))?;
        let actor = &self.set.actor;
        let blob = |id: Option<uuid::Uuid>| Bind::OptionalBlob(id.map(|id| id.into_bytes().to_vec()));
        let row = Statement::kept(
            "INSERT INTO journal (instance_id, at_ms, connector_id, key_id, user_id, request_id, record) \
             VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING position",
        )
        .blob(self.instance)
        .integer(self.set.at.unix_millis())
        .bind(blob(actor.connector.map(scim_directory::ConnectorId::uuid)))
        .bind(blob(actor.key.map(scim_directory::KeyId::uuid)))
        .bind(blob(actor.user.map(scim_directory::IntegrationUserId::uuid)))
        .text(self.set.request_id.clone())
        .text(text)
        .row::<Inserted>(self.connection)?
        .ok_or_else(|| damaged("a journal"))?;
        Ok(Position(row.position))
    }
}
