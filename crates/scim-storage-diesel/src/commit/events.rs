//! The outbox: events in the same commit, of what really happened.

use scim_directory::{Change, EdgeOutcome, Effect, Event, EventKind};
use scim_storage::StoreError;

use super::Applying;
use crate::error::Refusal;
use crate::sql::{Bind, Statement, json, word};

/// What a row of the outbox has of its event.
#[derive(Clone, Debug)]
pub(super) struct Row {
    kind: String,
    resource_type: String,
    id: [u8; 16],
    before: Option<String>,
    after: Option<String>,
}

impl Row {
    pub(super) fn of(event: &Event) -> Result<Self, StoreError> {
        Ok(Self {
            kind: word(event.kind)?,
            resource_type: event.key.resource_type.to_string(),
            id: event.key.id.uuid().into_bytes(),
            before: event.before.as_ref().map(json).transpose()?,
            after: event.after.as_ref().map(json).transpose()?,
        })
    }
}

impl Applying<'_> {
    /// The change set's events, of what really happened, then those of the store's own.
    pub(super) fn happenings(&mut self, effects: &[Effect]) -> Vec<Event> {
        let mut events: Vec<Event> =
            self.set.events.iter().filter(|event| self.happened(event, effects)).cloned().collect();
        events.append(&mut self.events);
        events
    }

    /// Rows of the outbox, without their positions, of what really happened. (SQLite.)
    pub(super) fn event_rows(&mut self, effects: &[Effect]) -> Result<Vec<Vec<Bind>>, Refusal> {
        let set = self.set;
        let mut rows = Vec::with_capacity(set.events.len() + self.events.len());
        for (index, event) in set.events.iter().enumerate().filter(|(_, event)| self.happened(event, effects))
        {
            let form = self.forms.and_then(|forms| forms.events.get(index).cloned());
            rows.push(form.map_or_else(|| Row::of(event), Ok)?);
        }
        for event in std::mem::take(&mut self.events) {
            rows.push(Row::of(&event)?);
        }
        Ok(rows.into_iter().map(|row| self.event_row(row)).collect())
    }

    fn event_row(&self, row: Row) -> Vec<Bind> {
        Statement::default()
            .blob(self.instance)
            .integer(self.set.at.unix_millis())
            .text(self.set.request_id.clone())
            .text(row.kind)
            .text(row.resource_type)
            .blob(row.id)
            .optional_text(row.before)
            .optional_text(row.after)
            .into_binds()
    }

    /// Whether an event is about more than members, or an edge of the group really changed.
    fn happened(&self, event: &Event, effects: &[Effect]) -> bool {
        if event.kind != EventKind::GroupChanged {
            return true;
        }
        let written = self.set.changes.iter().any(|change| match change {
            Change::Create(new) => new.key == event.key,
            Change::Update { key, .. } => *key == event.key,
            _ => false,
        });
        written
            || effects.iter().flat_map(|effect| &effect.edges).any(|edge| {
                edge.group == event.key.id
                    && matches!(edge.outcome, EdgeOutcome::Added | EdgeOutcome::Removed)
            })
    }
}
