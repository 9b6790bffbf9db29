//! What the change sets of one transaction share on SQLite: what their writer knows without asking, and what they write together
//! at the end.
//!
//! What is known is what statements would say: it was read in this transaction, or in an earlier one since which nobody else has
//! written (SQLite counts that, `data_version`), and no change set here has changed it. Whoever undoes anything forgets all of it.
//!
//! Counters, minutes, the log, the outbox and the ids of change sets are rows at which no other change of a group looks, but for
//! those that [`Group::must_write_first`] names.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use diesel::sql_types::BigInt;
use diesel::{QueryResult, QueryableByName};
use scim_directory::{Change, ChangeSet, ChangeSetId, Condition, KeyId};

use super::tally::Tallies;
use crate::connection::Connection;
use crate::read::{Level, last_first};
use crate::sql::{Bind, Number, Statement, inserts};

/// How much is known at most, of instances and keys.
const MOST_KNOWN: usize = 4096;

/// What a group shares.
#[derive(Debug, Default)]
pub(crate) struct Group {
    /// SQLite's count of what others wrote, of when the facts were true.
    version: Option<i64>,
    facts: Facts,
    pending: Pending,
}

/// What is known.
#[derive(Debug, Default)]
struct Facts {
    generations: HashMap<[u8; 16], Option<i64>>,
    /// Generations of keys that are not revoked.
    keys: HashMap<(KeyId, [u8; 16]), Option<i64>>,
    any: HashMap<(Any, [u8; 16]), bool>,
    /// Where the last range of a type begins, and the last span.
    ranges: HashMap<([u8; 16], String, Level), Option<Vec<u8>>>,
    /// The last positions that were given: of the log, and of the outbox.
    last: Option<(i64, i64)>,
}

/// Of what an instance may have none at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Any {
    /// References that are held.
    Held,
    /// People who wait for somebody to report to.
    Waiting,
    /// Deleted resources with an `externalId`.
    Buried,
    /// Claims of user names.
    Claims,
}

impl Any {
    const fn text(self) -> &'static str {
        match self {
            Self::Held => "SELECT EXISTS (SELECT 1 FROM held WHERE instance_id = ?) AS n",
            Self::Waiting => {
                "SELECT EXISTS (SELECT 1 FROM resources INDEXED BY reports_waiting_by_key WHERE instance_id = ? \
                 AND direct_manager IS NULL AND reports_to IS NOT NULL) AS n"
            }
            Self::Buried => "SELECT EXISTS (SELECT 1 FROM tombstone_links WHERE instance_id = ?) AS n",
            Self::Claims => "SELECT EXISTS (SELECT 1 FROM name_claims WHERE instance_id = ?) AS n",
        }
    }
}

/// What is written at the end.
#[derive(Debug, Default)]
struct Pending {
    tallies: BTreeMap<([u8; 16], String), Tallies>,
    minutes: BTreeMap<([u8; 16], i64), Minute>,
    journal: Vec<Vec<Bind>>,
    members: Vec<Vec<Bind>>,
    events: Vec<Vec<Bind>>,
    sets: Vec<Vec<Bind>>,
    ids: HashSet<([u8; 16], ChangeSetId)>,
}

/// The first and the last record of a minute, and the last event.
#[derive(Clone, Copy, Debug)]
struct Minute {
    first: i64,
    last: i64,
    event: i64,
}

/// A row of the log without its position.
#[derive(Clone, Debug)]
pub(super) struct LogRow {
    pub(super) row: Arc<[Bind]>,
    /// Whose membership it is about.
    pub(super) members: Vec<[u8; 16]>,
}

/// What one change set leaves to be written.
pub(super) struct Left {
    pub(super) instance: [u8; 16],
    pub(super) id: ChangeSetId,
    pub(super) tallies: BTreeMap<String, Tallies>,
    pub(super) minute: i64,
    pub(super) journal: Vec<LogRow>,
    /// Rows of the outbox without their positions.
    pub(super) events: Vec<Arc<[Bind]>>,
}

#[derive(QueryableByName)]
struct DataVersion {
    #[diesel(sql_type = BigInt)]
    data_version: i64,
}

