//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::bare::Bare;
use crate::compare::{ComparePlan, Engine, ScalePlan};
use crate::drive::Pace;
use crate::shapes;

/// How it is used.
pub const USAGE: &str = "\
scim-bench run  measures servers side by side
  --base URL          a server; what follows up to the next --base is about it
    --token TOKEN     its bearer token
    --pid ID          a process of it whose CPU time counts, with all below it; several are possible
    --name NAME       what it is called (its address)
    --people N        people in its directory, where not as many as in the others
    --bare            it answers everything alike (scim-bench bare): nothing is prepared there
  --only WORKLOAD...  workloads whose names begin like this (all); `match` is four of them
  --groups SIZES      sizes of groups for member-add and member-remove, with commas (100,1000,10000)
  --connections N,... (16)
  --people N          people in the directory; who is missing is created by POST and stays (10000)
  --rounds N          rounds, of which the median counts (5)
  --seconds S         a round (2)
  --changes N         the most operations of a round that creates, deletes or moves people (4000)
  --rate R            operations a second whatever the server does (open loop); without it as fast as it answers
  --quick             one round of half a second
  --json FILE         writes the figures there, too

scim-bench compare  measures Rollcall beside a bare handler and the plain database, and says which goals are met
  --rollcall FILE     the release binary
  --before FILE       an earlier binary, measured beside it
  --engine NAME       sqlite or postgresql; several are possible (both, where PostgreSQL is installed)
  --figures DIR       the last release's figures, for ratios against them
  --keep              puts the new figures there
  and the options of run from --only on; --connections is 16, with 1 and 64 for get, match-user-name and create

scim-bench scale  measures Rollcall with many people beside Rollcall with few, and says what grows with them
  --large N           people in the large directory (1000000); --people is the small one
  and --rollcall, --engine and the options of run from --only on; groups of 100000, too

scim-bench bare  an actix-web handler that sends a ready body
  --listen ADDRESS    (127.0.0.1:0; the address is printed)
  --body FILE         the body; a person of 1.2 KB where there is none
";

/// What is to be done.
#[derive(Debug)]
pub enum Command {
    /// Measure.
    Run(RunPlan),
    /// Compare Rollcall with its goals.
    Compare(ComparePlan),
    /// Compare a large directory with a small one.
    Scale(ScalePlan),
    /// Serve a ready body.
    Bare(Bare),
    /// Say how it is used.
    Help,
}

/// A server on the command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// The SCIM base URL.
    pub base: String,
    /// The bearer token.
    pub token: String,
    /// Processes.
    pub processes: Vec<u32>,
    /// What it is called.
    pub name: String,
    /// People in its directory, where not those of the plan.
    pub people: Option<u64>,
    /// Whether it answers everything alike.
    pub bare: bool,
}

/// How servers are measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Beginnings of names of workloads; none means all.
    pub only: Vec<String>,
    /// Sizes of groups.
    pub groups: Vec<usize>,
    /// Connections; none means the usual ones.
    pub connections: Vec<usize>,
    /// People.
    pub people: u64,
    /// Rounds.
    pub rounds: usize,
    /// How long a round takes.
    pub time: Duration,
    /// The most changes of a round.
    pub changes: usize,
    /// When requests are sent.
    pub pace: Pace,
    /// Where figures are written as JSON.
    pub json: Option<PathBuf>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            only: Vec::new(),
            groups: vec![100, 1_000, 10_000],
            connections: Vec::new(),
            people: 10_000,
            rounds: 5,
            time: Duration::from_secs(2),
            changes: 4_000,
            pace: Pace::Closed,
            json: None,
        }
    }
}

/// Servers and how they are measured.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunPlan {
    /// The servers.
    pub servers: Vec<Named>,
    /// How they are measured.
    pub plan: Plan,
}

/// The words that are left.
type Rest<'a> = std::iter::Peekable<std::slice::Iter<'a, String>>;

impl Command {
    /// From the words after the program's name.
    ///
    /// # Errors
    /// Where a word is not understood.
    pub fn parse(words: &[String]) -> anyhow::Result<Self> {
        let (command, rest) = words.split_first().map_or(("help", words), |(word, rest)| (word, rest));
        match command {
            "run" => run(rest.iter().peekable()).map(Self::Run),
            "compare" => compare(rest.iter().peekable()).map(Self::Compare),
            "scale" => scale(rest.iter().peekable()).map(Self::Scale),
            "bare" => bare(rest.iter().peekable()).map(Self::Bare),
            "help" | "--help" | "-h" => Ok(Self::Help),
            other => bail!("{other:?} is no command\n{USAGE}"),
        }
    }
}

