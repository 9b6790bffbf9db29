//! Attribute mappings: which field of an account is filled from what of the person's SCIM resource, and which attribute
//! shows the field when the account is edited in the application.
//!
//! A [`Mapping`] is a list of [`Row`]s, as an administrator writes it; [`Mapping::compile`] checks all of it against the
//! schema and the fields and finds the paths; the [`CompiledMapping`] then turns resources into field values
//! ([`CompiledMapping::account_changes`]) and back ([`CompiledMapping::write_back`]).
//!
//! ```
//! use scim_core::{Registry, Resource};
//! use scim_directory::Fields;
//! use scim_mapping::mapping::{Env, Mapping, Occasion};
//!
//! let registry = Registry::builtin();
//! let user = registry.resource_type("User").expect("built in");
//! let mapping = Mapping::defaults().compile(user, Fields::new(&[]), 1).expect("sound");
//!
//! let mut person = Resource::default();
//! person.attributes_mut().insert("userName".into(), "mira".into());
//! person.attributes_mut().insert("title".into(), "Pilot".into());
//! let mut env = Env::at(time::OffsetDateTime::UNIX_EPOCH);
//! let values = mapping.account_changes(None, &person, Occasion::Creation, &mut env)?;
//! assert_eq!(values[0].value.as_deref(), Some("mira"));
//! assert_eq!(values[1].field, "ScimSyncJobTitle");
//!
//! mapping.write_back(&mut person, &[("ScimSyncJobTitle", Some("Captain"))]);
//! assert_eq!(person.text("title"), Some("Captain"));
//! # Ok::<(), scim_mapping::mapping::RowFailure>(())
//! ```
//!
//! Rules, where there was a choice:
//!
//! - A row acts on a write only where an attribute that it uses has another value than before. So an edit in the
//!   application, and a field of somebody else, outlive writes about something else.
//! - No value clears the field (on creation, the default takes its place); empty text is no value.
//! - A path with a condition means one value: that of the element that is `primary`, else the first. A path without a
//!   condition to an attribute with several values is a list; in a direct row, one of several values has to be primary.
//!
//! Deliberately absent: `State` and `ScimSyncId`, whose rows stand in the list to be seen, but which the rules of an
//! account's life set; and access roles, which follow from `roles` by a rule of their own.

mod accessor;
mod compile;
mod document;
mod error;
mod evaluate;
mod graph;
mod inverse;
mod row;
#[cfg(test)]
mod tests;

pub use compile::{CompiledMapping, CompiledRow, MAX_ROWS};
pub use document::{Imported, Mapping};
pub use error::{MappingError, Problem, RowFailure};
pub use evaluate::{Env, FieldValue, Occasion, REDACTED, Random, Tried, value_text};
pub use graph::{GraphImport, MAX_SCHEMA_BYTES, NotApplied, TakenAttribute};
pub use inverse::{Unwritten, UnwrittenReason};
pub use row::{Apply, Direction, Row, Source};
