//! The storage contract: the [`Store`] trait, queries and pages, and the in-memory backend.
//!
//! A backend is one implementation of [`Store`]; it knows no rules of provisioning and no HTTP. What it promises stands in
//! the trait's documentation, and `scim-storage-suite` tests every sentence of it. Futures are boxed, so that the trait
//! is object-safe; the crate has no async runtime.

mod access;
mod admin;
mod backlog;
mod error;
mod full;
mod happened;
mod journal;
mod measure;
mod memory;
mod query;
mod store;

pub use access::{AccessMark, Found, MarkedKey, Read};
pub use admin::{
    Door, InstanceAnswer, InstanceQuestion, KeyContext, PeppersKnown, PolicySource, ReportLine, ServerAnswer,
    ServerQuestion,
};
pub use backlog::{Backlog, Reach};
pub use error::{CommitError, StoreError};
pub use full::{Relations, full_resource};
pub use happened::{manager_changed, manager_cleared, manager_linked, reference_linked, what_happened};
pub use journal::{About, EventPage, JournalEntry, JournalFilter, JournalPage, JournalQuery};
pub use measure::{Distribution, Histogram, ReadMeasures, StoreMeasures};
pub use memory::MemoryStore;
pub use query::{
    Direction, Edge, EdgePage, EdgeQuery, HeldEdge, Keyset, Page, Query, QueryPart, Residual, Sort, SortKey,
    Start, Want,
};
pub use store::{BoxFuture, Capabilities, Store};
