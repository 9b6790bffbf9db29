//! Editing an account in the application.

use scim_core::resource::Document;
use scim_directory::{AccessRole, AccountState, FieldKind, Instance, Record};
use scim_lifecycle::{Edit, Policy};
use scim_storage::{CommitError, StoreError};

use super::Who;
use super::read::scope;
use crate::admin::{Admin, AdminError};
use crate::resource::ATTEMPTS;

impl Admin {
    /// Edits an account; what it is afterwards. The edit shows over SCIM by the rows of the mapping that can be inverted.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] where there is none; [`AdminError::Invalid`] where a field is not there, holds no text, or
    /// does not take the value; [`AdminError::Taken`] where another account has the user name.
    pub async fn account_edit(
        &self,
        instance: &Instance,
        who: impl Into<Who<'_>>,
        edit: &Edit,
    ) -> Result<Record, AdminError> {
        self.account_edit_as_read(instance, who.into(), edit, |_, _| Ok(())).await
    }

    /// The same, where the account is still as somebody read it: `as_read` looks at it before each attempt.
    ///
    /// # Errors
    /// As [`Admin::account_edit`], and as `as_read`.
    pub async fn account_edit_as_read(
        &self,
        instance: &Instance,
        who: Who<'_>,
        edit: &Edit,
        as_read: impl Fn(&Record, &Policy) -> Result<(), AdminError>,
    ) -> Result<Record, AdminError> {
        let request_id = self.source.uuid().to_string();
        for _ in 0..ATTEMPTS {
            let policy = self.policy(instance).await?;
            let record = self.account_of(&policy, instance, who).await?;
            as_read(&record, &policy)?;
            let before = Document::from_bytes(&*record.document).resource().map_err(StoreError::internal)?;
            let user = policy.user_type();
            let decide = |on: &scim_lifecycle::Occasion<'_>, facts: &scim_lifecycle::Facts| {
                scim_lifecycle::edit(on, facts, user, &record, &before, edit)
            };
            let decision = self.decided(&policy, &request_id, decide, &scope(instance)).await?;
            if !decision.is_empty() {
                match self.commit_decision(instance.id, &request_id, decision).await {
                    Ok(_) => {}
                    Err(CommitError::Conflict) => continue,
                    Err(error) => return Err(account_refused(error)),
                }
            }
            return self.account_of(&policy, instance, record.key.id).await;
        }
        Err(overtaken())
    }

    /// Reads edits written as `FIELD=VALUE`; an empty value clears.
    ///
    /// # Errors
    /// [`AdminError::Invalid`] naming what cannot be read.
    pub fn account_edits(&self, policy: &Policy, assignments: &[String]) -> Result<Edit, AdminError> {
        let mut edit = Edit::default();
        for assignment in assignments {
            let (name, value) = assignment
                .split_once('=')
                .ok_or_else(|| AdminError::Invalid(format!("{assignment:?}: write FIELD=VALUE")))?;
            let name = policy.fields().meant(name.trim()).unwrap_or(name.trim());
            set_field(policy, &mut edit, name, (!value.is_empty()).then(|| value.to_owned()))?;
        }
        Ok(edit)
    }
}

/// Adds a value for the field of exactly that name to an edit; `None` clears.
///
/// # Errors
/// [`AdminError::Invalid`] where the value is none for the field, or nobody sets it by hand.
pub fn set_field(
    policy: &Policy,
    edit: &mut Edit,
    name: &str,
    value: Option<String>,
) -> Result<(), AdminError> {
    match policy.fields().kind(name) {
        Some(FieldKind::State) => edit.state = Some(state(value.as_deref().unwrap_or_default())?),
        Some(FieldKind::Role) => edit.access_role = Some(role(value.as_deref())?),
        Some(FieldKind::Account) => edit.manager = Some(value),
        Some(FieldKind::Object | FieldKind::SyncId) => {
            return Err(AdminError::Invalid(format!("{name} cannot be set by hand")));
        }
        // A field that is not there is refused by whoever decides.
        Some(FieldKind::Text) | None => {
            edit.fields.insert(name.to_owned(), value);
        }
    }
    Ok(())
}

/// Others were faster, each time.
pub(crate) fn overtaken() -> AdminError {
    AdminError::Invalid(
        "others changed the account or the settings at the same time, again and again; try again".to_owned(),
    )
}

pub(crate) fn state(text: &str) -> Result<AccountState, AdminError> {
    match text.trim().to_ascii_lowercase().as_str() {
        "active" => Ok(AccountState::Active),
        "suspended" => Ok(AccountState::Suspended),
        _ => Err(AdminError::Invalid(format!("State: {text:?} is neither active nor suspended"))),
    }
}

pub(crate) fn role(text: Option<&str>) -> Result<Option<AccessRole>, AdminError> {
    let role = text.map(str::trim).filter(|text| !text.is_empty()).map(str::parse::<AccessRole>).transpose();
    role.map_err(|error| AdminError::Invalid(format!("AccessRole: {error}")))
}

/// A change of an account that the store refused.
pub(crate) fn account_refused(error: CommitError) -> AdminError {
    match error {
        CommitError::Duplicate { attribute } => {
            AdminError::Taken(format!("another account has this {attribute}; choose another value"))
        }
        CommitError::Claimed { attribute } => {
            AdminError::Taken(format!("{attribute} is in use on this server already; choose another value"))
        }
        CommitError::NoSeat { seats } => AdminError::Invalid(format!(
            "all {seats} seats of the instance are taken; suspend somebody, or add seats"
        )),
        CommitError::Store(error) => AdminError::Store(error),
        other => AdminError::Invalid(other.to_string()),
    }
}
