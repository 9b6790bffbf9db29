//! What a client may do and from where: scopes of keys, operations of connectors, networks, rates, and the ways in.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::IntegrationUserId;

/// One thing that a key opens. Discovery (`/Schemas`, `/ResourceTypes`, `/ServiceProviderConfig`) is open to every key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum AccessScope {
    /// Read people.
    UsersRead = 1,
    /// Create, change, suspend and delete people.
    UsersWrite = 1 << 1,
    /// Read groups and who is in them.
    GroupsRead = 1 << 2,
    /// Create, change and delete groups, their members included.
    GroupsWrite = 1 << 3,
    /// Read resources of custom types.
    ResourcesRead = 1 << 4,
    /// Create, change and delete resources of custom types.
    ResourcesWrite = 1 << 5,
    /// Send bulk requests; each of their operations needs its own scope besides.
    Bulk = 1 << 6,
}

impl AccessScope {
    /// Every scope.
    pub const ALL: [Self; 7] = [
        Self::UsersRead,
        Self::UsersWrite,
        Self::GroupsRead,
        Self::GroupsWrite,
        Self::ResourcesRead,
        Self::ResourcesWrite,
        Self::Bulk,
    ];

    /// The name, as `key issue --scope` and OAuth's `scope` have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::UsersRead => "users:read",
            Self::UsersWrite => "users:write",
            Self::GroupsRead => "groups:read",
            Self::GroupsWrite => "groups:write",
            Self::ResourcesRead => "resources:read",
            Self::ResourcesWrite => "resources:write",
            Self::Bulk => "bulk",
        }
    }

    /// The scope of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }
}

/// A set of scopes. Default: all of them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct AccessScopes(u8);

impl AccessScopes {
    /// Every scope.
    pub const ALL: Self = Self(0x7f);
    /// No scope but discovery.
    pub const NONE: Self = Self(0);

    /// Whether the scope is in the set.
    #[must_use]
    pub const fn has(self, scope: AccessScope) -> bool {
        self.0 & scope as u8 != 0
    }

    /// The set with that scope.
    #[must_use]
    pub const fn with(self, scope: AccessScope) -> Self {
        Self(self.0 | scope as u8)
    }

    /// What is in both sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The scopes of the set, in their order.
    pub fn iter(self) -> impl Iterator<Item = AccessScope> {
        AccessScope::ALL.into_iter().filter(move |scope| self.has(*scope))
    }
}

impl Default for AccessScopes {
    fn default() -> Self {
        Self::ALL
    }
}

/// The names, with blanks between them, as OAuth writes them (RFC 6749 §3.3).
impl fmt::Display for AccessScopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.iter().map(AccessScope::name).collect();
        f.write_str(&names.join(" "))
    }
}

impl fmt::Debug for AccessScopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccessScopes({self})")
    }
}

/// A name that is no scope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is not a scope; there are {}", AccessScopes::ALL.to_string().replace(' ', ", "))]
pub struct UnknownScope {
    name: String,
}

/// What every key has: discovery.
const ALWAYS: &str = "schema:read";

/// Names with blanks or commas between them; `schema:read`, which every key has, may be among them.
impl FromStr for AccessScopes {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split([' ', ',']).filter(|name| !name.is_empty() && *name != ALWAYS).try_fold(
            Self::NONE,
            |scopes, name| {
                let scope = AccessScope::named(name).ok_or_else(|| UnknownScope { name: name.to_owned() })?;
                Ok(scopes.with(scope))
            },
        )
    }
}

impl TryFrom<Vec<String>> for AccessScopes {
    type Error = UnknownScope;

    fn try_from(names: Vec<String>) -> Result<Self, Self::Error> {
        names.join(" ").parse()
    }
}

impl From<AccessScopes> for Vec<String> {
    fn from(scopes: AccessScopes) -> Self {
        scopes.iter().map(|scope| scope.name().to_owned()).collect()
    }
}

/// Networks from which something may be used. Default: from anywhere.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
#[serde(transparent)]
pub struct Networks(Vec<IpNet>);

impl Networks {
    /// The most networks of one list.
    pub const MAX: usize = 1000;

