//! Picking up without a change, and deleting.

use scim_core::resource::Resource;
use scim_core::schema::ResourceType;
use scim_directory::{
    AccountState, Action, Change, Condition, EventKind, LogRecord, LogResource, LogStatus, Record, Removal,
    Version,
};

use super::change::{owned, tell};
use super::event::{event, view};
use super::keep::under_policy;
use crate::content::content;
use crate::{Decision, Facts, Occasion, Stop, guard};

/// Picks up what a connector's filter found: it is managed from now on. Nothing where somebody manages it already.
#[must_use]
pub fn pick_up(
    on: &Occasion<'_>,
    resource_type: &ResourceType,
    record: &Record,
    resource: &Resource,
) -> Decision {
    let mut decision = Decision::default();
    let Some(connector) = on.connector.filter(|_| record.managed_by.is_none()) else { return decision };
    let mut content = content(resource_type, record.key.id, resource);
    content.managed_by = Some(connector.id);
    if on.policy.is_person(resource_type) {
        let account = record.account.as_deref().cloned().unwrap_or_default();
        under_policy(on, resource_type, Some(account.state), account.state, &mut decision);
        content.reports_to = on.policy.mapping().reports_to(resource);
        tell(record, content.managed_by, &account, &account, true, &mut decision);
        content.account = Some(Box::new(account));
    } else {
        decision.conditions.push(Condition::Generation(on.policy.generation()));
    }
    if resource_type.edge_attribute().is_some() {
        decision.events.push(event(EventKind::GroupChanged, &record.key, None, None));
    }
    let about = LogResource::new(&resource_type.name, record.key.id, record.display.as_deref());
    decision.log.push(LogRecord::new(Action::PickedUp, LogStatus::Success, Some(about)));
    decision.changes.push(Change::Update {
        key: record.key.clone(),
        expected: record.version,
        content,
        external_id: record.external_id.clone(),
    });
    decision
}

/// Deletes a resource; `expected` where the client named a version.
///
/// # Errors
/// Where facts are needed, another connector manages it, or the guard holds it back.
pub fn delete(
    on: &Occasion<'_>,
    facts: &Facts,
    resource_type: &ResourceType,
    record: &Record,
    expected: Option<Version>,
) -> Result<Decision, Stop> {
    let mut decision = Decision::default();
    owned(on, record, "delete")?;
    decision.conditions.push(Condition::Generation(on.policy.generation()));
    let about = LogResource::new(&resource_type.name, record.key.id, record.display.as_deref());
    let person = on.policy.is_person(resource_type);
    if person {
        guard::pass(on, facts, record, Removal::Delete, &mut decision)?;
    }
    if record.managed_by.is_none() && on.connector.is_some() {
        decision.log.push(LogRecord::new(Action::PickedUp, LogStatus::Success, Some(about.clone())));
    }
    let mut deleted = LogRecord::new(Action::Deleted, LogStatus::Success, Some(about));
    if person {
        let account = record.account.as_deref().cloned().unwrap_or_default();
        let key = &record.key;
        let before = Some(view(record.managed_by, &account));
        decision.events.push(event(EventKind::AccountDeleted, key, before, None));
        if account.state == AccountState::Active {
            decision.events.push(event(EventKind::SessionsEnded, key, None, None));
        }
        deleted.fields.push(scim_directory::FieldChange {
            field: "State".to_owned(),
            old: Some(account.state.name().to_owned()),
            new: Some(AccountState::Deleted.name().to_owned()),
        });
    } else if resource_type.edge_attribute().is_some() {
        decision.events.push(event(EventKind::GroupDeleted, &record.key, None, None));
    }
    decision.log.push(deleted);
    // A person's account goes into the tombstone as it is now, so the version that was read must still be there.
    let expected = if person { Some(expected.unwrap_or(record.version)) } else { expected };
    decision.changes.push(Change::Delete { key: record.key.clone(), expected });
    Ok(decision)
}
