//! Pages of a whole type on PostgreSQL, which most lists are, each in one statement with the number of all.
//!
//! One statement sees one moment without a transaction, and goes over the connection that the caller shares ([`crate::postgres`]): no
//! other thread is woken for it. What lists do not show is not read. The limits inside are larger than any page, and part of the text: PostgreSQL then makes a plan for a
//! short list once, and keeps it whatever the values are. Links are found by `LATERAL … LIMIT`: in tables that it has not counted yet,
//! it would read all links of a connector for each row.

use scim_directory::Scope;
use scim_storage::{Page, Query, Start, StoreError, Want};

use super::find::{Sorted, of_rows};
use super::listed::{NEAR, SMALL_PAGE, is_short};
use super::record::{connector, record_columns};
use crate::sql::Statement;

/// Such a page, and the number of all.
macro_rules! page {
    ($with:literal, $from:literal) => {
        concat!(
            "WITH whole AS (SELECT CAST(coalesce(sum(count), 0) AS BIGINT) AS n FROM counters \
             WHERE instance_id = $2 AND resource_type = $3) ",
            $with,
            " SELECT ",
            record_columns!(
                "l.external_id",
                "NULL::text",
                "NULL::bytea",
                "NULL::bytea",
                "r.document",
                "NULL::text"
            ),
            ", (SELECT n FROM whole) AS total \
             FROM (SELECT x.* FROM resources x WHERE x.instance_id = $2 AND x.resource_type = $3 AND x.id ",
            $from,
            " ORDER BY x.id DESC LIMIT 240) r \
             LEFT JOIN LATERAL (SELECT k.external_id FROM links k WHERE k.instance_id = $2 AND k.id = r.id \
             AND k.connector_id = $1 LIMIT 1) l ON TRUE \
             ORDER BY r.id DESC LIMIT $5 OFFSET $6"
        )
    };
}

/// From an id on.
const BELOW: &str = page!("", "< $4");
/// From a number on: in the span, and of that in the range, that it is in ([`super::ranges`]), as many are skipped as stand between the
/// range's newer end and the number.
const FROM_NUMBER: &str = page!(
    ", bounds AS (SELECT first_id, lead(first_id) OVER w AS next_id, sum(count) AS count, sum(sum(count)) OVER w AS upto \
     FROM spans WHERE instance_id = $2 AND resource_type = $3 GROUP BY first_id WINDOW w AS (ORDER BY first_id)), \
     spanned AS (SELECT b.first_id, b.next_id, \
     CASE WHEN b.next_id IS NULL THEN 0 ELSE t.n - b.upto END AS newer, \
     CASE WHEN b.next_id IS NULL THEN t.n - b.upto + b.count ELSE b.count END AS size FROM bounds b, whole t), \
     span AS MATERIALIZED (SELECT coalesce(s.first_id, '') AS first_id, \
     coalesce(s.next_id, '\\xffffffffffffffffffffffffffffffffff') AS next_id, \
     coalesce(s.newer, 0) AS newer, coalesce(s.size, t.n) AS size FROM whole t \
     LEFT JOIN LATERAL (SELECT * FROM spanned WHERE newer <= $4 ORDER BY first_id LIMIT 1) s ON TRUE), \
     own AS (SELECT first_id, next_id, CAST($4 - newer AS BIGINT) AS skipped FROM (SELECT f.first_id, \
     coalesce(f.next_id, p.next_id) AS next_id, p.newer + CASE WHEN f.next_id IS NULL THEN 0 ELSE p.size - f.upto END AS newer \
     FROM (SELECT first_id, lead(first_id) OVER w AS next_id, sum(sum(count)) OVER w AS upto FROM ranges \
     WHERE instance_id = $2 AND resource_type = $3 AND first_id >= (SELECT first_id FROM span) \
     AND first_id < (SELECT next_id FROM span) GROUP BY first_id WINDOW w AS (ORDER BY first_id)) f, span p) g \
     WHERE newer <= $4 ORDER BY first_id LIMIT 1)",
    "<= (SELECT y.id FROM resources y WHERE y.instance_id = $2 AND y.resource_type = $3 AND $4 < (SELECT n FROM whole) \
     AND y.id >= coalesce((SELECT first_id FROM own), '') \
     AND y.id < coalesce((SELECT next_id FROM own), '\\xffffffffffffffffffffffffffffffffff') \
     ORDER BY y.id DESC LIMIT 1 OFFSET coalesce((SELECT skipped FROM own), $4))"
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

/// The page that the statement gave; `None` where it is empty, and so without the number of all.
pub(crate) fn page_at_once(rows: Vec<Sorted>, query: &Query) -> Result<Option<Page>, StoreError> {
    let Some(total) = rows.first().map(Sorted::total) else { return Ok(None) };
    of_rows(rows, query, total.filter(|_| query.total)).map(Some)
}
