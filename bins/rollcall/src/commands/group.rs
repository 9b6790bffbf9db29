//! `rollcall group …`

use std::process::ExitCode;

use scim_directory::ImportKind;
use serde_json::Value;

use super::account::group_json;
use super::import;
use crate::cli;
use crate::node::Node;
use crate::output;

/// Groups read at once.
const PAGE: usize = 500;

pub(crate) async fn run(command: cli::Group, node: &Node) -> anyhow::Result<ExitCode> {
    let (admin, settings) = (node.admin()?, &node.settings);
    match command {
        cli::Group::Import { members, import } => {
            let kind = if members { ImportKind::Memberships } else { ImportKind::Groups };
            return import::run(&admin, kind, &import, settings).await;
        }
        cli::Group::List { instance } => {
            let instance = admin.instance_named(&instance).await?;
            let mut list = output::List::begin(settings.json)?;
            let mut after = None;
            loop {
                let page = admin.group_page(&instance, after, PAGE).await?;
                for record in &page.records {
                    list.item(&group_json(record), line)?;
                }
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            list.end()?;
        }
        cli::Group::Show { instance, name } => {
            let instance = admin.instance_named(&instance).await?;
            let group = admin.group_named(&instance, &name).await?;
            let (members, held) = admin.group_members(&instance, group.key.id).await?;
            let mut shown = group_json(&group);
            if let Some(object) = shown.as_object_mut() {
                let ids = members.iter().map(|member| Value::from(member.other.to_string())).collect();
                object.insert("members".to_owned(), ids);
                let waiting = held.iter().map(|held| Value::from(held.reference.as_str())).collect();
                object.insert("waiting_for".to_owned(), waiting);
            }
            if settings.json {
                output::json(&shown)?;
                return Ok(ExitCode::SUCCESS);
            }
            output::line(&line(&shown))?;
            for member in &members {
                let name = member.display.as_deref().unwrap_or("-");
                output::line(&format!("  {}  {}  {name}", member.resource_type, member.other))?;
            }
            for held in &held {
                output::line(&format!("  waiting for {}", held.reference))?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A group on one line.
fn line(group: &Value) -> String {
    let managed = if group["managed"] == true { "managed" } else { "unmanaged" };
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    format!("{managed:9}  {}  {}", text(&group["id"]), text(&group["display_name"]))
}
