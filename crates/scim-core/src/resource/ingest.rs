//! The way in: from a request's body to a resource in canonical form (RFC 7644 §3.3, §3.5.1).

use serde_json::{Map, Value};

use super::coerce::{coerce, unknown};
use super::error::{ResourceError, kind};
use super::{Resource, canonical};
use crate::dialect::{Dialect, Note, Tolerance};
use crate::error::ScimType;
use crate::path::{AttributeRef, Resolved};
use crate::schema::{Attribute, Mutability, Residence, ResourceType, USER_URN};
use crate::text::is_precis_user_name;

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
    /// What the client may write and the document holds; without `schemas`, `id`, `meta`, `externalId` and edges.
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
/// Names and URNs are compared without regard to case; of a name given twice the last counts. A body without `schemas`
/// is refused in the `strict` dialect; `lenient` takes it, because the collections that identity providers test with
/// send such bodies.
///
/// # Errors
/// `invalidSyntax` where the body is no object, its `schemas` do not go with the resource type, or (`strict`) an
/// attribute is unknown; `invalidValue` where a value does not go with its attribute.
pub fn ingest(resource_type: &ResourceType, body: Value, dialect: Dialect) -> Result<Inbound, ResourceError> {
    let Value::Object(body) = body else {
        return Err(ResourceError::syntax("body", format!("must be a JSON object, not {}", kind(&body))));
    };
    let mut intake =
        Intake { resource_type, dialect, notes: Vec::new(), core: Map::new(), extensions: Map::new() };
    let declared = intake.schemas(&body)?;
    let (mut external_id, mut id, mut edges) = (None, None, None);
    for (name, value) in body {
        match resource_type.attribute(&name) {
            Some(attribute) if attribute.residence == Residence::Envelope => match attribute.name.as_str() {
                "externalId" => {
                    external_id = coerce(attribute, "externalId", value, dialect, &mut intake.notes)?
                        .and_then(|value| value.as_str().map(str::to_owned));
                }
                "id" => id = value.as_str().map(str::to_owned),
                _ => {}
            },
            Some(attribute) if attribute.residence == Residence::Edges => {
                let value = coerce(attribute, &attribute.name, value, dialect, &mut intake.notes)?;
                edges = Some(value.as_ref().map(EdgeValue::list).unwrap_or_default());
            }
            Some(attribute) => intake.attribute(None, attribute, value)?,
            None => intake.other(&name, value, &declared)?,
        }
    }
    let Intake { notes, mut core, extensions, .. } = intake;
    core.extend(extensions);
    let resource = canonical(resource_type, core);
    if let Some(name) = resource.text("userName")
        && &*resource_type.schema.id == USER_URN
        && !dialect.tolerates(Tolerance::FreeUserNames)
        && !is_precis_user_name(name)
    {
        return Err(ResourceError::value(
            "userName",
            "has characters that PRECIS UsernameCaseMapped does not allow, such as blanks (RFC 8265 §3.3)",
        ));
    }
    Ok(Inbound { resource, external_id, id, edges, notes })
}

struct Intake<'t> {
    resource_type: &'t ResourceType,
    dialect: Dialect,
    notes: Vec<Note>,
    core: Map<String, Value>,
    extensions: Map<String, Value>,
}

