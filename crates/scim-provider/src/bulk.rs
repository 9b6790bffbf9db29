//! `POST /Bulk` (RFC 7644 §3.7).
//!
//! Every operation is a change set of its own, decided over what the earlier ones left; a cycle of creations that
//! refer to one another is one change set: their ids are given beforehand, so that each reference is to a resource that
//! the same commit creates.

use std::collections::HashMap;
use std::sync::Arc;

use scim_core::bulk::{
    BulkLimits, BulkMethod, BulkOperation, BulkPlan, BulkRequest, BulkResponse, BulkResult, ErrorBudget,
    UnresolvedReference, resolve_references,
};
use scim_core::message::SearchRequest;
use scim_core::schema::ResourceType;
use scim_core::{ScimError, ScimType};
use scim_directory::{Key, ResourceId};
use scim_storage::CommitError;
use serde_json::Value;

use crate::access::Verb;
use crate::etag::etag;
use crate::failure::{Failure, commit_failure};
use crate::http::HeaderSource;
use crate::refused::Subject;
use crate::resource::{ATTEMPTS, Draft, Operation, left};
use crate::{Method, Request, Response};

/// The headers that an operation has in place of the request's.
struct Version<'v>(Option<&'v str>);

impl HeaderSource for Version<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        if name.eq_ignore_ascii_case("if-match") { self.0 } else { None }
    }
}

/// Ids of what the request has created so far, by `bulkId`.
type Ids = HashMap<String, ResourceId>;

