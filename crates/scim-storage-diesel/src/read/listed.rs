//! What lists ask a database: the statements of a page, in the words of either engine.

use scim_core::path::AttributeRef;
use scim_directory::Scope;
#[cfg(feature = "sqlite")]
use scim_storage::{Keyset, SortKey};
use scim_storage::{Query, Start};

use super::record::{columns, connector};
#[cfg(feature = "postgres")]
use super::sorted::by_typed_keys;
use crate::connection::SqlDialect;
#[cfg(feature = "sqlite")]
use crate::filter_sql::sort_expression;
use crate::filter_sql::{Pieces, compile, is_look_up as looks_up, is_narrow, pieces};
#[cfg(feature = "sqlite")]
use crate::sql::Bind;
use crate::sql::Statement;

/// Offsets up to here are cheap.
const SMALL_OFFSET: u64 = 1000;
/// Beyond that, the beginning of a page is looked for first.
pub(super) const NEAR: u64 = 32;
/// Pages up to here are read on the caller's thread.
pub(super) const SMALL_PAGE: usize = 200;

/// Whether a query takes microseconds: an index answers its filter, or it has none and is the beginning of the list.
pub(crate) fn is_short(query: &Query) -> bool {
    let beginning = match &query.start {
        Start::Offset(offset) => *offset <= SMALL_OFFSET || counted(query).is_some(),
        Start::After(_) => true,
    };
    query.parts.iter().all(|part| match &part.filter {
        Some(filter) => is_narrow(filter),
        None => query.sort.is_none() && query.limit <= SMALL_PAGE && beginning,
    })
}

/// Whether the query's text is one of few, so that it is worth keeping prepared. Others are as many as clients care to
/// write, and would fill the memory.
pub(super) fn is_common(query: &Query) -> bool {
    query.sort.is_none()
        && query.parts.len() <= 2
        && query.parts.iter().all(|part| part.filter.as_ref().is_none_or(looks_up))
}

/// The type, and the number of resources before the page, of a query whose page begins where ranges say.
pub(super) fn counted(query: &Query) -> Option<(&str, u64)> {
    match (query.parts.as_slice(), query.sort, &query.start) {
        ([part], None, Start::Offset(offset))
            if part.filter.is_none() && *offset > NEAR && query.limit > 0 =>
        {
            Some((&part.resource_type.name, *offset))
        }
        _ => None,
    }
}

/// What the index of texts narrows a query by, where no other index does.
pub(super) fn searched(scope: &Scope, query: &Query) -> Option<Pieces> {
    let [part] = query.parts.as_slice() else { return None };
    let filter = part.filter.as_ref().filter(|filter| !is_narrow(filter))?;
    pieces(scope.instance, &part.resource_type, filter)
}

/// Where a query's records come from, before they are held against its parts.
#[derive(Clone, Debug)]
pub(super) enum Source {
    /// From the table, by the indexes that are there at all times.
    Table,
    /// They are some of these, an array of ids (PostgreSQL).
    #[cfg(feature = "postgres")]
    Candidates(Statement),
}

/// What all statements of a query have in common: `FROM … WHERE …`.
pub(super) fn from(dialect: SqlDialect, scope: &Scope, query: &Query, source: &Source) -> Statement {
    let mut statement = match (dialect, source) {
        #[cfg(feature = "sqlite")]
        (SqlDialect::Sqlite, _) => from_sqlite(scope, query),
        #[cfg(feature = "postgres")]
        (SqlDialect::Postgres, Source::Candidates(ids)) => from_candidates(scope, ids),
        // The server ends what takes too long.
        #[cfg(feature = "postgres")]
        (SqlDialect::Postgres, Source::Table) => from_table(scope, ""),
    };
    let parts = query.parts.iter().map(|part| {
        let mut own = Statement::new("r.resource_type = ?").text(&*part.resource_type.name);
        if let Some(filter) = &part.filter {
            own.push_str(" AND ");
            own.push(compile(dialect, scope, &part.resource_type, filter));
        }
        own.grouped()
    });
    let parts: Vec<Statement> = parts.collect();
    statement.push(if parts.is_empty() {
        Statement::new(dialect.truth(false))
    } else {
        Statement::joined(parts, " OR ")
    });
    statement
}

