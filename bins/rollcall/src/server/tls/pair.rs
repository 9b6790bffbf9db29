//! A certificate and its key, from files.

use std::io::Read as _;
use std::path::Path;

use scim_core::instant::Timestamp;
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{Error as TlsError, InconsistentKeys};
use x509_parser::prelude::{FromDer as _, X509Certificate};
use zeroize::Zeroizing;

use crate::config::TlsFiles;

/// The most bytes that each of the files may have.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// A certificate and its key.
#[derive(Debug)]
pub(crate) struct Pair {
    /// As rustls takes them.
    pub(super) key: CertifiedKey,
    /// When the certificate ends.
    pub(crate) ends: Timestamp,
    /// What is not wrong, and should be otherwise.
    pub(crate) warnings: Vec<String>,
}

impl Pair {
    /// Reads the files; what is wrong, each with its setting's name, where anything is.
    pub(crate) fn read(
        files: &TlsFiles,
        now: Timestamp,
        provider: &CryptoProvider,
    ) -> Result<Self, Vec<String>> {
        let mut mistakes = Vec::new();
        let mut warnings = Vec::new();
        let chain = certificates(&files.certificate).map_err(|what| mistakes.push(what)).ok();
        let key = private_key(&files.key).map_err(|what| mistakes.push(what)).ok();
        warnings.extend(open_to_others(&files.key));
        let ends = chain.as_deref().and_then(|chain| {
            in_force(chain, &files.certificate, now).map_err(|what| mistakes.push(what)).ok()
        });
        let (Some(chain), Some(key)) = (chain, key) else { return Err(mistakes) };
        match CertifiedKey::from_der(chain, key, provider) {
            Ok(key) => match ends {
                Some(ends) => Ok(Self { key, ends, warnings }),
                None => Err(mistakes),
            },
            Err(error) => {
                mistakes.push(unfit(&error, files));
                Err(mistakes)
            }
        }
    }
}

/// What is said of a certificate and a key that do not go together.
fn unfit(error: &TlsError, files: &TlsFiles) -> String {
    let (certificate, key) = (files.certificate.display(), files.key.display());
    match error {
        TlsError::InconsistentKeys(InconsistentKeys::KeyMismatch) => format!(
            "tls_key_file: {key} is not the key of the first certificate in {certificate}; name the two that were made together, \
             the server's own certificate first"
        ),
        other => format!("tls_key_file: {key} cannot be used with {certificate}: {other}"),
    }
}

fn contents(setting: &str, path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    let cannot = |error: std::io::Error| format!("{setting}: cannot read {}: {error}", path.display());
    let mut bytes = Zeroizing::new(Vec::new());
    let file = std::fs::File::open(path).map_err(cannot)?;
    file.take(MAX_FILE_BYTES).read_to_end(&mut bytes).map_err(cannot)?;
    Ok(bytes)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let bytes = contents("tls_certificate_file", path)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        Ok(_) => Err(format!(
            "tls_certificate_file: there is no certificate in {}; it must be PEM, with -----BEGIN CERTIFICATE-----",
            path.display()
        )),
        Err(error) => Err(format!("tls_certificate_file: {} is not PEM: {error}", path.display())),
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let bytes = contents("tls_key_file", path)?;
    let encrypted = b"-----BEGIN ENCRYPTED PRIVATE KEY-----";
    if bytes.windows(encrypted.len()).any(|window| window == encrypted) {
        return Err(format!(
            "tls_key_file: the key in {} is encrypted with a password, which nobody can type in here; decrypt it into a file that only \
             the server may read (openssl pkey -in FILE -out NEW)",
            path.display()
        ));
    }
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| {
        format!(
            "tls_key_file: there is no private key in {} ({error}); it must be PEM, with -----BEGIN PRIVATE KEY-----",
            path.display()
        )
    })
}

