//! Rows by the plain database library, without a server: what the hardware and the database allow.
//!
//! [`Sqlite`] and [`Postgres`] have one row for a person: id, user name and `externalId`, each unique, and the document of 1.2 KB. That
//! is less than a server writes for a person (its log, its other indexes), so it is a hard thing to be held against. [`Replay`]
//! writes the very rows that the server wrote.

mod postgres;
mod replay;
mod sqlite;

use std::time::{Duration, Instant};

pub use self::postgres::Postgres;
pub use self::replay::Replay;
pub use self::sqlite::Sqlite;

use crate::shapes::{self, STAYING};

/// The people of a page.
const PAGE: u64 = 100;
/// Rows of a transaction, where they are grouped.
const GROUP: u64 = 64;

/// A row of the raw table.
#[derive(Debug)]
struct Row {
    id: [u8; 16],
    user_name: String,
    external_id: String,
    document: Vec<u8>,
}

impl Row {
    fn new(number: u64) -> Self {
        let mut id = [0; 16];
        // Ids grow with time, as a server's do.
        if let Some((head, _)) = id.split_at_mut_checked(8) {
            head.copy_from_slice(&number.to_be_bytes());
        }
        let mut document = Vec::new();
        shapes::person(&mut document, STAYING, number, 0);
        // What a server adds: id and meta.
        document.resize(1_290, b' ');
        Self {
            id,
            user_name: shapes::user_name(STAYING, number),
            external_id: shapes::external_id(STAYING, number),
            document,
        }
    }
}

/// Commits for a time.
#[derive(Clone, Debug, Default)]
pub struct Commits {
    /// Rows a second.
    pub rate: f64,
    /// The median time of a commit in microseconds.
    pub p50: f64,
}

impl Commits {
    fn of(rows: u64, elapsed: Duration, times: &mut [Duration]) -> Self {
        times.sort_unstable();
        let middle = times.get(times.len() / 2).copied().unwrap_or_default();
        Self { rate: rows as f64 / elapsed.as_secs_f64().max(1e-9), p50: middle.as_secs_f64() * 1e6 }
    }
}

/// Does something again and again for a time; each one's time.
fn during(
    time: Duration,
    mut work: impl FnMut() -> anyhow::Result<()>,
) -> anyhow::Result<(Duration, Vec<Duration>)> {
    let (begun, mut times) = (Instant::now(), Vec::new());
    while begun.elapsed() < time {
        let one = Instant::now();
        work()?;
        times.push(one.elapsed());
    }
    Ok((begun.elapsed(), times))
}

/// Does something so many times; each one's time.
fn so_often(
    times: usize,
    mut work: impl FnMut() -> anyhow::Result<()>,
) -> anyhow::Result<(Duration, Vec<Duration>)> {
    let begun = Instant::now();
    let one = |_| {
        let one = Instant::now();
        work().map(|()| one.elapsed())
    };
    let times = (0..times).map(one).collect::<Result<_, _>>()?;
    Ok((begun.elapsed(), times))
}

/// The CPU time of this thread.
fn cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// CPU microseconds of this thread for each time that something is done.
fn cpu_of(times: u64, mut work: impl FnMut(u64) -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let before = cpu();
    for number in 0..times {
        work(number)?;
    }
    Ok((cpu() - before).as_secs_f64() * 1e6 / times.max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_are_told_by_rate_and_median() {
        let mut times = [3, 1, 2].map(Duration::from_millis);
        let commits = Commits::of(30, Duration::from_secs(3), &mut times);
        assert_eq!((commits.rate, commits.p50), (10.0, 2000.0));
        assert_eq!(Commits::of(0, Duration::ZERO, &mut []).p50, 0.0);
    }

    #[test]
    fn rows_come_in_the_order_of_their_numbers() {
        let (one, two) = (Row::new(255), Row::new(256));
        assert!(one.id < two.id && one.user_name != two.user_name && one.external_id != two.external_id);
        assert_eq!(one.document.len(), 1_290);
    }
}
