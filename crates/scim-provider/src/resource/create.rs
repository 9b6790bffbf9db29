//! `POST /Users` (RFC 7644 §3.3).

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use scim_core::Note;
use scim_core::resource::{EdgeValue, Resource, ingest};
use scim_core::schema::ResourceType;
use scim_directory::{Committed, Fact, Key, Record, ResourceId, Version};
use scim_lifecycle::{Arrival, Decision, Existing, MemberPlanner, Policy};
use scim_storage::CommitError;
use serde_json::Value;

use super::write::{Left, left, record_after};
use super::{ATTEMPTS, Operation, resource_of};
use crate::Response;
use crate::access::Verb;
use crate::failure::{Failure, commit_failure};

/// A resource that was checked and has an id, but is not decided on yet.
pub(crate) struct Draft {
    resource_type: Arc<ResourceType>,
    /// Its id, where nobody is there already.
    id: ResourceId,
    resource: Resource,
    /// Whether it is active only because the client did not say otherwise.
    active_by_default: bool,
    external_id: Option<String>,
    edges: Vec<EdgeValue>,
    notes: Vec<Note>,
    existing: Existing,
    /// What the document of [`Existing::Unmanaged`] holds.
    before: Option<Resource>,
}

impl Draft {
    /// The key under which the resource will be known.
    pub(crate) fn key(&self) -> Key {
        let id = self.existing.id().unwrap_or(self.id);
        Key { resource_type: Arc::clone(&self.resource_type.name), id }
    }

    /// Takes over who is there already, from an earlier draft of the same resource.
    pub(crate) fn take_existing(&mut self, earlier: Self) {
        (self.existing, self.before) = (earlier.existing, earlier.before);
    }

    /// What the client sent of the resource.
    fn sent(&self) -> Cow<'_, Resource> {
        // Nobody asks but where it is laid over an account that is there.
        if !self.active_by_default || self.before.is_none() {
            return Cow::Borrowed(&self.resource);
        }
        let mut sent = self.resource.clone();
        sent.attributes_mut().shift_remove("active");
        Cow::Owned(sent)
    }

    /// Whom the log of a refusal is about.
    pub(crate) fn name(&self) -> Option<&str> {
        self.resource.text("userName").or_else(|| self.resource.text("displayName"))
    }

    /// The record that a commit created, or changed; what is left of it is taken.
    pub(crate) fn committed(
        &self,
        left: &mut [Option<Left>],
        committed: &Committed,
        now: scim_core::instant::Timestamp,
    ) -> Record {
        let key = self.key();
        let record = match &self.existing {
            Existing::Unmanaged(record) => Record::clone(record),
            Existing::Deleted(tombstone) => Record { created: tombstone.created, ..new_record(&key, now) },
            Existing::Nobody => new_record(&key, now),
        };
        record_after(record, left, committed)
    }
}

fn new_record(key: &Key, now: scim_core::instant::Timestamp) -> Record {
    Record {
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
        document: Vec::new().into(),
    }
}

