//! The routes of the authorization server. What they answer is the provider's.

use std::panic::AssertUnwindSafe;

use actix_web::dev::HttpServiceFactory;
use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, HeaderValue, PRAGMA, RETRY_AFTER};
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::FutureExt as _;
use scim_core::ScimError;
use scim_provider::{HeaderSource as _, OauthRequest};

use crate::Service;
use crate::base::root;
use crate::body::{collect, unread};
use crate::exchange::Exchange;
use crate::request::Headers;
use crate::service::{RETRY_AFTER_SECONDS, http_response};

/// The largest body, in bytes: a token of an issuer that is trusted, with room.
const MAX_BODY_BYTES: usize = 16 * 1024;

/// What is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Endpoint {
    Token,
    Revoke,
    Jwks,
    Metadata,
}

/// Every path, with what is there.
const ENDPOINTS: [(&str, Endpoint); 4] = [
    ("/oauth2/token", Endpoint::Token),
    ("/oauth2/revoke", Endpoint::Revoke),
    ("/oauth2/jwks", Endpoint::Jwks),
    ("/.well-known/oauth-authorization-server", Endpoint::Metadata),
];

impl Endpoint {
    /// The methods that it has, for `Allow`.
    const fn methods(self) -> &'static [&'static str] {
        match self {
            Self::Token | Self::Revoke => &["POST"],
            Self::Jwks | Self::Metadata => &["GET", "HEAD"],
        }
    }
}

/// The path itself, if it is one of these: they name nobody.
pub(crate) fn known_path(path: &str) -> Option<&'static str> {
    ENDPOINTS.into_iter().map(|(known, _)| known).find(|known| *known == path)
}

/// The routes of the authorization server, at the root: `/oauth2/token`, `/oauth2/revoke`, `/oauth2/jwks` and
/// `/.well-known/oauth-authorization-server`. Without them the server has keys alone.
#[must_use]
pub fn oauth(service: Service) -> impl HttpServiceFactory + 'static {
    let service = web::Data::new(service);
    let resource = |(path, endpoint)| {
        let service = service.clone();
        web::resource(path).to(move |http: HttpRequest, payload: web::Payload| {
            handle(http, payload, service.clone(), endpoint)
        })
    };
    ENDPOINTS.into_iter().map(resource).collect::<Vec<_>>()
}

async fn handle(
    http: HttpRequest,
    payload: web::Payload,
    service: web::Data<Service>,
    endpoint: Endpoint,
) -> HttpResponse {
    let exchange = Exchange::new(&http, service.provider().source());
    let answer = AssertUnwindSafe(answer(&http, payload, &service, &exchange, endpoint)).catch_unwind();
    let response = answer.await.unwrap_or_else(|_| {
        log::error!(request_id = exchange.id.as_str(); "a panic was caught");
        failed(500, "server_error", "The server failed; its log has the cause under this request's id")
    });
    exchange.finish(service.provider(), &http, response)
}

async fn answer(
    http: &HttpRequest,
    mut payload: web::Payload,
    service: &Service,
    exchange: &Exchange,
    endpoint: Endpoint,
) -> HttpResponse {
    let (provider, options) = (service.provider(), service.options());
    if !endpoint.methods().contains(&http.method().as_str()) {
        let allow = endpoint.methods().join(", ");
        let mut refused = failed(405, "invalid_request", &format!("This endpoint has {allow}"));
        if let Ok(allow) = HeaderValue::from_str(&allow) {
            refused.headers_mut().insert(ALLOW, allow);
        }
        return unread(refused, payload);
    }
    let headers = match Headers::read(http, options) {
        Ok(headers) => headers,
        Err(error) => return unread(invalid(&error), payload),
    };
    let body =
        match collect(http, &mut payload, MAX_BODY_BYTES, &mut service.in_hand().share(), exchange, options)
            .await
        {
            Ok(body) => body,
            Err(error) => return unread(invalid(&error), payload),
        };
    let peer = http.peer_addr().map(|peer| peer.ip());
    let root = root(http, options, options.proxies.trust(peer));
    let request = OauthRequest {
        authorization: headers.get("authorization"),
        content_type: headers.get("content-type"),
        body: &body,
        root: &root,
        peer: options.proxies.client(peer, http.headers()),
        request_id: &exchange.id,
        now: provider.source().now(),
    };
    let answered = async {
        match endpoint {
            Endpoint::Token => provider.oauth_token(request).await,
            Endpoint::Revoke => provider.oauth_revoke(request).await,
            Endpoint::Jwks => provider.oauth_jwks(request.now),
            Endpoint::Metadata => provider.oauth_metadata(request.root),
        }
    };
    if let Ok(response) = actix_web::rt::time::timeout(exchange.left(options), answered).await {
        return http_response(response);
    }
    log::warn!(request_id = exchange.id.as_str(); "the request was not done within {:?}", options.deadline);
    let mut slow = failed(503, "temporarily_unavailable", "The request took too long; try again");
    slow.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
    slow
}

/// An error that happens before the provider sees a request.
fn invalid(error: &ScimError) -> HttpResponse {
    failed(error.status(), "invalid_request", error.detail())
}

/// An error in the form of the authorization server (RFC 6749 §5.2).
fn failed(status: u16, code: &str, description: &str) -> HttpResponse {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    // Neither quotes nor backslashes may stand in a description.
    let description = description.replace(['"', '\\'], "");
    let body = serde_json::json!({ "error": code, "error_description": description });
    HttpResponse::build(status)
        .insert_header((PRAGMA, "no-cache"))
        .content_type("application/json")
        .body(body.to_string())
}
