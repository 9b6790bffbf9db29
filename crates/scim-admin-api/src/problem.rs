//! What went wrong, as problem details (RFC 9457): one shape for every error of the API.

use scim_provider::Response;
use scim_provider::admin::AdminError;
use scim_storage::StoreError;
use serde::Serialize;
use utoipa::ToSchema;

/// The media type of errors (RFC 9457 §3).
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// The most wrong members that one answer names.
const MAX_ERRORS: usize = 100;

/// An error as it is shown: problem details (RFC 9457 §3) with a word that stays as it is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem, example = json!({
    "type": "urn:rollcall:problem:invalid", "title": "The request is not valid", "status": 422,
    "detail": "connectors need a name", "code": "invalid", "request_id": "0198d9a2-7c3a-7000-8000-0123456789ab"
}))]
pub(crate) struct Shown {
    /// `urn:rollcall:problem:` and the code.
    #[serde(rename = "type")]
    kind: String,
    /// What kind of error it is, in words.
    title: &'static str,
    /// The status code.
    status: u16,
    /// What is wrong with this request, and what to do about it.
    detail: String,
    /// A word that stays as it is, for programs.
    code: &'static str,
    /// The request's id, under which the server's log has more.
    request_id: String,
    /// The members that are wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<WrongMember>,
}

/// A member of the body, or a parameter, that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct WrongMember {
    /// A JSON pointer into the body (RFC 6901), or the name of a parameter.
    pub(crate) pointer: String,
    /// What is wrong with it.
    pub(crate) detail: String,
}

/// Kinds of errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    /// 400: not HTTP or JSON that can be read.
    Malformed,
    /// 401: no key, or none that opens this API.
    Unauthorized,
    /// 403: the key's role does not allow it.
    Forbidden,
    /// 404: not there, or not there for this key.
    NotFound,
    /// 405: the path has no such method.
    MethodNotAllowed,
    /// 408: it was not sent in time.
    TimedOut,
    /// 409: it is in the way of something that is there.
    Conflict,
    /// 409: the first request with this `Idempotency-Key` is being worked on, or its answer was lost.
    InProgress,
    /// 412: it changed since the client read it.
    PreconditionFailed,
    /// 413: the body is too large.
    TooLarge,
    /// 414: path and query are too long.
    TargetTooLong,
    /// 415: a body of another media type.
    UnsupportedMediaType,
    /// 422: read and understood, but not valid.
    Invalid,
    /// 422: the `Idempotency-Key` came with another request before.
    KeyReused,
    /// 431: the header fields are too long.
    HeadersTooLarge,
    /// 500: a fault of the server.
    Internal,
    /// 503: not now.
    Unavailable,
}

impl Code {
    /// All of them, by status.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 17] = [
        Self::Malformed,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::TimedOut,
        Self::Conflict,
        Self::InProgress,
        Self::PreconditionFailed,
        Self::TooLarge,
        Self::TargetTooLong,
        Self::UnsupportedMediaType,
        Self::Invalid,
        Self::KeyReused,
        Self::HeadersTooLarge,
        Self::Internal,
        Self::Unavailable,
    ];

    /// Status, word and title.
    pub(crate) const fn parts(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::Malformed => (400, "malformed", "The request cannot be read"),
            Self::Unauthorized => (401, "unauthorized", "An admin key is needed"),
            Self::Forbidden => (403, "forbidden", "The key's role does not allow it"),
            Self::NotFound => (404, "not_found", "It is not there"),
            Self::MethodNotAllowed => (405, "method_not_allowed", "The path has no such method"),
            Self::TimedOut => (408, "timed_out", "The request was not sent in time"),
            Self::Conflict => (409, "conflict", "Something that is there is in the way"),
            Self::InProgress => (409, "in_progress", "The first request is not answered"),
            Self::PreconditionFailed => (412, "precondition_failed", "It changed since it was read"),
            Self::TooLarge => (413, "too_large", "The body is too large"),
            Self::TargetTooLong => (414, "target_too_long", "Path and query are too long"),
            Self::UnsupportedMediaType => (415, "unsupported_media_type", "The body has another media type"),
            Self::Invalid => (422, "invalid", "The request is not valid"),
            Self::KeyReused => (422, "idempotency_key_reused", "The Idempotency-Key was used before"),
            Self::HeadersTooLarge => (431, "headers_too_large", "The header fields are too long"),
            Self::Internal => (500, "internal", "The server failed"),
            Self::Unavailable => (503, "unavailable", "The server cannot answer now"),
        }
    }

    /// The status code.
    pub(crate) const fn status(self) -> u16 {
        self.parts().0
    }
}

