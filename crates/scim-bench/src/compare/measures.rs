//! What is measured, and what each figure is held against.

use std::collections::BTreeMap;

use anyhow::Context as _;

use super::baseline::{Raw, creates};
use super::stage::{BareProcess, Stage};
use super::{Engine, Goal, Row, USUAL, connections};
use crate::args::Plan;
use crate::figures::{Figures, Round, Spread};
use crate::http::Target;
use crate::run::{HEAD, Measured, line};
use crate::say;
use crate::server::{Load, Server};
use crate::setup::Filled;
use crate::workload::{Kind, Place};

/// CPU microseconds of the best other server at 10,000 people, by filter: on a machine of two cores, server and client on it.
const OTHERS: [(Kind, f64); 3] =
    [(Kind::Contains, 1_800.0), (Kind::And, 5_300.0), (Kind::ValuePath, 4_000.0)];

/// An earlier binary, which is measured beside the one that it is about.
struct Earlier<'s> {
    stage: &'s Stage,
    server: Server,
    filled: Option<Filled>,
    figures: BTreeMap<(Kind, usize), Figures>,
}

/// A comparison on its way.
pub(super) struct Measures<'s> {
    engine: Engine,
    stage: &'s Stage,
    plan: &'s Plan,
    server: Server,
    earlier: Option<Earlier<'s>>,
    bare: BareProcess,
    raw: Raw,
    figures: BTreeMap<(Kind, usize), Figures>,
    pub(super) filled: Option<Filled>,
    pub(super) rows: Vec<Row>,
    pub(super) measured: Vec<Measured>,
}

impl<'s> Measures<'s> {
    pub(super) fn prepare(
        engine: Engine,
        stage: &'s Stage,
        earlier: Option<&'s Stage>,
        plan: &'s Plan,
    ) -> anyhow::Result<Self> {
        let scim = |name: &str, stage: &Stage| {
            let target = Target::new(&stage.rollcall.base, &stage.rollcall.token)?;
            Server::scim(name, &target, &stage.processes()?, plan.people)
        };
        let (server, filled) = scim("rollcall", stage)?;
        let earlier = earlier.map(|stage| {
            let (server, filled) = scim("earlier", stage)?;
            anyhow::Ok(Earlier { stage, server, filled, figures: BTreeMap::new() })
        });
        let earlier = earlier.transpose()?;
        let raw = Raw::create(stage, plan.people)?;
        let bare = BareProcess::start("bare", stage.folder(), &server.body_of_one()?)?;
        let (figures, rows, measured) = (BTreeMap::new(), Vec::new(), Vec::new());
        Ok(Self { engine, stage, plan, server, earlier, bare, raw, figures, filled, rows, measured })
    }

    /// Measures everything, and puts a row for each goal.
    pub(super) fn run(&mut self) -> anyhow::Result<()> {
        say(HEAD);
        let kinds = Kind::chosen(&self.plan.only, &self.plan.groups)?;
        for kind in &kinds {
            for connections in connections(self.plan, *kind) {
                self.measure(*kind, connections).with_context(|| kind.to_string())?;
            }
        }
        self.held_against_one_another(&kinds);
        self.whole()?;
        if let Some(earlier) = &mut self.earlier {
            earlier.server.clear()?;
        }
        self.server.clear()
    }

    /// A workload's rounds, each beside its baseline.
    fn measure(&mut self, kind: Kind, connections: usize) -> anyhow::Result<()> {
        let Plan { pace, time, changes, rounds, .. } = *self.plan;
        let load = Load { connections, pace, time, changes };
        self.server.warm_up(kind, &load)?;
        if let Some(earlier) = &mut self.earlier {
            earlier.server.warm_up(kind, &load).context("the earlier binary")?;
        }
        let page = self.server.body_of_page(kind)?;
        let mut bare_page = page
            .map(|page| BareProcess::start(&format!("bare-{kind}"), self.stage.folder(), &page))
            .transpose()?;
        let (mut own, mut before, mut bare) = (Vec::new(), Vec::new(), Vec::new());
        let (mut raw, mut commits) = (Vec::new(), Vec::new());
        if kind == Kind::Create {
            self.raw.record(self.stage, &mut self.server, rounds)?;
        }
        for _ in 0..rounds {
            own.push(self.server.round(kind, &load)?);
            if let Some(earlier) = &mut self.earlier {
                before.push(earlier.server.round(kind, &load).context("the earlier binary")?);
            }
            if let Some(bare_page) = &mut bare_page {
                bare.push(bare_page.server.round(kind, &load)?);
                raw.push(self.raw.page()?);
            }
            match kind {
                Kind::Get | Kind::MatchUserName(_) | Kind::MatchExternalId(_) => {
                    bare.push(self.bare.server.round(kind, &load)?);
                }
                Kind::Create => commits.push(self.raw.commits(connections, time / 2)?),
                _ => {}
            }
        }
        let figures = self.note(kind, connections, "rollcall", &own)?;
        let earlier =
            if before.is_empty() { None } else { Some(self.note(kind, connections, "earlier", &before)?) };
        let bare = if bare.is_empty() { None } else { Some(self.note(kind, connections, "bare", &bare)?) };
        let bare = bare.and_then(|bare| bare.cpu).map(|cpu| cpu.median);
        let row = |unit: &str, of: fn(&Figures) -> f64| {
            let plural = if connections == 1 { "" } else { "s" };
            let workload = format!("{kind}, {connections} connection{plural}");
            Row::new(workload, unit, of(&figures)).earlier(earlier.as_ref().map(of))
        };
        let cpu = |figures: &Figures| figures.cpu.map_or(f64::NAN, |cpu| cpu.median);
        let rate = |figures: &Figures| figures.rate.median;
        if kind == Kind::Create {
            self.rows.push(row("us of CPU", cpu));
        }
        let row = match (kind, bare) {
            (Kind::Get, Some(bare)) => {
                row("us of CPU", cpu).against("bare", bare, Goal::AtMost(self.on(2.0, 4.0)))
            }
            (Kind::MatchUserName(_) | Kind::MatchExternalId(_), Some(bare)) => {
                row("us of CPU", cpu).against("bare", bare, Goal::AtMost(self.on(3.0, 5.0)))
            }
            (_, Some(bare)) if bare_page.is_some() => {
                let raw = Spread::of(&raw).context("no round")?.median;
                row("us of CPU", cpu).against("bare + page by key", bare + raw, Goal::AtMost(2.0))
            }
            (Kind::Create, _) => {
                let figure = match connections {
                    1 => row("us, half of them", |figures| figures.p50.median),
                    _ => row("a second", rate),
                };
                self.rows.extend(creates(self.engine, connections, &figure, &commits)?);
                return Ok(());
            }
            (Kind::Cycle, _) => {
                row("people a second", rate).against("wanted", self.on(2_000.0, 1_000.0), Goal::AtLeast(1.0))
            }
            _ => return Ok(()),
        };
        self.rows.push(row);
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
        match (measured.server.as_str(), &mut self.earlier) {
            ("rollcall", _) => drop(self.figures.insert((kind, connections), figures.clone())),
            ("earlier", Some(earlier)) => drop(earlier.figures.insert((kind, connections), figures.clone())),
            _ => {}
        }
        self.measured.push(measured);
        Ok(figures)
    }

