//! The way in: from a request's body to a resource in canonical form (RFC 7644 §3.3, §3.5.1).
//!
//! Names and URNs are compared without regard to case; of a name given twice, in whatever spellings, the last counts.
//! `schemas` must be there and not be empty in every dialect. What only the server writes is ignored.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::coerce::{is_empty, note, unknown, whole};
use super::error::{ResourceError, kind};
use super::slots::{Slots, seal};
use super::{Resource, canonical, check_required, check_user_name};
use crate::dialect::{Dialect, Note, Tolerance};
use crate::path::{AttributeRef, Resolved};
use crate::schema::{Attribute, Residence, ResourceType, USER_URN};

/// A member that a client sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdgeValue {
    /// The reference: an id, as a rule.
    pub value: String,
    /// The `type` that the client gave; what counts is what the reference means.
    pub kind: Option<String>,
}

impl EdgeValue {
    /// The members in a canonical value of the edge attribute.
    #[must_use]
    pub fn list(value: &Value) -> Vec<Self> {
        let text = |element: &Value, name: &str| element.get(name).and_then(Value::as_str).map(str::to_owned);
        let elements = value.as_array().map(Vec::as_slice).unwrap_or_default();
        elements
            .iter()
            .filter_map(|element| Some(Self { value: text(element, "value")?, kind: text(element, "type") }))
            .collect()
    }
}

/// A body that was taken in.
#[derive(Clone, Debug, PartialEq)]
pub struct Inbound {
    /// What the client may write and the document holds, and the `schemas` that follow from it; without `id`, `meta`,
    /// `externalId` and edges.
    pub resource: Resource,
    /// The `externalId`.
    pub external_id: Option<String>,
    /// The `id` as sent; the one in the URL counts.
    pub id: Option<String>,
    /// A Group's members; `None` where they were not sent.
    pub edges: Option<Vec<EdgeValue>>,
    /// What was tolerated.
    pub notes: Vec<Note>,
}

/// Takes a body in: canonical names and values, without what only the server writes.
///
/// ```
/// use scim_core::resource::ingest;
/// use scim_core::{Dialect, Registry};
///
/// let registry = Registry::builtin();
/// let user = registry.resource_type("User").expect("User is built in");
/// let body = serde_json::json!({
///     "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
///     "USERNAME": "ada", "active": "True", "title": null, "externalId": "7"
/// });
/// let inbound = ingest(user, body, Dialect::LENIENT).expect("Entra ID sends this");
/// assert_eq!(inbound.resource.text("userName"), Some("ada"));
/// assert_eq!(inbound.resource.attributes()["active"], true);
/// assert_eq!(inbound.external_id.as_deref(), Some("7"));
/// assert_eq!(inbound.notes.len(), 1); // string-booleans
/// ```
///
/// # Errors
/// `invalidSyntax` where the body is no object, its `schemas` are missing or do not go with the resource type, or (where
/// the dialect does not tolerate it) an attribute is unknown; `invalidValue` where a value does not go with its
/// attribute.
pub fn ingest(resource_type: &ResourceType, body: Value, dialect: Dialect) -> Result<Inbound, ResourceError> {
    let Value::Object(body) = body else {
        return Err(ResourceError::syntax(&"body", format!("must be a JSON object, not {}", kind(&body))));
    };
    let mut intake = Intake::new(resource_type, dialect);
    intake.schemas(&body)?;
    intake.base.expect(body.len());
    for (name, value) in body {
        intake.member(name, value)?;
    }
    intake.finish()
}

impl Inbound {
    /// The resource as POST creates it: what is required is there, and a person is active unless the client says
    /// otherwise.
    ///
    /// # Errors
    /// `invalidValue` where a required attribute is missing.
    pub fn into_created(self, resource_type: &ResourceType) -> Result<Resource, ResourceError> {
        let mut resource = self.resource;
        if &*resource_type.schema.id == USER_URN && !resource.attributes().contains_key("active") {
            let mut attributes = resource.into_attributes();
            attributes.insert("active".to_owned(), Value::Bool(true));
            resource = canonical(resource_type, attributes);
        }
        check_required(resource_type, &resource)?;
        Ok(resource)
    }
}

