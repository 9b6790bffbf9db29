//! Which attributes an answer shows (RFC 7643 §7 `returned`, RFC 7644 §3.4.2.5, §3.9).

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::Resource;
use crate::dialect::Dialect;
use crate::path::{AttributeRef, Resolved};
use crate::schema::{Attribute, ResourceType, Returned, Schema};

/// What a client asked to see of a resource type.
///
/// Names may be in any letter case, with or without their URN, of attributes, sub-attributes and whole extensions. Names
/// that the type does not have are ignored, as are value filters in them (`emails[type eq "work"]`). Asking for an
/// attribute shows its sub-attributes that are returned by default; asking for a sub-attribute shows it alone. What is
/// always returned is shown whatever is asked, what is never returned is not.
#[derive(Clone, Debug)]
pub struct Projection {
    resource_type: Arc<ResourceType>,
    /// By declared place, as are the others.
    common: Vec<Shown>,
    base: Vec<Shown>,
    extensions: Vec<Vec<Shown>>,
    is_plain: bool,
}

/// What is shown of an attribute.
#[derive(Clone, Debug, PartialEq)]
enum Shown {
    Nothing,
    All,
    /// Some sub-attributes, by declared place.
    Parts(Vec<bool>),
}

/// How the names that a client sent are meant.
#[derive(Clone, Copy, PartialEq)]
enum Choice {
    /// There are none.
    Default,
    /// `attributes`: these, besides what is always returned.
    Only,
    /// `excludedAttributes`: what is returned by default but these.
    Except,
}

impl Projection {
    /// Reads `attributes` and `excludedAttributes`, each a list of names. The RFC has them one at a time; Entra sends both
    /// when it checks a reference, and what is excluded is then taken from what was asked for.
    #[must_use]
    pub fn parse(
        resource_type: &Arc<ResourceType>,
        attributes: Option<&[String]>,
        excluded: Option<&[String]>,
    ) -> Self {
        let resolve = |names: &[String]| -> Vec<Resolved> {
            let resolve = |name: &String| {
                resource_type
                    .resolve_in(&without_filter(name.trim()), Dialect::LENIENT)
                    .ok()
                    .map(|found| found.0)
            };
            names.iter().filter_map(resolve).collect()
        };
        let (only, except) = (attributes.map(resolve), excluded.map(resolve));
        let of = |urn: Option<&str>, attribute: &Attribute| match (&only, &except) {
            (None, None) => shown(Choice::Default, &[], urn, attribute),
            (Some(only), None) => shown(Choice::Only, only, urn, attribute),
            (None, Some(except)) => shown(Choice::Except, except, urn, attribute),
            (Some(only), Some(except)) => {
                let asked = shown(Choice::Only, only, urn, attribute);
                if except.iter().any(|named| names(named, urn, attribute)) {
                    asked.and(&shown(Choice::Except, except, urn, attribute))
                } else {
                    asked
                }
            }
        };
        let all = |schema: &Schema, urn: Option<&str>| -> Vec<Shown> {
            schema.attributes.iter().map(|attribute| of(urn, attribute)).collect()
        };
        let extensions = resource_type.extensions.iter().map(|extension| &extension.schema);
        let mut schemas = extensions.clone().chain([&resource_type.schema]);
        Self {
            common: all(&resource_type.common, None),
            base: all(&resource_type.schema, None),
            extensions: extensions.map(|schema| all(schema, Some(&schema.id))).collect(),
            is_plain: only.is_none()
                && except.is_none()
                && !schemas.any(|schema| schema.attributes.iter().any(|attribute| hides_a_part(attribute))),
            resource_type: Arc::clone(resource_type),
        }
    }

