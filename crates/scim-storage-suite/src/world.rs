//! The world in which behaviours play: two instances, two connectors, and short ways to make and read resources.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use pollster::block_on;
use scim_core::filter::{Filter, FilterLimits};
use scim_core::instant::Timestamp;
use scim_core::resource::{Document, index_entries, ingest, shadow};
use scim_core::schema::ENTERPRISE_USER_URN;
use scim_core::{Dialect, Registry, ResourceType};
use scim_directory::{
    Action, Actor, AdminChange, AttributeChange, Change, ChangeSet, ChangeSetId, Committed, Connector,
    ConnectorId, ConnectorSettings, Content, DialectName, EdgeOutcome, Fact, HeldReference, Instance,
    InstanceId, InstanceSettings, IntegrationUser, IntegrationUserId, Key, LogRecord, LogResource, LogStatus,
    MemberChange, NewRecord, Privilege, Question, Record, ResourceId, Scope, Version,
};
use scim_storage::{
    CommitError, Direction, Edge, EdgeQuery, JournalEntry, JournalQuery, Keyset, Page, Query, QueryPart,
    ServerAnswer, ServerQuestion, Sort, Start, Store, Want,
};
use serde_json::Value;
use uuid::Uuid;

/// When the world began: 2026-01-01T00:00:00Z.
pub const BEGINNING: Timestamp = Timestamp::from_unix_millis(1_767_225_600_000);

/// A store with two instances, `first` and `second`.
#[allow(missing_debug_implementations, reason = "a store has none")]
pub struct World<'s> {
    /// The store.
    pub store: &'s dyn Store,
    /// The schemas; `Device` among the resource types has attributes of every type.
    pub registry: Registry,
    /// The first instance, through its connector `default`.
    pub scope: Scope,
    /// The first instance, through its connector `other`.
    pub other_connector: Scope,
    /// The second instance, through its connector `default`.
    pub elsewhere: Scope,
    next: Arc<AtomicU64>,
}

/// A resource type that has an attribute of every type.
#[must_use]
pub fn registry() -> Registry {
    let mut registry = Registry::builtin();
    let attribute = |name: &str, kind: &str, many: bool, exact: bool| serde_json::json!({ "name": name, "type": kind, "multiValued": many, "caseExact": exact });
    let parts = [
        attribute("value", "string", false, false),
        attribute("code", "string", false, true),
        attribute("count", "integer", false, false),
        attribute("seen", "dateTime", false, false),
        attribute("primary", "boolean", false, false),
    ];
    let schema = serde_json::json!({
        "id": "urn:example:schemas:1.0:Device",
        "name": "Device",
        "attributes": [
            attribute("label", "string", false, false),
            attribute("serial", "string", false, true),
            attribute("on", "boolean", false, false),
            attribute("count", "integer", false, false),
            attribute("level", "decimal", false, false),
            attribute("seen", "dateTime", false, false),
            attribute("print", "binary", false, false),
            attribute("link", "reference", false, false),
            attribute("tags", "string", true, false),
            attribute("codes", "string", true, true),
            attribute("counts", "integer", true, false),
            attribute("levels", "decimal", true, false),
            attribute("dates", "dateTime", true, false),
            attribute("prints", "binary", true, false),
            { "name": "part", "type": "complex", "subAttributes": parts },
            { "name": "parts", "type": "complex", "multiValued": true, "subAttributes": parts },
        ]
    });
    registry.add_schema(&schema).expect("a sound schema");
    registry
        .add_resource_type(&serde_json::json!({
            "name": "Device", "endpoint": "/Devices", "schema": "urn:example:schemas:1.0:Device"
        }))
        .expect("a sound resource type");
    registry
}

