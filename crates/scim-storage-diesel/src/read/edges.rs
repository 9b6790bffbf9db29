//! Edges of several resources at once.
//!
//! The groups of the people on a page are one span of an index: their ids stand side by side. Of each group that is found there, type and
//! name are read once, however many of the people are in it.

use std::sync::Arc;

use diesel::QueryableByName;
use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql};
use diesel::row::NamedRow;
use diesel::sql_types::{Binary, Nullable, Text};
use scim_directory::{ResourceId, Scope};
use scim_storage::{Direction, Edge, EdgePage, EdgeQuery, HeldEdge, StoreError};

#[cfg(feature = "sqlite")]
use super::groups::{groups_of, span};
use super::record::{IdBytes, at, resource_id};
use crate::connection::{Connection, SqlDialect};
use crate::error::store_error;
use crate::sql::Statement;

/// The most edges that are read as one span; as they stand in the statement's text, it has one plan.
const SPAN: usize = 1001;
/// So many resources are taken for a page, whose ids stand side by side.
const SIDE_BY_SIDE: usize = 16;

/// The groups of those whose ids are between two, all in one value (a row for each would cost PostgreSQL and its client more than
/// finding them), and each of these groups once, with its type and its name.
const BETWEEN: &str = "WITH e AS MATERIALIZED (SELECT member_id, group_id FROM members WHERE instance_id = $1 \
    AND member_id BETWEEN $2 AND $3 ORDER BY member_id, group_id LIMIT 1001) \
    SELECT string_agg(member_id || group_id, ''::bytea) AS pairs, NULL::bytea AS id, NULL::text AS resource_type, \
    NULL::text AS display FROM e \
    UNION ALL SELECT NULL::bytea, g.id, g.resource_type, g.display FROM (SELECT DISTINCT group_id FROM e) d \
    CROSS JOIN LATERAL (SELECT r.id, r.resource_type, r.display FROM resources r \
    WHERE r.instance_id = $1 AND r.id = d.group_id LIMIT 1) g";

/// The members of a group, and behind them what it holds: without an id, the kind as a type and the reference as a name.
const MEMBERS: &str = "SELECT NULL::bytea AS pairs, e.id, e.resource_type, e.display FROM ( \
    SELECT m.member_id AS id, r.resource_type, r.display FROM members m CROSS JOIN LATERAL ( \
    SELECT o.resource_type, o.display FROM resources o WHERE o.instance_id = m.instance_id AND o.id = m.member_id LIMIT 1) r \
    WHERE m.instance_id = $1 AND m.group_id = $2 ORDER BY m.member_id LIMIT $3) e \
    UNION ALL SELECT NULL::bytea, NULL::bytea, h.kind, h.reference FROM ( \
    SELECT kind, reference FROM held WHERE instance_id = $1 AND group_id = $2 ORDER BY reference LIMIT $4) h";

/// A row of such a span: edges, each as the ids of member and group one after the other, or a group. Or one of [`MEMBERS`].
pub(crate) struct EdgeRow {
    pairs: Option<Vec<u8>>,
    pub(super) group: Option<IdBytes>,
    pub(super) resource_type: Option<String>,
    pub(super) display: Option<String>,
}

/// How long an edge is there.
const PAIR_BYTES: usize = 32;

impl<D: Backend> QueryableByName<D> for EdgeRow
where
    String: FromSql<Text, D>,
    Vec<u8>: FromSql<Binary, D>,
    IdBytes: FromSql<Binary, D>,
{
    fn build<'a>(row: &impl NamedRow<'a, D>) -> deserialize::Result<Self> {
        Ok(Self {
            pairs: at::<Nullable<Binary>, _, D>(row, 0)?,
            group: at::<Nullable<Binary>, _, D>(row, 1)?,
            resource_type: at::<Nullable<Text>, _, D>(row, 2)?,
            display: at::<Nullable<Text>, _, D>(row, 3)?,
        })
    }
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Binary)]
    of: Vec<u8>,
    #[diesel(sql_type = Binary)]
    other: Vec<u8>,
    #[diesel(sql_type = Text)]
    resource_type: String,
    #[diesel(sql_type = Nullable<Text>)]
    display: Option<String>,
}

#[derive(QueryableByName)]
struct HeldRow {
    #[diesel(sql_type = Binary)]
    group_id: Vec<u8>,
    #[diesel(sql_type = Text)]
    reference: String,
    #[diesel(sql_type = Nullable<Text>)]
    kind: Option<String>,
}

