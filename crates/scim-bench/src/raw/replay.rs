//! What a server on SQLite wrote for people, written once more without it: the same rows into the same tables, with the same
//! indexes, by the plain library.
//!
//! The server's file is copied, people are created by POST, and every row that is new in the server's file and that is one person's
//! alone is kept: the resource, its keys, its log record, its event and what the change set did. Rows that all share (counters) are
//! left out. Then the people of the copy are written in commits of one or of many.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use rusqlite::backup::Backup;
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, params_from_iter};

use super::sqlite::PRAGMAS;
use super::{Commits, so_often};

/// Pages of a step of the copy.
const STEP: std::ffi::c_int = 10_000;

/// The server's file as it was, and what it wrote since.
#[derive(Debug)]
pub struct Replay {
    connection: Connection,
    /// A person's rows, each with its statement; the next one is the last.
    people: Vec<Vec<(usize, Vec<Value>)>>,
    inserts: Vec<String>,
}

impl Replay {
    /// Copies the server's file into a folder, lets `create` make people there, and takes what the file has more then.
    ///
    /// # Errors
    /// Where the file cannot be read or copied, nobody was created, or somebody else wrote in the meantime.
    pub fn record(
        server: &Path,
        folder: &Path,
        create: impl FnOnce() -> anyhow::Result<()>,
    ) -> anyhow::Result<Self> {
        let live = Connection::open_with_flags(server, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let file = folder.join("replay.db");
        let mut connection = Connection::open(&file)?;
        Backup::new(&live, &mut connection)?.run_to_completion(STEP, Duration::ZERO, None)?;
        connection.execute_batch(PRAGMAS)?;
        create()?;
        live.execute("ATTACH ?1 AS then_", [file.to_str().context("the path is not UTF-8")?])?;
        let mut replay = Self { connection, people: Vec::new(), inserts: Vec::new() };
        replay.take(&live)?;
        Ok(replay)
    }

    fn take(&mut self, live: &Connection) -> anyhow::Result<()> {
        let new = "SELECT id FROM main.resources WHERE place > (SELECT max(place) FROM then_.resources)";
        let ids: Vec<Vec<u8>> =
            live.prepare(new)?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        ensure!(!ids.is_empty(), "nobody was created");
        self.people.resize(ids.len(), Vec::new());
        let whose: HashMap<Vec<u8>, usize> = ids.into_iter().zip(0..).collect();
        let tables = "SELECT name, instr(sql, 'WITHOUT ROWID') FROM main.sqlite_schema \
                      WHERE type = 'table' AND sql LIKE 'CREATE TABLE%' AND name NOT LIKE 'texts%' \
                      AND name NOT LIKE 'sqlite%'";
        let tables: Vec<(String, bool)> = live
            .prepare(tables)?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        for (table, without_rowid) in tables {
            let new = if without_rowid {
                format!("SELECT * FROM main.{table} EXCEPT SELECT * FROM then_.{table}")
            } else {
                format!(
                    "SELECT * FROM main.{table} WHERE rowid > coalesce((SELECT max(rowid) FROM then_.{table}), 0)"
                )
            };
            let mut select = live.prepare(&new)?;
            let columns = select.column_names().join(", ");
            let values = vec!["?"; select.column_count()].join(", ");
            let count = select.column_count();
            let rows = select.query_map([], |row| (0..count).map(|at| row.get(at)).collect());
            let rows: Vec<Vec<Value>> = rows?.collect::<Result<_, _>>()?;
            let named = |row: &Vec<Value>| {
                row.iter().find_map(|value| match value {
                    Value::Blob(blob) => whose.get(blob).copied(),
                    _ => None,
                })
            };
            let statement = self.inserts.len();
            self.inserts.push(format!("INSERT INTO {table} ({columns}) VALUES ({values})"));
            // One for each of them that names nobody: what their change sets did.
            let in_order = rows.len() == self.people.len() && rows.iter().all(|row| named(row).is_none());
            for (number, row) in rows.into_iter().enumerate() {
                let person = if in_order { Some(number) } else { named(&row) };
                if let Some(rows) = person.and_then(|person| self.people.get_mut(person)) {
                    rows.push((statement, row));
                }
            }
        }
        // They are taken from the end.
        self.people.reverse();
        Ok(())
    }

    /// The rows of a person, by table, of the next one.
    #[must_use]
    pub fn rows_of_one(&self) -> BTreeMap<&str, usize> {
        let mut rows = BTreeMap::new();
        for (statement, _) in self.people.last().into_iter().flatten() {
            let insert = self.inserts.get(*statement).map_or("", String::as_str);
            let table = insert.split(' ').nth(2).unwrap_or_default();
            *rows.entry(table).or_default() += 1;
        }
        rows
    }

    /// So many commits of so many people each.
    ///
    /// # Errors
    /// Where there are not as many people left, and what SQLite says.
    pub fn commits(&mut self, people: usize, commits: usize) -> anyhow::Result<Commits> {
        ensure!(self.people.len() >= people * commits, "everybody was written already");
        let Self { connection, people: left, inserts } = self;
        let (elapsed, mut times) = so_often(commits, || {
            let transaction = connection.transaction()?;
            for rows in left.drain(left.len() - people..).rev() {
                for (statement, row) in rows {
                    let insert = inserts.get(statement).context("a statement")?;
                    transaction.prepare_cached(insert)?.execute(params_from_iter(row))?;
                }
            }
            Ok(transaction.commit()?)
        })?;
        Ok(Commits::of(u64::try_from(people * commits)?, elapsed, &mut times))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLES: &str = "
        CREATE TABLE resources (place INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, name TEXT);
        CREATE TABLE keys (name TEXT PRIMARY KEY, id BLOB NOT NULL) WITHOUT ROWID;
        CREATE TABLE change_sets (id BLOB PRIMARY KEY, result TEXT) WITHOUT ROWID;
        CREATE TABLE counters (name TEXT PRIMARY KEY, count INTEGER) WITHOUT ROWID;
        INSERT INTO counters VALUES ('people', 0);";

    fn create(file: &Path, people: std::ops::Range<u8>) -> anyhow::Result<()> {
        let live = Connection::open(file)?;
        for number in people {
            let (id, name) = (vec![number; 16], format!("name-{number}"));
            live.execute("INSERT INTO resources (id, name) VALUES (?1, ?2)", (&id, &name))?;
            live.execute("INSERT INTO keys VALUES (?1, ?2)", (&name, &id))?;
            live.execute("INSERT INTO keys VALUES (?1, ?2)", (format!("{name}@"), &id))?;
            live.execute("INSERT INTO change_sets VALUES (?1, 'done')", [vec![number; 8]])?;
            live.execute("UPDATE counters SET count = count + 1", [])?;
        }
        Ok(())
    }

    #[test]
    fn what_is_written_again_is_what_the_server_wrote() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("server.db");
        Connection::open(&file).expect("opened").execute_batch(TABLES).expect("tables");
        create(&file, 0..10).expect("created");
        let mut replay = Replay::record(&file, folder.path(), || create(&file, 10..15)).expect("recorded");
        let expected = BTreeMap::from([("change_sets", 1), ("keys", 2), ("resources", 1)]);
        assert_eq!(replay.rows_of_one(), expected);
        let single = replay.commits(1, 1).expect("written");
        assert!(single.rate > 0.0 && single.p50 > 0.0, "{single:?}");
        replay.commits(2, 2).expect("written");
        assert!(replay.commits(1, 1).is_err(), "there is nobody left");
        let live = Connection::open(&file).expect("opened");
        for table in ["resources", "keys", "change_sets"] {
            let all = |connection: &Connection| -> Vec<String> {
                let text = format!("SELECT format('%Q', id) FROM {table} ORDER BY 1");
                let mut select = connection.prepare(&text).expect("prepared");
                let rows = select.query_map([], |row| row.get(0)).expect("asked");
                rows.collect::<Result<_, _>>().expect("rows")
            };
            assert_eq!(all(&replay.connection), all(&live), "{table}");
        }
        let count = "SELECT count FROM counters";
        let count: i64 = replay.connection.query_row(count, [], |row| row.get(0)).expect("a number");
        assert_eq!(count, 10, "what all share is left as it was");
    }

    #[test]
    fn nobody_created_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("server.db");
        Connection::open(&file).expect("opened").execute_batch(TABLES).expect("tables");
        create(&file, 0..1).expect("created");
        let error = Replay::record(&file, folder.path(), || Ok(())).expect_err("nobody");
        assert!(error.to_string().contains("nobody"), "{error}");
    }
}
