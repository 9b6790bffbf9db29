//! Why a token is refused.

use super::{KeyProblem, LEEWAY_SECONDS, MAX_TOKEN_BYTES};

/// Why a token is refused.
///
/// The text is for the log of whoever has to repair it. It names the rule that was broken and quotes nothing of the
/// token. Whoever sent the token is told no more than that it is invalid (RFC 6750 §3.1: `invalid_token`; RFC 6749 §5.2:
/// `invalid_client`).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// Longer than [`MAX_TOKEN_BYTES`].
    #[error("the token has {bytes} bytes; at most {MAX_TOKEN_BYTES} are taken")]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
    /// Not three parts of base64url without padding, of which the first two are JSON objects (RFC 7515 §3.1).
    #[error("this is not a signed JWT: {problem}")]
    Malformed {
        /// What is wrong with its form.
        problem: &'static str,
    },
    /// The header has a member that would change how, or by which key, the token is verified.
    #[error(
        "the token's header has `{member}`, which is not accepted: keys and rules are configured, not sent"
    )]
    HeaderMember {
        /// The member's name.
        member: &'static str,
    },
    /// `typ` in the header says that this is another kind of token (RFC 8725 §3.11).
    #[error("the token's `typ` is that of another kind of token; {expected} is expected")]
    Type {
        /// What was expected.
        expected: &'static str,
    },
    /// A claim that only another kind of token has: an ID token, a logout token, a security event.
    #[error(
        "the token has the claim `{claim}`, so it is of another kind than an access token or a client assertion"
    )]
    Kind {
        /// The claim's name.
        claim: &'static str,
    },
    /// `alg` in the header is not one that is accepted from this issuer.
    #[error("the token's `alg` is not among the algorithms that are accepted from its issuer")]
    Algorithm,
    /// No key that is held goes by this `kid`; or there is no `kid`, and not exactly one key fits.
    #[error(
        "no single key of the issuer goes by the token's `kid`; if the issuer changed its keys just now, try again in a minute"
    )]
    UnknownKey,
    /// The issuer has a key of this `kid`, which may not verify this token.
    #[error("the issuer's key of the token's `kid` cannot verify it: {0}")]
    UnfitKey(KeyProblem),
    /// The issuer's keys could not be fetched, at all or for a day. Nothing is known of the token: to be answered as a
    /// failure of the server, which passes (503).
    #[error("the issuer's keys could not be fetched; look whether its JWKS URL can be reached from here")]
    KeysUnavailable,
    /// The signature is not one of the key over this header and payload.
    #[error("the token's signature is wrong")]
    Signature,
    /// A claim is missing, or is not of the type that it must have.
    #[error("the token's claim `{claim}` is missing or is not {expected}")]
    Claim {
        /// The claim's name.
        claim: &'static str,
        /// The type that it must have.
        expected: &'static str,
    },
    /// `iss` is not, byte by byte, the issuer that is expected.
    #[error("the token's `iss` is not exactly the issuer that is expected")]
    Issuer,
    /// `aud` does not have an audience that is expected.
    #[error("the token's `aud` does not name an audience that is expected")]
    Audience,
    /// `sub` is not, byte by byte, the subject that is expected.
    #[error("the token's `sub` is not exactly the subject that is expected")]
    Subject,
    /// Past `exp`.
    #[error("the token expired {seconds} seconds ago; {LEEWAY_SECONDS} are allowed for clocks that differ")]
    Expired {
        /// How long ago.
        seconds: i64,
    },
    /// Before `nbf` or `iat`.
    #[error(
        "the token's `{claim}` is {seconds} seconds from now; {LEEWAY_SECONDS} are allowed for clocks that differ"
    )]
    Early {
        /// `nbf` or `iat`.
        claim: &'static str,
        /// How far ahead.
        seconds: i64,
    },
    /// Valid for longer than such a token may be, or for no time at all.
    #[error("the token is for {seconds} seconds from `iat` to `exp`; it must be for 1 to {most}")]
    Lifetime {
        /// From `iat` to `exp`.
        seconds: i64,
        /// The most.
        most: i64,
    },
}

impl TokenError {
    /// Whether the token was good once: all that was looked at before is right, and `exp` is past.
    #[must_use]
    pub const fn is_expired(&self) -> bool {
        matches!(self, Self::Expired { .. })
    }

    /// Whether only time is wrong: the token is past `exp`, or before `nbf` or `iat`. Often a clock is.
    #[must_use]
    pub const fn is_about_time(&self) -> bool {
        matches!(self, Self::Expired { .. } | Self::Early { .. })
    }

    /// Whether the token may be right, and only the issuer's keys are not to be had.
    #[must_use]
    pub const fn is_unavailable(&self) -> bool {
        matches!(self, Self::KeysUnavailable)
    }

    pub(super) const fn malformed(problem: &'static str) -> Self {
        Self::Malformed { problem }
    }
}
