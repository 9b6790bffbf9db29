//! Edges of several resources at once.

use diesel::QueryableByName;
use diesel::sql_types::{Binary, Nullable, Text};
use scim_directory::{ResourceId, Scope};
use scim_storage::{Direction, Edge, EdgePage, EdgeQuery, HeldEdge, StoreError};

use super::record::resource_id;
use crate::connection::Connection;
use crate::error::store_error;
use crate::sql::Statement;

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

/// A list of ids as one bound value: hexadecimal texts in a JSON array.
pub(crate) fn id_list(ids: &[ResourceId]) -> String {
    let texts: Vec<String> = ids.iter().map(|id| format!("\"{}\"", id.uuid().simple())).collect();
    format!("[{}]", texts.join(","))
}

/// Edges in ascending order of (`of`, `other`).
pub(crate) fn edges(
    connection: &mut Connection,
    scope: &Scope,
    query: &EdgeQuery,
) -> Result<EdgePage, StoreError> {
    let (of, other) = match query.direction {
        Direction::Members => ("m.group_id", "m.member_id"),
        Direction::Groups => ("m.member_id", "m.group_id"),
    };
    let instance = scope.instance.uuid().into_bytes();
    let mut statement = Statement::new(format!(
        "SELECT {of} AS of, {other} AS other, r.resource_type, r.display FROM members m \
         JOIN resources r ON r.instance_id = m.instance_id AND r.id = {other} WHERE m.instance_id = ? AND "
    ))
    .blob(instance);
    statement.push(match query.of.as_slice() {
        [one] => Statement::new(format!("{of} = ?")).blob(one.uuid().into_bytes()),
        many => {
            Statement::new(format!("{of} IN (SELECT unhex(value) FROM json_each(?))")).text(id_list(many))
        }
    });
    if let Some(only) = &query.only {
        statement.push(
            Statement::new(format!(" AND {other} IN (SELECT unhex(value) FROM json_each(?))"))
                .text(id_list(only)),
        );
    }
    if let Some((after_of, after_other)) = query.after {
        statement.push(
            Statement::new(format!(" AND ({of}, {other}) > (?, ?)"))
                .blob(after_of.uuid().into_bytes())
                .blob(after_other.uuid().into_bytes()),
        );
    }
    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX).saturating_add(1);
    statement.push(Statement::new(format!(" ORDER BY {of}, {other} LIMIT ?")).integer(limit));
    let rows: Vec<Row> = statement.keep().rows(connection).map_err(store_error)?;
    let more = rows.len() > query.limit;
    let edges = rows.into_iter().take(query.limit).map(|row| {
        Ok(Edge {
            of: resource_id(&row.of)?,
            other: resource_id(&row.other)?,
            resource_type: row.resource_type.into(),
            display: row.display,
        })
    });
    let edges = edges.collect::<Result<_, StoreError>>()?;
    let first = query.direction == Direction::Members && query.after.is_none() && query.only.is_none();
    let held = if first { held(connection, scope, query)? } else { Vec::new() };
    Ok(EdgePage { edges, more, held })
}

/// References of these groups that are held for somebody who is not there yet.
fn held(connection: &mut Connection, scope: &Scope, query: &EdgeQuery) -> Result<Vec<HeldEdge>, StoreError> {
    let instance = scope.instance.uuid().into_bytes();
    let statement = match query.of.as_slice() {
        // The plus keeps the planner from the index by reference, in which it would read what every group holds.
        [one] => Statement::kept(
            "SELECT group_id, reference, kind FROM held WHERE instance_id = ? AND group_id = ? \
             ORDER BY +reference LIMIT ?",
        )
        .blob(instance)
        .blob(one.uuid().into_bytes()),
        many => Statement::kept(
            "SELECT group_id, reference, kind FROM held WHERE instance_id = ? \
             AND group_id IN (SELECT unhex(value) FROM json_each(?)) ORDER BY group_id, reference LIMIT ?",
        )
        .blob(instance)
        .text(id_list(many)),
    };
    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
    let rows: Vec<HeldRow> = statement.integer(limit).rows(connection).map_err(store_error)?;
    rows.into_iter()
        .map(|row| Ok(HeldEdge { of: resource_id(&row.group_id)?, reference: row.reference, kind: row.kind }))
        .collect()
}
