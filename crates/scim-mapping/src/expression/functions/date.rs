//! Dates. All of them are instants in UTC.

use super::super::evaluate::give;
use super::super::value::Value;
use super::{Family, Function, PLAIN};

const HERE: Function = Function { family: Family::Dates, ..PLAIN };

pub(super) const FUNCTIONS: &[Function] = &[Function {
    name: "Now",
    meaning: "The instant of the evaluation.",
    null: "Takes no parameters.",
    evaluate: |call| give(Value::DateTime(call.now())),
    ..HERE
}];
