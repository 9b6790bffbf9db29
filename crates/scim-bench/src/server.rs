//! A server that is measured.

use std::time::Duration;

use anyhow::Context as _;

use crate::drive::{Driver, End, Outcome, Pace};
use crate::figures::Round;
use crate::http::{Target, encoded};
use crate::process::{self, Usage};
use crate::random::Random;
use crate::setup::{Directory, Filled, PAGE};
use crate::shapes::{self, STAYING};
use crate::workload::{
    Change, Changes, Check, Creates, Cycle, Deletes, Edit, Kind, Members, Place, Reads, Workload,
};

/// How a round is run.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Connections.
    pub connections: usize,
    /// When requests are sent.
    pub pace: Pace,
    /// How long it takes.
    pub time: Duration,
    /// The most operations of it, where they change something: they need people who come and go.
    pub changes: usize,
}

/// A server with its directory and its processes.
#[derive(Debug)]
pub struct Server {
    /// What it is called in tables.
    pub name: String,
    /// Its processes, whose CPU time counts.
    pub processes: Vec<u32>,
    directory: Directory,
    /// Whether it is a bare handler, which answers every request alike: it is asked for one person whatever the workload.
    bare: bool,
}

impl Server {
    /// A SCIM server, with so many people; they are created where they are missing.
    ///
    /// # Errors
    /// Where it refuses something.
    pub fn scim(
        name: &str,
        target: &Target,
        processes: &[u32],
        people: u64,
    ) -> anyhow::Result<(Self, Option<Filled>)> {
        let (directory, filled) = Directory::prepare(target, people)?;
        Ok((Self { name: name.to_owned(), processes: processes.to_vec(), directory, bare: false }, filled))
    }

    /// A handler that answers each request with 200.
    ///
    /// # Errors
    /// None yet: the first round connects.
    pub fn bare(name: &str, target: &Target, processes: &[u32]) -> anyhow::Result<Self> {
        let directory = Directory::empty(target)?;
        Ok(Self { name: name.to_owned(), processes: processes.to_vec(), directory, bare: true })
    }

    /// What its processes have used so far.
    ///
    /// # Errors
    /// Where they have ended.
    pub fn usage(&self) -> anyhow::Result<Usage> {
        process::usage(&self.processes)
    }

    /// Runs a workload once.
    ///
    /// # Errors
    /// Where an answer is wrong, or what the workload needs cannot be had.
    pub fn round(&mut self, kind: Kind, load: &Load) -> anyhow::Result<Round> {
        let (outcome, cpu) = self.measured(kind, load)?;
        Ok(Round::new(&outcome, cpu))
    }

    fn measured(&mut self, kind: Kind, load: &Load) -> anyhow::Result<(Outcome, Option<Duration>)> {
        let changes = u64::try_from(load.changes)?;
        let (processes, target) = (&self.processes, self.directory.target.clone());
        let run = |workload: &mut dyn Workload, operations: Option<u64>| {
            let mut driver = Driver::connect(&target, load.connections)?;
            let usage = || if processes.is_empty() { Ok(None) } else { process::usage(processes).map(Some) };
            let before = usage()?;
            let end = End { time: Some(load.time), operations };
            let outcome = driver.drive(workload, load.pace, end)?;
            let after = usage()?;
            let cpu = before.zip(after).map(|(before, after)| after.cpu.saturating_sub(before.cpu));
            anyhow::Ok((outcome, cpu))
        };
        let directory = &mut self.directory;
        if self.bare {
            return run(&mut ready(), None);
        }
        match kind {
            Kind::Create => {
                let Directory { tag, next, created, .. } = directory;
                run(&mut Creates::new(tag, next, u64::MAX, created), Some(changes))
            }
            Kind::Patch | Kind::Put => {
                let change = if kind == Kind::Put { Change::Put } else { Change::Patch };
                let Directory { sample, turn, .. } = directory;
                run(&mut Changes::new(change, sample, turn), None)
            }
            Kind::Delete => {
                directory.stock(load.changes)?;
                run(&mut Deletes::new(&mut directory.created), Some(changes))
            }
            Kind::MemberAdd(size) | Kind::MemberRemove(size) => {
                let edit = if matches!(kind, Kind::MemberAdd(_)) { Edit::Add } else { Edit::Remove };
                let group = directory.sized(size, load.changes, edit)?;
                let (from, to) = match edit {
                    Edit::Add => (&mut group.outside, &mut group.inside),
                    Edit::Remove => (&mut group.inside, &mut group.outside),
                };
                run(&mut Members::new(edit, &group.id, from, to), Some(changes))
            }
            Kind::Cycle => {
                directory.ten_groups()?;
                let Directory { tag, next, created, ten, .. } = directory;
                run(&mut Cycle::new(tag, next, created, ten), Some(changes))
            }
            read => run(&mut reads(directory, read)?, None),
        }
    }

