//! Groups: looked at.

use std::sync::Arc;

use scim_core::text::Matching;
use scim_directory::{Fact, Instance, Question, Record, ResourceId};
use scim_lifecycle::Policy;
use scim_storage::{Direction, Edge, EdgeQuery, HeldEdge, Keyset, Want};

use super::account::AccountPage;
use super::{Admin, AdminError};
use crate::admin::account::{page_query, scope};

/// Edges read at once.
const EDGES: usize = 10_000;

impl Admin {
    /// The group of that display name, in any letter case; an unmanaged one first where several have it.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] where there is none.
    pub async fn group_named(&self, instance: &Instance, name: &str) -> Result<Record, AdminError> {
        let policy = self.policy(instance).await?;
        let found = self.group_of(&policy, instance, name).await?;
        found.ok_or_else(|| {
            AdminError::NotFound(format!(
                "the instance {:?} has no group {name:?}; `group list` shows them",
                instance.name
            ))
        })
    }

    async fn group_of(
        &self,
        policy: &Policy,
        instance: &Instance,
        name: &str,
    ) -> Result<Option<Record>, AdminError> {
        let Some(group_type) = policy.group_type() else { return Ok(None) };
        let question = Question::Named {
            resource_type: Arc::clone(&group_type.name),
            path: "displayName",
            key: Matching::IgnoreCase.key(name).into_owned(),
        };
        match self.fact(instance, question).await? {
            Fact::Records(records) => Ok(records.into_iter().next()),
            _ => Ok(None),
        }
    }

    /// A page of groups, newest first.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn group_page(
        &self,
        instance: &Instance,
        after: Option<Keyset>,
        limit: usize,
    ) -> Result<AccountPage, AdminError> {
        let policy = self.policy(instance).await?;
        let Some(group_type) = policy.group_type() else { return Ok(AccountPage::default()) };
        let query = page_query(group_type, after, limit, Want::HEAD);
        let page = self.store.find(&scope(instance), &query).await?;
        Ok(AccountPage { records: page.records, next: page.next })
    }

    /// The members of a group, and the references that are waited for.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn group_members(
        &self,
        instance: &Instance,
        group: ResourceId,
    ) -> Result<(Vec<Edge>, Vec<HeldEdge>), AdminError> {
        let (mut members, mut held, mut after) = (Vec::new(), Vec::new(), None);
        loop {
            let query =
                EdgeQuery { of: vec![group], direction: Direction::Members, only: None, after, limit: EDGES };
            let page = self.store.edges(&scope(instance), &query).await?;
            after = page.edges.last().map(|edge| (edge.of, edge.other));
            members.extend(page.edges);
            held.extend(page.held);
            if !page.more {
                return Ok((members, held));
            }
        }
    }
}
