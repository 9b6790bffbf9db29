//! Lines that describe groups, perhaps with their members.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use scim_core::text::Matching;
use scim_directory::{Action, Fact, Key, Question, ResourceId, Target};
use scim_lifecycle::{Decision, MemberPlanner, Reference, create_group};
use serde_json::Value;

use super::account::text;
use super::columns::Cell;
use super::reader::ImportRow;
use super::run::Run;
use super::{Becomes, Item, Planned};
use crate::admin::account::scope;
use crate::admin::{Admin, AdminError};

/// Questions that are asked at once: few enough for a read between others.
const QUESTIONS: usize = 1000;
/// Names of members that a reason lists.
const MAX_NAMED: usize = 5;

/// A group that a line describes.
struct Line {
    name: String,
    /// The name as it compares.
    key: String,
    /// Each once.
    members: Vec<String>,
}

impl Admin {
    /// Decides on lines that describe groups; a group with many members in several parts. `earlier` is what lines before
    /// them bring.
    pub(super) async fn decide_groups(
        &self,
        run: &mut Run<'_>,
        rows: &[ImportRow],
        earlier: &Planned,
        planned: &mut Planned,
    ) -> Result<Vec<Item>, AdminError> {
        let policy = Arc::clone(&run.policy);
        let Some(group_type) = policy.group_type() else { return Err(no_groups()) };
        let lines: Vec<_> = rows.iter().map(|row| (row.line, group_line(run, row))).collect();
        let right = lines.iter().filter_map(|(_, line)| line.as_ref().ok());
        let names: Vec<Question> =
            right.clone().map(|line| group_named(&group_type.name, &line.key)).collect();
        let mut known = self.many_facts(run, names).await?.into_iter();
        let targets = self.targets(run, right.flat_map(|line| &line.members)).await?;
        let mut items = Vec::with_capacity(lines.len());
        for (number, line) in lines {
            let line = match line {
                Ok(line) => line,
                Err((key, reason)) => {
                    items.push(Item::rejected(number, key, reason));
                    continue;
                }
            };
            let there = match known.next() {
                Some(Fact::Records(records)) => records.into_iter().next(),
                _ => None,
            };
            let within = run.within(number);
            let begun = there.as_ref().filter(|_| within > 0).map(|record| record.key.clone());
            let taken =
                there.is_some() || earlier.names.contains(&line.key) || planned.names.contains(&line.key);
            if begun.is_none() && taken {
                items.push(Item::there(number, line.name));
                continue;
            }
            if let Some(reason) = strangers(&line.members, &targets) {
                items.push(Item::rejected(number, Some(line.name), reason));
                continue;
            }
            planned.names.insert(line.key);
            let (group, mut decision) = match begun {
                Some(group) => (group, Decision::default()),
                None => {
                    let id = ResourceId::new(self.source.uuid());
                    create_group(group_type, id, &line.name, Action::Imported, Vec::new())
                }
            };
            let mut done = usize::try_from(within).unwrap_or(usize::MAX).min(line.members.len());
            loop {
                let rest = line.members.get(done..).unwrap_or_default();
                let part = rest.get(..run.weight.min(rest.len())).unwrap_or_default();
                decision.append(joining(part, &targets, &group, &line.name));
                done += part.len();
                let last = done >= line.members.len();
                items.push(Item {
                    line: number,
                    key: Some(line.name.clone()),
                    within: if last { 0 } else { u64::try_from(done).unwrap_or(u64::MAX) },
                    weight: part.len() + 1,
                    becomes: Becomes::Imported,
                    decision: std::mem::take(&mut decision),
                });
                if last {
                    break;
                }
            }
        }
        Ok(items)
    }

