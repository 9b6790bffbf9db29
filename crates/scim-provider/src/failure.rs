//! Why a request was not done, and the one place that turns it into an error body (RFC 7644 §3.12).

use scim_core::{ScimError, ScimType};
use scim_storage::{CommitError, StoreError};

use crate::http::Response;

/// Seconds after which a client may try again when the store is unavailable.
const RETRY_AFTER_SECONDS: &str = "5";

/// A request that was not done.
#[derive(Debug)]
pub struct Failure {
    error: ScimError,
    headers: Vec<(&'static str, String)>,
}

impl Failure {
    /// A failure that is just an error body.
    pub(crate) fn new(error: ScimError) -> Self {
        Self { error, headers: Vec::new() }
    }

    /// A failure with a keyword.
    pub(crate) fn scim(scim_type: ScimType, detail: impl Into<String>) -> Self {
        Self::new(ScimError::new(scim_type, detail))
    }

    /// A failure with a status alone.
    pub(crate) fn status(status: u16, detail: impl Into<String>) -> Self {
        Self::new(ScimError::status_only(status, detail))
    }

    /// 404 for a resource.
    pub(crate) fn not_found(resource_type: &str, id: &str) -> Self {
        let shown: String = id.chars().take(64).collect();
        Self::status(404, format!("{resource_type} {shown} does not exist"))
    }

    /// 503: try again.
    pub(crate) fn unavailable(detail: impl Into<String>) -> Self {
        Self::status(503, detail).with("Retry-After", RETRY_AFTER_SECONDS)
    }

    /// The same failure with one header more.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// What the client sees.
    pub(crate) fn error(&self) -> &ScimError {
        &self.error
    }
}

impl From<Failure> for Response {
    fn from(failure: Failure) -> Self {
        Self {
            status: failure.error.status(),
            headers: failure.headers,
            body: failure.error.to_json().to_string().into_bytes(),
        }
    }
}

/// For every family of scim-core's errors.
impl<E: Into<ScimError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::new(error.into())
    }
}

/// A store's read failed: the cause is logged here, once, and not shown.
pub(crate) fn store_failure(error: &StoreError) -> Failure {
    match error {
        StoreError::Unavailable { reason } => {
            log::warn!("store unavailable: {reason}");
            Failure::unavailable("The directory is not available now; try again")
        }
        StoreError::Unsupported { what } => {
            Failure::scim(ScimType::InvalidFilter, format!("This server's store does not support {what}"))
        }
        other => {
            log::error!("store failure: {other}{}", causes(other));
            Failure::status(500, "The server failed; its log has the cause under this request's id")
        }
    }
}

/// A commit was refused. `Conflict` is for the caller to retry.
pub(crate) fn commit_failure(error: CommitError) -> Failure {
    match error {
        CommitError::Conflict => Failure::unavailable(
            "Others changed the same resource at the same time, again and again; try again",
        ),
        CommitError::Duplicate { attribute } => Failure::scim(
            ScimType::Uniqueness,
            format!(
                "{attribute} is in use by another resource; use another value, or find that resource by a filter on it"
            ),
        ),
        CommitError::Store(error) => store_failure(&error),
        other => {
            log::error!("commit failure: {other}");
            Failure::status(500, "The server failed; its log has the cause under this request's id")
        }
    }
}

fn causes(error: &dyn std::error::Error) -> String {
    let mut text = String::new();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
