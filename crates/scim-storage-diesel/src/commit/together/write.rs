//! What change sets of one transaction leave behind: the log, the outbox, minutes, counters, and what each of them did, all in one
//! statement.
//!
//! Their positions are those of one place ([`crate::commit::place`]), counted on from one change set to the next. The row that says
//! which number the savepoint has is one of the counters: so that what each change set did is written with its position at once. Others
//! may be waited for there, as they may be after any place: what counters say commutes.
//!
//! Where something is not as supposed ([`super::supposed`]), it fails, and so does the commit that is sent with it. The place is what all
//! the other rows are made from, so none of them is tried before that is known.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use scim_directory::{AttributeChange, ChangeSet, Effect, Event, Key};
use scim_storage::what_happened;
use serde_json::Value;

use super::party::Update;
use super::supposed::{in_force, is_awaited, nobody_waits, with_force, with_names};
use super::written::Known;
use super::{Part, Plain, so_or_fail};
use crate::commit::events::happened;
use crate::commit::journal::Row as LogRow;
use crate::commit::kept::unplaced;
use crate::commit::slot;
use crate::commit::tally::Tallies;
use crate::connection::Connection;
use crate::error::Refusal;
use crate::read::minute;
use crate::sql::{Bind, Number, Statement, json, rows_of, word};

/// All that, unless this is otherwise than supposed.
macro_rules! write_if {
    ($so:expr) => {
        concat!(
            "WITH counted AS (INSERT INTO counters AS c (instance_id, resource_type, slot, count, active, managed) \
            SELECT $1, t.type, $2, t.count, t.active, t.managed FROM ",
            rows_of!(3 type, 4 count, 5 active, 6 managed),
            " AS t \
            ON CONFLICT (instance_id, resource_type, slot) DO UPDATE SET count = c.count + excluded.count, \
            active = c.active + excluded.active, managed = c.managed + excluded.managed RETURNING c.xmin::text::bigint AS sub), \
            place AS MATERIALIZED (SELECT coalesce((SELECT base FROM position_bases WHERE instance_id = $1), 0) \
            + 65536 * (t.top - t.top % 4294967296 + t.sub \
            + CASE WHEN t.sub < t.top % 4294967296 THEN 4294967296 ELSE 0 END) + ",
            so_or_fail!($so),
            " AS n FROM (SELECT pg_current_xact_id()::text::bigint AS top, (SELECT max(sub) FROM counted) AS sub) t), \
            kept AS (INSERT INTO change_sets (instance_id, id, at_ms, result) SELECT $1, s.id, s.at, \
            '{\"position\":' || CASE WHEN s.last > 0 THEN p.n + s.last ELSE 0 END || ',' || s.result \
            FROM place p CROSS JOIN ",
            rows_of!(7 id, 8 at, 9 last, 10 result),
            " AS s), \
            told AS (INSERT INTO journal (instance_id, at_ms, elapsed_ms, connector_id, key_id, user_id, admin_key_id, \
            request_id, position, action, status, resource_type, resource_id, name_key, record) \
            SELECT $1, r.at, r.elapsed, r.connector, r.key, r.person, r.admin, r.request, p.n + r.n, r.action, r.status, \
            r.resource_type, r.resource_id, r.name_key, r.record FROM place p \
            CROSS JOIN ",
            rows_of!(11 at, 12 elapsed, 13 connector, 14 key, 15 person, 16 admin, 17 request, 18 action, 19 status, 20 resource_type, 21 resource_id, 22 name_key, 23 record),
            " AS r), \
            about AS (INSERT INTO journal_members (instance_id, member_id, position) \
            SELECT $1, m.id, p.n + m.record FROM place p CROSS JOIN ",
            rows_of!(24 id, 25 record),
            " AS m), \
            said AS (INSERT INTO events (instance_id, position, at_ms, request_id, kind, resource_type, id, before, after) \
            SELECT $1, p.n + e.n, e.at, e.request, e.kind, e.resource_type, e.id, e.before, e.after FROM place p \
            CROSS JOIN ",
            rows_of!(26 at, 27 request, 28 kind, 29 resource_type, 30 id, 31 before, 32 after),
            " AS e), \
            marked AS (INSERT INTO minutes AS m (instance_id, minute, slot, first_record, last_record, last_event) \
            SELECT $1, k.minute, $2, CASE WHEN k.last > 0 THEN p.n + k.first ELSE 9223372036854775807 END, \
            CASE WHEN k.last > 0 THEN p.n + k.last ELSE 0 END, CASE WHEN k.event > 0 THEN p.n + k.event ELSE 0 END \
            FROM place p CROSS JOIN ",
            rows_of!(33 minute, 34 first, 35 last, 36 event),
            " AS k \
            ON CONFLICT (instance_id, minute, slot) DO UPDATE SET \
            first_record = least(m.first_record, excluded.first_record), \
            last_record = greatest(m.last_record, excluded.last_record), \
            last_event = greatest(m.last_event, excluded.last_event)) \
            SELECT n FROM place"
        )
    };
}

