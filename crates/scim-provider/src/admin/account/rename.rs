//! Giving accounts other user names: one, or many by an expression, with a preview.

use std::collections::{BTreeMap, HashSet};

use scim_core::resource::Document;
use scim_core::text::Matching;
use scim_directory::{Fact, Instance, Question, Record, ResourceId};
use scim_lifecycle::{Decision, Edit, NewName, Occasion, Policy, Renaming};
use scim_storage::{CommitError, Keyset, StoreError, Want};

use super::Who;
use super::read::{page_query, scope};
use crate::admin::{Admin, AdminError};

/// Accounts that are committed together.
const BATCH: usize = 250;

/// What becomes of an account's user name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RenameOutcome {
    /// It stays.
    Unchanged,
    /// It becomes this one; with a preview, it would.
    Renamed(String),
    /// It stays, because the other one cannot be given.
    Conflict {
        /// The user name that it would have got, where the expression gives one.
        wanted: Option<String>,
        /// Why not.
        reason: String,
    },
}

/// An account of a rewriting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renamed {
    /// The account's id.
    pub id: ResourceId,
    /// The user name that it had.
    pub user_name: String,
    /// What becomes of it.
    pub outcome: RenameOutcome,
}

/// What a rewriting came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RenameSummary {
    /// Accounts with another user name.
    pub renamed: u64,
    /// Accounts whose user name stays.
    pub unchanged: u64,
    /// Accounts whose user name stays, because the other one cannot be given.
    pub conflicts: u64,
}

/// How user names are to be rewritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rewrite<'a> {
    /// The expression over account fields.
    pub expression: &'a str,
    /// Whether of those alone that nobody manages.
    pub unmanaged: bool,
    /// Whether it is done; else it is a preview.
    pub apply: bool,
}

/// A rewriting, with what it is done by.
struct Whole<'a> {
    instance: &'a Instance,
    policy: &'a Policy,
    renaming: &'a Renaming,
    unmanaged: bool,
    apply: bool,
}

/// A rewriting under way. User names are given in the order in which accounts are listed: what an earlier one gave up is
/// free for a later one, and a preview knows that without committing anything.
#[derive(Default)]
struct Rewriting {
    summary: RenameSummary,
    /// Keys of user names that were given.
    given: HashSet<String>,
    /// Keys of user names that were given up.
    given_up: HashSet<String>,
}

/// An account whose user name can be another one.
struct Planned {
    renamed: Renamed,
    to: String,
    decision: Decision,
}

impl Admin {
    /// Gives an account another user name; what it is afterwards.
    ///
    /// # Errors
    /// As [`Admin::account_edit`].
    pub async fn account_rename(
        &self,
        instance: &Instance,
        who: impl Into<Who<'_>>,
        to: &str,
    ) -> Result<Record, AdminError> {
        self.account_edit(instance, who, &edit_to(to)).await
    }

    /// Rewrites the user names of all accounts by an expression over account fields; of those alone that nobody manages,
    /// where `unmanaged` says so. Nothing is changed where `apply` is false. `told` hears of each account, newest first.
    /// A rewriting that was broken off can be begun again.
    ///
    /// That another instance has a name, where names are unique on the server, shows only when it is applied.
    ///
    /// # Errors
    /// [`AdminError::Invalid`] where the expression is none, or names a field that is not there.
    pub async fn account_rename_all(
        &self,
        instance: &Instance,
        expression: &str,
        unmanaged: bool,
        apply: bool,
        mut told: impl FnMut(&Renamed),
    ) -> Result<RenameSummary, AdminError> {
        let policy = self.policy(instance).await?;
        let renaming = Renaming::new(expression, policy.fields()).map_err(AdminError::Invalid)?;
        let whole = Whole { instance, policy: &policy, renaming: &renaming, unmanaged, apply };
        let mut rewriting = Rewriting::default();
        let mut after = None;
        loop {
            after = self.rename_batch(&whole, &mut rewriting, (after, BATCH), &mut told).await?;
            if after.is_none() {
                return Ok(rewriting.summary);
            }
        }
    }

