//! Where time, ids and randomness come from: values from outside, so that tests give their own.

use scim_core::instant::Timestamp;
use uuid::Uuid;

/// A source of time, ids and randomness.
pub trait Source: Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;

    /// A new UUIDv7.
    fn uuid(&self) -> Uuid;

    /// Fills `bytes` from a cryptographically secure source.
    fn random(&self, bytes: &mut [u8]);
}
