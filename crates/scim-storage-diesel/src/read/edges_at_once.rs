//! Edges on PostgreSQL that one statement finds: the groups of people, of a page or of one, and the members of a group.

use std::sync::Arc;

use scim_directory::{ResourceId, Scope};
use scim_storage::{Direction, Edge, EdgePage, EdgeQuery, HeldEdge, StoreError};
use uuid::Uuid;

use super::edges::{SIDE_BY_SIDE, SPAN, ends, one_more};
use super::record::resource_id;
use crate::postgres::PgRow;
use crate::sql::Statement;

/// Each group of those whose ids are between two, once, with all of them who are in it in one value: a row for each edge would cost
/// PostgreSQL and its client more than finding it. [`page_at_once`] knows the columns.
const BETWEEN: &str = "SELECT e.group_id, g.resource_type, g.display, e.members FROM \
    (SELECT group_id, string_agg(member_id, ''::bytea) AS members FROM (SELECT member_id, group_id FROM members WHERE instance_id = $1 \
    AND member_id BETWEEN $2 AND $3 ORDER BY member_id, group_id LIMIT 1001) s GROUP BY group_id) e \
    LEFT JOIN LATERAL (SELECT r.resource_type, r.display FROM resources r \
    WHERE r.instance_id = $1 AND r.id = e.group_id LIMIT 1) g ON TRUE";

/// The members of a group, and behind them what it holds: without an id, the kind as a type and the reference as a name.
const MEMBERS: &str = "SELECT e.id, e.resource_type, e.display FROM ( \
    SELECT m.member_id AS id, r.resource_type, r.display FROM members m CROSS JOIN LATERAL ( \
    SELECT o.resource_type, o.display FROM resources o WHERE o.instance_id = m.instance_id AND o.id = m.member_id LIMIT 1) r \
    WHERE m.instance_id = $1 AND m.group_id = $2 ORDER BY m.member_id LIMIT $3) e \
    UNION ALL SELECT NULL::bytea, h.kind, h.reference FROM ( \
    SELECT kind, reference FROM held WHERE instance_id = $1 AND group_id = $2 ORDER BY reference LIMIT $4) h";

/// The group whose first members are wanted, few of them at most; `None` for other questions.
fn group(query: &EdgeQuery) -> Option<ResourceId> {
    let all = query.direction == Direction::Members && query.only.is_none() && query.after.is_none();
    let [one] = query.of.as_slice() else { return None };
    Some(*one).filter(|_| all && query.limit < SPAN)
}

/// The statement that answers a question in one go, where it is for the groups of one resource or of a page, or for the members of a
/// group.
pub(crate) fn at_once(scope: &Scope, query: &EdgeQuery) -> Option<Statement> {
    if let Some(group) = group(query) {
        let of = Statement::of_postgres(MEMBERS).blob(scope.instance.uuid().into_bytes());
        let held = i64::try_from(query.limit).unwrap_or(i64::MAX);
        return Some(of.blob(group.uuid().into_bytes()).integer(one_more(query.limit)).integer(held));
    }
    let side_by_side = query.of.len() == 1 || query.of.len() >= SIDE_BY_SIDE;
    let (lowest, highest) = ends(query).filter(|_| side_by_side)?;
    let between = Statement::of_postgres(BETWEEN).blob(scope.instance.uuid().into_bytes());
    Some(between.blob(lowest.uuid().as_bytes()).blob(highest.uuid().as_bytes()))
}

/// The page that the statement gave; `None` where so much stands in the span that it may not be all.
pub(crate) fn page_at_once(rows: &[PgRow], query: &EdgeQuery) -> Result<Option<EdgePage>, StoreError> {
    if let Some(group) = group(query) {
        return members_of(group, rows, query.limit).map(Some);
    }
    let mut of = query.of.clone();
    of.sort_unstable();
    let (mut edges, mut read) = (Vec::with_capacity(rows.len()), 0);
    let mut known: Option<Arc<str>> = None;
    for row in rows {
        let members = row.at::<&[u8]>(3)?.chunks_exact(size_of::<Uuid>());
        read += members.len();
        let Some(resource_type) = row.at::<Option<&str>>(1)? else { continue };
        let resource_type =
            known.take().filter(|known| **known == *resource_type).unwrap_or_else(|| resource_type.into());
        known = Some(Arc::clone(&resource_type));
        let other = resource_id(row.at(0)?)?;
        let display = row.at::<Option<&str>>(2)?.map(Arc::<str>::from);
        for member in members {
            let member = resource_id(member)?;
            if of.binary_search(&member).is_ok() {
                let (resource_type, display) = (Arc::clone(&resource_type), display.clone());
                edges.push(Edge { of: member, other, resource_type, display });
            }
        }
    }
    if read >= SPAN {
        return Ok(None);
    }
    edges.sort_unstable_by_key(|edge| (edge.of, edge.other));
    let more = edges.len() > query.limit;
    edges.truncate(query.limit);
    Ok(Some(EdgePage { edges, more, held: Vec::new() }))
}

/// The members of a group, and what it holds.
fn members_of(of: ResourceId, rows: &[PgRow], limit: usize) -> Result<EdgePage, StoreError> {
    let mut page = EdgePage::default();
    for row in rows {
        let other = row.at::<Option<&[u8]>>(0)?.map(resource_id).transpose()?;
        match (other, row.at::<Option<&str>>(1)?, row.at::<Option<&str>>(2)?) {
            (Some(other), Some(resource_type), display) => page.edges.push(Edge {
                of,
                other,
                resource_type: resource_type.into(),
                display: display.map(Into::into),
            }),
            (None, kind, Some(reference)) => {
                let (reference, kind) = (reference.to_owned(), kind.map(str::to_owned));
                page.held.push(HeldEdge { of, reference, kind });
            }
            _ => {}
        }
    }
    page.edges.sort_unstable_by_key(|edge| edge.other);
    page.held.sort_unstable_by(|one, other| one.reference.cmp(&other.reference));
    page.more = page.edges.len() > limit;
    page.edges.truncate(limit);
    Ok(page)
}
