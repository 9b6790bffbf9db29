//! The other ways in, over the in-memory backend: HTTP Basic, client credentials, trusted issuers; and tokens where they do not
//! belong.

use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use futures_channel::oneshot;
use futures_util::FutureExt as _;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use pollster::block_on;
use scim_api_keys::ApiKey;
use scim_core::instant::Timestamp;
use scim_core::schema::Registry;
use scim_directory::{
    AccessScopes, Action, Connector, Instance, InstanceSettings, KeptSecret, KeyLimits, TrustedIssuer, WaysIn,
};
use scim_provider::admin::{Admin, KeyRequest};
use scim_provider::{JwksFetcher, Limits, Method, OauthRequest, Provider, Request, Response, Source};
use scim_storage::{BoxFuture, JournalFilter, JournalQuery, MemoryStore};
use serde_json::{Value, json};

use crate::support::{BEGINNING, Clock, Headers, both_peppers, peppers};

const ROOT: &str = "https://scim.example";
const JWKS: &str = "https://issuer.example/keys";

/// The issuer's keys, and how often they were asked for.
#[derive(Default)]
struct Issuer(AtomicUsize);

impl JwksFetcher for Issuer {
    fn fetch<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<Vec<u8>, String>> {
        assert_eq!(url, JWKS);
        self.0.fetch_add(1, Ordering::Relaxed);
        let set = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": "one", "x": issuer_public() }] });
        Box::pin(async move { Ok(set.to_string().into_bytes()) })
    }
}

