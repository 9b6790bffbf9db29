//! An expression as a tree: functions found, literals decoded, ready to be evaluated; and its canonical text.

use std::fmt;

use super::functions::{Function, Prepared};
use super::value::{Flow, Value};

/// A part of an expression.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// Where it begins, in characters.
    pub(super) position: usize,
    pub(super) kind: NodeKind,
}

#[derive(Clone, Debug)]
pub(super) enum NodeKind {
    /// Text, a number or a keyword that stands for a value; with its canonical text.
    Constant {
        value: Value,
        text: String,
    },
    /// `[name]`
    Attribute(String),
    /// `IgnoreAttributeFlow`, `IgnoreObjectFlow`
    Flow(Flow),
    Comparison(Box<Comparison>),
    Call(Box<Call>),
}

#[derive(Clone, Debug)]
pub(super) struct Comparison {
    pub(super) left: Node,
    pub(super) operator: Operator,
    pub(super) right: Node,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

impl Operator {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "<>",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
        }
    }
}

/// A function with its arguments; an omitted argument is `None`.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) function: &'static Function,
    pub(super) arguments: Vec<Option<Node>>,
    /// What the function made of its constant arguments when the expression was read.
    pub(super) prepared: Prepared,
}

impl Node {
    /// The function that the part calls.
    pub(super) fn function(&self) -> Option<&'static Function> {
        match &self.kind {
            NodeKind::Call(call) => Some(call.function),
            _ => None,
        }
    }

    /// The value, where it does not depend on anything.
    pub(super) fn constant(&self) -> Option<&Value> {
        match &self.kind {
            NodeKind::Constant { value, .. } => Some(value),
            _ => None,
        }
    }

    /// Calls `visit` with this part and all parts below, in the order of the text.
    pub(super) fn visit<'a>(&'a self, visit: &mut dyn FnMut(&'a Node)) {
        visit(self);
        match &self.kind {
            NodeKind::Constant { .. } | NodeKind::Attribute(_) | NodeKind::Flow(_) => {}
            NodeKind::Comparison(comparison) => {
                comparison.left.visit(visit);
                comparison.right.visit(visit);
            }
            NodeKind::Call(call) => {
                for argument in call.arguments.iter().flatten() {
                    argument.visit(visit);
                }
            }
        }
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            NodeKind::Constant { text, .. } => f.write_str(text),
            NodeKind::Attribute(name) => write!(f, "[{name}]"),
            NodeKind::Flow(Flow::IgnoreAttribute) => f.write_str("IgnoreAttributeFlow"),
            NodeKind::Flow(Flow::IgnoreObject) => f.write_str("IgnoreObjectFlow"),
            NodeKind::Comparison(comparison) => {
                let Comparison { left, operator, right } = comparison.as_ref();
                write!(f, "{left} {} {right}", operator.as_str())
            }
            NodeKind::Call(call) => {
                write!(f, "{}(", call.function.name)?;
                for (index, argument) in call.arguments.iter().enumerate() {
                    if index > 0 {
                        f.write_str(", ")?;
                    }
                    if let Some(argument) = argument {
                        write!(f, "{argument}")?;
                    }
                }
                f.write_str(")")
            }
        }
    }
}

/// Text as a literal.
pub(super) fn quoted(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('"');
    for character in text.chars() {
        if matches!(character, '"' | '\\') {
            literal.push('\\');
        }
        literal.push(character);
    }
    literal.push('"');
    literal
}
