//! Applying a change set inside a transaction: its own on PostgreSQL (or that of a few plain ones, `together`), a group's on SQLite.
//!
//! Order: conditions on what was; what deletions and updates give up, so that within one change set names can be swapped;
//! the changes as they stand; conditions on what is; then the journal and the outbox.

mod admin;
mod admin_keys;
mod answers;
#[cfg(feature = "postgres")]
mod at_once;
mod before;
mod claim;
mod condition;
mod delete;
mod erase;
mod events;
mod forms;
#[cfg_attr(not(feature = "sqlite"), expect(dead_code, reason = "only SQLite commits in groups"))]
mod group;
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
mod ready;
mod record;
mod reports;
mod rows;
mod tally;
#[cfg(feature = "postgres")]
mod together;

use std::collections::{BTreeMap, HashMap, HashSet};

use scim_directory::{
    Change, ChangeSet, Committed, Effect, Event, LogRecord, Position, ResourceId, Scope, Version,
};

use ready::Ready;

use crate::connection::Connection;
use crate::error::Refusal;
use crate::read::minute;
use crate::sql::Statement;

pub(crate) use forms::Forms;
pub(crate) use group::Group;
#[cfg(feature = "postgres")]
pub(crate) use ranges::is_long;
pub(crate) use ranges::{cut, may_be_long};
#[cfg(feature = "postgres")]
pub(crate) use together::{Party, apply_together, may_share};

/// A change set that is being applied.
pub(crate) struct Applying<'a> {
    pub(crate) connection: &'a mut Connection,
    pub(crate) set: &'a ChangeSet,
    /// The stored forms of the change set, where they were worked out before.
    forms: Option<&'a Forms>,
    /// The group that it is one of (SQLite).
    group: Option<&'a mut Group>,
    /// Which of the changes is being applied.
    turn: usize,
    /// Whether anything was written (SQLite).
    touched: bool,
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
    /// Whether something changed that an [`scim_storage::AccessMark`] grows with.
    access: bool,
    /// Records whose version this change set raised already, with the one that they had before: it rises once, and
    /// every precondition of the change set is about the one before.
    pub(crate) raised: HashMap<ResourceId, Version>,
    /// Records that were locked before they were looked at, as they were (PostgreSQL).
    pub(crate) locked: HashMap<ResourceId, (String, record::Before)>,
    /// All records that were locked before anything was looked at (PostgreSQL).
    secured: HashSet<ResourceId>,
    /// Whether deletions take nothing else with them, as far as rows were locked (PostgreSQL).
    pub(crate) lonely: bool,
    /// The index entries that records have by now, as far as somebody looked.
    pub(crate) entries: HashMap<ResourceId, index::Entries>,
    /// Whether the one record that changes is found by the same as before (SQLite).
    found_as_before: bool,
    /// User name keys that deletions gave up, for their tombstones.
    pub(crate) given_up: HashMap<ResourceId, String>,
    /// What the store did that no request asked for, for the log.
    pub(crate) records: Vec<LogRecord>,
    /// The same for the outbox.
    pub(crate) events: Vec<Event>,
}

