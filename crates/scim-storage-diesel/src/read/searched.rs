//! Lists on PostgreSQL by the index of texts (`crate::postgres`: `texts/`), which gives candidates.
//!
//! Nearly all searches find few. Those are one statement on the connection that the caller shares, like a look-up ([`few`]): it looks at
//! so many candidates and no more, gives the page, the number of all and the state of access, and says where there are too many. Then a
//! thread for long reads does it ([`find_among`]).

use diesel::QueryableByName;
use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql};
use diesel::row::NamedRow;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use scim_directory::Scope;
use scim_storage::{AccessMark, Page, Query, Start, StoreError};

use super::find::{Sorted, find_of, of_rows};
use super::listed::{Source, from, searched, window};
use super::record::{IdBytes, Row, at, columns};
use crate::connection::{Connection, SqlDialect};
use crate::error::store_error;
use crate::filter_sql::Pieces;
use crate::postgres::among;
use crate::sql::{Number, Statement};

/// So many candidates are few.
const FEW: i64 = 512;
/// Of so many, each is looked up; with more of them, the table is read.
const MANY: i64 = 100_000;

/// A row of a search of few: there is one at least.
pub(crate) struct Candidates {
    /// The state of access.
    access: i64,
    /// How many there are; `None` where they are too many.
    number: Option<i64>,
    /// How many of them are found.
    total: Option<i64>,
    record: Option<Row>,
}

impl<D: Backend> QueryableByName<D> for Candidates
where
    i64: FromSql<BigInt, D>,
    String: FromSql<Text, D>,
    IdBytes: FromSql<Binary, D>,
    Vec<u8>: FromSql<Binary, D>,
{
    fn build<'a>(row: &impl NamedRow<'a, D>) -> deserialize::Result<Self> {
        let id: Option<IdBytes> = at::<Nullable<Binary>, _, D>(row, 3)?;
        Ok(Self {
            access: at::<BigInt, _, D>(row, 0)?,
            number: at::<Nullable<BigInt>, _, D>(row, 1)?,
            total: at::<Nullable<BigInt>, _, D>(row, 2)?,
            record: id.map(|_| Row::from(row, 3)).transpose()?,
        })
    }
}

/// Whether the index of texts narrows a query.
pub(crate) fn is_searched(scope: &Scope, query: &Query) -> bool {
    searched(scope, query).is_some_and(|pieces| of(scope, &pieces, FEW).is_some())
}

fn of(scope: &Scope, pieces: &Pieces, most: i64) -> Option<Statement> {
    among(scope.instance, pieces, most)
}

/// The statement of a search that finds few; `None` for other queries.
pub(crate) fn few(scope: &Scope, query: &Query) -> Option<Statement> {
    let counts = matches!(query.start, Start::Offset(_)) || !query.total;
    if query.sort.is_some() || !counts {
        return None;
    }
    let candidates = of(scope, &searched(scope, query)?, FEW)?;
    let dialect = SqlDialect::Postgres;
    let mut whole = Statement::new(
        "SELECT coalesce((SELECT a.generation FROM access a WHERE a.instance_id = ?), 0) AS access, \
         CAST(cardinality(w.ids) AS BIGINT) AS candidates, p.* FROM (SELECT ",
    )
    .blob(scope.instance.uuid().into_bytes());
    whole.push(candidates);
    // (`OFFSET`, so that they are looked for once.)
    whole.push_str(" AS ids OFFSET 0) w LEFT JOIN LATERAL (SELECT count(*) OVER () AS total, ");
    whole.push_str(columns(dialect, query.want));
    whole.push_str(" ");
    whole.push(from(dialect, scope, query, &Source::Candidates(Statement::new("w.ids"))));
    if let Start::After(position) = &query.start {
        whole.push(Statement::new(" AND r.id < ?").blob(position.id.uuid().into_bytes()));
    }
    whole.push_str(" ORDER BY r.id DESC");
    whole.push(window(query, false));
    whole.push_str(") p ON TRUE ORDER BY p.id DESC");
    Some(whole.keep_if_frequent())
}

impl Candidates {
    /// The page of a search, and the state of access; `None` where it is to be looked for in another way.
    pub(crate) fn page(rows: Vec<Self>, query: &Query) -> Result<Option<(AccessMark, Page)>, StoreError> {
        let Some(Self { access, number: Some(_), total, record }) = rows.first() else { return Ok(None) };
        let mark = AccessMark(*access);
        let total = match (&query.start, total) {
            _ if !query.total => None,
            (Start::Offset(0), None) if record.is_none() => Some(0),
            // Behind the end: how many there are, no row says.
            (_, None) => return Ok(None),
            (_, Some(total)) => u64::try_from(*total).ok(),
        };
        let records = rows.into_iter().filter_map(|row| row.record).map(Sorted::of).collect();
        Ok(Some((mark, of_rows(records, query, total)?)))
    }
}

/// A page, by the index of texts unless there are too many candidates.
pub(crate) fn find_among(
    connection: &mut Connection,
    scope: &Scope,
    query: &Query,
) -> Result<Page, StoreError> {
    let candidates = searched(scope, query).and_then(|pieces| of(scope, &pieces, MANY));
    let source = match candidates {
        Some(candidates) => {
            let count = candidates
                .clone()
                .prefixed("SELECT coalesce(CAST(cardinality(")
                .suffixed(") AS BIGINT), -1) AS n");
            let count = count.keep().row::<Number>(connection).map_err(store_error)?;
            let few = count.is_some_and(|count| count.n >= 0);
            if few {
                Source::Candidates(candidates.prefixed("(SELECT ").suffixed(")"))
            } else {
                Source::Table
            }
        }
        None => Source::Table,
    };
    find_of(connection, scope, query, &source)
}
