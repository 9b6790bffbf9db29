//! `rollcall log`

use std::collections::HashMap;
use std::time::Duration;

use scim_directory::{Actor, AttributeChange, Instance, Position};
use scim_provider::admin::Admin;
use scim_storage::JournalEntry;
use serde_json::{Value, json};

use crate::cli::{self, LogFormat};
use crate::config::Settings;
use crate::{database, output};

/// Records read at once.
const BATCH: usize = 500;
/// How often new records are looked for.
const POLL: Duration = Duration::from_millis(500);

/// An instance with the names of what its records mention, and how far it was read.
struct Reader {
    instance: Instance,
    names: HashMap<uuid::Uuid, String>,
    after: Option<Position>,
    /// Whether each line of text names the instance.
    named: bool,
}

pub(crate) async fn run(options: &cli::Log, settings: &Settings) -> anyhow::Result<()> {
    let admin = database::admin(settings)?;
    let format = if settings.json { LogFormat::Jsonl } else { options.format };
    let mut readers: Vec<Reader> = Vec::new();
    loop {
        let instances = match &options.instance {
            Some(name) => vec![admin.instance_named(name).await?],
            None => admin.instance_list().await?,
        };
        for instance in instances {
            if !readers.iter().any(|reader| reader.instance.id == instance.id) {
                let (names, named) = (HashMap::new(), options.instance.is_none());
                readers.push(Reader { instance, names, after: None, named });
            }
        }
        for reader in &mut readers {
            reader.write(&admin, format).await?;
        }
        if !options.follow {
            return Ok(());
        }
        actix_web::rt::time::sleep(POLL).await;
    }
}

impl Reader {
    /// Writes what is new.
    async fn write(&mut self, admin: &Admin, format: LogFormat) -> anyhow::Result<()> {
        loop {
            let page = admin.log(&self.instance, self.after, BATCH).await?;
            let mut mentioned = page.entries.iter().flat_map(|entry| mentioned(&entry.actor));
            if mentioned.any(|id| !self.names.contains_key(&id)) {
                self.learn_names(admin).await?;
            }
            for entry in &page.entries {
                self.after = Some(entry.position);
                match format {
                    LogFormat::Jsonl => output::line(&self.json(entry).to_string())?,
                    LogFormat::Text => output::line(&self.text(entry))?,
                }
            }
            if !page.more {
                return Ok(());
            }
        }
    }

    /// Connectors and integration users, also those that are new.
    async fn learn_names(&mut self, admin: &Admin) -> anyhow::Result<()> {
        for connector in admin.connector_list(&self.instance).await? {
            self.names.insert(connector.id.uuid(), connector.name);
        }
        for user in admin.integration_user_list(&self.instance).await? {
            self.names.insert(user.id.uuid(), user.name);
        }
        Ok(())
    }

    fn name(&self, id: Option<uuid::Uuid>) -> Option<&str> {
        self.names.get(&id?).map(String::as_str)
    }

    fn json(&self, entry: &JournalEntry) -> Value {
        let JournalEntry { record, actor, .. } = entry;
        json!({
            "at": entry.at.to_string(),
            "action": record.action,
            "status": record.status,
            "instance": self.instance.name,
            "connector": self.name(actor.connector.map(scim_directory::ConnectorId::uuid)),
            "key_id": actor.key.map(|key| key.to_string()),
            "user": self.name(actor.user.map(scim_directory::IntegrationUserId::uuid)),
            "request_id": entry.request_id,
            "resource": record.resource,
            "changes": record.changes.iter().map(change).collect::<Vec<_>>(),
            "notes": record.notes,
            "error": record.error,
        })
    }

    fn text(&self, entry: &JournalEntry) -> String {
        let record = &entry.record;
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let action = word(&serde_json::to_value(record.action).unwrap_or_default());
        let status = word(&serde_json::to_value(record.status).unwrap_or_default());
        let mut text = format!("{}  {status:7}  {action:16}", entry.at);
        if self.named {
            text.push_str(&format!("  [{}]", self.instance.name));
        }
        if let Some(resource) = &record.resource {
            text.push_str(&format!(
                "  {} {}",
                resource.resource_type,
                resource.name.as_deref().unwrap_or(&resource.id)
            ));
        }
        // What administrators name may be read by all of them; values of people may not.
        let told: Vec<String> = match &record.resource {
            None => record.changes.iter().map(named).collect(),
            Some(_) => record.changes.iter().map(told).collect(),
        };
        if !told.is_empty() {
            text.push_str("  ");
            text.push_str(&told.join(", "));
        }
        for note in &record.notes {
            text.push_str(&format!("  ({note})"));
        }
        text
    }
}

/// Who did it: ids that have names.
fn mentioned(actor: &Actor) -> impl Iterator<Item = uuid::Uuid> {
    let connector = actor.connector.map(scim_directory::ConnectorId::uuid);
    connector.into_iter().chain(actor.user.map(scim_directory::IntegrationUserId::uuid))
}

/// A change as the log's JSON has it; edges as differences.
fn change(change: &AttributeChange) -> Value {
    let members = |ids: &[String]| match ids {
        [] => Value::Null,
        ids => ids.iter().map(|id| json!({ "value": id })).collect(),
    };
    match change {
        AttributeChange::Value { attribute, old, new } => {
            json!({ "attribute": attribute, "old": old, "new": new })
        }
        AttributeChange::Edges { attribute, added, removed } => {
            json!({ "attribute": attribute, "old": members(removed), "new": members(added) })
        }
    }
}

/// An administrative change with its new value.
fn named(change: &AttributeChange) -> String {
    match change {
        AttributeChange::Value { attribute, new: Value::String(new), .. } => format!("{attribute} {new}"),
        other => told(other),
    }
}

/// A change in a few words: what changed, not its values.
fn told(change: &AttributeChange) -> String {
    match change {
        AttributeChange::Value { attribute, .. } => {
            attribute.rsplit(':').next().unwrap_or(attribute).to_owned()
        }
        AttributeChange::Edges { added, removed, .. } => match (added.len(), removed.len()) {
            (added, 0) => format!("{added} joined"),
            (0, removed) => format!("{removed} left"),
            (added, removed) => format!("{added} joined, {removed} left"),
        },
    }
}
