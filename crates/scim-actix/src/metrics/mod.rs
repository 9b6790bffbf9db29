//! `/metrics`: what is counted, for Prometheus.
//!
//! The text is OpenMetrics 1.0 for whoever asks for it, else Prometheus' own text format 0.0.4. No key's text, secret, address or person is
//! in it, but names of instances and connectors are, so that not everybody may read it ([`Options::metrics_networks`]).
//!
//! [`Options::metrics_networks`]: crate::Options::metrics_networks

use actix_web::http::header::{ACCEPT, FORWARDED, HeaderMap, X_FORWARDED_FOR};
use actix_web::{HttpRequest, HttpResponse, Resource, web};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use scim_provider::{Count, Counts, EndingKey};

use crate::Service;

/// The type of OpenMetrics.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// The type of Prometheus' own format.
const PLAIN: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Clients that were not let in.
const REFUSED: &str = "rollcall_access_refused";
/// What was told of keys.
const REMINDERS: &str = "rollcall_key_reminders";
/// Answers.
const REQUESTS: &str = "rollcall_requests";
/// Answers with 429.
const RATE_LIMITED: &str = "rollcall_rate_limited";
/// Every counter, without the `_total` of its values.
const COUNTERS: [&str; 4] = [REFUSED, REMINDERS, REQUESTS, RATE_LIMITED];

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
    let provider = service.provider();
    let ending = provider.ending_keys(provider.source().now());
    // A store that does not answer takes the keys away, not the counters.
    let keys = match actix_web::rt::time::timeout(service.options().deadline, ending).await {
        Ok(Ok(keys)) => keys,
        Ok(Err(_)) | Err(_) => {
            log::warn!("metrics without keys: the store does not answer");
            Vec::new()
        }
    };
    let open = takes_open_metrics(http.headers());
    match text(Scrape { counts: provider.counts(), keys }) {
        Ok(text) => HttpResponse::Ok()
            .content_type(if open { OPEN_METRICS } else { PLAIN })
            .insert_header(("Cache-Control", "no-store"))
            .insert_header(("X-Content-Type-Options", "nosniff"))
            .body(if open { text } else { plain(&text) }),
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
#[derive(Debug)]
struct Scrape {
    counts: Counts,
    keys: Vec<EndingKey>,
}

fn text(scrape: Scrape) -> Result<String, std::fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(scrape));
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry)?;
    Ok(text)
}

