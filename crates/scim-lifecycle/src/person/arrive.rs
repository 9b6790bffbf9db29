//! People who arrive over SCIM: new ones, those who have an account already, and those who come back.

use scim_core::Note;
use scim_core::resource::{Resource, canonical};
use scim_core::schema::ResourceType;
use scim_core::text::Matching;
use scim_directory::{
    Account, AccountState, Action, Cause, Change, Condition, EventKind, Key, LogRecord, LogResource,
    NewRecord, Question, Record, ResourceId, Tombstone,
};
use scim_mapping::mapping;
use serde_json::Value;

use super::change::{Seen, Update, grant, map, shown_fields, state, status_of, update};
use super::event::{event, view};
use super::keep::{name_is_free, required_values, under_policy};
use crate::content::content;
use crate::difference::shown_differences;
use crate::resource::words;
use crate::{Decision, Facts, Occasion, Stop, rules};

/// Who is there already for somebody who arrives.
#[derive(Clone, Debug)]
pub enum Existing {
    /// Nobody.
    Nobody,
    /// An account, or a group, of that name, which nobody manages.
    Unmanaged(Box<Record>),
    /// The account that this connector deleted under the same `externalId`, within the retention time.
    Deleted(Box<Tombstone>),
}

impl Existing {
    /// What to ask of the store to find out who is there for a resource: by its name, and by the `externalId`.
    #[must_use]
    pub fn questions(
        on: &Occasion<'_>,
        resource_type: &ResourceType,
        resource: &Resource,
        external_id: Option<&str>,
    ) -> Vec<Question> {
        let mut questions = Vec::new();
        let person = on.policy.is_person(resource_type);
        let (path, matching) =
            if person { ("userName", Matching::UserName) } else { ("displayName", Matching::IgnoreCase) };
        if let Some(name) = resource.text(path)
            && (person || resource_type.edge_attribute().is_some())
        {
            let key = matching.key(name).into_owned();
            questions.push(Question::Named { resource_type: resource_type.name.clone(), path, key });
        }
        if let (true, Some(external_id)) = (person, external_id) {
            questions.push(Question::DeletedLink {
                resource_type: resource_type.name.clone(),
                external_id: external_id.to_owned(),
                since: on.retained_since(),
            });
        }
        questions
    }

    /// The id under which the resource will be known, where that is settled already.
    #[must_use]
    pub fn id(&self) -> Option<ResourceId> {
        match self {
            Self::Nobody => None,
            Self::Unmanaged(record) => Some(record.key.id),
            Self::Deleted(tombstone) => Some(tombstone.key.id),
        }
    }
}

/// A resource that a client creates.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// Its id, where nobody is there already.
    pub id: ResourceId,
    /// The resource, complete.
    pub resource: &'a Resource,
    /// What the client sent of it: what is laid over [`Existing::Unmanaged`].
    pub sent: &'a Resource,
    /// The connector's `externalId`.
    pub external_id: Option<&'a str>,
    /// What was tolerated.
    pub notes: &'a [Note],
    /// Who is there already.
    pub existing: &'a Existing,
    /// What the document of [`Existing::Unmanaged`] holds.
    pub before: Option<&'a Resource>,
}

/// What is kept, with what was sent over it: attributes that were not sent stay.
#[must_use]
pub fn overlay(resource_type: &ResourceType, kept: &Resource, sent: &Resource) -> Resource {
    let mut attributes = kept.attributes().clone();
    for (name, value) in sent.attributes() {
        match (attributes.get_mut(name), value) {
            (Some(Value::Object(kept)), Value::Object(sent)) if resource_type.extension(name).is_some() => {
                kept.extend(sent.clone());
            }
            _ => {
                attributes.insert(name.clone(), value.clone());
            }
        }
    }
    canonical(resource_type, attributes)
}

/// Creates a person; or picks up the account that is there, or brings the deleted one back.
///
/// # Errors
/// Where facts are needed, or a rule refuses it.
pub(crate) fn arrive(
    on: &Occasion<'_>,
    facts: &Facts,
    resource_type: &ResourceType,
    arrival: Arrival<'_>,
) -> Result<Decision, Stop> {
    let Arrival { id, resource, sent, external_id, notes, existing, before } = arrival;
    let external_id = external_id.map(str::to_owned);
    if let (Existing::Unmanaged(record), Some(before)) = (existing, before) {
        let after = &overlay(resource_type, before, sent);
        return update(on, facts, resource_type, Update { record, before, after, external_id, notes });
    }
    let tombstone = match existing {
        Existing::Deleted(tombstone) => Some(tombstone),
        _ => None,
    };
    let id = tombstone.map_or(id, |tombstone| tombstone.key.id);
    let old = tombstone.and_then(|tombstone| tombstone.account.as_deref());
    let mut account = Account { state: AccountState::Active, ..old.cloned().unwrap_or_default() };
    if let Some(tombstone) = tombstone {
        // Sessions ended with the deletion; coming back does not bring them back.
        account.sessions_valid_after = account.sessions_valid_after.max(Some(tombstone.at));
    }
    let mut told = words(notes);
    if let Some(user_name) = resource.text("userName") {
        name_is_free(on, user_name)?;
    }
    // Who comes back has an account already: what acts on creation only has acted.
    let occasion = if old.is_some() { mapping::Occasion::Reapply } else { mapping::Occasion::Creation };
    let seen = Seen::new(on, resource, external_id.as_deref());
    map(on, occasion, None, &seen, &mut account, &mut told)?;
    grant(on, resource, &mut account, &mut told);
    account.enter(state(resource).unwrap_or_default(), &on.stamp(Cause::Lifecycle));
    required_values(on, &account)?;
    let key = Key { resource_type: resource_type.name.clone(), id };
    let name = resource.text("displayName").or_else(|| resource.text("userName")).map(str::to_owned);
    let ran = rules::run(on, facts, &key, name.as_deref(), true, old, &mut account)?;

    let mut decision = Decision::default();
    under_policy(on, resource_type, None, account.state, &mut decision);
    if let (Some(external_id), None) = (&external_id, tombstone) {
        decision.conditions.push(Condition::NotDeleted {
            resource_type: resource_type.name.clone(),
            external_id: external_id.clone(),
            since: on.retained_since(),
        });
    }
    let external_ids = [None, external_id.as_deref()];
    let changes = shown_differences(on.policy, resource_type, None, Some(resource), external_ids);
    let action = if tombstone.is_some() { Action::Restored } else { Action::Created };
    let status = status_of(&told);
    let about = LogResource::new(&resource_type.name, id, name.as_deref());
    decision.log.push(LogRecord {
        changes,
        fields: shown_fields(on, old, &account),
        notes: told,
        ..LogRecord::new(action, status, Some(about))
    });
    let managed_by = on.connector.map(|connector| connector.id);
    decision.events.push(event(EventKind::AccountCreated, &key, None, Some(view(managed_by, &account))));
    let mut content = content(resource_type, id, resource);
    content.managed_by = managed_by;
    content.reports_to = on.policy.mapping().reports_to(resource);
    content.account = Some(Box::new(account));
    let revives = tombstone.is_some();
    decision.changes.push(Change::Create(NewRecord { key, content, external_id, revives }));
    decision.append(ran.decision);
    Ok(decision)
}