impl Intake<'_> {
    /// Checks `schemas`; the URNs that it names.
    fn schemas(&mut self, body: &Map<String, Value>) -> Result<Vec<String>, ResourceError> {
        let value =
            body.iter().find(|(name, _)| name.eq_ignore_ascii_case("schemas")).map(|(_, value)| value);
        let texts: Option<Vec<String>> = match value {
            None | Some(Value::Null) => Some(Vec::new()),
            Some(Value::Array(list)) => list.iter().map(|urn| urn.as_str().map(str::to_owned)).collect(),
            Some(Value::String(urn)) if self.dialect.tolerates(Tolerance::WrappedValues) => {
                Some(vec![urn.clone()])
            }
            Some(_) => None,
        };
        let Some(urns) = texts else {
            return Err(ResourceError::syntax("schemas", "must be an array of schema URNs"));
        };
        let base = &*self.resource_type.schema.id;
        if urns.is_empty() {
            if !self.dialect.tolerates(Tolerance::ExtensionNotDeclared) {
                return Err(ResourceError::syntax("schemas", format!("is missing; it must hold {base:?}")));
            }
            self.notes.push(Note::new(Tolerance::ExtensionNotDeclared, "schemas: missing"));
            return Ok(urns);
        }
        for urn in &urns {
            let known = urn.eq_ignore_ascii_case(base) || self.resource_type.extension(urn).is_some();
            if !known {
                unknown(urn, self.dialect, &mut self.notes)?;
            }
        }
        if !urns.iter().any(|urn| urn.eq_ignore_ascii_case(base)) {
            if !self.dialect.tolerates(Tolerance::ExtensionNotDeclared) {
                return Err(ResourceError::syntax(
                    "schemas",
                    format!("must hold {base:?}, the schema of this endpoint"),
                ));
            }
            self.notes.push(Note::new(Tolerance::ExtensionNotDeclared, "schemas: without the base schema"));
        }
        Ok(urns)
    }

    /// A known attribute of the base schema or an extension.
    fn attribute(
        &mut self,
        urn: Option<&str>,
        attribute: &Attribute,
        value: Value,
    ) -> Result<(), ResourceError> {
        if attribute.mutability == Mutability::ReadOnly {
            return Ok(());
        }
        let path = match urn {
            Some(urn) => format!("{urn}:{}", attribute.name),
            None => attribute.name.clone(),
        };
        let value = coerce(attribute, &path, value, self.dialect, &mut self.notes)?;
        let object = match urn {
            None => &mut self.core,
            Some(urn) => {
                match self.extensions.entry(urn.to_owned()).or_insert_with(|| Value::Object(Map::new())) {
                    Value::Object(object) => object,
                    _ => return Ok(()),
                }
            }
        };
        match value {
            Some(value) => object.insert(attribute.name.clone(), value),
            None => object.shift_remove(&attribute.name),
        };
        Ok(())
    }

    /// A member that is no attribute of the base schema: an extension, a path, or something unknown.
    fn other(&mut self, name: &str, value: Value, declared: &[String]) -> Result<(), ResourceError> {
        if let Some(extension) = self.resource_type.extension(name) {
            let schema = std::sync::Arc::clone(&extension.schema);
            let object = match value {
                Value::Null => return Ok(()),
                Value::Object(object) => object,
                other => {
                    return Err(ResourceError::value(
                        name,
                        format!("must be an object, not {}", kind(&other)),
                    ));
                }
            };
            if !declared.iter().any(|urn| urn.eq_ignore_ascii_case(name)) {
                if !self.dialect.tolerates(Tolerance::ExtensionNotDeclared) {
                    return Err(ResourceError::syntax(
                        "schemas",
                        format!("must hold {name:?}, which the body uses"),
                    ));
                }
                self.notes
                    .push(Note::new(Tolerance::ExtensionNotDeclared, format!("{name}: not in schemas")));
            }
            for (name, value) in object {
                match schema.attribute(&name) {
                    Some(attribute) => self.attribute(Some(&schema.id), attribute, value)?,
                    None if value.is_null() => {}
                    None => unknown(&format!("{}:{name}", schema.id), self.dialect, &mut self.notes)?,
                }
            }
            return Ok(());
        }
        if value.is_null() {
            return Ok(());
        }
        if self.dialect.tolerates(Tolerance::PathKeys)
            && let Ok(Resolved::Attribute(path)) = self.resource_type.resolve(name)
            && path.attribute.residence == Residence::Document
        {
            self.notes.push(Note::new(Tolerance::PathKeys, format!("{path}: a path as a name")));
            return self.path(&path, value);
        }
        unknown(name, self.dialect, &mut self.notes)
    }

    /// `name.familyName` or `urn:…:User:department` as a member's name.
    fn path(&mut self, path: &AttributeRef, value: Value) -> Result<(), ResourceError> {
        let Some(sub) = &path.sub else {
            return self.attribute(path.extension.as_deref(), &path.attribute, value);
        };
        if path.attribute.multi_valued {
            return unknown(&path.to_string(), self.dialect, &mut self.notes);
        }
        let present = match &path.extension {
            None => self.core.get(&path.attribute.name),
            Some(urn) => self.extensions.get(&**urn).and_then(|object| object.get(&path.attribute.name)),
        };
        let mut object = present.and_then(Value::as_object).cloned().unwrap_or_default();
        object.insert(sub.name.clone(), value);
        self.attribute(path.extension.as_deref(), &path.attribute, Value::Object(object))
    }
}

