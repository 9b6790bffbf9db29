//! Lists. A single value counts as a list of one.

use std::collections::HashSet;

use super::super::error::ErrorKind;
use super::super::evaluate::{give, null};
use super::super::value::Value;
use super::text::count;
use super::{Family, Function, PLAIN, Parameter, example, required};

const LIST: Parameter = required("attribute", "A list, or a single value.");
const HERE: Function = Function { family: Family::MultiValued, ..PLAIN };

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "Split",
        parameters: &[
            required("source", "The text."),
            required("delimiter", "The one character that separates items."),
        ],
        meaning: "The items of a text, without the blanks around them. Empty items are left out.",
        null: "Null stays null.",
        examples: &[example(r#"Split([scope], ",")"#, r#"{"scope": "read, write"}"#, r#"["read", "write"]"#)],
        evaluate: |call| {
            let (source, delimiter) = (call.text(0)?, call.text_or_empty(1)?);
            let mut characters = delimiter.chars();
            let (Some(delimiter), None) = (characters.next(), characters.next()) else {
                return Err(call.fail_at(1, ErrorKind::Argument, "is one character, such as \",\""));
            };
            let Some(source) = source else { return null() };
            call.spend(source.len())?;
            let items = source.split(delimiter).map(str::trim).filter(|item| !item.is_empty());
            give(Value::Multi(items.map(str::to_owned).collect()))
        },
        ..HERE
    },
    Function {
        name: "Item",
        parameters: &[LIST, required("index", "Which item, from 1.")],
        meaning: "One item of a list. That there is no such item is an error.",
        null: "Null has no items.",
        examples: &[example("Item([phones], 2)", r#"{"phones": ["100", "200"]}"#, r#""200""#)],
        evaluate: |call| {
            let (value, index) = (call.value(0)?, call.int(1)?);
            let before = index.checked_sub(1).and_then(|before| usize::try_from(before).ok());
            let item = before.and_then(|before| match value.as_ref() {
                Value::Null => None,
                Value::Multi(items) => items.get(before).cloned().map(Value::Text),
                Value::Roles(roles) => roles.get(before).cloned().map(|role| Value::Roles(vec![role])),
                single => (before == 0).then(|| single.clone()),
            });
            match item {
                Some(item) => give(item),
                None if before.is_none() => {
                    Err(call.fail_at(1, ErrorKind::Index, "counts from 1; use 1 for the first item"))
                }
                None => Err(call.fail_at(
                    1,
                    ErrorKind::Index,
                    "is beyond the end of the list; compare it with Count first",
                )),
            }
        },
        ..HERE
    },
    Function {
        name: "Count",
        parameters: &[LIST],
        meaning: "How many items a list has.",
        null: "Null gives 0.",
        examples: &[example("Count([phones])", r#"{"phones": ["100", "200"]}"#, "2")],
        evaluate: |call| {
            let value = call.value(0)?;
            give(match value.as_ref() {
                Value::Null => Value::Int(0),
                Value::Multi(items) => count(items.len()),
                Value::Roles(roles) => count(roles.len()),
                _ => Value::Int(1),
            })
        },
        ..HERE
    },
    Function {
        name: "RemoveDuplicates",
        parameters: &[LIST],
        meaning: "The list with each item once, where it stood first. Letter case counts.",
        null: "Null stays null.",
        examples: &[example("RemoveDuplicates([tags])", r#"{"tags": ["a", "b", "a"]}"#, r#"["a", "b"]"#)],
        evaluate: |call| {
            let value = call.value(0)?;
            match value.as_ref() {
                Value::Multi(items) => {
                    let mut seen = HashSet::new();
                    give(Value::Multi(
                        items.iter().filter(|item| seen.insert(item.as_str())).cloned().collect(),
                    ))
                }
                Value::Roles(roles) => {
                    let mut seen = HashSet::new();
                    let text = |role| serde_json::to_string(role).unwrap_or_default();
                    give(Value::Roles(
                        roles.iter().filter(|role| seen.insert(text(*role))).cloned().collect(),
                    ))
                }
                _ => Ok(value),
            }
        },
        ..HERE
    },
];
