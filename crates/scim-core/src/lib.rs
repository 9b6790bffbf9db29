//! RFC 7643 and RFC 7644 (SCIM 2.0) as a pure library: schemas, resources, filters, PATCH, projection, bulk, messages
//! and errors.
//!
//! The crate holds no runtime, no I/O, no clock and no source of randomness: times and ids are arguments. It compiles
//! for `wasm32-unknown-unknown`. A service that keeps its own tables can answer filters and PATCH with this crate alone;
//! see `docs/embedding.md`.
//!
//! The order of reading: [`schema`] describes what a resource may hold, [`path`] names an attribute of it, [`filter`]
//! asks about it, [`resource`] takes it in and gives it out, [`patch`] changes it, [`bulk`] orders many changes,
//! [`message`] holds the protocol's envelopes and [`error`] what goes wrong.

pub mod bulk;
pub mod dialect;
pub mod error;
pub mod filter;
pub mod instant;
pub mod message;
pub mod patch;
pub mod path;
pub mod resource;
pub mod schema;
pub mod text;
pub mod tree;

pub use dialect::{Dialect, Note, Tolerance};
pub use error::{ScimError, ScimType};
pub use path::AttributeRef;
pub use resource::Resource;
pub use schema::{Attribute, Registry, ResourceType, Schema};
