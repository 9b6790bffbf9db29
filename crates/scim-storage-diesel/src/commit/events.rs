//! The outbox: events in the same commit, of what really happened.

use scim_directory::{Change, EdgeOutcome, Effect, Event, EventKind};

use super::Applying;
use crate::error::{Refusal, damaged};
use crate::sql::{Number, Statement, json, word};

impl Applying<'_> {
    /// The change set's events, of what really happened, then those of the store's own.
    pub(super) fn happenings(&mut self, effects: &[Effect]) -> Vec<Event> {
        let mut events: Vec<Event> =
            self.set.events.iter().filter(|event| self.happened(event, effects)).cloned().collect();
        events.append(&mut self.events);
        events
    }

    /// Writes events; the position of the last. (On PostgreSQL, see [`super::place`].)
    pub(super) fn outbox(&mut self, events: &[Event]) -> Result<Option<i64>, Refusal> {
        let mut last = None;
        for event in events {
            last = Some(self.put_out(event)?);
        }
        Ok(last)
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

    fn put_out(&mut self, event: &Event) -> Result<i64, Refusal> {
        let row = Statement::kept(
            "INSERT INTO events (instance_id, at_ms, request_id, kind, resource_type, id, before, after) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING position AS n",
        )
        .blob(self.instance)
        .integer(self.set.at.unix_millis())
        .text(self.set.request_id.clone())
        .text(word(event.kind)?)
        .text(&*event.key.resource_type)
        .blob(event.key.id.uuid().into_bytes())
        .optional_text(event.before.as_ref().map(json).transpose()?)
        .optional_text(event.after.as_ref().map(json).transpose()?)
        .row::<Number>(self.connection)?
        .ok_or_else(|| damaged("an outbox"))?;
        Ok(row.n)
    }
}
