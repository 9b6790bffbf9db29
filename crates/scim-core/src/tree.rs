//! Reading JSON into trees, as `serde_json` does: the same values, the same errors, the same bounds.
//!
//! An object grows as its members are read: room is made four times over for what a person has. Here the whole is given room
//! by the length of the text, and each object in it for a few members at once, where it has any.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::de::Read;
use serde_json::{Map, Number, Value};

/// How much text a member of a person or a group takes, in bytes, as a rule.
const BYTES_A_MEMBER: usize = 48;
/// The most members that there is room for before they are read. As many hashes fill a table of 32.
const MOST: usize = 28;
/// Room for what is complex in a person: a table of eight.
const COMPLEX: usize = 7;
/// Room for what is below that.
const FEW: usize = 3;

/// Reads one JSON text.
///
/// # Errors
/// Where it is not JSON, nests deeper than `serde_json` goes, or something stands behind it.
pub fn read(text: &[u8]) -> serde_json::Result<Value> {
    let tree = Tree::of(text);
    // Looked at as a whole, text is known to be UTF-8 sooner than string by string; where it is not, the latter says where.
    match std::str::from_utf8(text) {
        Ok(text) => whole(serde_json::Deserializer::from_str(text), |from| tree.deserialize(from)),
        Err(_) => whole(serde_json::Deserializer::from_slice(text), |from| tree.deserialize(from)),
    }
}

/// Reads one JSON text that is an object.
///
/// # Errors
/// As [`read`], and where it is something else.
pub(crate) fn read_object(text: &[u8]) -> serde_json::Result<Map<String, Value>> {
    let object = Object(Tree::of(text));
    match std::str::from_utf8(text) {
        Ok(text) => whole(serde_json::Deserializer::from_str(text), |from| from.deserialize_map(object)),
        Err(_) => whole(serde_json::Deserializer::from_slice(text), |from| from.deserialize_map(object)),
    }
}

/// What is read, with nothing behind it.
fn whole<'de, R: Read<'de>, T>(
    mut from: serde_json::Deserializer<R>,
    read: impl FnOnce(&mut serde_json::Deserializer<R>) -> serde_json::Result<T>,
) -> serde_json::Result<T> {
    let read = read(&mut from)?;
    from.end()?;
    Ok(read)
}

/// A value to be read.
#[derive(Clone, Copy)]
struct Tree {
    /// For how many members there is room, should it be an object.
    room: usize,
    /// The same for objects in it.
    below: usize,
}

impl Tree {
    fn of(text: &[u8]) -> Self {
        Self { room: (text.len() / BYTES_A_MEMBER).clamp(FEW, MOST), below: COMPLEX }
    }

    fn inside(self) -> Self {
        Self { room: self.below, below: FEW }
    }

    fn object<'de, A: MapAccess<'de>>(self, mut members: A) -> Result<Map<String, Value>, A::Error> {
        // Nothing is allocated for objects without members, of which a text may have very many.
        let Some(name) = members.next_key::<String>()? else { return Ok(Map::new()) };
        let mut object = Map::with_capacity(self.room);
        object.insert(name, members.next_value_seed(self.inside())?);
        while let Some(name) = members.next_key::<String>()? {
            object.insert(name, members.next_value_seed(self.inside())?);
        }
        Ok(object)
    }
}

impl<'de> DeserializeSeed<'de> for Tree {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Tree {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any valid JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(element) = elements.next_element_seed(self.inside())? {
            array.push(element);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Value, A::Error> {
        self.object(members).map(Value::Object)
    }
}

/// An object to be read.
struct Object(Tree);

impl<'de> Visitor<'de> for Object {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Self::Value, A::Error> {
        self.0.object(members)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{read, read_object};

    fn check(text: &str) {
        let same = |error: serde_json::Error| error.to_string();
        let expected = serde_json::from_str::<Value>(text).map_err(same);
        assert_eq!(read(text.as_bytes()).map_err(same), expected, "{text}");
        let order = |value: &Value| value.to_string();
        let read = read(text.as_bytes());
        assert_eq!(read.as_ref().ok().map(order), expected.as_ref().ok().map(order), "{text}");
        if let Ok(Value::Object(object)) = expected {
            assert_eq!(read_object(text.as_bytes()).ok(), Some(object), "{text}");
        } else {
            assert!(read_object(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn trees_and_errors_are_those_of_serde_json() {
        for text in [
            "null",
            "true",
            "-1",
            "0",
            "-0",
            "18446744073709551615",
            "18446744073709551616",
            "1e999",
            "-0.5e-3",
            "0.1",
            "\"\"",
            "\"a\\u00e9\\ud83d\\ude00\\n\"",
            "\"\\ud800\"",
            "[]",
            "{}",
            "[[],{},[1,[2]]]",
            "",
            " ",
            "{",
            "[1,]",
            "{\"a\":1,}",
            "{\"a\" 1}",
            "{\"a\":1} x",
            "{a:1}",
            "nul",
            "\"\u{1}\"",
            "[1 2]",
            "{\"b\":1,\"a\":{\"z\":[{\"y\":null}],\"x\":2.5},\"b\":[3]}",
            "{1:2}",
            "01",
            "1.",
            "\u{feff}1",
        ] {
            check(text);
        }
        check(&format!("{}{}", "[".repeat(127), "]".repeat(127)));
        check(&format!("{}{}", "[".repeat(200), "]".repeat(200)));
        let members: Vec<String> = (0..200).map(|number| format!("\"name {number}\":{number}")).collect();
        check(&format!("{{{}}}", members.join(",")));
    }

    #[test]
    fn what_is_no_text_is_an_error() {
        let text = b"{\"a\":\"\xff\"}";
        let expected = serde_json::from_slice::<Value>(text).map_err(|error| error.to_string());
        assert_eq!(read(text).map_err(|error| error.to_string()), expected);
    }
}
