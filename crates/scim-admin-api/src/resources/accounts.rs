//! Accounts: listed, shown, made, changed, deleted.

use scim_core::instant::Timestamp;
use scim_directory::{AccountState, Privilege, Record, ResourceId, Tombstone};
use scim_lifecycle::Policy;
use scim_provider::Method;
use scim_provider::admin::AdminError;
use scim_provider::admin::account::{AccountPage, FoundAccount, Who};
use scim_storage::Keyset;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;
use uuid::Uuid;

use super::account_shape::{AccountChanges, AccountShown, NewAccount};
use super::instances::NoQuery;
use crate::call::Call;
use crate::endpoint::{Endpoint, Handled, Reply, Spec};
use crate::input::{Changes, Json};
use crate::page::{MAX_LIMIT, Page, PageQuery, Wanted};
use crate::problem::Problem;

pub(super) const TAG: &str = "accounts";
pub(super) const ALL: &str = "/instances/{instance}/accounts";
pub(super) const ONE: &str = "/instances/{instance}/accounts/{account}";
/// The most accounts that are looked at for a page that shows few of them.
const MAX_LOOKED_AT: usize = 2_000;

/// Which accounts, and which page of them.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AccountQuery {
    /// Those in that state. Default: `active` and `suspended`.
    #[param(inline)]
    state: Option<AccountState>,
    /// Those that a connector manages, or those that none does.
    managed: Option<bool>,
    /// The one that has this user name, in any letter case; of deleted ones the one that was deleted last.
    user_name: Option<String>,
    /// How many items at most. Default: 50.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
    /// Where the page begins: `next` of the page before, with the same parameters.
    cursor: Option<String>,
}

/// Where a page begins.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum Place {
    /// After the account of that id.
    Live(Uuid),
    /// After the one that was deleted then and has this id.
    Deleted(i64, Uuid),
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    let list = Spec::get(ALL, "listAccounts", TAG, "Accounts, newest first").about(
        "Deleted ones are listed with `state=deleted`, those deleted last first, for as long as the instance keeps them. With \
         `state` or `managed` a page looks at no more than 2,000 accounts: one with few items, or none, is the last only where \
         `next` is missing.",
    );
    let create = Spec::get(ALL, "createAccount", TAG, "Make an account as the application does").about(
        "Nobody manages it: identity providers see it over SCIM, and a connector picks it up by its user name.",
    );
    let show = Spec::get(ONE, "showAccount", TAG, "An account, also one that was deleted");
    let change = Spec::get(ONE, "changeAccount", TAG, "Change an account as the application does").about(
        "A JSON merge patch (RFC 7396): what is not sent stays, `null` takes a value away. The change shows over SCIM with a new \
         version, by the rows of the mapping that can be inverted, and is in the log.",
    );
    let delete = Spec::get(ONE, "deleteAccount", TAG, "Delete an account as the application does").about(
        "It leaves its groups, and its user name is free. What it was is kept for as long as the instance says.",
    );
    vec![
        Endpoint::new(list, list_accounts),
        Endpoint::new(Spec::of(Method::Post, Privilege::LiteAdmin, 201, create), create_account),
        Endpoint::new(show, show_account),
        Endpoint::new(Spec::of(Method::Patch, Privilege::LiteAdmin, 200, change), change_account),
        Endpoint::new(Spec::of(Method::Delete, Privilege::LiteAdmin, 204, delete), delete_account),
    ]
}

/// The account that the path names.
pub(super) fn named(call: &Call<'_>) -> Result<ResourceId, Problem> {
    call.id::<Uuid>("account").map(ResourceId::new)
}

/// That the account is still as the client read it.
fn as_read(call: &Call<'_>, record: &Record, policy: &Policy) -> Result<(), AdminError> {
    call.unchanged(&AccountShown::live(record, policy.fields())).map_err(AdminError::from)
}

fn list_accounts<'c>(call: &'c Call<'c>, query: AccountQuery, (): ()) -> Handled<'c, Page<AccountShown>> {
    Box::pin(async move {
        let AccountQuery { state, managed, ref user_name, .. } = query;
        let page = PageQuery { limit: query.limit, cursor: query.cursor.clone() };
        let what = format!("{state:?} {managed:?} {user_name:?}");
        let wanted: Wanted<Place> = call.wanted(&page, &what)?;
        let policy = call.admin.policy(call.instance()?).await?;
        let matches = |at: AccountState, is_managed: bool| {
            state.is_none_or(|state| state == at) && managed.is_none_or(|managed| managed == is_managed)
        };
        if let Some(user_name) = user_name {
            let found = by_name(call, user_name, state == Some(AccountState::Deleted)).await?;
            let found = found.filter(|found| match found {
                FoundAccount::Live(record) => matches(state_of(record), record.managed_by.is_some()),
                FoundAccount::Deleted(tombstone) => {
                    matches(AccountState::Deleted, tombstone.managed_by.is_some())
                }
            });
            let items = found.iter().map(|found| AccountShown::found(found, policy.fields())).collect();
            return Ok(Reply::json(Page { items, next: None }));
        }
        let (found, next) = if state == Some(AccountState::Deleted) {
            let after = match wanted.after {
                Some(Place::Deleted(at, id)) => Some((Timestamp::from_unix_millis(at), ResourceId::new(id))),
                _ => None,
            };
            deleted(call, after, wanted.limit, managed).await?
        } else {
            let after = match wanted.after {
                Some(Place::Live(id)) => Some(Keyset { key: None, id: ResourceId::new(id) }),
                _ => None,
            };
            let filtered = state.is_some() || managed.is_some();
            let matching = |record: &Record| matches(state_of(record), record.managed_by.is_some());
            live(call, after, wanted.limit, filtered, matching).await?
        };
        let items = found.iter().map(|found| AccountShown::found(found, policy.fields())).collect();
        let next = next.and_then(|place| call.next(&what, &place));
        Ok(Reply::json(Page { items, next }))
    })
}

