//! Filters that look one value up: `userName eq "ada"` and nothing else.

use scim_core::filter::{CompareOp, Comparison, Operand, TypedFilter};

use super::index_of;

/// What a filter looks up, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LookUp<'f> {
    /// A key among the unique ones, with the path of its index.
    Unique(String, &'f str),
    /// A key among the others.
    Searched(String, &'f str),
    /// An `externalId`.
    External(&'f str),
}

/// What the filter looks up, where it is one equality of text that an index by text answers.
pub(crate) fn look_up(filter: &TypedFilter) -> Option<LookUp<'_>> {
    let TypedFilter::Compare(Comparison { path, op: CompareOp::Eq, operand: Operand::Text { key, .. } }) =
        filter
    else {
        return None;
    };
    // What no text has, the general form knows.
    if key.contains('\0') {
        return None;
    }
    if path.is("externalId") {
        return Some(LookUp::External(key));
    }
    let (index, unique) = index_of(path)?;
    Some(if unique { LookUp::Unique(index, key) } else { LookUp::Searched(index, key) })
}
