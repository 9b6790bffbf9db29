//! Changing a person over SCIM.

use std::borrow::Cow;

use scim_core::Note;
use scim_core::resource::{Resource, member};
use scim_core::schema::ResourceType;
use scim_directory::{
    Account, AccountState, Action, Cause, Change, EventKind, LogRecord, LogResource, LogStatus, Record,
    Removal, Stamp,
};
use scim_mapping::mapping::{self, Env};

use super::event::{event, view};
use super::keep::{name_is_free, required_values, source, under_policy};
use crate::content::content;
use crate::difference::{redact_fields, shown_differences};
use crate::limits::within_limits;
use crate::resource::words;
use crate::roles::access_role;
use crate::rules::{self, field_changes};
use crate::{Decision, Facts, Occasion, Refusal, Stop, guard};

/// A change of a resource over SCIM.
#[derive(Clone, Debug)]
pub struct Update<'a> {
    /// What is kept, with document and account.
    pub record: &'a Record,
    /// What its document holds.
    pub before: &'a Resource,
    /// What it is to hold.
    pub after: &'a Resource,
    /// The connector's `externalId` from now on.
    pub external_id: Option<String>,
    /// What was tolerated.
    pub notes: &'a [Note],
}

/// Changes a person: document and account together. What nobody managed is picked up.
///
/// # Errors
/// Where facts are needed, or a rule refuses it.
pub(crate) fn update(
    on: &Occasion<'_>,
    facts: &Facts,
    resource_type: &ResourceType,
    update: Update<'_>,
) -> Result<Decision, Stop> {
    let Update { record, before, after, external_id, notes } = update;
    let picked_up = record.managed_by.is_none() && on.connector.is_some();
    if before == after && record.external_id == external_id && !picked_up {
        return Ok(Decision::default());
    }
    let nothing = Account::default();
    let old = record.account.as_deref().unwrap_or(&nothing);
    let mut decision = Decision::default();
    let mut account = old.clone();
    let mut told = words(notes);
    let occasion = if picked_up { mapping::Occasion::PickUp } else { mapping::Occasion::Write };
    let known = Seen::new(on, before, record.external_id.as_deref());
    let now = Seen::new(on, after, external_id.as_deref());
    map(on, occasion, Some(&known), &now, &mut account, &mut told)?;
    let (was, is) = (old.state, state(after).unwrap_or(old.state));
    if was != is {
        owned(on, record, if is == AccountState::Suspended { "suspend" } else { "activate" })?;
        if is == AccountState::Suspended {
            guard::pass(on, facts, record, Removal::Suspend, &mut decision)?;
        }
        account.enter(is, &on.stamp(Cause::Lifecycle));
    }
    if member(before.attributes(), "roles") != member(after.attributes(), "roles") {
        grant(on, after, &mut account, &mut told);
    }
    let suspends = was != AccountState::Suspended && is == AccountState::Suspended;
    if (account.fields != old.fields || picked_up) && !suspends {
        required_values(on, &account)?;
    }
    let name = after.text("displayName").or_else(|| after.text("userName")).map(str::to_owned);
    let ran = rules::run(on, facts, &record.key, name.as_deref(), picked_up, Some(old), &mut account)?;
    under_policy(on, resource_type, Some(was), is, &mut decision);

    let managed_by = record.managed_by.or_else(|| on.connector.map(|connector| connector.id));
    let action = match (was, is) {
        (AccountState::Active, AccountState::Suspended) => Action::Suspended,
        (AccountState::Suspended, AccountState::Active) => Action::Reactivated,
        _ => Action::Updated,
    };
    let resource = LogResource::new(&resource_type.name, record.key.id, name.as_deref());
    let external_ids = [record.external_id.as_deref(), external_id.as_deref()];
    let changes = shown_differences(on.policy, resource_type, Some(before), Some(after), external_ids);
    let fields = shown_fields(on, Some(old), &account);
    if picked_up {
        decision.log.push(LogRecord::new(Action::PickedUp, LogStatus::Success, Some(resource.clone())));
    }
    if !changes.is_empty() || !fields.is_empty() || !told.is_empty() {
        let status = status_of(&told);
        decision.log.push(LogRecord {
            changes,
            fields,
            notes: told,
            ..LogRecord::new(action, status, Some(resource))
        });
    }
    tell(record, managed_by, old, &account, picked_up, &mut decision);
    let mut content = content(resource_type, record.key.id, after);
    content.managed_by = managed_by;
    content.reports_to = on.policy.mapping().reports_to(after);
    content.account = Some(Box::new(account));
    let change = Change::Update { key: record.key.clone(), expected: record.version, content, external_id };
    decision.changes.push(change);
    decision.append(ran.decision);
    Ok(decision)
}

/// How a change ended that told of this: what became of `roles` somebody should look at.
pub(super) fn status_of(told: &[String]) -> LogStatus {
    let warned = told.iter().any(|note| note.starts_with("roles:"));
    if warned { LogStatus::Warning } else { LogStatus::Success }
}

