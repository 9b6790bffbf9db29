//! `rollcall key …`

use anyhow::Context as _;
use scim_directory::{KeyId, KeyState};
use scim_provider::Source as _;
use scim_provider::admin::{Admin, KeyRequest};
use scim_storage::KeyContext;
use serde_json::{Value, json};

use crate::clock::System;
use crate::config::Settings;
use crate::{cli, database, output};

pub(crate) async fn run(command: cli::Key, settings: &Settings) -> anyhow::Result<()> {
    let admin = database::admin(settings)?;
    match command {
        cli::Key::Issue { instance, connector, user, expires } => {
            let instance = admin.instance_named(&instance).await?;
            let request = KeyRequest { connector: &connector, user: &user, lifetime: expires.0 };
            let issued = admin.key_issue(&instance, &request).await?;
            if settings.json {
                let mut shown = key_json(&admin.key_show(issued.record.id).await?);
                if let Some(members) = shown.as_object_mut() {
                    members.insert("token".to_owned(), issued.key.reveal().into());
                }
                return output::json(&shown);
            }
            output::line(&issued.key.reveal())?;
            let until = issued
                .record
                .expires
                .map_or("it does not expire".to_owned(), |at| format!("it expires at {at}"));
            output::message(&format!(
                "key {}: keep it now, it is not shown again; {until}",
                issued.record.id
            ));
            Ok(())
        }
        cli::Key::List { instance } => {
            let keys = contexts(&admin, instance.as_deref()).await?;
            if settings.json {
                return output::json(&keys.iter().map(key_json).collect());
            }
            let rows: Vec<_> = keys.iter().map(row).collect();
            output::table(&["ID", "INSTANCE", "CONNECTOR", "USER", "STATE", "EXPIRES"], &rows)
        }
        cli::Key::Show { key_id } => {
            let key = admin.key_show(parse(&key_id)?).await?;
            if settings.json {
                return output::json(&key_json(&key));
            }
            output::table(&["ID", "INSTANCE", "CONNECTOR", "USER", "STATE", "EXPIRES"], &[row(&key)])
        }
        cli::Key::Revoke { key_id } => {
            let id = parse(&key_id)?;
            admin.key_revoke(id).await?;
            output::line(&format!("key {id} is revoked: it is refused from the next request on"))
        }
    }
}

fn parse(text: &str) -> anyhow::Result<KeyId> {
    text.parse().with_context(|| {
        format!("{text:?} is not a key's id; `key list` shows them (the token is not the id)")
    })
}

async fn contexts(admin: &Admin, instance: Option<&str>) -> anyhow::Result<Vec<KeyContext>> {
    let instance = match instance {
        Some(name) => Some(admin.instance_named(name).await?),
        None => None,
    };
    Ok(admin.key_list(instance.as_ref()).await?)
}

fn state(key: &KeyContext) -> &'static str {
    match key.key.state(System.now()) {
        KeyState::Active => "active",
        KeyState::Expired => "expired",
        KeyState::Revoked => "revoked",
    }
}

fn row(key: &KeyContext) -> Vec<String> {
    vec![
        key.key.id.to_string(),
        key.instance.name.clone(),
        key.connector.name.clone(),
        key.user.name.clone(),
        state(key).to_owned(),
        key.key.expires.map_or("never".to_owned(), |at| at.to_string()),
    ]
}

fn key_json(key: &KeyContext) -> Value {
    json!({
        "id": key.key.id.to_string(),
        "instance": key.instance.name,
        "user": key.user.name,
        "connector": key.connector.name,
        "created_at": key.key.created.to_string(),
        "expires_at": key.key.expires.map(|at| at.to_string()),
        "state": state(key),
        "revoked_at": key.key.revoked.map(|at| at.to_string()),
        "last_used_at": null,
    })
}
