//! What discovery answers (RFC 7644 §4): schemas (RFC 7643 §7), resource types (§6), the provider's configuration (§5,
//! RFC 9865 §4).
//!
//! `base` is the SCIM base URL without a trailing slash; it makes `meta.location`.

use serde_json::{Map, Value, json};

use crate::schema::{
    Attribute, AttributeType, RESOURCE_TYPE_URN, Registry, ResourceType, SCHEMA_URN,
    SERVICE_PROVIDER_CONFIG_URN, Schema,
};

/// What `/ServiceProviderConfig` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderConfig {
    /// Where people find help.
    pub documentation_uri: Option<String>,
    /// Whether PATCH is supported.
    pub patch: bool,
    /// Bulk's limits; `None` where it is not supported.
    pub bulk: Option<BulkConfig>,
    /// The largest number of resources in a response; filters are always supported.
    pub filter_max_results: u64,
    /// Whether `password` can be changed.
    pub change_password: bool,
    /// Whether `sortBy` is supported.
    pub sort: bool,
    /// Whether entity tags are supported.
    pub etag: bool,
    /// Paging (RFC 9865 §4).
    pub pagination: PaginationConfig,
    /// How clients sign in; the first is the preferred one.
    pub authentication_schemes: Vec<AuthenticationScheme>,
}

/// The limits of bulk requests (RFC 7644 §3.7.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BulkConfig {
    /// The largest number of operations in a request.
    pub max_operations: u64,
    /// The largest body, in bytes.
    pub max_payload_size: u64,
}

/// Paging (RFC 9865 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaginationConfig {
    /// Whether cursors are supported.
    pub cursor: bool,
    /// Whether `startIndex` is supported.
    pub index: bool,
    /// Which one is used when the client names neither.
    pub default_method: PaginationMethod,
    /// The number of results in a page when `count` is not given.
    pub default_page_size: u64,
    /// The largest number of results in a page.
    pub max_page_size: u64,
    /// How many seconds a cursor is valid at least; `None` where it does not expire.
    pub cursor_timeout_seconds: Option<u64>,
}

/// A way of paging (RFC 9865 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaginationMethod {
    /// By cursor.
    Cursor,
    /// By index.
    Index,
}

/// A way of signing in (RFC 7643 §5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthenticationScheme {
    /// `oauth`, `oauth2`, `oauthbearertoken`, `httpbasic` or `httpdigest`.
    pub scheme_type: String,
    /// The common name.
    pub name: String,
    /// What it is, for people.
    pub description: String,
    /// Where it is specified.
    pub spec_uri: Option<String>,
    /// Where its use is documented.
    pub documentation_uri: Option<String>,
}

impl ProviderConfig {
    /// The configuration as a resource.
    #[must_use]
    pub fn to_json(&self, base: &str) -> Value {
        let mut config = Map::new();
        config.insert("schemas".into(), json!([SERVICE_PROVIDER_CONFIG_URN]));
        insert_some(&mut config, "documentationUri", self.documentation_uri.as_deref());
        config.insert("patch".into(), json!({ "supported": self.patch }));
        let limits = self.bulk.unwrap_or(BulkConfig { max_operations: 0, max_payload_size: 0 });
        config.insert(
            "bulk".into(),
            json!({
                "supported": self.bulk.is_some(),
                "maxOperations": limits.max_operations,
                "maxPayloadSize": limits.max_payload_size,
            }),
        );
        config.insert("filter".into(), json!({ "supported": true, "maxResults": self.filter_max_results }));
        config.insert("changePassword".into(), json!({ "supported": self.change_password }));
        config.insert("sort".into(), json!({ "supported": self.sort }));
        config.insert("etag".into(), json!({ "supported": self.etag }));
        config.insert("pagination".into(), self.pagination.to_json());
        let schemes =
            self.authentication_schemes.iter().enumerate().map(|(index, scheme)| scheme.to_json(index == 0));
        config.insert("authenticationSchemes".into(), schemes.collect());
        config.insert("meta".into(), meta("ServiceProviderConfig", &format!("{base}/ServiceProviderConfig")));
        Value::Object(config)
    }
}

