//! Pages of a whole type on PostgreSQL, which most lists are, each in one statement with the number of all and the state of access.
//!
//! One statement sees one moment without a transaction, and goes over the connection that the caller shares ([`crate::postgres`]): no
//! other thread is woken for it. What lists do not show is not read. Its last row is about the page as a whole. It has the links too:
//! they stand in the order of ids, as the page does, and those between its ends are read one after the other, which costs a third of
//! finding each by itself. The limits inside are larger than any page, and part of the text: PostgreSQL then makes a plan for a short
//! list once, and keeps it whatever the values are.

use scim_core::instant::Timestamp;
use scim_directory::{Scope, Version};
use scim_storage::{AccessMark, Page, Query, Start, StoreError, Want};
use uuid::Uuid;

use super::listed::{NEAR, SMALL_PAGE, is_short};
use super::record::{connector, resource_id};
use super::sheet::{Line, Sheet};
use crate::error::damaged;
use crate::postgres::PgRow;
use crate::sql::Statement;

/// Links that are read between the ends of a page, whoever's they are.
const LINKS: usize = 1000;

/// Such a page: what is read before, and up to where it goes from. [`page_at_once`] knows the columns.
macro_rules! page {
    ($with:expr, $from:literal) => {
        concat!(
            "WITH whole AS (SELECT CAST(coalesce(sum(count), 0) AS BIGINT) AS n FROM counters \
             WHERE instance_id = $2 AND resource_type = $3) ",
            $with,
            " (SELECT r.*, NULL::bigint AS access, NULL::bigint AS total, NULL::bytea AS linked, NULL::text[] AS external_ids \
             FROM (SELECT x.id, x.version, x.membership, x.created_ms, x.modified_ms, x.manager, x.document FROM resources x \
             WHERE x.instance_id = $2 AND x.resource_type = $3 AND x.id ",
            $from,
            " ORDER BY x.id DESC LIMIT 240) r ORDER BY r.id DESC LIMIT $5 OFFSET $6) \
             UNION ALL SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, \
             coalesce((SELECT a.generation FROM access a WHERE a.instance_id = $2), 0), (SELECT n FROM whole), l.linked, l.external_ids \
             FROM (SELECT string_agg(k.id, ''::bytea) AS linked, array_agg(k.external_id) AS external_ids FROM \
             (SELECT k.id, CASE k.connector_id WHEN $1 THEN k.external_id END AS external_id FROM links k WHERE k.instance_id = $2 AND k.id ",
            $from,
            " AND k.id >= coalesce((SELECT y.id FROM (SELECT y.id FROM resources y WHERE y.instance_id = $2 AND y.resource_type = $3 \
             AND y.id ",
            $from,
            " ORDER BY y.id DESC LIMIT 240) y ORDER BY y.id DESC LIMIT 1 OFFSET $5 + $6 - 1), '') ORDER BY k.id DESC LIMIT 1000) k) l"
        )
    };
}

/// The resource with so many of higher ids, and as many of lower ones, in its range: the nearer end is stepped from.
macro_rules! standing {
    ($order:literal, $skipped:literal) => {
        concat!(
            "(SELECT y.id FROM resources y WHERE y.instance_id = $2 AND y.resource_type = $3 AND y.id >= o.first_id \
             AND y.id < o.next_id ORDER BY y.id",
            $order,
            " LIMIT 1 OFFSET ",
            $skipped,
            ")"
        )
    };
}

