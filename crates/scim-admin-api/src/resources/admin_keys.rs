//! Keys to this API: of an instance, and of the whole server.

use std::time::Duration;

use scim_core::instant::Timestamp;
use scim_directory::{AdminKeyId, AdminKeyRecord, InstanceId, Networks, Privilege, Scope};
use scim_provider::Method;
use scim_provider::admin::{AdminError, AdminKeyRequest};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::instances::NoQuery;
use super::times::moment;
use crate::call::Call;
use crate::endpoint::{Endpoint, Handled, Reply, Spec};
use crate::input::Json;
use crate::moment::Moment;
use crate::page::{Page, PageQuery};
use crate::problem::Problem;

const TAG: &str = "admin keys";
const OF_INSTANCE: &str = "/instances/{instance}/admin-keys";
const ONE_OF_INSTANCE: &str = "/instances/{instance}/admin-keys/{admin_key}";
const OF_SERVER: &str = "/admin-keys";
const ONE_OF_SERVER: &str = "/admin-keys/{admin_key}";

/// For how long an admin key is good where nothing is said, in days.
const DEFAULT_DAYS: u32 = 90;

/// An admin key, without its secret.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AdminKey)]
pub(crate) struct AdminKeyShown {
    /// The id.
    id: Uuid,
    /// The id of the instance that it opens; `null` for the whole server.
    instance_id: Option<Uuid>,
    /// What it may do there.
    role: Privilege,
    /// Whose it is, or what for.
    label: String,
    /// The last four characters, by which people tell keys apart.
    ending: String,
    /// When it was issued.
    created_at: Moment,
    /// When it ends; `null` for never.
    expires_at: Option<Moment>,
    /// `active`, `expired` or `revoked`.
    state: &'static str,
    /// From where it may be used, as CIDRs; from anywhere where it is empty.
    #[schema(value_type = Vec<String>)]
    networks: Networks,
    /// The id of the admin key that it was issued with; `null` where the command line issued it.
    issued_by: Option<Uuid>,
    /// When it was used last; up to a minute behind.
    last_used_at: Option<Moment>,
    /// From where it was used last.
    last_address: Option<String>,
    /// When it was revoked.
    revoked_at: Option<Moment>,
}

/// An admin key that was just issued.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct IssuedAdminKey {
    /// The key.
    admin_key: AdminKeyShown,
    /// The secret, for `Authorization: Bearer`. Shown now and never again.
    token: String,
}

/// An admin key to be issued.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewAdminKey {
    /// What it may do; not more than the key that asks.
    role: Privilege,
    /// Whose it is, or what for: 1 to 100 characters.
    #[schema(min_length = 1, max_length = 100)]
    label: String,
    /// For how many days it is good; `null` for ever. Default: 90.
    #[serde(default = "default_days")]
    #[schema(minimum = 1, maximum = 36500)]
    expires_in_days: Option<u32>,
    /// From where it may be used, as CIDRs. Default: from anywhere.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    networks: Networks,
}

#[expect(clippy::unnecessary_wraps, reason = "serde's default of an optional member")]
const fn default_days() -> Option<u32> {
    Some(DEFAULT_DAYS)
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    let list = |path, id| {
        Spec::get(path, id, TAG, "Admin keys, oldest first, without their secrets").role(Privilege::Admin)
    };
    let issue = |path, id| {
        let spec = Spec::get(path, id, TAG, "Issue an admin key").about("The answer shows the secret, once.");
        Spec::of(Method::Post, Privilege::Owner, 201, spec)
    };
    let show = |path, id| Spec::get(path, id, TAG, "An admin key").role(Privilege::Admin);
    let revoke = |path, id| {
        let spec =
            Spec::get(path, id, TAG, "Revoke an admin key: it is refused from the next request on, for good");
        Spec::of(Method::Delete, Privilege::Owner, 204, spec)
    };
    vec![
        Endpoint::new(list(OF_INSTANCE, "listAdminKeys"), list_keys),
        Endpoint::new(issue(OF_INSTANCE, "issueAdminKey"), issue_key),
        Endpoint::new(show(ONE_OF_INSTANCE, "showAdminKey"), show_key),
        Endpoint::new(revoke(ONE_OF_INSTANCE, "revokeAdminKey"), revoke_key),
        Endpoint::new(list(OF_SERVER, "listServerAdminKeys"), list_keys),
        Endpoint::new(issue(OF_SERVER, "issueServerAdminKey"), issue_key),
        Endpoint::new(show(ONE_OF_SERVER, "showServerAdminKey"), show_key),
        Endpoint::new(revoke(ONE_OF_SERVER, "revokeServerAdminKey"), revoke_key),
    ]
}