    /// What references mean, each asked for once.
    pub(super) async fn targets<'r>(
        &self,
        run: &Run<'_>,
        references: impl Iterator<Item = &'r String>,
    ) -> Result<HashMap<String, Target>, AdminError> {
        let mut seen = HashSet::new();
        let distinct: Vec<&String> = references.filter(|reference| seen.insert(*reference)).collect();
        let questions = distinct.iter().map(|reference| Question::Target((*reference).clone())).collect();
        let facts = self.many_facts(run, questions).await?;
        let targets = distinct.into_iter().zip(facts).map(|(reference, fact)| match fact {
            Fact::Target(target) => (reference.clone(), target),
            _ => (reference.clone(), Target::Unknown),
        });
        Ok(targets.collect())
    }

    /// Answers to any number of questions, so many at a time that nobody waits for them.
    pub(super) async fn many_facts(
        &self,
        run: &Run<'_>,
        questions: Vec<Question>,
    ) -> Result<Vec<Fact>, AdminError> {
        let mut facts = Vec::with_capacity(questions.len());
        for some in questions.chunks(QUESTIONS) {
            facts.extend(self.store.facts(&scope(run.instance), some).await?);
        }
        Ok(facts)
    }
}

/// The groups of that display name.
pub(super) fn group_named(group_type: &Arc<str>, key: &str) -> Question {
    Question::Named { resource_type: Arc::clone(group_type), path: "displayName", key: key.to_owned() }
}

/// That these members, who are there, join a group.
pub(super) fn joining(
    members: &[String],
    targets: &HashMap<String, Target>,
    group: &Key,
    name: &str,
) -> Decision {
    if members.is_empty() {
        return Decision::default();
    }
    let references = members.iter().map(|member| Reference {
        text: member.clone(),
        kind: None,
        target: targets.get(member).cloned().unwrap_or(Target::Unknown),
    });
    let mut planner = MemberPlanner::default();
    planner.add(references);
    planner.finish().decide(group, Some(name), &[], None)
}

/// Why members cannot join: some of them are not there.
pub(super) fn strangers(members: &[String], targets: &HashMap<String, Target>) -> Option<String> {
    let unknown = members.iter().filter(|member| !matches!(targets.get(*member), Some(Target::Live(_))));
    let named: Vec<String> = unknown.clone().take(MAX_NAMED).map(|member| format!("{member:?}")).collect();
    let more = unknown.count().saturating_sub(named.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    match named.as_slice() {
        [] => None,
        [one] => Some(format!("the member {one} is not there; import the accounts first")),
        many => {
            Some(format!("the members {}{more} are not there; import the accounts first", many.join(", ")))
        }
    }
}

pub(super) fn no_groups() -> AdminError {
    AdminError::Invalid("this server has no resource type for groups".to_owned())
}

/// The group that a row describes; the name, where it could be read, and what is wrong.
fn group_line(run: &mut Run<'_>, row: &ImportRow) -> Result<Line, (Option<String>, String)> {
    let cells = row.read.as_ref().map_err(|reason| (None, reason.clone()))?;
    let (mut name, mut members) = (None, Vec::new());
    let read = run.columns.read(cells, |part, cell| {
        if part == "DisplayName" {
            name = text(cell).map_err(|reason| format!("{part}: {reason}"))?;
            return Ok(());
        }
        match cell {
            Cell::Text(text) => {
                members.extend(
                    text.split(';').map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned),
                );
            }
            Cell::Json(Value::Null) => {}
            Cell::Json(Value::Array(list)) => {
                for member in list {
                    match member {
                        Value::String(text) => members.push(text.trim().to_owned()),
                        other => return Err(format!("Members: {other} is no user name")),
                    }
                }
            }
            Cell::Json(other) => return Err(format!("Members: {other} is no list of user names")),
        }
        Ok(())
    });
    let name = name.map(|name: String| name.trim().to_owned()).filter(|name| !name.is_empty());
    match (name, read) {
        (Some(name), Ok(())) => {
            let mut seen = HashSet::with_capacity(members.len());
            members.retain(|member| seen.insert(Matching::UserName.key(member).into_owned()));
            let key = Matching::IgnoreCase.key(&name).into_owned();
            Ok(Line { name, key, members })
        }
        (name, Err(reason)) => Err((name, reason)),
        (None, Ok(())) => Err((None, "DisplayName is missing".to_owned())),
    }
}
