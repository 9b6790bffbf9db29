//! Encryption of connections, with the meanings that libpq gives to `sslmode`.

use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

/// How far a server's certificate is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// Whoever answers: the line is encrypted, that is all (`prefer`, `require`).
    Anybody,
    /// Who has a certificate of a trusted authority, for whatever name (`verify-ca`).
    Authority,
    /// The same, for the name of the host (`verify-full`).
    Name,
}

/// What connections are made with.
#[derive(Clone)]
pub(super) struct Security {
    config: Arc<ClientConfig>,
}

impl Security {
    /// For a mode of `sslmode`, with the certificates of a file, or else of the system.
    pub(super) fn new(trust: Trust, roots: Option<&Path>) -> Result<Self, String> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let config = match trust {
            Trust::Name => builder.with_root_certificates(trusted(roots)?).with_no_client_auth(),
            Trust::Authority => {
                let strict = WebPkiServerVerifier::builder_with_provider(
                    Arc::new(trusted(roots)?),
                    Arc::clone(&provider),
                )
                .build()
                .map_err(|error| error.to_string())?;
                let verifier = Lenient { strict: Some(strict), provider };
                builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth()
            }
            Trust::Anybody => {
                let verifier = Lenient { strict: None, provider };
                builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth()
            }
        };
        Ok(Self { config: Arc::new(config) })
    }

    /// What makes one connection.
    pub(super) fn connector(&self) -> MakeRustlsConnect {
        MakeRustlsConnect::new(ClientConfig::clone(&self.config))
    }
}

/// What a mode asks of the wire and of certificates.
pub(super) fn mode(text: &str) -> Option<(SslMode, Trust)> {
    Some(match text {
        "disable" => (SslMode::Disable, Trust::Anybody),
        "prefer" => (SslMode::Prefer, Trust::Anybody),
        "require" => (SslMode::Require, Trust::Anybody),
        "verify-ca" => (SslMode::Require, Trust::Authority),
        "verify-full" => (SslMode::Require, Trust::Name),
        _ => return None,
    })
}

fn trusted(file: Option<&Path>) -> Result<RootCertStore, String> {
    let certificates: Vec<CertificateDer<'static>> = match file {
        Some(file) => {
            let failed = |error: &dyn std::fmt::Display| format!("sslrootcert {}: {error}", file.display());
            CertificateDer::pem_file_iter(file)
                .map_err(|error| failed(&error))?
                .collect::<Result<_, _>>()
                .map_err(|error| failed(&error))?
        }
        None => rustls_native_certs::load_native_certs().certs,
    };
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(certificates);
    if added == 0 {
        let place = file.map_or_else(|| "the system".to_owned(), |file| file.display().to_string());
        return Err(format!("no certificate of an authority in {place}; name a file by sslrootcert"));
    }
    Ok(roots)
}

/// Asks less of a certificate than the web does.
#[derive(Debug)]
struct Lenient {
    /// Asks everything; without it anybody is trusted.
    strict: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(strict) = &self.strict else { return Ok(ServerCertVerified::assertion()) };
        match strict.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            outcome => outcome,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
