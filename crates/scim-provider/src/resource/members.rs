//! Members of a group: what references mean, and what a list of edits comes to.

use std::collections::HashMap;

use scim_core::patch::MemberEdit;
use scim_core::resource::EdgeValue;
use scim_core::{ScimType, Tolerance};
use scim_directory::{Fact, Key, Question, Record, ResourceId, Target};
use scim_lifecycle::{MemberPlan, MemberPlanner, Reference};
use scim_storage::{Direction, Edge, EdgePage, EdgeQuery, HeldEdge};
use serde_json::json;

use super::Operation;
use crate::failure::{Failure, store_failure};

/// How many edges are read at once.
const EDGE_BATCH: usize = 10_000;
/// Of how many references that are to leave a group's members are still counted with them.
const FEW_LEAVING: usize = 100;

/// What edits of members come to.
pub(crate) struct Planned {
    pub(crate) plan: MemberPlan,
    /// The members that the group has now, where the plan takes knowing them.
    pub(crate) present: Vec<ResourceId>,
    /// So many members are left when the plan is done, at least: as many as were looked for.
    pub(crate) left: usize,
}

impl Operation<'_> {
    /// What references mean, in one round trip: to resources that have an id but no record yet (`known`), to those that
    /// the store has, or to what the same change set gives this `externalId` (`arriving`).
    pub(crate) async fn references(
        &self,
        edges: &[EdgeValue],
        known: &HashMap<String, Key>,
        arriving: &HashMap<String, Key>,
    ) -> Result<Vec<Reference>, Failure> {
        let targets = self.targets(edges.iter().map(|edge| &edge.value), known, arriving, &mut None).await?;
        Ok(Reference::pair(&sent(edges), &targets))
    }

    /// What texts mean; and how many members a group has, where that is to be counted.
    async fn targets<'t>(
        &self,
        texts: impl Iterator<Item = &'t String>,
        known: &HashMap<String, Key>,
        arriving: &HashMap<String, Key>,
        size: &mut Option<Size>,
    ) -> Result<HashMap<String, Target>, Failure> {
        let mut targets: HashMap<String, Target> = HashMap::new();
        let mut questions = Vec::new();
        for text in texts {
            match known.get(text) {
                Some(key) => {
                    targets.insert(text.clone(), Target::Live(key.clone()));
                }
                None => questions.push(Question::Target(text.clone())),
            }
        }
        if questions.is_empty() {
            return Ok(targets);
        }
        if let Some(Size::Asked(question)) = size {
            questions.push(question.clone());
        }
        let facts = self.provider.facts(self.caller, &questions).await?;
        for (question, fact) in questions.into_iter().zip(facts) {
            match (question, fact) {
                (Question::Target(text), Fact::Target(target)) => {
                    let target = match (target, arriving.get(&text)) {
                        (Target::Unknown, Some(key)) => Target::Live(key.clone()),
                        (target, _) => target,
                    };
                    targets.insert(text, target);
                }
                (_, Fact::Count(members)) => {
                    *size = Some(Size::Counted(usize::try_from(members).unwrap_or(usize::MAX)));
                }
                _ => {}
            }
        }
        Ok(targets)
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

    /// The net effect of edits. `external_id` is the one that the group has afterwards.
    pub(crate) async fn plan(
        &self,
        group: &Record,
        external_id: Option<&str>,
        edits: &[MemberEdit],
    ) -> Result<Planned, Failure> {
        let (mut planner, none) = (MemberPlanner::default(), HashMap::new());
        let mut size = self.size_of(group.key.id, edits);
        let own = external_id.map(|text| (text.to_owned(), group.key.clone())).into_iter().collect();
        // All whom the edits name, at once.
        let named = edits.iter().flat_map(|edit| match edit {
            MemberEdit::Add(edges) | MemberEdit::Replace(edges) => {
                edges.iter().map(|edge| &edge.value).collect::<Vec<_>>()
            }
            MemberEdit::Remove(texts) => texts.iter().collect(),
            MemberEdit::RemoveAll | MemberEdit::RemoveWhere(_) => Vec::new(),
        });
        let targets = self.targets(named, &none, &own, &mut size).await?;
        let mut present: Option<(Vec<Edge>, Vec<HeldEdge>)> = None;
        for edit in edits {
            match edit {
                MemberEdit::Add(edges) => planner.add(Reference::pair(&sent(edges), &targets)),
                MemberEdit::Remove(texts) => {
                    let sent: Vec<_> = texts.iter().map(|text| (text.clone(), None)).collect();
                    planner.remove(Reference::pair(&sent, &targets));
                }
                MemberEdit::RemoveAll => planner.clear(),
                MemberEdit::Replace(edges) => {
                    planner.clear();
                    planner.add(Reference::pair(&sent(edges), &targets));
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
        let left = match size {
            Some(Size::Counted(members)) if !plan.cleared => members.saturating_sub(plan.leaving()),
            _ => 0,
        };
        Ok(Planned { plan, present, left })
    }

    /// How large a group is, to be counted when references are looked up: up to what tells whether its PATCH is answered with its
    /// members, whatever the edits do. `None` where that does not matter, or would have to be counted far.
    fn size_of(&self, group: ResourceId, edits: &[MemberEdit]) -> Option<Size> {
        let leave = |edit: &MemberEdit| match edit {
            MemberEdit::Add(_) => Some(0),
            MemberEdit::Remove(texts) => Some(texts.len()),
            MemberEdit::RemoveAll | MemberEdit::Replace(_) | MemberEdit::RemoveWhere(_) => None,
        };
        let leaving = edits.iter().map(leave).sum::<Option<usize>>()?;
        if self.says_what_to_show() || leaving > FEW_LEAVING {
            return None;
        }
        let most = self.provider.limits.max_patch_answer_members.saturating_add(1).saturating_add(leaving);
        Some(Size::Asked(Question::Members { group, most }))
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

    /// The members that a group's PATCH is answered with, and what it holds; `None` where it has more of them.
    pub(crate) async fn members_if_few(&self, group: ResourceId) -> Result<Option<EdgePage>, Failure> {
        let limit = self.provider.limits.max_patch_answer_members;
        let query =
            EdgeQuery { of: vec![group], direction: Direction::Members, only: None, after: None, limit };
        let page = self.provider.store.edges(&self.caller.scope, &query).await;
        Ok(Some(page.map_err(|error| store_failure(&error))?).filter(|page| !page.more))
    }
}

/// References as they were sent: texts, each with its `type`.
fn sent(edges: &[EdgeValue]) -> Vec<(String, Option<String>)> {
    edges.iter().map(|edge| (edge.value.clone(), edge.kind.clone())).collect()
}

/// How many members a group has.
enum Size {
    /// That is asked with what references mean.
    Asked(Question),
    /// So many, or more.
    Counted(usize),
}
