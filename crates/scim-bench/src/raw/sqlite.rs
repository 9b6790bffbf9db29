//! SQLite by `rusqlite`: WAL, `synchronous=FULL`, cached statements.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, params};

use super::{Commits, GROUP, PAGE, Row, cpu_of, during};
use crate::random::Random;

/// Those of the server.
pub(super) const PRAGMAS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -8192; PRAGMA temp_store = MEMORY;";

const TABLE: &str = "
    CREATE TABLE people (id BLOB PRIMARY KEY, user_name TEXT NOT NULL UNIQUE, external_id TEXT NOT NULL UNIQUE,
                         document BLOB NOT NULL) WITHOUT ROWID";
const INSERT: &str = "INSERT INTO people (id, user_name, external_id, document) VALUES (?1, ?2, ?3, ?4)";
const BY_KEY: &str = "SELECT document FROM people WHERE id < ?1 ORDER BY id DESC LIMIT 100";

/// A database of a table.
#[derive(Debug)]
pub struct Sqlite {
    connection: Connection,
    people: u64,
    next: u64,
}

impl Sqlite {
    /// A new one in a folder, with so many people.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn create(folder: &Path, people: u64) -> anyhow::Result<Self> {
        let connection = Connection::open(folder.join("raw.db"))?;
        connection.execute_batch(PRAGMAS)?;
        connection.execute_batch("PRAGMA mmap_size = 268435456")?;
        connection.execute_batch(TABLE)?;
        let mut raw = Self { connection, people, next: 0 };
        while raw.next < people {
            raw.insert((people - raw.next).min(10_000))?;
        }
        Ok(raw)
    }

    fn insert(&mut self, rows: u64) -> anyhow::Result<()> {
        let transaction = self.connection.transaction()?;
        {
            let mut insert = transaction.prepare_cached(INSERT)?;
            for number in self.next..self.next + rows {
                let row = Row::new(number);
                insert.execute(params![row.id, row.user_name, row.external_id, row.document])?;
            }
        }
        transaction.commit()?;
        self.next += rows;
        Ok(())
    }

    /// Commits of one row each.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn single(&mut self, time: Duration) -> anyhow::Result<Commits> {
        self.commits(1, time)
    }

    /// Commits of 64 rows each.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn grouped(&mut self, time: Duration) -> anyhow::Result<Commits> {
        self.commits(GROUP, time)
    }

    fn commits(&mut self, rows: u64, time: Duration) -> anyhow::Result<Commits> {
        let before = self.next;
        let (elapsed, mut times) = during(time, || self.insert(rows))?;
        Ok(Commits::of(self.next - before, elapsed, &mut times))
    }

    /// CPU microseconds of a page of a hundred by key, anywhere: of so many of them.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn page(&self, times: u64) -> anyhow::Result<f64> {
        let mut random = Random::new(self.next);
        let deep = self.people.saturating_sub(PAGE).max(1);
        cpu_of(times, |_| {
            let id = Row::new(PAGE + random.below(deep)).id;
            self.documents(id).map(|_| ())
        })
    }

    /// Reads a page; how many are on it.
    fn documents(&self, before: [u8; 16]) -> anyhow::Result<usize> {
        let mut select = self.connection.prepare_cached(BY_KEY)?;
        let mut rows = select.query(params![before])?;
        let mut count = 0;
        while let Some(row) = rows.next()? {
            // Looked at as what would be sent.
            count += usize::from(!row.get_ref(0)?.as_blob()?.is_empty());
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_written_and_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut raw = Sqlite::create(folder.path(), 300).expect("created");
        assert_eq!(raw.documents(Row::new(300).id).expect("a page"), 100);
        assert!(raw.page(20).expect("a page") > 0.0);
        let commits = raw.grouped(Duration::from_millis(1)).expect("written");
        assert!(commits.rate > 0.0 && commits.p50 > 0.0, "{commits:?}");
        assert!(raw.single(Duration::from_millis(1)).is_ok() && raw.next > 364);
    }
}