fn issuer_key() -> EncodingKey {
    const PREFIX: [u8; 16] =
        [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
    EncodingKey::from_ed_der(&[PREFIX.as_slice(), &[5; 32]].concat())
}

fn issuer_public() -> String {
    let jwk = jsonwebtoken::jwk::Jwk::from_encoding_key(&issuer_key(), Algorithm::EdDSA).expect("a key");
    serde_json::to_value(jwk).expect("JSON")["x"].as_str().expect("x").to_owned()
}

struct World {
    store: Arc<MemoryStore>,
    clock: Arc<Clock>,
    admin: Admin,
    provider: Provider,
    instance: Instance,
    issuer: Arc<Issuer>,
}

struct Key {
    id: scim_directory::KeyId,
    text: String,
}

impl World {
    fn new() -> Self {
        let (store, clock) = (Arc::new(MemoryStore::new()), Arc::new(Clock::default()));
        let peppers = peppers(1);
        let admin = Admin::new(Arc::clone(&store) as _, Arc::clone(&clock) as _, Registry::builtin());
        let admin = block_on(admin.with_peppers(Arc::clone(&peppers))).expect("a new store");
        let instance =
            block_on(admin.instance_create("acme", InstanceSettings::default())).expect("new").instance;
        let start = Provider::start(
            Arc::clone(&store) as _,
            Arc::clone(&clock) as _,
            Registry::builtin(),
            Limits::default(),
            peppers,
        );
        let issuer = Arc::new(Issuer::default());
        let provider = block_on(start).expect("it starts").with_fetcher(Arc::clone(&issuer) as _);
        Self { store, clock, admin, provider, instance, issuer }
    }

    /// A world whose connector lets clients in by everything.
    fn open() -> Self {
        let world = Self::new();
        let user =
            block_on(world.admin.integration_user_named(&world.instance, "integration")).expect("there").id;
        world.ways(|ways| {
            (ways.basic, ways.oauth) = (true, true);
            ways.issuer = Some(TrustedIssuer {
                issuer: "https://issuer.example/v2.0".to_owned(),
                audience: "api://rollcall".to_owned(),
                subject: "robot".to_owned(),
                jwks_uri: JWKS.to_owned(),
                user,
                scopes: AccessScopes::ALL,
            });
        });
        world
    }

    fn ways(&self, change: impl Fn(&mut WaysIn)) {
        let changed = self.admin.connector_change(&self.instance, "default", |connector| {
            change(&mut connector.settings.ways_in);
            Ok(())
        });
        block_on(changed).expect("changed");
    }

    fn connector(&self) -> Connector {
        block_on(self.admin.connector_named(&self.instance, "default")).expect("there")
    }

    fn key(&self, scopes: &str) -> Key {
        let scopes = if scopes.is_empty() { AccessScopes::ALL } else { scopes.parse().expect("scopes") };
        let request = KeyRequest {
            connector: "default",
            user: "integration",
            limits: KeyLimits { scopes, ..KeyLimits::default() },
            ..KeyRequest::default()
        };
        let issued = block_on(self.admin.key_issue(&self.instance, &request)).expect("issued");
        Key { id: issued.record.id, text: issued.key.expect("generated").reveal() }
    }

    async fn sent(&self, authorization: &str, door: Option<&str>) -> Response {
        let headers = Headers(authorization);
        let request = Request {
            method: Method::Get,
            path: "/Users",
            query: "",
            base: "https://scim.example/scim/v2",
            root: ROOT,
            door,
            peer: "192.0.2.1".parse().ok(),
            headers: &headers,
            body: Vec::new(),
            request_id: "test",
            now: self.clock.now(),
        };
        self.provider.handle(request).await
    }

    fn send(&self, authorization: &str, door: Option<&str>) -> (u16, String) {
        let response = block_on(self.sent(authorization, door));
        let body: Value = serde_json::from_slice(&response.body).expect("JSON");
        (response.status, body["detail"].as_str().unwrap_or_default().to_owned())
    }

    fn basic(&self, user: &str, password: &str) -> (u16, String) {
        self.send(&format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))), None)
    }

    fn bearer(&self, token: &str) -> (u16, String) {
        self.send(&format!("Bearer {token}"), None)
    }

    fn at_door(&self, token: &str) -> (u16, String) {
        self.send(&format!("Bearer {token}"), Some(&self.connector().id.to_string()))
    }

    fn oauth<'a>(&'a self, authorization: Option<&'a str>, form: &'a str) -> OauthRequest<'a> {
        OauthRequest {
            authorization,
            content_type: Some("application/x-www-form-urlencoded"),
            body: form.as_bytes(),
            root: ROOT,
            peer: "192.0.2.1".parse().ok(),
            request_id: "test",
            now: self.clock.now(),
        }
    }

    /// What the token endpoint answers: the status, and the token or the error.
    fn exchange(&self, form: &str) -> (u16, String) {
        token_or_error(&block_on(self.provider.oauth_token(self.oauth(None, form))))
    }

    fn token(&self, key: &Key) -> String {
        let form = credentials(key);
        let (status, token) = self.exchange(&form);
        assert_eq!(status, 200, "{token}");
        token
    }

    /// A token of the trusted issuer, changed.
    fn foreign(&self, change: impl FnOnce(&mut Value, &mut Header)) -> String {
        let now = self.clock.now().unix_millis() / 1000;
        let mut claims = json!({
            "iss": "https://issuer.example/v2.0", "aud": "api://rollcall", "sub": "robot",
            "iat": now, "nbf": now, "exp": now + 3600, "jti": self.clock.uuid().to_string(),
        });
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some("one".to_owned());
        change(&mut claims, &mut header);
        encode(&header, &claims, &issuer_key()).expect("signed")
    }

    fn pass(&self, seconds: i64) {
        self.clock.pass(seconds * 1000);
    }

    fn refusals(&self) -> Vec<String> {
        let query =
            JournalQuery { filter: JournalFilter::default(), after: None, newest_first: false, limit: 1000 };
        let entries = block_on(self.admin.log(&self.instance, &query)).expect("a log").entries;
        let refused = entries.into_iter().filter(|entry| entry.record.action == Action::AccessRefused);
        refused.filter_map(|entry| Some(entry.record.error?.code)).collect()
    }
}

fn credentials(key: &Key) -> String {
    format!("grant_type=client_credentials&client_id={}&client_secret={}", key.id, key.text)
}

fn token_or_error(response: &Response) -> (u16, String) {
    let body: Value = serde_json::from_slice(&response.body).expect("JSON");
    assert_eq!(response.header("Cache-Control"), Some("no-store"));
    let text =
        body.get("access_token").or_else(|| body.get("error")).and_then(Value::as_str).expect("either");
    (response.status, text.to_owned())
}

const GENERIC: &str = "The key is not valid; copy it again, whole, or issue a new one";

