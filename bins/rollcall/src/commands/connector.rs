//! `rollcall connector …`

use scim_directory::{Connector, DialectName, PickUp};
use serde_json::{Value, json};

use crate::cli::{self, DialectChoice, PickUpChoice, SwitchChoice};
use crate::config::Settings;
use crate::{database, output};

pub(crate) async fn run(command: cli::Connector, settings: &Settings) -> anyhow::Result<()> {
    let admin = database::admin(settings)?;
    match command {
        cli::Connector::Create { instance, connector, dialect, keep_passwords, profile } => {
            let instance = admin.instance_named(&instance).await?;
            let dialect = dialect_name(dialect);
            let profile = profile.map_or(instance.settings.profile, cli::ProfileChoice::profile);
            let created =
                admin.connector_create(&instance, &connector, dialect, keep_passwords, profile).await?;
            show(&created, settings)
        }
        cli::Connector::Set {
            instance,
            connector,
            dialect,
            profile,
            pick_up,
            guard,
            guard_people,
            guard_percent,
            role_ceiling,
        } => {
            let instance = admin.instance_named(&instance).await?;
            let changed = admin.connector_change(&instance, &connector, |connector| {
                if let Some(dialect) = dialect {
                    connector.dialect = dialect_name(dialect);
                }
                let settings = &mut connector.settings;
                if let Some(profile) = profile {
                    settings.profile = profile.profile();
                }
                match pick_up {
                    Some(PickUpChoice::OnMatch) => settings.pick_up = PickUp::OnMatch,
                    Some(PickUpChoice::OnWrite) => settings.pick_up = PickUp::OnWrite,
                    None => {}
                }
                match guard {
                    Some(SwitchChoice::Off) => settings.guard = None,
                    Some(SwitchChoice::On) => settings.guard = Some(settings.guard.unwrap_or_default()),
                    None => {}
                }
                if let Some(people) = guard_people {
                    settings.guard.get_or_insert_default().people = people;
                }
                if let Some(percent) = guard_percent {
                    settings.guard.get_or_insert_default().percent = percent;
                }
                if let Some(role) = role_ceiling {
                    settings.role_ceiling = role;
                }
                Ok(())
            });
            show(&changed.await?, settings)
        }
        cli::Connector::List { instance } => {
            let instance = admin.instance_named(&instance).await?;
            let connectors = admin.connector_list(&instance).await?;
            if settings.json {
                return output::json(&connectors.iter().map(connector_json).collect());
            }
            let rows: Vec<_> = connectors
                .iter()
                .map(|connector| {
                    vec![
                        connector.name.clone(),
                        connector.id.to_string(),
                        connector.dialect.name().to_owned(),
                    ]
                })
                .collect();
            output::table(&["NAME", "ID", "DIALECT"], &rows)
        }
        cli::Connector::Show { instance, connector } => {
            let instance = admin.instance_named(&instance).await?;
            show(&admin.connector_named(&instance, &connector).await?, settings)
        }
    }
}

fn dialect_name(choice: DialectChoice) -> DialectName {
    match choice {
        DialectChoice::Lenient => DialectName::Lenient,
        DialectChoice::Strict => DialectName::Strict,
    }
}

fn show(connector: &Connector, settings: &Settings) -> anyhow::Result<()> {
    if settings.json {
        return output::json(&connector_json(connector));
    }
    let set = &connector.settings;
    output::line(&format!("connector {}  {}  {}", connector.name, connector.id, connector.dialect.name()))?;
    output::line(&format!("profile: {}", set.profile.name()))?;
    let pick_up = match set.pick_up {
        PickUp::OnMatch => "when a filter on the name finds them",
        PickUp::OnWrite => "when they are first written to",
    };
    output::line(&format!("existing accounts are picked up: {pick_up}"))?;
    let guard = match set.guard {
        Some(guard) => format!("{} people or {} % an hour, whichever is less", guard.people, guard.percent),
        None => "off".to_owned(),
    };
    output::line(&format!("guard against mass suspension and deletion: {guard}"))?;
    output::line(&format!("highest access role: {}", set.role_ceiling))
}

pub(crate) fn connector_json(connector: &Connector) -> Value {
    json!({
        "id": connector.id.to_string(),
        "name": connector.name,
        "dialect": connector.dialect.name(),
        "keep_passwords": connector.keep_passwords,
        "settings": connector.settings,
        "profile": connector.settings.profile.name(),
        "created_at": connector.created.to_string(),
    })
}
