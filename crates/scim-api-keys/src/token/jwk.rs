//! Public keys of others: JWK (RFC 7517, RFC 7518 §6, RFC 8037 §2), and sets of them.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use serde_json::{Map, Value};

use super::json::Object;
use super::{Algorithm, TokenError};

/// The most bytes of a key set.
pub const MAX_JWKS_BYTES: usize = 64 * 1024;

/// The most keys of a set.
pub const MAX_JWKS_KEYS: usize = 100;

/// The bits of an RSA modulus: fewer are weak, more take long to compute with.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// Why a key set cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JwksError {
    /// More than [`MAX_JWKS_BYTES`].
    #[error("the key set has {bytes} bytes; at most {MAX_JWKS_BYTES} are taken")]
    TooLong {
        /// How many there are.
        bytes: usize,
    },
    /// Not a JSON object with a list `keys` of objects, or a name is repeated in it.
    #[error("the answer is not a JWK set: a JSON object whose `keys` is a list of objects (RFC 7517 §5)")]
    Malformed,
    /// More than [`MAX_JWKS_KEYS`].
    #[error("the key set has {keys} keys; at most {MAX_JWKS_KEYS} are taken")]
    TooMany {
        /// How many there are.
        keys: usize,
    },
}

/// Why a key of a set does not verify a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyProblem {
    /// A kind of key that is not accepted: a shared secret, another curve.
    #[error("its `kty` and `crv` are not RSA, EC with P-256 or P-384, or OKP with Ed25519")]
    Kind,
    /// `use` or `key_ops` are not about verifying signatures.
    #[error("its `use` or `key_ops` do not say that it verifies signatures")]
    Use,
    /// A key for other algorithms than the token's.
    #[error("its `kty`, `crv` or `alg` does not fit the token's `alg`")]
    Algorithm,
    /// An RSA key that is too short or too long.
    #[error("its RSA modulus does not have {} to {} bits", RSA_BITS.start(), RSA_BITS.end())]
    RsaSize,
    /// Members are missing, or are not what a key of its kind has.
    #[error("its members are not those of a key of its kind")]
    Form,
    /// The private key stands in the set, so anybody can sign with it.
    #[error("its private part is published; the issuer must replace it")]
    Private,
}

/// A public key that verifies signatures.
#[derive(Clone)]
pub struct PublicKey {
    shape: Shape,
    /// The one algorithm it is for, if it says so.
    only: Option<Algorithm>,
    key: DecodingKey,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Rsa,
    P256,
    P384,
    Ed25519,
}

/// A JWK set: the keys that an issuer publishes.
#[derive(Clone, Debug)]
pub struct JwkSet {
    keys: Vec<Published>,
}

/// A key as it stands in a set.
#[derive(Clone, Debug)]
struct Published {
    kid: Option<String>,
    key: Result<Arc<PublicKey>, KeyProblem>,
}

impl JwkSet {
    /// The set of this JSON text. Keys that cannot be used stay unused (RFC 7517 §5); a token by one of them is told why.
    /// A set without any key is a set: the issuer took its keys back.
    ///
    /// # Errors
    /// If it is not a JWK set, or beyond the bounds.
    pub fn parse(json: &[u8]) -> Result<Self, JwksError> {
        if json.len() > MAX_JWKS_BYTES {
            return Err(JwksError::TooLong { bytes: json.len() });
        }
        let Object(mut members) = serde_json::from_slice(json).map_err(|_| JwksError::Malformed)?;
        let Some(Value::Array(keys)) = members.remove("keys") else { return Err(JwksError::Malformed) };
        if keys.len() > MAX_JWKS_KEYS {
            return Err(JwksError::TooMany { keys: keys.len() });
        }
        let read = |key: &Value| {
            let members = key.as_object().ok_or(JwksError::Malformed)?;
            let kid = members.get("kid").and_then(Value::as_str).map(ToOwned::to_owned);
            Ok(Published { kid, key: PublicKey::read(members).map(Arc::new) })
        };
        Ok(Self { keys: keys.iter().map(read).collect::<Result<_, _>>()? })
    }

    /// The key for a token of this `kid` and algorithm: the one of that name that fits; for a token without a `kid`, the
    /// only one of the set that fits.
    ///
    /// # Errors
    /// [`TokenError::UnknownKey`], or [`TokenError::UnfitKey`] if there is one of that name, which may not verify this.
    pub fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<Arc<PublicKey>, TokenError> {
        let mut problem = None;
        let mut found = None;
        for Published { key, .. } in self.keys.iter().filter(|key| kid.is_none() || kid == key.kid.as_deref())
        {
            match key.as_ref().map_err(|problem| *problem).and_then(|key| key.fits(algorithm).map(|()| key)) {
                // Two that fit: neither is more right than the other.
                Ok(_) if found.is_some() => return Err(TokenError::UnknownKey),
                Ok(key) => found = Some(Arc::clone(key)),
                Err(other) => problem = problem.or(kid.and(Some(other))),
            }
        }
        found.ok_or_else(|| problem.map_or(TokenError::UnknownKey, TokenError::UnfitKey))
    }
}

