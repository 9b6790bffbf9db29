//! Requests, as they are answered: how many, by which route, how long they took, and how many are under way.
//!
//! The labels are closed lists but for routes, which are templates: those of SCIM with the resource types of the server, and
//! what other routers on the same server name by [`RouteLabel`], at most [`MAX_ROUTES`] altogether. No path of a client ever
//! becomes a label. A request costs one look-up behind a lock that is only written to when a route is met for the first time,
//! and a handful of atomic additions.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, web};
use scim_provider::{Method, Provider};
use scim_storage::{Distribution, Histogram};

use crate::Service;
use crate::base::{BASE_PATH, Place};
use crate::oauth::known_path;

/// The most routes that are counted one by one.
const MAX_ROUTES: usize = 300;
/// What requests to no route count as.
const NO_ROUTE: &str = "(no route)";
/// What routes beyond [`MAX_ROUTES`] count as.
const OTHER_ROUTES: &str = "(other)";
/// Paths at the root that are routes as they stand.
const ROOT_ROUTES: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// Bounds of how long requests take, in microseconds.
const TIMES: [u64; 14] = [
    1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000,
    10_000_000, 30_000_000,
];
const METHODS: [Method; 8] = [
    Method::Get,
    Method::Head,
    Method::Post,
    Method::Put,
    Method::Patch,
    Method::Delete,
    Method::Options,
    Method::Other,
];
/// Statuses that are counted one by one; the last stands for any other.
const STATUSES: [(u16, &str); 26] = [
    (200, "200"),
    (201, "201"),
    (202, "202"),
    (204, "204"),
    (304, "304"),
    (400, "400"),
    (401, "401"),
    (403, "403"),
    (404, "404"),
    (405, "405"),
    (406, "406"),
    (408, "408"),
    (409, "409"),
    (412, "412"),
    (413, "413"),
    (414, "414"),
    (415, "415"),
    (422, "422"),
    (428, "428"),
    (429, "429"),
    (431, "431"),
    (500, "500"),
    (501, "501"),
    (503, "503"),
    (507, "507"),
    (0, "other"),
];
const CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];

/// The template of the route that answered, for routers beside SCIM: `/admin/v1/instances/{instance}`. It is put into the
/// extensions of the request, and must be one of a list that does not grow with requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteLabel(pub Cow<'static, str>);

/// Counts and times every request of an app; for `App::wrap(actix_web::middleware::from_fn(measured))`, outside every other
/// middleware, with a [`Service`] as `web::Data` of the app.
///
/// # Errors
/// Those of the services that it wraps.
pub async fn measured(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let Some(service) = request.app_data::<web::Data<Service>>().cloned() else {
        return next.call(request).await;
    };
    let flight = Flight::begin(service.traffic());
    let (route, method) =
        (route_of(service.provider(), request.uri().path()), Method::named(request.method().as_str()));
    let outcome = next.call(request).await;
    let label = match &outcome {
        Ok(response) => response.request().extensions().get::<RouteLabel>().cloned(),
        Err(_) => None,
    };
    let route = label.map_or(route, |label| label.0);
    let status = match &outcome {
        Ok(response) => response.status(),
        Err(error) => error.as_response_error().status_code(),
    };
    flight.end(&route, method, status.as_u16());
    outcome
}

/// The template of a path of ours.
fn route_of(provider: &Provider, path: &str) -> Cow<'static, str> {
    if let Some(known) = ROOT_ROUTES.into_iter().find(|known| *known == path).or_else(|| known_path(path)) {
        return known.into();
    }
    let Some(Place { path, .. }) = Place::of(path) else { return NO_ROUTE.into() };
    let mut segments = path.split('/').filter(|segment| !segment.is_empty());
    let parts = (segments.next(), segments.next(), segments.next());
    match parts {
        (None, ..) => BASE_PATH.into(),
        (Some(".search"), None, _) => format!("{BASE_PATH}/.search").into(),
        (Some(endpoint), below, None) if provider.has_endpoint(endpoint) => match below {
            None => [BASE_PATH, "/", endpoint].concat().into(),
            Some(".search") => [BASE_PATH, "/", endpoint, "/.search"].concat().into(),
            Some(_) => [BASE_PATH, "/", endpoint, "/{id}"].concat().into(),
        },
        _ => NO_ROUTE.into(),
    }
}

/// A request under way.
struct Flight<'t> {
    traffic: &'t Traffic,
    started: Instant,
    answered: bool,
}

impl<'t> Flight<'t> {
    fn begin(traffic: &'t Traffic) -> Self {
        traffic.in_flight.fetch_add(1, Ordering::Relaxed);
        Self { traffic, started: Instant::now(), answered: false }
    }

    fn end(mut self, route: &str, method: Method, status: u16) {
        self.answered = true;
        self.traffic.count(route, method, status, self.started);
    }
}

/// Also where the client went away, and with it the request.
impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.traffic.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.traffic.aborted.fetch_add(u64::from(!self.answered), Ordering::Relaxed);
    }
}

/// What is counted of one route and method.
#[derive(Debug)]
struct Answers {
    statuses: [AtomicU64; STATUSES.len()],
    times: [Histogram; CLASSES.len()],
}

impl Default for Answers {
    fn default() -> Self {
        Self { statuses: Default::default(), times: std::array::from_fn(|_| Histogram::of_durations(&TIMES)) }
    }
}

