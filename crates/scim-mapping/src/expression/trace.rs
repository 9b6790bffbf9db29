//! The steps of an evaluation, for trying an expression out.

use super::error::ExpressionError;
use super::value::Outcome;

/// A part of an expression, and what came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The part's canonical text.
    pub expression: String,
    /// Where the part begins, in characters from the start of the expression, beginning with 0.
    pub position: usize,
    /// How many parts it is inside of.
    pub depth: usize,
    /// Its outcome; text is cut after [`Step::SHOWN`] characters.
    pub outcome: Result<Outcome, ExpressionError>,
}

impl Step {
    /// Most characters of a text that a step keeps.
    pub const SHOWN: usize = 1000;
}
