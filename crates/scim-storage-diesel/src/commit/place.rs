//! Positions of the log and the outbox on PostgreSQL, where commits run side by side. (SQLite's one writer counts.)
//!
//! A position is `base + number * 65536 + n`: `n` counts the records (and, of their own, the events) of the change set from 1.
//! The number is one that PostgreSQL gives transactions, and it is taken **last**: by a savepoint's first row, when nothing is
//! left to wait for but counters. Whoever saw what this change set did, or waited for it, takes a later one, so the log stands in
//! an order in which it can be played back. The number that the transaction got for its first row would not do: after that it may
//! have waited for somebody with a higher one.
//!
//! `base` is 0, until a database is restored into a cluster that has not counted as far ([`crate::postgres`] sees to that when it
//! opens one), or one change set writes more than 65535 records: that one runs alone in its instance and moves `base` on.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use scim_directory::{Event, LogRecord};
use serde_json::Value;

use super::Applying;
use super::journal::Row;
use crate::error::Refusal;
use crate::read::minute;
use crate::sql::{Bind, Number, Statement, json, word};

/// What a change set may write without moving the base.
const MOST: i64 = 65_535;

/// Everything that has a position, in one statement: first the row that a repeated commit is known by, because that row says which
/// number the savepoint has; then records, whom they are about, events, and in which minute that was.
const WRITE: &str = "WITH place AS (INSERT INTO change_sets AS c (instance_id, id, at_ms, result) VALUES ($1, $2, $3, '') \
    RETURNING coalesce((SELECT base FROM position_bases WHERE instance_id = c.instance_id), 0) \
    + 65536 * (SELECT t.top - t.top % 4294967296 + t.sub \
    + CASE WHEN t.sub < t.top % 4294967296 THEN 4294967296 ELSE 0 END \
    FROM (SELECT pg_current_xact_id()::text::bigint AS top, c.xmin::text::bigint AS sub) t) AS n), \
    told AS (INSERT INTO journal (instance_id, at_ms, elapsed_ms, connector_id, key_id, user_id, admin_key_id, \
    request_id, position, action, status, resource_type, resource_id, name_key, record) \
    SELECT $1, $3, $4, $5, $6, $7, $8, $9, p.n + r.n, r.action, r.status, r.resource_type, r.resource_id, \
    r.name_key, r.record FROM place p CROSS JOIN unnest($10, $11, $12, $13, $14, $15) \
    WITH ORDINALITY AS r (action, status, resource_type, resource_id, name_key, record, n)), \
    about AS (INSERT INTO journal_members (instance_id, member_id, position) \
    SELECT $1, m.id, p.n + m.n FROM place p CROSS JOIN unnest($16, $17) AS m (id, n)), \
    said AS (INSERT INTO events (instance_id, position, at_ms, request_id, kind, resource_type, id, before, after) \
    SELECT $1, p.n + e.n, $3, $9, e.kind, e.resource_type, e.id, e.before, e.after FROM place p \
    CROSS JOIN unnest($18, $19, $20, $21, $22) WITH ORDINALITY AS e (kind, resource_type, id, before, after, n)), \
    marked AS (INSERT INTO minutes AS m (instance_id, minute, slot, first_record, last_record, last_event) \
    SELECT $1, $23, $24, coalesce(p.n + $25, 9223372036854775807), coalesce(p.n + $26, 0), coalesce(p.n + $27, 0) \
    FROM place p ON CONFLICT (instance_id, minute, slot) DO UPDATE SET \
    first_record = least(m.first_record, excluded.first_record), \
    last_record = greatest(m.last_record, excluded.last_record), \
    last_event = greatest(m.last_event, excluded.last_event)) \
    SELECT n, set_config('rollcall.place', n::text, true) AS place FROM place";

const MOVE: &str = "INSERT INTO position_bases AS b (instance_id, base) VALUES ($1, $2) \
    ON CONFLICT (instance_id) DO UPDATE SET base = b.base + excluded.base";

/// The position before the first of a change set, as soon as PostgreSQL has said it.
pub(super) struct Place(Arc<AtomicI64>);

