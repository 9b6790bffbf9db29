//! How far imports have come, and the lines that they did not take.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Nullable, Text};
use scim_core::instant::Timestamp;
use scim_directory::{ImportId, ImportRecord, RejectedLine, Scope};
use scim_storage::StoreError;

use crate::connection::Connection;
use crate::error::{damaged, store_error};
use crate::sql::{Statement, from_word};

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    id: String,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Text)]
    label: String,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = BigInt)]
    started_ms: i64,
    #[diesel(sql_type = BigInt)]
    updated_ms: i64,
    #[diesel(sql_type = BigInt)]
    lines: i64,
    #[diesel(sql_type = BigInt)]
    within: i64,
    #[diesel(sql_type = BigInt)]
    imported: i64,
    #[diesel(sql_type = BigInt)]
    there: i64,
    #[diesel(sql_type = BigInt)]
    rejected: i64,
}

#[derive(QueryableByName)]
struct LineRow {
    #[diesel(sql_type = BigInt)]
    line: i64,
    #[diesel(sql_type = Nullable<Text>)]
    name: Option<String>,
    #[diesel(sql_type = Text)]
    reason: String,
}

impl Row {
    fn import(self) -> Result<ImportRecord, StoreError> {
        Ok(ImportRecord {
            id: self.id.parse().map_err(|_| damaged("an import"))?,
            kind: from_word(&self.kind, "an import")?,
            label: self.label,
            state: from_word(&self.state, "an import")?,
            started: Timestamp::from_unix_millis(self.started_ms),
            updated: Timestamp::from_unix_millis(self.updated_ms),
            lines: number(self.lines)?,
            within: number(self.within)?,
            imported: number(self.imported)?,
            there: number(self.there)?,
            rejected: number(self.rejected)?,
        })
    }
}

fn number(stored: i64) -> Result<u64, StoreError> {
    u64::try_from(stored).map_err(|_| damaged("an import"))
}

pub(super) fn import(
    connection: &mut Connection,
    scope: &Scope,
    id: &ImportId,
) -> Result<Option<ImportRecord>, StoreError> {
    let row: Option<Row> = Statement::kept(
        "SELECT id, kind, label, state, started_ms, updated_ms, lines, within, imported, there, rejected FROM imports \
         WHERE instance_id = ? AND id = ?",
    )
    .blob(scope.instance.uuid().into_bytes())
    .text(id.as_str())
    .row(connection)
    .map_err(store_error)?;
    row.map(Row::import).transpose()
}

/// Newest first.
pub(super) fn imports(
    connection: &mut Connection,
    scope: &Scope,
    after: Option<&(Timestamp, ImportId)>,
    limit: usize,
) -> Result<Vec<ImportRecord>, StoreError> {
    let (started, id) = after.map_or((i64::MAX, ""), |(started, id)| (started.unix_millis(), id.as_str()));
    let rows: Vec<Row> = Statement::kept(
        "SELECT id, kind, label, state, started_ms, updated_ms, lines, within, imported, there, rejected \
         FROM imports INDEXED BY imports_by_start WHERE instance_id = ? AND (started_ms, id) < (?, ?) \
         ORDER BY started_ms DESC, id DESC LIMIT ?",
    )
    .blob(scope.instance.uuid().into_bytes())
    .integer(started)
    .text(id)
    .integer(i64::try_from(limit).unwrap_or(i64::MAX))
    .rows(connection)
    .map_err(store_error)?;
    rows.into_iter().map(Row::import).collect()
}

/// By number.
pub(super) fn rejected_lines(
    connection: &mut Connection,
    scope: &Scope,
    import: &ImportId,
    after: Option<u64>,
    limit: usize,
) -> Result<Vec<RejectedLine>, StoreError> {
    let rows: Vec<LineRow> = Statement::kept(
        "SELECT line, name, reason FROM rejected_lines WHERE instance_id = ? AND import_id = ? AND line > ? \
         ORDER BY line LIMIT ?",
    )
    .blob(scope.instance.uuid().into_bytes())
    .text(import.as_str())
    .integer(after.map_or(-1, |line| i64::try_from(line).unwrap_or(i64::MAX)))
    .integer(i64::try_from(limit).unwrap_or(i64::MAX))
    .rows(connection)
    .map_err(store_error)?;
    let line = |row: LineRow| Ok(RejectedLine { line: number(row.line)?, key: row.name, reason: row.reason });
    rows.into_iter().map(line).collect()
}
