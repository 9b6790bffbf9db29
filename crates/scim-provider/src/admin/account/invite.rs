//! Inviting a person.

use scim_directory::{Instance, Record};
use scim_storage::CommitError;

use super::read::scope;
use super::{Who, account_refused};
use crate::admin::{Admin, AdminError};
use crate::resource::ATTEMPTS;

impl Admin {
    /// Asks the application to invite a person: an event in the outbox and a log record. Nothing but
    /// this ever sends an invitation.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] where there is none; [`AdminError::Invalid`] where the account is suspended.
    pub async fn account_invite(
        &self,
        instance: &Instance,
        who: impl Into<Who<'_>>,
    ) -> Result<Record, AdminError> {
        let who = who.into();
        let request_id = self.source.uuid().to_string();
        for _ in 0..ATTEMPTS {
            let policy = self.policy(instance).await?;
            let record = self.account_of(&policy, instance, who).await?;
            let user = policy.user_type();
            let decide = |on: &scim_lifecycle::Occasion<'_>, _: &scim_lifecycle::Facts| {
                scim_lifecycle::invite(on, user, &record)
            };
            let decision = self.decided(&policy, &request_id, decide, &scope(instance)).await?;
            match self.commit_decision(instance.id, &request_id, decision).await {
                Ok(_) => return Ok(record),
                Err(CommitError::Conflict) => {}
                Err(error) => return Err(account_refused(error)),
            }
        }
        Err(super::edit::overtaken())
    }
}
