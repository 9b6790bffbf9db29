//! Accounts, as the API shows and takes them.

use std::collections::BTreeMap;

use scim_directory::{AccessRole, Account, AccountState, FieldKind, Fields, Record, Tombstone};
use scim_lifecycle::{Edit, Policy};
use scim_provider::admin::account::{FoundAccount, account_json, deleted_json, set_field};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::times::moment;
use crate::moment::Moment;
use crate::problem::Problem;

/// An account of the application.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Account)]
pub(crate) struct AccountShown {
    /// The id: of the SCIM resource too.
    id: Uuid,
    /// Where it stands.
    state: AccountState,
    /// Whether a connector manages it.
    managed: bool,
    /// The id of that connector.
    managed_by: Option<Uuid>,
    /// The id, while a connector manages it.
    scim_sync_id: Option<Uuid>,
    /// What the person may do in the application; `null` for signing in to the app only.
    access_role: Option<AccessRole>,
    /// Sessions that began before this moment have ended; the application checks it.
    #[serde(skip_serializing_if = "Option::is_none")]
    sessions_valid_after: Option<Moment>,
    /// Every field by name, `null` where it has no value; linked objects by name, the direct manager by id.
    fields: BTreeMap<String, Option<String>>,
    /// Grows with each change.
    version: i64,
    /// When it was created.
    created_at: Moment,
    /// When it was changed last.
    modified_at: Moment,
    /// When it was deleted; missing where it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted_at: Option<Moment>,
}

impl AccountShown {
    pub(super) fn live(record: &Record, fields: Fields<'_>) -> Self {
        let empty = Account::default();
        let account = record.account.as_deref().unwrap_or(&empty);
        Self {
            id: record.key.id.uuid(),
            state: account.state,
            managed: record.managed_by.is_some(),
            managed_by: record.managed_by.map(scim_directory::ConnectorId::uuid),
            scim_sync_id: record.managed_by.map(|_| record.key.id.uuid()),
            access_role: account.access_role,
            sessions_valid_after: moment(account.sessions_valid_after),
            fields: shown_fields(account_json(record, fields)),
            version: record.version.0,
            created_at: record.created.into(),
            modified_at: record.modified.into(),
            deleted_at: None,
        }
    }

    pub(super) fn deleted(tombstone: &Tombstone, fields: Fields<'_>) -> Self {
        let empty = Account::default();
        let account = tombstone.account.as_deref().unwrap_or(&empty);
        Self {
            id: tombstone.key.id.uuid(),
            state: AccountState::Deleted,
            managed: tombstone.managed_by.is_some(),
            managed_by: tombstone.managed_by.map(scim_directory::ConnectorId::uuid),
            scim_sync_id: tombstone.managed_by.map(|_| tombstone.key.id.uuid()),
            access_role: account.access_role,
            sessions_valid_after: moment(account.sessions_valid_after),
            fields: shown_fields(deleted_json(tombstone, fields)),
            version: tombstone.version.0,
            created_at: tombstone.created.into(),
            modified_at: tombstone.at.into(),
            deleted_at: Some(tombstone.at.into()),
        }
    }

    pub(super) fn found(found: &FoundAccount, fields: Fields<'_>) -> Self {
        match found {
            FoundAccount::Live(record) => Self::live(record, fields),
            FoundAccount::Deleted(tombstone) => Self::deleted(tombstone, fields),
        }
    }
}

/// The fields of what the command line prints.
fn shown_fields(mut account: Value) -> BTreeMap<String, Option<String>> {
    let fields = account.get_mut("fields").map(Value::take).unwrap_or_default();
    serde_json::from_value(fields).unwrap_or_default()
}

/// The states that somebody can put an account in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LivingState {
    /// May sign in.
    Active,
    /// May not sign in; has no sessions.
    Suspended,
}

impl From<LivingState> for AccountState {
    fn from(state: LivingState) -> Self {
        match state {
            LivingState::Active => Self::Active,
            LivingState::Suspended => Self::Suspended,
        }
    }
}

/// An account to be made: unmanaged, visible over SCIM, to be picked up by a connector.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewAccount {
    /// Values by field; `UserName` must be there. `DirectManager` is an id or a user name.
    fields: BTreeMap<String, Option<String>>,
    /// Where it stands. Default: `active`.
    #[serde(default)]
    state: Option<LivingState>,
    /// What the person may do in the application. Default: signing in to the app only.
    #[serde(default)]
    access_role: Option<AccessRole>,
}

/// A change of an account. What is not sent stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct AccountChanges {
    /// Values by field; `null` takes one away. `DirectManager` is an id or a user name.
    fields: BTreeMap<String, Option<String>>,
    /// Where it stands.
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false)]
    state: Option<LivingState>,
    /// What the person may do in the application; `null` for signing in to the app only.
    #[serde(deserialize_with = "maybe_null")]
    #[schema(value_type = Option<AccessRole>)]
    access_role: Option<Option<AccessRole>>,
}

fn maybe_null<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    from: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(from).map(Some)
}

fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

impl NewAccount {
    pub(super) fn edit(self, policy: &Policy) -> Result<Edit, Problem> {
        let mut edit = edit_of(policy, self.fields)?;
        edit.state = self.state.map(AccountState::from);
        edit.access_role = Some(self.access_role);
        if edit.fields.get("UserName").is_none_or(Option::is_none) {
            return Err(Problem::member("/fields/UserName", "is missing; every account has a user name"));
        }
        Ok(edit)
    }
}

impl AccountChanges {
    pub(super) fn edit(self, policy: &Policy) -> Result<Edit, Problem> {
        let mut edit = edit_of(policy, self.fields)?;
        edit.state = self.state.map(AccountState::from);
        edit.access_role = self.access_role;
        Ok(edit)
    }
}

/// Every field that cannot be set is named.
fn edit_of(policy: &Policy, values: BTreeMap<String, Option<String>>) -> Result<Edit, Problem> {
    let (mut edit, mut problem) = (Edit::default(), None::<Problem>);
    for (name, value) in values {
        let detail = match policy.fields().kind(&name) {
            Some(FieldKind::Text | FieldKind::Account) => match set_field(policy, &mut edit, &name, value) {
                Ok(()) => continue,
                Err(error) => error.to_string(),
            },
            Some(FieldKind::State) => "is no field of its own here; send the member state".to_owned(),
            Some(FieldKind::Role) => "is no field of its own here; send the member access_role".to_owned(),
            Some(FieldKind::Object) => "is linked by workflow rules, and cannot be set by hand".to_owned(),
            Some(FieldKind::SyncId) => "is the account's id, and cannot be set".to_owned(),
            None => match policy.fields().meant(&name) {
                Some(meant) => format!("is no field; it is called {meant}"),
                None => {
                    "is no field of this instance; GET …/fields lists them, PUT …/fields/{field} declares one"
                        .to_owned()
                }
            },
        };
        let pointer = format!("/fields/{}", name.replace('~', "~0").replace('/', "~1"));
        problem = Some(match problem {
            None => Problem::member(&pointer, &detail),
            Some(problem) => problem.about(&pointer, &detail),
        });
    }
    problem.map_or(Ok(edit), Err)
}
