//! Lists in pages: each from a place on, at most so many, so that none grows with what the server holds.

use scim_core::instant::Timestamp;
use scim_directory::{ApplicationObject, Instance, KeyId};
use scim_storage::{InstanceAnswer, InstanceQuestion, KeyContext, ServerAnswer, ServerQuestion};
use serde_json::Value;

use super::account::scope;
use super::{Admin, AdminError};

impl Admin {
    /// Instances by name, after that name.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn instance_page(
        &self,
        after: Option<String>,
        limit: usize,
    ) -> Result<Vec<Instance>, AdminError> {
        match self.store.server(&ServerQuestion::InstancesAfter { after, limit }).await? {
            ServerAnswer::Instances(instances) => Ok(instances),
            _ => Ok(Vec::new()),
        }
    }

    /// Keys of an instance, oldest first, after the one that was created then and has this id; each with whom it acts for.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn key_page(
        &self,
        instance: &Instance,
        after: Option<(Timestamp, KeyId)>,
        limit: usize,
    ) -> Result<Vec<KeyContext>, AdminError> {
        match self.asked(instance, InstanceQuestion::Keys { after, limit }).await? {
            InstanceAnswer::Keys(keys) => Ok(keys),
            _ => Ok(Vec::new()),
        }
    }

    /// Jobs of an instance by name, after that name, each with how far it has come.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn job_page(
        &self,
        instance: &Instance,
        after: Option<String>,
        limit: usize,
    ) -> Result<Vec<(String, Value)>, AdminError> {
        match self.asked(instance, InstanceQuestion::Jobs { after, limit }).await? {
            InstanceAnswer::Jobs(jobs) => Ok(jobs),
            _ => Ok(Vec::new()),
        }
    }

    /// How far a job of an instance has come.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] where nothing is kept of it.
    pub async fn job(&self, instance: &Instance, name: &str) -> Result<Value, AdminError> {
        match self.asked(instance, InstanceQuestion::Job(name.to_owned())).await? {
            InstanceAnswer::Job(Some(job)) => Ok(job),
            _ => Err(AdminError::NotFound(format!(
                "nothing is kept of a job {name:?}: it ended, or never began"
            ))),
        }
    }

    /// Objects of a kind by name, in any letter case, after that name.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn object_page(
        &self,
        instance: &Instance,
        kind: &str,
        after: Option<String>,
        limit: usize,
    ) -> Result<Vec<ApplicationObject>, AdminError> {
        let question = InstanceQuestion::Objects { kind: kind.to_owned(), after, limit };
        match self.asked(instance, question).await? {
            InstanceAnswer::Objects(objects) => Ok(objects),
            _ => Ok(Vec::new()),
        }
    }

    /// The kinds of objects that an instance has, by name, after that kind.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn object_kinds(
        &self,
        instance: &Instance,
        after: Option<String>,
        limit: usize,
    ) -> Result<Vec<String>, AdminError> {
        match self.asked(instance, InstanceQuestion::ObjectKinds { after, limit }).await? {
            InstanceAnswer::ObjectKinds(kinds) => Ok(kinds),
            _ => Ok(Vec::new()),
        }
    }

    async fn asked(
        &self,
        instance: &Instance,
        question: InstanceQuestion,
    ) -> Result<InstanceAnswer, AdminError> {
        Ok(self.store.instance(&scope(instance), &question).await?)
    }
}
