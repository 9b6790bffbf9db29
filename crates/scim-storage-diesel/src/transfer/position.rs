//! Positions in the log and in the outbox, given anew.

use std::collections::BTreeMap;

use diesel::QueryResult;
use scim_core::instant::Timestamp;

use crate::connection::{Connection, SqlDialect};
use crate::read::minute;
use crate::sql::{Number, Statement};

/// Within a transaction that writes: the first position that a batch of rows takes.
#[cfg_attr(
    not(feature = "sqlite"),
    expect(unused_variables, reason = "PostgreSQL numbers transactions, SQLite the rows of a table")
)]
pub(crate) fn next_position(connection: &mut Connection, table: &str) -> QueryResult<i64> {
    let statement = match connection.dialect() {
        #[cfg(feature = "sqlite")]
        SqlDialect::Sqlite => {
            Statement::kept("SELECT coalesce(max(seq), 0) + 1 AS n FROM sqlite_sequence WHERE name = ?")
                .text(table)
        }
        #[cfg(feature = "postgres")]
        SqlDialect::Postgres => {
            // Of a new instance: as the commit makes them, of the transaction's number.
            Statement::kept("SELECT 65536 * CAST(CAST(pg_current_xact_id() AS text) AS bigint) + 1 AS n")
        }
    };
    Ok(statement.row::<Number>(connection)?.map_or(1, |row| row.n))
}

/// Which minutes a batch has records and events of.
#[derive(Debug, Default)]
pub(crate) struct Minutes(BTreeMap<i64, Positions>);

#[derive(Debug)]
struct Positions {
    first_record: i64,
    last_record: i64,
    last_event: i64,
}

impl Minutes {
    /// Adds a record of that moment.
    pub(crate) fn record(&mut self, at: Timestamp, position: i64) {
        let positions = self.of(at);
        positions.first_record = positions.first_record.min(position);
        positions.last_record = positions.last_record.max(position);
    }

    /// Adds an event of that moment.
    pub(crate) fn event(&mut self, at: Timestamp, position: i64) {
        let positions = self.of(at);
        positions.last_event = positions.last_event.max(position);
    }

    fn of(&mut self, at: Timestamp) -> &mut Positions {
        let none = Positions { first_record: i64::MAX, last_record: 0, last_event: 0 };
        self.0.entry(minute(at)).or_insert(none)
    }

    /// Adds them to those that are stored.
    pub(crate) fn write(self, connection: &mut Connection, instance: &[u8]) -> QueryResult<()> {
        for (minute, positions) in self.0 {
            Statement::kept(
                "INSERT INTO minutes (instance_id, minute, slot, first_record, last_record, last_event) \
                 VALUES (?, ?, 0, ?, ?, ?) ON CONFLICT (instance_id, minute, slot) DO UPDATE SET \
                 first_record = CASE WHEN excluded.first_record < minutes.first_record \
                 THEN excluded.first_record ELSE minutes.first_record END, \
                 last_record = CASE WHEN excluded.last_record > minutes.last_record \
                 THEN excluded.last_record ELSE minutes.last_record END, \
                 last_event = CASE WHEN excluded.last_event > minutes.last_event \
                 THEN excluded.last_event ELSE minutes.last_event END",
            )
            .blob(instance)
            .integer(minute)
            .integer(positions.first_record)
            .integer(positions.last_record)
            .integer(positions.last_event)
            .run(connection)?;
        }
        Ok(())
    }
}
