//! One clause: an attribute, an operator, and what it is compared with.

use std::borrow::Cow;

use serde_json::Value;

use super::operator::{Arity, Operator};
use super::{ScopingError, ScopingProblem};
use crate::expression::regex::Regex;

#[derive(Clone, Debug)]
pub(super) struct Clause {
    pub(super) attribute: String,
    operator: Operator,
    operand: String,
    pattern: Option<Regex>,
}

impl Clause {
    pub(super) fn from_json(json: &Value, place: &str) -> Result<Self, ScopingError> {
        let error = |problem, reason: String| ScopingError { problem, place: place.to_owned(), reason };
        let text = |name: &str| {
            json.get(name)
                .and_then(Value::as_str)
                .filter(|text| !text.is_empty())
                .ok_or_else(|| error(ScopingProblem::Form, format!("`{name}` must be a text")))
        };
        let attribute = text("sourceOperandName")?.to_owned();
        let name = text("operatorName")?;
        let operator = Operator::named(name).ok_or_else(|| {
            let known: Vec<_> = Operator::all().map(Operator::name).collect();
            let reason = format!("there is no operator {name:?}; there are {}", known.join(", "));
            error(ScopingProblem::UnknownOperator, reason)
        })?;
        let values = json.pointer("/targetOperand/values").and_then(Value::as_array);
        let values: Vec<Cow<'_, str>> = values.into_iter().flatten().filter_map(text_of).collect();
        let operand = match (operator.arity(), values.as_slice()) {
            (Arity::Unary, []) => String::new(),
            // Graph's own editor leaves an empty value behind.
            (Arity::Unary, values) if values.iter().all(|value| value.is_empty()) => String::new(),
            (Arity::Unary, _) => {
                return Err(error(ScopingProblem::Operand, format!("{} takes no value", operator.name())));
            }
            (Arity::Binary, [value]) => value.clone().into_owned(),
            (Arity::Binary, values) => {
                let reason = format!("{} takes one value, not {}", operator.name(), values.len());
                return Err(error(ScopingProblem::Operand, reason));
            }
        };
        let number = matches!(operator, Operator::GreaterThan | Operator::GreaterThanOrEquals);
        if number && whole(&operand).is_none() {
            let reason =
                format!("{} takes a whole number that is not negative, not {operand:?}", operator.name());
            return Err(error(ScopingProblem::Operand, reason));
        }
        let pattern = match operator {
            Operator::RegexMatch | Operator::NotRegexMatch => {
                Some(Regex::new(&operand).map_err(|fault| error(ScopingProblem::Regex, fault.to_string()))?)
            }
            _ => None,
        };
        Ok(Self { attribute, operator, operand, pattern })
    }

    /// What had better be written otherwise.
    pub(super) fn lint(&self) -> Option<String> {
        let pattern = self.pattern.as_ref().filter(|pattern| !pattern.is_anchored());
        pattern
            .map(|_| format!("{:?} matches anywhere in a value; write ^…$ to match all of it", self.operand))
    }

    /// Whether the clause holds. Of several values each must satisfy it; what has none satisfies `IS NULL` alone.
    pub(super) fn holds(&self, value: Option<&Value>, warnings: &mut Vec<String>) -> bool {
        let values: Vec<&Value> = match value {
            None => Vec::new(),
            Some(Value::Array(values)) => values.iter().filter(|value| !is_empty(value)).collect(),
            Some(value) => Some(value).filter(|value| !is_empty(value)).into_iter().collect(),
        };
        match self.operator {
            Operator::IsNull => values.is_empty(),
            Operator::IsNotNull => !values.is_empty(),
            _ => !values.is_empty() && values.into_iter().all(|value| self.satisfied_by(value, warnings)),
        }
    }

    fn satisfied_by(&self, value: &Value, warnings: &mut Vec<String>) -> bool {
        let Some(text) = text_of(value) else { return false };
        let text = text.as_ref();
        let mut warn = |reason: &str| {
            warnings.push(format!("{} {}: {reason}", self.attribute, self.operator.name()));
            false
        };
        let matches = |pattern: &Option<Regex>| pattern.as_ref().map(|pattern| pattern.is_match(text));
        match self.operator {
            Operator::Equals => self.same(value, text),
            Operator::NotEquals => !self.same(value, text),
            Operator::IsNull => false,
            Operator::IsNotNull => true,
            Operator::IsTrue => text.eq_ignore_ascii_case("true"),
            Operator::IsFalse => text.eq_ignore_ascii_case("false"),
            Operator::RegexMatch | Operator::NotRegexMatch => match matches(&self.pattern) {
                Some(Ok(matched)) => matched == (self.operator == Operator::RegexMatch),
                Some(Err(fault)) => warn(&fault.to_string()),
                None => false,
            },
            Operator::GreaterThan | Operator::GreaterThanOrEquals => {
                match (whole(text), whole(&self.operand)) {
                    (Some(value), Some(operand)) if self.operator == Operator::GreaterThan => value > operand,
                    (Some(value), Some(operand)) => value >= operand,
                    _ => warn("the value is no whole number that is not negative"),
                }
            }
            Operator::Includes => text.contains(&self.operand),
            Operator::EndsWith => text.ends_with(&self.operand),
            Operator::OccursIn => self.operand.contains(text),
            Operator::DoesNotOccurIn => !self.operand.contains(text),
        }
    }

    /// Booleans compare in any letter case, everything else as it is written.
    fn same(&self, value: &Value, text: &str) -> bool {
        if value.is_boolean() { text.eq_ignore_ascii_case(&self.operand) } else { text == self.operand }
    }
}

fn is_empty(value: &Value) -> bool {
    matches!(value, Value::Null) || value.as_str().is_some_and(str::is_empty)
}

fn text_of(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Bool(true) => Some(Cow::Borrowed("True")),
        Value::Bool(false) => Some(Cow::Borrowed("False")),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A whole number that is not negative.
fn whole(text: &str) -> Option<u128> {
    let digits = text.trim();
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}
