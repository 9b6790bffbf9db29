//! Edges of several resources at once.
//!
//! The groups of the people on a page are one span of an index: their ids stand side by side. Of each group that is found there, type and
//! name are read once, however many of the people are in it.

use diesel::QueryableByName;
use diesel::sql_types::{Binary, Nullable, Text};
use scim_directory::{ResourceId, Scope};
use scim_storage::{Direction, Edge, EdgePage, EdgeQuery, HeldEdge, StoreError};

#[cfg(feature = "sqlite")]
use super::groups::{groups_of, span};
use super::record::resource_id;
use crate::connection::{Connection, SqlDialect};
use crate::error::store_error;
use crate::sql::Statement;

/// The most edges that are read as one span; as they stand in the statement's text, it has one plan.
pub(super) const SPAN: usize = 1001;
/// So many resources are taken for a page, whose ids stand side by side.
pub(super) const SIDE_BY_SIDE: usize = 16;

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
pub(super) fn ends(query: &EdgeQuery) -> Option<(ResourceId, ResourceId)> {
    let all = query.direction == Direction::Groups && query.only.is_none() && query.after.is_none();
    let few = all && (1..SPAN).contains(&query.limit);
    Some((*query.of.iter().min()?, *query.of.iter().max()?)).filter(|_| few)
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
