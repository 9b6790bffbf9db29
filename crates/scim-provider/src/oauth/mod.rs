//! The authorization server: access tokens for clients that have a key, or a token of an issuer that is trusted.
//!
//! `token.rs` has the client credentials grant (RFC 6749 §4.4), `revoke.rs` revocation (RFC 7009), `client.rs` what a client
//! proves itself by. Here is what anybody may read: the metadata (RFC 8414) and the public keys (RFC 7517).

mod client;
mod form;
mod revoke;
mod seeds;
mod token;

use std::net::IpAddr;

use scim_core::instant::Timestamp;
use scim_directory::AccessScope;
use scim_storage::BoxFuture;
use serde_json::{Value, json};

use crate::{Method, Provider, Request, Response};

pub(crate) use seeds::PepperSeeds;

/// Fetches the keys of issuers that connectors trust (RFC 7517): an HTTP client with guards of its own, because
/// administrators of instances choose the URLs.
pub trait JwksFetcher: Send + Sync {
    /// The body at `url`, or why it could not be had, for the server's log.
    fn fetch<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<Vec<u8>, String>>;
}

/// A request to the authorization server.
#[derive(Clone, Copy)]
pub struct OauthRequest<'a> {
    /// The `Authorization` header.
    pub authorization: Option<&'a str>,
    /// The `Content-Type` header.
    pub content_type: Option<&'a str>,
    /// The body, whole.
    pub body: &'a [u8],
    /// The server's root URL, without a slash at its end: `https://host`. It is the issuer.
    pub root: &'a str,
    /// The client's address, as far as the adapter knows it.
    pub peer: Option<IpAddr>,
    /// The request's id, for the log.
    pub request_id: &'a str,
    /// When it came.
    pub now: Timestamp,
}

/// Shows nothing of the body, which has secrets.
impl std::fmt::Debug for OauthRequest<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OauthRequest").field("request_id", &self.request_id).finish_non_exhaustive()
    }
}

impl OauthRequest<'_> {
    /// The same as the checks of a key look at it.
    fn as_request(&self) -> Request<'_> {
        Request {
            method: Method::Post,
            path: "",
            query: "",
            base: self.root,
            root: self.root,
            door: None,
            peer: self.peer,
            headers: &NoHeaders,
            body: Vec::new(),
            request_id: self.request_id,
            now: self.now,
        }
    }

    fn seconds(&self) -> i64 {
        self.now.unix_millis().div_euclid(1000)
    }
}

struct NoHeaders;

impl crate::HeaderSource for NoHeaders {
    fn get(&self, _name: &str) -> Option<&str> {
        None
    }
}

impl Provider {
    /// `GET /.well-known/oauth-authorization-server` (RFC 8414 §3).
    #[must_use]
    pub fn oauth_metadata(&self, root: &str) -> Response {
        let scopes = AccessScope::ALL.map(AccessScope::name);
        let at = |path: &str| format!("{root}/oauth2/{path}");
        answer(200, &scim_api_keys::token::metadata(root, &at("token"), &at("jwks"), &at("revoke"), &scopes))
    }

    /// `GET /oauth2/jwks`: the public keys that access tokens are signed with (RFC 7517 §5).
    #[must_use]
    pub fn oauth_jwks(&self, now: Timestamp) -> Response {
        answer(200, &self.signing.jwks(now.unix_millis().div_euclid(1000)))
    }
}

/// An answer of the authorization server (RFC 6749 §5.1).
fn answer(status: u16, body: &Value) -> Response {
    Response::json(status, body.to_string().into_bytes())
        .with("Content-Type", "application/json")
        .with("Cache-Control", "no-store")
        .with("Pragma", "no-cache")
}

/// Why no token is given (RFC 6749 §5.2).
#[derive(Debug)]
struct OauthError {
    status: u16,
    code: &'static str,
    description: String,
    retry_after: Option<String>,
}

impl OauthError {
    fn new(code: &'static str, description: impl Into<String>) -> Self {
        let status = if code == "invalid_client" { 401 } else { 400 };
        Self { status, code, description: description.into(), retry_after: None }
    }

    fn response(&self) -> Response {
        // §5.2 allows neither quotes nor backslashes in a description.
        let description: String = self
            .description
            .chars()
            .filter(|c| c.is_ascii() && !c.is_control() && !matches!(c, '"' | '\\'))
            .collect();
        let mut response =
            answer(self.status, &json!({ "error": self.code, "error_description": description }));
        if self.status == 401 {
            response = response.with("WWW-Authenticate", "Basic realm=\"rollcall\"");
        }
        match &self.retry_after {
            Some(seconds) => response.with("Retry-After", seconds.clone()),
            None => response,
        }
    }
}
