//! A large directory beside a small one, of the same binary on the same machine, in turns: what grows with the directory.

use std::path::PathBuf;

use anyhow::Context as _;

use super::stage::Stage;
use super::{Engine, Goal, Row, connections, load, table};
use crate::args::Plan;
use crate::figures::Figures;
use crate::http::Target;
use crate::run::{HEAD, Measured, line, rounds};
use crate::say;
use crate::server::{Load, Server};
use crate::workload::Kind;

/// How much more a request may cost.
const MOST: f64 = 1.3;

/// What is compared.
#[derive(Clone, Debug, PartialEq)]
pub struct ScalePlan {
    /// How it is measured; its people are those of the small directory.
    pub plan: Plan,
    /// The release binary.
    pub binary: PathBuf,
    /// The engines, one after the other.
    pub engines: Vec<Engine>,
    /// The people of the large directory.
    pub large: u64,
}

/// Fills two directories, measures them in turns, and prints a table.
///
/// # Errors
/// Where something does not start, or an answer is wrong. A goal that is not met is no error.
pub fn scale(scale: &ScalePlan) -> anyhow::Result<()> {
    let plan = &scale.plan;
    for engine in &scale.engines {
        let stage = || Stage::start(*engine, &scale.binary);
        let (Some(small), Some(large)) = (stage()?, stage()?) else { continue };
        let before = load();
        let mut rows = Vec::new();
        let mut servers = Vec::new();
        for (stage, people) in [(&small, plan.people), (&large, scale.large)] {
            say(&format!("\n{engine}: filling in {people} people"));
            let target = Target::new(&stage.rollcall.base, &stage.rollcall.token)?;
            let (server, filled) = Server::scim(&people.to_string(), &target, &stage.processes()?, people)?;
            let filled = filled.context("the directory was not empty")?;
            let row = Row::new(format!("fill with {people}"), "people a second", filled.rate());
            rows.push(row);
            servers.push(server);
        }
        say(HEAD);
        for kind in Kind::chosen(&plan.only, &plan.groups)? {
            for connections in connections(plan, kind) {
                rows.extend(measured(&mut servers, plan, kind, connections)?);
            }
        }
        for (stage, people) in [(&small, plan.people), (&large, scale.large)] {
            let usage = crate::process::usage(&[stage.rollcall.id()])?;
            let resident = usage.resident as f64 / f64::from(1 << 20);
            let row = Row::new(format!("memory with {people}"), "MiB resident", resident);
            rows.push(row.against("wanted", 150.0, Goal::AtMost(1.0)));
            let row =
                Row::new(format!("start with {people}"), "ms", stage.start_again()?.as_secs_f64() * 1e3);
            rows.push(row.against("wanted", 200.0, Goal::AtMost(1.0)));
        }
        let head = format!("\n### {engine}: {} people beside {}", scale.large, plan.people);
        say(&format!("{head}, load {before} before, {} after\n\n{}", load(), table(&rows, &[])));
    }
    Ok(())
}

/// A workload on both; a group that is larger than the small directory on the large one alone.
fn measured(servers: &mut [Server], plan: &Plan, kind: Kind, connections: usize) -> anyhow::Result<Vec<Row>> {
    let load = Load { connections, pace: plan.pace, time: plan.time, changes: plan.changes };
    let fits = |server: &&mut Server| match kind {
        Kind::MemberAdd(size) | Kind::MemberRemove(size) => {
            server.name.parse().is_ok_and(|people: usize| size <= people)
        }
        _ => true,
    };
    let mut figures = Vec::new();
    let fitting: Vec<&mut Server> = servers.iter_mut().filter(fits).collect();
    let names: Vec<String> = fitting.iter().map(|server| server.name.clone()).collect();
    let all = rounds(fitting, kind, &load, plan.rounds)?;
    for (name, rounds) in names.into_iter().zip(&all) {
        let of = Figures::of(rounds).context("no round")?;
        let workload = kind.to_string();
        say(&line(&Measured { workload, connections, server: name.clone(), figures: of.clone() }, None));
        figures.push((name, of));
    }
    Ok(held_against(&figures, kind, connections))
}

/// The large one's figures held against the small one's: CPU of a request, and how long a creation over one connection takes.
fn held_against(figures: &[(String, Figures)], kind: Kind, connections: usize) -> Vec<Row> {
    let plural = if connections == 1 { "" } else { "s" };
    let workload = format!("{kind}, {connections} connection{plural}");
    let cpu = |figures: &Figures| figures.cpu.map_or(f64::NAN, |cpu| cpu.median);
    let row = |unit: &str, of: &dyn Fn(&Figures) -> f64| match figures {
        [(name, small), (_, large)] => {
            let row = Row::new(workload.clone(), unit, of(large));
            Some(row.against(&format!("with {name}"), of(small), Goal::AtMost(MOST)))
        }
        [(_, only)] => Some(Row::new(workload.clone(), unit, of(only))),
        _ => None,
    };
    let mut rows: Vec<Row> = row("us of CPU", &cpu).into_iter().collect();
    if connections == 1 {
        rows.extend(row("us, half of them", &|figures| figures.p50.median));
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::Spread;

    #[test]
    fn the_large_one_is_held_against_the_small_one() {
        let figures = |value: f64| {
            let spread = Spread::of(&[value]).expect("a value");
            Figures {
                cpu: Some(spread),
                rate: spread,
                p50: spread,
                p99: spread,
                p999: spread,
                ..Figures::default()
            }
        };
        let both = [("10".to_owned(), figures(100.0)), ("1000".to_owned(), figures(140.0))];
        let rows = held_against(&both, Kind::Get, 1);
        let [cpu, half] = rows.as_slice() else { panic!("two rows: {rows:?}") };
        assert!((cpu.ratio() - 1.4).abs() < 1e-9 && !cpu.met() && cpu.baseline == "with 10");
        assert_eq!(half.unit, "us, half of them");
        let rows = held_against(&both[1..], Kind::MemberAdd(500), 16);
        let [alone] = rows.as_slice() else { panic!("a row: {rows:?}") };
        assert!(alone.goal == Goal::None && alone.workload == "member-add-500, 16 connections");
    }
}
