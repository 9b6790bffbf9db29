//! Lists: filter, sort and page in SQL.

use std::sync::Arc;

use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql};
use diesel::row::NamedRow;
use diesel::sql_types::{BigInt, Binary, Double, Nullable, Text};
use diesel::{QueryResult, QueryableByName};
use scim_directory::{Record, Scope, Tally};
#[cfg(feature = "sqlite")]
use scim_storage::AccessMark;
use scim_storage::{Keyset, Page, Query, SortKey, Start, StoreError};

use super::facts::count;
#[cfg(feature = "sqlite")]
use super::listed::searched;
use super::listed::{Source, counted, from, is_common, kept, newest_first, select_of};
#[cfg(feature = "sqlite")]
use super::pages;
use super::ranges::standing_at;
use super::record::{IdBytes, Row, WIDTH, at};
use crate::connection::Connection;
#[cfg(feature = "sqlite")]
use crate::connection::SqlDialect;
use crate::error::{damaged, store_error};
use crate::sql::{Number, Statement};

/// A row, with its sort key where there is a sort.
pub(crate) struct Sorted {
    head: Row,
    key: Option<Key>,
}

/// A sort key as columns: its type, and its value in the column of that.
struct Key {
    kind: String,
    text: Option<String>,
    integer: Option<i64>,
    real: Option<f64>,
}

impl<D: Backend> QueryableByName<D> for Sorted
where
    i64: FromSql<BigInt, D>,
    f64: FromSql<Double, D>,
    String: FromSql<Text, D>,
    Vec<u8>: FromSql<Binary, D>,
    IdBytes: FromSql<Binary, D>,
{
    fn build<'a>(row: &impl NamedRow<'a, D>) -> deserialize::Result<Self> {
        let key = (row.field_count() > WIDTH).then(|| -> deserialize::Result<Key> {
            Ok(Key {
                kind: at::<Text, _, D>(row, WIDTH)?,
                text: at::<Nullable<Text>, _, D>(row, WIDTH + 1)?,
                integer: at::<Nullable<BigInt>, _, D>(row, WIDTH + 2)?,
                real: at::<Nullable<Double>, _, D>(row, WIDTH + 3)?,
            })
        });
        Ok(Self { head: Row::build(row)?, key: key.transpose()? })
    }
}

/// A page.
pub(crate) fn find(connection: &mut Connection, scope: &Scope, query: &Query) -> Result<Page, StoreError> {
    #[cfg(feature = "sqlite")]
    if let Some((_, page)) = frequent(connection, scope, query)? {
        return Ok(page);
    }
    find_of(connection, scope, query, &Source::Table)
}

/// The page of a query of the kinds that most are of, and the state of its instance's access; `None` where it is to be read in the general
/// way.
#[cfg(feature = "sqlite")]
pub(super) fn frequent(
    connection: &mut Connection,
    scope: &Scope,
    query: &Query,
) -> Result<Option<(AccessMark, Page)>, StoreError> {
    if let Connection::Sqlite(connection) = connection
        && let Some(found) = crate::sqlite::quick::find(connection, scope, query)?
    {
        return Ok(Some(found));
    }
    pages::find(connection, scope, query)
}

/// A page of the records that come from there, in the general way.
pub(super) fn find_of(
    connection: &mut Connection,
    scope: &Scope,
    query: &Query,
    source: &Source,
) -> Result<Page, StoreError> {
    if !query.total && counted(query).is_none() {
        // One statement sees one moment.
        return page(connection, scope, query, source);
    }
    connection.snapshot(|connection| page(connection, scope, query, source)).map_err(store_error)?
}

/// Whether many of the instance are not in the index of texts, which the query asks (see `crate::sqlite::Texts`).
#[cfg_attr(not(feature = "sqlite"), expect(unused_variables, reason = "PostgreSQL's looks after itself"))]
pub(crate) fn is_behind(
    connection: &mut Connection,
    scope: &Scope,
    query: &Query,
) -> Result<bool, StoreError> {
    match connection.dialect() {
        #[cfg(feature = "sqlite")]
        SqlDialect::Sqlite if searched(scope, query).is_some() => {
            crate::sqlite::is_behind(connection, scope.instance.uuid().as_bytes()).map_err(store_error)
        }
        _ => Ok(false),
    }
}

/// Where a page begins.
enum Begins {
    /// At an id.
    At(Vec<u8>),
    /// Behind the end.
    Nowhere,
    /// Where stepping over those before it leads.
    ByOffset,
}

/// Where a page of a list begins, of so many where that is known.
fn begins(
    connection: &mut Connection,
    scope: &Scope,
    query: &Query,
    total: Option<u64>,
) -> QueryResult<Begins> {
    let (Some((resource_type, offset)), Some(total)) = (counted(query), total) else {
        return Ok(Begins::ByOffset);
    };
    let instance = scope.instance.uuid().into_bytes();
    if offset >= total {
        return Ok(Begins::Nowhere);
    }
    let first = standing_at(connection, &instance, resource_type, offset, total)?;
    Ok(first.map_or(Begins::ByOffset, Begins::At))
}