/// A body on its way in.
struct Intake<'t> {
    resource_type: &'t ResourceType,
    dialect: Dialect,
    /// The extensions that `schemas` names, by place.
    declared: Vec<bool>,
    base: Slots<'t>,
    extensions: Vec<Slots<'t>>,
    external_id: Option<String>,
    id: Option<String>,
    edges: Option<Vec<EdgeValue>>,
    notes: Vec<Note>,
}

impl<'t> Intake<'t> {
    fn new(resource_type: &'t ResourceType, dialect: Dialect) -> Self {
        let extensions = resource_type.extensions.iter();
        Self {
            resource_type,
            dialect,
            declared: vec![false; resource_type.extensions.len()],
            base: Slots::new(&resource_type.schema, false),
            extensions: extensions.map(|extension| Slots::new(&extension.schema, true)).collect(),
            external_id: None,
            id: None,
            edges: None,
            notes: Vec::new(),
        }
    }

    fn note(&mut self, tolerance: Tolerance, detail: impl Into<String>) {
        note(&mut self.notes, tolerance, detail);
    }

    /// The place of an extension, by its URN.
    fn extension(&self, urn: &str) -> Option<usize> {
        self.resource_type.extensions.iter().position(|other| other.schema.id.eq_ignore_ascii_case(urn))
    }

    /// Checks `schemas` and keeps what it declares.
    fn schemas(&mut self, body: &Map<String, Value>) -> Result<(), ResourceError> {
        let base = &*self.resource_type.schema.id;
        let wrong = |reason: String| Err(ResourceError::syntax(&"schemas", reason));
        let value = body
            .get("schemas")
            .or_else(|| Some(body.iter().find(|(name, _)| name.eq_ignore_ascii_case("schemas"))?.1));
        let urns = match value {
            Some(Value::Array(urns)) => urns.as_slice(),
            Some(urn @ Value::String(_)) if self.dialect.tolerates(Tolerance::WrappedValues) => {
                self.note(Tolerance::WrappedValues, "schemas: one value where an array is expected");
                std::slice::from_ref(urn)
            }
            None | Some(Value::Null) => &[],
            Some(other) => return wrong(format!("must be an array of URNs, not {}", kind(other))),
        };
        if urns.iter().all(is_empty) {
            return wrong(format!("is missing; it must hold {base:?}"));
        }
        let mut has_base = false;
        for urn in urns {
            let Value::String(urn) = urn else {
                return wrong(format!("must hold URNs as text, not {}", kind(urn)));
            };
            if urn.eq_ignore_ascii_case(base) {
                has_base = true;
            } else if let Some(declared) = self.extension(urn).and_then(|at| self.declared.get_mut(at)) {
                *declared = true;
            } else {
                unknown(urn, self.dialect, &mut self.notes)?;
            }
        }
        if !has_base {
            if !self.dialect.tolerates(Tolerance::ExtensionNotDeclared) {
                return wrong(format!("must hold {base:?}, the schema of this endpoint"));
            }
            self.note(Tolerance::ExtensionNotDeclared, "schemas: without the schema of the endpoint");
        }
        Ok(())
    }

    /// A member of the body.
    fn member(&mut self, name: String, value: Value) -> Result<(), ResourceError> {
        let resource_type = self.resource_type;
        if let Some(attribute) = resource_type.common.attribute(&name) {
            return self.envelope(attribute, value);
        }
        if let Some(at) = self.base.position(&name) {
            return match resource_type.schema.attributes.get(at) {
                Some(attribute) if attribute.residence == Residence::Edges => self.edges(attribute, value),
                _ => self.base.set(at, name, value, self.dialect, &mut self.notes),
            };
        }
        match self.extension(&name) {
            Some(at) => self.members_of(at, value),
            // `null` says that there is none.
            None if value.is_null() => Ok(()),
            None => self.path(&name, value),
        }
    }

    fn envelope(&mut self, attribute: &Attribute, value: Value) -> Result<(), ResourceError> {
        match attribute.name.as_str() {
            "externalId" => {
                let value = whole(attribute, &attribute.name, value, self.dialect, &mut self.notes)?;
                self.external_id = into_text(value);
            }
            "id" => self.id = into_text(Some(value)),
            // `schemas` is read already; `meta` is readOnly.
            _ => {}
        }
        Ok(())
    }

