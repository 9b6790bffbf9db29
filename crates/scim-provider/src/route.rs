//! Which operation a path and method ask for (RFC 7644 §3.2 table 2).

use std::borrow::Cow;
use std::sync::Arc;

use scim_core::schema::{Registry, ResourceType};

use crate::Provider;
use crate::http::Method;

/// What a path names.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Route {
    /// The base itself: a query over every resource type (RFC 7644 §3.4.2.1).
    Root,
    /// `/.search`
    RootSearch,
    /// `/Users`
    Collection(Arc<ResourceType>),
    /// `/Users/.search`
    Search(Arc<ResourceType>),
    /// `/Users/{id}`
    Item(Arc<ResourceType>, String),
    /// `/Bulk`
    Bulk,
    /// `/Me` and what is below it.
    Me,
    /// `/ServiceProviderConfig`
    ServiceProviderConfig,
    /// `/ResourceTypes`
    ResourceTypes,
    /// `/ResourceTypes/{name}`
    ResourceTypeNamed(String),
    /// `/Schemas`
    Schemas,
    /// `/Schemas/{urn}`
    SchemaNamed(String),
}

impl Route {
    /// The route of `path` (what follows the base); `None` is 404. Doubled and trailing slashes do not count, because
    /// clients whose base URL ends with one send them.
    pub(crate) fn parse(registry: &Registry, path: &str) -> Option<Self> {
        // No endpoint but `/Me` has more than two segments.
        let (mut segments, mut count) = ([Cow::default(), Cow::default()], 0);
        for segment in path.split('/').filter(|segment| !segment.is_empty()) {
            let segment = decode_segment(segment)?;
            if let Some(place) = segments.get_mut(count) {
                *place = segment;
            }
            count += 1;
        }
        let [first, second] = segments;
        let below = match count {
            0 => return Some(Self::Root),
            1 => None,
            2 => Some(second),
            _ if first == "Me" => return Some(Self::Me),
            _ => return None,
        };
        Some(match (&*first, below) {
            (".search", None) => Self::RootSearch,
            ("Bulk", None) => Self::Bulk,
            ("Me", _) => Self::Me,
            ("ServiceProviderConfig" | "ServiceProviderConfigs", None) => Self::ServiceProviderConfig,
            ("ResourceTypes", None) => Self::ResourceTypes,
            ("ResourceTypes", Some(name)) => Self::ResourceTypeNamed(name.into_owned()),
            ("Schemas", None) => Self::Schemas,
            ("Schemas", Some(urn)) => Self::SchemaNamed(urn.into_owned()),
            (endpoint, None) => Self::Collection(Arc::clone(registry.resource_type_at(endpoint)?)),
            (endpoint, Some(below)) => {
                let resource_type = Arc::clone(registry.resource_type_at(endpoint)?);
                match below == ".search" {
                    true => Self::Search(resource_type),
                    false => Self::Item(resource_type, below.into_owned()),
                }
            }
        })
    }

    /// The methods that the route has, for `Allow` (RFC 9110 §10.2.1).
    pub(crate) const fn methods(&self) -> &'static [Method] {
        match self {
            Self::Root
            | Self::ServiceProviderConfig
            | Self::ResourceTypes
            | Self::ResourceTypeNamed(_)
            | Self::Schemas
            | Self::SchemaNamed(_) => &[Method::Get, Method::Head, Method::Options],
            Self::RootSearch | Self::Search(_) | Self::Bulk => &[Method::Post, Method::Options],
            Self::Collection(_) => &[Method::Get, Method::Head, Method::Post, Method::Options],
            Self::Item(..) => {
                &[Method::Get, Method::Head, Method::Put, Method::Patch, Method::Delete, Method::Options]
            }
            Self::Me => &[
                Method::Get,
                Method::Head,
                Method::Post,
                Method::Put,
                Method::Patch,
                Method::Delete,
                Method::Options,
            ],
        }
    }

    /// The value of `Allow`.
    pub(crate) fn allow(&self) -> String {
        self.methods().iter().map(|method| method.name()).collect::<Vec<_>>().join(", ")
    }
}

fn decode_segment(segment: &str) -> Option<Cow<'_, str>> {
    if !segment.contains('%') {
        return Some(segment.into());
    }
    percent_encoding::percent_decode_str(segment).decode_utf8().ok()
}

impl Provider {
    /// Whether the server has an endpoint of that name right below the base, in some instance: `Users`, `Bulk`. For adapters
    /// that count requests, lest names which clients make up are kept; so a name that is written with escapes is none.
    #[must_use]
    pub fn has_endpoint(&self, name: &str) -> bool {
        // The instances' schemas differ in nothing that a path shows.
        !name.contains(['%', '/']) && Route::parse(self.policies.registry(true), name).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, expected: Option<&str>) {
        let registry = Registry::builtin();
        let route = Route::parse(&registry, path).map(|route| match route {
            Route::Collection(of) => format!("list {}", of.name),
            Route::Search(of) => format!("search {}", of.name),
            Route::Item(of, id) => format!("{} {id}", of.name),
            Route::SchemaNamed(urn) => format!("schema {urn}"),
            other => format!("{other:?}"),
        });
        assert_eq!(route.as_deref(), expected, "{path}");
    }

    #[test]
    fn paths_are_read_as_clients_write_them() {
        check("", Some("Root"));
        check("/Users", Some("list User"));
        check("//Users/", Some("list User"));
        check("/Users/abc", Some("User abc"));
        check("/Users/a%20b", Some("User a b"));
        check("/Users/.search", Some("search User"));
        check("/.search", Some("RootSearch"));
        check(
            "/Schemas/urn:ietf:params:scim:schemas:core:2.0:User",
            Some("schema urn:ietf:params:scim:schemas:core:2.0:User"),
        );
        check("/Schemas/urn%3Ax", Some("schema urn:x"));
        check("/users", None);
        check("/NoSuchType", None);
        check("/Users/a/b", None);
        check("/Users/%ff", None);
    }
}
