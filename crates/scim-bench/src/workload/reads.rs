//! Reads: whatever asks and changes nothing.

use anyhow::bail;

use super::{Step, Workload, expect};
use crate::http::{Answer, Request};

/// What an answer must say besides 200.
pub type Check = Box<dyn Fn(&Answer<'_>) -> bool>;
/// What writes the next request.
pub type Next = Box<dyn FnMut(&mut Request)>;

/// Requests without an end, which change nothing.
pub struct Reads {
    next: Next,
    check: Check,
}

impl std::fmt::Debug for Reads {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Reads").finish_non_exhaustive()
    }
}

impl Reads {
    /// Such reads.
    #[must_use]
    pub fn new(next: Next, check: Check) -> Self {
        Self { next, check }
    }
}

impl Workload for Reads {
    fn next(&mut self, _connection: usize, request: &mut Request) -> bool {
        (self.next)(request);
        true
    }

    fn answered(&mut self, _connection: usize, answer: &Answer<'_>) -> anyhow::Result<Step> {
        expect(answer, &[200])?;
        if !(self.check)(answer) {
            bail!("a 200 does not say what it must: {}", answer.excerpt());
        }
        Ok(Step::Done)
    }
}
