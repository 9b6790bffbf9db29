//! JSON Web Tokens: the short access tokens that we issue, and those of issuers that a connector trusts.
//!
//! Long-lived keys are never JWTs; see [`ApiKey`](crate::ApiKey). A JWT is used where it ends within minutes, or where
//! another party signs it. The signatures are those of `jsonwebtoken` on AWS-LC; what a token may say is decided here:
//!
//! - One key verifies by one algorithm, which the key and the expectation agree on; the header only has to repeat it.
//!   There is no way to name HMAC or `none` ([`Algorithm`]).
//! - Keys come from what is held or configured, never from the token: `jku`, `jwk`, `x5u`, `x5c` and `crit` are refused.
//! - Claims are strictly typed. One that must be there and is missing, of another type, negative or repeated refuses the
//!   token (RFC 7519 §4 leaves repeated names to us); issuer, subject and audience are compared byte by byte.
//! - Times are told, in seconds since 1970-01-01T00:00:00Z, and compared with [`LEEWAY_SECONDS`]. Nothing here reads a
//!   clock or a network, and every memory has a bound.
//!
//! What a refusal was for is in [`TokenError`]: for logs, not for whoever sent the token.
//!
//! ```
//! use scim_api_keys::token::{AccessClaims, Seeds, SigningKeys};
//!
//! /// A pepper, whose seeds are no secret here.
//! struct Pepper;
//!
//! impl Seeds for Pepper {
//!     fn ids(&self) -> Vec<[u8; 16]> {
//!         vec![[1; 16]]
//!     }
//!
//!     fn seed(&self, _pepper: &[u8; 16], period: i64) -> Option<[u8; 32]> {
//!         Some([u8::try_from(period % 256).ok()?; 32])
//!     }
//! }
//!
//! let (keys, now) = (SigningKeys::new(Pepper), 1_800_000_000);
//! let claims = AccessClaims {
//!     iss: "https://people.example".to_owned(),
//!     aud: "https://people.example/scim/v2".to_owned(),
//!     sub: "the integration user".to_owned(),
//!     client_id: "the key".to_owned(),
//!     instance: "the instance".to_owned(),
//!     connector: "the connector".to_owned(),
//!     scope: "users:read".to_owned(),
//!     jti: "the token".to_owned(),
//!     iat: now,
//!     nbf: now,
//!     exp: now + 600,
//!     generation: 1,
//! };
//! let token = keys.issue(&claims)?;
//! let verify = |now| keys.verify(&token, "https://people.example", &["https://people.example/scim/v2"], now);
//! assert_eq!(verify(now + 300)?, claims);
//! assert!(verify(now + 700).is_err_and(|error| error.is_expired()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod access;
mod algorithm;
mod claims;
mod error;
mod foreign;
mod json;
mod jwk;
mod jwks;
mod jws;
mod metadata;
mod signing;

#[cfg(test)]
mod access_tests;
#[cfg(test)]
mod foreign_tests;
#[cfg(test)]
mod forge;
#[cfg(test)]
mod jwk_tests;

pub use access::{ACCESS_LIFETIME_SECONDS, AccessClaims, IssueError};
pub use algorithm::{Algorithm, UnknownAlgorithm};
pub use error::TokenError;
pub use foreign::{FOREIGN_LIFETIME_SECONDS, ForeignClaims, Purpose, TrustedIssuer, Verification};
pub use jwk::{JwkSet, JwksError, KeyProblem, MAX_JWKS_BYTES, MAX_JWKS_KEYS, PublicKey};
pub use jwks::{JwksCache, Lookup, MAX_JWKS_URLS};
pub use metadata::metadata;
pub use signing::{PERIOD_SECONDS, Seeds, SigningKeys};

/// The longest token that is looked at, in bytes. Tokens of identity providers have 1 to 3 KiB.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// By how much the clocks of two parties may differ, in seconds: `exp` is this much later, `nbf` and `iat` this much
/// earlier than they say.
pub const LEEWAY_SECONDS: i64 = 60;
