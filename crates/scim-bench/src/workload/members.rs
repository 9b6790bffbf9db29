//! Adding and removing members of a group, one a request.

use super::{Step, Workload, expect};
use crate::http::{Answer, Request};
use crate::shapes;

/// What is done with a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Added.
    Add,
    /// Removed.
    Remove,
}

/// PATCHes of one group.
#[derive(Debug)]
pub struct Members<'d> {
    edit: Edit,
    group: &'d str,
    /// Whom it concerns next; they move from one list to the other.
    from: &'d mut Vec<String>,
    to: &'d mut Vec<String>,
    body: Vec<u8>,
}

impl<'d> Members<'d> {
    /// Adds or removes all of `from`, who then stand in `to`.
    pub fn new(edit: Edit, group: &'d str, from: &'d mut Vec<String>, to: &'d mut Vec<String>) -> Self {
        Self { edit, group, from, to, body: Vec::new() }
    }
}

impl Workload for Members<'_> {
    fn next(&mut self, _connection: usize, request: &mut Request) -> bool {
        let Some(id) = self.from.pop() else { return false };
        let operation = if self.edit == Edit::Add { "Add" } else { "Remove" };
        shapes::members(&mut self.body, operation, std::iter::once(id.as_str()));
        self.to.push(id);
        request.with_body("PATCH", format_args!("/Groups/{}", self.group), &self.body);
        true
    }

    fn answered(&mut self, _connection: usize, answer: &Answer<'_>) -> anyhow::Result<Step> {
        expect(answer, &[200, 204])?;
        Ok(Step::Done)
    }
}