    /// Rewrites the user names of the accounts of one page, at most so many, and says where the next one begins. As each
    /// page stands for itself, a preview does not see what those of another page give each other.
    ///
    /// # Errors
    /// As [`Admin::account_rename_all`].
    pub async fn account_rename_page(
        &self,
        instance: &Instance,
        rewrite: &Rewrite<'_>,
        after: Option<Keyset>,
        limit: usize,
        mut told: impl FnMut(&Renamed),
    ) -> Result<(RenameSummary, Option<Keyset>), AdminError> {
        let policy = self.policy(instance).await?;
        let renaming = Renaming::new(rewrite.expression, policy.fields()).map_err(AdminError::Invalid)?;
        let &Rewrite { unmanaged, apply, .. } = rewrite;
        let whole = Whole { instance, policy: &policy, renaming: &renaming, unmanaged, apply };
        let mut rewriting = Rewriting::default();
        let next = self.rename_batch(&whole, &mut rewriting, (after, limit), &mut told).await?;
        Ok((rewriting.summary, next))
    }

    /// Rewrites so many accounts after a place; the place of the last one, where there are more.
    async fn rename_batch(
        &self,
        whole: &Whole<'_>,
        rewriting: &mut Rewriting,
        (after, limit): (Option<Keyset>, usize),
        told: &mut impl FnMut(&Renamed),
    ) -> Result<Option<Keyset>, AdminError> {
        let &Whole { instance, policy, renaming, unmanaged, apply } = whole;
        let query = page_query(policy.user_type(), after, limit, Want::FULL);
        let mut page = self.store.find(&scope(instance), &query).await?;
        if unmanaged {
            page.records.retain(|record| record.managed_by.is_none());
        }
        let request_id = self.source.uuid().to_string();
        let mut planned = Vec::new();
        for (record, name) in self.new_names(instance, policy, renaming, &request_id, page.records).await? {
            match self.plan(instance, policy, &request_id, rewriting, &record, name).await? {
                Ok(plan) => planned.push(plan),
                Err(renamed) => rewriting.tell(&renamed, told),
            }
        }
        if apply {
            self.rename_planned(instance, &request_id, &mut planned).await?;
        }
        for plan in planned {
            rewriting.tell(&plan.renamed, told);
        }
        Ok(page.next)
    }

    /// What the expression gives for each account, and who has that user name now.
    async fn new_names(
        &self,
        instance: &Instance,
        policy: &Policy,
        renaming: &Renaming,
        request_id: &str,
        records: Vec<Record>,
    ) -> Result<Vec<(Record, (NewName, Option<Record>))>, AdminError> {
        let names = self.evaluate(policy, renaming, request_id, &records);
        let mut questions = Vec::new();
        for name in &names {
            if let NewName::Other { key, .. } = name {
                let resource_type = policy.user_type().name.clone();
                questions.push(Question::Named { resource_type, path: "userName", key: key.clone() });
            }
        }
        let mut holders = self.store.facts(&scope(instance), &questions).await?.into_iter();
        let named = records.into_iter().zip(names).map(|(record, name)| {
            let holder = match &name {
                NewName::Other { .. } => holders.next(),
                _ => None,
            };
            let holder = match holder {
                Some(Fact::Records(records)) => records.into_iter().next(),
                _ => None,
            };
            (record, (name, holder))
        });
        Ok(named.collect())
    }

    fn evaluate(
        &self,
        policy: &Policy,
        renaming: &Renaming,
        request_id: &str,
        records: &[Record],
    ) -> Vec<NewName> {
        let source = &*self.source;
        let on = Occasion {
            policy,
            connector: None,
            request_id,
            now: self.now(),
            uuid: &|| source.uuid(),
            random: &|bytes: &mut [u8]| source.random(bytes),
        };
        records.iter().map(|record| renaming.of(&on, record)).collect()
    }