const WRITE: &str = write_if!(in_force!());
/// The same where somebody comes or changes.
const WRITE_AWAITED: &str = write_if!(concat!(in_force!(), " AND ", nobody_waits!()));

/// The positions that change sets get, as soon as PostgreSQL has said where they begin.
pub(super) struct Places {
    before: Arc<AtomicI64>,
    /// How many records were written up to the end of each; none where it has none.
    last: Vec<Option<i64>>,
}

impl Places {
    /// The position of the last record of each, when everything was sent.
    pub(super) fn positions(&self) -> impl Iterator<Item = Option<i64>> {
        let before = self.before.load(Ordering::Relaxed);
        self.last.iter().map(move |last| last.map(|last| before.saturating_add(last)))
    }
}

/// What is written in a minute: the first record, the last, and the last event; 0 where there is none.
#[derive(Default)]
struct Minute {
    first: i64,
    last: i64,
    event: i64,
}

/// The rows of all change sets.
#[derive(Default)]
struct Rows<'a> {
    records: Vec<(&'a ChangeSet, LogRow)>,
    events: Vec<(&'a ChangeSet, &'a Event)>,
    last: Vec<Option<i64>>,
    minutes: BTreeMap<i64, Minute>,
}

impl<'a> Rows<'a> {
    fn add(&mut self, set: &'a ChangeSet, effect: &Effect) -> Result<(), Refusal> {
        let (records, events) = (number(self.records.len()), number(self.events.len()));
        let of_edges = |change: &AttributeChange| matches!(change, AttributeChange::Edges { .. });
        let is_moved = set.log.iter().flat_map(|record| &record.changes).any(of_edges);
        let effects = std::slice::from_ref(effect);
        let moved = is_moved.then(|| what_happened(set.log.clone(), effects));
        for record in moved.as_ref().unwrap_or(&set.log) {
            self.records.push((set, LogRow::of(record)?));
        }
        for event in set.events.iter().filter(|event| happened(set, event, effects)) {
            self.events.push((set, event));
        }
        let (last, event) = (number(self.records.len()), number(self.events.len()));
        self.last.push((last > records).then_some(last));
        if last > records || event > events {
            let minute = self.minutes.entry(minute(set.at)).or_default();
            if last > records {
                minute.first = if minute.first == 0 { records.saturating_add(1) } else { minute.first };
                minute.last = last;
            }
            if event > events {
                minute.event = event;
            }
        }
        Ok(())
    }
}

fn number(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

/// By how much counters move, by type. A row there must be, for its number.
fn tallies<'a>(parts: &[Part<'a>], known: &Known<'_>) -> BTreeMap<&'a str, Tallies> {
    let mut all = BTreeMap::new();
    let was = |key: &Key| known.was(key).map(|was| was.before.tallies()).unwrap_or_default();
    for part in parts {
        let (of, step) = match part.plain {
            Plain::Create(new) => (&new.key.resource_type, Tallies::of(&new.content)),
            Plain::Update(Update { key, content, .. }) => {
                (&key.resource_type, Tallies::of(content).since(was(key)))
            }
            Plain::Delete(key, _) => (&key.resource_type, Tallies::default().since(was(key))),
            Plain::Edges(_) => continue,
        };
        let sum: &mut Tallies = all.entry(&**of).or_default();
        *sum = sum.since(Tallies::default().since(step));
    }
    all.retain(|_, step| *step != Tallies::default());
    if all.is_empty() {
        let some = parts.first().map(|part| part.plain.resource_type());
        all.extend(some.map(|of| (of, Tallies::default())));
    }
    all
}

