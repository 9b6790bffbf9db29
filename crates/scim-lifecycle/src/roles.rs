//! From an identity provider's app roles to an access role.
//!
//! Entra sends them in three shapes: `SingleAppRoleAssignment` gives one element whose `value` is the role's name;
//! `AppRoleAssignments` gives bare names; `AppRoleAssignmentsComplex` gives elements with `display` and `value`, or, where
//! the attribute's type is text, elements whose `value` holds an object as JSON text.

use scim_core::Resource;
use scim_core::resource::member;
use scim_directory::AccessRole;
use serde_json::Value;

/// The most bytes of a role's value that are read as JSON.
const MAX_JSON_BYTES: usize = 4096;

/// The access role that a resource's `roles` come to: of several the highest that is not above the ceiling; and what was
/// left out, in words.
pub(crate) fn access_role(resource: &Resource, ceiling: AccessRole) -> (Option<AccessRole>, Vec<String>) {
    let (mut best, mut notes) = (None, Vec::new());
    let elements = member(resource.attributes(), "roles").and_then(Value::as_array);
    for element in elements.map(Vec::as_slice).unwrap_or_default() {
        let mut names = Vec::new();
        collect(element, &mut names);
        let known = names.iter().filter_map(|name| name.parse::<AccessRole>().ok()).max();
        match known {
            Some(role) if role > ceiling => {
                notes.push(format!("roles: {role} is above this connector's ceiling, {ceiling}; left out"));
            }
            Some(role) => best = best.max(Some(role)),
            None => {
                let shown = names.first().map(|name| shortened(name)).unwrap_or_default();
                notes.push(format!("roles: {shown:?} is no access role; it gives none"));
            }
        }
    }
    (best, notes)
}

/// The names that an element may mean.
fn collect(element: &Value, names: &mut Vec<String>) {
    match element {
        Value::String(text) => match embedded(text) {
            Some(Value::Array(inner)) => inner.iter().for_each(|element| collect(element, names)),
            Some(inner) => collect(&inner, names),
            None => names.push(text.clone()),
        },
        Value::Object(object) => {
            for name in ["value", "display", "displayName"] {
                if let Some(value) = object.get(name) {
                    collect(value, names);
                }
            }
        }
        _ => {}
    }
}

/// The object or list that a text holds as JSON.
fn embedded(text: &str) -> Option<Value> {
    let start = text.trim_start();
    if !start.starts_with(['{', '[']) || text.len() > MAX_JSON_BYTES {
        return None;
    }
    // serde_json refuses what nests deeper than 128 levels; objects in objects add one level each.
    serde_json::from_str(text).ok()
}

fn shortened(name: &str) -> String {
    name.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(roles: &Value, ceiling: AccessRole, expected: Option<AccessRole>, notes: usize) {
        let Value::Object(attributes) = json!({ "roles": roles }) else { panic!("an object") };
        let (role, told) = access_role(&Resource::from_canonical(attributes), ceiling);
        assert_eq!((role, told.len()), (expected, notes), "{roles} {told:?}");
    }

    #[test]
    fn every_shape_of_app_roles() {
        use AccessRole::{Admin, EnterpriseAdmin, ReadOnly, User};
        check(&json!([{ "value": "Admin", "primary": true }]), Admin, Some(Admin), 0);
        check(&json!([{ "value": "admin" }, { "value": "User" }]), Admin, Some(Admin), 0);
        check(
            &json!([{ "display": "User", "value": "8f0c1f9c-0000-4000-8000-000000000001" }]),
            Admin,
            Some(User),
            0,
        );
        check(
            &json!([{ "value": "{\"id\":\"06b0\",\"value\":\"ReadOnly\",\"displayName\":\"Read only\"}" }]),
            Admin,
            Some(ReadOnly),
            0,
        );
        check(&json!([{ "value": "[{\"value\":\"User\"},{\"value\":\"Admin\"}]" }]), Admin, Some(Admin), 0);
        check(&json!(["User"]), Admin, Some(User), 0);
        check(&json!([{ "value": "EnterpriseAdmin" }, { "value": "User" }]), Admin, Some(User), 1);
        check(&json!([{ "value": "EnterpriseAdmin" }]), EnterpriseAdmin, Some(EnterpriseAdmin), 0);
        check(&json!([{ "value": "Auditor" }]), Admin, None, 1);
        check(&json!([{ "value": "{not json" }]), Admin, None, 1);
        check(&json!([]), Admin, None, 0);
        check(&Value::Null, Admin, None, 0);
    }
}
