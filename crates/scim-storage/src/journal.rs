//! Reading the log and the outbox back, in commit order.

use scim_core::instant::Timestamp;
use scim_directory::{Action, Actor, ConnectorId, LogRecord, LogStatus, Position, ResourceId, StoredEvent};

/// A question about the log of an instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JournalQuery {
    /// Records after this position, in the direction of reading; `None` from the beginning, or the end.
    pub after: Option<Position>,
    /// How many at most.
    pub limit: usize,
    /// Whether the newest come first.
    pub newest_first: bool,
    /// Which records.
    pub filter: JournalFilter,
}

/// Which records of the log. What is `None` or empty excludes nothing; all that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JournalFilter {
    /// About whom.
    pub about: Option<About>,
    /// One of these happened.
    pub actions: Vec<Action>,
    /// It ended in one of these ways.
    pub statuses: Vec<LogStatus>,
    /// At this moment or later.
    pub from: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
    /// By this connector.
    pub connector: Option<ConnectorId>,
}

/// Whom a record of the log is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// The resource of one of these ids: its own records, and those of groups that it joined or left.
    pub ids: Vec<ResourceId>,
    /// Or records without an id (creations that failed) of that name, in any letter case.
    pub name: Option<String>,
}

/// A record of the log as it was committed.
#[derive(Clone, Debug, PartialEq)]
pub struct JournalEntry {
    /// Where it stands; unique, in commit order.
    pub position: Position,
    /// When it was decided.
    pub at: Timestamp,
    /// Milliseconds from the request's arrival to the decision.
    pub elapsed_ms: u32,
    /// Who did it.
    pub actor: Actor,
    /// The request.
    pub request_id: String,
    /// What happened.
    pub record: LogRecord,
}

/// Records in the order that was asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JournalPage {
    /// The records.
    pub entries: Vec<JournalEntry>,
    /// Whether there are more.
    pub more: bool,
}

/// Events in commit order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EventPage {
    /// The events.
    pub events: Vec<StoredEvent>,
    /// Whether there are more.
    pub more: bool,
}
