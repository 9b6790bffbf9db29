//! The protocol's envelopes: list responses, search requests, and what discovery answers (RFC 7644 §3.4.2, §3.4.3, §4).
//!
//! Bulk and PATCH messages have modules of their own ([`crate::bulk`], [`crate::patch`]), errors too
//! ([`crate::error`]). HTTP is absent: query strings come in as decoded pairs, bodies as JSON.

mod discovery;
mod envelope;
mod list;
mod search;

pub use discovery::{
    AuthenticationScheme, BulkConfig, PaginationConfig, PaginationMethod, ProviderConfig, resource_type_json,
    schema_json,
};
pub use envelope::MessageError;
pub use list::{ListHead, ListWriter};
pub use search::{SearchRequest, SortOrder};

pub(crate) use envelope::{envelope, take_member};

/// URN of a list response (RFC 7644 §3.4.2).
pub const LIST_RESPONSE_URN: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
/// URN of a search request (RFC 7644 §3.4.3).
pub const SEARCH_REQUEST_URN: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";
/// URN of a PATCH request (RFC 7644 §3.5.2).
pub const PATCH_OP_URN: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
/// URN of a bulk request (RFC 7644 §3.7).
pub const BULK_REQUEST_URN: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
/// URN of a bulk response (RFC 7644 §3.7).
pub const BULK_RESPONSE_URN: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";
