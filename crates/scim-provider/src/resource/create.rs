//! `POST /Users` (RFC 7644 §3.3).

use std::collections::HashMap;
use std::sync::Arc;

use scim_core::resource::{EdgeValue, ingest};
use scim_core::schema::ResourceType;
use scim_directory::{Change, Key, Record, ResourceId, Version};
use scim_lifecycle::{Decision, MemberPlanner};
use scim_storage::CommitError;
use serde_json::Value;

use super::write::{record_after, written};
use super::{ATTEMPTS, Operation};
use crate::Response;
use crate::failure::{Failure, commit_failure};

/// A resource that was checked and has an id, but is not decided on yet.
pub(crate) struct Draft {
    pub(crate) key: Key,
    decision: Decision,
    name: Option<String>,
    external_id: Option<String>,
    edges: Vec<EdgeValue>,
}

impl Operation<'_> {
    /// Creates a resource.
    pub(crate) async fn create(
        &self,
        resource_type: &Arc<ResourceType>,
        body: Value,
    ) -> Result<Response, Failure> {
        let draft = self.draft(resource_type, ResourceId::new(self.provider.source.uuid()), body).await?;
        for _ in 0..ATTEMPTS {
            let decision = self.decide(std::slice::from_ref(&draft), &HashMap::new()).await?;
            let changes = decision.changes.clone();
            match self.commit(decision).await {
                Ok(committed) => {
                    let record = created(&draft.key, &changes, &committed, self.request.now);
                    return self.answer(201, resource_type, &record).await;
                }
                Err(CommitError::Conflict) => {}
                Err(error) => return Err(commit_failure(error)),
            }
        }
        Err(commit_failure(CommitError::Conflict))
    }

    /// Checks a body by itself.
    pub(crate) async fn draft(
        &self,
        resource_type: &Arc<ResourceType>,
        id: ResourceId,
        body: Value,
    ) -> Result<Draft, Failure> {
        let inbound = ingest(resource_type, body, self.caller.dialect)?;
        self.log_notes(&inbound.notes);
        let (notes, external_id) = (inbound.notes.clone(), inbound.external_id.clone());
        let edges = inbound.edges.clone().unwrap_or_default();
        let mut resource = inbound.into_created(resource_type)?;
        self.settle_password(resource_type, None, &mut resource).await?;
        let decision = scim_lifecycle::create(resource_type, id, &resource, external_id.clone(), &notes);
        let name = resource.text("displayName").map(str::to_owned);
        let key = Key { resource_type: Arc::clone(&resource_type.name), id };
        Ok(Draft { key, decision, name, external_id, edges })
    }

    /// Decides on drafts together: all of them, then their members. `known` are references to drafts, which no store can
    /// resolve yet.
    pub(crate) async fn decide(
        &self,
        drafts: &[Draft],
        known: &HashMap<String, Key>,
    ) -> Result<Decision, Failure> {
        let mut decision = Decision::default();
        for draft in drafts {
            decision.append(draft.decision.clone());
        }
        let arriving =
            drafts.iter().filter_map(|draft| Some((draft.external_id.clone()?, draft.key.clone()))).collect();
        for draft in drafts.iter().filter(|draft| !draft.edges.is_empty()) {
            let mut planner = MemberPlanner::default();
            planner.add(self.references(&draft.edges, known, &arriving).await?);
            let plan = planner.finish();
            self.refuse_unknown(&plan, &draft.key)?;
            decision.append(plan.decide(&draft.key, draft.name.as_deref(), &[], None));
        }
        Ok(decision)
    }
}

/// The record that a commit created.
pub(crate) fn created(
    key: &Key,
    changes: &[Change],
    committed: &scim_directory::Committed,
    now: scim_core::instant::Timestamp,
) -> Record {
    let record = Record {
        key: key.clone(),
        version: Version(1),
        membership: 0,
        created: now,
        modified: now,
        external_id: None,
        display: None,
        manager: None,
        managed_by: None,
        direct_manager: None,
        account: None,
        document: Vec::new(),
    };
    record_after(record, changes, written(key, changes), committed)
}
