//! API keys: their format, the hash that is stored of them, and checking one.
//!
//! A key is `rck1_INSTANCE_KEY_SECRETCHECK`: the instance's and the key's id (16 bytes each) and a secret of 32 random
//! bytes, each in base62 of fixed width, and a CRC-32 of all before it. So a key says where it belongs before any
//! database is asked, a mistyped or cut one is refused at once, and scanners find leaked ones by
//! `\brck1_[0-9A-Za-z]{22}_[0-9A-Za-z]{22}_[0-9A-Za-z]{49}\b`. Keys are opaque to clients.
//!
//! The secret has 256 random bits, so a plain hash protects it: SHA-256, bound to the instance and the key id. Expiry,
//! revocation and scopes are not in the key; they stand with its hash.
//!
//! ```
//! use scim_api_keys::ApiKey;
//!
//! let key = ApiKey::new([1; 16], [2; 16], [3; 32]);
//! let stored = key.hash();
//! let text = key.reveal();
//! assert_eq!(text.len(), 5 + 22 + 1 + 22 + 1 + 43 + 6);
//! assert!(ApiKey::parse(&text).is_ok_and(|parsed| parsed.verify(&stored)));
//! ```

mod base62;
mod key;
mod pepper;
mod peppers;
mod rate;

pub use key::{ApiKey, KEY_BYTES, KeyFormatError};
pub use pepper::{MAX_PEPPER_BYTES, MIN_PEPPER_BYTES, Pepper, PepperError};
pub use peppers::{KeptMac, MAX_PEPPERS, Peppers, Verdict};
pub use rate::{MAX_RATED_IDS, Rate, RateLimiter, Wait};
