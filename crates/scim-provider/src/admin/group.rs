//! Groups: looked at, brought in.

use std::collections::HashMap;
use std::io::BufRead;
use std::sync::Arc;

use scim_core::text::Matching;
use scim_directory::{Action, Fact, Instance, Question, Record, ResourceId, Target};
use scim_lifecycle::{MemberPlanner, Policy, Reference, create_group};
use scim_storage::{CommitError, Direction, Edge, EdgeQuery, HeldEdge, Keyset, Want};
use serde_json::Value;

use super::account::{AccountPage, ImportOutcome, ImportReader, ImportRow, ImportSummary, Rejected};
use super::{Admin, AdminError};
use crate::admin::account::{account_refused, page_query, scope};

/// Edges read at once.
const EDGES: usize = 10_000;

/// A group that a line describes.
struct Line {
    line: u64,
    name: String,
    members: Vec<String>,
}

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

    /// Brings the groups of a file in: unmanaged, with their members by user name. `told` hears of each line. Groups that
    /// are there already are left alone; a line with a member whom nobody knows is rejected whole.
    ///
    /// # Errors
    /// [`AdminError::Invalid`] where the file has no column for the name; what is wrong with a line is told, not an error.
    pub async fn group_import<R: BufRead>(
        &self,
        instance: &Instance,
        reader: ImportReader<R>,
        mut told: impl FnMut(&ImportOutcome),
    ) -> Result<ImportSummary, AdminError> {
        let policy = self.policy(instance).await?;
        let columns = reader.columns();
        if let Some(column) = columns.iter().find(|column| meaning(column).is_none()) {
            return Err(AdminError::Invalid(format!(
                "{column:?} is no column of groups; they are DisplayName and Members"
            )));
        }
        if !columns.is_empty() && !columns.iter().any(|column| meaning(column) == Some("DisplayName")) {
            return Err(AdminError::Invalid("the file has no column DisplayName".to_owned()));
        }
        let mut summary = ImportSummary::default();
        for row in reader {
            let outcome = match row.and_then(line) {
                Ok(line) => self.import_group(instance, &policy, line).await?,
                Err(rejected) => ImportOutcome::Rejected(rejected),
            };
            summary.count(&outcome);
            told(&outcome);
        }
        Ok(summary)
    }

    async fn import_group(
        &self,
        instance: &Instance,
        policy: &Policy,
        line: Line,
    ) -> Result<ImportOutcome, AdminError> {
        let Line { line, name, members } = line;
        let rejected =
            |reason: String| ImportOutcome::Rejected(Rejected { line, name: Some(name.clone()), reason });
        let Some(group_type) = policy.group_type() else {
            return Err(AdminError::Invalid("this server has no resource type for groups".to_owned()));
        };
        if self.group_of(policy, instance, &name).await?.is_some() {
            return Ok(ImportOutcome::There);
        }
        let questions: Vec<Question> = members.iter().cloned().map(Question::Target).collect();
        let facts = self.store.facts(&scope(instance), &questions).await?;
        let mut targets = HashMap::new();
        for (member, fact) in members.iter().zip(facts) {
            match fact {
                Fact::Target(target @ Target::Live(_)) => {
                    targets.insert(member.clone(), target);
                }
                _ => {
                    return Ok(rejected(format!(
                        "the member {member:?} is not there; import the accounts first"
                    )));
                }
            }
        }
        let id = ResourceId::new(self.source.uuid());
        let (key, mut decision) = create_group(group_type, id, &name, Action::Imported, Vec::new());
        if !members.is_empty() {
            let sent: Vec<_> = members.into_iter().map(|member| (member, None)).collect();
            let mut planner = MemberPlanner::default();
            planner.add(Reference::pair(&sent, &targets));
            decision.append(planner.finish().decide(&key, Some(&name), &[], None));
        }
        let request_id = self.source.uuid().to_string();
        match self.commit_decision(instance.id, &request_id, decision).await {
            Ok(_) => Ok(ImportOutcome::Imported),
            Err(CommitError::Store(error)) => Err(error.into()),
            Err(CommitError::Duplicate { .. }) => Ok(ImportOutcome::There),
            Err(error) => Ok(rejected(account_refused(error).to_string())),
        }
    }
}

/// The column that a name means.
fn meaning(column: &str) -> Option<&'static str> {
    let plain: String =
        column.chars().filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    match plain.as_str() {
        "displayname" | "name" | "group" => Some("DisplayName"),
        "members" => Some("Members"),
        _ => None,
    }
}

fn line(row: ImportRow) -> Result<Line, Rejected> {
    let ImportRow { line, values } = row;
    let (mut name, mut members) = (None, Vec::new());
    for (column, value) in values {
        match (meaning(&column), value) {
            (Some("DisplayName"), Value::String(text)) if !text.trim().is_empty() => {
                name = Some(text.trim().to_owned());
            }
            (Some("Members"), Value::String(text)) => {
                members.extend(
                    text.split(';').map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned),
                );
            }
            (Some("Members"), Value::Array(list)) => {
                for member in list {
                    match member {
                        Value::String(text) => members.push(text),
                        other => {
                            let reason = format!("Members: {other} is no user name");
                            return Err(Rejected { line, name, reason });
                        }
                    }
                }
            }
            (Some(_), Value::Null | Value::String(_)) => {}
            (Some(column), other) => {
                return Err(Rejected { line, name, reason: format!("{column}: {other} is no text") });
            }
            (None, _) => {
                let reason = format!("{column:?} is no member of groups; they are DisplayName and Members");
                return Err(Rejected { line, name, reason });
            }
        }
    }
    match name {
        Some(name) => Ok(Line { line, name, members }),
        None => Err(Rejected { line, name, reason: "DisplayName is missing".to_owned() }),
    }
}
