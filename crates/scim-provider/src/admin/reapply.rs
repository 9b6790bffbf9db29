//! Applying the mapping again to everybody: after it changed, or to see what would change.

use scim_core::resource::Document;
use scim_directory::{
    AdminChange, AttributeChange, Change, FieldChange, Instance, Record, ResourceId, Scope,
};
use scim_lifecycle::{Decision, Policy};
use scim_storage::{CommitError, InstanceAnswer, InstanceQuestion, Keyset, StoreError, Want};
use serde_json::json;

use super::{Admin, AdminError};
use crate::admin::account::{page_query, scope};
use crate::resource::ATTEMPTS;

/// The job's name.
const JOB: &str = "mapping-reapply";

/// How the mapping is applied again.
#[derive(Clone, Copy, Debug)]
pub struct Reapplication {
    /// Whether nothing is changed, only told.
    pub preview: bool,
    /// Accounts that are read and committed together.
    pub batch: usize,
    /// Whether to begin anew where an earlier run did not come to its end.
    pub restart: bool,
}

/// What happens to one account.
#[derive(Clone, Debug)]
pub struct Reapplied {
    /// Whose.
    pub id: ResourceId,
    /// What the person is called.
    pub name: Option<String>,
    /// Fields that change.
    pub fields: Vec<FieldChange>,
    /// Attributes that change, of accounts that nobody manages.
    pub attributes: Vec<String>,
    /// Why it was not done.
    pub failure: Option<String>,
}

/// How far it has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReapplyProgress {
    /// Accounts that were looked at.
    pub seen: u64,
    /// Accounts that changed, or would.
    pub changed: u64,
    /// Accounts that could not be done.
    pub failed: u64,
}

impl Admin {
    /// Applies the mapping in force to every account, newest first, in batches; `told` hears of each account that changes or
    /// fails, and of how far it has come after each batch. Where it is interrupted, the next run goes on from there.
    ///
    /// # Errors
    /// If the store fails. What fails for one account is told, and does not stop the others.
    pub async fn mapping_reapply(
        &self,
        instance: &Instance,
        how: Reapplication,
        mut told: impl FnMut(&Reapplied),
        mut progress: impl FnMut(ReapplyProgress),
    ) -> Result<ReapplyProgress, AdminError> {
        let policy = self.policy(instance).await?;
        let mut after =
            if how.preview || how.restart { None } else { self.interrupted(instance, &policy).await? };
        let mut so_far = ReapplyProgress::default();
        loop {
            let query = page_query(policy.user_type(), after, how.batch.clamp(1, 1000), Want::FULL);
            let page = self.store.find(&scope(instance), &query).await?;
            so_far.seen += u64::try_from(page.records.len()).unwrap_or_default();
            let mut decided = Vec::new();
            for record in page.records {
                match self.reapplied(instance, &policy, &record).await {
                    Ok(decision) if decision.is_empty() => {}
                    Ok(decision) => decided.push((record, decision)),
                    Err(AdminError::Invalid(reason)) => {
                        so_far.failed += 1;
                        told(&failed(&record, reason));
                    }
                    Err(error) => return Err(error),
                }
            }
            let next = page.next.map(|position| position.id);
            if how.preview {
                for (record, decision) in &decided {
                    so_far.changed += 1;
                    told(&change(record, decision));
                }
            } else {
                self.commit_reapplied(instance, &policy, decided, next, &mut so_far, &mut told).await?;
            }
            progress(so_far);
            match next {
                Some(id) => after = Some(Keyset { key: None, id }),
                None => return Ok(so_far),
            }
        }
    }

