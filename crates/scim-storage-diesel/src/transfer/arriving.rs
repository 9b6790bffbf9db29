//! An instance that is arriving: not to be seen yet, and cleared away if it does not arrive.
//!
//! Everything begins with an instance's row, a connector's or a key's, so what is written before those is seen by nobody. A
//! mark says that such rows are there. It holds the import's own token: an import that begins later takes the mark over, and the
//! earlier one finds out with its next batch.

use scim_directory::InstanceId;
use uuid::Uuid;

use super::cell::{Cell, Cells};
use super::error::TransferError;
use super::line::hexadecimal;
use super::table::{Rows, TABLES};
use crate::connection::{Connection, SqlDialect};
use crate::sql::Statement;

/// Rows that are deleted at once.
const SLICE: usize = 2_000;

/// Whose mark it is: the server's, as the instance is not there.
const SERVER: [u8; 16] = [0; 16];

/// An import's hold on an instance that arrives.
pub(crate) struct Arriving {
    instance: Uuid,
    mark: String,
    token: String,
}

impl Arriving {
    /// Marks the instance as arriving, and clears away what an import that did not come to its end has left of it.
    pub(crate) fn begin(
        connection: &mut Connection,
        instance: Uuid,
        name: &str,
    ) -> Result<Self, TransferError> {
        let mut token = [0; 16];
        getrandom::fill(&mut token).map_err(|error| scim_storage::StoreError::internal(error.to_string()))?;
        let mark = format!("arriving {instance}");
        let arriving = Self { instance, mark, token: format!("\"{}\"", hexadecimal(&token)) };
        writing(connection, |connection| {
            not_taken(connection, instance, name)?;
            Statement::new(
                "INSERT INTO jobs (instance_id, name, state) VALUES (?, ?, ?) \
                 ON CONFLICT (instance_id, name) DO UPDATE SET state = excluded.state",
            )
            .blob(SERVER)
            .text(arriving.mark.clone())
            .text(arriving.token.clone())
            .run(connection)?;
            Ok(())
        })?;
        arriving.clear(connection)?;
        Ok(arriving)
    }

    /// Within a transaction: that this import still has the instance, and nobody takes it before the transaction ends.
    pub(crate) fn hold(&self, connection: &mut Connection) -> Result<(), TransferError> {
        let held =
            Statement::kept("UPDATE jobs SET state = state WHERE instance_id = ? AND name = ? AND state = ?")
                .blob(SERVER)
                .text(self.mark.clone())
                .text(self.token.clone())
                .run(connection)?;
        if held == 1 { Ok(()) } else { Err(TransferError::Overtaken) }
    }

    /// Writes a batch, all of it or nothing, where this import still has the instance.
    pub(crate) fn write<T>(
        &self,
        connection: &mut Connection,
        batch: impl FnOnce(&mut Connection) -> Result<T, TransferError>,
    ) -> Result<T, TransferError> {
        writing(connection, |connection| {
            self.hold(connection)?;
            batch(connection)
        })
    }

    /// Within a transaction: the instance has arrived.
    pub(crate) fn end(&self, connection: &mut Connection) -> Result<(), TransferError> {
        Statement::new("DELETE FROM jobs WHERE instance_id = ? AND name = ?")
            .blob(SERVER)
            .text(self.mark.clone())
            .run(connection)?;
        Ok(())
    }

    /// Takes away what was written, and the mark.
    pub(crate) fn abandon(&self, connection: &mut Connection) -> Result<(), TransferError> {
        self.clear(connection)?;
        self.write(connection, |connection| self.end(connection))
    }

    /// Deletes the instance's rows, slice by slice.
    fn clear(&self, connection: &mut Connection) -> Result<(), TransferError> {
        let derived = [
            ("journal_members", "member_id, position"),
            ("minutes", "minute, slot"),
            ("ranges", "resource_type, first_id, slot"),
            ("spans", "resource_type, first_id, slot"),
        ];
        let tables = TABLES.iter().filter(|table| table.rows != Rows::Itself);
        let tables = tables.map(|table| (table.name, table.key.join(", ")));
        let derived = derived.into_iter().map(|(table, key)| (table, key.to_owned()));
        for (table, key) in tables.chain(derived) {
            let text = format!(
                "DELETE FROM {table} WHERE instance_id = ? AND ({key}) IN \
                 (SELECT {key} FROM {table} WHERE instance_id = ? LIMIT {SLICE})"
            );
            loop {
                let gone = self.write(connection, |connection| {
                    let instance = self.instance.as_bytes();
                    Ok(Statement::new(text.clone()).blob(instance).blob(instance).run(connection)?)
                })?;
                if gone < SLICE {
                    break;
                }
            }
        }
        Ok(())
    }
}

/// That there is no instance of that id or name.
pub(crate) fn not_taken(connection: &mut Connection, id: Uuid, name: &str) -> Result<(), TransferError> {
    let found: Option<Cells> =
        Statement::new("SELECT id AS b, name AS t FROM instances WHERE id = ? OR name = ?")
            .blob(id.as_bytes())
            .text(name)
            .row(connection)?;
    let Some(Cells(found)) = found else { return Ok(()) };
    let id = found.first().and_then(Cell::bytes).and_then(|id| Uuid::from_slice(id).ok()).unwrap_or(id);
    let name = found.get(1).and_then(Cell::text).unwrap_or(name).to_owned();
    Err(TransferError::Taken { name, id: InstanceId::new(id) })
}

/// Writes in a transaction of its own, all of it or nothing.
pub(crate) fn writing<T>(
    connection: &mut Connection,
    write: impl FnOnce(&mut Connection) -> Result<T, TransferError>,
) -> Result<T, TransferError> {
    begin(connection)?;
    let written = write(connection).and_then(|written| {
        connection.batch("COMMIT")?;
        Ok(written)
    });
    if written.is_err() {
        let _ = connection.batch("ROLLBACK");
    }
    written
}

/// Begins to write. On SQLite a server beside it writes too, and they wait for one another.
pub(crate) fn begin(connection: &mut Connection) -> Result<(), TransferError> {
    match connection.dialect() {
        #[cfg(feature = "sqlite")]
        SqlDialect::Sqlite => crate::sqlite::begin(connection, PATIENCE)?,
        #[cfg(feature = "postgres")]
        SqlDialect::Postgres => connection.batch("BEGIN ISOLATION LEVEL READ COMMITTED")?,
    }
    Ok(())
}

/// How long it waits for others who write.
#[cfg(feature = "sqlite")]
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);
