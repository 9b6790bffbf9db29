//! The nouns that rules and storage share, values only: ids, [`Scope`], [`Record`], [`ChangeSet`], questions and facts,
//! log records, and what an instance is made of (connectors, integration users, keys).
//!
//! Nothing here decides or stores anything. Rules make a [`ChangeSet`] from these values; a store commits it.

mod admin;
mod change;
mod fact;
mod id;
mod log;
mod record;

pub use admin::{
    AdminChange, Connector, DialectName, Instance, InstanceSettings, IntegrationUser, KeyRecord, KeyState,
    Privilege,
};
pub use change::{
    Actor, Change, ChangeSet, Committed, Content, EdgeEffect, EdgeOutcome, Effect, HeldReference,
    MemberChange, NewRecord,
};
pub use fact::{Fact, Question, Target};
pub use id::{ChangeSetId, ConnectorId, InstanceId, IntegrationUserId, KeyId, Position, ResourceId, Version};
pub use log::{Action, AttributeChange, LogRecord, LogResource, LogStatus};
pub use record::{Key, Record, Scope};
