//! The server's log under everything that clients send.

use std::sync::{Mutex, PoisonError};

use actix_web::test::TestRequest;
use scim_actix::Options;

use crate::world::World;

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

/// Other tests of this process log beside it: what must not be there is there for none of them.
#[actix_web::test]
async fn the_log_has_paths_but_nobody_in_them() {
    static KEPT: Kept = Kept(Mutex::new(Vec::new()));
    log::set_logger(&KEPT).expect("the only one");
    log::set_max_level(log::LevelFilter::Trace);
    let world = World::new(Options::default()).await;
    world.change(|connector| connector.settings.ways_in.oauth = true).await;
    let key = world.key(&world.acme, |_| {}).await;
    let connector = key.record.connector.to_string();
    let own = format!("/c/{connector}/scim/v2");
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}&canary=lovelace",
        key.id, key.text
    );
    let mut token = String::new();
    let cases = [
        (
            format!("{own}/Users/lovelace@example.com"),
            "method=GET route=/c/{connector}/Users/{id} status=404 ",
        ),
        (
            format!("{own}//Users?filter=userName+eq+%22lovelace%22"),
            "method=GET route=/c/{connector}/Users status=200 ",
        ),
        (own.clone(), "method=GET route=/c/{connector}/ status=200 "),
        ("/c/lovelace/scim/v2/Users".to_owned(), "method=GET route=(no route) status=404 "),
        ("/oauth2/token?client_secret=lovelace".to_owned(), "method=POST route=/oauth2/token status=200 "),
        ("/oauth2/jwks?lovelace".to_owned(), "method=GET route=/oauth2/jwks status=200 "),
    ];
    for (number, (target, expected)) in cases.iter().enumerate() {
        let mut request =
            TestRequest::get().uri(target).insert_header(("x-request-id", format!("trace-{number}")));
        if expected.starts_with("method=POST") {
            request = request.method(actix_web::http::Method::POST).set_payload(form.clone());
            request = request.insert_header(("content-type", "application/x-www-form-urlencoded"));
        } else {
            request = request.insert_header(("authorization", key.bearer()));
        }
        let answer = world.send(request).await;
        if expected.starts_with("method=POST") {
            token = answer.json()["access_token"].as_str().expect("a token").to_owned();
        }
        let lines = KEPT.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (begin, id) = (format!("request {expected}"), format!(" request_id=trace-{number}"));
        let found = lines.iter().any(|line| line.starts_with(&begin) && line.contains(&id));
        assert!(found, "{begin}…{id}: {lines:#?}");
    }
    // Neither as a method nor as a request's id.
    let method = actix_web::http::Method::from_bytes(b"LOVELACE").expect("a method");
    let request = TestRequest::with_uri(&own).method(method).insert_header(("x-request-id", &*key.text));
    world.send(request).await;
    let lines = KEPT.0.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(lines.iter().any(|line| line.contains(" method=(other) route=/c/{connector}/ status=401 ")));
    // A connector is named as a field of its own, and in no path.
    assert_eq!(lines.iter().find(|line| line.contains(&format!("/{connector}"))), None);
    for secret in ["lovelace", "LOVELACE", "rck1_", &key.id.to_string(), &token] {
        assert_eq!(lines.iter().find(|line| line.contains(secret)), None, "{secret}");
    }
}