    /// Whether nothing was asked, so that a stored document can go out as it is
    /// ([`Document::render`](super::Document::render)). Never so for a type with sub-attributes that are not returned by
    /// default; documents hide whole attributes, but no parts of them.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.is_plain
    }

    /// Whether any of the attribute is shown.
    #[must_use]
    pub fn wants(&self, path: &AttributeRef) -> bool {
        let resource_type = &*self.resource_type;
        let name = &path.attribute.name;
        let shown = match &path.extension {
            Some(urn) => self.in_extension(urn).and_then(|(schema, list)| find(schema, list, name)),
            None => find(&resource_type.common, &self.common, name)
                .or_else(|| find(&resource_type.schema, &self.base, name)),
        };
        shown.is_some_and(|(_, shown)| *shown != Shown::Nothing)
    }

    /// What is shown of a full resource ([`Document::full`](super::Document::full)).
    #[must_use]
    pub fn apply(&self, resource: Resource) -> Resource {
        let resource_type = &*self.resource_type;
        let mut attributes = resource.into_attributes();
        attributes.retain(|name, value| {
            let own = find(&resource_type.common, &self.common, name)
                .or_else(|| find(&resource_type.schema, &self.base, name));
            if let Some((attribute, shown)) = own {
                return shown.keep(attribute, value);
            }
            let (Some((schema, list)), Value::Object(inside)) = (self.in_extension(name), value) else {
                return false;
            };
            inside.retain(|name, value| {
                find(schema, list, name).is_some_and(|(attribute, shown)| shown.keep(attribute, value))
            });
            !inside.is_empty()
        });
        Resource::from_canonical(attributes)
    }

    fn in_extension(&self, urn: &str) -> Option<(&Schema, &[Shown])> {
        let mut extensions = self.resource_type.extensions.iter().zip(&self.extensions);
        let (extension, list) = extensions.find(|(extension, _)| &*extension.schema.id == urn)?;
        Some((&extension.schema, list))
    }
}

/// The attribute of that name, in canonical spelling, and what is shown of it.
fn find<'p>(schema: &'p Schema, list: &'p [Shown], name: &str) -> Option<(&'p Attribute, &'p Shown)> {
    let mut attributes = schema.attributes.iter().zip(list);
    attributes.find(|(attribute, _)| attribute.name == name).map(|(attribute, shown)| (&**attribute, shown))
}

impl Shown {
    /// What both show.
    fn and(self, other: &Self) -> Self {
        match (self, other) {
            (Self::Nothing, _) | (_, Self::Nothing) => Self::Nothing,
            (Self::All, other) => other.clone(),
            (own, Self::All) => own,
            (Self::Parts(own), Self::Parts(other)) => {
                let parts: Vec<bool> = own.iter().zip(other).map(|(own, other)| *own && *other).collect();
                if parts.contains(&true) { Self::Parts(parts) } else { Self::Nothing }
            }
        }
    }

    /// Reduces a value to what is shown of it; false where that is nothing.
    fn keep(&self, attribute: &Attribute, value: &mut Value) -> bool {
        let Self::Parts(parts) = self else { return *self == Self::All };
        let reduce = |object: &mut Map<String, Value>| {
            object.retain(|name, _| {
                let mut subs = attribute.sub_attributes.iter().zip(parts);
                subs.any(|(sub, shown)| *shown && sub.name == *name)
            });
            !object.is_empty()
        };
        match value {
            Value::Object(object) => reduce(object),
            Value::Array(elements) => {
                elements.retain_mut(|element| element.as_object_mut().is_some_and(reduce));
                !elements.is_empty()
            }
            _ => false,
        }
    }
}

/// Whether a name means the attribute, a part of it, or its whole extension.
fn names(named: &Resolved, urn: Option<&str>, attribute: &Attribute) -> bool {
    match named {
        Resolved::Attribute(path) => {
            path.extension.as_deref() == urn && path.attribute.name == attribute.name
        }
        Resolved::Extension(schema) => urn == Some(&*schema.id),
    }
}

