//! What the application and its administrators do to accounts: edit them, bring existing ones in, apply the mapping again.

use std::collections::BTreeMap;

use scim_core::resource::{Document, DocumentError, Resource, canonical};
use scim_core::schema::ResourceType;
use scim_directory::{
    AccessRole, Account, AccountState, Action, Cause, Change, EventKind, FieldKind, Key, LogRecord,
    LogResource, LogStatus, NewRecord, Record, ResourceId,
};
use scim_mapping::mapping;

use super::change::{Seen, map, remember_manager, shown_fields, tell};
use super::event::{event, view};
use super::keep::{name_is_free, under_policy};
use crate::content::content;
use crate::difference::shown_differences;
use crate::limits::within_limits;
use crate::rules;
use crate::{Decision, Facts, Occasion, Policy, Refusal, Stop};

/// An edit of an account in the application. What is not named stays.
#[derive(Clone, Debug, Default)]
pub struct Edit {
    /// Text fields by name; `None` clears one.
    pub fields: BTreeMap<String, Option<String>>,
    /// The state: active or suspended.
    pub state: Option<AccountState>,
    /// The access role; `Some(None)` takes it away.
    pub access_role: Option<Option<AccessRole>>,
    /// The direct manager, by id or user name; `Some(None)` for none.
    pub manager: Option<Option<String>>,
    /// What the log calls it: `updated` or `renamed`.
    pub renames: bool,
}

/// An account of the application that is brought in.
#[derive(Clone, Debug)]
pub struct Import {
    /// Its id from now on.
    pub id: ResourceId,
    /// Text fields by name; `UserName` must be there.
    pub fields: BTreeMap<String, String>,
    /// The state.
    pub state: AccountState,
    /// The access role.
    pub access_role: Option<AccessRole>,
    /// The direct manager, by user name.
    pub manager: Option<String>,
}

/// Edits an account: its fields, and by the mapping's rows that can be inverted the document too, so that the edit shows
/// over SCIM with a new version.
///
/// # Errors
/// Where facts are needed, a field is not there or holds no text, or a value does not keep its limits.
pub fn edit(
    on: &Occasion<'_>,
    facts: &Facts,
    resource_type: &ResourceType,
    record: &Record,
    before: &Resource,
    wanted: &Edit,
) -> Result<Decision, Stop> {
    let old = record.account.as_deref().cloned().unwrap_or_default();
    let (mut account, mut notes) = (old.clone(), Vec::new());
    let mut written: Vec<(&str, Option<String>)> = Vec::new();
    let stamp = on.stamp(Cause::Edit);
    for (name, value) in &wanted.fields {
        text_field(on, name)?;
        let value = match value.clone().filter(|value| !value.is_empty()) {
            Some(text) => limited(on, name, text, &mut notes)?,
            None => None,
        };
        if name == "UserName" {
            let Some(user_name) = &value else { return Err(no_user_name().into()) };
            name_is_free(on, user_name)?;
        }
        if account.set(name, value.clone(), &stamp) {
            written.push((name, value));
        }
    }
    if let Some(state) = wanted.state {
        account.enter(state, &stamp);
    }
    if let Some(role) = wanted.access_role {
        account.grant(role, &stamp);
    }
    let mut after = before.clone();
    for unwritten in on.policy.mapping().write_back(&mut after, &borrowed(&written)) {
        notes.push(unwritten.to_string());
    }
    if let Some(manager) = &wanted.manager {
        let value = [("DirectManager", manager.as_deref())];
        for unwritten in on.policy.mapping().write_back(&mut after, &value) {
            notes.push(unwritten.to_string());
        }
    }
    let after = with_active(resource_type, after, &account);
    remember_manager(on, Some(before), &after, &mut account, &stamp);
    let name = after.text("displayName").or_else(|| after.text("userName")).map(str::to_owned);
    let ran = rules::run(on, facts, &record.key, name.as_deref(), false, Some(&old), &mut account)?;
    if account == old && &after == before {
        return Ok(Decision::default());
    }
    let mut decision = Decision::default();
    under_policy(on, resource_type, Some(old.state), account.state, &mut decision);
    let action = match (wanted.renames, old.state, account.state) {
        (true, ..) => Action::Renamed,
        (_, AccountState::Active, AccountState::Suspended) => Action::Suspended,
        (_, AccountState::Suspended, AccountState::Active) => Action::Reactivated,
        _ => Action::Updated,
    };
    let about = LogResource::new(&resource_type.name, record.key.id, name.as_deref());
    decision.log.push(LogRecord {
        changes: shown_differences(on.policy, resource_type, Some(before), Some(&after), [None, None]),
        fields: shown_fields(on, Some(&old), &account),
        notes,
        ..LogRecord::new(action, LogStatus::Success, Some(about))
    });
    tell(record, record.managed_by, &old, &account, false, &mut decision);
    decision.changes.push(kept(on, resource_type, record, &after, account));
    decision.append(ran.decision);
    Ok(decision)
}

