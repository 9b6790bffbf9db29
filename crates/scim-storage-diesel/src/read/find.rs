//! Lists: filter, sort and page in SQL.

use std::sync::Arc;

use diesel::QueryResult;
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Double, Nullable, Text};
use scim_directory::{Record, Scope};
use scim_storage::{Keyset, Page, Query, SortKey, Start, StoreError};

use super::record::{Row, columns, connector};
use crate::connection::{Connection, SqlDialect};
use crate::error::{damaged, store_error};
use crate::filter_sql::{compile, is_look_up, is_narrow, sort_expression};
use crate::sql::{Bind, Number, Statement};

/// Offsets up to here are cheap.
const SMALL_OFFSET: u64 = 1000;
/// Pages up to here are read on the caller's thread.
const SMALL_PAGE: usize = 200;

/// A row with its sort key.
#[derive(QueryableByName)]
struct Sorted {
    #[diesel(embed)]
    head: Row,
    #[diesel(sql_type = Text)]
    key_type: String,
    #[diesel(sql_type = Nullable<Text>)]
    key_text: Option<String>,
    #[diesel(sql_type = Nullable<BigInt>)]
    key_integer: Option<i64>,
    #[diesel(sql_type = Nullable<Double>)]
    key_real: Option<f64>,
}

/// Whether a query takes microseconds: an index answers its filter, or it has none and is the beginning of the list.
pub(crate) fn is_short(query: &Query) -> bool {
    let beginning = match &query.start {
        Start::Offset(offset) => *offset <= SMALL_OFFSET,
        Start::After(_) => true,
    };
    query.parts.iter().all(|part| match &part.filter {
        Some(filter) => is_narrow(filter),
        None => query.sort.is_none() && query.limit <= SMALL_PAGE && beginning,
    })
}

/// Whether the query's text is one of few, so that it is worth keeping prepared. Others are as many as clients care to
/// write, and would fill the memory.
fn is_common(query: &Query) -> bool {
    query.sort.is_none()
        && query.parts.len() <= 2
        && query.parts.iter().all(|part| part.filter.as_ref().is_none_or(is_look_up))
}

/// A page.
pub(crate) fn find(connection: &mut Connection, scope: &Scope, query: &Query) -> Result<Page, StoreError> {
    connection.snapshot(|connection| page(connection, scope, query)).map_err(store_error)?
}

fn page(connection: &mut Connection, scope: &Scope, query: &Query) -> Result<Page, StoreError> {
    let mut sorted: Vec<Sorted> = Vec::new();
    if query.limit > 0 {
        sorted = select(connection.dialect(), scope, query).rows(connection).map_err(store_error)?;
    }
    let more = sorted.len() > query.limit;
    sorted.truncate(query.limit);
    let total = match (query.total, &query.start) {
        (false, _) => None,
        // The page reaches the end of the list: its length tells the total.
        (true, Start::Offset(offset)) if query.limit > 0 && !more && (!sorted.is_empty() || *offset == 0) => {
            Some(offset.saturating_add(sorted.len() as u64))
        }
        (true, _) => Some(total(connection, scope, query).map_err(store_error)?),
    };
    let mut page = Page { total, ..Page::default() };
    let mut last = None;
    for sorted in sorted {
        let resource_type = query
            .parts
            .iter()
            .map(|part| &part.resource_type.name)
            .find(|name| ***name == *sorted.head.resource_type)
            .ok_or_else(|| damaged("a resource type"))?;
        let key = sorted.key(query)?;
        let record: Record = sorted.head.record(Arc::clone(resource_type))?;
        last = Some(Keyset { key, id: record.key.id });
        page.records.push(record);
    }
    page.next = if more { last } else { None };
    Ok(page)
}

impl Sorted {
    fn key(&self, query: &Query) -> Result<Option<SortKey>, StoreError> {
        if query.sort.is_none() {
            return Ok(None);
        }
        let key = match self.key_type.as_str() {
            "null" => Some(SortKey::Missing),
            "integer" => self.key_integer.map(SortKey::Integer),
            "real" => self.key_real.map(SortKey::Decimal),
            "text" => self.key_text.clone().map(SortKey::Text),
            _ => None,
        };
        key.map(Some).ok_or_else(|| damaged("a sort key"))
    }
}

