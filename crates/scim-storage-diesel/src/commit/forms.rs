//! What a change set is written as, worked out before it waits for its turn: SQLite's one writer binds values and does no more.

use std::sync::Arc;

use scim_directory::{AttributeChange, ChangeSet};
use scim_storage::StoreError;

use super::events;
use super::group::LogRow;
use super::ready::Ready;
use crate::sql::Bind;

/// The stored forms of a change set.
#[derive(Debug)]
pub(crate) struct Forms {
    /// One for each change that writes a record's content.
    ready: Vec<Option<Ready>>,
    /// One for each log record, should all of it happen.
    pub(super) log: Vec<LogRow>,
    /// Whether what happens is known before: no record is about edges.
    pub(super) is_certain: bool,
    /// One for each event.
    pub(super) events: Vec<Arc<[Bind]>>,
}

impl Forms {
    /// Works them out.
    #[cfg_attr(not(feature = "sqlite"), expect(dead_code, reason = "only SQLite commits in groups"))]
    pub(crate) fn of(set: &ChangeSet) -> Result<Self, StoreError> {
        let is_edges = |change: &AttributeChange| matches!(change, AttributeChange::Edges { .. });
        Ok(Self {
            ready: set.changes.iter().map(|change| Ready::of(set, change)).collect::<Result<_, _>>()?,
            log: set.log.iter().map(|record| LogRow::of(set, record)).collect::<Result<_, _>>()?,
            is_certain: !set.log.iter().flat_map(|record| &record.changes).any(is_edges),
            events: set.events.iter().map(|event| events::row(set, event)).collect::<Result<_, _>>()?,
        })
    }

    /// What the change at that place is written by.
    pub(super) fn ready(&self, turn: usize) -> Option<&Ready> {
        self.ready.get(turn)?.as_ref()
    }
}
