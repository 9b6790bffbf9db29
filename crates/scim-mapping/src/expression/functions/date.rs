//! Dates. All of them are instants in UTC.

use std::borrow::Cow;

use time::OffsetDateTime;

use super::super::date::{self, Interval, Styles};
use super::super::error::{ErrorKind, ExpressionError};
use super::super::evaluate::{Evaluated, Invocation, Stop, give, null};
use super::super::fault::Fault;
use super::super::tree::Node;
use super::super::value::Value;
use super::{Family, Function, PLAIN, Parameter, Prepared, example, required, slot};

const INTERVAL: Parameter = required(
    "interval",
    "yyyy (years), q (quarters), m (months), ww (weeks), d, y or w (days), h (hours), n (minutes) or s (seconds).",
);
const NO_DATE: &str = "Null is no date: an error.";
const HERE: Function = Function { family: Family::Dates, ..PLAIN };

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "Now",
        meaning: "The instant of the evaluation.",
        null: "Takes no parameters.",
        evaluate: |call| give(Value::DateTime(call.now())),
        ..HERE
    },
    Function {
        name: "CDate",
        parameters: &[required("expression", "A date, as text.")],
        meaning: "The text as a date: ISO 8601 (2024-11-05, 2024-11-05T23:15:10+01:00, 2024-11-05+02:00), or month first \
                  (11/5/2024 6:15:00 PM). Without an offset it is UTC.",
        null: NO_DATE,
        examples: &[
            example(r#"CDate("2024-11-05+02:00")"#, "{}", r#""11/4/2024 10:00:00 PM""#),
            example("CDate([hired])", r#"{"hired": "2024-02-29"}"#, r#""2/29/2024 12:00:00 AM""#),
        ],
        evaluate: |call| {
            let instant = instant(call, 0)?;
            give(Value::DateTime(instant))
        },
        ..HERE
    },
    Function {
        name: "DateAdd",
        parameters: &[
            INTERVAL,
            required("number", "How many intervals; earlier where negative."),
            required("date", "A date, or its text as CDate reads it."),
        ],
        meaning: "A date so many intervals later. Where a month has no such day, its last one is meant.",
        null: NO_DATE,
        examples: &[
            example(r#"DateAdd("d", 10, CDate("2024-12-25-05:00"))"#, "{}", r#""1/4/2025 5:00:00 AM""#),
            example(r#"DateAdd("m", 1, CDate("2025-01-31"))"#, "{}", r#""2/28/2025 12:00:00 AM""#),
        ],
        prepare: Some(prepare_interval),
        evaluate: |call| {
            let interval = interval(call)?;
            let (number, from) = (call.int(1)?, instant(call, 2)?);
            let sum = date::add(interval, number, from).map_err(|fault| call.fault(1, &fault))?;
            give(Value::DateTime(sum))
        },
        ..HERE
    },
    Function {
        name: "DateDiff",
        parameters: &[
            INTERVAL,
            required("date1", "The date to count from, or its text as CDate reads it."),
            required("date2", "The date to count to."),
        ],
        meaning: "How many intervals there are between two dates; negative where the second is earlier. Years, quarters and \
                  months are differences of their numbers, weeks are the Sundays between, all others are whole units of time.",
        null: NO_DATE,
        examples: &[
            example(r#"DateDiff("m", CDate("2025-11-30"), CDate("2026-02-01"))"#, "{}", "3"),
            example(r#"DateDiff("n", CDate("2026-03-10"), CDate("2026-03-09"))"#, "{}", "-1440"),
        ],
        prepare: Some(prepare_interval),
        evaluate: |call| {
            let interval = interval(call)?;
            let (from, to) = (instant(call, 1)?, instant(call, 2)?);
            give(Value::Int(date::diff(interval, from, to)))
        },
        ..HERE
    },
    Function {
        name: "FormatDateTime",
        parameters: &[
            required("source", "A date's text."),
            slot(
                "dateTimeStyles",
                "How strictly it is read: names or numbers of .NET's DateTimeStyles. Default: blanks \
                  around it do not count. May be left out, with its comma.",
            ),
            required("inputFormat", "How the source is written: a .NET date format."),
            required("outputFormat", "How the result is written: a .NET date format."),
        ],
        meaning: "A date's text in another format. d and M read one or two digits, dd and MM exactly two. An offset in the \
                  source moves the date to UTC. A date as source is read as its text (M/d/yyyy h:mm:ss tt).",
        null: "Null stays null; empty text stays empty.",
        examples: &[
            example(
                r#"FormatDateTime([d], , "yyyy-MM-dd", "d MMM yyyy")"#,
                r#"{"d": "2026-07-04"}"#,
                r#""4 Jul 2026""#,
            ),
            example(
                r#"FormatDateTime(Now(), , "M/d/yyyy h:mm:ss tt", "yyyy-MM-dd")"#,
                "{}",
                r#""1970-01-01""#,
            ),
        ],
        shape: Some(without_styles),
        evaluate: format,
        ..HERE
    },
    Function {
        name: "DateFromNum",
        parameters: &[required("value", "A file time: steps of 100 nanoseconds since 1601.")],
        meaning: "The date of a file time, as Active Directory keeps dates.",
        null: "Null is no number: an error.",
        examples: &[example("DateFromNum(133485408000000000)", "{}", r#""1/1/2024 12:00:00 AM""#)],
        evaluate: |call| {
            let number = call.int(0)?;
            let instant = date::from_file_time(number).map_err(|fault| call.fault(0, &fault))?;
            give(Value::DateTime(instant))
        },
        ..HERE
    },
    Function {
        name: "NumFromDate",
        parameters: &[required(
            "value",
            "A date, or its ISO 8601 text; a blank may stand in place of the T.",
        )],
        meaning: "The file time of a date: steps of 100 nanoseconds since 1601.",
        null: NO_DATE,
        examples: &[example(r#"NumFromDate("2025-12-31 23:59:59-05:00")"#, "{}", "134117171990000000")],
        evaluate: |call| {
            let value = call.value(0)?;
            let instant = read(call, 0, value, date::iso)?;
            let number = date::to_file_time(instant).map_err(|fault| call.fault(0, &fault))?;
            give(Value::Int(number))
        },
        ..HERE
    },
];

/// The three parameters source, input format and output format are those of the form without styles.
fn without_styles(arguments: &mut Vec<Option<Node>>) {
    if arguments.len() == 4 && arguments.last().is_some_and(Option::is_none) {
        arguments.pop();
    }
    if arguments.len() == 3 {
        arguments.insert(1, None);
    }
}

fn prepare_interval(arguments: &[Option<Node>], _: usize) -> Result<Prepared, ExpressionError> {
    let Some(Some(node)) = arguments.first() else { return Ok(Prepared::Nothing) };
    let Some(text) = node.constant().and_then(Value::as_text) else { return Ok(Prepared::Nothing) };
    match Interval::parse(text) {
        Ok(interval) => Ok(Prepared::Interval(interval)),
        Err(fault) => Err(ExpressionError::new(ErrorKind::from(&fault), node.position, fault.to_string())),
    }
}

/// The first argument.
fn interval(call: &mut Invocation<'_, '_>) -> Result<Interval, Stop> {
    if let Prepared::Interval(interval) = call.prepared() {
        return Ok(*interval);
    }
    let text = call.text_or_empty(0)?;
    Interval::parse(&text).map_err(|fault| call.fault(0, &fault))
}

/// An argument as a date.
fn instant(call: &mut Invocation<'_, '_>, index: usize) -> Result<OffsetDateTime, Stop> {
    let value = call.value(index)?;
    read(call, index, value, date::convert)
}

fn read<'e>(
    call: &Invocation<'_, 'e>,
    index: usize,
    value: Cow<'e, Value>,
    reader: fn(&str) -> Result<OffsetDateTime, Fault>,
) -> Result<OffsetDateTime, Stop> {
    if let Value::DateTime(instant) = value.as_ref() {
        return Ok(*instant);
    }
    let Some(text) = call.as_text(index, value)? else {
        let what = "is null, which is no date; give a date for that with Coalesce or Switch";
        return Err(call.fail_at(index, ErrorKind::Date, what));
    };
    reader(&text).map_err(|fault| call.fault(index, &fault))
}

fn format<'e>(call: &mut Invocation<'_, 'e>) -> Evaluated<'e> {
    let Some(source) = call.text(0)? else { return null() };
    let styles = match call.text(1)? {
        Some(styles) => Styles::parse(&styles).map_err(|fault| call.fault(1, &fault))?,
        None => Styles::default(),
    };
    let (input, output) = (call.text_or_empty(2)?, call.text_or_empty(3)?);
    if source.is_empty() {
        return call.give("");
    }
    let moment =
        date::parse_exact(&source, &input, styles, call.now()).map_err(|fault| call.fault(0, &fault))?;
    let text = date::format(moment, &output).map_err(|fault| call.fault(3, &fault))?;
    call.give(text)
}