    /// The body of one person, as the server sends it.
    ///
    /// # Errors
    /// Where nobody is there.
    pub fn body_of_one(&self) -> anyhow::Result<Vec<u8>> {
        let person = self.directory.sample.first().context("nobody is there")?;
        self.directory.body(&format!("/Users/{}", person.id))
    }

    /// The body of a page of a hundred.
    ///
    /// # Errors
    /// Where the server refuses it.
    pub fn body_of_page(&self) -> anyhow::Result<Vec<u8>> {
        self.directory.body(&format!("/Users?count={PAGE}"))
    }

    /// Deletes what this run brought.
    ///
    /// # Errors
    /// Where the server refuses that.
    pub fn clear(&mut self) -> anyhow::Result<()> {
        if self.bare { Ok(()) } else { self.directory.clear() }
    }
}

fn ready() -> Reads {
    Reads::new(
        Box::new(|request| {
            request.plain("GET", format_args!("/Users/01890000-0000-7000-8000-000000000000"));
        }),
        Box::new(|_| true),
    )
}

fn total_is(expected: u64) -> Check {
    Box::new(move |answer| answer.number("\"totalResults\"") == Some(expected))
}

fn reads(directory: &mut Directory, kind: Kind) -> anyhow::Result<Reads> {
    let people = directory.people;
    // Each round asks for others.
    directory.turn += 1;
    let mut random = Random::new(directory.turn);
    let found =
        || -> Check { Box::new(|answer| answer.number("\"totalResults\"").is_some_and(|total| total > 0)) };
    let filtered = |mut filter: Box<dyn FnMut(&mut Random) -> String>, mut random: Random| {
        let next = move |request: &mut crate::http::Request| {
            let filter = encoded(&filter(&mut random));
            request.plain("GET", format_args!("/Users?filter={filter}"));
        };
        Box::new(next)
    };
    let of_page: Check = Box::new(|answer| answer.number("\"itemsPerPage\"") == Some(PAGE));
    Ok(match kind {
        Kind::MatchUserName(hit) => {
            let tag = if hit { STAYING } else { "nobody" };
            let name = move |random: &mut Random| {
                format!("userName eq \"{}\"", shapes::user_name(tag, random.below(people)))
            };
            Reads::new(filtered(Box::new(name), random), total_is(u64::from(hit)))
        }
        Kind::MatchExternalId(hit) => {
            let tag = if hit { STAYING } else { "nobody" };
            let id = move |random: &mut Random| {
                format!("externalId eq \"{}\"", shapes::external_id(tag, random.below(people)))
            };
            Reads::new(filtered(Box::new(id), random), total_is(u64::from(hit)))
        }
        Kind::Contains => {
            let text = move |random: &mut Random| {
                format!("userName co \"{:05}\"", random.below(people.min(100_000)))
            };
            Reads::new(filtered(Box::new(text), random), found())
        }
        Kind::And => {
            // One person has both.
            let text = move |random: &mut Random| {
                let number = random.below(people);
                let (family, given) = (shapes::family_name(number), shapes::given_name(number));
                format!("name.familyName eq \"{family}\" and name.givenName eq \"{given}\"")
            };
            Reads::new(filtered(Box::new(text), random), found())
        }
        Kind::ValuePath => {
            let text = move |random: &mut Random| {
                let number = random.below(people.min(100_000));
                format!("emails[type eq \"work\" and value co \"{number:05}\"]")
            };
            Reads::new(filtered(Box::new(text), random), found())
        }
        Kind::Page(place) => {
            let last = directory.total()?.saturating_sub(PAGE - 1).max(1);
            let next = move |request: &mut crate::http::Request| {
                let start = match place {
                    Place::First => 1,
                    // Anywhere in the half that is in the middle.
                    Place::Middle => last / 4 + random.below(last / 2) + 1,
                    Place::Last => last,
                };
                request.plain("GET", format_args!("/Users?startIndex={start}&count={PAGE}"));
            };
            Reads::new(Box::new(next), of_page)
        }
        Kind::Cursor(place) => {
            let cursors = directory.cursors()?;
            let next = move |request: &mut crate::http::Request| {
                let cursor = cursors.at(place);
                request.plain("GET", format_args!("/Users?cursor={cursor}&count={PAGE}"));
            };
            Reads::new(Box::new(next), of_page)
        }
        _ => {
            let sample = directory.sample.clone();
            let next = move |request: &mut crate::http::Request| {
                if let Some(person) = random.of(&sample) {
                    request.plain("GET", format_args!("/Users/{}", person.id));
                }
            };
            Reads::new(Box::new(next), Box::new(|answer| !answer.body.is_empty()))
        }
    })
}
