//! Tree to outcome.

use std::borrow::Cow;

use time::OffsetDateTime;

use super::MAX_PRODUCED_BYTES;
use super::attributes::Attributes;
use super::compare::compare;
use super::context::{Context, Random, Taken};
use super::error::{ErrorKind, ExpressionError};
use super::fault::Fault;
use super::functions::Prepared;
use super::trace::Step;
use super::tree::{Call, Node, NodeKind};
use super::value::{Flow, Mismatch, Outcome, Value};

/// Why an evaluation ends before its end. What is to be left alone is decided by the first part that says so.
#[derive(Debug)]
pub(super) enum Stop {
    Error(ExpressionError),
    Flow(Flow),
}

/// A part's value; borrowed where it stands in the expression or in the object.
pub(super) type Evaluated<'e> = Result<Cow<'e, Value>, Stop>;

pub(super) fn run<'e>(
    root: &'e Node,
    attributes: &'e dyn Attributes,
    context: &'e mut Context<'_>,
    trace: Option<&'e mut Vec<Step>>,
) -> Result<Outcome, ExpressionError> {
    let random: Option<Random<'e>> = match &mut context.random {
        Some(random) => Some(&mut **random),
        None => None,
    };
    let mut evaluator = Evaluator {
        attributes,
        now: context.now,
        default_domain: context.default_domain,
        taken: context.taken,
        random,
        produced: 0,
        trace,
        depth: 0,
    };
    match evaluator.node(root) {
        Ok(value) => Ok(Outcome::Value(value.into_owned())),
        Err(Stop::Flow(flow)) => Ok(Outcome::Flow(flow)),
        Err(Stop::Error(error)) => Err(error),
    }
}

pub(super) struct Evaluator<'e> {
    attributes: &'e dyn Attributes,
    now: OffsetDateTime,
    default_domain: Option<&'e str>,
    taken: Option<Taken<'e>>,
    random: Option<Random<'e>>,
    /// Bytes of text produced so far.
    produced: usize,
    trace: Option<&'e mut Vec<Step>>,
    depth: usize,
}

impl<'e> Evaluator<'e> {
    fn node(&mut self, node: &'e Node) -> Evaluated<'e> {
        if self.trace.is_none() {
            return self.part(node);
        }
        let depth = self.depth;
        self.depth += 1;
        let result = self.part(node);
        self.depth = depth;
        if let Some(trace) = self.trace.as_deref_mut() {
            trace.push(step(node, depth, &result));
        }
        result
    }

    fn part(&mut self, node: &'e Node) -> Evaluated<'e> {
        match &node.kind {
            NodeKind::Constant { value, .. } => Ok(Cow::Borrowed(value)),
            NodeKind::Attribute(name) => Ok(self.attributes.value(name).unwrap_or(Cow::Owned(Value::Null))),
            NodeKind::Flow(flow) => Err(Stop::Flow(*flow)),
            NodeKind::Comparison(comparison) => {
                let left = self.node(&comparison.left)?;
                let right = self.node(&comparison.right)?;
                let holds = compare(&left, comparison.operator, &right).map_err(|mismatch| {
                    let Mismatch { kind, wanted, found } = mismatch;
                    let message = format!("{} compares {wanted}, but there is {found}", cut(node));
                    Stop::Error(ExpressionError::new(kind, node.position, message))
                })?;
                Ok(Cow::Owned(Value::Bool(holds)))
            }
            NodeKind::Call(call) => {
                let evaluate = call.function.evaluate;
                evaluate(&mut Invocation { evaluator: self, call, position: node.position })
            }
        }
    }
}

/// A function that is being evaluated: its arguments, and what it may ask for.
pub(super) struct Invocation<'c, 'e> {
    evaluator: &'c mut Evaluator<'e>,
    call: &'e Call,
    position: usize,
}

impl<'e> Invocation<'_, 'e> {
    /// How many arguments are written, omitted ones included.
    pub(super) fn count(&self) -> usize {
        self.call.arguments.len()
    }

    /// What the function made of its constant arguments.
    pub(super) fn prepared(&self) -> &'e Prepared {
        &self.call.prepared
    }

