//! Requests as Entra sends them, tried again when the server asks for patience, each one timed and counted.

use std::fmt::{self, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::attributes::member;
use super::summary::{CycleSummary, Failure, RequestKind};
use super::{EmulatorError, Options};
use crate::wire::{Answer, Wire, WireOptions};

/// Without `Retry-After`, the pause before the first new try; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// Shown of an answer that is no SCIM error.
const SHOWN_CHARS: usize = 200;

/// Talks to one server.
pub(crate) struct Client {
    wire: Wire,
    /// Base URL without query and without what follows it.
    base: String,
    /// Query parameters of the base URL, sent with every request.
    query: Option<String>,
    authorization: String,
    retries: u32,
    longest_pause: Duration,
}

/// Without the token.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("base", &self.base).finish_non_exhaustive()
    }
}

/// An answer with one of the expected statuses.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// `None` when the body is empty or no JSON.
    pub(crate) body: Option<Value>,
}

/// A request that failed for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) status: Option<u16>,
    pub(crate) detail: String,
}

/// The summary under way, shared by all threads.
#[derive(Debug, Default)]
pub(crate) struct Ledger(Mutex<CycleSummary>);

impl Ledger {
    /// The summary, to count something in.
    pub(crate) fn open(&self) -> MutexGuard<'_, CycleSummary> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn fail(&self, request: RequestKind, subject: &str, trouble: Trouble) {
        let Trouble { status, detail } = trouble;
        self.open().fail(Failure { request, subject: subject.to_owned(), status, detail });
    }

    pub(crate) fn into_summary(self) -> CycleSummary {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Client {
    pub(crate) fn new(options: &Options) -> Self {
        let (base, query) = match options.base.split_once('?') {
            Some((base, query)) => (base, Some(query.to_owned())),
            None => (options.base.as_str(), None),
        };
        Self {
            wire: Wire::new(WireOptions {
                timeout: options.timeout,
                insecure: options.insecure,
                keep_alive: options.concurrency,
            }),
            base: base.trim_end_matches('/').to_owned(),
            query,
            authorization: format!("Bearer {}", options.token),
            retries: options.retries,
            longest_pause: options.longest_pause,
        }
    }

    /// Sends a request and takes the statuses in `expected` as success. `target` is path and query below the base URL.
    pub(crate) fn request(
        &self,
        ledger: &Ledger,
        kind: RequestKind,
        (method, target): (&str, &str),
        body: Option<&Value>,
        expected: &[u16],
    ) -> Result<Reply, Trouble> {
        let url = self.url(target);
        let bytes = body.map(Value::to_string);
        let mut headers = vec![
            ("Authorization".to_owned(), self.authorization.clone()),
            ("Accept".to_owned(), "application/scim+json".to_owned()),
        ];
        if body.is_some() {
            headers.push(("Content-Type".to_owned(), "application/scim+json; charset=utf-8".to_owned()));
        }
        let mut tries = 0;
        loop {
            let start = Instant::now();
            let answer = self.wire.send(method, &url, &headers, bytes.as_deref().map(str::as_bytes));
            let time = start.elapsed();
            ledger.open().latencies.entry(kind).or_default().record(time);
            let pause = match &answer {
                Ok(answer) if matches!(answer.status, 429 | 503) && tries < self.retries => {
                    self.pause(answer.header("retry-after"), tries)
                }
                // A lost POST may have been carried out: the caller has to look first. Anything else can be repeated.
                Err(_) if method != "POST" && tries == 0 => Duration::ZERO,
                Ok(answer) if expected.contains(&answer.status) => {
                    return Ok(Reply {
                        status: answer.status,
                        body: serde_json::from_slice(&answer.body).ok(),
                    });
                }
                Ok(answer) => return Err(trouble(answer)),
                Err(error) => return Err(Trouble { status: None, detail: error.to_string() }),
            };
            tries += 1;
            ledger.open().retries += 1;
            thread::sleep(pause);
        }
    }

    fn url(&self, target: &str) -> String {
        let mut url = format!("{}{target}", self.base);
        if let Some(query) = &self.query {
            url.push(if target.contains('?') { '&' } else { '?' });
            url.push_str(query);
        }
        url
    }

    fn pause(&self, retry_after: Option<&str>, tries: u32) -> Duration {
        let asked = retry_after.and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
        asked.unwrap_or_else(|| FIRST_PAUSE.saturating_mul(1 << tries.min(16))).min(self.longest_pause)
    }

    /// *Test Connection*: searches that have to be answered with empty lists.
    pub(crate) fn test_connection(&self, ledger: &Ledger, searches: &[String]) -> Result<(), EmulatorError> {
        for search in searches {
            let asked = ("GET", search.as_str());
            let base = self.base.clone();
            match self.request(ledger, RequestKind::TestConnection, asked, None, &[200]) {
                Ok(reply) if reply.body.as_ref().and_then(total_results).is_some() => {}
                Ok(_) => {
                    let reason =
                        format!("GET {search} is not answered with a ListResponse with totalResults");
                    return Err(EmulatorError::NotScim { base, reason });
                }
                Err(Trouble { status: None, detail: reason }) => {
                    return Err(EmulatorError::Unreachable { base, reason });
                }
                Err(Trouble { status: Some(status @ (401 | 403)), detail }) => {
                    return Err(EmulatorError::Credentials { base, status, detail });
                }
                Err(Trouble { status: Some(status), detail }) => {
                    let reason = format!("GET {search} is answered with status {status}: {detail}");
                    return Err(EmulatorError::NotScim { base, reason });
                }
            }
        }
        Ok(())
    }
}

/// `totalResults` of a list response.
pub(crate) fn total_results(body: &Value) -> Option<u64> {
    member(body, "totalResults")?.as_u64()
}

fn trouble(answer: &Answer) -> Trouble {
    let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
    let detail = body.as_ref().and_then(|b| member(b, "detail")).and_then(Value::as_str).map(str::to_owned);
    let raw = || String::from_utf8_lossy(&answer.body).chars().take(SHOWN_CHARS).collect();
    Trouble { status: Some(answer.status), detail: detail.unwrap_or_else(raw) }
}

/// A search in the encoding of HTML forms: `+` for a blank.
pub(crate) fn search(path: &str, filter: &str, rest: &str) -> String {
    let mut target = format!("{path}?filter=");
    for byte in filter.bytes() {
        match byte {
            b' ' => target.push('+'),
            _ if byte.is_ascii_alphanumeric() || b"-._*".contains(&byte) => target.push(char::from(byte)),
            // Writing to a String cannot fail.
            _ => drop(write!(target, "%{byte:02X}")),
        }
    }
    target.push_str(rest);
    target
}

/// A text as it stands in a filter (RFC 7644 §3.4.2.2: a JSON string).
pub(crate) fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn searches_are_form_encoded() {
        let target =
            search("/Users", &format!("userName eq {}", quoted("o\"neil@x.example")), "&attributes=id");
        assert_eq!(target, "/Users?filter=userName+eq+%22o%5C%22neil%40x.example%22&attributes=id");
        assert_eq!(
            search("/Groups", "displayName eq \"é\"", ""),
            "/Groups?filter=displayName+eq+%22%C3%A9%22"
        );
    }

    #[test]
    fn query_parameters_of_the_base_url_are_kept() {
        let client = Client::new(&Options::new("https://h/scim/?aadOptscim062020", "t"));
        assert_eq!(client.url("/Users/1"), "https://h/scim/Users/1?aadOptscim062020");
        assert_eq!(client.url("/Users?filter=a"), "https://h/scim/Users?filter=a&aadOptscim062020");
        assert_eq!(Client::new(&Options::new("https://h", "t")).url("/Users"), "https://h/Users");
    }

    #[test]
    fn pauses_are_bounded() {
        let client =
            Client::new(&Options { longest_pause: Duration::from_secs(3), ..Options::new("http://h", "t") });
        let check = |retry_after, tries, millis| {
            assert_eq!(client.pause(retry_after, tries), Duration::from_millis(millis));
        };
        check(Some("2"), 0, 2_000);
        check(Some("3600"), 0, 3_000);
        check(Some("0"), 4, 0);
        check(Some("Wed, 21 Oct 2026 07:28:00 GMT"), 0, 500);
        check(None, 1, 1_000);
        check(None, 60, 3_000);
    }
}
