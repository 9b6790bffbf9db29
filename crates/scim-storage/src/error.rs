//! What can go wrong in a store: what a caller can act on, and nothing of the backend's own types.

use std::error::Error;

/// A read that failed. Absence is not an error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store cannot answer now; the same call may succeed later (503 with `Retry-After`).
    #[error("the store is unavailable: {reason}")]
    Unavailable {
        /// Why, for the log.
        reason: String,
    },
    /// The read was given up, because it took longer than the store lets one take: the same call will hardly do better, a
    /// narrower one may (503 with advice).
    #[error("the read took too long")]
    TooLong,
    /// The backend does not support this (a filter or sort beyond its capabilities).
    #[error("the store does not support this: {what}")]
    Unsupported {
        /// What.
        what: String,
    },
    /// A fault of the store or its data. Logged once, at the edge, and answered with a generic detail.
    #[error("the store failed")]
    Internal {
        /// The cause.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

impl StoreError {
    /// Wraps a backend's error.
    pub fn internal(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Internal { source: source.into() }
    }
}

/// A commit that did nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// Something that the decision was made on moved: a record's version, a record that is not there any more, a held
    /// reference that arrived. Load again and decide again.
    #[error("what the change was decided on has moved")]
    Conflict,
    /// A unique value is taken by another resource (409 `uniqueness`), or a name by another instance, connector or
    /// integration user.
    #[error("{attribute} is in use already")]
    Duplicate {
        /// Canonical path of the attribute; `name` for administrative names.
        attribute: String,
    },
    /// The name is claimed by another instance of the realm (409 `uniqueness`); nothing more may be told.
    #[error("{attribute} is in use on this server already")]
    Claimed {
        /// Canonical path of the attribute.
        attribute: String,
    },
    /// More accounts would be active than the instance has seats ([`scim_directory::Condition::Seats`]).
    #[error("all {seats} seats are taken")]
    NoSeat {
        /// The seats.
        seats: u64,
    },
    /// A value by which resources are found is longer than the backend can find it by.
    #[error("a value is too long to be found by")]
    TooLarge,
    /// The store failed; nothing is committed, or, where only the answer was lost, the same [`ChangeSet`] can be
    /// committed again and returns what it did.
    ///
    /// [`ChangeSet`]: scim_directory::ChangeSet
    #[error(transparent)]
    Store(#[from] StoreError),
}
