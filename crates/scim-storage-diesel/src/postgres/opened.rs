//! What is looked at when a database is opened: whether its positions can go on, and whether what it acknowledges is on disk.

use diesel::QueryResult;

use crate::connection::Connection;
use crate::sql::{Line, Statement};

/// Moves the base of those instances whose log or outbox has positions that the cluster's next number would not reach: they
/// come from a cluster that had counted further. The last position of an instance is one step in an index.
const GO_ON: &str = "INSERT INTO position_bases AS b (instance_id, base) \
    SELECT i.id, l.last - l.last % 65536 + 65536 - 65536 * s.top \
    FROM (SELECT id FROM instances UNION ALL SELECT decode(repeat('00', 16), 'hex')) i \
    CROSS JOIN (SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS top) s \
    CROSS JOIN LATERAL (SELECT greatest(\
    (SELECT max(position) FROM journal WHERE instance_id = i.id), \
    (SELECT max(position) FROM events WHERE instance_id = i.id), 0) AS last) l \
    LEFT JOIN position_bases k ON k.instance_id = i.id WHERE l.last >= coalesce(k.base, 0) + 65536 * s.top \
    ON CONFLICT (instance_id) DO UPDATE SET base = greatest(b.base, excluded.base)";

/// Lets positions go on where those end that the database has: after it was restored into a cluster with lower numbers.
pub(super) fn go_on(connection: &mut Connection) -> QueryResult<()> {
    let moved = Statement::new("").postgres(GO_ON).run(connection)?;
    if moved > 0 {
        log::info!(
            "positions of {moved} instances go on: the database comes from a cluster that had counted further"
        );
    }
    Ok(())
}

/// Says in the log which settings let the server lose what it acknowledged.
pub(super) fn warn_of_loss(connection: &mut Connection) -> QueryResult<()> {
    let settings: Vec<Line> = Statement::new(
        "SELECT name || '=' || setting AS line FROM pg_settings WHERE setting = 'off' \
         AND name IN ('fsync', 'full_page_writes', 'synchronous_commit') ORDER BY name",
    )
    .rows(connection)?;
    for Line { line } in settings {
        log::warn!("the PostgreSQL server runs with {line}: what it acknowledges may be lost when it fails");
    }
    Ok(())
}
