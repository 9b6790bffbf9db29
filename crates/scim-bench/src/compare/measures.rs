//! What is measured, and what each figure is held against.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context as _;

use super::stage::{BareProcess, Stage};
use super::{Engine, Goal, Row};
use crate::args::Plan;
use crate::figures::{Figures, Round, Spread};
use crate::http::Target;
use crate::raw::{Commits, Postgres, Sqlite};
use crate::run::{HEAD, Measured, line};
use crate::say;
use crate::server::{Load, Server};
use crate::setup::Filled;
use crate::workload::{Kind, Place};

/// The connections where nothing else is said.
const USUAL: usize = 16;
/// Pages that are read from the plain database in a round.
const PAGES: u64 = 3_000;
/// CPU microseconds of the best other server at 10,000 people, by filter: on a machine of two cores, server and client on it.
const OTHERS: [(Kind, f64); 3] =
    [(Kind::Contains, 1_800.0), (Kind::And, 5_300.0), (Kind::ValuePath, 4_000.0)];

/// The plain database.
enum Raw {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

impl Raw {
    /// Commits of one row each on one connection.
    fn single(&mut self, time: Duration) -> anyhow::Result<Commits> {
        match self {
            Self::Sqlite(raw) => raw.single(time),
            Self::Postgres(raw) => raw.single(1, time),
        }
    }

    /// The most that goes: in groups of 64 on SQLite, over 16 connections on PostgreSQL.
    fn many(&mut self, time: Duration) -> anyhow::Result<Commits> {
        match self {
            Self::Sqlite(raw) => raw.grouped(time),
            Self::Postgres(raw) => raw.single(16, time),
        }
    }

    fn page(&self) -> anyhow::Result<f64> {
        match self {
            Self::Sqlite(raw) => raw.page(PAGES),
            Self::Postgres(raw) => raw.page(PAGES),
        }
    }
}

/// A comparison on its way.
pub(super) struct Measures<'s> {
    engine: Engine,
    stage: &'s Stage,
    plan: &'s Plan,
    server: Server,
    bare: BareProcess,
    bare_page: BareProcess,
    raw: Raw,
    figures: BTreeMap<(Kind, usize), Figures>,
    pub(super) filled: Option<Filled>,
    pub(super) rows: Vec<Row>,
    pub(super) measured: Vec<Measured>,
}

impl<'s> Measures<'s> {
    pub(super) fn prepare(engine: Engine, stage: &'s Stage, plan: &'s Plan) -> anyhow::Result<Self> {
        let target = Target::new(&stage.rollcall.base, &stage.rollcall.token)?;
        let (server, filled) = Server::scim("rollcall", &target, &stage.processes()?, plan.people)?;
        let raw = match &stage.cluster {
            None => Raw::Sqlite(Sqlite::create(stage.folder(), plan.people)?),
            Some(cluster) => {
                Raw::Postgres(Postgres::create(&cluster.url("raw"), cluster.process()?, plan.people)?)
            }
        };
        let (one, page) = (server.body_of_one()?, server.body_of_page()?);
        let bare = BareProcess::start("bare", stage.folder(), &one)?;
        let bare_page = BareProcess::start("bare-page", stage.folder(), &page)?;
        let (figures, rows, measured) = (BTreeMap::new(), Vec::new(), Vec::new());
        Ok(Self { engine, stage, plan, server, bare, bare_page, raw, figures, filled, rows, measured })
    }

    /// Measures everything, and puts a row for each goal.
    pub(super) fn run(&mut self) -> anyhow::Result<()> {
        say(HEAD);
        let kinds = Kind::chosen(&self.plan.only, &self.plan.groups)?;
        for kind in &kinds {
            for connections in self.connections(*kind) {
                self.measure(*kind, connections).with_context(|| kind.to_string())?;
            }
        }
        self.held_against_one_another(&kinds);
        self.whole()?;
        self.server.clear()
    }

    fn connections(&self, kind: Kind) -> Vec<usize> {
        match (self.plan.connections.as_slice(), kind) {
            ([], Kind::Get | Kind::MatchUserName(true) | Kind::Create) => vec![1, USUAL, 64],
            ([], _) => vec![USUAL],
            (named, _) => named.to_vec(),
        }
    }

