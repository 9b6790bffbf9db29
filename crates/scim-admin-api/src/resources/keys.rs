//! Keys that let identity providers in.

use std::time::Duration;

use scim_core::instant::Timestamp;
use scim_directory::{
    AccessScopes, KeptSecret, KeyId, KeyLimits, KeyRecord, KeyTerms, Networks, Privilege, Rate, Revocation,
};
use scim_provider::Method;
use scim_provider::admin::{AdminError, KeyRequest};
use scim_storage::KeyContext;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::instances::NoQuery;
use super::times::{moment, read_moment};
use crate::call::Call;
use crate::endpoint::{Endpoint, Handled, Reply, Spec};
use crate::input::{Json, Patch};
use crate::moment::Moment;
use crate::page::{Page, PageQuery};
use crate::problem::Problem;

const TAG: &str = "keys";
const ALL: &str = "/instances/{instance}/keys";
const ONE: &str = "/instances/{instance}/keys/{key}";

/// For how long a key is good where nothing is said, in days.
const DEFAULT_DAYS: u32 = 365;

/// A key, without its secret.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Key)]
pub(crate) struct KeyShown {
    /// The id.
    id: Uuid,
    /// The instance's name.
    instance: String,
    /// The connector's name.
    connector: String,
    /// The name of the integration user that it acts for.
    user: String,
    /// The last four characters, by which people tell keys apart; empty for a secret that a person chose.
    ending: String,
    /// `generated`, or `chosen` by a person (HTTP Basic alone).
    kind: &'static str,
    /// When it was issued.
    created_at: Moment,
    /// When it begins, where that is not at once.
    not_before: Option<Moment>,
    /// When it ends; `null` for never.
    expires_at: Option<Moment>,
    /// `active`, `retiring`, `not_yet_valid`, `expired` or `revoked`.
    state: &'static str,
    /// What it opens.
    #[schema(value_type = Vec<String>)]
    scopes: AccessScopes,
    /// From where it may be used, as CIDRs; from anywhere where it is empty.
    #[schema(value_type = Vec<String>)]
    networks: Networks,
    /// How often it may be used; `null` for any rate.
    rate: Option<Rate>,
    /// When it was used first.
    first_used_at: Option<Moment>,
    /// When something was written with it first.
    first_written_at: Option<Moment>,
    /// When it was used last; up to a minute behind.
    last_used_at: Option<Moment>,
    /// From where it was used last.
    last_address: Option<String>,
    /// Since when another key has taken its place.
    retiring_since: Option<Moment>,
    /// Until when it works although another key has taken its place.
    retiring_until: Option<Moment>,
    /// When it was revoked.
    revoked_at: Option<Moment>,
    /// Why it was revoked.
    #[schema(value_type = Option<String>)]
    revoked_because: Option<Revocation>,
}

/// A key that was just issued.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct IssuedKey {
    /// The key.
    key: KeyShown,
    /// The secret: the password, or secret token, at the identity provider. Shown now and never again; `null` where a person
    /// chose it.
    token: Option<String>,
    /// The SCIM URL that goes with it.
    scim_url: String,
    /// The connector's own SCIM URL.
    connector_scim_url: String,
}

/// A key to be issued.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewKey {
    /// The connector's name.
    #[serde(default = "default_connector")]
    connector: String,
    /// The name of the integration user that it acts for: at least `LiteAdmin`, with fewer than two keys in force here.
    user: String,
    /// For how many days it is good; `null` for ever. Default: 365.
    #[serde(default = "default_days")]
    #[schema(minimum = 1, maximum = 36500)]
    expires_in_days: Option<u32>,
    /// When it begins (RFC 3339). Default: at once.
    #[serde(default)]
    #[schema(format = DateTime)]
    not_before: Option<String>,
    /// What it opens. Default: everything.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    scopes: AccessScopes,
    /// From where it may be used, as CIDRs. Default: from anywhere.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    networks: Networks,
    /// How often it may be used. Default: at any rate.
    #[serde(default)]
    rate: Option<Rate>,
    /// A secret that a person chose, of 15 to 128 characters: the password of HTTP Basic, where the connector allows that.
    #[serde(default)]
    secret: Option<String>,
}

