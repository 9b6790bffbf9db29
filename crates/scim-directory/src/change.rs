//! A [`ChangeSet`]: everything that one decision does, to be committed whole or not at all.
//!
//! It can be serialised, with everything in it, so that a backend can keep it as it is: in a file, a queue or a log of its own.
//! Unlike what `Debug` shows, that form holds what is kept of secrets (hashes of keys and passwords, sealed answers) and
//! personal data: it belongs where the database would be, and nowhere else.

use scim_core::instant::Timestamp;
use scim_core::resource::IndexEntry;
use serde::{Deserialize, Serialize};

use crate::{
    Account, AdminChange, AdminKeyId, ChangeSetId, Condition, ConnectorId, Event, HeldChange, HeldChangeId,
    IntegrationUserId, Key, KeyId, LogRecord, Position, ResourceId, Scope, Version,
};

/// Who makes a change: for the log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The connector, where the change came over SCIM.
    pub connector: Option<ConnectorId>,
    /// The key that the request carried.
    pub key: Option<KeyId>,
    /// The integration user on whose behalf the key acts.
    pub user: Option<IntegrationUserId>,
    /// The admin key, where the change came by the admin API.
    pub admin: Option<AdminKeyId>,
}

/// What a decision does, as a plain value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChangeSet {
    /// Unique; a store that has it already returns what it did then.
    pub id: ChangeSetId,
    /// Whose data it changes.
    pub scope: Scope,
    /// Who does it.
    pub actor: Actor,
    /// The request that asked for it.
    pub request_id: String,
    /// When it was decided; becomes `meta.lastModified`.
    pub at: Timestamp,
    /// Milliseconds from the request's arrival to the decision, for the log.
    pub elapsed_ms: u32,
    /// What else it was decided on. A store that finds one of them untrue commits nothing.
    pub conditions: Vec<Condition>,
    /// The realm within which the user names of people are claimed; the same name cannot be claimed by two instances.
    /// `None` where names are unique in the instance alone: then the people whom it changes give up what they had
    /// claimed.
    pub realm: Option<String>,
    /// The changes, in order.
    pub changes: Vec<Change>,
    /// What goes into the log in the same commit. Of a record's edge differences
    /// ([`crate::AttributeChange::Edges`]) the store keeps those that really happened, and drops a record whose only
    /// differences all vanish.
    pub log: Vec<LogRecord>,
    /// What goes into the outbox in the same commit.
    pub events: Vec<Event>,
}

impl Change {
    /// Whether the server itself can have such a change ([`Scope::SERVER`]): of admin keys, first answers, jobs and
    /// leases, and pruning. Any other one there is a `Conflict`.
    #[must_use]
    pub const fn is_of_server(&self) -> bool {
        matches!(
            self,
            Self::Admin(
                AdminChange::AdminKey(_)
                    | AdminChange::Answer(_)
                    | AdminChange::SaveJob(..)
                    | AdminChange::Lease(_)
                    | AdminChange::Prune { .. }
            )
        )
    }
}

impl ChangeSet {
    /// A change set that does nothing yet: no conditions, no realm, no changes, log or events.
    #[must_use]
    pub const fn empty(
        id: ChangeSetId,
        scope: Scope,
        actor: Actor,
        request_id: String,
        at: Timestamp,
    ) -> Self {
        Self {
            id,
            scope,
            actor,
            request_id,
            at,
            elapsed_ms: 0,
            conditions: Vec::new(),
            realm: None,
            changes: Vec::new(),
            log: Vec::new(),
            events: Vec::new(),
        }
    }
}

/// The content of a record: what a rule decides, in the forms that a store keeps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Content {
    /// The bytes of a `scim_core::resource::Document`.
    #[serde(with = "crate::bytes")]
    pub document: Vec<u8>,
    /// The folded shadow (`scim_core::resource::shadow`) on which filters and sorting run: JSON text.
    pub shadow: String,
    /// Unique keys and searched values. A store refuses a second unique entry of the same path and key in an instance
    /// and resource type.
    pub index: Vec<IndexEntry>,
    /// See [`crate::Record::display`].
    pub display: Option<String>,
    /// See [`crate::Record::manager`].
    pub manager: Option<String>,
    /// See [`crate::Record::managed_by`].
    pub managed_by: Option<ConnectorId>,
    /// A reference (an id, an `externalId` of the scope's connector, or a user name) to the person's direct manager.
    /// The store links it to the managed person whom it means ([`crate::Record::direct_manager`]), in this commit or in
    /// the one that brings that person; never to the person itself.
    pub reports_to: Option<String>,
    /// A person's account; `None` for what is no person.
    pub account: Option<Box<Account>>,
}

