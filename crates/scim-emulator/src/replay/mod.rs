//! Plays recorded conversations of SCIM clients against a server and checks the answers.
//!
//! A scenario file is JSON: requests in the shapes that real clients send, what the answer has to be, and what to
//! remember of it for later requests. `fixtures/idp/README.md` in the repository describes the format.
//!
//! ```no_run
//! use scim_emulator::replay;
//!
//! let report = replay::run("http://127.0.0.1:8080/scim/v2", "TOKEN", &["fixtures/idp"], |result| eprintln!("{result}"))?;
//! assert_eq!(report.failed(), 0, "{report}");
//! # Ok::<(), replay::ReplayError>(())
//! ```
//!
//! Deliberately absent: timing, parallel requests and token flows; a raw `#` in a path, which HTTP cannot carry.
//! Every request has a connection of its own, so that a server that breaks one cannot disturb the next.

mod matcher;
mod result;
mod scenario;
mod text;
mod variables;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Map, Value};

pub use result::{Outcome, Received, Report, ScenarioResult, StepFailure};
use scenario::{FEATURES, Scenario, Step};
use text::{json_text, plain_text};
use variables::{Quote, Variables};

use crate::wire::{Answer, Wire, WireOptions};

/// Shown of an answer whose status is wrong.
const SHOWN_BYTES: usize = 300;

/// Why nothing can be played. A server that answers badly is no error but a failed scenario.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The base URL cannot be used.
    #[error("the base URL has to start with http:// or https:// and name a host, not {0:?}")]
    Base(String),
    /// A scenario file cannot be read, or asks for something that does not exist.
    #[error("{}: {reason}", file.display())]
    #[non_exhaustive]
    Scenario {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The operating system gives no random bytes for `${uniq}`.
    #[error("no random bytes: {0}")]
    Random(String),
}

/// Why a step stops: the server's fault, or the scenario's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stop {
    Failure(String),
    Broken(String),
}

/// How to play.
#[derive(Clone)]
pub struct Player {
    base: String,
    /// Scheme and host, without a path.
    origin: String,
    /// Path of the base URL, without a slash at its end.
    prefix: String,
    token: String,
    timeout: Duration,
    insecure: bool,
    levels: Vec<String>,
}

/// Without the token.
impl fmt::Debug for Player {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Player")
            .field("base", &self.base)
            .field("levels", &self.levels)
            .finish_non_exhaustive()
    }
}

/// Plays every scenario in `paths` (files, or directories with all below them) with the default settings, calling
/// `on_result` after each.
///
/// # Errors
/// [`ReplayError`] for a base URL or a scenario file that cannot be used; never for what the server does.
pub fn run<P: AsRef<Path>>(
    base: &str,
    token: &str,
    paths: &[P],
    on_result: impl FnMut(&ScenarioResult),
) -> Result<Report, ReplayError> {
    Player::new(base, token)?.run(paths, on_result)
}

impl Player {
    /// A player for one server. An empty token sends no `Authorization`. Waits 30 seconds for an answer.
    ///
    /// # Errors
    /// [`ReplayError::Base`] for anything but an http or https URL.
    pub fn new(base: &str, token: &str) -> Result<Self, ReplayError> {
        let unusable = || ReplayError::Base(base.to_owned());
        let (scheme, rest) = base.split_once("://").ok_or_else(unusable)?;
        let rest = rest.split(['?', '#']).next().unwrap_or_default();
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if !matches!(scheme, "http" | "https") || host.is_empty() {
            return Err(unusable());
        }
        Ok(Self {
            base: base.trim_end_matches('/').to_owned(),
            origin: format!("{scheme}://{host}"),
            prefix: path.trim_end_matches('/').to_owned(),
            token: token.to_owned(),
            timeout: Duration::from_secs(30),
            insecure: false,
            levels: Vec::new(),
        })
    }

    /// How long to wait for one answer.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Accept any TLS certificate.
    #[must_use]
    pub fn insecure(mut self, insecure: bool) -> Self {
        self.insecure = insecure;
        self
    }

    /// Play only scenarios of these levels (`rfc`, `interop`, `lenient`); all when empty.
    #[must_use]
    pub fn levels(mut self, levels: impl IntoIterator<Item = String>) -> Self {
        self.levels = levels.into_iter().collect();
        self
    }

