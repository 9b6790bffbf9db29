//! `GET /Users/{id}` (RFC 7644 §3.4.1).

use scim_core::schema::ResourceType;
use scim_storage::Want;

use super::Operation;
use crate::Response;
use crate::etag::{etag, if_none_match};
use crate::failure::Failure;

impl Operation<'_> {
    /// Reads a resource; 304 where the client has it already.
    pub(crate) async fn get(&self, resource_type: &ResourceType, id: &str) -> Result<Response, Failure> {
        let record = self.load(resource_type, id, Want::SHOWN).await?;
        if self.request.headers.get("if-none-match").is_some_and(|header| if_none_match(header, &record)) {
            return Ok(Response::empty(304).with("ETag", etag(&record)));
        }
        self.answer(200, resource_type, &record).await
    }
}
