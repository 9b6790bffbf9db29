//! The registry: every schema and resource type that a server knows, checked when loaded.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{
    Attribute, AttributeType, ENTERPRISE_USER_URN, GROUP_URN, Mutability, Residence, ResourceType, Returned,
    Schema, SchemaExtension, USER_URN, Uniqueness,
};
use crate::text::Matching;

/// A schema or resource type that cannot be loaded; says which, where and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {reason}")]
pub struct SchemaError {
    at: String,
    reason: String,
}

impl SchemaError {
    fn new(at: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { at: at.into(), reason: reason.into() }
    }
}

/// The schemas and resource types of a server.
///
/// ```
/// let registry = scim_core::Registry::builtin();
/// let user = registry.resource_type("user").expect("User is built in");
/// assert_eq!(user.endpoint, "/Users");
/// ```
#[derive(Clone, Debug)]
pub struct Registry {
    common: Arc<Schema>,
    schemas: Vec<Arc<Schema>>,
    resource_types: Vec<Arc<ResourceType>>,
}

impl Registry {
    /// User, Group and the enterprise extension, as RFC 7643 §8.7.1 has them.
    ///
    /// Differences, each because the server's behaviour is what has to be advertised: a Group's `displayName` is
    /// required (§4.2) and unique; `$ref` of `manager` and `members` is readOnly, because it is derived; `members`
    /// have a readOnly `display`; `addresses` have `primary` (§2.4).
    #[must_use]
    #[expect(
        clippy::expect_used,
        reason = "the three built-in documents are constants, loaded by the unit tests"
    )]
    pub fn builtin() -> Self {
        let mut registry =
            Self { common: Arc::new(common()), schemas: Vec::new(), resource_types: Vec::new() };
        for text in [
            include_str!("../../schemas/User.json"),
            include_str!("../../schemas/Group.json"),
            include_str!("../../schemas/EnterpriseUser.json"),
        ] {
            let json = serde_json::from_str(text).expect("a built-in schema is JSON");
            registry.add_schema(&json).expect("a built-in schema is sound");
        }
        for json in [
            serde_json::json!({
                "id": "User", "name": "User", "endpoint": "/Users", "description": "User Account",
                "schema": USER_URN, "schemaExtensions": [{ "schema": ENTERPRISE_USER_URN, "required": false }]
            }),
            serde_json::json!({
                "id": "Group", "name": "Group", "endpoint": "/Groups", "description": "Group", "schema": GROUP_URN
            }),
        ] {
            registry.add_resource_type(&json).expect("a built-in resource type is sound");
        }
        registry
    }

    /// Every schema, built-in ones first.
    #[must_use]
    pub fn schemas(&self) -> &[Arc<Schema>] {
        &self.schemas
    }

    /// Every resource type, built-in ones first.
    #[must_use]
    pub fn resource_types(&self) -> &[Arc<ResourceType>] {
        &self.resource_types
    }

    /// The schema of that URN, whatever its letter case.
    #[must_use]
    pub fn schema(&self, urn: &str) -> Option<&Arc<Schema>> {
        self.schemas.iter().find(|schema| schema.id.eq_ignore_ascii_case(urn))
    }

    /// The resource type of that name, whatever its letter case.
    #[must_use]
    pub fn resource_type(&self, name: &str) -> Option<&Arc<ResourceType>> {
        self.resource_types.iter().find(|resource_type| resource_type.name.eq_ignore_ascii_case(name))
    }

    /// The resource type at that endpoint (`Users` or `/Users`), spelt exactly.
    #[must_use]
    pub fn resource_type_at(&self, endpoint: &str) -> Option<&Arc<ResourceType>> {
        let name = endpoint.trim_start_matches('/');
        self.resource_types
            .iter()
            .find(|resource_type| resource_type.endpoint.trim_start_matches('/') == name)
    }

    /// The same registry with a Group's `displayName` not unique, for instances that turn that rule off.
    #[must_use]
    pub fn with_shared_group_names(&self) -> Self {
        let mut registry = self.clone();
        let Some(slot) = registry.schemas.iter_mut().find(|schema| &*schema.id == GROUP_URN) else {
            return registry;
        };
        for attribute in &mut Arc::make_mut(slot).attributes {
            if attribute.name == "displayName" {
                Arc::make_mut(attribute).uniqueness = Uniqueness::None;
            }
        }
        let group = Arc::clone(slot);
        for resource_type in &mut registry.resource_types {
            if resource_type.schema.id == group.id {
                Arc::make_mut(resource_type).schema = Arc::clone(&group);
            }
        }
        registry
    }

    /// Adds a schema in the form of RFC 7643 §8.7.1.
    ///
    /// # Errors
    /// If a member is missing or of the wrong type, a name is not an attribute name, a characteristic contradicts
    /// another, or the URN is there already.
    pub fn add_schema(&mut self, json: &Value) -> Result<(), SchemaError> {
        let schema = read_schema(json)?;
        if self.schema(&schema.id).is_some() {
            return Err(SchemaError::new(&*schema.id, "a schema of this id is loaded already"));
        }
        self.schemas.push(Arc::new(schema));
        Ok(())
    }

    /// Adds a resource type in the form of RFC 7643 §8.6; its schemas have to be loaded before. One of the name, endpoint
    /// and base schema of a type that is there already takes its place, if it keeps that type's extensions: so `User`
    /// gets extensions of your own.
    ///
    /// # Errors
    /// If a member is missing or of the wrong type, a schema is unknown, or another type has the name or endpoint.
    pub fn add_resource_type(&mut self, json: &Value) -> Result<(), SchemaError> {
        let at = json.get("name").and_then(Value::as_str).unwrap_or("resource type").to_owned();
        let object = json.as_object().ok_or_else(|| SchemaError::new(&at, "must be a JSON object"))?;
        let name = text(object, "name", &at)?;
        let endpoint = text(object, "endpoint", &at)?;
        let segment = endpoint.strip_prefix('/').unwrap_or_default();
        if segment.is_empty() || segment.contains(['/', '?', '#', '.', '%']) {
            return Err(SchemaError::new(
                &at,
                format!("endpoint {endpoint:?} must be one path segment such as /Devices"),
            ));
        }
        const RESERVED: [&str; 6] =
            ["/Schemas", "/ResourceTypes", "/ServiceProviderConfig", "/Bulk", "/Me", "/.search"];
        if RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(&endpoint)) {
            return Err(SchemaError::new(&at, format!("endpoint {endpoint:?} is reserved by RFC 7644")));
        }
        let known = |urn: &str| {
            self.schema(urn)
                .cloned()
                .ok_or_else(|| SchemaError::new(&at, format!("schema {urn:?} is not loaded")))
        };
        let schema = known(&text(object, "schema", &at)?)?;
        let mut extensions = Vec::new();
        for extension in object.get("schemaExtensions").and_then(Value::as_array).into_iter().flatten() {
            let object = extension
                .as_object()
                .ok_or_else(|| SchemaError::new(&at, "schemaExtensions must hold objects"))?;
            let required = object.get("required").and_then(Value::as_bool).unwrap_or(false);
            extensions.push(SchemaExtension { schema: known(&text(object, "schema", &at)?)?, required });
        }
        let description = object.get("description").and_then(Value::as_str).unwrap_or_default().to_owned();
        let loaded = Arc::new(ResourceType {
            name: name.as_str().into(),
            endpoint,
            description,
            schema,
            extensions,
            common: Arc::clone(&self.common),
        });
        let taken = self.resource_types.iter().position(|other| {
            other.name.eq_ignore_ascii_case(&loaded.name)
                || other.endpoint.eq_ignore_ascii_case(&loaded.endpoint)
        });
        match taken.and_then(|at| self.resource_types.get_mut(at)) {
            None => self.resource_types.push(loaded),
            Some(present) if extends(&loaded, present) => *present = loaded,
            Some(present) => {
                return Err(SchemaError::new(
                    &at,
                    format!(
                        "{} at {} is loaded already; a file of that name may only add extensions to it",
                        present.name, present.endpoint
                    ),
                ));
            }
        }
        Ok(())
    }
}

