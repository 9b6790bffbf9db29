//! The outbox: events in the same commit, of what really happened.

use scim_directory::{Change, EdgeOutcome, Effect, Event, EventKind};

use super::Applying;
use crate::error::{Refusal, damaged};
use serde_json::Value;

use crate::sql::{Bind, Number, Statement, json, word};

impl Applying<'_> {
    /// The change set's events, of what really happened, then those of the store's own.
    pub(super) fn happenings(&mut self, effects: &[Effect]) -> Vec<Event> {
        let mut events: Vec<Event> =
            self.set.events.iter().filter(|event| self.happened(event, effects)).cloned().collect();
        events.append(&mut self.events);
        events
    }

    /// Writes events; the position of the last. On PostgreSQL they begin after `place`.
    pub(super) fn outbox(&mut self, events: &[Event], place: Option<i64>) -> Result<Option<i64>, Refusal> {
        if events.is_empty() {
            return Ok(None);
        }
        if let Some(place) = place {
            self.put_all_out(events, place)?;
            return Ok(Some(place.saturating_add(i64::try_from(events.len()).unwrap_or(i64::MAX))));
        }
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
    fn put_all_out(&mut self, events: &[Event], place: i64) -> Result<(), Refusal> {
        let words = events.iter().map(|event| word(event.kind)).collect::<Result<Vec<_>, _>>()?;
        let all = |value: fn(&Event) -> Option<&Value>| -> Result<Bind, Refusal> {
            let texts = events.iter().map(|event| value(event).map(json).transpose());
            Ok(Bind::OptionalTexts(texts.collect::<Result<_, _>>()?))
        };
        let (before, after) = (all(|event| event.before.as_ref())?, all(|event| event.after.as_ref())?);
        let all = Statement::of_postgres(
            "INSERT INTO events (instance_id, position, at_ms, request_id, kind, resource_type, id, before, after) \
             SELECT $1, $2 + e.n, $3, $4, e.kind, e.resource_type, e.id, e.before, e.after \
             FROM unnest($5, $6, $7, $8, $9) WITH ORDINALITY AS e (kind, resource_type, id, before, after, n)",
        )
        .blob(self.instance)
        .integer(place)
        .integer(self.set.at.unix_millis())
        .text(self.set.request_id.clone())
        .texts(words)
        .texts(events.iter().map(|event| &*event.key.resource_type))
        .blobs(events.iter().map(|event| event.key.id.uuid().into_bytes()))
        .bind(before)
        .bind(after);
        self.later.push(all);
        Ok(())
    }
}
