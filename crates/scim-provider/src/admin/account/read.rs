//! Looking at accounts.

use std::sync::Arc;

use scim_core::schema::ResourceType;
use scim_core::text::Matching;
use scim_directory::{AccountState, Fact, Fields, Instance, Question, Record, Scope, Tombstone};
use scim_lifecycle::{Policy, account_view};
use scim_storage::{Keyset, Query, QueryPart, Start, StoreError, Want};
use serde_json::Value;

use crate::admin::{Admin, AdminError};

/// Accounts, newest first.
#[derive(Clone, Debug, Default)]
pub struct AccountPage {
    /// The accounts.
    pub records: Vec<Record>,
    /// Where the next page begins; `None` on the last one.
    pub next: Option<Keyset>,
}

impl Admin {
    /// The account of that user name, document included; any letter case.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] where there is none.
    pub async fn account_named(&self, instance: &Instance, user_name: &str) -> Result<Record, AdminError> {
        let policy = self.policy(instance).await?;
        self.account_of(&policy, instance, user_name).await
    }

    pub(crate) async fn account_of(
        &self,
        policy: &Policy,
        instance: &Instance,
        user_name: &str,
    ) -> Result<Record, AdminError> {
        let question = Question::Named {
            resource_type: Arc::clone(&policy.user_type().name),
            path: "userName",
            key: Matching::UserName.key(user_name).into_owned(),
        };
        match self.fact(instance, question).await? {
            Fact::Records(records) if !records.is_empty() => {
                records.into_iter().next().ok_or_else(unexpected)
            }
            _ => Err(AdminError::NotFound(format!(
                "the instance {:?} has no account {user_name:?}; `account list` shows them",
                instance.name
            ))),
        }
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
        let query = page_query(policy.user_type(), after, limit, Want { document: false, account: true });
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

fn unexpected() -> AdminError {
    AdminError::Store(StoreError::internal("the store answered another question"))
}