/// Records of the table `r` of an instance, and their links.
fn from_table(scope: &Scope, hint: &str) -> Statement {
    Statement::new(format!(
        "FROM resources r{hint} LEFT JOIN links l ON l.instance_id = r.instance_id AND l.connector_id = ? AND l.id = r.id \
         WHERE r.instance_id = ? AND "
    ))
    .blob(connector(scope))
    .blob(scope.instance.uuid().into_bytes())
}

#[cfg(feature = "sqlite")]
fn from_sqlite(scope: &Scope, query: &Query) -> Statement {
    let searched = searched(scope, query);
    // Where the index of texts gives rows, SQLite is to begin there and nowhere else.
    let mut statement = from_table(scope, if searched.is_some() { " NOT INDEXED" } else { "" });
    if !is_short(query) {
        statement.push_str(crate::sqlite::WITHIN_TIME);
        statement.push_str(" AND ");
    }
    if let Some(searched) = searched {
        statement.push(crate::sqlite::among(scope.instance.uuid().as_bytes(), &searched));
        statement.push_str(" AND ");
    }
    statement
}

/// Those of some records that are there, each found by its id: there is nothing to choose but the index.
#[cfg(feature = "postgres")]
fn from_candidates(scope: &Scope, ids: &Statement) -> Statement {
    let instance = scope.instance.uuid().into_bytes();
    let mut statement = ids.clone().prefixed("FROM (SELECT DISTINCT u.id FROM unnest(");
    statement.push(
        Statement::new(
            ") AS u (id)) c INNER JOIN LATERAL (SELECT x.* FROM resources x WHERE x.instance_id = ? AND x.id = c.id \
             LIMIT 1) r ON TRUE LEFT JOIN LATERAL (SELECT k.external_id FROM links k WHERE k.instance_id = ? AND k.id = r.id \
             AND k.connector_id = ? LIMIT 1) l ON TRUE WHERE ",
        )
        .blob(instance)
        .blob(instance)
        .blob(connector(scope)),
    );
    statement
}

pub(crate) fn select(dialect: SqlDialect, scope: &Scope, query: &Query) -> Statement {
    select_of(dialect, scope, query, &Source::Table)
}

pub(super) fn select_of(dialect: SqlDialect, scope: &Scope, query: &Query, source: &Source) -> Statement {
    let whole = match query.sort {
        None => newest_first(dialect, scope, query, None, source),
        Some(sort) => match dialect {
            #[cfg(feature = "sqlite")]
            SqlDialect::Sqlite => by_expression(scope, query, sort),
            #[cfg(feature = "postgres")]
            SqlDialect::Postgres => by_typed_keys(scope, query, sort, source),
        },
    };
    kept(dialect, query, source, whole)
}

/// The statement, kept prepared where that is worth it.
pub(super) fn kept(dialect: SqlDialect, query: &Query, source: &Source, statement: Statement) -> Statement {
    match (dialect, source) {
        _ if is_common(query) => statement.keep(),
        #[cfg(feature = "sqlite")]
        (SqlDialect::Sqlite, _) => statement.keep_if_frequent(),
        #[cfg(feature = "postgres")]
        (SqlDialect::Postgres, Source::Candidates(_)) => statement.keep_if_frequent(),
        #[cfg(feature = "postgres")]
        (SqlDialect::Postgres, Source::Table) => statement,
    }
}

/// Without a sort the newest come first, as the index by type has them; from `first` on, where that is known.
pub(super) fn newest_first(
    dialect: SqlDialect,
    scope: &Scope,
    query: &Query,
    first: Option<&[u8]>,
    source: &Source,
) -> Statement {
    let mut whole = Statement::new(format!("SELECT {} ", columns(dialect, query.want)));
    whole.push(from(dialect, scope, query, source));
    if let Start::After(position) = &query.start {
        whole.push(Statement::new(" AND r.id < ?").blob(position.id.uuid().into_bytes()));
    }
    if let Some(first) = first {
        whole.push(Statement::new(" AND r.id <= ?").blob(first));
    }
    whole.push_str(" ORDER BY r.id DESC");
    whole.push(window(query, first.is_some()));
    whole
}

