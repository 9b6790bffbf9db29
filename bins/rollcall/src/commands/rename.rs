//! `rollcall account rename`

use std::process::ExitCode;

use scim_directory::Instance;
use scim_provider::admin::Admin;
use scim_provider::admin::account::{RenameOutcome, RenameSummary, Renamed, account_json};
use serde_json::{Value, json};

use super::account::write;
use crate::config::Settings;
use crate::{cli, output};

pub(crate) async fn run(
    admin: &Admin,
    options: &cli::Rename,
    settings: &Settings,
) -> anyhow::Result<ExitCode> {
    let instance = admin.instance_named(&options.instance).await?;
    if let Some(expression) = &options.expression {
        return many(admin, &instance, expression, options, settings).await;
    }
    // clap sees to it that both are there.
    let (old, new) = (options.old.as_deref().unwrap_or_default(), options.new.as_deref().unwrap_or_default());
    let record = admin.account_rename(&instance, old, new).await?;
    let policy = admin.policy(&instance).await?;
    write(&account_json(&record, policy.fields()), settings)?;
    Ok(ExitCode::SUCCESS)
}

async fn many(
    admin: &Admin,
    instance: &Instance,
    expression: &str,
    options: &cli::Rename,
    settings: &Settings,
) -> anyhow::Result<ExitCode> {
    let mut accounts = Vec::new();
    let mut written = Ok(());
    let told = |renamed: &Renamed| {
        if settings.json {
            accounts.push(shown(renamed));
        } else if written.is_ok() {
            written = output::line(&text(renamed));
        }
    };
    let summary =
        admin.account_rename_all(instance, expression, options.unmanaged, options.apply, told).await?;
    written?;
    let RenameSummary { renamed, unchanged, conflicts } = summary;
    if settings.json {
        output::json(&json!({
            "applied": options.apply,
            "renamed": renamed,
            "unchanged": unchanged,
            "conflicts": conflicts,
            "accounts": accounts,
        }))?;
    } else {
        let word = if options.apply { "renamed" } else { "would be renamed" };
        output::line(&format!("{renamed} {word}, {unchanged} unchanged, {conflicts} in conflict"))?;
        if !options.apply {
            output::message("nothing was changed; --apply does it");
        }
    }
    Ok(if options.apply && conflicts > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn shown(renamed: &Renamed) -> Value {
    let (outcome, new, reason) = match &renamed.outcome {
        RenameOutcome::Unchanged => ("unchanged", None, None),
        RenameOutcome::Renamed(new) => ("renamed", Some(new), None),
        RenameOutcome::Conflict { wanted, reason } => ("conflict", wanted.as_ref(), Some(reason)),
    };
    json!({
        "id": renamed.id.to_string(),
        "user_name": renamed.user_name,
        "new_user_name": new,
        "outcome": outcome,
        "reason": reason,
    })
}

/// A line about an account.
fn text(renamed: &Renamed) -> String {
    let old = &renamed.user_name;
    match &renamed.outcome {
        RenameOutcome::Unchanged => format!("unchanged  {old}"),
        RenameOutcome::Renamed(new) => format!("rename     {old} -> {new}"),
        RenameOutcome::Conflict { wanted: Some(new), reason } => {
            format!("conflict   {old} -> {new}: {reason}")
        }
        RenameOutcome::Conflict { wanted: None, reason } => format!("conflict   {old}: {reason}"),
    }
}
