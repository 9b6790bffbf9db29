//! The provisioning log, read back.

use scim_directory::{Fact, Instance, Question, ResourceId, Scope, Target};
use scim_storage::{About, JournalPage, JournalQuery};

use super::account::scope;
use super::{Admin, AdminError};

impl Admin {
    /// A page of an instance's log.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn log(&self, instance: &Instance, query: &JournalQuery) -> Result<JournalPage, AdminError> {
        Ok(self.store.journal(&scope(instance), query).await?)
    }

    /// A page of the server's own log: of what concerns no instance.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn server_log(&self, query: &JournalQuery) -> Result<JournalPage, AdminError> {
        Ok(self.store.journal(&Scope::SERVER, query).await?)
    }

    /// Whom log records about a person are about: of an id, or of a user name, deleted people and creations that failed
    /// included.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn log_about_person(&self, instance: &Instance, person: &str) -> Result<About, AdminError> {
        let mut ids = Vec::new();
        if let Ok(id) = person.parse::<ResourceId>() {
            ids.push(id);
        }
        if let Fact::Target(Target::Live(key)) =
            self.fact(instance, Question::Target(person.to_owned())).await?
        {
            ids.push(key.id);
        }
        if let Some(tombstone) = self.account_deleted(instance, person).await? {
            ids.push(tombstone.key.id);
        }
        ids.dedup();
        Ok(About { ids, name: Some(person.to_owned()) })
    }

    /// Whom log records about a group are about: of an id, or of a display name.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn log_about_group(&self, instance: &Instance, group: &str) -> Result<About, AdminError> {
        let mut ids: Vec<ResourceId> = group.parse().into_iter().collect();
        match self.group_named(instance, group).await {
            Ok(record) => ids.push(record.key.id),
            Err(AdminError::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
        ids.dedup();
        Ok(About { ids, name: Some(group.to_owned()) })
    }
}
