//! Operations on edges: the members of a Group.

use std::collections::HashSet;

use serde_json::Value;

use super::error::PatchProblem;
use super::operation::PatchOp;
use crate::dialect::{Dialect, Note, Tolerance};
use crate::filter::{CompareOp, Comparison, Operand, TypedFilter};
use crate::resource::{EdgeValue, coerce};
use crate::schema::Attribute;

/// A change to the edges of a resource, in the order of the request. Adding what is there and removing what is not
/// change nothing.
#[derive(Clone, Debug, PartialEq)]
pub enum MemberEdit {
    /// Adds these.
    Add(Vec<EdgeValue>),
    /// Removes those with these values.
    Remove(Vec<String>),
    /// Removes those that satisfy a condition (its paths are relative to the element).
    RemoveWhere(TypedFilter),
    /// Removes all.
    RemoveAll,
    /// Puts these in place of all.
    Replace(Vec<EdgeValue>),
}

/// An operation with the edge attribute itself as target; `None` where it changes nothing.
pub(super) fn edit(
    attribute: &Attribute,
    path: &str,
    op: PatchOp,
    value: Option<Value>,
    dialect: Dialect,
    notes: &mut Vec<Note>,
) -> Result<Option<MemberEdit>, PatchProblem> {
    let Some(value) = value.filter(|value| op != PatchOp::Remove || !value.is_null()) else {
        return Ok(Some(MemberEdit::RemoveAll));
    };
    if op == PatchOp::Remove {
        if !dialect.tolerates(Tolerance::RemoveByValue) {
            return Err(PatchProblem::Value(format!(
                "remove takes no value; use the path {}[value eq \"ID\"]",
                attribute.name
            )));
        }
        notes.push(Note::new(Tolerance::RemoveByValue, format!("{path}: remove with a list of values")));
    }
    let edges = edge_values(attribute, path, value, dialect, notes)?;
    Ok(match op {
        PatchOp::Remove if edges.is_empty() => None,
        PatchOp::Remove => Some(MemberEdit::Remove(edges.into_iter().map(|edge| edge.value).collect())),
        PatchOp::Add if edges.is_empty() => None,
        PatchOp::Add => Some(MemberEdit::Add(edges)),
        PatchOp::Replace if edges.is_empty() => Some(MemberEdit::RemoveAll),
        PatchOp::Replace => Some(MemberEdit::Replace(edges)),
    })
}

/// An operation on the edges behind a filter.
pub(super) fn edit_where(
    attribute: &Attribute,
    op: PatchOp,
    condition: TypedFilter,
) -> Result<MemberEdit, PatchProblem> {
    if op != PatchOp::Remove {
        return Err(fixed(attribute));
    }
    Ok(values_of(&condition).map_or(MemberEdit::RemoveWhere(condition), MemberEdit::Remove))
}

/// The parts of an edge cannot be changed.
pub(super) fn fixed(attribute: &Attribute) -> PatchProblem {
    let name = &attribute.name;
    PatchProblem::Mutability(format!(
        "a value of {name} cannot be changed; add with the path {name}, remove with {name}[value eq \"ID\"]"
    ))
}

/// The values in `value eq "a"` and `value eq "a" or value eq "b"`.
fn values_of(condition: &TypedFilter) -> Option<Vec<String>> {
    let terms = match condition {
        TypedFilter::Or(terms) => terms.as_slice(),
        other => std::slice::from_ref(other),
    };
    let value = |term: &TypedFilter| match term {
        TypedFilter::Compare(Comparison { path, op: CompareOp::Eq, operand: Operand::Text { text, .. } })
            if path.is("value") =>
        {
            Some(text.clone())
        }
        _ => None,
    };
    terms.iter().map(value).collect()
}

/// The edges in a value, each once.
fn edge_values(
    attribute: &Attribute,
    path: &str,
    value: Value,
    dialect: Dialect,
    notes: &mut Vec<Note>,
) -> Result<Vec<EdgeValue>, PatchProblem> {
    let value = coerce(attribute, path, value, dialect, notes)?;
    let mut edges = value.as_ref().map(EdgeValue::list).unwrap_or_default();
    let mut seen = HashSet::with_capacity(edges.len());
    edges.retain(|edge| seen.insert(edge.value.clone()));
    Ok(edges)
}
