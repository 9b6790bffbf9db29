//! The closed list of questions that are asked before an instance is known, or across instances; and questions about what
//! an instance is made of.

use scim_core::instant::Timestamp;
use scim_directory::{
    Action, AdminKeyId, AdminKeyRecord, AnsweredRequest, ApplicationObject, Connector, ConnectorId,
    HeldChange, HeldChangeId, ImportId, ImportRecord, Instance, InstanceId, IntegrationUser,
    IntegrationUserId, KeyId, KeyRecord, Lease, LogStatus, MappingVersion, RejectedLine, RequestMark,
    ResourceId, Tombstone,
};

use crate::Backlog;

/// A question to the server's own data. There is no other way to read without a [`scim_directory::Scope`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerQuestion {
    /// All that authentication needs about a key, in one read; answered by [`ServerAnswer::Key`].
    Key(KeyId),
    /// The instance of that name, exactly; answered by [`ServerAnswer::Instance`].
    InstanceNamed(String),
    /// Every instance, by name; answered by [`ServerAnswer::Instances`].
    Instances,
    /// Instances by name, after that name, at most so many; answered by [`ServerAnswer::Instances`].
    InstancesAfter {
        /// After this name.
        after: Option<String>,
        /// How many at most.
        limit: usize,
    },
    /// The connectors of an instance, by name; answered by [`ServerAnswer::Connectors`].
    Connectors(InstanceId),
    /// A connector; answered by [`ServerAnswer::Connector`].
    Connector(InstanceId, ConnectorId),
    /// The integration users of an instance, by name; answered by [`ServerAnswer::Users`].
    Users(InstanceId),
    /// The keys of an instance, or of every one, oldest first, each with whom it acts for; answered by [`ServerAnswer::Keys`].
    Keys(Option<InstanceId>),
    /// The keys of an integration user at a connector that are live at that moment
    /// ([`scim_directory::KeyRecord::is_live`]), oldest first; answered by [`ServerAnswer::Keys`].
    LiveKeys {
        /// The instance.
        instance: InstanceId,
        /// The connector.
        connector: ConnectorId,
        /// The integration user.
        user: IntegrationUserId,
        /// The moment.
        at: Timestamp,
    },
    /// Keys of every instance that are due ([`scim_directory::KeyRecord::due`]) before a moment, by when they are due and
    /// then by id, after that place, at most so many; answered by [`ServerAnswer::Keys`].
    KeysDue {
        /// Before when.
        before: Timestamp,
        /// After this place.
        after: Option<(Timestamp, KeyId)>,
        /// How many at most.
        limit: usize,
    },
    /// The instance of that id; answered by [`ServerAnswer::Instance`].
    Instance(InstanceId),
    /// A connector with its instance and the integration users that may act through it, by the connector's id alone, which
    /// stands in its URL; answered by [`ServerAnswer::Door`].
    Door(ConnectorId),
    /// An admin key, by one read of its primary key; answered by [`ServerAnswer::AdminKey`].
    AdminKey(AdminKeyId),
    /// What is known of a request that came with an `Idempotency-Key`; what is older than
    /// [`scim_directory::ANSWERS_KEPT`] before the given moment is not known. Answered by [`ServerAnswer::Answered`].
    Answered(RequestMark, Timestamp),
    /// Whether a node that holds these peppers, the current one first, belongs to this store. It does where the store knows
    /// one of them, or none at all yet; the store then keeps the first one's id as known. A node without any does not. At
    /// most 8; answered by [`ServerAnswer::Peppers`].
    Peppers(Vec<[u8; 16]>),
    /// How far the log and the outbox of all instances reach, and how many held changes wait for a decision, by instance.
    /// Costs as much as is counted; answered by [`ServerAnswer::Backlog`].
    Backlog {
        /// How many instances at most are told of by name: those where the most wait.
        instances: usize,
        /// How many held changes are counted at most, over all instances.
        count: usize,
    },
    /// Every lease that was held once, by name; answered by [`ServerAnswer::Leases`].
    Leases,
    /// A 32-byte secret of that name, which all nodes share, made by the store at the first question from a secure
    /// source; answered by [`ServerAnswer::Secret`]. Seals cursors; never anything that opens a door.
    Secret(&'static str),
}

