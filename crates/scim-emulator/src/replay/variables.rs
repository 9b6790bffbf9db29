//! `${name}` in paths, headers, bodies and expectations.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Stop;
use super::text::plain_text;

/// What has been saved so far in one scenario.
#[derive(Debug, Clone, Default)]
pub(crate) struct Variables {
    values: BTreeMap<String, Value>,
}

/// How a value is written into the text around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quote {
    Plain,
    /// Everything but RFC 3986 unreserved characters, as UTF-8.
    Percent,
    /// Literal inside a regular expression.
    Regex,
}

impl Variables {
    pub(crate) fn set(&mut self, name: &str, value: Value) {
        self.values.insert(name.to_owned(), value);
    }

    fn value(&self, name: &str) -> Result<&Value, Stop> {
        self.values.get(name).ok_or_else(|| Stop::Failure(format!("variable ${{{name}}} was never saved")))
    }

    /// Replaces every variable in a text.
    pub(crate) fn in_text(&self, text: &str, quote: Quote) -> Result<String, Stop> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, name, after)) = next_variable(rest) {
            out.push_str(before);
            let value = plain_text(self.value(name)?);
            match quote {
                Quote::Plain => out.push_str(&value),
                Quote::Percent => percent_encode(&value, &mut out),
                Quote::Regex => out.push_str(&regex::escape(&value)),
            }
            rest = after;
        }
        out.push_str(rest);
        Ok(out)
    }

    /// Replaces every variable in keys and strings; a string that is nothing but a variable becomes its value, type and all.
    pub(crate) fn in_value(&self, value: &Value) -> Result<Value, Stop> {
        self.replace(value, false)
    }

    fn replace(&self, value: &Value, in_regex: bool) -> Result<Value, Stop> {
        Ok(match value {
            Value::String(text) => match next_variable(text) {
                Some(("", name, "")) if !in_regex => self.value(name)?.clone(),
                _ => Value::String(self.in_text(text, if in_regex { Quote::Regex } else { Quote::Plain })?),
            },
            Value::Array(items) => {
                Value::Array(items.iter().map(|item| self.replace(item, in_regex)).collect::<Result<_, _>>()?)
            }
            Value::Object(members) => {
                let mut out = Map::new();
                for (key, member) in members {
                    let member = self.replace(member, in_regex || key == "matches")?;
                    out.insert(self.in_text(key, Quote::Plain)?, member);
                }
                Value::Object(out)
            }
            other => other.clone(),
        })
    }
}

/// Splits at the first `${name}`: before, name, after.
fn next_variable(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    while let Some(found) = text.get(from..)?.find("${") {
        let start = from + found;
        let inner = text.get(start + 2..)?;
        if let Some((name, after)) = inner.split_once('}')
            && is_name(name)
        {
            return Some((text.get(..start)?, name, after));
        }
        from = start + 2;
    }
    None
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn percent_encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"_.-~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn variables() -> Variables {
        let mut v = Variables::default();
        v.set("id", json!("a/b c"));
        v.set("n", json!(5));
        v.set("list", json!([1, "x"]));
        v.set("re", json!("a.b"));
        v
    }

    fn check(template: &Value, expected: &Value) {
        assert_eq!(&variables().in_value(template).unwrap(), expected);
    }

    #[test]
    fn a_whole_variable_keeps_its_type() {
        check(&json!("${n}"), &json!(5));
        check(&json!(["${list}"]), &json!([[1, "x"]]));
        check(&json!("n=${n}"), &json!("n=5"));
        check(&json!("${list}!"), &json!("[1, \"x\"]!"));
    }

    #[test]
    fn keys_are_replaced_too() {
        check(&json!({"k${n}": {"${id}": "${id}"}}), &json!({"k5": {"a/b c": "a/b c"}}));
    }

    #[test]
    fn values_inside_a_regex_are_literal() {
        check(&json!({"matches": "^${re}$"}), &json!({"matches": "^a\\.b$"}));
        check(&json!({"matches": "${n}"}), &json!({"matches": "5"}));
    }

    #[test]
    fn what_is_no_variable_stays() {
        for text in ["$", "${", "${}", "${9}", "${a b}", "$id", "{id}", "cost ${ now }"] {
            check(&json!(text), &json!(text));
        }
        check(&json!("${${n}"), &json!("${5"));
    }

    #[test]
    fn paths_are_percent_encoded() {
        assert_eq!(variables().in_text("/Users/${id}?x=é", Quote::Percent).unwrap(), "/Users/a%2Fb%20c?x=é");
    }

    #[test]
    fn an_unknown_variable_fails_the_step() {
        let stop = variables().in_value(&json!({"a": ["${nope}"]})).unwrap_err();
        assert_eq!(stop, Stop::Failure("variable ${nope} was never saved".to_owned()));
    }
}
