//! What a token costs each request: `just bench`, or `cargo bench -p scim-api-keys --bench tokens`.

use std::hint::black_box;

use criterion::Criterion;
use scim_api_keys::token::{AccessClaims, Seeds, SigningKeys};
use scim_api_keys::{BasicCredentials, Remembered};

const NOW: i64 = 1_800_000_000;
const ISSUER: &str = "https://people.example";
const BASE: &str = "https://people.example/scim/v2";

/// Eight peppers, as many as a node holds.
struct Held;

impl Seeds for Held {
    fn ids(&self) -> Vec<[u8; 16]> {
        (1..=8).map(|pepper| [pepper; 16]).collect()
    }

    fn seed(&self, pepper: &[u8; 16], period: i64) -> Option<[u8; 32]> {
        let (period, mut pepper) = (period.to_be_bytes().into_iter().cycle(), pepper.iter().cycle());
        let mut bytes = period.zip(std::iter::from_fn(|| pepper.next())).map(|(one, other)| one ^ other);
        Some(std::array::from_fn(|_| bytes.next().unwrap_or_default()))
    }
}

fn access(c: &mut Criterion) {
    let keys = SigningKeys::new(Held);
    let id = "018f2b6c-4a6e-7d30-9f3c-0a4f7d1c2b3a";
    let claims = AccessClaims {
        iss: ISSUER.to_owned(),
        aud: BASE.to_owned(),
        sub: id.to_owned(),
        client_id: id.to_owned(),
        instance: id.to_owned(),
        connector: id.to_owned(),
        scope: "users:read users:write groups:read groups:write bulk".to_owned(),
        jti: id.to_owned(),
        iat: NOW,
        nbf: NOW,
        exp: NOW + 600,
        generation: 1,
    };
    let Ok(token) = keys.issue(&claims) else { return };
    let verify = |token: &str, now| keys.verify(token, ISSUER, &[BASE], now);
    assert!(verify(&token, NOW).is_ok(), "a right one");
    let forged = token.replacen('.', ".A", 1);
    let unknown = token.replacen("eyJ", "eyK", 1);
    assert!(verify(&forged, NOW).is_err() && verify(&unknown, NOW).is_err(), "two wrong ones");

    c.bench_function("token/issue", |b| b.iter(|| keys.issue(black_box(&claims))));
    c.bench_function("token/verify", |b| b.iter(|| verify(black_box(&token), NOW)));
    c.bench_function("token/verify a forged one", |b| b.iter(|| verify(black_box(&forged), NOW)));
    c.bench_function("token/verify one that is none", |b| b.iter(|| verify(black_box(&unknown), NOW)));
    c.bench_function("token/jwks", |b| b.iter(|| keys.jwks(black_box(NOW))));
}

fn basic(c: &mut Criterion) {
    let value = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==";
    assert!(BasicCredentials::parse(value).is_ok(), "credentials");
    c.bench_function("basic/parse", |b| b.iter(|| BasicCredentials::parse(black_box(value))));
    let remembered = Remembered::new([7; 32]);
    for n in 0..4096 {
        remembered.remember(&[1; 16], &format!("password {n}"), 1, NOW);
    }
    let known = |password: &str| remembered.is_known(&[1; 16], password, 1, NOW);
    assert!(known("password 7") && !known("another"), "one of each");
    c.bench_function("remembered/known", |b| b.iter(|| known(black_box("password 7"))));
    c.bench_function("remembered/unknown", |b| b.iter(|| known(black_box("another"))));
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    access(&mut criterion);
    basic(&mut criterion);
    criterion.final_summary();
}
