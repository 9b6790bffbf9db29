//! Looking things up in objects.
//!
//! Objects keep the order of their members, and beside it a table of hashes that cannot be guessed. Hashing a name costs more
//! than comparing it with those of a small object, and most are small; where many are looked up, one walk finds them all.

use std::sync::Arc;

use serde_json::{Map, Value};
use smallvec::SmallVec;

use crate::schema::Attribute;

/// Up to so many members, names are compared one by one.
const FEW: usize = 16;

/// Room for the attributes of a usual resource, without an allocation.
const USUAL: usize = 24;

/// The value of that name.
#[must_use]
pub fn member<'m>(object: &'m Map<String, Value>, name: &str) -> Option<&'m Value> {
    if object.len() > FEW {
        return object.get(name);
    }
    object.iter().find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// The same, to be changed.
pub(crate) fn member_mut<'m>(object: &'m mut Map<String, Value>, name: &str) -> Option<&'m mut Value> {
    if object.len() > FEW {
        return object.get_mut(name);
    }
    object.iter_mut().find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// Whether two values are the same. Members mostly come in the same order, and need not be looked up then.
#[must_use]
pub fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Object(left), Value::Object(right)) => same_members(left, right),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        _ => left == right,
    }
}

/// Whether two objects have the same members, in whatever order.
pub(crate) fn same_members(left: &Map<String, Value>, right: &Map<String, Value>) -> bool {
    left.len() == right.len()
        && left.iter().zip(right).all(|((name, value), (beside, other))| {
            if name == beside {
                same(value, other)
            } else {
                right.get(name).is_some_and(|other| same(value, other))
            }
        })
}

/// The attributes that have values in `object`, in declared order, whatever order the object has.
pub fn declared<'a>(
    attributes: &'a [Arc<Attribute>],
    object: &'a Map<String, Value>,
) -> impl Iterator<Item = (&'a Attribute, &'a Value)> {
    let mut found: SmallVec<[(usize, &Value); USUAL]> = SmallVec::new();
    let (mut next, mut ordered) = (0, true);
    for (name, value) in object {
        // As a rule the one sought comes soon after the last one.
        let Some(at) = position_from(attributes, next, name) else { continue };
        ordered &= at >= next;
        next = at + 1;
        found.push((at, value));
    }
    if !ordered {
        found.sort_unstable_by_key(|(at, _)| *at);
    }
    found.into_iter().filter_map(|(at, value)| Some((&**attributes.get(at)?, value)))
}

/// The place of the attribute of that name, spelt exactly; looked for from `start` on, and then before.
pub(crate) fn position_from(attributes: &[Arc<Attribute>], start: usize, name: &str) -> Option<usize> {
    let (before, after) = attributes.split_at_checked(start)?;
    let is = |attribute: &Arc<Attribute>| attribute.name == name;
    match after.iter().position(is) {
        Some(at) => Some(start + at),
        None => before.iter().position(is),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::schema::Registry;

    fn check(values: &Value, expected: &[&str]) {
        let registry = Registry::builtin();
        let user = registry.resource_type("User").expect("built in");
        let object = values.as_object().expect("an object");
        let found: Vec<_> = declared(&user.schema.attributes, object).collect();
        let names: Vec<_> = found.iter().map(|(attribute, _)| attribute.name.as_str()).collect();
        assert_eq!(names, expected, "{values}");
        for (attribute, value) in found {
            assert_eq!(Some(value), object.get(&attribute.name));
            assert_eq!(member(object, &attribute.name), Some(value));
        }
    }

    #[test]
    fn declared_order_whatever_order_the_object_has() {
        check(&json!({}), &[]);
        check(&json!({ "schemas": [], "userName": "u", "title": "t", "x": 1 }), &["userName", "title"]);
        check(
            &json!({ "roles": [], "title": "t", "urn:x": {}, "userName": "u", "active": true }),
            &["userName", "title", "active", "roles"],
        );
    }
}
