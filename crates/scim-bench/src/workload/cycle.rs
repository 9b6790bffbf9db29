//! What Entra ID's initial cycle does for each person: ask for them, create them, add them to a group.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};

use super::{Step, Workload, expect};
use crate::http::{Answer, Request, encoded};
use crate::shapes;

enum Stage {
    Match(u64),
    Create(u64),
    Add(u64, String),
}

/// The cycle over new people and some groups.
pub struct Cycle<'d> {
    tag: &'d str,
    next: &'d mut u64,
    created: &'d mut Vec<String>,
    groups: &'d [String],
    stages: BTreeMap<usize, Stage>,
    body: Vec<u8>,
}

impl std::fmt::Debug for Cycle<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Cycle").field("next", &self.next).finish_non_exhaustive()
    }
}

impl<'d> Cycle<'d> {
    /// Brings people from the number `next` on, and notes their ids.
    pub fn new(tag: &'d str, next: &'d mut u64, created: &'d mut Vec<String>, groups: &'d [String]) -> Self {
        Self { tag, next, created, groups, stages: BTreeMap::new(), body: Vec::new() }
    }
}

impl Workload for Cycle<'_> {
    fn next(&mut self, connection: usize, request: &mut Request) -> bool {
        let stage = self.stages.entry(connection).or_insert_with(|| {
            *self.next += 1;
            Stage::Match(*self.next - 1)
        });
        match stage {
            Stage::Match(number) => {
                let filter = encoded(&format!("userName eq \"{}\"", shapes::user_name(self.tag, *number)));
                request.plain("GET", format_args!("/Users?filter={filter}"));
            }
            Stage::Create(number) => {
                shapes::person(&mut self.body, self.tag, *number, 0);
                request.with_body("POST", format_args!("/Users"), &self.body);
            }
            Stage::Add(number, id) => {
                let count = self.groups.len().max(1);
                let index = usize::try_from(*number).unwrap_or_default() % count;
                let Some(group) = self.groups.get(index) else { return false };
                shapes::members(&mut self.body, "Add", std::iter::once(id.as_str()));
                request.with_body("PATCH", format_args!("/Groups/{group}"), &self.body);
            }
        }
        true
    }

    fn answered(&mut self, connection: usize, answer: &Answer<'_>) -> anyhow::Result<Step> {
        let stage = self.stages.remove(&connection).context("an answer to nothing")?;
        let next = match stage {
            Stage::Match(number) => {
                expect(answer, &[200])?;
                if answer.number("\"totalResults\"") != Some(0) {
                    bail!("somebody is there who is still to come: {}", answer.excerpt());
                }
                Stage::Create(number)
            }
            Stage::Create(number) => {
                expect(answer, &[201])?;
                let id = answer.created_id().context("a 201 without Location")?;
                self.created.push(id.to_owned());
                Stage::Add(number, id.to_owned())
            }
            Stage::Add(..) => {
                expect(answer, &[200, 204])?;
                return Ok(Step::Done);
            }
        };
        self.stages.insert(connection, next);
        Ok(Step::More)
    }
}
