//! What can be wrong with a mapping when it is saved, and with a row when it is evaluated.

use std::fmt;

/// The sort of mistake in a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Problem {
    /// The document has not the form of a mapping.
    Form,
    /// More rows, or longer texts, than a mapping may have.
    Limit,
    /// No account field has the name.
    UnknownField,
    /// The field holds no text.
    NotText,
    /// Another row fills the same field.
    Duplicate,
    /// A read-only row was changed or is missing.
    ReadOnly,
    /// The resource type has no such attribute.
    UnknownAttribute,
    /// The attribute is there, but its value is none that a row can take: it has parts, is never shown, or is not part
    /// of the document.
    Unusable,
    /// The expression cannot be read.
    Expression,
    /// `SelectUniqueValue`, which goes with the sending side.
    Unique,
    /// The row is to flow back, but its source cannot be inverted, or another row writes the same attribute.
    NotInvertible,
    /// A reference to another account with anything but a direct source.
    Reference,
}

/// A mistake in a mapping: the row, the field, what is wrong, and the way out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct MappingError {
    row: Option<usize>,
    field: String,
    problem: Problem,
    reason: String,
}

impl MappingError {
    /// The longest part of a name that is quoted back, in characters.
    const QUOTED: usize = 200;

    /// A mistake in the row at `index`.
    pub(super) fn row(index: usize, field: &str, problem: Problem, reason: impl Into<String>) -> Self {
        let field = field.chars().take(Self::QUOTED).collect();
        Self { row: Some(index + 1), field, problem, reason: reason.into() }
    }

    /// A mistake in the document's form.
    pub(super) fn whole(reason: impl Into<String>) -> Self {
        Self::of_all(Problem::Form, reason)
    }

    /// A mistake that is not one of a row.
    pub(super) fn of_all(problem: Problem, reason: impl Into<String>) -> Self {
        Self { row: None, field: String::new(), problem, reason: reason.into() }
    }

    /// The row's number, beginning with 1; `None` where it is the mapping as a whole.
    #[must_use]
    pub fn row_number(&self) -> Option<usize> {
        self.row
    }

    /// The field that the row fills; empty where there is no row or it names none.
    #[must_use]
    pub fn field(&self) -> &str {
        &self.field
    }

    /// The sort of mistake.
    #[must_use]
    pub fn problem(&self) -> Problem {
        self.problem
    }

    /// What is wrong, and what to change.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for MappingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.row, self.field.as_str()) {
            (None, _) => f.write_str(&self.reason),
            (Some(row), "") => write!(f, "row {row}: {}", self.reason),
            (Some(row), field) => write!(f, "row {row} ({field}): {}", self.reason),
        }
    }
}

/// A row that could not be evaluated for a person: the row, the field, what is wrong there. Quotes the mapping, never a
/// value of the person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("row {row} of the mapping, which fills {field}: {reason}")]
pub struct RowFailure {
    row: usize,
    field: String,
    reason: String,
}

impl RowFailure {
    pub(super) fn new(index: usize, field: &str, reason: impl Into<String>) -> Self {
        Self { row: index + 1, field: field.to_owned(), reason: reason.into() }
    }

    /// The row's number, beginning with 1.
    #[must_use]
    pub fn row_number(&self) -> usize {
        self.row
    }

    /// The field that the row fills.
    #[must_use]
    pub fn field(&self) -> &str {
        &self.field
    }

    /// What is wrong, and what to change.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}
