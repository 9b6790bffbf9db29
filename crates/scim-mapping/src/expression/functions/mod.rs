//! The functions, as a table: what an administrator reads about one and what evaluates it stand side by side.

mod casing;
mod condition;
mod date;
mod directory;
mod encoding;
mod multi;
mod number;
mod random;
mod replace;
mod text;

use std::fmt;

use self::replace::Mode;
use super::date::Interval;
use super::error::{ErrorKind, ExpressionError};
use super::evaluate::Body;
use super::regex::Regex;
use super::tree::Node;

/// A function of the language.
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// What it belongs to.
    pub family: Family,
    /// What it takes, in order; repeated ones are last.
    pub parameters: &'static [Parameter],
    /// What it gives.
    pub meaning: &'static str,
    /// What it gives for null.
    pub null: &'static str,
    /// What it gives for some values.
    pub examples: &'static [Example],
    /// Whether it may stand only at the top of an expression.
    pub top_only: bool,
    /// Whether the log must not show what it was made from, nor what came of it.
    pub redacts: bool,
    /// Puts other spellings of the parameters into their places, before they are counted.
    pub(super) shape: Option<fn(&mut Vec<Option<Node>>)>,
    /// Looks at constant arguments when the expression is read.
    pub(super) prepare: Option<Prepare>,
    pub(super) evaluate: Body,
}

/// Makes something of the constant arguments of a call at a position, or says what is wrong with them.
pub(super) type Prepare = fn(&[Option<Node>], usize) -> Result<Prepared, ExpressionError>;

/// What a function made of its constant arguments.
#[derive(Clone, Debug)]
pub(super) enum Prepared {
    Nothing,
    Interval(Interval),
    Replace { mode: Mode, regex: Option<Box<Regex>> },
}

/// A family of functions: a chapter of the reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Family {
    /// Text in, text out.
    Text,
    /// Lists.
    MultiValued,
    /// Choices and tests.
    Conditions,
    /// Numbers and conversions to text.
    Numbers,
    /// Base64 and hexadecimal.
    Encodings,
    /// Dates.
    Dates,
    /// What only makes sense between directories.
    Directory,
}

impl Family {
    /// All of them, in the order of the reference.
    pub const ALL: [Self; 7] = [
        Self::Text,
        Self::MultiValued,
        Self::Conditions,
        Self::Numbers,
        Self::Encodings,
        Self::Dates,
        Self::Directory,
    ];

    /// Its heading.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Text => "Text",
            Self::MultiValued => "Multi-valued attributes",
            Self::Conditions => "Conditions",
            Self::Numbers => "Numbers",
            Self::Encodings => "Encodings",
            Self::Dates => "Dates",
            Self::Directory => "Directory",
        }
    }
}

/// A parameter of a function.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// Whether it must be there.
    pub presence: Presence,
    /// What it is for.
    pub meaning: &'static str,
}

/// Whether a parameter must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Presence {
    /// It must be written.
    Required,
    /// It may be empty, but its comma must be written.
    Slot,
    /// It may be left out.
    Optional,
    /// It may be written many times, at least this many. Several such parameters are repeated together.
    Repeated(usize),
}

/// An expression and what comes of it.
#[derive(Clone, Copy, Debug)]
pub struct Example {
    /// The expression.
    pub expression: &'static str,
    /// The attributes, as a JSON object.
    pub attributes: &'static str,
    /// The outcome, as JSON.
    pub outcome: &'static str,
}

/// All functions, family by family.
pub fn functions() -> impl Iterator<Item = &'static Function> {
    let tables = [
        text::FUNCTIONS,
        casing::FUNCTIONS,
        replace::FUNCTIONS,
        random::FUNCTIONS,
        multi::FUNCTIONS,
        condition::FUNCTIONS,
        number::FUNCTIONS,
        encoding::FUNCTIONS,
        date::FUNCTIONS,
        directory::FUNCTIONS,
    ];
    tables.into_iter().flatten()
}

/// The function of a name in any letter case.
pub(super) fn find(name: &str) -> Option<&'static Function> {
    functions().find(|function| function.name.eq_ignore_ascii_case(name))
}

/// A function whose name is much like a wrong one: it begins or ends with it, or the other way around.
pub(super) fn similar(name: &str) -> Option<&'static Function> {
    let wrong = name.to_ascii_lowercase();
    functions().find(|function| {
        let known = function.name.to_ascii_lowercase();
        let (longer, shorter) = if known.len() > wrong.len() { (&known, &wrong) } else { (&wrong, &known) };
        shorter.len() > 2 && (longer.starts_with(shorter.as_str()) || longer.ends_with(shorter.as_str()))
    })
}

