//! Pages of a whole type on SQLite, which most lists are.
//!
//! Finding the link of each resource by itself costs as much as finding the resource. Links stand in the order of ids, as the page does:
//! those between its ends are read one after the other, by a statement of their own.

use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql};
use diesel::row::NamedRow;
use diesel::sql_types::{BigInt, Binary, Text};
use diesel::{QueryResult, QueryableByName};
use scim_directory::Scope;
use scim_storage::{Query, Start, Want};

use super::find::{Sorted, window};
use super::record::{at, connector, record_columns};
use crate::connection::Connection;
use crate::sql::Statement;

/// Such resources, without a link.
const RESOURCES: &str = concat!(
    "SELECT ",
    record_columns!("NULL", "r.document", "NULL"),
    " FROM resources r INDEXED BY resources_by_type WHERE r.instance_id = ? AND r.resource_type = ?"
);

/// Links of others that may stand between those of a page, besides as many as it has itself.
const OTHERS: usize = 64;

struct Link {
    id: Vec<u8>,
    external_id: String,
    /// Whether it is the connector's that asks.
    own: i64,
}

impl<D: Backend> QueryableByName<D> for Link
where
    i64: FromSql<BigInt, D>,
    String: FromSql<Text, D>,
    Vec<u8>: FromSql<Binary, D>,
{
    fn build<'a>(row: &impl NamedRow<'a, D>) -> deserialize::Result<Self> {
        Ok(Self {
            id: at::<Binary, _, D>(row, 0)?,
            external_id: at::<Text, _, D>(row, 1)?,
            own: at::<BigInt, _, D>(row, 2)?,
        })
    }
}

/// Whether a query is for such a page. It is several statements.
pub(super) fn is_plain(connection: &Connection, query: &Query) -> bool {
    let whole = matches!(query.parts.as_slice(), [part] if part.filter.is_none());
    whole
        && query.sort.is_none()
        && query.want == Want::RECORD
        && matches!(connection, Connection::Sqlite(_))
        && super::is_short(query)
}

/// The rows of such a page, from `first` on where that is known; `None` where too many links of others stand between its own.
pub(super) fn rows(
    connection: &mut Connection,
    scope: &Scope,
    query: &Query,
    first: Option<&[u8]>,
) -> QueryResult<Option<Vec<Sorted>>> {
    let (instance, connector) = (scope.instance.uuid().into_bytes(), connector(scope));
    let resource_type = query.parts.first().map(|part| part.resource_type.name.to_string());
    let mut page = Statement::kept(RESOURCES).blob(instance).text(resource_type.unwrap_or_default());
    if let Start::After(position) = &query.start {
        page.push(Statement::new(" AND r.id < ?").blob(position.id.uuid().into_bytes()));
    }
    if let Some(first) = first {
        page.push(Statement::new(" AND r.id <= ?").blob(first));
    }
    page.push_str(" ORDER BY r.id DESC");
    page.push(window(query, first.is_some()));
    let mut rows: Vec<Sorted> = page.rows(connection)?;
    let (Some(highest), Some(lowest), Some(_)) = (rows.first(), rows.last(), scope.connector) else {
        return Ok(Some(rows));
    };
    let most = 2 * rows.len() + OTHERS;
    let links: Vec<Link> = links(&instance, &connector, lowest.id(), highest.id(), most).rows(connection)?;
    if links.len() == most {
        return Ok(None);
    }
    let mut links = links.into_iter().peekable();
    for row in &mut rows {
        while links.next_if(|link| *link.id > *row.id()).is_some() {}
        while let Some(link) = links.next_if(|link| *link.id == *row.id()) {
            if link.own == 1 {
                row.linked(link.external_id);
            }
        }
    }
    Ok(Some(rows))
}

/// The links of the resources between two ids, whoever's they are.
fn links(instance: &[u8], connector: &[u8], lowest: &[u8], highest: &[u8], most: usize) -> Statement {
    Statement::kept(
        "SELECT l.id, l.external_id, l.connector_id = ? AS own FROM links l WHERE l.instance_id = ? AND l.id BETWEEN ? AND ? \
         ORDER BY l.id DESC LIMIT CAST(? AS BIGINT)",
    )
    .blob(connector)
    .blob(instance)
    .blob(lowest)
    .blob(highest)
    .integer(i64::try_from(most).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_links_of_a_page_are_one_span() {
        let plan = links(&[1; 16], &[2; 16], &[3; 16], &[4; 16], 7).plan();
        assert_eq!(plan, ["SEARCH l USING PRIMARY KEY (instance_id=? AND id>? AND id<?)"]);
    }
}
