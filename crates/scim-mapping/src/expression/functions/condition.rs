//! Choices and tests. Of a choice, only what is chosen is evaluated.

use std::borrow::Cow;

use super::super::error::ErrorKind;
use super::super::evaluate::{Evaluated, Invocation, Stop, give, null};
use super::super::value::{Flow, Value};
use super::{Family, Function, PLAIN, Parameter, example, repeated, required, slot};

const ANY: Parameter = required("expression", "Any value.");
const HERE: Function = Function { family: Family::Conditions, ..PLAIN };

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "IIF",
        parameters: &[
            required("condition", "A comparison, a boolean, a number or a boolean's text."),
            required("valueIfTrue", "What is given where it holds."),
            required("valueIfFalse", "What is given where it does not."),
        ],
        meaning: "One of two values. For and, nest IIF in the second parameter; for or, in the third.",
        null: "A null condition does not hold. Beside = and <>, null counts as empty text; no other comparison with null holds.",
        examples: &[
            example(r#"IIF([grade] >= 10, "senior", "junior")"#, r#"{"grade": 9}"#, r#""junior""#),
            example(
                r#"IIF([country] = "NO", IIF([city] = "Oslo", "HQ", "Branch"), "Abroad")"#,
                r#"{"country": "NO", "city": "Bergen"}"#,
                r#""Branch""#,
            ),
        ],
        evaluate: |call| {
            let chosen = if call.bool(0)? { 1 } else { 2 };
            call.value(chosen)
        },
        ..HERE
    },
    Function {
        name: "Switch",
        parameters: &[
            required("source", "The value that is looked up."),
            slot("default", "What is given where no key is equal."),
            repeated("key", 1, "A value to compare with."),
            repeated("value", 1, "What is given where the key before it is equal."),
        ],
        meaning: "The value of the first key that has the same text as the source; letter case counts.",
        null: "A null source equals the key \"\". An omitted default gives null.",
        examples: &[
            example(
                r#"Switch([site], "Europe/Oslo", "LON", "Europe/London", "NYC", "America/New_York")"#,
                r#"{"site": "NYC"}"#,
                r#""America/New_York""#,
            ),
            example(r#"Switch([title], [title], "", "unknown")"#, "{}", r#""unknown""#),
        ],
        evaluate: |call| {
            let source = call.text_or_empty(0)?;
            for key in (2..call.count()).step_by(2) {
                if call.text_or_empty(key)? == source {
                    return call.value(key + 1);
                }
            }
            call.value(1)
        },
        ..HERE
    },
    Function {
        name: "Coalesce",
        parameters: &[repeated("source", 1, "A value; the last one is the default.")],
        meaning: "The first source that is not null. Empty text is not null.",
        null: "Where all are null, null.",
        examples: &[
            example(
                r#"Coalesce([mail], [upn], "nobody@example.org")"#,
                r#"{"upn": "m.kohl@example.org"}"#,
                r#""m.kohl@example.org""#,
            ),
            example("Coalesce([mail], [upn])", r#"{"mail": "", "upn": "x"}"#, r#""""#),
        ],
        evaluate: |call| {
            for index in 0..call.count() {
                let value = call.value(index)?;
                if !value.is_null() {
                    return Ok(value);
                }
            }
            null()
        },
        ..HERE
    },
    Function {
        name: "IgnoreFlowIfNullOrEmpty",
        parameters: &[ANY],
        meaning: "The value, if there is one; otherwise the attribute is left as it is in the target.",
        null: "Null and empty text leave the attribute alone.",
        examples: &[
            example("IgnoreFlowIfNullOrEmpty([department])", r#"{"department": "Ops"}"#, r#""Ops""#),
            example("IgnoreFlowIfNullOrEmpty([department])", "{}", r#"{"flow": "ignore_attribute"}"#),
        ],
        evaluate: |call| {
            let value = call.value(0)?;
            if value.is_null_or_empty() { Err(Stop::Flow(Flow::IgnoreAttribute)) } else { Ok(value) }
        },
        ..HERE
    },
    Function {
        name: "IsNull",
        meaning: "Whether there is no value. Empty text is a value.",
        null: "True.",
        examples: &[example("IsNull([mail])", r#"{"mail": ""}"#, "false")],
        evaluate: |call| test(call, Value::is_null),
        ..TEST
    },
    Function {
        name: "IsNothing",
        meaning: "The same as IsNull.",
        null: "True.",
        examples: &[example("IsNothing([mail])", "{}", "true")],
        evaluate: |call| test(call, Value::is_null),
        ..TEST
    },
    Function {
        name: "IsNullOrEmpty",
        meaning: "Whether there is no value, or empty text.",
        null: "True.",
        examples: &[example("IsNullOrEmpty([mail])", r#"{"mail": ""}"#, "true")],
        evaluate: |call| test(call, Value::is_null_or_empty),
        ..TEST
    },
    Function {
        name: "IsPresent",
        meaning: "Whether there is a value other than empty text. A blank is such a value.",
        null: "False.",
        examples: &[example("IsPresent([mail])", r#"{"mail": " "}"#, "true")],
        evaluate: |call| test(call, |value| !value.is_null_or_empty()),
        ..TEST
    },
    Function {
        name: "IsString",
        meaning: "Whether the value has a text: true for texts, numbers, booleans and dates, false for lists.",
        null: "False.",
        examples: &[example("IsString([n])", r#"{"n": 12}"#, "true")],
        evaluate: |call| {
            test(call, |value| !matches!(value, Value::Null | Value::Multi(_) | Value::Roles(_)))
        },
        ..TEST
    },
    Function {
        name: "Not",
        parameters: &[required("source", "A boolean, or its text in any letter case.")],
        meaning: "False for true; true for everything else.",
        null: "True.",
        examples: &[
            example("Not([IsSoftDeleted])", r#"{"IsSoftDeleted": "True"}"#, "false"),
            example("Not([IsSoftDeleted])", r#"{"IsSoftDeleted": "banana"}"#, "true"),
        ],
        evaluate: |call| {
            test(call, |value| match value {
                Value::Bool(flag) => !flag,
                Value::Text(text) => !text.eq_ignore_ascii_case("true"),
                _ => true,
            })
        },
        ..HERE
    },
    Function {
        name: "CBool",
        parameters: &[required("expression", "A comparison, a boolean, a number or a boolean's text.")],
        meaning: "The value as a boolean: numbers are true unless 0.",
        null: "False.",
        examples: &[
            example("CBool([a] = [b])", r#"{"a": "Oslo", "b": "Oslo"}"#, "true"),
            example("CBool(7)", "{}", "true"),
        ],
        evaluate: |call| {
            let flag = call.bool(0)?;
            give(Value::Bool(flag))
        },
        ..HERE
    },
    Function {
        name: "Error",
        parameters: &[required("message", "What is wrong.")],
        meaning: "Fails, with the message: the object is not written, and the log shows why.",
        null: "Fails without a message.",
        examples: &[],
        evaluate: |call| {
            let message = call.text_or_empty(0)?;
            let message: String = message.chars().take(MESSAGE).collect();
            let message = if message.is_empty() { "without a message".to_owned() } else { message };
            Err(call.fail(ErrorKind::User, &format!("was called: {message}")))
        },
        ..HERE
    },
];

const TEST: Function = Function { parameters: &[ANY], ..HERE };

/// Most characters of an administrator's message.
const MESSAGE: usize = 1000;

fn test<'e>(call: &mut Invocation<'_, 'e>, holds: fn(&Value) -> bool) -> Evaluated<'e> {
    let value = call.value(0)?;
    Ok(Cow::Owned(Value::Bool(holds(&value))))
}