impl Function {
    /// Its form: `Left(source, length)`; an optional parameter ends with `?`, a repeated one with `...`.
    #[must_use]
    pub fn signature(&self) -> String {
        let parameters: Vec<String> = self
            .parameters
            .iter()
            .map(|parameter| match parameter.presence {
                Presence::Required => parameter.name.to_owned(),
                Presence::Slot | Presence::Optional => format!("{}?", parameter.name),
                Presence::Repeated(_) => format!("{}...", parameter.name),
            })
            .collect();
        format!("{}({})", self.name, parameters.join(", "))
    }

    /// What the argument of this number is called.
    pub(super) fn parameter_name(&self, index: usize) -> &'static str {
        let (fixed, group, _) = self.counts();
        let index = if index < fixed || group == 0 { index } else { fixed + (index - fixed) % group };
        self.parameters.get(index).map_or("parameter", |parameter| parameter.name)
    }

    /// How many parameters are not repeated, how many are repeated together, and how often at least.
    fn counts(&self) -> (usize, usize, usize) {
        let fixed = self.parameters.iter().filter(|p| !matches!(p.presence, Presence::Repeated(_))).count();
        let least = self.parameters.iter().find_map(|parameter| match parameter.presence {
            Presence::Repeated(least) => Some(least),
            _ => None,
        });
        (fixed, self.parameters.len() - fixed, least.unwrap_or(0))
    }

    /// Puts arguments into their places, and checks that none is missing and none is one too many. An empty one behind the
    /// last is dropped.
    pub(super) fn arrange(
        &self,
        arguments: &mut Vec<Option<Node>>,
        position: usize,
    ) -> Result<(), ExpressionError> {
        if let Some(shape) = self.shape {
            shape(arguments);
        }
        let (fixed, group, least) = self.counts();
        let surplus = |count: usize| match group {
            0 => count > fixed,
            group => count > fixed && !(count - fixed).is_multiple_of(group),
        };
        if surplus(arguments.len()) && arguments.last().is_some_and(Option::is_none) {
            arguments.pop();
        }
        let fail = |what: &str| {
            let message = format!("{} {what}; write {}", self.name, self.signature());
            Err(ExpressionError::new(ErrorKind::Arity, position, message))
        };
        for (index, parameter) in self.parameters.iter().enumerate() {
            let there = match parameter.presence {
                Presence::Required => arguments.get(index).is_some_and(Option::is_some),
                Presence::Slot => arguments.get(index).is_some(),
                Presence::Optional | Presence::Repeated(_) => true,
            };
            if !there {
                let written = arguments.len();
                return match parameter.presence {
                    Presence::Slot => fail(&format!(
                        "has {written} of {} parameters; empty ones need their commas too",
                        self.parameters.len()
                    )),
                    _ => fail(&format!("lacks its parameter {}", parameter.name)),
                };
            }
        }
        if surplus(arguments.len()) {
            return match group {
                0 => fail(&format!("has {} parameters, but takes {fixed}", arguments.len())),
                _ => fail("has an incomplete pair at its end"),
            };
        }
        let repeated = arguments.get(fixed..).unwrap_or_default();
        let written = repeated.iter().filter(|argument| argument.is_some()).count();
        if written < least * group {
            return fail(&format!(
                "needs at least {least} of its last {}",
                if group == 1 { "parameter" } else { "parameters" }
            ));
        }
        if group > 1 && written < repeated.len() {
            return fail("has an empty parameter within a pair");
        }
        Ok(())
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.signature())
    }
}

/// What most functions have: no restriction, nothing to prepare.
const PLAIN: Function = Function {
    name: "",
    family: Family::Text,
    parameters: &[],
    meaning: "",
    null: "",
    examples: &[],
    top_only: false,
    redacts: false,
    shape: None,
    prepare: None,
    evaluate: |_| super::evaluate::null(),
};

const fn required(name: &'static str, meaning: &'static str) -> Parameter {
    Parameter { name, presence: Presence::Required, meaning }
}

const fn optional(name: &'static str, meaning: &'static str) -> Parameter {
    Parameter { name, presence: Presence::Optional, meaning }
}

const fn slot(name: &'static str, meaning: &'static str) -> Parameter {
    Parameter { name, presence: Presence::Slot, meaning }
}

const fn repeated(name: &'static str, least: usize, meaning: &'static str) -> Parameter {
    Parameter { name, presence: Presence::Repeated(least), meaning }
}

const fn example(expression: &'static str, attributes: &'static str, outcome: &'static str) -> Example {
    Example { expression, attributes, outcome }
}
