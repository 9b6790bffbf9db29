//! `rollcall log`

use std::time::Duration;

use scim_directory::{AttributeChange, Instance, Position};
use scim_provider::admin::{Admin, LogLine, LogNames};
use scim_storage::{JournalEntry, JournalFilter, JournalQuery};
use serde_json::Value;

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
    names: LogNames,
    after: Option<Position>,
    /// Whether each line of text names the instance.
    named: bool,
    filter: JournalFilter,
    newest_first: bool,
    /// How many records are still to be written.
    left: usize,
}

pub(crate) async fn run(options: &cli::Log, node: &Node) -> anyhow::Result<()> {
    // Who follows must miss nothing; a replica says not what is still to come.
    let store = if options.follow { node.open(false)? } else { node.open_to_look()? };
    let (admin, settings, now) = (node.admin_of(store)?, &node.settings, node.now());
    let format = if settings.json { LogFormat::Jsonl } else { options.format };
    let filter = JournalFilter {
        actions: options.action.clone(),
        statuses: options.status.clone(),
        from: options.since.map(|moment| moment.before(now)),
        until: options.until.map(|moment| moment.before(now)),
        ..JournalFilter::default()
    };
    if format == LogFormat::Csv {
        output::line(&LogLine::csv_header())?;
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
                    names: LogNames::default(),
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
            if let Some(instance) = self.instance.as_ref().filter(|_| !self.names.know(&page.entries)) {
                self.names = admin.log_names(instance).await?;
            }
            for entry in &page.entries {
                self.after = Some(entry.position);
                match format {
                    LogFormat::Jsonl => output::line(&serde_json::to_string(&self.shown(entry))?)?,
                    LogFormat::Text => output::line(&self.text(entry))?,
                    LogFormat::Csv => {
                        self.shown(entry).csv().iter().try_for_each(|line| output::line(line))?
                    }
                }
            }
            if !page.more {
                return Ok(());
            }
        }
    }

    fn shown(&self, entry: &JournalEntry) -> LogLine {
        LogLine::new(entry, self.instance.as_ref().map(|instance| instance.name.as_str()), &self.names)
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