impl PublicKey {
    fn read(jwk: &Map<String, Value>) -> Result<Self, KeyProblem> {
        if optional_text(jwk, "use")?.is_some_and(|purpose| purpose != "sig") {
            return Err(KeyProblem::Use);
        }
        match jwk.get("key_ops") {
            None => {}
            Some(Value::Array(operations)) if operations.iter().any(|operation| operation == "verify") => {}
            Some(_) => return Err(KeyProblem::Use),
        }
        let only = match optional_text(jwk, "alg")? {
            // Also one of HMAC, or of encryption.
            Some(name) => Some(name.parse().map_err(|_| KeyProblem::Algorithm)?),
            None => None,
        };
        let kind = (optional_text(jwk, "kty")?, optional_text(jwk, "crv")?);
        if matches!(kind.0, Some("RSA" | "EC" | "OKP")) && jwk.contains_key("d") {
            return Err(KeyProblem::Private);
        }
        let (shape, key) = match kind {
            (Some("RSA"), _) => (Shape::Rsa, rsa(jwk)?),
            (Some("EC"), Some("P-256")) => (Shape::P256, point(jwk, 32)?),
            (Some("EC"), Some("P-384")) => (Shape::P384, point(jwk, 48)?),
            (Some("OKP"), Some("Ed25519")) => {
                (Shape::Ed25519, DecodingKey::from_ed_der(&exactly(jwk, "x", 32)?))
            }
            _ => return Err(KeyProblem::Kind),
        };
        Ok(Self { shape, only, key })
    }

    /// Whether it verifies signatures of this algorithm.
    fn fits(&self, algorithm: Algorithm) -> Result<(), KeyProblem> {
        let shape = match algorithm {
            Algorithm::Rs256
            | Algorithm::Rs384
            | Algorithm::Rs512
            | Algorithm::Ps256
            | Algorithm::Ps384
            | Algorithm::Ps512 => Shape::Rsa,
            Algorithm::Es256 => Shape::P256,
            Algorithm::Es384 => Shape::P384,
            Algorithm::EdDsa => Shape::Ed25519,
        };
        if shape == self.shape && self.only.is_none_or(|only| only == algorithm) {
            Ok(())
        } else {
            Err(KeyProblem::Algorithm)
        }
    }

    /// The key for the library, if it verifies signatures of this algorithm.
    pub(super) fn verifier(&self, algorithm: Algorithm) -> Result<&DecodingKey, TokenError> {
        self.fits(algorithm).map_err(TokenError::UnfitKey)?;
        Ok(&self.key)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicKey")
            .field("shape", &self.shape)
            .field("only", &self.only)
            .finish_non_exhaustive()
    }
}

fn rsa(jwk: &Map<String, Value>) -> Result<DecodingKey, KeyProblem> {
    let (modulus, exponent) = (bytes(jwk, "n")?, bytes(jwk, "e")?);
    let (modulus, exponent) = (without_zeros(&modulus), without_zeros(&exponent));
    if !RSA_BITS.contains(&bits(modulus)) {
        return Err(KeyProblem::RsaSize);
    }
    // With an exponent of 1 everybody signs. Those in use are 3 and 65537.
    let odd = exponent.last().is_some_and(|last| last % 2 == 1);
    if !odd || !(2..=32).contains(&bits(exponent)) {
        return Err(KeyProblem::Form);
    }
    Ok(DecodingKey::from_rsa_raw_components(modulus, exponent))
}

/// A point of a curve, uncompressed (SEC 1 §2.3.3). Whether it is on the curve is asked when it verifies.
fn point(jwk: &Map<String, Value>, size: usize) -> Result<DecodingKey, KeyProblem> {
    let (x, y) = (exactly(jwk, "x", size)?, exactly(jwk, "y", size)?);
    Ok(DecodingKey::from_ec_der(&[[4].as_slice(), &x, &y].concat()))
}

fn exactly(jwk: &Map<String, Value>, member: &str, size: usize) -> Result<Vec<u8>, KeyProblem> {
    bytes(jwk, member).and_then(|bytes| if bytes.len() == size { Ok(bytes) } else { Err(KeyProblem::Form) })
}

fn bytes(jwk: &Map<String, Value>, member: &str) -> Result<Vec<u8>, KeyProblem> {
    let text = optional_text(jwk, member)?.ok_or(KeyProblem::Form)?;
    URL_SAFE_NO_PAD.decode(text).map_err(|_| KeyProblem::Form)
}

fn optional_text<'a>(jwk: &'a Map<String, Value>, member: &str) -> Result<Option<&'a str>, KeyProblem> {
    match jwk.get(member) {
        None => Ok(None),
        Some(value) => value.as_str().map(Some).ok_or(KeyProblem::Form),
    }
}

fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

/// The length of a big-endian number without leading zero bytes.
fn bits(number: &[u8]) -> usize {
    let head = number.first().map_or(0, |first| first.leading_zeros() as usize);
    number.len().saturating_mul(8).saturating_sub(head)
}