fn run(mut rest: Rest<'_>) -> anyhow::Result<RunPlan> {
    let mut run = RunPlan::default();
    while let Some(word) = rest.next() {
        let last = || "before it, --base names the server";
        match word.as_str() {
            "--base" => {
                let base = value(word, &mut rest)?;
                run.servers.push(Named { name: base.clone(), base, ..Named::default() });
            }
            "--token" => run.servers.last_mut().with_context(last)?.token = value(word, &mut rest)?,
            "--name" => run.servers.last_mut().with_context(last)?.name = value(word, &mut rest)?,
            "--bare" => run.servers.last_mut().with_context(last)?.bare = true,
            "--pid" => {
                let id = number(word, &mut rest)?;
                run.servers.last_mut().with_context(last)?.processes.push(id);
            }
            "--people" if !run.servers.is_empty() => {
                let people: u64 = number(word, &mut rest)?;
                if people == 0 {
                    bail!("{word} must be above 0");
                }
                run.servers.last_mut().with_context(last)?.people = Some(people);
            }
            _ => run.plan.take(word, &mut rest)?,
        }
    }
    if run.servers.is_empty() {
        bail!("--base is missing\n{USAGE}");
    }
    Ok(run)
}

impl Plan {
    /// Takes an option that says how servers are measured.
    pub(crate) fn take(&mut self, word: &str, rest: &mut Rest<'_>) -> anyhow::Result<()> {
        match word {
            "--only" => {
                while let Some(name) = rest.next_if(|word| !word.starts_with("--")) {
                    self.only.extend(name.split(',').map(str::to_owned));
                }
            }
            "--groups" => self.groups = numbers(word, rest)?,
            "--connections" => self.connections = numbers(word, rest)?,
            "--people" => self.people = number(word, rest)?,
            "--rounds" => self.rounds = number(word, rest)?,
            "--changes" => self.changes = number(word, rest)?,
            "--seconds" => self.time = Duration::try_from_secs_f64(number(word, rest)?)?,
            "--rate" => {
                let rate: f64 = number(word, rest)?;
                if !(rate.is_finite() && rate > 0.0) {
                    bail!("--rate must be above 0");
                }
                self.pace = Pace::Open(rate);
            }
            "--quick" => (self.rounds, self.time, self.changes) = (1, Duration::from_millis(500), 500),
            "--json" => self.json = Some(value(word, rest)?.into()),
            other => bail!("{other:?} is unknown\n{USAGE}"),
        }
        if self.rounds == 0 || self.changes == 0 || self.people == 0 || self.connections.contains(&0) {
            bail!("{word} must be above 0");
        }
        Ok(())
    }
}

fn compare(mut rest: Rest<'_>) -> anyhow::Result<ComparePlan> {
    let (mut plan, mut binary, mut before) = (Plan::default(), None, None);
    let (mut engines, mut figures, mut keep) = (Vec::new(), None, false);
    while let Some(word) = rest.next() {
        match word.as_str() {
            "--rollcall" => binary = Some(value(word, &mut rest)?.into()),
            "--before" => before = Some(value(word, &mut rest)?.into()),
            "--engine" => engines.push(value(word, &mut rest)?.parse()?),
            "--figures" => figures = Some(value(word, &mut rest)?.into()),
            "--keep" => keep = true,
            _ => plan.take(word, &mut rest)?,
        }
    }
    if engines.is_empty() {
        engines = vec![Engine::Sqlite, Engine::Postgres];
    }
    if keep && figures.is_none() {
        bail!("--keep needs --figures: where they are kept");
    }
    let binary = binary.with_context(|| format!("--rollcall is missing\n{USAGE}"))?;
    Ok(ComparePlan { plan, binary, before, engines, figures, keep })
}

