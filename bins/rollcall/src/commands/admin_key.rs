//! `rollcall admin-key …`

use std::collections::HashMap;

use anyhow::Context as _;
use scim_core::instant::Timestamp;
use scim_directory::{AdminKeyId, AdminKeyRecord, Instance, InstanceId, Networks, Scope};
use scim_provider::admin::{Admin, AdminError, AdminKeyRequest};
use serde_json::{Value, json};

use super::connector::in_words;
use crate::cli;
use crate::node::Node;
use crate::output;

/// Admin keys, or instances, read at once.
const PAGE: usize = 200;
/// What a list of admin keys shows of each.
const COLUMNS: [&str; 8] = ["ID", "ENDING", "INSTANCE", "ROLE", "LABEL", "STATE", "EXPIRES", "LAST USED"];
/// What stands for the instance of a key that opens all of them.
const SERVER: &str = "(the whole server)";

/// Names of instances by their ids.
type Names = HashMap<InstanceId, String>;

pub(crate) async fn run(command: cli::AdminKey, node: &Node) -> anyhow::Result<()> {
    match command {
        cli::AdminKey::Issue(options) => issue(options, node).await,
        cli::AdminKey::List { instance } => list(&node.admin()?, instance.as_deref(), node).await,
        cli::AdminKey::Show { admin_key_id } => show(&node.admin()?, parse(&admin_key_id)?, node).await,
        cli::AdminKey::Revoke { admin_key_id } => {
            let id = parse(&admin_key_id)?;
            node.admin()?.admin_key_revoke(id).await?;
            output::line(&format!("admin key {id} is revoked: it is refused from the next request on"))
        }
    }
}

async fn issue(options: cli::AdminKeyIssue, node: &Node) -> anyhow::Result<()> {
    let admin = node.issuer(node.open(false)?).await?;
    let instance = match &options.instance {
        Some(name) => Some(admin.instance_named(name).await?),
        None => None,
    };
    let request = AdminKeyRequest {
        role: options.role.privilege(),
        label: options.label,
        lifetime: options.expires.0,
        networks: Networks::new(options.networks),
        issued_by: None,
    };
    let issued = admin.admin_key_issue(instance.as_ref(), &request).await?;
    let (token, record) = (issued.key.reveal(), issued.record);
    if node.settings.json {
        let names = instance.into_iter().map(|instance| (instance.id, instance.name)).collect();
        let mut shown = admin_key_json(&record, &names, node.now());
        if let Some(members) = shown.as_object_mut() {
            members.insert("token".to_owned(), token.into());
        }
        return output::json(&shown);
    }
    output::line(&token)?;
    let until = record.expires.map_or("it does not expire".to_owned(), |at| format!("it expires at {at}"));
    let opens = instance.map_or("the whole server".to_owned(), |it| format!("the instance {:?}", it.name));
    output::message(&format!(
        "admin key {} for {opens}, {:?}: keep it now, it is not shown again; {until}",
        record.id, record.role
    ));
    Ok(())
}

async fn list(admin: &Admin, instance: Option<&str>, node: &Node) -> anyhow::Result<()> {
    let mut names = Names::new();
    let mut keys = Vec::new();
    match instance {
        Some(name) => {
            let instance = admin.instance_named(name).await?;
            keys.extend(keys_of(admin, &scope(&instance)).await?);
            names.insert(instance.id, instance.name);
        }
        None => {
            keys.extend(keys_of(admin, &Scope::SERVER).await?);
            let mut after = None;
            loop {
                let page = admin.instance_page(after, PAGE).await?;
                let Some(last) = page.last() else { break };
                after = Some(last.name.clone());
                for instance in page {
                    keys.extend(keys_of(admin, &scope(&instance)).await?);
                    names.insert(instance.id, instance.name);
                }
            }
        }
    }
    let now = node.now();
    if node.settings.json {
        return output::json(&keys.iter().map(|key| admin_key_json(key, &names, now)).collect());
    }
    let rows: Vec<_> = keys.iter().map(|key| row(key, &names, now)).collect();
    output::table(&COLUMNS, &rows)
}

