//! `rollcall connector set`

use scim_directory::{
    AccessScopes, Connector, ConnectorSettings, Instance, IntegrationUserId, PickUp, Retirement,
    TrustedIssuer,
};
use scim_provider::admin::Admin;

use super::dialect_name;
use crate::cli::{
    ConnectorSet, ConnectorWaysIn, OrNone, PickUpChoice, RevokeOldChoice, SwitchChoice, all_of, networks,
};

pub(super) async fn change(
    admin: &Admin,
    instance: &Instance,
    options: &ConnectorSet,
) -> anyhow::Result<Connector> {
    let limited = networks(&options.networks);
    let issuer = match &options.ways_in.issuer {
        None => None,
        Some(OrNone(None)) => Some(None),
        Some(OrNone(Some(url))) => {
            let name = options.ways_in.issuer_user.as_deref().unwrap_or_default();
            let user = admin.integration_user_named(instance, name).await?;
            Some(Some(trusted(url, &options.ways_in, user.id)))
        }
    };
    let changed = admin.connector_change(instance, &options.connector, |connector| {
        if let Some(dialect) = options.dialect {
            connector.dialect = dialect_name(dialect);
        }
        let settings = &mut connector.settings;
        apply(settings, options);
        if let Some(networks) = &limited {
            settings.networks = networks.clone();
        }
        if let Some(issuer) = &issuer {
            settings.ways_in.issuer.clone_from(issuer);
        }
        Ok(())
    });
    Ok(changed.await?)
}

fn apply(settings: &mut ConnectorSettings, options: &ConnectorSet) {
    if let Some(profile) = options.profile {
        settings.profile = profile.profile();
    }
    match options.pick_up {
        Some(PickUpChoice::OnMatch) => settings.pick_up = PickUp::OnMatch,
        Some(PickUpChoice::OnWrite) => settings.pick_up = PickUp::OnWrite,
        None => {}
    }
    match options.guard {
        Some(SwitchChoice::Off) => settings.guard = None,
        Some(SwitchChoice::On) => settings.guard = Some(settings.guard.unwrap_or_default()),
        None => {}
    }
    if let Some(people) = options.guard_people {
        settings.guard.get_or_insert_default().people = people;
    }
    if let Some(percent) = options.guard_percent {
        settings.guard.get_or_insert_default().percent = percent;
    }
    if let Some(role) = options.role_ceiling {
        settings.role_ceiling = role;
    }
    if let Some(people) = options.people {
        settings.people = people;
    }
    if let Some(groups) = options.groups {
        settings.groups = groups;
    }
    if let Some(rate) = &options.rate {
        settings.rate = rate.0;
    }
    if let Some(days) = &options.retention_days {
        settings.retention_days = days.0;
    }
    if let Some(seconds) = options.keys.key_overlap {
        settings.overlap_seconds = seconds;
    }
    match options.keys.revoke_old {
        Some(RevokeOldChoice::OnFirstWrite) => settings.retirement = Retirement::FirstWrite,
        Some(RevokeOldChoice::AfterOverlap) => settings.retirement = Retirement::Overlap,
        None => {}
    }
    if let Some(reminders) = &options.keys.reminders {
        settings.reminder_days.clone_from(&reminders.0);
    }
    let is_on = |choice: SwitchChoice| matches!(choice, SwitchChoice::On);
    if let Some(basic) = options.ways_in.basic {
        settings.ways_in.basic = is_on(basic);
    }
    if let Some(oauth) = options.ways_in.oauth {
        settings.ways_in.oauth = is_on(oauth);
    }
}

fn trusted(url: &str, options: &ConnectorWaysIn, user: IntegrationUserId) -> TrustedIssuer {
    let text = |given: &Option<String>| given.clone().unwrap_or_default();
    TrustedIssuer {
        issuer: url.to_owned(),
        audience: text(&options.audience),
        subject: text(&options.subject),
        jwks_uri: text(&options.jwks_uri),
        user,
        scopes: if options.issuer_scopes.is_empty() {
            AccessScopes::ALL
        } else {
            all_of(&options.issuer_scopes)
        },
    }
}
