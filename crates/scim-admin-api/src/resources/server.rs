//! Who asks, and what the server is.

use scim_directory::{Networks, Privilege};
use scim_mapping::{expression, mapping};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::instances::NoQuery;
use super::times::moment;
use crate::api::MAX_BODY_BYTES;
use crate::call::Call;
use crate::endpoint::{Endpoint, Handled, Reply, Spec};
use crate::moment::Moment;
use crate::page::{DEFAULT_LIMIT, MAX_LIMIT};

const TAG: &str = "server";

/// The key that asks.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WhoAmI {
    /// The key's id.
    id: Uuid,
    /// What it may do.
    role: Privilege,
    /// The one instance that it opens; `null` for the whole server.
    instance: Option<InstanceName>,
    /// Whose it is, or what for.
    label: String,
    /// When it was issued.
    created_at: Moment,
    /// When it ends; `null` for never.
    expires_at: Option<Moment>,
    /// From where it may be used, as CIDRs; from anywhere where it is empty.
    #[schema(value_type = Vec<String>)]
    networks: Networks,
}

/// An instance by its id and name.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InstanceName {
    /// The id.
    id: Uuid,
    /// The name.
    name: String,
}

/// What the server is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ServerShown {
    /// The version.
    version: &'static str,
    /// How it was built.
    build: Build,
    /// Since when it answers.
    started_at: Moment,
    /// For how long it has answered, in seconds.
    uptime_seconds: i64,
    /// The schemas that it has.
    schemas: Vec<SchemaName>,
    /// The resource types that it serves.
    resource_types: Vec<ResourceTypeName>,
    /// What it takes at most.
    limits: Limits,
}

/// How a server was built.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Build {
    /// `release`, or `debug`, which is slow.
    profile: &'static str,
    /// The operating system.
    os: &'static str,
    /// The architecture.
    arch: &'static str,
}

/// A SCIM schema.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SchemaName {
    /// The URN.
    id: String,
    /// The name.
    name: String,
}

/// A SCIM resource type.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ResourceTypeName {
    /// The name.
    name: String,
    /// The path of its endpoint, below a connector's SCIM URL.
    endpoint: String,
    /// The URN of its schema.
    schema: String,
}

/// What the server takes at most.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Limits {
    /// Bytes of a body that is not streamed.
    body_bytes: usize,
    /// Items of a page.
    page_items: usize,
    /// Items of a page where nothing else is asked for.
    default_page_items: usize,
    /// Rows of a mapping.
    mapping_rows: usize,
    /// Characters of an expression.
    expression_characters: usize,
    /// How deep functions of an expression may be nested.
    expression_depth: usize,
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    let who = Spec::get("/whoami", "showWhoAmI", TAG, "The key that asks");
    let server = Spec::get("/server", "showServer", TAG, "What the server is: version, schemas, limits");
    vec![Endpoint::new(who, show_who).for_every_key(), Endpoint::new(server, show_server).for_every_key()]
}

fn show_who<'c>(call: &'c Call<'c>, _: NoQuery, (): ()) -> Handled<'c, WhoAmI> {
    Box::pin(async move {
        let key = &call.caller;
        let instance = match key.instance {
            Some(id) => {
                let name = call.admin.instance_of(id).await?.name;
                Some(InstanceName { id: id.uuid(), name })
            }
            None => None,
        };
        Ok(Reply::json(WhoAmI {
            id: key.id.uuid(),
            role: key.role,
            instance,
            label: key.label.clone(),
            created_at: key.created.into(),
            expires_at: moment(key.expires),
            networks: key.networks.clone(),
        }))
    })
}

fn show_server<'c>(call: &'c Call<'c>, _: NoQuery, (): ()) -> Handled<'c, ServerShown> {
    Box::pin(async move {
        let (registry, started) = (call.admin.registry(), call.api.started);
        let schemas = registry.schemas().iter();
        let types = registry.resource_types().iter();
        Ok(Reply::json(ServerShown {
            version: env!("CARGO_PKG_VERSION"),
            build: Build {
                profile: if cfg!(debug_assertions) { "debug" } else { "release" },
                os: std::env::consts::OS,
                arch: std::env::consts::ARCH,
            },
            started_at: started.into(),
            uptime_seconds: call.now().unix_millis().saturating_sub(started.unix_millis()).max(0) / 1000,
            schemas: schemas
                .map(|schema| SchemaName { id: schema.id.to_string(), name: schema.name.to_string() })
                .collect(),
            resource_types: types
                .map(|known| ResourceTypeName {
                    name: known.name.to_string(),
                    endpoint: known.endpoint.to_string(),
                    schema: known.schema.id.to_string(),
                })
                .collect(),
            limits: Limits {
                body_bytes: MAX_BODY_BYTES,
                page_items: MAX_LIMIT,
                default_page_items: DEFAULT_LIMIT,
                mapping_rows: mapping::MAX_ROWS,
                expression_characters: expression::MAX_CHARACTERS,
                expression_depth: expression::MAX_DEPTH,
            },
        }))
    })
}
