//! Groups as the application makes and changes them. What a connector manages may be changed too, as accounts may: the last
//! one wins, and the log shows both.

use std::collections::HashMap;
use std::sync::Arc;

use scim_core::resource::{Document, Resource, canonical};
use scim_core::schema::ResourceType;
use scim_directory::{Action, Fact, Instance, Key, Question, Record, ResourceId, Target};
use scim_lifecycle::{
    Decision, Facts, MemberPlanner, Occasion, Policy, Reference, Stop, Update, create_group,
};
use scim_storage::{CommitError, Direction, EdgePage, EdgeQuery, StoreError, Want};

use super::account::{account_refused, overtaken, scope};
use super::{Admin, AdminError};
use crate::resource::ATTEMPTS;

/// The most characters of a group's display name.
const MAX_NAME_CHARS: usize = 1_000;

/// What becomes of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Membership {
    /// It joins.
    Joins,
    /// It leaves.
    Leaves,
}

impl Admin {
    /// The group of that id, document included.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] where there is none.
    pub async fn group_show(&self, instance: &Instance, id: ResourceId) -> Result<Record, AdminError> {
        let policy = self.policy(instance).await?;
        self.group_with_id(&policy, instance, id).await
    }

    async fn group_with_id(
        &self,
        policy: &Policy,
        instance: &Instance,
        id: ResourceId,
    ) -> Result<Record, AdminError> {
        let key = Key { resource_type: group_type(policy)?.name.clone(), id };
        let found = self.store.get(&scope(instance), &key, Want::RECORD).await?;
        found.ok_or_else(|| {
            AdminError::NotFound(format!("the instance {:?} has no group of the id {id}", instance.name))
        })
    }

