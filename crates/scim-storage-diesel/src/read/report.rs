//! Numbers of log records.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Nullable, Text};
use scim_core::instant::Timestamp;
use scim_directory::{Action, ConnectorId, Scope};
use scim_storage::{ReportLine, StoreError};

use super::window::{first_from, last_before};
use crate::connection::Connection;
use crate::error::store_error;
use crate::sql::{Number, Statement, from_word, word};

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    action: String,
    #[diesel(sql_type = Text)]
    status: String,
    #[diesel(sql_type = Nullable<Text>)]
    resource_type: Option<String>,
    #[diesel(sql_type = BigInt)]
    n: i64,
}

/// How many records there are of each action, status and type.
pub(crate) fn report(
    connection: &mut Connection,
    scope: &Scope,
    from: Timestamp,
    until: Timestamp,
) -> Result<Vec<ReportLine>, StoreError> {
    let instance = scope.instance.uuid().into_bytes();
    let first = first_from(connection, &instance, from).map_err(store_error)?;
    let last = last_before(connection, &instance, until).map_err(store_error)?;
    let (Some(first), Some(last)) = (first, last) else { return Ok(Vec::new()) };
    let lines: Vec<Line> = Statement::kept(
        "SELECT action, status, resource_type, count(*) AS n FROM journal INDEXED BY journal_by_instance \
         WHERE instance_id = ? AND position >= ? AND position <= ? AND at_ms >= ? AND at_ms < ? \
         GROUP BY action, status, resource_type ORDER BY action, status, resource_type",
    )
    .blob(instance)
    .integer(first)
    .integer(last.record)
    .integer(from.unix_millis())
    .integer(until.unix_millis())
    .rows(connection)
    .map_err(store_error)?;
    let line = |line: Line| {
        Ok(ReportLine {
            action: from_word(&line.action, "an action")?,
            status: from_word(&line.status, "a status")?,
            resource_type: line.resource_type,
            count: u64::try_from(line.n).unwrap_or_default(),
        })
    };
    lines.into_iter().map(line).collect()
}

/// How many people a connector has suspended and deleted since then.
pub(crate) fn removals(
    connection: &mut Connection,
    scope: &Scope,
    connector: ConnectorId,
    since: Timestamp,
) -> Result<(u64, u64), StoreError> {
    let instance = scope.instance.uuid().into_bytes();
    let Some(first) = first_from(connection, &instance, since).map_err(store_error)? else {
        return Ok((0, 0));
    };
    let mut count = |action: Action| {
        let row = removals_statement()
            .blob(instance)
            .blob(connector.uuid().into_bytes())
            .text(word(action)?)
            .integer(first)
            .integer(since.unix_millis())
            .row::<Number>(connection)
            .map_err(store_error)?;
        Ok::<_, StoreError>(row.and_then(|row| u64::try_from(row.n).ok()).unwrap_or_default())
    };
    Ok((count(Action::Suspended)?, count(Action::Deleted)?))
}

fn removals_statement() -> Statement {
    Statement::kept(
        "SELECT count(DISTINCT resource_id) AS n FROM journal INDEXED BY journal_by_action \
         WHERE instance_id = ? AND connector_id = ? AND action = ? AND position >= ? AND at_ms >= ? \
         AND resource_type = 'User' AND status IN ('success', 'warning')",
    )
}