/// What is known about a key: itself and whom it acts for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyContext {
    /// The key.
    pub key: KeyRecord,
    /// Its instance.
    pub instance: Instance,
    /// Its connector.
    pub connector: Connector,
    /// Its integration user.
    pub user: IntegrationUser,
}

/// A connector as a client comes to it by its URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Door {
    /// The connector.
    pub connector: Connector,
    /// Its instance.
    pub instance: Instance,
    /// The instance's integration users, by name.
    pub users: Vec<IntegrationUser>,
}

/// Whether a node's peppers are those of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeppersKnown {
    /// Whether the node belongs to the store.
    pub accepted: bool,
    /// Whether the store knows no pepper yet, the node's included: a node without any asks before it makes the first one.
    pub fresh: bool,
    /// How many keys that are not revoked were hashed with a pepper that the node does not hold.
    pub strangers: u64,
}

/// The answer to a [`ServerQuestion`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerAnswer {
    /// See [`ServerQuestion::Key`].
    Key(Option<Box<KeyContext>>),
    /// See [`ServerQuestion::InstanceNamed`].
    Instance(Option<Instance>),
    /// See [`ServerQuestion::Instances`].
    Instances(Vec<Instance>),
    /// See [`ServerQuestion::Connectors`].
    Connectors(Vec<Connector>),
    /// See [`ServerQuestion::Connector`].
    Connector(Option<Connector>),
    /// See [`ServerQuestion::Users`].
    Users(Vec<IntegrationUser>),
    /// See [`ServerQuestion::Keys`].
    Keys(Vec<KeyContext>),
    /// See [`ServerQuestion::Door`].
    Door(Option<Box<Door>>),
    /// See [`ServerQuestion::AdminKey`].
    AdminKey(Option<Box<AdminKeyRecord>>),
    /// See [`ServerQuestion::Answered`].
    Answered(Option<AnsweredRequest>),
    /// See [`ServerQuestion::Peppers`].
    Peppers(PeppersKnown),
    /// See [`ServerQuestion::Backlog`].
    Backlog(Box<Backlog>),
    /// See [`ServerQuestion::Leases`].
    Leases(Vec<Lease>),
    /// See [`ServerQuestion::Secret`].
    Secret([u8; 32]),
}