const LAST: &str = "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = ?), 0) AS n";

impl Group {
    /// Forgets what is no longer so, at the beginning of a transaction.
    pub(crate) fn begin(&mut self, connection: &mut Connection) -> QueryResult<()> {
        let row = Statement::kept("PRAGMA data_version").row::<DataVersion>(connection)?;
        let version = row.map(|row| row.data_version);
        let facts = &self.facts;
        let many =
            facts.generations.len() + facts.keys.len() + facts.any.len() + facts.ranges.len() > MOST_KNOWN;
        if version.is_none() || version != self.version || many {
            self.forget();
        }
        self.version = version;
        Ok(())
    }

    /// Forgets everything, because something was undone.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Forgets what an administrative change may have changed.
    pub(crate) fn forget_facts(&mut self) {
        self.facts = Facts { last: self.facts.last, ..Facts::default() };
    }

    /// Whether a change set looks at what is written at the end, or changes it.
    pub(crate) fn must_write_first(set: &ChangeSet) -> bool {
        let sums =
            |condition: &Condition| matches!(condition, Condition::Seats { .. } | Condition::Removals { .. });
        set.conditions.iter().any(sums) || set.changes.iter().any(|change| matches!(change, Change::Admin(_)))
    }

    /// Whether the same change set is in this transaction already.
    pub(crate) fn has(&self, set: &ChangeSet) -> bool {
        self.pending.ids.contains(&(set.scope.instance.uuid().into_bytes(), set.id))
    }

    /// The generation of an instance.
    pub(super) fn generation(
        &mut self,
        connection: &mut Connection,
        instance: [u8; 16],
    ) -> QueryResult<Option<i64>> {
        if let Some(known) = self.facts.generations.get(&instance) {
            return Ok(*known);
        }
        let asked = Statement::kept("SELECT generation AS n FROM instances WHERE id = ?").blob(instance);
        let generation = asked.row::<Number>(connection)?.map(|row| row.n);
        self.facts.generations.insert(instance, generation);
        Ok(generation)
    }

    /// The generation of a key that is not revoked, as `ask` says where that is not known.
    pub(super) fn key(
        &mut self,
        key: KeyId,
        instance: [u8; 16],
        ask: impl FnOnce() -> QueryResult<Option<i64>>,
    ) -> QueryResult<Option<i64>> {
        if let Some(known) = self.facts.keys.get(&(key, instance)) {
            return Ok(*known);
        }
        let generation = ask()?;
        self.facts.keys.insert((key, instance), generation);
        Ok(generation)
    }

    /// Whether an instance may have any of that.
    pub(super) fn may_have(
        &mut self,
        connection: &mut Connection,
        any: Any,
        instance: [u8; 16],
    ) -> QueryResult<bool> {
        if let Some(known) = self.facts.any.get(&(any, instance)) {
            return Ok(*known);
        }
        let asked = Statement::kept(any.text()).blob(instance).row::<Number>(connection)?;
        let there = asked.is_none_or(|row| row.n != 0);
        self.facts.any.insert((any, instance), there);
        Ok(there)
    }

    /// An instance has some of that from now on.
    pub(super) fn has_some(&mut self, any: Any, instance: [u8; 16]) {
        self.facts.any.insert((any, instance), true);
    }

    /// Where the last range, or span, of a type begins, where it has some.
    pub(super) fn last_first(
        &mut self,
        connection: &mut Connection,
        instance: [u8; 16],
        resource_type: &str,
        level: Level,
    ) -> QueryResult<Option<Vec<u8>>> {
        let of = (instance, resource_type.to_owned(), level);
        if let Some(known) = self.facts.ranges.get(&of) {
            return Ok(known.clone());
        }
        let last = last_first(connection, &instance, resource_type, level)?;
        self.facts.ranges.insert(of, last.clone());
        Ok(last)
    }

    /// The ranges of a type may have been cut.
    pub(super) fn forget_range(&mut self, instance: [u8; 16], resource_type: &str) {
        for level in [Level::Ranges, Level::Spans] {
            self.facts.ranges.remove(&(instance, resource_type.to_owned(), level));
        }
    }

