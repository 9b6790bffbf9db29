//! Up to where the log and the outbox are complete.
//!
//! A position is made of the number that PostgreSQL gives a transaction when it writes its log (`crate::commit::place`), and
//! transactions end in another order than they are numbered in. Whoever follows the log must not go past one that still runs.
//! Each commit holds its instance's lock from its first statement on until after it has ended for others, so the running ones
//! are among those that hold it: the horizon is the lowest number that one of them has, or, where none has one yet, the lowest
//! that is still to be given. A transaction of another program or of another instance, however old, holds nobody up.
//!
//! The statement's snapshot is older than its look at the locks. So a commit of a lower number than the horizon had ended when
//! the locks were looked at, and any snapshot taken after that has its rows.

use diesel::QueryResult;
use scim_directory::InstanceId;

use super::locks::instance;
use crate::connection::Connection;
use crate::sql::{Number, Statement};

/// Numbers are 64 bits wide, but the list of locks has the lower half: the one closest to the snapshot's is meant.
const HORIZON: &str = "SELECT coalesce((SELECT base FROM position_bases WHERE instance_id = $1), 0) + 65536 * least(s.top, \
    (SELECT min(s.top + (x.transactionid::text::bigint - s.top % 4294967296 + 6442450944) % 4294967296 - 2147483648) \
    FROM pg_locks h JOIN pg_locks x ON x.virtualtransaction = h.virtualtransaction AND x.pid = h.pid \
    WHERE h.locktype = 'advisory' AND h.objsubid = 1 AND h.granted AND h.classid::bigint = $2 AND h.objid::bigint = $3 \
    AND h.database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
    AND x.locktype = 'transactionid' AND x.granted AND x.mode = 'ExclusiveLock')) AS n \
    FROM (SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS top) s";

/// A position below which nothing will be added to the instance's log or outbox that a snapshot taken after this call does not
/// see. Not to be called inside such a snapshot.
pub(crate) fn horizon(connection: &mut Connection, of: InstanceId) -> QueryResult<i64> {
    let lock = instance(of).cast_unsigned();
    let [high, low] = [lock >> 32, lock & 0xffff_ffff].map(|half| i64::try_from(half).unwrap_or_default());
    let row = Statement::of_postgres(HORIZON)
        .blob(of.uuid().into_bytes())
        .integer(high)
        .integer(low)
        .row::<Number>(connection)?;
    Ok(row.map_or(0, |row| row.n))
}
