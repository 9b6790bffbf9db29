//! Requests and answers without an HTTP framework: what an adapter (`scim-actix`, or your own) passes in and sends out.

use std::net::IpAddr;

use scim_core::instant::Timestamp;
use scim_directory::Scope;

/// A request's method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// GET.
    Get,
    /// HEAD: as GET; the adapter sends the headers alone, `Content-Length` among them.
    Head,
    /// POST.
    Post,
    /// PUT.
    Put,
    /// PATCH.
    Patch,
    /// DELETE.
    Delete,
    /// OPTIONS.
    Options,
    /// Any other; always 405.
    Other,
}

impl Method {
    /// The method of that name; names are exact (RFC 9110 §9.1).
    #[must_use]
    pub fn named(name: &str) -> Self {
        match name {
            "GET" => Self::Get,
            "HEAD" => Self::Head,
            "POST" => Self::Post,
            "PUT" => Self::Put,
            "PATCH" => Self::Patch,
            "DELETE" => Self::Delete,
            "OPTIONS" => Self::Options,
            _ => Self::Other,
        }
    }

    /// The name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
            Self::Other => "(other)",
        }
    }
}

/// Where a request's headers come from.
pub trait HeaderSource {
    /// The value of that header, whatever its letter case; `None` where it is missing or not text. Of several fields the
    /// first, but of lists (`If-Match`, `If-None-Match`) all, with commas between them (RFC 9110 §5.3).
    fn get(&self, name: &str) -> Option<&str>;
}

/// Headers as a plain list; for tests and adapters that have nothing better.
impl HeaderSource for [(&str, &str)] {
    fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }
}

/// A request to the SCIM service.
pub struct Request<'a> {
    /// The method.
    pub method: Method,
    /// What follows the base path, not decoded: `/Users/2819c223`.
    pub path: &'a str,
    /// The query string without `?`, not decoded.
    pub query: &'a str,
    /// The base URL that the client used, without a slash at its end: `https://host/scim/v2`. `meta.location` follows it.
    pub base: &'a str,
    /// The server's root URL, without a slash at its end: `https://host`. Access tokens name it as their issuer.
    pub root: &'a str,
    /// The connector's id, where it stands in the base: `/c/{connector}/scim/v2`. Then only its own keys open it.
    pub door: Option<&'a str>,
    /// The client's address, as far as the adapter knows it.
    pub peer: Option<IpAddr>,
    /// The headers.
    pub headers: &'a (dyn HeaderSource + Sync),
    /// The body, whole.
    pub body: Vec<u8>,
    /// The request's id, for the log.
    pub request_id: &'a str,
    /// When it came.
    pub now: Timestamp,
}

impl std::fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Neither query nor body: they hold personal data.
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("request_id", &self.request_id)
            .finish_non_exhaustive()
    }
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The headers; `Content-Type` is among them where there is a body.
    pub headers: Vec<(&'static str, String)>,
    /// The body; empty for 204 and 304. For HEAD it is that of GET: it says how long `Content-Length` is, and is not sent.
    pub body: Vec<u8>,
    /// Whom the request acted for, once it was let in; for logs.
    pub scope: Option<Scope>,
}

impl Response {
    /// An answer without a body.
    #[must_use]
    pub fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new(), scope: None }
    }

    /// An answer with a JSON body; the content type is set at the edge.
    #[must_use]
    pub fn json(status: u16, body: Vec<u8>) -> Self {
        Self { status, headers: Vec::new(), body, scope: None }
    }

    /// The same answer with one header more.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}