/// Applies a change set: all of it, or the caller rolls back. On PostgreSQL it ends with the commit. `alone` says whether no other one of
/// the instance is being applied at the same time.
#[cfg_attr(not(feature = "postgres"), expect(dead_code, reason = "only PostgreSQL commits one by one"))]
pub(crate) fn apply(
    connection: &mut Connection,
    mut set: ChangeSet,
    alone: bool,
) -> Result<Committed, Refusal> {
    let log = std::mem::take(&mut set.log);
    let set = &set;
    let instance = set.scope.instance.uuid().into_bytes();
    let known = kept::known(connection, set, &instance)?;
    if let Some(done) = kept::done_before(connection, set, &instance, known.as_ref())? {
        connection.conclude()?;
        return Ok(done);
    }
    let mut applying = Applying { alone, known, ..Applying::new(connection, set) };
    applying.lock_records()?;
    let effects = applying.change()?;
    // Before the place is taken: whoever shares a transaction finds its place by the counters.
    for statement in applying.counted() {
        applying.connection.later(statement)?;
    }
    let (log, events) = (applying.records(log, &effects), applying.happenings(&effects));
    // Its positions are known only when everything was sent: until then they are counted from the place.
    let last = i64::try_from(log.len()).unwrap_or(i64::MAX);
    let placed = match log.is_empty() && events.is_empty() {
        true => None,
        false => Some(applying.place(&log, &events)?),
    };
    let mut committed = Committed { position: Position(last), effects };
    let remember = applying.remember(&committed, placed.is_some())?;
    let mut later = std::mem::take(&mut applying.later);
    later.extend(applying.ranged()?);
    later.extend(applying.access());
    later.push(remember);
    for statement in later {
        connection.later(statement)?;
    }
    connection.conclude()?;
    if let Some(place) = placed
        && last > 0
    {
        committed.position = Position(place.of(last));
    }
    Ok(committed)
}

/// Why a change set was not applied, and whether a part of it was.
#[cfg_attr(not(feature = "sqlite"), expect(dead_code, reason = "only SQLite commits in groups"))]
pub(crate) struct Undone {
    pub(crate) refusal: Refusal,
    pub(crate) touched: bool,
}

/// Applies a change set as one of a group: all of it, or the caller undoes what was `touched`. What can wait is left to the group.
/// Only where `known_new` it is not looked up first whether it was committed already; the group finds out at its end.
#[cfg_attr(not(feature = "sqlite"), expect(dead_code, reason = "only SQLite commits in groups"))]
pub(crate) fn apply_grouped(
    connection: &mut Connection,
    group: &mut Group,
    (set, forms): (&ChangeSet, &Forms),
    known_new: bool,
) -> Result<Committed, Undone> {
    let untouched = |refusal: Refusal| Undone { refusal, touched: false };
    let instance = set.scope.instance.uuid().into_bytes();
    let again =
        |connection: &mut Connection| kept::done_before(connection, set, &instance, None).map_err(untouched);
    if !known_new && let Some(done) = again(connection)? {
        return Ok(done);
    }
    let mut applying =
        Applying { group: Some(group), forms: Some(forms), alone: true, ..Applying::new(connection, set) };
    let refusal = match applying.change().and_then(|effects| applying.leave_to_group(effects)) {
        Ok(committed) => return Ok(committed),
        Err(refusal) => refusal,
    };
    let touched = applying.touched;
    if known_new
        && !touched
        && let Some(done) = again(connection)?
    {
        return Ok(done);
    }
    Err(Undone { refusal, touched })
}

impl<'a> Applying<'a> {
    fn new(connection: &'a mut Connection, set: &'a ChangeSet) -> Self {
        Self {
            connection,
            set,
            forms: None,
            group: None,
            turn: 0,
            touched: false,
            instance: set.scope.instance.uuid().into_bytes(),
            alone: false,
            known: None,
            tallies: BTreeMap::new(),
            moved: BTreeMap::new(),
            later: Vec::new(),
            access: false,
            raised: HashMap::new(),
            locked: HashMap::new(),
            secured: HashSet::new(),
            lonely: false,
            entries: HashMap::new(),
            found_as_before: false,
            given_up: HashMap::new(),
            records: Vec::new(),
            events: Vec::new(),
        }
    }

