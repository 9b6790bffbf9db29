//! Vectors of expressions.

use regex::Regex;
use serde_json::{Map, Value as Json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::datetime;

use super::{Checked, Report, VectorError, run};
use crate::expression::{Context, ErrorKind, Expression, ExpressionError, Flow, Outcome};

/// The instant where a vector names none.
const NOW: OffsetDateTime = datetime!(2026-01-01 00:00 UTC);
/// How often a random result is drawn.
const DRAWS: u64 = 50;

/// Checks the vectors of a file: a JSON array.
///
/// # Errors
///
/// Where the file is not an array of vectors; a vector that does not give what it should is a failure in the report.
pub fn check_expressions(text: &str) -> Result<Report, VectorError> {
    run(text, |vector| vector.get("expr").and_then(Json::as_str).unwrap_or_default().to_owned(), check)
}

fn check(vector: &Json) -> Checked {
    let text = vector.get("expr").and_then(Json::as_str).ok_or("`expr` is no text")?;
    let expect = Expectation::read(vector.get("expect").ok_or("`expect` is missing")?)?;
    let nothing = Map::new();
    let attributes = match vector.get("attrs") {
        None | Some(Json::Null) => &nothing,
        Some(attributes) => attributes.as_object().ok_or("`attrs` is no object")?,
    };
    let world = World::read(vector)?;
    let log = vector.get("log").and_then(Json::as_str);
    let draws = if matches!(expect, Expectation::Random { .. }) { DRAWS } else { 1 };
    for seed in 0..draws {
        let parsed = Expression::parse(text);
        let found = parsed
            .as_ref()
            .map_err(Clone::clone)
            .and_then(|expression| world.evaluate(expression, attributes, seed));
        if !expect.holds(&found) {
            return Ok(Some((expect.to_string(), told(&found))));
        }
        let shown = parsed.is_ok_and(|expression| expression.is_redacted()).then_some("[Redact]");
        if let Some(log) = log
            && shown != Some(log)
        {
            let shown = shown.unwrap_or("the value");
            return Ok(Some((format!("{log:?} in the log"), format!("{shown} in the log"))));
        }
    }
    Ok(None)
}

/// What a vector says about everything but the object.
struct World<'a> {
    now: OffsetDateTime,
    default_domain: Option<&'a str>,
    taken: Vec<String>,
}

impl<'a> World<'a> {
    fn read(vector: &'a Json) -> Result<Self, String> {
        let now = match vector.get("now") {
            None => NOW,
            Some(now) => now
                .as_str()
                .and_then(|now| OffsetDateTime::parse(now, &Rfc3339).ok())
                .ok_or("`now` is no instant such as 2026-03-10T09:30:00Z")?,
        };
        let context = |name| vector.get("ctx").and_then(|context| context.get(name));
        let taken = context("taken").and_then(Json::as_array).into_iter().flatten();
        let taken = taken.filter_map(Json::as_str).map(str::to_lowercase).collect();
        Ok(Self { now, default_domain: context("defaultDomain").and_then(Json::as_str), taken })
    }

    fn evaluate(&self, expression: &Expression, attributes: &Map<String, Json>, seed: u64) -> Found {
        // As directories do, letter case is not distinguished.
        let taken = |value: &str| self.taken.contains(&value.to_lowercase());
        let mut state = seed;
        let mut random = |bytes: &mut [u8]| {
            for byte in bytes {
                *byte = scrambled(&mut state);
            }
        };
        let mut context = Context::at(self.now).taken(&taken).random(&mut random);
        if let Some(domain) = self.default_domain {
            context = context.default_domain(domain);
        }
        expression.evaluate(attributes, &mut context)
    }
}

type Found = Result<Outcome, ExpressionError>;

fn told(found: &Found) -> String {
    match found {
        Ok(Outcome::Value(value)) => value.to_json().to_string(),
        Ok(Outcome::Flow(flow)) => flow.as_str().to_owned(),
        Err(error) => format!("error {}: {error}", error.kind().as_str()),
    }
}

/// A byte that looks random (splitmix64).
fn scrambled(state: &mut u64) -> u8 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed.to_be_bytes()[0]
}

