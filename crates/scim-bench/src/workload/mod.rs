//! What is asked of a server: each kind of request with the status that its answer must have.

mod changes;
mod creates;
mod cycle;
mod kind;
mod members;
mod reads;

use anyhow::bail;

pub use self::changes::{Change, Changes, Deletes};
pub use self::creates::Creates;
pub use self::cycle::Cycle;
pub use self::kind::{Kind, Place};
pub use self::members::{Edit, Members};
pub use self::reads::{Check, Next, Reads};

use crate::http::{Answer, Request};

/// Whether an operation has ended with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It has.
    Done,
    /// Its next request follows on the same connection.
    More,
}

/// Requests and what is expected of their answers.
pub trait Workload {
    /// Writes the next request of a connection; false where nothing is left to do. Not asked to begin an operation on a
    /// connection before the one there has ended.
    fn next(&mut self, connection: usize, request: &mut Request) -> bool;

    /// Takes the answer to it.
    ///
    /// # Errors
    /// Where the answer is not the expected one.
    fn answered(&mut self, connection: usize, answer: &Answer<'_>) -> anyhow::Result<Step>;
}

/// Holds an answer's status against those that are right.
pub(crate) fn expect(answer: &Answer<'_>, statuses: &[u16]) -> anyhow::Result<()> {
    if statuses.contains(&answer.status) {
        return Ok(());
    }
    bail!("answered {} where {statuses:?} was expected: {}", answer.status, answer.excerpt())
}