/// What all statements of a query have in common: `FROM … WHERE …`.
fn from(dialect: SqlDialect, scope: &Scope, query: &Query) -> Statement {
    let mut statement = Statement::new(
        "FROM resources r LEFT JOIN links l ON l.instance_id = r.instance_id AND l.connector_id = ? AND l.id = r.id \
         WHERE r.instance_id = ? AND ",
    )
    .blob(connector(scope))
    .blob(scope.instance.uuid().into_bytes());
    match dialect {
        #[cfg(feature = "sqlite")]
        SqlDialect::Sqlite if !is_short(query) => {
            statement.push_str(crate::sqlite::WITHIN_TIME);
            statement.push_str(" AND ");
        }
        #[cfg(feature = "sqlite")]
        SqlDialect::Sqlite => {}
        // The server ends what takes too long.
        #[cfg(feature = "postgres")]
        SqlDialect::Postgres => {}
    }
    let parts = query.parts.iter().map(|part| {
        let mut own = Statement::new("r.resource_type = ?").text(&*part.resource_type.name);
        if let Some(filter) = &part.filter {
            own.push_str(" AND ");
            own.push(compile(scope, &part.resource_type, filter));
        }
        own.grouped()
    });
    let parts: Vec<Statement> = parts.collect();
    statement.push(if parts.is_empty() { Statement::new("0") } else { Statement::joined(parts, " OR ") });
    statement
}

fn select(dialect: SqlDialect, scope: &Scope, query: &Query) -> Statement {
    let mut inner = Statement::new(format!("SELECT {}, ", columns(query.want)));
    match query.sort {
        None => inner.push_str("NULL"),
        Some(_) => {
            inner.push_str("CASE r.resource_type");
            for part in &query.parts {
                inner.push(Statement::new(" WHEN ? THEN ").text(&*part.resource_type.name));
                inner.push(match &part.sort_by {
                    Some(path) => sort_expression(path),
                    None => Statement::new("NULL"),
                });
            }
            inner.push_str(" END");
        }
    }
    inner.push_str(" AS k ");
    inner.push(from(dialect, scope, query));
    if query.sort.is_none() {
        // Without a sort the newest come first: the condition and the order go into the inner query, where the index
        // by type serves them.
        if let Start::After(position) = &query.start {
            inner.push(Statement::new(" AND r.id < ?").blob(position.id.uuid().into_bytes()));
        }
        inner.push_str(" ORDER BY r.id DESC");
        inner.push(window(query));
    }
    let mut whole = Statement::new(
        "SELECT id, resource_type, version, membership, created_ms, modified_ms, external_id, display, manager, \
         managed_by, direct_manager, document, account, typeof(k) AS key_type, CAST(k AS TEXT) AS key_text, CAST(k AS INTEGER) AS key_integer, \
         CAST(k AS REAL) AS key_real FROM (",
    );
    whole.push(inner);
    whole.push_str(")");
    if let Some(sort) = query.sort {
        if let Start::After(position) = &query.start {
            whole.push_str(" WHERE ");
            whole.push(after(position, sort.descending));
        }
        whole.push_str(if sort.descending {
            " ORDER BY (k IS NULL) DESC, k DESC, id"
        } else {
            " ORDER BY (k IS NULL), k, id"
        });
        whole.push(window(query));
    } else {
        whole.push_str(" ORDER BY id DESC");
    }
    if is_common(query) { whole.keep() } else { whole }
}

/// One row more than wanted tells whether there are more.
fn window(query: &Query) -> Statement {
    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX).saturating_add(1);
    let offset = match &query.start {
        Start::Offset(offset) => i64::try_from(*offset).unwrap_or(i64::MAX),
        Start::After(_) => 0,
    };
    Statement::new(" LIMIT ? OFFSET ?").integer(limit).integer(offset)
}

/// What comes after a position in a sorted order.
fn after(position: &Keyset, descending: bool) -> Statement {
    let id = position.id.uuid().into_bytes();
    let bind = match &position.key {
        None | Some(SortKey::Missing) => {
            let text = if descending { "(k IS NOT NULL OR id > ?)" } else { "(k IS NULL AND id > ?)" };
            return Statement::new(text).blob(id);
        }
        Some(SortKey::Boolean(flag)) => Bind::Integer(i64::from(*flag)),
        Some(SortKey::Integer(number)) => Bind::Integer(*number),
        Some(SortKey::Decimal(number)) => Bind::Real(*number),
        Some(SortKey::Text(text)) => Bind::Text(text.clone()),
    };
    let text = if descending {
        "(k < ? OR (k = ? AND id > ?))"
    } else {
        "(k IS NULL OR k > ? OR (k = ? AND id > ?))"
    };
    Statement::new(text).bind(bind.clone()).bind(bind).blob(id)
}