/// The events of a change.
pub(super) fn tell(
    record: &Record,
    managed_by: Option<scim_directory::ConnectorId>,
    old: &Account,
    new: &Account,
    picked_up: bool,
    decision: &mut Decision,
) {
    let key = &record.key;
    let same = old.fields == new.fields && old.links == new.links && old.access_role == new.access_role;
    if same && old.state == new.state && !picked_up {
        return;
    }
    let before = || Some(view(record.managed_by, old));
    let after = || Some(view(managed_by, new));
    if picked_up {
        decision.events.push(event(EventKind::AccountPickedUp, key, before(), after()));
    }
    match (old.state, new.state) {
        (AccountState::Active, AccountState::Suspended) => {
            decision.events.push(event(EventKind::AccountSuspended, key, before(), after()));
            decision.events.push(event(EventKind::SessionsEnded, key, None, None));
        }
        (AccountState::Suspended, AccountState::Active) => {
            decision.events.push(event(EventKind::AccountReactivated, key, before(), after()));
        }
        _ if !same && !picked_up => {
            decision.events.push(event(EventKind::AccountChanged, key, before(), after()));
        }
        _ => {}
    }
}

/// A resource as the mapping sees it: with the connector's `externalId`, where a row uses that, which is no part of the
/// document.
pub(super) struct Seen<'r>(Cow<'r, Resource>);

impl<'r> Seen<'r> {
    pub(super) fn new(on: &Occasion<'_>, resource: &'r Resource, external_id: Option<&str>) -> Self {
        let Some(external_id) = external_id.filter(|_| on.policy.mapping().uses_external_id()) else {
            return Self(Cow::Borrowed(resource));
        };
        let mut seen = resource.clone();
        seen.attributes_mut().insert("externalId".to_owned(), external_id.into());
        Self(Cow::Owned(seen))
    }
}

/// Brings an account's fields in step with a document.
pub(super) fn map(
    on: &Occasion<'_>,
    occasion: mapping::Occasion,
    before: Option<&Seen<'_>>,
    after: &Seen<'_>,
    account: &mut Account,
    notes: &mut Vec<String>,
) -> Result<(), Refusal> {
    let (policy, before, after) = (on.policy, before.map(|seen| &*seen.0), &*after.0);
    let now = i128::from(on.now.unix_millis()).saturating_mul(1_000_000);
    let now =
        time::OffsetDateTime::from_unix_timestamp_nanos(now).unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    let mut random = |bytes: &mut [u8]| (on.random)(bytes);
    let mut env = Env::at(now);
    env.default_domain = policy.settings().default_domain.as_deref();
    env.random = Some(&mut random);
    let values = policy.mapping().account_changes(before, after, occasion, &mut env).map_err(|failure| {
        Refusal::value(
            "mapping_failed",
            format!("The mapping failed: {failure}"),
            format!(
                "Correct row {} of the mapping (`rollcall mapping try` shows each step), or the value that the identity \
                 provider sends",
                failure.row_number()
            ),
        )
    })?;
    let stamp = on.stamp(Cause::Mapping(policy.mapping().version()));
    for value in values {
        let kept = match value.value {
            Some(text) => {
                let definition = policy.fields().definition(value.field);
                let (kept, note) = within_limits(value.field, &source(on, value.field), text, definition)?;
                notes.extend(note);
                kept
            }
            None => None,
        };
        account.set(value.field, kept, &stamp);
    }
    let user_name = after.text("userName");
    if let Some(user_name) = user_name
        && before.and_then(|before| before.text("userName")) != Some(user_name)
    {
        name_is_free(on, user_name)?;
        account.set("UserName", Some(user_name.to_owned()), &stamp);
    }
    if occasion != mapping::Occasion::Reapply {
        remember_manager(on, before, after, account, &stamp);
    }
    Ok(())
}

/// The store links the direct manager; what said whom is meant is remembered here.
pub(super) fn remember_manager(
    on: &Occasion<'_>,
    before: Option<&Resource>,
    after: &Resource,
    account: &mut Account,
    stamp: &Stamp,
) {
    let mapping = on.policy.mapping();
    let was = before.and_then(|before| mapping.reports_to(before));
    if was != mapping.reports_to(after) {
        account.provenance.record("DirectManager", was, stamp);
    }
}

/// Gives the access role that the document's roles come to.
pub(super) fn grant(on: &Occasion<'_>, after: &Resource, account: &mut Account, notes: &mut Vec<String>) {
    let Some(connector) = on.connector else { return };
    let (role, told) = access_role(after, connector.settings.role_ceiling);
    notes.extend(told);
    account.grant(role, &on.stamp(Cause::Lifecycle));
}

/// The state that a document says; none where it does not say: clearing `active` unlocks nobody.
pub(super) fn state(resource: &Resource) -> Option<AccountState> {
    let active = member(resource.attributes(), "active")?.as_bool()?;
    Some(if active { AccountState::Active } else { AccountState::Suspended })
}

/// 403 where another connector manages the record.
pub(crate) fn owned(on: &Occasion<'_>, record: &Record, what: &str) -> Result<(), Refusal> {
    let (Some(connector), Some(manager)) = (on.connector, record.managed_by) else { return Ok(()) };
    if connector.id == manager {
        return Ok(());
    }
    Err(Refusal::forbidden(
        "managed_elsewhere",
        format!("Another connector manages this {}; only that one may {what} it", record.key.resource_type),
        format!(
            "Let the identity provider of the connector that manages it {what} it, or take it out of the scope of {:?}",
            connector.name
        ),
    ))
}

/// Field changes as the log shows them.
pub(super) fn shown_fields(
    on: &Occasion<'_>,
    old: Option<&Account>,
    new: &Account,
) -> Vec<scim_directory::FieldChange> {
    let mut changes = field_changes(old, new);
    redact_fields(on.policy, &mut changes);
    changes
}