impl<'s> World<'s> {
    /// Makes the two instances in an empty store.
    #[must_use]
    pub fn new(store: &'s dyn Store) -> Self {
        let none = Scope { instance: InstanceId::new(Uuid::nil()), connector: None };
        let mut world = Self {
            store,
            registry: registry(),
            scope: none,
            other_connector: none,
            elsewhere: none,
            next: Arc::new(AtomicU64::new(1)),
        };
        let (first, default) = world.instance("first");
        let (second, elsewhere) = world.instance("second");
        world.scope = Scope { instance: first, connector: Some(default) };
        world.elsewhere = Scope { instance: second, connector: Some(elsewhere) };
        let other = world.connector(first, "other");
        world.other_connector = Scope { instance: first, connector: Some(other) };
        world
    }

    /// The same world as the second instance sees it.
    #[must_use]
    pub fn from_elsewhere(&self) -> Self {
        Self {
            store: self.store,
            registry: self.registry.clone(),
            scope: self.elsewhere,
            other_connector: self.other_connector,
            elsewhere: self.scope,
            next: Arc::clone(&self.next),
        }
    }

    /// The same world as another node sees it.
    #[must_use]
    pub fn at<'o>(&self, node: &'o dyn Store) -> World<'o> {
        World {
            store: node,
            registry: self.registry.clone(),
            scope: self.scope,
            other_connector: self.other_connector,
            elsewhere: self.elsewhere,
            next: Arc::clone(&self.next),
        }
    }

    /// A new instance with a connector `default`.
    pub(crate) fn instance(&self, name: &str) -> (InstanceId, ConnectorId) {
        let id = InstanceId::new(self.uuid());
        let instance = Instance {
            id,
            name: name.to_owned(),
            created: BEGINNING,
            settings: InstanceSettings::default(),
            generation: 1,
        };
        let scope = Scope { instance: id, connector: None };
        self.commit_in(scope, vec![Change::Admin(AdminChange::CreateInstance(instance))]);
        (id, self.connector(id, "default"))
    }

    /// A new connector of an instance.
    pub fn connector(&self, instance: InstanceId, name: &str) -> ConnectorId {
        let connector = Connector {
            id: ConnectorId::new(self.uuid()),
            instance,
            name: name.to_owned(),
            created: BEGINNING,
            dialect: DialectName::Lenient,
            keep_passwords: false,
            settings: ConnectorSettings::default(),
        };
        let id = connector.id;
        let scope = Scope { instance, connector: None };
        self.commit_in(scope, vec![Change::Admin(AdminChange::CreateConnector(connector))]);
        id
    }

    /// A new integration user of an instance.
    pub fn integration_user(&self, instance: InstanceId, name: &str) -> IntegrationUserId {
        let user = IntegrationUser {
            id: IntegrationUserId::new(self.uuid()),
            instance,
            name: name.to_owned(),
            privilege: Privilege::LiteAdmin,
            suspended: false,
            email: None,
        };
        let id = user.id;
        let scope = Scope { instance, connector: None };
        self.commit_in(scope, vec![Change::Admin(AdminChange::CreateIntegrationUser(user))]);
        id
    }

    /// A new UUIDv7, later than every one before.
    pub fn uuid(&self) -> Uuid {
        let next = u128::from(self.next.fetch_add(1, Ordering::Relaxed));
        Uuid::from_u128((0x019b_0000_0000_u128 + next) << 80 | 7 << 76 | 2 << 62 | next)
    }

    /// The resource type of that name.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn resource_type(&self, name: &str) -> &Arc<ResourceType> {
        self.registry.resource_type(name).expect("a known resource type")
    }

    /// A key with a new id.
    #[must_use]
    pub fn key(&self, resource_type: &str) -> Key {
        let resource_type = Arc::clone(&self.resource_type(resource_type).name);
        Key { resource_type, id: ResourceId::new(self.uuid()) }
    }

    /// What a body says, as a rule would hand it to the store; `schemas` may be left out.
    ///
    /// # Panics
    /// If the body is no resource of the key's type.
    #[must_use]
    pub fn content(&self, key: &Key, body: &Value) -> Content {
        let resource_type = self.resource_type(&key.resource_type);
        let mut body = body.clone();
        if let Value::Object(members) = &mut body
            && !members.contains_key("schemas")
        {
            let urns =
                [&resource_type.schema].into_iter().chain(resource_type.extensions.iter().map(|e| &e.schema));
            members.insert("schemas".to_owned(), urns.map(|schema| Value::from(&*schema.id)).collect());
        }
        let inbound = ingest(resource_type, body, Dialect::LENIENT).expect("a body of the type");
        let resource = inbound.resource;
        let manager = resource
            .attributes()
            .get(ENTERPRISE_USER_URN)
            .and_then(|extension| extension.get("manager")?.get("value")?.as_str());
        Content {
            document: Document::new(resource_type, &key.id.to_string(), &resource).into_bytes(),
            shadow: shadow(resource_type, &resource),
            index: index_entries(resource_type, &resource),
            display: resource.text("displayName").or(resource.text("userName")).map(str::to_owned),
            manager: manager.map(str::to_owned),
            managed_by: None,
            reports_to: None,
            account: None,
        }
    }

    /// A record of a body; its `externalId` is the body's.
    #[must_use]
    pub fn new_record(&self, resource_type: &str, body: &Value) -> NewRecord {
        let key = self.key(resource_type);
        let content = self.content(&key, body);
        let external_id = body.get("externalId").and_then(Value::as_str).map(str::to_owned);
        NewRecord { key, content, external_id, revives: false }
    }

    /// Creates a resource through [`World::scope`].
    ///
    /// # Panics
    /// If the store refuses.
    pub fn create(&self, resource_type: &str, body: &Value) -> Key {
        self.create_in(self.scope, resource_type, body)
    }

    /// Creates a resource.
    ///
    /// # Panics
    /// If the store refuses.
    pub fn create_in(&self, scope: Scope, resource_type: &str, body: &Value) -> Key {
        let new = self.new_record(resource_type, body);
        let key = new.key.clone();
        self.commit_in(scope, vec![Change::Create(new)]);
        key
    }

    /// Creates a person of that name.
    pub fn person(&self, user_name: &str) -> Key {
        self.create("User", &serde_json::json!({ "userName": user_name }))
    }

    /// Creates a group of that name.
    pub fn group(&self, name: &str) -> Key {
        self.create("Group", &serde_json::json!({ "displayName": name }))
    }

    /// The change that makes a body of a record, decided on a version.
    #[must_use]
    pub fn update(&self, key: &Key, expected: i64, body: &Value) -> Change {
        Change::Update {
            key: key.clone(),
            expected: Version(expected),
            content: self.content(key, body),
            external_id: body.get("externalId").and_then(Value::as_str).map(str::to_owned),
        }
    }

    /// A change set that nobody has seen yet.
    #[must_use]
    pub fn change_set(&self, scope: Scope, changes: Vec<Change>) -> ChangeSet {
        let id = self.uuid();
        let actor = Actor { connector: scope.connector, ..Actor::default() };
        let request_id = format!("request {id}");
        ChangeSet { changes, ..ChangeSet::empty(ChangeSetId::new(id), scope, actor, request_id, self.now()) }
    }

    /// A moment that grows with every id made.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let passed = i64::try_from(self.next.load(Ordering::Relaxed)).unwrap_or_default();
        BEGINNING.plus_millis(passed)
    }

    /// Commits through [`World::scope`], whatever comes of it.
    ///
    /// # Errors
    /// What the store says.
    pub fn try_commit(&self, changes: Vec<Change>) -> Result<Committed, CommitError> {
        block_on(self.store.commit(self.change_set(self.scope, changes)))
    }

    /// Commits through [`World::scope`].
    ///
    /// # Panics
    /// If the store refuses.
    pub fn commit(&self, changes: Vec<Change>) -> Committed {
        self.commit_in(self.scope, changes)
    }

    /// Commits.
    ///
    /// # Panics
    /// If the store refuses.
    pub fn commit_in(&self, scope: Scope, changes: Vec<Change>) -> Committed {
        self.commit_set(self.change_set(scope, changes))
    }

    /// Commits.
    ///
    /// # Panics
    /// If the store refuses.
    pub fn commit_set(&self, changes: ChangeSet) -> Committed {
        block_on(self.store.commit(changes)).expect("committed")
    }

    /// Adds and removes members through [`World::scope`]; what became of each edge, removals first.
    pub fn edit_members(&self, group: &Key, add: &[&Key], remove: &[&Key]) -> Vec<EdgeOutcome> {
        let committed = self.commit(vec![members(group, add, remove)]);
        committed.effects[0].edges.iter().map(|edge| edge.outcome).collect()
    }

    /// The whole record, through [`World::scope`].
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<Record> {
        self.get_in(&self.scope, key)
    }

    /// The whole record.
    ///
    /// # Panics
    /// If the store fails.
    #[must_use]
    pub fn get_in(&self, scope: &Scope, key: &Key) -> Option<Record> {
        block_on(self.store.get(scope, key, Want::RECORD)).expect("a read")
    }

    /// The record, which must be there.
    ///
    /// # Panics
    /// If it is not.
    #[must_use]
    pub fn there(&self, key: &Key) -> Record {
        self.get(key).expect("the record is there")
    }

    /// The version of a record that is there.
    #[must_use]
    pub fn version(&self, key: &Key) -> i64 {
        self.there(key).version.0
    }

    /// The membership counter of a record that is there.
    #[must_use]
    pub fn membership(&self, key: &Key) -> i64 {
        self.there(key).membership
    }

    /// The other ends of a resource's edges.
    #[must_use]
    pub fn others(&self, of: &Key, direction: Direction) -> Vec<ResourceId> {
        self.edges(&self.scope, of, direction).into_iter().map(|edge| edge.other).collect()
    }

    /// A resource's edges.
    ///
    /// # Panics
    /// If the store fails.
    #[must_use]
    pub fn edges(&self, scope: &Scope, of: &Key, direction: Direction) -> Vec<Edge> {
        let query = EdgeQuery { of: vec![of.id], direction, only: None, after: None, limit: 10_000 };
        block_on(self.store.edges(scope, &query)).expect("a read").edges
    }

    /// One fact, through [`World::scope`].
    ///
    /// # Panics
    /// If the store fails or gives no answer.
    #[must_use]
    pub fn fact(&self, question: Question) -> Fact {
        self.fact_in(&self.scope, question)
    }

    /// One fact.
    ///
    /// # Panics
    /// If the store fails or gives no answer.
    #[must_use]
    pub fn fact_in(&self, scope: &Scope, question: Question) -> Fact {
        let mut facts = block_on(self.store.facts(scope, &[question])).expect("a read");
        facts.pop().expect("an answer")
    }

    /// The whole journal of a scope's instance.
    ///
    /// # Panics
    /// If the store fails.
    #[must_use]
    pub fn journal(&self, scope: &Scope) -> Vec<JournalEntry> {
        let query = JournalQuery { after: None, limit: 10_000, ..JournalQuery::default() };
        block_on(self.store.journal(scope, &query)).expect("a read").entries
    }

    /// The answer to a question of the server's own.
    ///
    /// # Panics
    /// If the store fails.
    #[must_use]
    pub fn server(&self, question: &ServerQuestion) -> ServerAnswer {
        block_on(self.store.server(question)).expect("a read")
    }

    /// A query over resource types, each with a filter (`""` for none) and a path to sort by (`""` for none). Sorted
    /// ascending where one of them has such a path.
    ///
    /// # Panics
    /// If a filter or a path is wrong.
    #[must_use]
    pub fn query(&self, parts: &[(&str, &str, &str)]) -> Query {
        let part = |(name, filter, sort_by): &(&str, &str, &str)| {
            let resource_type = self.resource_type(name);
            let filter = (!filter.is_empty()).then(|| {
                let filter = Filter::parse(filter, &FilterLimits::default()).expect(filter);
                filter.resolve(resource_type, Dialect::LENIENT).expect("a filter of the type").0
            });
            let sort_by = (!sort_by.is_empty())
                .then(|| resource_type.resolve_attribute(sort_by).expect("an attribute to sort by"));
            QueryPart { resource_type: Arc::clone(resource_type), filter, sort_by }
        };
        let sorted = parts.iter().any(|(_, _, sort_by)| !sort_by.is_empty());
        Query {
            parts: parts.iter().map(part).collect(),
            sort: sorted.then_some(Sort { descending: false }),
            start: Start::Offset(0),
            limit: 10_000,
            want: Want::HEAD,
            total: false,
        }
    }

    /// A page, through [`World::scope`].
    ///
    /// # Panics
    /// If the store fails or leaves a part of the filters to the caller, which this suite does not evaluate.
    #[must_use]
    pub fn find(&self, query: &Query) -> Page {
        let page = block_on(self.store.find(&self.scope, query)).expect("a read");
        assert!(page.residual.is_none(), "a residual filter");
        page
    }

    /// The ids that a query finds: sorted as it says, or, without a sort, in the order of creation.
    #[must_use]
    pub fn ids(&self, query: &Query) -> Vec<ResourceId> {
        let mut ids: Vec<_> = self.find(query).records.iter().map(|record| record.key.id).collect();
        if query.sort.is_none() {
            ids.reverse();
        }
        ids
    }

    /// Follows [`Page::next`] to the end.
    #[must_use]
    pub fn walk(&self, mut query: Query, mut between: impl FnMut(usize)) -> Vec<ResourceId> {
        let mut all = Vec::new();
        for number in 0.. {
            let page = self.find(&query);
            assert!(page.records.len() <= query.limit, "more than asked for");
            all.extend(page.records.iter().map(|record| record.key.id));
            let Some(next) = page.next else { break };
            assert_eq!(Some(&next.id), all.last(), "the position is that of the last record");
            query.start = Start::After(Keyset { key: next.key, id: next.id });
            between(number);
        }
        all
    }
}