impl Place {
    /// The position of the nth record, when everything was sent.
    pub(super) fn of(&self, n: i64) -> i64 {
        self.0.load(Ordering::Relaxed).saturating_add(n)
    }
}

impl Applying<'_> {
    /// Writes the log and the outbox, at the place that this change set gets. Later statements find that place as the setting
    /// `rollcall.place` of the transaction.
    pub(super) fn place(&mut self, records: &[LogRecord], events: &[Event]) -> Result<Place, Refusal> {
        let number = |rows: usize| i64::try_from(rows).unwrap_or(i64::MAX);
        let rows = number(records.len().max(events.len()));
        if rows > MOST && !self.alone {
            return Err(Refusal::NotAlone);
        }
        let written = |rows: usize, n: i64| (rows > 0).then_some(n);
        let write = Statement::of_postgres(WRITE)
            .blob(self.instance)
            .blob(self.set.id.uuid().as_bytes())
            .integer(self.set.at.unix_millis());
        let write = self.with_records(write, records)?;
        let write = with_events(write, events)?
            .integer(minute(self.set.at))
            .integer(self.slot())
            .optional_integer(written(records.len(), 1))
            .optional_integer(written(records.len(), number(records.len())))
            .optional_integer(written(events.len(), number(events.len())));
        let place = Place(Arc::new(AtomicI64::new(0)));
        let said = Arc::clone(&place.0);
        self.connection.later(Statement::of_postgres("SAVEPOINT place"))?;
        self.connection.later_with(write, move |rows: Vec<Number>| {
            said.store(rows.first().map_or(0, |row| row.n), Ordering::Relaxed);
        })?;
        if rows > MOST {
            let step = (rows / (MOST + 1)).saturating_add(1).saturating_mul(MOST + 1);
            self.connection.later(Statement::of_postgres(MOVE).blob(self.instance).integer(step))?;
        }
        Ok(place)
    }

    fn with_records(&self, write: Statement, records: &[LogRecord]) -> Result<Statement, Refusal> {
        let set = self.set;
        let rows = records.iter().map(Row::of).collect::<Result<Vec<_>, _>>()?;
        let (mut members, mut numbers) = (Vec::new(), Vec::new());
        for (number, row) in (1..).zip(&rows) {
            members.extend(row.members.iter().map(|member| member.uuid().into_bytes()));
            numbers.resize(members.len(), number);
        }
        Ok(write
            .integer(i64::from(set.elapsed_ms))
            .blob(set.actor.connector.map_or([0; 16], |connector| connector.uuid().into_bytes()))
            .optional_blob(set.actor.key.map(|key| key.uuid().into_bytes()))
            .optional_blob(set.actor.user.map(|user| user.uuid().into_bytes()))
            .optional_blob(set.actor.admin.map(|key| key.uuid().into_bytes()))
            .text(set.request_id.clone())
            .texts(rows.iter().map(|row| row.action.clone()))
            .texts(rows.iter().map(|row| row.status.clone()))
            .bind(Bind::OptionalTexts(rows.iter().map(|row| row.resource_type.clone()).collect()))
            .bind(Bind::OptionalBlobs(rows.iter().map(|row| row.resource_id.clone()).collect()))
            .bind(Bind::OptionalTexts(rows.iter().map(|row| row.name_key.clone()).collect()))
            .texts(rows.into_iter().map(|row| row.record))
            .blobs(members)
            .integers(numbers))
    }
}

fn with_events(write: Statement, events: &[Event]) -> Result<Statement, Refusal> {
    let words = events.iter().map(|event| word(event.kind)).collect::<Result<Vec<_>, _>>()?;
    let all = |value: fn(&Event) -> Option<&Value>| -> Result<Bind, Refusal> {
        let texts = events.iter().map(|event| value(event).map(json).transpose());
        Ok(Bind::OptionalTexts(texts.collect::<Result<_, _>>()?))
    };
    Ok(write
        .texts(words)
        .texts(events.iter().map(|event| &*event.key.resource_type))
        .blobs(events.iter().map(|event| event.key.id.uuid().into_bytes()))
        .bind(all(|event| event.before.as_ref())?)
        .bind(all(|event| event.after.as_ref())?))
}