/// The same in Prometheus' own format, where a counter is declared under the whole name that its values have, and where no
/// mark is at the end.
fn plain(open: &str) -> String {
    let mut text = String::with_capacity(open.len() + 64);
    for line in open.lines().filter(|line| *line != "# EOF") {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some(what), Some(name), Some(rest)) if COUNTERS.contains(&name) => {
                text.extend(["# ", what, " ", name, "_total ", rest]);
            }
            _ => text.push_str(line),
        }
        text.push('\n');
    }
    text
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let Counts { refused, told, answers, rate_limited } = &self.counts;
        let mut counters = |name: &str, help: &str, label: &'static str, counts: &[Count]| {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            counts.iter().try_for_each(|count| {
                ConstCounter::new(count.count).encode(family.encode_family(&[(label, count.label)])?)
            })
        };
        counters(
            REFUSED,
            "Clients that were not let in, by the code in the provisioning log.",
            "code",
            refused,
        )?;
        counters(
            REMINDERS,
            "What this node told of keys that end: that they expire soon, have expired, or that an overlap is over.",
            "what",
            told,
        )?;
        counters(
            REQUESTS,
            "SCIM and OAuth requests that were answered, by the class of the status.",
            "status",
            answers,
        )?;
        let limited = ConstCounter::new(*rate_limited);
        let help = "Requests that were answered with 429.";
        limited.encode(encoder.encode_descriptor(RATE_LIMITED, help, None, MetricType::Counter)?)?;
        let help = "Seconds until a key in use expires, of keys that do within 60 days; negative from then until that was told.";
        let name = "rollcall_api_key_seconds_to_expiry";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        self.keys.iter().try_for_each(|key| {
            let id = key.key.to_string();
            let labels = [
                ("instance", key.instance.as_str()),
                ("connector", key.connector.as_str()),
                ("key", id.as_str()),
            ];
            ConstGauge::new(key.seconds).encode(family.encode_family(&labels)?)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scrape() -> Scrape {
        let count = |label, count| Count { label, count };
        Scrape {
            counts: Counts {
                refused: vec![count("key_missing", 3), count("other", 0)],
                told: vec![count("expiring", 1)],
                answers: vec![count("2xx", u64::MAX)],
                rate_limited: 2,
            },
            keys: vec![
                EndingKey {
                    instance: "ac\"me\\ \u{e9}".to_owned(),
                    connector: "entra".to_owned(),
                    key: "0198d9a2-7c3a-7000-8000-0123456789ab".parse().expect("an id"),
                    seconds: 86_400,
                },
                EndingKey {
                    instance: "globex".to_owned(),
                    connector: "okta".to_owned(),
                    key: "0198d9a2-7c3a-7000-8000-0123456789ac".parse().expect("an id"),
                    seconds: -60,
                },
            ],
        }
    }

    #[test]
    fn names_helps_and_labels_are_these() {
        let text = text(scrape()).expect("a text");
        let expected = [
            "# HELP rollcall_access_refused Clients that were not let in, by the code in the provisioning log.",
            "# TYPE rollcall_access_refused counter",
            "rollcall_access_refused_total{code=\"key_missing\"} 3",
            "rollcall_access_refused_total{code=\"other\"} 0",
            "# HELP rollcall_key_reminders What this node told of keys that end: that they expire soon, have expired, or that an overlap is over.",
            "# TYPE rollcall_key_reminders counter",
            "rollcall_key_reminders_total{what=\"expiring\"} 1",
            "# HELP rollcall_requests SCIM and OAuth requests that were answered, by the class of the status.",
            "# TYPE rollcall_requests counter",
            "rollcall_requests_total{status=\"2xx\"} 18446744073709551615",
            "# HELP rollcall_rate_limited Requests that were answered with 429.",
            "# TYPE rollcall_rate_limited counter",
            "rollcall_rate_limited_total 2",
            "# HELP rollcall_api_key_seconds_to_expiry Seconds until a key in use expires, of keys that do within 60 days; negative from then until that was told.",
            "# TYPE rollcall_api_key_seconds_to_expiry gauge",
            "rollcall_api_key_seconds_to_expiry{instance=\"ac\\\"me\\\\ \u{e9}\",connector=\"entra\",key=\"0198d9a2-7c3a-7000-8000-0123456789ab\"} 86400",
            "rollcall_api_key_seconds_to_expiry{instance=\"globex\",connector=\"okta\",key=\"0198d9a2-7c3a-7000-8000-0123456789ac\"} -60",
            "# EOF",
        ];
        assert_eq!(text.lines().collect::<Vec<_>>(), expected);
        assert!(text.ends_with("# EOF\n"));
    }

    /// In Prometheus' own format values stand under the name that is declared before them.
    #[test]
    fn values_have_a_declared_name_in_the_plain_format() {
        let text = plain(&text(scrape()).expect("a text"));
        let (mut declared, mut counters) = ("", 0);
        for line in text.lines() {
            if let Some(of) = line.strip_prefix("# TYPE ") {
                declared = of.split(' ').next().expect("a name");
                counters += usize::from(of.ends_with("_total counter"));
            } else if !line.starts_with('#') {
                assert_eq!(line.split(['{', ' ']).next(), Some(declared));
            }
        }
        assert_eq!(counters, COUNTERS.len());
        assert!(text.ends_with("} -60\n"));
    }

    /// Prometheus' text format 0.0.4: what a line may be.
    fn parse(line: &str) -> Option<()> {
        let name = |text: &str| {
            let mut bytes = text.bytes();
            let first = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
            (first && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')).then_some(())
        };
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            return match (words.next()?, words.next(), words.next()) {
                ("EOF", None, None) => Some(()),
                ("HELP", Some(of), Some(_)) => name(of),
                ("TYPE", Some(of), Some("counter" | "gauge")) => name(of),
                _ => None,
            };
        }
        let end = line.find(['{', ' '])?;
        name(line.get(..end)?)?;
        let mut rest = line.get(end..)?;
        if let Some(labels) = rest.strip_prefix('{') {
            rest = labels;
            loop {
                let (label, value) = rest.split_once("=\"")?;
                name(label)?;
                let mut characters = value.chars();
                loop {
                    match characters.next()? {
                        '"' => break,
                        '\\' if !['\\', '"', 'n'].contains(&characters.next()?) => return None,
                        _ => {}
                    }
                }
                match characters.next()? {
                    ',' => rest = characters.as_str(),
                    '}' => break rest = characters.as_str(),
                    _ => return None,
                }
            }
        }
        rest.strip_prefix(' ')?.parse::<f64>().ok().map(|_| ())
    }

    #[test]
    fn every_line_is_in_prometheus_text_format() {
        let text = text(scrape()).expect("a text");
        for line in text.lines().chain(plain(&text).lines()) {
            assert_eq!(parse(line), Some(()), "{line}");
        }
        for wrong in ["", "a", "1a 1", "a{b=\"c} 1", "a{b=\"c\"}1", "a{b=\"\\x\"} 1", "# TYPE a", "a b"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
