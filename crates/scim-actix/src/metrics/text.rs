//! Metrics as text: OpenMetrics 1.0, or Prometheus' own format 0.0.4.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use prometheus_client::registry::Registry;
use scim_storage::Distribution;

use super::catalogue::{ALL, Kind, Metric};

/// A value of a metric.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Whole(u64),
    Signed(i64),
    Real(f64),
    Distribution(Distribution),
}

/// The values of all metrics, at one moment.
#[derive(Debug)]
pub(super) struct Samples(Vec<(Metric, Vec<Sample>)>);

/// The values of a metric's labels, and its value.
#[derive(Debug)]
struct Sample(Vec<String>, Value);

impl Default for Samples {
    fn default() -> Self {
        Self(ALL.iter().map(|metric| (*metric, Vec::new())).collect())
    }
}

impl Samples {
    /// Adds a value, with the values of the metric's labels in their order.
    pub(super) fn add(&mut self, metric: Metric, labels: &[&str], value: Value) {
        if let Some((_, samples)) = self.0.iter_mut().find(|(known, _)| known.name == metric.name) {
            samples.push(Sample(labels.iter().map(|label| (*label).to_owned()).collect(), value));
        }
    }

    /// The same for what may not be known.
    pub(super) fn add_known(&mut self, metric: Metric, labels: &[&str], value: Option<Value>) {
        if let Some(value) = value {
            self.add(metric, labels, value);
        }
    }

    /// The text, as OpenMetrics where it is `open`.
    pub(super) fn text(self, open: bool) -> Result<String, std::fmt::Error> {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self));
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry)?;
        Ok(if open { text } else { plain(&text) })
    }
}

impl Collector for Samples {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        for (metric, samples) in &self.0 {
            let kind = match metric.kind {
                Kind::Counter => MetricType::Counter,
                Kind::Gauge => MetricType::Gauge,
                Kind::Histogram => MetricType::Histogram,
            };
            let mut family = encoder.encode_descriptor(metric.name, metric.help, None, kind)?;
            for Sample(labels, value) in samples {
                let labels: Vec<(&str, &str)> =
                    metric.labels.iter().copied().zip(labels.iter().map(String::as_str)).collect();
                if labels.is_empty() {
                    encode(&mut family, metric.kind, value)?;
                } else {
                    encode(&mut family.encode_family(&labels.as_slice())?, metric.kind, value)?;
                }
            }
        }
        Ok(())
    }
}

fn encode(encoder: &mut MetricEncoder<'_>, kind: Kind, value: &Value) -> Result<(), std::fmt::Error> {
    match (kind, value) {
        (Kind::Counter, Value::Whole(value)) => encoder.encode_counter::<NoLabelSet, _, u64>(value, None),
        (Kind::Counter, Value::Real(value)) => encoder.encode_counter::<NoLabelSet, _, u64>(value, None),
        (_, Value::Whole(value)) => encoder.encode_gauge(value),
        (_, Value::Signed(value)) => encoder.encode_gauge(value),
        (_, Value::Real(value)) => encoder.encode_gauge(value),
        (_, Value::Distribution(of)) => {
            encoder.encode_histogram::<NoLabelSet>(of.sum, of.count(), &of.buckets, None)
        }
    }
}

