//! How far the log and the outbox reach, and how many held changes wait.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Text};
use scim_core::instant::Timestamp;
use scim_directory::Position;
use scim_storage::{Backlog, Reach, StoreError};

use crate::connection::Connection;
use crate::error::store_error;
use crate::sql::Statement;

#[derive(QueryableByName)]
struct Mark {
    #[diesel(sql_type = BigInt)]
    position: i64,
    #[diesel(sql_type = BigInt)]
    at_ms: i64,
}

#[derive(QueryableByName)]
struct Held {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = BigInt)]
    n: i64,
}

/// The first and the last row of a table whose positions grow. PostgreSQL's tables are by instance: it takes the end of each, the
/// server's own among them.
fn ends(table: &str) -> [Statement; 2] {
    ["", " DESC"].map(|order| {
        Statement::new(format!("SELECT position, at_ms FROM {table} ORDER BY position{order} LIMIT 1"))
            .postgres(format!(
                "SELECT e.position, e.at_ms FROM (SELECT id FROM instances \
                 UNION ALL SELECT decode(repeat('00', 16), 'hex')) i \
                 CROSS JOIN LATERAL (SELECT t.position, t.at_ms FROM {table} t WHERE t.instance_id = i.id \
                 ORDER BY t.position{order} LIMIT 1) e ORDER BY e.position{order} LIMIT 1"
            ))
    })
}

/// Waiting changes by instance. What is counted are rows of an index that holds those that wait and no others, at most so
/// many.
fn waiting(count: usize) -> Statement {
    let text = "SELECT i.name AS name, count(*) AS n FROM (SELECT instance_id FROM held_changes \
                WHERE state = '\"waiting\"' ORDER BY instance_id LIMIT ?) AS h \
                JOIN instances AS i ON i.id = h.instance_id GROUP BY i.id";
    Statement::kept(text).integer(i64::try_from(count).unwrap_or(i64::MAX))
}

/// Answers [`scim_storage::ServerQuestion::Backlog`].
pub(super) fn backlog(
    connection: &mut Connection,
    instances: usize,
    count: usize,
) -> Result<Backlog, StoreError> {
    let mut reach = |table| -> Result<Option<Reach>, StoreError> {
        let [first, last] = ends(table).map(|end| end.row::<Mark>(connection).map_err(store_error));
        let mark = |mark: Mark| (Position(mark.position), Timestamp::from_unix_millis(mark.at_ms));
        let (Some(first), Some(last)) = (first?, last?) else { return Ok(None) };
        Ok(Some(Reach { oldest: mark(first), newest: mark(last) }))
    };
    let (log, outbox) = (reach("journal")?, reach("events")?);
    let held: Vec<Held> = waiting(count).rows(connection).map_err(store_error)?;
    let held = held.into_iter().map(|held| (held.name, u64::try_from(held.n).unwrap_or_default()));
    Ok(Backlog { log, outbox, ..Backlog::default() }.with_held(held.collect(), instances))
}

#[cfg(test)]
#[cfg(feature = "sqlite")]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_looked_through() {
        for table in ["journal", "events"] {
            for end in ends(table) {
                // In the order of its rows, of which one is taken.
                assert_eq!(end.plan(), [format!("SCAN {table}")]);
            }
        }
        let plan = waiting(9).plan();
        assert!(
            plan.iter().any(|step| step.contains("USING COVERING INDEX held_changes_waiting")),
            "{plan:?}"
        );
        assert!(plan.iter().any(|step| step == "SEARCH i USING PRIMARY KEY (id=?)"), "{plan:?}");
    }
}