fn default_connector() -> String {
    "default".to_owned()
}

#[expect(clippy::unnecessary_wraps, reason = "serde's default of an optional member")]
const fn default_days() -> Option<u32> {
    Some(DEFAULT_DAYS)
}

/// What can be changed of a key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = KeyTerms)]
pub(crate) struct Terms {
    /// When it begins (RFC 3339); `null` for at once.
    #[schema(format = DateTime)]
    not_before: Option<String>,
    /// When it ends (RFC 3339); `null` for never.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// What it opens.
    #[schema(value_type = Vec<String>)]
    scopes: AccessScopes,
    /// From where it may be used, as CIDRs; from anywhere where it is empty.
    #[schema(value_type = Vec<String>)]
    networks: Networks,
    /// How often it may be used; `null` for any rate.
    rate: Option<Rate>,
}

impl Terms {
    fn of(terms: &KeyTerms) -> Self {
        let text = |at: Option<Timestamp>| at.map(|at| at.to_string());
        let KeyLimits { scopes, networks, rate } = terms.limits.clone();
        Self { not_before: text(terms.not_before), expires_at: text(terms.expires), scopes, networks, rate }
    }

    fn terms(self) -> Result<KeyTerms, Problem> {
        let Self { not_before, expires_at, scopes, networks, rate } = self;
        Ok(KeyTerms {
            not_before: read_moment("/not_before", not_before.as_deref())?,
            expires: read_moment("/expires_at", expires_at.as_deref())?,
            limits: KeyLimits { scopes, networks, rate },
        })
    }
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    let list = Spec::get(ALL, "listKeys", TAG, "Keys, oldest first, without their secrets");
    let issue = Spec::get(ALL, "issueKey", TAG, "Issue a key to an integration user").about(
        "The answer shows the secret, once. It disturbs no other key; the first request made with it is the switch, from which \
         on the other one retires.",
    );
    let show = Spec::get(ONE, "showKey", TAG, "A key");
    let change = Spec::get(ONE, "changeKey", TAG, "Change when a key can be used, and what it opens").about(
        "A JSON merge patch (RFC 7396). The entity tag is that of what can be changed, not of when the key was used.",
    );
    let revoke =
        Spec::get(ONE, "revokeKey", TAG, "Revoke a key: it is refused from the next request on, for good");
    vec![
        Endpoint::new(list, list_keys),
        Endpoint::new(Spec::of(Method::Post, Privilege::Admin, 201, issue), issue_key),
        Endpoint::new(show, show_key),
        Endpoint::new(Spec::of(Method::Patch, Privilege::Admin, 200, change), change_key),
        Endpoint::new(Spec::of(Method::Delete, Privilege::Admin, 204, revoke), revoke_key),
    ]
}

fn shown(context: &KeyContext, now: Timestamp) -> KeyShown {
    let KeyContext { key, instance, connector, user } = context;
    let ended = key.ended(now);
    let KeyLimits { scopes, networks, rate } = key.terms.limits.clone();
    KeyShown {
        id: key.id.uuid(),
        instance: instance.name.clone(),
        connector: connector.name.clone(),
        user: user.name.clone(),
        ending: key.ending.clone(),
        kind: if matches!(key.secret, KeptSecret::Mac { .. }) { "generated" } else { "chosen" },
        created_at: key.created.into(),
        not_before: moment(key.terms.not_before),
        expires_at: moment(key.terms.expires),
        state: key.state(now).name(),
        scopes,
        networks,
        rate,
        first_used_at: moment(key.first_used),
        first_written_at: moment(key.first_written),
        last_used_at: moment(key.last_used),
        last_address: key.last_address.map(|address| address.to_string()),
        retiring_since: moment(key.retiring.map(|retiring| retiring.since)),
        retiring_until: moment(key.retiring.map(|retiring| retiring.until)),
        revoked_at: moment(ended.map(|(at, _)| at)),
        revoked_because: ended.map(|(_, why)| why),
    }
}

/// The part of a key that its entity tag is of.
fn tag_part(key: &KeyRecord) -> (Uuid, i64) {
    (key.id.uuid(), key.generation)
}

