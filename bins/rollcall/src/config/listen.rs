//! Where the server listens, how it speaks there, and how much it takes on at once.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use super::sources::{Given, Sources};
use super::table::{
    HEAD_TIMEOUT, INSECURE_LISTEN, KEEP_ALIVE, LISTEN, MAX_CONNECTIONS, MAX_CONNECTIONS_PER_CLIENT, MAX_HEAD,
    MAX_MEMORY, MONITORING_LISTEN, REQUEST_DEADLINE, SHUTDOWN_DELAY, SHUTDOWN_TIMEOUT, TLS_CERTIFICATE_FILE,
    TLS_KEY_FILE, WORKERS,
};

/// Where the server listens, how it speaks there, and how much it takes on at once.
#[derive(Clone, Debug)]
pub(crate) struct ListenSettings {
    /// Where to listen.
    pub(crate) address: SocketAddr,
    /// The files for TLS; without them it is plain HTTP.
    pub(crate) tls: Option<TlsFiles>,
    /// Another address for health and metrics.
    pub(crate) monitoring: Option<SocketAddr>,
    /// How long a request may take.
    pub(crate) deadline: Duration,
    /// The longest head, in bytes.
    pub(crate) head_bytes: usize,
    /// What large bodies and answers may take together, in bytes.
    pub(crate) memory_bytes: usize,
    /// How long a request's head may take, and a TLS handshake.
    pub(crate) head_timeout: Duration,
    /// How long a connection may stay idle; zero for not at all.
    pub(crate) keep_alive: Duration,
    /// The most connections at once.
    pub(crate) connections: usize,
    /// The most connections at once from one address.
    pub(crate) connections_per_client: usize,
    /// Threads that serve requests.
    pub(crate) workers: usize,
    /// How long the server goes on after it was asked to end.
    pub(crate) shutdown_delay: Duration,
    /// How long accepted requests may take then.
    pub(crate) shutdown_timeout: Duration,
}

/// The files of a certificate and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    /// The certificate, and those between it and its root.
    pub(crate) certificate: PathBuf,
    /// Its private key.
    pub(crate) key: PathBuf,
}

impl ListenSettings {
    /// What is given; `listens` where the command listens, so that an open address matters.
    pub(super) fn load(sources: &mut Sources<'_>, listens: bool) -> Self {
        let tls = tls_files(sources);
        let insecure = sources.switch(&INSECURE_LISTEN);
        let given = sources.given_or_default(&LISTEN);
        let address = address(&given, sources);
        let in_clear = tls.is_none() && sources.given(&TLS_CERTIFICATE_FILE).is_none();
        if let Some(address) = address.filter(|address| !address.ip().is_loopback() && !insecure)
            && listens
            && in_clear
        {
            sources.mistake(
                &given,
                &format!(
                    "{address} is not a loopback address, and this is plain HTTP: keys would travel in clear. Name a certificate \
                     (tls_certificate_file, tls_key_file), or listen on 127.0.0.1 behind a proxy that speaks TLS, or set \
                     insecure_listen = true"
                ),
            );
        }
        let monitoring = sources.given(&MONITORING_LISTEN);
        let monitoring = monitoring.and_then(|given| self::address(&given, sources));
        if monitoring.is_some() && monitoring == address && address.is_some_and(|address| address.port() != 0)
        {
            sources.mistake_of(&MONITORING_LISTEN, "this is what listen says too; take another port");
        }
        let processors = std::thread::available_parallelism().map_or(2, NonZeroUsize::get);
        let workers = sources.number(&WORKERS).and_then(|number| usize::try_from(number).ok());
        Self {
            address: address.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8080))),
            tls,
            monitoring,
            deadline: sources.span(&REQUEST_DEADLINE),
            head_bytes: sources.size(&MAX_HEAD),
            memory_bytes: sources.size(&MAX_MEMORY),
            head_timeout: sources.span(&HEAD_TIMEOUT),
            keep_alive: sources.span(&KEEP_ALIVE),
            connections: sources.size(&MAX_CONNECTIONS),
            connections_per_client: sources.size(&MAX_CONNECTIONS_PER_CLIENT),
            workers: workers.unwrap_or(processors).clamp(1, 512),
            shutdown_delay: sources.span(&SHUTDOWN_DELAY),
            shutdown_timeout: sources.span(&SHUTDOWN_TIMEOUT),
        }
    }

    /// The scheme of the URL that clients see.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }
}

fn tls_files(sources: &mut Sources<'_>) -> Option<TlsFiles> {
    let (certificate, key) = (sources.path(&TLS_CERTIFICATE_FILE), sources.path(&TLS_KEY_FILE));
    match (certificate, key) {
        (Some(certificate), Some(key)) => Some(TlsFiles { certificate, key }),
        (Some(_), None) => {
            if sources.given(&TLS_KEY_FILE).is_none() {
                sources.mistake_of(&TLS_KEY_FILE, "a certificate needs its private key; name its file");
            }
            None
        }
        (None, Some(_)) => {
            if sources.given(&TLS_CERTIFICATE_FILE).is_none() {
                sources
                    .mistake_of(&TLS_CERTIFICATE_FILE, "a private key needs its certificate; name its file");
            }
            None
        }
        (None, None) => None,
    }
}

/// An address and port.
fn address(given: &Given, sources: &mut Sources<'_>) -> Option<SocketAddr> {
    let text = given.text();
    let resolved = text.to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
    if resolved.is_none() {
        sources.mistake(given, &format!("{text:?} must be an address and a port such as 127.0.0.1:8080"));
    }
    resolved
}
