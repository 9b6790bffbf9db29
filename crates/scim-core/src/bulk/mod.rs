//! Bulk requests (RFC 7644 §3.7): taking them in, ordering them, resolving `bulkId` references, answering.
//!
//! Nothing is carried out here: [`BulkPlan`] says in which order, [`resolve_references`] puts ids in place of
//! references, [`ErrorBudget`] says when to stop, [`BulkResponse`] holds the answers in request order.
//!
//! A reference is a JSON string that is exactly `bulkId:NAME`, anywhere in an operation's data, and `bulkId:NAME` as the
//! id in a path. Nothing is replaced inside longer text, so `bulkId:1` never touches `bulkId:10`.

mod plan;
mod reference;
mod request;
mod response;

pub use plan::{BulkPlan, BulkStep};
pub use reference::{UnresolvedReference, references, resolve_references};
pub use request::{BulkError, BulkLimits, BulkMethod, BulkOperation, BulkRequest};
pub use response::{BulkResponse, BulkResult, ErrorBudget};
