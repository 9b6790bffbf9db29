//! Looking at accounts.

use std::sync::Arc;

use scim_core::instant::Timestamp;
use scim_core::schema::ResourceType;
use scim_core::text::Matching;
use scim_directory::{
    AccountState, Fact, Fields, Instance, Key, Question, Record, ResourceId, Scope, Tombstone,
};
use scim_lifecycle::{Policy, account_view};
use scim_storage::{InstanceAnswer, InstanceQuestion, Keyset, Query, QueryPart, Start, StoreError, Want};
use serde_json::Value;

use super::Who;

use crate::admin::{Admin, AdminError};

/// Accounts, newest first.
#[derive(Clone, Debug, Default)]
pub struct AccountPage {
    /// The accounts.
    pub records: Vec<Record>,
    /// Where the next page begins; `None` on the last one.
    pub next: Option<Keyset>,
}

/// An account, or what it was.
#[derive(Clone, Debug, PartialEq)]
pub enum FoundAccount {
    /// It is there.
    Live(Box<Record>),
    /// It was deleted.
    Deleted(Box<Tombstone>),
}

/// Deleted accounts, those deleted last first.
#[derive(Clone, Debug, Default)]
pub struct DeletedPage {
    /// What they were.
    pub tombstones: Vec<Tombstone>,
    /// Where the next page begins; `None` on the last one.
    pub next: Option<(Timestamp, ResourceId)>,
}

impl Admin {
    /// An account, document included.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] where there is none.
    pub async fn account_named(
        &self,
        instance: &Instance,
        who: impl Into<Who<'_>>,
    ) -> Result<Record, AdminError> {
        let who = who.into();
        let policy = self.policy(instance).await?;
        self.account_of(&policy, instance, who).await
    }

    pub(crate) async fn account_of(
        &self,
        policy: &Policy,
        instance: &Instance,
        who: impl Into<Who<'_>>,
    ) -> Result<Record, AdminError> {
        let who = who.into();
        let resource_type = Arc::clone(&policy.user_type().name);
        let found = match who {
            Who::Id(id) => self.store.get(&scope(instance), &Key { resource_type, id }, Want::FULL).await?,
            Who::UserName(name) => {
                let key = Matching::UserName.key(name).into_owned();
                match self.fact(instance, Question::Named { resource_type, path: "userName", key }).await? {
                    Fact::Records(records) => records.into_iter().next(),
                    _ => None,
                }
            }
        };
        found.ok_or_else(|| no_account(instance, who))
    }

    /// An account, or what it was where it was deleted, for as long as that is kept.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] where there is and was none.
    pub async fn account_found(
        &self,
        instance: &Instance,
        who: impl Into<Who<'_>>,
    ) -> Result<FoundAccount, AdminError> {
        let who = who.into();
        let policy = self.policy(instance).await?;
        match self.account_of(&policy, instance, who).await {
            Ok(record) => return Ok(FoundAccount::Live(Box::new(record))),
            Err(AdminError::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
        let deleted = match who {
            Who::UserName(name) => self.account_deleted(instance, name).await?,
            Who::Id(id) => match self.fact(instance, Question::DeletedId(id)).await? {
                Fact::Deleted(tombstone) => tombstone.map(|tombstone| *tombstone),
                _ => None,
            },
        };
        let is_account = |tombstone: &Tombstone| tombstone.key.resource_type == policy.user_type().name;
        let deleted = deleted.filter(is_account);
        deleted
            .map(|tombstone| FoundAccount::Deleted(Box::new(tombstone)))
            .ok_or_else(|| no_account(instance, who))
    }

    /// A page of deleted accounts, those deleted last first, of at most so many tombstones of any type.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn account_deleted_page(
        &self,
        instance: &Instance,
        after: Option<(Timestamp, ResourceId)>,
        limit: usize,
    ) -> Result<DeletedPage, AdminError> {
        let policy = self.policy(instance).await?;
        let question = InstanceQuestion::Deleted { after, limit };
        let answer = self.store.instance(&scope(instance), &question).await?;
        let InstanceAnswer::Deleted(mut tombstones) = answer else { return Err(unexpected()) };
        let last = tombstones.last().map(|tombstone| (tombstone.at, tombstone.key.id));
        let next = last.filter(|_| tombstones.len() == limit);
        tombstones.retain(|tombstone| tombstone.key.resource_type == policy.user_type().name);
        Ok(DeletedPage { tombstones, next })
    }

    /// The account of that user name that was deleted last, for as long as it is kept.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn account_deleted(
        &self,
        instance: &Instance,
        user_name: &str,
    ) -> Result<Option<Tombstone>, AdminError> {
        let key = Matching::UserName.key(user_name).into_owned();
        match self.fact(instance, Question::DeletedName(key)).await? {
            Fact::Deleted(tombstone) => Ok(tombstone.map(|tombstone| *tombstone)),
            _ => Ok(None),
        }
    }

