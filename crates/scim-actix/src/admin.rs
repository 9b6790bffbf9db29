//! The admin API under `/admin/v1`. What it answers is `scim-admin-api`'s.

use std::io::{BufReader, Read};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::dev::HttpServiceFactory;
use actix_web::web::Bytes;
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, web};
use futures_channel::mpsc::{Receiver, Sender, channel};
use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use scim_admin_api::{Api, Request, refusal};
use scim_core::ScimError;
use scim_provider::Method;

use crate::RouteLabel;
use crate::Service;
use crate::base::{base, root};
use crate::body::{collect, is_large, unread};
use crate::exchange::Exchange;
use crate::request::{Headers, OwnedHeaders, target_bytes};
use crate::service::http_response;

/// Where the admin API is.
const ADMIN_PATH: &str = "/admin/v1";
/// How many bodies are read as they come at the same time; each has a thread of its own.
const MAX_STREAMS: usize = 4;
/// Pieces of such a body that wait to be read.
const WAITING_PIECES: usize = 8;
/// How long a client may take for the next piece of such a body.
const IDLE: Duration = Duration::from_secs(30);

/// The admin API, and how many bodies are read as they come.
#[derive(Clone)]
struct Mounted {
    service: Service,
    api: Arc<Api>,
    streams: Arc<AtomicUsize>,
}

/// The admin API under `/admin/v1`.
#[must_use]
pub fn admin(service: Service, api: Arc<Api>) -> impl HttpServiceFactory + 'static {
    let mounted = web::Data::new(Mounted { service, api, streams: Arc::default() });
    web::scope(ADMIN_PATH).app_data(mounted).default_service(web::to(handle))
}

async fn handle(http: HttpRequest, payload: web::Payload, mounted: web::Data<Mounted>) -> HttpResponse {
    let mut exchange = Exchange::new(&http, mounted.service.provider().source());
    let route = path_of(&http).and_then(|path| mounted.api.template(path));
    let route = route.map_or("(no route)".to_owned(), |template| format!("{ADMIN_PATH}{template}"));
    http.extensions_mut().insert(RouteLabel(route.clone().into()));
    exchange.route = Some(route);
    let answer = AssertUnwindSafe(answer(&http, payload, &mounted, &exchange)).catch_unwind();
    let response = answer.await.unwrap_or_else(|_| {
        log::error!("request {}: a panic was caught", exchange.id);
        http_response(refusal(500, "", &exchange.id))
    });
    exchange.finish(mounted.service.provider(), &http, response)
}

/// What follows `/admin/v1`, as it was sent. The framework finds scopes in the decoded path.
fn path_of(http: &HttpRequest) -> Option<&str> {
    http.uri().path().strip_prefix(ADMIN_PATH).filter(|path| path.starts_with('/'))
}

async fn answer(
    http: &HttpRequest,
    mut payload: web::Payload,
    mounted: &Mounted,
    exchange: &Exchange,
) -> HttpResponse {
    let (options, api) = (mounted.service.options(), &mounted.api);
    let refused = |error: &ScimError| http_response(refusal(error.status(), error.detail(), &exchange.id));
    let Some(path) = path_of(http) else {
        let nothing = "There is nothing at this path; /admin/v1/openapi.json lists what there is";
        return unread(http_response(refusal(404, nothing, &exchange.id)), payload);
    };
    let query = http.uri().query().unwrap_or_default();
    let limit = options.max_target_bytes;
    if target_bytes(http) > limit {
        let detail = format!("Path and query have more than {limit} bytes; ask for less at once");
        return unread(http_response(refusal(414, &detail, &exchange.id)), payload);
    }
    let headers = match Headers::read(http, options) {
        Ok(headers) => headers,
        Err(error) => return unread(refused(&error), payload),
    };
    let peer = http.peer_addr().map(|peer| peer.ip());
    let configured = options.base_url.as_deref();
    let root = root(http, options, options.proxies.trust(peer));
    let scim_url = base(configured, &root, None);
    let mut request = Request {
        method: Method::named(http.method().as_str()),
        path,
        query,
        root: &root,
        scim_url: &scim_url,
        peer: options.proxies.client(peer, http.headers()),
        headers: &headers,
        body: Vec::new(),
        request_id: &exchange.id,
        now: mounted.service.provider().source().now(),
    };
    let streams = api.endpoint(request.method, path).is_some_and(|endpoint| endpoint.streams);
    if streams || is_large(http) {
        match actix_web::rt::time::timeout(exchange.left(options), api.admit(&request)).await {
            Ok(Ok(())) => {}
            Ok(Err(response)) => return unread(http_response(response), payload),
            Err(_) => return unread(too_slow(exchange), payload),
        }
    }
    if streams {
        return stream(&request, payload, mounted, exchange).await;
    }
    // Its share of the memory is kept until the request is done.
    let mut share = mounted.service.in_hand().share();
    let limit = api.max_body_bytes();
    request.body = match collect(http, &mut payload, limit, &mut share, exchange, options).await {
        Ok(body) => body,
        Err(error) => return unread(refused(&error), payload),
    };
    match actix_web::rt::time::timeout(exchange.left(options), api.handle(request)).await {
        Ok(response) => http_response(response),
        Err(_) => {
            log::warn!("request {}: not done within {:?}", exchange.id, options.deadline);
            too_slow(exchange)
        }
    }
}

