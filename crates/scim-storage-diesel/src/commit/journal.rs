//! Log records in the same commit, of what really happened.

use std::collections::BTreeSet;

use diesel::QueryableByName;
use diesel::sql_types::BigInt;
use scim_directory::{AttributeChange, Change, Effect, LogRecord, ResourceId};
use scim_storage::{reference_linked, what_happened};

use super::Applying;
use crate::error::{Refusal, damaged};
use crate::read::{minute, name_key};
use crate::sql::{Statement, json, word};

#[derive(QueryableByName)]
struct Inserted {
    #[diesel(sql_type = BigInt)]
    position: i64,
}

impl Applying<'_> {
    /// Writes the log: the positions of the first and the last record.
    pub(super) fn journal(
        &mut self,
        log: Vec<LogRecord>,
        effects: &[Effect],
    ) -> Result<Option<(i64, i64)>, Refusal> {
        let set = self.set;
        let mut records = what_happened(log, effects);
        for (change, effect) in set.changes.iter().zip(effects) {
            if matches!(change, Change::Create(_) | Change::Update { .. }) {
                records.extend(reference_linked(&effect.edges));
            }
        }
        records.append(&mut self.records);
        let mut positions = None;
        for record in &records {
            let position = self.log(record)?;
            let (first, _) = positions.unwrap_or((position, position));
            positions = Some((first, position));
        }
        Ok(positions)
    }

    /// Keeps in which minute records and events were written: the range of the records' positions, and the last event's.
    pub(super) fn mark_minute(
        &mut self,
        records: Option<(i64, i64)>,
        event: Option<i64>,
    ) -> Result<(), Refusal> {
        if records.is_none() && event.is_none() {
            return Ok(());
        }
        let (first, last) = records.unwrap_or((i64::MAX, 0));
        Statement::kept(
            "INSERT INTO minutes (instance_id, minute, slot, first_record, last_record, last_event) \
             VALUES (?, ?, 0, ?, ?, ?) ON CONFLICT (instance_id, minute, slot) DO UPDATE SET \
             first_record = min(first_record, excluded.first_record), \
             last_record = max(last_record, excluded.last_record), last_event = max(last_event, excluded.last_event)",
        )
        .postgres(
            "INSERT INTO minutes AS m (instance_id, minute, slot, first_record, last_record, last_event) \
             VALUES ($1, $2, 0, $3, $4, $5) ON CONFLICT (instance_id, minute, slot) DO UPDATE SET \
             first_record = least(m.first_record, excluded.first_record), \
             last_record = greatest(m.last_record, excluded.last_record), \
             last_event = greatest(m.last_event, excluded.last_event)",
        )
        .blob(self.instance)
        .integer(minute(self.set.at))
        .integer(first)
        .integer(last)
        .integer(event.unwrap_or_default())
        .run(self.connection)?;
        Ok(())
    }

    fn log(&mut self, record: &LogRecord) -> Result<i64, Refusal> {
        let set = self.set;
        let about = record.resource.as_ref();
        let id = about.and_then(|resource| resource.id.parse::<ResourceId>().ok());
        let name = about.and_then(|resource| if id.is_none() { resource.name.as_deref() } else { None });
        let row = Statement::kept(
            "INSERT INTO journal (instance_id, at_ms, elapsed_ms, connector_id, key_id, user_id, admin_key_id, \
             request_id, action, status, resource_type, resource_id, name_key, record) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
             RETURNING position",
        )
        .blob(self.instance)
        .integer(set.at.unix_millis())
        .integer(i64::from(set.elapsed_ms))
        .blob(set.actor.connector.map_or([0; 16], |connector| connector.uuid().into_bytes()))
        .optional_blob(set.actor.key.map(|key| key.uuid().into_bytes()))
        .optional_blob(set.actor.user.map(|user| user.uuid().into_bytes()))
        .optional_blob(set.actor.admin.map(|key| key.uuid().into_bytes()))
        .text(set.request_id.clone())
        .text(word(record.action)?)
        .text(word(record.status)?)
        .optional_text(about.map(|resource| resource.resource_type.clone()))
        .optional_blob(id.map(|id| id.uuid().into_bytes()))
        .optional_text(name.map(name_key))
        .text(json(record)?)
        .row::<Inserted>(self.connection)?
        .ok_or_else(|| damaged("a journal"))?;
        for member in members_of(record) {
            Statement::kept(
                "INSERT INTO journal_members (instance_id, member_id, position) VALUES (?, ?, ?)",
            )
            .blob(self.instance)
            .blob(member.uuid().into_bytes())
            .integer(row.position)
            .run(self.connection)?;
        }
        Ok(row.position)
    }
}

/// Whose membership a record is about.
pub(crate) fn members_of(record: &LogRecord) -> BTreeSet<ResourceId> {
    let edges = record.changes.iter().filter_map(|change| match change {
        AttributeChange::Edges { added, removed, .. } => Some(added.iter().chain(removed)),
        AttributeChange::Value { .. } => None,
    });
    edges.flatten().filter_map(|id| id.parse().ok()).collect()
}
