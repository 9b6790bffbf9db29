//! What can be wrong with an expression, when it is saved or when it is evaluated.

use super::fault::Fault;

/// The sort of mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The text does not follow the grammar.
    Parse,
    /// No function has this name.
    UnknownFunction,
    /// A parameter is missing, or one too many is written.
    Arity,
    /// The function may stand only at the top of the expression.
    Nesting,
    /// A value is not of the type that is wanted, and cannot be turned into it.
    Type,
    /// A value is of the right type, but not one that the function takes.
    Argument,
    /// A list has no item of this number.
    Index,
    /// A text is no date, or not in the given format.
    Date,
    /// A number or a date is too large or too small.
    Range,
    /// A regular expression is not valid, lacks the named group, or takes too long.
    Regex,
    /// All values that `SelectUniqueValue` may choose from are taken.
    NotUnique,
    /// `Error` was called.
    User,
    /// The evaluation was not given what the function asks for (a default domain, a uniqueness look-up).
    Context,
    /// The expression, or what it produces, is too long or too deep.
    Limit,
}

impl ErrorKind {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Parse,
        Self::UnknownFunction,
        Self::Arity,
        Self::Nesting,
        Self::Type,
        Self::Argument,
        Self::Index,
        Self::Date,
        Self::Range,
        Self::Regex,
        Self::NotUnique,
        Self::User,
        Self::Context,
        Self::Limit,
    ];

    /// Its name in logs and test vectors: `parse`, `unknown_function`, ...
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Parse => "parse",
            Self::UnknownFunction => "unknown_function",
            Self::Arity => "arity",
            Self::Nesting => "nesting",
            Self::Type => "type",
            Self::Argument => "argument",
            Self::Index => "index",
            Self::Date => "date",
            Self::Range => "range",
            Self::Regex => "regex",
            Self::NotUnique => "not_unique",
            Self::User => "user",
            Self::Context => "context",
            Self::Limit => "limit",
        }
    }
}

impl From<&Fault> for ErrorKind {
    fn from(fault: &Fault) -> Self {
        match fault {
            Fault::Argument(_) => Self::Argument,
            Fault::Date(_) => Self::Date,
            Fault::Range(_) => Self::Range,
            Fault::Regex(_) => Self::Regex,
            Fault::Limit(_) => Self::Limit,
        }
    }
}

/// A mistake, where it is, and what to change.
///
/// The message quotes the expression, never a value of the object that it was evaluated over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at character {}: {message}", position + 1)]
pub struct ExpressionError {
    kind: ErrorKind,
    position: usize,
    message: String,
}

impl ExpressionError {
    pub(crate) fn new(kind: ErrorKind, position: usize, message: impl Into<String>) -> Self {
        Self { kind, position, message: message.into() }
    }

    /// The sort of mistake.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Where the part that is wrong begins, in characters from the start of the expression, beginning with 0.
    #[must_use]
    pub fn position(&self) -> usize {
        self.position
    }

    /// What is wrong, and what to change.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}
