//! Reading the log back, in commit order.

use scim_core::instant::Timestamp;
use scim_directory::{Actor, LogRecord, Position};

/// A question about the log of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalQuery {
    /// Records after this position; `None` from the beginning.
    pub after: Option<Position>,
    /// How many at most.
    pub limit: usize,
}

/// A record of the log as it was committed.
#[derive(Clone, Debug, PartialEq)]
pub struct JournalEntry {
    /// Where it stands; unique, in commit order.
    pub position: Position,
    /// When it was decided.
    pub at: Timestamp,
    /// Who did it.
    pub actor: Actor,
    /// The request.
    pub request_id: String,
    /// What happened.
    pub record: LogRecord,
}

/// Records in ascending order of position.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JournalPage {
    /// The records.
    pub entries: Vec<JournalEntry>,
    /// Whether there are more.
    pub more: bool,
}
