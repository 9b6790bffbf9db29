//! Metrics and alerts as Prometheus sees them: `promtool` reads the page of the release binary, checks the alerts and runs their
//! tests; a real Prometheus scrapes the running server and loads the alerts.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::components::PROMETHEUS;
use crate::root;
use crate::server::{Server, free_address};
use crate::shell::{Running, check, program, say, within};

/// How long Prometheus may take to have scraped the server.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long an answer over HTTP may take.
const ANSWER: Duration = Duration::from_secs(30);
const RULES: &str = "docs/monitoring/rollcall.rules.yml";
const DASHBOARD: &str = "docs/monitoring/rollcall.dashboard.json";
const TESTS: &str = "docs/monitoring/rollcall.rules.test.yml";
/// People that are created.
const PEOPLE: usize = 3;

/// Every check, whatever an earlier one found.
pub(crate) fn run() -> anyhow::Result<()> {
    if !PROMETHEUS.installed()? {
        return Ok(());
    }
    let server = Server::start()?;
    traffic(&server)?;
    let page = get(&server.address, "/metrics")?;
    let checks: [(&str, anyhow::Result<()>); 6] = [
        ("promtool finds nothing to say about the metrics", lint(&page)),
        ("promtool accepts the alerts", check(&mut program("promtool", &["check", "rules", RULES]))),
        ("alerts and dashboard ask for metrics that there are", known_metrics(&page)),
        ("each alert has a test in which it is quiet, and one in which it fires", all_tested()),
        (
            "the tests of the alerts pass",
            check(program("promtool", &["test", "rules", file_name(TESTS)]).current_dir(folder())),
        ),
        ("a real Prometheus scrapes the server and loads the alerts", scraped(&server)),
    ];
    let mut failed = 0;
    for (what, outcome) in &checks {
        match outcome {
            Ok(()) => say(&format!("ok      {what}")),
            Err(error) => {
                failed += 1;
                say(&format!("FAILED  {what}: {error:#}"));
            }
        }
    }
    say(&format!("monitoring: {} passed, {failed} failed", checks.len() - failed));
    if failed > 0 {
        bail!("{failed} checks of metrics and alerts failed");
    }
    Ok(())
}

/// Requests that come to something, and some that do not.
fn traffic(server: &Server) -> anyhow::Result<()> {
    let person = |number: usize| {
        format!(
            r#"{{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"person{number}@example.com"}}"#
        )
    };
    let token = Some(server.token.as_str());
    let expect = |method: &str, path: &str, token: Option<&str>, body: &str, expected: u16| {
        let (status, answer) = send(&server.address, method, path, token, body)?;
        if status != expected {
            bail!("{method} {path} is answered {status}, not {expected}: {answer}");
        }
        Ok(())
    };
    for number in 0..PEOPLE {
        expect("POST", "/scim/v2/Users", token, &person(number), 201)?;
    }
    expect("POST", "/scim/v2/Users", token, &person(0), 409)?;
    expect("GET", "/scim/v2/Users?count=2", token, "", 200)?;
    expect("GET", "/scim/v2/Users", None, "", 401)?;
    expect("GET", "/scim/v2/Nothing/person0@example.com", token, "", 404)
}

/// `promtool check metrics`: neither an error nor a remark.
fn lint(page: &str) -> anyhow::Result<()> {
    let mut promtool = Command::new("promtool");
    promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut promtool = promtool.spawn().context("cannot start promtool")?;
    // It is closed when it is dropped, which promtool waits for.
    promtool.stdin.take().context("promtool has no standard input")?.write_all(page.as_bytes())?;
    let done = promtool.wait_with_output()?;
    let said = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    if !done.status.success() || !said.trim().is_empty() {
        bail!("promtool ended with {}: {said}", done.status);
    }
    Ok(())
}

