//! `/oauth2/token`, `/oauth2/revoke`, `/oauth2/jwks` and the metadata.

use actix_web::http::Method;
use actix_web::test::TestRequest;
use scim_actix::Options;

use crate::world::{Answer, Key, World};

async fn world() -> (World, Key) {
    let world = World::new(Options::default()).await;
    world.change(|connector| connector.settings.ways_in.oauth = true).await;
    let key = world.key(&world.acme, |_| {}).await;
    (world, key)
}

fn form(path: &str, body: String) -> TestRequest {
    let request = TestRequest::post().uri(path).set_payload(body);
    request.insert_header(("content-type", "application/x-www-form-urlencoded"))
}

fn credentials(key: &Key) -> String {
    format!("client_id={}&client_secret={}", key.id, key.text)
}

/// An error of the authorization server, which no cache keeps.
fn check(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status.as_u16(), &answer.json()["error"]), (status, &code.into()), "{}", answer.text);
    assert!(!answer.text.contains("scim:api:messages"), "{}", answer.text);
    not_kept(answer);
}

fn not_kept(answer: &Answer) {
    assert_eq!((answer.header("cache-control"), answer.header("pragma")), ("no-store", "no-cache"));
    assert!(!answer.header("x-request-id").is_empty());
}

#[actix_web::test]
async fn a_token_opens_what_its_key_opens_until_it_is_given_up() {
    let (world, key) = world().await;
    let body = format!("grant_type=client_credentials&{}", credentials(&key));
    let answer = world.send(form("/oauth2/token", body)).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("content-type")),
        (200, "application/json"),
        "{}",
        answer.text
    );
    not_kept(&answer);
    let token = answer.json()["access_token"].as_str().expect("a token").to_owned();
    let use_at = async |base: &str| {
        let request = TestRequest::get().uri(&format!("{base}/Users"));
        world.send(request.insert_header(("authorization", format!("Bearer {token}")))).await.status.as_u16()
    };
    let own = format!("/c/{}/scim/v2", key.record.connector);
    assert_eq!((use_at("/scim/v2").await, use_at(&own).await), (200, 200));
    let revoked = world.send(form("/oauth2/revoke", format!("token={token}&{}", credentials(&key)))).await;
    assert_eq!((revoked.status.as_u16(), &*revoked.text), (200, ""));
    not_kept(&revoked);
    assert_eq!((use_at("/scim/v2").await, use_at(&own).await), (401, 401));
}

#[actix_web::test]
async fn metadata_and_keys_are_below_the_root_that_was_used() {
    let (world, _) = world().await;
    let get = async |path| world.send(TestRequest::get().uri(path)).await;
    let metadata = get("/.well-known/oauth-authorization-server").await;
    assert_eq!(metadata.status, 200);
    not_kept(&metadata);
    let body = metadata.json();
    assert_eq!(body["issuer"], "http://scim.example");
    for (name, path) in [
        ("token_endpoint", "/oauth2/token"),
        ("revocation_endpoint", "/oauth2/revoke"),
        ("jwks_uri", "/oauth2/jwks"),
    ] {
        assert_eq!(body[name], format!("http://scim.example{path}"));
        assert_ne!(get(path).await.status, 404);
    }
    let keys = get("/oauth2/jwks").await;
    not_kept(&keys);
    assert!(keys.json()["keys"].as_array().is_some_and(|keys| !keys.is_empty()));
    // No private part of them.
    assert!(keys.json()["keys"].as_array().is_some_and(|keys| keys.iter().all(|key| key.get("d").is_none())));
}

#[actix_web::test]
async fn what_is_wrong_is_answered_as_oauth_does() {
    let (world, key) = world().await;
    let send = async |body: String| world.send(form("/oauth2/token", body)).await;
    check(&send(String::new()).await, 400, "invalid_request");
    check(&send("\u{0}%%%".to_owned()).await, 400, "invalid_request");
    check(&send(format!("grant_type=password&{}", credentials(&key))).await, 400, "unsupported_grant_type");
    let wrong = credentials(&key).replace("rck1_", "rck1_0");
    check(&send(format!("grant_type=client_credentials&{wrong}")).await, 401, "invalid_client");
    check(&send("x".repeat(16 * 1024 + 1)).await, 413, "invalid_request");
    check(&send("x".repeat(16 * 1024)).await, 400, "invalid_request");
    let json = TestRequest::post().uri("/oauth2/token").set_json(serde_json::json!({}));
    check(&world.send(json).await, 400, "invalid_request");
    let long = TestRequest::get().uri("/oauth2/jwks").insert_header(("x-large", "x".repeat(40_000)));
    check(&world.send(long).await, 431, "invalid_request");
    for (method, path, allow) in [
        (Method::GET, "/oauth2/token", "POST"),
        (Method::PUT, "/oauth2/revoke", "POST"),
        (Method::POST, "/oauth2/jwks", "GET, HEAD"),
        (Method::DELETE, "/.well-known/oauth-authorization-server", "GET, HEAD"),
    ] {
        let answer = world.send(TestRequest::with_uri(path).method(method)).await;
        check(&answer, 405, "invalid_request");
        assert_eq!(answer.header("allow"), allow);
    }
    assert_eq!(world.send(TestRequest::get().uri("/oauth2/authorize")).await.error().0, 404);
}