/// When the certificate ends, if it is in force.
fn in_force(chain: &[CertificateDer<'_>], path: &Path, now: Timestamp) -> Result<Timestamp, String> {
    let shown = path.display();
    let own =
        chain.first().ok_or_else(|| format!("tls_certificate_file: there is no certificate in {shown}"))?;
    let (_, parsed) = X509Certificate::from_der(own).map_err(|_| {
        format!("tls_certificate_file: the first certificate in {shown} cannot be read as X.509")
    })?;
    let moment = |time: &x509_parser::time::ASN1Time| {
        Timestamp::from_unix_millis(time.timestamp().saturating_mul(1000))
    };
    let (begins, ends) = (moment(&parsed.validity().not_before), moment(&parsed.validity().not_after));
    if ends <= now {
        return Err(format!(
            "tls_certificate_file: the certificate in {shown} ended on {ends}; put a new one there"
        ));
    }
    if begins > now {
        return Err(format!(
            "tls_certificate_file: the certificate in {shown} is not in force before {begins}; is this machine's clock right?"
        ));
    }
    Ok(ends)
}

/// A warning where others than its owner may read the key.
#[cfg(unix)]
fn open_to_others(path: &Path) -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;

    let mode = std::fs::metadata(path).ok()?.mode();
    // A group of its own may read it: that is how keys are handed to services.
    let open = mode & 0o037 != 0;
    open.then(|| {
        let (shown, mode) = (path.display(), mode & 0o777);
        format!(
            "tls_key_file: {shown} is open to others (mode {mode:03o}); close it: chmod 640 {shown}, or 600"
        )
    })
}

#[cfg(not(unix))]
fn open_to_others(_: &Path) -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use rcgen::{CertificateParams, KeyPair, date_time_ymd};
    use tokio_rustls::rustls::crypto::ring::default_provider;

    use super::*;

    /// The moment at which all is tried: 2026-06-01.
    const NOW: Timestamp = Timestamp::from_unix_millis(1_780_272_000_000);

    /// A certificate and its key, as PEM, in force from and until these years.
    fn made(from: i32, until: i32) -> (String, String) {
        let mut params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
        (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(until, 1, 1));
        let key = KeyPair::generate().expect("a key");
        (params.self_signed(&key).expect("signed").pem(), key.serialize_pem())
    }

    fn read(certificate: Option<&str>, key: Option<&str>, mode: u32) -> Result<Pair, Vec<String>> {
        let folder = tempfile::tempdir().expect("a folder");
        let files =
            TlsFiles { certificate: folder.path().join("cert.pem"), key: folder.path().join("key.pem") };
        if let Some(text) = certificate {
            std::fs::write(&files.certificate, text).expect("written");
        }
        if let Some(text) = key {
            std::fs::write(&files.key, text).expect("written");
            std::fs::set_permissions(&files.key, std::fs::Permissions::from_mode(mode)).expect("set");
        }
        Pair::read(&files, NOW, &default_provider())
    }

    #[track_caller]
    fn refused(certificate: Option<&str>, key: Option<&str>, expected: &[&str]) {
        let told = read(certificate, key, 0o600).expect_err("refused");
        assert_eq!(told.len(), expected.len(), "{told:?}");
        for (told, expected) in told.iter().zip(expected) {
            assert!(told.contains(expected), "{told}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_pair_is_told_all_at_once() {
        let (certificate, key) = made(2026, 2027);
        let (other, other_key) = made(2026, 2028);
        refused(None, None, &["tls_certificate_file: cannot read", "tls_key_file: cannot read"]);
        refused(Some("x"), Some("x"), &["there is no certificate in", "there is no private key in"]);
        refused(Some(&certificate), Some(&certificate), &["there is no private key in"]);
        refused(Some(&key), Some(&key), &["there is no certificate in"]);
        refused(Some(&certificate), Some(&other_key), &["is not the key of the first certificate"]);
        refused(Some(&format!("{other}{certificate}")), Some(&key), &["the server's own certificate first"]);
        let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        refused(Some(&certificate), Some(encrypted), &["encrypted with a password"]);
        let (old, old_key) = made(2020, 2026);
        refused(Some(&old), Some(&old_key), &["ended on 2026-01-01"]);
        refused(Some(&old), Some(&key), &["ended on 2026-01-01", "is not the key of the first certificate"]);
        let (young, young_key) = made(2027, 2028);
        refused(Some(&young), Some(&young_key), &["not in force before 2027-01-01"]);
        let broken = certificate.replace("MII", "MIJ");
        assert!(read(Some(&broken), Some(&key), 0o600).is_err());
    }

    #[test]
    fn a_pair_that_is_fine() {
        let (certificate, key) = made(2026, 2027);
        let (above, _) = made(2020, 2040);
        let pair = read(Some(&format!("# comment\n{certificate}{above}")), Some(&key), 0o640).expect("fine");
        assert_eq!((pair.key.cert.len(), pair.ends.to_string().get(..10)), (2, Some("2027-01-01")));
        assert!(pair.warnings.is_empty(), "{:?}", pair.warnings);
        let open = read(Some(&certificate), Some(&key), 0o644).expect("fine").warnings;
        assert!(open.len() == 1 && open[0].contains("chmod"), "{open:?}");
    }
}
