//! How far imports have come, and the lines that they did not take.

use scim_core::instant::Timestamp;
use scim_directory::{ImportId, ImportPlace, ImportRecord, RejectedLine};

use super::Applying;
use crate::error::Refusal;
use crate::read::name_key;
use crate::sql::{Number, Statement, word};

impl Applying<'_> {
    /// Keeps how far an import has come, where it is at `expected`.
    pub(super) fn save_import(
        &mut self,
        import: &ImportRecord,
        expected: Option<ImportPlace>,
    ) -> Result<(), Refusal> {
        let values = |statement: Statement| -> Result<Statement, Refusal> {
            Ok(statement
                .text(word(import.kind)?)
                .text(import.label.clone())
                .text(word(import.state)?)
                .integer(import.started.unix_millis())
                .integer(import.updated.unix_millis())
                .integer(stored(import.lines))
                .integer(stored(import.within))
                .integer(stored(import.imported))
                .integer(stored(import.there))
                .integer(stored(import.rejected))
                .blob(self.instance)
                .text(import.id.as_str()))
        };
        let Some(place) = expected else {
            let insert = values(Statement::kept(
                "INSERT INTO imports (kind, label, state, started_ms, updated_ms, lines, within, imported, \
                 there, rejected, instance_id, id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            ))?;
            return self.one_row(insert, || Refusal::Conflict);
        };
        let update = values(Statement::kept(
            "UPDATE imports SET kind = ?, label = ?, state = ?, started_ms = ?, updated_ms = ?, lines = ?, within = ?, \
             imported = ?, there = ?, rejected = ? WHERE instance_id = ? AND id = ? \
             AND started_ms = ? AND lines = ? AND within = ?",
        ))?;
        let update = update
            .integer(place.started.unix_millis())
            .integer(stored(place.lines))
            .integer(stored(place.within));
        self.one_row(update, || Refusal::Conflict)?;
        if place.started != import.started {
            Statement::kept("DELETE FROM rejected_lines WHERE instance_id = ? AND import_id = ?")
                .blob(self.instance)
                .text(import.id.as_str())
                .run(self.connection)?;
        }
        Ok(())
    }

    pub(super) fn reject_lines(&mut self, import: &ImportId, lines: &[RejectedLine]) -> Result<(), Refusal> {
        let known = Statement::kept("SELECT count(*) AS n FROM imports WHERE instance_id = ? AND id = ?")
            .blob(self.instance)
            .text(import.as_str())
            .row::<Number>(self.connection)?;
        if known.is_none_or(|known| known.n == 0) {
            return Err(Refusal::Conflict);
        }
        for line in lines {
            Statement::kept(
                "INSERT INTO rejected_lines (instance_id, import_id, line, name, name_key, reason) \
                 VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (instance_id, import_id, line) DO UPDATE SET \
                 name = excluded.name, name_key = excluded.name_key, reason = excluded.reason",
            )
            .blob(self.instance)
            .text(import.as_str())
            .integer(stored(line.line))
            .optional_text(line.key.clone())
            .optional_text(line.key.as_deref().map(name_key))
            .text(line.reason.clone())
            .run(self.connection)?;
        }
        Ok(())
    }

    /// Deletes rejected lines of imports that last came further before then, and those imports that have none left; of each
    /// at most `limit`.
    pub(super) fn prune_imports(&mut self, before: Timestamp, limit: i64) -> Result<usize, Refusal> {
        let lines = Statement::kept(
            "DELETE FROM rejected_lines WHERE (instance_id, import_id, line) IN (SELECT r.instance_id, r.import_id, r.line \
             FROM imports i INDEXED BY imports_by_update CROSS JOIN rejected_lines r \
             ON r.instance_id = i.instance_id AND r.import_id = i.id \
             WHERE i.instance_id = ? AND i.updated_ms < ? ORDER BY i.updated_ms, i.id, r.line LIMIT ?)",
        )
        .blob(self.instance)
        .integer(before.unix_millis())
        .integer(limit)
        .run(self.connection)?;
        let imports = Statement::kept(
            "DELETE FROM imports WHERE (instance_id, id) IN (SELECT i.instance_id, i.id \
             FROM imports i INDEXED BY imports_by_update WHERE i.instance_id = ? AND i.updated_ms < ? \
             AND NOT EXISTS (SELECT 1 FROM rejected_lines r WHERE r.instance_id = i.instance_id AND r.import_id = i.id) \
             ORDER BY i.updated_ms, i.id LIMIT ?)",
        )
        .blob(self.instance)
        .integer(before.unix_millis())
        .integer(limit)
        .run(self.connection)?;
        Ok(lines + imports)
    }

    /// Takes out what rejected lines say of a person; how many said something. It reads all that the instance keeps, which
    /// retention bounds: nobody looks a person up there otherwise.
    pub(super) fn erase_rejected(&mut self, name: &str) -> Result<usize, Refusal> {
        let erased = Statement::kept(
            "UPDATE rejected_lines SET name = NULL, name_key = NULL, reason = '(erased)' \
             WHERE instance_id = ? AND (name_key = ? OR instr(lower(reason), ?) > 0)",
        )
        .postgres(
            "UPDATE rejected_lines SET name = NULL, name_key = NULL, reason = '(erased)' \
             WHERE instance_id = $1 AND (name_key = $2 OR strpos(lower(reason), $3) > 0)",
        )
        .blob(self.instance)
        .text(name_key(name))
        .text(format!("{name:?}").to_ascii_lowercase())
        .run(self.connection)?;
        Ok(erased)
    }
}

/// A number as it is stored.
fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
