//! The HTTP exchange underneath both players: one request out, one answer in, whatever its status.
//!
//! Deliberately absent: redirects, proxies and cookies. An identity provider follows none of them, and a proxy taken from
//! the environment would come between the emulator and a server on the loopback interface.

use std::time::Duration;

use ureq::Agent;
use ureq::config::AutoHeaderValue;
use ureq::http::{Request, Uri};
use ureq::tls::TlsConfig;

/// More than any SCIM answer needs; a server that sends more is broken.
const ANSWER_LIMIT_BYTES: u64 = 256 * 1024 * 1024;

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case; the bytes of values read as Latin-1, as HTTP has it.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The last header of that name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().rev().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub(crate) struct NoAnswer {
    reason: String,
}

/// Settings of the connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WireOptions {
    /// For one whole exchange.
    pub(crate) timeout: Duration,
    /// Accept any TLS certificate.
    pub(crate) insecure: bool,
    /// Connections kept open between requests; 0 opens one for each request.
    pub(crate) keep_alive: usize,
}

/// Sends requests.
#[derive(Debug, Clone)]
pub(crate) struct Wire {
    agent: Agent,
}

impl Wire {
    pub(crate) fn new(options: WireOptions) -> Self {
        let tls = TlsConfig::builder().disable_verification(options.insecure).build();
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .user_agent(AutoHeaderValue::None)
            .accept(AutoHeaderValue::None)
            .accept_encoding(AutoHeaderValue::None)
            .timeout_global(Some(options.timeout))
            .max_idle_connections(options.keep_alive)
            .max_idle_connections_per_host(options.keep_alive)
            .tls_config(tls)
            .build();
        Self { agent: config.into() }
    }

    /// Sends one request. `headers` are sent as they are and no others but `Host` and `Content-Length`.
    pub(crate) fn send(
        &self,
        method: &str,
        url: &str,
        headers: &[(String, String)],
        body: Option<&[u8]>,
    ) -> Result<Answer, NoAnswer> {
        if url.contains('#') {
            return Err(NoAnswer { reason: format!("{url} holds a raw '#', which HTTP cannot send") });
        }
        let uri: Uri =
            url.parse().map_err(|e| NoAnswer { reason: format!("{url} cannot be requested: {e}") })?;
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(name.as_str(), value.as_str());
        }
        let sent = match body {
            Some(bytes) => request.body(bytes).map(|r| self.agent.run(r)),
            // A write without a body still states its length, as every client library does.
            None if matches!(method, "POST" | "PUT" | "PATCH") => {
                request.body(&[][..]).map(|r| self.agent.run(r))
            }
            None => request.body(()).map(|r| self.agent.run(r)),
        };
        let mut response = sent
            .map_err(|e| NoAnswer { reason: format!("the request cannot be built: {e}") })?
            .map_err(|e| NoAnswer { reason: e.to_string() })?;
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), latin1(value.as_bytes())))
            .collect();
        let status = response.status().as_u16();
        let body = response
            .body_mut()
            .with_config()
            .limit(ANSWER_LIMIT_BYTES)
            .read_to_vec()
            .map_err(|e| NoAnswer { reason: format!("the answer broke off: {e}") })?;
        Ok(Answer { status, headers, body })
    }
}

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|b| char::from(*b)).collect()
}