/// Whether `loaded` is `present` with more extensions.
fn extends(loaded: &ResourceType, present: &ResourceType) -> bool {
    loaded.name == present.name
        && loaded.endpoint == present.endpoint
        && loaded.schema.id == present.schema.id
        && present.extensions.iter().all(|extension| loaded.extension(&extension.schema.id).is_some())
}

fn text(object: &Map<String, Value>, member: &str, at: &str) -> Result<String, SchemaError> {
    match object.get(member) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
        Some(_) => Err(SchemaError::new(at, format!("{member} must be a non-empty string"))),
        None => Err(SchemaError::new(at, format!("{member} is missing"))),
    }
}

fn read_schema(json: &Value) -> Result<Schema, SchemaError> {
    let at = json.get("id").and_then(Value::as_str).unwrap_or("schema").to_owned();
    let object = json.as_object().ok_or_else(|| SchemaError::new(&at, "must be a JSON object"))?;
    let id = text(object, "id", &at)?;
    if !id.to_ascii_lowercase().starts_with("urn:") {
        return Err(SchemaError::new(&at, "id must be a URN (RFC 7643 §7)"));
    }
    let list = object
        .get("attributes")
        .and_then(Value::as_array)
        .ok_or_else(|| SchemaError::new(&at, "attributes must be an array"))?;
    let attributes = read_attributes(list, &id, &at, false)?;
    Ok(Schema {
        name: object.get("name").and_then(Value::as_str).unwrap_or_default().to_owned(),
        description: object.get("description").and_then(Value::as_str).unwrap_or_default().to_owned(),
        id: id.into(),
        attributes,
    })
}