/// Edges in ascending order of (`of`, `other`).
pub(crate) fn edges(
    connection: &mut Connection,
    scope: &Scope,
    query: &EdgeQuery,
) -> Result<EdgePage, StoreError> {
    #[cfg(feature = "sqlite")]
    if let ([one], Some(_), Some(connection)) = (query.of.as_slice(), ends(query), connection.sqlite()) {
        return groups_of(connection, scope, *one, query.limit).map_err(store_error);
    }
    #[cfg(feature = "sqlite")]
    if query.of.len() >= SIDE_BY_SIDE
        && let Some(ends) = ends(query)
        && connection.sqlite().is_some()
    {
        let found = connection.snapshot(|connection| span(connection, scope, query, ends));
        if let Some(page) = found.and_then(|found| found).map_err(store_error)? {
            return Ok(page);
        }
    }
    let statement = match connection.dialect() {
        #[cfg(feature = "postgres")]
        SqlDialect::Postgres if query.of.len() != 1 => of_each(scope, query),
        dialect => of_any(dialect, scope, query),
    };
    let rows: Vec<Row> = statement.keep().rows(connection).map_err(store_error)?;
    let more = rows.len() > query.limit;
    let edges = rows.into_iter().take(query.limit).map(|row| {
        Ok(Edge {
            of: resource_id(&row.of)?,
            other: resource_id(&row.other)?,
            resource_type: row.resource_type.into(),
            display: row.display.map(Into::into),
        })
    });
    let edges = edges.collect::<Result<_, StoreError>>()?;
    let first = query.direction == Direction::Members && query.after.is_none() && query.only.is_none();
    let held = if first { held(connection, scope, query)? } else { Vec::new() };
    Ok(EdgePage { edges, more, held })
}

/// The lowest and the highest of the members whose groups are wanted, few of them at most; `None` for other questions.
fn ends(query: &EdgeQuery) -> Option<(ResourceId, ResourceId)> {
    let all = query.direction == Direction::Groups && query.only.is_none() && query.after.is_none();
    let few = all && (1..SPAN).contains(&query.limit);
    Some((*query.of.iter().min()?, *query.of.iter().max()?)).filter(|_| few)
}

/// The group whose first members are wanted, few of them at most; `None` for other questions.
fn group(query: &EdgeQuery) -> Option<ResourceId> {
    let all = query.direction == Direction::Members && query.only.is_none() && query.after.is_none();
    let [one] = query.of.as_slice() else { return None };
    Some(*one).filter(|_| all && query.limit < SPAN)
}

/// The statement that answers a question in one go (PostgreSQL), where it is for the groups of one resource or of a page, or for the
/// members of a group.
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
pub(crate) fn page_at_once(rows: Vec<EdgeRow>, query: &EdgeQuery) -> Option<EdgePage> {
    if let Some(group) = group(query) {
        return Some(members_of(group, rows, query.limit));
    }
    let (mut edges, mut groups) = (Vec::new(), Vec::new());
    for row in rows {
        let pairs = row.pairs.unwrap_or_default();
        if pairs.len() % PAIR_BYTES != 0 {
            return None;
        }
        edges.extend(pairs.chunks_exact(PAIR_BYTES).filter_map(|pair| {
            let (member, group) = pair.split_at_checked(PAIR_BYTES / 2)?;
            Some((resource_id(member).ok()?, resource_id(group).ok()?))
        }));
        groups.extend(row.group.zip(row.resource_type).map(|(id, name)| (id.into(), name, row.display)));
    }
    assembled(edges, groups, query)
}

/// The members of a group, and what it holds.
fn members_of(of: ResourceId, rows: Vec<EdgeRow>, limit: usize) -> EdgePage {
    let mut page = EdgePage::default();
    for EdgeRow { group: other, resource_type, display, .. } in rows {
        match (other, resource_type, display) {
            (Some(other), Some(resource_type), display) => page.edges.push(Edge {
                of,
                other: other.into(),
                resource_type: resource_type.into(),
                display: display.map(Into::into),
            }),
            (None, kind, Some(reference)) => page.held.push(HeldEdge { of, reference, kind }),
            _ => {}
        }
    }
    page.edges.sort_unstable_by_key(|edge| edge.other);
    page.held.sort_unstable_by(|one, other| one.reference.cmp(&other.reference));
    page.more = page.edges.len() > limit;
    page.edges.truncate(limit);
    page
}

/// The edges of a span that are wanted, with their groups' types and names; `None` where the span may have been longer.
pub(super) fn assembled(
    mut edges: Vec<(ResourceId, ResourceId)>,
    groups: Vec<(ResourceId, String, Option<String>)>,
    query: &EdgeQuery,
) -> Option<EdgePage> {
    if edges.len() >= SPAN {
        return None;
    }
    let mut of = query.of.clone();
    of.sort_unstable();
    edges.sort_unstable();
    let (mut types, mut known) = (Vec::<Arc<str>>::new(), Vec::with_capacity(groups.len()));
    for (id, resource_type, display) in groups {
        let resource_type =
            types.iter().find(|known| ***known == *resource_type).cloned().unwrap_or_else(|| {
                types.push(resource_type.as_str().into());
                resource_type.into()
            });
        known.push((id, resource_type, display.map(Arc::<str>::from)));
    }
    known.sort_unstable_by_key(|(id, ..)| *id);
    let wanted = edges.into_iter().filter(|(member, _)| of.binary_search(member).is_ok());
    let mut found = wanted.filter_map(|(of, other)| {
        let (_, resource_type, display) =
            known.get(known.binary_search_by_key(&other, |(id, ..)| *id).ok()?)?.clone();
        Some(Edge { of, other, resource_type, display })
    });
    let edges = found.by_ref().take(query.limit).collect();
    Some(EdgePage { edges, more: found.next().is_some(), held: Vec::new() })
}

