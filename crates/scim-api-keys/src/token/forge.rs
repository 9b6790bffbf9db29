//! For tests: tokens of any header and payload, signed with anything.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::{Seeds, SigningKeys};

/// `header.payload.signature`, whatever these are.
pub(super) fn token(header: &str, payload: &str, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let signature = URL_SAFE_NO_PAD.encode(sign(message.as_bytes()));
    format!("{message}.{signature}")
}

/// A signature with the Ed25519 key of this seed.
pub(super) fn ed25519(seed: [u8; 32]) -> impl FnOnce(&[u8]) -> Vec<u8> {
    move |message| ed25519_pair(seed).sign(message).as_ref().to_vec()
}

/// The public key of this seed.
pub(super) fn ed25519_public(seed: [u8; 32]) -> Vec<u8> {
    ed25519_pair(seed).public_key().as_ref().to_vec()
}

fn ed25519_pair(seed: [u8; 32]) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&seed).expect("32 bytes")
}

/// An HS256 "signature" with these bytes for a secret.
pub(super) fn hs256(secret: &[u8]) -> impl FnOnce(&[u8]) -> Vec<u8> {
    move |message| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message).as_ref().to_vec()
}

/// The forms in which somebody could take an Ed25519 public key for a shared secret: raw, base64url, DER, PEM.
pub(super) fn as_secrets(public: &[u8]) -> Vec<Vec<u8>> {
    let prefix = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
    let der = [prefix.as_slice(), public].concat();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(&der));
    vec![
        public.to_vec(),
        URL_SAFE_NO_PAD.encode(public).into_bytes(),
        der,
        pem.trim_end().as_bytes().to_vec(),
        pem.into_bytes(),
    ]
}

/// Peppers by their first byte; their seeds are easy to tell.
pub(super) struct Held(pub(super) Vec<u8>);

impl Held {
    pub(super) fn seed_of(pepper: u8, period: i64) -> [u8; 32] {
        let mut seed = [pepper; 32];
        seed[..8].copy_from_slice(&period.to_be_bytes());
        seed
    }

    pub(super) fn keys(peppers: &[u8]) -> SigningKeys {
        SigningKeys::new(Self(peppers.to_vec()))
    }
}

impl Seeds for Held {
    fn ids(&self) -> Vec<[u8; 16]> {
        self.0.iter().map(|pepper| [*pepper; 16]).collect()
    }

    fn seed(&self, pepper: &[u8; 16], period: i64) -> Option<[u8; 32]> {
        self.0.contains(&pepper[0]).then(|| Self::seed_of(pepper[0], period))
    }
}
