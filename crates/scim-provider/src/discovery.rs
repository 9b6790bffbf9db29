//! What the server tells about itself (RFC 7644 §4).

use scim_core::message::{AuthenticationScheme, ListHead, ListWriter, resource_type_json};
use scim_core::schema::Registry;
use scim_directory::WaysIn;
use serde_json::Value;

use crate::failure::Failure;
use crate::{Provider, Response};

impl Provider {
    /// `GET /ServiceProviderConfig`: what the server can do, and how clients may prove who they are at this connector.
    pub(crate) fn service_provider_config(&self, base: &str, ways: &WaysIn) -> Response {
        let mut config = self.config.clone();
        config.authentication_schemes.extend(other_schemes(ways));
        Response::json(200, config.to_json(base).to_string().into_bytes())
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

/// The ways in besides a key as bearer token (RFC 7643 §5).
fn other_schemes(ways: &WaysIn) -> Vec<AuthenticationScheme> {
    let scheme = |scheme_type: &str, name: &str, description: &str, spec: &str| AuthenticationScheme {
        scheme_type: scheme_type.to_owned(),
        name: name.to_owned(),
        description: description.to_owned(),
        spec_uri: Some(format!("https://www.rfc-editor.org/rfc/{spec}")),
        documentation_uri: None,
    };
    let basic = scheme("httpbasic", "HTTP Basic", "A key's id, or its user's name, and the key", "rfc7617");
    let oauth = scheme(
        "oauth2",
        "OAuth 2.0 client credentials",
        "A short token for a key's id and the key",
        "rfc6749",
    );
    let issuer =
        scheme("oauth2", "Trusted issuer", "A token of the issuer that this connector trusts", "rfc7523");
    let all = [(ways.basic, basic), (ways.oauth, oauth), (ways.issuer.is_some(), issuer)];
    all.into_iter().filter(|(open, _)| *open).map(|(_, scheme)| scheme).collect()
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