    /// A page of accounts, newest first.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn account_page(
        &self,
        instance: &Instance,
        after: Option<Keyset>,
        limit: usize,
    ) -> Result<AccountPage, AdminError> {
        let policy = self.policy(instance).await?;
        let query = page_query(policy.user_type(), after, limit, Want { account: true, ..Want::HEAD });
        let page = self.store.find(&scope(instance), &query).await?;
        Ok(AccountPage { records: page.records, next: page.next })
    }

    pub(crate) async fn fact(&self, instance: &Instance, question: Question) -> Result<Fact, AdminError> {
        let facts = self.store.facts(&scope(instance), &[question]).await?;
        facts.into_iter().next().ok_or_else(unexpected)
    }
}

/// A page of everything of a type, newest first.
pub(crate) fn page_query(
    resource_type: &Arc<ResourceType>,
    after: Option<Keyset>,
    limit: usize,
    want: Want,
) -> Query {
    let resource_type = Arc::clone(resource_type);
    Query {
        parts: vec![QueryPart { resource_type, filter: None, sort_by: None }],
        sort: None,
        start: after.map_or(Start::Offset(0), Start::After),
        limit,
        want,
        total: false,
    }
}

/// The account as `account show --json` prints it.
#[must_use]
pub fn account_json(record: &Record, fields: Fields<'_>) -> Value {
    let account = record.account.as_deref().cloned().unwrap_or_default();
    let mut view = account_view(record.key.id, record.managed_by, &account, fields);
    if let Some(Value::Object(fields)) = view.get_mut("fields") {
        let manager = record.direct_manager.map(|manager| manager.to_string());
        fields.insert("DirectManager".to_owned(), manager.into());
    }
    Value::Object(view)
}

/// A deleted account in the same shape, with `deleted_at`.
#[must_use]
pub fn deleted_json(tombstone: &Tombstone, fields: Fields<'_>) -> Value {
    let mut account = tombstone.account.as_deref().cloned().unwrap_or_default();
    account.state = AccountState::Deleted;
    let mut view = account_view(tombstone.key.id, tombstone.managed_by, &account, fields);
    if let Some(Value::Object(fields)) = view.get_mut("fields") {
        fields.insert("DirectManager".to_owned(), Value::Null);
    }
    view.insert("deleted_at".to_owned(), tombstone.at.to_string().into());
    Value::Object(view)
}

impl AccountPage {
    /// Those in that state, and managed or not, where it matters.
    pub fn retain(&mut self, state: Option<AccountState>, managed: Option<bool>) {
        self.records.retain(|record| {
            let of_state = record.account.as_ref().map(|account| account.state).unwrap_or_default();
            state.is_none_or(|state| state == of_state)
                && managed.is_none_or(|managed| managed == record.managed_by.is_some())
        });
    }
}

pub(crate) fn scope(instance: &Instance) -> Scope {
    Scope { instance: instance.id, connector: None }
}

fn no_account(instance: &Instance, who: Who<'_>) -> AdminError {
    let name = &instance.name;
    AdminError::NotFound(match who {
        Who::UserName(user_name) => {
            format!("the instance {name:?} has no account {user_name:?}; `account list` shows them")
        }
        Who::Id(id) => format!("the instance {name:?} has no account of the id {id}"),
    })
}

fn unexpected() -> AdminError {
    AdminError::Store(StoreError::internal("the store answered another question"))
}
