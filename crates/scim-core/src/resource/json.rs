//! Writing JSON: what `serde_json` writes, with the usual text, which needs no escapes, copied in one go.

use serde_json::Value;

/// Appends a value.
pub(super) fn write_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(_) => write_json(out, value),
        Value::String(text) => write_text(out, text),
        Value::Array(elements) => {
            out.push(b'[');
            for (index, element) in elements.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_value(out, element);
            }
            out.push(b']');
        }
        Value::Object(members) => {
            out.push(b'{');
            for (index, (name, value)) in members.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_member(out, name, value);
            }
            out.push(b'}');
        }
    }
}

/// Appends `"name":value`.
pub(super) fn write_member(out: &mut Vec<u8>, name: &str, value: &Value) {
    write_name(out, name);
    write_value(out, value);
}

/// Appends `"name":`.
pub(super) fn write_name(out: &mut Vec<u8>, name: &str) {
    write_text(out, name);
    out.push(b':');
}

/// Appends a text as a JSON string.
pub(super) fn write_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    write_escaped(out, text);
    out.push(b'"');
}

/// Appends parts, joined, as one JSON string.
pub(super) fn write_joined(out: &mut Vec<u8>, parts: &[&str]) {
    let start = out.len();
    out.push(b'"');
    let begun = out.len();
    for part in parts {
        out.extend_from_slice(part.as_bytes());
    }
    // One look at all of it is cheaper than one at each part.
    if !out.get(begun..).is_some_and(are_plain) {
        out.truncate(start);
        out.push(b'"');
        parts.iter().for_each(|part| write_escaped(out, part));
    }
    out.push(b'"');
}

/// Appends the inside of a JSON string.
pub(super) fn write_escaped(out: &mut Vec<u8>, text: &str) {
    let mut rest = text;
    if !is_plain(text) {
        while let Some(at) = rest.find(|letter: char| letter < ' ' || letter == '"' || letter == '\\') {
            let (plain, escaped) = rest.split_at(at);
            let (escaped, tail) = escaped.split_at(1);
            out.extend_from_slice(plain.as_bytes());
            if escaped < " " {
                let start = out.len();
                write_json(out, escaped);
                // The quotes around it.
                out.remove(start);
                out.pop();
            } else {
                out.push(b'\\');
                out.extend_from_slice(escaped.as_bytes());
            }
            rest = tail;
        }
    }
    out.extend_from_slice(rest.as_bytes());
}

/// Whether nothing in the text must be escaped. Looks at all of it, because that can be done many bytes at a time.
pub(super) fn is_plain(text: &str) -> bool {
    are_plain(text.as_bytes())
}

fn are_plain(bytes: &[u8]) -> bool {
    let escaped = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
    !bytes.iter().fold(false, |found, byte| found | escaped(*byte))
}

fn write_json(out: &mut Vec<u8>, value: &(impl serde::Serialize + ?Sized)) {
    // INVARIANT: a text or a number can be written, and writing into a Vec does not fail.
    let _ = serde_json::to_writer(out, value);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(value: &Value) {
        let mut out = Vec::new();
        write_value(&mut out, value);
        assert_eq!(String::from_utf8(out).expect("text"), value.to_string());
    }

    #[test]
    fn joined_parts_are_one_text() {
        for parts in [&["https://a", "/Users", "/", "7"][..], &["a\"", "b\\", "\n"], &[], &["é", ""]] {
            let mut out = b"x".to_vec();
            write_joined(&mut out, parts);
            assert_eq!(String::from_utf8(out).expect("text"), format!("x{}", json!(parts.concat())));
        }
    }

    #[test]
    fn writes_what_serde_json_writes() {
        check(&json!({}));
        check(&json!([null, true, false, 0, -7, 1.5, 1e300, u64::MAX, "", [], {}, [1, [2]]]));
        check(
            &json!({ "a": "plain", "\"": "a \"quote\"", "b": { "c\\": "\\", "d": "\u{1}\n\t\u{7f}", "e": "\"a\\\"\u{0}é\"" }, "é": "Zürich\u{2028}" }),
        );
    }
}