    /// The last positions that were given.
    fn last(&mut self, connection: &mut Connection) -> QueryResult<(i64, i64)> {
        if let Some(last) = self.facts.last {
            return Ok(last);
        }
        let mut of = |table: &str| -> QueryResult<i64> {
            let row = Statement::kept(LAST).text(table).row::<Number>(connection)?;
            Ok(row.map_or(0, |row| row.n))
        };
        let last = (of("journal")?, of("events")?);
        self.facts.last = Some(last);
        Ok(last)
    }

    /// Takes over what a change set leaves to be written; the position of its last log record, 0 where there is none.
    pub(super) fn take(&mut self, connection: &mut Connection, left: Left) -> QueryResult<i64> {
        let (mut record, mut event) = self.last(connection)?;
        let (first, events) = (record.saturating_add(1), left.events.len());
        let pending = &mut self.pending;
        for LogRow { row, members } in left.journal {
            record = record.saturating_add(1);
            pending.journal.push(vec![Bind::Integer(record), Bind::Row(row)]);
            for member in members {
                pending.members.push(vec![Bind::Id(left.instance), Bind::Id(member), Bind::Integer(record)]);
            }
        }
        for row in left.events {
            event = event.saturating_add(1);
            pending.events.push(vec![Bind::Integer(event), Bind::Row(row)]);
        }
        self.facts.last = Some((record, event));
        let records = record >= first;
        if records || events > 0 {
            let new = Minute {
                first: if records { first } else { i64::MAX },
                last: if records { record } else { 0 },
                event: if events > 0 { event } else { 0 },
            };
            let minute = pending.minutes.entry((left.instance, left.minute)).or_insert(new);
            minute.first = minute.first.min(new.first);
            minute.last = minute.last.max(new.last);
            minute.event = minute.event.max(new.event);
        }
        for (resource_type, step) in left.tallies {
            let sum = pending.tallies.entry((left.instance, resource_type)).or_default();
            *sum = sum.since(Tallies::default().since(step));
        }
        pending.ids.insert((left.instance, left.id));
        Ok(if records { record } else { 0 })
    }

    /// Takes over the row that a change set is known by.
    pub(super) fn keep(&mut self, row: Vec<Bind>) {
        self.pending.sets.push(row);
    }

    /// Writes what is left; whether all change sets were new.
    pub(crate) fn flush(&mut self, connection: &mut Connection) -> QueryResult<bool> {
        let Pending { tallies, minutes, journal, members, events, sets, ids } =
            std::mem::take(&mut self.pending);
        if ids.is_empty() {
            return Ok(true);
        }
        // What fails ends the whole group: SQLite need not keep copies of pages to undo a statement by itself.
        for (into, rows) in [
            (
                "INSERT OR FAIL INTO journal (position, instance_id, at_ms, elapsed_ms, connector_id, key_id, user_id, \
                 admin_key_id, request_id, action, status, resource_type, resource_id, name_key, record) VALUES ",
                journal,
            ),
            ("INSERT OR FAIL INTO journal_members (instance_id, member_id, position) VALUES ", members),
            (
                "INSERT OR FAIL INTO events (position, instance_id, at_ms, request_id, kind, resource_type, id, before, \
                 after) VALUES ",
                events,
            ),
        ] {
            for insert in inserts(into, rows, "") {
                insert.run(connection)?;
            }
        }
        for ((instance, number), minute) in minutes {
            super::journal::mark(instance, number, 0, (minute.first, minute.last), minute.event)
                .run(connection)?;
        }
        for ((instance, resource_type), step) in tallies {
            if step != Tallies::default() {
                super::tally::add(instance, resource_type, 0, step).run(connection)?;
            }
        }
        let mut new = 0;
        let into = "INSERT OR FAIL INTO change_sets (instance_id, id, at_ms, result) VALUES ";
        for insert in inserts(into, sets, " ON CONFLICT DO NOTHING") {
            new += insert.run(connection)?;
        }
        Ok(new == ids.len())
    }
}
