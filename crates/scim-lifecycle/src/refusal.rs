//! Why something is not done, for the client and for the log.

use scim_core::ScimType;
use scim_directory::{HeldChange, LogError};

/// Something that is not done.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// The status of the answer.
    pub status: u16,
    /// The keyword of the answer (RFC 7644 §3.12), where there is one.
    pub scim_type: Option<ScimType>,
    /// What it is called in the log; stays as it is.
    pub code: &'static str,
    /// What the client is told.
    pub detail: String,
    /// What an administrator does about it.
    pub advice: String,
    /// What is to be listed as held, where the guard refused it for the first time.
    pub hold: Option<Box<HeldChange>>,
}

impl Refusal {
    /// A value that cannot be taken: 400 `invalidValue`.
    #[must_use]
    pub fn value(code: &'static str, detail: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(400, Some(ScimType::InvalidValue), code, detail, advice)
    }

    /// A name that somebody has: 409 `uniqueness`.
    #[must_use]
    pub fn taken(detail: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(409, Some(ScimType::Uniqueness), "uniqueness", detail, advice)
    }

    /// Something that the caller may not do: 403.
    #[must_use]
    pub fn forbidden(code: &'static str, detail: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(403, None, code, detail, advice)
    }

    /// Something that may be done later: 503.
    #[must_use]
    pub fn later(code: &'static str, detail: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(503, None, code, detail, advice)
    }

    fn new(
        status: u16,
        scim_type: Option<ScimType>,
        code: &'static str,
        detail: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self { status, scim_type, code, detail: detail.into(), advice: advice.into(), hold: None }
    }

    /// As the log has it.
    #[must_use]
    pub fn log_error(&self) -> LogError {
        LogError { code: self.code.to_owned(), message: self.detail.clone(), advice: self.advice.clone() }
    }
}
