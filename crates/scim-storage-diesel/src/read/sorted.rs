//! Sorted lists on PostgreSQL, whose columns have one type each: a record's key is a number or a text, in a column of its own.

use scim_directory::Scope;
use scim_storage::{Keyset, Query, Sort, SortKey, Start};

use super::listed::{PAGE, Source, from, of_parts, window};
use super::record::columns;
use crate::connection::SqlDialect;
use crate::filter_sql::SortKeys;
use crate::sql::Statement;

/// That a number is written as a whole one, of 64 bits.
const WHOLE: &str = "scale(kn) = 0 AND kn BETWEEN -9223372036854775808 AND 9223372036854775807";

/// In the order of SQLite's values: numbers, then texts.
pub(super) fn by_typed_keys(scope: &Scope, query: &Query, sort: Sort, source: &Source) -> Statement {
    let dialect = SqlDialect::Postgres;
    let mut whole = Statement::new(format!(
        "{PAGE}CASE WHEN kt IS NOT NULL THEN 'text' WHEN kn IS NULL THEN 'null' WHEN {WHOLE} THEN 'integer' \
         ELSE 'real' END AS key_type, kt AS key_text, CASE WHEN {WHOLE} THEN CAST(kn AS BIGINT) END AS key_integer, \
         CAST(kn AS DOUBLE PRECISION) AS key_real FROM (SELECT {}, CAST(",
        columns(dialect, query.want)
    ));
    whole.push(of_parts(query, |path| SortKeys::of(path).number));
    whole.push_str(" AS NUMERIC) AS kn, CAST(");
    whole.push(of_parts(query, |path| SortKeys::of(path).text));
    whole.push_str(" AS TEXT) COLLATE \"C\" AS kt ");
    whole.push(from(dialect, scope, query, source));
    whole.push_str(") s");
    if let Start::After(position) = &query.start {
        whole.push_str(" WHERE ");
        whole.push(after(position, sort.descending));
    }
    whole.push_str(if sort.descending {
        " ORDER BY (kn IS NULL AND kt IS NULL) DESC, (kt IS NOT NULL) DESC, kn DESC, kt DESC, id"
    } else {
        " ORDER BY (kn IS NULL AND kt IS NULL), (kt IS NOT NULL), kn, kt, id"
    });
    whole.push(window(query, false));
    whole
}

/// What comes after a position.
fn after(position: &Keyset, descending: bool) -> Statement {
    let id = position.id.uuid().into_bytes();
    let number = |digits: String| {
        let text = if descending {
            "(kn < CAST(? AS NUMERIC) OR (kn = CAST(? AS NUMERIC) AND id > ?))"
        } else {
            "(kn IS NULL OR kn > CAST(? AS NUMERIC) OR (kn = CAST(? AS NUMERIC) AND id > ?))"
        };
        Statement::new(text).text(digits.clone()).text(digits).blob(id)
    };
    match &position.key {
        None | Some(SortKey::Missing) => {
            let text = if descending {
                "(kn IS NOT NULL OR kt IS NOT NULL OR id > ?)"
            } else {
                "(kn IS NULL AND kt IS NULL AND id > ?)"
            };
            Statement::new(text).blob(id)
        }
        Some(SortKey::Boolean(flag)) => number(i64::from(*flag).to_string()),
        Some(SortKey::Integer(whole)) => number(whole.to_string()),
        Some(SortKey::Decimal(real)) => number(real.to_string()),
        Some(SortKey::Text(text)) => {
            let after = if descending {
                "(kn IS NOT NULL OR kt < ? OR (kt = ? AND id > ?))"
            } else {
                "((kn IS NULL AND kt IS NULL) OR kt > ? OR (kt = ? AND id > ?))"
            };
            Statement::new(after).text(text.clone()).text(text.clone()).blob(id)
        }
    }
}