#[derive(Debug, Default)]
struct RouteAnswers([OnceLock<Box<Answers>>; METHODS.len()]);

/// Requests by route, method and status.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    routes: RwLock<HashMap<Box<str>, Arc<RouteAnswers>>>,
    others: Arc<RouteAnswers>,
    in_flight: AtomicU64,
    aborted: AtomicU64,
}

/// What was counted, at one moment.
#[derive(Debug, Default)]
pub(super) struct TrafficCounts {
    /// Route, method, status and how many.
    pub(super) answers: Vec<(String, &'static str, &'static str, u64)>,
    /// Route, method, class of status and how long, in seconds.
    pub(super) times: Vec<(String, &'static str, &'static str, Distribution)>,
    pub(super) in_flight: u64,
    pub(super) aborted: u64,
}

impl Traffic {
    fn of(&self, route: &str) -> Arc<RouteAnswers> {
        if let Some(known) = self.routes.read().unwrap_or_else(PoisonError::into_inner).get(route) {
            return Arc::clone(known);
        }
        let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        if routes.len() >= MAX_ROUTES && !routes.contains_key(route) {
            return Arc::clone(&self.others);
        }
        Arc::clone(routes.entry(route.into()).or_default())
    }

    fn count(&self, route: &str, method: Method, status: u16, started: Instant) {
        let route = self.of(route);
        let method = METHODS.iter().position(|known| *known == method).unwrap_or(METHODS.len() - 1);
        let Some(answers) = route.0.get(method).map(|answers| answers.get_or_init(Box::default)) else {
            return;
        };
        let place = STATUSES.iter().position(|(known, _)| *known == status).unwrap_or(STATUSES.len() - 1);
        if let Some(count) = answers.statuses.get(place) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let class = usize::from(status / 100).saturating_sub(2).min(CLASSES.len() - 1);
        if let Some(times) = answers.times.get(class) {
            times.took(started.elapsed());
        }
    }

    /// What was counted: only of what there was at all.
    pub(super) fn read(&self) -> TrafficCounts {
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<(String, Arc<RouteAnswers>)> =
            routes.iter().map(|(route, answers)| (route.to_string(), Arc::clone(answers))).collect();
        drop(routes);
        all.sort_by(|left, right| left.0.cmp(&right.0));
        all.push((OTHER_ROUTES.to_owned(), Arc::clone(&self.others)));
        let mut counts = TrafficCounts {
            in_flight: self.in_flight.load(Ordering::Relaxed),
            aborted: self.aborted.load(Ordering::Relaxed),
            ..TrafficCounts::default()
        };
        for (route, answers) in all {
            for (method, answers) in METHODS.iter().zip(&answers.0) {
                let Some(answers) = answers.get() else { continue };
                for ((_, status), count) in STATUSES.iter().zip(&answers.statuses) {
                    let count = count.load(Ordering::Relaxed);
                    if count > 0 {
                        counts.answers.push((route.clone(), method.name(), status, count));
                    }
                }
                for (class, times) in CLASSES.iter().zip(&answers.times) {
                    let times = times.read();
                    if times.count() > 0 {
                        counts.times.push((route.clone(), method.name(), class, times));
                    }
                }
            }
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_count_by_route_method_and_status() {
        let traffic = Traffic::default();
        for (route, method, status) in [
            ("/a", Method::Get, 200),
            ("/a", Method::Get, 200),
            ("/a", Method::Get, 404),
            ("/a", Method::Post, 201),
            ("/b", Method::Other, 418),
            ("/b", Method::Get, 599),
        ] {
            traffic.count(route, method, status, Instant::now());
        }
        let read = traffic.read();
        let answers: Vec<_> = read.answers.iter().map(|(a, b, c, d)| (a.as_str(), *b, *c, *d)).collect();
        let expected = [
            ("/a", "GET", "200", 2),
            ("/a", "GET", "404", 1),
            ("/a", "POST", "201", 1),
            ("/b", "GET", "other", 1),
            ("/b", "(other)", "other", 1),
        ];
        assert_eq!(answers, expected);
        let times: Vec<_> = read.times.iter().map(|(a, _, c, d)| (a.as_str(), *c, d.count())).collect();
        let expected =
            [("/a", "2xx", 2), ("/a", "4xx", 1), ("/a", "2xx", 1), ("/b", "5xx", 1), ("/b", "4xx", 1)];
        assert_eq!(times, expected);
    }

    #[test]
    fn many_routes_count_together() {
        let traffic = Traffic::default();
        for number in 0..MAX_ROUTES + 5 {
            traffic.count(&format!("/{number}"), Method::Get, 200, Instant::now());
        }
        let read = traffic.read();
        assert_eq!(read.answers.len(), MAX_ROUTES + 1);
        assert_eq!(read.answers.last(), Some(&(OTHER_ROUTES.to_owned(), "GET", "200", 5)));
    }

    #[test]
    fn a_request_is_under_way_until_it_is_answered_or_given_up() {
        let traffic = Traffic::default();
        let (first, second) = (Flight::begin(&traffic), Flight::begin(&traffic));
        assert_eq!(traffic.read().in_flight, 2);
        first.end("/a", Method::Get, 200);
        drop(second);
        let read = traffic.read();
        assert_eq!((read.in_flight, read.aborted, read.answers.len()), (0, 1, 1));
    }
}