    /// A workload's rounds, each beside its baseline.
    fn measure(&mut self, kind: Kind, connections: usize) -> anyhow::Result<()> {
        let Plan { pace, time, changes, rounds, .. } = *self.plan;
        let load = Load { connections, pace, time, changes };
        let warm_up = Load { time: time / 4, ..load };
        self.server.round(kind, &warm_up)?;
        let (mut own, mut bare, mut raw, mut commits) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for _ in 0..rounds {
            own.push(self.server.round(kind, &load)?);
            match kind {
                Kind::Get | Kind::MatchUserName(_) | Kind::MatchExternalId(_) => {
                    bare.push(self.bare.server.round(kind, &load)?);
                }
                Kind::Page(_) | Kind::Cursor(_) => {
                    bare.push(self.bare_page.server.round(kind, &load)?);
                    raw.push(self.raw.page()?);
                }
                Kind::Create if connections == 1 => commits.push(self.raw.single(time / 2)?),
                Kind::Create => commits.push(self.raw.many(time / 2)?),
                _ => {}
            }
        }
        let figures = self.note(kind, connections, "rollcall", &own)?;
        let bare = if bare.is_empty() { None } else { Some(self.note(kind, connections, "bare", &bare)?) };
        let bare = bare.and_then(|bare| bare.cpu).map(|cpu| cpu.median);
        let cpu = figures.cpu.map(|cpu| cpu.median).unwrap_or(f64::NAN);
        let times = self.on(1.0, 2.0);
        match (kind, bare) {
            (Kind::Get, Some(bare)) => {
                let goal = Goal::AtMost(2.0 * times);
                self.row(kind, connections, "us of CPU", cpu, "bare", bare, goal);
            }
            (Kind::MatchUserName(_) | Kind::MatchExternalId(_), Some(bare)) => {
                let goal = Goal::AtMost(self.on(3.0, 5.0));
                self.row(kind, connections, "us of CPU", cpu, "bare", bare, goal);
            }
            (Kind::Page(_) | Kind::Cursor(_), Some(bare)) => {
                let raw = Spread::of(&raw).context("no round")?.median;
                let goal = Goal::AtMost(2.0);
                self.row(kind, connections, "us of CPU", cpu, "bare + page by key", bare + raw, goal);
            }
            (Kind::Create, _) if connections == 1 => {
                let raw = median(&commits, |commits| commits.p50)?;
                let (p50, goal) = (figures.p50.median, Goal::AtMost(1.3));
                self.row(kind, connections, "us, half of them", p50, "raw commit", raw, goal);
            }
            (Kind::Create, _) => {
                let raw = median(&commits, |commits| commits.rate)?;
                let name = match self.engine {
                    Engine::Sqlite => "raw in groups of 64",
                    Engine::Postgres => "raw over 16 connections",
                };
                let goal = if connections == 64 { Goal::AtLeast(0.5) } else { Goal::None };
                self.row(kind, connections, "a second", figures.rate.median, name, raw, goal);
            }
            (Kind::Cycle, _) => {
                let wanted = self.on(2_000.0, 1_000.0);
                let goal = Goal::AtLeast(1.0);
                self.row(kind, connections, "people a second", figures.rate.median, "wanted", wanted, goal);
            }
            _ => {}
        }
        Ok(())
    }

    /// Notes and tells the figures of some rounds.
    fn note(
        &mut self,
        kind: Kind,
        connections: usize,
        server: &str,
        rounds: &[Round],
    ) -> anyhow::Result<Figures> {
        let figures = Figures::of(rounds).context("no round")?;
        let (workload, server) = (kind.to_string(), server.to_owned());
        let measured = Measured { workload, connections, server, figures: figures.clone() };
        say(&line(&measured, None));
        if measured.server == "rollcall" {
            self.figures.insert((kind, connections), figures.clone());
        }
        self.measured.push(measured);
        Ok(figures)
    }

