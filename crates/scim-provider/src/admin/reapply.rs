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

impl ReapplyProgress {
    fn add(&mut self, other: Self) {
        self.seen += other.seen;
        self.changed += other.changed;
        self.failed += other.failed;
    }
}

/// A place among the accounts, which are gone through newest first: behind this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReapplyPlace {
    /// The version of the mapping that was applied so far.
    pub mapping: i64,
    /// The account that was looked at last.
    pub id: ResourceId,
}

/// What became of a slice of the accounts.
#[derive(Clone, Debug, Default)]
pub struct ReappliedSlice {
    /// Accounts that changed, or would, and those that failed.
    pub accounts: Vec<Reapplied>,
    /// How many there were.
    pub progress: ReapplyProgress,
    /// Where the next slice begins; `None` after the last one.
    pub next: Option<ReapplyPlace>,
}

impl ReappliedSlice {
    fn changed(&mut self, done: Reapplied) {
        self.progress.changed += 1;
        self.accounts.push(done);
    }

    fn failed(&mut self, record: &Record, reason: String) {
        self.progress.failed += 1;
        self.accounts.push(Reapplied {
            id: record.key.id,
            name: record.display.clone(),
            fields: Vec::new(),
            attributes: Vec::new(),
            failure: Some(reason),
        });
    }
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
        let mut after = None;
        if !(how.preview || how.restart) {
            after = self.interrupted(instance, &*self.policy(instance).await?).await?;
        }
        let mut so_far = ReapplyProgress::default();
        loop {
            let slice = self.mapping_reapply_slice(instance, how.preview, how.batch, after).await?;
            slice.accounts.iter().for_each(&mut told);
            so_far.add(slice.progress);
            progress(so_far);
            match slice.next {
                Some(next) => after = Some(next),
                None => return Ok(so_far),
            }
        }
    }

    /// Applies the mapping in force to the next accounts, newest first, at most `limit` of them (1 to 1000). Unless it is a
    /// preview, they are committed together with how far the job has come.
    ///
    /// # Errors
    /// [`AdminError::Changed`] where another version of the mapping is in force than at `after`; else if the store fails.
    /// What fails for one account is told, and does not stop the others.
    pub async fn mapping_reapply_slice(
        &self,
        instance: &Instance,
        preview: bool,
        limit: usize,
        after: Option<ReapplyPlace>,
    ) -> Result<ReappliedSlice, AdminError> {
        let policy = self.policy(instance).await?;
        let mapping = policy.mapping().version();
        if after.is_some_and(|after| after.mapping != mapping) {
            return Err(AdminError::Changed(format!(
                "version {mapping} of the mapping is in force by now; begin again, from the newest account"
            )));
        }
        let keyset = after.map(|after| Keyset { key: None, id: after.id });
        let query = page_query(policy.user_type(), keyset, limit.clamp(1, 1000), Want::FULL);
        let page = self.store.find(&scope(instance), &query).await?;
        let (mut slice, mut decided) = (ReappliedSlice::default(), Vec::new());
        slice.progress.seen = u64::try_from(page.records.len()).unwrap_or_default();
        for record in page.records {
            match self.reapplied(instance, &policy, &record).await {
                Ok(decision) if decision.is_empty() => {}
                Ok(decision) => decided.push((record, decision)),
                Err(AdminError::Invalid(reason)) => slice.failed(&record, reason),
                Err(error) => return Err(error),
            }
        }
        slice.next = page.next.map(|position| ReapplyPlace { mapping, id: position.id });
        if preview {
            for (record, decision) in &decided {
                slice.changed(change(record, decision));
            }
        } else {
            self.commit_reapplied(instance, decided, &mut slice).await?;
        }
        Ok(slice)
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
        let document = Document::from_bytes(&*record.document).resource().map_err(StoreError::internal)?;
        let decide = |on: &scim_lifecycle::Occasion<'_>, facts: &scim_lifecycle::Facts| {
            scim_lifecycle::reapply(on, facts, policy.user_type(), record, &document)
        };
        self.decided(policy, JOB, decide, &scope(instance)).await
    }

    /// Commits a batch with how far the job has come; where somebody moved meanwhile, one by one.
    async fn commit_reapplied(
        &self,
        instance: &Instance,
        decided: Vec<(Record, Decision)>,
        slice: &mut ReappliedSlice,
    ) -> Result<(), AdminError> {
        let come = slice.next.map(|next| json!({ "mapping": next.mapping, "after": next.id.to_string() }));
        let job = Change::Admin(AdminChange::SaveJob(JOB.to_owned(), come));
        let mut whole = Decision { changes: vec![job.clone()], ..Decision::default() };
        for (_, decision) in &decided {
            whole.append(decision.clone());
        }
        match self.commit_decision(instance.id, JOB, whole).await {
            Ok(_) => {
                for (record, decision) in &decided {
                    slice.changed(change(record, decision));
                }
                return Ok(());
            }
            Err(CommitError::Store(error)) => return Err(error.into()),
            Err(_) => {}
        }
        for (record, _) in decided {
            match self.reapply_one(instance, &record).await {
                Ok(Some(done)) => slice.changed(done),
                Ok(None) => {}
                Err(AdminError::Store(error)) => return Err(error.into()),
                Err(error) => slice.failed(&record, error.to_string()),
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
    async fn interrupted(
        &self,
        instance: &Instance,
        policy: &Policy,
    ) -> Result<Option<ReapplyPlace>, AdminError> {
        let question = InstanceQuestion::Job(JOB.to_owned());
        let InstanceAnswer::Job(Some(job)) = self.store.instance(&scope(instance), &question).await? else {
            return Ok(None);
        };
        let mapping = job.get("mapping").and_then(serde_json::Value::as_i64);
        let id = job.get("after").and_then(serde_json::Value::as_str).and_then(|id| id.parse().ok());
        let place = mapping.zip(id).map(|(mapping, id)| ReapplyPlace { mapping, id });
        Ok(place.filter(|place| place.mapping == policy.mapping().version()))
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
