//! What every request and its answer have in common: an id, headers, a line in the log.

use std::time::{Duration, Instant};

use actix_web::http::header::{CACHE_CONTROL, HeaderMap, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use actix_web::{HttpRequest, HttpResponse};
use scim_directory::Scope;
use scim_provider::{Method, Provider, Source};

use crate::Options;
use crate::base::Place;
use crate::oauth::known_path;
use crate::request::{REQUEST_ID, request_id};

/// Gives an answer the headers that every answer has: what an API for machines wants of browsers and caches. No CORS header,
/// deliberately.
pub(crate) fn set_headers(headers: &mut HeaderMap) {
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

/// A request under way.
pub(crate) struct Exchange {
    /// The request's id: the client's or proxy's own where it is fit to be logged.
    pub(crate) id: String,
    /// When its head had arrived.
    pub(crate) started: Instant,
    /// The route, where somebody else knows it than [`template`].
    pub(crate) route: Option<String>,
}

impl Exchange {
    pub(crate) fn new(request: &HttpRequest, source: &dyn Source) -> Self {
        let id = request_id(request).unwrap_or_else(|| source.uuid().to_string());
        Self { id, started: Instant::now(), route: None }
    }

    /// What is left of the time that a request has.
    pub(crate) fn left(&self, options: &Options) -> Duration {
        options.deadline.saturating_sub(self.started.elapsed())
    }

    /// Gives the answer its headers and writes the access log, which never has ids, queries, bodies or tokens.
    pub(crate) fn finish(
        self,
        provider: &Provider,
        request: &HttpRequest,
        mut response: HttpResponse,
    ) -> HttpResponse {
        let headers = response.headers_mut();
        set_headers(headers);
        if let Ok(value) = HeaderValue::from_str(&self.id) {
            headers.insert(REQUEST_ID.clone(), value);
        }
        if !log::log_enabled!(log::Level::Info) {
            return response;
        }
        let method = Method::named(request.method().as_str()).name();
        let route =
            self.route.unwrap_or_else(|| template(request.uri().path(), &|name| provider.has_endpoint(name)));
        let route = route.as_str();
        let status = response.status().as_u16();
        let duration_us = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        let request_id = self.id.as_str();
        match response.extensions().get::<Scope>() {
            None => log::info!(method, route, status, duration_us, request_id; "request"),
            Some(scope) => {
                let instance = scope.instance;
                let connector = scope.connector.map(|id| id.to_string()).unwrap_or_default();
                let connector = connector.as_str();
                log::info!(
                    method, route, status, duration_us, instance:%, connector, request_id;
                    "request"
                );
            }
        }
        response
    }
}

/// The path without what it says of people and connectors: `/Users/{id}`. Of a path that is none of ours, nothing: what
/// stands there in place of an endpoint may be somebody's name.
fn template(path: &str, is_endpoint: &dyn Fn(&str) -> bool) -> String {
    if let Some(path) = known_path(path) {
        return path.to_owned();
    }
    let Some(Place { door, path }) = Place::of(path) else { return "(no route)".to_owned() };
    let base = if door.is_some() { "/c/{connector}" } else { "" };
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    match segments.as_slice() {
        [] => format!("{base}/"),
        [".search"] => format!("{base}/.search"),
        [endpoint] if is_endpoint(endpoint) => format!("{base}/{endpoint}"),
        [endpoint, ".search"] if is_endpoint(endpoint) => format!("{base}/{endpoint}/.search"),
        [endpoint, _] if is_endpoint(endpoint) => format!("{base}/{endpoint}/{{id}}"),
        _ => "(no route)".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::template;

    fn check(path: &str, expected: &str) {
        assert_eq!(template(path, &|name| ["Users", "Groups"].contains(&name)), expected, "{path}");
    }

    #[test]
    fn a_template_names_nobody() {
        check("/scim/v2", "/");
        check("/scim/v2/", "/");
        check("/scim/v2/Users", "/Users");
        check("/scim/v2//Users/", "/Users");
        check("/scim/v2/Users/ada@example.com", "/Users/{id}");
        check("/scim/v2/Users/.search", "/Users/.search");
        check("/scim/v2/.search", "/.search");
        check("/scim/v2/ada@example.com", "(no route)");
        check("/scim/v2/Users/a/b", "(no route)");
        check("/ada", "(no route)");
        check("/scim/v2/ada", "(no route)");
        check("/scim/v2/ada/lovelace", "(no route)");
        check("/scim/v2/ada/.search", "(no route)");
        let door = "/c/0198d9a2-7c3a-7000-8000-0123456789ab/scim/v2";
        check(door, "/c/{connector}/");
        check(&format!("{door}/Users/ada@example.com"), "/c/{connector}/Users/{id}");
        check(&format!("{door}//Groups"), "/c/{connector}/Groups");
        check(&format!("{door}/.search"), "/c/{connector}/.search");
        check("/oauth2/token", "/oauth2/token");
        check("/.well-known/oauth-authorization-server", "/.well-known/oauth-authorization-server");
        check("/oauth2/ada", "(no route)");
        check("/oauth2/t%6fken", "(no route)");
        check("/c/ada/scim/v2/Users/ada@example.com", "(no route)");
    }
}