impl Operation<'_> {
    /// Creates a resource. Whoever is there already, unmanaged, is picked up; who was deleted not long ago comes back.
    pub(crate) async fn create(
        &self,
        resource_type: &Arc<ResourceType>,
        body: Value,
    ) -> Result<Response, Failure> {
        self.names(&resource_type.name, name_in(&body).as_deref());
        self.may(resource_type, Verb::Create)?;
        let mut draft = self.draft(resource_type, ResourceId::new(self.provider.source.uuid()), body).await?;
        for attempt in 0..ATTEMPTS {
            let policy = self.policy(attempt > 0).await?;
            if attempt == 0 && shares_names(&policy, resource_type) {
                self.look_for_existing(&policy, &mut draft).await?;
            }
            let decision = self.decide(&policy, std::slice::from_ref(&draft), &HashMap::new()).await?;
            let mut left = left(&decision.changes);
            match self.commit(decision).await {
                Ok(committed) => {
                    let record = draft.committed(&mut left, &committed, self.request.now);
                    return self.answer(201, resource_type, &record).await;
                }
                Err(CommitError::Conflict) => {
                    self.look_for_existing(&policy, &mut draft).await?;
                }
                Err(error) => {
                    let named = matches!(error, CommitError::Duplicate { .. });
                    if !named || !self.look_for_existing(&policy, &mut draft).await? {
                        return Err(commit_failure(error));
                    }
                }
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
        let mut inbound = ingest(resource_type, body, self.caller.dialect)?;
        self.log_notes(&inbound.notes);
        let (notes, external_id) = (std::mem::take(&mut inbound.notes), inbound.external_id.take());
        let edges = inbound.edges.take().unwrap_or_default();
        let sent = inbound.resource.attributes().len();
        let mut resource = inbound.into_created(resource_type)?;
        let active_by_default = resource.attributes().len() > sent;
        self.settle_password(resource_type, None, &mut resource).await?;
        Ok(Draft {
            resource_type: Arc::clone(resource_type),
            id,
            resource,
            active_by_default,
            external_id,
            edges,
            notes,
            existing: Existing::Nobody,
            before: None,
        })
    }

    /// Finds out who is there already for a draft; whether that is somebody else than was known.
    pub(crate) async fn look_for_existing(
        &self,
        policy: &Policy,
        draft: &mut Draft,
    ) -> Result<bool, Failure> {
        let questions = self.occasion(policy, |on| {
            Existing::questions(on, &draft.resource_type, &draft.resource, draft.external_id.as_deref())
        });
        if questions.is_empty() {
            return Ok(false);
        }
        let known = draft.existing.id();
        let facts = self.provider.facts(self.caller, &questions).await?;
        (draft.existing, draft.before) = (Existing::Nobody, None);
        let mut deleted = None;
        for fact in facts {
            match fact {
                Fact::Records(records) => {
                    if let Some(record) = records.into_iter().find(|record| record.managed_by.is_none()) {
                        draft.before = Some(resource_of(&record)?);
                        draft.existing = Existing::Unmanaged(Box::new(record));
                    }
                }
                Fact::Deleted(tombstone) => deleted = tombstone,
                _ => {}
            }
        }
        if let (Existing::Nobody, Some(tombstone)) = (&draft.existing, deleted) {
            draft.existing = Existing::Deleted(tombstone);
        }
        Ok(draft.existing.id() != known)
    }

    /// Decides on drafts together: all of them, then their members. `known` are references to drafts, which no store can
    /// resolve yet.
    pub(crate) async fn decide(
        &self,
        policy: &Policy,
        drafts: &[Draft],
        known: &HashMap<String, Key>,
    ) -> Result<Decision, Failure> {
        let mut decision = Decision::default();
        for draft in drafts {
            let sent = draft.sent();
            let one = self
                .decided(policy, |on, facts| {
                    let arrival = Arrival {
                        id: draft.id,
                        resource: &draft.resource,
                        sent: &sent,
                        external_id: draft.external_id.as_deref(),
                        notes: &draft.notes,
                        existing: &draft.existing,
                        before: draft.before.as_ref(),
                    };
                    scim_lifecycle::create(on, facts, &draft.resource_type, arrival)
                })
                .await?;
            decision.append(one);
        }
        let arriving =
            drafts.iter().filter_map(|draft| Some((draft.external_id.clone()?, draft.key()))).collect();
        for draft in drafts.iter().filter(|draft| !draft.edges.is_empty()) {
            let mut planner = MemberPlanner::default();
            planner.add(self.references(&draft.edges, known, &arriving).await?);
            let plan = planner.finish();
            let key = draft.key();
            self.refuse_unknown(&plan, &key)?;
            decision.append(plan.decide(&key, draft.resource.text("displayName"), &[], None));
        }
        Ok(decision)
    }
}

/// Whether resources of that type have names by which they are picked up, but which are not unique: then nothing else
/// tells that somebody is there.
fn shares_names(policy: &Policy, resource_type: &ResourceType) -> bool {
    resource_type.edge_attribute().is_some() && !policy.settings().unique_group_names
}

/// The name in a body that was not checked yet, for the log.
fn name_in(body: &Value) -> Option<String> {
    let of = |wanted: &str| {
        let (_, value) = body.as_object()?.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted))?;
        value.as_str().map(|text| first_characters(text).to_owned())
    };
    of("userName").or_else(|| of("displayName"))
}

/// As much of a name as the log keeps.
fn first_characters(text: &str) -> &str {
    const MOST: usize = 256;
    // A character has at least one byte.
    let end = if text.len() <= MOST { None } else { text.char_indices().nth(MOST) };
    end.and_then(|(at, _)| text.get(..at)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::first_characters;

    #[test]
    fn a_name_is_cut_between_characters() {
        for text in ["", "a", "é"] {
            for count in [1, 127, 128, 129, 255, 256, 257, 300] {
                let name = text.repeat(count);
                let expected: String = name.chars().take(256).collect();
                assert_eq!(first_characters(&name), expected, "{count} times {text:?}");
            }
        }
    }
}
