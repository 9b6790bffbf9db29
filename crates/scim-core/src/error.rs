//! The protocol's errors (RFC 7644 §3.12, RFC 9865 §2.1): the table of `scimType` keywords, and the one error value that
//! becomes an error body.
//!
//! Families of operations have errors of their own ([`crate::path::PathError`] and so on); each turns into a
//! [`ScimError`] by `From`, so that the edge builds bodies in one place.

use std::fmt;

use serde_json::{Value, json};

/// URN of the error message (RFC 7644 §3.12).
pub const ERROR_URN: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

/// The detail error keywords of RFC 7644 §3.12 table 9 and RFC 9865 §2.1 table 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ScimType {
    /// The filter's syntax is wrong, or the attribute and comparison do not go together.
    InvalidFilter,
    /// The filter gives more results than the server will process.
    TooMany,
    /// An attribute's value is already in use or reserved.
    Uniqueness,
    /// The change is not compatible with the attribute's mutability or the present state.
    Mutability,
    /// The body's structure is not valid or does not follow the request's schema.
    InvalidSyntax,
    /// The `path` is not valid or malformed.
    InvalidPath,
    /// The `path` gives no attribute or value that could be operated on.
    NoTarget,
    /// A required value is missing, or a value does not go with the attribute's type or schema.
    InvalidValue,
    /// The SCIM protocol version is not supported.
    InvalidVers,
    /// The request would put sensitive information into a URI (RFC 7644 §7.5.2; status 403 by erratum 6893).
    Sensitive,
    /// The cursor is not valid (RFC 9865 §2.1).
    InvalidCursor,
    /// The cursor has expired (RFC 9865 §2.1).
    ExpiredCursor,
    /// The count is not valid, or not that of the initial query (RFC 9865 §2.1).
    InvalidCount,
}

impl ScimType {
    /// Every keyword, for tables and tests.
    pub const ALL: [Self; 13] = [
        Self::InvalidFilter,
        Self::TooMany,
        Self::Uniqueness,
        Self::Mutability,
        Self::InvalidSyntax,
        Self::InvalidPath,
        Self::NoTarget,
        Self::InvalidValue,
        Self::InvalidVers,
        Self::Sensitive,
        Self::InvalidCursor,
        Self::ExpiredCursor,
        Self::InvalidCount,
    ];

    /// The keyword as it stands in `scimType`.
    #[must_use]
    pub const fn keyword(self) -> &'static str {
        match self {
            Self::InvalidFilter => "invalidFilter",
            Self::TooMany => "tooMany",
            Self::Uniqueness => "uniqueness",
            Self::Mutability => "mutability",
            Self::InvalidSyntax => "invalidSyntax",
            Self::InvalidPath => "invalidPath",
            Self::NoTarget => "noTarget",
            Self::InvalidValue => "invalidValue",
            Self::InvalidVers => "invalidVers",
            Self::Sensitive => "sensitive",
            Self::InvalidCursor => "invalidCursor",
            Self::ExpiredCursor => "expiredCursor",
            Self::InvalidCount => "invalidCount",
        }
    }

    /// The HTTP status that goes with the keyword.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Uniqueness => 409,
            Self::Sensitive => 403,
            _ => 400,
        }
    }
}

/// A SCIM error: what a client sees. `detail` says what to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScimError {
    status: u16,
    scim_type: Option<ScimType>,
    detail: String,
}

impl ScimError {
    /// An error with a keyword; the status follows from it.
    #[must_use]
    pub fn new(scim_type: ScimType, detail: impl Into<String>) -> Self {
        Self { status: scim_type.status(), scim_type: Some(scim_type), detail: detail.into() }
    }

    /// An error that has a status but no keyword (401, 403, 404, 405, 412, 413, 415, 500, 501, 503 …).
    #[must_use]
    pub fn status_only(status: u16, detail: impl Into<String>) -> Self {
        Self { status, scim_type: None, detail: detail.into() }
    }

    /// The HTTP status code.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// The keyword, where RFC 7644 §3.12 has one for this error.
    #[must_use]
    pub const fn scim_type(&self) -> Option<ScimType> {
        self.scim_type
    }

    /// The text for people.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The error's JSON body (RFC 7644 §3.12); `status` is a string there.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut body = json!({ "schemas": [ERROR_URN], "status": self.status.to_string() });
        if let Some(map) = body.as_object_mut() {
            if let Some(scim_type) = self.scim_type {
                map.insert("scimType".into(), scim_type.keyword().into());
            }
            map.insert("detail".into(), self.detail.clone().into());
        }
        body
    }
}

impl fmt::Display for ScimError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.scim_type {
            Some(scim_type) => write!(f, "{} {}: {}", self.status, scim_type.keyword(), self.detail),
            None => write!(f, "{}: {}", self.status, self.detail),
        }
    }
}

impl std::error::Error for ScimError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_are_distinct_and_statuses_follow_the_rfc() {
        let mut seen = std::collections::HashSet::new();
        for scim_type in ScimType::ALL {
            assert!(seen.insert(scim_type.keyword()));
            let body = ScimError::new(scim_type, "x").to_json();
            assert_eq!(body["scimType"], scim_type.keyword());
            assert_eq!(body["status"], scim_type.status().to_string());
        }
        assert_eq!(ScimType::Uniqueness.status(), 409);
        assert_eq!(ScimType::Sensitive.status(), 403);
    }

    #[test]
    fn an_error_without_keyword_has_no_scim_type() {
        assert!(ScimError::status_only(404, "gone").to_json().get("scimType").is_none());
    }
}
