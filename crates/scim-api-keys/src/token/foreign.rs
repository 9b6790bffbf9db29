//! Tokens of an issuer that a connector trusts: as bearer tokens, and as client assertions (RFC 7523).

use super::claims::Claims;
use super::jwk::PublicKey;
use super::jwks::{JwksCache, Lookup};
use super::jws::{Expected, Header, verify};
use super::{Algorithm, TokenError};

/// The longest life of another issuer's token, from `iat` to `exp`, in seconds: 24 hours.
pub const FOREIGN_LIFETIME_SECONDS: i64 = 24 * 60 * 60;

/// Claims that an access token or a client assertion does not have: of ID tokens (OpenID Connect Core §2, §3.3.2.11), and
/// of logout tokens and other security events (RFC 8417 §2.2). An issuer signs all of them with the same keys.
const CLAIMS_OF_OTHERS: &[&str] = &["nonce", "at_hash", "c_hash", "events"];

/// An issuer whose tokens a connector accepts, and the one subject that they must be about.
#[derive(Clone, Copy, Debug)]
pub struct TrustedIssuer<'a> {
    /// `iss`, byte by byte: with or without the slash at the end, as the issuer writes it.
    pub issuer: &'a str,
    /// What `aud` must be, or have among others.
    pub audience: &'a str,
    /// `sub`, byte by byte.
    pub subject: &'a str,
    /// What its tokens may be signed with.
    pub algorithms: &'a [Algorithm],
}

/// What a token is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Sent with a SCIM request (RFC 6750).
    Bearer,
    /// Sent to the token endpoint in place of a client secret (RFC 7523 §2.2).
    ClientAssertion,
}

/// What is known of a token that was accepted, beside what it had to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignClaims {
    /// `jti`, if it has one: whoever accepts a token once keeps it.
    pub jti: Option<String>,
    /// When it was issued, in seconds since 1970.
    pub iat: i64,
    /// When it ends, in seconds since 1970.
    pub exp: i64,
}

/// What looking at a token came to.
#[derive(Clone, Debug)]
pub enum Verification {
    /// It is right.
    Accepted(ForeignClaims),
    /// Fetch the issuer's keys, give them to [`JwksCache::keep`], and look again, whether or not it worked.
    Fetch,
    /// It is refused.
    Refused(TokenError),
}

impl Purpose {
    /// The `typ`s that say this or nothing: RFC 9068 §2.1; RFC 7519 §5.1; and what the revision of RFC 7523 gives
    /// assertions. Most issuers write `JWT`, or nothing.
    const fn types(self) -> &'static [&'static str] {
        match self {
            Self::Bearer => &["JWT", "at+jwt"],
            Self::ClientAssertion => &["JWT", "client-authentication+jwt"],
        }
    }
}

impl TrustedIssuer<'_> {
    /// Looks at a token with the keys that are remembered of `jwks_uri`. `now` is in seconds since 1970.
    ///
    /// Answers [`Verification::Fetch`] at most once a minute for a URL, so that a caller who fetches and looks again ends.
    #[must_use]
    pub fn verify(
        &self,
        token: &str,
        purpose: Purpose,
        keys: &JwksCache,
        jwks_uri: &str,
        now: i64,
    ) -> Verification {
        let looked = self.read(token, purpose).and_then(|(kid, algorithm)| {
            match keys.lookup(jwks_uri, kid.as_deref(), algorithm, now) {
                Lookup::Found(key) => self.claims(token, algorithm, &key, now).map(Verification::Accepted),
                Lookup::Refresh => Ok(Verification::Fetch),
                Lookup::Refused(error) => Err(error),
            }
        });
        looked.unwrap_or_else(Verification::Refused)
    }

    /// Looks at a token with this key of the issuer.
    ///
    /// # Errors
    /// [`TokenError`] says what is wrong with it.
    pub fn verify_with(
        &self,
        token: &str,
        purpose: Purpose,
        key: &PublicKey,
        now: i64,
    ) -> Result<ForeignClaims, TokenError> {
        let (_, algorithm) = self.read(token, purpose)?;
        self.claims(token, algorithm, key, now)
    }

    /// What the header says, as far as it says nothing wrong.
    fn read(&self, token: &str, purpose: Purpose) -> Result<(Option<String>, Algorithm), TokenError> {
        let header = Header::read(token)?;
        if !header.is_untyped() && !header.is_of_type(purpose.types()) {
            let expected = match purpose {
                Purpose::Bearer => "at+jwt, JWT or none",
                Purpose::ClientAssertion => "client-authentication+jwt, JWT or none",
            };
            return Err(TokenError::Type { expected });
        }
        let algorithm = header.algorithm.parse().map_err(|_| TokenError::Algorithm)?;
        if !self.algorithms.contains(&algorithm) {
            return Err(TokenError::Algorithm);
        }
        Ok((header.kid, algorithm))
    }

    fn claims(
        &self,
        token: &str,
        algorithm: Algorithm,
        key: &PublicKey,
        now: i64,
    ) -> Result<ForeignClaims, TokenError> {
        let expected = Expected {
            algorithm: algorithm.of_library(),
            issuer: self.issuer,
            audiences: &[self.audience],
            subject: Some(self.subject),
        };
        let claims: Claims = verify(token, key.verifier(algorithm)?, &expected)?;
        if let Some(claim) = CLAIMS_OF_OTHERS.iter().find(|claim| claims.has(claim)) {
            return Err(TokenError::Kind { claim });
        }
        let times = claims.times()?;
        let jti = claims.text_if_any("jti")?.map(ToOwned::to_owned);
        times.check(FOREIGN_LIFETIME_SECONDS, now)?;
        Ok(ForeignClaims { jti, iat: times.issued, exp: times.expires })
    }
}
