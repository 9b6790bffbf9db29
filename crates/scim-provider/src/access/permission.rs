//! What a key opens: each route and method has its scopes, from one table; and what a connector may do with people and groups.

use scim_core::schema::{Registry, ResourceType};
use scim_directory::{AccessScope, Connector, Operations};

use super::{Caller, NotLetIn};
use crate::Method;
use crate::failure::Failure;
use crate::resource::Operation;
use crate::route::Route;

/// A route as it is documented and tested: method, path below the base, and the scopes that a key needs for it, all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteAccess {
    /// The method.
    pub method: &'static str,
    /// The path below the base; `{id}` stands for a resource's id, `{name}` for a schema's or resource type's.
    pub path: &'static str,
    /// The scopes; none where every key in force will do.
    pub scopes: &'static [AccessScope],
}

macro_rules! routes {
    ($($method:literal $path:literal [$($scope:ident),*];)*) => {
        &[$(RouteAccess { method: $method, path: $path, scopes: &[$(AccessScope::$scope),*] }),*]
    };
}

/// Every route of the built-in resource types. HEAD is as GET; OPTIONS needs a key and no scope. Resources of custom types
/// are at their own endpoints, as people are at theirs, with the scopes `resources:read` and `resources:write`; a query
/// over every type then needs `resources:read` too. Each operation of a bulk request needs the scopes of its own route.
pub const ROUTES: &[RouteAccess] = routes! {
    "GET" "/" [UsersRead, GroupsRead];
    "POST" "/.search" [UsersRead, GroupsRead];
    "GET" "/Users" [UsersRead];
    "POST" "/Users" [UsersWrite];
    "POST" "/Users/.search" [UsersRead];
    "GET" "/Users/{id}" [UsersRead];
    "PUT" "/Users/{id}" [UsersWrite];
    "PATCH" "/Users/{id}" [UsersWrite];
    "DELETE" "/Users/{id}" [UsersWrite];
    "GET" "/Groups" [GroupsRead];
    "POST" "/Groups" [GroupsWrite];
    "POST" "/Groups/.search" [GroupsRead];
    "GET" "/Groups/{id}" [GroupsRead];
    "PUT" "/Groups/{id}" [GroupsWrite];
    "PATCH" "/Groups/{id}" [GroupsWrite];
    "DELETE" "/Groups/{id}" [GroupsWrite];
    "POST" "/Bulk" [Bulk];
    "GET" "/Me" [];
    "POST" "/Me" [];
    "PUT" "/Me" [];
    "PATCH" "/Me" [];
    "DELETE" "/Me" [];
    "GET" "/ServiceProviderConfig" [];
    "GET" "/ResourceTypes" [];
    "GET" "/ResourceTypes/{name}" [];
    "GET" "/Schemas" [];
    "GET" "/Schemas/{name}" [];
};

/// What is done with a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Read,
    Create,
    Update,
    Delete,
}

/// The scope that a verb needs on resources of a type.
fn scope(resource_type: &ResourceType, verb: Verb) -> AccessScope {
    let reads = verb == Verb::Read;
    match (&*resource_type.endpoint, reads) {
        ("/Users", true) => AccessScope::UsersRead,
        ("/Users", false) => AccessScope::UsersWrite,
        ("/Groups", true) => AccessScope::GroupsRead,
        ("/Groups", false) => AccessScope::GroupsWrite,
        (_, true) => AccessScope::ResourcesRead,
        (_, false) => AccessScope::ResourcesWrite,
    }
}

