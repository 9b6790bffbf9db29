//! Changing and deleting people.

use super::{Step, Workload, expect};
use crate::http::{Answer, Request};
use crate::random::Random;
use crate::setup::Sampled;
use crate::shapes;

/// How people are changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// By PATCH.
    Patch,
    /// By PUT.
    Put,
}

/// Changes of people, each of which changes something.
#[derive(Debug)]
pub struct Changes<'d> {
    change: Change,
    people: &'d [Sampled],
    /// Counts up through all rounds, so that no value is the one that is there.
    turn: &'d mut u64,
    random: Random,
    body: Vec<u8>,
}

impl<'d> Changes<'d> {
    /// Changes of some people.
    pub fn new(change: Change, people: &'d [Sampled], turn: &'d mut u64) -> Self {
        let random = Random::new(*turn);
        Self { change, people, turn, random, body: Vec::new() }
    }
}

impl Workload for Changes<'_> {
    fn next(&mut self, _connection: usize, request: &mut Request) -> bool {
        let Some(person) = self.random.of(self.people) else { return false };
        *self.turn += 1;
        let method = match self.change {
            Change::Patch => {
                shapes::change(&mut self.body, *self.turn);
                "PATCH"
            }
            Change::Put => {
                shapes::person(&mut self.body, shapes::STAYING, person.number, *self.turn);
                "PUT"
            }
        };
        request.with_body(method, format_args!("/Users/{}", person.id), &self.body);
        true
    }

    fn answered(&mut self, _connection: usize, answer: &Answer<'_>) -> anyhow::Result<Step> {
        expect(answer, if self.change == Change::Put { &[200] } else { &[200, 204] })?;
        Ok(Step::Done)
    }
}

/// Deletes people, each once.
#[derive(Debug)]
pub struct Deletes<'d> {
    ids: &'d mut Vec<String>,
}

impl<'d> Deletes<'d> {
    /// Deletes these, from the end, and takes them off the list.
    pub fn new(ids: &'d mut Vec<String>) -> Self {
        Self { ids }
    }
}

impl Workload for Deletes<'_> {
    fn next(&mut self, _connection: usize, request: &mut Request) -> bool {
        let Some(id) = self.ids.pop() else { return false };
        request.plain("DELETE", format_args!("/Users/{id}"));
        true
    }

    fn answered(&mut self, _connection: usize, answer: &Answer<'_>) -> anyhow::Result<Step> {
        expect(answer, &[204])?;
        Ok(Step::Done)
    }
}