fn too_slow(exchange: &Exchange) -> HttpResponse {
    http_response(refusal(503, "The request took too long; try again, or ask for less at once", &exchange.id))
}

/// One of the few bodies that are read as they come.
struct Turn(Arc<AtomicUsize>);

impl Turn {
    fn take(streams: &Arc<AtomicUsize>) -> Option<Self> {
        let turn = Self(Arc::clone(streams));
        (streams.fetch_add(1, Ordering::Relaxed) < MAX_STREAMS).then_some(turn)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Answers a request whose body is read as it comes, on a thread of its own. It has no deadline as a whole, but each piece of
/// the body has one.
async fn stream(
    request: &Request<'_>,
    mut payload: web::Payload,
    mounted: &Mounted,
    exchange: &Exchange,
) -> HttpResponse {
    let Some(turn) = Turn::take(&mounted.streams) else {
        let detail =
            format!("{MAX_STREAMS} uploads are under way already; try again when one of them has ended");
        return unread(http_response(refusal(503, &detail, &exchange.id)), payload);
    };
    let (pieces, waiting) = channel::<Result<Bytes, String>>(WAITING_PIECES);
    let owned = Owned::of(request);
    let api = Arc::clone(&mounted.api);
    let answered = web::block(move || {
        let _turn = turn;
        let body = BufReader::with_capacity(64 * 1024, Pieces { waiting, piece: Bytes::new(), ended: false });
        pollster::block_on(api.handle_stream(owned.request(), Box::new(body)))
    });
    let sent = send(&mut payload, pieces);
    let (answered, ()) = futures_util::future::join(answered, sent).await;
    let response = answered.unwrap_or_else(|_| refusal(500, "", &exchange.id));
    unread(http_response(response), payload)
}

/// Hands the pieces of a body over, until its end, or until nobody wants any more.
async fn send(payload: &mut web::Payload, mut pieces: Sender<Result<Bytes, String>>) {
    loop {
        let piece = match actix_web::rt::time::timeout(IDLE, payload.next()).await {
            Ok(None) => return,
            Ok(Some(Ok(piece))) => Ok(piece),
            Ok(Some(Err(error))) => Err(format!("the body could not be read: {error}")),
            Err(_) => Err(format!("nothing more of the body came for {} seconds", IDLE.as_secs())),
        };
        let failed = piece.is_err();
        // Who reads it may have answered already.
        if pieces.send(piece).await.is_err() || failed {
            return;
        }
    }
}

/// A body as it comes, for a thread that may wait.
struct Pieces {
    waiting: Receiver<Result<Bytes, String>>,
    piece: Bytes,
    ended: bool,
}

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        while self.piece.is_empty() && !self.ended {
            match pollster::block_on(self.waiting.next()) {
                Some(Ok(piece)) => self.piece = piece,
                Some(Err(reason)) => {
                    self.ended = true;
                    return Err(std::io::Error::other(reason));
                }
                None => self.ended = true,
            }
        }
        let count = into.len().min(self.piece.len());
        for (to, from) in into.iter_mut().zip(self.piece.split_to(count)) {
            *to = from;
        }
        Ok(count)
    }
}

/// A request that another thread can have.
struct Owned {
    method: Method,
    path: String,
    query: String,
    root: String,
    scim_url: String,
    peer: Option<std::net::IpAddr>,
    headers: OwnedHeaders,
    request_id: String,
    now: scim_core::instant::Timestamp,
}

impl Owned {
    fn of(request: &Request<'_>) -> Self {
        Self {
            method: request.method,
            path: request.path.to_owned(),
            query: request.query.to_owned(),
            root: request.root.to_owned(),
            scim_url: request.scim_url.to_owned(),
            peer: request.peer,
            headers: OwnedHeaders::of(request.headers),
            request_id: request.request_id.to_owned(),
            now: request.now,
        }
    }

    fn request(&self) -> Request<'_> {
        Request {
            method: self.method,
            path: &self.path,
            query: &self.query,
            root: &self.root,
            scim_url: &self.scim_url,
            peer: self.peer,
            headers: &self.headers,
            body: Vec::new(),
            request_id: &self.request_id,
            now: self.now,
        }
    }
}
