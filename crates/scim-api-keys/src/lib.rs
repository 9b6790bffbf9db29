//! API keys: their format, what is stored of them, checking one, and limiting its requests.
//!
//! # A key
//! A key is `rck1_INSTANCE_KEY_SECRETCHECK`: the instance's and the key's id (16 bytes each) and a secret of 32 random
//! bytes, each in base62 of fixed width, and a CRC-32 of all before it; 100 characters. So a key says where it belongs
//! before any database is asked, a mistyped or cut one is refused at once, and scanners find leaked ones by
//! `\brck1_[0-9A-Za-z]{22}_[0-9A-Za-z]{22}_[0-9A-Za-z]{49}\b`. A key has one text: what is not canonical is refused. Keys
//! are opaque to clients. Expiry, revocation and scopes are not in the key; they stand in its row.
//!
//! A key of administrators ([`AdminKey`]) is the same behind `rca1_`; its instance's id is all zeros where it opens the whole
//! server. Neither its text nor what is stored of it ever passes for a key of the other kind, because the prefix is part of
//! both.
//!
//! # What is stored
//! HMAC-SHA-256 under a *pepper*, a secret that stands outside the database ([`Pepper::mac`]), and the pepper's id. The
//! secret has 256 random bits, so nothing slower protects it better. Who reads the database learns no key; who writes to
//! it cannot make one, nor move a mac to another row, to which it is bound by both ids.
//!
//! # Peppers
//! A node holds an ordered list ([`Peppers`]). New macs are made by the first; each mac is checked by the one it names.
//! To change the pepper, put a new one above the others. A key that [`Verdict::RightByFormerPepper`] is true of gets a
//! new mac ([`Peppers::keep`]), so used keys move by themselves, and an earlier pepper can go when no key is kept under
//! it. An id is derived from its pepper: a database that knows ids tells a node with the wrong file from one with the
//! right one. Other secrets of the server are derived from peppers too ([`Pepper::derive`]).
//!
//! # Checking
//! Parsing allocates nothing and one mac is made whatever the outcome, so an unknown key costs what a wrong secret costs:
//! about half a microsecond (`benches/keys.rs`).
//!
//! # Other ways in
//! A key is also what a client sends as a Basic password ([`BasicCredentials`]) or as an OAuth client secret, for which it
//! gets a short JWT ([`token`]). A password that a person chose is verified with argon2id, elsewhere, and remembered for
//! minutes ([`Remembered`]).
//!
//! There is no I/O, no clock and no source of randomness here.
//!
//! ```
//! use scim_api_keys::{ApiKey, Peppers, Verdict};
//!
//! let peppers = Peppers::parse("# the current one\n9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")?;
//! let key = ApiKey::new([1; 16], [2; 16], [3; 32]);
//! let kept = peppers.keep(&key);
//!
//! let sent = ApiKey::parse(&key.reveal())?;
//! assert_eq!(peppers.verify(&sent, Some(&kept)), Verdict::Right);
//! assert_eq!(peppers.verify(&sent, None), Verdict::Wrong);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod base62;
mod basic;
mod key;
mod pepper;
mod peppers;
mod rate;
mod remembered;
pub mod token;

pub use basic::{
    BasicCredentials, BasicError, MAX_BASIC_BYTES, MAX_BASIC_PASSWORD_BYTES, MAX_BASIC_USER_BYTES,
};
pub use key::{AdminKey, Administration, AnyKey, ApiKey, KEY_BYTES, KeyFormatError, KeyKind, Scim};
pub use pepper::{MAX_PEPPER_BYTES, MIN_PEPPER_BYTES, Pepper, PepperError};
pub use peppers::{KeptMac, MAX_PEPPERS, Peppers, Verdict};
pub use rate::{MAX_RATED_IDS, Rate, RateLimiter, Wait};
pub use remembered::{MAX_REMEMBERED, REMEMBERED_SECONDS, Remembered};