/// Writes all that.
pub(super) fn write(
    connection: &mut Connection,
    instance: [u8; 16],
    parts: &[Part<'_>],
    known: &Known<'_>,
    effects: &[Effect],
) -> Result<Places, Refusal> {
    let mut rows = Rows::default();
    for (part, effect) in parts.iter().zip(effects) {
        rows.add(part.set, effect)?;
    }
    let tallies = tallies(parts, known);
    let results = effects.iter().map(|effect| unplaced(std::slice::from_ref(effect)));
    let results = results.collect::<Result<Vec<_>, _>>()?;
    let awaited = is_awaited(parts);
    let write = Statement::of_postgres(if awaited { WRITE_AWAITED } else { WRITE })
        .blob(instance)
        .integer(slot(connection))
        .texts(tallies.keys().copied())
        .integers(tallies.values().map(|step| step.all).collect())
        .integers(tallies.values().map(|step| step.active).collect())
        .integers(tallies.values().map(|step| step.managed).collect())
        .blobs(parts.iter().map(|part| part.set.id.uuid().into_bytes()))
        .integers(parts.iter().map(|part| part.set.at.unix_millis()).collect())
        .integers(rows.last.iter().map(|last| last.unwrap_or_default()).collect())
        .texts(results);
    let minutes = &rows.minutes;
    let write = with_events(with_records(write, &rows.records), &rows.events)?
        .integers(minutes.keys().copied().collect())
        .integers(minutes.values().map(|minute| minute.first).collect())
        .integers(minutes.values().map(|minute| minute.last).collect())
        .integers(minutes.values().map(|minute| minute.event).collect());
    let write = with_force(write, parts);
    let write = if awaited { with_names(write, parts) } else { write };
    let places = Places { before: Arc::default(), last: rows.last };
    let said = Arc::clone(&places.before);
    connection.later(Statement::of_postgres("SAVEPOINT place"))?;
    connection.later_with(write, move |rows: Vec<Number>| {
        said.store(rows.first().map_or(0, |row| row.n), Ordering::Relaxed);
    })?;
    Ok(places)
}

fn with_records(write: Statement, rows: &[(&ChangeSet, LogRow)]) -> Statement {
    let actors = || rows.iter().map(|(set, _)| &set.actor);
    let of_row = |value: fn(&LogRow) -> &String| rows.iter().map(move |(_, row)| value(row).clone());
    let ids = |value: fn(&LogRow) -> &Option<Vec<u8>>| -> Vec<Option<Vec<u8>>> {
        rows.iter().map(|(_, row)| value(row).clone()).collect()
    };
    let texts = |value: fn(&LogRow) -> &Option<String>| -> Vec<Option<String>> {
        rows.iter().map(|(_, row)| value(row).clone()).collect()
    };
    let (mut members, mut numbers) = (Vec::new(), Vec::new());
    for (number, (_, row)) in (1..).zip(rows) {
        members.extend(row.members.iter().map(|member| member.uuid().into_bytes()));
        numbers.resize(members.len(), number);
    }
    write
        .integers(rows.iter().map(|(set, _)| set.at.unix_millis()).collect())
        .integers(rows.iter().map(|(set, _)| i64::from(set.elapsed_ms)).collect())
        .blobs(actors().map(|actor| actor.connector.map_or([0; 16], |id| id.uuid().into_bytes())))
        .bind(Bind::OptionalBlobs(
            actors().map(|actor| actor.key.map(|id| id.uuid().into_bytes().to_vec())).collect(),
        ))
        .bind(Bind::OptionalBlobs(
            actors().map(|actor| actor.user.map(|id| id.uuid().into_bytes().to_vec())).collect(),
        ))
        .bind(Bind::OptionalBlobs(
            actors().map(|actor| actor.admin.map(|id| id.uuid().into_bytes().to_vec())).collect(),
        ))
        .texts(rows.iter().map(|(set, _)| &*set.request_id))
        .texts(of_row(|row| &row.action))
        .texts(of_row(|row| &row.status))
        .bind(Bind::OptionalTexts(texts(|row| &row.resource_type)))
        .bind(Bind::OptionalBlobs(ids(|row| &row.resource_id)))
        .bind(Bind::OptionalTexts(texts(|row| &row.name_key)))
        .texts(of_row(|row| &row.record))
        .blobs(members)
        .integers(numbers)
}

fn with_events(write: Statement, rows: &[(&ChangeSet, &Event)]) -> Result<Statement, Refusal> {
    let words = rows.iter().map(|(_, event)| word(event.kind)).collect::<Result<Vec<_>, _>>()?;
    let all = |value: fn(&Event) -> Option<&Value>| -> Result<Bind, Refusal> {
        let texts = rows.iter().map(|(_, event)| value(event).map(json).transpose());
        Ok(Bind::OptionalTexts(texts.collect::<Result<_, _>>()?))
    };
    Ok(write
        .integers(rows.iter().map(|(set, _)| set.at.unix_millis()).collect())
        .texts(rows.iter().map(|(set, _)| &*set.request_id))
        .texts(words)
        .texts(rows.iter().map(|(_, event)| &*event.key.resource_type))
        .blobs(rows.iter().map(|(_, event)| event.key.id.uuid().into_bytes()))
        .bind(all(|event| event.before.as_ref())?)
        .bind(all(|event| event.after.as_ref())?))
}
