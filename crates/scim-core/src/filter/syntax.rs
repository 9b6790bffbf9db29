//! The syntax tree of a filter: what was written, before any schema is asked.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use super::CompareOp;

/// Limits on a filter's text. Input is hostile: each bounds what one request can cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilterLimits {
    /// Longest text in bytes; default 4096.
    pub max_bytes: usize,
    /// Deepest nesting of parentheses and brackets; default 10.
    pub max_depth: usize,
    /// Most comparisons and `pr` terms; default 50.
    pub max_terms: usize,
}

impl Default for FilterLimits {
    fn default() -> Self {
        Self { max_bytes: 4096, max_depth: 10, max_terms: 50 }
    }
}

/// A filter as a tree (RFC 7644 §3.4.2.2 figure 1). It borrows from the text that it was parsed from.
///
/// Two filters are equal where they say the same in the same order, wherever in their texts the parts stand. `Display`
/// prints the canonical text: keywords in lower case, single blanks, no parentheses that precedence makes needless.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter<'a> {
    /// All of them; at least two, none an `And` itself.
    And(Vec<Filter<'a>>),
    /// Any of them; at least two, none an `Or` itself.
    Or(Vec<Filter<'a>>),
    /// Not this one.
    Not(Box<Filter<'a>>),
    /// An attribute compared with a value.
    Compare {
        /// The attribute.
        path: PathText<'a>,
        /// How.
        op: CompareOp,
        /// With what.
        value: Literal<'a>,
    },
    /// An attribute has a value (`pr`).
    Present {
        /// The attribute.
        path: PathText<'a>,
    },
    /// One element of a complex attribute satisfies a filter: `emails[type eq "work" and value co "x"]`.
    /// `emails[type eq "work"].value co "x"`, which the grammar does not have but clients send, is read as that.
    ValuePath {
        /// The complex attribute.
        path: PathText<'a>,
        /// The filter on its sub-attributes; holds no further `ValuePath`.
        filter: Box<Filter<'a>>,
    },
}

/// An attribute path as it was written, checked for its syntax alone.
#[derive(Clone, Debug)]
pub struct PathText<'a> {
    text: Cow<'a, str>,
    offset: usize,
}

impl<'a> PathText<'a> {
    pub(crate) fn new(text: impl Into<Cow<'a, str>>, offset: usize) -> Self {
        Self { text: text.into(), offset }
    }

    /// The path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Where it stands in the filter, in bytes from its start.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.offset
    }
}

/// By text alone; where it stands is no part of what it says.
impl PartialEq for PathText<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl fmt::Display for PathText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A JSON value in a filter (RFC 7644 §3.4.2.2 `compValue`).
#[derive(Clone, Debug, PartialEq)]
pub enum Literal<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A number without fraction and exponent.
    Integer(i64),
    /// A number with a fraction or an exponent; finite.
    Decimal(f64),
    /// Text, its escapes resolved.
    Text(Cow<'a, str>),
}

impl fmt::Display for Literal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Boolean(value) => write!(f, "{value}"),
            Self::Integer(value) => write!(f, "{value}"),
            // `Debug` keeps the fraction or the exponent, so that a decimal is read back as one.
            Self::Decimal(value) => write!(f, "{value:?}"),
            Self::Text(text) => write_quoted(f, text),
        }
    }
}

impl fmt::Display for Filter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(terms) => {
                for (index, term) in terms.iter().enumerate() {
                    if index > 0 {
                        f.write_str(" and ")?;
                    }
                    match term {
                        Self::Or(_) => write!(f, "({term})")?,
                        _ => write!(f, "{term}")?,
                    }
                }
                Ok(())
            }
            Self::Or(terms) => {
                for (index, term) in terms.iter().enumerate() {
                    if index > 0 {
                        f.write_str(" or ")?;
                    }
                    write!(f, "{term}")?;
                }
                Ok(())
            }
            Self::Not(filter) => write!(f, "not ({filter})"),
            Self::Compare { path, op, value } => write!(f, "{path} {} {value}", op.keyword()),
            Self::Present { path } => write!(f, "{path} pr"),
            Self::ValuePath { path, filter } => write!(f, "{path}[{filter}]"),
        }
    }
}

/// Text as a JSON string.
fn write_quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for character in text.chars() {
        match character {
            '"' | '\\' => {
                f.write_char('\\')?;
                f.write_char(character)?;
            }
            '\0'..='\u{1f}' => write!(f, "\\u{:04x}", u32::from(character))?,
            _ => f.write_char(character)?,
        }
    }
    f.write_char('"')
}
