//! `Replace`: five functions under one name, told apart by which of its parameters are written.

use std::borrow::Cow;

use super::super::error::{ErrorKind, ExpressionError};
use super::super::evaluate::{Evaluated, Invocation, Stop, null};
use super::super::regex::Regex;
use super::super::tree::Node;
use super::super::value::Value;
use super::{Function, PLAIN, Prepared, example, required, slot};

pub(super) const FUNCTIONS: &[Function] = &[Function {
    name: "Replace",
    parameters: &[
        required("source", "The text."),
        slot("oldValue", "The text to be replaced, or to be filled in in the template."),
        slot("regexPattern", "A regular expression (.NET) for what is to be replaced."),
        slot("regexGroupName", "The name of a group of the regular expression."),
        slot(
            "replacementValue",
            "What stands in its place; with a regular expression, ${name}, $1 and $0 are its groups.",
        ),
        slot("replacementAttribute", "An attribute to take the value from."),
        slot("template", "A text in which the source is filled in."),
    ],
    meaning: "A text with parts replaced. Letter case counts. What is done depends on which parameters are written:\n\
              \n\
              - oldValue and template: the template, every oldValue in it replaced by the source;\n\
              - oldValue and replacementValue: the source, every oldValue in it replaced;\n\
              - regexPattern, regexGroupName and replacementAttribute: the source, unless it is empty; then what the group of \
              the regular expression matches in the attribute, or null;\n\
              - regexPattern, regexGroupName and replacementValue: the source, in every match the group replaced;\n\
              - regexPattern and replacementValue: the source, every match replaced.\n\
              \n\
              All seven places must be there, empty ones with their commas. Where nothing is found, the source stays.",
    null: "A null source stays null, except where it is filled from an attribute.",
    examples: &[
        example(
            r#"Replace([title], "Dev", , , "Engineer", , )"#,
            r#"{"title": "Dev Lead"}"#,
            r#""Engineer Lead""#,
        ),
        example(r#"Replace([id], "{id}", , , , , "U-{id}")"#, r#"{"id": "77"}"#, r#""U-77""#),
        example(
            r#"Replace([phone], , "[()\\s-]+", , "", , )"#,
            r#"{"phone": "+1 (999) 888-7777"}"#,
            r#""+19998887777""#,
        ),
        example(
            r#"Replace([upn], , "(?<domain>@(.)*)", "domain", "", , )"#,
            r#"{"upn": "mia@example.org"}"#,
            r#""mia""#,
        ),
    ],
    prepare: Some(prepare),
    evaluate: replace,
    ..PLAIN
}];

/// What is done.
#[derive(Clone, Copy, Debug)]
pub(in super::super) enum Mode {
    Fill,
    Text,
    FromAttribute,
    Group,
    Matches,
}

/// The places of the parameters.
const OLD: usize = 1;
const PATTERN: usize = 2;
const GROUP: usize = 3;
const REPLACEMENT: usize = 4;
const ATTRIBUTE: usize = 5;
const TEMPLATE: usize = 6;

fn prepare(arguments: &[Option<Node>], position: usize) -> Result<Prepared, ExpressionError> {
    let written = |index: usize| arguments.get(index).is_some_and(Option::is_some);
    let all = |indexes: &[usize]| indexes.iter().all(|&index| written(index));
    let mode = if all(&[OLD, TEMPLATE]) {
        Mode::Fill
    } else if all(&[OLD, REPLACEMENT]) {
        Mode::Text
    } else if all(&[PATTERN, GROUP, ATTRIBUTE]) {
        Mode::FromAttribute
    } else if all(&[PATTERN, GROUP, REPLACEMENT]) {
        Mode::Group
    } else if all(&[PATTERN, REPLACEMENT]) {
        Mode::Matches
    } else {
        let message = "Replace does not know what to do: write oldValue with template or replacementValue, or regexPattern \
                       with replacementValue, or regexPattern and regexGroupName with replacementAttribute";
        return Err(ExpressionError::new(ErrorKind::Argument, position, message));
    };
    let constant = |index: usize| {
        let node = arguments.get(index)?.as_ref()?;
        Some((node.constant()?.as_text()?, node.position))
    };
    if matches!(mode, Mode::Fill | Mode::Text)
        && let Some(("", position)) = constant(OLD)
    {
        return Err(ExpressionError::new(
            ErrorKind::Argument,
            position,
            format!("Replace: oldValue {EMPTY}"),
        ));
    }
    let regex = match (mode, constant(PATTERN)) {
        (Mode::Fill | Mode::Text, _) | (_, None) => None,
        (_, Some((pattern, position))) => {
            let refused = |position, fault: &_| {
                ExpressionError::new(ErrorKind::from(fault), position, format!("Replace: {fault}"))
            };
            let regex = Regex::new(pattern).map_err(|fault| refused(position, &fault))?;
            if matches!(mode, Mode::FromAttribute | Mode::Group)
                && let Some((group, position)) = constant(GROUP)
                && !regex.has_group(group)
            {
                let message = format!(
                    "Replace: the regular expression has no group {group:?}; write it as (?<{group}>...)"
                );
                return Err(ExpressionError::new(ErrorKind::Regex, position, message));
            }
            Some(Box::new(regex))
        }
    };
    Ok(Prepared::Replace { mode, regex })
}

const EMPTY: &str = "is empty; write the text that is to be replaced";

fn replace<'e>(call: &mut Invocation<'_, 'e>) -> Evaluated<'e> {
    let Prepared::Replace { mode, regex } = call.prepared() else { return null() };
    let source = call.text(0)?;
    if let Mode::FromAttribute = mode {
        return from_attribute(call, source, regex.as_deref());
    }
    let Some(source) = source else { return null() };
    match mode {
        Mode::Fill => {
            let old = old(call)?;
            match call.text(TEMPLATE)? {
                Some(template) => exchange(call, &template, &old, &source),
                None => null(),
            }
        }
        Mode::Group => {
            let (regex, group) = (compiled(call, regex.as_deref())?, call.text_or_empty(GROUP)?);
            let replacement = call.text_or_empty(REPLACEMENT)?;
            let text = regex
                .replace_group(&source, &group, &replacement)
                .map_err(|fault| call.fault(PATTERN, &fault))?;
            call.give(text)
        }
        Mode::Matches => {
            let (regex, replacement) = (compiled(call, regex.as_deref())?, call.text_or_empty(REPLACEMENT)?);
            let text =
                regex.replace_all(&source, &replacement).map_err(|fault| call.fault(PATTERN, &fault))?;
            call.give(text)
        }
        _ => {
            let (old, replacement) = (old(call)?, call.text_or_empty(REPLACEMENT)?);
            exchange(call, &source, &old, &replacement)
        }
    }
}

fn from_attribute<'e>(
    call: &mut Invocation<'_, 'e>,
    source: Option<Cow<'e, str>>,
    regex: Option<&Regex>,
) -> Evaluated<'e> {
    match source {
        Some(source) if !source.is_empty() => return Ok(Cow::Owned(Value::Text(source.into_owned()))),
        _ => {}
    }
    let (regex, group) = (compiled(call, regex)?, call.text_or_empty(GROUP)?);
    let attribute = call.text_or_empty(ATTRIBUTE)?;
    let value = regex.group_value(&attribute, &group).map_err(|fault| call.fault(GROUP, &fault))?;
    match value {
        Some(value) => call.give(value),
        None => null(),
    }
}

/// The text to be replaced.
fn old<'e>(call: &mut Invocation<'_, 'e>) -> Result<Cow<'e, str>, Stop> {
    let old = call.text_or_empty(OLD)?;
    if old.is_empty() { Err(call.fail_at(OLD, ErrorKind::Argument, EMPTY)) } else { Ok(old) }
}

/// The regular expression: compiled before where it is constant.
fn compiled<'r>(call: &mut Invocation<'_, '_>, regex: Option<&'r Regex>) -> Result<Cow<'r, Regex>, Stop> {
    if let Some(regex) = regex {
        return Ok(Cow::Borrowed(regex));
    }
    let pattern = call.text_or_empty(PATTERN)?;
    Regex::new(&pattern).map(Cow::Owned).map_err(|fault| call.fault(PATTERN, &fault))
}

fn exchange<'e>(call: &mut Invocation<'_, 'e>, text: &str, old: &str, new: &str) -> Evaluated<'e> {
    // What comes of it is counted before it is made.
    let removed = text.matches(old).count();
    let length = text.len().saturating_add(removed.saturating_mul(new.len()));
    call.spend(length)?;
    Ok(Cow::Owned(Value::Text(text.replace(old, new))))
}
