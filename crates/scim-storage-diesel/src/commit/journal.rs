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

/// What a row of the log has of its record.
pub(super) struct Row {
    pub(super) action: String,
    pub(super) status: String,
    pub(super) resource_type: Option<String>,
    pub(super) resource_id: Option<Vec<u8>>,
    pub(super) name_key: Option<String>,
    pub(super) record: String,
    pub(super) members: BTreeSet<ResourceId>,
}

impl Row {
    pub(super) fn of(record: &LogRecord) -> Result<Self, Refusal> {
        let about = record.resource.as_ref();
        let id = about.and_then(|resource| resource.id.parse::<ResourceId>().ok());
        let name = about.and_then(|resource| if id.is_none() { resource.name.as_deref() } else { None });
        Ok(Self {
            action: word(record.action)?,
            status: word(record.status)?,
            resource_type: about.map(|resource| resource.resource_type.clone()),
            resource_id: id.map(|id| id.uuid().into_bytes().to_vec()),
            name_key: name.map(name_key),
            record: json(record)?,
            members: members_of(record),
        })
    }
}

impl Applying<'_> {
    /// The log of what really happened.
    pub(super) fn records(&mut self, log: Vec<LogRecord>, effects: &[Effect]) -> Vec<LogRecord> {
        let mut records = what_happened(log, effects);
        for (change, effect) in self.set.changes.iter().zip(effects) {
            if matches!(change, Change::Create(_) | Change::Update { .. }) {
                records.extend(reference_linked(&effect.edges));
            }
        }
        records.append(&mut self.records);
        records
    }

    /// Writes the log: the positions of the first and the last record. (On PostgreSQL, see [`super::place`].)
    pub(super) fn journal(&mut self, records: &[LogRecord]) -> Result<Option<(i64, i64)>, Refusal> {
        let mut positions = None;
        for record in records {
            let position = self.log(Row::of(record)?)?;
            let (first, _) = positions.unwrap_or((position, position));
            positions = Some((first, position));
        }
        Ok(positions)
    }

    /// Keeps in which minute records and events were written: the range of the records' positions, and the last event's.
    pub(super) fn mark_minute(&mut self, records: Option<(i64, i64)>, event: Option<i64>) {
        if records.is_none() && event.is_none() {
            return;
        }
        let (first, last) = records.unwrap_or((i64::MAX, 0));
        let mark = Statement::kept(
            "INSERT INTO minutes (instance_id, minute, slot, first_record, last_record, last_event) \
             VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (instance_id, minute, slot) DO UPDATE SET \
             first_record = min(first_record, excluded.first_record), \
             last_record = max(last_record, excluded.last_record), last_event = max(last_event, excluded.last_event)",
        )
        .blob(self.instance)
        .integer(minute(self.set.at))
        .integer(self.slot())
        .integer(first)
        .integer(last)
        .integer(event.unwrap_or_default());
        self.later.push(mark);
    }

    /// One row, whose position SQLite counts.
    fn log(&mut self, row: Row) -> Result<i64, Refusal> {
        let statement = Statement::kept(
            "INSERT INTO journal (instance_id, at_ms, elapsed_ms, connector_id, key_id, user_id, admin_key_id, \
             request_id, action, status, resource_type, resource_id, name_key, record) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
             RETURNING position",
        );
        let inserted = self
            .about_the_set(statement)
            .text(row.action)
            .text(row.status)
            .optional_text(row.resource_type)
            .optional_blob(row.resource_id)
            .optional_text(row.name_key)
            .text(row.record)
            .row::<Inserted>(self.connection)?
            .ok_or_else(|| damaged("a journal"))?;
        for member in row.members {
            Statement::kept(
                "INSERT INTO journal_members (instance_id, member_id, position) VALUES (?, ?, ?)",
            )
            .blob(self.instance)
            .blob(member.uuid().into_bytes())
            .integer(inserted.position)
            .run(self.connection)?;
        }
        Ok(inserted.position)
    }

    /// Binds what all rows of a change set have in common.
    fn about_the_set(&self, statement: Statement) -> Statement {
        let set = self.set;
        statement
            .blob(self.instance)
            .integer(set.at.unix_millis())
            .integer(i64::from(set.elapsed_ms))
            .blob(set.actor.connector.map_or([0; 16], |connector| connector.uuid().into_bytes()))
            .optional_blob(set.actor.key.map(|key| key.uuid().into_bytes()))
            .optional_blob(set.actor.user.map(|user| user.uuid().into_bytes()))
            .optional_blob(set.actor.admin.map(|key| key.uuid().into_bytes()))
            .text(set.request_id.clone())
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