/// An error on its way to the client.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    code: Code,
    detail: String,
    errors: Vec<WrongMember>,
    headers: Vec<(&'static str, String)>,
}

impl Problem {
    /// An error of that kind; `detail` says what to change.
    #[must_use]
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), errors: Vec::new(), headers: Vec::new() }
    }

    /// Something about one member or parameter is not valid.
    #[must_use]
    pub(crate) fn member(pointer: &str, detail: &str) -> Self {
        let name = pointer.trim_start_matches('/');
        let whole = if name.is_empty() { detail.to_owned() } else { format!("{name}: {detail}") };
        Self::new(Code::Invalid, whole).about(pointer, detail)
    }

    /// The same, about that member too.
    #[must_use]
    pub(crate) fn about(mut self, pointer: &str, detail: &str) -> Self {
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(WrongMember { pointer: pointer.to_owned(), detail: detail.to_owned() });
        }
        self
    }

    /// The same as something that is wrong with that parameter.
    #[must_use]
    pub(crate) fn at(self, name: &str) -> Self {
        if self.code == Code::NotFound { Self::member(name, &self.detail) } else { self }
    }

    /// The same with one header more.
    #[must_use]
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Whether nothing was changed for certain: a retry may do what this request did not.
    pub(crate) const fn did_nothing(&self) -> bool {
        matches!(self.code, Code::Unavailable | Code::Internal | Code::Unauthorized)
    }

    /// The status code.
    #[must_use]
    pub(crate) const fn status(&self) -> u16 {
        self.code.status()
    }

    /// The answer.
    #[must_use]
    pub(crate) fn response(self, request_id: &str) -> Response {
        let (status, code, title) = self.code.parts();
        let shown = Shown {
            kind: format!("urn:rollcall:problem:{code}"),
            title,
            status,
            detail: self.detail,
            code,
            request_id: request_id.to_owned(),
            errors: self.errors,
        };
        let body = serde_json::to_vec(&shown).unwrap_or_default();
        let response = Response { headers: self.headers, ..Response::json(status, body) };
        response.with("content-type", PROBLEM_JSON)
    }
}

impl From<AdminError> for Problem {
    fn from(error: AdminError) -> Self {
        match error {
            AdminError::Invalid(detail) => Self::new(Code::Invalid, detail),
            AdminError::NotFound(detail) => Self::new(Code::NotFound, detail),
            AdminError::Taken(detail) => Self::new(Code::Conflict, detail),
            AdminError::Changed(detail) => Self::new(Code::PreconditionFailed, detail),
            AdminError::Mapping(errors) => crate::mistakes::of_mapping(&errors, "", Some),
            AdminError::Rules(errors) => crate::mistakes::of_rules(&errors, None),
            AdminError::Store(error) => error.into(),
            other => {
                log::error!("an administrative use-case failed: {other}");
                Self::new(Code::Internal, FAULT)
            }
        }
    }
}

/// For what is decided within a use-case.
impl From<Problem> for AdminError {
    fn from(problem: Problem) -> Self {
        match problem.code {
            Code::PreconditionFailed => Self::Changed(problem.detail),
            Code::NotFound => Self::NotFound(problem.detail),
            Code::Conflict => Self::Taken(problem.detail),
            _ => Self::Invalid(problem.detail),
        }
    }
}

/// What a client is told of a fault.
pub(crate) const FAULT: &str = "The server failed; its log has the cause under this request's id";

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable { reason } => {
                log::warn!("store unavailable: {reason}");
                Self::new(Code::Unavailable, "The directory is not available now; try again")
                    .with("retry-after", "1")
            }
            StoreError::TooLong => {
                log::warn!("a read took too long and was given up");
                Self::new(Code::Unavailable, "This takes too long to find now; try again, or ask for less")
                    .with("retry-after", "5")
            }
            other => {
                log::error!("store failure: {other:?}");
                Self::new(Code::Internal, FAULT)
            }
        }
    }
}

/// The answer to a request that the adapter did not take in: 400, 408, 413, 414, 415, 431 or 503; anything else is a fault.
#[must_use]
pub fn refusal(status: u16, detail: &str, request_id: &str) -> Response {
    let code = match status {
        400 => Code::Malformed,
        404 => Code::NotFound,
        408 => Code::TimedOut,
        413 => Code::TooLarge,
        414 => Code::TargetTooLong,
        415 => Code::UnsupportedMediaType,
        431 => Code::HeadersTooLarge,
        503 => Code::Unavailable,
        _ => return Problem::new(Code::Internal, FAULT).response(request_id),
    };
    let problem = Problem::new(code, detail);
    let problem = if status == 503 { problem.with("retry-after", "5") } else { problem };
    problem.response(request_id)
}
