//! An account of the application that is new.

use scim_directory::{Instance, Record, ResourceId};
use scim_lifecycle::{Edit, Import};
use scim_storage::CommitError;

use super::edit::{account_refused, overtaken};
use super::read::scope;
use crate::admin::{Admin, AdminError};
use crate::resource::ATTEMPTS;

impl Admin {
    /// Makes an account as the application does, with the values of an edit: unmanaged, visible over SCIM, to be picked up.
    /// It is what a line of an import makes, and is logged as such.
    ///
    /// # Errors
    /// [`AdminError::Invalid`] where the user name is missing, a field is not there, holds no text, or does not take the
    /// value; [`AdminError::Taken`] where another account has the user name.
    pub async fn account_create(&self, instance: &Instance, values: &Edit) -> Result<Record, AdminError> {
        let request_id = self.source.uuid().to_string();
        let id = ResourceId::new(self.source.uuid());
        let fields = values.fields.iter().filter_map(|(name, value)| Some((name.clone(), value.clone()?)));
        let import = Import {
            id,
            fields: fields.collect(),
            state: values.state.unwrap_or_default(),
            access_role: values.access_role.flatten(),
            manager: values.manager.clone().flatten(),
        };
        for _ in 0..ATTEMPTS {
            let policy = self.policy(instance).await?;
            let decide = |on: &scim_lifecycle::Occasion<'_>, _: &scim_lifecycle::Facts| {
                scim_lifecycle::import(on, policy.user_type(), import.clone())
            };
            let decision = self.decided(&policy, &request_id, decide, &scope(instance)).await?;
            match self.commit_decision(instance.id, &request_id, decision).await {
                Ok(_) => return self.account_of(&policy, instance, id).await,
                Err(CommitError::Conflict) => {}
                Err(error) => return Err(account_refused(error)),
            }
        }
        Err(overtaken())
    }
}
