//! `rollcall held …`

use scim_directory::{HeldChange, HeldState, Instance, Removal};
use scim_provider::admin::{Admin, AdminError};
use serde_json::{Value, json};

use crate::cli;
use crate::config::Settings;
use crate::node::Node;
use crate::output;

/// Held changes read at once.
const PAGE: usize = 500;

pub(crate) async fn run(command: cli::Held, node: &Node) -> anyhow::Result<()> {
    let (admin, settings) = (node.admin()?, &node.settings);
    match command {
        cli::Held::List { instance } => {
            let instance = admin.instance_named(&instance).await?;
            let mut list = output::List::begin(settings.json)?;
            for held in all(&admin, &instance).await? {
                list.item(&shown(&held), line)?;
            }
            list.end()
        }
        cli::Held::Release { instance, which } => {
            decide(&admin, &instance, &which, &HeldState::Released, "released", settings).await
        }
        cli::Held::Reject { instance, which, reason } => {
            let state = HeldState::Rejected { reason };
            decide(&admin, &instance, &which, &state, "rejected", settings).await
        }
    }
}

async fn all(admin: &Admin, instance: &Instance) -> anyhow::Result<Vec<HeldChange>> {
    let (mut held, mut after) = (Vec::new(), None);
    loop {
        let page = admin.held_page(instance, after, PAGE).await?;
        let full = page.len() == PAGE;
        after = page.last().map(|last| last.id);
        held.extend(page);
        if !full {
            return Ok(held);
        }
    }
}

async fn decide(
    admin: &Admin,
    instance: &str,
    which: &cli::Which,
    state: &HeldState,
    word: &str,
    settings: &Settings,
) -> anyhow::Result<()> {
    let instance = admin.instance_named(instance).await?;
    let held = all(admin, &instance).await?;
    let chosen: Vec<&HeldChange> = if which.all {
        held.iter().filter(|held| held.state == HeldState::Waiting).collect()
    } else {
        let mut chosen = Vec::new();
        for id in &which.ids {
            let found = held.iter().find(|held| held.id.to_string() == id.to_ascii_lowercase());
            chosen.push(found.ok_or_else(|| {
                AdminError::NotFound(format!("no change {id} is held; `held list` shows those that are"))
            })?);
        }
        chosen
    };
    for held in &chosen {
        admin.held_decide(&instance, held, state.clone()).await?;
    }
    if settings.json {
        return output::json(
            &json!({ word: chosen.iter().map(|held| held.id.to_string()).collect::<Vec<_>>() }),
        );
    }
    output::line(&format!("{} {word}", chosen.len()))
}

fn shown(held: &HeldChange) -> Value {
    let (state, reason) = match &held.state {
        HeldState::Waiting => ("waiting", None),
        HeldState::Released => ("released", None),
        HeldState::Rejected { reason } => ("rejected", Some(reason)),
    };
    let action = match held.removal {
        Removal::Suspend => "suspended",
        Removal::Delete => "deleted",
    };
    json!({
        "id": held.id.to_string(),
        "at": held.at.to_string(),
        "action": action,
        "resource": { "type": &*held.key.resource_type, "id": held.key.id.to_string(), "name": held.name },
        "state": state,
        "reason": reason,
    })
}

fn line(held: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let name = held.pointer("/resource/name").map(text).unwrap_or_default();
    format!(
        "{}  {}  {:8}  {:9}  {name}",
        text(&held["id"]),
        text(&held["at"]),
        text(&held["state"]),
        text(&held["action"])
    )
}
