//! Reading an instance out of a database, table by table, at one moment.

use std::io::Write;

use scim_storage::StoreError;
use uuid::Uuid;

use super::cell::{Cell, Cells, letter};
use super::digest::Digest;
use super::error::TransferError;
use super::line::{self, End, FORMAT, Header, Totals, hexadecimal};
use super::scrub::Scrubber;
use super::table::{KEYS, Kind, Rows, TABLES, Table};
use super::{ExportOptions, Progress, Transferred};
use crate::connection::{Connection, SqlDialect};
use crate::error::damaged;
use crate::sql::{Bind, Statement};

/// Rows that are read at once.
const PAGE: usize = 500;

/// Writes an instance as it is at one moment.
pub(crate) fn export(
    connection: &mut Connection,
    name: &str,
    sink: &mut dyn Write,
    options: &ExportOptions<'_>,
    told: &mut dyn FnMut(Progress),
) -> Result<Transferred, TransferError> {
    connection.snapshot(|connection| whole(connection, name, sink, options, told))?
}

fn whole(
    connection: &mut Connection,
    name: &str,
    sink: &mut dyn Write,
    options: &ExportOptions<'_>,
    told: &mut dyn FnMut(Progress),
) -> Result<Transferred, TransferError> {
    let found = Statement::new("SELECT id AS b FROM instances WHERE name = ?").text(name);
    let found: Option<Cells> = found.row(connection)?;
    let Some(Cells(found)) = found else { return Err(TransferError::NoInstance(name.to_owned())) };
    let id = found.first().and_then(Cell::bytes).and_then(|id| Uuid::from_slice(id).ok());
    let id = id.ok_or_else(|| damaged("an instance's id"))?;
    let scrubber = match options.scrub {
        Some(registry) => Some(Scrubber::new(registry, connection, id.into_bytes())?),
        None => None,
    };
    let header = Header {
        rollcall_export: FORMAT,
        release: env!("CARGO_PKG_VERSION").to_owned(),
        instance: id,
        name: name.to_owned(),
        at: options.at.to_string(),
        peppers: if scrubber.is_some() { Vec::new() } else { peppers(connection, id)? },
        scrubbed: scrubber.is_some(),
    };
    let mut write = |line: &str| {
        let written = sink.write_all(line.as_bytes()).and_then(|()| sink.write_all(b"\n"));
        written.map_err(TransferError::Write)
    };
    let json = |error| TransferError::Store(StoreError::internal(error));
    write(&serde_json::to_string(&header).map_err(json)?)?;
    let mut digest = Digest::new();
    let mut line = String::new();
    for (place, table) in TABLES.iter().enumerate() {
        if scrubber.is_some() && KEYS.contains(&table.name) {
            continue;
        }
        each_page(connection, table, id.as_bytes(), |connection, rows| {
            for mut row in rows {
                if let Some(scrubber) = &scrubber {
                    scrubber.scrub(connection, table, &mut row)?;
                }
                line::write(table, &row, &mut line)?;
                digest.add(place, table, line.as_bytes());
                write(&line)?;
            }
            told(Progress { table: table.name, rows: digest.rows(), checking: false });
            Ok(())
        })?;
    }
    let rows = digest.counts().map(|(table, rows)| (table.to_owned(), rows)).collect();
    let totals = Totals { rows, digest: digest.finish() };
    write(&serde_json::to_string(&End { end: totals.clone() }).map_err(json)?)?;
    sink.flush().map_err(TransferError::Write)?;
    Ok(Transferred {
        instance: id,
        name: name.to_owned(),
        rows: totals.rows,
        digest: totals.digest,
        scrubbed: header.scrubbed,
    })
}

/// The peppers that an instance's keys were hashed with, but for those that are revoked.
fn peppers(connection: &mut Connection, instance: Uuid) -> Result<Vec<String>, TransferError> {
    let rows: Vec<Cells> = Statement::new(
        "SELECT pepper_id AS b FROM api_keys WHERE instance_id = ? AND pepper_id IS NOT NULL AND revoked_ms IS NULL \
         UNION SELECT pepper_id FROM admin_keys WHERE instance_id = ? AND revoked_ms IS NULL",
    )
    .blob(instance.as_bytes())
    .blob(instance.as_bytes())
    .rows(connection)?;
    let mut peppers: Vec<_> =
        rows.iter().filter_map(|Cells(row)| row.first()?.bytes().map(hexadecimal)).collect();
    peppers.sort_unstable();
    Ok(peppers)
}

