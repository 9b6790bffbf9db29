//! Where an account's values come from, as the account itself remembers it: the log may be pruned by then.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use scim_core::instant::Timestamp;
use scim_core::resource::Document;
use scim_directory::{
    Account, AccountState, Action, Cause, ConnectorId, Fact, FieldKind, Instance, Question, Record,
    ResourceId, Stamp, Target, Tombstone,
};
use scim_lifecycle::Policy;
use scim_mapping::mapping::Mapping;
use scim_storage::{About, JournalFilter, JournalQuery, StoreError};
use serde_json::{Value, json};

use super::Who;
use super::read::{FoundAccount, scope};
use crate::admin::{Admin, AdminError};

/// A value, and where it comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct ExplainedValue {
    /// The field.
    pub field: String,
    /// What it holds.
    pub value: Option<String>,
    /// What it held before.
    pub previous: Option<String>,
    /// What set it; `None` where nothing ever did.
    pub stamp: Option<Stamp>,
    /// The name of the connector through which it was set.
    pub connector: Option<String>,
    /// The source of the mapping row that set it, as it was then; the rule's name.
    pub source: Option<String>,
}

/// Whether an account has a direct manager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Manager {
    /// Nobody is named.
    Nobody,
    /// Linked to the account of that id.
    Linked(ResourceId),
    /// The reference is kept until somebody comes whom it means.
    Waiting {
        /// The reference, as it was sent.
        reference: String,
        /// Whom it means now.
        means: Meant,
    },
}

/// Whom a reference means that is not linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meant {
    /// Nobody.
    Nobody,
    /// An account that no connector manages; only managed ones are linked.
    Unmanaged,
    /// The account itself.
    Itself,
}

/// An account with where everything comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Explained {
    /// The account's id.
    pub id: ResourceId,
    /// The name of the connector that manages it.
    pub managed_by: Option<String>,
    /// When it was created.
    pub created: Timestamp,
    /// State, access role and fields, in the order in which fields are shown; the direct manager by name.
    pub values: Vec<ExplainedValue>,
    /// The direct manager.
    pub manager: Manager,
}

/// Looks up what stamps name.
struct Sources {
    connectors: HashMap<ConnectorId, String>,
    mappings: HashMap<i64, Option<Mapping>>,
}

impl Admin {
    /// Where the values of an account come from; also of one that was deleted, for as long as it is kept.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] where there is none.
    pub async fn account_explain(
        &self,
        instance: &Instance,
        who: impl Into<Who<'_>>,
    ) -> Result<Explained, AdminError> {
        let found = self.account_found(instance, who).await?;
        let policy = self.policy(instance).await?;
        let connectors = self.connector_list(instance).await?;
        let mut sources = Sources {
            connectors: connectors.into_iter().map(|connector| (connector.id, connector.name)).collect(),
            mappings: HashMap::new(),
        };
        match found {
            FoundAccount::Live(record) => self.explain_live(&policy, instance, &mut sources, *record).await,
            FoundAccount::Deleted(tombstone) => {
                self.explain_deleted(&policy, instance, &mut sources, *tombstone).await
            }
        }
    }

    async fn explain_live(
        &self,
        policy: &Policy,
        instance: &Instance,
        sources: &mut Sources,
        record: Record,
    ) -> Result<Explained, AdminError> {
        let account = record.account.as_deref().cloned().unwrap_or_default();
        let manager = self.manager(policy, instance, &record).await?;
        let shown = match &manager {
            Manager::Linked(id) => match self.fact(instance, Question::Display(*id)).await? {
                Fact::Display(Some((_, Some(name)))) => Some(name),
                _ => Some(id.to_string()),
            },
            _ => None,
        };
        let values = self.values(policy, instance, sources, (&account, record.created), shown).await?;
        Ok(Explained {
            id: record.key.id,
            managed_by: sources.connector(record.managed_by),
            created: record.created,
            values,
            manager,
        })
    }

