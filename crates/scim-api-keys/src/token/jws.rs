//! The form of a signed JWT (RFC 7515 §3.1), its header, and its signature.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{DecodingKey, Validation, decode};
use serde_json::{Map, Value};

use super::claims::{Claims, NUMERIC_DATE, STRING, STRINGS};
use super::json::Object;
use super::{MAX_TOKEN_BYTES, TokenError};

/// Members of a header by which a sender would choose the key, the rules or the encoding (RFC 7515 §4.1, RFC 7797,
/// RFC 7516). None is needed from anybody.
const REFUSED_MEMBERS: &[&str] = &["jku", "jwk", "x5u", "x5c", "crit", "b64", "enc", "zip"];

/// The most bytes of a `kid`. Those of identity providers have 27 to 64.
const MAX_KID_BYTES: usize = 512;

/// What is said of a payload that cannot be read. `jsonwebtoken` reads it too, and a list for a date is no JSON to it.
pub(super) const PAYLOAD: &str =
    "its payload is not a JSON object without repeated names and with registered claims of their types";

/// What a token's header says. Nothing of it is true before the signature is verified.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) algorithm: String,
    pub(super) kid: Option<String>,
    typ: Option<String>,
}

impl Header {
    /// The header of a token that has the form of one.
    pub(super) fn read(token: &str) -> Result<Self, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::TooLong { bytes: token.len() });
        }
        let mut parts = token.split('.');
        let (Some(header), Some(_), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TokenError::malformed("it does not have three parts"));
        };
        if signature.is_empty() {
            return Err(TokenError::malformed("it has no signature"));
        }
        let header = URL_SAFE_NO_PAD
            .decode(header)
            .map_err(|_| TokenError::malformed("its header is not base64url without padding"))?;
        let Object(members) = serde_json::from_slice(&header)
            .map_err(|_| TokenError::malformed("its header is not a JSON object without repeated names"))?;
        if let Some(member) = REFUSED_MEMBERS.iter().find(|member| members.contains_key(**member)) {
            return Err(TokenError::HeaderMember { member });
        }
        let algorithm =
            text(&members, "alg")?.ok_or(TokenError::malformed("its header does not say `alg`"))?;
        let kid = text(&members, "kid")?;
        if kid.as_ref().is_some_and(|kid| kid.len() > MAX_KID_BYTES) {
            return Err(TokenError::malformed("its `kid` is too long"));
        }
        Ok(Self { algorithm, kid, typ: text(&members, "typ")? })
    }

    /// Whether `typ` is one of these media types, letter case and a leading `application/` aside (RFC 7515 §4.1.9).
    pub(super) fn is_of_type(&self, types: &[&str]) -> bool {
        self.typ.as_deref().is_some_and(|typ| {
            let bare = match typ.split_at_checked("application/".len()) {
                Some((head, rest)) if head.eq_ignore_ascii_case("application/") => rest,
                _ => typ,
            };
            types.iter().any(|expected| bare.eq_ignore_ascii_case(expected))
        })
    }

    /// Whether there is no `typ`.
    pub(super) const fn is_untyped(&self) -> bool {
        self.typ.is_none()
    }
}

/// A member of a header that is a text where it is there.
fn text(members: &Map<String, Value>, name: &str) -> Result<Option<String>, TokenError> {
    match members.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(TokenError::malformed("its `alg`, `kid` or `typ` is not a text")),
    }
}

/// Who a token must be from, for and about.
pub(super) struct Expected<'a> {
    pub(super) algorithm: jsonwebtoken::Algorithm,
    pub(super) issuer: &'a str,
    /// One of these must be in `aud`.
    pub(super) audiences: &'a [&'a str],
    /// Anybody if `None`.
    pub(super) subject: Option<&'a str>,
}

/// The claims of a token whose signature is the key's, by the one algorithm, and whose `iss`, `aud` and `sub` are the
/// expected ones. Its times are not looked at: `jsonwebtoken` would ask the system's clock.
pub(super) fn verify(token: &str, key: &DecodingKey, expected: &Expected<'_>) -> Result<Claims, TokenError> {
    let mut validation = Validation::new(expected.algorithm);
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.leeway = 0;
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    validation.set_issuer(&[expected.issuer]);
    validation.set_audience(expected.audiences);
    validation.sub = expected.subject.map(ToOwned::to_owned);
    let Object(members) = decode(token, key, &validation).map_err(|error| reason(error.kind()))?.claims;
    let claims = Claims::new(members);
    // `jsonwebtoken` takes a list of issuers for one that has ours.
    if claims.text("iss")? != expected.issuer {
        return Err(TokenError::Issuer);
    }
    Ok(claims)
}

fn reason(kind: &ErrorKind) -> TokenError {
    match kind {
        ErrorKind::InvalidIssuer => TokenError::Issuer,
        ErrorKind::InvalidAudience => TokenError::Audience,
        ErrorKind::InvalidSubject => TokenError::Subject,
        ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName | ErrorKind::UnsupportedAlgorithm => {
            TokenError::Algorithm
        }
        ErrorKind::MissingRequiredClaim(claim) => match claim.as_str() {
            "iss" => TokenError::Claim { claim: "iss", expected: STRING },
            "sub" => TokenError::Claim { claim: "sub", expected: STRING },
            "aud" => TokenError::Claim { claim: "aud", expected: STRINGS },
            _ => TokenError::Claim { claim: "exp", expected: NUMERIC_DATE },
        },
        ErrorKind::Base64(_) => TokenError::malformed("a part of it is not base64url without padding"),
        ErrorKind::Json(_) | ErrorKind::Utf8(_) => TokenError::malformed(PAYLOAD),
        ErrorKind::InvalidToken => TokenError::malformed("it does not have three parts"),
        // Also what says that the key itself cannot be used: nothing was proved.
        _ => TokenError::Signature,
    }
}