/// From an id on.
const BELOW: &str = page!("", "< $4");
/// From a number on: in the span, and of that in the range, that it is in ([`super::ranges`]), as many are skipped as stand between an end
/// of the range and the number.
const FROM_NUMBER: &str = page!(
    concat!(
        ", bounds AS (SELECT first_id, lead(first_id) OVER w AS next_id, CAST(sum(count) AS BIGINT) AS count, \
         CAST(sum(sum(count)) OVER w AS BIGINT) AS upto \
         FROM spans WHERE instance_id = $2 AND resource_type = $3 GROUP BY first_id WINDOW w AS (ORDER BY first_id)), \
         spanned AS (SELECT b.first_id, b.next_id, \
         CASE WHEN b.next_id IS NULL THEN 0 ELSE t.n - b.upto END AS newer, \
         CASE WHEN b.next_id IS NULL THEN t.n - b.upto + b.count ELSE b.count END AS size FROM bounds b, whole t), \
         span AS MATERIALIZED (SELECT coalesce(s.first_id, '') AS first_id, \
         coalesce(s.next_id, '\\xffffffffffffffffffffffffffffffffff') AS next_id, \
         coalesce(s.newer, 0) AS newer, coalesce(s.size, t.n) AS size FROM whole t \
         LEFT JOIN LATERAL (SELECT * FROM spanned WHERE newer <= $4 ORDER BY first_id LIMIT 1) s ON TRUE), \
         own AS (SELECT coalesce(g.first_id, p.first_id) AS first_id, coalesce(g.next_id, p.next_id) AS next_id, \
         $4 - p.newer - coalesce(g.newer, 0) AS skipped, coalesce(g.size, p.size) AS size FROM span p \
         LEFT JOIN LATERAL (SELECT * FROM (SELECT f.first_id, f.next_id, \
         CASE WHEN f.next_id IS NULL THEN 0 ELSE p.size - f.upto END AS newer, \
         CASE WHEN f.next_id IS NULL THEN p.size - f.upto + f.count ELSE f.count END AS size \
         FROM (SELECT first_id, lead(first_id) OVER w AS next_id, CAST(sum(count) AS BIGINT) AS count, \
         CAST(sum(sum(count)) OVER w AS BIGINT) AS upto FROM ranges WHERE instance_id = $2 AND resource_type = $3 \
         AND first_id >= p.first_id AND first_id < p.next_id GROUP BY first_id WINDOW w AS (ORDER BY first_id)) f) f \
         WHERE p.newer + f.newer <= $4 ORDER BY f.first_id LIMIT 1) g ON TRUE), \
         top AS MATERIALIZED (SELECT CASE WHEN 2 * o.skipped < o.size THEN ",
        standing!(" DESC", "o.skipped"),
        " ELSE ",
        standing!("", "o.size - 1 - o.skipped"),
        " END AS id FROM own o, whole t WHERE $4 < t.n)"
    ),
    "<= (SELECT id FROM top)"
);
/// What is read inside has room for every page, with the row that tells whether there are more, and what is skipped.
const _: () = assert!(SMALL_PAGE as u64 + 1 + NEAR <= 240, "a page has more rows than are read");
/// Above every id.
const ABOVE_ALL: [u8; 17] = [0xff; 17];

/// The statement of such a page; `None` for other queries.
pub(crate) fn at_once(scope: &Scope, query: &Query) -> Option<Statement> {
    let [part] = query.parts.as_slice() else { return None };
    let whole = part.filter.is_none()
        && query.sort.is_none()
        && query.limit > 0
        && query.want == Want::SHOWN
        && is_short(query);
    if !whole {
        return None;
    }
    let begun = |text: &'static str| {
        Statement::of_postgres(text)
            .blob(connector(scope))
            .blob(scope.instance.uuid().into_bytes())
            .text(&*part.resource_type.name)
    };
    let (statement, skipped) = match &query.start {
        Start::After(position) => (begun(BELOW).blob(position.id.uuid().into_bytes()), 0),
        Start::Offset(offset) if *offset <= NEAR => {
            (begun(BELOW).blob(ABOVE_ALL), i64::try_from(*offset).ok()?)
        }
        Start::Offset(offset) => (begun(FROM_NUMBER).integer(i64::try_from(*offset).ok()?), 0),
    };
    let limit = i64::try_from(query.limit).ok()?.checked_add(1)?;
    Some(statement.integer(limit).integer(skipped))
}

/// The page that the statement gave, and the state of access at that moment; `None` where more links stand between its ends than are
/// read.
pub(crate) fn page_at_once(rows: &[PgRow], query: &Query) -> Result<Option<(AccessMark, Page)>, StoreError> {
    let [part] = query.parts.as_slice() else { return Ok(None) };
    let mut sheet = Sheet::new(&part.resource_type.name, query.limit);
    let mut whole = None;
    for row in rows {
        let Some(id) = row.at::<Option<&[u8]>>(0)? else {
            whole = Some(row);
            continue;
        };
        let id = resource_id(id)?;
        // (Of a union, SQL promises no order; PostgreSQL keeps that of its parts.)
        if sheet.ends().is_some_and(|(_, lowest, _)| lowest <= id) {
            return Ok(None);
        }
        sheet.add(Line {
            id,
            version: Version(row.at(1)?),
            membership: row.at(2)?,
            created: Timestamp::from_unix_millis(row.at(3)?),
            modified: Timestamp::from_unix_millis(row.at(4)?),
            manager: row.at(5)?,
            document: row.at(6)?,
        });
    }
    let whole = whole.ok_or_else(|| damaged("a page"))?;
    let linked = whole.at::<Option<&[u8]>>(9)?.unwrap_or_default().chunks_exact(size_of::<Uuid>());
    if linked.len() == LINKS {
        return Ok(None);
    }
    let external_ids = whole.at::<Option<Vec<Option<&str>>>>(10)?.unwrap_or_default();
    let mut links = sheet.links();
    for (id, external_id) in linked.zip(external_ids) {
        if let Some(external_id) = external_id {
            links.give(resource_id(id)?, external_id);
        }
    }
    let total: i64 = whole.at(8)?;
    let total = query.total.then(|| u64::try_from(total).unwrap_or_default());
    Ok(Some((AccessMark(whole.at(7)?), sheet.page(total))))
}
