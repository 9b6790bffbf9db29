//! An instance with a connector, and a directory that is a list of records: enough for decisions, without a store.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use scim_core::Dialect;
use scim_core::instant::Timestamp;
use scim_core::resource::{Document, Resource, ingest};
use scim_core::schema::{Registry, ResourceType};
use scim_directory::{
    Account, Change, Connector, ConnectorId, ConnectorSettings, Content, DialectName, Fact, Instance,
    InstanceId, InstanceSettings, Key, MappingVersion, Profile, Question, Record, ResourceId, Version,
};
use scim_lifecycle::{Arrival, Decision, Existing, Facts, Occasion, Policy, Refusal, Stop, Update};
use serde_json::{Value, json};
use uuid::Uuid;

pub(crate) const NOW: Timestamp = Timestamp::from_unix_millis(1_790_000_000_000);

pub(crate) struct World {
    pub(crate) registry: Registry,
    pub(crate) policy: Policy,
    pub(crate) connector: Connector,
    instance: Instance,
    next: AtomicU64,
}

fn policy(instance: &Instance, mapping: Option<&MappingVersion>, registry: &Registry) -> Policy {
    Policy::new(instance, mapping, &["integration".to_owned()], registry).expect("a policy")
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(InstanceSettings::default(), Profile::Standard.connector_settings())
    }

    pub(crate) fn with(settings: InstanceSettings, connector: ConnectorSettings) -> Self {
        let registry = Registry::builtin();
        let instance = Instance {
            id: InstanceId::new(Uuid::from_u128(1)),
            name: "acme".to_owned(),
            created: NOW,
            settings,
            generation: 7,
        };
        let policy = policy(&instance, None, &registry);
        let connector = Connector {
            id: ConnectorId::new(Uuid::from_u128(2)),
            instance: instance.id,
            name: "entra".to_owned(),
            created: NOW,
            dialect: DialectName::Lenient,
            keep_passwords: false,
            settings: connector,
        };
        Self { registry, policy, connector, instance, next: AtomicU64::new(100) }
    }

    /// Puts another mapping in force.
    pub(crate) fn save_mapping(&mut self, rows: &Value) {
        let saved = MappingVersion { version: 1, at: NOW, text: rows.to_string() };
        self.policy = policy(&self.instance, Some(&saved), &self.registry);
    }

    pub(crate) fn user(&self) -> &Arc<ResourceType> {
        self.registry.resource_type("User").expect("User is built in")
    }

    pub(crate) fn id(&self) -> ResourceId {
        ResourceId::new(self.uuid())
    }

    fn uuid(&self) -> Uuid {
        Uuid::from_u128(self.next.fetch_add(1, Ordering::Relaxed).into())
    }

    pub(crate) fn on<T>(&self, connector: Option<&Connector>, with: impl FnOnce(&Occasion<'_>) -> T) -> T {
        with(&Occasion {
            policy: &self.policy,
            connector,
            request_id: "request",
            now: NOW,
            uuid: &|| self.uuid(),
            random: &|bytes: &mut [u8]| bytes.fill(1),
        })
    }

    pub(crate) fn created(&self, body: Value, existing: &Existing) -> Result<Decision, Stop> {
        self.created_by(&self.connector, body, existing, &Facts::default())
    }

    pub(crate) fn created_by(
        &self,
        connector: &Connector,
        body: Value,
        existing: &Existing,
        facts: &Facts,
    ) -> Result<Decision, Stop> {
        let inbound = ingest(self.user(), body, Dialect::LENIENT).expect("a person");
        let (external_id, notes) = (inbound.external_id.clone(), inbound.notes.clone());
        let sent = inbound.resource.clone();
        let resource = inbound.into_created(self.user()).expect("complete");
        let before = match existing {
            Existing::Unmanaged(record) => Some(document(record)),
            _ => None,
        };
        self.on(Some(connector), |on| {
            let arrival = Arrival {
                id: self.id(),
                resource: &resource,
                sent: &sent,
                external_id: external_id.as_deref(),
                notes: &notes,
                existing,
                before: before.as_ref(),
            };
            scim_lifecycle::create(on, facts, self.user(), arrival)
        })
    }

    /// A managed person as a creation leaves it.
    pub(crate) fn person(&self, body: Value) -> Record {
        let decision = self.created(body, &Existing::Nobody).expect("created");
        record_of(&decision)
    }

    /// A person whom the application had before.
    pub(crate) fn unmanaged(&self, body: Value, fields: &[(&str, &str)]) -> Record {
        let mut record = self.person(body);
        record.managed_by = None;
        let account = record.account.get_or_insert_default();
        for (name, value) in fields {
            account.fields.insert((*name).to_owned(), (*value).to_owned());
        }
        record
    }

    /// The decision on a change of attributes.
    pub(crate) fn changed(
        &self,
        connector: &Connector,
        record: &Record,
        change: impl FnOnce(&mut serde_json::Map<String, Value>),
        facts: &Facts,
    ) -> Result<Decision, Stop> {
        let before = document(record);
        let mut attributes = before.clone().into_attributes();
        change(&mut attributes);
        let after = scim_core::resource::canonical(self.user(), attributes);
        self.on(Some(connector), |on| {
            let external_id = record.external_id.clone();
            let update = Update { record, before: &before, after: &after, external_id, notes: &[] };
            scim_lifecycle::update(on, facts, self.user(), update)
        })
    }
}