/// The digest of what is stored of an instance in those tables that do not open it, or in those that do.
pub(crate) fn stored(
    connection: &mut Connection,
    instance: &[u8],
    opens: bool,
    digest: &mut Digest,
    told: &mut dyn FnMut(Progress),
) -> Result<(), TransferError> {
    let mut line = String::new();
    for (place, table) in TABLES.iter().enumerate().filter(|(_, table)| table.opens == opens) {
        each_page(connection, table, instance, |_, rows| {
            for row in rows {
                line::write(table, &row, &mut line)?;
                digest.add(place, table, line.as_bytes());
            }
            told(Progress { table: table.name, rows: digest.rows(), checking: false });
            Ok(())
        })?;
    }
    Ok(())
}

/// Reads a table's rows of an instance, page by page; a page goes on behind the last row of the one before.
fn each_page(
    connection: &mut Connection,
    table: &Table,
    instance: &[u8],
    mut page: impl FnMut(&mut Connection, &mut dyn Iterator<Item = Vec<Cell>>) -> Result<(), TransferError>,
) -> Result<(), TransferError> {
    let width = table.columns.len();
    let mut behind: Option<Vec<Cell>> = None;
    loop {
        let rows: Vec<Cells> =
            select(connection.dialect(), table, instance, behind.as_deref()).rows(connection)?;
        let last = rows.last().map(|Cells(row)| row.get(width..).unwrap_or_default().to_vec());
        let is_last = rows.len() < PAGE;
        page(
            connection,
            &mut rows.into_iter().map(|Cells(mut row)| {
                row.truncate(width);
                row
            }),
        )?;
        if is_last {
            return Ok(());
        }
        behind = last;
    }
}

/// Selects a page: the columns, and behind them once more those of the key.
fn select(dialect: SqlDialect, table: &Table, instance: &[u8], behind: Option<&[Cell]>) -> Statement {
    let summed = table.rows == Rows::Summed;
    let columns = table.columns.iter().map(|column| {
        let selected = match column.kind {
            Kind::Shadow => shadow_as_text(dialect, column.name),
            Kind::Integer if summed => format!("CAST(sum({}) AS BIGINT)", column.name),
            _ => column.name.to_owned(),
        };
        format!("{selected} AS {}_{}", letter(column.kind), column.name)
    });
    let kind =
        |name: &str| table.place(name).and_then(|place| table.columns.get(place)).map(|column| column.kind);
    // A position is no column of a file.
    let keys = table.key.iter().map(|name| format!("{name} AS {}_key", kind(name).map_or("i", letter)));
    let selected = columns.chain(keys).collect::<Vec<_>>().join(", ");
    let of = if table.rows == Rows::Itself { "id" } else { "instance_id" };
    let key = table.key.join(", ");
    let places = vec!["?"; table.key.len()].join(", ");
    let behind_it = if behind.is_some() { format!(" AND ({key}) > ({places})") } else { String::new() };
    let grouped = if summed { format!(" GROUP BY {key}") } else { String::new() };
    let name = table.name;
    let text = format!(
        "SELECT {selected} FROM {name} WHERE {of} = ?{behind_it}{grouped} ORDER BY {key} LIMIT {PAGE}"
    );
    let statement = Statement::new(text).keep().blob(instance);
    behind.into_iter().flatten().fold(statement, |statement, cell| {
        statement.bind(match cell {
            Cell::Integer(number) => Bind::Integer(*number),
            Cell::Bytes(bytes) => Bind::Blob(bytes.clone()),
            Cell::Text(text) => Bind::Text(text.clone()),
            Cell::Null => Bind::OptionalText(None),
        })
    })
}

/// The shadow is kept in each engine's own binary form.
fn shadow_as_text(dialect: SqlDialect, column: &str) -> String {
    match dialect {
        #[cfg(feature = "sqlite")]
        SqlDialect::Sqlite => format!("json({column})"),
        #[cfg(feature = "postgres")]
        SqlDialect::Postgres => format!("CAST({column} AS text)"),
    }
}