fn read_attributes(
    list: &[Value],
    urn: &str,
    at: &str,
    inside: bool,
) -> Result<Vec<Arc<Attribute>>, SchemaError> {
    let mut attributes: Vec<Arc<Attribute>> = Vec::with_capacity(list.len());
    for json in list {
        let attribute = read_attribute(json, urn, at, inside)?;
        if attributes.iter().any(|other| other.name.eq_ignore_ascii_case(&attribute.name)) {
            return Err(SchemaError::new(at, format!("attribute {:?} is declared twice", attribute.name)));
        }
        attributes.push(Arc::new(attribute));
    }
    Ok(attributes)
}

fn read_attribute(json: &Value, urn: &str, at: &str, inside: bool) -> Result<Attribute, SchemaError> {
    let object = json.as_object().ok_or_else(|| SchemaError::new(at, "an attribute must be an object"))?;
    let name = text(object, "name", at)?;
    let at = format!("{at}: {name}");
    if !is_attribute_name(&name) {
        return Err(SchemaError::new(
            at,
            "not an attribute name: a letter or $, then letters, digits, - and _",
        ));
    }
    let attribute_type = choose(
        object,
        "type",
        "string",
        &at,
        &[
            ("string", AttributeType::String),
            ("boolean", AttributeType::Boolean),
            ("decimal", AttributeType::Decimal),
            ("integer", AttributeType::Integer),
            ("dateTime", AttributeType::DateTime),
            ("binary", AttributeType::Binary),
            ("reference", AttributeType::Reference),
            ("complex", AttributeType::Complex),
        ],
    )?;
    if inside && attribute_type == AttributeType::Complex {
        return Err(SchemaError::new(at, "a sub-attribute must not be complex (RFC 7643 §2.3.8)"));
    }
    let mutability = choose(
        object,
        "mutability",
        "readWrite",
        &at,
        &[
            ("readOnly", Mutability::ReadOnly),
            ("readWrite", Mutability::ReadWrite),
            ("immutable", Mutability::Immutable),
            ("writeOnly", Mutability::WriteOnly),
        ],
    )?;
    let default_returned = if mutability == Mutability::WriteOnly { "never" } else { "default" };
    let returned = choose(
        object,
        "returned",
        default_returned,
        &at,
        &[
            ("always", Returned::Always),
            ("never", Returned::Never),
            ("default", Returned::Default),
            ("request", Returned::Request),
        ],
    )?;
    if mutability == Mutability::WriteOnly && returned != Returned::Never {
        return Err(SchemaError::new(at, "a writeOnly attribute must have returned \"never\" (RFC 7643 §7)"));
    }
    let uniqueness = choose(
        object,
        "uniqueness",
        "none",
        &at,
        &[("none", Uniqueness::None), ("server", Uniqueness::Server), ("global", Uniqueness::Global)],
    )?;
    let multi_valued = flag(object, "multiValued", &at)?;
    if uniqueness != Uniqueness::None && (multi_valued || inside || attribute_type == AttributeType::Complex)
    {
        return Err(SchemaError::new(at, "only a singular attribute that is not complex can be unique"));
    }
    let sub_attributes = match (attribute_type, object.get("subAttributes").and_then(Value::as_array)) {
        (AttributeType::Complex, Some(list)) if !list.is_empty() => read_attributes(list, urn, &at, true)?,
        (AttributeType::Complex, _) => {
            return Err(SchemaError::new(at, "a complex attribute needs subAttributes"));
        }
        (_, Some(list)) if !list.is_empty() => {
            return Err(SchemaError::new(at, "only a complex attribute can have subAttributes"));
        }
        _ => Vec::new(),
    };
    // Binary and references are exact whatever the document says (RFC 7643 §2.3.6, §2.3.7).
    let case_exact = matches!(attribute_type, AttributeType::Binary | AttributeType::Reference)
        || flag(object, "caseExact", &at)?;
    let (residence, matching) = match (urn, name.as_str(), inside) {
        (GROUP_URN, "members", false) => (Residence::Edges, Matching::Exact),
        (USER_URN, "groups", false) => (Residence::ReverseEdges, Matching::Exact),
        (USER_URN, "userName", false) => (Residence::Document, Matching::UserName),
        _ if case_exact => (Residence::Document, Matching::Exact),
        _ => (Residence::Document, Matching::IgnoreCase),
    };
    Ok(Attribute {
        attribute_type,
        multi_valued,
        description: object.get("description").and_then(Value::as_str).unwrap_or_default().to_owned(),
        required: flag(object, "required", &at)?,
        canonical_values: texts(object, "canonicalValues", &at)?,
        case_exact,
        mutability,
        returned,
        uniqueness,
        reference_types: texts(object, "referenceTypes", &at)?,
        sub_attributes,
        residence,
        matching,
        name,
    })
}

