//! `=`, `<>`, `>`, `>=`, `<`, `<=`.
//!
//! Instants compare in time, also with a text that `CDate` reads. Beside a number, the other side is read as a number; a text
//! that is none differs from every number, and cannot be ordered with one. A boolean compares as text in any letter case.
//! Texts are equal where they are the same, letter case included; they are ordered as numbers where both are, by UTF-16
//! units otherwise. Nothing is equal to empty text, and comes neither before nor after anything.

use std::cmp::Ordering;

use super::date;
use super::error::ErrorKind;
use super::tree::Operator;
use super::value::{self, Mismatch, Value};

/// Whether the comparison holds.
pub(super) fn compare(left: &Value, operator: Operator, right: &Value) -> Result<bool, Mismatch> {
    let equality = matches!(operator, Operator::Equal | Operator::NotEqual);
    if !equality && (left.is_null() || right.is_null()) {
        return Ok(false);
    }
    let ordering = if equality { equal(left, right)? } else { order(left, right)? };
    Ok(match operator {
        Operator::Equal => ordering.is_eq(),
        Operator::NotEqual => ordering.is_ne(),
        Operator::Greater => ordering.is_gt(),
        Operator::GreaterOrEqual => ordering.is_ge(),
        Operator::Less => ordering.is_lt(),
        Operator::LessOrEqual => ordering.is_le(),
    })
}

/// The order of two values of which only equality counts.
fn equal(left: &Value, right: &Value) -> Result<Ordering, Mismatch> {
    if let Some(ordering) = in_time(left, right) {
        return Ok(ordering);
    }
    if (is_number(left) || is_number(right))
        && let (Ok(left), Ok(right)) = (left.to_number(), right.to_number())
    {
        return Ok(left.cmp(&right));
    }
    let (first, second) = (text(left)?, text(right)?);
    if is_bool(left) || is_bool(right) {
        return Ok(first.to_lowercase().cmp(&second.to_lowercase()));
    }
    Ok(first.cmp(&second))
}

/// The order of two values, neither of which is null.
fn order(left: &Value, right: &Value) -> Result<Ordering, Mismatch> {
    if let Some(ordering) = in_time(left, right) {
        return Ok(ordering);
    }
    if (is_number(left) || is_number(right)) && !is_bool(left) && !is_bool(right) {
        return Ok(left.to_number()?.cmp(&right.to_number()?));
    }
    let (first, second) = (text(left)?, text(right)?);
    if is_bool(left) || is_bool(right) {
        return Ok(first.to_lowercase().cmp(&second.to_lowercase()));
    }
    if let (Some(first), Some(second)) = (value::number(&first), value::number(&second)) {
        return Ok(first.cmp(&second));
    }
    Ok(first.encode_utf16().cmp(second.encode_utf16()))
}

/// The order in time, where one side is an instant and the other is one or reads as one.
fn in_time(left: &Value, right: &Value) -> Option<Ordering> {
    let instant = |value: &Value| match value {
        Value::DateTime(instant) => Some(*instant),
        Value::Text(text) => date::convert(text).ok(),
        _ => None,
    };
    match (left, right) {
        (Value::DateTime(_), _) | (_, Value::DateTime(_)) => Some(instant(left)?.cmp(&instant(right)?)),
        _ => None,
    }
}

fn is_number(value: &Value) -> bool {
    matches!(value, Value::Int(_) | Value::Decimal(_))
}

fn is_bool(value: &Value) -> bool {
    matches!(value, Value::Bool(_))
}

/// The text of a value; nothing is empty text.
fn text(value: &Value) -> Result<std::borrow::Cow<'_, str>, Mismatch> {
    if value.is_null() {
        return Ok(std::borrow::Cow::Borrowed(""));
    }
    let single = |mismatch| Mismatch { kind: ErrorKind::Type, wanted: "single values", ..mismatch };
    Ok(value.to_text().map_err(single)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};
    use time::macros::datetime;

    use super::*;

    /// `order` is `=`, `<`, `>`, `!` (unequal and not ordered) or `?` (an error to order).
    fn check(left: &Json, right: &Json, order: char) {
        let (left, right) = (Value::from_json(left), Value::from_json(right));
        let holds = |operator| compare(&left, operator, &right).ok();
        assert_eq!(holds(Operator::Equal), Some(order == '='), "{left:?} {right:?}");
        assert_eq!(holds(Operator::NotEqual), Some(order != '='), "{left:?} {right:?}");
        let ordered = |yes: bool| if order == '?' { None } else { Some(yes) };
        assert_eq!(holds(Operator::Less), ordered(order == '<'), "{left:?} {right:?}");
        assert_eq!(holds(Operator::Greater), ordered(order == '>'), "{left:?} {right:?}");
        assert_eq!(holds(Operator::LessOrEqual), ordered("<=".contains(order)), "{left:?} {right:?}");
        assert_eq!(holds(Operator::GreaterOrEqual), ordered(">=".contains(order)), "{left:?} {right:?}");
    }

    #[test]
    fn values_compare() {
        check(&json!("a"), &json!("a"), '=');
        check(&json!("a"), &json!("A"), '>');
        check(&json!("\u{1f600}"), &json!("\u{ff5e}"), '<');
        check(&json!("10"), &json!("9"), '>');
        check(&json!("10"), &json!(10), '=');
        check(&json!("010"), &json!(10), '=');
        check(&json!(1.5), &json!("1.50"), '=');
        check(&json!(2), &json!("abc"), '?');
        check(&json!(true), &json!("TRUE"), '=');
        check(&json!(true), &json!(1), '>');
        check(&json!(false), &json!("true"), '<');
    }

    #[test]
    fn nothing_compares_as_empty_text_and_is_not_ordered() {
        let nothing = |operator| compare(&Value::Null, operator, &Value::from("")).ok();
        assert_eq!(nothing(Operator::Equal), Some(true));
        assert_eq!(nothing(Operator::LessOrEqual), Some(false));
        check(&json!(null), &json!(1), '!');
        check(&json!(null), &json!("x"), '!');
    }

    #[test]
    fn lists_do_not_compare() {
        let list = Value::Multi(vec!["a".to_owned()]);
        assert!(compare(&list, Operator::Equal, &Value::from("a")).is_err());
        let (sooner, later) = (datetime!(2026-01-02 00:00 UTC), datetime!(2026-01-10 00:00 UTC));
        let text = Value::from("2026-01-02T01:00:00+01:00");
        let (sooner, later) = (Value::DateTime(sooner), Value::DateTime(later));
        assert_eq!(compare(&sooner, Operator::Equal, &text).ok(), Some(true));
        assert_eq!(compare(&text, Operator::Less, &later).ok(), Some(true));
        assert_eq!(compare(&later, Operator::Equal, &Value::from("soon")).ok(), Some(false));
        assert_eq!(compare(&sooner, Operator::Less, &later).ok(), Some(true));
    }
}