/// The scopes that a request needs. There is no arm for "any other route", so that a new one does not build without its
/// scopes.
fn needed(registry: &Registry, route: &Route, method: Method) -> Vec<AccessScope> {
    if method == Method::Options {
        return Vec::new();
    }
    match route {
        Route::Root | Route::RootSearch => {
            registry.resource_types().iter().map(|of| scope(of, Verb::Read)).collect()
        }
        Route::Search(of) => vec![scope(of, Verb::Read)],
        Route::Collection(of) if method == Method::Post => vec![scope(of, Verb::Create)],
        Route::Collection(of) => vec![scope(of, Verb::Read)],
        Route::Item(of, _) => match method {
            Method::Put | Method::Patch => vec![scope(of, Verb::Update)],
            Method::Delete => vec![scope(of, Verb::Delete)],
            _ => vec![scope(of, Verb::Read)],
        },
        Route::Bulk => vec![AccessScope::Bulk],
        Route::Me
        | Route::ServiceProviderConfig
        | Route::ResourceTypes
        | Route::ResourceTypeNamed(_)
        | Route::Schemas
        | Route::SchemaNamed(_) => Vec::new(),
    }
}

impl Caller<'_> {
    /// Whether the caller's key opens a route.
    pub(crate) fn permit(&self, route: &Route, method: Method) -> Result<(), NotLetIn> {
        let missing = needed(self.registry, route, method).into_iter().find(|scope| !self.scopes.has(*scope));
        match missing {
            None => Ok(()),
            Some(scope) => Err(NotLetIn::under_scoped(scope).by_caller(self)),
        }
    }
}

impl Operation<'_> {
    /// Whether the caller may do that with resources of a type: its key has the scope, and its connector is allowed to.
    pub(crate) fn may(&self, resource_type: &ResourceType, verb: Verb) -> Result<(), Failure> {
        let allowed = self.allowed(resource_type, verb);
        if let Err(refused) = &allowed {
            self.provider.counters.refused(refused);
        }
        allowed
    }

    fn allowed(&self, resource_type: &ResourceType, verb: Verb) -> Result<(), Failure> {
        let scope = scope(resource_type, verb);
        if !self.caller.scopes.has(scope) {
            return Err(NotLetIn::under_scoped(scope).into_unlogged());
        }
        let connector = &self.caller.connector;
        let Some((what, allowed)) = operations(connector, resource_type) else { return Ok(()) };
        let (open, verb) = match verb {
            Verb::Read => (true, "read"),
            Verb::Create => (allowed.create, "create"),
            Verb::Update => (allowed.update, "update"),
            Verb::Delete => (allowed.delete, "delete"),
        };
        if open {
            return Ok(());
        }
        let detail =
            format!("The connector {} may not {verb} {what}; its administrator can allow it", connector.name);
        Err(Failure::status(403, detail).advice(
            "operation",
            format!(
                "Switch this off at the identity provider, or allow it: `rollcall connector set --instance INSTANCE {:?} --{what} \
                 LIST`, with {verb} in the list",
                connector.name
            ),
        ))
    }
}

/// What a connector may do with resources of a type, and what they are called; nothing is said about custom types.
fn operations(connector: &Connector, resource_type: &ResourceType) -> Option<(&'static str, Operations)> {
    match &*resource_type.endpoint {
        "/Users" => Some(("people", connector.settings.people)),
        "/Groups" => Some(("groups", connector.settings.groups)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_says_what_is_checked() {
        let registry = Registry::builtin();
        let mut seen = Vec::new();
        for row in ROUTES {
            let path = row.path.replace("{id}", "2819c223").replace("{name}", "User");
            let route = Route::parse(&registry, &path).expect("a route");
            let method = Method::named(row.method);
            assert!(route.methods().contains(&method), "{row:?}");
            assert_eq!(needed(&registry, &route, method), row.scopes, "{row:?}");
            seen.push((route, method));
        }
        // And nothing is missing: every method of every route that the table names at all.
        for (route, _) in &seen {
            for method in route.methods() {
                let implied = matches!(method, Method::Head | Method::Options);
                assert!(implied || seen.contains(&(route.clone(), *method)), "{route:?} {method:?}");
            }
        }
    }

    #[test]
    fn custom_types_have_scopes_of_their_own() {
        let registry = Registry::builtin();
        let mut badge = ResourceType::clone(registry.resource_type_at("Users").expect("people"));
        badge.endpoint = "/Badges".into();
        assert_eq!(scope(&badge, Verb::Read), AccessScope::ResourcesRead);
        assert_eq!(scope(&badge, Verb::Delete), AccessScope::ResourcesWrite);
    }
}
