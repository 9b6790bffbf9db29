//! The release binary beside a bare handler and the plain database, held against the project's goals.

mod baseline;
mod goals;
mod measures;
mod scale;
mod stage;

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};

pub use self::goals::{Goal, Row, table};
pub use self::scale::{ScalePlan, scale};

use self::measures::Measures;
use self::stage::Stage;
use crate::args::Plan;
use crate::run::Measured;
use crate::say;
use crate::setup::Filled;
use crate::workload::Kind;

/// The connections where nothing else is said.
const USUAL: usize = 16;

/// A database that Rollcall runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

impl fmt::Display for Engine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgresql",
        })
    }
}

impl std::str::FromStr for Engine {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        match text {
            "sqlite" => Ok(Self::Sqlite),
            "postgresql" => Ok(Self::Postgres),
            other => bail!("{other:?}: the engines are sqlite and postgresql"),
        }
    }
}

/// What is compared.
#[derive(Clone, Debug, PartialEq)]
pub struct ComparePlan {
    /// How it is measured. Where no connections are named: 16, and 1 and 64 besides for GET, the match and creating.
    pub plan: Plan,
    /// The release binary.
    pub binary: PathBuf,
    /// An earlier binary, measured beside it.
    pub before: Option<PathBuf>,
    /// The engines, one after the other.
    pub engines: Vec<Engine>,
    /// The folder of the last release's figures, one file for each engine.
    pub figures: Option<PathBuf>,
    /// Whether the figures are put there in place of those.
    pub keep: bool,
}

/// All that a comparison found on an engine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// Rollcall's version.
    pub version: String,
    /// The engine.
    pub engine: String,
    /// People in the directory.
    pub people: u64,
    /// Processors of the machine.
    pub processors: usize,
    /// The machine's load before and after, as `/proc/loadavg` has it.
    pub load: [String; 2],
    /// How filling went.
    pub filled: Option<Filled>,
    /// The figures beside their baselines.
    pub rows: Vec<Row>,
    /// The figures with their spreads and times.
    pub measured: Vec<Measured>,
}

/// Compares, prints tables and writes what was asked for.
///
/// # Errors
/// Where something does not start, or an answer is wrong. A goal that is not met is no error.
pub fn compare(compare: &ComparePlan) -> anyhow::Result<()> {
    let mut reports = Vec::new();
    for engine in &compare.engines {
        let Some(report) = on(*engine, compare)? else { continue };
        let file = |folder: &PathBuf| folder.join(format!("{engine}.json"));
        let file = compare.figures.as_ref().map(file);
        let before = file.as_deref().map(earlier).transpose()?.flatten();
        let rows = before.map(|before| before.rows).unwrap_or_default();
        let Report { people, processors, load: [begin, end], .. } = &report;
        say(&format!(
            "\n### {engine}: {people} people, {processors} processors, load {begin} before, {end} after\n"
        ));
        say(&table(&report.rows, &rows));
        if let Some(file) = file.filter(|_| compare.keep) {
            write(&file, &report)?;
        }
        reports.push(report);
    }
    if let Some(file) = &compare.plan.json {
        write(file, &reports)?;
    }
    Ok(())
}

fn on(engine: Engine, compare: &ComparePlan) -> anyhow::Result<Option<Report>> {
    let Some(stage) = Stage::start(engine, &compare.binary)? else { return Ok(None) };
    let before = load();
    say(&format!("\n{engine}: filling in {} people", compare.plan.people));
    let earlier = compare.before.as_ref().map(|binary| Stage::start(engine, binary)).transpose()?.flatten();
    let mut measures = Measures::prepare(engine, &stage, earlier.as_ref(), &compare.plan)?;
    measures.run()?;
    let version = env!("CARGO_PKG_VERSION").to_owned();
    Ok(Some(Report {
        version,
        engine: engine.to_string(),
        people: compare.plan.people,
        processors: std::thread::available_parallelism()?.get(),
        load: [before, load()],
        filled: measures.filled,
        rows: measures.rows,
        measured: measures.measured,
    }))
}

/// Over how many connections a workload is measured.
fn connections(plan: &Plan, kind: Kind) -> Vec<usize> {
    match (plan.connections.as_slice(), kind) {
        ([], Kind::Get | Kind::MatchUserName(true) | Kind::Create) => vec![1, USUAL, 64],
        ([], _) => vec![USUAL],
        (named, _) => named.to_vec(),
    }
}

fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_ascii_whitespace().next().unwrap_or("unknown").to_owned()
}

/// The figures of an earlier release, where there are some.
fn earlier(file: &Path) -> anyhow::Result<Option<Report>> {
    if !file.exists() {
        return Ok(None);
    }
    let text = std::fs::read(file)?;
    serde_json::from_slice(&text).map(Some).with_context(|| format!("{} is no report", file.display()))
}

fn write(file: &Path, report: &impl Serialize) -> anyhow::Result<()> {
    let mut text = serde_json::to_string_pretty(report)?;
    text.push('\n');
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}