#[test]
fn a_key_is_a_password_where_the_connector_allows_it() {
    let world = World::new();
    let key = world.key("");
    let (status, detail) = world.basic("integration", &key.text);
    assert!(status == 403 && detail.contains("HTTP Basic"), "{status} {detail}");
    world.ways(|ways| ways.basic = true);
    assert_eq!(world.basic("integration", &key.text).0, 200);
    assert_eq!(world.basic(&key.id.to_string(), &key.text).0, 200);
    let wrong = world.key("");
    for (user, password) in [
        ("somebody", key.text.as_str()),
        ("", &key.text),
        (&wrong.id.to_string(), &key.text),
        ("integration", &key.text[..99]),
        ("integration", ""),
        (&key.id.to_string(), "a guess of some length"),
        ("integration", "a guess of some length"),
    ] {
        assert_eq!(world.basic(user, password), (401, GENERIC.to_owned()), "{user}");
    }
    assert_eq!(world.send("Basic nonsense", None), (401, GENERIC.to_owned()));
    assert_eq!(world.send("Digest x", None), (401, GENERIC.to_owned()));
    assert_eq!(world.refusals(), ["way_in", "key_unknown"]);
}

#[test]
fn a_secret_that_a_person_chose_is_a_password_alone() {
    let world = World::open();
    let secret = "tulips from amsterdam";
    let request = KeyRequest {
        connector: "default",
        user: "integration",
        password: Some(secret),
        ..KeyRequest::default()
    };
    let issued = block_on(world.admin.key_issue(&world.instance, &request)).expect("issued");
    assert!(issued.key.is_none());
    let id = issued.record.id.to_string();
    assert_eq!((world.basic(&id, secret).0, world.basic(&id, secret).0), (200, 200));
    for (user, password) in [(id.as_str(), "tulips from rotterdam"), ("integration", secret), (&id, "")] {
        assert_eq!(world.basic(user, password), (401, GENERIC.to_owned()), "{user}");
    }
    assert_eq!(world.bearer(secret), (401, GENERIC.to_owned()));
    // What was remembered does not outlive the key.
    block_on(world.admin.key_revoke(issued.record.id)).expect("revoked");
    assert!(world.basic(&id, secret).1.contains("revoked"));
    for short in ["tulips", "tulips from\nholland"] {
        let request = KeyRequest { password: Some(short), ..request.clone() };
        assert!(block_on(world.admin.key_issue(&world.instance, &request)).is_err(), "{short}");
    }
    world.ways(|ways| ways.basic = false);
    let refused = block_on(world.admin.key_issue(&world.instance, &request)).expect_err("no use").to_string();
    assert!(refused.contains("--basic on"), "{refused}");
}

#[test]
fn guesses_at_a_secret_are_few() {
    let world = World::open();
    let secret = "tulips from amsterdam";
    let request = KeyRequest {
        connector: "default",
        user: "integration",
        password: Some(secret),
        ..KeyRequest::default()
    };
    let id =
        block_on(world.admin.key_issue(&world.instance, &request)).expect("issued").record.id.to_string();
    assert_eq!(world.basic(&id, secret).0, 200);
    let nobodys = uuid::Uuid::from_u128(9).to_string();
    for guess in 0..5 {
        let wrong = format!("tulips from {guess:09}");
        assert_eq!((world.basic(&id, &wrong).0, world.basic(&nobodys, &wrong).0), (401, 401), "{guess}");
    }
    let header = format!("Basic {}", STANDARD.encode(format!("{id}:tulips from leiden")));
    let over = block_on(world.sent(&header, None));
    assert_eq!((over.status, over.header("Retry-After")), (429, Some("1")));
    // It says nothing of whether the guess is right, and takes nothing from who is known, or has a key.
    let key = world.key("");
    assert_eq!((world.basic(&id, secret).0, world.basic("integration", &key.text).0), (200, 200));
    world.pass(300);
    for _ in 0..10 {
        assert_eq!(world.basic(&id, "tulips from leiden").0, 401);
    }
    assert_eq!(world.basic(&id, secret).0, 429, "it is not remembered any more");
    world.pass(1);
    assert_eq!(world.basic(&id, secret).0, 200);
}

