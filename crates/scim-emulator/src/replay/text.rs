//! JSON as text, the way reasons and substituted variables show it: one line, a blank after `,` and `:`.

use std::io;

use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{Formatter, Serializer};

/// Longer values are cut in reasons.
const SHOWN_CHARS: usize = 160;

struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }
}

/// The value as JSON text.
pub(crate) fn json_text(value: &Value) -> String {
    let mut bytes = Vec::new();
    match value.serialize(&mut Serializer::with_formatter(&mut bytes, Spaced)) {
        Ok(()) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(_) => value.to_string(),
    }
}

/// A string as it is, anything else as JSON text.
pub(crate) fn plain_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => json_text(other),
    }
}

/// The value for a reason: JSON text, cut when long.
pub(crate) fn shown(value: Option<&Value>) -> String {
    let Some(value) = value else { return "(missing)".to_owned() };
    let text = json_text(value);
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((at, _)) => format!("{}...", text.get(..at).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_shown_on_one_line_and_cut() {
        assert_eq!(json_text(&json!({"a": [1, "ü", null], "b": {}})), r#"{"a": [1, "ü", null], "b": {}}"#);
        assert_eq!(plain_text(&json!("x\"y")), "x\"y");
        assert_eq!(plain_text(&json!(true)), "true");
        assert_eq!(shown(None), "(missing)");
        assert_eq!(shown(Some(&json!("é".repeat(200)))), format!("\"{}...", "é".repeat(159)));
    }
}
