//! Which attributes an answer shows (RFC 7643 §7 `returned`, RFC 7644 §3.4.2.5, §3.9).

use serde_json::{Map, Value};

use super::Resource;
use crate::error::{ScimError, ScimType};
use crate::path::{AttributeRef, Resolved};
use crate::schema::{Attribute, ResourceType, Returned};

/// What a client asked to see of a resource type.
///
/// Names that the type does not have are ignored, as are value filters in them (`emails[type eq "work"]`).
#[derive(Clone, Debug)]
pub struct Projection {
    resource_type: ResourceType,
    choice: Choice,
}

#[derive(Clone, Debug)]
enum Choice {
    /// Nothing was asked: what is returned by default.
    Default,
    /// These, besides what is always returned.
    Only(Vec<Named>),
    /// What is returned by default but these.
    Except(Vec<Named>),
}

#[derive(Clone, Debug)]
enum Named {
    Attribute(AttributeRef),
    Extension(String),
}

impl Projection {
    /// Reads `attributes` and `excludedAttributes`.
    ///
    /// # Errors
    /// `invalidValue` where both are given.
    pub fn parse(
        resource_type: &ResourceType,
        attributes: Option<&[String]>,
        excluded: Option<&[String]>,
    ) -> Result<Self, ScimError> {
        let named = |paths: &[String]| {
            paths
                .iter()
                .filter_map(|path| match resource_type.resolve(&without_filter(path)).ok()? {
                    Resolved::Attribute(path) => Some(Named::Attribute(path)),
                    Resolved::Extension(schema) => Some(Named::Extension(schema.id.to_string())),
                })
                .collect()
        };
        let choice = match (attributes, excluded) {
            (None, None) => Choice::Default,
            (Some(paths), None) => Choice::Only(named(paths)),
            (None, Some(paths)) => Choice::Except(named(paths)),
            (Some(_), Some(_)) => {
                return Err(ScimError::new(
                    ScimType::InvalidValue,
                    "attributes and excludedAttributes exclude each other; send one of them",
                ));
            }
        };
        Ok(Self { resource_type: resource_type.clone(), choice })
    }

    /// Whether nothing was asked, so that a stored document can go out as it is.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        matches!(self.choice, Choice::Default)
            && !self.resource_type.schema.attributes.iter().any(|attribute| hides_a_part(attribute))
            && !self
                .resource_type
                .extensions
                .iter()
                .any(|extension| extension.schema.attributes.iter().any(|attribute| hides_a_part(attribute)))
    }

    /// Whether any of the attribute is shown.
    #[must_use]
    pub fn wants(&self, path: &AttributeRef) -> bool {
        self.attribute(path.extension.as_deref(), &path.attribute).is_some()
    }

    /// What is shown of a full resource.
    #[must_use]
    pub fn apply(&self, resource: Resource) -> Resource {
        let mut shown = Map::new();
        for (name, value) in resource.into_attributes() {
            if let Some(attribute) = self.resource_type.attribute(&name) {
                if let Some(value) = self.show(None, attribute, value) {
                    shown.insert(name, value);
                }
            } else if let (Some(extension), Value::Object(object)) =
                (self.resource_type.extension(&name), value)
            {
                let mut inside = Map::new();
                for (name, value) in object {
                    if let Some(attribute) = extension.schema.attribute(&name)
                        && let Some(value) = self.show(Some(&extension.schema.id), attribute, value)
                    {
                        inside.insert(name, value);
                    }
                }
                if !inside.is_empty() {
                    shown.insert(name, Value::Object(inside));
                }
            }
        }
        Resource::from_canonical(shown)
    }

    fn show(&self, urn: Option<&str>, attribute: &Attribute, value: Value) -> Option<Value> {
        let parts = self.attribute(urn, attribute)?;
        if !attribute.is_complex() {
            return Some(value);
        }
        let keep = |value: Value| -> Option<Value> {
            let Value::Object(object) = value else { return None };
            let kept: Map<String, Value> = object
                .into_iter()
                .filter(|(name, _)| attribute.sub_attribute(name).is_some_and(|sub| parts.shows(sub)))
                .collect();
            (!kept.is_empty()).then_some(Value::Object(kept))
        };
        match value {
            Value::Array(elements) => {
                let kept: Vec<Value> = elements.into_iter().filter_map(keep).collect();
                (!kept.is_empty()).then_some(Value::Array(kept))
            }
            object => keep(object),
        }
    }

    /// Which parts of an attribute are shown; `None` where none is.
    fn attribute(&self, urn: Option<&str>, attribute: &Attribute) -> Option<Parts<'_>> {
        if attribute.returned == Returned::Never {
            return None;
        }
        let of = |named: &&Named| match named {
            Named::Attribute(path) => {
                path.extension.as_deref() == urn && path.attribute.name == attribute.name
            }
            Named::Extension(extension) => urn == Some(extension.as_str()),
        };
        let by_default = attribute.returned != Returned::Request;
        let always = attribute.returned == Returned::Always
            || attribute.sub_attributes.iter().any(|sub| sub.returned == Returned::Always);
        match &self.choice {
            Choice::Default => by_default.then_some(Parts::Default),
            Choice::Only(named) => {
                let mine: Vec<&Named> = named.iter().filter(of).collect();
                if mine.is_empty() {
                    let whole = attribute.returned == Returned::Always;
                    return if whole {
                        Some(Parts::Default)
                    } else {
                        always.then(|| Parts::Only(Vec::new()))
                    };
                }
                // A whole extension shows what it returns by default; an attribute by name is shown whatever it is.
                let whole = mine.iter().any(|named| match named {
                    Named::Attribute(path) => path.sub.is_none(),
                    Named::Extension(_) => by_default,
                });
                if whole {
                    return Some(Parts::Default);
                }
                let subs: Vec<&str> = subs(&mine);
                (!subs.is_empty()).then_some(Parts::Only(subs))
            }
            Choice::Except(named) => {
                if !by_default {
                    return None;
                }
                if attribute.returned == Returned::Always {
                    return Some(Parts::Default);
                }
                let mine: Vec<&Named> = named.iter().filter(of).collect();
                let whole = mine.iter().any(|named| match named {
                    Named::Attribute(path) => path.sub.is_none(),
                    Named::Extension(_) => true,
                });
                if whole { always.then(|| Parts::Only(Vec::new())) } else { Some(Parts::Except(subs(&mine))) }
            }
        }
    }
}

