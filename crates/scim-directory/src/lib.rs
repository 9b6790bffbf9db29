//! The nouns that rules and storage share, values only: ids, [`Scope`], [`Record`], [`Account`], [`ChangeSet`], questions and
//! facts, log records and events, and what an instance is made of (connectors, integration users, keys, settings, rules).
//!
//! Nothing here decides or stores anything. Rules make a [`ChangeSet`] from these values; a store commits it.

mod access;
mod account;
mod admin;
mod admin_key;
mod answered;
mod bytes;
mod change;
mod event;
mod fact;
mod field;
mod held;
mod id;
mod import;
mod key;
mod lease;
mod log;
mod origin;
mod policy;
mod record;
mod rule;

pub use access::{
    AccessScope, AccessScopes, Networks, Operations, Rate, Retirement, TrustedIssuer, UnknownScope, WaysIn,
};
pub use account::{AccessRole, Account, AccountState, ObjectLink, Provenance, Tombstone, UnknownRole};
pub use admin::{
    AdminChange, ApplicationObject, Connector, DialectName, Instance, IntegrationUser, MappingVersion,
    Privilege,
};
pub use admin_key::{AdminKeyChange, AdminKeyRecord, AdminKeyTouch, KeptAdminMac};
pub use answered::{ANSWERS_KEPT, AnswerChange, AnsweredRequest, RequestMark};
pub use change::{
    Actor, Change, ChangeSet, Committed, Content, EdgeEffect, EdgeOutcome, Effect, HeldReference,
    MemberChange, NewRecord,
};
pub use event::{Event, EventKind, KEY_TYPE, StoredEvent};
pub use fact::{Condition, Fact, Question, Tally, Target};
pub use field::{
    Excess, FieldDefinition, FieldKind, Fields, MAX_FIELD_CHARS, MAX_FIELD_NAME_CHARS, STANDARD_FIELDS,
};
pub use held::{HeldChange, HeldState, Removal};
pub use id::{
    AdminKeyId, ChangeSetId, ConnectorId, HeldChangeId, InstanceId, IntegrationUserId, KeyId, NodeId,
    Position, ResourceId, Version,
};
pub use import::{BadImportId, ImportId, ImportKind, ImportPlace, ImportRecord, ImportState, RejectedLine};
pub use key::{
    KeptSecret, KeyChange, KeyLimits, KeyRecord, KeyState, KeyTerms, KeyTouch, Retiring, Revocation,
};
pub use lease::{Lease, LeaseChange};
pub use log::{Action, AttributeChange, FieldChange, LogError, LogRecord, LogResource, LogStatus};
pub use origin::{Cause, Stamp};
pub use policy::{ConnectorSettings, Guard, InstanceSettings, NameScope, PickUp, Profile};
pub use record::{Key, Record, Scope};
pub use rule::{Rule, RuleAction, Trigger, Unknown};
