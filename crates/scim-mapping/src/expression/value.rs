//! What expressions compute with.

use std::borrow::Cow;
use std::str::FromStr as _;

use rust_decimal::Decimal;
use serde_json::{Map, Value as Json};
use time::OffsetDateTime;

use super::date;
use super::error::ErrorKind;

/// A value: of an attribute, of a step, or of the whole expression.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// Nothing. An attribute that is not there is null; empty text is not.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number, as .NET's `decimal`.
    Decimal(Decimal),
    /// Text.
    Text(String),
    /// An instant in UTC; exists only between functions.
    DateTime(OffsetDateTime),
    /// An ordered list of texts.
    Multi(Vec<String>),
    /// A list of objects, such as app roles.
    Roles(Vec<Map<String, Json>>),
}

/// What an expression gives.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// A value for the attribute.
    Value(Value),
    /// No value: an instruction to leave something alone.
    Flow(Flow),
}

/// What is to be left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flow {
    /// The target attribute is left as it is.
    IgnoreAttribute,
    /// The whole object is passed over.
    IgnoreObject,
}

impl Flow {
    /// Its name in logs and test vectors: `ignore_attribute` or `ignore_object`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::IgnoreAttribute => "ignore_attribute",
            Self::IgnoreObject => "ignore_object",
        }
    }
}

/// Why a value could not be turned into another type; the caller knows the place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{wanted} is needed, but there is {found}")]
pub struct Mismatch {
    pub(super) kind: ErrorKind,
    /// What was needed: `a number`.
    pub(super) wanted: &'static str,
    /// What there was: `a list`.
    pub(super) found: &'static str,
}