/// Which sub-attributes of an attribute are shown.
enum Parts<'p> {
    Default,
    Only(Vec<&'p str>),
    Except(Vec<&'p str>),
}

impl Parts<'_> {
    fn shows(&self, sub: &Attribute) -> bool {
        match (sub.returned, self) {
            (Returned::Never, _) => false,
            (Returned::Always, _) => true,
            (_, Self::Only(names)) => names.contains(&sub.name.as_str()),
            (Returned::Request, _) => false,
            (Returned::Default, Self::Default) => true,
            (Returned::Default, Self::Except(names)) => !names.contains(&sub.name.as_str()),
        }
    }
}

fn subs<'n>(named: &[&'n Named]) -> Vec<&'n str> {
    let sub = |named: &&'n Named| match named {
        Named::Attribute(path) => path.sub.as_ref().map(|sub| sub.name.as_str()),
        Named::Extension(_) => None,
    };
    named.iter().filter_map(sub).collect()
}

/// Whether a plain document shows more of a complex attribute than it may.
fn hides_a_part(attribute: &Attribute) -> bool {
    attribute.sub_attributes.iter().any(|sub| matches!(sub.returned, Returned::Never | Returned::Request))
}

/// `emails[type eq "work"].value` without its filter.
fn without_filter(path: &str) -> String {
    match (path.find('['), path.rfind(']')) {
        (Some(open), Some(close)) if open < close => {
            let (head, tail) =
                (path.get(..open).unwrap_or_default(), path.get(close + 1..).unwrap_or_default());
            format!("{head}{tail}")
        }
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::schema::Registry;

    fn check(attributes: &[&str], excluded: &[&str], expected: &Value) {
        let registry = Registry::builtin();
        let user = registry.resource_type("User").expect("built in");
        let full = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "id": "7", "userName": "ada",
            "name": { "familyName": "L", "givenName": "A" }, "password": "x",
            "emails": [{ "value": "a@b", "type": "work" }],
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "department": "D", "costCenter": "C" },
            "meta": { "resourceType": "User" }
        });
        let Value::Object(full) = full else { unreachable!() };
        let owned = |paths: &[&str]| paths.iter().map(|path| (*path).to_owned()).collect::<Vec<_>>();
        let (attributes, excluded) = (owned(attributes), owned(excluded));
        let projection = Projection::parse(
            user,
            (!attributes.is_empty()).then_some(&attributes[..]),
            (!excluded.is_empty()).then_some(&excluded[..]),
        )
        .expect("one of them");
        let mut shown = projection.apply(Resource::from_canonical(full)).into_attributes();
        assert!(
            shown.shift_remove("schemas").is_some() && shown.shift_remove("id").is_some(),
            "always there"
        );
        assert_eq!(&Value::Object(shown), expected, "{attributes:?} {excluded:?}");
    }

    #[test]
    fn shows_what_was_asked() {
        const URN: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
        check(&["USERNAME"], &[], &json!({ "userName": "ada" }));
        check(&["emails.value", "nosuch"], &[], &json!({ "emails": [{ "value": "a@b" }] }));
        check(&["emails[type eq \"work\"].value"], &[], &json!({ "emails": [{ "value": "a@b" }] }));
        check(&["name"], &[], &json!({ "name": { "familyName": "L", "givenName": "A" } }));
        check(&["nosuch"], &[], &json!({}));
        check(&["password"], &[], &json!({}));
        check(&[URN], &[], &json!({ URN: { "department": "D", "costCenter": "C" } }));
        check(&[&format!("{URN}:department")], &[], &json!({ URN: { "department": "D" } }));
        check(
            &[],
            &["id", "schemas", "emails", "name.givenName", URN, "meta"],
            &json!({ "userName": "ada", "name": { "familyName": "L" } }),
        );
    }

    #[test]
    fn both_together_are_refused() {
        let registry = Registry::builtin();
        let user = registry.resource_type("User").expect("built in");
        let paths = ["a".to_owned()];
        assert!(Projection::parse(user, Some(&paths), Some(&paths)).is_err());
        assert!(Projection::parse(user, None, None).expect("fine").is_plain());
    }
}