    /// Conditions and changes: what each of them did.
    fn change(&mut self) -> Result<Vec<Effect>, Refusal> {
        let set = self.set;
        if set.scope.instance == Scope::SERVER.instance
            && !(set.events.is_empty() && set.changes.iter().all(Change::is_of_server))
        {
            return Err(Refusal::Conflict);
        }
        self.require_before()?;
        if !self.connection.is_postgres() {
            self.look_at_records()?;
        }
        for change in &set.changes {
            match change {
                Change::Update { key, content, .. } if !self.found_as_before => {
                    self.drop_stale_index(key, &content.index)?;
                }
                Change::Delete { key, .. } => self.drop_index(key)?,
                _ => {}
            }
        }
        let mut effects = Vec::with_capacity(set.changes.len());
        for (turn, change) in set.changes.iter().enumerate() {
            self.turn = turn;
            effects.push(match change {
                Change::Create(new) => self.create(new)?,
                Change::Update { key, expected, content, external_id } => {
                    self.update(key, *expected, content, external_id.as_deref())?
                }
                Change::Delete { key, expected } => self.delete(key, *expected)?,
                Change::Members(members) => self.members(members)?,
                Change::Hold(held) => self.put_on_list(held)?,
                Change::Unhold(id) => self.take_off_list(*id)?,
                Change::Admin(admin) => self.admin(admin)?,
            });
        }
        self.require_after()?;
        Ok(effects)
    }
}

/// Which row of counters and minutes a connection adds to.
fn slot(connection: &Connection) -> i64 {
    match connection {
        #[cfg(feature = "sqlite")]
        Connection::Sqlite(_) => 0,
        #[cfg(feature = "postgres")]
        Connection::Postgres(link) => i64::from(link.number() % SLOTS),
    }
}

/// Counters and minutes have so many rows on PostgreSQL, where commits run side by side.
#[cfg(feature = "postgres")]
const SLOTS: u8 = 16;

impl<'a> Applying<'a> {
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

    /// Leaves to the group what it writes at its end.
    fn leave_to_group(&mut self, effects: Vec<Effect>) -> Result<Committed, Refusal> {
        let journal = self.log_rows(&effects)?;
        let events = self.event_rows(&effects)?;
        let mut later = std::mem::take(&mut self.later);
        later.extend(self.ranged()?);
        later.extend(self.access());
        for statement in later {
            self.connection.later(statement)?;
        }
        for resource_type in may_be_long(self.set) {
            cut(self.connection, &self.instance, resource_type)?;
            if let Some(group) = &mut self.group {
                group.forget_range(self.instance, resource_type);
            }
        }
        let left = group::Left {
            instance: self.instance,
            id: self.set.id,
            tallies: std::mem::take(&mut self.tallies),
            minute: minute(self.set.at),
            journal,
            events,
        };
        let mut committed = Committed { position: Position(0), effects };
        let Some(group) = self.group.take() else { return Ok(committed) };
        if self.set.changes.iter().any(|change| matches!(change, Change::Admin(_))) {
            group.forget_facts();
        }
        committed.position = Position(group.take(self.connection, left)?);
        group.keep(self.done(&committed)?);
        Ok(committed)
    }

    /// Whether the instance may have any of that.
    fn may_have(&mut self, any: group::Any) -> Result<bool, Refusal> {
        match &mut self.group {
            Some(group) => Ok(group.may_have(self.connection, any, self.instance)?),
            None => Ok(true),
        }
    }

    /// The instance has some of that from now on.
    fn has_some(&mut self, any: group::Any) {
        if let Some(group) = &mut self.group {
            group.has_some(any, self.instance);
        }
    }

    /// What the record is written by whose turn it is, where that was made before.
    fn ready(&self) -> Option<&'a Ready> {
        self.forms?.ready(self.turn)
    }

    /// The scope's connector as it is stored; nil for changes without one.
    fn connector(&self) -> [u8; 16] {
        crate::read::connector(&self.set.scope)
    }

    /// Which row of counters and minutes it adds to.
    fn slot(&self) -> i64 {
        slot(self.connection)
    }

    /// The next mark, where access changed: at the end, when nothing is left to wait for.
    fn access(&self) -> Option<Statement> {
        let next = "INSERT INTO access (instance_id, generation) VALUES (?, 1) \
             ON CONFLICT (instance_id) DO UPDATE SET generation = access.generation + 1";
        self.access.then(|| Statement::kept(next).blob(self.instance))
    }

    /// An effect of a change that leaves no record.
    fn no_record(&self) -> Effect {
        Effect { version: None, membership: 0, modified: self.set.at, rows: 0, edges: Vec::new() }
    }
}
