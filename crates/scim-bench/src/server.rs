//! A server that is measured.

use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::drive::{Driver, End, Outcome, Pace};
use crate::figures::Round;
use crate::http::Target;
use crate::process::{self, Usage};
use crate::questions::{page, reads, ready};
use crate::setup::{Directory, Filled};
use crate::workload::{Change, Changes, Creates, Cycle, Deletes, Edit, Kind, Members, Workload};

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

/// How long an index takes that a first search begins, for each person.
const INDEXED: Duration = Duration::from_micros(300);
/// How long is waited where a search is refused meanwhile.
const AGAIN: Duration = Duration::from_secs(1);
/// The longest that is waited for that.
const MOST_INDEXED: Duration = Duration::from_secs(480);

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
    /// Whether somebody has searched already.
    searched: bool,
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
        Ok((
            Self {
                name: name.to_owned(),
                processes: processes.to_vec(),
                directory,
                bare: false,
                searched: false,
            },
            filled,
        ))
    }

    /// A handler that answers each request with 200.
    ///
    /// # Errors
    /// Where the system gives no random bytes.
    pub fn bare(name: &str, target: &Target, processes: &[u32]) -> anyhow::Result<Self> {
        let directory = Directory::empty(target)?;
        Ok(Self {
            name: name.to_owned(),
            processes: processes.to_vec(),
            directory,
            bare: true,
            searched: false,
        })
    }

    /// What its processes have used so far.
    ///
    /// # Errors
    /// Where they have ended.
    pub fn usage(&self) -> anyhow::Result<Usage> {
        process::usage(&self.processes)
    }

    /// What comes before the rounds that count: a quarter of one, and where somebody searches for the first time as long as an index takes
    /// that a server begins to make then. Until it is made, a server may refuse searches in a large directory.
    ///
    /// # Errors
    /// As those of [`Server::round`], after that time.
    pub fn warm_up(&mut self, kind: Kind, load: &Load) -> anyhow::Result<()> {
        let warm_up = Load { time: load.time / 4, ..*load };
        let searches = matches!(kind, Kind::Contains | Kind::And | Kind::ValuePath);
        if searches && !self.searched {
            self.searched = true;
            // Also those whom this run has created.
            let (begun, time) = (Instant::now(), indexed_in(self.people()?));
            // One at a time, so that there is something left for the making.
            let alone = Load { connections: 1, ..warm_up };
            while begun.elapsed() < time {
                if self.round(kind, &alone).is_err() {
                    std::thread::sleep(AGAIN);
                }
            }
        }
        self.round(kind, &warm_up).map(drop)
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

    /// The body of the page that a workload asks for, or one like it where it asks for several; `None` where it asks for none.
    ///
    /// # Errors
    /// Where the server refuses something.
    pub fn body_of_page(&mut self, kind: Kind) -> anyhow::Result<Option<Vec<u8>>> {
        let page = page(&mut self.directory, kind)?;
        page.map(|path| self.directory.body(&path)).transpose()
    }

    /// Creates so many people more, who may be deleted.
    ///
    /// # Errors
    /// Where the server refuses one.
    pub fn create_more(&mut self, people: usize) -> anyhow::Result<()> {
        self.directory.stock(self.directory.created.len() + people)
    }

    /// Deletes those whom [`Self::create_more`] created, and whoever else may be deleted.
    ///
    /// # Errors
    /// Where the server refuses one.
    pub fn delete_created(&mut self) -> anyhow::Result<()> {
        self.directory.delete_created()
    }

    /// How many people the server has.
    ///
    /// # Errors
    /// Where it does not say.
    pub fn people(&self) -> anyhow::Result<u64> {
        self.directory.total()
    }

    /// Deletes what this run brought.
    ///
    /// # Errors
    /// Where the server refuses that.
    pub fn clear(&mut self) -> anyhow::Result<()> {
        if self.bare { Ok(()) } else { self.directory.clear() }
    }
}

/// How long an index of so many people may take.
fn indexed_in(people: u64) -> Duration {
    INDEXED.saturating_mul(u32::try_from(people).unwrap_or(u32::MAX)).min(MOST_INDEXED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_has_its_time() {
        assert_eq!(indexed_in(10_000), Duration::from_secs(3));
        assert_eq!(indexed_in(1_000_000), Duration::from_secs(300));
        assert_eq!(indexed_in(u64::MAX), MOST_INDEXED);
    }
}