/// The key that the path names, where it is the instance's.
async fn named(call: &Call<'_>) -> Result<KeyContext, Problem> {
    let (instance, id) = (call.instance()?, call.parameter("key"));
    let missing = || {
        AdminError::NotFound(format!("The instance has no key {id:?}; GET …/keys lists them, by their ids"))
    };
    let id: KeyId = id.parse().map_err(|_| missing())?;
    match call.admin.key_show(id).await {
        Ok(context) if context.instance.id == instance.id => Ok(context),
        Ok(_) | Err(AdminError::NotFound(_)) => Err(missing().into()),
        Err(error) => Err(error.into()),
    }
}

fn list_keys<'c>(call: &'c Call<'c>, query: PageQuery, (): ()) -> Handled<'c, Page<KeyShown>> {
    Box::pin(async move {
        let wanted = call.wanted::<(i64, Uuid)>(&query, "")?;
        let after = wanted.after.map(|(at, id)| (Timestamp::from_unix_millis(at), KeyId::new(id)));
        let keys = call.admin.key_page(call.instance()?, after, wanted.limit + 1).await?;
        let place = |context: &KeyContext| (context.key.created.unix_millis(), context.key.id.uuid());
        Ok(Reply::json(call.page(&wanted, "", keys, place, |context| shown(&context, call.now()))))
    })
}

fn issue_key<'c>(call: &'c Call<'c>, _: NoQuery, Json(new): Json<NewKey>) -> Handled<'c, IssuedKey> {
    Box::pin(async move {
        let instance = call.instance()?;
        let days = |days: u32| Duration::from_secs(u64::from(days) * 86_400);
        if new.expires_in_days.is_some_and(|days| !(1..=36_500).contains(&days)) {
            return Err(Problem::member("/expires_in_days", "must be 1 to 36500, or null for ever"));
        }
        let request = KeyRequest {
            connector: &new.connector,
            user: &new.user,
            lifetime: new.expires_in_days.map(days),
            not_before: read_moment("/not_before", new.not_before.as_deref())?,
            limits: KeyLimits { scopes: new.scopes, networks: new.networks.clone(), rate: new.rate },
            password: new.secret.as_deref(),
        };
        let issued = call.admin.key_issue(instance, &request).await?;
        let context = call.admin.key_show(issued.record.id).await?;
        let path = format!("/instances/{}/keys/{}", instance.id, issued.record.id);
        let answer = IssuedKey {
            key: shown(&context, call.now()),
            token: issued.key.as_ref().map(|key| key.reveal().to_string()),
            scim_url: call.scim_url().to_owned(),
            connector_scim_url: format!("{}/c/{}/scim/v2", call.root(), issued.record.connector),
        };
        Ok(Reply::made(answer, path).tagged_by(&tag_part(&context.key)))
    })
}

fn show_key<'c>(call: &'c Call<'c>, _: NoQuery, (): ()) -> Handled<'c, KeyShown> {
    Box::pin(async move {
        let context = named(call).await?;
        Ok(Reply::thing(shown(&context, call.now())).tagged_by(&tag_part(&context.key)))
    })
}

fn change_key<'c>(call: &'c Call<'c>, _: NoQuery, patch: Patch<Terms>) -> Handled<'c, KeyShown> {
    Box::pin(async move {
        let context = named(call).await?;
        call.unchanged(&tag_part(&context.key))?;
        let before = &context.key.terms;
        let wanted = patch.applied_to(&Terms::of(before))?.terms()?;
        let changed = call.admin.key_change(context.key.id, |terms| {
            if terms != before {
                let detail = "The key was changed since it was read; read it again, and decide again";
                return Err(AdminError::Changed(detail.to_owned()));
            }
            *terms = wanted.clone();
            Ok(())
        });
        let changed = changed.await?;
        Ok(Reply::thing(shown(&changed, call.now())).tagged_by(&tag_part(&changed.key)))
    })
}

fn revoke_key<'c>(call: &'c Call<'c>, _: NoQuery, (): ()) -> Handled<'c, ()> {
    Box::pin(async move {
        let context = named(call).await?;
        call.unchanged(&tag_part(&context.key))?;
        call.admin.key_revoke(context.key.id).await?;
        Ok(Reply::done())
    })
}