/// A question about what the scope's instance is made of, people and groups aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InstanceQuestion {
    /// Everything that decisions are made by, of one moment; answered by [`InstanceAnswer::Policy`].
    Policy,
    /// That version of the mapping, `None` for the one in force; answered by [`InstanceAnswer::Mapping`].
    Mapping(Option<i64>),
    /// The newest versions of the mapping, newest first, at most so many, without their text; answered by
    /// [`InstanceAnswer::Mappings`].
    Mappings(usize),
    /// Held changes, oldest first, after that one, at most so many; answered by [`InstanceAnswer::HeldChanges`].
    HeldChanges {
        /// After this one.
        after: Option<HeldChangeId>,
        /// How many at most.
        limit: usize,
    },
    /// What deleted resources were, those deleted last first, after that one, at most so many; answered by
    /// [`InstanceAnswer::Deleted`].
    Deleted {
        /// After the one that was deleted then and has this id.
        after: Option<(Timestamp, ResourceId)>,
        /// How many at most.
        limit: usize,
    },
    /// Objects of a kind, by name, after that name, at most so many; answered by [`InstanceAnswer::Objects`].
    Objects {
        /// The kind.
        kind: String,
        /// After this name.
        after: Option<String>,
        /// How many at most.
        limit: usize,
    },
    /// How many log records there are of each action and status from one moment until before another; answered by
    /// [`InstanceAnswer::Report`].
    Report {
        /// From when.
        from: Timestamp,
        /// Until before when.
        until: Timestamp,
    },
    /// How far a job has come; answered by [`InstanceAnswer::Job`].
    Job(String),
    /// How far an import has come; answered by [`InstanceAnswer::Import`].
    Import(ImportId),
    /// Imports, by when they were begun and then by id, newest first, after that place, at most so many; answered by
    /// [`InstanceAnswer::Imports`].
    Imports {
        /// After this place.
        after: Option<(Timestamp, ImportId)>,
        /// How many at most.
        limit: usize,
    },
    /// Lines that an import did not take, by number, after that one, at most so many; answered by
    /// [`InstanceAnswer::RejectedLines`].
    RejectedLines {
        /// The import.
        import: ImportId,
        /// After this line.
        after: Option<u64>,
        /// How many at most.
        limit: usize,
    },
    /// Jobs by name, after that name, at most so many; answered by [`InstanceAnswer::Jobs`].
    Jobs {
        /// After this name.
        after: Option<String>,
        /// How many at most.
        limit: usize,
    },
    /// The kinds of objects that there are, by name, after that kind, at most so many; found without reading all objects.
    /// Answered by [`InstanceAnswer::ObjectKinds`].
    ObjectKinds {
        /// After this kind.
        after: Option<String>,
        /// How many at most.
        limit: usize,
    },
    /// Keys, oldest first, each with whom it acts for, after that one, at most so many; answered by
    /// [`InstanceAnswer::Keys`].
    Keys {
        /// After the one that was created then and has this id.
        after: Option<(Timestamp, KeyId)>,
        /// How many at most.
        limit: usize,
    },
    /// Admin keys of the scope, oldest first, after that one, at most so many; answered by [`InstanceAnswer::AdminKeys`].
    AdminKeys {
        /// After the one that was created then and has this id.
        after: Option<(Timestamp, AdminKeyId)>,
        /// How many at most.
        limit: usize,
    },
}

/// Everything that decisions in an instance are made by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicySource {
    /// The instance with its settings and generation.
    pub instance: Instance,
    /// The mapping in force; `None` where none was ever saved (the default one is then in force, as version 0).
    pub mapping: Option<MappingVersion>,
    /// The names of its integration users, which no person may have.
    pub integration_users: Vec<String>,
}

/// A number of log records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportLine {
    /// What happened.
    pub action: Action,
    /// How it ended.
    pub status: LogStatus,
    /// The type of resource; `None` for administrative records.
    pub resource_type: Option<String>,
    /// How often.
    pub count: u64,
}

/// The answer to an [`InstanceQuestion`].
#[derive(Clone, Debug, PartialEq)]
pub enum InstanceAnswer {
    /// See [`InstanceQuestion::Policy`]; `None` where the instance is not there.
    Policy(Option<Box<PolicySource>>),
    /// See [`InstanceQuestion::Mapping`].
    Mapping(Option<MappingVersion>),
    /// See [`InstanceQuestion::Mappings`].
    Mappings(Vec<MappingVersion>),
    /// See [`InstanceQuestion::HeldChanges`].
    HeldChanges(Vec<HeldChange>),
    /// See [`InstanceQuestion::Deleted`].
    Deleted(Vec<Tombstone>),
    /// See [`InstanceQuestion::Objects`].
    Objects(Vec<ApplicationObject>),
    /// See [`InstanceQuestion::Report`].
    Report(Vec<ReportLine>),
    /// See [`InstanceQuestion::Job`].
    Job(Option<serde_json::Value>),
    /// See [`InstanceQuestion::Import`]; `None` where it is not known.
    Import(Option<Box<ImportRecord>>),
    /// See [`InstanceQuestion::Imports`].
    Imports(Vec<ImportRecord>),
    /// See [`InstanceQuestion::RejectedLines`].
    RejectedLines(Vec<RejectedLine>),
    /// See [`InstanceQuestion::Jobs`]: names and what is kept of each.
    Jobs(Vec<(String, serde_json::Value)>),
    /// See [`InstanceQuestion::ObjectKinds`].
    ObjectKinds(Vec<String>),
    /// See [`InstanceQuestion::Keys`].
    Keys(Vec<KeyContext>),
    /// See [`InstanceQuestion::AdminKeys`].
    AdminKeys(Vec<AdminKeyRecord>),
}
