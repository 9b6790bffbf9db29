//! Requests that were answered once, so that a retry gets the first answer (`Idempotency-Key`).

use std::time::Duration;

use scim_core::instant::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{AdminKeyId, ConnectorId};

/// For how long a first answer is kept.
pub const ANSWERS_KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// What a repeated request is known by: an `Idempotency-Key`, or the id of a client's assertion, which counts once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RequestMark {
    /// Who asked; of an assertion, the connector's id.
    pub caller: AdminKeyId,
    /// A hash of the `Idempotency-Key` that came with it, or of the assertion's `jti`.
    pub key: [u8; 32],
}

impl RequestMark {
    /// The mark of an assertion that a client of that connector proved itself by (RFC 7523), by a hash of its `jti`: it is
    /// begun where it is used, and never finished.
    #[must_use]
    pub const fn of_assertion(connector: ConnectorId, id: [u8; 32]) -> Self {
        Self { caller: AdminKeyId::new(connector.uuid()), key: id }
    }
}

/// A request that came with an `Idempotency-Key`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnsweredRequest {
    /// A hash of method, path and body: another request with the same mark is a mistake of the client.
    pub request: [u8; 32],
    /// When it began.
    pub at: Timestamp,
    /// The answer, sealed by whoever gave it; `None` while it is being worked on.
    pub answer: Option<Vec<u8>>,
}

impl AnsweredRequest {
    /// Whether it is still known at `now`.
    #[must_use]
    pub fn is_known(&self, now: Timestamp) -> bool {
        self.at >= Self::known_since(now)
    }

    /// The earliest beginning of those that are still known at `now`.
    #[must_use]
    pub fn known_since(now: Timestamp) -> Timestamp {
        now.plus_millis(-i64::try_from(ANSWERS_KEPT.as_millis()).unwrap_or(i64::MAX))
    }
}

/// A change of what is known of answered requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AnswerChange {
    /// Keeps that a request with that mark and hash has begun, at the change set's time; `Duplicate { idempotency_key }` where
    /// the mark is known and not older than [`ANSWERS_KEPT`].
    Begin(RequestMark, [u8; 32]),
    /// Keeps its answer; nothing where the mark is not known.
    Finish(RequestMark, Vec<u8>),
    /// Forgets it, because it did nothing.
    Forget(RequestMark),
}
