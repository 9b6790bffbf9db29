//! `rollcall rule …`

use anyhow::Context as _;
use scim_directory::{Rule, Trigger};
use scim_provider::admin::Admin;

use super::mapping::read;
use crate::cli;
use crate::node::Node;
use crate::output;

pub(crate) async fn run(command: cli::Rule, node: &Node) -> anyhow::Result<()> {
    let (admin, settings) = (node.admin()?, &node.settings);
    match command {
        cli::Rule::List { instance } => {
            let rules = Admin::rule_list(&admin.instance_named(&instance).await?);
            if settings.json {
                return output::json(&serde_json::to_value(rules)?);
            }
            let rows: Vec<_> = rules.iter().map(row).collect();
            output::table(&["RULE", "", "WHEN", "IF", "ACTIONS"], &rows)
        }
        cli::Rule::Add { instance, file } => {
            let instance = admin.instance_named(&instance).await?;
            let rule: Rule = serde_json::from_str(&read(&file)?).context("the file is no rule")?;
            admin.rule_add(&instance, &rule).await?;
            output::message(&format!("rule {:?} is there", rule.name));
            Ok(())
        }
        cli::Rule::Remove { instance, rule } => {
            let instance = admin.instance_named(&instance).await?;
            admin.rule_remove(&instance, &rule).await?;
            output::message(&format!("rule {rule:?} is removed"));
            Ok(())
        }
        cli::Rule::Enable { instance, rule } => switch(&admin, &instance, &rule, true).await,
        cli::Rule::Disable { instance, rule } => switch(&admin, &instance, &rule, false).await,
    }
}

async fn switch(admin: &Admin, instance: &str, rule: &str, on: bool) -> anyhow::Result<()> {
    let instance = admin.instance_named(instance).await?;
    admin.rule_switch(&instance, rule, on).await?;
    output::message(&format!("rule {rule:?} is {}", if on { "on" } else { "off" }));
    Ok(())
}

fn row(rule: &Rule) -> Vec<String> {
    let when = match &rule.when {
        Trigger::FieldChanged(field) => format!("{field} changed"),
        Trigger::Created => "created".to_owned(),
        Trigger::StateChanged => "state changed".to_owned(),
    };
    vec![
        rule.name.clone(),
        if rule.enabled { "on" } else { "off" }.to_owned(),
        when,
        rule.condition.clone().unwrap_or_default(),
        rule.then.len().to_string(),
    ]
}