/// That every metric that an alert or the dashboard asks for is on the page.
fn known_metrics(page: &str) -> anyhow::Result<()> {
    let rules = std::fs::read_to_string(root().join(RULES))?;
    let rules = rules.lines().filter(|line| !line.trim_start().starts_with(['#', '-'])).map(str::to_owned);
    for (file, texts) in [(RULES, rules.collect::<Vec<_>>()), (DASHBOARD, queries()?)] {
        let asked: Vec<&str> = texts.iter().flat_map(|text| names(text)).collect();
        if asked.len() < 20 {
            bail!("{file} asks for {} metrics only; are they read rightly?", asked.len());
        }
        let unknown = asked.into_iter().find(|name| !is_told(page, name));
        if let Some(name) = unknown {
            bail!("{file} asks for {name}, which the server does not tell");
        }
    }
    Ok(())
}

/// What the dashboard asks Prometheus.
fn queries() -> anyhow::Result<Vec<String>> {
    let dashboard: Value = serde_json::from_str(&std::fs::read_to_string(root().join(DASHBOARD))?)
        .with_context(|| format!("{DASHBOARD} is not JSON"))?;
    let panels = dashboard.get("panels").and_then(Value::as_array).context("a dashboard without panels")?;
    let targets = panels.iter().filter_map(|panel| panel.get("targets")?.as_array()).flatten();
    Ok(targets.filter_map(|target| Some(target.get("expr")?.as_str()?.to_owned())).collect())
}

/// The names of metrics in a text.
fn names(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    words.filter(|word| {
        word.starts_with("process_") || (word.starts_with("rollcall_") && *word != "rollcall_instance")
    })
}

/// Whether a metric is on the page.
fn is_told(page: &str, name: &str) -> bool {
    let declared = |name: &str, kind: &str| {
        page.lines().any(|line| {
            line.strip_prefix("# TYPE ")
                .and_then(|line| line.split_once(' '))
                .is_some_and(|(told, of)| told == name && (kind.is_empty() || of == kind))
        })
    };
    let of_histogram = ["_bucket", "_count", "_sum"].iter().find_map(|end| name.strip_suffix(end));
    declared(name, "") || of_histogram.is_some_and(|name| declared(name, "histogram"))
}

/// The names after a key that begins a line of a YAML file.
fn named<'t>(text: &'t str, key: &'t str) -> impl Iterator<Item = &'t str> {
    text.lines().filter_map(move |line| line.trim_start().strip_prefix(key)).map(str::trim)
}

/// That each alert is tested at one moment where it does not fire, and at one where it does.
fn all_tested() -> anyhow::Result<()> {
    let (rules, tests) =
        (std::fs::read_to_string(root().join(RULES))?, std::fs::read_to_string(root().join(TESTS))?);
    // What follows a name in the tests, up to the next one: when, and what is expected.
    let cases: Vec<(&str, &str)> = tests
        .split("- alertname: ")
        .skip(1)
        .filter_map(|case| case.split_once('\n').map(|(name, rest)| (name.trim(), rest)))
        .collect();
    let untested: Vec<&str> = named(&rules, "- alert:")
        .filter(|alert| {
            let of = cases.iter().filter(|(name, _)| name == alert);
            let fires: Vec<bool> = of.map(|(_, rest)| rest.contains("exp_alerts:")).collect();
            !(fires.contains(&true) && fires.contains(&false))
        })
        .collect();
    if !untested.is_empty() {
        bail!("{TESTS} does not test {}", untested.join(", "));
    }
    Ok(())
}

/// Starts Prometheus and waits until it has what the server tells.
fn scraped(server: &Server) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (config, address) = (folder.path().join("prometheus.yml"), free_address()?);
    let text = format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n\
         rule_files: ['{}']\n\
         scrape_configs: [{{job_name: rollcall, static_configs: [{{targets: ['{}']}}]}}]\n",
        root().join(RULES).display(),
        server.address
    );
    std::fs::write(&config, text)?;
    let log = std::fs::File::create(folder.path().join("log"))?;
    let mut prometheus = Command::new("prometheus");
    prometheus
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
        .arg(format!("--web.listen-address={address}"))
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log);
    let _prometheus = Running::start(&mut prometheus)?;
    let outcome = asked(&address);
    if outcome.is_err() {
        say(&std::fs::read_to_string(folder.path().join("log")).unwrap_or_default());
    }
    outcome
}

