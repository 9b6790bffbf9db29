//! The admin API: what the people who run Rollcall steer it with, over HTTP. No HTTP framework.
//!
//! [`Api::handle`] takes a [`Request`] and gives a response; `scim-actix` mounts it under `/admin/v1`. Every endpoint stands
//! once, in `resources`, with its path, its role, the types of its query, body and answer, and the function that does it:
//! router and OpenAPI document are made from that. What endpoints do is done by the use-cases of
//! [`scim_provider::admin::Admin`], of which the command line is another client.

mod api;
mod call;
mod caller;
mod endpoint;
mod etag;
mod idempotency;
mod input;
mod mistakes;
mod moment;
mod openapi;
mod page;
mod problem;
#[cfg(test)]
mod reference;
mod resources;
mod router;

pub use api::{Api, Request};
pub use endpoint::Endpoint;
pub use problem::refusal;
