//! Records that go, all in one statement: their edges and links go with them, tombstones stay.

use super::written::Known;
use super::{Part, Plain, so_or_fail, suppose_number};
use crate::commit::slot;
use crate::connection::Connection;
use crate::error::Refusal;
use crate::sql::{Bind, Statement, rows_of};

/// They are locked, and nobody reports to them or is in them: what else names them are their own edges, links and claims, which nobody
/// moves meanwhile.
const BURY: &str = concat!(
    "WITH d AS (DELETE FROM resources r USING ",
    rows_of!(2 id, 3 at, 4 name),
    " AS n \
    WHERE r.instance_id = $1 AND r.id = n.id RETURNING r.id, r.resource_type, n.at, r.version, r.created_ms, r.display, \
    r.managed_by, n.name, r.account), \
    t AS (INSERT INTO tombstones (instance_id, id, resource_type, deleted_ms, version, created_ms, display, managed_by, \
    user_name_key, account) SELECT $1, d.id, d.resource_type, d.at, d.version, d.created_ms, d.display, d.managed_by, d.name, \
    d.account FROM d ON CONFLICT (instance_id, id) DO UPDATE SET resource_type = excluded.resource_type, \
    deleted_ms = excluded.deleted_ms, version = excluded.version, created_ms = excluded.created_ms, \
    display = excluded.display, managed_by = excluded.managed_by, user_name_key = excluded.user_name_key, \
    account = excluded.account), \
    m AS (DELETE FROM members WHERE ctid = ANY(ARRAY(SELECT e.at FROM unnest($2) AS k (id) CROSS JOIN LATERAL \
    (SELECT ctid AS at FROM members WHERE instance_id = $1 AND member_id = k.id OFFSET 0) e))), \
    l AS (DELETE FROM links WHERE ctid = ANY(ARRAY(SELECT o.at FROM unnest($2) AS k (id) CROSS JOIN LATERAL \
    (SELECT ctid AS at FROM links WHERE instance_id = $1 AND id = k.id OFFSET 0) o)) RETURNING connector_id, external_id, id), \
    b AS (INSERT INTO tombstone_links (instance_id, connector_id, external_id, id) \
    SELECT $1, l.connector_id, l.external_id, l.id FROM l ON CONFLICT DO NOTHING), \
    c AS (DELETE FROM name_claims c USING ",
    rows_of!(2 id, 4 name),
    " AS k \
    WHERE c.instance_id = $1 AND c.id = k.id AND c.key = k.name) \
    SELECT ",
    so_or_fail!("t.n = $5"),
    " AS n FROM (SELECT count(*) AS n FROM d) t"
);

/// They are counted in their ranges, or spans, no more, unless that is the last one of their type, which is not counted.
macro_rules! uncount {
    ($table:literal) => {
        concat!(
            "INSERT INTO ",
            $table,
            " (instance_id, resource_type, first_id, slot, count) \
             SELECT $1, d.type, g.first_id, $2, -count(*) FROM ",
    rows_of!(3 type, 4 id),
    " AS d CROSS JOIN LATERAL \
             (SELECT first_id FROM ",
            $table,
            " WHERE instance_id = $1 AND resource_type = d.type AND first_id <= d.id \
             ORDER BY first_id DESC LIMIT 1) g CROSS JOIN LATERAL (SELECT 1 FROM ",
            $table,
            " WHERE instance_id = $1 AND resource_type = d.type AND first_id > g.first_id LIMIT 1) n \
             GROUP BY d.type, g.first_id ORDER BY d.type, g.first_id \
             ON CONFLICT (instance_id, resource_type, first_id, slot) DO UPDATE SET count = ",
            $table,
            ".count + excluded.count"
        )
    };
}

pub(super) fn bury(
    connection: &mut Connection,
    instance: [u8; 16],
    parts: &[Part<'_>],
    known: &Known<'_>,
) -> Result<(), Refusal> {
    let (mut ids, mut times, mut names) = (Vec::new(), Vec::new(), Vec::new());
    for part in parts {
        let Plain::Delete(key, _) = part.plain else { continue };
        ids.push(key.id.uuid().into_bytes());
        times.push(part.set.at.unix_millis());
        names.push(known.was(key).and_then(|was| was.stale_names().next().map(str::to_owned)));
    }
    if ids.is_empty() {
        return Ok(());
    }
    let all = i64::try_from(ids.len()).unwrap_or(i64::MAX);
    let bury = Statement::of_postgres(BURY).blob(instance).blobs(ids).integers(times);
    suppose_number(connection, bury.bind(Bind::OptionalTexts(names)), all)
}

/// Takes them out of the ranges, and then out of the spans: last of all, as every change set does.
pub(super) fn uncount(
    connection: &mut Connection,
    instance: [u8; 16],
    parts: &[Part<'_>],
) -> Result<(), Refusal> {
    let keys = parts.iter().filter_map(|part| match part.plain {
        Plain::Delete(key, _) => Some(key),
        _ => None,
    });
    let (types, ids): (Vec<&str>, Vec<_>) =
        keys.map(|key| (&*key.resource_type, key.id.uuid().into_bytes())).unzip();
    if ids.is_empty() {
        return Ok(());
    }
    let slot = slot(connection);
    for uncount in uncounted(instance, slot, &types, &ids) {
        connection.later(uncount)?;
    }
    Ok(())
}

/// The statements that do so.
pub(in crate::commit) fn uncounted(
    instance: [u8; 16],
    slot: i64,
    types: &[&str],
    ids: &[[u8; 16]],
) -> [Statement; 2] {
    [uncount!("ranges"), uncount!("spans")].map(|text| {
        let uncount = Statement::of_postgres(text).blob(instance).integer(slot);
        uncount.texts(types.iter().copied()).blobs(ids)
    })
}
