//! Large bodies and answers share a limit.

use actix_web::http::Method;
use actix_web::test::TestRequest;
use scim_actix::Options;
use serde_json::{Value, json};

use crate::world::{Key, World};

async fn create(world: &World, key: &Key, name: &str, bytes: usize) -> (u16, Value, bool) {
    let body = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": name, "nickName": "x".repeat(bytes)
    });
    let request = TestRequest::default().method(Method::POST).uri("/scim/v2/Users");
    let answer = world.send(request.insert_header(("authorization", key.bearer())).set_json(body)).await;
    let later = answer.headers.contains_key("retry-after");
    (answer.status.as_u16(), serde_json::from_str(&answer.text).expect("JSON"), later)
}

#[actix_web::test]
async fn what_does_not_fit_beside_the_rest_is_503_until_there_is_room() {
    let world = World::new(Options { max_bytes_in_hand: 100_000, ..Options::default() }).await;
    let key = world.key(&world.acme, |_| {}).await;
    let (status, body, later) = create(&world, &key, "ada", 110_000).await;
    assert_eq!((status, &body["status"], later), (503, &json!("503"), true));
    for name in ["bob", "eve"] {
        assert_eq!(create(&world, &key, name, 80_000).await.0, 201, "its body's share was given back");
    }
    let both = world.get("/scim/v2/Users", &key).await;
    assert_eq!((both.status.as_u16(), both.headers.contains_key("retry-after")), (503, true));
    for _ in 0..3 {
        let one = world.get("/scim/v2/Users?count=1", &key).await;
        assert_eq!(one.status, 200);
        assert!(one.text.len() > 80_000);
    }
}