impl Operation<'_> {
    /// Carries out a bulk request.
    pub(crate) async fn bulk(&self, body: Value) -> Result<Response, Failure> {
        let limits = BulkLimits { max_operations: self.provider.limits.max_bulk_operations };
        let request = BulkRequest::parse(body, &limits)?;
        let plan = BulkPlan::new(&request.operations);
        let mut response = BulkResponse::new(&request.operations);
        let mut budget = ErrorBudget::new(request.fail_on_errors);
        let mut ids = Ids::new();
        for step in plan.steps() {
            if budget.is_spent() {
                break;
            }
            let operations: Vec<(usize, &BulkOperation)> = step
                .operations()
                .iter()
                .filter_map(|index| request.operations.get(*index).map(|operation| (*index, operation)))
                .collect();
            let results = match operations.as_slice() {
                [(_, operation)] if operation.method != BulkMethod::Post => {
                    vec![self.bulk_single(operation, &ids).await]
                }
                _ => self.bulk_create(&operations, &mut ids).await,
            };
            for ((index, _), result) in operations.iter().zip(results) {
                budget.record(result.status);
                response.set(*index, result);
            }
        }
        Ok(Response::json(200, response.to_json().to_string().into_bytes()))
    }

    /// PUT, PATCH or DELETE.
    async fn bulk_single(&self, operation: &BulkOperation, ids: &Ids) -> BulkResult {
        let mut location = None;
        let outcome = self.bulk_write(operation, ids, &mut location).await;
        match outcome {
            Ok(response) => BulkResult {
                status: response.status,
                version: response.header("ETag").map(str::to_owned),
                location,
                response: None,
            },
            Err(failure) => failed(&failure, location),
        }
    }

    async fn bulk_write(
        &self,
        operation: &BulkOperation,
        ids: &Ids,
        location: &mut Option<String>,
    ) -> Result<Response, Failure> {
        let resource_type = self.bulk_type(operation)?;
        let mut id = operation.id.clone().unwrap_or_default();
        if let Some(name) = id.strip_prefix("bulkId:") {
            id = ids.get(name).ok_or_else(|| UnresolvedReference::new(name))?.to_string();
        }
        *location = Some(format!("{}{}/{id}", self.request.base, resource_type.endpoint));
        let mut data = operation.data.clone().unwrap_or_default();
        resolve_references(&mut data, &|name| ids.get(name).map(ToString::to_string))?;
        let headers = Version(operation.version.as_deref());
        let request = Request {
            method: Method::Patch,
            path: self.request.path,
            query: "",
            base: self.request.base,
            root: self.request.root,
            door: self.request.door,
            peer: self.request.peer,
            headers: &headers,
            body: Vec::new(),
            request_id: self.request.request_id,
            now: self.request.now,
        };
        let (parameters, subject) = (SearchRequest::default(), Subject::default());
        let single = Operation {
            provider: self.provider,
            caller: self.caller,
            request: &request,
            parameters: &parameters,
            subject: &subject,
        };
        let (method, outcome) = match operation.method {
            BulkMethod::Put => (Method::Put, single.replace(&resource_type, &id, data).await),
            BulkMethod::Patch => (Method::Patch, single.patch(&resource_type, &id, data).await),
            _ => (Method::Delete, single.delete(&resource_type, &id).await),
        };
        if let Err(failure) = &outcome {
            single.log_refusal(method, failure).await;
        }
        outcome
    }

    /// One creation, or a cycle of them in one change set: all of it or none.
    async fn bulk_create(&self, operations: &[(usize, &BulkOperation)], ids: &mut Ids) -> Vec<BulkResult> {
        let subject = Subject::default();
        let single = Operation { subject: &subject, ..*self };
        match single.bulk_created(operations, ids).await {
            Ok(results) => results,
            Err(failure) => {
                single.log_refusal(Method::Post, &failure).await;
                operations.iter().map(|_| failed(&failure, None)).collect()
            }
        }
    }

    async fn bulk_created(
        &self,
        operations: &[(usize, &BulkOperation)],
        ids: &mut Ids,
    ) -> Result<Vec<BulkResult>, Failure> {
        let mut own: Vec<(ResourceId, &BulkOperation)> = operations
            .iter()
            .map(|(_, operation)| (ResourceId::new(self.provider.source.uuid()), *operation))
            .collect();
        let mut drafts = self.bulk_drafts(&own, ids).await?;
        for attempt in 0..ATTEMPTS {
            let policy = self.policy(attempt > 0).await?;
            let known: HashMap<String, Key> =
                drafts.iter().map(|draft| (draft.key().id.to_string(), draft.key())).collect();
            let decision = self.decide(&policy, &drafts, &known).await?;
            let mut left = left(&decision.changes);
            let error = match self.commit(decision).await {
                Ok(committed) => {
                    let mut results = Vec::with_capacity(drafts.len());
                    for (draft, (_, operation)) in drafts.iter().zip(&own) {
                        let record = draft.committed(&mut left, &committed, self.request.now);
                        if let Some(name) = &operation.bulk_id {
                            ids.insert(name.clone(), record.key.id);
                        }
                        let endpoint = self.bulk_type(operation)?.endpoint.clone();
                        results.push(BulkResult {
                            status: 201,
                            location: Some(format!("{}{endpoint}/{}", self.request.base, record.key.id)),
                            version: Some(etag(&record)),
                            response: None,
                        });
                    }
                    return Ok(results);
                }
                Err(error @ (CommitError::Conflict | CommitError::Duplicate { .. })) => error,
                Err(error) => return Err(commit_failure(error)),
            };
            // Somebody may be there already. Who has another id than was given is named by it in the whole step.
            let mut found = false;
            for (draft, (id, _)) in drafts.iter_mut().zip(&mut own) {
                if self.look_for_existing(&policy, draft).await? {
                    (*id, found) = (draft.key().id, true);
                }
            }
            if found {
                let existing = std::mem::take(&mut drafts);
                drafts = self.bulk_drafts(&own, ids).await?;
                for (draft, known) in drafts.iter_mut().zip(existing) {
                    draft.take_existing(known);
                }
            } else if !matches!(error, CommitError::Conflict) {
                return Err(commit_failure(error));
            }
        }
        Err(commit_failure(CommitError::Conflict))
    }

    /// The drafts of one step, with references to one another resolved.
    async fn bulk_drafts(
        &self,
        own: &[(ResourceId, &BulkOperation)],
        ids: &Ids,
    ) -> Result<Vec<Draft>, Failure> {
        let id_of = |name: &str| {
            let fresh = own.iter().find(|(_, operation)| operation.bulk_id.as_deref() == Some(name));
            fresh.map(|(id, _)| *id).or_else(|| ids.get(name).copied()).map(|id| id.to_string())
        };
        let mut drafts: Vec<Draft> = Vec::with_capacity(own.len());
        for (id, operation) in own {
            let resource_type = self.bulk_type(operation)?;
            self.names(&resource_type.name, None);
            self.may(&resource_type, Verb::Create)?;
            let mut data = operation.data.clone().unwrap_or_default();
            resolve_references(&mut data, &id_of)?;
            let draft = self.draft(&resource_type, *id, data).await?;
            self.names(&resource_type.name, draft.name());
            drafts.push(draft);
        }
        Ok(drafts)
    }

    fn bulk_type(&self, operation: &BulkOperation) -> Result<Arc<ResourceType>, Failure> {
        self.caller.registry.resource_type_at(&operation.endpoint).cloned().ok_or_else(|| {
            Failure::new(ScimError::new(
                ScimType::InvalidValue,
                format!("/{} is not an endpoint; /ResourceTypes lists them", operation.endpoint),
            ))
        })
    }
}

fn failed(failure: &Failure, location: Option<String>) -> BulkResult {
    BulkResult {
        status: failure.error().status(),
        location,
        version: None,
        response: Some(failure.error().to_json()),
    }
}