/// The change that adds and removes members.
#[must_use]
pub fn members(group: &Key, add: &[&Key], remove: &[&Key]) -> Change {
    Change::Members(MemberChange {
        group: group.clone(),
        expected: None,
        add: add.iter().map(|key| (*key).clone()).collect(),
        remove: remove.iter().map(|key| key.id).collect(),
        hold: Vec::new(),
        release: Vec::new(),
        release_all: false,
    })
}

/// The change that holds places in a group.
#[must_use]
pub fn hold(group: &Key, references: &[&str]) -> Change {
    Change::Members(MemberChange {
        group: group.clone(),
        expected: None,
        add: Vec::new(),
        remove: Vec::new(),
        hold: held(references),
        release: Vec::new(),
        release_all: false,
    })
}

/// References that were sent without a `type`.
#[must_use]
pub fn held(references: &[&str]) -> Vec<HeldReference> {
    let reference = |text: &&str| HeldReference { reference: (*text).to_owned(), kind: None };
    references.iter().map(reference).collect()
}

/// The change that deletes a record in any version.
#[must_use]
pub fn delete(key: &Key) -> Change {
    Change::Delete { key: key.clone(), expected: None }
}

/// A log record about a resource.
#[must_use]
pub fn log(action: Action, key: &Key, changes: Vec<AttributeChange>) -> LogRecord {
    let resource = LogResource::new(&key.resource_type, key.id, Some("a name"));
    LogRecord {
        changes,
        notes: vec!["a note".to_owned()],
        ..LogRecord::new(action, LogStatus::Success, Some(resource))
    }
}

/// Whether a commit was refused as a duplicate of that attribute.
#[must_use]
pub fn is_duplicate(result: &Result<Committed, CommitError>, attribute: &str) -> bool {
    matches!(result, Err(CommitError::Duplicate { attribute: taken }) if taken == attribute)
}

/// Whether a commit was refused as a conflict.
#[must_use]
pub fn is_conflict(result: &Result<Committed, CommitError>) -> bool {
    matches!(result, Err(CommitError::Conflict))
}
