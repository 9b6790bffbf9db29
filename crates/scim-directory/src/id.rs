//! Ids: one type each, so that none can stand for another.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[cfg_attr(feature = "openapi", schema(value_type = Uuid))]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps a UUID.
            #[must_use]
            pub const fn new(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID.
            #[must_use]
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        /// Hyphenated lower case.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        /// Reads the hyphenated form only, in any letter case.
        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse::<uuid::fmt::Hyphenated>().map(|id| Self(id.into_uuid()))
            }
        }
    };
}

uuid_id! {
    /// An instance: one tenant of the application.
    InstanceId
}
uuid_id! {
    /// A connector: one identity provider's connection to an instance.
    ConnectorId
}
uuid_id! {
    /// A key to the administration of a server or of one instance.
    AdminKeyId
}
uuid_id! {
    /// The user of the application on whose behalf a connector's keys act.
    IntegrationUserId
}
uuid_id! {
    /// An API key, without its secret.
    KeyId
}
uuid_id! {
    /// A SCIM resource: its `id`. A UUIDv7, so that ids order by time of creation.
    ResourceId
}
uuid_id! {
    /// A suspension or deletion that the guard held back.
    HeldChangeId
}
uuid_id! {
    /// A change set; unique in the journal, so that a repeated commit is known.
    ChangeSetId
}
uuid_id! {
    /// One process of a server, from its start to its end.
    NodeId
}

/// A record's version: 1 at creation, one more with each change of the record itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Version(pub i64);

/// A place in the journal; positions follow commit order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position(pub i64);