    #[expect(clippy::too_many_arguments, reason = "a row of a table has as many columns")]
    fn row(
        &mut self,
        what: impl std::fmt::Display,
        connections: usize,
        unit: &str,
        figure: f64,
        baseline: &str,
        against: f64,
        goal: Goal,
    ) {
        let workload =
            if connections == 0 { what.to_string() } else { format!("{what}, {connections} connections") };
        let (unit, baseline) = (unit.to_owned(), baseline.to_owned());
        self.rows.push(Row { workload, unit, figure, baseline, against, goal });
    }

    /// The one number on SQLite, the other one on PostgreSQL.
    fn on(&self, sqlite: f64, postgres: f64) -> f64 {
        if self.engine == Engine::Sqlite { sqlite } else { postgres }
    }

    fn cpu(&self, kind: Kind) -> Option<f64> {
        let connections = self.plan.connections.first().copied().unwrap_or(USUAL);
        Some(self.figures.get(&(kind, connections))?.cpu?.median)
    }

    /// Workloads that are held against others of the same server.
    fn held_against_one_another(&mut self, kinds: &[Kind]) {
        let mut pairs: Vec<(Kind, Kind, f64)> = Vec::new();
        for kind in kinds {
            match kind {
                Kind::Patch | Kind::Put | Kind::Delete => pairs.push((*kind, Kind::Create, 1.2)),
                Kind::MemberAdd(size) => {
                    pairs.push((*kind, Kind::Patch, 1.2));
                    let least = self.plan.groups.iter().min().copied().filter(|least| least != size);
                    pairs.extend(least.map(|least| (*kind, Kind::MemberAdd(least), 1.3)));
                }
                Kind::MemberRemove(size) => {
                    pairs.push((*kind, Kind::Patch, 1.2));
                    let least = self.plan.groups.iter().min().copied().filter(|least| least != size);
                    pairs.extend(least.map(|least| (*kind, Kind::MemberRemove(least), 1.3)));
                }
                Kind::Page(Place::Last) => pairs.push((*kind, Kind::Page(Place::First), 1.3)),
                Kind::Cursor(Place::Last) => pairs.push((*kind, Kind::Cursor(Place::First), 1.3)),
                _ => {}
            }
        }
        for (kind, other, most) in pairs {
            if let (Some(cpu), Some(against)) = (self.cpu(kind), self.cpu(other)) {
                self.row(kind, 0, "us of CPU", cpu, &other.to_string(), against, Goal::AtMost(most));
            }
        }
        for (kind, others) in OTHERS {
            if let Some(cpu) = self.cpu(kind) {
                self.row(kind, 0, "us of CPU", cpu, "the best other server", others, Goal::AtMost(0.1));
            }
        }
    }

    /// What concerns the server as a whole.
    fn whole(&mut self) -> anyhow::Result<()> {
        if let Some(filled) = self.filled.clone() {
            let rate = filled.people as f64 / filled.seconds.max(1e-9);
            let wanted = self.on(5_000.0, 2_500.0);
            self.row("fill by POST", USUAL, "people a second", rate, "wanted", wanted, Goal::AtLeast(1.0));
            if let Some(last) = filled.last_over_rest() {
                let unit = "times the rest's rate";
                self.row("last tenth of the fill", USUAL, unit, last, "the rest", 1.0, Goal::AtLeast(0.85));
            }
        }
        let rollcall = crate::process::usage(&[self.stage.rollcall.id()])?;
        let mebibytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let goal = Goal::AtMost(1.0);
        self.row(
            "memory after all that",
            0,
            "MiB resident",
            mebibytes(rollcall.resident),
            "wanted",
            150.0,
            goal,
        );
        self.row(
            "memory at its height",
            0,
            "MiB resident",
            mebibytes(rollcall.peak),
            "wanted",
            150.0,
            Goal::None,
        );
        let start = self.stage.start_again()?.as_secs_f64() * 1e3;
        self.row("start of a node", 0, "ms", start, "wanted", 200.0, goal);
        Ok(())
    }
}

fn median(commits: &[Commits], of: fn(&Commits) -> f64) -> anyhow::Result<f64> {
    let values: Vec<f64> = commits.iter().map(of).collect();
    Ok(Spread::of(&values).context("no round")?.median)
}
