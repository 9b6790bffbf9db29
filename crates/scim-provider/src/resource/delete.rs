//! `DELETE /Users/{id}` (RFC 7644 §3.6).

use scim_core::schema::ResourceType;
use scim_storage::{CommitError, Want};

use super::{ATTEMPTS, Operation};
use crate::Response;
use crate::access::Verb;
use crate::failure::{Failure, commit_failure};

impl Operation<'_> {
    /// Deletes a resource, its memberships included.
    pub(crate) async fn delete(&self, resource_type: &ResourceType, id: &str) -> Result<Response, Failure> {
        for attempt in 0..ATTEMPTS {
            let _turn = self.provider.turns.take(id, attempt).await;
            let policy = self.policy(attempt > 0).await?;
            let want = Want { account: policy.is_person(resource_type), ..Want::HEAD };
            let record = self.load_to_change(resource_type, id, want, Verb::Delete).await?;
            self.precondition(&record)?;
            let expected = self.names_version().then_some(record.version);
            let decision = self
                .decided(&policy, |on, facts| {
                    scim_lifecycle::delete(on, facts, resource_type, &record, expected)
                })
                .await?;
            match self.commit(decision).await {
                Ok(_) => return Ok(Response::empty(204)),
                Err(CommitError::Conflict) => {}
                Err(error) => return Err(commit_failure(error)),
            }
        }
        Err(commit_failure(CommitError::Conflict))
    }
}