pub(crate) fn document(record: &Record) -> Resource {
    Document::from_bytes(&*record.document).resource().expect("a document")
}

/// The record that a decision creates or changes first.
pub(crate) fn record_of(decision: &Decision) -> Record {
    let (key, content, external_id): (&Key, &Content, _) = decision
        .changes
        .iter()
        .find_map(|change| match change {
            Change::Create(new) => Some((&new.key, &new.content, new.external_id.clone())),
            Change::Update { key, content, external_id, .. } => Some((key, content, external_id.clone())),
            _ => None,
        })
        .expect("a record");
    Record {
        key: key.clone(),
        version: Version(1),
        membership: 0,
        created: NOW,
        modified: NOW,
        external_id,
        display: content.display.clone(),
        manager: content.manager.clone(),
        managed_by: content.managed_by,
        direct_manager: None,
        account: content.account.clone(),
        document: content.document.clone().into(),
    }
}

pub(crate) fn account(record: &Record) -> &Account {
    record.account.as_deref().expect("an account")
}

pub(crate) fn refusal(result: Result<Decision, Stop>) -> Refusal {
    match result {
        Err(Stop::Refused(refusal)) => *refusal,
        other => panic!("not refused: {other:?}"),
    }
}

/// Answers what a decision asks for, until it is made.
pub(crate) fn answered(
    decide: impl Fn(&Facts) -> Result<Decision, Stop>,
    answer: impl Fn(&Question) -> Fact,
) -> Result<Decision, Stop> {
    let mut facts = Facts::default();
    for _ in 0..100 {
        match decide(&facts) {
            Err(Stop::Needs(questions)) => {
                for question in questions {
                    let fact = answer(&question);
                    facts.insert(question, fact);
                }
            }
            other => return other,
        }
    }
    panic!("it asks for ever")
}

/// A person with everything that the default mapping takes.
pub(crate) fn ada() -> Value {
    json!({
        "schemas": [
            "urn:ietf:params:scim:schemas:core:2.0:User",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
        ],
        "userName": "ada@acme.example",
        "externalId": "7",
        "displayName": "Ada Lovelace",
        "name": { "givenName": "Ada", "familyName": "Lovelace" },
        "title": "Engineer",
        "emails": [{ "type": "work", "value": "ada@acme.example", "primary": true }],
        "phoneNumbers": [{ "type": "work", "value": "1" }, { "type": "mobile", "value": "2" }],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
            "department": "Mathematics", "manager": { "value": "charles@acme.example" }
        }
    })
}
