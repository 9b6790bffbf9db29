//! TLS 1.2 and 1.3 by rustls, from files that may be changed while the server runs.

mod pair;

use std::fs::Metadata;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use scim_core::instant::Timestamp;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;

use self::pair::Pair;
use crate::config::TlsFiles;

/// How long before its end a certificate is warned of, in milliseconds.
const SOON_MILLIS: i64 = 14 * 86_400_000;

/// What is wrong with the files of a configuration, and what should be otherwise.
pub(crate) fn check(files: &TlsFiles, now: Timestamp) -> (Vec<String>, Vec<String>) {
    match Pair::read(files, now, &ring::default_provider()) {
        Ok(pair) => {
            let soon = soon(pair.ends, now);
            (Vec::new(), pair.warnings.into_iter().chain(soon).collect())
        }
        Err(mistakes) => (mistakes, Vec::new()),
    }
}

/// A warning that a certificate ends soon.
fn soon(ends: Timestamp, now: Timestamp) -> Option<String> {
    let left = ends.unix_millis() - now.unix_millis();
    let days = left / 86_400_000;
    (left <= 0)
        .then(|| format!("tls_certificate_file: the certificate ended on {ends}; clients refuse it. Put a new one there"))
        .or_else(|| {
            let told = || format!("tls_certificate_file: the certificate ends on {ends}, in {days} days; put a new one there");
            (left < SOON_MILLIS).then(told)
        })
}

/// The certificate that a server shows, as the files say.
#[derive(Debug)]
pub(crate) struct Tls {
    files: TlsFiles,
    provider: Arc<CryptoProvider>,
    shown: Arc<ShownPair>,
    ends_millis: AtomicI64,
    /// What the files looked like when they were read last.
    stamps: RwLock<Option<[Stamp; 2]>>,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    ///
    /// What is wrong with them.
    pub(crate) fn load(files: &TlsFiles, now: Timestamp) -> anyhow::Result<Self> {
        let provider = Arc::new(ring::default_provider());
        let stamps = stamps(files);
        let pair =
            Pair::read(files, now, &provider).map_err(|mistakes| anyhow::anyhow!(mistakes.join("; ")))?;
        for warning in pair.warnings.iter().chain(&soon(pair.ends, now)) {
            log::warn!("{warning}");
        }
        Ok(Self {
            files: files.clone(),
            provider,
            ends_millis: AtomicI64::new(pair.ends.unix_millis()),
            shown: Arc::new(ShownPair(RwLock::new(Arc::new(pair.key)))),
            stamps: RwLock::new(stamps),
        })
    }

    /// What connections are accepted with: TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1.
    pub(crate) fn config(&self) -> anyhow::Result<Arc<ServerConfig>> {
        let shown: Arc<dyn ResolvesServerCert> = Arc::clone(&self.shown) as _;
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(shown);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    /// When the certificate that is shown ends.
    pub(crate) fn ends(&self) -> Timestamp {
        Timestamp::from_unix_millis(self.ends_millis.load(Ordering::Relaxed))
    }

    /// Reads the files again where they were changed since, or where `anyway` somebody wants it. Connections that are open
    /// stay as they are; a pair that cannot be used is told of, and the old one stays.
    pub(crate) fn read_again(&self, anyway: bool, now: Timestamp) {
        let stamps = stamps(&self.files);
        {
            let mut known = self.stamps.write().unwrap_or_else(PoisonError::into_inner);
            if !anyway && (stamps.is_none() || *known == stamps) {
                return;
            }
            *known = stamps;
        }
        match Pair::read(&self.files, now, &self.provider) {
            Ok(pair) => {
                for warning in pair.warnings.iter().chain(&soon(pair.ends, now)) {
                    log::warn!("{warning}");
                }
                self.ends_millis.store(pair.ends.unix_millis(), Ordering::Relaxed);
                *self.shown.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(pair.key);
                log::info!("the certificate was read again; it ends on {}", pair.ends);
            }
            Err(mistakes) => {
                let ends = self.ends();
                for mistake in mistakes {
                    log::error!("{mistake}; the certificate that ends on {ends} is still shown");
                }
            }
        }
    }

    /// Warns where the certificate ends soon.
    pub(crate) fn warn(&self, now: Timestamp) {
        if let Some(warning) = soon(self.ends(), now) {
            log::warn!("{warning}");
        }
    }
}

/// What a file looks like from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    modified: Option<std::time::SystemTime>,
    bytes: u64,
    #[cfg(unix)]
    inode: u64,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            modified: metadata.modified().ok(),
            bytes: metadata.len(),
            #[cfg(unix)]
            inode: std::os::unix::fs::MetadataExt::ino(metadata),
        }
    }
}

/// What both files look like; nothing while one is not there, as it may be put in place this very moment.
fn stamps(files: &TlsFiles) -> Option<[Stamp; 2]> {
    let stamp = |path| std::fs::metadata(path).ok().map(|metadata| Stamp::of(&metadata));
    Some([stamp(&files.certificate)?, stamp(&files.key)?])
}

/// The certificate that is shown now.
#[derive(Debug)]
struct ShownPair(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for ShownPair {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}
