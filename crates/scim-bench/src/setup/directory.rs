//! The people of a server.

use std::time::Instant;

use anyhow::Context as _;
use serde_json::Value;

use super::{Cursors, Sized, ask};
use crate::drive::{Driver, End, Pace};
use crate::http::{Answer, Request, Target, encoded};
use crate::random::Random;
use crate::shapes::{self, STAYING};
use crate::workload::{Creates, Deletes, Step, Workload, expect};

/// Connections for preparing.
const CONNECTIONS: usize = 16;
/// How many people are known by their ids, at most.
const SAMPLE: u64 = 10_000;

/// Somebody who stays.
#[derive(Clone, Debug)]
pub struct Sampled {
    /// The number that the names are made of.
    pub number: u64,
    /// The server's id.
    pub id: String,
}

/// How filling went.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Filled {
    /// People who were created.
    pub people: u64,
    /// How long that took, in seconds.
    pub seconds: f64,
    /// People a second, in each tenth of them.
    pub tenths: Vec<f64>,
}

impl Filled {
    /// People a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.people as f64 / self.seconds.max(1e-9)
    }

    /// The rate of the last tenth as a multiple of the rate of the rest.
    #[must_use]
    pub fn last_over_rest(&self) -> Option<f64> {
        let (last, rest) = self.tenths.split_last()?;
        // Tenths are equally many people: the rest's rate is the harmonic mean.
        let time: f64 = rest.iter().map(|rate| 1.0 / rate).sum();
        (time > 0.0).then(|| last * time / rest.len() as f64)
    }
}

/// What is known of a server's people and groups, and what comes and goes there.
#[derive(Debug)]
pub struct Directory {
    /// The server.
    pub target: Target,
    /// How many people stay; their numbers begin with 0.
    pub people: u64,
    /// Some of them.
    pub sample: Vec<Sampled>,
    /// The tag of whatever this run brings.
    pub tag: String,
    /// The number of the next one to be created.
    pub next: u64,
    /// Counts changes, so that each is one.
    pub turn: u64,
    /// Who was created by this run and may be deleted.
    pub created: Vec<String>,
    /// Groups by their size.
    pub groups: Vec<Sized>,
    /// The ten groups of the cycle.
    pub ten: Vec<String>,
    /// The groups that everybody who stays is in, two each; none, or all.
    pub everybody: Vec<String>,
    /// Where pages by cursor begin.
    pub cursors: Option<Cursors>,
}

impl Directory {
    /// Looks who is there, and creates who is missing.
    ///
    /// # Errors
    /// Where the server refuses something.
    pub fn prepare(target: &Target, people: u64) -> anyhow::Result<(Self, Option<Filled>)> {
        let mut directory = Self::empty(target)?;
        directory.people = people;
        let there = directory.there()?;
        let filled = (there < people).then(|| directory.fill(there)).transpose()?;
        directory.look_up()?;
        Ok((directory, filled))
    }

    /// One of which nothing is known.
    ///
    /// # Errors
    /// Where the system gives no random bytes.
    pub fn empty(target: &Target) -> anyhow::Result<Self> {
        let mut tag = [0; 4];
        getrandom::fill(&mut tag).map_err(|error| anyhow::anyhow!("no random bytes: {error}"))?;
        Ok(Self {
            target: target.clone(),
            people: 0,
            sample: Vec::new(),
            tag: format!("run{:08x}", u32::from_be_bytes(tag)),
            next: 0,
            turn: u64::from(u32::from_be_bytes(tag)) << 20,
            created: Vec::new(),
            groups: Vec::new(),
            ten: Vec::new(),
            everybody: Vec::new(),
            cursors: None,
        })
    }

    /// How many of the people are there: the first number that is missing.
    fn there(&self) -> anyhow::Result<u64> {
        let mut driver = Driver::connect(&self.target, 1)?;
        let (mut there, mut missing) = (0, self.people);
        // Those who are there are mostly none or all.
        let mut middle = 0;
        while there < missing {
            if id_of(&mut driver, middle)?.is_some() {
                there = middle + 1;
            } else {
                missing = middle;
            }
            middle = if there == 1 && missing == self.people { missing - 1 } else { there.midpoint(missing) };
        }
        Ok(there)
    }

    fn fill(&self, there: u64) -> anyhow::Result<Filled> {
        let mut driver = Driver::connect(&self.target, CONNECTIONS)?;
        let (mut next, missing) = (there, self.people - there);
        let (begun, mut tenths, mut ids) = (Instant::now(), Vec::new(), Vec::new());
        for tenth in 1..=10 {
            let mut creates = Creates::new(STAYING, &mut next, there + missing * tenth / 10, &mut ids);
            if there > 0 {
                creates = creates.or_there();
            }
            let outcome = driver.drive(&mut creates, Pace::Closed, End::default())?;
            tenths.push(outcome.rate());
            ids.clear();
        }
        Ok(Filled { people: missing, seconds: begun.elapsed().as_secs_f64(), tenths })
    }

