//! TLS, from outside: real clients of both versions, and certificates that change.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use rcgen::{CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, ProtocolVersion, RootCertStore, StreamOwned, SupportedProtocolVersion,
};

use super::process::{Process, until};
use crate::support::{outcome, rollcall};

/// Somebody who signs certificates.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("signed"))
    }

    /// A certificate of `localhost` and its key, as PEM.
    fn signs(&self) -> (String, String) {
        let mut params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate().expect("a key");
        (params.signed_by(&key, &self.0).expect("signed").pem(), key.serialize_pem())
    }

    fn client(&self, version: &'static SupportedProtocolVersion, protocol: &str) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).expect("a root");
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .expect("a version")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        // A session that goes on has the certificate with which it began.
        config.resumption = Resumption::disabled();
        Arc::new(config)
    }
}

type Secure = StreamOwned<ClientConnection, TcpStream>;

fn connect(address: &str, config: &Arc<ClientConfig>) -> std::io::Result<Secure> {
    let name = ServerName::try_from("localhost").expect("a name");
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let mut connection = ClientConnection::new(Arc::clone(config), name).map_err(std::io::Error::other)?;
    connection.complete_io(&mut stream)?;
    Ok(StreamOwned::new(connection, stream))
}

/// A request on a connection of its own; the answer, and the certificate that was shown.
fn get(
    address: &str,
    config: &Arc<ClientConfig>,
    path: &str,
) -> std::io::Result<(String, CertificateDer<'static>)> {
    let mut secure = connect(address, config)?;
    let shown = secure.conn.peer_certificates().and_then(<[_]>::first).expect("a certificate").clone();
    write!(secure, "GET {path} HTTP/1.1\r\nHost: scim.example\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    secure.read_to_string(&mut answer)?;
    Ok((answer, shown))
}

/// The files of a server's certificate.
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

impl Files {
    fn new(folder: &Path) -> Self {
        Self { certificate: folder.join("cert.pem"), key: folder.join("key.pem") }
    }

    /// Puts a pair in place, one file after the other, as tools do.
    fn put(&self, (certificate, key): &(String, String)) {
        for (path, text) in [(&self.certificate, certificate), (&self.key, key)] {
            let new = path.with_extension("new");
            std::fs::write(&new, text).expect("written");
            std::fs::rename(&new, path).expect("in its place");
        }
    }

    fn variables(&self) -> [(&'static str, &str); 3] {
        [
            ("ROLLCALL_TLS_CERTIFICATE_FILE", self.certificate.to_str().expect("text")),
            ("ROLLCALL_TLS_KEY_FILE", self.key.to_str().expect("text")),
            ("ROLLCALL_LOG_LEVEL", "info"),
        ]
    }
}

#[test]
fn clients_of_both_versions_are_served() {
    let folder = tempfile::tempdir().expect("a folder");
    let (authority, files) = (Authority::new(), Files::new(folder.path()));
    files.put(&authority.signs());
    let server = Process::start(folder.path(), &files.variables());
    server.wrote("serving https://");
    for (version, expected) in [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)] {
        let config = authority.client(version, "http/1.1");
        let secure = connect(&server.address, &config).expect("connected");
        assert_eq!(secure.conn.protocol_version(), Some(expected));
        let (answer, _) = get(&server.address, &config, "/readyz").expect("answered");
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        // URLs are those that the client used.
        let metadata = "/.well-known/oauth-authorization-server";
        let (answer, _) = get(&server.address, &config, metadata).expect("answered");
        assert!(answer.contains("https://scim.example/oauth2/token"), "{answer}");
    }
    // Plain HTTP is not spoken there.
    let mut plain = TcpStream::connect(&server.address).expect("connected");
    plain.write_all(b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n").expect("sent");
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP/"));
}

#[test]
fn http_2_is_chosen_by_the_client() {
    let folder = tempfile::tempdir().expect("a folder");
    let (authority, files) = (Authority::new(), Files::new(folder.path()));
    files.put(&authority.signs());
    let server = Process::start(folder.path(), &files.variables());
    let mut secure = connect(&server.address, &authority.client(&TLS13, "h2")).expect("connected");
    assert_eq!(secure.conn.alpn_protocol(), Some(b"h2".as_slice()));
    // Preface, empty SETTINGS, and HEADERS that end stream 1: GET https://x/healthz (RFC 9113, RFC 7541).
    secure.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").expect("sent");
    let mut fields = vec![0x82, 0x87, 0x04, 8];
    fields.extend_from_slice(b"/healthz");
    fields.extend_from_slice(&[0x01, 1, b'x']);
    let length = u8::try_from(fields.len()).expect("short");
    secure.write_all(&[0, 0, length, 1, 0x05, 0, 0, 0, 1]).expect("sent");
    secure.write_all(&fields).expect("sent");
    let status = loop {
        let mut head = [0; 9];
        secure.read_exact(&mut head).expect("a frame");
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length).expect("short")];
        secure.read_exact(&mut payload).expect("a payload");
        if head[3] == 1 {
            break payload[0];
        }
    };
    assert_eq!(status, 0x88, ":status 200");
}

