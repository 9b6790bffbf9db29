//! Keys to the administration of a server or of one instance, as they are kept: without their secrets.

use std::net::IpAddr;

use scim_core::instant::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{AdminKeyId, InstanceId, Networks, Privilege, Scope};

/// What is kept of an admin key's secret: its keyed hash, and which pepper it was made with (`scim-api-keys`).
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptAdminMac {
    /// The pepper's id.
    pub pepper: [u8; 16],
    /// The keyed hash, bound to reach and key id.
    pub mac: [u8; 32],
}

/// Shows nothing that could be attacked.
impl std::fmt::Debug for KeptAdminMac {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeptAdminMac(..)")
    }
}

/// An admin key as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdminKeyRecord {
    /// The id, which stands in the key in clear.
    pub id: AdminKeyId,
    /// The one instance that it opens; `None` for the whole server.
    pub instance: Option<InstanceId>,
    /// What it may do there.
    pub role: Privilege,
    /// Whose it is, or what for.
    pub label: String,
    /// What is kept of the secret.
    pub secret: KeptAdminMac,
    /// The last four characters, by which people tell keys apart.
    pub ending: String,
    /// When it was issued.
    pub created: Timestamp,
    /// When it ends; `None` for never.
    pub expires: Option<Timestamp>,
    /// From where it may be used.
    pub networks: Networks,
    /// The admin key that it was issued with; `None` where the command line issued it.
    pub issued_by: Option<AdminKeyId>,
    /// When it was used last; up to a minute behind.
    pub last_used: Option<Timestamp>,
    /// From where it was used last.
    pub last_address: Option<IpAddr>,
    /// When it was revoked.
    pub revoked: Option<Timestamp>,
}

impl AdminKeyRecord {
    /// Where it is kept, and where changes of it are logged: its instance, or the server.
    #[must_use]
    pub const fn scope(&self) -> Scope {
        match self.instance {
            Some(instance) => Scope { instance, connector: None },
            None => Scope::SERVER,
        }
    }

    /// Whether it opens anything at `now`.
    #[must_use]
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        self.revoked.is_none() && self.expires.is_none_or(|expires| expires > now)
    }

    /// Whether it opens that instance.
    #[must_use]
    pub fn reaches(&self, instance: InstanceId) -> bool {
        self.instance.is_none_or(|own| own == instance)
    }
}

/// That an admin key was used: kept now and then, not with every request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdminKeyTouch {
    /// The key.
    pub key: AdminKeyId,
    /// When.
    pub at: Timestamp,
    /// From where.
    pub address: Option<IpAddr>,
}

/// A change of admin keys of the scope: of its instance, or of the server ([`Scope::SERVER`]). Those of another scope, or
/// that are not there, are a `Conflict`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AdminKeyChange {
    /// Keeps a new one; `Duplicate` where the id is taken, `Conflict` where it is of another scope.
    Issue(Box<AdminKeyRecord>),
    /// Revokes one at the change set's time, unless it is revoked already.
    Revoke(AdminKeyId),
    /// Keeps when and from where keys were used last; what is older than what is known, and keys that are not there, count
    /// for nothing.
    Touch(Vec<AdminKeyTouch>),
    /// Keeps the hash that another pepper makes of a key.
    Rehash(AdminKeyId, KeptAdminMac),
}