    async fn explain_deleted(
        &self,
        policy: &Policy,
        instance: &Instance,
        sources: &mut Sources,
        tombstone: Tombstone,
    ) -> Result<Explained, AdminError> {
        let account = tombstone.account.as_deref().cloned().unwrap_or_default();
        let mut values = self.values(policy, instance, sources, (&account, tombstone.created), None).await?;
        // Log records live as long as tombstones, so the one of the deletion is still there.
        let about = About { ids: vec![tombstone.key.id], name: None };
        let filter =
            JournalFilter { about: Some(about), actions: vec![Action::Deleted], ..JournalFilter::default() };
        let query = JournalQuery { limit: 1, newest_first: true, filter, ..JournalQuery::default() };
        let page = self.store.journal(&scope(instance), &query).await?;
        let entry = page.entries.into_iter().next();
        if let Some(state) = values.iter_mut().find(|value| value.field == "State") {
            let stamp = Stamp {
                at: tombstone.at,
                connector: entry.as_ref().and_then(|entry| entry.actor.connector),
                request_id: entry.map(|entry| entry.request_id).unwrap_or_default(),
                cause: Cause::Lifecycle,
            };
            state.previous = state.value.replace(AccountState::Deleted.name().to_owned());
            state.connector = sources.connector(stamp.connector);
            state.stamp = Some(stamp);
            state.source = None;
        }
        Ok(Explained {
            id: tombstone.key.id,
            managed_by: sources.connector(tombstone.managed_by),
            created: tombstone.created,
            values,
            manager: Manager::Nobody,
        })
    }

    async fn values(
        &self,
        policy: &Policy,
        instance: &Instance,
        sources: &mut Sources,
        (account, created): (&Account, Timestamp),
        manager: Option<String>,
    ) -> Result<Vec<ExplainedValue>, AdminError> {
        let names: Vec<&str> = policy.fields().names().collect();
        let mut values = Vec::new();
        for field in names.iter().copied() {
            let value = match policy.fields().kind(field) {
                Some(FieldKind::State) => Some(account.state.name().to_owned()),
                Some(FieldKind::Role) => account.access_role.map(|role| role.name().to_owned()),
                Some(FieldKind::Account) => manager.clone(),
                Some(FieldKind::Object) => account.links.get(field).map(|object| object.name.clone()),
                Some(FieldKind::Text) => account.field(field).map(str::to_owned),
                Some(FieldKind::SyncId) | None => continue,
            };
            let (stamp, previous) = origin(account, created, &names, field);
            let source = match stamp.as_ref().map(|stamp| &stamp.cause) {
                Some(Cause::Mapping(version)) => self.row_source(instance, sources, *version, field).await?,
                Some(Cause::Rule(name)) => Some(name.clone()),
                _ => None,
            };
            values.push(ExplainedValue {
                connector: sources.connector(stamp.as_ref().and_then(|stamp| stamp.connector)),
                field: field.to_owned(),
                value,
                previous,
                stamp,
                source,
            });
        }
        Ok(values)
    }

    /// What the row that fills the field in that version of the mapping takes.
    async fn row_source(
        &self,
        instance: &Instance,
        sources: &mut Sources,
        version: i64,
        field: &str,
    ) -> Result<Option<String>, AdminError> {
        if let Entry::Vacant(place) = sources.mappings.entry(version) {
            let mapping = match self.mapping(instance, Some(version)).await {
                Ok((_, mapping)) => Some(mapping),
                Err(AdminError::Store(error)) => return Err(error.into()),
                // What cannot be read any more explains nothing, but is no reason to say nothing at all.
                Err(_) => None,
            };
            place.insert(mapping);
        }
        let mapping = sources.mappings.get(&version).and_then(Option::as_ref);
        let row = mapping.and_then(|mapping| mapping.rows.iter().find(|row| row.field == field));
        Ok(row.map(|row| row.source.to_string()))
    }

    async fn manager(
        &self,
        policy: &Policy,
        instance: &Instance,
        record: &Record,
    ) -> Result<Manager, AdminError> {
        if let Some(id) = record.direct_manager {
            return Ok(Manager::Linked(id));
        }
        let document = Document::from_bytes(&*record.document).resource().map_err(StoreError::internal)?;
        let Some(reference) = policy.mapping().reports_to(&document) else { return Ok(Manager::Nobody) };
        let asked = scim_directory::Scope { connector: record.managed_by, ..scope(instance) };
        let questions = [Question::Target(reference.clone())];
        let facts = self.store.facts(&asked, &questions).await?;
        let means = match facts.first() {
            Some(Fact::Target(Target::Live(key))) if key.id == record.key.id => Meant::Itself,
            Some(Fact::Target(Target::Live(_))) => Meant::Unmanaged,
            _ => Meant::Nobody,
        };
        Ok(Manager::Waiting { reference, means })
    }
}