    /// Plays every scenario in `paths`, calling `on_result` after each.
    ///
    /// # Errors
    /// [`ReplayError`] for a scenario file that cannot be used.
    pub fn run<P: AsRef<Path>>(
        &self,
        paths: &[P],
        mut on_result: impl FnMut(&ScenarioResult),
    ) -> Result<Report, ReplayError> {
        let scenarios = scenario::load(paths)?;
        let wire = Wire::new(WireOptions { timeout: self.timeout, insecure: self.insecure, keep_alive: 0 });
        let mut announced: Option<Vec<&'static str>> = None;
        let mut report = Report::default();
        for scenario in scenarios.iter().filter(|s| self.levels.is_empty() || self.levels.contains(&s.level))
        {
            let mut lacking = scenario.requires.clone();
            if !lacking.is_empty() {
                let announced = announced.get_or_insert_with(|| self.features(&wire));
                lacking.retain(|feature| !announced.contains(&feature.as_str()));
            }
            let outcome =
                if lacking.is_empty() { self.play(&wire, scenario)? } else { Outcome::Skipped { lacking } };
            let result = ScenarioResult {
                name: scenario.name.clone(),
                client: scenario.client.clone(),
                level: scenario.level.clone(),
                file: scenario.file.clone(),
                steps: scenario.steps.len(),
                outcome,
            };
            on_result(&result);
            report.results.push(result);
        }
        Ok(report)
    }

    fn play(&self, wire: &Wire, scenario: &Scenario) -> Result<Outcome, ReplayError> {
        let mut variables = Variables::default();
        variables.set("uniq", Value::String(fresh()?));
        variables.set("base", Value::String(self.base.clone()));
        for (number, step) in (1..).zip(&scenario.steps) {
            let mut failure = StepFailure {
                step: number,
                method: step.method.clone(),
                path: step.path.clone(),
                reason: String::new(),
                sent: None,
                received: None,
            };
            match self.play_step(wire, step, &mut variables, &mut failure) {
                Ok(()) => {}
                Err(Stop::Failure(reason)) => {
                    failure.reason = reason;
                    return Ok(Outcome::Failed(Box::new(failure)));
                }
                Err(Stop::Broken(reason)) => {
                    let reason = format!("{}, step {number}: {reason}", scenario.name);
                    return Err(ReplayError::Scenario { file: scenario.file.clone(), reason });
                }
            }
        }
        Ok(Outcome::Passed)
    }

    /// Sends one request and checks the answer; `trace` takes what was sent and received.
    fn play_step(
        &self,
        wire: &Wire,
        step: &Step,
        variables: &mut Variables,
        trace: &mut StepFailure,
    ) -> Result<(), Stop> {
        let path = variables.in_text(&step.path, Quote::Percent)?;
        trace.path.clone_from(&path);
        let headers = match variables.in_value(&Value::Object(step.headers.clone().unwrap_or_default()))? {
            Value::Object(headers) => headers,
            _ => Map::new(),
        };
        trace.sent = step.body.as_ref().map(|body| variables.in_value(body)).transpose()?;
        let answer = self.send(wire, &step.method, &path, &headers, trace.sent.as_ref())?;
        trace.received = Some(Received {
            status: answer.status,
            headers: answer.headers.clone(),
            body: String::from_utf8_lossy(&answer.body).into_owned(),
        });
        check_answer(step, &answer, variables)
    }

    fn send(
        &self,
        wire: &Wire,
        method: &str,
        path: &str,
        extra: &Map<String, Value>,
        body: Option<&Value>,
    ) -> Result<Answer, Stop> {
        let mut headers = vec![("Accept".to_owned(), "application/scim+json".to_owned())];
        if !self.token.is_empty() {
            headers.push(("Authorization".to_owned(), format!("Bearer {}", self.token)));
        }
        if body.is_some() {
            headers.push(("Content-Type".to_owned(), "application/scim+json".to_owned()));
        }
        for (name, value) in extra {
            headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
            if !value.is_null() {
                headers.push((name.clone(), plain_text(value)));
            }
        }
        let body = body.map(|body| match body {
            Value::String(raw) => raw.clone(),
            other => json_text(other),
        });
        let url = format!("{}{}{path}", self.origin, self.prefix);
        wire.send(method, &url, &headers, body.as_deref().map(str::as_bytes))
            .map_err(|e| Stop::Failure(format!("no answer: {e}")))
    }