/// The rows of a page, of a list of so many where that is known.
fn rows(
    connection: &mut Connection,
    scope: &Scope,
    query: &Query,
    total: Option<u64>,
    source: &Source,
) -> QueryResult<Vec<Sorted>> {
    let dialect = connection.dialect();
    let first = match begins(connection, scope, query, total)? {
        _ if query.limit == 0 => return Ok(Vec::new()),
        Begins::Nowhere => return Ok(Vec::new()),
        Begins::At(first) => Some(first),
        Begins::ByOffset => None,
    };
    match first {
        Some(first) => newest_first(dialect, scope, query, Some(&first), source).keep().rows(connection),
        None => select_of(dialect, scope, query, source).rows(connection),
    }
}

fn page(
    connection: &mut Connection,
    scope: &Scope,
    query: &Query,
    source: &Source,
) -> Result<Page, StoreError> {
    let known = counted(query).map(|_| total(connection, scope, query, source));
    let known = known.transpose().map_err(store_error)?;
    let sorted = rows(connection, scope, query, known, source).map_err(store_error)?;
    let total = match (query.total, length(sorted.len(), query)) {
        (false, _) => None,
        (true, _) if known.is_some() => known,
        (true, Some(length)) => Some(length),
        (true, None) => Some(total(connection, scope, query, source).map_err(store_error)?),
    };
    of_rows(sorted, query, total)
}

/// How long a list is of which a page reaches the end, for which so many rows were read.
fn length(read: usize, query: &Query) -> Option<u64> {
    match &query.start {
        Start::Offset(offset)
            if (1..=query.limit).contains(&read) || read == 0 && query.limit > 0 && *offset == 0 =>
        {
            Some(offset.saturating_add(read as u64))
        }
        _ => None,
    }
}

/// Whether a query is a look-up of few, by what an index answers.
pub(crate) fn is_look_up(query: &Query) -> bool {
    query.limit > 0 && is_common(query) && query.parts.iter().all(|part| part.filter.is_some())
}

/// The page of rows that were asked for by [`select`] alone; none, where somebody has to count how many there are.
pub(crate) fn whole_list(sorted: Vec<Sorted>, query: &Query) -> Result<Option<Page>, StoreError> {
    let length = length(sorted.len(), query);
    if query.total && length.is_none() {
        return Ok(None);
    }
    of_rows(sorted, query, length.filter(|_| query.total)).map(Some)
}

pub(super) fn of_rows(
    mut sorted: Vec<Sorted>,
    query: &Query,
    total: Option<u64>,
) -> Result<Page, StoreError> {
    let more = sorted.len() > query.limit;
    sorted.truncate(query.limit);
    let mut page = Page { total, ..Page::default() };
    let mut last = None;
    for sorted in sorted {
        let resource_type = query
            .parts
            .iter()
            .map(|part| &part.resource_type.name)
            .find(|name| ***name == *sorted.head.resource_type)
            .ok_or_else(|| damaged("a resource type"))?;
        let key = sorted.key()?;
        let record: Record = sorted.head.record(Arc::clone(resource_type))?;
        last = Some(Keyset { key, id: record.key.id });
        page.records.push(record);
    }
    page.next = if more { last } else { None };
    Ok(page)
}

impl Sorted {
    /// A row of a list in the default order.
    #[cfg(feature = "postgres")]
    pub(super) fn of(head: Row) -> Self {
        Self { head, key: None }
    }

    fn key(&self) -> Result<Option<SortKey>, StoreError> {
        let Some(Key { kind, text, integer, real }) = &self.key else { return Ok(None) };
        let key = match kind.as_str() {
            "null" => Some(SortKey::Missing),
            "integer" => integer.map(SortKey::Integer),
            "real" => real.map(SortKey::Decimal),
            "text" => text.clone().map(SortKey::Text),
            _ => None,
        };
        key.map(Some).ok_or_else(|| damaged("a sort key"))
    }
}

/// How many match: from the counters where there is no filter.
fn total(connection: &mut Connection, scope: &Scope, query: &Query, source: &Source) -> QueryResult<u64> {
    if query.parts.iter().any(|part| part.filter.is_some()) {
        let mut statement = Statement::new("SELECT count(*) AS n ");
        statement.push(from(connection.dialect(), scope, query, source));
        let row = kept(connection.dialect(), query, source, statement).row::<Number>(connection)?;
        return Ok(row.and_then(|row| u64::try_from(row.n).ok()).unwrap_or_default());
    }
    let mut total: u64 = 0;
    for part in &query.parts {
        total = total.saturating_add(count(connection, scope, &part.resource_type.name, Tally::All)?);
    }
    Ok(total)
}
