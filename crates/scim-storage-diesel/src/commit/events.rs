//! The outbox: events in the same commit, of what really happened.

use std::sync::Arc;

use scim_directory::{Change, ChangeSet, EdgeOutcome, Effect, Event, EventKind};
use scim_storage::StoreError;

use super::Applying;
use crate::error::Refusal;
use crate::sql::{Bind, Statement, json, word};

/// An event's row of the outbox, without its position. (SQLite.)
pub(super) fn row(set: &ChangeSet, event: &Event) -> Result<Arc<[Bind]>, StoreError> {
    let row = Statement::default()
        .blob(set.scope.instance.uuid().as_bytes())
        .integer(set.at.unix_millis())
        .text(&*set.request_id)
        .text(word(event.kind)?)
        .text(&*event.key.resource_type)
        .blob(event.key.id.uuid().as_bytes())
        .optional_text(event.before.as_ref().map(json).transpose()?)
        .optional_text(event.after.as_ref().map(json).transpose()?);
    Ok(row.into_binds().into())
}

impl Applying<'_> {
    /// The change set's events, of what really happened, then those of the store's own.
    pub(super) fn happenings(&mut self, effects: &[Effect]) -> Vec<Event> {
        let mut events: Vec<Event> =
            self.set.events.iter().filter(|event| happened(self.set, event, effects)).cloned().collect();
        events.append(&mut self.events);
        events
    }

    /// Rows of the outbox, without their positions, of what really happened. (SQLite.)
    pub(super) fn event_rows(&mut self, effects: &[Effect]) -> Result<Vec<Arc<[Bind]>>, Refusal> {
        let set = self.set;
        let mut rows = Vec::with_capacity(set.events.len() + self.events.len());
        for (index, event) in set.events.iter().enumerate().filter(|(_, event)| happened(set, event, effects))
        {
            let form = self.forms.and_then(|forms| forms.events.get(index).cloned());
            rows.push(form.map_or_else(|| row(set, event), Ok)?);
        }
        for event in std::mem::take(&mut self.events) {
            rows.push(row(set, &event)?);
        }
        Ok(rows)
    }
}

/// Whether an event is about more than members, or an edge of the group really changed.
pub(super) fn happened(set: &ChangeSet, event: &Event, effects: &[Effect]) -> bool {
    if event.kind != EventKind::GroupChanged {
        return true;
    }
    let written = set.changes.iter().any(|change| match change {
        Change::Create(new) => new.key == event.key,
        Change::Update { key, .. } => *key == event.key,
        _ => false,
    });
    written
        || effects.iter().flat_map(|effect| &effect.edges).any(|edge| {
            edge.group == event.key.id && matches!(edge.outcome, EdgeOutcome::Added | EdgeOutcome::Removed)
        })
}