#[test]
fn who_knocks_on_does_not_keep_others_out_of_their_logs() {
    let world = World::open();
    let quiet =
        block_on(world.admin.instance_create("quiet", InstanceSettings::default())).expect("new").instance;
    let wrong = |instance: &Instance| ApiKey::new(instance.id.uuid().into_bytes(), [1; 16], [2; 32]).reveal();
    for _ in 0..100 {
        assert_eq!(world.bearer(&wrong(&world.instance)).0, 401);
        assert_eq!(world.at_door("a.b.c").0, 401);
    }
    assert_eq!(world.bearer(&wrong(&quiet)).0, 401);
    let query =
        JournalQuery { filter: JournalFilter::default(), after: None, newest_first: false, limit: 1000 };
    let entries = block_on(world.admin.log(&quiet, &query)).expect("a log").entries;
    assert!(entries.iter().any(|entry| entry.record.action == Action::AccessRefused));
    assert_eq!(world.refusals(), ["key_unknown"]);
}

#[test]
fn a_key_is_exchanged_for_a_token() {
    let world = World::new();
    let key = world.key("users:read groups:read");
    assert_eq!(world.exchange(&credentials(&key)), (400, "unauthorized_client".to_owned()));
    world.ways(|ways| ways.oauth = true);
    let token = world.token(&key);
    assert_eq!(world.bearer(&token).0, 200);
    let header = format!("Basic {}", STANDARD.encode(format!("{}:{}", key.id, key.text)));
    let by_header = block_on(
        world
            .provider
            .oauth_token(world.oauth(Some(&header), "grant_type=client_credentials&scope=groups%3Aread")),
    );
    let (status, narrow) = token_or_error(&by_header);
    assert_eq!((status, world.bearer(&narrow).0), (200, 403), "it may read groups alone");
    let form = credentials(&key);
    let other = world.key("");
    for (wrong, expected) in [
        (form.replace("client_credentials", "password"), (400, "unsupported_grant_type")),
        (form.replace("grant_type=client_credentials&", ""), (400, "invalid_request")),
        (format!("{form}&client_id=x"), (400, "invalid_request")),
        (format!("{form}&client_assertion=x"), (400, "invalid_request")),
        (format!("{form}&scope=users%3Awrite"), (400, "invalid_scope")),
        (format!("{form}&scope=admin"), (400, "invalid_scope")),
        (form.replace(&key.id.to_string(), "integration"), (401, "invalid_client")),
        (form.replace(&key.id.to_string(), &other.id.to_string()), (401, "invalid_client")),
        (form[..form.len() - 1].to_owned(), (401, "invalid_client")),
        ("grant_type=client_credentials".to_owned(), (401, "invalid_client")),
    ] {
        assert_eq!(world.exchange(&wrong), (expected.0, expected.1.to_owned()), "{wrong}");
    }
    let json = OauthRequest { content_type: Some("application/json"), ..world.oauth(None, "{}") };
    assert_eq!(
        token_or_error(&block_on(world.provider.oauth_token(json))),
        (400, "invalid_request".to_owned())
    );
}

#[test]
fn a_token_ends_with_time_with_its_key_and_with_the_way() {
    let world = World::open();
    let key = world.key("");
    let token = world.token(&key);
    world.pass(659);
    assert_eq!(world.bearer(&token).0, 200);
    world.pass(1);
    let (status, detail) = world.bearer(&token);
    assert!(status == 401 && detail.contains("expired"), "{status} {detail}");
    assert_eq!(world.refusals(), ["token_expired"]);
    let token = world.token(&key);
    world.ways(|ways| ways.oauth = false);
    assert_eq!(world.bearer(&token).0, 403);
    world.ways(|ways| ways.oauth = true);
    assert_eq!(world.bearer(&token).0, 200);
    let later = Some(Timestamp::from_unix_millis(BEGINNING + 86_400_000));
    block_on(world.admin.key_change(key.id, |terms| {
        terms.expires = later;
        Ok(())
    }))
    .expect("changed");
    let (status, detail) = world.bearer(&token);
    assert!(status == 401 && detail.contains("changed"), "{status} {detail}");
    let token = world.token(&key);
    block_on(world.admin.key_revoke(key.id)).expect("revoked");
    let (status, detail) = world.bearer(&token);
    assert!(status == 401 && detail.contains("revoked"), "{status} {detail}");
    assert_eq!(world.exchange(&credentials(&key)), (401, "invalid_client".to_owned()));
}

