//! `rollcall account …`

use std::process::ExitCode;

use scim_directory::{AccountState, ImportKind, Instance, Record};
use scim_provider::admin::account::account_json;
use scim_provider::admin::{Admin, AdminError};
use serde_json::{Value, json};

use super::{import, preview, rename};
use crate::cli::{self, StateChoice};
use crate::config::Settings;
use crate::node::Node;
use crate::output;

/// Accounts read at once.
const PAGE: usize = 500;

pub(crate) async fn run(command: cli::Account, node: &Node) -> anyhow::Result<ExitCode> {
    let (admin, settings) = (node.admin()?, &node.settings);
    match command {
        cli::Account::Import(options) => import::run(&admin, ImportKind::Accounts, &options, settings).await,
        cli::Account::Preview(options) => {
            preview::run(&admin, &options, settings).await?;
            Ok(ExitCode::SUCCESS)
        }
        cli::Account::List { instance, state, managed, unmanaged } => {
            let instance = admin.instance_named(&instance).await?;
            let state = state.map(|state| match state {
                StateChoice::Active => AccountState::Active,
                StateChoice::Suspended => AccountState::Suspended,
            });
            let managed = (managed || unmanaged).then_some(managed);
            list(&admin, &instance, state, managed, settings).await?;
            Ok(ExitCode::SUCCESS)
        }
        cli::Account::Show { instance, user_name } => {
            let instance = admin.instance_named(&instance).await?;
            show(&admin, &instance, &user_name, settings).await?;
            Ok(ExitCode::SUCCESS)
        }
        cli::Account::Set { instance, user_name, values } => {
            let instance = admin.instance_named(&instance).await?;
            let policy = admin.policy(&instance).await?;
            let edit = admin.account_edits(&policy, &values)?;
            let record = admin.account_edit(&instance, &user_name, &edit).await?;
            write(&account_json(&record, policy.fields()), settings)?;
            Ok(ExitCode::SUCCESS)
        }
        cli::Account::Rename(options) => rename::run(&admin, &options, settings).await,
        cli::Account::Erase { instance, user_name } => {
            let instance = admin.instance_named(&instance).await?;
            let erased = admin.account_erase(&instance, &user_name).await?;
            if settings.json {
                output::json(&json!({ "deleted": erased.deleted, "erased": erased.records }))?;
            } else {
                let deleted = if erased.deleted { "account deleted, " } else { "" };
                output::line(&format!("{deleted}{} records erased", erased.records))?;
            }
            Ok(ExitCode::SUCCESS)
        }
        cli::Account::Invite { instance, user_name } => {
            let instance = admin.instance_named(&instance).await?;
            let record = admin.account_invite(&instance, &user_name).await?;
            if settings.json {
                output::json(&json!({ "id": record.key.id.to_string(), "invited": true }))?;
            } else {
                output::line(&format!("the application is asked to invite {user_name}"))?;
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn list(
    admin: &Admin,
    instance: &Instance,
    state: Option<AccountState>,
    managed: Option<bool>,
    settings: &Settings,
) -> anyhow::Result<()> {
    let policy = admin.policy(instance).await?;
    let mut list = output::List::begin(settings.json)?;
    let mut after = None;
    loop {
        let mut page = admin.account_page(instance, after, PAGE).await?;
        page.retain(state, managed);
        for record in &page.records {
            list.item(&account_json(record, policy.fields()), line)?;
        }
        after = page.next;
        if after.is_none() {
            return list.end();
        }
    }
}

/// An account on one line.
fn line(account: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let managed = if account["managed"] == true { "managed" } else { "unmanaged" };
    let fields = &account["fields"];
    format!(
        "{:9}  {managed:9}  {}  {}",
        text(&account["state"]),
        text(&fields["UserName"]),
        fields["DisplayName"].as_str().unwrap_or_default()
    )
}

async fn show(
    admin: &Admin,
    instance: &Instance,
    user_name: &str,
    settings: &Settings,
) -> anyhow::Result<()> {
    let policy = admin.policy(instance).await?;
    match admin.account_named(instance, user_name).await {
        Ok(record) => write(&account_json(&record, policy.fields()), settings),
        Err(AdminError::NotFound(reason)) => match admin.account_deleted(instance, user_name).await? {
            Some(tombstone) => {
                let mut account = tombstone.account.unwrap_or_default();
                account.state = AccountState::Deleted;
                let record = Record {
                    key: tombstone.key,
                    version: tombstone.version,
                    membership: 0,
                    created: tombstone.created,
                    modified: tombstone.at,
                    external_id: None,
                    display: tombstone.display,
                    manager: None,
                    managed_by: tombstone.managed_by,
                    direct_manager: None,
                    account: Some(account),
                    document: Vec::new().into(),
                };
                let mut shown = account_json(&record, policy.fields());
                if let Some(members) = shown.as_object_mut() {
                    members.insert("deleted_at".to_owned(), tombstone.at.to_string().into());
                }
                write(&shown, settings)
            }
            None => Err(AdminError::NotFound(reason).into()),
        },
        Err(error) => Err(error.into()),
    }
}

pub(super) fn write(account: &Value, settings: &Settings) -> anyhow::Result<()> {
    if settings.json {
        return output::json(account);
    }
    let word = |value: &Value| match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let mut rows = Vec::new();
    for (name, value) in account.as_object().into_iter().flatten() {
        match value {
            Value::Object(fields) => {
                rows.extend(fields.iter().map(|(name, value)| vec![name.clone(), word(value)]));
            }
            value => rows.push(vec![name.clone(), word(value)]),
        }
    }
    output::table(&["FIELD", "VALUE"], &rows)
}

/// A group as `group show --json` prints it, its members aside.
pub(crate) fn group_json(record: &Record) -> Value {
    let managed = record.managed_by.is_some();
    json!({
        "id": record.key.id.to_string(),
        "display_name": record.display,
        "managed": managed,
        "scim_sync_id": managed.then(|| record.key.id.to_string()),
    })
}
