//! The keys that our access tokens are signed with.
//!
//! They are derived: from a pepper and a number of the quarter of a year that it is, by a function that the caller gives.
//! So every node that holds the peppers has them, nothing private is stored, and they change by themselves. Anybody can
//! ask for the public parts of the former, the current and the next one of each pepper ([`SigningKeys::jwks`]); by these,
//! and no other, tokens are verified.
//!
//! Deliberately absent: reading a clock. The caller says what time it is.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use serde_json::{Value, json};
use zeroize::Zeroizing;

/// For how long one key signs, in seconds: 90 days. Periods are counted from 1970-01-01T00:00:00Z.
pub const PERIOD_SECONDS: i64 = 90 * 24 * 60 * 60;

/// What an Ed25519 key in PKCS#8 (RFC 8410 §7) begins with; its seed follows.
const PKCS8_PREFIX: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// Where signing keys come from.
pub trait Seeds: Send + Sync {
    /// The ids of the peppers that are held, the current one first.
    fn ids(&self) -> Vec<[u8; 16]>;

    /// The seed of a period's key: always the same for the same pepper and period, and unlike any other secret that the
    /// pepper gives. `None` if the pepper is not held.
    fn seed(&self, pepper: &[u8; 16], period: i64) -> Option<[u8; 32]>;
}

impl<T: Seeds + ?Sized> Seeds for Arc<T> {
    fn ids(&self) -> Vec<[u8; 16]> {
        (**self).ids()
    }

    fn seed(&self, pepper: &[u8; 16], period: i64) -> Option<[u8; 32]> {
        (**self).seed(pepper, period)
    }
}

/// The signing keys of this installation, derived when they are first needed and kept until the period or the peppers
/// change. `Debug` shows nothing of them.
pub struct SigningKeys {
    seeds: Box<dyn Seeds>,
    /// Those of one period: three for each pepper.
    derived: RwLock<Option<Arc<Derived>>>,
}

/// The keys that count during one period.
struct Derived {
    period: i64,
    peppers: Vec<[u8; 16]>,
    keys: Vec<SigningKey>,
}

/// One pepper's key of one period.
pub(super) struct SigningKey {
    pub(super) kid: String,
    pub(super) private: EncodingKey,
    pub(super) public: DecodingKey,
    /// The public key as a JWK has it.
    x: String,
    period: i64,
}

impl SigningKeys {
    /// Keys out of these seeds.
    pub fn new(seeds: impl Seeds + 'static) -> Self {
        Self { seeds: Box::new(seeds), derived: RwLock::new(None) }
    }

    /// The public keys as a JWK set (RFC 7517 §5, RFC 8037 §2): the former, the current and the next period's of each
    /// pepper, with nothing private. `now` is in seconds since 1970.
    #[must_use]
    pub fn jwks(&self, now: i64) -> Value {
        let derived = self.derived(now);
        let keys = derived.keys.iter().map(|key| {
            json!({"kty": "OKP", "crv": "Ed25519", "x": key.x, "kid": key.kid, "use": "sig", "alg": "EdDSA"})
        });
        json!({ "keys": keys.collect::<Vec<_>>() })
    }

    /// Calls `with` with the key that signs now: the current pepper's of the current period. `None` if no pepper is held.
    pub(super) fn current<T>(&self, now: i64, with: impl FnOnce(&SigningKey) -> T) -> Option<T> {
        let derived = self.derived(now);
        // The current pepper's keys stand first.
        derived.keys.iter().find(|key| key.period == derived.period).map(with)
    }

    /// Calls `with` with the key of this name, if it is one of those that [`SigningKeys::jwks`] shows.
    pub(super) fn find<T>(&self, kid: &str, now: i64, with: impl FnOnce(&SigningKey) -> T) -> Option<T> {
        self.derived(now).keys.iter().find(|key| key.kid == kid).map(with)
    }

    fn derived(&self, now: i64) -> Arc<Derived> {
        let (period, peppers) = (now.div_euclid(PERIOD_SECONDS), self.seeds.ids());
        let held = self.derived.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(held) = held.filter(|held| held.period == period && held.peppers == peppers) {
            return held;
        }
        let around = [period.saturating_sub(1), period, period.saturating_add(1)];
        let pairs = peppers.iter().flat_map(|pepper| around.map(|period| (pepper, period)));
        let keys = pairs
            .filter_map(|(pepper, period)| {
                SigningKey::derive(pepper, period, &Zeroizing::new(self.seeds.seed(pepper, period)?))
            })
            .collect();
        let derived = Arc::new(Derived { period, peppers, keys });
        *self.derived.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&derived));
        derived
    }
}

impl SigningKey {
    fn derive(pepper: &[u8; 16], period: i64, seed: &Zeroizing<[u8; 32]>) -> Option<Self> {
        let pkcs8 = Zeroizing::new([PKCS8_PREFIX.as_slice(), seed.as_slice()].concat());
        let private = EncodingKey::from_ed_der(&pkcs8);
        let AlgorithmParameters::OctetKeyPair(public) =
            Jwk::from_encoding_key(&private, Algorithm::EdDSA).ok()?.algorithm
        else {
            return None;
        };
        let (head, _) = pepper.split_at(6);
        Some(Self {
            kid: format!("{}-{period}", URL_SAFE_NO_PAD.encode(head)),
            public: DecodingKey::from_ed_components(&public.x).ok()?,
            private,
            x: public.x,
            period,
        })
    }
}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKeys").finish_non_exhaustive()
    }
}
