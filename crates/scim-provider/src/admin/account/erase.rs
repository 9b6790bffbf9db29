//! Erasing a person's personal data.

use scim_directory::{
    Action, AdminChange, Change, Instance, Key, LogRecord, LogResource, LogStatus, ResourceId,
};
use scim_lifecycle::{Decision, Policy};
use scim_storage::{About, CommitError, JournalFilter, JournalQuery};

use super::account_refused;
use super::read::scope;
use crate::admin::{Admin, AdminError};
use crate::resource::ATTEMPTS;

/// What erasing came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ErasedAccount {
    /// Whether an account was there, and was deleted first.
    pub deleted: bool,
    /// How many log records, events and tombstones said something about the person.
    pub records: u64,
}

impl Admin {
    /// Deletes the account of that user name where there is one, then takes everything personal out of what the log, the
    /// events and tombstones say about everybody who had the name; what happened, when and to which id stays, so that
    /// counts stay true. Deleting comes first and by itself: what fails in between is mended by erasing again.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] where nothing is known under that name.
    pub async fn account_erase(
        &self,
        instance: &Instance,
        user_name: &str,
    ) -> Result<ErasedAccount, AdminError> {
        let policy = self.policy(instance).await?;
        let deleted = self.account_delete(&policy, instance, user_name).await?;
        let mut erased = ErasedAccount { deleted: deleted.is_some(), records: 0 };
        let mut last = None;
        let mut found = deleted.is_some();
        if let Some(key) = deleted {
            erased.records += self.erase(instance, &key, user_name).await?;
            last = Some(key);
        }
        // Erasing takes the name off the tombstone, so the next one comes up.
        while let Some(tombstone) = self.account_deleted(instance, user_name).await? {
            if last.as_ref() == Some(&tombstone.key) {
                break;
            }
            found = true;
            erased.records += self.erase(instance, &tombstone.key, user_name).await?;
            last = Some(tombstone.key);
        }
        if !found {
            erased.records = self.erase_failures(&policy, instance, user_name).await?;
        }
        Ok(erased)
    }

    /// Deletes the account of that user name on behalf of the application; its key, where there was one.
    async fn account_delete(
        &self,
        policy: &Policy,
        instance: &Instance,
        user_name: &str,
    ) -> Result<Option<Key>, AdminError> {
        let request_id = self.source.uuid().to_string();
        for _ in 0..ATTEMPTS {
            let record = match self.account_of(policy, instance, user_name).await {
                Ok(record) => record,
                Err(AdminError::NotFound(_)) => return Ok(None),
                Err(error) => return Err(error),
            };
            let current = self.policy(instance).await?;
            let decide = |on: &scim_lifecycle::Occasion<'_>, facts: &scim_lifecycle::Facts| {
                scim_lifecycle::delete(on, facts, current.user_type(), &record, None)
            };
            let decision = self.decided(&current, &request_id, decide, &scope(instance)).await?;
            match self.commit_decision(instance.id, &request_id, decision).await {
                Ok(_) => return Ok(Some(record.key)),
                Err(CommitError::Conflict) => {}
                Err(error) => return Err(account_refused(error)),
            }
        }
        Err(super::edit::overtaken())
    }

    /// Somebody who never got an account: only refused requests know the name.
    async fn erase_failures(
        &self,
        policy: &Policy,
        instance: &Instance,
        user_name: &str,
    ) -> Result<u64, AdminError> {
        let about = About { ids: Vec::new(), name: Some(user_name.to_owned()) };
        let filter = JournalFilter { about: Some(about), ..JournalFilter::default() };
        let query = JournalQuery { limit: 1, filter, ..JournalQuery::default() };
        if self.store.journal(&scope(instance), &query).await?.entries.is_empty() {
            return Err(AdminError::NotFound(format!(
                "nothing is known about {user_name:?} in the instance {:?}, or it was erased already",
                instance.name
            )));
        }
        let nobody =
            Key { resource_type: policy.user_type().name.clone(), id: ResourceId::new(self.source.uuid()) };
        self.erase(instance, &nobody, user_name).await
    }

    async fn erase(&self, instance: &Instance, key: &Key, user_name: &str) -> Result<u64, AdminError> {
        let about = LogResource::new(&key.resource_type, key.id, None);
        let change = AdminChange::Erase { key: key.clone(), name: Some(user_name.to_owned()) };
        let decision = Decision {
            changes: vec![Change::Admin(change)],
            log: vec![LogRecord::new(Action::Erased, LogStatus::Success, Some(about))],
            ..Decision::default()
        };
        let request_id = self.source.uuid().to_string();
        let committed =
            self.commit_decision(instance.id, &request_id, decision).await.map_err(account_refused)?;
        Ok(committed.effects.iter().map(|effect| effect.rows).sum())
    }
}