fn shown(key: &AdminKeyRecord, now: Timestamp) -> AdminKeyShown {
    AdminKeyShown {
        id: key.id.uuid(),
        instance_id: key.instance.map(InstanceId::uuid),
        role: key.role,
        label: key.label.clone(),
        ending: key.ending.clone(),
        created_at: key.created.into(),
        expires_at: moment(key.expires),
        state: match key.revoked {
            Some(_) => "revoked",
            None if key.is_in_force(now) => "active",
            None => "expired",
        },
        networks: key.networks.clone(),
        issued_by: key.issued_by.map(AdminKeyId::uuid),
        last_used_at: moment(key.last_used),
        last_address: key.last_address.map(|address| address.to_string()),
        revoked_at: moment(key.revoked),
    }
}

/// Where the keys of a path are kept: at its instance, or at the server.
fn scope(call: &Call<'_>) -> Scope {
    call.instance().map_or(Scope::SERVER, |instance| Scope { instance: instance.id, connector: None })
}

/// The key that the path names.
async fn named(call: &Call<'_>) -> Result<AdminKeyRecord, Problem> {
    let id = call.parameter("admin_key");
    let missing =
        || AdminError::NotFound(format!("There is no admin key {id:?} here; GET …/admin-keys lists them"));
    let id: AdminKeyId = id.parse().map_err(|_| missing())?;
    match call.admin.admin_key_show(id).await {
        Ok(key) if key.scope() == scope(call) => Ok(key),
        Ok(_) | Err(AdminError::NotFound(_)) => Err(missing().into()),
        Err(error) => Err(error.into()),
    }
}

fn list_keys<'c>(call: &'c Call<'c>, query: PageQuery, (): ()) -> Handled<'c, Page<AdminKeyShown>> {
    Box::pin(async move {
        let wanted = call.wanted::<(i64, Uuid)>(&query, "")?;
        let after = wanted.after.map(|(at, id)| (Timestamp::from_unix_millis(at), AdminKeyId::new(id)));
        let keys = call.admin.admin_key_page(&scope(call), after, wanted.limit + 1).await?;
        let place = |key: &AdminKeyRecord| (key.created.unix_millis(), key.id.uuid());
        Ok(Reply::json(call.page(&wanted, "", keys, place, |key| shown(&key, call.now()))))
    })
}

fn issue_key<'c>(
    call: &'c Call<'c>,
    _: NoQuery,
    Json(new): Json<NewAdminKey>,
) -> Handled<'c, IssuedAdminKey> {
    Box::pin(async move {
        if new.role > call.caller.role {
            let detail = format!("must not be above the role of the key that asks, {:?}", call.caller.role);
            return Err(Problem::member("/role", &detail));
        }
        if new.expires_in_days.is_some_and(|days| !(1..=36_500).contains(&days)) {
            return Err(Problem::member("/expires_in_days", "must be 1 to 36500, or null for ever"));
        }
        let instance = call.instance().ok();
        let request = AdminKeyRequest {
            role: new.role,
            label: new.label,
            lifetime: new.expires_in_days.map(|days| Duration::from_secs(u64::from(days) * 86_400)),
            networks: new.networks,
            issued_by: Some(call.caller.id),
        };
        let issued = call.admin.admin_key_issue(instance, &request).await?;
        let below = instance.map(|instance| format!("/instances/{}", instance.id)).unwrap_or_default();
        let path = format!("{below}/admin-keys/{}", issued.record.id);
        let admin_key = shown(&issued.record, call.now());
        Ok(Reply::made(IssuedAdminKey { admin_key, token: issued.key.reveal().to_string() }, path))
    })
}

fn show_key<'c>(call: &'c Call<'c>, _: NoQuery, (): ()) -> Handled<'c, AdminKeyShown> {
    Box::pin(async move { Ok(Reply::json(shown(&named(call).await?, call.now()))) })
}

fn revoke_key<'c>(call: &'c Call<'c>, _: NoQuery, (): ()) -> Handled<'c, ()> {
    Box::pin(async move {
        call.admin.admin_key_revoke(named(call).await?.id).await?;
        Ok(Reply::done())
    })
}