/// Every admin key of a scope, oldest first.
async fn keys_of(admin: &Admin, scope: &Scope) -> Result<Vec<AdminKeyRecord>, AdminError> {
    let mut keys: Vec<AdminKeyRecord> = Vec::new();
    loop {
        let after = keys.last().map(|key| (key.created, key.id));
        let page = admin.admin_key_page(scope, after, PAGE).await?;
        let full = page.len() == PAGE;
        keys.extend(page);
        if !full {
            return Ok(keys);
        }
    }
}

async fn show(admin: &Admin, id: AdminKeyId, node: &Node) -> anyhow::Result<()> {
    let key = admin.admin_key_show(id).await?;
    let mut names = Names::new();
    if let Some(id) = key.instance {
        names.insert(id, admin.instance_of(id).await?.name);
    }
    let now = node.now();
    if node.settings.json {
        return output::json(&admin_key_json(&key, &names, now));
    }
    let from = key.last_address.map(|address| format!(" from {address}")).unwrap_or_default();
    let mut rows = vec![
        ("id", key.id.to_string()),
        ("instance", reach(&key, &names)),
        ("role", format!("{:?}", key.role)),
        ("label", key.label.clone()),
        ("state", state(&key, now).to_owned()),
        ("ends with", key.ending.clone()),
        ("created", key.created.to_string()),
        ("issued by", key.issued_by.map_or("the command line".to_owned(), |by| format!("admin key {by}"))),
        ("expires", key.expires.map_or("never".to_owned(), |at| at.to_string())),
        ("networks", in_words::networks(&key.networks)),
        ("last used", key.last_used.map_or("never".to_owned(), |at| format!("{at}{from}"))),
    ];
    if let Some(at) = key.revoked {
        rows.push(("revoked", at.to_string()));
    }
    let rows: Vec<_> = rows.into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect();
    output::table(&["FIELD", "VALUE"], &rows)
}

fn row(key: &AdminKeyRecord, names: &Names, now: Timestamp) -> Vec<String> {
    vec![
        key.id.to_string(),
        key.ending.clone(),
        reach(key, names),
        format!("{:?}", key.role),
        key.label.clone(),
        state(key, now).to_owned(),
        key.expires.map_or("never".to_owned(), |at| at.to_string()),
        key.last_used.map_or("never".to_owned(), |at| at.to_string()),
    ]
}

/// An admin key as JSON: the shape that the admin API has, and the instance's name.
fn admin_key_json(key: &AdminKeyRecord, names: &Names, now: Timestamp) -> Value {
    let at = |moment: Option<Timestamp>| moment.map(|at| at.to_string());
    json!({
        "id": key.id.to_string(),
        "instance": key.instance.and_then(|id| names.get(&id)),
        "instance_id": key.instance.map(|id| id.to_string()),
        "role": key.role,
        "label": key.label,
        "ending": key.ending,
        "created_at": key.created.to_string(),
        "expires_at": at(key.expires),
        "state": state(key, now),
        "networks": key.networks,
        "issued_by": key.issued_by.map(|by| by.to_string()),
        "last_used_at": at(key.last_used),
        "last_address": key.last_address.map(|address| address.to_string()),
        "revoked_at": at(key.revoked),
    })
}

fn reach(key: &AdminKeyRecord, names: &Names) -> String {
    key.instance.map_or(SERVER.to_owned(), |id| names.get(&id).cloned().unwrap_or_else(|| id.to_string()))
}

fn state(key: &AdminKeyRecord, now: Timestamp) -> &'static str {
    match key.revoked {
        Some(_) => "revoked",
        None if key.is_in_force(now) => "active",
        None => "expired",
    }
}

fn scope(instance: &Instance) -> Scope {
    Scope { instance: instance.id, connector: None }
}

fn parse(text: &str) -> anyhow::Result<AdminKeyId> {
    text.parse().with_context(|| {
        format!("{text:?} is not an admin key's id; `admin-key list` shows them (the token is not the id)")
    })
}
