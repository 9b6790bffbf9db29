//! Filters that look one value up: `userName eq "ada"` and nothing else.

use std::sync::Arc;

use scim_core::filter::{CompareOp, Comparison, Operand, TypedFilter};
use scim_directory::{Record, ResourceId};
use scim_storage::{Page, Query, Start};

use super::derived::own_id;
use super::index_of;

/// What a filter looks up, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LookUp<'f> {
    /// An id.
    Id(ResourceId),
    /// A key among the unique ones, with the path of its index.
    Unique(String, &'f str),
    /// A key among the others.
    Searched(String, &'f str),
    /// An `externalId`.
    External(&'f str),
}

/// What a query looks up of which type, where it is the beginning of a list that has one record mostly, and nothing else is asked.
pub(crate) fn asked(query: &Query) -> Option<(&Arc<str>, LookUp<'_>)> {
    let [part] = query.parts.as_slice() else { return None };
    let whole = query.sort.is_none()
        && query.limit > 0
        && query.want.document
        && !query.want.account
        && query.start == Start::Offset(0);
    let look_up = part.filter.as_ref().filter(|_| whole).and_then(look_up)?;
    Some((&part.resource_type.name, look_up))
}

/// The page of a look-up that found these records and no others.
pub(crate) fn page_of(query: &Query, records: Vec<Record>) -> Page {
    let total = query.total.then_some(records.len() as u64);
    Page { records, total, ..Page::default() }
}

/// What the filter looks up, where it is one equality of text that an index by text answers.
fn look_up(filter: &TypedFilter) -> Option<LookUp<'_>> {
    let TypedFilter::Compare(Comparison { path, op: CompareOp::Eq, operand: Operand::Text { text, key } }) =
        filter
    else {
        return None;
    };
    // What no text has, the general form knows.
    if key.contains('\0') {
        return None;
    }
    if path.is("id") {
        return own_id(text).map(LookUp::Id);
    }
    if path.is("externalId") {
        return Some(LookUp::External(key));
    }
    let (index, unique) = index_of(path)?;
    Some(if unique { LookUp::Unique(index, key) } else { LookUp::Searched(index, key) })
}
