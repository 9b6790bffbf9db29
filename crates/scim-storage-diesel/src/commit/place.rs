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

use super::Applying;
use crate::error::{Refusal, damaged};
use crate::sql::{Number, Statement};

/// What a change set may write without moving the base.
const MOST: i64 = 65_535;

/// The row that a repeated commit is known by: first, because its row says which number the savepoint has.
const PLACE: &str = "INSERT INTO change_sets AS c (instance_id, id, at_ms, result) VALUES ($1, $2, $3, '') \
    RETURNING coalesce((SELECT base FROM position_bases WHERE instance_id = c.instance_id), 0) \
    + 65536 * (SELECT t.top - t.top % 4294967296 + t.sub \
    + CASE WHEN t.sub < t.top % 4294967296 THEN 4294967296 ELSE 0 END \
    FROM (SELECT pg_current_xact_id()::text::bigint AS top, c.xmin::text::bigint AS sub) t) AS n";

const MOVE: &str = "INSERT INTO position_bases AS b (instance_id, base) VALUES ($1, $2) \
    ON CONFLICT (instance_id) DO UPDATE SET base = b.base + excluded.base";

impl Applying<'_> {
    /// The position before the first of so many rows.
    pub(super) fn place(&mut self, rows: usize) -> Result<i64, Refusal> {
        let rows = i64::try_from(rows).unwrap_or(i64::MAX);
        if rows > MOST && !self.alone {
            return Err(Refusal::NotAlone);
        }
        let place = Statement::of_postgres(PLACE)
            .blob(self.instance)
            .blob(self.set.id.uuid().as_bytes())
            .integer(self.set.at.unix_millis());
        let place = self.connection.after::<Number>(Statement::of_postgres("SAVEPOINT place"), place)?;
        let place = place.ok_or_else(|| damaged("a change set"))?;
        if rows > MOST {
            let step = (rows / (MOST + 1)).saturating_add(1).saturating_mul(MOST + 1);
            Statement::of_postgres(MOVE).blob(self.instance).integer(step).run(self.connection)?;
        }
        Ok(place.n)
    }
}
