//! What every answer has, and what none has.

use serde_json::{Value, json};

use super::world::damage;
use crate::support::{Answer, Server, bulk, person, raw, send};

/// Headers that tell a stranger about the server, or let a browser's page read what it should not.
const NEVER: [&str; 5] =
    ["server", "x-powered-by", "access-control-allow-origin", "access-control-allow-headers", "set-cookie"];

/// An answer of this status with the headers that every answer has.
#[track_caller]
fn check(answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{}", String::from_utf8_lossy(&answer.body));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{:?}", answer.headers);
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{:?}", answer.headers);
    let ids = answer.headers.iter().filter(|(name, _)| name == "x-request-id").count();
    assert_eq!(ids, 1, "{:?}", answer.headers);
    for name in NEVER {
        assert!(answer.header(name).is_none(), "{name}: {:?}", answer.headers);
    }
    assert_eq!(
        status == 405,
        answer.header("allow").is_some_and(|_| status == 405),
        "405 says what there is"
    );
    if status >= 400 && status != 412 {
        assert!(!answer.body.is_empty(), "{status}");
    }
}

#[test]
fn every_answer_is_private_and_says_nothing_of_the_server() {
    let server = Server::start();
    let acme = server.acme();
    let origin = [("Origin", "https://evil.example"), ("Access-Control-Request-Method", "GET")];
    let created = acme.post("/Users", &person("ada"));
    check(&created, 201);
    let (id, version) = (created.created(), created.header("etag").expect("a version").to_owned());
    let ada = format!("/Users/{id}");
    let scim = ("Content-Type", "application/scim+json");
    check(&acme.get(&ada), 200);
    check(&acme.send("GET", &ada, &origin, b""), 200);
    check(&acme.send("OPTIONS", &ada, &origin, b""), 204);
    check(&acme.send("GET", &ada, &[("If-None-Match", &version)], b""), 304);
    check(&acme.send("POST", "/Users", &[scim], b"{"), 400);
    check(&send(&server.address, "GET", "/scim/v2/Users", &[], b""), 401);
    check(&acme.get("/ServiceProviderConfig?filter=x"), 403);
    check(&acme.get("/Users/nobody"), 404);
    check(&acme.get("/nothing"), 404);
    check(&acme.send("TRACE", "/Users", &[], b""), 405);
    check(&acme.send("PUT", "/Users", &[scim], b"{}"), 405);
    check(&acme.post("/Users", &person("ada")), 409);
    check(&acme.if_match("PUT", &ada, "W/\"none\"", &person("ada")), 412);
    check(&acme.send("POST", "/Users", &[scim, ("Content-Length", "9999999")], b""), 413);
    check(&acme.get(&format!("/Users?filter={}", "x".repeat(9000))), 414);
    check(&acme.send("POST", "/Users", &[("Content-Type", "text/csv")], b"a"), 415);
    check(&acme.send("GET", "/Users", &[("X-Other", &"x".repeat(17_000))], b""), 431);
    check(&acme.get("/Me"), 501);
    check(&acme.post("/Bulk", &bulk(json!([]))), 200);
    for (method, target, status) in [
        ("GET", "/healthz", 200),
        ("HEAD", "/healthz", 200),
        ("POST", "/healthz", 405),
        ("TRACE", "/readyz", 405),
        ("GET", "/readyz", 200),
        ("GET", "/metrics", 200),
        ("POST", "/metrics", 405),
        ("GET", "/", 404),
        ("POST", "/nowhere", 404),
        ("GET", "/.well-known/oauth-authorization-server", 200),
        ("GET", "/oauth2/jwks", 200),
        ("GET", "/oauth2/token", 405),
        ("POST", "/oauth2/token", 400),
    ] {
        check(&send(&server.address, method, target, &origin, b""), status);
    }
    check(&acme.delete(&ada), 204);
}

/// Before there is a request, the framework answers by itself: a status, no body, and the end of the connection.
#[test]
fn what_is_no_request_is_answered_by_a_status_and_the_end() {
    let server = Server::start();
    for (bytes, status) in [
        ("nonsense\r\n\r\n".to_owned(), 400),
        ("GET /healthz\r\n\r\n".to_owned(), 400),
        (format!("GET /healthz HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "x".repeat(200_000)), 431),
    ] {
        let answer = raw(&server.address, bytes.as_bytes());
        assert_eq!(answer.status, status);
        assert!(answer.body.is_empty());
        for name in NEVER {
            assert!(answer.header(name).is_none(), "{name}: {:?}", answer.headers);
        }
    }
    check(&send(&server.address, "GET", "/healthz", &[], b""), 200);
}

#[test]
fn an_error_of_the_store_tells_nothing_of_it() {
    let server = Server::start();
    let acme = server.acme();
    let id = acme.person("ada");
    damage(server.database(), "UPDATE resources SET document = x'7b22', shadow = '{'");
    for path in [format!("/Users/{id}?attributes=userName"), "/Users?attributes=userName".to_owned()] {
        let answer = acme.get(&path);
        check(&answer, 500);
        let detail = answer.error(500, None);
        assert_eq!(detail, "The server failed; its log has the cause under this request's id");
        let members: Value = answer.json();
        assert_eq!(members.as_object().expect("an object").len(), 3, "{members}");
    }
}
