//! Where the values of `[attribute]` come from.

use std::borrow::Cow;

use serde_json::{Map, Value as Json};

use super::value::Value;

/// The attributes of an object.
pub trait Attributes {
    /// The value of an attribute, named as the expression names it; letter case counts. `None` is null.
    fn value(&self, name: &str) -> Option<Cow<'_, Value>>;
}

/// A member of this very name; or, where there is none, the way through objects that a dotted name describes
/// (`name.givenName`). What a path finds in several items of an array is a list.
impl Attributes for Map<String, Json> {
    fn value(&self, name: &str) -> Option<Cow<'_, Value>> {
        let json = match self.get(name) {
            Some(json) => Cow::Borrowed(json),
            None => follow(self, name)?,
        };
        Some(Cow::Owned(Value::from_json(&json)))
    }
}

/// As of its object; any other JSON has no attributes.
impl Attributes for Json {
    fn value(&self, name: &str) -> Option<Cow<'_, Value>> {
        self.as_object()?.value(name)
    }
}

fn follow<'a>(object: &'a Map<String, Json>, path: &str) -> Option<Cow<'a, Json>> {
    let (first, rest) = path.split_once('.')?;
    match object.get(first)? {
        Json::Object(inner) => match inner.get(rest) {
            Some(json) => Some(Cow::Borrowed(json)),
            None => follow(inner, rest),
        },
        Json::Array(items) => {
            let found: Vec<Json> =
                items.iter().filter_map(|item| item.as_object()?.get(rest)).cloned().collect();
            if found.is_empty() { None } else { Some(Cow::Owned(Json::Array(found))) }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(name: &str, expected: &Json) {
        let object = json!({
            "mail": "m@x",
            "name.first": "exact",
            "name": { "first": "inner", "last": "Kohl" },
            "emails": [{ "value": "a" }, { "type": "work" }, { "value": "b" }],
        });
        let found = object.value(name).map_or(Json::Null, |value| value.to_json());
        assert_eq!(&found, expected, "{name}");
    }

    #[test]
    fn names_and_paths() {
        check("mail", &json!("m@x"));
        check("Mail", &json!(null));
        check("name.first", &json!("exact"));
        check("name.last", &json!("Kohl"));
        check("emails.value", &json!(["a", "b"]));
        check("emails.display", &json!(null));
        check("mail.x", &json!(null));
        check("", &json!(null));
    }
}