#[test]
fn a_client_gives_its_tokens_up() {
    let world = World::open();
    let (key, other) = (world.key(""), world.key(""));
    let (token, others) = (world.token(&key), world.token(&other));
    let revoke = |key: &Key, token: &str| {
        let form = format!("{}&token={token}", credentials(key));
        block_on(world.provider.oauth_revoke(world.oauth(None, &form))).status
    };
    assert_eq!((revoke(&other, &token), world.bearer(&token).0), (200, 200), "it is not the other's");
    assert_eq!((revoke(&key, "nonsense"), world.bearer(&token).0), (200, 200));
    assert_eq!((revoke(&key, &token), world.bearer(&token).0), (200, 401));
    assert_eq!(
        (world.bearer(&others).0, world.bearer(&key.text).0, world.bearer(&world.token(&key)).0),
        (200, 200, 200)
    );
    let form = format!("token={others}&client_id={}&client_secret=rck1_wrong", other.id);
    assert_eq!(block_on(world.provider.oauth_revoke(world.oauth(None, &form))).status, 401);
    assert_eq!(world.bearer(&others).0, 200);
}

#[test]
fn a_trusted_issuers_token_opens_the_connectors_own_door() {
    let world = World::open();
    let token = world.foreign(|_, _| {});
    assert_eq!(world.at_door(&token).0, 200);
    assert_eq!(
        (world.at_door(&token).0, world.issuer.0.load(Ordering::Relaxed)),
        (200, 1),
        "the keys are kept"
    );
    assert_eq!(world.bearer(&token), (401, GENERIC.to_owned()), "nothing in it says where it belongs");
    let nobodys = uuid::Uuid::from_u128(9).to_string();
    assert_eq!(world.send(&format!("Bearer {token}"), Some(&nobodys)), (401, GENERIC.to_owned()));
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3A\
         jwt-bearer&client_assertion={token}",
        world.connector().id
    );
    let (status, ours) = world.exchange(&form);
    assert_eq!((status, world.bearer(&ours).0), (200, 200));
    assert_eq!(world.exchange(&form), (401, "invalid_client".to_owned()), "an assertion counts once");
    world.ways(|ways| {
        if let Some(issuer) = &mut ways.issuer {
            issuer.subject = "another robot".to_owned();
        }
    });
    assert_eq!((world.at_door(&token).0, world.bearer(&ours).0), (401, 401));
    world.ways(|ways| ways.issuer = None);
    assert_eq!((world.at_door(&token).0, world.bearer(&ours).0), (401, 401));
    let shared = world.admin.connector_change(&world.instance, "default", |connector| {
        let mut issuer = World::open().connector().settings.ways_in.issuer.expect("set");
        issuer.audience = "8adf8e6e-67b2-4cf2-a259-e3dc5476c621".to_owned();
        connector.settings.ways_in.issuer = Some(issuer);
        Ok(())
    });
    assert!(block_on(shared).is_err_and(|error| error.to_string().contains("every custom application")));
}

