//! What is done with accounts besides changing their values: renaming, inviting, erasing; and where their values come from.

use std::collections::BTreeMap;

use scim_directory::{Privilege, ResourceId};
use scim_provider::Method;
use scim_provider::admin::account::{ErasedAccount, RenameOutcome, Renamed, Rewrite};
use scim_storage::Keyset;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::account_shape::AccountShown;
use super::accounts::{TAG, named};
use super::instances::NoQuery;
use crate::call::Call;
use crate::endpoint::{Endpoint, Handled, Reply, Spec};
use crate::input::Json;
use crate::page::PageQuery;
use crate::problem::{Code, FAULT, Problem};

const RENAME: &str = "/instances/{instance}/accounts/{account}/rename";
const RENAMES: &str = "/instances/{instance}/accounts/renames";
const INVITE: &str = "/instances/{instance}/accounts/{account}/invite";
const ERASE: &str = "/instances/{instance}/accounts/{account}/erase";
const ERASURES: &str = "/instances/{instance}/accounts/erasures";
const EXPLAIN: &str = "/instances/{instance}/accounts/{account}/explain";

/// Another user name for an account.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewUserName {
    /// The user name.
    #[schema(min_length = 1)]
    user_name: String,
}

/// How user names are to be rewritten.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rewriting {
    /// An expression over account fields, such as `Append([UserName], "@acme.example")`.
    #[schema(max_length = 10_000)]
    expression: String,
    /// Whether those alone that no connector manages are renamed. Default: false.
    #[serde(default)]
    unmanaged: bool,
    /// Whether it is done. Default: false, which shows what would be done.
    #[serde(default)]
    apply: bool,
}

/// What a rewriting of user names came to, for the accounts of one page.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Rewritten {
    /// Whether it was done; else it is a preview.
    applied: bool,
    /// How many accounts have, or would have, another user name.
    renamed: u64,
    /// How many keep theirs.
    unchanged: u64,
    /// How many keep theirs because the other one cannot be given.
    conflicts: u64,
    /// The accounts, newest first.
    accounts: Vec<RenamedShown>,
    /// The cursor of the next page; missing on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// What becomes of an account's user name.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RenamedAccount)]
pub(crate) struct RenamedShown {
    /// The account's id.
    id: Uuid,
    /// The user name that it had.
    user_name: String,
    /// The user name that the expression gives.
    new_user_name: Option<String>,
    /// What becomes of it.
    outcome: Outcome,
    /// Why it is in conflict.
    reason: Option<String>,
}

/// What becomes of a user name.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = RenameOutcome)]
pub(crate) enum Outcome {
    /// It stays.
    Unchanged,
    /// It becomes another one.
    Renamed,
    /// It stays, because the other one cannot be given.
    Conflict,
}

impl From<&Renamed> for RenamedShown {
    fn from(renamed: &Renamed) -> Self {
        let (outcome, new, reason) = match &renamed.outcome {
            RenameOutcome::Unchanged => (Outcome::Unchanged, None, None),
            RenameOutcome::Renamed(new) => (Outcome::Renamed, Some(new.clone()), None),
            RenameOutcome::Conflict { wanted, reason } => {
                (Outcome::Conflict, wanted.clone(), Some(reason.clone()))
            }
        };
        Self {
            id: renamed.id.uuid(),
            user_name: renamed.user_name.clone(),
            new_user_name: new,
            outcome,
            reason,
        }
    }
}

/// That the application was asked to invite a person.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Invited {
    /// The account's id.
    id: Uuid,
    /// True.
    invited: bool,
}

/// That somebody is sure whom to erase.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Confirmation {
    /// The account's user name, to confirm that this is the person who is meant.
    confirm: String,
}

/// A person who is known by a user name alone.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Erasure {
    /// The user name: everybody who has or had it is erased.
    user_name: String,
    /// The same again, to confirm that this is the person who is meant.
    confirm: String,
}

/// What erasing came to.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Erased {
    /// Whether an account was there, and was deleted first.
    deleted: bool,
    /// How many log records, events and deleted accounts said something about the person.
    erased: u64,
}

impl From<ErasedAccount> for Erased {
    fn from(erased: ErasedAccount) -> Self {
        Self { deleted: erased.deleted, erased: erased.records }
    }
}

/// Where the values of an account come from.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct ExplainedAccount {
    /// The account's id.
    id: Uuid,
    /// The name of the connector that manages it.
    managed_by: Option<String>,
    /// When it was created.
    #[schema(format = DateTime)]
    created_at: String,
    /// Every field by name, and `State` and `AccessRole`.
    fields: BTreeMap<String, ExplainedField>,
}

