//! What the scope does by itself, over a store that fails on purpose: time limits, panics, ids, the access log.
#![cfg(test)]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};
use scim_actix::{Options, Service, every_answer, health, nothing_here, scim};
use scim_core::instant::Timestamp;
use scim_core::schema::Registry;
use scim_directory::{ChangeSet, Committed, Fact, Key, Position, Question, Record, Scope};
use scim_provider::{Limits, Pepper, Peppers, Provider, Source};
use scim_storage::{
    BoxFuture, Capabilities, CommitError, EdgePage, EdgeQuery, EventPage, InstanceAnswer, InstanceQuestion,
    JournalPage, JournalQuery, Page, PeppersKnown, Query, ServerAnswer, ServerQuestion, Store, StoreError,
    Want,
};
use serde_json::Value;

/// A key of the right form that nobody was ever given.
const KEY: &str =
    "rck1_0351HEHOxHq8wDdN4r7wYt_0351HEHQJvvJ0FSOh9yvKP_g5vm538LHOzZPLsnA9eEaYLpgvuTQpEAwRq599LjIrA2gwdaJ";

/// What the store does when it is asked for a key.
#[derive(Clone, Copy)]
enum Behaviour {
    /// There is none.
    Answer,
    Panic,
    /// No answer, ever.
    Hang,
}

struct Stub(Behaviour);

fn unavailable<T, E: From<StoreError>>() -> Result<T, E> {
    Err(StoreError::Unavailable { reason: "a stub".to_owned() }.into())
}

impl Store for Stub {
    fn capabilities(&self) -> Capabilities {
        Capabilities { filters_completely: true, sorts: true, keyset_paging: true }
    }

    fn get<'a>(
        &'a self,
        _: &'a Scope,
        _: &'a Key,
        _: Want,
    ) -> BoxFuture<'a, Result<Option<Record>, StoreError>> {
        Box::pin(async { unavailable() })
    }

    fn find<'a>(&'a self, _: &'a Scope, _: &'a Query) -> BoxFuture<'a, Result<Page, StoreError>> {
        Box::pin(async { unavailable() })
    }

    fn edges<'a>(&'a self, _: &'a Scope, _: &'a EdgeQuery) -> BoxFuture<'a, Result<EdgePage, StoreError>> {
        Box::pin(async { unavailable() })
    }

    fn facts<'a>(&'a self, _: &'a Scope, _: &'a [Question]) -> BoxFuture<'a, Result<Vec<Fact>, StoreError>> {
        Box::pin(async { unavailable() })
    }

    fn commit(&self, _: ChangeSet) -> BoxFuture<'_, Result<Committed, CommitError>> {
        Box::pin(async { unavailable() })
    }

    fn journal<'a>(
        &'a self,
        _: &'a Scope,
        _: &'a JournalQuery,
    ) -> BoxFuture<'a, Result<JournalPage, StoreError>> {
        Box::pin(async { unavailable() })
    }

    fn events<'a>(
        &'a self,
        _: &'a Scope,
        _: Option<Position>,
        _: usize,
    ) -> BoxFuture<'a, Result<EventPage, StoreError>> {
        Box::pin(async { unavailable() })
    }

    fn instance<'a>(
        &'a self,
        _: &'a Scope,
        _: &'a InstanceQuestion,
    ) -> BoxFuture<'a, Result<InstanceAnswer, StoreError>> {
        Box::pin(async { unavailable() })
    }

    fn server<'a>(&'a self, question: &'a ServerQuestion) -> BoxFuture<'a, Result<ServerAnswer, StoreError>> {
        Box::pin(async move {
            match (question, self.0) {
                (ServerQuestion::Secret(_), _) => Ok(ServerAnswer::Secret([7; 32])),
                (ServerQuestion::Peppers(_), _) => {
                    Ok(ServerAnswer::Peppers(PeppersKnown { accepted: true, fresh: false, strangers: 0 }))
                }
                (_, Behaviour::Answer) => Ok(ServerAnswer::Key(None)),
                (_, Behaviour::Panic) => panic!("on purpose"),
                (_, Behaviour::Hang) => std::future::pending().await,
            }
        })
    }

    fn ready(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async { unavailable() })
    }
}

struct Fixed;

impl Source for Fixed {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(0)
    }

    fn uuid(&self) -> uuid::Uuid {
        uuid::Uuid::from_u128(42)
    }

    fn random(&self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

/// Serves on a free port until the process ends.
fn serve(behaviour: Behaviour, deadline: Duration) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let (store, source) = (Arc::new(Stub(behaviour)), Arc::new(Fixed));
            let pepper = Pepper::new(b"a pepper for tests, of 32 bytes.").expect("a pepper");
            let peppers = Arc::new(Peppers::from(pepper));
            let provider =
                Provider::start(store, source, Registry::builtin(), Limits::default(), peppers).await;
            let options = Options { deadline, ..Options::default() };
            let service = Service::new(Arc::new(provider.expect("it starts")), options);
            HttpServer::new(move || {
                App::new()
                    .app_data(web::Data::new(service.clone()))
                    .wrap(from_fn(every_answer))
                    .service(scim(service.clone()))
                    .service(health(service.clone()))
                    .default_service(web::to(nothing_here))
            })
            .workers(1)
            .disable_signals()
            .listen(listener)
            .expect("it listens")
            .run()
            .await
        })
    });
    address
}