#[test]
fn tokens_are_not_taken_for_one_another() {
    let world = World::open();
    let key = world.key("");
    let ours = world.token(&key);
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let pieces: Vec<&str> = ours.split('.').collect();
    let payload: Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(pieces[1]).expect("base64")).expect("JSON");
    let none = format!("{}.{}.", part(&json!({ "alg": "none", "typ": "at+jwt" })), pieces[1]);
    let mut other = payload.clone();
    other["connector"] = world.instance.id.to_string().into();
    let altered = format!("{}.{}.{}", pieces[0], part(&other), pieces[2]);
    let by_issuer = world.foreign(|claims, header| {
        *claims = payload.clone();
        header.typ = Some("at+jwt".to_owned());
    });
    for (what, token) in [
        ("alg none", none),
        ("an altered payload", altered),
        ("our claims, signed by the issuer", by_issuer),
        ("an ID token", world.foreign(|claims, _| claims["nonce"] = "n".into())),
        (
            "a logout token",
            world.foreign(|claims, header| {
                claims["events"] = json!({});
                header.typ = Some("logout+jwt".to_owned());
            }),
        ),
        ("another audience", world.foreign(|claims, _| claims["aud"] = "api://other".into())),
        ("another subject", world.foreign(|claims, _| claims["sub"] = "human".into())),
        (
            "an issuer with a slash",
            world.foreign(|claims, _| claims["iss"] = "https://issuer.example/v2.0/".into()),
        ),
        (
            "no expiry",
            world.foreign(|claims, _| {
                claims.as_object_mut().expect("an object").remove("exp");
            }),
        ),
        ("an unknown kid", world.foreign(|_, header| header.kid = Some("two".to_owned()))),
        ("its own key", world.foreign(|_, header| header.jku = Some("https://evil.example/keys".to_owned()))),
        ("nonsense", "a.b.c".to_owned()),
    ] {
        assert_eq!(world.at_door(&token), (401, GENERIC.to_owned()), "{what}");
        assert_eq!(world.bearer(&token), (401, GENERIC.to_owned()), "{what}");
    }
    // Ours is no assertion, and another server's is none of ours.
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3A\
         jwt-bearer&client_assertion={ours}",
        world.connector().id
    );
    assert_eq!(world.exchange(&form), (401, "invalid_client".to_owned()));
    let elsewhere = World::open();
    let theirs = elsewhere.token(&elsewhere.key(""));
    assert_eq!(world.bearer(&theirs), (401, GENERIC.to_owned()));
    // At another connector's door, ours says that it belongs elsewhere.
    let create = world.admin.connector_create(
        &world.instance,
        "okta",
        scim_directory::DialectName::Lenient,
        false,
        scim_directory::Profile::Standard,
    );
    let okta = block_on(create).expect("created").id.to_string();
    assert_eq!(world.send(&format!("Bearer {ours}"), Some(&okta)).0, 403);
}

#[test]
fn a_server_that_cannot_fetch_keys_says_that_it_is_its_own_fault() {
    let world = World::open();
    let token = world.foreign(|_, _| {});
    let door = world.connector().id.to_string();
    let World { provider, clock, .. } = world;
    let without = block_on(async {
        let headers = format!("Bearer {token}");
        provider
            .with_fetcher(Arc::new(Broken))
            .handle(Request {
                method: Method::Get,
                path: "/Users",
                query: "",
                base: "https://scim.example/scim/v2",
                root: ROOT,
                door: Some(&door),
                peer: None,
                headers: &Headers(&headers),
                body: Vec::new(),
                request_id: "test",
                now: clock.now(),
            })
            .await
    });
    assert_eq!((without.status, without.header("Retry-After").is_some()), (503, true));
}

struct Broken;

impl JwksFetcher for Broken {
    fn fetch<'a>(&'a self, _url: &'a str) -> BoxFuture<'a, Result<Vec<u8>, String>> {
        Box::pin(async { Err("it is down".to_owned()) })
    }
}

