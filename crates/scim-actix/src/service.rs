//! The scopes: one handler for every path below the base, and below each connector's own.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::HttpServiceFactory;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, ETAG, HeaderValue, LOCATION, RETRY_AFTER};
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::FutureExt as _;
use ipnet::IpNet;
use scim_core::ScimError;
use scim_provider::{Method, Provider, Request, Response};

use crate::base::{BASE_PATH, DOOR_PATH, Place, WHERE, base, root};
use crate::body::{collect, is_large, refused_body, unread};
use crate::error::scim_error;
use crate::exchange::Exchange;
use crate::in_hand::InHand;
use crate::metrics::Traffic;
use crate::request::{Headers, target_bytes};
use crate::within::within;
use crate::{Proxies, State};

/// When a client may come again after a request that took too long.
pub(crate) const RETRY_AFTER_SECONDS: &str = "5";

/// How requests are taken in.
#[derive(Clone, Debug)]
pub struct Options {
    /// The base URL that clients see, such as `https://scim.example.com/scim/v2`. Default: as each request says.
    pub base_url: Option<String>,
    /// Whether clients reach this server by TLS that it speaks itself, in a way that the framework does not know of. Default:
    /// no.
    pub secure: bool,
    /// Whose `X-Forwarded-For` (or `Forwarded`), `X-Forwarded-Proto` and `X-Forwarded-Host` are believed. Default: nobody's.
    pub proxies: Proxies,
    /// From where `/metrics` may be read. Default: from this machine alone.
    pub metrics_networks: Vec<IpNet>,
    /// How long a request may take, its body included. Default: 30 seconds.
    pub deadline: Duration,
    /// The longest head: request line and header fields, in bytes. Default: 16 KiB. (The framework takes in up to 128 KiB and
    /// 96 fields, before it refuses by itself.)
    pub max_head_bytes: usize,
    /// The longest `Authorization`, in bytes. Default: 8 KiB.
    pub max_authorization_bytes: usize,
    /// The longest path and query together, in bytes. Default: 8 KiB.
    pub max_target_bytes: usize,
    /// How many bytes large bodies and answers may take together, while clients send and take them; beyond that they are
    /// 503. Default: 512 MiB.
    pub max_bytes_in_hand: usize,
}

impl Default for Options {
    fn default() -> Self {
        let this_machine = [
            IpNet::new_assert(Ipv4Addr::LOCALHOST.into(), 8),
            IpNet::new_assert(Ipv6Addr::LOCALHOST.into(), 128),
        ];
        Self {
            base_url: None,
            secure: false,
            proxies: Proxies::None,
            metrics_networks: this_machine.to_vec(),
            deadline: Duration::from_secs(30),
            max_head_bytes: 16 * 1024,
            max_authorization_bytes: 8 * 1024,
            max_target_bytes: 8 * 1024,
            max_bytes_in_hand: 512 * 1024 * 1024,
        }
    }
}

/// A provider behind HTTP. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Service {
    provider: Arc<Provider>,
    options: Arc<Options>,
    traffic: Arc<Traffic>,
    state: Arc<State>,
    in_hand: Arc<InHand>,
}

impl Service {
    /// A service over `provider`.
    #[must_use]
    pub fn new(provider: Arc<Provider>, options: Options) -> Self {
        let in_hand = InHand::new(options.max_bytes_in_hand);
        let options = Arc::new(options);
        Self { provider, options, traffic: Arc::default(), state: Arc::default(), in_hand }
    }

    /// The provider.
    #[must_use]
    pub fn provider(&self) -> &Provider {
        &self.provider
    }

    /// What the server knows of itself; the same for all clones.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    pub(crate) fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    pub(crate) fn in_hand(&self) -> &Arc<InHand> {
        &self.in_hand
    }
}

/// The SCIM routes under `/scim/v2`, and under each connector's own `/c/{connector id}/scim/v2`.
#[must_use]
pub fn scim(service: Service) -> impl HttpServiceFactory + 'static {
    let service = web::Data::new(service);
    let at = |path| web::scope(path).app_data(service.clone()).default_service(web::to(handle));
    (at(BASE_PATH), at(DOOR_PATH))
}

