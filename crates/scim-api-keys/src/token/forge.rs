//! For tests: tokens of any header and payload, signed with anything.

use std::sync::OnceLock;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512, RsaEncoding, RsaKeyPair, RsaPublicKeyComponents,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use serde_json::{Value, json};

use super::{Algorithm, Seeds, SigningKeys};

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

/// The seed of the trusted issuer's Ed25519 key.
pub(super) const ISSUER_SEED: [u8; 32] = [5; 32];

/// The keys of the issuer that tests trust: one of each kind, made once.
struct IssuerKeys {
    rsa: RsaKeyPair,
    p256: EcdsaKeyPair,
    p384: EcdsaKeyPair,
}

fn issuer() -> &'static IssuerKeys {
    static KEYS: OnceLock<IssuerKeys> = OnceLock::new();
    KEYS.get_or_init(|| IssuerKeys {
        rsa: RsaKeyPair::generate(KeySize::Rsa2048).expect("a key"),
        p256: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key"),
        p384: EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).expect("a key"),
    })
}

/// A signature of the trusted issuer.
pub(super) fn issued(algorithm: Algorithm) -> impl FnOnce(&[u8]) -> Vec<u8> {
    let random = SystemRandom::new();
    move |message| match algorithm {
        Algorithm::Rs256 => rsa(&RSA_PKCS1_SHA256, message),
        Algorithm::Rs384 => rsa(&RSA_PKCS1_SHA384, message),
        Algorithm::Rs512 => rsa(&RSA_PKCS1_SHA512, message),
        Algorithm::Ps256 => rsa(&RSA_PSS_SHA256, message),
        Algorithm::Ps384 => rsa(&RSA_PSS_SHA384, message),
        Algorithm::Ps512 => rsa(&RSA_PSS_SHA512, message),
        Algorithm::Es256 => issuer().p256.sign(&random, message).expect("signs").as_ref().to_vec(),
        Algorithm::Es384 => issuer().p384.sign(&random, message).expect("signs").as_ref().to_vec(),
        Algorithm::EdDsa => ed25519(ISSUER_SEED)(message),
    }
}

fn rsa(encoding: &'static dyn RsaEncoding, message: &[u8]) -> Vec<u8> {
    let mut signature = vec![0; issuer().rsa.public_modulus_len()];
    issuer().rsa.sign(encoding, &SystemRandom::new(), message, &mut signature).expect("signs");
    signature
}

/// The trusted issuer's public key for an algorithm, without `kid`, `use` and `alg`.
pub(super) fn jwk(algorithm: Algorithm) -> Value {
    let point = |crv: &str, key: &EcdsaKeyPair| {
        let (x, y) = key.public_key().as_ref()[1..].split_at(key.public_key().as_ref().len() / 2);
        json!({"kty": "EC", "crv": crv, "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y)})
    };
    match algorithm {
        Algorithm::Es256 => point("P-256", &issuer().p256),
        Algorithm::Es384 => point("P-384", &issuer().p384),
        Algorithm::EdDsa => {
            json!({"kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(ed25519_public(ISSUER_SEED))})
        }
        _ => {
            let public = RsaPublicKeyComponents::<Vec<u8>>::from(issuer().rsa.public_key());
            json!({"kty": "RSA", "n": URL_SAFE_NO_PAD.encode(public.n), "e": URL_SAFE_NO_PAD.encode(public.e)})
        }
    }
}

/// The forms in which somebody could take the issuer's RSA public key for a shared secret: PKCS#1, SPKI, PEM.
pub(super) fn rsa_as_secrets() -> Vec<Vec<u8>> {
    let public = issuer().rsa.public_key();
    let spki = public.as_der().expect("DER").as_ref().to_vec();
    let lines: Vec<String> = STANDARD
        .encode(&spki)
        .as_bytes()
        .chunks(64)
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"));
    vec![public.as_ref().to_vec(), spki, pem.trim_end().as_bytes().to_vec(), pem.into_bytes()]
}

/// `value` with other members; null takes one away.
pub(super) fn with(mut value: Value, changes: Value) -> Value {
    let Value::Object(changes) = changes else { panic!("an object") };
    for (name, change) in changes {
        let members = value.as_object_mut().expect("an object");
        if change.is_null() {
            members.remove(&name);
        } else {
            members.insert(name, change);
        }
    }
    value
}