impl Value {
    /// Reads JSON: `null`, a boolean, a number, text, an array of objects (roles) or an array of anything else (texts).
    /// A single object counts as an array of one. Nulls in an array are passed over. Integers of 64 bits are exact; a
    /// number beyond 28 digits becomes text.
    #[must_use]
    pub fn from_json(json: &Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(flag) => Self::Bool(*flag),
            Json::Number(number) => match number.as_i64() {
                Some(whole) => Self::Int(whole),
                None => {
                    decimal(&number.to_string()).map_or_else(|| Self::Text(number.to_string()), Self::Decimal)
                }
            },
            Json::String(text) => Self::Text(text.clone()),
            Json::Object(object) => Self::Roles(vec![object.clone()]),
            Json::Array(items) if !items.is_empty() && items.iter().all(Json::is_object) => {
                Self::Roles(items.iter().filter_map(Json::as_object).cloned().collect())
            }
            Json::Array(items) => Self::Multi(items.iter().filter_map(item_text).collect()),
        }
    }

    /// Writes JSON; an instant as its text (`3/16/2020 7:00:00 AM`).
    #[must_use]
    pub fn to_json(&self) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Bool(flag) => Json::Bool(*flag),
            Self::Int(number) => Json::from(*number),
            Self::Decimal(number) => decimal_json(*number),
            Self::Text(text) => Json::String(text.clone()),
            Self::DateTime(instant) => Json::String(date::to_text(*instant)),
            Self::Multi(items) => items.iter().cloned().map(Json::String).collect(),
            Self::Roles(roles) => roles.iter().cloned().map(Json::Object).collect(),
        }
    }

    /// Whether there is nothing. An empty list is nothing (RFC 7643 §2.5); empty text is not.
    #[must_use]
    pub fn is_null(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Multi(items) => items.is_empty(),
            Self::Roles(roles) => roles.is_empty(),
            _ => false,
        }
    }

    /// Whether there is nothing, or empty text.
    #[must_use]
    pub fn is_null_or_empty(&self) -> bool {
        match self {
            Self::Text(text) => text.is_empty(),
            _ => self.is_null(),
        }
    }

    /// The text, if the value is text.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value as text: `True` and `False`, digits, `M/d/yyyy h:mm:ss tt`; nothing where there is nothing. A list has
    /// no text.
    ///
    /// # Errors
    ///
    /// Where the value is a list.
    pub fn to_text(&self) -> Result<Option<Cow<'_, str>>, Mismatch> {
        Ok(Some(match self {
            Self::Null => return Ok(None),
            Self::Bool(true) => Cow::Borrowed("True"),
            Self::Bool(false) => Cow::Borrowed("False"),
            Self::Int(number) => Cow::Owned(number.to_string()),
            Self::Decimal(number) => Cow::Owned(number.to_string()),
            Self::Text(text) => Cow::Borrowed(text),
            Self::DateTime(instant) => Cow::Owned(date::to_text(*instant)),
            Self::Multi(_) | Self::Roles(_) => return Err(self.mismatch("a single value")),
        }))
    }

    /// [`Self::to_text`] of a value that is not needed any more.
    pub(super) fn into_text(self) -> Result<Option<String>, Mismatch> {
        match self {
            Self::Text(text) => Ok(Some(text)),
            other => other.to_text().map(|text| text.map(Cow::into_owned)),
        }
    }

    /// The value as a number, if it is one or its text reads as one.
    pub(super) fn to_number(&self) -> Result<Decimal, Mismatch> {
        match self {
            Self::Int(number) => Ok(Decimal::from(*number)),
            Self::Decimal(number) => Ok(*number),
            Self::Text(text) => number(text).ok_or_else(|| self.mismatch("a number")),
            _ => Err(self.mismatch("a number")),
        }
    }

    /// The value as a whole number of 64 bits.
    pub(super) fn to_int(&self) -> Result<i64, Mismatch> {
        if let Self::Int(number) = self {
            return Ok(*number);
        }
        let number = self.to_number()?;
        if !number.fract().is_zero() {
            return Err(Mismatch { kind: ErrorKind::Type, wanted: "a whole number", found: "a fraction" });
        }
        i64::try_from(number).map_err(|_| Mismatch {
            kind: ErrorKind::Range,
            wanted: "a whole number of 64 bits",
            found: "a larger one",
        })
    }

    /// The value as a condition: numbers are true unless 0, text is `true`, `false` or a number, nothing is false.
    pub(super) fn to_bool(&self) -> Result<bool, Mismatch> {
        match self {
            Self::Null => Ok(false),
            Self::Bool(flag) => Ok(*flag),
            Self::Text(text) if text.eq_ignore_ascii_case("true") => Ok(true),
            Self::Text(text) if text.eq_ignore_ascii_case("false") => Ok(false),
            Self::Int(_) | Self::Decimal(_) | Self::Text(_) => match self.to_number() {
                Ok(number) => Ok(!number.is_zero()),
                Err(_) => Err(self.mismatch("true or false")),
            },
            _ => Err(self.mismatch("true or false")),
        }
    }

    fn mismatch(&self, wanted: &'static str) -> Mismatch {
        let found = match self {
            Self::Null => "nothing",
            Self::Bool(_) => "true or false",
            Self::Int(_) | Self::Decimal(_) => "a number",
            Self::Text(text) if text.is_empty() => "empty text",
            Self::Text(_) => "other text",
            Self::DateTime(_) => "a date",
            Self::Multi(_) => "a list",
            Self::Roles(_) => "a list of objects",
        };
        Mismatch { kind: ErrorKind::Type, wanted, found }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// What an item of a JSON array is in a list of texts.
fn item_text(item: &Json) -> Option<String> {
    match Value::from_json(item) {
        Value::Multi(_) | Value::Roles(_) => Some(item.to_string()),
        value => value.into_text().ok().flatten(),
    }
}

/// Text as a number: digits with sign and decimal point, or `&H` and hexadecimal digits; blanks around it do not count.
pub(super) fn number(text: &str) -> Option<Decimal> {
    let text = text.trim();
    if let Some(digits) = text.strip_prefix("&H").or_else(|| text.strip_prefix("&h")) {
        return hexadecimal(digits).map(Decimal::from);
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let digits = unsigned.split('.').map(str::as_bytes).collect::<Vec<_>>();
    let plain = digits.iter().all(|part| part.iter().all(u8::is_ascii_digit));
    match digits.as_slice() {
        [whole] if plain && !whole.is_empty() => decimal(text),
        [whole, fraction] if plain && !(whole.is_empty() && fraction.is_empty()) => decimal(text),
        _ => None,
    }
}

/// Up to 16 hexadecimal digits; 16 of them are a number with sign, as in VB (`&HFFFFFFFFFFFFFFFF` is -1).
pub(super) fn hexadecimal(digits: &str) -> Option<i64> {
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    u64::from_str_radix(digits, 16).ok().map(u64::cast_signed)
}

fn decimal(text: &str) -> Option<Decimal> {
    Decimal::from_str(text).or_else(|_| Decimal::from_scientific(text)).ok()
}

fn decimal_json(number: Decimal) -> Json {
    if number.fract().is_zero()
        && let Ok(whole) = i64::try_from(number)
    {
        return Json::from(whole);
    }
    if number.fract().is_zero()
        && let Ok(whole) = u64::try_from(number)
    {
        return Json::from(whole);
    }
    number.to_string().parse().map_or_else(|_| Json::String(number.to_string()), Json::Number)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::macros::datetime;

    use super::*;

    fn check(json: &Json, text: Option<&str>) {
        let value = Value::from_json(json);
        assert_eq!(value.to_text().ok().flatten().as_deref(), text, "{json}");
    }

    #[test]
    fn json_comes_back_as_it_was() {
        for json in [
            json!(null),
            json!(true),
            json!(i64::MIN),
            json!(u64::MAX),
            json!(1.5),
            json!("x"),
            json!([]),
            json!(["a", "b"]),
            json!([{"value": "x"}]),
        ] {
            assert_eq!(Value::from_json(&json).to_json(), json);
        }
        assert_eq!(
            Value::from_json(&json!([1, null, "a", true])),
            Value::Multi(["1", "a", "True"].map(String::from).into())
        );
    }

    #[test]
    fn values_as_text() {
        check(&json!(null), None);
        check(&json!(true), Some("True"));
        check(&json!(9_007_199_254_740_993_i64), Some("9007199254740993"));
        check(&json!(0.1), Some("0.1"));
        check(&json!(1e300), Some("1e+300"));
        check(&json!(["a"]), None);
        let morning = Value::DateTime(datetime!(2020-03-16 07:00 UTC));
        assert_eq!(morning.to_text().unwrap().unwrap(), "3/16/2020 7:00:00 AM");
        let midnight = Value::DateTime(datetime!(0999-12-01 02:00:05 +02:00));
        assert_eq!(midnight.to_text().unwrap().unwrap(), "12/1/0999 12:00:05 AM");
    }

    #[test]
    fn text_as_a_number() {
        for (text, expected) in [
            ("12", Some("12")),
            (" -1.50 ", Some("-1.50")),
            ("+7", Some("7")),
            (".5", Some("0.5")),
            ("&HfF", Some("255")),
            ("&HFFFFFFFFFFFFFFFF", Some("-1")),
            ("&H", None),
            ("&H10000000000000000", None),
            ("", None),
            (".", None),
            ("1.2.3", None),
            ("1e5", None),
            ("1_000", None),
            ("--1", None),
            ("99999999999999999999999999999999", None),
        ] {
            assert_eq!(number(text).map(|number| number.to_string()).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn values_as_conditions() {
        for (json, expected) in [
            (json!(null), Some(false)),
            (json!("TRUE"), Some(true)),
            (json!("0"), Some(false)),
            (json!(0.5), Some(true)),
            (json!("yes"), None),
            (json!(""), None),
            (json!(["true"]), None),
        ] {
            assert_eq!(Value::from_json(&json).to_bool().ok(), expected, "{json}");
        }
    }
}
