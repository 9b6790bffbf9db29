//! Decisions about one resource: create, change, delete. People have rules of their own ([`crate::person`]); groups and
//! custom resources have only those of the standard, and an owner.

use scim_core::Note;
use scim_core::schema::ResourceType;
use scim_directory::{
    Action, Change, Condition, EventKind, Key, LogRecord, LogResource, LogStatus, NewRecord,
};

use crate::content::content;
use crate::difference::{differences, external_id_difference};
use crate::person::event::event;
use crate::person::{Arrival, Existing, Update, arrive, overlay};
use crate::{Decision, Facts, Occasion, Stop, person};

/// Creates a resource, or takes the place of what is there already.
///
/// # Errors
/// Where facts are needed, or a rule refuses it.
pub fn create(
    on: &Occasion<'_>,
    facts: &Facts,
    resource_type: &ResourceType,
    arrival: Arrival<'_>,
) -> Result<Decision, Stop> {
    if on.policy.is_person(resource_type) {
        return arrive(on, facts, resource_type, arrival);
    }
    let Arrival { id, resource, sent, external_id, notes, existing, before } = arrival;
    let external_id = external_id.map(str::to_owned);
    if let (Existing::Unmanaged(record), Some(before)) = (existing, before) {
        let after = &overlay(resource_type, before, sent);
        return update(on, facts, resource_type, Update { record, before, after, external_id, notes });
    }
    let mut changes = differences(resource_type, None, Some(resource));
    changes.extend(external_id_difference(None, external_id.as_deref()));
    let mut content = content(resource_type, id, resource);
    content.managed_by = on.connector.map(|connector| connector.id);
    let about = LogResource::new(&resource_type.name, id, content.display.as_deref());
    let log = LogRecord {
        changes,
        notes: words(notes),
        ..LogRecord::new(Action::Created, LogStatus::Success, Some(about))
    };
    let key = Key { resource_type: resource_type.name.clone(), id };
    let mut decision = Decision { log: vec![log], ..Decision::default() };
    decision.conditions.push(Condition::Generation(on.policy.generation()));
    if resource_type.edge_attribute().is_some() {
        decision.events.push(event(EventKind::GroupCreated, &key, None, None));
    }
    decision.changes.push(Change::Create(NewRecord { key, content, external_id, revives: false }));
    Ok(decision)
}

/// Changes a resource; nothing where it is so already.
///
/// # Errors
/// Where facts are needed, or a rule refuses it.
pub fn update(
    on: &Occasion<'_>,
    facts: &Facts,
    resource_type: &ResourceType,
    update: Update<'_>,
) -> Result<Decision, Stop> {
    if on.policy.is_person(resource_type) {
        return person::update(on, facts, resource_type, update);
    }
    let Update { record, before, after, external_id, notes } = update;
    let picked_up = record.managed_by.is_none() && on.connector.is_some();
    if before == after && record.external_id == external_id && !picked_up {
        return Ok(Decision::default());
    }
    let mut changes = differences(resource_type, Some(before), Some(after));
    changes.extend(external_id_difference(record.external_id.as_deref(), external_id.as_deref()));
    let mut content = content(resource_type, record.key.id, after);
    content.managed_by = record.managed_by.or_else(|| on.connector.map(|connector| connector.id));
    let about = LogResource::new(&resource_type.name, record.key.id, content.display.as_deref());
    let mut decision = Decision::default();
    decision.conditions.push(Condition::Generation(on.policy.generation()));
    if picked_up {
        decision.log.push(LogRecord::new(Action::PickedUp, LogStatus::Success, Some(about.clone())));
    }
    if !changes.is_empty() {
        let notes = words(notes);
        decision.log.push(LogRecord {
            changes,
            notes,
            ..LogRecord::new(Action::Updated, LogStatus::Success, Some(about))
        });
    }
    if resource_type.edge_attribute().is_some() {
        decision.events.push(event(EventKind::GroupChanged, &record.key, None, None));
    }
    let change = Change::Update { key: record.key.clone(), expected: record.version, content, external_id };
    decision.changes.push(change);
    Ok(decision)
}

pub(crate) fn words(notes: &[Note]) -> Vec<String> {
    notes.iter().map(ToString::to_string).collect()
}
