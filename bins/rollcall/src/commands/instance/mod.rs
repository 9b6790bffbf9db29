//! `rollcall instance …`

mod export;
mod import;
mod moving;

use scim_directory::{Instance, InstanceSettings, NameScope};
use scim_provider::admin::Admin;
use serde_json::{Value, json};

use crate::cli::{self, NamesChoice};
use crate::config::Settings;
use crate::node::Node;
use crate::output;

pub(crate) async fn run(command: cli::Instance, node: &Node) -> anyhow::Result<()> {
    match &command {
        cli::Instance::Export { name, output, scrub, quiet } => {
            let export = export::Export { name, output, scrub: *scrub, quiet: *quiet };
            return export::run(&export, node);
        }
        cli::Instance::Import { without_keys, quiet, file } => {
            return import::run(file, *without_keys, *quiet, node);
        }
        _ => {}
    }
    let (admin, settings) = (node.admin()?, &node.settings);
    match command {
        // They were run without the use-cases of administrators.
        cli::Instance::Export { .. } | cli::Instance::Import { .. } => Ok(()),
        cli::Instance::Create { name, shared_group_names, profile } => {
            let settings_of_instance = InstanceSettings {
                unique_group_names: !shared_group_names,
                ..profile.profile().instance_settings()
            };
            let created = admin.instance_create(&name, settings_of_instance);
            let created = created.await?;
            if settings.json {
                return output::json(&show(&admin, &created.instance, settings).await?);
            }
            output::line(&format!(
                "instance {name} is there, with connector default and integration user integration"
            ))?;
            output::message(&format!("next: rollcall key issue --instance {name:?} --user integration"));
            Ok(())
        }
        cli::Instance::Set { name, seats, retention_days, user_names, default_domain } => {
            let instance = admin.instance_named(&name).await?;
            let seats = seats.map(|seats| number_or_none("--seats", &seats)).transpose()?;
            match user_names {
                Some(NamesChoice::Server) => {
                    admin.names_across_instances(&instance).await?;
                }
                Some(NamesChoice::Instance) => {
                    admin.names_within_instance(&instance).await?;
                }
                None => {}
            }
            let changed = admin.settings_change(&instance, |settings| {
                if let Some(seats) = seats {
                    settings.seats = seats;
                }
                if let Some(days) = retention_days {
                    settings.retention_days = days;
                }
                if let Some(domain) = &default_domain {
                    settings.default_domain = (domain != "none").then(|| domain.clone());
                }
                Ok(())
            });
            let shown = show(&admin, &changed.await?, settings).await?;
            if settings.json {
                return output::json(&shown);
            }
            output::line(&shown.get("settings").map(ToString::to_string).unwrap_or_default())
        }
        cli::Instance::List => {
            let instances = admin.instance_list().await?;
            if settings.json {
                return output::json(&instances.iter().map(instance_json).collect());
            }
            let rows: Vec<_> = instances
                .iter()
                .map(|instance| {
                    vec![instance.name.clone(), instance.id.to_string(), instance.created.to_string()]
                })
                .collect();
            output::table(&["NAME", "ID", "CREATED"], &rows)
        }
        cli::Instance::Prune { name } => {
            let instance = admin.instance_named(&name).await?;
            let rows = admin.prune(&instance).await?;
            if settings.json {
                return output::json(&json!({ "pruned": rows }));
            }
            output::line(&format!(
                "{rows} records older than {} days pruned",
                instance.settings.retention_days
            ))
        }
        cli::Instance::Show { name } => {
            let instance = admin.instance_named(&name).await?;
            let shown = show(&admin, &instance, settings).await?;
            if settings.json {
                return output::json(&shown);
            }
            output::line(&format!("{}  {}  created {}", instance.name, instance.id, instance.created))?;
            let unique = if instance.settings.unique_group_names { "unique" } else { "shared" };
            output::line(&format!("profile: {}", instance.settings.profile.name()))?;
            output::line(&format!("group names: {unique}"))?;
            let names = match instance.settings.user_names {
                NameScope::Instance => "within the instance",
                NameScope::Server => "among all instances of the server that say so",
            };
            output::line(&format!("user names are unique: {names}"))?;
            let seats = instance.settings.seats.map_or("any number".to_owned(), |seats| seats.to_string());
            output::line(&format!("active accounts, at most: {seats}"))?;
            output::line(&format!(
                "log, deleted accounts and events are kept: {} days",
                instance.settings.retention_days
            ))?;
            for connector in admin.connector_list(&instance).await? {
                output::line(&format!(
                    "connector {}  {}  {}",
                    connector.name,
                    connector.id,
                    connector.dialect.name()
                ))?;
            }
            for user in admin.integration_user_list(&instance).await? {
                let suspended = if user.suspended { "  suspended" } else { "" };
                output::line(&format!("integration user {}  {:?}{suspended}", user.name, user.privilege))?;
            }
            Ok(())
        }
    }
}

/// Does what blocks on a thread where it may.
fn apart<T: Send>(job: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = scope.spawn(job);
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn number_or_none(option: &str, text: &str) -> anyhow::Result<Option<u64>> {
    if text == "none" {
        return Ok(None);
    }
    let number =
        text.parse().map_err(|_| anyhow::anyhow!("{option}: {text:?} is neither a number nor none"))?;
    Ok(Some(number))
}

fn instance_json(instance: &Instance) -> Value {
    json!({ "id": instance.id.to_string(), "name": instance.name, "created_at": instance.created.to_string() })
}

async fn show(admin: &Admin, instance: &Instance, settings: &Settings) -> anyhow::Result<Value> {
    let connectors = admin.connector_list(instance).await?;
    let users = admin.integration_user_list(instance).await?;
    let mut shown = instance_json(instance);
    if let Some(members) = shown.as_object_mut() {
        members.insert("settings".to_owned(), serde_json::to_value(&instance.settings)?);
        let connectors =
            connectors.iter().map(|connector| super::connector::connector_json(connector, &users, settings));
        let connectors = connectors.collect();
        members.insert("connectors".to_owned(), connectors);
        let users = users.iter().map(super::user::user_json).collect();
        members.insert("integration_users".to_owned(), users);
    }
    Ok(shown)
}