    /// The one number on SQLite, the other one on PostgreSQL.
    fn on(&self, sqlite: f64, postgres: f64) -> f64 {
        if self.engine == Engine::Sqlite { sqlite } else { postgres }
    }

    /// CPU microseconds of a workload: now, and by the earlier binary.
    fn cpu(&self, kind: Kind) -> Option<(f64, Option<f64>)> {
        let connections = self.plan.connections.first().copied().unwrap_or(USUAL);
        let of =
            |figures: &BTreeMap<(Kind, usize), Figures>| Some(figures.get(&(kind, connections))?.cpu?.median);
        Some((of(&self.figures)?, self.earlier.as_ref().and_then(|earlier| of(&earlier.figures))))
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
                Kind::GroupedPage(Place::Last) => {
                    pairs.push((*kind, Kind::GroupedPage(Place::First), 1.3));
                }
                Kind::GroupedCursor(Place::Last) => {
                    pairs.push((*kind, Kind::GroupedCursor(Place::First), 1.3));
                }
                _ => {}
            }
        }
        for (kind, other, most) in pairs {
            if let (Some((cpu, earlier)), Some((against, _))) = (self.cpu(kind), self.cpu(other)) {
                let row = Row::new(kind.to_string(), "us of CPU", cpu).earlier(earlier);
                self.rows.push(row.against(&other.to_string(), against, Goal::AtMost(most)));
            }
        }
        for (kind, others) in OTHERS {
            if let Some((cpu, earlier)) = self.cpu(kind) {
                let row = Row::new(kind.to_string(), "us of CPU", cpu).earlier(earlier);
                self.rows.push(row.against("the best other server", others, Goal::AtMost(0.1)));
            }
        }
    }

    /// What concerns the server as a whole.
    fn whole(&mut self) -> anyhow::Result<()> {
        let earlier = self.earlier.as_ref();
        if let Some(filled) = &self.filled {
            let before = earlier.and_then(|earlier| earlier.filled.as_ref()).map(Filled::rate);
            let row =
                Row::new("fill by POST, 16 connections", "people a second", filled.rate()).earlier(before);
            self.rows.push(row.against("wanted", self.on(5_000.0, 2_500.0), Goal::AtLeast(1.0)));
            if let Some(last) = filled.last_over_rest() {
                let row = Row::new("last tenth of the fill", "times the rest's rate", last);
                self.rows.push(row.against("the rest", 1.0, Goal::AtLeast(0.85)));
            }
        }
        let mebibytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let usage = |stage: &Stage| crate::process::usage(&[stage.rollcall.id()]);
        let (now, before) = (usage(self.stage)?, earlier.map(|earlier| usage(earlier.stage)).transpose()?);
        let row = Row::new("memory after all that", "MiB resident", mebibytes(now.resident));
        let row = row.earlier(before.map(|before| mebibytes(before.resident)));
        self.rows.push(row.against("wanted", 150.0, Goal::AtMost(1.0)));
        let row = Row::new("memory at its height", "MiB resident", mebibytes(now.peak));
        let row = row.earlier(before.map(|before| mebibytes(before.peak)));
        self.rows.push(row.against("wanted", 150.0, Goal::None));
        let millis = |stage: &Stage| anyhow::Ok(stage.start_again()?.as_secs_f64() * 1e3);
        let before = earlier.map(|earlier| millis(earlier.stage)).transpose()?;
        let row = Row::new("start of a node", "ms", millis(self.stage)?).earlier(before);
        self.rows.push(row.against("wanted", 200.0, Goal::AtMost(1.0)));
        Ok(())
    }
}
