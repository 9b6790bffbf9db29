//! Expectations: strict literals, matchers, and the JSON pointers that say what they look at.

use regex::Regex;
use serde_json::{Map, Number, Value};

use super::Stop;
use super::text::shown;

const MATCHERS: [&str; 14] = [
    "exists",
    "absent",
    "strictAbsent",
    "blank",
    "length",
    "min",
    "max",
    "matches",
    "contains",
    "notContains",
    "oneOf",
    "not",
    "jsonType",
    "equals",
];

/// What a JSON pointer (RFC 6901) leads to; `None` when it is not there.
pub(crate) fn resolve<'v>(document: Option<&'v Value>, pointer: &str) -> Result<Option<&'v Value>, Stop> {
    if pointer.is_empty() {
        return Ok(document);
    }
    let Some(path) = pointer.strip_prefix('/') else {
        return Err(Stop::Broken(format!(
            "{pointer:?} is not a JSON pointer: it has to be empty or start with '/'"
        )));
    };
    let mut current = document;
    for raw in path.split('/') {
        let key = raw.replace("~1", "/").replace("~0", "~");
        current = match current {
            Some(Value::Object(members)) => members.get(&key),
            Some(Value::Array(items)) => array_index(&key).and_then(|index| items.get(index)),
            _ => None,
        };
    }
    Ok(current)
}

fn array_index(key: &str) -> Option<usize> {
    let plain = key.bytes().all(|b| b.is_ascii_digit()) && (key == "0" || !key.starts_with('0'));
    if plain { key.parse().ok() } else { None }
}

/// Holds `value` against `spec`; the error says what was expected.
pub(crate) fn check(value: Option<&Value>, spec: &Value) -> Result<(), Stop> {
    let Some(matchers) = as_matchers(spec) else {
        return if value.is_some_and(|v| same(spec, v)) { Ok(()) } else { Err(mismatch(spec, value)) };
    };
    for (name, argument) in matchers {
        if !holds(value, name, argument)? {
            return Err(mismatch(&Value::Object(Map::from_iter([(name.clone(), argument.clone())])), value));
        }
    }
    Ok(())
}

fn mismatch(spec: &Value, value: Option<&Value>) -> Stop {
    Stop::Failure(format!("expected {}, got {}", shown(Some(spec)), shown(value)))
}

fn as_matchers(spec: &Value) -> Option<&Map<String, Value>> {
    spec.as_object().filter(|o| !o.is_empty() && o.keys().all(|k| MATCHERS.contains(&k.as_str())))
}

fn holds(value: Option<&Value>, name: &str, argument: &Value) -> Result<bool, Stop> {
    let absent = match value {
        None | Some(Value::Null) => true,
        Some(Value::Array(items)) => items.is_empty(),
        Some(_) => false,
    };
    Ok(match name {
        "exists" => value.is_some_and(|v| !v.is_null()) == truthy(argument),
        "absent" => absent == truthy(argument),
        "strictAbsent" => value.is_none() == truthy(argument),
        "blank" => (absent || value.and_then(Value::as_str) == Some("")) == truthy(argument),
        "length" => length(value).is_some_and(|n| same(&Value::from(n), argument)),
        "min" | "max" => {
            let Value::Number(bound) = argument else {
                return Err(Stop::Broken(format!("{name} needs a number, not {}", shown(Some(argument)))));
            };
            match value {
                Some(Value::Number(n)) => {
                    let order = compare(n, bound);
                    if name == "min" {
                        order.is_some_and(|o| o.is_ge())
                    } else {
                        order.is_some_and(|o| o.is_le())
                    }
                }
                _ => false,
            }
        }
        "matches" => {
            let Value::String(pattern) = argument else {
                return Err(Stop::Broken(format!("matches needs a text, not {}", shown(Some(argument)))));
            };
            match value {
                Some(Value::String(text)) => {
                    Regex::new(pattern).map_err(|e| Stop::Broken(e.to_string()))?.is_match(text)
                }
                _ => false,
            }
        }
        "contains" => contains(value, argument)?,
        "notContains" => absent || !contains(value, argument)?,
        "oneOf" => {
            let Value::Array(choices) = argument else {
                return Err(Stop::Broken(format!("oneOf needs a list, not {}", shown(Some(argument)))));
            };
            any(choices, |choice| subset(choice, value))?
        }
        "not" => !subset(argument, value)?,
        "jsonType" => argument.as_str() == Some(json_type(value)),
        "equals" => value.is_some_and(|v| same(argument, v)),
        _ => false,
    })
}

/// Every type has its empty or zero value; those are false.
pub(crate) fn truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(b) => *b,
        Value::Number(n) => n.as_f64() != Some(0.0),
        Value::String(s) => !s.is_empty(),
        Value::Array(a) => !a.is_empty(),
        Value::Object(o) => !o.is_empty(),
    }
}

fn length(value: Option<&Value>) -> Option<usize> {
    match value? {
        Value::String(s) => Some(s.chars().count()),
        Value::Array(a) => Some(a.len()),
        Value::Object(o) => Some(o.len()),
        _ => None,
    }
}

