//! Creating people.

use anyhow::Context as _;

use super::{Step, Workload, expect};
use crate::http::{Answer, Request};
use crate::shapes;

/// POSTs of people one after the other.
#[derive(Debug)]
pub struct Creates<'d> {
    tag: &'d str,
    next: &'d mut u64,
    end: u64,
    created: &'d mut Vec<String>,
    statuses: &'static [u16],
    body: Vec<u8>,
}

impl<'d> Creates<'d> {
    /// Creates people with the numbers from `next` up to before `end`, and notes their ids.
    pub fn new(tag: &'d str, next: &'d mut u64, end: u64, created: &'d mut Vec<String>) -> Self {
        Self { tag, next, end, created, statuses: &[201], body: Vec::new() }
    }

    /// Takes those who are there already as well: a directory that was left half filled.
    #[must_use]
    pub fn or_there(mut self) -> Self {
        self.statuses = &[201, 409];
        self
    }
}

impl Workload for Creates<'_> {
    fn next(&mut self, _connection: usize, request: &mut Request) -> bool {
        if *self.next >= self.end {
            return false;
        }
        shapes::person(&mut self.body, self.tag, *self.next, 0);
        *self.next += 1;
        request.with_body("POST", format_args!("/Users"), &self.body);
        true
    }

    fn answered(&mut self, _connection: usize, answer: &Answer<'_>) -> anyhow::Result<Step> {
        expect(answer, self.statuses)?;
        if answer.status == 201 {
            let id = answer.created_id().context("a 201 without Location")?;
            self.created.push(id.to_owned());
        }
        Ok(Step::Done)
    }
}
