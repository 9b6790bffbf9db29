//! Who asks ([`Scope`]), for what ([`Key`]), and what is kept ([`Record`]).

use std::sync::Arc;

use bytes::Bytes;
use scim_core::instant::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Account, ConnectorId, InstanceId, ResourceId, Version};

/// Whose data a call is about. Nothing is read or written without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Scope {
    /// The instance; rows of any other do not exist for the call.
    pub instance: InstanceId,
    /// The connector, whose `externalId`s are seen; `None` for calls on behalf of the application's own administration.
    pub connector: Option<ConnectorId>,
}

impl Scope {
    /// The server itself, which has a log and admin keys as an instance has, and nothing else. Its id is the nil UUID, which
    /// no instance ever has.
    pub const SERVER: Self = Self { instance: InstanceId::new(uuid::Uuid::nil()), connector: None };
}

/// A resource's key within an instance.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Key {
    /// The resource type's name, such as `User`.
    pub resource_type: Arc<str>,
    /// The `id`.
    pub id: ResourceId,
}

/// A resource as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Type and id.
    pub key: Key,
    /// The record's own version. A member change of a group counts as a change of the group.
    pub version: Version,
    /// Grows whenever this resource joins or leaves a group, or such a group is deleted; not when one is renamed, which
    /// would touch every member. Part of the ETag, not of `If-Match`. Zero means that it never was a member.
    pub membership: i64,
    /// `meta.created`.
    pub created: Timestamp,
    /// `meta.lastModified`.
    pub modified: Timestamp,
    /// The asking connector's `externalId` for this resource.
    pub external_id: Option<String>,
    /// What stands for the resource where another refers to it: `displayName`, else `userName`.
    pub display: Option<String>,
    /// The `manager.value` of a person, as sent.
    pub manager: Option<String>,
    /// The connector that manages it; `None` for what no connector has picked up or created.
    pub managed_by: Option<ConnectorId>,
    /// The account whose id the person's direct manager has: the managed one that [`Content::reports_to`] means.
    ///
    /// [`Content::reports_to`]: crate::Content::reports_to
    pub direct_manager: Option<ResourceId>,
    /// A person's account; `None` for what is no person, and where the query did not want it.
    pub account: Option<Box<Account>>,
    /// The bytes of a `scim_core::resource::Document`; empty where the query did not want them.
    /// Records of one page may share the memory that these stand in.
    #[serde(with = "crate::bytes")]
    pub document: Bytes,
}
