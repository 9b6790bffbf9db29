//! A connector's settings as the API shows them: everything, also what is as it is by default.

use scim_directory::{
    AccessRole, Guard, Networks, Operations, PickUp, Profile, Rate, Retirement, TrustedIssuer, WaysIn,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A connector's settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ConnectorSettings {
    /// What the settings began with, and which values of a person are required.
    profile: Profile,
    /// When existing accounts and groups are picked up.
    pick_up: PickUp,
    /// The guard against mass suspension and deletion; `null` for none.
    guard: Option<Guard>,
    /// The highest access role that the connector can give.
    role_ceiling: AccessRole,
    /// From where its clients come, as CIDRs; from anywhere where it is empty.
    #[schema(value_type = Vec<String>)]
    networks: Networks,
    /// What it may do with people.
    people: Operations,
    /// What it may do with groups.
    groups: Operations,
    /// How many requests all its keys may send together; `null` for any rate. Stay above 25 a second: an identity provider that
    /// is slowed down puts the connector into quarantine.
    rate: Option<Rate>,
    /// How clients may prove who they are, besides a key as bearer token.
    ways_in: OtherWaysIn,
    /// When a key ends that another one has taken the place of.
    retirement: Retirement,
    /// How many seconds a key still works after another one has taken its place.
    overlap_seconds: u32,
    /// How many days before a key's end its owner is reminded.
    reminder_days: Vec<u32>,
    /// How many days whom it deleted can be brought back; `null` for as long as the instance keeps its records.
    retention_days: Option<u32>,
}

/// How clients may prove who they are, besides a key as bearer token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = WaysIn)]
pub(crate) struct OtherWaysIn {
    /// HTTP Basic (RFC 7617): the id of a key or its integration user's name, and the key.
    basic: bool,
    /// Short access tokens for a key's id and the key (RFC 6749 §4.4).
    oauth: bool,
    /// Tokens of an issuer that is trusted; `null` for none.
    #[schema(value_type = Option<TrustedIssuer>)]
    issuer: Option<TrustedIssuer>,
}

impl Default for ConnectorSettings {
    fn default() -> Self {
        scim_directory::ConnectorSettings::default().into()
    }
}

impl From<scim_directory::ConnectorSettings> for ConnectorSettings {
    fn from(settings: scim_directory::ConnectorSettings) -> Self {
        let scim_directory::ConnectorSettings {
            profile,
            pick_up,
            guard,
            role_ceiling,
            networks,
            people,
            groups,
            rate,
            ways_in: WaysIn { basic, oauth, issuer },
            retirement,
            overlap_seconds,
            reminder_days,
            retention_days,
        } = settings;
        let ways_in = OtherWaysIn { basic, oauth, issuer };
        Self {
            profile,
            pick_up,
            guard,
            role_ceiling,
            networks,
            people,
            groups,
            rate,
            ways_in,
            retirement,
            overlap_seconds,
            reminder_days,
            retention_days,
        }
    }
}

impl From<ConnectorSettings> for scim_directory::ConnectorSettings {
    fn from(settings: ConnectorSettings) -> Self {
        let ConnectorSettings {
            profile,
            pick_up,
            guard,
            role_ceiling,
            networks,
            people,
            groups,
            rate,
            ways_in: OtherWaysIn { basic, oauth, issuer },
            retirement,
            overlap_seconds,
            reminder_days,
            retention_days,
        } = settings;
        let ways_in = WaysIn { basic, oauth, issuer };
        Self {
            profile,
            pick_up,
            guard,
            role_ceiling,
            networks,
            people,
            groups,
            rate,
            ways_in,
            retirement,
            overlap_seconds,
            reminder_days,
            retention_days,
        }
    }
}
