//! Several servers, in turns: what else the machine does falls on all of them.

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::args::{Plan, RunPlan};
use crate::figures::{Figures, Round};
use crate::http::Target;
use crate::say;
use crate::server::{Load, Server};
use crate::workload::Kind;

/// The figures of a workload on a server.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Measured {
    /// The workload's name.
    pub workload: String,
    /// Connections.
    pub connections: usize,
    /// The server's name.
    pub server: String,
    /// The figures.
    pub figures: Figures,
}

/// Measures, and prints a table.
///
/// # Errors
/// Where a server answers wrongly.
pub fn run(run: &RunPlan) -> anyhow::Result<()> {
    let mut servers = Vec::new();
    for named in &run.servers {
        let target = Target::new(&named.base, &named.token)?;
        let server = if named.bare {
            Server::bare(&named.name, &target, &named.processes)?
        } else {
            let people = named.people.unwrap_or(run.plan.people);
            let (server, filled) = Server::scim(&named.name, &target, &named.processes, people)
                .with_context(|| format!("preparing {}", named.name))?;
            if let Some(filled) = filled {
                say(&format!(
                    "{}: {} people created in {:.1} s; the last tenth at {:.2} times the rate of the rest",
                    named.name,
                    filled.people,
                    filled.seconds,
                    filled.last_over_rest().unwrap_or_default()
                ));
            }
            server
        };
        servers.push(server);
    }
    let measured = measure(&mut servers, &run.plan);
    let cleared: anyhow::Result<()> = servers.iter_mut().try_for_each(Server::clear);
    let measured = measured?;
    cleared?;
    for server in &servers {
        if !server.processes.is_empty() {
            let usage = server.usage()?;
            let mebibytes = |bytes: u64| bytes / (1024 * 1024);
            say(&format!(
                "{}: {} MiB resident, {} MiB at most",
                server.name,
                mebibytes(usage.resident),
                mebibytes(usage.peak)
            ));
        }
    }
    if let Some(file) = &run.plan.json {
        std::fs::write(file, serde_json::to_vec_pretty(&measured)?)
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

/// Measures the workloads of a plan on all servers in turns, and prints each as it is done.
///
/// # Errors
/// Where a server answers wrongly.
pub fn measure(servers: &mut [Server], plan: &Plan) -> anyhow::Result<Vec<Measured>> {
    say(HEAD);
    let mut all = Vec::new();
    for kind in Kind::chosen(&plan.only, &plan.groups)? {
        let usual = if plan.connections.is_empty() { &[16][..] } else { &plan.connections };
        for connections in usual {
            let load =
                Load { connections: *connections, pace: plan.pace, time: plan.time, changes: plan.changes };
            let rounds = rounds(servers.iter_mut(), kind, &load, plan.rounds)?;
            let first = all.len();
            for (server, rounds) in servers.iter().zip(&rounds) {
                let figures = Figures::of(rounds).context("no round")?;
                let workload = kind.to_string();
                let server = server.name.clone();
                all.push(Measured { workload, connections: *connections, server, figures });
            }
            let own = all.get(first..).unwrap_or_default();
            for measured in own {
                say(&line(measured, own.last()));
            }
        }
    }
    Ok(all)
}

/// The rounds of a workload on each server, in turns, after a warm-up.
///
/// # Errors
/// Where a server answers wrongly.
pub fn rounds<'s>(
    servers: impl IntoIterator<Item = &'s mut Server>,
    kind: Kind,
    load: &Load,
    count: usize,
) -> anyhow::Result<Vec<Vec<Round>>> {
    let mut servers: Vec<(&mut Server, Vec<Round>)> =
        servers.into_iter().map(|server| (server, Vec::with_capacity(count))).collect();
    let on = |server: &Server| format!("{kind} on {}", server.name);
    for (server, _) in &mut servers {
        server.warm_up(kind, load).with_context(|| on(server))?;
    }
    for _ in 0..count {
        for (server, rounds) in &mut servers {
            rounds.push(server.round(kind, load).with_context(|| on(server))?);
        }
    }
    Ok(servers.into_iter().map(|(_, rounds)| rounds).collect())
}

/// The head of the table of [`line`]s.
pub(crate) const HEAD: &str = "\
| workload | connections | server | CPU us: median (min-max) | x last server | operations/s: median (min-max) | p50, p99, p99.9 us |
| --- | --- | --- | --- | --- | --- | --- |";

/// A line of a table; CPU time as a multiple of another server's.
pub(crate) fn line(measured: &Measured, last: Option<&Measured>) -> String {
    let Figures { cpu, rate, p50, p99, p999, .. } = measured.figures;
    let ratio = cpu.zip(last.and_then(|last| last.figures.cpu)).map(|(own, last)| own.median / last.median);
    format!(
        "| {} | {} | {} | {} | {} | {:.0} ({:.0}-{:.0}) | {:.0}, {:.0}, {:.0} |",
        measured.workload,
        measured.connections,
        measured.server,
        cpu.map_or("-".to_owned(), |cpu| format!("{:.1} ({:.1}-{:.1})", cpu.median, cpu.min, cpu.max)),
        ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.2}")),
        rate.median,
        rate.min,
        rate.max,
        p50.median,
        p99.median,
        p999.median
    )
}