/// `ATTRNAME = ALPHA *(nameChar)` (RFC 7643 §2.1), and `$ref`.
fn is_attribute_name(name: &str) -> bool {
    let mut bytes = name.strip_prefix('$').unwrap_or(name).bytes();
    bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

fn flag(object: &Map<String, Value>, member: &str, at: &str) -> Result<bool, SchemaError> {
    match object.get(member) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(SchemaError::new(at, format!("{member} must be true or false"))),
    }
}

fn texts(object: &Map<String, Value>, member: &str, at: &str) -> Result<Vec<String>, SchemaError> {
    let Some(list) = object.get(member) else { return Ok(Vec::new()) };
    let list = list
        .as_array()
        .ok_or_else(|| SchemaError::new(at, format!("{member} must be an array of strings")))?;
    list.iter()
        .map(|item| item.as_str().map(str::to_owned))
        .collect::<Option<_>>()
        .ok_or_else(|| SchemaError::new(at, format!("{member} must hold strings")))
}

fn choose<T: Copy>(
    object: &Map<String, Value>,
    member: &str,
    default: &str,
    at: &str,
    choices: &[(&str, T)],
) -> Result<T, SchemaError> {
    let given = match object.get(member) {
        None | Some(Value::Null) => default,
        Some(Value::String(text)) => text,
        Some(_) => return Err(SchemaError::new(at, format!("{member} must be a string"))),
    };
    choices.iter().find(|(name, _)| *name == given).map(|(_, choice)| *choice).ok_or_else(|| {
        let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
        SchemaError::new(at, format!("{member} {given:?} is not one of {}", names.join(", ")))
    })
}

