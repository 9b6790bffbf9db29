//! Retries get the first answer.

use scim_provider::Method;
use serde_json::json;

use crate::world::{Answer, World};

fn post(world: &World, mark: &str, body: &str) -> Answer {
    world.send(&world.owner, Method::Post, "/instances/acme/keys", &[("idempotency-key", mark)], body)
}

const BODY: &str = "{\"user\":\"integration\"}";

#[test]
fn a_retry_gets_the_first_answer_with_its_secret() {
    let world = World::new();
    let first = post(&world, "one", BODY).expect(201);
    let again = post(&world, "one", BODY).expect(201);
    assert_eq!((again.text(), again.header("etag")), (first.text(), first.header("etag")));
    assert_eq!((first.header("idempotency-replayed"), again.header("idempotency-replayed")), ("", "true"));
    assert_eq!(world.all("/instances/acme/keys", 10).len(), 1);
    post(&world, "two", BODY).expect(201);
    assert_eq!(world.all("/instances/acme/keys", 10).len(), 2);
}

#[test]
fn another_request_with_the_same_mark_is_a_mistake() {
    let world = World::new();
    post(&world, "one", BODY).expect(201);
    post(&world, "one", "{\"user\":\"nobody\"}").expect_problem(422, "idempotency_key_reused", "");
    post(&world, "a b", BODY).expect_problem(400, "malformed", "");
    post(&world, &"x".repeat(256), BODY).expect_problem(400, "malformed", "");
}

#[test]
fn refusals_are_first_answers_too() {
    let world = World::new();
    let first = post(&world, "one", "{\"user\":\"nobody\"}").expect(404);
    world.post("/instances/acme/integration-users", &json!({ "name": "nobody" })).expect(201);
    let again = post(&world, "one", "{\"user\":\"nobody\"}").expect(404);
    assert_eq!(again.text(), first.text());
    post(&world, "two", "{\"user\":\"nobody\"}").expect(201);
}

#[test]
fn a_mark_is_the_callers_own_and_ends_after_a_day() {
    let world = World::new();
    let other = world.key(scim_directory::Privilege::Owner);
    post(&world, "one", BODY).expect(201);
    let mark = [("idempotency-key", "one")];
    let own = world.send(&other, Method::Post, "/instances/acme/keys", &mark, BODY).expect(201);
    assert_eq!(own.header("idempotency-replayed"), "");
    world.clock.pass(24 * 60 * 60 * 1000 + 1);
    // Two keys are in force: it is done anew, and refused.
    post(&world, "one", BODY).expect(422);
}
