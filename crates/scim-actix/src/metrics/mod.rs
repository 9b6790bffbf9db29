//! `/metrics`: what is counted, for Prometheus.
//!
//! The text is OpenMetrics 1.0 for whoever asks for it, else Prometheus' own text format 0.0.4. No key's text, secret, address or person is
//! in it, but names of instances and connectors are, so that not everybody may read it ([`Options::metrics_networks`]).
//!
//! A scrape reads counters, which cost requests a few atomic additions, and a few bounded answers of the store; it never
//! looks through people, and its length does not grow with them or with the instances. `catalogue.rs` has every metric,
//! `traffic.rs` counts requests, `process.rs` asks the operating system, `text.rs` writes.
//!
//! [`Options::metrics_networks`]: crate::Options::metrics_networks

mod catalogue;
mod process;
mod text;
mod traffic;

use actix_web::http::header::{ACCEPT, FORWARDED, HeaderMap, X_FORWARDED_FOR};
use actix_web::{HttpRequest, HttpResponse, Resource, web};
use scim_core::instant::Timestamp;
use scim_provider::{ConnectorCounts, Count, EndingKey, HousekeepingCounts, OTHERS, Provider};
use scim_storage::{Backlog, StoreMeasures};

use self::catalogue as of;
use self::catalogue::Metric;
use self::process::Process;
use self::text::{Samples, Value};
pub(crate) use self::traffic::Traffic;
use self::traffic::TrafficCounts;
pub use self::traffic::{RouteLabel, measured};
use crate::Service;

/// The type of OpenMetrics.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// The type of Prometheus' own format.
const PLAIN: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The route `/metrics`, at the root.
#[must_use]
pub fn metrics(service: Service) -> Resource {
    web::resource("/metrics").app_data(web::Data::new(service)).get(scrape)
}

async fn scrape(http: HttpRequest, service: web::Data<Service>) -> HttpResponse {
    if !may_read(&http, &service) {
        return HttpResponse::Forbidden().content_type("text/plain; charset=utf-8").body(
            "metrics are for the networks that the server was told, by default for this machine alone\n",
        );
    }
    let open = takes_open_metrics(http.headers());
    match samples(&service).await.text(open) {
        Ok(text) => HttpResponse::Ok()
            .content_type(if open { OPEN_METRICS } else { PLAIN })
            .insert_header(("Cache-Control", "no-store"))
            .insert_header(("X-Content-Type-Options", "nosniff"))
            .body(text),
        Err(_) => HttpResponse::InternalServerError().finish(),
    }
}

/// Whether the client is in one of the networks. What a proxy forwards that is not trusted comes from nobody knows where.
fn may_read(http: &HttpRequest, service: &Service) -> bool {
    let options = service.options();
    let (peer, headers) = (http.peer_addr().map(|peer| peer.ip()), http.headers());
    let forwarded = headers.contains_key(X_FORWARDED_FOR) || headers.contains_key(FORWARDED);
    if forwarded && !options.proxies.trust(peer) {
        return false;
    }
    let client = options.proxies.client(peer, headers);
    client.is_some_and(|client| options.metrics_networks.iter().any(|network| network.contains(&client)))
}

fn takes_open_metrics(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
    accept.is_some_and(|accept| accept.contains("application/openmetrics-text"))
}

/// What is told at one moment.
async fn samples(service: &Service) -> Samples {
    let provider = service.provider();
    let now = provider.source().now();
    let mut samples = Samples::default();
    add_traffic(&mut samples, service.traffic().read());
    let counts = provider.counts();
    add_counts(&mut samples, of::REFUSED, &counts.refused);
    add_counts(&mut samples, of::REMINDERS, &counts.told);
    if let Some(measures) = provider.store_measures() {
        add_store(&mut samples, measures);
    }
    add_housekeeping(&mut samples, provider.housekeeping().read());
    let left = service.state().certificate_seconds(now);
    samples.add_known(of::CERTIFICATE, &[], left.map(Value::Signed));
    add_process(&mut samples, &Process::read());
    samples.add(of::BUILD, &[env!("CARGO_PKG_VERSION")], Value::Whole(1));
    let asked = actix_web::rt::time::timeout(service.options().deadline, ask(provider, now, &mut samples));
    // A store that does not answer takes away what it alone knows, not the counters.
    let complete = asked.await.unwrap_or_default();
    if !complete {
        log::warn!("metrics are not complete: the store does not answer");
    }
    samples.add(of::COMPLETE, &[], Value::Whole(complete.into()));
    samples
}

/// Adds what the store has to be asked for; whether it answered.
async fn ask(provider: &Provider, now: Timestamp, samples: &mut Samples) -> bool {
    add_connectors(samples, provider.connector_counts().await);
    let Ok(keys) = provider.ending_keys(now).await else { return false };
    add_keys(samples, &keys);
    let Ok(backlog) = provider.backlog().await else { return false };
    add_backlog(samples, &backlog);
    true
}

fn add_traffic(samples: &mut Samples, traffic: TrafficCounts) {
    for (route, method, status, count) in traffic.answers {
        samples.add(of::HTTP_REQUESTS, &[&route, method, status], Value::Whole(count));
    }
    for (route, method, class, times) in traffic.times {
        samples.add(of::HTTP_DURATION, &[&route, method, class], Value::Distribution(times));
    }
    samples.add(of::HTTP_IN_FLIGHT, &[], Value::Whole(traffic.in_flight));
    samples.add(of::HTTP_ABORTED, &[], Value::Whole(traffic.aborted));
}

fn add_counts(samples: &mut Samples, metric: Metric, counts: &[Count]) {
    for count in counts {
        samples.add(metric, &[count.label], Value::Whole(count.count));
    }
}