/// A record to be created.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NewRecord {
    /// Type and id.
    pub key: Key,
    /// What it holds.
    pub content: Content,
    /// The scope's connector's `externalId`.
    pub external_id: Option<String>,
    /// Whether it takes the place of the tombstone of its id: its version goes on from there and `meta.created` stays.
    /// `Conflict` where there is no such tombstone.
    pub revives: bool,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Change {
    /// Creates a record, with version 1 unless it revives one. Group references that were held for its id, its `externalId` at the same
    /// connector or its user name become edges in the same commit (see [`MemberChange::hold`]).
    Create(NewRecord),
    /// Replaces a record's content. Held references are linked as with [`Change::Create`].
    Update {
        /// Which.
        key: Key,
        /// The version that the decision was made on, before the change set; another one is a `Conflict`.
        expected: Version,
        /// What it holds from now on.
        content: Content,
        /// The scope's connector's `externalId` from now on.
        external_id: Option<String>,
    },
    /// Deletes a record, every edge from and to it, its unique keys and links. A [`crate::Tombstone`] keeps what it was, so
    /// that a later reference to it is known as one to a deleted resource, and a rehired person can have the account back.
    Delete {
        /// Which.
        key: Key,
        /// The version it must have (`If-Match`); `None` for any.
        expected: Option<Version>,
    },
    /// Adds and removes members of a group. Commutes with every other member change, so it carries no version unless
    /// the client asked for one.
    Members(MemberChange),
    /// Lists a suspension or deletion as held; nothing where the same one of that person is listed already.
    Hold(HeldChange),
    /// Takes a released change off the list, because this change set does it; `Conflict` where it is not released.
    Unhold(HeldChangeId),
    /// A change of instances, connectors, integration users, keys or server settings.
    Admin(AdminChange),
}

/// A change of a group's members. Whatever is there already is not added, whatever is not there is not removed; the
/// group's version and `lastModified` move only if an edge really changed, and so do the members' membership counters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MemberChange {
    /// The group's key.
    pub group: Key,
    /// The version that the group must have (`If-Match`, or a replacement worked out as a difference).
    pub expected: Option<Version>,
    /// Members to add. One that is not there any more at commit is [`EdgeOutcome::Gone`], not an error.
    pub add: Vec<Key>,
    /// Members to remove.
    pub remove: Vec<ResourceId>,
    /// References to nobody yet (an id, an `externalId` of this connector, or a user name), kept until that resource
    /// arrives. `Conflict` if it arrived meanwhile.
    pub hold: Vec<HeldReference>,
    /// Held references to forget.
    pub release: Vec<String>,
    /// Whether all held references of the group are forgotten first.
    pub release_all: bool,
}

/// A reference to nobody yet. It is shown as a member until it is linked, so that a client that checks what it wrote
/// finds it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HeldReference {
    /// The text that the client sent.
    pub reference: String,
    /// The `type` that the client sent with it.
    pub kind: Option<String>,
}

/// What a commit did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Committed {
    /// Position of the last log record that it wrote; 0 where it wrote none.
    pub position: Position,
    /// One for each change, in the same order.
    pub effects: Vec<Effect>,
}

/// What one change did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// The record's version afterwards; `None` for deletions and administrative changes.
    pub version: Option<Version>,
    /// The record's membership counter afterwards.
    pub membership: i64,
    /// The record's `lastModified` afterwards.
    pub modified: Timestamp,
    /// How many rows [`AdminChange::Prune`] and [`AdminChange::Erase`] changed; 0 for every other change.
    pub rows: u64,
    /// What became of each edge of a [`MemberChange`], and of each held reference that was linked.
    pub edges: Vec<EdgeEffect>,
}

/// What became of one edge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EdgeEffect {
    /// The group.
    pub group: ResourceId,
    /// The member.
    pub member: ResourceId,
    /// What happened.
    pub outcome: EdgeOutcome,
}

/// See [`EdgeEffect`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum EdgeOutcome {
    /// It is there now and was not before.
    Added,
    /// It was there and is no more.
    Removed,
    /// It was as wanted already.
    Unchanged,
    /// The member was deleted meanwhile; nothing was added.
    Gone,
}
