//! `rollcall log`

use std::collections::HashMap;
use std::time::Duration;

use scim_directory::{Actor, AttributeChange, Instance, Position};
use scim_provider::admin::Admin;
use scim_storage::{JournalEntry, JournalFilter, JournalQuery};
use serde_json::{Value, json};

use crate::cli::{self, LogFormat};
use crate::node::Node;
use crate::output;

/// Records read at once.
const BATCH: usize = 500;
/// How often new records are looked for.
const POLL: Duration = Duration::from_millis(500);

/// An instance with the names of what its records mention, and how far it was read.
struct Reader {
    /// `None` for the server itself.
    instance: Option<Instance>,
    names: HashMap<uuid::Uuid, String>,
    after: Option<Position>,
    /// Whether each line of text names the instance.
    named: bool,
    filter: JournalFilter,
    newest_first: bool,
    /// How many records are still to be written.
    left: usize,
}

pub(crate) async fn run(options: &cli::Log, node: &Node) -> anyhow::Result<()> {
    let (admin, settings, now) = (node.admin()?, &node.settings, node.now());
    let format = if settings.json { LogFormat::Jsonl } else { options.format };
    let filter = JournalFilter {
        actions: options.action.clone(),
        statuses: options.status.clone(),
        from: options.since.map(|moment| moment.before(now)),
        until: options.until.map(|moment| moment.before(now)),
        ..JournalFilter::default()
    };
    if format == LogFormat::Csv {
        output::line(&csv_line(&HEADER.map(str::to_owned)))?;
    }
    let mut readers: Vec<Reader> = Vec::new();
    loop {
        let instances = match &options.instance {
            Some(name) => vec![Some(admin.instance_named(name).await?)],
            None if options.server => vec![None],
            None => admin.instance_list().await?.into_iter().map(Some).collect(),
        };
        for instance in instances {
            let id = |instance: &Option<Instance>| instance.as_ref().map(|instance| instance.id);
            if !readers.iter().any(|reader| id(&reader.instance) == id(&instance)) {
                let mut filter = filter.clone();
                if let (Some(person), Some(instance)) = (&options.person, &instance) {
                    filter.about = Some(admin.log_about_person(instance, person).await?);
                }
                if let (Some(group), Some(instance)) = (&options.group, &instance) {
                    filter.about = Some(admin.log_about_group(instance, group).await?);
                }
                if let (Some(name), Some(instance)) = (&options.connector, &instance) {
                    filter.connector = Some(admin.connector_named(instance, name).await?.id);
                }
                readers.push(Reader {
                    instance,
                    names: HashMap::new(),
                    after: None,
                    named: options.instance.is_none(),
                    filter,
                    newest_first: options.newest_first,
                    left: options.limit.unwrap_or(usize::MAX),
                });
            }
        }
        for reader in &mut readers {
            reader.write(&admin, format).await?;
        }
        if !options.follow || readers.iter().all(|reader| reader.left == 0) {
            return Ok(());
        }
        actix_web::rt::time::sleep(POLL).await;
    }
}

impl Reader {
    /// Writes what is new.
    async fn write(&mut self, admin: &Admin, format: LogFormat) -> anyhow::Result<()> {
        loop {
            let query = JournalQuery {
                after: self.after,
                limit: BATCH.min(self.left),
                newest_first: self.newest_first,
                filter: self.filter.clone(),
            };
            if query.limit == 0 {
                return Ok(());
            }
            let page = match &self.instance {
                Some(instance) => admin.log(instance, &query).await?,
                None => admin.server_log(&query).await?,
            };
            self.left -= page.entries.len();
            let mut mentioned = page.entries.iter().flat_map(|entry| mentioned(&entry.actor));
            if mentioned.any(|id| !self.names.contains_key(&id)) {
                self.learn_names(admin).await?;
            }
            for entry in &page.entries {
                self.after = Some(entry.position);
                match format {
                    LogFormat::Jsonl => output::line(&self.json(entry).to_string())?,
                    LogFormat::Text => output::line(&self.text(entry))?,
                    LogFormat::Csv => self.csv(entry)?,
                }
            }
            if !page.more {
                return Ok(());
            }
        }
    }