fn shown(choice: Choice, named: &[Resolved], urn: Option<&str>, attribute: &Attribute) -> Shown {
    if attribute.returned == Returned::Never {
        return Shown::Nothing;
    }
    let by_default = attribute.returned != Returned::Request;
    let always = attribute.returned == Returned::Always;
    let mut subs: Vec<&str> = Vec::new();
    let (mut whole, mut in_extension) = (false, false);
    for named in named {
        match named {
            Resolved::Attribute(path)
                if path.extension.as_deref() == urn && path.attribute.name == attribute.name =>
            {
                match &path.sub {
                    Some(sub) => subs.push(&sub.name),
                    None => whole = true,
                }
            }
            Resolved::Extension(schema) if urn == Some(&*schema.id) => in_extension = true,
            _ => {}
        }
    }
    let is_default = |sub: &Attribute| sub.returned == Returned::Default;
    let is_named = |sub: &Attribute| subs.contains(&sub.name.as_str());
    match choice {
        Choice::Default if !by_default => Shown::Nothing,
        Choice::Default => parts(attribute, true, is_default),
        // A whole extension shows what it returns by default; an attribute by name is shown whatever it is.
        Choice::Only if always || whole || (in_extension && by_default) => {
            parts(attribute, true, |sub| is_default(sub) || is_named(sub))
        }
        Choice::Only => parts(attribute, false, is_named),
        Choice::Except if !by_default => Shown::Nothing,
        Choice::Except if always => parts(attribute, true, is_default),
        Choice::Except if whole || in_extension => parts(attribute, false, |_| false),
        Choice::Except => parts(attribute, true, |sub| is_default(sub) && !is_named(sub)),
    }
}

/// An attribute without sub-attributes is shown where `whole`; of others, each that `wanted` picks, and those that are
/// always returned.
fn parts(attribute: &Attribute, whole: bool, wanted: impl Fn(&Attribute) -> bool) -> Shown {
    let parts: Vec<bool> = attribute
        .sub_attributes
        .iter()
        .map(|sub| match sub.returned {
            Returned::Never => false,
            Returned::Always => true,
            Returned::Default | Returned::Request => wanted(sub),
        })
        .collect();
    if parts.is_empty() {
        return if whole { Shown::All } else { Shown::Nothing };
    }
    match (parts.contains(&true), parts.contains(&false)) {
        (false, _) => Shown::Nothing,
        (true, false) => Shown::All,
        (true, true) => Shown::Parts(parts),
    }
}

/// Whether a plain document would show more of a complex attribute than it may.
fn hides_a_part(attribute: &Attribute) -> bool {
    attribute.sub_attributes.iter().any(|sub| matches!(sub.returned, Returned::Never | Returned::Request))
}

