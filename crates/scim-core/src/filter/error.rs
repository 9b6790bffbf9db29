//! What can be wrong with a filter.

use std::fmt;

use crate::error::{ScimError, ScimType};

/// The sort of mistake in a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FilterErrorKind {
    /// The text does not follow the grammar (RFC 7644 §3.4.2.2 figure 1).
    Syntax,
    /// The text is longer, deeper or has more terms than the limits allow.
    Limit,
    /// The resource type has no such attribute.
    UnknownAttribute,
    /// The attribute is never returned, so it may not be asked about either.
    NotReadable,
    /// The operator or the value does not go with the attribute's type.
    Mismatch,
}

/// A wrong filter (`scimType` `invalidFilter`): where, what stands there, and what would be accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct FilterError {
    kind: FilterErrorKind,
    offset: usize,
    text: String,
    reason: String,
}

impl FilterError {
    /// Longest part of a client's text that is quoted back, in characters.
    const QUOTED: usize = 60;

    pub(crate) fn new(kind: FilterErrorKind, offset: usize, text: &str, reason: impl Into<String>) -> Self {
        let text = text.chars().take(Self::QUOTED).collect();
        Self { kind, offset, text, reason: reason.into() }
    }

    pub(crate) fn syntax(offset: usize, text: &str, reason: impl Into<String>) -> Self {
        Self::new(FilterErrorKind::Syntax, offset, text, reason)
    }

    /// The sort of mistake.
    #[must_use]
    pub fn kind(&self) -> FilterErrorKind {
        self.kind
    }

    /// Where the offending text begins, in bytes from the start.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// The offending text, cut after 60 characters; empty at the end of the input.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What is wrong with it, and what would be accepted.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.kind, self.text.is_empty()) {
            (FilterErrorKind::Limit, _) => f.write_str(&self.reason),
            (_, true) => write!(f, "at its end: {}", self.reason),
            (_, false) => write!(f, "at byte {}, {:?}: {}", self.offset, self.text, self.reason),
        }
    }
}

impl From<FilterError> for ScimError {
    fn from(error: FilterError) -> Self {
        Self::new(ScimType::InvalidFilter, format!("The filter is not valid: {error}"))
    }
}