impl PaginationConfig {
    fn to_json(self) -> Value {
        let method = match self.default_method {
            PaginationMethod::Cursor => "cursor",
            PaginationMethod::Index => "index",
        };
        let mut pagination = Map::new();
        pagination.insert("cursor".into(), self.cursor.into());
        pagination.insert("index".into(), self.index.into());
        pagination.insert("defaultPaginationMethod".into(), method.into());
        pagination.insert("defaultPageSize".into(), self.default_page_size.into());
        pagination.insert("maxPageSize".into(), self.max_page_size.into());
        if let Some(seconds) = self.cursor_timeout_seconds {
            pagination.insert("cursorTimeout".into(), seconds.into());
        }
        Value::Object(pagination)
    }
}

impl AuthenticationScheme {
    fn to_json(&self, primary: bool) -> Value {
        let mut scheme = Map::new();
        scheme.insert("type".into(), self.scheme_type.clone().into());
        scheme.insert("name".into(), self.name.clone().into());
        scheme.insert("description".into(), self.description.clone().into());
        insert_some(&mut scheme, "specUri", self.spec_uri.as_deref());
        insert_some(&mut scheme, "documentationUri", self.documentation_uri.as_deref());
        if primary {
            scheme.insert("primary".into(), true.into());
        }
        Value::Object(scheme)
    }
}

impl Registry {
    /// Every schema as `/Schemas` lists it: those of resources, then the three of discovery itself
    /// (RFC 7643 §8.7.2, with RFC 9865's `pagination`, and with `schemaExtensions` not required, as types have none).
    #[must_use]
    pub fn schema_documents(&self, base: &str) -> Vec<Value> {
        let fixed = [
            include_str!("../../schemas/ServiceProviderConfig.json"),
            include_str!("../../schemas/ResourceType.json"),
            include_str!("../../schemas/Schema.json"),
        ];
        let fixed = fixed.iter().filter_map(|text| {
            // A constant; the unit tests count that none is lost.
            let mut document: Value = serde_json::from_str(text).ok()?;
            let location = format!("{base}/Schemas/{}", document.get("id")?.as_str()?);
            document.as_object_mut()?.insert("meta".into(), meta("Schema", &location));
            Some(document)
        });
        self.schemas().iter().map(|schema| schema_json(schema, base)).chain(fixed).collect()
    }

    /// Every resource type as `/ResourceTypes` lists it.
    #[must_use]
    pub fn resource_type_documents(&self, base: &str) -> Vec<Value> {
        self.resource_types().iter().map(|resource_type| resource_type_json(resource_type, base)).collect()
    }
}

/// A schema as a resource (RFC 7643 §7).
#[must_use]
pub fn schema_json(schema: &Schema, base: &str) -> Value {
    json!({
        "schemas": [SCHEMA_URN],
        "id": &*schema.id,
        "name": schema.name,
        "description": schema.description,
        "attributes": schema.attributes.iter().map(|attribute| attribute_json(attribute)).collect::<Vec<_>>(),
        "meta": meta("Schema", &format!("{base}/Schemas/{}", schema.id)),
    })
}

/// A resource type as a resource (RFC 7643 §6).
#[must_use]
pub fn resource_type_json(resource_type: &ResourceType, base: &str) -> Value {
    let mut json = Map::new();
    json.insert("schemas".into(), json!([RESOURCE_TYPE_URN]));
    json.insert("id".into(), (*resource_type.name).into());
    json.insert("name".into(), (*resource_type.name).into());
    json.insert("endpoint".into(), resource_type.endpoint.clone().into());
    json.insert("description".into(), resource_type.description.clone().into());
    json.insert("schema".into(), (*resource_type.schema.id).into());
    if !resource_type.extensions.is_empty() {
        let extensions = resource_type
            .extensions
            .iter()
            .map(|extension| json!({ "schema": &*extension.schema.id, "required": extension.required }));
        json.insert("schemaExtensions".into(), extensions.collect());
    }
    let location = format!("{base}/ResourceTypes/{}", resource_type.name);
    json.insert("meta".into(), meta("ResourceType", &location));
    Value::Object(json)
}

