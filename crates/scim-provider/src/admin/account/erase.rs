//! Erasing a person's personal data.

use scim_core::text::Matching;
use scim_directory::{
    Action, AdminChange, Change, Instance, Key, LogRecord, LogResource, LogStatus, ResourceId,
};
use scim_lifecycle::{Decision, Policy};
use scim_storage::{About, JournalFilter, JournalQuery};

use super::read::{FoundAccount, scope};
use super::{Who, account_refused};
use crate::admin::{Admin, AdminError};

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
        let deleted = self.account_delete_if_there(instance, Who::UserName(user_name)).await?;
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

    /// The same for the one account of that id, deleted already or not; others who had its user name stay as they are. Only
    /// where it has the user name that `confirmed` says, in any letter case.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] where there is and was none, or it was erased already; [`AdminError::Invalid`] where the
    /// account has another user name.
    pub async fn account_erase_one(
        &self,
        instance: &Instance,
        id: ResourceId,
        confirmed: &str,
    ) -> Result<ErasedAccount, AdminError> {
        let found = self.account_found(instance, id).await?;
        let (key, account, live) = match found {
            FoundAccount::Live(record) => (record.key, record.account, true),
            FoundAccount::Deleted(tombstone) => (tombstone.key, tombstone.account, false),
        };
        let erased_already =
            || AdminError::NotFound(format!("the personal data of the account {id} was erased already"));
        let name =
            account.as_ref().and_then(|account| account.field("UserName")).ok_or_else(erased_already)?;
        if Matching::UserName.key(name) != Matching::UserName.key(confirmed) {
            return Err(AdminError::Invalid(format!(
                "{confirmed:?} is not the account's user name; write the name of the person who is to be erased"
            )));
        }
        if live {
            self.account_delete_if_there(instance, Who::Id(id)).await?;
        }
        Ok(ErasedAccount { deleted: live, records: self.erase(instance, &key, name).await? })
    }

    async fn account_delete_if_there(
        &self,
        instance: &Instance,
        who: Who<'_>,
    ) -> Result<Option<Key>, AdminError> {
        match self.account_delete(instance, who, |_, _| Ok(())).await {
            Ok(key) => Ok(Some(key)),
            Err(AdminError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
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
