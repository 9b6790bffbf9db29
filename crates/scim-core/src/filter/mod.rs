//! Filters (RFC 7644 §3.4.2.2 with its errata): text, to a syntax tree, to a tree typed by the schema, to an answer.
//!
//! The evaluator here is the law: whatever else answers a [`TypedFilter`] (SQL, an index) has to select the same
//! resources. Its rules, where the RFC leaves room:
//!
//! - A path reaches a set of values: every element of a multi-valued attribute, the sub-attribute of every element. A
//!   comparison is true when *any* of them satisfies it. A value path (`emails[type eq "work" and value co "x"]`) is
//!   true when *one and the same* element satisfies all of it.
//! - `ne` is true of an attribute without value; with several values it is true when any differs. `eq null` is true of
//!   an attribute without value, `ne null` of one with a value.
//! - A complex attribute that is compared itself means its `value` (RFC 7643 §2.4).
//! - Text compares by the key of its attribute's [`Matching`](crate::text::Matching); order is that of the keys' bytes.
//!   Dates compare as instants, binary values as bytes, numbers exactly, across integer and decimal.
//! - An attribute that is never returned may not be filtered on.
//! - In a query over several types, a comparison or `pr` on an attribute that a type does not have is false.
//!
//! Beyond figure 1, `emails[type eq "work"].value eq "x"` is read as `emails[type eq "work" and value eq "x"]`, which is
//! what the clients that send it mean. Deliberately absent: brackets inside brackets, operators of our own, and regular
//! expressions.
//!
//! ```
//! use scim_core::filter::{Filter, FilterLimits};
//! use scim_core::{Dialect, Registry, Resource};
//!
//! let registry = Registry::builtin();
//! let user = registry.resource_type("User").expect("built in");
//! let filter = Filter::parse(r#"userName sw "MIRA" and not (title pr)"#, &FilterLimits::default())?;
//! let (filter, _notes) = filter.resolve(user, Dialect::LENIENT)?;
//!
//! let mut person = Resource::default();
//! person.attributes_mut().insert("userName".into(), "mira@contoso.example".into());
//! assert!(filter.matches(&person));
//! # Ok::<(), scim_core::filter::FilterError>(())
//! ```

mod error;
mod evaluate;
mod lexer;
mod parser;
#[cfg(test)]
mod properties;
mod resolve;
mod syntax;
mod typed;

pub use error::{FilterError, FilterErrorKind};
pub(crate) use parser::{ParsedPath, parse_path};
pub use resolve::Among;
pub(crate) use resolve::resolve_condition;
pub use syntax::{Filter, FilterLimits, Literal, PathText};
pub use typed::{CompareOp, Comparison, Operand, TypedFilter};