/// `emails[type eq "work"].value` without its filter.
fn without_filter(path: &str) -> Cow<'_, str> {
    match (path.find('['), path.rfind(']')) {
        (Some(open), Some(close)) if open < close => {
            let (head, tail) =
                (path.get(..open).unwrap_or_default(), path.get(close + 1..).unwrap_or_default());
            Cow::Owned(format!("{head}{tail}"))
        }
        _ => Cow::Borrowed(path),
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
        );
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
        check(&["department"], &[], &json!({ URN: { "department": "D" } }));
        check(&[" name "], &[], &json!({ "name": { "familyName": "L", "givenName": "A" } }));
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
    fn what_is_excluded_is_taken_from_what_was_asked() {
        check(&["id"], &["members"], &json!({}));
        check(
            &["name", "emails"],
            &["name.givenName"],
            &json!({ "name": { "familyName": "L" }, "emails": [{ "value": "a@b", "type": "work" }] }),
        );
        check(&["name.familyName"], &["name"], &json!({}));
        let registry = Registry::builtin();
        let user = registry.resource_type("User").expect("built in");
        assert!(Projection::parse(user, None, None).is_plain());
    }

    /// Shows a thing whose attributes are named for when they are returned.
    fn check_returned(attributes: &[&str], excluded: &[&str], expected: &Value) {
        let mut registry = Registry::builtin();
        let leaf = |returned: &str| json!({ "name": returned, "returned": returned });
        let leaves = ["always", "never", "default", "request"].map(leaf);
        let mut declared = leaves.to_vec();
        declared
            .push(json!({ "name": "part", "type": "complex", "multiValued": true, "subAttributes": leaves }));
        declared.push(json!({
            "name": "core", "type": "complex", "returned": "always",
            "subAttributes": [{ "name": "a" }, { "name": "b", "returned": "request" }]
        }));
        let schema = json!({ "id": "urn:x:thing", "name": "Thing", "attributes": declared });
        registry.add_schema(&schema).expect("sound");
        registry
            .add_resource_type(&json!({ "name": "Thing", "endpoint": "/Things", "schema": "urn:x:thing" }))
            .expect("sound");
        let thing = registry.resource_type("Thing").expect("loaded");
        let leaves = json!({ "always": "1", "never": "2", "default": "3", "request": "4" });
        let Value::Object(mut full) = leaves.clone() else { unreachable!() };
        full.insert("part".to_owned(), json!([leaves]));
        full.insert("core".to_owned(), json!({ "a": "5", "b": "6" }));
        let owned = |paths: &[&str]| paths.iter().map(|path| (*path).to_owned()).collect::<Vec<_>>();
        let (asked, left_out) = (owned(attributes), owned(excluded));
        let projection = Projection::parse(
            thing,
            (!asked.is_empty()).then_some(&asked[..]),
            (!left_out.is_empty()).then_some(&left_out[..]),
        );
        assert!(!projection.is_plain(), "parts are hidden");
        let got = projection.apply(Resource::from_canonical(full)).into_attributes();
        assert_eq!(&Value::Object(got), expected, "{attributes:?} {excluded:?}");
    }

    #[test]
    fn returned_decides_for_attributes_and_sub_attributes() {
        check_returned(
            &[],
            &[],
            &json!({
                "always": "1", "default": "3", "part": [{ "always": "1", "default": "3" }], "core": { "a": "5" }
            }),
        );
        check_returned(
            &["never", "request", "part.never", "part.request"],
            &[],
            &json!({
                "always": "1", "request": "4", "part": [{ "always": "1", "request": "4" }], "core": { "a": "5" }
            }),
        );
        check_returned(
            &["core.b"],
            &[],
            &json!({ "always": "1", "part": [{ "always": "1" }], "core": { "a": "5", "b": "6" } }),
        );
        check_returned(
            &[],
            &["always", "default", "part.default", "part.always", "core", "core.a"],
            &json!({ "always": "1", "part": [{ "always": "1" }], "core": { "a": "5" } }),
        );
        check_returned(
            &[],
            &["part"],
            &json!({ "always": "1", "default": "3", "part": [{ "always": "1" }], "core": { "a": "5" } }),
        );
    }

    #[test]
    fn what_is_not_shown_need_not_be_loaded() {
        let registry = Registry::builtin();
        let wants = |name: &str, path: &str, attributes: Option<&str>, excluded: Option<&str>| {
            let resource_type = registry.resource_type(name).expect("built in");
            let one = |name: Option<&str>| name.map(|name| vec![name.to_owned()]);
            let projection =
                Projection::parse(resource_type, one(attributes).as_deref(), one(excluded).as_deref());
            let path = resource_type.resolve_attribute(path).expect("an attribute");
            projection.wants(&path)
        };
        let manager = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager";
        assert!(wants("Group", "members", None, None));
        assert!(!wants("Group", "members", None, Some("MEMBERS")));
        assert!(!wants("Group", "members", Some("id"), None));
        assert!(wants("Group", "members", Some("members.value"), None));
        assert!(wants("Group", "members", None, Some("members.display")));
        assert!(!wants("User", "password", None, None));
        assert!(!wants("User", "groups", Some("userName"), None));
        assert!(wants("User", manager, None, Some("emails")));
        assert!(!wants("User", manager, Some("name"), None));
    }
}
