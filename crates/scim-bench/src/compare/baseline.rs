//! The plain database, and what creating people is held against.

use std::time::Duration;

use anyhow::Context as _;

use super::stage::Stage;
use super::{Engine, Goal, Row};
use crate::figures::Spread;
use crate::raw::{Commits, Postgres, Replay, Sqlite};
use crate::say;
use crate::server::Server;

/// Pages that are read from the plain database in a round.
const PAGES: u64 = 3_000;
/// Commits of one person in a round, and of 64.
const SINGLE: usize = 200;
const GROUPS: usize = 16;
/// People of a group.
const GROUP: usize = 64;
/// The most people whose file is copied.
const MOST: u64 = 100_000;

/// The plain database.
pub(super) enum Raw {
    /// SQLite: rows of a table of its own, and those that the server wrote.
    Sqlite(Sqlite, Option<Replay>),
    /// PostgreSQL.
    Postgres(Postgres),
}

/// What a round of commits gave.
pub(super) struct Written {
    /// People of one row each.
    one_row: Commits,
    /// People of as many rows as the server writes.
    same_rows: Option<Commits>,
}

impl Raw {
    /// A database with so many people of one row.
    pub(super) fn create(stage: &Stage, people: u64) -> anyhow::Result<Self> {
        match &stage.cluster {
            None => Ok(Self::Sqlite(Sqlite::create(stage.folder(), people)?, None)),
            Some(cluster) => {
                Postgres::create(&cluster.url("raw"), cluster.process()?, people).map(Self::Postgres)
            }
        }
    }

    /// Takes down what the server on SQLite writes for people, where that was not done yet: enough for so many rounds over one
    /// connection, and over several twice. They are deleted again.
    pub(super) fn record(&mut self, stage: &Stage, server: &mut Server, rounds: usize) -> anyhow::Result<()> {
        let Self::Sqlite(_, replay @ None) = self else { return Ok(()) };
        if server.people()? > MOST {
            return Ok(());
        }
        let people = rounds * (SINGLE + 2 * GROUPS * GROUP);
        let recorded = Replay::record(&stage.file(), stage.folder(), || server.create_more(people))?;
        say(&format!("rows of a person: {:?}", recorded.rows_of_one()));
        server.delete_created()?;
        *replay = Some(recorded);
        Ok(())
    }

    /// Commits beside creating over so many connections: of one person over one, else the most that goes: in groups of 64 on
    /// SQLite, over 16 connections on PostgreSQL.
    pub(super) fn commits(&mut self, connections: usize, time: Duration) -> anyhow::Result<Written> {
        match self {
            Self::Sqlite(raw, replay) => {
                let (one_row, (people, commits)) = match connections {
                    1 => (raw.single(time)?, (1, SINGLE)),
                    _ => (raw.grouped(time)?, (GROUP, GROUPS)),
                };
                let same_rows = replay.as_mut().map(|replay| replay.commits(people, commits)).transpose()?;
                Ok(Written { one_row, same_rows })
            }
            Self::Postgres(raw) => {
                let one_row = raw.single(if connections == 1 { 1 } else { 16 }, time)?;
                Ok(Written { one_row, same_rows: None })
            }
        }
    }

    /// CPU microseconds of a page by key.
    pub(super) fn page(&self) -> anyhow::Result<f64> {
        match self {
            Self::Sqlite(raw, _) => raw.page(PAGES),
            Self::Postgres(raw) => raw.page(PAGES),
        }
    }
}

/// What creating over so many connections is held against: the goal is about the same rows, where there are some.
pub(super) fn creates(
    engine: Engine,
    connections: usize,
    figure: &Row,
    written: &[Written],
) -> anyhow::Result<Vec<Row>> {
    let of =
        if connections == 1 { |commits: &Commits| commits.p50 } else { |commits: &Commits| commits.rate };
    let median = |values: Vec<f64>| anyhow::Ok(Spread::of(&values).context("no round")?.median);
    let (name, goal) = match (engine, connections) {
        (_, 1) => ("raw commit", Goal::AtMost(1.3)),
        (Engine::Sqlite, 64) => ("raw in groups of 64", Goal::AtLeast(0.5)),
        (Engine::Sqlite, _) => ("raw in groups of 64", Goal::None),
        (Engine::Postgres, 64) => ("raw over 16 connections", Goal::AtLeast(0.5)),
        (Engine::Postgres, _) => ("raw over 16 connections", Goal::None),
    };
    let one_row = median(written.iter().map(|written| of(&written.one_row)).collect())?;
    let same: Vec<f64> = written.iter().filter_map(|written| written.same_rows.as_ref().map(of)).collect();
    if same.is_empty() {
        return Ok(vec![figure.clone().against(&format!("{name}, one row"), one_row, goal)]);
    }
    let same = figure.clone().against(&format!("{name}, the same rows"), median(same)?, goal);
    Ok(vec![same, figure.clone().against(&format!("{name}, one row"), one_row, Goal::None)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_goal_is_about_the_same_rows() {
        let commits = |rate, p50| Commits { rate, p50 };
        let figure = Row::new("create", "a second", 100.0);
        let written = [Written { one_row: commits(400.0, 1.0), same_rows: Some(commits(160.0, 2.0)) }];
        let rows = creates(Engine::Sqlite, 64, &figure, &written).expect("rows");
        let [same, one] = rows.as_slice() else { panic!("two rows: {rows:?}") };
        assert!((same.ratio() - 0.625).abs() < 1e-9 && same.met() && same.baseline.ends_with("same rows"));
        assert!(
            (one.ratio() - 0.25).abs() < 1e-9 && one.goal == Goal::None && one.baseline.ends_with("one row")
        );
        let written = [Written { one_row: commits(400.0, 50.0), same_rows: None }];
        let rows = creates(Engine::Postgres, 1, &figure, &written).expect("rows");
        let [one] = rows.as_slice() else { panic!("a row: {rows:?}") };
        assert!((one.ratio() - 2.0).abs() < 1e-9 && !one.met());
    }
}
