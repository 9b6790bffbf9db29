//! What the server tells about itself (RFC 7644 §4).

use scim_core::message::{ListHead, ListWriter, resource_type_json};
use scim_core::schema::Registry;
use serde_json::Value;

use crate::failure::Failure;
use crate::{Provider, Response};

impl Provider {
    /// `GET /ServiceProviderConfig`
    pub(crate) fn service_provider_config(&self, base: &str) -> Response {
        Response::json(200, self.config.to_json(base).to_string().into_bytes())
    }

    /// `GET /ResourceTypes`
    pub(crate) fn resource_types(registry: &Registry, base: &str) -> Response {
        list(&registry.resource_type_documents(base))
    }

    /// `GET /ResourceTypes/{name}`
    pub(crate) fn resource_type(registry: &Registry, name: &str, base: &str) -> Result<Response, Failure> {
        let resource_type =
            registry.resource_type(name).ok_or_else(|| Failure::not_found("ResourceType", name))?;
        Ok(Response::json(200, resource_type_json(resource_type, base).to_string().into_bytes()))
    }

    /// `GET /Schemas`
    pub(crate) fn schemas(registry: &Registry, base: &str) -> Response {
        list(&registry.schema_documents(base))
    }

    /// `GET /Schemas/{urn}`
    pub(crate) fn schema(registry: &Registry, urn: &str, base: &str) -> Result<Response, Failure> {
        let documents = registry.schema_documents(base);
        let own = |document: &&Value| {
            document.get("id").and_then(Value::as_str).is_some_and(|id| id.eq_ignore_ascii_case(urn))
        };
        let document = documents.iter().find(own).ok_or_else(|| Failure::not_found("Schema", urn))?;
        Ok(Response::json(200, document.to_string().into_bytes()))
    }
}

/// Discovery lists are whole: they have no pages.
fn list(documents: &[Value]) -> Response {
    let total = documents.len() as u64;
    let head = ListHead { total_results: Some(total), start_index: Some(1), ..ListHead::default() };
    let mut writer = ListWriter::new(Vec::new(), &head);
    for document in documents {
        writer.resource(|out| out.extend_from_slice(document.to_string().as_bytes()));
    }
    Response::json(200, writer.finish())
}
