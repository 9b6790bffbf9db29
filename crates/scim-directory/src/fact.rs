//! Questions that a decision asks of the store, and the facts it gets, in one round trip; and the conditions under which a
//! decision holds.

use std::sync::Arc;

use scim_core::instant::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    AdminKeyId, ConnectorId, HeldChange, IntegrationUserId, Key, KeyId, ObjectLink, Record, Removal,
    ResourceId, Tombstone,
};

/// What a decision needs to know.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Question {
    /// What a reference that a client sent means: a resource's `id`, else this connector's `externalId`, else a user
    /// name. Answered by [`Fact::Target`].
    Target(String),
    /// How the resource of that id is displayed; answered by [`Fact::Display`].
    Display(ResourceId),
    /// How many resources of a type the instance has; answered by [`Fact::Count`].
    Count(Arc<str>, Tally),
    /// How many members a group has, counted up to `most`: that many have it or more. None has a group that is not there. Answered by
    /// [`Fact::Count`].
    Members {
        /// The group.
        group: ResourceId,
        /// Where counting ends.
        most: usize,
    },
    /// The resources of that type whose index entry of that path has that key, documents and accounts included, at most
    /// two, unmanaged ones first, then the oldest; answered by [`Fact::Records`].
    Named {
        /// The type.
        resource_type: Arc<str>,
        /// The index entry's path: `userName`, `displayName`.
        path: &'static str,
        /// Its key ([`scim_core::text::Matching::key`]).
        key: String,
    },
    /// The resource of that type that had this `externalId` at the scope's connector and was deleted last, not before
    /// that moment; answered by [`Fact::Deleted`].
    DeletedLink {
        /// The type.
        resource_type: Arc<str>,
        /// The `externalId`.
        external_id: String,
        /// The earliest deletion.
        since: Timestamp,
    },
    /// The person with that user name key who was deleted last; answered by [`Fact::Deleted`].
    DeletedName(String),
    /// The resource of that id, where it was deleted; answered by [`Fact::Deleted`].
    DeletedId(ResourceId),
    /// How many people this connector has suspended and deleted since then, by the log; answered by [`Fact::Removals`].
    Removals {
        /// The connector.
        connector: ConnectorId,
        /// Since when.
        since: Timestamp,
    },
    /// Whether that removal of a person is on the list of held ones; answered by [`Fact::Held`].
    Held(ResourceId, Removal),
    /// Whether another instance has claimed that user name key within a realm ([`crate::ChangeSet::realm`]); never which.
    /// Answered by [`Fact::Claimed`].
    Claimed {
        /// The realm.
        realm: &'static str,
        /// The user name's key.
        key: String,
    },
    /// The object of that kind and name, in any letter case; answered by [`Fact::Object`].
    Object {
        /// The kind.
        kind: String,
        /// The name.
        name: String,
    },
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tally {
    /// Every resource of the type.
    All,
    /// Those whose account is active.
    Active,
    /// Those that a connector manages.
    Managed,
}

/// What a store knows.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// Answer to [`Question::Target`].
    Target(Target),
    /// Answer to [`Question::Display`]: `None` where there is no such resource; the inner one where it has no name.
    Display(Option<(Key, Option<String>)>),
    /// Answer to [`Question::Count`] and [`Question::Members`].
    Count(u64),
    /// Answer to [`Question::Removals`].
    Removals {
        /// How many suspensions.
        suspended: u64,
        /// How many deletions.
        deleted: u64,
    },
    /// Answer to [`Question::Named`].
    Records(Vec<Record>),
    /// Answer to [`Question::DeletedLink`], [`Question::DeletedName`] and [`Question::DeletedId`].
    Deleted(Option<Box<Tombstone>>),
    /// Answer to [`Question::Held`].
    Held(Option<Box<HeldChange>>),
    /// Answer to [`Question::Claimed`].
    Claimed(bool),
    /// Answer to [`Question::Object`].
    Object(Option<ObjectLink>),
}

/// What a decision was made on, besides the versions of records. A store checks it in the commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Condition {
    /// The instance is of that generation ([`crate::Instance::generation`]); else `Conflict`.
    Generation(i64),
    /// The key is there, not revoked, and its generation is that one; else `Conflict`. So nothing is committed after the
    /// key that it was asked with was revoked.
    Key(KeyId, i64),
    /// The admin key is there, of the scope's instance or of the server, not revoked, and not past its expiry at the change
    /// set's time; else `Conflict`. So nothing is committed after the key that it was asked with was revoked.
    AdminKey(AdminKeyId),
    /// Before this change set, the integration user has fewer keys than that at the connector which are live
    /// ([`crate::KeyRecord::is_live`]) at the change set's time; else `Conflict`.
    LiveKeys {
        /// The connector.
        connector: ConnectorId,
        /// The integration user.
        user: IntegrationUserId,
        /// The first number that is too many.
        below: usize,
    },
    /// No resource of that type that had this `externalId` at the scope's connector was deleted at or after that moment,
    /// but for those that the change set revives; else `Conflict`.
    NotDeleted {
        /// The type.
        resource_type: Arc<str>,
        /// The `externalId`.
        external_id: String,
        /// Since when.
        since: Timestamp,
    },
    /// Before this change set, the scope's connector has suspended and deleted fewer people than that since then, by the
    /// log; else `Conflict`.
    Removals {
        /// Since when.
        since: Timestamp,
        /// The first number that is too many.
        below: u64,
    },
    /// After this change set, at most so many accounts of that type are active; else the commit is refused for want of a seat.
    Seats {
        /// The type.
        resource_type: Arc<str>,
        /// The seats.
        at_most: u64,
    },
}

/// What a reference means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A resource that is there.
    Live(Key),
    /// The id of one that was deleted.
    Deleted {
        /// When.
        at: Timestamp,
    },
    /// Nothing that the instance has or had.
    Unknown,
}