#[test]
fn certificates_change_under_load_and_no_request_fails() {
    let folder = tempfile::tempdir().expect("a folder");
    let (authority, files) = (Authority::new(), Files::new(folder.path()));
    files.put(&authority.signs());
    let server = Process::start(folder.path(), &files.variables());
    let configs = [authority.client(&TLS12, "http/1.1"), authority.client(&TLS13, "http/1.1")];
    let shown = || get(&server.address, &configs[1], "/healthz").expect("answered").1;
    let (enough, failures, done) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for config in &configs {
            let (enough, failures, done, address) = (&enough, &failures, &done, &server.address);
            scope.spawn(move || {
                while !enough.load(Ordering::Relaxed) {
                    let fine = get(address, config, "/healthz");
                    if !fine.is_ok_and(|(answer, _)| answer.starts_with("HTTP/1.1 200 ")) {
                        failures.fetch_add(1, Ordering::Relaxed);
                    }
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let changes = || {
            // Asked to, at once.
            let first = shown();
            files.put(&authority.signs());
            server.signal("HUP");
            let second =
                until("the new certificate is shown", || Some(shown()).filter(|shown| *shown != first));
            // By itself, as the files changed.
            files.put(&authority.signs());
            let third = until("the newest one is shown", || Some(shown()).filter(|shown| *shown != second));
            // A broken pair changes nothing, and is told.
            std::fs::write(&files.key, "broken").expect("written");
            server.signal("HUP");
            let told = server.wrote("there is no private key in");
            assert!(told.contains("ERROR") && told.contains("is still shown"), "{told}");
            assert!(shown() == third);
            let other = authority.signs();
            std::fs::write(&files.key, &other.1).expect("written");
            server.wrote("is not the key of the first certificate");
            assert!(shown() == third);
            files.put(&other);
            until("the mended one is shown", || Some(shown()).filter(|shown| *shown != third));
        };
        // Whatever is wrong, the others are told that it is over.
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(changes));
        enough.store(true, Ordering::Relaxed);
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
    });
    assert_eq!(failures.load(Ordering::Relaxed), 0);
    assert!(done.load(Ordering::Relaxed) > 50, "there was load");
}

#[test]
fn a_start_is_refused_with_all_that_is_wrong_with_the_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let (authority, files) = (Authority::new(), Files::new(folder.path()));
    let check = |expected: &[&str]| {
        let mut command = Process::command(folder.path(), &files.variables());
        let (status, _, told) = outcome(&command.output().expect("it ends"));
        assert_eq!(status, Some(2), "{told}");
        assert!(expected.iter().all(|expected| told.contains(expected)), "{told}");
        assert_eq!(told.lines().count(), expected.len(), "{told}");
        assert!(!folder.path().join("rollcall.db").exists(), "nothing was made");
    };
    check(&["tls_certificate_file: cannot read", "tls_key_file: cannot read"]);
    let (one, other) = (authority.signs(), authority.signs());
    files.put(&(one.0, other.1));
    check(&["is not the key of the first certificate"]);
    // `config check` says the same, and commands that do not serve do not mind.
    let run = |arguments: &[&str]| {
        let mut command = rollcall("sqlite:rollcall.db");
        command.current_dir(folder.path()).args(arguments).envs(files.variables());
        outcome(&command.output().expect("it ends"))
    };
    assert_eq!(run(&["config", "check"]).0, Some(2));
    assert_eq!(run(&["instance", "list"]).0, Some(0));
}

#[test]
fn a_client_that_never_finishes_its_handshake_is_let_go() {
    let folder = tempfile::tempdir().expect("a folder");
    let (authority, files) = (Authority::new(), Files::new(folder.path()));
    files.put(&authority.signs());
    let variables = [files.variables().as_slice(), &[("ROLLCALL_HEAD_TIMEOUT", "1s")]].concat();
    let server = Process::start(folder.path(), &variables);
    let slow: Vec<_> = (0..300).map(|_| TcpStream::connect(&server.address).expect("connected")).collect();
    // They do not keep others from theirs.
    let config = authority.client(&TLS13, "http/1.1");
    assert!(get(&server.address, &config, "/healthz").is_ok());
    for mut stream in slow {
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("set");
        assert_eq!(stream.read(&mut [0]).expect("closed"), 0);
    }
}