    /// These networks; none of them means anywhere.
    #[must_use]
    pub const fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// Whether every address is let in.
    #[must_use]
    pub const fn is_everywhere(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether that address is let in; one that is not known only where every address is. An IPv4 address that is written
    /// as IPv6 (`::ffff:192.0.2.1`) counts as what it is.
    #[must_use]
    pub fn let_in(&self, address: Option<IpAddr>) -> bool {
        let Some(address) = address.map(|address| address.to_canonical()) else { return self.0.is_empty() };
        self.0.is_empty() || self.0.iter().any(|network| network.contains(&address))
    }

    /// The networks.
    #[must_use]
    pub fn list(&self) -> &[IpNet] {
        &self.0
    }
}

/// A limit of requests: so many a second in the long run, and so many at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Requests a second, at least 1.
    pub per_second: u32,
    /// Requests at once, at least 1.
    pub burst: u32,
}

/// What a connector may do with a kind of resource. Reading is always allowed. Default: everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Operations {
    /// POST.
    pub create: bool,
    /// PUT and PATCH, suspending and reactivating included.
    pub update: bool,
    /// DELETE.
    pub delete: bool,
}

impl Default for Operations {
    fn default() -> Self {
        Self { create: true, update: true, delete: true }
    }
}

/// How a client may prove who it is, besides a key as bearer token. Default: in no other way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct WaysIn {
    /// HTTP Basic (RFC 7617): the id of a key or its integration user's name, and the key.
    pub basic: bool,
    /// Short access tokens for a key's id and the key (RFC 6749 §4.4).
    pub oauth: bool,
    /// Tokens of an issuer that is trusted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<TrustedIssuer>,
}

/// An issuer whose tokens open a connector's door: an identity provider that signs its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct TrustedIssuer {
    /// `iss`, exactly.
    pub issuer: String,
    /// What `aud` must have, exactly.
    pub audience: String,
    /// `sub`, exactly.
    pub subject: String,
    /// Where the issuer's keys are (RFC 7517).
    pub jwks_uri: String,
    /// The integration user on whose behalf such a client acts.
    pub user: IntegrationUserId,
    /// What such a client may do.
    #[serde(default)]
    pub scopes: AccessScopes,
}

/// When a key that another one has taken the place of ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Retirement {
    /// After the overlap.
    #[default]
    Overlap,
    /// With the first successful write by the new key, at the latest after the overlap.
    FirstWrite,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_read_as_they_are_written() {
        for text in ["", "users:read", "users:read users:write groups:read bulk"] {
            assert_eq!(text.parse::<AccessScopes>().map(|scopes| scopes.to_string()), Ok(text.to_owned()));
        }
        assert_eq!("schema:read".parse::<AccessScopes>(), Ok(AccessScopes::NONE));
        assert_eq!("bulk,users:read".parse::<AccessScopes>().expect("scopes").to_string(), "users:read bulk");
        assert_eq!(
            AccessScope::ALL.into_iter().fold(AccessScopes::NONE, AccessScopes::with),
            AccessScopes::ALL
        );
        let error = "users:read admin".parse::<AccessScopes>().expect_err("no scope").to_string();
        assert!(error.contains("\"admin\"") && error.contains("groups:write"), "{error}");
        let json = serde_json::to_string(&AccessScopes::NONE.with(AccessScope::Bulk)).expect("JSON");
        assert_eq!(json, "[\"bulk\"]");
    }

    #[test]
    fn networks_let_in_what_is_in_them() {
        let check = |networks: &[&str], address: Option<&str>, expected: bool| {
            let networks =
                Networks::new(networks.iter().map(|text| text.parse().expect("a network")).collect());
            let parsed = address.map(|address| address.parse().expect("an address"));
            assert_eq!(networks.let_in(parsed), expected, "{networks:?} {address:?}");
        };
        check(&[], None, true);
        check(&[], Some("192.0.2.1"), true);
        check(&["192.0.2.0/24"], Some("192.0.2.255"), true);
        check(&["192.0.2.0/24"], Some("::ffff:192.0.2.7"), true);
        check(&["192.0.2.0/24"], Some("192.0.3.1"), false);
        check(&["192.0.2.0/24"], None, false);
        check(&["10.0.0.0/8", "2001:db8::/32"], Some("2001:db8::1"), true);
        check(&["0.0.0.0/0"], Some("2001:db8::1"), false);
    }
}
