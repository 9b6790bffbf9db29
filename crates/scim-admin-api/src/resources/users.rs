//! Integration users: on whose behalf keys act.

use scim_directory::{IntegrationUser, Privilege};
use scim_provider::Method;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::instances::NoQuery;
use crate::call::Call;
use crate::endpoint::{Endpoint, Handled, Reply, Spec};
use crate::input::{Json, Patch};
use crate::page::{Page, PageQuery};
use crate::problem::Problem;

const TAG: &str = "integration users";
const ALL: &str = "/instances/{instance}/integration-users";
const ONE: &str = "/instances/{instance}/integration-users/{user}";

/// An integration user.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = IntegrationUser)]
pub(crate) struct UserShown {
    /// The id.
    id: Uuid,
    /// The name, unique in the instance.
    name: String,
    /// What it may do; keys need at least `LiteAdmin`.
    privilege: Privilege,
    /// Whether it is suspended: then none of its keys opens anything.
    suspended: bool,
    /// Whom reminders about its keys are mailed to.
    email: Option<String>,
}

impl From<&IntegrationUser> for UserShown {
    fn from(user: &IntegrationUser) -> Self {
        Self {
            id: user.id.uuid(),
            name: user.name.clone(),
            privilege: user.privilege,
            suspended: user.suspended,
            email: user.email.clone(),
        }
    }
}

/// An integration user to be created.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewUser {
    /// The name, unique in the instance, and no person's: 1 to 100 characters.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// What it may do. Default: `LiteAdmin`.
    #[serde(default = "lite_admin")]
    privilege: Privilege,
    /// Whom reminders about its keys are mailed to.
    #[serde(default)]
    email: Option<String>,
}

const fn lite_admin() -> Privilege {
    Privilege::LiteAdmin
}

/// What can be changed of an integration user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct UserTerms {
    /// What it may do. Default: `LiteAdmin`.
    privilege: Privilege,
    /// Whether it is suspended.
    suspended: bool,
    /// Whom reminders about its keys are mailed to.
    email: Option<String>,
}

impl Default for UserTerms {
    fn default() -> Self {
        Self { privilege: lite_admin(), suspended: false, email: None }
    }
}

impl UserTerms {
    fn of(user: &IntegrationUser) -> Self {
        Self { privilege: user.privilege, suspended: user.suspended, email: user.email.clone() }
    }
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    let list = Spec::get(ALL, "listIntegrationUsers", TAG, "Integration users by name");
    let create = Spec::get(ALL, "createIntegrationUser", TAG, "Create an integration user");
    let show = Spec::get(ONE, "showIntegrationUser", TAG, "An integration user");
    let change = Spec::get(ONE, "changeIntegrationUser", TAG, "Change an integration user").about(
        "A JSON merge patch (RFC 7396). Where it may not provision any more, its keys open nothing from the next request on.",
    );
    vec![
        Endpoint::new(list, list_users),
        Endpoint::new(Spec::of(Method::Post, Privilege::Admin, 201, create), create_user),
        Endpoint::new(show, show_user),
        Endpoint::new(Spec::of(Method::Patch, Privilege::Admin, 200, change), change_user),
    ]
}

fn list_users<'c>(call: &'c Call<'c>, query: PageQuery, (): ()) -> Handled<'c, Page<UserShown>> {
    Box::pin(async move {
        let wanted = call.wanted::<String>(&query, "")?;
        let mut users = call.admin.integration_user_list(call.instance()?).await?;
        users.retain(|user| wanted.after.as_ref().is_none_or(|after| user.name > *after));
        let name = |user: &IntegrationUser| user.name.clone();
        Ok(Reply::json(call.page(&wanted, "", users, name, |user| UserShown::from(&user))))
    })
}

/// Nobody gives more than they have.
fn within_reach(call: &Call<'_>, privilege: Privilege) -> Result<(), Problem> {
    if privilege <= call.caller.role {
        return Ok(());
    }
    let detail = format!("must not be above the role of the key that asks, {:?}", call.caller.role);
    Err(Problem::member("/privilege", &detail))
}

fn create_user<'c>(call: &'c Call<'c>, _: NoQuery, Json(new): Json<NewUser>) -> Handled<'c, UserShown> {
    Box::pin(async move {
        let instance = call.instance()?;
        within_reach(call, new.privilege)?;
        let created = call
            .admin
            .integration_user_create(instance, &new.name, new.privilege, new.email.as_deref())
            .await?;
        let name = percent_encoding::utf8_percent_encode(&created.name, percent_encoding::NON_ALPHANUMERIC);
        let path = format!("/instances/{}/integration-users/{name}", instance.id);
        Ok(Reply::made(UserShown::from(&created), path))
    })
}

fn show_user<'c>(call: &'c Call<'c>, _: NoQuery, (): ()) -> Handled<'c, UserShown> {
    Box::pin(async move {
        let user = call.admin.integration_user_named(call.instance()?, call.parameter("user")).await?;
        Ok(Reply::thing(UserShown::from(&user)))
    })
}

fn change_user<'c>(call: &'c Call<'c>, _: NoQuery, patch: Patch<UserTerms>) -> Handled<'c, UserShown> {
    Box::pin(async move {
        let (instance, name) = (call.instance()?, call.parameter("user"));
        let known = call.admin.integration_user_named(instance, name).await?;
        call.unchanged(&UserShown::from(&known))?;
        let wanted = patch.applied_to(&UserTerms::of(&known))?;
        if wanted.privilege != known.privilege {
            within_reach(call, wanted.privilege)?;
            within_reach(call, known.privilege)?;
        }
        let changed = call.admin.integration_user_change(instance, name, |user| {
            call.unchanged(&UserShown::from(&*user))?;
            let wanted = patch.applied_to(&UserTerms::of(user))?;
            user.privilege = wanted.privilege;
            user.suspended = wanted.suspended;
            user.email = wanted.email;
            Ok(())
        });
        Ok(Reply::thing(UserShown::from(&changed.await?)))
    })
}
