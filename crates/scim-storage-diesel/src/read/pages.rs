//! Pages of a whole type on SQLite, which most lists are.
//!
//! Finding the link of each resource by itself costs as much as finding the resource. Links stand in the order of ids, as the page does:
//! those between its ends are read one after the other, by a statement of their own. All documents of a page stand in one piece of
//! memory, which its records share. What lists do not show is not read.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use diesel::QueryResult;
use diesel::deserialize;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use diesel::sqlite::{Sqlite, SqliteConnection};
use scim_core::instant::Timestamp;
use scim_directory::{Key, Record, ResourceId, Scope, Version};
use scim_storage::{AccessMark, Keyset, Page, Query, Start, StoreError, Want};

use super::listed::{NEAR, is_short};
use super::ranges::standing_at;
use super::record::{IdBytes, at, connector};
use crate::connection::Connection;
use crate::error::store_error;
use crate::sqlite::{Current, Each, Value, each_of, fixed};

fixed! {
    /// The state of access, and how many there are: instance, instance, type.
    Whole [
        "SELECT coalesce((SELECT a.generation FROM access a WHERE a.instance_id = ",
        "), 0), coalesce((SELECT sum(c.count) FROM counters c WHERE c.instance_id = ",
        " AND c.resource_type = ",
        "), 0)",
    ];
    /// Resources without a link, the newest first: instance, type, the highest id, how many, how many before them. SQLite plans by the
    /// value of a limit and prepares the statement anew for each one, but not by an expression's. [`Rows`] knows the columns.
    Resources [
        "SELECT r.id, r.version, r.membership, r.created_ms, r.modified_ms, r.manager, r.document \
         FROM resources r INDEXED BY resources_by_type WHERE r.instance_id = ",
        " AND r.resource_type = ",
        " AND r.id <= ",
        " ORDER BY r.id DESC LIMIT CAST(",
        " AS BIGINT) OFFSET CAST(",
        " AS BIGINT)",
    ];
    /// Links between two ids, whoever's they are, with the `externalId` of the connector's own: connector, instance, the lowest id, the
    /// highest, how many.
    Linked [
        "SELECT l.id, CASE l.connector_id WHEN ",
        " THEN l.external_id END FROM links l WHERE l.instance_id = ",
        " AND l.id BETWEEN ",
        " AND ",
        " ORDER BY l.id DESC LIMIT CAST(",
        " AS BIGINT)",
    ];
}

/// Links of others that may stand between those of a page, besides as many as it has itself.
const OTHERS: usize = 64;

/// Room for the document of most people.
const USUAL_BYTES: usize = 1536;

/// The state of access, and how many there are, as they are read.
#[derive(Default)]
struct State {
    mark: i64,
    total: u64,
}

impl Each for State {
    fn row<'a>(&mut self, row: &impl Current<'a>) -> deserialize::Result<()> {
        self.mark = at::<BigInt, i64, Sqlite>(row, 0)?;
        self.total = u64::try_from(at::<BigInt, i64, Sqlite>(row, 1)?).unwrap_or_default();
        Ok(())
    }
}

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
        let start = self.documents.len();
        row.with(6, |document| self.documents.extend_from_slice(document.read_blob()))?
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
            display: None,
            manager: at::<Nullable<Text>, Option<String>, Sqlite>(row, 5)?,
            managed_by: None,
            direct_manager: None,
            account: None,
            document: Bytes::new(),
        });
        Ok(())
    }
}

impl Rows {
    fn new(resource_type: &Arc<str>, limit: usize) -> Self {
        Self {
            resource_type: Arc::clone(resource_type),
            limit,
            records: Vec::with_capacity(limit),
            documents: Vec::with_capacity(limit * USUAL_BYTES),
            places: Vec::with_capacity(limit),
            more: false,
        }
    }

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
        let Some(external_id) = at::<Nullable<Text>, Option<String>, Sqlite>(row, 1)? else { return Ok(()) };
        let id = ResourceId::from(at::<Binary, IdBytes, Sqlite>(row, 0)?);
        while self.records.next_if(|record| record.key.id > id).is_some() {}
        if let Some(record) = self.records.next_if(|record| record.key.id == id) {
            record.external_id = Some(external_id);
        }
        Ok(())
    }
}

/// The page of a query for one, and the state of its instance's access; `None` for other queries, and where too many links of others stand
/// between the page's own.
pub(super) fn find(
    connection: &mut Connection,
    scope: &Scope,
    query: &Query,
) -> Result<Option<(AccessMark, Page)>, StoreError> {
    if !is_plain(connection, query) {
        return Ok(None);
    }
    let found = connection.snapshot(|connection| page(connection, scope, query));
    found.and_then(|found| found).map_err(store_error)
}

