//! What an instance is made of: connectors, integration users, settings.

use scim_core::Dialect;
use scim_core::instant::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    AdminKeyChange, AnswerChange, ConnectorId, ConnectorSettings, HeldChangeId, HeldState, ImportId,
    ImportPlace, ImportRecord, InstanceId, InstanceSettings, IntegrationUserId, Key, KeyChange, LeaseChange,
    RejectedLine,
};

/// An instance: one tenant of the application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// The id.
    pub id: InstanceId,
    /// The name on the command line; unique on the server.
    pub name: String,
    /// When it was created.
    pub created: Timestamp,
    /// The settings.
    pub settings: InstanceSettings,
    /// Grows with each change of the settings, the mapping, the connectors or the integration users, and with each key that
    /// retires ([`crate::Condition::Generation`]); 1 at first.
    pub generation: i64,
}

/// A connector's dialect, by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum DialectName {
    /// Everything that real identity providers send.
    #[default]
    Lenient,
    /// The RFCs to the letter.
    Strict,
}

impl DialectName {
    /// The dialect.
    #[must_use]
    pub const fn dialect(self) -> Dialect {
        match self {
            Self::Lenient => Dialect::LENIENT,
            Self::Strict => Dialect::STRICT,
        }
    }

    /// The name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lenient => "lenient",
            Self::Strict => "strict",
        }
    }
}

/// A connector: one identity provider's connection to an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connector {
    /// The id.
    pub id: ConnectorId,
    /// The instance.
    pub instance: InstanceId,
    /// The name; unique in the instance.
    pub name: String,
    /// When it was created.
    pub created: Timestamp,
    /// What it tolerates.
    pub dialect: DialectName,
    /// Whether passwords that it sends are kept, as argon2id hashes; else they are dropped. Default: false.
    pub keep_passwords: bool,
    /// What it may do, and how.
    pub settings: ConnectorSettings,
}

/// What an integration user may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Privilege {
    /// Look only.
    ReadOnly,
    /// Provision people and groups; what a key's user needs at least.
    LiteAdmin,
    /// Also change settings.
    Admin,
    /// Everything.
    Owner,
}

/// The user of the application on whose behalf a connector's keys act.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntegrationUser {
    /// The id.
    pub id: IntegrationUserId,
    /// The instance.
    pub instance: InstanceId,
    /// The name; unique in the instance.
    pub name: String,
    /// What it may do.
    pub privilege: Privilege,
    /// Whether it is suspended: then no key acts on its behalf. Default: false.
    pub suspended: bool,
    /// Whom reminders about its keys are mailed to.
    pub email: Option<String>,
}

impl IntegrationUser {
    /// Whether keys may act on its behalf: it is not suspended and holds at least [`Privilege::LiteAdmin`].
    #[must_use]
    pub fn may_provision(&self) -> bool {
        !self.suspended && self.privilege >= Privilege::LiteAdmin
    }
}

/// A change of what instances are made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AdminChange {
    /// Creates an instance; `Duplicate` where the name is taken.
    CreateInstance(Instance),
    /// Replaces an instance's settings.
    UpdateInstanceSettings(InstanceSettings),
    /// Creates a connector; `Duplicate` where the instance has the name.
    CreateConnector(Connector),
    /// Creates an integration user; `Duplicate` where the instance has the name.
    CreateIntegrationUser(IntegrationUser),
    /// Replaces an integration user's privilege, address and whether it is suspended; `Conflict` where it is not there.
    UpdateIntegrationUser(IntegrationUser),
    /// A change of keys.
    Key(KeyChange),
    /// A change of admin keys.
    AdminKey(AdminKeyChange),
    /// A change of what is known of answered requests.
    Answer(AnswerChange),
    /// Replaces a connector's dialect and settings, and whether it keeps passwords; `Conflict` where it is not there.
    UpdateConnector(Connector),
    /// Keeps a version of the mapping of a resource type, which is in force from now on. `Conflict` where it is not the
    /// one after the last.
    SaveMapping(MappingVersion),
    /// Keeps an object of the application; `Duplicate` where the kind has the name, in any letter case.
    CreateObject(ApplicationObject),
    /// Decides on a held change; `Conflict` where it is not on the list.
    DecideHeld(HeldChangeId, HeldState),
    /// Keeps how far a job has come, or forgets it (`None`).
    SaveJob(String, Option<serde_json::Value>),
    /// A change of a lease, which only the server itself has ([`crate::Scope::SERVER`]): elsewhere it is a `Conflict`.
    Lease(LeaseChange),
    /// Keeps how far an import has come; `Conflict` where it is not at `expected`: `None` where it must not be known yet.
    /// One that began anew ([`ImportRecord::started`]) forgets the lines that were rejected before. At most one for each
    /// import in a change set.
    SaveImport {
        /// The import.
        import: ImportRecord,
        /// How far it had come.
        expected: Option<ImportPlace>,
    },
    /// Keeps lines that an import did not take, one for each number; `Conflict` where the import is not known.
    RejectLines(ImportId, Vec<RejectedLine>),
    /// Deletes what is older: log records, events, tombstones, imports (by when they last came further) with the lines that
    /// they rejected, and what repeated commits are known by; and first answers that were kept for longer than
    /// [`crate::ANSWERS_KEPT`] at the change set's time; of each at most so many rows, oldest first, so that nobody waits
    /// long. [`crate::Effect::rows`] says how many they were.
    Prune {
        /// What is younger stays.
        before: Timestamp,
        /// The most rows of each.
        limit: usize,
    },
    /// Erases what the log, the events and a tombstone say about the resource of that key and, where it is given, that
    /// user name: action, status, time and ids stay ([`crate::LogRecord::scrub`]). Lines that imports rejected lose key and
    /// reason where either has the user name; in a reason it stands in quotation marks.
    Erase {
        /// Whom.
        key: Key,
        /// The person's user name, under which failures without an id are found.
        name: Option<String>,
    },
}

/// A version of the mapping.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MappingVersion {
    /// The number, from 1.
    pub version: i64,
    /// When it was saved.
    pub at: Timestamp,
    /// The mapping, as `scim-mapping` writes it.
    pub text: String,
}

/// An object of the application that accounts refer to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplicationObject {
    /// The id.
    pub id: uuid::Uuid,
    /// The kind, such as `JobTitle`.
    pub kind: String,
    /// The name; unique in its kind, in any letter case.
    pub name: String,
}
