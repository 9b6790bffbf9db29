//! Queries over resources and over edges, and the pages they give.

use std::sync::Arc;

use scim_core::filter::TypedFilter;
use scim_core::path::AttributeRef;
use scim_core::schema::ResourceType;
use scim_directory::{Record, ResourceId};

/// What a read returns of each record, so that nothing is loaded that nobody asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Want {
    /// The document's bytes.
    pub document: bool,
    /// A person's account.
    pub account: bool,
    /// What decisions and the log ask: `display`, `managed_by`, `direct_manager`. Where they are not wanted, they may be there all the
    /// same.
    pub facts: bool,
}

impl Want {
    /// What a client sees, and what decisions ask: everything but the account.
    pub const RECORD: Self = Self { document: true, account: false, facts: true };
    /// What a client sees, and nothing else: key, versions, time stamps, `external_id`, `manager`, the document.
    pub const SHOWN: Self = Self { document: true, account: false, facts: false };
    /// Everything that a record has.
    pub const FULL: Self = Self { document: true, account: true, facts: true };
    /// Key, versions, time stamps, `external_id`, `display`, `manager`, `managed_by`, `direct_manager`.
    pub const HEAD: Self = Self { document: false, account: false, facts: true };
}

/// One resource type of a query, with the filter resolved for it.
#[derive(Clone, Debug, PartialEq)]
pub struct QueryPart {
    /// The type.
    pub resource_type: Arc<ResourceType>,
    /// What its resources must satisfy; `None` for all.
    pub filter: Option<TypedFilter>,
    /// What its resources are sorted by, never complex nor derived from edges; `None` where the query has no sort, or this type has no such attribute (its
    /// resources then count as having no value).
    pub sort_by: Option<AttributeRef>,
}

/// The order of results. Without one, the newest resources come first: in descending order of their ids, which hold the
/// time of creation.
///
/// A singular attribute sorts by its value's key ([`scim_core::text::Matching`]), a multi-valued one by its primary
/// value, else its first (RFC 7644 §3.4.2.3); booleans sort `false` first. Resources without a value come last in
/// ascending and first in descending order. The id breaks ties, always ascending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    /// Whether the order is descending.
    pub descending: bool,
}

/// A list query.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// The resource types asked; each at most once.
    pub parts: Vec<QueryPart>,
    /// The order; by [`QueryPart::sort_by`].
    pub sort: Option<Sort>,
    /// Where to begin.
    pub start: Start,
    /// How many at most; may be zero, where only the total is wanted.
    pub limit: usize,
    /// What of each record.
    pub want: Want,
    /// Whether the total of matching resources is wanted.
    pub total: bool,
}

/// Where a page begins.
#[derive(Clone, Debug, PartialEq)]
pub enum Start {
    /// After so many results.
    Offset(u64),
    /// After the result at this position, whatever was added or deleted since.
    After(Keyset),
}

/// A result's position in an order.
#[derive(Clone, Debug, PartialEq)]
pub struct Keyset {
    /// Its sort key; `None` where there is no sort.
    pub key: Option<SortKey>,
    /// Its id.
    pub id: ResourceId,
}

/// A value to sort by.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub enum SortKey {
    /// It has no value.
    Missing,
    /// `false` before `true`.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A real number.
    Decimal(f64),
    /// A text's key, or an instant's.
    Text(String),
}

/// A page of records.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// The records, in order.
    pub records: Vec<Record>,
    /// How many match in all, where the query wanted to know.
    pub total: Option<u64>,
    /// The position of the last record, where there are more.
    pub next: Option<Keyset>,
    /// Set where the backend left a part of the filters to the caller.
    pub residual: Option<Residual>,
}

/// The part of a query's filters that a backend did not evaluate: by part, in the query's order. The records are a
/// superset in the right order, and `total` counts that superset.
#[derive(Clone, Debug, PartialEq)]
pub struct Residual(pub Vec<Option<TypedFilter>>);

/// Which way edges are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From groups to their members.
    Members,
    /// From resources to the groups they are in.
    Groups,
}

/// A question about edges of several resources at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdgeQuery {
    /// Of whom: groups, or members.
    pub of: Vec<ResourceId>,
    /// Which way.
    pub direction: Direction,
    /// Only edges to these other ends; `None` for all.
    pub only: Option<Vec<ResourceId>>,
    /// Begin after this edge, by (`of` in ascending order of id, other end); `None` for the beginning.
    pub after: Option<(ResourceId, ResourceId)>,
    /// How many edges at most.
    pub limit: usize,
}

/// An edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edge {
    /// The resource that was asked about.
    pub of: ResourceId,
    /// The other end.
    pub other: ResourceId,
    /// The other end's resource type.
    pub resource_type: Arc<str>,
    /// The other end's [`Record::display`].
    pub display: Option<Arc<str>>,
}

/// Edges in ascending order of (`of`, `other`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EdgePage {
    /// The edges.
    pub edges: Vec<Edge>,
    /// Whether there are more.
    pub more: bool,
    /// References of these groups that are held for somebody who is not there yet, by group and text; with
    /// [`Direction::Members`] on a first page without `only` alone, and at most as many as edges were asked for.
    pub held: Vec<HeldEdge>,
}

/// A held reference of a group ([`scim_directory::HeldReference`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldEdge {
    /// The group.
    pub of: ResourceId,
    /// The text that the client sent.
    pub reference: String,
    /// The `type` that the client sent with it.
    pub kind: Option<String>,
}