    /// Members of a group in ascending order of their ids, after that one, at most so many; with the first page the
    /// references that are waited for, at most as many.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn group_member_page(
        &self,
        instance: &Instance,
        group: ResourceId,
        after: Option<ResourceId>,
        limit: usize,
    ) -> Result<EdgePage, AdminError> {
        let after = after.map(|member| (group, member));
        let query = EdgeQuery { of: vec![group], direction: Direction::Members, only: None, after, limit };
        Ok(self.store.edges(&scope(instance), &query).await?)
    }

    /// Makes an unmanaged group with these members, each an id or a user name.
    ///
    /// # Errors
    /// [`AdminError::Invalid`] where the name is none, or a member is not there; [`AdminError::Taken`] where the instance
    /// wants group names to be unique, and another group has it.
    pub async fn group_create(
        &self,
        instance: &Instance,
        name: &str,
        members: &[String],
    ) -> Result<Record, AdminError> {
        check_group_name(name)?;
        let request_id = self.source.uuid().to_string();
        let id = ResourceId::new(self.source.uuid());
        for _ in 0..ATTEMPTS {
            let policy = self.policy(instance).await?;
            let references = self.members_meant(instance, members).await?;
            let group_type = group_type(&policy)?;
            let decide = |_: &Occasion<'_>, _: &Facts| {
                let (key, mut decision) = create_group(group_type, id, name, Action::Created, Vec::new());
                if !references.is_empty() {
                    let mut planner = MemberPlanner::default();
                    planner.add(references.clone());
                    decision.append(planner.finish().decide(&key, Some(name), &[], None));
                }
                Ok(decision)
            };
            let decision = self.decided(&policy, &request_id, decide, &scope(instance)).await?;
            match self.commit_decision(instance.id, &request_id, decision).await {
                Ok(_) => return self.group_with_id(&policy, instance, id).await,
                Err(CommitError::Conflict) => {}
                Err(error) => return Err(group_refused(error)),
            }
        }
        Err(overtaken())
    }

    /// What members are meant by, all of them there.
    async fn members_meant(
        &self,
        instance: &Instance,
        members: &[String],
    ) -> Result<Vec<Reference>, AdminError> {
        let questions: Vec<Question> = members.iter().cloned().map(Question::Target).collect();
        let facts = self.store.facts(&scope(instance), &questions).await?;
        let mut targets = HashMap::new();
        for (member, fact) in members.iter().zip(facts) {
            let Fact::Target(target @ Target::Live(_)) = fact else {
                let detail = format!("the member {member:?} is not there; name it by its id or user name");
                return Err(AdminError::Invalid(detail));
            };
            targets.insert(member.clone(), target);
        }
        let sent: Vec<_> = members.iter().map(|member| (member.clone(), None)).collect();
        Ok(Reference::pair(&sent, &targets))
    }

    /// Gives a group another display name; what it is afterwards.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] where there is none; otherwise as [`Admin::group_create`], and as `as_read`, which looks at
    /// the group before each attempt.
    pub async fn group_rename(
        &self,
        instance: &Instance,
        id: ResourceId,
        name: &str,
        as_read: impl Fn(&Record) -> Result<(), AdminError>,
    ) -> Result<Record, AdminError> {
        check_group_name(name)?;
        self.group_changed(instance, id, as_read, |on, facts, (group_type, record, before)| {
            let mut attributes = before.clone().into_attributes();
            attributes.insert("displayName".to_owned(), name.into());
            let after = &canonical(group_type, attributes);
            let external_id = record.external_id.clone();
            let update = Update { record, before, after, external_id, notes: &[] };
            scim_lifecycle::update(on, facts, group_type, update)
        })
        .await?;
        self.group_show(instance, id).await
    }

    /// Lets somebody, a person or another group, join a group or leave it; nothing where it is so already.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] where the group or the member is not there; [`AdminError::Invalid`] where a group is to be
    /// its own member; as `as_read`, which looks at the group before each attempt.
    pub async fn group_member(
        &self,
        instance: &Instance,
        group: ResourceId,
        (member, becomes): (ResourceId, Membership),
        as_read: impl Fn(&Record) -> Result<(), AdminError>,
    ) -> Result<(), AdminError> {
        if group == member {
            return Err(AdminError::Invalid("a group cannot be its own member".to_owned()));
        }
        let text = member.to_string();
        let meant = self.fact(instance, Question::Target(text.clone())).await?;
        let Fact::Target(target @ Target::Live(_)) = meant else {
            let detail = format!("the instance {:?} has nobody of the id {member}", instance.name);
            return Err(AdminError::NotFound(detail));
        };
        let reference = Reference { text, kind: None, target };
        self.group_changed(instance, group, as_read, |_, _, (_, record, _)| {
            let mut planner = MemberPlanner::default();
            match becomes {
                Membership::Joins => planner.add([reference.clone()]),
                Membership::Leaves => planner.remove([reference.clone()]),
            }
            let plan = planner.finish();
            Ok(plan.decide(&record.key, record.display.as_deref(), &[], Some(record.version)))
        })
        .await
    }

    /// Deletes a group; its members stay.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] where there is none; as `as_read`, which looks at the group before each attempt.
    pub async fn group_delete(
        &self,
        instance: &Instance,
        id: ResourceId,
        as_read: impl Fn(&Record) -> Result<(), AdminError>,
    ) -> Result<(), AdminError> {
        self.group_changed(instance, id, as_read, |on, facts, (group_type, record, _)| {
            scim_lifecycle::delete(on, facts, group_type, record, Some(record.version))
        })
        .await
    }

    /// Reads a group, decides on it, and commits that, again and again while others are faster.
    async fn group_changed(
        &self,
        instance: &Instance,
        id: ResourceId,
        as_read: impl Fn(&Record) -> Result<(), AdminError>,
        decide: impl Fn(&Occasion<'_>, &Facts, (&ResourceType, &Record, &Resource)) -> Result<Decision, Stop>
        + Send
        + Sync,
    ) -> Result<(), AdminError> {
        let request_id = self.source.uuid().to_string();
        for _ in 0..ATTEMPTS {
            let policy = self.policy(instance).await?;
            let record = self.group_with_id(&policy, instance, id).await?;
            as_read(&record)?;
            let group_type = group_type(&policy)?;
            let before = Document::from_bytes(&*record.document).resource().map_err(StoreError::internal)?;
            let decide = |on: &Occasion<'_>, facts: &Facts| decide(on, facts, (group_type, &record, &before));
            let decision = self.decided(&policy, &request_id, decide, &scope(instance)).await?;
            if decision.is_empty() {
                return Ok(());
            }
            match self.commit_decision(instance.id, &request_id, decision).await {
                Ok(_) => return Ok(()),
                Err(CommitError::Conflict) => {}
                Err(error) => return Err(group_refused(error)),
            }
        }
        Err(overtaken())
    }
}

/// A change of a group that the store refused.
fn group_refused(error: CommitError) -> AdminError {
    match error {
        CommitError::Duplicate { attribute } => {
            AdminError::Taken(format!("another group has this {attribute}; choose another one"))
        }
        other => account_refused(other),
    }
}

fn group_type(policy: &Policy) -> Result<&Arc<ResourceType>, AdminError> {
    let missing = || AdminError::Invalid("this server has no resource type for groups".to_owned());
    policy.group_type().ok_or_else(missing)
}

fn check_group_name(name: &str) -> Result<(), AdminError> {
    let fit = !name.trim().is_empty() && !name.contains(char::is_control);
    if fit && name.chars().count() <= MAX_NAME_CHARS {
        return Ok(());
    }
    Err(AdminError::Invalid(format!(
        "a group's display name must have 1 to {MAX_NAME_CHARS} characters that are not all blank, without control characters"
    )))
}
