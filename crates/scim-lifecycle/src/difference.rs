//! What changed between two states of a resource, attribute by attribute, for the log.

use std::sync::Arc;

use scim_core::resource::{Resource, declared, member, same};
use scim_core::schema::{Attribute, ResourceType, Returned};
use scim_directory::{AttributeChange, FieldChange};
use serde_json::{Map, Value};

use crate::Policy;

/// The attributes whose values differ, in canonical order: whole attributes, old and new, `null` where there is none.
/// Values of attributes that are never returned are not shown.
#[must_use]
pub fn differences(
    resource_type: &ResourceType,
    before: Option<&Resource>,
    after: Option<&Resource>,
) -> Vec<AttributeChange> {
    // What arrives or goes differs in all that it has.
    let all = before.xor(after).map_or(0, |only| only.attributes().len());
    let mut changes = Vec::with_capacity(all);
    let (old, new) = (before.map(Resource::attributes), after.map(Resource::attributes));
    compare("", &resource_type.schema.attributes, old, new, &mut changes);
    for extension in &resource_type.extensions {
        let urn = &*extension.schema.id;
        let (old, new) = (inside(old, urn), inside(new, urn));
        compare(&format!("{urn}:"), &extension.schema.attributes, old, new, &mut changes);
    }
    changes
}

/// A change of `externalId`, which lives outside the document.
pub(crate) fn external_id_difference(old: Option<&str>, new: Option<&str>) -> Option<AttributeChange> {
    (old != new).then(|| AttributeChange::Value {
        attribute: "externalId".to_owned(),
        old: old.into(),
        new: new.into(),
    })
}

/// [`differences`] as the log shows them: without the values of attributes whose mapping row says so (`Redact`),
/// and with the change of `externalId`.
pub(crate) fn shown_differences(
    policy: &Policy,
    resource_type: &ResourceType,
    before: Option<&Resource>,
    after: Option<&Resource>,
    external_ids: [Option<&str>; 2],
) -> Vec<AttributeChange> {
    let mut changes = differences(resource_type, before, after);
    let [old, new] = external_ids;
    changes.extend(external_id_difference(old, new));
    redact(policy, &mut changes);
    changes
}

fn redact(policy: &Policy, changes: &mut [AttributeChange]) {
    for change in changes {
        if let AttributeChange::Value { attribute, old, new } = change
            && policy.is_redacted(attribute)
        {
            for value in [old, new] {
                if !value.is_null() {
                    *value = Value::from("[Redact]");
                }
            }
        }
    }
}

/// The same for fields of the account.
pub(crate) fn redact_fields(policy: &Policy, changes: &mut [FieldChange]) {
    for change in changes.iter_mut().filter(|change| policy.is_redacted_field(&change.field)) {
        for value in [&mut change.old, &mut change.new].into_iter().flatten() {
            "[Redact]".clone_into(value);
        }
    }
}

/// The object of an extension.
fn inside<'r>(attributes: Option<&'r Map<String, Value>>, urn: &str) -> Option<&'r Map<String, Value>> {
    member(attributes?, urn)?.as_object()
}

/// Compares the values that two objects have of the same attributes. `prefix` stands before their names.
fn compare(
    prefix: &str,
    attributes: &[Arc<Attribute>],
    old: Option<&Map<String, Value>>,
    new: Option<&Map<String, Value>>,
    changes: &mut Vec<AttributeChange>,
) {
    if let (Some(old), Some(new)) = (old, new)
        && let Some(replaced) = replaced(old, new)
    {
        for attribute in attributes.iter().filter(|_| !replaced.is_empty()) {
            if let Some((_, old, new)) = replaced.iter().find(|(name, ..)| *name == attribute.name) {
                changes.push(change(prefix, attribute, Some(old), Some(new)));
            }
        }
        return;
    }
    let mut old = old.into_iter().flat_map(|object| declared(attributes, object)).peekable();
    let mut new = new.into_iter().flat_map(|object| declared(attributes, object)).peekable();
    for attribute in attributes {
        let own = |(next, _): &(&Attribute, &Value)| std::ptr::eq(*next, &**attribute);
        let (old, new) = match (old.next_if(own), new.next_if(own)) {
            (None, None) => continue,
            (Some((_, old)), Some((_, new))) if same(old, new) => continue,
            (old, new) => (old.map(|(_, value)| value), new.map(|(_, value)| value)),
        };
        changes.push(change(prefix, attribute, old, new));
    }
}