fn add_connectors(samples: &mut Samples, connectors: Vec<ConnectorCounts>) {
    for counts in connectors {
        let names = [counts.instance.as_str(), counts.connector.as_str()];
        let [instance, connector] = names;
        for (action, status, count) in counts.outcomes {
            let labels = [instance, connector, action, status];
            samples.add(of::CONNECTOR_OUTCOMES, &labels, Value::Whole(count));
        }
        samples.add_known(of::CONNECTOR_REQUEST, &names, counts.last_request.map(seconds));
        samples.add_known(of::CONNECTOR_WRITE, &names, counts.last_write.map(seconds));
    }
}

fn add_keys(samples: &mut Samples, keys: &[EndingKey]) {
    for key in keys {
        let id = key.key.to_string();
        samples.add(of::KEYS, &[&key.instance, &key.connector, &id], Value::Signed(key.seconds));
    }
}

fn add_backlog(samples: &mut Samples, backlog: &Backlog) {
    for (instance, count) in &backlog.held {
        samples.add(of::HELD, &[instance], Value::Whole(*count));
    }
    samples.add(of::HELD, &[OTHERS], Value::Whole(backlog.held_elsewhere));
    for (position, time, reach) in [
        (of::LOG_POSITION, of::LOG_TIME, backlog.log),
        (of::OUTBOX_POSITION, of::OUTBOX_TIME, backlog.outbox),
    ] {
        let Some(reach) = reach else { continue };
        for (end, (at, when)) in [("oldest", reach.oldest), ("newest", reach.newest)] {
            samples.add(position, &[end], Value::Signed(at.0));
            samples.add(time, &[end], seconds(when));
        }
    }
}

fn add_store(samples: &mut Samples, store: StoreMeasures) {
    for read in store.reads {
        samples.add(of::READS, &[read.operation], Value::Distribution(read.time));
        samples.add(of::READS_FAILED, &[read.operation], Value::Whole(read.failed));
    }
    samples.add(of::COMMITS, &[], Value::Distribution(store.commits));
    for (outcome, count) in store.outcomes {
        samples.add(of::OUTCOMES, &[outcome], Value::Whole(count));
    }
    samples.add(of::GROUPS, &[], Value::Distribution(store.groups));
    samples.add(of::TRANSACTIONS, &[], Value::Distribution(store.transactions));
    samples.add(of::WRITES_WAITING, &[], Value::Whole(store.writes_waiting));
    samples.add(of::READS_WAITING, &[], Value::Whole(store.reads_waiting));
    samples.add_known(of::LAST_COMMIT, &[], store.last_commit.map(seconds));
    for (file, bytes) in store.files {
        samples.add(of::FILES, &[file], Value::Whole(bytes));
    }
}

fn add_housekeeping(samples: &mut Samples, counts: HousekeepingCounts) {
    for job in counts.jobs {
        samples.add(of::JOB_RUNS, &[job.job, "success"], Value::Whole(job.succeeded));
        samples.add(of::JOB_RUNS, &[job.job, "failure"], Value::Whole(job.failed));
        samples.add(of::JOB_SUCCESS, &[job.job], seconds(job.last_success));
    }
    samples.add_known(of::JOBS_HELD, &[], counts.held.map(|held| Value::Whole(held.into())));
    samples.add(of::PRUNED, &[], Value::Whole(counts.pruned));
    add_counts(samples, of::MAILS, &counts.mails);
    samples.add(of::MAILS_WAITING, &[], Value::Whole(counts.mails_waiting));
}

fn add_process(samples: &mut Samples, process: &Process) {
    samples.add_known(of::CPU, &[], process.cpu_seconds.map(Value::Real));
    samples.add_known(of::RESIDENT, &[], process.resident_bytes.map(Value::Whole));
    samples.add_known(of::VIRTUAL, &[], process.virtual_bytes.map(Value::Whole));
    samples.add_known(of::OPEN_FDS, &[], process.open_fds.map(Value::Whole));
    samples.add_known(of::MAX_FDS, &[], process.max_fds.map(Value::Whole));
    samples.add_known(of::STARTED, &[], process.started.map(Value::Real));
}

/// A moment, in seconds since 1970.
fn seconds(at: Timestamp) -> Value {
    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds since 1970 stay below 2^53 for 285,000 years"
    )]
    let millis = at.unix_millis() as f64;
    Value::Real(millis / 1000.0)
}

#[cfg(test)]
mod tests {
    use scim_directory::Position;
    use scim_storage::Reach;

    use super::*;

    #[test]
    fn what_waits_is_told_by_instance_and_how_far_the_log_reaches() {
        let mark = |position, seconds: i64| (Position(position), Timestamp::from_unix_millis(seconds * 1000));
        let backlog = Backlog {
            log: Some(Reach { oldest: mark(3, 100), newest: mark(9, 160) }),
            outbox: None,
            held: vec![("acme".to_owned(), 7)],
            held_elsewhere: 2,
        };
        let mut samples = Samples::default();
        add_backlog(&mut samples, &backlog);
        let text = samples.text(false).expect("a text");
        let told: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        let expected = [
            "rollcall_held_changes_waiting{rollcall_instance=\"acme\"} 7",
            "rollcall_held_changes_waiting{rollcall_instance=\"(other)\"} 2",
            "rollcall_log_position{end=\"oldest\"} 3",
            "rollcall_log_position{end=\"newest\"} 9",
            "rollcall_log_timestamp_seconds{end=\"oldest\"} 100.0",
            "rollcall_log_timestamp_seconds{end=\"newest\"} 160.0",
        ];
        assert_eq!(told, expected);
    }
}
