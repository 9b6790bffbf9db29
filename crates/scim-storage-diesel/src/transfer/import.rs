//! Writing an instance into a database: all of it, or nothing that anybody sees.
//!
//! Rows are written in batches, each in a transaction of its own, so that others write beside it. What lets somebody in (see
//! [`super::table::Table::opens`]) comes last, in one transaction, after everything was read back and has the same digest.

use std::io::{BufRead, Read as _};

use scim_core::instant::Timestamp;
use uuid::Uuid;

use super::arriving::{Arriving, begin, not_taken};
use super::cell::Cell;
use super::digest::Digest;
use super::error::TransferError;
use super::export::stored;
use super::insert::{Beside, insert};
use super::line::{self, AnyHeader, FORMAT, Header, Line, Totals};
use super::position::{Minutes, next_position};
use super::table::{CLAIMS, EVENTS, INSTANCES, JOURNAL, KEYS, Rows, TABLES, Table};
use super::{ImportOptions, Progress, Transferred};
use crate::commit::cut;
use crate::connection::Connection;
use crate::logged;
use crate::sql::{Line as Text, Statement};

/// Rows that are written in one transaction at most.
const BATCH: usize = 1_000;
/// Bytes of lines that are written in one transaction, about.
const BATCH_BYTES: usize = 4 << 20;
/// The longest line. The log of a group's creation names all its members, 37 bytes each.
const LONGEST: u64 = 256 << 20;
/// User names that are named where others have claimed them.
const NAMED: usize = 5;

/// Reads an instance and writes it.
pub(crate) fn import(
    connection: &mut Connection,
    source: &mut dyn BufRead,
    options: &ImportOptions<'_>,
    told: &mut dyn FnMut(Progress),
) -> Result<Transferred, TransferError> {
    let mut lines = Lines { source, number: 0, line: String::new() };
    let header = header(&mut lines)?;
    let missing =
        header.peppers.iter().filter_map(|id| <[u8; 16]>::try_from(line::from_hexadecimal(id)?).ok());
    let missing: Vec<_> = missing.filter(|id| !options.peppers.contains(id)).collect();
    if !(missing.is_empty() || options.without_keys) {
        return Err(TransferError::NoPepper(missing));
    }
    let arriving = Arriving::begin(connection, header.instance, &header.name)?;
    let mut importing = Importing {
        arriving: &arriving,
        header: &header,
        options,
        batch: Vec::new(),
        bytes: 0,
        place: 0,
        opened: false,
        read: Digest::new(),
        kept: Digest::new(),
        found: Digest::new(),
        told,
    };
    let ended = importing.run(connection, &mut lines);
    let opened = importing.opened;
    match ended {
        Ok(totals) => Ok(Transferred {
            instance: header.instance,
            name: header.name,
            rows: totals.rows,
            digest: totals.digest,
            scrubbed: header.scrubbed,
        }),
        Err(error) => {
            if opened {
                let _ = connection.batch("ROLLBACK");
            }
            // Where the last transaction was committed after all, the mark is gone, and nothing is taken away.
            let abandoned =
                if matches!(error, TransferError::Overtaken) { Ok(()) } else { arriving.abandon(connection) };
            if let Err(left) = abandoned {
                log::warn!(
                    "rows of the import are left, which nobody sees; the next import of it clears them away: {left}"
                );
            }
            Err(error)
        }
    }
}

/// The first line.
fn header(lines: &mut Lines<'_>) -> Result<Header, TransferError> {
    let malformed = |reason: &str| TransferError::Malformed { line: 1, reason: reason.to_owned() };
    let Some(line) = lines.next()? else { return Err(TransferError::CutOff { line: 0 }) };
    let any: AnyHeader = serde_json::from_str(line)
        .map_err(|_| malformed("it is not the first line of an export of an instance"))?;
    if any.rollcall_export != FORMAT {
        return Err(TransferError::OtherFormat {
            found: any.rollcall_export,
            known: FORMAT,
            release: any.release,
        });
    }
    let header: Header = serde_json::from_str(line)
        .map_err(|_| malformed("a member of it is missing or no longer what it was"))?;
    if header.instance.is_nil() || header.name.is_empty() {
        return Err(malformed("it names no instance"));
    }
    Ok(header)
}

struct Importing<'a> {
    arriving: &'a Arriving,
    header: &'a Header,
    options: &'a ImportOptions<'a>,
    /// Rows of the table at `place` that are still to be written.
    batch: Vec<Vec<Cell>>,
    /// How long their lines are.
    bytes: usize,
    place: usize,
    /// Whether the last transaction has begun.
    opened: bool,
    /// Of every line that was read.
    read: Digest,
    /// Of every line whose row was written.
    kept: Digest,
    /// Of what is stored.
    found: Digest,
    told: &'a mut dyn FnMut(Progress),
}

