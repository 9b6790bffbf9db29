//! Pages of a whole type on SQLite, which most lists are.
//!
//! Finding the link of each resource by itself costs as much as finding the resource. Links stand in the order of ids, as the page does:
//! those between its ends are read one after the other, by a statement of their own. What lists do not show is not read.

use diesel::QueryResult;
use diesel::deserialize;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use diesel::sqlite::{Sqlite, SqliteConnection};
use scim_core::instant::Timestamp;
use scim_directory::{ResourceId, Scope, Version};
use scim_storage::{AccessMark, Page, Query, Start, StoreError, Want};

use super::listed::{NEAR, is_short};
use super::ranges::standing_at;
use super::record::{IdBytes, at, connector};
use super::sheet::{Line, Links, Sheet};
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
    /// value of a limit and prepares the statement anew for each one, but not by an expression's. [`Sheet`]'s `row` knows the columns.
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

/// Rows of [`Resources`].
impl Each for Sheet {
    fn row<'a>(&mut self, row: &impl Current<'a>) -> deserialize::Result<()> {
        let number = |place| at::<BigInt, i64, Sqlite>(row, place);
        let id = at::<Binary, IdBytes, Sqlite>(row, 0)?.into();
        let (version, membership) = (Version(number(1)?), number(2)?);
        let (created, modified) = (number(3)?, number(4)?);
        let manager = at::<Nullable<Text>, Option<String>, Sqlite>(row, 5)?;
        let added = row.with(6, |document| {
            self.add(Line {
                id,
                version,
                membership,
                created: Timestamp::from_unix_millis(created),
                modified: Timestamp::from_unix_millis(modified),
                manager,
                document: document.read_blob(),
            });
        });
        Ok(added?.ok_or("a document is missing")?)
    }
}

/// Rows of [`Linked`].
struct Linking<'p> {
    links: Links<'p>,
    read: usize,
}

impl Each for Linking<'_> {
    fn row<'a>(&mut self, row: &impl Current<'a>) -> deserialize::Result<()> {
        self.read += 1;
        let id = ResourceId::from(at::<Binary, IdBytes, Sqlite>(row, 0)?);
        row.with(1, |external_id| self.links.give(id, external_id.read_text()))?;
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
    let mut sheet = Sheet::new(resource_type, query.limit);
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
        each_of::<Resources>(sqlite, &from, &mut sheet)?;
        if !link(sqlite, scope, &mut sheet)? {
            return Ok(None);
        }
    }
    Ok(Some((AccessMark(state.mark), sheet.page(query.total.then_some(state.total)))))
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
fn link(connection: &mut SqliteConnection, scope: &Scope, sheet: &mut Sheet) -> QueryResult<bool> {
    let (Some((length, lowest, highest)), Some(_)) = (sheet.ends(), scope.connector) else {
        return Ok(true);
    };
    let most = 2 * length + OTHERS;
    let connector = connector(scope);
    let between = [
        Value::Blob(&connector),
        Value::Id(scope.instance.uuid()),
        Value::Id(lowest.uuid()),
        Value::Id(highest.uuid()),
        Value::Integer(i64::try_from(most).unwrap_or(i64::MAX)),
    ];
    let mut linking = Linking { links: sheet.links(), read: 0 };
    each_of::<Linked>(connection, &between, &mut linking)?;
    Ok(linking.read < most)
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