    /// Finds the ids of some people.
    fn look_up(&mut self) -> anyhow::Result<()> {
        let mut random = Random::new(7);
        let count = self.people.min(SAMPLE);
        let numbers = (0..count)
            .map(|number| if count == self.people { number } else { random.below(self.people) })
            .collect();
        let mut look = LookUps { numbers, asked: vec![0; CONNECTIONS], found: Vec::new() };
        Driver::connect(&self.target, CONNECTIONS)?.drive(&mut look, Pace::Closed, End::default())?;
        self.sample = look.found;
        Ok(())
    }

    /// Creates people until so many may be deleted.
    ///
    /// # Errors
    /// Where the server refuses one.
    pub fn stock(&mut self, count: usize) -> anyhow::Result<()> {
        let missing = u64::try_from(count.saturating_sub(self.created.len()))?;
        if missing > 0 {
            let end = self.next + missing;
            let mut creates = Creates::new(&self.tag, &mut self.next, end, &mut self.created);
            Driver::connect(&self.target, CONNECTIONS)?.drive(&mut creates, Pace::Closed, End::default())?;
        }
        Ok(())
    }

    /// Deletes what this run brought.
    ///
    /// # Errors
    /// Where the server refuses that.
    pub fn clear(&mut self) -> anyhow::Result<()> {
        let mut driver = Driver::connect(&self.target, 1)?;
        let made = self.ten.drain(..).chain(self.everybody.drain(..));
        for id in made.chain(self.groups.drain(..).map(|group| group.id)) {
            ask(&mut driver, |request| request.plain("DELETE", format_args!("/Groups/{id}")))?.json(204)?;
        }
        self.delete_created()?;
        self.cursors = None;
        Ok(())
    }

    /// Deletes people whom this run created.
    ///
    /// # Errors
    /// Where the server refuses one.
    pub fn delete_created(&mut self) -> anyhow::Result<()> {
        let mut driver = Driver::connect(&self.target, CONNECTIONS)?;
        driver.drive(&mut Deletes::new(&mut self.created), Pace::Closed, End::default()).map(drop)
    }

    /// What a GET of a path gives.
    ///
    /// # Errors
    /// Where that is not 200.
    pub fn body(&self, path: &str) -> anyhow::Result<Vec<u8>> {
        let mut driver = Driver::connect(&self.target, 1)?;
        let asked = ask(&mut driver, |request| request.plain("GET", format_args!("{path}")))?;
        asked.json(200)?;
        Ok(asked.body)
    }

    /// How many people a list of all has.
    ///
    /// # Errors
    /// Where the server does not say.
    pub fn total(&self) -> anyhow::Result<u64> {
        let mut driver = Driver::connect(&self.target, 1)?;
        let list =
            ask(&mut driver, |request| request.plain("GET", format_args!("/Users?count=1")))?.json(200)?;
        list.get("totalResults").and_then(Value::as_u64).context("a list without totalResults")
    }
}

fn filter(number: u64) -> String {
    encoded(&format!("userName eq \"{}\"", shapes::user_name(STAYING, number)))
}

fn found(list: &Value) -> Option<String> {
    list.pointer("/Resources/0/id").and_then(Value::as_str).map(str::to_owned)
}

fn id_of(driver: &mut Driver, number: u64) -> anyhow::Result<Option<String>> {
    let filter = filter(number);
    let list =
        ask(driver, |request| request.plain("GET", format_args!("/Users?filter={filter}")))?.json(200)?;
    Ok(found(&list))
}

/// Asks for people by number.
struct LookUps {
    numbers: Vec<u64>,
    /// Whom each connection asks for.
    asked: Vec<u64>,
    found: Vec<Sampled>,
}

impl Workload for LookUps {
    fn next(&mut self, connection: usize, request: &mut Request) -> bool {
        let (Some(number), Some(asked)) = (self.numbers.pop(), self.asked.get_mut(connection)) else {
            return false;
        };
        *asked = number;
        request.plain("GET", format_args!("/Users?filter={}", filter(number)));
        true
    }

    fn answered(&mut self, connection: usize, answer: &Answer<'_>) -> anyhow::Result<Step> {
        expect(answer, &[200])?;
        let number = self.asked.get(connection).copied().context("an answer to nothing")?;
        let list = serde_json::from_slice(&answer.plain_body()?)?;
        let id = found(&list).with_context(|| format!("person {number} is not there"))?;
        self.found.push(Sampled { number, id });
        Ok(Step::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::Filled;

    #[test]
    fn the_last_tenth_is_held_against_the_rest() {
        let check = |tenths: &[f64], expected: Option<f64>| {
            let filled = Filled { people: 10, seconds: 1.0, tenths: tenths.to_vec() };
            assert_eq!(filled.last_over_rest(), expected, "{tenths:?}");
        };
        check(&[100.0, 100.0, 50.0], Some(0.5));
        // 2 parts in 1/100 + 1/50 of the time: 66.7 a second.
        check(&[100.0, 50.0, 100.0], Some(1.5));
        check(&[1.0], None);
        check(&[], None);
    }
}
