//! `just scale`: how much slower a directory of a million is than one of ten thousand, over HTTP, on each backend.
//!
//! Both directories are loaded by the command line's own imports into databases of their own, and both servers run at the
//! same time: requests to the one and to the other alternate, so that a busy machine is busy for both.

mod http;
mod load;
mod measure;

use anyhow::{Context as _, bail};

use self::load::{Place, Size};
use self::measure::Figure;
use crate::shell::{cargo, check, say};

const USAGE: &str = "usage: cargo xtask scale [--backend sqlite|postgres]... [--base PEOPLE] [--people PEOPLE] [--rounds N] [--requests N] [--keep DIR] [--over BASE_URL,LARGE_URL]";

/// The most that the median of the large directory may be, as a multiple of the small one's.
const GOAL: f64 = 1.3;

/// What is measured.
pub(crate) struct Plan {
    backends: Vec<Backend>,
    base: Size,
    large: Size,
    /// Rounds of each operation on either directory.
    rounds: usize,
    /// Requests of a round.
    requests: usize,
    /// Where the SQLite files and the data folders go and stay.
    keep: Option<std::path::PathBuf>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Backend {
    Sqlite,
    Postgres,
    /// Two databases of a server of one's own.
    Over(String, String),
}

impl Plan {
    /// What the command line asks for.
    fn parse(arguments: &[String]) -> anyhow::Result<Self> {
        let mut plan = Self {
            backends: Vec::new(),
            base: Size::of(10_000),
            large: Size::of(1_000_000),
            rounds: 5,
            requests: 100,
            keep: None,
        };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let value = rest.next().context(USAGE)?;
            match argument.as_str() {
                "--backend" if value == "sqlite" => plan.backends.push(Backend::Sqlite),
                "--backend" if value == "postgres" => plan.backends.push(Backend::Postgres),
                "--base" => plan.base = Size::of(number(value)?),
                "--people" => plan.large = Size::of(number(value)?),
                "--rounds" => plan.rounds = number(value)?,
                "--requests" => plan.requests = number(value)?,
                "--keep" => plan.keep = Some(value.into()),
                "--over" => {
                    let (base, large) = value.split_once(',').context(USAGE)?;
                    plan.backends.push(Backend::Over(base.to_owned(), large.to_owned()));
                }
                _ => bail!(USAGE),
            }
        }
        if plan.backends.is_empty() {
            plan.backends = vec![Backend::Sqlite, Backend::Postgres];
        }
        Ok(plan)
    }
}

fn number(text: &str) -> anyhow::Result<usize> {
    text.replace('_', "").parse().ok().filter(|number| *number > 0).context(USAGE)
}

/// Runs it; whether every operation is within the goal.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<bool> {
    let plan = Plan::parse(arguments)?;
    check(&mut cargo(&["build", "--release", "-p", "rollcall"]))?;
    let mut within = true;
    for backend in &plan.backends {
        within &= on(backend, &plan)?;
    }
    Ok(within)
}

fn on(backend: &Backend, plan: &Plan) -> anyhow::Result<bool> {
    let temporary = tempfile::tempdir()?;
    let folder = plan.keep.as_deref().unwrap_or(temporary.path());
    let place = |name: &str, url: &str| Place { database: url.to_owned(), data: folder.join(name) };
    let figures = match backend {
        Backend::Sqlite => {
            let url = |name: &str| format!("sqlite:{}", folder.join(format!("{name}.db")).display());
            compare(plan, &place("base", &url("base")), &place("large", &url("large")))?
        }
        Backend::Over(base, large) => compare(plan, &place("base", base), &place("large", large))?,
        Backend::Postgres => {
            let cluster =
                testbed::Cluster::start(testbed::Durability::On)?.context("PostgreSQL is not installed")?;
            // What a database of this size would be given; the rest is the system's cache.
            for setting in ["shared_buffers=1GB", "max_wal_size=4GB", "effective_cache_size=4GB"] {
                cluster.set(setting);
            }
            cluster.restart(testbed::Stop::Fast)?;
            let (base, large) = (cluster.database()?, cluster.database()?);
            compare(plan, &place("base", base.url()), &place("large", large.url()))?
        }
    };
    let name = match backend {
        Backend::Sqlite => "SQLite",
        Backend::Postgres => "PostgreSQL",
        Backend::Over(..) => "The databases that were named",
    };
    say(&format!("\n### {name}\n\n{}", table(plan, &figures)));
    Ok(figures.iter().all(|figure| figure.ratio() <= GOAL))
}

/// Loads both, then measures them in turns.
fn compare(plan: &Plan, base: &Place, large: &Place) -> anyhow::Result<Vec<Figure>> {
    let small = load::load(base, &plan.base)?;
    let large = load::load(large, &plan.large)?;
    measure::measure(&small, &large, plan.rounds, plan.requests)
}

fn table(plan: &Plan, figures: &[Figure]) -> String {
    let mut lines = vec![
        format!(
            "| operation | {}: median, 95 % | {}: median, 95 % | ratio of medians |",
            plan.base.people, plan.large.people
        ),
        "| --- | --- | --- | --- |".to_owned(),
    ];
    let millis = |micros: u64| format!("{}.{:02}", micros / 1000, micros % 1000 / 10);
    for figure in figures {
        let times = |times: &[u64]| {
            format!("{}, {} ms", millis(measure::at(times, 50)), millis(measure::at(times, 95)))
        };
        let over = if figure.ratio() > GOAL { " (above 1.3)" } else { "" };
        lines.push(format!(
            "| {} | {} | {} | {:.2}{over} |",
            figure.what,
            times(&figure.base),
            times(&figure.large),
            figure.ratio()
        ));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_read_from_its_arguments() {
        let check = |arguments: &str, expected: Option<(&[Backend], usize, usize, usize)>| {
            let arguments: Vec<String> = arguments.split_whitespace().map(str::to_owned).collect();
            let plan = Plan::parse(&arguments).ok();
            let seen = plan.as_ref().map(|plan| {
                (plan.backends.as_slice(), plan.base.people, plan.large.people, plan.large.largest_group)
            });
            assert_eq!(seen, expected, "{arguments:?}");
        };
        check("", Some((&[Backend::Sqlite, Backend::Postgres], 10_000, 1_000_000, 100_000)));
        check("--backend sqlite --people 20_000", Some((&[Backend::Sqlite], 10_000, 20_000, 2_000)));
        check("--people", None);
        check("--people none", None);
        check("--backend oracle", None);
    }

    #[test]
    fn a_table_says_what_is_above_the_goal() {
        let plan = Plan::parse(&[]).expect("a plan");
        let figure =
            |what, base: u64, large: u64| Figure { what, base: vec![base; 3], large: vec![large; 3] };
        let table = table(&plan, &[figure("GET", 1000, 1300), figure("create", 2050, 4100)]);
        assert_eq!(
            table.lines().skip(2).collect::<Vec<_>>(),
            [
                "| GET | 1.00, 1.00 ms | 1.30, 1.30 ms | 1.30 |",
                "| create | 2.05, 2.05 ms | 4.10, 4.10 ms | 2.00 (above 1.3) |"
            ]
        );
    }
}