    fn edges(&mut self, attribute: &Attribute, value: Value) -> Result<(), ResourceError> {
        let value = whole(attribute, &attribute.name, value, self.dialect, &mut self.notes)?;
        self.edges = Some(match value {
            Some(Value::Array(elements)) => elements.into_iter().filter_map(into_edge).collect(),
            _ => Vec::new(),
        });
        Ok(())
    }

    /// The object of an extension.
    fn members_of(&mut self, at: usize, value: Value) -> Result<(), ResourceError> {
        let resource_type = self.resource_type;
        let (Some(extension), Some(slots)) = (resource_type.extensions.get(at), self.extensions.get_mut(at))
        else {
            return Ok(());
        };
        let urn = &*extension.schema.id;
        let object = match value {
            empty if is_empty(&empty) => return Ok(()),
            Value::Object(object) => object,
            other => {
                return Err(ResourceError::value(&urn, format!("must be an object, not {}", kind(&other))));
            }
        };
        if self.declared.get(at) == Some(&false) {
            if !self.dialect.tolerates(Tolerance::ExtensionNotDeclared) {
                return Err(ResourceError::syntax(
                    &"schemas",
                    format!("must hold {urn:?}, which the body uses"),
                ));
            }
            note(&mut self.notes, Tolerance::ExtensionNotDeclared, format!("schemas: without {urn}"));
        }
        slots.expect(object.len());
        for (name, value) in object {
            match slots.position(&name) {
                Some(at) => slots.set(at, name, value, self.dialect, &mut self.notes)?,
                None if value.is_null() => {}
                None => unknown(&format_args!("{urn}:{name}"), self.dialect, &mut self.notes)?,
            }
        }
        Ok(())
    }

    /// A name that is none of the base schema's attributes: a path (`name.familyName`, `urn:…:User:department`), an
    /// attribute of an extension without its URN, or something unknown.
    fn path(&mut self, name: &str, value: Value) -> Result<(), ResourceError> {
        let Ok((Resolved::Attribute(path), note)) = self.resource_type.resolve_in(name, self.dialect) else {
            return unknown(&name, self.dialect, &mut self.notes);
        };
        match note {
            Some(note) => self.note(note.tolerance, note.detail),
            None if self.dialect.tolerates(Tolerance::PathKeys) => {
                self.note(Tolerance::PathKeys, format!("{path}: a path as a name"));
            }
            None => return unknown(&name, self.dialect, &mut self.notes),
        }
        let AttributeRef { extension, attribute, sub } = path;
        let Some(sub) = sub else {
            return match extension.and_then(|urn| self.extension(&urn)) {
                Some(at) => self.set_in(at, &attribute, value),
                None => self.member(attribute.name.clone(), value),
            };
        };
        if attribute.multi_valued || attribute.residence != Residence::Document {
            return unknown(&name, self.dialect, &mut self.notes);
        }
        let at = extension.and_then(|urn| self.extension(&urn));
        let slots = match at {
            Some(at) => self.extensions.get_mut(at),
            None => Some(&mut self.base),
        };
        // What other names said about the same attribute stays.
        let present = slots.and_then(|slots| {
            let at = slots.position(&attribute.name)?;
            slots.take(at)
        });
        let mut object = match present {
            Some(Value::Object(object)) => object,
            _ => Map::new(),
        };
        object.insert(sub.name.clone(), value);
        match at {
            Some(at) => self.set_in(at, &attribute, Value::Object(object)),
            None => self.member(attribute.name.clone(), Value::Object(object)),
        }
    }

    fn set_in(
        &mut self,
        extension: usize,
        attribute: &Arc<Attribute>,
        value: Value,
    ) -> Result<(), ResourceError> {
        let Some(slots) = self.extensions.get_mut(extension) else { return Ok(()) };
        match slots.position(&attribute.name) {
            Some(at) => slots.set(at, attribute.name.clone(), value, self.dialect, &mut self.notes),
            None => Ok(()),
        }
    }

    fn finish(self) -> Result<Inbound, ResourceError> {
        let resource = seal(self.base, self.extensions);
        check_user_name(self.resource_type, &resource, self.dialect)?;
        Ok(Inbound {
            resource,
            external_id: self.external_id,
            id: self.id,
            edges: self.edges,
            notes: self.notes,
        })
    }
}