fn state_of(record: &Record) -> AccountState {
    record.account.as_ref().map(|account| account.state).unwrap_or_default()
}

/// The account of that user name, or the one that was deleted last.
async fn by_name(call: &Call<'_>, user_name: &str, deleted: bool) -> Result<Option<FoundAccount>, Problem> {
    let instance = call.instance()?;
    if deleted {
        let tombstone = call.admin.account_deleted(instance, user_name).await?;
        return Ok(tombstone.map(|tombstone| FoundAccount::Deleted(Box::new(tombstone))));
    }
    match call.admin.account_named(instance, user_name).await {
        Ok(record) => Ok(Some(FoundAccount::Live(Box::new(record)))),
        Err(AdminError::NotFound(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Accounts that match, and where the next page begins.
async fn live(
    call: &Call<'_>,
    mut after: Option<Keyset>,
    limit: usize,
    filtered: bool,
    matching: impl Fn(&Record) -> bool,
) -> Result<(Vec<FoundAccount>, Option<Place>), Problem> {
    let batch = if filtered { MAX_LIMIT } else { limit };
    let (mut found, mut looked_at) = (Vec::new(), 0);
    loop {
        let AccountPage { records, next } = call.admin.account_page(call.instance()?, after, batch).await?;
        let count = records.len();
        for (index, record) in records.into_iter().enumerate() {
            let id = record.key.id.uuid();
            if matching(&record) {
                found.push(FoundAccount::Live(Box::new(record)));
            }
            if found.len() == limit {
                let more = index + 1 < count || next.is_some();
                return Ok((found, more.then_some(Place::Live(id))));
            }
        }
        looked_at += count;
        match next {
            None => return Ok((found, None)),
            Some(next) if looked_at >= MAX_LOOKED_AT => {
                return Ok((found, Some(Place::Live(next.id.uuid()))));
            }
            next => after = next,
        }
    }
}

/// Deleted accounts, and where the next page begins.
async fn deleted(
    call: &Call<'_>,
    mut after: Option<(Timestamp, ResourceId)>,
    limit: usize,
    managed: Option<bool>,
) -> Result<(Vec<FoundAccount>, Option<Place>), Problem> {
    let place = |(at, id): (Timestamp, ResourceId)| Place::Deleted(at.unix_millis(), id.uuid());
    let (mut found, mut looked_at) = (Vec::new(), 0);
    loop {
        let page = call.admin.account_deleted_page(call.instance()?, after, MAX_LIMIT).await?;
        let count = page.tombstones.len();
        for (index, tombstone) in page.tombstones.into_iter().enumerate() {
            let at = (tombstone.at, tombstone.key.id);
            if managed.is_none_or(|managed| managed == tombstone.managed_by.is_some()) {
                found.push(FoundAccount::Deleted(Box::<Tombstone>::new(tombstone)));
            }
            if found.len() == limit {
                let more = index + 1 < count || page.next.is_some();
                return Ok((found, more.then(|| place(at))));
            }
        }
        looked_at += MAX_LIMIT;
        match page.next {
            None => return Ok((found, None)),
            Some(next) if looked_at >= MAX_LOOKED_AT => return Ok((found, Some(place(next)))),
            next => after = next,
        }
    }
}

fn create_account<'c>(
    call: &'c Call<'c>,
    _: NoQuery,
    Json(new): Json<NewAccount>,
) -> Handled<'c, AccountShown> {
    Box::pin(async move {
        let instance = call.instance()?;
        let policy = call.admin.policy(instance).await?;
        let record = call.admin.account_create(instance, &new.edit(&policy)?).await?;
        let path = format!("/instances/{}/accounts/{}", instance.id, record.key.id);
        Ok(Reply::made(AccountShown::live(&record, policy.fields()), path))
    })
}

fn show_account<'c>(call: &'c Call<'c>, _: NoQuery, (): ()) -> Handled<'c, AccountShown> {
    Box::pin(async move {
        let instance = call.instance()?;
        let found = call.admin.account_found(instance, named(call)?).await?;
        let policy = call.admin.policy(instance).await?;
        Ok(Reply::thing(AccountShown::found(&found, policy.fields())))
    })
}

fn change_account<'c>(
    call: &'c Call<'c>,
    _: NoQuery,
    Changes(changes): Changes<AccountChanges>,
) -> Handled<'c, AccountShown> {
    Box::pin(async move {
        let instance = call.instance()?;
        let who = Who::Id(named(call)?);
        let policy = call.admin.policy(instance).await?;
        let edit = changes.edit(&policy)?;
        let as_read = |record: &Record, policy: &Policy| as_read(call, record, policy);
        let record = call.admin.account_edit_as_read(instance, who, &edit, as_read).await?;
        Ok(Reply::thing(AccountShown::live(&record, policy.fields())))
    })
}

fn delete_account<'c>(call: &'c Call<'c>, _: NoQuery, (): ()) -> Handled<'c, ()> {
    Box::pin(async move {
        let as_read = |record: &Record, policy: &Policy| as_read(call, record, policy);
        call.admin.account_delete(call.instance()?, Who::Id(named(call)?), as_read).await?;
        Ok(Reply::done())
    })
}
