//! Members of a group: what references mean, and what a list of edits comes to.

use std::collections::HashMap;

use scim_core::patch::MemberEdit;
use scim_core::resource::EdgeValue;
use scim_core::{ScimType, Tolerance};
use scim_directory::{Fact, Key, Question, Record, ResourceId, Target};
use scim_lifecycle::{MemberPlan, MemberPlanner, Reference};
use scim_storage::{Direction, Edge, EdgeQuery, HeldEdge};
use serde_json::json;

use super::Operation;
use crate::failure::{Failure, store_failure};

/// How many edges are read at once.
const EDGE_BATCH: usize = 10_000;

impl Operation<'_> {
    /// What references mean, in one round trip: to resources that have an id but no record yet (`known`), to those that
    /// the store has, or to what the same change set gives this `externalId` (`arriving`).
    pub(crate) async fn references(
        &self,
        edges: &[EdgeValue],
        known: &HashMap<String, Key>,
        arriving: &HashMap<String, Key>,
    ) -> Result<Vec<Reference>, Failure> {
        let sent: Vec<_> = edges.iter().map(|edge| (edge.value.clone(), edge.kind.clone())).collect();
        self.resolve(&sent, known, arriving).await
    }

    async fn resolve(
        &self,
        sent: &[(String, Option<String>)],
        known: &HashMap<String, Key>,
        arriving: &HashMap<String, Key>,
    ) -> Result<Vec<Reference>, Failure> {
        let mut targets: HashMap<String, Target> = HashMap::new();
        let mut questions = Vec::new();
        for (text, _) in sent {
            match known.get(text) {
                Some(key) => {
                    targets.insert(text.clone(), Target::Live(key.clone()));
                }
                None => questions.push(Question::Target(text.clone())),
            }
        }
        if !questions.is_empty() {
            let facts = self.provider.facts(self.caller, &questions).await?;
            for (question, fact) in questions.into_iter().zip(facts) {
                let (Question::Target(text), Fact::Target(mut target)) = (question, fact) else { continue };
                if let (Target::Unknown, Some(key)) = (&target, arriving.get(&text)) {
                    target = Target::Live(key.clone());
                }
                targets.insert(text, target);
            }
        }
        Ok(Reference::pair(sent, &targets))
    }

    /// 400 where a strict connector names members that nobody knows, or a group is its own member.
    pub(crate) fn refuse_unknown(&self, plan: &MemberPlan, group: &Key) -> Result<(), Failure> {
        if plan.adds(group.id) {
            return Err(Failure::scim(ScimType::InvalidValue, "members: a group cannot be its own member"));
        }
        let unknown = plan.unknown();
        if let Some(reference) = unknown.iter().find(|reference| reference.starts_with("bulkId:")) {
            return Err(Failure::scim(
                ScimType::InvalidValue,
                format!("members: {reference} names no operation of this request that creates a resource"),
            ));
        }
        if !unknown.is_empty() && !self.caller.dialect.tolerates(Tolerance::HoldUnknownMembers) {
            let shown: Vec<_> = unknown.iter().take(20).copied().collect();
            return Err(Failure::scim(
                ScimType::InvalidValue,
                format!(
                    "members: {} of these ids do not exist; create them first: {}",
                    unknown.len(),
                    shown.join(", ")
                ),
            ));
        }
        Ok(())
    }

    /// The net effect of edits, and the members that the group has now where that takes knowing them. `external_id` is
    /// the one that the group has afterwards.
    pub(crate) async fn plan(
        &self,
        group: &Record,
        external_id: Option<&str>,
        edits: &[MemberEdit],
    ) -> Result<(MemberPlan, Vec<ResourceId>), Failure> {
        let (mut planner, none) = (MemberPlanner::default(), HashMap::new());
        let own = external_id.map(|text| (text.to_owned(), group.key.clone())).into_iter().collect();
        let mut present: Option<(Vec<Edge>, Vec<HeldEdge>)> = None;
        for edit in edits {
            match edit {
                MemberEdit::Add(edges) => planner.add(self.references(edges, &none, &own).await?),
                MemberEdit::Remove(texts) => {
                    let sent: Vec<_> = texts.iter().map(|text| (text.clone(), None)).collect();
                    planner.remove(self.resolve(&sent, &none, &own).await?);
                }
                MemberEdit::RemoveAll => planner.clear(),
                MemberEdit::Replace(edges) => {
                    let references = self.references(edges, &none, &own).await?;
                    planner.clear();
                    planner.add(references);
                }
                MemberEdit::RemoveWhere(condition) => {
                    if present.is_none() {
                        present = Some(self.members(group.key.id).await?);
                    }
                    let (edges, held) = present.get_or_insert_default();
                    let here = edges.iter().filter(|edge| !planner.has_left(edge.other)).map(|edge| {
                        let key = Key { resource_type: edge.resource_type.clone(), id: edge.other };
                        let element = json!({
                            "value": edge.other.to_string(), "display": edge.display, "type": &*edge.resource_type
                        });
                        (edge.other.to_string(), Target::Live(key), element)
                    });
                    // Those whom an earlier operation of this request brought, and those who are waited for.
                    let joined = planner.joined().map(|key| {
                        let element = json!({ "value": key.id.to_string(), "type": &*key.resource_type });
                        (key.id.to_string(), Target::Live(key.clone()), element)
                    });
                    let awaited = held.iter().filter(|_| !planner.is_cleared()).map(|held| {
                        let element = json!({ "value": held.reference, "type": held.kind });
                        (held.reference.clone(), Target::Unknown, element)
                    });
                    let matching: Vec<Reference> = here
                        .chain(joined)
                        .chain(awaited)
                        .filter(|(_, _, element)| condition.matches_element(element))
                        .map(|(text, target, _)| Reference { text, kind: None, target })
                        .collect();
                    planner.remove(matching);
                }
            }
        }
        let plan = planner.finish();
        self.refuse_unknown(&plan, &group.key)?;
        let present = match (plan.cleared, present) {
            (false, _) => Vec::new(),
            (true, Some((edges, _))) => edges.iter().map(|edge| edge.other).collect(),
            (true, None) => self.members(group.key.id).await?.0.iter().map(|edge| edge.other).collect(),
        };
        Ok((plan, present))
    }

    /// Every member of a group, and the references that are held for it.
    async fn members(&self, group: ResourceId) -> Result<(Vec<Edge>, Vec<HeldEdge>), Failure> {
        let (mut members, mut held) = (Vec::new(), Vec::new());
        let mut after = None;
        loop {
            let query = EdgeQuery {
                of: vec![group],
                direction: Direction::Members,
                only: None,
                after,
                limit: EDGE_BATCH,
            };
            let page = self.provider.store.edges(&self.caller.scope, &query).await;
            let page = page.map_err(|error| store_failure(&error))?;
            after = page.edges.last().map(|edge| (edge.of, edge.other));
            members.extend(page.edges);
            held.extend(page.held);
            if !page.more {
                return Ok((members, held));
            }
        }
    }

    /// Whether a group has more members than its PATCH is answered with.
    pub(crate) async fn is_large(&self, group: ResourceId) -> Result<bool, Failure> {
        let limit = self.provider.limits.max_patch_answer_members;
        let query = EdgeQuery {
            of: vec![group],
            direction: Direction::Members,
            only: None,
            after: None,
            limit: limit.saturating_add(1),
        };
        let page = self.provider.store.edges(&self.caller.scope, &query).await;
        Ok(page.map_err(|error| store_failure(&error))?.edges.len() > limit)
    }
}