fn json_type(value: Option<&Value>) -> &'static str {
    match value {
        None => "missing",
        Some(Value::Null) => "null",
        Some(Value::Bool(_)) => "boolean",
        Some(Value::Number(_)) => "number",
        Some(Value::String(_)) => "string",
        Some(Value::Array(_)) => "array",
        Some(Value::Object(_)) => "object",
    }
}

/// An array has an element that matches, a string the substring, an object at least these members.
fn contains(value: Option<&Value>, spec: &Value) -> Result<bool, Stop> {
    match (value, spec) {
        (Some(Value::Array(items)), _) => any(items, |item| subset(spec, Some(item))),
        (Some(Value::String(text)), Value::String(part)) => Ok(text.contains(part.as_str())),
        (Some(Value::Object(_)), Value::Object(_)) => subset(spec, value),
        _ => Ok(false),
    }
}

/// True when value is, or for objects contains, what spec asks for.
fn subset(spec: &Value, value: Option<&Value>) -> Result<bool, Stop> {
    if as_matchers(spec).is_some() {
        return match check(value, spec) {
            Ok(()) => Ok(true),
            Err(Stop::Failure(_)) => Ok(false),
            Err(broken) => Err(broken),
        };
    }
    match (spec, value) {
        (Value::Object(wanted), Some(Value::Object(members))) => {
            for (key, spec) in wanted {
                if !subset(spec, members.get(key))? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        (Value::Object(_), _) | (_, None) => Ok(false),
        (_, Some(value)) => Ok(same(spec, value)),
    }
}

fn any(items: &[Value], mut test: impl FnMut(&Value) -> Result<bool, Stop>) -> Result<bool, Stop> {
    for item in items {
        if test(item)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Strict JSON equality: types count, the order of members does not, and 1 is 1.0.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => compare(x, y).is_some_and(|o| o.is_eq()),
        (Value::Object(x), Value::Object(y)) => {
            x.len() == y.len() && x.iter().all(|(k, v)| y.get(k).is_some_and(|w| same(v, w)))
        }
        (Value::Array(x), Value::Array(y)) => x.len() == y.len() && x.iter().zip(y).all(|(v, w)| same(v, w)),
        _ => a == b,
    }
}

fn compare(a: &Number, b: &Number) -> Option<std::cmp::Ordering> {
    match (a.as_i128(), b.as_i128()) {
        (Some(x), Some(y)) => Some(x.cmp(&y)),
        _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// `value` is looked at inside a document, so that JSON `null` and a missing key differ.
    fn holds_for(spec: &Value, yes: &[Value], no: &[Value]) {
        for value in yes {
            assert_eq!(check(value.get("v"), spec), Ok(()), "{spec} for {value}");
        }
        for value in no {
            assert!(matches!(check(value.get("v"), spec), Err(Stop::Failure(_))), "{spec} against {value}");
        }
    }

    fn v(value: Value) -> Value {
        Value::Object(Map::from_iter([("v".to_owned(), value)]))
    }

    #[test]
    fn literals_are_strict() {
        holds_for(&json!(true), &[v(json!(true))], &[v(json!("true")), v(json!(1)), json!({})]);
        holds_for(&json!(1), &[v(json!(1)), v(json!(1.0))], &[v(json!("1")), v(json!(true))]);
        holds_for(&json!(null), &[v(json!(null))], &[json!({}), v(json!([]))]);
        holds_for(&json!({}), &[v(json!({}))], &[v(json!({"a": 1})), v(json!([]))]);
        holds_for(&json!({"a": 1, "b": [true]}), &[v(json!({"b": [true], "a": 1}))], &[v(json!({"a": 1}))]);
        holds_for(&json!([1, 2]), &[v(json!([1, 2]))], &[v(json!([2, 1])), v(json!([1]))]);
        // One key that is no matcher makes the whole object a literal.
        holds_for(&json!({"exists": true, "x": 1}), &[v(json!({"x": 1, "exists": true}))], &[v(json!(1))]);
    }

    #[test]
    fn presence() {
        let gone = [json!({}), v(json!(null)), v(json!([]))];
        holds_for(&json!({"exists": true}), &[v(json!(0)), v(json!([]))], &[json!({}), v(json!(null))]);
        holds_for(&json!({"exists": false}), &[json!({}), v(json!(null))], &[v(json!("x"))]);
        holds_for(&json!({"absent": true}), &gone, &[v(json!("")), v(json!({})), v(json!(false))]);
        holds_for(&json!({"absent": false}), &[v(json!(""))], &gone);
        holds_for(&json!({"strictAbsent": true}), &[json!({})], &[v(json!(null)), v(json!([]))]);
        holds_for(&json!({"strictAbsent": false}), &[v(json!(null))], &[json!({})]);
        holds_for(&json!({"blank": true}), &[json!({}), v(json!(""))], &[v(json!(" ")), v(json!(0))]);
        holds_for(&json!({"blank": false}), &[v(json!("x"))], &[v(json!(""))]);
    }

    #[test]
    fn sizes() {
        holds_for(
            &json!({"length": 2}),
            &[v(json!([1, 2])), v(json!("éß")), v(json!({"a": 1, "b": 2}))],
            &[v(json!([1])), v(json!(2)), json!({})],
        );
        holds_for(
            &json!({"min": 2}),
            &[v(json!(2)), v(json!(2.5))],
            &[v(json!(1)), v(json!("3")), v(json!(true))],
        );
        holds_for(&json!({"max": 2.5}), &[v(json!(-7)), v(json!(2.5))], &[v(json!(3)), json!({})]);
        holds_for(&json!({"min": 1, "max": 3}), &[v(json!(2))], &[v(json!(0)), v(json!(4))]);
    }

    #[test]
    fn texts() {
        holds_for(
            &json!({"matches": "(?i)^app.*json"}),
            &[v(json!("Application/JSON;x"))],
            &[v(json!("x application/json")), v(json!(1)), json!({})],
        );
        holds_for(&json!({"matches": "b"}), &[v(json!("abc"))], &[v(json!("ac"))]);
        holds_for(
            &json!({"contains": "b"}),
            &[v(json!("abc")), v(json!(["a", "b"]))],
            &[v(json!("ac")), v(json!(["abc"])), json!({})],
        );
    }

    #[test]
    fn elements() {
        let spec = json!({"contains": {"type": "work", "value": {"matches": "^a"}}});
        holds_for(
            &spec,
            &[v(json!([{"type": "home"}, {"type": "work", "value": "ab", "primary": true}]))],
            &[v(json!([{"type": "work", "value": "b"}])), v(json!([]))],
        );
        holds_for(&json!({"contains": {"a": 1}}), &[v(json!({"a": 1, "b": 2}))], &[v(json!({"b": 2}))]);
        holds_for(
            &json!({"notContains": "b"}),
            &[v(json!(["a"])), json!({}), v(json!("xyz"))],
            &[v(json!(["b"])), v(json!("abc"))],
        );
        holds_for(&json!({"contains": {"exists": true}}), &[v(json!([null, 1]))], &[v(json!([null]))]);
    }

    #[test]
    fn combinations() {
        holds_for(&json!({"oneOf": [1, {"absent": true}]}), &[v(json!(1)), json!({})], &[v(json!(2))]);
        holds_for(&json!({"not": {"a": 1}}), &[v(json!({"b": 1})), json!({})], &[v(json!({"a": 1, "b": 1}))]);
        holds_for(
            &json!({"equals": {"exists": true}}),
            &[v(json!({"exists": true}))],
            &[v(json!(1)), json!({})],
        );
        for (name, value) in [
            ("string", json!("")),
            ("number", json!(1.5)),
            ("boolean", json!(false)),
            ("object", json!({})),
            ("array", json!([])),
            ("null", json!(null)),
        ] {
            holds_for(&json!({"jsonType": name}), &[v(value)], &[json!({})]);
        }
    }

    #[test]
    fn the_reason_names_both_sides() {
        let reason = |spec: &Value, value: Option<&Value>| match check(value, spec) {
            Err(Stop::Failure(reason)) => reason,
            other => panic!("{other:?}"),
        };
        assert_eq!(reason(&json!("a"), Some(&json!({"b": 1}))), r#"expected "a", got {"b": 1}"#);
        assert_eq!(reason(&json!({"min": 1, "max": 3}), Some(&json!(4))), r#"expected {"max": 3}, got 4"#);
        assert_eq!(reason(&json!({"exists": true}), None), r#"expected {"exists": true}, got (missing)"#);
    }

    #[test]
    fn an_unusable_expectation_is_not_a_failure_of_the_server() {
        for spec in [
            json!({"matches": "("}),
            json!({"min": "1"}),
            json!({"oneOf": 1}),
            json!({"not": {"matches": "("}}),
        ] {
            assert!(matches!(check(Some(&json!("x")), &spec), Err(Stop::Broken(_))), "{spec}");
        }
    }

    #[test]
    fn pointers() {
        let document = json!({"a/b": {"~": [10, {"": 5}]}, "null": null});
        let at = |pointer| resolve(Some(&document), pointer).unwrap();
        assert_eq!(at(""), Some(&document));
        assert_eq!(at("/a~1b/~0/0"), Some(&json!(10)));
        assert_eq!(at("/a~1b/~0/1/"), Some(&json!(5)));
        assert_eq!(at("/null"), Some(&json!(null)));
        for missing in ["/a", "/a~1b/~0/2", "/a~1b/~0/00", "/a~1b/~0/-", "/null/x", "/a~1b/~0/+1"] {
            assert_eq!(at(missing), None, "{missing}");
        }
        assert!(matches!(resolve(Some(&document), "a"), Err(Stop::Broken(_))));
        assert_eq!(resolve(None, "/a"), Ok(None));
    }
}
