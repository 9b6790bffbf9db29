//! The closed list of questions that are asked before an instance is known, or across instances.

use scim_directory::{Connector, ConnectorId, Instance, InstanceId, IntegrationUser, KeyId, KeyRecord};

/// A question to the server's own data. There is no other way to read without a [`scim_directory::Scope`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerQuestion {
    /// All that authentication needs about a key, in one read; answered by [`ServerAnswer::Key`].
    Key(KeyId),
    /// The instance of that name; answered by [`ServerAnswer::Instance`].
    InstanceNamed(String),
    /// Every instance, by name; answered by [`ServerAnswer::Instances`].
    Instances,
    /// The connectors of an instance, by name; answered by [`ServerAnswer::Connectors`].
    Connectors(InstanceId),
    /// A connector; answered by [`ServerAnswer::Connector`].
    Connector(InstanceId, ConnectorId),
    /// The integration users of an instance, by name; answered by [`ServerAnswer::Users`].
    Users(InstanceId),
    /// The keys of an instance, or of every one, oldest first, each with whom it acts for; answered by [`ServerAnswer::Keys`].
    Keys(Option<InstanceId>),
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
    /// See [`ServerQuestion::Secret`].
    Secret([u8; 32]),
}
