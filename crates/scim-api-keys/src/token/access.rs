//! Our own access tokens (RFC 9068): issuing and verifying them.
//!
//! A token says who it is for and which key it was asked for with. Whether that key is still in force is not in the token:
//! whoever accepts one reads the key's row and compares its generation with [`AccessClaims::generation`], so that a
//! revocation acts at once.

use jsonwebtoken::{Algorithm, Header as JwtHeader, encode};
use serde::Serialize;

use super::TokenError;
use super::claims::{Claims, NUMERIC_DATE, Times};
use super::jws::{Expected, Header, verify};
use super::signing::SigningKeys;

/// The longest life of an access token, in seconds, and what to issue them for.
pub const ACCESS_LIFETIME_SECONDS: i64 = 600;

/// The `typ` of an access token (RFC 9068 §2.1).
const ACCESS_TYPE: &str = "at+jwt";

/// What an access token says (RFC 9068 §2.2, and ours). Times are in seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccessClaims {
    /// Who issued it: the issuer of [`metadata`](super::metadata).
    pub iss: String,
    /// Where it is accepted: the SCIM base URL.
    pub aud: String,
    /// Whom it stands for: the id of the integration user.
    pub sub: String,
    /// The id of the key that it was asked for with.
    pub client_id: String,
    /// The id of the instance that the key belongs to.
    pub instance: String,
    /// The id of the connector that the key belongs to.
    pub connector: String,
    /// What it may do: names with spaces between them; may be empty.
    pub scope: String,
    /// The token's own id.
    pub jti: String,
    /// When it was issued.
    pub iat: i64,
    /// From when on it is valid.
    pub nbf: i64,
    /// When it ends, at most [`ACCESS_LIFETIME_SECONDS`] after it was issued.
    pub exp: i64,
    /// The key's generation when the token was issued.
    #[serde(rename = "gen")]
    pub generation: i64,
}

/// Why no access token is issued.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IssueError {
    /// There is no pepper, so no signing key.
    #[error("there is no key to sign access tokens with; configure a pepper")]
    NoKey,
    /// Nobody would accept a token of these claims.
    #[error("an access token with these claims would be refused: {0}")]
    Claims(TokenError),
    /// The key cannot sign.
    #[error("the access token could not be signed")]
    Signing,
}

impl SigningKeys {
    /// A signed access token: the JWS compact form, typ `at+jwt`, alg `EdDSA`, by the current pepper's key of the period
    /// in which it is issued.
    ///
    /// # Errors
    /// If no pepper is held, or [`SigningKeys::verify`] would refuse the token: for its times, its size, or a claim that is empty.
    pub fn issue(&self, claims: &AccessClaims) -> Result<String, IssueError> {
        let token = self.current(claims.iat, |key| {
            let mut header = JwtHeader::new(Algorithm::EdDSA);
            header.typ = Some(ACCESS_TYPE.to_owned());
            header.kid = Some(key.kid.clone());
            encode(&header, claims, &key.private).map_err(|_| IssueError::Signing)
        });
        let token = token.ok_or(IssueError::NoKey)??;
        // A token that is refused at its first use, or a signature gone wrong, is found here.
        match self.verify(&token, &claims.iss, &[&claims.aud], claims.iat) {
            Ok(_) => Ok(token),
            Err(error) => Err(IssueError::Claims(error)),
        }
    }

    /// What an access token says, if it is one of ours: signed with EdDSA by a key that [`SigningKeys::jwks`] shows, of
    /// typ `at+jwt`, from exactly this issuer, for exactly one of these audiences, with every claim there, in time and for
    /// no longer than [`ACCESS_LIFETIME_SECONDS`].
    ///
    /// # Errors
    /// [`TokenError`] says which of these is not so. No error means that the token was issued here, and nothing more: the
    /// caller compares instance, connector and generation with what the request and the key's row say.
    pub fn verify(
        &self,
        token: &str,
        issuer: &str,
        audiences: &[&str],
        now: i64,
    ) -> Result<AccessClaims, TokenError> {
        let header = Header::read(token)?;
        if !header.is_of_type(&[ACCESS_TYPE]) {
            return Err(TokenError::Type { expected: ACCESS_TYPE });
        }
        if header.algorithm != "EdDSA" {
            return Err(TokenError::Algorithm);
        }
        let expected = Expected { algorithm: Algorithm::EdDSA, issuer, audiences, subject: None };
        let kid = header.kid.as_deref().ok_or(TokenError::UnknownKey)?;
        let claims = self.find(kid, now, |key| verify(token, &key.public, &expected));
        let claims = claims.ok_or(TokenError::UnknownKey)??;
        let times = claims.times()?;
        let access = AccessClaims::read(&claims, &times)?;
        times.check(ACCESS_LIFETIME_SECONDS, now)?;
        Ok(access)
    }
}

impl AccessClaims {
    fn read(claims: &Claims, times: &Times) -> Result<Self, TokenError> {
        let text = |claim| claims.text(claim).map(ToOwned::to_owned);
        Ok(Self {
            iss: text("iss")?,
            // We issue tokens for one audience, so that a list of them is not ours.
            aud: text("aud")?,
            sub: text("sub")?,
            client_id: text("client_id")?,
            instance: text("instance")?,
            connector: text("connector")?,
            scope: claims.any_text("scope")?.to_owned(),
            jti: text("jti")?,
            iat: times.issued,
            nbf: times.not_before.ok_or(TokenError::Claim { claim: "nbf", expected: NUMERIC_DATE })?,
            exp: times.expires,
            generation: claims.integer("gen")?,
        })
    }
}