fn scale(mut rest: Rest<'_>) -> anyhow::Result<ScalePlan> {
    let plan = Plan { groups: vec![100, 1_000, 10_000, 100_000], ..Plan::default() };
    let (mut plan, mut binary, mut engines, mut large) = (plan, None, Vec::new(), 1_000_000);
    while let Some(word) = rest.next() {
        match word.as_str() {
            "--rollcall" => binary = Some(value(word, &mut rest)?.into()),
            "--engine" => engines.push(value(word, &mut rest)?.parse()?),
            "--large" => large = number(word, &mut rest)?,
            _ => plan.take(word, &mut rest)?,
        }
    }
    if engines.is_empty() {
        engines = vec![Engine::Sqlite, Engine::Postgres];
    }
    let binary = binary.with_context(|| format!("--rollcall is missing\n{USAGE}"))?;
    if large <= plan.people {
        bail!("--large must be above --people");
    }
    Ok(ScalePlan { plan, binary, engines, large })
}

fn bare(mut rest: Rest<'_>) -> anyhow::Result<Bare> {
    let mut bare = Bare { listen: "127.0.0.1:0".to_owned(), body: Vec::new() };
    shapes::person(&mut bare.body, shapes::STAYING, 0, 0);
    while let Some(word) = rest.next() {
        match word.as_str() {
            "--listen" => bare.listen = value(word, &mut rest)?,
            "--body" => {
                let file = value(word, &mut rest)?;
                bare.body = std::fs::read(&file).with_context(|| format!("cannot read {file}"))?;
            }
            other => bail!("{other:?} is unknown\n{USAGE}"),
        }
    }
    Ok(bare)
}

fn value(word: &str, rest: &mut Rest<'_>) -> anyhow::Result<String> {
    rest.next().cloned().with_context(|| format!("{word} needs a value"))
}

fn number<N: std::str::FromStr>(word: &str, rest: &mut Rest<'_>) -> anyhow::Result<N> {
    let text = value(word, rest)?;
    text.replace('_', "").parse().ok().with_context(|| format!("{word}: {text:?} is no such number"))
}

fn numbers(word: &str, rest: &mut Rest<'_>) -> anyhow::Result<Vec<usize>> {
    let text = value(word, rest)?;
    let numbers = text.replace('_', "");
    let numbers = numbers.split(',').filter(|number| !number.is_empty()).map(str::parse);
    numbers
        .collect::<Result<_, _>>()
        .ok()
        .with_context(|| format!("{word}: {text:?} are no numbers with commas between them"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> anyhow::Result<Command> {
        Command::parse(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn options_belong_to_the_server_before_them() {
        let text = "run --people 500 --base http://a --token k --people 1_000_000 --pid 1 --pid 2 --base http://b --bare --name b --only get match,put --rounds 7 --rate 1_000";
        let Command::Run(run) = parse(text).expect("a run") else { panic!("no run") };
        let a = Named {
            base: "http://a".to_owned(),
            token: "k".to_owned(),
            processes: vec![1, 2],
            name: "http://a".to_owned(),
            people: Some(1_000_000),
            bare: false,
        };
        let b = Named { base: "http://b".to_owned(), name: "b".to_owned(), bare: true, ..Named::default() };
        assert_eq!(run.servers, [a, b]);
        let plan = run.plan;
        assert_eq!((plan.only.len(), plan.rounds, plan.people), (3, 7, 500));
        assert_eq!(plan.pace, Pace::Open(1000.0));
    }

    #[test]
    fn what_is_not_understood_is_named() {
        let check = |text: &str, expected: &str| {
            let error = parse(text).expect_err(text).to_string();
            assert!(error.starts_with(expected), "{text}: {error}");
        };
        check("walk", "\"walk\" is no command");
        check("run", "--base is missing");
        check("run --token x", "before it, --base");
        check("run --base http://a --rounds", "--rounds needs a value");
        check("run --base http://a --rounds x", "--rounds: \"x\" is no such number");
        check("run --base http://a --connections 1,0", "--connections must be above 0");
        check("run --base http://a --people 0", "--people must be above 0");
        check("run --base http://a --rate -1", "--rate must be above 0");
        check("compare", "--rollcall is missing");
        check("compare --rollcall r --engine oracle", "\"oracle\": the engines are");
        check("compare --rollcall r --keep", "--keep needs --figures");
        check("scale", "--rollcall is missing");
        check("scale --rollcall r --people 50 --large 50", "--large must be above --people");
        check("bare --size 3", "\"--size\" is unknown");
    }
}