/// Brings an account of the application in, which nobody manages: identity providers see it, and can pick it up.
///
/// # Errors
/// Where a field is not there or holds no text, or a value does not keep its limits.
pub fn import(on: &Occasion<'_>, resource_type: &ResourceType, import: Import) -> Result<Decision, Stop> {
    let Import { id, fields, state, access_role, manager } = import;
    let (mut account, mut notes) = (Account::default(), Vec::new());
    let stamp = on.stamp(Cause::Import);
    for (name, value) in fields {
        text_field(on, &name)?;
        if value.is_empty() {
            continue;
        }
        let value = limited(on, &name, value, &mut notes)?;
        account.set(&name, value, &stamp);
    }
    let Some(user_name) = account.field("UserName") else { return Err(no_user_name().into()) };
    name_is_free(on, user_name)?;
    account.enter(state, &stamp);
    account.grant(access_role, &stamp);
    let mut written: Vec<(&str, Option<String>)> =
        account.fields.iter().map(|(name, value)| (name.as_str(), Some(value.clone()))).collect();
    if let Some(manager) = &manager {
        written.push(("DirectManager", Some(manager.clone())));
    }
    let mut document = canonical(resource_type, serde_json::Map::new());
    // What no row of the mapping can carry to SCIM stays with the account.
    let _ = on.policy.mapping().write_back(&mut document, &borrowed(&written));
    let document = with_active(resource_type, document, &account);
    remember_manager(on, None, &document, &mut account, &stamp);
    let key = Key { resource_type: resource_type.name.clone(), id };
    let mut decision = Decision::default();
    under_policy(on, resource_type, None, account.state, &mut decision);
    let mut content = content(resource_type, id, &document);
    content.reports_to = on.policy.mapping().reports_to(&document);
    let about = LogResource::new(&resource_type.name, id, content.display.as_deref());
    decision.log.push(LogRecord {
        fields: shown_fields(on, None, &account),
        notes,
        ..LogRecord::new(Action::Imported, LogStatus::Success, Some(about))
    });
    decision.events.push(event(EventKind::AccountCreated, &key, None, Some(view(None, &account))));
    content.account = Some(Box::new(account));
    decision.changes.push(Change::Create(NewRecord { key, content, external_id: None, revives: false }));
    Ok(decision)
}

