//! An instance's settings, but for fields and rules, which have endpoints of their own.

use scim_directory::{Instance, InstanceSettings, NameScope, Privilege, Profile};
use scim_provider::Method;
use scim_provider::admin::AdminError;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::instances::NoQuery;
use crate::call::Call;
use crate::endpoint::{Endpoint, Handled, Reply, Spec};
use crate::input::Patch;
use crate::problem::Problem;

const TAG: &str = "settings";
const PATH: &str = "/instances/{instance}/settings";

/// An instance's settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    /// What the settings began with.
    profile: Profile,
    /// Whether a group's display name is unique in any letter case.
    unique_group_names: bool,
    /// Within what user names are unique. Where names clash that become unique among instances, nothing is changed and the
    /// answer names them.
    user_names: NameScope,
    /// The most active accounts; `null` for any number.
    seats: Option<u64>,
    /// How many days the log, deleted accounts and events are kept.
    #[schema(minimum = 1, maximum = 36500)]
    retention_days: u32,
    /// What `DefaultDomain()` gives in expressions.
    default_domain: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self::of(&InstanceSettings::default())
    }
}

impl Settings {
    pub(super) fn of(settings: &InstanceSettings) -> Self {
        Self {
            profile: settings.profile,
            unique_group_names: settings.unique_group_names,
            user_names: settings.user_names,
            seats: settings.seats,
            retention_days: settings.retention_days,
            default_domain: settings.default_domain.clone(),
        }
    }

    /// Everything but where user names are unique, which is a matter of all accounts.
    fn apply(self, settings: &mut InstanceSettings) {
        let Self { profile, unique_group_names, user_names: _, seats, retention_days, default_domain } = self;
        *settings = InstanceSettings {
            profile,
            unique_group_names,
            seats,
            retention_days,
            default_domain,
            ..std::mem::take(settings)
        };
    }
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    let show = Spec::get(PATH, "showSettings", TAG, "An instance's settings");
    let change = Spec::get(PATH, "changeSettings", TAG, "Change an instance's settings")
        .about("A JSON merge patch (RFC 7396): what is not sent stays, `null` is the default again.");
    vec![
        Endpoint::new(show, show_settings),
        Endpoint::new(Spec::of(Method::Patch, Privilege::Admin, 200, change), change_settings),
    ]
}

fn show_settings<'c>(call: &'c Call<'c>, _: NoQuery, (): ()) -> Handled<'c, Settings> {
    Box::pin(async move { Ok(Reply::thing(Settings::of(&call.instance()?.settings))) })
}

fn change_settings<'c>(call: &'c Call<'c>, _: NoQuery, patch: Patch<Settings>) -> Handled<'c, Settings> {
    Box::pin(async move {
        let instance = call.instance()?;
        let current = Settings::of(&instance.settings);
        call.unchanged(&current)?;
        let wanted = patch.applied_to(&current)?;
        let changed = call
            .admin
            .settings_change(instance, |settings| {
                let current = Settings::of(settings);
                call.unchanged(&current).map_err(AdminError::from)?;
                patch.applied_to(&current).map_err(AdminError::from)?.apply(settings);
                Ok(())
            })
            .await?;
        let changed = names(call, changed, wanted.user_names).await?;
        Ok(Reply::thing(Settings::of(&changed.settings)))
    })
}

/// Changes within what user names are unique.
async fn names(call: &Call<'_>, instance: Instance, wanted: NameScope) -> Result<Instance, Problem> {
    Ok(match wanted {
        _ if instance.settings.user_names == wanted => instance,
        NameScope::Server => call.admin.names_across_instances(&instance).await?,
        NameScope::Instance => call.admin.names_within_instance(&instance).await?,
    })
}
