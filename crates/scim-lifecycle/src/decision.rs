//! What was decided.

use scim_directory::{Change, Condition, Event, LogRecord};

/// What was decided: the changes, what the log and the outbox will say about them, and under which conditions it holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decision {
    /// The changes, in order.
    pub changes: Vec<Change>,
    /// The log records.
    pub log: Vec<LogRecord>,
    /// The events.
    pub events: Vec<Event>,
    /// What must still be so when it is committed.
    pub conditions: Vec<Condition>,
    /// See [`scim_directory::ChangeSet::realm`].
    pub realm: Option<String>,
}

impl Decision {
    /// Takes another decision's parts behind its own.
    pub fn append(&mut self, mut other: Self) {
        self.changes.append(&mut other.changes);
        self.log.append(&mut other.log);
        self.events.append(&mut other.events);
        for condition in other.conditions {
            if !self.conditions.contains(&condition) {
                self.conditions.push(condition);
            }
        }
        self.realm = self.realm.take().or(other.realm);
    }

    /// Whether nothing would happen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.log.is_empty()
    }
}
