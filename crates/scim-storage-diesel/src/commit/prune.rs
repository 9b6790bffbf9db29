//! Deleting what is older than the retention time, in slices.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Text};
use scim_core::instant::Timestamp;
use uuid::Uuid;

use super::Applying;
use crate::error::Refusal;
use crate::logged;
use crate::read::{last_before, minute};
use crate::sql::{Id, Statement};

#[derive(QueryableByName)]
struct Logged {
    #[diesel(sql_type = BigInt)]
    position: i64,
    #[diesel(sql_type = Text)]
    record: String,
}

impl Applying<'_> {
    /// Deletes at most `limit` rows of each: log, events, tombstones, imports and their rejected lines, change sets. How many they were.
    pub(super) fn prune(&mut self, before: Timestamp, limit: usize) -> Result<u64, Refusal> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut rows = 0;
        if let Some(last) = last_before(self.connection, &self.instance, before)? {
            rows += self.prune_journal(before, last.record, limit)?;
            rows += self.prune_events(before, last.event, limit)?;
            self.prune_minutes(before)?;
        }
        rows += self.prune_tombstones(before, limit)?;
        rows += self.prune_imports(before, limit)?;
        rows += self.prune_change_sets(before, limit)?;
        Ok(u64::try_from(rows).unwrap_or(u64::MAX))
    }

    /// Those whose ids were made before, in the order of the ids. One that was made just before and is of just after goes the next
    /// time.
    fn prune_change_sets(&mut self, before: Timestamp, limit: i64) -> Result<usize, Refusal> {
        let millis = u64::try_from(before.unix_millis()).unwrap_or_default();
        let first = Uuid::from_u128(u128::from(millis) << 80);
        let pruned = Statement::kept(
            "DELETE FROM change_sets WHERE (instance_id, id) IN (SELECT instance_id, id FROM change_sets \
             WHERE instance_id = ? AND id < ? AND at_ms < ? ORDER BY id LIMIT ?)",
        )
        .blob(self.instance)
        .blob(first.as_bytes())
        .integer(before.unix_millis())
        .integer(limit)
        .run(self.connection)?;
        Ok(pruned)
    }

    fn prune_journal(&mut self, before: Timestamp, last: i64, limit: i64) -> Result<usize, Refusal> {
        let pruned: Vec<Logged> = Statement::kept(
            "DELETE FROM journal WHERE instance_id = ? AND position IN (SELECT position FROM journal INDEXED BY journal_by_instance \
             WHERE instance_id = ? AND position <= ? AND at_ms < ? ORDER BY position LIMIT ?) \
             RETURNING position, record",
        )
        .blob(self.instance)
        .blob(self.instance)
        .integer(last)
        .integer(before.unix_millis())
        .integer(limit)
        .rows(self.connection)?;
        for Logged { position, record } in &pruned {
            for member in logged::members(record)? {
                Statement::kept(
                    "DELETE FROM journal_members WHERE instance_id = ? AND member_id = ? AND position = ?",
                )
                .blob(self.instance)
                .blob(member.uuid().into_bytes())
                .integer(*position)
                .run(self.connection)?;
            }
        }
        Ok(pruned.len())
    }

    fn prune_events(&mut self, before: Timestamp, last: i64, limit: i64) -> Result<usize, Refusal> {
        let pruned = Statement::kept(
            "DELETE FROM events WHERE instance_id = ? AND position IN (SELECT position FROM events INDEXED BY events_by_instance \
             WHERE instance_id = ? AND position <= ? AND at_ms < ? ORDER BY position LIMIT ?)",
        )
        .blob(self.instance)
        .blob(self.instance)
        .integer(last)
        .integer(before.unix_millis())
        .integer(limit)
        .run(self.connection)?;
        Ok(pruned)
    }

    /// A minute goes when nothing is left up to its last positions.
    fn prune_minutes(&mut self, before: Timestamp) -> Result<(), Refusal> {
        Statement::kept(
            "DELETE FROM minutes WHERE instance_id = ? AND minute <= ? AND last_record < coalesce((SELECT \
             min(position) FROM journal INDEXED BY journal_by_instance WHERE instance_id = ?), ?) \
             AND last_event < coalesce((SELECT \
             min(position) FROM events INDEXED BY events_by_instance WHERE instance_id = ?), ?)",
        )
        .blob(self.instance)
        .integer(minute(before))
        .blob(self.instance)
        .integer(i64::MAX)
        .blob(self.instance)
        .integer(i64::MAX)
        .run(self.connection)?;
        Ok(())
    }

    fn prune_tombstones(&mut self, before: Timestamp, limit: i64) -> Result<usize, Refusal> {
        let gone: Vec<Id> = Statement::kept(
            "DELETE FROM tombstones WHERE (instance_id, id) IN (SELECT instance_id, id FROM tombstones \
             INDEXED BY tombstones_by_time WHERE instance_id = ? AND deleted_ms < ? ORDER BY deleted_ms, id LIMIT ?) \
             RETURNING id",
        )
        .blob(self.instance)
        .integer(before.unix_millis())
        .integer(limit)
        .rows(self.connection)?;
        for Id { id } in &gone {
            self.drop_tombstone_links(id)?;
        }
        Ok(gone.len())
    }
}