    /// Decides on an account; `Err` where nothing is to be committed for it.
    async fn plan(
        &self,
        instance: &Instance,
        policy: &Policy,
        request_id: &str,
        rewriting: &mut Rewriting,
        record: &Record,
        (name, holder): (NewName, Option<Record>),
    ) -> Result<Result<Planned, Renamed>, AdminError> {
        let old = user_name(record);
        let renamed = |outcome| Renamed { id: record.key.id, user_name: old.to_owned(), outcome };
        let (to, key) = match name {
            NewName::Same => return Ok(Err(renamed(RenameOutcome::Unchanged))),
            NewName::None(reason) => {
                return Ok(Err(renamed(RenameOutcome::Conflict { wanted: None, reason })));
            }
            NewName::Other { user_name, key } => (user_name, key),
        };
        let conflict =
            |reason: String| Ok(Err(renamed(RenameOutcome::Conflict { wanted: Some(to.clone()), reason })));
        if rewriting.given.contains(&key) {
            return conflict("another account gets this user name by the same expression".to_owned());
        }
        let holder = holder.filter(|holder| holder.key.id != record.key.id);
        if let Some(holder) = holder
            && !rewriting.given_up.contains(&key)
        {
            return conflict(format!("the account {:?} has this user name", user_name(&holder)));
        }
        let before = Document::from_bytes(&*record.document).resource().map_err(StoreError::internal)?;
        let edit = edit_to(&to);
        let decide = |on: &Occasion<'_>, facts: &scim_lifecycle::Facts| {
            scim_lifecycle::edit(on, facts, policy.user_type(), record, &before, &edit)
        };
        let decision = match self.decided(policy, request_id, decide, &scope(instance)).await {
            Ok(decision) => decision,
            Err(AdminError::Invalid(reason)) => return conflict(reason),
            Err(error) => return Err(error),
        };
        rewriting.given.insert(key);
        rewriting.given_up.insert(Matching::UserName.key(old).into_owned());
        let renamed = renamed(RenameOutcome::Renamed(to.clone()));
        Ok(Ok(Planned { renamed, to, decision }))
    }

    /// Commits what was planned, together where that is possible; what could not be is a conflict afterwards.
    async fn rename_planned(
        &self,
        instance: &Instance,
        request_id: &str,
        planned: &mut [Planned],
    ) -> Result<(), AdminError> {
        if planned.is_empty() {
            return Ok(());
        }
        let mut whole = Decision::default();
        for plan in planned.iter() {
            whole.append(plan.decision.clone());
        }
        match self.commit_decision(instance.id, request_id, whole).await {
            Ok(_) => return Ok(()),
            Err(CommitError::Store(error)) => return Err(error.into()),
            Err(_) => {}
        }
        // One of them is in the way of all: one by one, each decided anew.
        for plan in planned {
            let done = self.account_edit(instance, plan.renamed.id, &edit_to(&plan.to)).await;
            match done {
                Ok(_) => {}
                Err(AdminError::Store(error)) => return Err(error.into()),
                Err(error) => {
                    let wanted = Some(plan.to.clone());
                    plan.renamed.outcome = RenameOutcome::Conflict { wanted, reason: error.to_string() };
                }
            }
        }
        Ok(())
    }
}

impl Rewriting {
    fn tell(&mut self, renamed: &Renamed, told: &mut impl FnMut(&Renamed)) {
        match renamed.outcome {
            RenameOutcome::Unchanged => self.summary.unchanged += 1,
            RenameOutcome::Renamed(_) => self.summary.renamed += 1,
            RenameOutcome::Conflict { .. } => self.summary.conflicts += 1,
        }
        told(renamed);
    }
}

fn edit_to(user_name: &str) -> Edit {
    Edit {
        fields: BTreeMap::from([("UserName".to_owned(), Some(user_name.to_owned()))]),
        renames: true,
        ..Edit::default()
    }
}

fn user_name(record: &Record) -> &str {
    record.account.as_ref().and_then(|account| account.field("UserName")).unwrap_or_default()
}