/// The members that differ, with both values, of two objects that have the same ones in the same order, as is usual where values
/// are replaced; `None` of others.
fn replaced<'r>(
    old: &'r Map<String, Value>,
    new: &'r Map<String, Value>,
) -> Option<Vec<(&'r str, &'r Value, &'r Value)>> {
    if old.len() != new.len() {
        return None;
    }
    let mut replaced = Vec::new();
    for ((name, old), (beside, new)) in old.iter().zip(new) {
        if name != beside {
            return None;
        }
        if !same(old, new) {
            replaced.push((name.as_str(), old, new));
        }
    }
    Some(replaced)
}

fn change(prefix: &str, attribute: &Attribute, old: Option<&Value>, new: Option<&Value>) -> AttributeChange {
    let shown = |value: Option<&Value>| match value {
        Some(_) if attribute.returned == Returned::Never => Value::from("(not shown)"),
        Some(value) => value.clone(),
        None => Value::Null,
    };
    let path = [prefix, &attribute.name].concat();
    AttributeChange::Value { attribute: path, old: shown(old), new: shown(new) }
}

#[cfg(test)]
mod tests {
    use scim_core::Registry;
    use scim_core::resource::canonical;
    use serde_json::json;

    use super::*;

    fn resource(values: &Value) -> Resource {
        let registry = Registry::builtin();
        let user = registry.resource_type("User").expect("built in");
        canonical(user, values.as_object().expect("an object").clone())
    }

    fn check(before: &Value, after: &Value, expected: &[(&str, Value, Value)]) {
        let registry = Registry::builtin();
        let user = registry.resource_type("User").expect("built in");
        let (before, after) = (resource(before), resource(after));
        let change = |(name, old, new): &(&str, Value, Value)| AttributeChange::Value {
            attribute: (*name).to_owned(),
            old: old.clone(),
            new: new.clone(),
        };
        let expected: Vec<_> = expected.iter().map(change).collect();
        assert_eq!(differences(user, Some(&before), Some(&after)), expected);
    }

    #[test]
    fn what_differs_is_told_whether_values_are_replaced_or_come_and_go() {
        const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
        let department = format!("{ENTERPRISE}:department");
        let person = |title: &str, name: &str, department: &str| {
            json!({
                "userName": "ada",
                "name": { "givenName": name, "familyName": "Lovelace" },
                "title": title,
                "password": title,
                ENTERPRISE: { "department": department, "costCenter": "7" },
            })
        };
        let ada = person("a", "Ada", "Engines");
        check(&ada, &ada, &[]);
        let names = |given: &str| json!({ "givenName": given, "familyName": "Lovelace" });
        check(
            &ada,
            &person("b", "Augusta", "Looms"),
            &[
                ("name", names("Ada"), names("Augusta")),
                ("title", json!("a"), json!("b")),
                ("password", json!("(not shown)"), json!("(not shown)")),
                (&department, json!("Engines"), json!("Looms")),
            ],
        );
        // As many members, but others.
        let mut moved = ada.clone();
        let members = moved.as_object_mut().expect("an object");
        members.remove("title");
        members.insert("nickName".to_owned(), "Countess".into());
        check(
            &ada,
            &moved,
            &[("nickName", Value::Null, json!("Countess")), ("title", json!("a"), Value::Null)],
        );
        let mut less = ada.clone();
        less.as_object_mut().expect("an object").remove(ENTERPRISE);
        let cost_center = format!("{ENTERPRISE}:costCenter");
        check(
            &ada,
            &less,
            &[(&cost_center, json!("7"), Value::Null), (&department, json!("Engines"), Value::Null)],
        );
    }
}
