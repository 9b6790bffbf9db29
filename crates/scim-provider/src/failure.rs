//! Why a request was not done, and the one place that turns it into an error body (RFC 7644 §3.12).

use scim_core::{ScimError, ScimType};
use scim_lifecycle::Refusal;
use scim_storage::{CommitError, StoreError};

use crate::http::Response;

/// Seconds after which a client may try again when the store is unavailable.
const RETRY_AFTER_SECONDS: &str = "5";
/// Seconds after which a client may try again when a person's decision is waited for.
const HELD_RETRY_AFTER_SECONDS: &str = "600";

/// A request that was not done.
#[derive(Debug)]
pub struct Failure {
    error: ScimError,
    headers: Vec<(&'static str, String)>,
    /// What it is called in the log, and what an administrator does about it, where that is not told by the status.
    advice: Option<(&'static str, String)>,
    /// Whether the provisioning log has it already.
    logged: bool,
}

impl Failure {
    /// A failure that is just an error body.
    pub(crate) fn new(error: ScimError) -> Self {
        Self { error, headers: Vec::new(), advice: None, logged: false }
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

    /// A rule's refusal.
    pub(crate) fn refusal(refusal: Refusal) -> Self {
        let Refusal { status, scim_type, code, detail, advice, hold: _ } = refusal;
        let failure = match (scim_type, status) {
            (Some(scim_type), _) => Self::scim(scim_type, detail),
            (None, 503) => Self::status(503, detail).with("Retry-After", HELD_RETRY_AFTER_SECONDS),
            (None, status) => Self::status(status, detail),
        };
        failure.advice(code, advice)
    }

    /// The same failure with what the log says about it.
    pub(crate) fn advice(mut self, code: &'static str, advice: impl Into<String>) -> Self {
        self.advice = Some((code, advice.into()));
        self
    }

    /// The same failure, which the provisioning log has already.
    pub(crate) fn logged(mut self) -> Self {
        self.logged = true;
        self
    }

    /// Whether the provisioning log has it already.
    pub(crate) fn is_logged(&self) -> bool {
        self.logged
    }

    /// The value of a header of the answer.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// What it is called in the log, where it has a name of its own.
    pub(crate) fn named(&self) -> Option<&'static str> {
        self.advice.as_ref().map(|(code, _)| *code)
    }

    /// What it is called in the log.
    pub(crate) fn code(&self) -> String {
        let by_status = || match self.error.status() {
            404 => "not_found".to_owned(),
            412 => "precondition_failed".to_owned(),
            503 => "unavailable".to_owned(),
            status => format!("http_{status}"),
        };
        match (&self.advice, self.error.scim_type()) {
            (Some((code, _)), _) => (*code).to_owned(),
            (None, Some(scim_type)) => scim_type.keyword().to_owned(),
            (None, None) => by_status(),
        }
    }

    /// What an administrator does about it.
    pub(crate) fn advice_text(&self) -> String {
        if let Some((_, advice)) = &self.advice {
            return advice.clone();
        }
        let advice = match (self.error.scim_type(), self.error.status()) {
            (Some(ScimType::Uniqueness), _) => {
                "Find who has the value (`rollcall account show`); give one of the two another value at the identity \
                 provider, or take the other out of scope"
            }
            (Some(ScimType::InvalidValue | ScimType::InvalidSyntax), _) => {
                "Correct the attribute named here in the identity provider's attribute mapping, or the person's value"
            }
            (Some(ScimType::Mutability), _) => {
                "Take this attribute out of the identity provider's attribute mapping; it cannot be written"
            }
            (Some(ScimType::InvalidPath | ScimType::NoTarget), _) => {
                "Correct the path in the identity provider's attribute mapping; /Schemas lists the attributes"
            }
            (_, 404) => {
                "It was deleted, or never there: restart provisioning at the identity provider, so that it looks again"
            }
            (_, 412) => "Nothing: the client reads again and tries again",
            (_, 503) => "Nothing: the client tries again",
            (_, 413) => "Let the identity provider send less in one request",
            _ => "Read the message; the server's log has more under this request's id",
        };
        advice.to_owned()
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
            scope: None,
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
        StoreError::TooLong => {
            log::warn!("a read took too long and was given up");
            Failure::unavailable(
                "This list takes too long to find; ask for less: a filter with eq on userName, externalId, emails.value \
                 or id is quick, and so is a list without filter and sort. A first search by co, sw or ew begins an index: \
                 try it again in some minutes",
            )
            .advice(
                "too_long",
                "The identity provider's filter is held against everybody; let it match by an attribute that is indexed",
            )
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
        CommitError::Claimed { attribute } => Failure::scim(
            ScimType::Uniqueness,
            format!("{attribute} is in use on this server already; use another value"),
        )
        .advice(
            "uniqueness",
            "User names are unique across the instances of this server, and this one is taken in another instance; give \
             the person another user name at the identity provider",
        ),
        CommitError::NoSeat { seats } => {
            Failure::status(403, format!("All {seats} seats of this instance are taken; nobody was changed")).advice(
                "seats",
                "Suspend or delete accounts that are not used, or give the instance more seats; the identity provider \
                 tries again by itself",
            )
        }
        CommitError::TooLarge => Failure::scim(
            ScimType::InvalidValue,
            "A value by which resources are found (userName, externalId, displayName, emails.value, a reference to somebody) is too \
             long for this server's database; shorten it to 2,000 bytes or less",
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
