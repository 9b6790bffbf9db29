//! Writing rows, many in one statement.

use super::cell::{Cell, zip};
use super::table::{Kind, Rows, Table};
use crate::connection::{Connection, SqlDialect};
use crate::sql::Statement;

/// Values that one statement binds at most; SQLite takes 32,766, PostgreSQL 65,535.
const MOST_VALUES: usize = 4_000;

/// What a row has besides what is in a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Beside<'i> {
    /// The instance.
    pub(crate) instance: &'i [u8],
    /// The position of the first row, where rows have positions.
    pub(crate) first: Option<i64>,
}

/// Writes rows as they are. How many were written: fewer, where a table's claims are another's.
pub(crate) fn insert(
    connection: &mut Connection,
    table: &Table,
    beside: Beside<'_>,
    rows: &[Vec<Cell>],
) -> diesel::QueryResult<usize> {
    let width = table.columns.len() + 2;
    let most = (MOST_VALUES / width).max(1);
    let mut written = 0;
    let mut position = beside.first;
    for chunk in rows.chunks(most) {
        let mut statement =
            Statement::new(text(connection.dialect(), table, chunk.len(), position.is_some()));
        if chunk.len() == most {
            // Full ones are all alike.
            statement = statement.keep();
        }
        for row in chunk {
            if let Some(position) = &mut position {
                statement = statement.integer(*position);
                *position += 1;
            }
            if table.rows != Rows::Itself {
                statement = statement.blob(beside.instance);
            }
            for (column, cell) in zip(table.columns, row) {
                statement = statement.bind(cell.bind(column.kind));
            }
        }
        written += statement.run(connection)?;
    }
    Ok(written)
}

fn text(dialect: SqlDialect, table: &Table, rows: usize, positions: bool) -> String {
    let mut names = Vec::with_capacity(table.columns.len() + 2);
    let mut places = Vec::with_capacity(table.columns.len() + 2);
    if positions {
        names.push("position");
        places.push("?");
    }
    if table.rows != Rows::Itself {
        names.push("instance_id");
        places.push("?");
    }
    if table.rows == Rows::Summed {
        // One slot holds the sum of all.
        names.push("slot");
        places.push("0");
    }
    for column in table.columns {
        names.push(column.name);
        places.push(if column.kind == Kind::Shadow { shadow(dialect) } else { "?" });
    }
    let row = format!("({})", places.join(", "));
    let rows = vec![row.as_str(); rows].join(", ");
    // Whose claims stand in the way is asked when they do.
    let clash = if table.name == super::table::CLAIMS { " ON CONFLICT DO NOTHING" } else { "" };
    format!("INSERT INTO {} ({}) VALUES {rows}{clash}", table.name, names.join(", "))
}

/// The shadow is kept in each engine's own binary form.
fn shadow(dialect: SqlDialect) -> &'static str {
    match dialect {
        #[cfg(feature = "sqlite")]
        SqlDialect::Sqlite => "jsonb(?)",
        #[cfg(feature = "postgres")]
        SqlDialect::Postgres => "CAST(? AS jsonb)",
    }
}
