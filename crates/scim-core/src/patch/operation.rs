//! Canonical operations: what the strict engine knows.

use std::sync::Arc;

use serde_json::Value;

use super::edges::MemberEdit;
use crate::filter::TypedFilter;
use crate::path::AttributeRef;
use crate::schema::{Attribute, Schema};

/// The operations of RFC 7644 §3.5.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PatchOp {
    /// `add` (§3.5.2.1).
    Add,
    /// `remove` (§3.5.2.2).
    Remove,
    /// `replace` (§3.5.2.3).
    Replace,
}

impl PatchOp {
    /// The operation as it stands in a request.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Remove => "remove",
            Self::Replace => "replace",
        }
    }
}

/// An operation with a resolved target and a value of the target's type.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Canonical {
    /// Place in the request, from 1.
    pub(super) position: usize,
    /// The path or key as the client wrote it, for messages.
    pub(super) path: String,
    pub(super) op: PatchOp,
    pub(super) action: Action,
}

/// What a canonical operation does.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Action {
    /// Sets a singular attribute, or a sub-attribute (of every element where the attribute is multi-valued). Complex
    /// singular attributes are set by their sub-attributes, so that those not named stay. No value clears.
    Set { at: AttributeRef, value: Option<Value> },
    /// Adds elements to a multi-valued attribute.
    AddElements { at: AttributeRef, elements: Vec<Value> },
    /// Sets all elements of a multi-valued attribute.
    ReplaceElements { at: AttributeRef, elements: Vec<Value> },
    /// Removes the elements that a value list names.
    RemoveElements { at: AttributeRef, elements: Vec<Value> },
    /// Works on the elements that satisfy a condition.
    Elements { at: AttributeRef, condition: TypedFilter, change: ElementChange },
    /// Removes an extension's attributes.
    RemoveExtension(Arc<Schema>),
    /// An `id` that has to be that of the resource.
    AssertId(String),
    /// Works on edges.
    Edit(MemberEdit),
}

/// What is done to the elements that satisfy a condition.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum ElementChange {
    /// The elements are removed.
    Remove,
    /// The value is put in their place; no value removes them.
    Replace(Option<Value>),
    /// The value's sub-attributes are set in each.
    Merge(Value),
    /// The sub-attribute is set in each; no value removes it.
    SetSub(Arc<Attribute>, Option<Value>),
}
