//! One function per SCIM operation: authenticate, load, decide, commit, render. No HTTP framework.
//!
//! [`Provider::handle`] takes a [`Request`] and gives a [`Response`]; adapters such as `scim-actix` do the rest. Rules are
//! not made here but in `scim-core` (the standard) and `scim-lifecycle` (decisions); rows are not touched here but by a
//! [`scim_storage::Store`]. What is here is the order of the steps, the retry when two requests meet, and the answers.

mod access;
pub mod admin;
mod bulk;
mod counters;
mod cursor;
mod deciding;
mod discovery;
mod etag;
mod failure;
mod handle;
mod http;
mod limits;
mod oauth;
mod password;
mod peppers;
mod policies;
mod provider;
mod refused;
mod resource;
mod route;
mod source;
mod turns;
mod view;

pub use access::{ROUTES, RouteAccess};
pub use counters::{
    ConnectorCounts, Count, Counts, ENDING_DAYS, EndingKey, Housekeeping, HousekeepingCounts, Job, JobCounts,
    MAX_CONNECTORS, MAX_ENDING_KEYS, MAX_HELD, MAX_HOLDING_INSTANCES, MailOutcome, OTHERS,
};
pub use failure::Failure;
pub use http::{HeaderSource, Method, Request, Response};
pub use limits::Limits;
pub use oauth::{JwksFetcher, OauthRequest};
pub use peppers::PepperMismatch;
pub use provider::{Provider, StartError};
/// What keys are hashed with; [`Provider::start`] wants them.
pub use scim_api_keys::{Pepper, PepperError, Peppers};
pub use source::Source;
