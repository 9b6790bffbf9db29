//! The operations on resources (RFC 7644 §3.3 to §3.6).

mod create;
mod delete;
mod get;
mod members;
mod patch;
mod replace;
mod search;
mod write;

pub(crate) use create::Draft;
pub(crate) use write::left;

use std::sync::Arc;

use scim_core::message::SearchRequest;
use scim_core::resource::{Document, Resource};
use scim_core::schema::ResourceType;
use scim_directory::{Key, LogResource, Record, ResourceId};
use scim_storage::Want;

use crate::access::{Caller, Verb};
use crate::etag::{etag, if_match, if_none_match};
use crate::failure::Failure;
use crate::refused::Subject;
use crate::view::Lens;
use crate::{Provider, Request, Response};

/// How often a decision is made again when what it was made on has moved, before the client is asked to come back.
pub(crate) const ATTEMPTS: usize = 16;

/// A request with everything that its operation needs.
#[derive(Clone, Copy)]
pub(crate) struct Operation<'o> {
    pub(crate) provider: &'o Provider,
    pub(crate) caller: &'o Caller<'o>,
    pub(crate) request: &'o Request<'o>,
    pub(crate) parameters: &'o SearchRequest,
    /// Whom it is about, for the log of what was refused.
    pub(crate) subject: &'o Subject,
}

impl<'o> Operation<'o> {
    /// What the client asked to see.
    fn lens(&self) -> Lens<'o> {
        let Self { provider, caller, request, parameters, .. } = *self;
        Lens::new(provider, caller, request, &parameters.attributes, &parameters.excluded_attributes)
    }

    /// The record of that id, or 404. An id that is not one of ours cannot exist.
    async fn load(&self, resource_type: &ResourceType, id: &str, want: Want) -> Result<Record, Failure> {
        let not_found = || Failure::not_found(&resource_type.name, id);
        let id: ResourceId = id.parse().map_err(|_| not_found())?;
        let key = Key { resource_type: Arc::clone(&resource_type.name), id };
        self.provider.get(self.caller, &key, want).await?.ok_or_else(not_found)
    }

    /// The record of that id, to be changed so.
    async fn load_to_change(
        &self,
        resource_type: &ResourceType,
        id: &str,
        want: Want,
        verb: Verb,
    ) -> Result<Record, Failure> {
        if let Ok(id) = id.parse() {
            self.subject.set(LogResource::new(&resource_type.name, id, None));
        }
        let record = self.load(resource_type, id, want).await?;
        self.subject.is_called(record.display.as_deref());
        self.may(resource_type, verb)?;
        Ok(record)
    }

    /// 412 where a write's `If-Match` names another version than the record has, or its `If-None-Match` that one
    /// (RFC 7232 §3.1, §3.2).
    fn precondition(&self, record: &Record) -> Result<(), Failure> {
        let headers = self.request.headers;
        let stale = headers.get("if-match").is_some_and(|header| !if_match(header, record));
        if stale || headers.get("if-none-match").is_some_and(|header| if_none_match(header, record)) {
            let detail =
                format!("The resource has version {} now; read it again and decide again", etag(record));
            return Err(Failure::status(412, detail));
        }
        Ok(())
    }

    /// Whether the client named a version to write to.
    fn names_version(&self) -> bool {
        self.request.headers.get("if-match").is_some_and(|header| header.trim() != "*")
    }

    fn location(&self, resource_type: &ResourceType, id: ResourceId) -> String {
        [self.request.base, &resource_type.endpoint, "/", &id.to_string()].concat()
    }

    /// Whether the client said which attributes it wants to see.
    fn says_what_to_show(&self) -> bool {
        !self.parameters.attributes.is_empty() || !self.parameters.excluded_attributes.is_empty()
    }

    /// The resource as an answer.
    async fn answer(
        &self,
        status: u16,
        resource_type: &ResourceType,
        record: &Record,
    ) -> Result<Response, Failure> {
        let body = self.lens().one(record).await?;
        Ok(self.answer_with(status, resource_type, record, body))
    }

    fn answer_with(
        &self,
        status: u16,
        resource_type: &ResourceType,
        record: &Record,
        body: Vec<u8>,
    ) -> Response {
        Response::json(status, body)
            .with("ETag", etag(record))
            .with("Location", self.location(resource_type, record.key.id))
    }
}

/// What a record holds.
fn resource_of(record: &Record) -> Result<Resource, Failure> {
    Document::from_bytes(&*record.document).resource().map_err(|error| {
        log::error!("stored document of {} cannot be read: {error}", record.key.id);
        Failure::status(500, "The server failed; its log has the cause under this request's id")
    })
}
