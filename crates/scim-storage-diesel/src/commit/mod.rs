//! Applying a change set inside the writer's savepoint.
//!
//! Order: conditions on what was; what deletions and updates give up, so that within one change set names can be swapped;
//! the changes as they stand; conditions on what is; then the journal and the outbox.

mod admin;
mod admin_keys;
mod answers;
mod at_once;
mod claim;
mod condition;
mod delete;
mod erase;
mod events;
mod held;
mod held_change;
mod import;
mod index;
mod instance;
mod journal;
mod kept;
mod keys;
mod leases;
mod members;
mod place;
mod prune;
mod ranges;
mod record;
mod reports;
mod rows;
mod tally;

use std::collections::{BTreeMap, HashMap, HashSet};

use scim_directory::{
    Change, ChangeSet, Committed, Effect, Event, LogRecord, Position, ResourceId, Scope, Version,
};

use crate::connection::Connection;
use crate::error::Refusal;
use crate::sql::Statement;

pub(crate) use journal::members_of;
#[cfg(feature = "postgres")]
pub(crate) use ranges::is_long;
pub(crate) use ranges::{cut, may_be_long};

/// A change set that is being applied.
pub(crate) struct Applying<'a> {
    pub(crate) connection: &'a mut Connection,
    pub(crate) set: &'a ChangeSet,
    /// The instance's id as it is stored.
    pub(crate) instance: [u8; 16],
    /// Whether no other change set of the instance is being applied.
    pub(crate) alone: bool,
    /// What was asked at the beginning, on PostgreSQL.
    known: Option<kept::Known>,
    /// By how much counters move, by type.
    tallies: BTreeMap<String, tally::Tallies>,
    /// Resources that come and go, by type.
    moved: BTreeMap<String, Vec<([u8; 16], i64)>>,
    /// What is written at the end, together.
    later: Vec<Statement>,
    /// Records whose version this change set raised already, with the one that they had before: it rises once, and
    /// every precondition of the change set is about the one before.
    pub(crate) raised: HashMap<ResourceId, Version>,
    /// Records that were locked before they were looked at, as they were (PostgreSQL).
    pub(crate) locked: HashMap<ResourceId, (String, record::Before)>,
    /// Whether deletions take nothing else with them, as far as rows were locked (PostgreSQL).
    pub(crate) lonely: bool,
    /// Index entries that locked records have (PostgreSQL).
    pub(crate) entries: HashMap<ResourceId, Vec<index::Entry>>,
    /// Index entries that records have and keep: unique, path, key.
    pub(crate) indexed: HashMap<ResourceId, HashSet<(bool, String, String)>>,
    /// User name keys that deletions gave up, for their tombstones.
    pub(crate) given_up: HashMap<ResourceId, String>,
    /// What the store did that no request asked for, for the log.
    pub(crate) records: Vec<LogRecord>,
    /// The same for the outbox.
    pub(crate) events: Vec<Event>,
}

/// Applies a change set: all of it, or the caller rolls back. On PostgreSQL it ends with the commit. `alone` says whether no other one of the instance is being applied
/// at the same time.
pub(crate) fn apply(
    connection: &mut Connection,
    mut set: ChangeSet,
    alone: bool,
) -> Result<Committed, Refusal> {
    let log = std::mem::take(&mut set.log);
    let set = &set;
    let instance = set.scope.instance.uuid().into_bytes();
    if set.scope.instance == Scope::SERVER.instance
        && !(set.events.is_empty() && set.changes.iter().all(Change::is_of_server))
    {
        return Err(Refusal::Conflict);
    }
    let known = kept::known(connection, set, &instance)?;
    if let Some(done) = kept::done_before(connection, set, &instance, known.as_ref())? {
        connection.conclude()?;
        return Ok(done);
    }
    let mut applying = Applying {
        connection,
        set,
        instance,
        alone,
        known,
        tallies: BTreeMap::new(),
        moved: BTreeMap::new(),
        later: Vec::new(),
        raised: HashMap::new(),
        locked: HashMap::new(),
        lonely: false,
        entries: HashMap::new(),
        indexed: HashMap::new(),
        given_up: HashMap::new(),
        records: Vec::new(),
        events: Vec::new(),
    };
    applying.lock_records()?;
    applying.require_before()?;
    for change in &set.changes {
        match change {
            Change::Update { key, content, .. } => applying.drop_stale_index(key, &content.index)?,
            Change::Delete { key, .. } => applying.drop_index(key)?,
            _ => {}
        }
    }
    let mut effects = Vec::with_capacity(set.changes.len());
    for change in &set.changes {
        effects.push(match change {
            Change::Create(new) => applying.create(new)?,
            Change::Update { key, expected, content, external_id } => {
                applying.update(key, *expected, content, external_id.as_deref())?
            }
            Change::Delete { key, expected } => applying.delete(key, *expected)?,
            Change::Members(members) => applying.members(members)?,
            Change::Hold(held) => applying.put_on_list(held)?,
            Change::Unhold(id) => applying.take_off_list(*id)?,
            Change::Admin(admin) => applying.admin(admin)?,
        });
    }
    applying.require_after()?;
    let (log, events) = (applying.records(log, &effects), applying.happenings(&effects));
    let nothing = log.is_empty() && events.is_empty();
    let placed = match applying.connection.is_postgres() && !nothing {
        true => Some(applying.place(&log, &events)?),
        false => None,
    };
    // On PostgreSQL it is known only when everything was sent: until then it is counted from the place.
    let last = match &placed {
        Some(_) => i64::try_from(log.len()).unwrap_or(i64::MAX),
        None => {
            let records = applying.journal(&log)?;
            let event = applying.outbox(&events)?;
            applying.mark_minute(records, event);
            records.map_or(0, |(_, last)| last)
        }
    };
    let mut committed = Committed { position: Position(last), effects };
    let remember = applying.remember(&committed, placed.is_some())?;
    let mut later = std::mem::take(&mut applying.later);
    later.extend(applying.ranged()?);
    later.extend(applying.counted());
    later.push(remember);
    for statement in later {
        connection.later(statement)?;
    }
    if !connection.is_postgres() {
        for resource_type in may_be_long(set) {
            cut(connection, &instance, resource_type)?;
        }
    }
    connection.conclude()?;
    if let Some(place) = placed
        && last > 0
    {
        committed.position = Position(place.of(last));
    }
    Ok(committed)
}

/// Counters and minutes have so many rows on PostgreSQL, where commits run side by side.
#[cfg(feature = "postgres")]
const SLOTS: u8 = 16;

impl Applying<'_> {
    /// Whether a record, which is at `current` now, was at the expected version before this change set.
    fn check(
        &self,
        id: ResourceId,
        current: Option<Version>,
        expected: Option<Version>,
    ) -> Result<(), Refusal> {
        let before = self.raised.get(&id).copied().or(current);
        if expected.is_some() && expected != before { Err(Refusal::Conflict) } else { Ok(()) }
    }

    /// The scope's connector as it is stored; nil for changes without one.
    fn connector(&self) -> [u8; 16] {
        crate::read::connector(&self.set.scope)
    }

    /// Which row of counters and minutes it adds to.
    fn slot(&self) -> i64 {
        match &*self.connection {
            #[cfg(feature = "sqlite")]
            Connection::Sqlite(_) => 0,
            #[cfg(feature = "postgres")]
            Connection::Postgres(link) => i64::from(link.number() % SLOTS),
        }
    }

    /// An effect of a change that leaves no record.
    fn no_record(&self) -> Effect {
        Effect { version: None, membership: 0, modified: self.set.at, rows: 0, edges: Vec::new() }
    }
}
