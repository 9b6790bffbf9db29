//! Text in, text out. Positions count characters, beginning with 1.

use std::borrow::Cow;

use super::super::casing::{Culture, to_lower};
use super::super::error::ErrorKind;
use super::super::evaluate::{Evaluated, Invocation, Stop, give, null};
use super::super::value::Value;
use super::{Function, PLAIN, Parameter, example, optional, repeated, required};

const SOURCE: Parameter = required("source", "The text.");
const EMPTY: &str = "Null gives empty text.";
const STAYS: &str = "Null stays null.";

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "Append",
        parameters: &[SOURCE, required("suffix", "What comes after it.")],
        meaning: "The source with the suffix behind it.",
        null: "A null source stays null; a null suffix adds nothing.",
        examples: &[
            example(r#"Append([alias], "@example.org")"#, r#"{"alias": "mkohl"}"#, r#""mkohl@example.org""#),
            example(r#"Append([alias], "@example.org")"#, "{}", "null"),
        ],
        evaluate: |call| {
            let (source, suffix) = (call.text(0)?, call.text_or_empty(1)?);
            let Some(source) = source else { return null() };
            concatenate(call, &source, &suffix)
        },
        ..PLAIN
    },
    Function {
        name: "Prepend",
        parameters: &[required("prefix", "What comes before it."), SOURCE],
        meaning: "The source with the prefix before it.",
        null: "A null source stays null; a null prefix adds nothing.",
        examples: &[example(r#"Prepend("ext-", [alias])"#, r#"{"alias": "mk"}"#, r#""ext-mk""#)],
        evaluate: |call| {
            let (prefix, source) = (call.text_or_empty(0)?, call.text(1)?);
            let Some(source) = source else { return null() };
            concatenate(call, &prefix, &source)
        },
        ..PLAIN
    },
    Function {
        name: "Join",
        parameters: &[
            required("separator", "What comes between two sources."),
            repeated("source", 1, "A text, a number or a list, whose items count one by one."),
        ],
        meaning: "The sources, with the separator between them.",
        null: "Null and empty sources are left out, and so is their separator. Where nothing is left, empty text.",
        examples: &[
            example(
                r#"Join(" ", [givenName], [middleName], [surname])"#,
                r#"{"givenName": "Mia", "surname": "Kohl"}"#,
                r#""Mia Kohl""#,
            ),
            example(r#"Join(";", [phones])"#, r#"{"phones": ["100", "200"]}"#, r#""100;200""#),
        ],
        evaluate: join,
        ..PLAIN
    },
    Function {
        name: "Left",
        parameters: &[SOURCE, required("length", "How many characters.")],
        meaning: "The first characters. With a negative length, or one beyond the end, the whole source.",
        null: EMPTY,
        examples: &[
            example(r#"Left([city], 3)"#, r#"{"city": "Bergen"}"#, r#""Ber""#),
            example(r#"Left([city], 40)"#, r#"{"city": "Oslo"}"#, r#""Oslo""#),
        ],
        evaluate: |call| {
            let (source, length) = (call.text_or_empty(0)?, call.int(1)?);
            let Ok(length) = usize::try_from(length) else { return call.give(source) };
            call.give(characters(&source, 0, length))
        },
        ..PLAIN
    },
    Function {
        name: "Mid",
        parameters: &[
            SOURCE,
            required("start", "The first character, from 1."),
            required("length", "How many characters; may go beyond the end."),
        ],
        meaning: "The characters from a place on. A start behind the end gives empty text.",
        null: EMPTY,
        examples: &[
            example(r#"Mid([city], 3, 4)"#, r#"{"city": "Trondheim"}"#, r#""ondh""#),
            example(r#"Mid([city], 7, 50)"#, r#"{"city": "Trondheim"}"#, r#""eim""#),
        ],
        evaluate: |call| {
            let (source, start, length) = (call.text(0)?, call.int(1)?, call.int(2)?);
            let Some(source) = source else { return call.give("") };
            let Some(before) = start.checked_sub(1).and_then(|before| usize::try_from(before).ok()) else {
                return Err(call.fail_at(
                    1,
                    ErrorKind::Argument,
                    "counts from 1; use 1 for the first character",
                ));
            };
            let Ok(length) = usize::try_from(length) else {
                return Err(call.fail_at(2, ErrorKind::Argument, "is negative; use 0 or more"));
            };
            call.give(characters(&source, before, length))
        },
        ..PLAIN
    },
    Function {
        name: "Len",
        parameters: &[SOURCE],
        meaning: "How many characters the source has.",
        null: "Null gives 0.",
        examples: &[example("Len([city])", r#"{"city": "Tromsø"}"#, "6")],
        evaluate: |call| {
            let source = call.text_or_empty(0)?;
            give(count(source.chars().count()))
        },
        ..PLAIN
    },
    Function {
        name: "InStr",
        parameters: &[
            required("source", "The text to look in."),
            required("find", "The text to look for."),
            optional("start", "The character to begin with, from 1. Default: 1"),
            optional("compare", "vbBinaryCompare, where letter case counts (the default), or vbTextCompare."),
        ],
        meaning: "The character at which a text is found first, from 1; 0 where it is not found.",
        null: "A null source gives 0.",
        examples: &[
            example(r#"InStr([mail], "@")"#, r#"{"mail": "mia@example.org"}"#, "4"),
            example(r#"InStr("repEated", "e", 3, vbBinaryCompare)"#, "{}", "7"),
            example(r#"InStr("repEated", "e", 3, vbTextCompare)"#, "{}", "4"),
        ],
        evaluate: in_str,
        ..PLAIN
    },
    Function {
        name: "StripSpaces",
        parameters: &[SOURCE],
        meaning: "The source without its spaces (U+0020), inside too. Other blanks stay.",
        null: STAYS,
        examples: &[example("StripSpaces([name])", r#"{"name": " Anna  Lena "}"#, r#""AnnaLena""#)],
        evaluate: |call| {
            let Some(source) = call.text(0)? else { return null() };
            call.give(source.replace(' ', ""))
        },
        ..PLAIN
    },
    Function {
        name: "Trim",
        parameters: &[required("source", "The text, or a list of which each item is trimmed.")],
        meaning: "The source without the blanks at its beginning and its end.",
        null: STAYS,
        examples: &[example("Trim([name])", r#"{"name": "  Mia "}"#, r#""Mia""#)],
        evaluate: |call| {
            let value = call.value(0)?;
            if let Value::Multi(items) = value.as_ref() {
                let items = items.iter().map(|item| item.trim().to_owned()).collect();
                return give(Value::Multi(items));
            }
            let Some(source) = call.as_text(0, value)? else { return null() };
            call.give(source.trim())
        },
        ..PLAIN
    },
    Function {
        name: "Word",
        parameters: &[
            SOURCE,
            required("number", "Which word, from 1."),
            required("delimiters", "The characters that separate words; several in a row count as one."),
        ],
        meaning: "One word of the source; empty text where there is no such word.",
        null: EMPTY,
        examples: &[
            example(r#"Word("eu/no;oslo", 3, "/;")"#, "{}", r#""oslo""#),
            example(r#"Word([name], 9, " ")"#, r#"{"name": "Mia Kohl"}"#, r#""""#),
        ],
        evaluate: |call| {
            let (source, number, delimiters) = (call.text_or_empty(0)?, call.int(1)?, call.text_or_empty(2)?);
            let mut words = source.split(|c| delimiters.contains(c)).filter(|word| !word.is_empty());
            let before = number.checked_sub(1).and_then(|before| usize::try_from(before).ok());
            let word = before.and_then(|before| words.nth(before)).unwrap_or_default();
            call.give(word)
        },
        ..PLAIN
    },
    Function {
        name: "Redact",
        parameters: &[required("source", "Any value.")],
        meaning: "The source as it is. In the log, [Redact] stands in place of the value of an attribute whose expression contains this function.",
        null: STAYS,
        examples: &[example("Redact([pin])", r#"{"pin": "4711"}"#, r#""4711""#)],
        redacts: true,
        evaluate: |call| call.value(0),
        ..PLAIN
    },
];

fn concatenate<'e>(call: &mut Invocation<'_, 'e>, first: &str, second: &str) -> Evaluated<'e> {
    call.spend(first.len().saturating_add(second.len()))?;
    give(Value::Text([first, second].concat()))
}

fn join<'e>(call: &mut Invocation<'_, 'e>) -> Evaluated<'e> {
    let separator = call.text_or_empty(0)?;
    let mut joined = String::new();
    let mut add = |call: &mut Invocation<'_, 'e>, part: &str| -> Result<(), Stop> {
        if part.is_empty() {
            return Ok(());
        }
        let between = if joined.is_empty() { "" } else { &separator };
        call.spend(between.len().saturating_add(part.len()))?;
        joined.push_str(between);
        joined.push_str(part);
        Ok(())
    };
    for index in 1..call.count() {
        let value = call.value(index)?;
        match value.as_ref() {
            Value::Multi(items) => {
                for item in items {
                    add(call, item)?;
                }
            }
            _ => {
                let text: Option<Cow<'e, str>> = call.as_text(index, value)?;
                add(call, &text.unwrap_or_default())?;
            }
        }
    }
    give(Value::Text(joined))
}

fn in_str<'e>(call: &mut Invocation<'_, 'e>) -> Evaluated<'e> {
    let (source, find) = (call.text_or_empty(0)?, call.text_or_empty(1)?);
    let (start, compare) = (call.optional_int(2)?.unwrap_or(1), call.optional_int(3)?.unwrap_or(0));
    let Some(before) = start.checked_sub(1).and_then(|before| usize::try_from(before).ok()) else {
        return Err(call.fail_at(2, ErrorKind::Argument, "counts from 1; use 1 for the first character"));
    };
    let (source, find) = match compare {
        0 => (source, find),
        // Lower case is one character for one, so that positions stay.
        1 => (
            Cow::Owned(to_lower(&source, Culture::Invariant)),
            Cow::Owned(to_lower(&find, Culture::Invariant)),
        ),
        _ => return Err(call.fail_at(3, ErrorKind::Argument, "is vbBinaryCompare or vbTextCompare")),
    };
    let Some((offset, _)) = source.char_indices().nth(before) else { return give(Value::Int(0)) };
    let rest = source.get(offset..).unwrap_or_default();
    let found = rest.find(find.as_ref()).map(|at| rest.get(..at).unwrap_or_default().chars().count());
    give(found.map_or(Value::Int(0), |characters| count(before + characters + 1)))
}

/// So many characters after so many others.
fn characters(text: &str, before: usize, length: usize) -> &str {
    let offset =
        |text: &str, characters| text.char_indices().nth(characters).map_or(text.len(), |(at, _)| at);
    let rest = text.get(offset(text, before)..).unwrap_or_default();
    rest.get(..offset(rest, length)).unwrap_or_default()
}

/// A number of things.
pub(super) fn count(number: usize) -> Value {
    Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
}
