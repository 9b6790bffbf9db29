//! Log records in the same commit, of what really happened.

use std::collections::BTreeSet;

use scim_directory::{Change, ChangeSet, Effect, LogRecord, ResourceId};
use scim_storage::{StoreError, reference_linked, what_happened};

use super::Applying;
use super::group::LogRow;
use crate::error::Refusal;
use crate::logged;
use crate::read::name_key;
use crate::sql::{Statement, word};

/// What a row of the log has of its record.
#[derive(Clone, Debug)]
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
    pub(super) fn of(record: &LogRecord) -> Result<Self, StoreError> {
        let about = record.resource.as_ref();
        let id = logged::id(record);
        let name = about.and_then(|resource| if id.is_none() { resource.name.as_deref() } else { None });
        Ok(Self {
            action: word(record.action)?,
            status: word(record.status)?,
            resource_type: about.map(|resource| resource.resource_type.clone()),
            resource_id: id.map(|id| id.uuid().into_bytes().to_vec()),
            name_key: name.map(name_key),
            record: logged::write(record)?,
            members: logged::members_of(record.changes.iter()),
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

    /// Rows of the log of what really happened. (SQLite.)
    pub(super) fn log_rows(&mut self, effects: &[Effect]) -> Result<Vec<LogRow>, Refusal> {
        let set = self.set;
        let certain =
            self.forms.filter(|forms| forms.is_certain || what_happened(set.log.clone(), effects) == set.log);
        let records = self.records(if certain.is_some() { Vec::new() } else { set.log.clone() }, effects);
        let mut rows = certain.map(|forms| forms.log.clone()).unwrap_or_default();
        for record in &records {
            rows.push(LogRow::of(set, record)?);
        }
        Ok(rows)
    }
}

impl LogRow {
    /// A record's row of the log. (SQLite.)
    pub(super) fn of(set: &ChangeSet, record: &LogRecord) -> Result<Self, StoreError> {
        let row = Row::of(record)?;
        let members = row.members.iter().map(|member| member.uuid().into_bytes()).collect();
        let row = Statement::default()
            .blob(set.scope.instance.uuid().as_bytes())
            .integer(set.at.unix_millis())
            .integer(i64::from(set.elapsed_ms))
            .blob(set.actor.connector.map_or([0; 16], |connector| connector.uuid().into_bytes()))
            .optional_blob(set.actor.key.map(|key| key.uuid().into_bytes()))
            .optional_blob(set.actor.user.map(|user| user.uuid().into_bytes()))
            .optional_blob(set.actor.admin.map(|key| key.uuid().into_bytes()))
            .text(&*set.request_id)
            .text(row.action)
            .text(row.status)
            .optional_text(row.resource_type)
            .optional_blob(row.resource_id)
            .optional_text(row.name_key)
            .text(row.record);
        Ok(Self { row: row.into_binds().into(), members })
    }
}

/// Widens a minute by the range of records and the last event that were written in it.
pub(super) fn mark(
    instance: [u8; 16],
    minute: i64,
    slot: i64,
    (first, last): (i64, i64),
    event: i64,
) -> Statement {
    Statement::kept(
        "INSERT INTO minutes (instance_id, minute, slot, first_record, last_record, last_event) \
         VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (instance_id, minute, slot) DO UPDATE SET \
         first_record = min(first_record, excluded.first_record), \
         last_record = max(last_record, excluded.last_record), last_event = max(last_event, excluded.last_event)",
    )
    .blob(instance)
    .integer(minute)
    .integer(slot)
    .integer(first)
    .integer(last)
    .integer(event)
}