/// Applies the mapping to an account as it is. Of a managed one every row that always applies acts, but a row that gives
/// nothing clears only what a mapping set; of an unmanaged one the document follows the fields. Nothing where all is as it
/// should be.
///
/// # Errors
/// Where facts are needed, a row fails, or a value does not keep its field's limits.
pub fn reapply(
    on: &Occasion<'_>,
    facts: &Facts,
    resource_type: &ResourceType,
    record: &Record,
    document: &Resource,
) -> Result<Decision, Stop> {
    let old = record.account.as_deref().cloned().unwrap_or_default();
    let (mut account, mut notes) = (old.clone(), Vec::new());
    let mut after = document.clone();
    if record.managed_by.is_some() {
        let seen = Seen::new(on, document, record.external_id.as_deref());
        map(on, mapping::Occasion::Reapply, None, &seen, &mut account, &mut notes)?;
        for (field, value) in &old.fields {
            let cleared = account.field(field).is_none();
            let was_mapped =
                old.provenance.of(field).is_some_and(|(stamp, _)| matches!(stamp.cause, Cause::Mapping(_)));
            if cleared && !was_mapped {
                account.fields.insert(field.clone(), value.clone());
            }
        }
        if account.fields == old.fields {
            account = old.clone();
        }
    } else {
        let written: Vec<(&str, Option<String>)> =
            old.fields.iter().map(|(name, value)| (name.as_str(), Some(value.clone()))).collect();
        let _ = on.policy.mapping().write_back(&mut after, &borrowed(&written));
        after = with_active(resource_type, after, &account);
    }
    let name = after.text("displayName").or_else(|| after.text("userName")).map(str::to_owned);
    let ran = rules::run(on, facts, &record.key, name.as_deref(), false, Some(&old), &mut account)?;
    let reports_to = on.policy.mapping().reports_to(&after);
    if account == old && &after == document && ran.decision.is_empty() {
        return Ok(Decision::default());
    }
    let mut decision = Decision::default();
    under_policy(on, resource_type, Some(old.state), account.state, &mut decision);
    let about = LogResource::new(&resource_type.name, record.key.id, name.as_deref());
    notes.push("the mapping was applied again".to_owned());
    decision.log.push(LogRecord {
        changes: shown_differences(on.policy, resource_type, Some(document), Some(&after), [None, None]),
        fields: shown_fields(on, Some(&old), &account),
        notes,
        ..LogRecord::new(Action::Updated, LogStatus::Success, Some(about))
    });
    tell(record, record.managed_by, &old, &account, false, &mut decision);
    let mut content = content(resource_type, record.key.id, &after);
    content.managed_by = record.managed_by;
    content.reports_to = reports_to;
    content.account = Some(Box::new(account));
    decision.changes.push(Change::Update {
        key: record.key.clone(),
        expected: record.version,
        content,
        external_id: record.external_id.clone(),
    });
    decision.append(ran.decision);
    Ok(decision)
}

fn borrowed<'v>(values: &'v [(&'v str, Option<String>)]) -> Vec<(&'v str, Option<&'v str>)> {
    values.iter().map(|(name, value)| (*name, value.as_deref())).collect()
}

/// A person's record as it is, to be committed again under another realm of user names.
///
/// # Errors
/// Where the stored document is damaged.
pub fn keep_as_it_is(policy: &Policy, record: &Record) -> Result<Change, DocumentError> {
    let document = Document::from_bytes(&*record.document).resource()?;
    let mut content = content(policy.user_type(), record.key.id, &document);
    content.managed_by = record.managed_by;
    content.reports_to = policy.mapping().reports_to(&document);
    content.account = record.account.clone();
    let (key, external_id) = (record.key.clone(), record.external_id.clone());
    Ok(Change::Update { key, expected: record.version, content, external_id })
}

fn kept(
    on: &Occasion<'_>,
    resource_type: &ResourceType,
    record: &Record,
    after: &Resource,
    account: Account,
) -> Change {
    let mut content = content(resource_type, record.key.id, after);
    content.managed_by = record.managed_by;
    content.reports_to = on.policy.mapping().reports_to(after);
    content.account = Some(Box::new(account));
    let (key, external_id) = (record.key.clone(), record.external_id.clone());
    Change::Update { key, expected: record.version, content, external_id }
}

/// The document with `active` as the account's state says.
fn with_active(resource_type: &ResourceType, document: Resource, account: &Account) -> Resource {
    let mut attributes = document.into_attributes();
    attributes.insert("active".to_owned(), (account.state == AccountState::Active).into());
    canonical(resource_type, attributes)
}

fn text_field(on: &Occasion<'_>, name: &str) -> Result<(), Refusal> {
    let fields = on.policy.fields();
    match fields.kind(name) {
        Some(FieldKind::Text) => Ok(()),
        Some(kind) => Err(Refusal::value(
            "field_type",
            format!("{name} holds {}, not text", kind.words()),
            "Set it by its own option, or name a text field",
        )),
        None => {
            let meant =
                fields.meant(name).map(|meant| format!("; the field is called {meant}")).unwrap_or_default();
            Err(Refusal::value(
                "unknown_field",
                format!("There is no field {name:?}{meant}"),
                "Declare it with `rollcall field add`, or correct the name",
            ))
        }
    }
}

fn limited(
    on: &Occasion<'_>,
    name: &str,
    value: String,
    notes: &mut Vec<String>,
) -> Result<Option<String>, Refusal> {
    let (value, note) = within_limits(name, name, value, on.policy.fields().definition(name))?;
    notes.extend(note);
    Ok(value)
}

fn no_user_name() -> Refusal {
    Refusal::value("required", "UserName is missing", "Every account has a user name")
}