    async fn reapplied(
        &self,
        instance: &Instance,
        policy: &Policy,
        record: &Record,
    ) -> Result<Decision, AdminError> {
        // Only the connector that gave it sees the `externalId`.
        let through = Scope { connector: record.managed_by, ..scope(instance) };
        let seen = match policy.mapping().uses_external_id() && record.managed_by.is_some() {
            true => self.store.get(&through, &record.key, Want::FULL).await?,
            false => None,
        };
        let record = seen.as_ref().unwrap_or(record);
        let document =
            Document::from_bytes(record.document.clone()).resource().map_err(StoreError::internal)?;
        let decide = |on: &scim_lifecycle::Occasion<'_>, facts: &scim_lifecycle::Facts| {
            scim_lifecycle::reapply(on, facts, policy.user_type(), record, &document)
        };
        self.decided(policy, JOB, decide, &scope(instance)).await
    }

    /// Commits a batch with how far the job has come; where somebody moved meanwhile, one by one.
    async fn commit_reapplied(
        &self,
        instance: &Instance,
        policy: &Policy,
        decided: Vec<(Record, Decision)>,
        next: Option<ResourceId>,
        so_far: &mut ReapplyProgress,
        told: &mut impl FnMut(&Reapplied),
    ) -> Result<(), AdminError> {
        let come = next.map(|id| json!({ "mapping": policy.mapping().version(), "after": id.to_string() }));
        let job = Change::Admin(AdminChange::SaveJob(JOB.to_owned(), come));
        let mut whole = Decision { changes: vec![job.clone()], ..Decision::default() };
        for (_, decision) in &decided {
            whole.append(decision.clone());
        }
        match self.commit_decision(instance.id, JOB, whole).await {
            Ok(_) => {
                for (record, decision) in &decided {
                    so_far.changed += 1;
                    told(&change(record, decision));
                }
                return Ok(());
            }
            Err(CommitError::Store(error)) => return Err(error.into()),
            Err(_) => {}
        }
        for (record, _) in decided {
            match self.reapply_one(instance, &record).await {
                Ok(Some(done)) => {
                    so_far.changed += 1;
                    told(&done);
                }
                Ok(None) => {}
                Err(AdminError::Store(error)) => return Err(error.into()),
                Err(error) => {
                    so_far.failed += 1;
                    told(&failed(&record, error.to_string()));
                }
            }
        }
        let only_job = Decision { changes: vec![job], ..Decision::default() };
        match self.commit_decision(instance.id, JOB, only_job).await {
            Ok(_) => Ok(()),
            Err(CommitError::Store(error)) => Err(error.into()),
            Err(error) => Err(AdminError::Invalid(error.to_string())),
        }
    }

    /// Applies the mapping to one account, read and decided again as often as it moves.
    async fn reapply_one(
        &self,
        instance: &Instance,
        record: &Record,
    ) -> Result<Option<Reapplied>, AdminError> {
        for _ in 0..ATTEMPTS {
            let policy = self.policy(instance).await?;
            let Some(record) = self.store.get(&scope(instance), &record.key, Want::FULL).await? else {
                return Ok(None);
            };
            let decision = self.reapplied(instance, &policy, &record).await?;
            if decision.is_empty() {
                return Ok(None);
            }
            let done = change(&record, &decision);
            match self.commit_decision(instance.id, JOB, decision).await {
                Ok(_) => return Ok(Some(done)),
                Err(CommitError::Conflict) => {}
                Err(error) => return Err(crate::admin::account::account_refused(error)),
            }
        }
        Err(AdminError::Invalid("others changed the account again and again".to_owned()))
    }

    /// Where an earlier run of the same version of the mapping was interrupted.
    async fn interrupted(&self, instance: &Instance, policy: &Policy) -> Result<Option<Keyset>, AdminError> {
        let question = InstanceQuestion::Job(JOB.to_owned());
        let InstanceAnswer::Job(Some(job)) = self.store.instance(&scope(instance), &question).await? else {
            return Ok(None);
        };
        let same = job.get("mapping").and_then(serde_json::Value::as_i64) == Some(policy.mapping().version());
        let id = job.get("after").and_then(serde_json::Value::as_str).and_then(|id| id.parse().ok());
        Ok(id.filter(|_| same).map(|id| Keyset { key: None, id }))
    }
}

fn change(record: &Record, decision: &Decision) -> Reapplied {
    let fields = decision.log.iter().flat_map(|record| record.fields.clone()).collect();
    let attributes = decision
        .log
        .iter()
        .flat_map(|record| &record.changes)
        .filter_map(|change| match change {
            AttributeChange::Value { attribute, .. } => Some(attribute.clone()),
            AttributeChange::Edges { .. } => None,
        })
        .collect();
    Reapplied { id: record.key.id, name: record.display.clone(), fields, attributes, failure: None }
}

fn failed(record: &Record, reason: String) -> Reapplied {
    Reapplied {
        id: record.key.id,
        name: record.display.clone(),
        fields: Vec::new(),
        attributes: Vec::new(),
        failure: Some(reason),
    }
}