fn attribute_json(attribute: &Attribute) -> Value {
    let mut json = Map::new();
    json.insert("name".into(), attribute.name.clone().into());
    json.insert("type".into(), attribute.attribute_type.name().into());
    json.insert("multiValued".into(), attribute.multi_valued.into());
    json.insert("description".into(), attribute.description.clone().into());
    json.insert("required".into(), attribute.required.into());
    if !attribute.canonical_values.is_empty() {
        json.insert("canonicalValues".into(), attribute.canonical_values.clone().into());
    }
    if !matches!(attribute.attribute_type, AttributeType::Complex | AttributeType::Boolean) {
        json.insert("caseExact".into(), attribute.case_exact.into());
    }
    json.insert("mutability".into(), attribute.mutability.name().into());
    json.insert("returned".into(), attribute.returned.name().into());
    json.insert("uniqueness".into(), attribute.uniqueness.name().into());
    if !attribute.reference_types.is_empty() {
        json.insert("referenceTypes".into(), attribute.reference_types.clone().into());
    }
    if attribute.is_complex() {
        let subs = attribute.sub_attributes.iter().map(|sub| attribute_json(sub));
        json.insert("subAttributes".into(), subs.collect());
    }
    Value::Object(json)
}

fn meta(resource_type: &str, location: &str) -> Value {
    json!({ "resourceType": resource_type, "location": location })
}

fn insert_some(object: &mut Map<String, Value>, member: &str, text: Option<&str>) {
    if let Some(text) = text {
        object.insert(member.to_owned(), text.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "https://example.com/scim/v2";

    fn has_null(value: &Value) -> bool {
        match value {
            Value::Null => true,
            Value::Array(list) => list.iter().any(has_null),
            Value::Object(map) => map.values().any(has_null),
            _ => false,
        }
    }

    #[test]
    fn schemas_are_listed_and_load_again() {
        let registry = Registry::builtin();
        let documents = registry.schema_documents(BASE);
        assert_eq!(documents.len(), registry.schemas().len() + 3);
        for document in &documents {
            assert!(!has_null(document));
            let id = document["id"].as_str().expect("a schema has an id");
            assert_eq!(document["meta"]["location"], format!("{BASE}/Schemas/{id}"));
        }
        for (schema, document) in registry.schemas().iter().zip(&documents) {
            let mut copy = document.clone();
            copy["id"] = "urn:example:copy".into();
            let mut other = Registry::builtin();
            other.add_schema(&copy).expect("what is advertised can be loaded");
            let copied = other.schema("urn:example:copy").expect("just added");
            assert_eq!(copied.attributes.len(), schema.attributes.len());
            assert_eq!(schema_json(copied, BASE)["attributes"], document["attributes"]);
        }
    }

    #[test]
    fn resource_types_name_their_extensions() {
        let documents = Registry::builtin().resource_type_documents(BASE);
        assert_eq!(documents[0]["schemaExtensions"][0]["required"], false);
        assert_eq!(documents[0]["meta"]["location"], format!("{BASE}/ResourceTypes/User"));
        assert_eq!(documents[1]["endpoint"], "/Groups");
        assert!(documents[1].get("schemaExtensions").is_none());
    }

    #[test]
    fn the_configuration_has_every_required_member() {
        let config = ProviderConfig {
            documentation_uri: None,
            patch: true,
            bulk: Some(BulkConfig { max_operations: 1000, max_payload_size: 1_048_576 }),
            filter_max_results: 200,
            change_password: true,
            sort: true,
            etag: true,
            pagination: PaginationConfig {
                cursor: true,
                index: true,
                default_method: PaginationMethod::Index,
                default_page_size: 100,
                max_page_size: 200,
                cursor_timeout_seconds: Some(3600),
            },
            authentication_schemes: vec![AuthenticationScheme {
                scheme_type: "oauthbearertoken".into(),
                name: "Bearer key".into(),
                description: "A key in the Authorization header".into(),
                spec_uri: Some("https://www.rfc-editor.org/info/rfc6750".into()),
                documentation_uri: None,
            }],
        };
        let json = config.to_json(BASE);
        assert!(!has_null(&json));
        assert_eq!(
            json["bulk"],
            json!({ "supported": true, "maxOperations": 1000, "maxPayloadSize": 1_048_576 })
        );
        assert_eq!(json["pagination"]["defaultPaginationMethod"], "index");
        assert_eq!(json["pagination"]["cursorTimeout"], 3600);
        let schema: Value = serde_json::from_str(include_str!("../../schemas/ServiceProviderConfig.json"))
            .expect("a constant");
        for attribute in schema["attributes"].as_array().expect("attributes") {
            if attribute["required"] == true {
                assert!(json.get(attribute["name"].as_str().expect("a name")).is_some(), "{attribute}");
            }
        }
        let without = ProviderConfig { bulk: None, ..config };
        assert_eq!(without.to_json(BASE)["bulk"]["supported"], false);
    }
}
