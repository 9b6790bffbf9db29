//! `PATCH /Users/{id}` (RFC 7644 §3.5.2).

use std::sync::Arc;

use scim_core::patch::{MemberEdit, PatchRequest};
use scim_core::schema::ResourceType;
use scim_directory::{Committed, Condition, Record};
use scim_lifecycle::{Facts, Occasion, Policy, Update};
use scim_storage::{CommitError, Want};
use serde_json::Value;

use super::members::Planned;
use super::write::{Left, left, record_after};
use super::{ATTEMPTS, Operation, resource_of};
use crate::Response;
use crate::access::Verb;
use crate::etag::etag;
use crate::failure::{Failure, commit_failure};

/// What became of a change.
pub(crate) struct Changed {
    /// What it left and did; `None` where there was nothing to do.
    done: Option<(Vec<Option<Left>>, Committed)>,
    /// So many members a group has afterwards at least, as far as that was looked for.
    members: usize,
}

impl Changed {
    /// The record on which it was decided, as it is afterwards.
    pub(crate) fn leaves(self, record: Record) -> Record {
        match self.done {
            Some((mut left, committed)) => record_after(record, &mut left, &committed),
            None => record,
        }
    }
}

impl Operation<'_> {
    /// Changes a resource. A person is answered with 200 and the resource; a group too, while it is small or the request
    /// says what to show, else with 204, so that the cost does not grow with the group.
    pub(crate) async fn patch(
        &self,
        resource_type: &Arc<ResourceType>,
        id: &str,
        body: Value,
    ) -> Result<Response, Failure> {
        let dialect = self.caller.dialect;
        self.provider.turns.take(id, 0).await;
        // A resource that is not there is 404 before anything is said about the body.
        let mut record = self.load_to_change(resource_type, id, Want::FULL, Verb::Update).await?;
        let patch = PatchRequest::parse(resource_type, body, dialect)?;
        for attempt in 0..ATTEMPTS {
            let mut _turn = None;
            if attempt > 0 {
                _turn = self.provider.turns.take(id, attempt).await;
                record = self.load_to_change(resource_type, id, Want::FULL, Verb::Update).await?;
            }
            let policy = self.policy(attempt > 0).await?;
            self.precondition(&record)?;
            let before = resource_of(&record)?;
            let own_id = record.key.id.to_string();
            let outcome =
                patch.apply(resource_type, &own_id, &before, record.external_id.as_deref(), dialect)?;
            let mut after = outcome.resource;
            self.settle_password(resource_type, Some(&before), &mut after).await?;
            self.log_notes(&outcome.notes);
            let (external_id, edits, notes) = (outcome.external_id, outcome.edits, outcome.notes);
            let update =
                Update { record: &record, before: &before, after: &after, external_id, notes: &notes };
            match self.change(&policy, resource_type, update, &edits).await? {
                Ok(changed) => {
                    let members = changed.members;
                    return self.patched(resource_type, &changed.leaves(record), members).await;
                }
                Err(CommitError::Conflict) => {}
                Err(error) => return Err(commit_failure(error)),
            }
        }
        Err(commit_failure(CommitError::Conflict))
    }

    /// The answer, where a group has so many members at least.
    async fn patched(
        &self,
        resource_type: &ResourceType,
        record: &Record,
        members: usize,
    ) -> Result<Response, Failure> {
        if resource_type.edge_attribute().is_none() || self.says_what_to_show() {
            return self.answer(200, resource_type, record).await;
        }
        let limit = self.provider.limits.max_patch_answer_members;
        let few = if members > limit { None } else { self.members_if_few(record.key.id).await? };
        let Some(few) = few else { return Ok(Response::empty(204).with("ETag", etag(record))) };
        if few.held.len() >= limit {
            // There may be more of them.
            return self.answer(200, resource_type, record).await;
        }
        let body = self.lens().with_members(record, few).await?;
        Ok(self.answer_with(200, resource_type, record, body))
    }

    /// Commits a change of a resource and of its members.
    pub(crate) async fn change(
        &self,
        policy: &Policy,
        resource_type: &ResourceType,
        update: Update<'_>,
        edits: &[MemberEdit],
    ) -> Result<Result<Changed, CommitError>, Failure> {
        let record = update.record;
        let Planned { plan, present, left: members } =
            self.plan(record, update.external_id.as_deref(), edits).await?;
        let decide = |on: &Occasion<'_>, facts: &Facts| {
            scim_lifecycle::update(on, facts, resource_type, update.clone())
        };
        let mut decision = self.decided(policy, decide).await?;
        if !plan.is_empty() {
            // An update in the same change set carries the version already.
            let pinned = decision.changes.is_empty() && (plan.cleared || self.names_version());
            let expected = pinned.then_some(record.version);
            decision.append(plan.decide(&record.key, record.display.as_deref(), &present, expected));
        }
        if decision.is_empty() {
            return Ok(Ok(Changed { done: None, members }));
        }
        // Also where only members change: who asks for it is let in by settings of that generation.
        let decided_on = Condition::Generation(policy.generation());
        if !decision.conditions.contains(&decided_on) {
            decision.conditions.push(decided_on);
        }
        let left = left(&decision.changes);
        Ok(self.commit(decision).await.map(|committed| Changed { done: Some((left, committed)), members }))
    }
}