/// The attributes that every resource has (RFC 7643 §3.1).
fn common() -> Schema {
    let attribute = |name: &str, attribute_type, mutability, returned, required| Attribute {
        name: name.to_owned(),
        attribute_type,
        multi_valued: false,
        description: String::new(),
        required,
        canonical_values: Vec::new(),
        case_exact: attribute_type != AttributeType::Complex,
        mutability,
        returned,
        uniqueness: Uniqueness::None,
        reference_types: Vec::new(),
        sub_attributes: Vec::new(),
        residence: Residence::Envelope,
        matching: Matching::Exact,
    };
    let read_only = |name: &str, attribute_type| {
        Arc::new(attribute(name, attribute_type, Mutability::ReadOnly, Returned::Default, false))
    };
    let schemas = Attribute {
        multi_valued: true,
        matching: Matching::IgnoreCase,
        case_exact: false,
        ..attribute("schemas", AttributeType::Reference, Mutability::ReadWrite, Returned::Always, true)
    };
    let id = attribute("id", AttributeType::String, Mutability::ReadOnly, Returned::Always, false);
    let external_id =
        attribute("externalId", AttributeType::String, Mutability::ReadWrite, Returned::Default, false);
    let meta = Attribute {
        sub_attributes: vec![
            read_only("resourceType", AttributeType::String),
            read_only("created", AttributeType::DateTime),
            read_only("lastModified", AttributeType::DateTime),
            read_only("location", AttributeType::Reference),
            read_only("version", AttributeType::String),
        ],
        ..attribute("meta", AttributeType::Complex, Mutability::ReadOnly, Returned::Default, false)
    };
    Schema {
        id: "".into(),
        name: "Common".to_owned(),
        description: "Attributes of every resource (RFC 7643 §3.1)".to_owned(),
        attributes: [schemas, id, external_id, meta].into_iter().map(Arc::new).collect(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(schema: &Value, expected: Result<(), &str>) {
        let got = Registry::builtin().add_schema(schema).map_err(|error| error.to_string());
        match (&got, expected) {
            (Ok(()), Ok(())) => {}
            (Err(error), Err(part)) => assert!(error.contains(part), "{error} lacks {part}"),
            _ => panic!("{schema}: {got:?}, expected {expected:?}"),
        }
    }

    fn with(attribute: &Value) -> Value {
        json!({ "id": "urn:example:x", "name": "X", "attributes": [attribute] })
    }

    #[test]
    fn schemas_are_checked_when_loaded() {
        check(&with(&json!({ "name": "colour" })), Ok(()));
        check(&json!({ "id": "urn:example:x" }), Err("attributes must be an array"));
        check(&json!({ "id": "x", "attributes": [] }), Err("must be a URN"));
        check(&json!({ "id": USER_URN, "attributes": [] }), Err("loaded already"));
        check(&with(&json!({ "name": "1st" })), Err("not an attribute name"));
        check(&with(&json!({ "name": "a", "type": "text" })), Err("is not one of string"));
        check(&with(&json!({ "name": "a", "type": "complex" })), Err("needs subAttributes"));
        check(
            &with(&json!({ "name": "a", "subAttributes": [{ "name": "b" }] })),
            Err("only a complex attribute"),
        );
        let deep =
            json!({ "name": "a", "type": "complex", "subAttributes": [{ "name": "b", "type": "complex" }] });
        check(&with(&deep), Err("must not be complex"));
        check(
            &with(&json!({ "name": "a", "mutability": "writeOnly", "returned": "always" })),
            Err("writeOnly"),
        );
        check(
            &with(&json!({ "name": "a", "multiValued": true, "uniqueness": "server" })),
            Err("can be unique"),
        );
        check(&with(&json!({ "name": "a", "required": "yes" })), Err("must be true or false"));
        let twice = json!({ "id": "urn:example:x", "attributes": [{ "name": "a" }, { "name": "A" }] });
        check(&twice, Err("declared twice"));
    }

    #[test]
    fn resource_types_are_checked_and_extended() {
        let mut registry = Registry::builtin();
        registry.add_schema(&with(&json!({ "name": "colour" }))).expect("sound");
        let user = |extensions: Value| json!({ "name": "User", "endpoint": "/Users", "schema": USER_URN, "schemaExtensions": extensions });
        assert!(
            registry.add_resource_type(&user(json!([{ "schema": "urn:example:x" }]))).is_err(),
            "loses enterprise"
        );
        let both =
            json!([{ "schema": ENTERPRISE_USER_URN }, { "schema": "urn:example:x", "required": true }]);
        registry.add_resource_type(&user(both)).expect("extends");
        assert_eq!(registry.resource_types().len(), 2);
        let named = |name: &str, endpoint: &str| json!({ "name": name, "endpoint": endpoint, "schema": "urn:example:x" });
        assert!(registry.add_resource_type(&named("Person", "/Users")).is_err());
        assert!(registry.add_resource_type(&named("Thing", "/Schemas")).is_err());
        assert!(registry.add_resource_type(&named("Thing", "things")).is_err());
        assert!(registry.add_resource_type(&named("Thing", "/Things/x")).is_err());
        registry.add_resource_type(&named("Thing", "/Things")).expect("new");
        assert!(registry.resource_type_at("/Things").is_some());
    }

    #[test]
    fn group_names_can_be_shared() {
        let registry = Registry::builtin().with_shared_group_names();
        let group = registry.resource_type("Group").expect("built in");
        let uniqueness = group.attribute("displayName").map(|attribute| attribute.uniqueness);
        assert_eq!(uniqueness, Some(Uniqueness::None));
    }
}