enum Expectation<'a> {
    Value(&'a Json),
    Error(ErrorKind),
    Flow(Flow),
    Random { matches: Regex, least: [u64; 4], none_of: &'a str },
}

impl<'a> Expectation<'a> {
    fn read(expect: &'a Json) -> Result<Self, String> {
        let Json::Object(members) = expect else { return Ok(Self::Value(expect)) };
        let text = |name: &str| members.get(name).and_then(Json::as_str);
        if let Some(name) = text("error") {
            let kind = ErrorKind::ALL.into_iter().find(|kind| kind.as_str() == name);
            return kind.map(Self::Error).ok_or_else(|| format!("{name:?} is no kind of error"));
        }
        if let Some(name) = text("flow") {
            let flow =
                [Flow::IgnoreAttribute, Flow::IgnoreObject].into_iter().find(|flow| flow.as_str() == name);
            return flow.map(Self::Flow).ok_or_else(|| format!("{name:?} is no flow"));
        }
        let Some(pattern) = text("matches") else { return Ok(Self::Value(expect)) };
        let matches = Regex::new(pattern).map_err(|error| format!("`matches`: {error}"))?;
        let least = ["digit", "lower", "upper", "special"]
            .map(|sort| members.get("min").and_then(|min| min.get(sort)).and_then(Json::as_u64).unwrap_or(0));
        Ok(Self::Random { matches, least, none_of: text("noneOf").unwrap_or_default() })
    }

    fn holds(&self, found: &Found) -> bool {
        match (self, found) {
            (Self::Value(expected), Ok(Outcome::Value(value))) => value.to_json() == **expected,
            (Self::Error(kind), Err(error)) => error.kind() == *kind,
            (Self::Flow(flow), Ok(Outcome::Flow(found))) => flow == found,
            (Self::Random { matches, least, none_of }, Ok(Outcome::Value(value))) => {
                let text = value.as_text().unwrap_or_default();
                let sorts: [fn(&char) -> bool; 4] =
                    [char::is_ascii_digit, char::is_ascii_lowercase, char::is_ascii_uppercase, |character| {
                        !character.is_alphanumeric()
                    }];
                let enough = |(sort, &least): (fn(&char) -> bool, &u64)| {
                    u64::try_from(text.chars().filter(sort).count()).is_ok_and(|count| count >= least)
                };
                matches.is_match(text)
                    && sorts.into_iter().zip(least).all(enough)
                    && !text.chars().any(|character| none_of.contains(character))
            }
            _ => false,
        }
    }
}

impl std::fmt::Display for Expectation<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Value(value) => write!(f, "{value}"),
            Self::Error(kind) => write!(f, "error {}", kind.as_str()),
            Self::Flow(flow) => f.write_str(flow.as_str()),
            Self::Random { matches, least, none_of } => {
                let [digit, lower, upper, special] = least;
                write!(
                    f,
                    "text that matches {matches}, with {digit} digits, {lower} small and {upper} capital letters, {special} special characters at least, and none of {none_of:?}"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(vectors: &str, passed: usize, failed: usize) {
        let report = check_expressions(vectors).expect(vectors);
        assert_eq!((report.passed, report.failures.len()), (passed, failed), "{:?}", report.failures);
    }

    #[test]
    fn a_vector_that_does_not_hold_is_told() {
        check("[]", 0, 0);
        check(r#"[{"id": "a", "expr": "[a]", "attrs": {"a": 1}, "expect": 1}]"#, 1, 0);
        check(r#"[{"id": "a", "expr": "[a]", "attrs": {"a": 1}, "expect": "1"}]"#, 0, 1);
        check(r#"[{"id": "a", "expr": "[a", "expect": {"error": "parse"}}]"#, 1, 0);
        check(r#"[{"id": "a", "expr": "[a", "expect": {"error": "arity"}}]"#, 0, 1);
        check(r#"[{"id": "a", "expr": "\"x\"", "expect": "x", "log": "[Redact]"}]"#, 0, 1);
        check(r#"[{"id": "a", "expr": "Guid()", "expect": {"matches": "^[0-9]*$"}}]"#, 0, 1);
        check(r#"[{"id": "a", "expr": "Guid()", "expect": {"matches": "-4", "min": {"upper": 1}}}]"#, 0, 1);
        check(r#"[{"id": "a", "expr": "Guid()", "expect": {"matches": "-4", "noneOf": "0123"}}]"#, 0, 1);
    }

    #[test]
    fn a_file_without_vectors_is_refused() {
        for wrong in [
            "",
            "{}",
            "[1]",
            r#"[{"expr": "[a]"}]"#,
            r#"[{"expr": "[a]", "expect": 1, "attrs": 1}]"#,
            r#"[{"expr": "[a]", "expect": 1, "now": "today"}]"#,
            r#"[{"expr": "[a]", "expect": {"error": "odd"}}]"#,
            r#"[{"expr": "[a]", "expect": {"matches": "("}}]"#,
        ] {
            assert!(check_expressions(wrong).is_err(), "{wrong}");
        }
    }
}
