//! Pages of a whole type on SQLite, which most lists are.
//!
//! Finding the link of each resource by itself costs as much as finding the resource. Links stand in the order of ids, as the page does:
//! those between its ends are read one after the other, by a statement of their own. All documents of a page stand in one piece of
//! memory, which its records share.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use diesel::QueryResult;
use diesel::deserialize;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use diesel::sqlite::Sqlite;
use scim_core::instant::Timestamp;
use scim_directory::{ConnectorId, Key, Record, ResourceId, Scope, Version};
use scim_storage::{Keyset, Page, Query, Start, Want};

use super::listed::window;
use super::record::{IdBytes, at, connector};
use crate::connection::Connection;
use crate::sql::Statement;
use crate::sqlite::{Current, Each, each};

/// Such resources, without a link. [`Rows`] knows the columns by their places.
const RESOURCES: &str = "SELECT r.id, r.version, r.membership, r.created_ms, r.modified_ms, r.display, r.manager, r.managed_by, \
    r.direct_manager, r.document FROM resources r INDEXED BY resources_by_type WHERE r.instance_id = ? AND r.resource_type = ?";

/// Links of others that may stand between those of a page, besides as many as it has itself.
const OTHERS: usize = 64;

/// Room for the document of most people.
const USUAL_BYTES: usize = 1536;

/// The records of a page, as they are read.
struct Rows {
    resource_type: Arc<str>,
    limit: usize,
    records: Vec<Record>,
    /// Their documents, one after the other, and where each stands.
    documents: Vec<u8>,
    places: Vec<Range<usize>>,
    /// Whether there is one more.
    more: bool,
}

impl Each for Rows {
    fn row<'a>(&mut self, row: &impl Current<'a>) -> deserialize::Result<()> {
        if self.records.len() == self.limit {
            self.more = true;
            return Ok(());
        }
        let number = |place| at::<BigInt, i64, Sqlite>(row, place);
        let id = |place| at::<Nullable<Binary>, Option<IdBytes>, Sqlite>(row, place);
        let text = |place| at::<Nullable<Text>, Option<String>, Sqlite>(row, place);
        let start = self.documents.len();
        row.with(9, |document| self.documents.extend_from_slice(document.read_blob()))?
            .ok_or("a document is missing")?;
        self.places.push(start..self.documents.len());
        self.records.push(Record {
            key: Key {
                resource_type: Arc::clone(&self.resource_type),
                id: at::<Binary, IdBytes, Sqlite>(row, 0)?.into(),
            },
            version: Version(number(1)?),
            membership: number(2)?,
            created: Timestamp::from_unix_millis(number(3)?),
            modified: Timestamp::from_unix_millis(number(4)?),
            external_id: None,
            display: text(5)?,
            manager: text(6)?,
            managed_by: id(7)?.map(|id| ConnectorId::new(id.0)),
            direct_manager: id(8)?.map(ResourceId::from),
            account: None,
            document: Bytes::new(),
        });
        Ok(())
    }
}

impl Rows {
    /// The records with their documents.
    fn finish(self) -> (Vec<Record>, bool) {
        let (documents, mut records) = (Bytes::from(self.documents), self.records);
        for (record, place) in records.iter_mut().zip(self.places) {
            record.document = documents.slice(place);
        }
        (records, self.more)
    }
}

/// Gives the links of a connector, which come in descending order of whose they are, to the records of a page in that order.
struct Links<'p> {
    records: std::iter::Peekable<std::slice::IterMut<'p, Record>>,
    read: usize,
}

impl Each for Links<'_> {
    fn row<'a>(&mut self, row: &impl Current<'a>) -> deserialize::Result<()> {
        self.read += 1;
        if at::<BigInt, i64, Sqlite>(row, 1)? == 0 {
            return Ok(());
        }
        let id = ResourceId::from(at::<Binary, IdBytes, Sqlite>(row, 0)?);
        while self.records.next_if(|record| record.key.id > id).is_some() {}
        if let Some(record) = self.records.next_if(|record| record.key.id == id) {
            record.external_id = Some(at::<Text, String, Sqlite>(row, 2)?);
        }
        Ok(())
    }
}

/// Whether a query is for such a page. It is several statements.
pub(super) fn is_plain(connection: &Connection, query: &Query) -> bool {
    let whole = matches!(query.parts.as_slice(), [part] if part.filter.is_none());
    whole
        && query.sort.is_none()
        && query.limit > 0
        && query.want == Want::RECORD
        && matches!(connection, Connection::Sqlite(_))
        && super::is_short(query)
}

/// Such a page, from `first` on where that is known, without its total; `None` where too many links of others stand between its own.
pub(super) fn page(
    connection: &mut Connection,
    scope: &Scope,
    query: &Query,
    first: Option<&[u8]>,
) -> QueryResult<Option<Page>> {
    let ([part], Some(connection)) = (query.parts.as_slice(), connection.sqlite()) else { return Ok(None) };
    let (instance, resource_type) = (scope.instance.uuid().into_bytes(), &part.resource_type.name);
    let mut statement = Statement::kept(RESOURCES).blob(instance).text(&**resource_type);
    if let Start::After(position) = &query.start {
        statement.push(Statement::new(" AND r.id < ?").blob(position.id.uuid().into_bytes()));
    }
    if let Some(first) = first {
        statement.push(Statement::new(" AND r.id <= ?").blob(first));
    }
    statement.push_str(" ORDER BY r.id DESC");
    statement.push(window(query, first.is_some()));
    let mut rows = Rows {
        resource_type: Arc::clone(resource_type),
        limit: query.limit,
        records: Vec::with_capacity(query.limit),
        documents: Vec::with_capacity(query.limit * USUAL_BYTES),
        places: Vec::with_capacity(query.limit),
        more: false,
    };
    each(connection, statement, &mut rows)?;
    let (mut records, more) = rows.finish();
    if let (Some(highest), Some(lowest), Some(_)) = (records.first(), records.last(), scope.connector) {
        let most = 2 * records.len() + OTHERS;
        let between = links(&instance, &connector(scope), lowest.key.id, highest.key.id, most);
        let mut links = Links { records: records.iter_mut().peekable(), read: 0 };
        each(connection, between, &mut links)?;
        if links.read == most {
            return Ok(None);
        }
    }
    let next = records.last().filter(|_| more).map(|last| Keyset { key: None, id: last.key.id });
    Ok(Some(Page { records, next, ..Page::default() }))
}

/// The links of the resources between two ids, whoever's they are.
fn links(
    instance: &[u8],
    connector: &[u8],
    lowest: ResourceId,
    highest: ResourceId,
    most: usize,
) -> Statement {
    Statement::kept(
        "SELECT l.id, l.connector_id = ? AS own, l.external_id FROM links l WHERE l.instance_id = ? AND l.id BETWEEN ? AND ? \
         ORDER BY l.id DESC LIMIT CAST(? AS BIGINT)",
    )
    .blob(connector)
    .blob(instance)
    .blob(lowest.uuid().as_bytes())
    .blob(highest.uuid().as_bytes())
    .integer(i64::try_from(most).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn the_links_of_a_page_are_one_span() {
        let id = |number| ResourceId::new(Uuid::from_u128(number));
        let plan = links(&[1; 16], &[2; 16], id(3), id(4), 7).plan();
        assert_eq!(plan, ["SEARCH l USING PRIMARY KEY (instance_id=? AND id>? AND id<?)"]);
    }
}