/// The columns of a page in an order by what a subquery has found.
pub(super) const PAGE: &str = "SELECT id, resource_type, version, membership, created_ms, modified_ms, external_id, display, manager, \
    managed_by, direct_manager, document, account, ";

/// An expression of the type that a part has.
pub(super) fn of_parts(query: &Query, mut key: impl FnMut(&AttributeRef) -> Statement) -> Statement {
    let mut keys = Statement::new("CASE r.resource_type");
    for part in &query.parts {
        keys.push(Statement::new(" WHEN ? THEN ").text(&*part.resource_type.name));
        keys.push(part.sort_by.as_ref().map_or_else(|| Statement::new("NULL"), &mut key));
    }
    keys.suffixed(" END")
}

/// In the order of SQLite's values: numbers, then texts.
#[cfg(feature = "sqlite")]
fn by_expression(scope: &Scope, query: &Query, sort: scim_storage::Sort) -> Statement {
    let dialect = SqlDialect::Sqlite;
    let mut whole = Statement::new(format!(
        "{PAGE}typeof(k) AS key_type, CAST(k AS TEXT) AS key_text, CAST(k AS INTEGER) AS key_integer, \
         CAST(k AS REAL) AS key_real FROM (SELECT {}, ",
        columns(dialect, query.want)
    ));
    whole.push(of_parts(query, sort_expression));
    whole.push_str(" AS k ");
    whole.push(from(dialect, scope, query, &Source::Table));
    whole.push_str(")");
    if let Start::After(position) = &query.start {
        whole.push_str(" WHERE ");
        whole.push(after(position, sort.descending));
    }
    whole.push_str(if sort.descending {
        " ORDER BY (k IS NULL) DESC, k DESC, id"
    } else {
        " ORDER BY (k IS NULL), k, id"
    });
    whole.push(window(query, false));
    whole
}

/// One row more than wanted tells whether there are more. Where the statement begins at the page already, nothing is skipped.
pub(super) fn window(query: &Query, begun: bool) -> Statement {
    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX).saturating_add(1);
    let offset = match &query.start {
        Start::Offset(offset) if !begun => i64::try_from(*offset).unwrap_or(i64::MAX),
        _ => 0,
    };
    // SQLite plans by the value of a limit and prepares the statement anew for each one, but not by an expression's.
    Statement::new(" LIMIT CAST(? AS BIGINT) OFFSET CAST(? AS BIGINT)").integer(limit).integer(offset)
}

/// What comes after a position in a sorted order.
#[cfg(feature = "sqlite")]
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

#[cfg(test)]
#[cfg(feature = "sqlite")]
mod tests {
    use super::super::find_asked::asked;
    use super::*;

    /// That the plan of a query finds `r` by an index as far as `found_by` says.
    fn check(resource_type: &str, filter: &str, found_by: &str) {
        let (scope, query) = asked(resource_type, filter);
        let plan = select(SqlDialect::Sqlite, &scope, &query).plan();
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
    fn texts_begin_at_their_index() {
        let one = "INTEGER PRIMARY KEY (rowid=?)";
        check("User", r#"title co "chef""#, one);
        check("User", r#"userName ew "chef" and active eq true"#, one);
        check("User", r#"emails[type eq "work" and value co "contoso"]"#, one);
        check("User", r#"title co "chef" or nickName sw "chef""#, one);
        check("Group", r#"displayName co "chef""#, one);
    }

    #[test]
    fn lists_follow_the_index_by_type() {
        check("User", "", "resources_by_type (instance_id=? AND resource_type=?)");
        check("User", "title pr", "resources_by_type (instance_id=? AND resource_type=?)");
    }
}