/// The same in Prometheus' own format, where a counter is declared under the whole name that its values have, and where no
/// mark is at the end.
fn plain(open: &str) -> String {
    let mut text = String::with_capacity(open.len() + 1024);
    for line in open.lines().filter(|line| *line != "# EOF") {
        let mut words = line.splitn(4, ' ');
        let counter =
            |name: &str| ALL.iter().any(|metric| metric.kind == Kind::Counter && metric.name == name);
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some(what), Some(name), Some(rest)) if counter(name) => {
                text.extend(["# ", what, " ", name, "_total ", rest]);
            }
            _ => text.push_str(line),
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::catalogue::{HTTP_DURATION, HTTP_IN_FLIGHT, HTTP_REQUESTS, KEYS};
    use super::*;

    fn samples() -> Samples {
        let mut samples = Samples::default();
        samples.add(HTTP_REQUESTS, &["/scim/v2/Users", "GET", "200"], Value::Whole(u64::MAX));
        samples.add(HTTP_IN_FLIGHT, &[], Value::Whole(2));
        let times = Distribution { buckets: vec![(0.5, 3), (1.0, 0), (f64::INFINITY, 1)], sum: 7.25 };
        samples.add(HTTP_DURATION, &["/scim/v2/Users", "GET", "2xx"], Value::Distribution(times));
        samples.add(KEYS, &["ac\"me\\ \u{e9}\n", "entra", "0198d9a2"], Value::Signed(-60));
        samples
    }

    /// The lines about a metric.
    fn about(metric: Metric, text: &str) -> Vec<&str> {
        let names = |line: &&str| line.contains(metric.name);
        text.lines().filter(names).collect()
    }

    #[test]
    fn a_metric_is_declared_and_then_told() {
        let check = |metric: Metric, open: bool, expected: &[&str]| {
            let text = samples().text(open).expect("a text");
            let lines: Vec<&str> = about(metric, &text).into_iter().skip(1).collect();
            assert_eq!(lines, expected);
        };
        let value = "rollcall_http_requests_total{route=\"/scim/v2/Users\",method=\"GET\",status=\"200\"} 18446744073709551615";
        let in_flight =
            ["# TYPE rollcall_http_requests_in_flight gauge", "rollcall_http_requests_in_flight 2"];
        check(HTTP_IN_FLIGHT, true, &in_flight);
        check(HTTP_IN_FLIGHT, false, &in_flight);
        let open = samples().text(true).expect("a text");
        assert!(open.contains(&format!("# TYPE rollcall_http_requests counter\n{value}\n")), "{open}");
        let plain = samples().text(false).expect("a text");
        assert!(
            plain.contains(&format!("# TYPE rollcall_http_requests_total counter\n{value}\n")),
            "{plain}"
        );
        let labels = "route=\"/scim/v2/Users\",method=\"GET\",status_class=\"2xx\"";
        let histogram = [
            "# TYPE rollcall_http_request_duration_seconds histogram".to_owned(),
            format!("rollcall_http_request_duration_seconds_sum{{{labels}}} 7.25"),
            format!("rollcall_http_request_duration_seconds_count{{{labels}}} 4"),
            format!("rollcall_http_request_duration_seconds_bucket{{le=\"0.5\",{labels}}} 3"),
            format!("rollcall_http_request_duration_seconds_bucket{{le=\"1.0\",{labels}}} 3"),
            format!("rollcall_http_request_duration_seconds_bucket{{le=\"+Inf\",{labels}}} 4"),
        ];
        check(HTTP_DURATION, true, &histogram.each_ref().map(String::as_str));
        assert!(open.ends_with("# EOF\n") && !plain.contains("# EOF"));
    }

    /// In Prometheus' own format values stand under the name that is declared before them.
    #[test]
    fn values_have_a_declared_name_in_the_plain_format() {
        let text = samples().text(false).expect("a text");
        let mut declared = "";
        for line in text.lines() {
            if let Some(of) = line.strip_prefix("# TYPE ") {
                declared = of.split(' ').next().expect("a name");
            } else if !line.starts_with('#') {
                let name = line.split(['{', ' ']).next().expect("a name");
                let of_histogram =
                    ["_sum", "_count", "_bucket"].iter().any(|end| name.strip_suffix(end) == Some(declared));
                assert!(name == declared || of_histogram, "{line} is declared as {declared}");
            }
        }
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
                ("TYPE", Some(of), Some("counter" | "gauge" | "histogram")) => name(of),
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
        let (open, plain) = (samples().text(true).expect("a text"), samples().text(false).expect("a text"));
        for line in open.lines().chain(plain.lines()) {
            assert_eq!(parse(line), Some(()), "{line}");
        }
        for wrong in ["", "a", "1a 1", "a{b=\"c} 1", "a{b=\"c\"}1", "a{b=\"\\x\"} 1", "# TYPE a", "a b"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