impl Inbound {
    /// The resource as POST creates it: what is required is there, a person is active unless the client says otherwise.
    ///
    /// # Errors
    /// `invalidValue` where a required attribute is missing.
    pub fn into_created(self, resource_type: &ResourceType) -> Result<Resource, ResourceError> {
        let mut attributes = self.resource.into_attributes();
        if &*resource_type.schema.id == USER_URN && !attributes.contains_key("active") {
            attributes.insert("active".to_owned(), Value::Bool(true));
        }
        let resource = canonical(resource_type, attributes);
        check_required(resource_type, &resource)?;
        Ok(resource)
    }
}

/// Whether every required attribute has a value.
///
/// # Errors
/// `invalidValue` naming the attribute.
pub fn check_required(resource_type: &ResourceType, resource: &Resource) -> Result<(), ResourceError> {
    let missing = |attributes: &[std::sync::Arc<Attribute>], object: &Map<String, Value>| {
        attributes
            .iter()
            .find(|attribute| {
                attribute.required
                    && attribute.residence == Residence::Document
                    && attribute.mutability != Mutability::ReadOnly
                    && !object.contains_key(&attribute.name)
            })
            .map(|attribute| attribute.name.clone())
    };
    let fail = |path: String| Err(ResourceError::value(path, "is required and missing"));
    if let Some(name) = missing(&resource_type.schema.attributes, resource.attributes()) {
        return fail(name);
    }
    for extension in &resource_type.extensions {
        match resource.attributes().get(&*extension.schema.id).and_then(Value::as_object) {
            Some(object) => {
                if let Some(name) = missing(&extension.schema.attributes, object) {
                    return fail(format!("{}:{name}", extension.schema.id));
                }
            }
            None if extension.required => return fail(extension.schema.id.to_string()),
            None => {}
        }
    }
    Ok(())
}

/// The resource as PUT leaves it (RFC 7644 §3.5.1): what was not sent is cleared, but for what cannot be read back
/// (writeOnly), what may not change (immutable), and a person's `active`, which no silence may turn.
///
/// # Errors
/// `mutability` where an immutable attribute has another value; `invalidValue` where a required one is missing.
pub fn replace(
    resource_type: &ResourceType,
    current: &Resource,
    inbound: &Inbound,
    _dialect: Dialect,
) -> Result<Resource, ResourceError> {
    let mut attributes = inbound.resource.attributes().clone();
    let is_user = &*resource_type.schema.id == USER_URN;
    keep(None, &resource_type.schema.attributes, current.attributes(), &mut attributes, is_user)?;
    for extension in &resource_type.extensions {
        let urn = &*extension.schema.id;
        let Some(old) = current.attributes().get(urn).and_then(Value::as_object) else { continue };
        let mut new = attributes.get(urn).and_then(Value::as_object).cloned().unwrap_or_default();
        keep(Some(urn), &extension.schema.attributes, old, &mut new, false)?;
        if !new.is_empty() {
            attributes.insert(urn.to_owned(), Value::Object(new));
        }
    }
    let resource = canonical(resource_type, attributes);
    check_required(resource_type, &resource)?;
    Ok(resource)
}

fn keep(
    urn: Option<&str>,
    attributes: &[std::sync::Arc<Attribute>],
    old: &Map<String, Value>,
    new: &mut Map<String, Value>,
    is_user: bool,
) -> Result<(), ResourceError> {
    for attribute in attributes.iter().filter(|attribute| attribute.residence == Residence::Document) {
        let Some(present) = old.get(&attribute.name) else { continue };
        let kept = match attribute.mutability {
            Mutability::Immutable => match new.get(&attribute.name) {
                Some(value) if value != present => {
                    let path =
                        urn.map_or_else(|| attribute.name.clone(), |urn| format!("{urn}:{}", attribute.name));
                    return Err(ResourceError::new(
                        ScimType::Mutability,
                        path,
                        "is immutable and has another value; send the present one, or leave it out",
                    ));
                }
                _ => true,
            },
            Mutability::WriteOnly | Mutability::ReadOnly => !new.contains_key(&attribute.name),
            Mutability::ReadWrite => is_user && attribute.name == "active" && !new.contains_key("active"),
        };
        if kept {
            new.insert(attribute.name.clone(), present.clone());
        }
    }
    Ok(())
}