fn is_plain(connection: &Connection, query: &Query) -> bool {
    let whole = matches!(query.parts.as_slice(), [part] if part.filter.is_none());
    whole
        && query.sort.is_none()
        && query.limit > 0
        && query.want == Want::SHOWN
        && matches!(connection, Connection::Sqlite(_))
        && is_short(query)
}

fn page(
    connection: &mut Connection,
    scope: &Scope,
    query: &Query,
) -> QueryResult<Option<(AccessMark, Page)>> {
    let [part] = query.parts.as_slice() else { return Ok(None) };
    let (instance, resource_type) = (scope.instance.uuid(), &part.resource_type.name);
    let Some(sqlite) = connection.sqlite() else { return Ok(None) };
    let mut state = State::default();
    let whole = [Value::Id(instance), Value::Id(instance), Value::Text(resource_type)];
    each_of::<Whole>(sqlite, &whole, &mut state)?;
    let mut page = Page { total: query.total.then_some(state.total), ..Page::default() };
    if let Some((highest, skipped)) =
        begins(connection, instance.as_bytes(), resource_type, &query.start, state.total)?
        && let Some(sqlite) = connection.sqlite()
    {
        let limit = i64::try_from(query.limit).unwrap_or(i64::MAX).saturating_add(1);
        let from = [
            Value::Id(instance),
            Value::Text(resource_type),
            Value::Blob(&highest),
            Value::Integer(limit),
            Value::Integer(skipped),
        ];
        let mut rows = Rows::new(resource_type, query.limit);
        each_of::<Resources>(sqlite, &from, &mut rows)?;
        let (mut records, more) = rows.finish();
        if !link(sqlite, scope, &mut records)? {
            return Ok(None);
        }
        page.next = records.last().filter(|_| more).map(|last| Keyset { key: None, id: last.key.id });
        page.records = records;
    }
    Ok(Some((AccessMark(state.mark), page)))
}

/// The highest id that may be on the page, and how many are skipped from there; `None` where nobody is left to be on it.
fn begins(
    connection: &mut Connection,
    instance: &[u8],
    resource_type: &str,
    start: &Start,
    total: u64,
) -> QueryResult<Option<([u8; 16], i64)>> {
    let offset = match start {
        Start::After(position) => {
            let highest = position.id.uuid().as_u128().checked_sub(1);
            return Ok(highest.map(|highest| (highest.to_be_bytes(), 0)));
        }
        Start::Offset(offset) if *offset >= total => return Ok(None),
        Start::Offset(offset) => *offset,
    };
    let first =
        if offset > NEAR { standing_at(connection, instance, resource_type, offset, total)? } else { None };
    Ok(Some(match first.and_then(|first| first.try_into().ok()) {
        Some(first) => (first, 0),
        None => ([0xff; 16], i64::try_from(offset).unwrap_or(i64::MAX)),
    }))
}

/// Gives the records of a page their links; whether they have all of them.
fn link(connection: &mut SqliteConnection, scope: &Scope, records: &mut [Record]) -> QueryResult<bool> {
    let ([highest, ..], [.., lowest], Some(_)) = (&*records, &*records, scope.connector) else {
        return Ok(true);
    };
    let (highest, lowest) = (highest.key.id, lowest.key.id);
    let most = 2 * records.len() + OTHERS;
    let connector = connector(scope);
    let between = [
        Value::Blob(&connector),
        Value::Id(scope.instance.uuid()),
        Value::Id(lowest.uuid()),
        Value::Id(highest.uuid()),
        Value::Integer(i64::try_from(most).unwrap_or(i64::MAX)),
    ];
    let mut links = Links { records: records.iter_mut().peekable(), read: 0 };
    each_of::<Linked>(connection, &between, &mut links)?;
    Ok(links.read < most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::plan_of;

    #[test]
    fn a_page_and_its_links_are_spans() {
        let id = Value::Blob(&[1; 16]);
        let page = [id, Value::Text("User"), id, Value::Integer(7), Value::Integer(0)];
        let by_type = "SEARCH r USING INDEX resources_by_type (instance_id=? AND resource_type=? AND id<?)";
        assert_eq!(plan_of::<Resources>(&page), [by_type]);
        let links = [id, id, id, id, Value::Integer(7)];
        assert_eq!(
            plan_of::<Linked>(&links),
            ["SEARCH l USING PRIMARY KEY (instance_id=? AND id>? AND id<?)"]
        );
    }
}
