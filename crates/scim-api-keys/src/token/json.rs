//! JSON objects in which no name is repeated, at any depth.
//!
//! Of a repeated name parsers take the first, the last or none (RFC 8259 §4), so that two of them may read two tokens in
//! one.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// An object without repeated names. Depth is bounded by `serde_json`, at 128.
pub(super) struct Object(pub(super) Map<String, Value>);

/// A value without repeated names inside.
struct Strict(Value);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Strict::deserialize(deserializer)? {
            Strict(Value::Object(members)) => Ok(Self(members)),
            Strict(_) => Err(D::Error::custom("not an object")),
        }
    }
}

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without repeated names")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            all.push(item);
        }
        Ok(Value::Array(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut all = Map::new();
        while let Some((name, Strict(value))) = members.next_entry::<String, Strict>()? {
            if all.insert(name, value).is_some() {
                return Err(A::Error::custom("a name is repeated"));
            }
        }
        Ok(Value::Object(all))
    }
}

#[cfg(test)]
mod tests {
    use super::Object;

    fn check(text: &str, accepted: bool) {
        let read = serde_json::from_str::<Object>(text);
        assert_eq!(read.is_ok(), accepted, "{text}");
        if let Ok(Object(members)) = read {
            assert_eq!(Some(members), serde_json::from_str(text).ok(), "{text}");
        }
    }

    #[test]
    fn objects_are_read_as_they_are() {
        check(r#"{}"#, true);
        check(r#"{"a": [1, -1, 1.5, true, null, "x", {"b": "\u00e9"}], "b": 18446744073709551615}"#, true);
    }

    #[test]
    fn repeated_names_are_refused_at_any_depth_and_in_any_spelling() {
        check(r#"{"a": 1, "a": 1}"#, false);
        check(r#"{"a": 1, "\u0061": 1}"#, false);
        check(r#"{"a": [{"b": 1, "b": 2}]}"#, false);
        check(r#"{"a": {"b": 1}, "b": 2}"#, true);
    }

    #[test]
    fn what_is_not_one_object_is_refused() {
        for text in ["", "[]", "1", "null", "\"x\"", "{} {}", "{\"a\":1e999}", "{\"a\":\"\u{1}\"}"] {
            check(text, false);
        }
        check(&format!("{{\"a\":{}{}}}", "[".repeat(200), "]".repeat(200)), false);
    }
}
