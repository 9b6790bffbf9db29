//! PostgreSQL by `tokio-postgres`: prepared statements, `fsync` and `synchronous_commit` on.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{Client, NoTls, Statement};

use super::{Commits, PAGE, Row, cpu};
use crate::process;
use crate::random::Random;

const TABLE: &str = "
    CREATE TABLE people (id BYTEA PRIMARY KEY, user_name TEXT NOT NULL UNIQUE, external_id TEXT NOT NULL UNIQUE,
                         document BYTEA NOT NULL)";
const INSERT: &str = "INSERT INTO people (id, user_name, external_id, document) VALUES ($1, $2, $3, $4)";
const BY_KEY: &str = "SELECT document FROM people WHERE id < $1 ORDER BY id DESC LIMIT 100";

/// Connections to a table.
pub struct Postgres {
    runtime: Runtime,
    clients: Vec<Client>,
    process: u32,
    people: u64,
    next: u64,
}

impl std::fmt::Debug for Postgres {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Postgres").field("process", &self.process).finish_non_exhaustive()
    }
}

impl Postgres {
    /// A new table of so many people in a database, and 16 connections to it. The process is the server's first one.
    ///
    /// # Errors
    /// What PostgreSQL says.
    pub fn create(url: &str, process: u32, people: u64) -> anyhow::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let mut clients = Vec::new();
        for _ in 0..16 {
            let (client, connection) = runtime.block_on(tokio_postgres::connect(url, NoTls))?;
            // It ends with its client, who is told what went wrong.
            runtime.spawn(async { connection.await.unwrap_or_default() });
            clients.push(client);
        }
        let raw = Self { runtime, clients, process, people, next: people };
        let first = raw.clients.first().context("no connection")?;
        raw.runtime.block_on(async {
            first.batch_execute(TABLE).await?;
            let insert = first.prepare(INSERT).await?;
            first.batch_execute("BEGIN").await?;
            for number in 0..people {
                put(first, &insert, number).await?;
            }
            first.batch_execute("COMMIT").await?;
            first.batch_execute("ANALYZE people").await?;
            anyhow::Ok(())
        })?;
        Ok(raw)
    }

    /// Commits of one row each, over so many connections at once.
    ///
    /// # Errors
    /// What PostgreSQL says.
    pub fn single(&mut self, connections: usize, time: Duration) -> anyhow::Result<Commits> {
        let next = std::cell::Cell::new(self.next);
        let begun = Instant::now();
        let work = self.clients.iter().take(connections).map(|client| {
            let next = &next;
            async move {
                let insert = client.prepare(INSERT).await?;
                let mut times = Vec::new();
                while begun.elapsed() < time {
                    let number = next.replace(next.get() + 1);
                    let one = Instant::now();
                    put(client, &insert, number).await?;
                    times.push(one.elapsed());
                }
                anyhow::Ok(times)
            }
        });
        let all = self.runtime.block_on(futures_util::future::try_join_all(work))?;
        let elapsed = begun.elapsed();
        let mut times: Vec<Duration> = all.into_iter().flatten().collect();
        let rows = next.get() - self.next;
        self.next = next.get();
        Ok(Commits::of(rows, elapsed, &mut times))
    }

    /// CPU microseconds of a page of a hundred by key, anywhere: of this thread and of PostgreSQL, which tells in steps of
    /// 10 ms. Of so many of them.
    ///
    /// # Errors
    /// What PostgreSQL says.
    pub fn page(&self, times: u64) -> anyhow::Result<f64> {
        let first = self.clients.first().context("no connection")?;
        let used = || anyhow::Ok(process::usage(&[self.process])?.cpu + cpu());
        let before = used()?;
        self.runtime.block_on(async {
            let page = first.prepare(BY_KEY).await?;
            let mut random = Random::new(self.next);
            for _ in 0..times {
                let id = Row::new(PAGE + random.below(self.people.saturating_sub(PAGE).max(1))).id;
                first.query(&page, &[&id.as_slice()]).await?;
            }
            anyhow::Ok(())
        })?;
        Ok((used()? - before).as_secs_f64() * 1e6 / times.max(1) as f64)
    }
}

async fn put(client: &Client, insert: &Statement, number: u64) -> anyhow::Result<()> {
    let row = Row::new(number);
    let (id, document) = (row.id.as_slice(), row.document.as_slice());
    client.execute(insert, &[&id, &row.user_name, &row.external_id, &document]).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_written_and_read() {
        let cluster = testbed::Cluster::start(testbed::Durability::Off).expect("a cluster");
        let Some(cluster) = cluster else { return };
        let database = cluster.database().expect("a database");
        let process = cluster.process().expect("it runs");
        let mut raw = Postgres::create(database.url(), process, 300).expect("created");
        let commits = raw.single(16, Duration::from_millis(50)).expect("written");
        assert!(commits.rate > 0.0 && commits.p50 > 0.0, "{commits:?}");
        let rows = database.sql("SELECT count(*) FROM people").expect("counted");
        assert_eq!(rows, raw.next.to_string());
        assert!(raw.page(50).expect("read") > 0.0);
    }
}
