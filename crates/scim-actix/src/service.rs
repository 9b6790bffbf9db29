//! The scope: one handler for every path below the base.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, Scope, web};
use futures_util::FutureExt as _;
use scim_core::ScimError;
use scim_provider::{Method, Provider, Request, Source};

use crate::body::collect;
use crate::error::scim_error;
use crate::request::{Headers, base, request_id};

/// Where the scope is mounted.
const BASE_PATH: &str = "/scim/v2";
/// The longest path and query together, in bytes.
const MAX_TARGET_BYTES: usize = 8 * 1024;

/// How requests are taken in.
#[derive(Clone, Debug)]
pub struct Options {
    /// The base URL that clients see, such as `https://scim.example.com/scim/v2`. Default: as each request says.
    pub base_url: Option<String>,
    /// Whether `X-Forwarded-Proto` and `X-Forwarded-Host` are believed. Default: false.
    pub trust_proxy: bool,
    /// How long a request may take, its body included. Default: 30 seconds.
    pub deadline: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { base_url: None, trust_proxy: false, deadline: Duration::from_secs(30) }
    }
}

/// A provider behind HTTP. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Service {
    provider: Arc<Provider>,
    options: Arc<Options>,
}

impl Service {
    /// A service over `provider`.
    #[must_use]
    pub fn new(provider: Arc<Provider>, options: Options) -> Self {
        Self { provider, options: Arc::new(options) }
    }

    /// The provider.
    #[must_use]
    pub fn provider(&self) -> &Provider {
        &self.provider
    }
}

/// The SCIM routes under `/scim/v2`.
#[must_use]
pub fn scim(service: Service) -> Scope {
    web::scope(BASE_PATH).app_data(web::Data::new(service)).default_service(web::to(handle))
}

async fn handle(http: HttpRequest, payload: web::Payload, service: web::Data<Service>) -> HttpResponse {
    let started = Instant::now();
    let source: &dyn Source = service.provider.source();
    let id = request_id(&http).unwrap_or_else(|| source.uuid().to_string());
    let answer = AssertUnwindSafe(answer(&http, payload, &service, &id)).catch_unwind();
    let mut response = match actix_web::rt::time::timeout(service.options.deadline, answer).await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => {
            log::error!("request {id}: a panic was caught");
            scim_error(&ScimError::status_only(
                500,
                "The server failed; its log has the cause under this request's id",
            ))
        }
        Err(_) => {
            log::warn!("request {id}: not done within {:?}", service.options.deadline);
            let late =
                ScimError::status_only(503, "The request took too long; try again, or ask for less at once");
            let mut response = scim_error(&late);
            response
                .headers_mut()
                .insert(HeaderName::from_static("retry-after"), HeaderValue::from_static("5"));
            response
        }
    };
    let headers = response.headers_mut();
    for (name, value) in [("x-content-type-options", "nosniff"), ("cache-control", "no-store")] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        headers.insert(HeaderName::from_static("x-request-id"), value);
    }
    // The path's first segment at most: ids and queries are personal data.
    let endpoint =
        http.path().strip_prefix(BASE_PATH).and_then(|rest| rest.split('/').nth(1)).unwrap_or_default();
    let endpoint: String = endpoint.chars().filter(char::is_ascii_alphanumeric).take(40).collect();
    log::info!(
        "request {id} {} /{endpoint} {} {} us",
        http.method(),
        response.status().as_u16(),
        started.elapsed().as_micros()
    );
    response
}

async fn answer(http: &HttpRequest, payload: web::Payload, service: &Service, id: &str) -> HttpResponse {
    let (provider, options) = (&service.provider, &service.options);
    // The path as it was sent: the provider decodes each segment by itself.
    let path = http.uri().path().strip_prefix(BASE_PATH).unwrap_or_default();
    let query = http.uri().query().unwrap_or_default();
    if path.len() + query.len() > MAX_TARGET_BYTES {
        let detail = format!("Path and query have more than {MAX_TARGET_BYTES} bytes; use POST .search");
        return scim_error(&ScimError::status_only(414, detail));
    }
    let headers = match Headers::read(http.headers()) {
        Ok(headers) => headers,
        Err(error) => return scim_error(&error),
    };
    let body = match collect(http, payload, provider.max_body_bytes(path), options.deadline).await {
        Ok(body) => body,
        Err(error) => return scim_error(&error),
    };
    let base = base(http, options.base_url.as_deref(), options.trust_proxy, BASE_PATH);
    let request = Request {
        method: Method::named(http.method().as_str()),
        path,
        query,
        base: &base,
        headers: &headers,
        body,
        request_id: id,
        now: provider.source().now(),
    };
    let response = provider.handle(request).await;
    let status = StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut http_response = HttpResponse::build(status);
    for (name, value) in response.headers {
        http_response.insert_header((name, value));
    }
    http_response.body(response.body)
}
