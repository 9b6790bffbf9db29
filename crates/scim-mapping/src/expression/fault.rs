//! What can be wrong in the helpers that compute on plain texts, numbers and instants.
//!
//! They know nothing of positions in an expression; whoever calls them adds the place.

use super::error::ErrorKind;

/// What is wrong, and what to change. The text names formats, patterns and limits, never the value that was computed on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// A value of the right type, but not one that the function takes.
    #[error("{0}")]
    Argument(String),
    /// A text is no date, or is not in the given format, or the format is none.
    #[error("{0}")]
    Date(String),
    /// A date or number would leave what can be expressed (dates: years 1 to 9999).
    #[error("{0}")]
    Range(String),
    /// A regular expression is not valid, or lacks the group that is asked for.
    #[error("{0}")]
    Regex(String),
    /// A computation would take too many steps, or its result would be too long.
    #[error("{0}")]
    Limit(String),
}

impl Fault {
    /// The sort of mistake, as an expression's error names it.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Argument(_) => ErrorKind::Argument,
            Self::Date(_) => ErrorKind::Date,
            Self::Range(_) => ErrorKind::Range,
            Self::Regex(_) => ErrorKind::Regex,
            Self::Limit(_) => ErrorKind::Limit,
        }
    }
}