/// What set a field, and what it held before. A state that never changed has nothing that set it: that is what made the
/// account, which other fields still know unless all of them changed since.
fn origin(
    account: &Account,
    created: Timestamp,
    names: &[&str],
    field: &str,
) -> (Option<Stamp>, Option<String>) {
    if let Some((stamp, previous)) = account.provenance.of(field) {
        return (Some(stamp.clone()), previous.map(str::to_owned));
    }
    if field != "State" {
        return (None, None);
    }
    let mut stamps = names.iter().filter_map(|name| account.provenance.of(name)).map(|(stamp, _)| stamp);
    let first = stamps.find(|stamp| stamp.at <= created).map(|stamp| match stamp.cause {
        Cause::Import => stamp.clone(),
        _ => stamp.by(Cause::Lifecycle),
    });
    (first, None)
}

impl Sources {
    fn connector(&self, id: Option<ConnectorId>) -> Option<String> {
        let id = id?;
        Some(self.connectors.get(&id).cloned().unwrap_or_else(|| id.to_string()))
    }
}

impl ExplainedValue {
    /// What kind of thing set it: `mapping`, `lifecycle`, `rule`, `edit`, `import`.
    #[must_use]
    pub fn cause(&self) -> Option<&'static str> {
        Some(match self.stamp.as_ref()?.cause {
            Cause::Mapping(_) => "mapping",
            Cause::Lifecycle => "lifecycle",
            Cause::Rule(_) => "rule",
            Cause::Edit => "edit",
            Cause::Import => "import",
        })
    }

    fn json(&self) -> Value {
        let version = match self.stamp.as_ref().map(|stamp| &stamp.cause) {
            Some(Cause::Mapping(version)) => Some(*version),
            _ => None,
        };
        json!({
            "value": self.value,
            "previous": self.previous,
            "cause": self.cause(),
            "source": self.source,
            "mapping_version": version,
            "connector": self.connector,
            "request_id": self.stamp.as_ref().map(|stamp| stamp.request_id.as_str()),
            "at": self.stamp.as_ref().map(|stamp| stamp.at.to_string()),
        })
    }
}

impl Explained {
    /// As `explain --json` prints it: `id`, `managed_by`, `created_at`, and `fields` by name, each with `value`, `previous`,
    /// `cause`, `source`, `mapping_version`, `connector`, `request_id` and `at`; that of `DirectManager` with `status`
    /// (`none`, `linked`, `waiting`), `id`, `waiting_for` and `reason` too.
    #[must_use]
    pub fn json(&self) -> Value {
        let mut fields = serde_json::Map::new();
        for value in &self.values {
            let mut shown = value.json();
            if let (true, Some(members)) = (value.field == "DirectManager", shown.as_object_mut()) {
                let (status, id, waiting_for) = match &self.manager {
                    Manager::Nobody => ("none", None, None),
                    Manager::Linked(id) => ("linked", Some(id.to_string()), None),
                    Manager::Waiting { reference, .. } => ("waiting", None, Some(reference.clone())),
                };
                members.insert("status".to_owned(), status.into());
                members.insert("id".to_owned(), id.into());
                members.insert("waiting_for".to_owned(), waiting_for.into());
                members.insert("reason".to_owned(), self.manager.reason().into());
            }
            fields.insert(value.field.clone(), shown);
        }
        json!({
            "id": self.id.to_string(),
            "managed_by": self.managed_by,
            "created_at": self.created.to_string(),
            "fields": fields,
        })
    }
}

impl Manager {
    /// Why nobody is linked, though somebody is named.
    #[must_use]
    pub const fn reason(&self) -> Option<&'static str> {
        let Self::Waiting { means, .. } = self else { return None };
        Some(match means {
            Meant::Nobody => {
                "no account has this id, externalId or user name yet; it is linked when that person arrives"
            }
            Meant::Unmanaged => {
                "that account is there, but no connector manages it yet; it is linked when one picks it up"
            }
            Meant::Itself => "it means the account itself; no account is its own manager",
        })
    }
}
