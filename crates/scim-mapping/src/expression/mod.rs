//! The expression language of Microsoft Entra's attribute mappings.
//!
//! An expression is an attribute (`[mail]`), a text (`"Staff"`), a number (`-12`, `1.5`, `&HFF`), a keyword (`True`,
//! `IgnoreAttributeFlow`) or a call of a function (`Join(" ", [givenName], [surname])`), whose parameters are expressions
//! again; an empty parameter is omitted. Two operands are compared by `=`, `<>`, `>`, `>=`, `<`, `<=`. There is no
//! arithmetic, no `And`, no `Or`.
//!
//! ```
//! use scim_mapping::expression::{Context, Expression, Outcome, Value};
//!
//! let expression = Expression::parse(r#"Join(" ", [givenName], [surname])"#)?;
//! let person = serde_json::json!({ "givenName": "Mia", "surname": "Kohl" });
//! let mut context = Context::at(time::OffsetDateTime::UNIX_EPOCH);
//! let outcome = expression.evaluate(&person, &mut context)?;
//! assert_eq!(outcome, Outcome::Value(Value::from("Mia Kohl")));
//! # Ok::<(), scim_mapping::expression::ExpressionError>(())
//! ```
//!
//! What can be wrong without looking at a value (grammar, unknown functions, missing parameters, regular expressions) is
//! found by [`Expression::parse`], so when a mapping is saved. Evaluation is a function of the attributes and the
//! [`Context`] alone.
//!
//! Deliberately absent: the functions of Connect Sync, which is another engine, and eager evaluation: `IIF` and `Switch`
//! evaluate only what they choose.

mod attributes;
pub mod casing;
mod catalogue;
mod compare;
mod context;
pub mod date;
pub mod diacritics;
mod error;
mod evaluate;
mod fault;
mod functions;
mod parser;
pub mod regex;
mod trace;
mod tree;
mod value;

use std::fmt;

pub use attributes::Attributes;
pub use catalogue::function_reference;
pub use context::Context;
pub use error::{ErrorKind, ExpressionError};
pub use fault::Fault;
pub use functions::{Example, Family, Function, Parameter, Presence, functions};
pub use trace::Step;
pub use value::{Flow, Mismatch, Outcome, Value};

use self::tree::{Node, NodeKind};

/// Most characters of an expression.
pub const MAX_CHARACTERS: usize = 10_000;
/// How deep functions may be nested.
pub const MAX_DEPTH: usize = 64;
/// Most parameters of one call.
pub const MAX_ARGUMENTS: usize = 256;
/// Most bytes of text that one evaluation may produce, intermediate results included.
pub const MAX_PRODUCED_BYTES: usize = 4 << 20;

/// Something that is accepted, but had better be written otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lint {
    /// Where it is, in characters from the start, beginning with 0.
    pub position: usize,
    /// What to write instead.
    pub message: String,
}

/// A checked expression, ready to be evaluated many times.
///
/// Its `Display` is the canonical text, which reads back as the same expression. Two expressions are equal where their
/// canonical texts are.
#[derive(Clone, Debug)]
pub struct Expression {
    text: String,
    root: Node,
    references: Vec<String>,
    redacted: bool,
    lints: Vec<Lint>,
}

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    ///
    /// Where the text does not follow the grammar, names an unknown function, has too few or too many parameters, or
    /// goes beyond [`MAX_CHARACTERS`], [`MAX_DEPTH`] or [`MAX_ARGUMENTS`]; and where a constant parameter is wrong, such as
    /// a regular expression.
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        let parsed = parser::parse(text)?;
        let mut references: Vec<String> = Vec::new();
        let mut redacted = false;
        parsed.root.visit(&mut |node| match &node.kind {
            NodeKind::Attribute(name) if !references.contains(name) => references.push(name.clone()),
            NodeKind::Call(call) => redacted |= call.function.redacts,
            _ => {}
        });
        Ok(Self { text: text.to_owned(), root: parsed.root, references, redacted, lints: parsed.lints })
    }

    /// The text as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The names of the attributes that it uses, each once, in the order of the text.
    pub fn references(&self) -> impl Iterator<Item = &str> {
        self.references.iter().map(String::as_str)
    }

    /// What had better be written otherwise.
    #[must_use]
    pub fn lints(&self) -> &[Lint] {
        &self.lints
    }

    /// Whether it contains `Redact`: the log shows `[Redact]` in place of the value, and of what it was made from.
    #[must_use]
    pub fn is_redacted(&self) -> bool {
        self.redacted
    }

    /// Whether it is a `SelectUniqueValue`, which goes only with mappings that apply during creation, and not with
    /// attributes that objects are matched by.
    #[must_use]
    pub fn uses_unique(&self) -> bool {
        self.root.function().is_some_and(|function| function.top_only)
    }

    /// The attribute's name, where the expression is an attribute and nothing else.
    #[must_use]
    pub fn as_reference(&self) -> Option<&str> {
        match &self.root.kind {
            NodeKind::Attribute(name) => Some(name),
            _ => None,
        }
    }

    /// The value, where the expression is a constant and nothing else.
    #[must_use]
    pub fn as_constant(&self) -> Option<&Value> {
        self.root.constant()
    }

    /// The outcome over an object's attributes. The object must be complete: what is not there is null, also where it
    /// merely did not change.
    ///
    /// # Errors
    ///
    /// Where a value does not fit. The position is that of the part which could not be evaluated.
    pub fn evaluate(
        &self,
        attributes: &dyn Attributes,
        context: &mut Context<'_>,
    ) -> Result<Outcome, ExpressionError> {
        evaluate::run(&self.root, attributes, context, None)
    }

    /// [`Self::evaluate`], with every step: inner parts before outer ones, and only what was evaluated.
    ///
    /// The steps are as they are, also where the expression [is redacted](Self::is_redacted).
    pub fn evaluate_traced(
        &self,
        attributes: &dyn Attributes,
        context: &mut Context<'_>,
    ) -> (Result<Outcome, ExpressionError>, Vec<Step>) {
        let mut steps = Vec::new();
        let outcome = evaluate::run(&self.root, attributes, context, Some(&mut steps));
        (outcome, steps)
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root.fmt(f)
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl Eq for Expression {}

#[cfg(test)]
mod tests;