/// A value, and where it comes from.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct ExplainedField {
    /// What the field holds.
    value: Option<String>,
    /// What it held before.
    previous: Option<String>,
    /// What kind of thing set it: `mapping`, `lifecycle`, `rule`, `edit`, `import`.
    cause: Option<String>,
    /// What the mapping row takes that set it, or the rule's name.
    source: Option<String>,
    /// The version of the mapping that set it.
    mapping_version: Option<i64>,
    /// The name of the connector through which it was set.
    connector: Option<String>,
    /// The request that set it.
    request_id: Option<String>,
    /// When it was set.
    #[schema(format = DateTime)]
    at: Option<String>,
    /// Of `DirectManager`: `none`, `linked` or `waiting`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    /// Of `DirectManager`: the manager's id, where linked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// Of `DirectManager`: the reference that is kept until somebody comes whom it means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    waiting_for: Option<String>,
    /// Of `DirectManager`: why nobody is linked, though somebody is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    let post = |role, get: Spec| Spec::of(Method::Post, role, 200, get);
    let rename = Spec::get(RENAME, "renameAccount", TAG, "Give an account another user name");
    let renames = Spec::get(RENAMES, "renameAccounts", TAG, "Rewrite user names by an expression, page by page")
        .about(
            "Each request does the accounts of one page (`limit`), newest first; the next one goes on with `cursor` and the same \
             body. Without `apply` it is a preview, which knows what the accounts of the same page give each other.",
        );
    let invite = Spec::get(INVITE, "inviteAccount", TAG, "Ask the application to invite a person")
        .about("An event in the outbox and a record of the log. Nothing else ever sends an invitation.");
    let erase = Spec::get(ERASE, "eraseAccount", TAG, "Erase a person's personal data, for good").about(
        "The account is deleted where it is there; then everything personal is taken out of what log, events and deleted \
         accounts say about it. What happened, when and to which id stays.",
    );
    let erasures = Spec::get(ERASURES, "eraseUserName", TAG, "Erase the personal data of everybody who had a user name")
        .about("For people of whom the account's id is not known, or who never got an account: refused requests name them too.");
    let explain = Spec::get(
        EXPLAIN,
        "explainAccount",
        TAG,
        "Where an account's values come from, also of a deleted one",
    );
    vec![
        Endpoint::new(post(Privilege::LiteAdmin, rename), rename_account),
        Endpoint::new(post(Privilege::LiteAdmin, renames), rename_accounts),
        Endpoint::new(post(Privilege::LiteAdmin, invite), invite_account),
        Endpoint::new(post(Privilege::Owner, erase), erase_account),
        Endpoint::new(post(Privilege::Owner, erasures), erase_user_name),
        Endpoint::new(explain, explain_account),
    ]
}

fn rename_account<'c>(
    call: &'c Call<'c>,
    _: NoQuery,
    Json(new): Json<NewUserName>,
) -> Handled<'c, AccountShown> {
    Box::pin(async move {
        let instance = call.instance()?;
        if new.user_name.trim().is_empty() {
            return Err(Problem::member("/user_name", "must not be blank"));
        }
        let record = call.admin.account_rename(instance, named(call)?, &new.user_name).await?;
        let policy = call.admin.policy(instance).await?;
        Ok(Reply::thing(AccountShown::live(&record, policy.fields())))
    })
}

fn rename_accounts<'c>(
    call: &'c Call<'c>,
    query: PageQuery,
    Json(rewriting): Json<Rewriting>,
) -> Handled<'c, Rewritten> {
    Box::pin(async move {
        let Rewriting { expression, unmanaged, apply } = &rewriting;
        let what = format!("{unmanaged} {apply} {expression}");
        let wanted = call.wanted::<Uuid>(&query, &what)?;
        let after = wanted.after.map(|id| Keyset { key: None, id: ResourceId::new(id) });
        let rewrite = Rewrite { expression, unmanaged: *unmanaged, apply: *apply };
        let mut accounts = Vec::new();
        let told = |renamed: &Renamed| accounts.push(RenamedShown::from(renamed));
        let done =
            call.admin.account_rename_page(call.instance()?, &rewrite, after, wanted.limit, told).await;
        let (summary, next) = done?;
        accounts.sort_by_key(|account| std::cmp::Reverse(account.id));
        Ok(Reply::json(Rewritten {
            applied: *apply,
            renamed: summary.renamed,
            unchanged: summary.unchanged,
            conflicts: summary.conflicts,
            accounts,
            next: next.and_then(|next| call.next(&what, &next.id.uuid())),
        }))
    })
}

fn invite_account<'c>(call: &'c Call<'c>, _: NoQuery, (): ()) -> Handled<'c, Invited> {
    Box::pin(async move {
        let record = call.admin.account_invite(call.instance()?, named(call)?).await?;
        Ok(Reply::json(Invited { id: record.key.id.uuid(), invited: true }))
    })
}

fn erase_account<'c>(
    call: &'c Call<'c>,
    _: NoQuery,
    Json(confirmation): Json<Confirmation>,
) -> Handled<'c, Erased> {
    Box::pin(async move {
        let id = named(call)?;
        let erased = call.admin.account_erase_one(call.instance()?, id, &confirmation.confirm).await?;
        Ok(Reply::json(erased.into()))
    })
}

fn erase_user_name<'c>(call: &'c Call<'c>, _: NoQuery, Json(erasure): Json<Erasure>) -> Handled<'c, Erased> {
    Box::pin(async move {
        if erasure.user_name != erasure.confirm {
            return Err(Problem::member(
                "/confirm",
                "is not the same as user_name; write whom you mean twice",
            ));
        }
        let erased = call.admin.account_erase(call.instance()?, &erasure.user_name).await?;
        Ok(Reply::json(erased.into()))
    })
}

fn explain_account<'c>(call: &'c Call<'c>, _: NoQuery, (): ()) -> Handled<'c, ExplainedAccount> {
    Box::pin(async move {
        let explained = call.admin.account_explain(call.instance()?, named(call)?).await?;
        let shown = serde_json::from_value(explained.json()).map_err(|error| {
            log::error!("what explains an account has another shape: {error}");
            Problem::new(Code::Internal, FAULT)
        })?;
        Ok(Reply::json(shown))
    })
}