/// Sends bytes and reads until the server closes: status, head, body.
fn exchange(address: &str, sent: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(address).expect("connected");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("set");
    stream.write_all(sent.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer, then the end");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, head.to_ascii_lowercase(), body.to_owned())
}

fn get(address: &str, target: &str, headers: &str) -> (u16, String, String) {
    exchange(address, &format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n"))
}

/// A SCIM error of this status, with an id and the headers that every answer has.
fn check((status, head, body): &(u16, String, String), expected: u16) {
    assert_eq!(*status, expected, "{body}");
    let body: Value = serde_json::from_str(body).expect("JSON");
    assert_eq!(body["status"], expected.to_string());
    assert!(head.contains("content-type: application/scim+json"), "{head}");
    assert!(head.contains("x-request-id: "), "{head}");
}

fn authorization() -> String {
    format!("Authorization: Bearer {KEY}\r\n")
}

const LONG: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(100);

#[test]
fn a_body_that_does_not_arrive_is_408() {
    let address = serve(Behaviour::Answer, SHORT);
    // Where it may be large, who sends it is asked first, and this store knows nobody.
    for (head, status) in [
        ("Content-Length: 10\r\n\r\n{}", 408),
        ("Content-Length: 100000\r\n\r\n{}", 401),
        ("Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", 401),
    ] {
        let request = format!("POST /scim/v2/Users HTTP/1.1\r\nHost: x\r\n{}{head}", authorization());
        check(&exchange(&address, &request), status);
    }
}

#[test]
fn a_request_that_takes_too_long_is_503() {
    let answer = get(&serve(Behaviour::Hang, SHORT), "/scim/v2/Users", &authorization());
    check(&answer, 503);
    assert!(answer.1.contains("retry-after: 5"), "{}", answer.1);
}

#[test]
fn a_panic_is_500_and_the_server_goes_on() {
    let address = serve(Behaviour::Panic, LONG);
    for _ in 0..3 {
        let answer = get(&address, "/scim/v2/Users", &authorization());
        check(&answer, 500);
        assert!(!answer.2.contains("purpose"), "{}", answer.2);
    }
    check(&get(&address, "/scim/v2/Users", ""), 401);
}

#[test]
fn paths_outside_the_scope_are_404() {
    let address = serve(Behaviour::Answer, LONG);
    check(&get(&address, "/", ""), 404);
    check(&get(&address, "/scim/v2x", ""), 404);
    // The same base to the framework, but not as it is written.
    check(&get(&address, "/s%63im/v2/Users", &authorization()), 404);
    check(&get(&address, "/scim/v2/Users", &authorization()), 401);
}

/// A client that keeps a body to itself does not keep the connection.
#[test]
fn what_is_refused_before_its_body_ends_the_connection() {
    let address = serve(Behaviour::Answer, LONG);
    let long = "x".repeat(9_000);
    let cases = [
        ("/nothing".to_owned(), String::new(), 404),
        ("/s%63im/v2/Users".to_owned(), String::new(), 404),
        (format!("/scim/v2/Users?{long}"), String::new(), 414),
        ("/scim/v2/Users".to_owned(), format!("X-Large: {}\r\n", "x".repeat(40_000)), 431),
    ];
    // At the same time: the framework lets each client have a second to read the answer.
    std::thread::scope(|scope| {
        for (target, headers, status) in &cases {
            for length in ["Content-Length: 10", "Transfer-Encoding: chunked"] {
                let request = format!("POST {target} HTTP/1.1\r\nHost: x\r\n{headers}{length}\r\n\r\n");
                let address = &address;
                scope.spawn(move || check(&exchange(address, &request), *status));
            }
        }
    });
}

#[test]
fn a_store_that_does_not_answer_is_not_ready() {
    let address = serve(Behaviour::Answer, LONG);
    let (status, head, _) = get(&address, "/readyz", "");
    assert_eq!(status, 503);
    assert!(head.contains("retry-after: 5") && head.contains("x-request-id: "), "{head}");
    assert_eq!(get(&address, "/healthz", "").0, 200);
}

/// A message with its fields behind it.
struct Line(String);

impl<'kv> log::kv::VisitSource<'kv> for Line {
    fn visit_pair(
        &mut self,
        key: log::kv::Key<'kv>,
        value: log::kv::Value<'kv>,
    ) -> Result<(), log::kv::Error> {
        self.0.push_str(&format!(" {key}={value}"));
        Ok(())
    }
}

/// Keeps what is logged.
struct Kept(Mutex<Vec<String>>);

impl log::Log for Kept {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let mut line = Line(record.args().to_string());
        record.key_values().visit(&mut line).expect("fields");
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line.0);
    }

    fn flush(&self) {}
}

#[test]
fn the_access_log_names_nobody() {
    static KEPT: Kept = Kept(Mutex::new(Vec::new()));
    log::set_logger(&KEPT).expect("the only one");
    log::set_max_level(log::LevelFilter::Trace);
    let address = serve(Behaviour::Answer, LONG);
    let target = "/scim/v2/Users/ada@example.com?filter=userName+eq+%22lovelace%22";
    let headers = format!("{}X-Request-Id: trace-7\r\n", authorization());
    check(&get(&address, target, &headers), 401);
    let lines = KEPT.0.lock().unwrap_or_else(PoisonError::into_inner);
    let line = lines.iter().find(|line| line.contains(" request_id=trace-7")).expect("a line");
    assert!(line.starts_with("request method=GET route=/Users/{id} status=401 "), "{line}");
    for secret in ["ada", "lovelace", "rck1_", "g5vm538"] {
        let leak = lines.iter().find(|line| line.contains(secret));
        assert_eq!(leak, None, "{secret}");
    }
}