    /// A line for each value that changed; one for a record without any.
    fn csv(&self, entry: &JournalEntry) -> anyhow::Result<()> {
        let shown = self.json(entry);
        let text = |pointer: &str| match shown.pointer(pointer) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        };
        let notes: Vec<&str> = entry.record.notes.iter().map(String::as_str).collect();
        let head = [
            text("/at"),
            text("/instance"),
            text("/action"),
            text("/status"),
            text("/resource/type"),
            text("/resource/id"),
            text("/resource/name"),
            text("/connector"),
            text("/user"),
            text("/key_id"),
            text("/admin_key_id"),
            text("/request_id"),
        ];
        let tail = [text("/error/code"), text("/error/message"), text("/error/advice"), notes.join("; ")];
        let word = |value: &Value| match value {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let mut values: Vec<[String; 3]> = Vec::new();
        for kind in ["changes", "fields"] {
            for change in shown.get(kind).and_then(Value::as_array).into_iter().flatten() {
                let of = |name: &str| change.get(name).map(word).unwrap_or_default();
                let name = if kind == "changes" { of("attribute") } else { format!("field {}", of("field")) };
                values.push([name, of("old"), of("new")]);
            }
        }
        if values.is_empty() {
            values.push(Default::default());
        }
        for value in values {
            let cells: Vec<String> = head.iter().chain(&value).chain(&tail).cloned().collect();
            output::line(&csv_line(&cells))?;
        }
        Ok(())
    }

    /// Connectors and integration users, also those that are new.
    async fn learn_names(&mut self, admin: &Admin) -> anyhow::Result<()> {
        let Some(instance) = &self.instance else { return Ok(()) };
        for connector in admin.connector_list(instance).await? {
            self.names.insert(connector.id.uuid(), connector.name);
        }
        for user in admin.integration_user_list(instance).await? {
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
            "instance": self.instance.as_ref().map(|instance| &instance.name),
            "connector": self.name(actor.connector.map(scim_directory::ConnectorId::uuid)),
            "key_id": actor.key.map(|key| key.to_string()),
            "admin_key_id": actor.admin.map(|key| key.to_string()),
            "user": self.name(actor.user.map(scim_directory::IntegrationUserId::uuid)),
            "request_id": entry.request_id,
            "resource": record.resource.as_ref().map(|resource| json!({
                "type": resource.resource_type,
                "id": (!resource.id.is_empty()).then_some(&resource.id),
                "name": resource.name,
            })),
            "changes": record.changes.iter().map(change).collect::<Vec<_>>(),
            "fields": record.fields,
            "notes": record.notes,
            "error": record.error,
            "duration_ms": entry.elapsed_ms,
        })
    }

    fn text(&self, entry: &JournalEntry) -> String {
        let record = &entry.record;
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let action = word(&serde_json::to_value(record.action).unwrap_or_default());
        let status = word(&serde_json::to_value(record.status).unwrap_or_default());
        let mut text = format!("{}  {status:7}  {action:16}", entry.at);
        if let Some(instance) = self.instance.as_ref().filter(|_| self.named) {
            text.push_str(&format!("  [{}]", instance.name));
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
        let fields: Vec<&str> = record.fields.iter().map(|change| change.field.as_str()).collect();
        if told.is_empty() && !fields.is_empty() {
            text.push_str("  ");
            text.push_str(&fields.join(", "));
        }
        if !told.is_empty() {
            text.push_str("  ");
            text.push_str(&told.join(", "));
        }
        for note in &record.notes {
            text.push_str(&format!("  ({note})"));
        }
        if let Some(error) = &record.error {
            text.push_str(&format!(
                "\n    {}: {}\n    what to do: {}",
                error.code, error.message, error.advice
            ));
        }
        text
    }
}

/// The columns of CSV.
const HEADER: [&str; 19] = [
    "at",
    "instance",
    "action",
    "status",
    "resource_type",
    "resource_id",
    "resource_name",
    "connector",
    "user",
    "key_id",
    "admin_key_id",
    "request_id",
    "attribute",
    "old",
    "new",
    "error_code",
    "error_message",
    "advice",
    "notes",
];

/// A line of CSV (RFC 4180). What a spreadsheet would take for a formula gets an apostrophe in front.
fn csv_line(cells: &[String]) -> String {
    let cell = |cell: &String| {
        let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && cell.parse::<f64>().is_err();
        let text = if formula { format!("'{cell}") } else { cell.clone() };
        if text.contains(['"', ',', '\n', '\r']) {
            format!("\"{}\"", text.replace('"', "\"\""))
        } else {
            text
        }
    };
    cells.iter().map(cell).collect::<Vec<_>>().join(",")
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

#[cfg(test)]
mod tests {
    use super::csv_line;

    #[test]
    fn cells_that_need_care() {
        let line =
            |cells: &[&str]| csv_line(&cells.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>());
        assert_eq!(line(&["a", "b,c", "say \"hi\""]), "a,\"b,c\",\"say \"\"hi\"\"\"");
        assert_eq!(line(&["=1+1", "-5", "+47 22", "@x"]), "'=1+1,-5,'+47 22,'@x");
    }
}
