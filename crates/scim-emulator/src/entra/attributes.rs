//! Entra's default attribute mapping for people: what is written, and what of it differs from what is there.

use serde_json::{Map, Value, json};

use crate::company::{Group, Person};

pub(crate) const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
pub(crate) const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
pub(crate) const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
/// Sent by Entra in every new group.
const ENTRA_GROUP: &str = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group";

/// A mapped attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Core(&'static str),
    Name(&'static str),
    /// Attribute, value of `type`, sub-attribute.
    Typed(&'static str, &'static str, &'static str),
    Enterprise(&'static str),
}

impl Target {
    pub(crate) fn path(self) -> String {
        match self {
            Self::Core(name) => name.to_owned(),
            Self::Name(name) => format!("name.{name}"),
            Self::Typed(attribute, kind, name) => format!("{attribute}[type eq \"{kind}\"].{name}"),
            Self::Enterprise(name) => format!("{ENTERPRISE}:{name}"),
        }
    }

    /// The value in a resource; `None` when there is none.
    pub(crate) fn read(self, resource: &Value) -> Option<&Value> {
        let value = match self {
            Self::Core(name) => member(resource, name),
            Self::Name(name) => member(member(resource, "name")?, name),
            Self::Typed(attribute, kind, name) => {
                let elements = member(resource, attribute)?.as_array()?;
                let typed = |element: &&Value| member(element, "type").and_then(Value::as_str) == Some(kind);
                member(elements.iter().find(typed)?, name)
            }
            Self::Enterprise(name) => member(member(resource, ENTERPRISE)?, name),
        };
        value.filter(|v| !v.is_null())
    }
}

/// A member of an object, in any letter case (RFC 7643 §2.1).
pub(crate) fn member<'v>(object: &'v Value, name: &str) -> Option<&'v Value> {
    let object = object.as_object()?;
    object.get(name).or_else(|| object.iter().find(|(k, _)| k.eq_ignore_ascii_case(name)).map(|(_, v)| v))
}

/// A difference between what is there and what should be.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Edit {
    pub(crate) target: Target,
    pub(crate) value: Value,
    /// Something else is there now.
    pub(crate) replaces: bool,
}

/// Every mapped attribute of a person who has one. Nulls at the source are not sent.
pub(crate) fn mapped(person: &Person, active: bool) -> Vec<(Target, Value)> {
    use Target::{Core, Enterprise, Name, Typed};
    let texts = [
        (Core("userName"), Some(person.user_name.as_str())),
        (Core("displayName"), Some(&person.display_name)),
        (Core("title"), Some(person.title)),
        (Typed("emails", "work", "value"), Some(&person.user_name)),
        (Core("preferredLanguage"), Some(person.language)),
        (Name("givenName"), Some(&person.given_name)),
        (Name("familyName"), Some(&person.family_name)),
        (Name("formatted"), Some(&person.display_name)),
        (Typed("addresses", "work", "formatted"), Some(&person.office)),
        (Typed("addresses", "work", "streetAddress"), Some(person.street)),
        (Typed("addresses", "work", "locality"), Some(person.locality)),
        (Typed("addresses", "work", "region"), Some(person.region)),
        (Typed("addresses", "work", "postalCode"), Some(person.postal_code)),
        (Typed("addresses", "work", "country"), Some(person.country)),
        (Typed("phoneNumbers", "work", "value"), Some(&person.work_phone)),
        (Typed("phoneNumbers", "mobile", "value"), person.mobile_phone.as_deref()),
        (Core("externalId"), Some(&person.mail_nickname)),
        (Enterprise("employeeNumber"), Some(&person.employee_number)),
        (Enterprise("department"), Some(person.department)),
    ];
    let texts = texts.into_iter().filter_map(|(target, text)| Some((target, Value::from(text?))));
    std::iter::once((Core("active"), Value::Bool(active))).chain(texts).collect()
}

/// What has to change in a resource.
pub(crate) fn differences(wanted: Vec<(Target, Value)>, resource: &Value) -> Vec<Edit> {
    let differs = |(target, value): (Target, Value)| {
        let found = target.read(resource);
        (found != Some(&value)).then_some(Edit { target, value, replaces: found.is_some() })
    };
    wanted.into_iter().filter_map(differs).collect()
}

/// The body of a POST for a new person.
pub(crate) fn new_person(person: &Person) -> Value {
    let mut body = Map::new();
    body.insert("schemas".to_owned(), json!([USER, ENTERPRISE]));
    for (target, value) in mapped(person, true) {
        match target {
            Target::Core(name) => {
                body.insert(name.to_owned(), value);
            }
            Target::Name(name) => set(&mut body, "name", name, value),
            Target::Enterprise(name) => set(&mut body, ENTERPRISE, name, value),
            Target::Typed(attribute, kind, name) => {
                let elements = body.entry(attribute).or_insert_with(|| Value::Array(Vec::new()));
                let Value::Array(elements) = elements else { continue };
                let of_kind = |element: &Value| element.get("type").and_then(Value::as_str) == Some(kind);
                if !elements.iter().any(of_kind) {
                    // Entra marks the one e-mail address as primary, nothing else.
                    elements.push(json!({"primary": attribute == "emails", "type": kind}));
                }
                if let Some(Value::Object(element)) = elements.iter_mut().find(|e| of_kind(e)) {
                    element.insert(name.to_owned(), value);
                }
            }
        }
    }
    body.insert("roles".to_owned(), json!([]));
    body.insert("meta".to_owned(), json!({"resourceType": "User"}));
    Value::Object(body)
}

fn set(body: &mut Map<String, Value>, complex: &str, name: &str, value: Value) {
    let complex = body.entry(complex).or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(members) = complex {
        members.insert(name.to_owned(), value);
    }
}

/// The body of a POST for a new group; members follow by PATCH.
pub(crate) fn new_group(group: &Group) -> Value {
    json!({
        "schemas": [GROUP, ENTRA_GROUP],
        "externalId": group.object_id,
        "displayName": group.name,
        "meta": {"resourceType": "Group"},
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::company::Company;

    #[test]
    fn a_new_person_holds_every_mapped_value() {
        let company = Company::new(100, 0);
        for index in 0..100 {
            let person = company.person(index);
            assert_eq!(differences(mapped(&person, true), &new_person(&person)), []);
        }
    }

    #[test]
    fn differences_are_added_or_replaced() {
        let person = Company::new(100, 0).person(5);
        let resource = json!({
            "USERNAME": person.user_name, "active": "True", "title": null, "emails": [{"type": "home", "value": "x"}],
            ENTERPRISE: {"department": "Elsewhere"},
        });
        let edits = differences(mapped(&person, true), &resource);
        let find = |path: &str| edits.iter().find(|e| e.target.path() == path).map(|e| e.replaces);
        assert_eq!(find("userName"), None);
        assert_eq!(find("active"), Some(true));
        assert_eq!(find("title"), Some(false));
        assert_eq!(find("emails[type eq \"work\"].value"), Some(false));
        assert_eq!(find("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department"), Some(true));
        assert_eq!(find("name.givenName"), Some(false));
    }

    #[test]
    fn the_body_has_the_shape_that_entra_sends() {
        let person = Company::new(100, 0).person(0);
        let body = new_person(&person);
        assert_eq!(body["emails"], json!([{"primary": true, "type": "work", "value": person.user_name}]));
        assert_eq!(body["addresses"].as_array().unwrap().len(), 1);
        assert_eq!(body["active"], json!(true));
        assert_eq!(body["roles"], json!([]));
        assert_eq!(body["meta"], json!({"resourceType": "User"}));
    }
}