/// An issuer that answers when it is told to, and whose keys may be others by then.
struct Slow(Mutex<Vec<oneshot::Receiver<&'static str>>>);

impl Slow {
    /// One for so many fetches; the senders say which name the key has then.
    fn new(fetches: usize) -> (Arc<Self>, Vec<oneshot::Sender<&'static str>>) {
        let (say, hear): (Vec<_>, Vec<_>) = (0..fetches).map(|_| oneshot::channel()).unzip();
        (Arc::new(Self(Mutex::new(hear))), say)
    }
}

impl JwksFetcher for Slow {
    fn fetch<'a>(&'a self, _url: &'a str) -> BoxFuture<'a, Result<Vec<u8>, String>> {
        let told = self.0.lock().expect("a lock").remove(0);
        Box::pin(async move {
            let kid = told.await.map_err(|error| error.to_string())?;
            let set =
                json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": kid, "x": issuer_public() }] });
            Ok(set.to_string().into_bytes())
        })
    }
}

#[test]
fn a_slow_issuer_keeps_its_own_clients_waiting_and_nobody_else() {
    let mut world = World::open();
    let (slow, mut say) = Slow::new(3);
    world.provider = world.provider.with_fetcher(slow);
    let create = world.admin.connector_create(
        &world.instance,
        "okta",
        scim_directory::DialectName::Lenient,
        false,
        scim_directory::Profile::Standard,
    );
    let okta = block_on(create).expect("created").id.to_string();
    let mut issuer = world.connector().settings.ways_in.issuer.expect("set");
    issuer.jwks_uri = "https://other.example/keys".to_owned();
    let change = world.admin.connector_change(&world.instance, "okta", |connector| {
        connector.settings.ways_in.issuer = Some(issuer.clone());
        Ok(())
    });
    block_on(change).expect("changed");
    let door = world.connector().id.to_string();
    let header = format!("Bearer {}", world.foreign(|_, _| {}));
    let (first, second) = (say.remove(0), say.remove(0));
    let mut own = pin!(world.sent(&header, Some(&door)));
    assert!(own.as_mut().now_or_never().is_none());
    let mut others = pin!(world.sent(&header, Some(&okta)));
    assert!(others.as_mut().now_or_never().is_none());
    second.send("one").expect("fetching");
    assert_eq!(others.now_or_never().map(|response| response.status), Some(200));
    // Who needs the same keys waits for them instead of being refused.
    let mut also = pin!(world.sent(&header, Some(&door)));
    assert!(also.as_mut().now_or_never().is_none());
    first.send("one").expect("fetching");
    let statuses = (
        own.now_or_never().map(|response| response.status),
        also.now_or_never().map(|response| response.status),
    );
    assert_eq!(statuses, (Some(200), Some(200)));
    // The same when the issuer has a new key; what is signed by the one that is known does not wait.
    world.pass(61);
    let new = format!("Bearer {}", world.foreign(|_, header| header.kid = Some("two".to_owned())));
    let mut own = pin!(world.sent(&new, Some(&door)));
    assert!(own.as_mut().now_or_never().is_none());
    let mut also = pin!(world.sent(&new, Some(&door)));
    assert!(also.as_mut().now_or_never().is_none());
    assert_eq!(world.sent(&header, Some(&door)).now_or_never().map(|response| response.status), Some(200));
    say.remove(0).send("two").expect("fetching");
    let statuses = (
        own.now_or_never().map(|response| response.status),
        also.now_or_never().map(|response| response.status),
    );
    assert_eq!(statuses, (Some(200), Some(200)));
}

#[test]
fn a_key_that_is_only_exchanged_moves_to_the_current_pepper() {
    let world = World::open();
    let key = world.key("");
    let pepper = || match block_on(world.admin.key_show(key.id)).expect("there").key.secret {
        KeptSecret::Mac { pepper, .. } => pepper,
        KeptSecret::Password(_) => panic!("a generated key"),
    };
    let before = pepper();
    let peppers = both_peppers(50, 1);
    let start = Provider::start(
        Arc::clone(&world.store) as _,
        Arc::clone(&world.clock) as _,
        Registry::builtin(),
        Limits::default(),
        Arc::clone(&peppers),
    );
    let provider = block_on(start).expect("it holds the one that is known");
    let form = credentials(&key);
    assert_eq!(token_or_error(&block_on(provider.oauth_token(world.oauth(None, &form)))).0, 200);
    assert_eq!((before, pepper()), (peppers.ids()[1], peppers.ids()[0]));
}

#[test]
fn discovery_names_the_ways_that_are_open() {
    let schemes = |world: &World| {
        let key = world.key("");
        let headers = format!("Bearer {}", key.text);
        let response = block_on(world.provider.handle(Request {
            method: Method::Get,
            path: "/ServiceProviderConfig",
            query: "",
            base: "https://scim.example/scim/v2",
            root: ROOT,
            door: None,
            peer: None,
            headers: &Headers(&headers),
            body: Vec::new(),
            request_id: "test",
            now: world.clock.now(),
        }));
        let body: Value = serde_json::from_slice(&response.body).expect("JSON");
        let schemes = body["authenticationSchemes"].as_array().expect("a list").clone();
        schemes.iter().map(|scheme| scheme["type"].as_str().expect("a type").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(schemes(&World::new()), ["oauthbearertoken"]);
    assert_eq!(schemes(&World::open()), ["oauthbearertoken", "httpbasic", "oauth2", "oauth2"]);
}