impl Importing<'_> {
    fn run(&mut self, connection: &mut Connection, lines: &mut Lines<'_>) -> Result<Totals, TransferError> {
        loop {
            let Some(line) = lines.next()? else { return Err(TransferError::CutOff { line: lines.number }) };
            let length = line.len();
            let parsed = line::read(line).map_err(|reason| lines.malformed(reason))?;
            let (place, table, row) = match parsed {
                Line::End(totals) => {
                    self.flush(connection)?;
                    self.end(connection, lines, &totals)?;
                    return Ok(totals);
                }
                Line::Row(place, table, row) => (place, table, row),
            };
            if place < self.place {
                return Err(lines.malformed(format!("rows of {:?} do not belong here", table.name)));
            }
            if place != self.place {
                self.flush(connection)?;
                self.place = place;
            }
            if table.opens && !self.opened {
                self.open(connection)?;
            }
            self.read.add(place, table, lines.line.as_bytes());
            if KEYS.contains(&table.name) {
                if self.options.without_keys {
                    continue;
                }
                self.check_pepper(table, &row)?;
            }
            if table.name == INSTANCES {
                self.check_instance(table, &row).map_err(|reason| lines.malformed(reason))?;
            }
            self.kept.add(place, table, lines.line.as_bytes());
            self.batch.push(row);
            self.bytes += length;
            if self.batch.len() >= BATCH || self.bytes >= BATCH_BYTES {
                self.flush(connection)?;
            }
        }
    }

    /// Begins the last transaction, after everything else was found to be stored as it was read.
    fn open(&mut self, connection: &mut Connection) -> Result<(), TransferError> {
        let instance = self.header.instance;
        let (found, told) = (&mut self.found, &mut *self.told);
        connection.snapshot(|connection| {
            stored(connection, instance.as_bytes(), false, found, &mut |progress| {
                told(Progress { checking: true, ..progress });
            })
        })??;
        self.compare()?;
        begin(connection)?;
        self.opened = true;
        self.arriving.hold(connection)?;
        not_taken(connection, instance, &self.header.name)
    }

    fn compare(&self) -> Result<(), TransferError> {
        match self.kept.difference(&self.found) {
            None => Ok(()),
            Some((table, told, found)) => {
                Err(TransferError::StoredOtherwise { table: table.to_owned(), told, found })
            }
        }
    }

    /// That a key which may still be used was hashed with a pepper that is here.
    fn check_pepper(&self, table: &Table, row: &[Cell]) -> Result<(), TransferError> {
        let cell = |name: &str| row.get(table.place(name)?);
        if cell("revoked_ms").and_then(Cell::integer).is_some() {
            return Ok(());
        }
        match cell("pepper_id").and_then(Cell::bytes).map(<[u8; 16]>::try_from) {
            Some(Ok(id)) if !self.options.peppers.contains(&id) => Err(TransferError::NoPepper(vec![id])),
            _ => Ok(()),
        }
    }

    /// That an instance's row is that of the header.
    fn check_instance(&self, table: &Table, row: &[Cell]) -> Result<(), String> {
        let cell = |name: &str| row.get(table.place(name)?);
        let same = cell("id").and_then(Cell::bytes) == Some(self.header.instance.as_bytes())
            && cell("name").and_then(Cell::text) == Some(&self.header.name);
        if same { Ok(()) } else { Err("it is another instance than the first line names".to_owned()) }
    }

    /// Writes the rows that wait.
    fn flush(&mut self, connection: &mut Connection) -> Result<(), TransferError> {
        let rows = std::mem::take(&mut self.batch);
        self.bytes = 0;
        let Some(table) = TABLES.get(self.place).filter(|_| !rows.is_empty()) else { return Ok(()) };
        if self.opened {
            // In the last transaction.
            self.write(connection, table, &rows)?;
        } else {
            let arriving = self.arriving;
            arriving.write(connection, |connection| self.write(connection, table, &rows))?;
        }
        (self.told)(Progress { table: table.name, rows: self.kept.rows(), checking: false });
        Ok(())
    }

    fn write(
        &self,
        connection: &mut Connection,
        table: &Table,
        rows: &[Vec<Cell>],
    ) -> Result<(), TransferError> {
        let instance = self.header.instance.as_bytes();
        let first = match table.rows {
            Rows::Ordered => Some(next_position(connection, table.name)?),
            _ => None,
        };
        let written = insert(connection, table, Beside { instance, first }, rows)?;
        if table.name == CLAIMS && written < rows.len() {
            let count = u64::try_from(rows.len() - written).unwrap_or(u64::MAX);
            let names = self.claimed(connection, table, rows)?;
            return Err(TransferError::Claimed { instance: self.header.name.clone(), count, names });
        }
        if let Some(first) = first {
            derive(connection, table, Beside { instance, first: Some(first) }, rows)?;
        }
        Ok(())
    }

    /// The first few names that others have claimed.
    fn claimed(
        &self,
        connection: &mut Connection,
        table: &Table,
        rows: &[Vec<Cell>],
    ) -> Result<Vec<String>, TransferError> {
        let mut names = Vec::new();
        for row in rows {
            let text = |name: &str| table.place(name).and_then(|place| row.get(place)?.text());
            let (Some(realm), Some(key)) = (text("realm"), text("key")) else { continue };
            let claim: Option<Text> = Statement::kept(
                "SELECT key AS line FROM name_claims WHERE realm = ? AND key = ? AND instance_id <> ?",
            )
            .text(realm)
            .text(key)
            .blob(self.header.instance.as_bytes())
            .row(connection)?;
            names.extend(claim.map(|claim| claim.line));
            if names.len() == NAMED {
                break;
            }
        }
        Ok(names)
    }

    /// Compares what was read with what the last line says, and ends the last transaction.
    fn end(
        &mut self,
        connection: &mut Connection,
        lines: &mut Lines<'_>,
        totals: &Totals,
    ) -> Result<(), TransferError> {
        for (table, told) in &totals.rows {
            let found = self.read.counts().find(|(name, _)| name == table).map_or(0, |(_, rows)| rows);
            if found != *told {
                return Err(TransferError::Altered { table: table.clone(), told: *told, found });
            }
        }
        let rows = self.read.rows();
        if totals.rows.values().sum::<u64>() != rows || totals.digest != self.read.finish() {
            return Err(TransferError::Altered { table: "some table".to_owned(), told: rows, found: rows });
        }
        if let Some(more) = lines.next()? {
            let reason = format!("{} bytes stand behind the end of the export", more.len());
            return Err(lines.malformed(reason));
        }
        if self.read.counts().all(|(table, _)| table != INSTANCES) {
            return Err(lines.malformed("the export has no row of the instance itself".to_owned()));
        }
        let instance = self.header.instance;
        stored(connection, instance.as_bytes(), true, &mut self.found, &mut |_| {})?;
        self.compare()?;
        if !self.options.without_keys {
            self.know_peppers(connection)?;
        }
        for resource_type in types(connection, instance)? {
            cut(connection, instance.as_bytes(), &resource_type)?;
        }
        self.arriving.end(connection)?;
        connection.batch("COMMIT")?;
        Ok(())
    }

    /// That the peppers of the keys belong to this database: no node makes others.
    fn know_peppers(&self, connection: &mut Connection) -> Result<(), TransferError> {
        for id in &self.header.peppers {
            let Some(id) = line::from_hexadecimal(id) else { continue };
            Statement::new("INSERT INTO peppers (id) VALUES (?) ON CONFLICT DO NOTHING")
                .blob(id)
                .run(connection)?;
        }
        Ok(())
    }
}

