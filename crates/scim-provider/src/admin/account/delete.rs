//! Deleting an account in the application.

use scim_directory::{Instance, Key, Record};
use scim_lifecycle::Policy;
use scim_storage::CommitError;

use super::Who;
use super::edit::{account_refused, overtaken};
use super::read::scope;
use crate::admin::{Admin, AdminError};
use crate::resource::ATTEMPTS;

impl Admin {
    /// Deletes an account on behalf of the application, memberships included, where it is still as somebody read it:
    /// `as_read` looks at it before each attempt. What it was is kept for the retention time.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] where there is none; as `as_read`.
    pub async fn account_delete(
        &self,
        instance: &Instance,
        who: Who<'_>,
        as_read: impl Fn(&Record, &Policy) -> Result<(), AdminError>,
    ) -> Result<Key, AdminError> {
        let request_id = self.source.uuid().to_string();
        for _ in 0..ATTEMPTS {
            let policy = self.policy(instance).await?;
            let record = self.account_of(&policy, instance, who).await?;
            as_read(&record, &policy)?;
            let decide = |on: &scim_lifecycle::Occasion<'_>, facts: &scim_lifecycle::Facts| {
                scim_lifecycle::delete(on, facts, policy.user_type(), &record, None)
            };
            let decision = self.decided(&policy, &request_id, decide, &scope(instance)).await?;
            match self.commit_decision(instance.id, &request_id, decision).await {
                Ok(_) => return Ok(record.key),
                Err(CommitError::Conflict) => {}
                Err(error) => return Err(account_refused(error)),
            }
        }
        Err(overtaken())
    }
}
