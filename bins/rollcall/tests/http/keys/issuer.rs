//! Clients that bring a token of their own issuer, whose keys the server fetches over HTTP.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use crate::support::{Answer, Server, encoded, person, send};

const ISSUER: &str = "https://issuer.example/tenant/v2.0";
const AUDIENCE: &str = "api://rollcall-acme";

/// The issuer's key of that seed.
fn key(seed: u8) -> EncodingKey {
    // PKCS#8 of an Ed25519 key (RFC 8410 §7).
    const HEAD: [u8; 16] =
        [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
    EncodingKey::from_ed_der(&[HEAD.as_slice(), &[seed; 32]].concat())
}

/// Serves the issuer's key set; the URL, and how often it was asked for.
fn key_set() -> (String, Arc<AtomicUsize>) {
    let jwk = Jwk::from_encoding_key(&key(1), Algorithm::EdDSA).expect("a key");
    let jwk = serde_json::to_value(jwk).expect("JSON");
    let set =
        json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": "one", "x": jwk["x"] }] })
            .to_string();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}/keys", listener.local_addr().expect("an address"));
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            count.fetch_add(1, Ordering::SeqCst);
            let _ = stream.read(&mut [0; 2048]);
            let head =
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", set.len());
            let _ = stream.write_all(format!("{head}{set}").as_bytes());
        }
    });
    (url, asked)
}

/// A token of the issuer, of a key and with a claim of its own.
fn token(seed: u8, claim: &str, value: Value) -> String {
    #[expect(clippy::disallowed_methods, reason = "the issuer has a clock of its own")]
    let now =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs();
    let mut claims = json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "robot", "iat": now, "nbf": now, "exp": now + 600,
        "jti": format!("{seed}-{claim}-{value}"),
    });
    claims[claim] = value;
    let mut header = Header::new(Algorithm::EdDSA);
    header.kid = Some("one".to_owned());
    encode(&header, &claims, &key(seed)).expect("signed")
}

/// Lets the connector trust the issuer; the connector's id.
fn trust(server: &Server, jwks: &str) -> String {
    let set = ["connector", "set", "--instance", "acme", "--issuer", ISSUER, "--audience", AUDIENCE];
    let rest = ["--subject", "robot", "--jwks-uri", jwks, "--issuer-user", "integration"];
    server.run(&[&set[..], &rest].concat());
    let shown = server.run(&["connector", "show", "--instance", "acme", "--json"]);
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    shown["id"].as_str().expect("an id").to_owned()
}

#[test]
fn a_client_of_a_trusted_issuer_needs_no_secret_of_ours() {
    let (jwks, asked) = key_set();
    let server = Server::start_with(&[("ROLLCALL_EGRESS_NETWORKS", "127.0.0.0/8")], &[]);
    let acme = server.acme();
    let id = &trust(&server, &jwks);
    let door = format!("/c/{id}/scim/v2/Users");
    let ask = |method: &str, path: &str, token: &str, body: &str| -> Answer {
        let authorization = format!("Bearer {token}");
        let headers = [("Authorization", authorization.as_str()), ("Content-Type", "application/scim+json")];
        send(&server.address, method, path, &headers, body.as_bytes())
    };

    let good = token(1, "name", json!("x"));
    let ada = ask("POST", &door, &good, &person("ada").to_string());
    let created = ada.ok(201);
    assert!(
        created["meta"]["location"].as_str().is_some_and(|location| location.contains(&door)),
        "{created}"
    );
    ask("GET", &door, &good, "").ok(200);
    assert_eq!(asked.load(Ordering::SeqCst), 1, "the keys are kept");
    assert_eq!(acme.get("/Users").ok(200)["totalResults"], 1);
    let log = server.run(&["log", "--instance", "acme", "--format", "jsonl", "--action", "created"]);
    let record: Value = serde_json::from_str(&log).expect("one record");
    assert_eq!((&record["user"], &record["key_id"]), (&json!("integration"), &Value::Null));

    // Elsewhere, and of another key, audience, subject or issuer, it opens nothing.
    ask("GET", "/scim/v2/Users", &good, "").error(401, None);
    for wrong in [
        token(2, "name", json!("x")),
        token(1, "aud", json!("api://other")),
        token(1, "sub", json!("human")),
        token(1, "iss", json!("https://issuer.example/other")),
        token(1, "exp", json!(1)),
        token(1, "nonce", json!("of an ID token")),
    ] {
        ask("GET", &door, &wrong, "").error(401, None);
    }
    assert!(asked.load(Ordering::SeqCst) <= 2, "strangers do not make the server fetch");

    // Exchanged for a token of ours, which opens the common base too, until the connector trusts the issuer no more.
    let form = format!(
        "grant_type=client_credentials&client_id={id}&client_assertion_type={}&client_assertion={}",
        encoded("urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        token(1, "name", json!("an assertion"))
    );
    let exchange = || {
        let typed = [("Content-Type", "application/x-www-form-urlencoded")];
        send(&server.address, "POST", "/oauth2/token", &typed, form.as_bytes())
    };
    let answer = exchange();
    assert_eq!((answer.status, answer.header("cache-control")), (200, Some("no-store")));
    let ours = answer.json()["access_token"].as_str().expect("a token").to_owned();
    ask("GET", "/scim/v2/Users", &ours, "").ok(200);
    assert_eq!(
        (exchange().status, exchange().json()["error"].clone()),
        (401, json!("invalid_client")),
        "it counts once"
    );
    let (mut other, elsewhere) = server.beside();
    let typed = [("Content-Type", "application/x-www-form-urlencoded")];
    let again = send(&elsewhere, "POST", "/oauth2/token", &typed, form.as_bytes());
    assert_eq!(
        (again.status, again.json()["error"].clone()),
        (401, json!("invalid_client")),
        "on every node"
    );
    other.kill().expect("killed");
    other.wait().expect("ended");
    server.run(&["connector", "set", "--instance", "acme", "--issuer", "none"]);
    ask("GET", "/scim/v2/Users", &ours, "").error(401, None);
    ask("GET", &door, &good, "").error(401, None);
}

#[test]
fn keys_are_not_fetched_from_this_network_unless_it_is_listed() {
    let (jwks, asked) = key_set();
    let server = Server::start();
    let door = format!("/c/{}/scim/v2/Users", trust(&server, &jwks));
    let authorization = format!("Bearer {}", token(1, "name", json!("x")));
    let answer = send(&server.address, "GET", &door, &[("Authorization", &authorization)], b"");
    answer.error(503, None);
    assert!(answer.header("retry-after").is_some());
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}
