//! Numbers, and what becomes text.

use super::super::evaluate::{give, null};
use super::super::value::Value;
use super::{Family, Function, PLAIN, example, required};

const HERE: Function = Function { family: Family::Numbers, ..PLAIN };

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "BitAnd",
        parameters: &[required("value1", "A whole number."), required("value2", "Another.")],
        meaning: "The bits that two whole numbers of 64 bits have in common.",
        null: "Null is no number: an error.",
        examples: &[
            example("BitAnd(&HF, &HF7)", "{}", "7"),
            example("BitAnd([userAccountControl], 2)", r#"{"userAccountControl": "514"}"#, "2"),
        ],
        evaluate: |call| {
            let (left, right) = (call.int(0)?, call.int(1)?);
            give(Value::Int(left & right))
        },
        ..HERE
    },
    Function {
        name: "CStr",
        parameters: &[required("expression", "Any single value.")],
        meaning: "The value as text: True or False, decimal digits, dates as M/d/yyyy h:mm:ss tt in UTC.",
        null: "Null stays null.",
        examples: &[
            example("CStr(&HFF)", "{}", r#""255""#),
            example("CStr([active])", r#"{"active": true}"#, r#""True""#),
        ],
        evaluate: |call| match call.text(0)? {
            Some(text) => call.give(text),
            None => null(),
        },
        ..HERE
    },
];