/// The two sides of an edge, in a page's order.
fn sides(direction: Direction) -> (&'static str, &'static str) {
    match direction {
        Direction::Members => ("m.group_id", "m.member_id"),
        Direction::Groups => ("m.member_id", "m.group_id"),
    }
}

/// One row more than wanted tells whether there are more.
pub(super) fn one_more(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1)
}

fn of_any(dialect: SqlDialect, scope: &Scope, query: &EdgeQuery) -> Statement {
    let (of, other) = sides(query.direction);
    let one_of = dialect.one_of_ids();
    let mut statement = Statement::new(format!(
        "SELECT {of} AS of, {other} AS other, r.resource_type, r.display FROM members m \
         JOIN resources r ON r.instance_id = m.instance_id AND r.id = {other} WHERE m.instance_id = ? AND "
    ))
    .blob(scope.instance.uuid().into_bytes());
    statement.push(match query.of.as_slice() {
        [one] => Statement::new(format!("{of} = ?")).blob(one.uuid().into_bytes()),
        many => Statement::new(format!("{of} {one_of}")).blobs(ids(many)),
    });
    statement.push(narrowed(dialect, query));
    statement.push(
        Statement::new(format!(" ORDER BY {of}, {other} LIMIT CAST(? AS BIGINT)"))
            .integer(one_more(query.limit)),
    );
    statement
}

/// One resource after the other, each in the order of its index, so that a page's rows are read and no others.
#[cfg(feature = "postgres")]
fn of_each(scope: &Scope, query: &EdgeQuery) -> Statement {
    let (of, other) = sides(query.direction);
    let mut statement = Statement::new(format!(
        "SELECT g.id AS of, e.other, e.resource_type, e.display FROM (SELECT DISTINCT unnest(?) AS id ORDER BY id) g \
         JOIN LATERAL (SELECT {other} AS other, r.resource_type, r.display FROM members m \
         JOIN resources r ON r.instance_id = m.instance_id AND r.id = {other} WHERE m.instance_id = ? AND {of} = g.id"
    ))
    .blobs(ids(&query.of))
    .blob(scope.instance.uuid().into_bytes());
    statement.push(narrowed(SqlDialect::Postgres, query));
    let ordered = format!(" ORDER BY {other} LIMIT ?) e ON TRUE ORDER BY g.id, e.other LIMIT ?");
    statement.push(Statement::new(ordered).integer(one_more(query.limit)).integer(one_more(query.limit)));
    statement
}

/// Which of the edges are wanted.
fn narrowed(dialect: SqlDialect, query: &EdgeQuery) -> Statement {
    let (of, other) = sides(query.direction);
    let mut narrowed = Statement::default();
    if let Some(only) = &query.only {
        let one_of = dialect.one_of_ids();
        narrowed.push(Statement::new(format!(" AND {other} {one_of}")).blobs(ids(only)));
    }
    if let Some((after_of, after_other)) = query.after {
        narrowed.push(
            Statement::new(format!(" AND ({of}, {other}) > (?, ?)"))
                .blob(after_of.uuid().into_bytes())
                .blob(after_other.uuid().into_bytes()),
        );
    }
    narrowed
}

pub(super) fn ids(ids: &[ResourceId]) -> impl Iterator<Item = [u8; 16]> {
    ids.iter().map(|id| id.uuid().into_bytes())
}

/// References of these groups that are held for somebody who is not there yet.
fn held(connection: &mut Connection, scope: &Scope, query: &EdgeQuery) -> Result<Vec<HeldEdge>, StoreError> {
    let instance = scope.instance.uuid().into_bytes();
    let statement = match query.of.as_slice() {
        // The plus keeps the planner from the index by reference, in which it would read what every group holds.
        [one] => Statement::kept(
            "SELECT group_id, reference, kind FROM held WHERE instance_id = ? AND group_id = ? \
             ORDER BY +reference LIMIT CAST(? AS BIGINT)",
        )
        .postgres(
            "SELECT group_id, reference, kind FROM held WHERE instance_id = $1 AND group_id = $2 \
             ORDER BY reference LIMIT $3",
        )
        .blob(instance)
        .blob(one.uuid().into_bytes()),
        many => Statement::kept(
            "SELECT group_id, reference, kind FROM held WHERE instance_id = ? \
             AND group_id IN (SELECT unhex(value) FROM json_each(?)) ORDER BY group_id, reference LIMIT CAST(? AS BIGINT)",
        )
        .postgres(
            "SELECT group_id, reference, kind FROM held WHERE instance_id = $1 AND group_id = ANY($2) \
             ORDER BY group_id, reference LIMIT $3",
        )
        .blob(instance)
        .blobs(ids(many)),
    };
    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
    let rows: Vec<HeldRow> = statement.integer(limit).rows(connection).map_err(store_error)?;
    rows.into_iter()
        .map(|row| Ok(HeldEdge { of: resource_id(&row.group_id)?, reference: row.reference, kind: row.kind }))
        .collect()
}