/// What Prometheus must come to know.
fn asked(address: &str) -> anyhow::Result<()> {
    let people = PEOPLE.to_string();
    let created = r#"rollcall_http_requests_total{route="/scim/v2/Users",method="POST",status="201"}"#;
    let outcomes = r#"rollcall_connector_outcomes_total{rollcall_instance="judge",connector="default",action="created",status="success"}"#;
    let timed = r#"rollcall_http_request_duration_seconds_count{route="/scim/v2/Users",method="POST",status_class="2xx"}"#;
    for (query, expected) in [
        (r#"up{job="rollcall"}"#, "1"),
        (created, people.as_str()),
        (outcomes, people.as_str()),
        (timed, people.as_str()),
        ("rollcall_scrape_complete", "1"),
        (r#"count(rollcall_http_requests_total{route="(no route)"})"#, "1"),
        // A moment of the last minutes, by the clock of whoever asks.
        ("count(time() - rollcall_connector_last_write_timestamp_seconds < 600)", "1"),
    ] {
        within(PATIENCE, &format!("{query} is {expected}"), || {
            // Prometheus may not listen yet.
            let Ok(answer) = query_api(address, query) else { return Ok(None) };
            let value = answer.pointer("/data/result/0/value/1").and_then(Value::as_str);
            Ok((value == Some(expected)).then_some(()))
        })?;
    }
    for query in queries()? {
        let query = query.replace("$__rate_interval", "1m").replace("$job", "rollcall");
        let answer = query_api(address, &query)?;
        if answer.get("status").and_then(Value::as_str) != Some("success") {
            bail!("{DASHBOARD} asks {query:?}, and Prometheus answers {answer}");
        }
    }
    let rules = std::fs::read_to_string(root().join(RULES))?;
    let mut expected: Vec<&str> = named(&rules, "- alert:").collect();
    expected.sort_unstable();
    let loaded: Value = serde_json::from_str(&get(address, "/api/v1/rules")?)?;
    let groups = loaded.pointer("/data/groups").and_then(Value::as_array).context("groups of rules")?;
    let mut loaded: Vec<&str> = groups
        .iter()
        .filter_map(|group| group.get("rules")?.as_array())
        .flatten()
        .filter_map(|rule| rule.get("name")?.as_str())
        .collect();
    loaded.sort_unstable();
    if loaded != expected {
        bail!("Prometheus has loaded {loaded:?}, not {expected:?}");
    }
    let firing = query_api(address, r#"ALERTS{alertstate="firing"}"#)?;
    if firing.pointer("/data/result").and_then(Value::as_array).is_none_or(|firing| !firing.is_empty()) {
        bail!("alerts fire though all is well: {firing}");
    }
    Ok(())
}

fn query_api(address: &str, query: &str) -> anyhow::Result<Value> {
    let query: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
    Ok(serde_json::from_str(&get(address, &format!("/api/v1/query?query={query}"))?)?)
}

fn get(address: &str, path: &str) -> anyhow::Result<String> {
    match send(address, "GET", path, None, "")? {
        (200, body) => Ok(body),
        (status, body) => bail!("GET {path} is answered {status}: {body}"),
    }
}

/// Sends a request by HTTP/1.0, whose answers end with their connection.
fn send(
    address: &str,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: &str,
) -> anyhow::Result<(u16, String)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(ANSWER))?;
    let token = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nHost: {address}\r\n{token}Content-Type: application/scim+json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("an answer without an end of its head")?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok((status.context("an answer without a status")?, body.to_owned()))
}

fn folder() -> std::path::PathBuf {
    root().join("docs/monitoring")
}

fn file_name(path: &str) -> &str {
    Path::new(path).file_name().and_then(|name| name.to_str()).unwrap_or(path)
}
