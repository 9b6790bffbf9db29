//! Profiles: what an application expects of people and of connectors.

use scim_directory::Profile;
use serde::Serialize;
use utoipa::ToSchema;

use super::connector_terms::ConnectorSettings;
use super::instances::NoQuery;
use super::settings::Settings;
use crate::call::Call;
use crate::endpoint::{Endpoint, Handled, Reply, Spec};
use crate::page::Page;

/// A profile, and the settings that it proposes.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProfileProposal)]
pub(crate) struct Proposal {
    /// The profile.
    name: Profile,
    /// What an instance of this profile begins with.
    settings: Settings,
    /// What a connector of this profile begins with.
    connector_settings: ConnectorSettings,
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    let list =
        Spec::get("/profiles", "listProfiles", "profiles", "Profiles, with the settings that they propose");
    vec![Endpoint::new(list, list_profiles).for_every_key()]
}

fn list_profiles<'c>(_: &'c Call<'c>, _: NoQuery, (): ()) -> Handled<'c, Page<Proposal>> {
    Box::pin(async move {
        let proposal = |profile: Profile| Proposal {
            name: profile,
            settings: Settings::of(&profile.instance_settings()),
            connector_settings: ConnectorSettings::from(profile.connector_settings()),
        };
        Ok(Reply::json(Page { items: Profile::ALL.into_iter().map(proposal).collect(), next: None }))
    })
}