/// How many match: from the counters where there is no filter.
fn total(connection: &mut Connection, scope: &Scope, query: &Query) -> QueryResult<u64> {
    let mut total = 0;
    let filtered = query.parts.iter().any(|part| part.filter.is_some());
    if filtered {
        let mut statement = Statement::new("SELECT count(*) AS n ");
        statement.push(from(connection.dialect(), scope, query));
        let statement = if is_common(query) { statement.keep() } else { statement };
        total = statement.row::<Number>(connection)?.map_or(0, |row| row.n);
    } else {
        for part in &query.parts {
            let row = Statement::kept(
                "SELECT CAST(coalesce(sum(count), 0) AS BIGINT) AS n FROM counters WHERE instance_id = ? AND resource_type = ?",
            )
            .blob(scope.instance.uuid().into_bytes())
            .text(&*part.resource_type.name)
            .row::<Number>(connection)?;
            total += row.map_or(0, |row| row.n);
        }
    }
    Ok(u64::try_from(total).unwrap_or_default())
}

#[cfg(test)]
#[cfg(feature = "sqlite")]
mod tests {
    use diesel::QueryableByName;
    use diesel::sql_types::Text;
    use scim_core::Dialect;
    use scim_core::filter::{Filter, FilterLimits};
    use scim_core::schema::Registry;
    use scim_directory::{ConnectorId, InstanceId};
    use scim_storage::{QueryPart, Want};
    use uuid::Uuid;

    use super::*;
    use crate::sqlite::blank;

    #[derive(QueryableByName)]
    struct Step {
        #[diesel(sql_type = Text)]
        detail: String,
    }

    /// That the plan of a query finds `r` by an index as far as `found_by` says.
    fn check(resource_type: &str, filter: &str, found_by: &str) {
        let (mut connection, _directory) = blank();
        let registry = Registry::builtin();
        let resource_type = registry.resource_type(resource_type).expect("built in");
        let filter = (!filter.is_empty()).then(|| {
            let filter = Filter::parse(filter, &FilterLimits::default()).expect(filter);
            filter.resolve(resource_type, Dialect::LENIENT).expect("a filter of the type").0
        });
        let query = Query {
            parts: vec![QueryPart { resource_type: Arc::clone(resource_type), filter, sort_by: None }],
            sort: None,
            start: Start::Offset(0),
            limit: 100,
            want: Want::RECORD,
            total: false,
        };
        let scope = Scope {
            instance: InstanceId::new(Uuid::from_u128(1)),
            connector: Some(ConnectorId::new(Uuid::from_u128(2))),
        };
        let plan: Vec<Step> = select(SqlDialect::Sqlite, &scope, &query)
            .prefixed("EXPLAIN QUERY PLAN ")
            .rows(&mut connection)
            .expect("a plan");
        let plan: Vec<_> = plan.into_iter().map(|step| step.detail).collect();
        assert!(
            plan.iter().any(|step| step.starts_with("SEARCH r ") && step.contains(found_by)),
            "{plan:#?}"
        );
        assert!(!plan.iter().any(|step| step.starts_with("SCAN r ")), "{plan:#?}");
        // `SCAN x` alone is the edges of one group.
        let scans = ["SCAN k", "SCAN x ", "SCAN m", "SCAN h", "SCAN l"];
        assert!(!plan.iter().any(|step| scans.iter().any(|scan| step.starts_with(scan))), "{plan:#?}");
    }

    #[test]
    fn look_ups_begin_at_an_index() {
        let one = "id=?)";
        check("User", r#"userName eq "ada""#, one);
        check("User", r#"externalId eq "7""#, one);
        check("User", r#"emails.value eq "a@b.example""#, one);
        check("User", r#"emails[type eq "work" and value eq "a@b.example"]"#, one);
        check("User", r#"displayName eq "Ada" and active eq true"#, one);
        check("User", r#"id eq "019b0000-0001-7000-8000-000000000001""#, one);
        check("User", r#"groups.value eq "019b0000-0001-7000-8000-000000000001""#, one);
        check("Group", r#"members.value eq "019b0000-0001-7000-8000-000000000001""#, one);
        check(
            "Group",
            r#"members[value eq "019b0000-0001-7000-8000-000000000001"] and displayName eq "a""#,
            one,
        );
    }

    #[test]
    fn lists_follow_the_index_by_type() {
        check("User", "", "resources_by_type (instance_id=? AND resource_type=?)");
        check("User", "title pr", "resources_by_type (instance_id=? AND resource_type=?)");
    }
}