async fn handle(http: HttpRequest, payload: web::Payload, service: web::Data<Service>) -> HttpResponse {
    let exchange = Exchange::new(&http, service.provider.source());
    let answered = {
        let answer = pin!(answer(&http, payload, &service, &exchange));
        AssertUnwindSafe(answer).catch_unwind().await
    };
    let response = answered.unwrap_or_else(|_| {
        log::error!(request_id = exchange.id.as_str(); "a panic was caught");
        let detail = "The server failed; its log has the cause under this request's id";
        scim_error(&ScimError::status_only(500, detail))
    });
    exchange.finish(&service.provider, &http, response)
}

async fn answer(
    http: &HttpRequest,
    mut payload: web::Payload,
    service: &Service,
    exchange: &Exchange,
) -> HttpResponse {
    let (provider, options) = (&service.provider, &service.options);
    let Incoming { door, path, query, headers } = match take_in(http, options) {
        Ok(incoming) => incoming,
        Err(error) => return unread(scim_error(&error), payload),
    };
    let peer = http.peer_addr().map(|peer| peer.ip());
    let trusted = options.proxies.trust(peer);
    let configured = options.base_url.as_deref();
    let root = root(http, options, trusted);
    let base = base(configured, &root, door.as_deref());
    let mut request = Request {
        method: Method::named(http.method().as_str()),
        path,
        query,
        base: &base,
        root: &root,
        door: door.as_deref(),
        peer: options.proxies.client(peer, http.headers()),
        headers: &headers,
        body: Vec::new(),
        request_id: &exchange.id,
        now: provider.source().now(),
    };
    if is_large(http) {
        match within(|| exchange.left(options), pin!(provider.admit(&request))).await {
            Some(Ok(())) => {}
            Some(Err(refused)) => return unread(http_response(refused), payload),
            None => return unread(too_slow(), payload),
        }
    }
    let limit = provider.max_body_bytes(path);
    // Its share of the memory is kept until the request is done.
    let mut share = service.in_hand.share();
    request.body = match collect(http, &mut payload, limit, &mut share, exchange, options).await {
        Ok(body) => body,
        Err(error) => return unread(refused_body(&error), payload),
    };
    request.now = provider.source().now();
    let handled = pin!(provider.handle(request));
    let Some(response) = within(|| exchange.left(options), handled).await else {
        log::warn!(request_id = exchange.id.as_str(); "the request was not done within {:?}", options.deadline);
        return too_slow();
    };
    http_response(response)
}

pub(crate) fn http_response(response: Response) -> HttpResponse {
    let status = StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut http_response = HttpResponse::build(status);
    for (name, value) in response.headers {
        match name {
            "Content-Type" => http_response.insert_header((CONTENT_TYPE, value)),
            "ETag" => http_response.insert_header((ETAG, value)),
            "Location" => http_response.insert_header((LOCATION, value)),
            name => http_response.insert_header((name, value)),
        };
    }
    if let Some(scope) = response.scope {
        http_response.extensions_mut().insert(scope);
    }
    http_response.body(response.body)
}

/// A request's head within the limits.
struct Incoming<'r> {
    /// The connector whose own base was used.
    door: Option<String>,
    path: &'r str,
    query: &'r str,
    headers: Headers<'r>,
}

/// Takes a request's head in.
fn take_in<'r>(http: &'r HttpRequest, options: &Options) -> Result<Incoming<'r>, ScimError> {
    let place = Place::of(http.uri().path()).ok_or_else(|| ScimError::status_only(404, WHERE))?;
    let query = http.uri().query().unwrap_or_default();
    let limit = options.max_target_bytes;
    if target_bytes(http) > limit {
        let detail = format!("Path and query have more than {limit} bytes; use POST .search");
        return Err(ScimError::status_only(414, detail));
    }
    let headers = Headers::read(http, options)?;
    Ok(Incoming { door: place.door.map(|id| id.to_string()), path: place.path, query, headers })
}

fn too_slow() -> HttpResponse {
    let detail = "The request took too long; try again, or ask for less at once";
    let mut response = scim_error(&ScimError::status_only(503, detail));
    let after = HeaderValue::from_static(RETRY_AFTER_SECONDS);
    response.headers_mut().insert(RETRY_AFTER, after);
    response
}
