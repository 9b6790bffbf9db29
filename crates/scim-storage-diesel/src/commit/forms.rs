//! What a change set is written as, worked out before it waits for its turn: SQLite's one writer binds bytes and does no more.

use scim_directory::{AttributeChange, Change, ChangeSet, Content};
use scim_storage::StoreError;

use super::events::Row as EventRow;
use super::index::keys;
use super::journal::Row as LogRow;
use super::record::{account, display_key};

/// The stored forms of a change set.
#[derive(Debug)]
pub(crate) struct Forms {
    /// One for each change that writes a record's content.
    contents: Vec<Option<ContentForm>>,
    /// One for each log record, should all of it happen.
    pub(super) log: Vec<LogRow>,
    /// Whether what happens is known before: no record is about edges.
    pub(super) is_certain: bool,
    /// One for each event.
    pub(super) events: Vec<EventRow>,
}

/// The stored forms of a record's content.
#[derive(Clone, Debug)]
pub(super) struct ContentForm {
    pub(super) account: Option<String>,
    /// What it is found by.
    pub(super) keys: String,
    /// The display name as it compares.
    pub(super) display_key: Option<String>,
}

impl ContentForm {
    pub(super) fn of(content: &Content) -> Result<Self, StoreError> {
        Ok(Self {
            account: account(content)?,
            keys: keys(&content.index)?,
            display_key: display_key(content),
        })
    }
}

impl Forms {
    /// Works them out.
    #[cfg_attr(not(feature = "sqlite"), expect(dead_code, reason = "only SQLite commits in groups"))]
    pub(crate) fn of(set: &ChangeSet) -> Result<Self, StoreError> {
        let content = |change: &Change| match change {
            Change::Create(new) => ContentForm::of(&new.content).map(Some),
            Change::Update { content, .. } => ContentForm::of(content).map(Some),
            _ => Ok(None),
        };
        let is_edges = |change: &AttributeChange| matches!(change, AttributeChange::Edges { .. });
        Ok(Self {
            contents: set.changes.iter().map(content).collect::<Result<_, _>>()?,
            log: set.log.iter().map(LogRow::of).collect::<Result<_, _>>()?,
            is_certain: !set.log.iter().flat_map(|record| &record.changes).any(is_edges),
            events: set.events.iter().map(EventRow::of).collect::<Result<_, _>>()?,
        })
    }

    /// The form of what the change at that place writes.
    pub(super) fn content(&self, turn: usize) -> Option<&ContentForm> {
        self.contents.get(turn)?.as_ref()
    }
}