    /// The features that ServiceProviderConfig announces; none when it cannot be read.
    fn features(&self, wire: &Wire) -> Vec<&'static str> {
        let Ok(answer) = self.send(wire, "GET", "/ServiceProviderConfig", &Map::new(), None) else {
            return Vec::new();
        };
        let Some(config) = parse_body(&answer.body).filter(|_| answer.status == 200) else {
            return Vec::new();
        };
        let supported = |feature: &&str| {
            config.get(feature).and_then(|f| f.get("supported")).is_some_and(matcher::truthy)
        };
        FEATURES.into_iter().filter(supported).collect()
    }
}

fn check_answer(step: &Step, answer: &Answer, variables: &mut Variables) -> Result<(), Stop> {
    let document = parse_body(&answer.body);
    let expect = step.expect.clone().unwrap_or_default();
    if let Some(wanted) = &expect.status
        && !wanted.accepted().contains(&answer.status)
    {
        let wanted: Vec<String> = wanted.accepted().iter().map(ToString::to_string).collect();
        let start = answer.body.get(..SHOWN_BYTES).unwrap_or(&answer.body);
        let body = if start.is_empty() { "(empty)".into() } else { String::from_utf8_lossy(start) };
        return Err(Stop::Failure(format!(
            "status {}, expected {}; body {body}",
            answer.status,
            wanted.join("/")
        )));
    }
    for (name, spec) in expect.headers.iter().flatten() {
        let value = answer.header(name).map(|v| Value::String(v.to_owned()));
        matcher::check(value.as_ref(), &variables.in_value(spec)?)
            .map_err(|stop| named(&format!("header {name}"), stop))?;
    }
    for (pointer, spec) in expect.json.iter().flatten() {
        let value = matcher::resolve(document.as_ref(), &variables.in_text(pointer, Quote::Plain)?)?;
        let name = if pointer.is_empty() { "body" } else { pointer };
        matcher::check(value, &variables.in_value(spec)?).map_err(|stop| named(name, stop))?;
    }
    for (variable, place) in step.save.iter().flatten() {
        let Value::String(place) = place else {
            return Err(Stop::Broken(format!("save {variable}: a JSON pointer or header:NAME is needed")));
        };
        let value = match place.strip_prefix("header:") {
            Some(name) => answer.header(name).map(|v| Value::String(v.to_owned())),
            None => matcher::resolve(document.as_ref(), place)?.cloned(),
        };
        let Some(value) = value else {
            return Err(Stop::Failure(format!("cannot save ${{{variable}}}: {place} is not in the answer")));
        };
        variables.set(variable, value);
    }
    Ok(())
}

fn named(what: &str, stop: Stop) -> Stop {
    match stop {
        Stop::Failure(reason) => Stop::Failure(format!("{what}: {reason}")),
        Stop::Broken(reason) => Stop::Broken(format!("{what}: {reason}")),
    }
}

fn parse_body(bytes: &[u8]) -> Option<Value> {
    serde_json::from_slice(bytes).ok()
}

/// Ten hexadecimal digits that no earlier run has used.
fn fresh() -> Result<String, ReplayError> {
    let mut bytes = [0; 5];
    getrandom::fill(&mut bytes).map_err(|e| ReplayError::Random(e.to_string()))?;
    Ok(bytes.iter().map(|b| format!("{b:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_is_taken_apart() {
        let parts = |base| Player::new(base, "").map(|p| (p.base, p.origin, p.prefix));
        let expected = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
        assert_eq!(
            parts("http://h:1/scim/v2/").unwrap(),
            expected("http://h:1/scim/v2", "http://h:1", "/scim/v2")
        );
        assert_eq!(parts("https://h").unwrap(), expected("https://h", "https://h", ""));
        assert_eq!(parts("https://h?x=/y").unwrap().2, "");
        for wrong in ["", "h:1", "ftp://h/", "http://", "http:///x"] {
            assert!(matches!(parts(wrong), Err(ReplayError::Base(_))), "{wrong}");
        }
    }
}
