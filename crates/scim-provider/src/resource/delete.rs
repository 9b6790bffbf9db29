//! `DELETE /Users/{id}` (RFC 7644 §3.6).

use scim_core::schema::ResourceType;
use scim_storage::{CommitError, Want};

use super::{ATTEMPTS, Operation};
use crate::Response;
use crate::failure::{Failure, commit_failure};

impl Operation<'_> {
    /// Deletes a resource, its memberships included.
    pub(crate) async fn delete(&self, resource_type: &ResourceType, id: &str) -> Result<Response, Failure> {
        for attempt in 0..ATTEMPTS {
            let _turn = self.provider.turns.take(id, attempt).await;
            let record = self.load(resource_type, id, Want::HEAD).await?;
            self.precondition(&record)?;
            let expected = self.names_version().then_some(record.version);
            match self.commit(scim_lifecycle::delete(resource_type, &record, expected)).await {
                Ok(_) => return Ok(Response::empty(204)),
                Err(CommitError::Conflict) => {}
                Err(error) => return Err(commit_failure(error)),
            }
        }
        Err(commit_failure(CommitError::Conflict))
    }
}
