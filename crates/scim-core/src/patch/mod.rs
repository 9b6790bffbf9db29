//! PATCH (RFC 7644 §3.5.2): a request is normalised once into canonical operations, which then are applied to a copy of
//! the resource, all or none.
//!
//! [`PatchRequest::parse`] is the tolerant half: letter case, values of operations without `path` taken apart key by
//! key, values put right by type, each tolerance noted. [`PatchRequest::apply`] is the strict half: it knows canonical
//! targets and values only.
//!
//! Operations on the attribute whose values are edges (a Group's `members`) never touch the document: they come out as
//! [`MemberEdit`]s, in order, for whoever keeps the edges.
//!
//! Where the RFC leaves room:
//!
//! - A sub-attribute of a multi-valued attribute without a filter (`emails.display`) means that of every element; where
//!   there is none, `add` and `replace` make one.
//! - `add` of an element that is there already, `primary` aside, changes nothing but `primary`.
//! - `add` to the values behind a filter (`addresses[type eq "work"]`) merges into each; `replace` puts the value in
//!   place of each. Where none is there, both are `noTarget`; a sub-attribute behind a filter may create
//!   ([`Tolerance::CreateOnMiss`](crate::Tolerance::CreateOnMiss)).
//! - An extension as a target is a set of attributes: `add` and `replace` set those that are named.
//! - `null`, and what a tolerance takes for it, clears a singular attribute; added to a multi-valued one it adds nothing.
//! - `schemas` follows from the attributes; operations on it are ignored.
//! - An element that loses a sub-attribute and keeps nothing but `type` and `primary` goes too, in dialects that clear
//!   by empty text ([`Tolerance::EmptyStringClears`](crate::Tolerance::EmptyStringClears)).

mod apply;
mod edges;
mod elements;
mod error;
mod normalise;
mod operation;
mod request;

pub use apply::PatchOutcome;
pub use edges::MemberEdit;
pub use error::{PatchError, PatchProblem};
pub use operation::PatchOp;
pub use request::{MAX_OPERATIONS, PatchRequest};
