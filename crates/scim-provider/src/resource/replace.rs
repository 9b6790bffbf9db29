//! `PUT /Users/{id}` (RFC 7644 §3.5.1).

use std::sync::Arc;

use scim_core::patch::MemberEdit;
use scim_core::resource::{ingest, replace};
use scim_core::schema::ResourceType;
use scim_lifecycle::Update;
use scim_storage::{CommitError, Want};
use serde_json::Value;

use super::{ATTEMPTS, Operation, resource_of};
use crate::Response;
use crate::access::Verb;
use crate::failure::{Failure, commit_failure};

impl Operation<'_> {
    /// Replaces a resource. The id in the URL decides; one in the body is ignored.
    pub(crate) async fn replace(
        &self,
        resource_type: &Arc<ResourceType>,
        id: &str,
        body: Value,
    ) -> Result<Response, Failure> {
        let inbound = ingest(resource_type, body, self.caller.dialect)?;
        self.log_notes(&inbound.notes);
        // A group's members that are not sent are cleared, as every other attribute.
        let edits = match resource_type.edge_attribute() {
            Some(_) => vec![MemberEdit::Replace(inbound.edges.clone().unwrap_or_default())],
            None => Vec::new(),
        };
        for attempt in 0..ATTEMPTS {
            let _turn = self.provider.turns.take(id, attempt).await;
            let policy = self.policy(attempt > 0).await?;
            let record = self.load_to_change(resource_type, id, Want::FULL, Verb::Update).await?;
            self.precondition(&record)?;
            let before = resource_of(&record)?;
            let mut after = replace(resource_type, &before, &inbound)?;
            self.settle_password(resource_type, Some(&before), &mut after).await?;
            let (external_id, notes) = (inbound.external_id.clone(), &inbound.notes);
            let update = Update { record: &record, before: &before, after: &after, external_id, notes };
            match self.change(&policy, resource_type, update, &edits).await? {
                Ok(changed) => return self.answer(200, resource_type, &changed.leaves(record)).await,
                Err(CommitError::Conflict) => {}
                Err(error) => return Err(commit_failure(error)),
            }
        }
        Err(commit_failure(CommitError::Conflict))
    }
}