/// The types that the instance has resources of.
fn types(connection: &mut Connection, instance: Uuid) -> Result<Vec<String>, TransferError> {
    let types = Statement::new("SELECT DISTINCT resource_type AS line FROM counters WHERE instance_id = ?");
    let types = types.blob(instance.as_bytes()).rows::<Text>(connection)?;
    Ok(types.into_iter().map(|resource_type| resource_type.line).collect())
}

/// Writes what follows from records of the log and from events: whom a record is about besides, and which minute has which
/// positions.
fn derive(
    connection: &mut Connection,
    table: &Table,
    beside: Beside<'_>,
    rows: &[Vec<Cell>],
) -> Result<(), TransferError> {
    let Some(mut position) = beside.first else { return Ok(()) };
    let mut minutes = Minutes::default();
    for row in rows {
        let cell = |name: &str| row.get(table.place(name)?);
        let at = Timestamp::from_unix_millis(cell("at_ms").and_then(Cell::integer).unwrap_or_default());
        if table.name == EVENTS {
            minutes.event(at, position);
        }
        if table.name == JOURNAL {
            minutes.record(at, position);
            let record = cell("record").and_then(Cell::text).unwrap_or_default();
            for member in logged::members(record)? {
                Statement::kept(
                    "INSERT INTO journal_members (instance_id, member_id, position) VALUES (?, ?, ?)",
                )
                .blob(beside.instance)
                .blob(member.uuid().as_bytes())
                .integer(position)
                .run(connection)?;
            }
        }
        position += 1;
    }
    Ok(minutes.write(connection, beside.instance)?)
}

/// Lines of the source, each of a bounded length.
struct Lines<'s> {
    source: &'s mut dyn BufRead,
    number: u64,
    line: String,
}

impl Lines<'_> {
    /// The next line without its end; `None` at the end of the source. A last line without line end counts.
    fn next(&mut self) -> Result<Option<&str>, TransferError> {
        self.line.clear();
        self.number += 1;
        let number = self.number;
        let read = (&mut *self.source).take(LONGEST).read_line(&mut self.line);
        let read = read.map_err(|error| TransferError::Read { line: number, error })?;
        if read == 0 {
            self.number -= 1;
            return Ok(None);
        }
        if self.line.ends_with('\n') {
            self.line.pop();
        } else if u64::try_from(read).is_ok_and(|read| read == LONGEST) {
            return Err(self.malformed(format!("it is longer than {LONGEST} bytes")));
        }
        Ok(Some(&self.line))
    }

    fn malformed(&self, reason: String) -> TransferError {
        TransferError::Malformed { line: self.number, reason }
    }
}