fn into_text(value: Option<Value>) -> Option<String> {
    match value {
        Some(Value::String(text)) => Some(text),
        _ => None,
    }
}

fn into_edge(element: Value) -> Option<EdgeValue> {
    let Value::Object(mut members) = element else { return None };
    let value = into_text(members.swap_remove("value"))?;
    Some(EdgeValue { value, kind: into_text(members.swap_remove("type")) })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::schema::{ENTERPRISE_USER_URN, GROUP_URN, Registry};

    /// Takes in a person's body with `schemas` as they should be; expects the attributes, or part of the error's text.
    fn check(mut body: Value, dialect: Dialect, expected: Result<&Value, &str>) {
        if body.get("schemas").is_none() {
            body["schemas"] = json!([USER_URN, ENTERPRISE_USER_URN]);
        }
        let registry = Registry::builtin();
        let user = registry.resource_type("User").expect("built in");
        match (ingest(user, body.clone(), dialect), expected) {
            (Ok(inbound), Ok(expected)) => {
                let mut got = inbound.resource.into_attributes();
                got.shift_remove("schemas");
                assert_eq!(Value::Object(got).to_string(), expected.to_string(), "{body}");
            }
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{body}: {error}"),
            (got, _) => panic!("{body}: {got:?}"),
        }
    }

    /// As [`check`], for what `lenient` takes and `strict` refuses.
    fn check_lenient(body: Value, expected: &Value) {
        check(body.clone(), Dialect::LENIENT, Ok(expected));
        check(body, Dialect::STRICT, Err(""));
    }

    fn check_both(body: Value, expected: Result<&Value, &str>) {
        check(body.clone(), Dialect::LENIENT, expected);
        check(body, Dialect::STRICT, expected);
    }

    #[test]
    fn names_and_order_are_the_schemas() {
        check_both(
            json!({
                "URN:IETF:params:scim:schemas:extension:enterprise:2.0:USER": { "Manager": { "VALUE": "7" }, "costcenter": "C" },
                "ACTIVE": true, "Name": { "givenname": "A", "FAMILYNAME": "L" }, "username": "ada", "USERNAME": "Ada"
            }),
            Ok(&json!({
                "userName": "Ada", "name": { "familyName": "L", "givenName": "A" }, "active": true,
                ENTERPRISE_USER_URN: { "costCenter": "C", "manager": { "value": "7" } }
            })),
        );
    }

    #[test]
    fn what_only_the_server_writes_and_what_is_unassigned_goes() {
        check_both(
            json!({
                "userName": "ada", "id": "7", "meta": { "created": 1 }, "groups": [{ "value": "9" }], "nosuch": null,
                "title": "", "emails": [], "name": { "givenName": null }, "phoneNumbers": null, "department": null,
                ENTERPRISE_USER_URN: { "department": null, "nosuch": null, "manager": { "displayName": "Boss" } }
            }),
            Ok(&json!({ "userName": "ada" })),
        );
    }

    #[test]
    fn schemas_must_be_there_in_every_dialect() {
        for schemas in [json!(null), json!([]), json!([""])] {
            check_both(
                json!({ "schemas": schemas, "userName": "a" }),
                Err("schemas: is missing; it must hold"),
            );
        }
        check_both(json!({ "schemas": [7], "userName": "a" }), Err("must hold URNs as text, not a number"));
        check_both(json!({ "schemas": { "a": 1 } }), Err("must be an array of URNs, not an object"));
        let name = json!({ "userName": "a" });
        for schemas in [json!([ENTERPRISE_USER_URN]), json!([USER_URN, "urn:x"]), json!(USER_URN)] {
            check_lenient(json!({ "schemas": schemas, "userName": "a" }), &name);
        }
        check_both(json!({ "schemas": [USER_URN.to_uppercase()], "userName": "a" }), Ok(&name));
        let registry = Registry::builtin();
        let user = registry.resource_type("User").expect("built in");
        for body in [json!({ "userName": "a" }), json!([]), json!("a"), json!(null)] {
            let error = ingest(user, body, Dialect::LENIENT).expect_err("refused");
            assert_eq!(error.scim_type(), crate::ScimType::InvalidSyntax);
        }
    }

    #[test]
    fn lenient_takes_what_identity_providers_send() {
        let enterprise = json!({ "userName": "a", ENTERPRISE_USER_URN: { "department": "D" } });
        check_lenient(
            json!({ "schemas": [USER_URN], "userName": "a", ENTERPRISE_USER_URN: { "department": "D" } }),
            &enterprise,
        );
        check_lenient(json!({ "userName": "a", "department": "D" }), &enterprise);
        check_lenient(
            json!({ "userName": "a", format!("{ENTERPRISE_USER_URN}:department"): "D" }),
            &enterprise,
        );
        check_lenient(json!({ format!("{USER_URN}:userName"): "a" }), &json!({ "userName": "a" }));
        check_lenient(
            json!({ "name.givenName": "A", "name.familyName": "L", "emails.value": "x" }),
            &json!({ "name": { "familyName": "L", "givenName": "A" } }),
        );
        check_lenient(json!({ "userName": "a", "badge": "teal" }), &json!({ "userName": "a" }));
        check_lenient(json!({ "userName": "two words" }), &json!({ "userName": "two words" }));
        check_lenient(
            json!({ "userName": "a", "manager": "7" }),
            &json!({ "userName": "a", ENTERPRISE_USER_URN: { "manager": { "value": "7" } } }),
        );
    }

    #[test]
    fn errors_name_the_attribute() {
        check_both(json!({ ENTERPRISE_USER_URN: 7 }), Err("2.0:User: must be an object, not a number"));
        check_both(
            json!({ ENTERPRISE_USER_URN: { "manager": { "value": 7 } } }),
            Err("enterprise:2.0:User:manager.value: must be text, not a number"),
        );
        check_both(json!({ "externalId": 7 }), Err("externalId: must be text, not a number"));
        check(json!({ "badge": 1 }), Dialect::STRICT, Err("badge: is not known for this resource type"));
    }

    #[test]
    fn members_are_edges_and_no_part_of_the_document() {
        let registry = Registry::builtin();
        let group = registry.resource_type("Group").expect("built in");
        let take = |members: Value| {
            let body = json!({ "schemas": [GROUP_URN], "displayName": "G", "members": members });
            let inbound = ingest(group, body, Dialect::LENIENT).expect("sound");
            assert!(!inbound.resource.attributes().contains_key("members"));
            inbound.edges
        };
        let edge = |value: &str, kind: Option<&str>| EdgeValue {
            value: value.to_owned(),
            kind: kind.map(str::to_owned),
        };
        let given =
            json!([{ "value": "7", "type": "User", "display": "Ada" }, "8", { "$ref": null, "value": "7" }]);
        assert_eq!(take(given), Some(vec![edge("7", Some("User")), edge("8", None), edge("7", None)]));
        assert_eq!(take(json!([])), Some(Vec::new()));
        let body = json!({ "schemas": [GROUP_URN], "displayName": "G" });
        assert_eq!(ingest(group, body, Dialect::LENIENT).expect("sound").edges, None);
    }

    #[test]
    fn a_new_person_is_active_and_has_what_is_required() {
        let registry = Registry::builtin();
        let user = registry.resource_type("User").expect("built in");
        let create = |mut body: Value| {
            body["schemas"] = json!([USER_URN]);
            ingest(user, body, Dialect::LENIENT).expect("sound").into_created(user)
        };
        let created = create(json!({ "userName": "a", "title": "T", "emails": [{ "value": "x" }] }));
        let text = Value::Object(created.expect("sound").into_attributes()).to_string();
        assert!(text.contains("\"title\":\"T\",\"active\":true,\"emails\""), "{text}");
        let created = create(json!({ "userName": "a", "active": false })).expect("sound");
        assert_eq!(created.attributes()["active"], false);
        for body in [json!({ "title": "T" }), json!({ "userName": "" }), json!({ "userName": null })] {
            let error = create(body).expect_err("refused");
            assert_eq!(error.to_string(), "userName: is required and has no value");
            assert_eq!(error.scim_type(), crate::ScimType::InvalidValue);
        }
    }
}