    /// An argument's value; an omitted one is null.
    pub(super) fn value(&mut self, index: usize) -> Evaluated<'e> {
        match self.argument(index) {
            Some(node) => self.evaluator.node(node),
            None => Ok(Cow::Owned(Value::Null)),
        }
    }

    /// An argument as text, if it is not null.
    pub(super) fn text(&mut self, index: usize) -> Result<Option<Cow<'e, str>>, Stop> {
        let value = self.value(index)?;
        self.as_text(index, value)
    }

    /// An argument as text; null is empty.
    pub(super) fn text_or_empty(&mut self, index: usize) -> Result<Cow<'e, str>, Stop> {
        Ok(self.text(index)?.unwrap_or_default())
    }

    /// The value of an argument as text.
    pub(super) fn as_text(&self, index: usize, value: Cow<'e, Value>) -> Result<Option<Cow<'e, str>>, Stop> {
        let text = match value {
            Cow::Borrowed(value) => value.to_text(),
            Cow::Owned(value) => value.into_text().map(|text| text.map(Cow::Owned)),
        };
        text.map_err(|mismatch| self.mismatch(index, &mismatch))
    }

    /// An argument as a whole number.
    pub(super) fn int(&mut self, index: usize) -> Result<i64, Stop> {
        let value = self.value(index)?;
        value.to_int().map_err(|mismatch| self.mismatch(index, &mismatch))
    }

    /// An argument as a whole number, if it is written and not null.
    pub(super) fn optional_int(&mut self, index: usize) -> Result<Option<i64>, Stop> {
        let value = self.value(index)?;
        if value.is_null() {
            return Ok(None);
        }
        value.to_int().map(Some).map_err(|mismatch| self.mismatch(index, &mismatch))
    }

    /// An argument as a condition.
    pub(super) fn bool(&mut self, index: usize) -> Result<bool, Stop> {
        let value = self.value(index)?;
        value.to_bool().map_err(|mismatch| self.mismatch(index, &mismatch))
    }

    /// The instant of the evaluation.
    pub(super) fn now(&self) -> OffsetDateTime {
        self.evaluator.now
    }

    pub(super) fn default_domain(&self) -> Option<&'e str> {
        self.evaluator.default_domain
    }

    pub(super) fn taken(&self) -> Option<Taken<'e>> {
        self.evaluator.taken
    }

    /// Fills a slice with random bytes.
    pub(super) fn random(&mut self, bytes: &mut [u8]) -> Result<(), Stop> {
        match self.evaluator.random.as_deref_mut() {
            Some(random) => {
                random(bytes);
                Ok(())
            }
            None => Err(self.fail(ErrorKind::Context, "has no source of random values here")),
        }
    }

    /// Bytes of text that the evaluation may still produce.
    pub(super) fn allowance(&self) -> usize {
        MAX_PRODUCED_BYTES.saturating_sub(self.evaluator.produced)
    }

    /// Counts bytes of text that are about to be produced.
    pub(super) fn spend(&mut self, bytes: usize) -> Result<(), Stop> {
        if bytes > self.allowance() {
            let message = format!(
                "would bring the text produced to more than {MAX_PRODUCED_BYTES} bytes; make it shorter"
            );
            return Err(self.fail(ErrorKind::Limit, &message));
        }
        self.evaluator.produced += bytes;
        Ok(())
    }

    /// A text as the result.
    pub(super) fn give(&mut self, text: impl Into<String>) -> Evaluated<'e> {
        let text = text.into();
        self.spend(text.len())?;
        Ok(Cow::Owned(Value::Text(text)))
    }

    /// An error of the function: its name, and `what` about it.
    pub(super) fn fail(&self, kind: ErrorKind, what: &str) -> Stop {
        let message = format!("{} {what}", self.call.function.name);
        Stop::Error(ExpressionError::new(kind, self.position, message))
    }

    /// An error of an argument: which one, and `what` about it.
    pub(super) fn fail_at(&self, index: usize, kind: ErrorKind, what: &str) -> Stop {
        let position = self.argument(index).map_or(self.position, |node| node.position);
        let parameter = self.call.function.parameter_name(index);
        let message = format!("{}: {parameter} {what}", self.call.function.name);
        Stop::Error(ExpressionError::new(kind, position, message))
    }

    pub(super) fn mismatch(&self, index: usize, mismatch: &Mismatch) -> Stop {
        let Mismatch { kind, wanted, found } = *mismatch;
        let written = self.argument(index).map_or_else(|| "an omitted parameter".to_owned(), cut);
        let hint = match found {
            "a list" | "a list of objects" => "; make one value of it with Item or Join",
            "nothing" => "; give a value for that with Coalesce",
            _ => "",
        };
        self.fail_at(index, kind, &format!("needs {wanted}, but {written} gives {found}{hint}"))
    }

    /// What a helper found wrong with an argument.
    pub(super) fn fault(&self, index: usize, fault: &Fault) -> Stop {
        let position = self.argument(index).map_or(self.position, |node| node.position);
        let message = format!("{}: {fault}", self.call.function.name);
        Stop::Error(ExpressionError::new(fault.into(), position, message))
    }

    fn argument(&self, index: usize) -> Option<&'e Node> {
        self.call.arguments.get(index)?.as_ref()
    }
}

/// A part's text, not too long for a message.
fn cut(node: &Node) -> String {
    shortened(node.to_string(), 60)
}

fn shortened(mut text: String, characters: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(characters) {
        text.truncate(end);
        text.push('…');
    }
    text
}

fn step(node: &Node, depth: usize, result: &Evaluated<'_>) -> Step {
    let outcome = match result {
        Ok(value) => Ok(Outcome::Value(match value.as_ref() {
            Value::Text(text) => {
                // Cut before it is copied.
                let end = text.char_indices().nth(Step::SHOWN + 1).map_or(text.len(), |(end, _)| end);
                Value::Text(shortened(text.get(..end).unwrap_or_default().to_owned(), Step::SHOWN))
            }
            Value::Multi(items) => Value::Multi(items.iter().take(Step::SHOWN).cloned().collect()),
            Value::Roles(roles) => Value::Roles(roles.iter().take(Step::SHOWN).cloned().collect()),
            other => other.clone(),
        })),
        Err(Stop::Flow(flow)) => Ok(Outcome::Flow(*flow)),
        Err(Stop::Error(error)) => Err(error.clone()),
    };
    Step { expression: node.to_string(), position: node.position, depth, outcome }
}

/// A function's body.
pub(super) type Body = for<'e> fn(&mut Invocation<'_, 'e>) -> Evaluated<'e>;

/// The result that is nothing.
pub(super) fn null<'e>() -> Evaluated<'e> {
    Ok(Cow::Owned(Value::Null))
}

/// A result that is not text.
pub(super) fn give<'e>(value: Value) -> Evaluated<'e> {
    Ok(Cow::Owned(value))
}
