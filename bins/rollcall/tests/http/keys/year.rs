//! The year of a key, over HTTP and with a clock of its own: two servers on one database, and the command line beside them.

use std::process::Child;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::support::{Client, Server, person, send};

/// A key that was issued.
struct Key {
    id: String,
    token: String,
}

/// Two servers on one database, by one clock.
struct World {
    server: Server,
    other: Child,
    other_address: String,
}

impl World {
    fn start() -> Self {
        let server = Server::start_by_clock(&[]);
        server.run(&["instance", "set", "acme", "--retention-days", "1000"]);
        let (other, other_address) = server.beside();
        Self { server, other, other_address }
    }

    fn issue(&self) -> Key {
        let issued =
            self.server.run(&["key", "issue", "--instance", "acme", "--user", "integration", "--json"]);
        let issued: Value = serde_json::from_str(&issued).expect("JSON");
        let text = |member: &str| issued[member].as_str().expect("text").to_owned();
        Key { id: text("id"), token: text("token") }
    }

    /// The same key at either server.
    fn clients(&self, key: &Key) -> [Client; 2] {
        [Client::new(&self.server.address, &key.token), Client::new(&self.other_address, &key.token)]
    }

    /// What Entra's *Test Connection* sends, and what it wants to see.
    fn test_connection(&self, key: &Key) {
        for client in self.clients(key) {
            let path = "/Users?filter=userName+eq+%22non-existent-user%22";
            assert_eq!(client.get(path).ok(200)["totalResults"], 0);
        }
    }

    fn state(&self, key: &Key) -> String {
        self.shown(key)["state"].as_str().expect("a state").to_owned()
    }

    fn shown(&self, key: &Key) -> Value {
        serde_json::from_str(&self.server.run(&["key", "show", &key.id, "--json"])).expect("JSON")
    }

    /// How often the log has an action; reminders are told by jobs, so that a number that is not there yet is waited for.
    fn comes_to(&self, action: &str, expected: usize) {
        let count = || self.records(action).len();
        let reached = (0..200).any(|_| count() >= expected);
        assert!(reached, "{action}: {} of {expected}", count());
        assert_eq!(count(), expected, "{action}");
    }

    fn records(&self, action: &str) -> Vec<Value> {
        let log = self.server.run(&["log", "--instance", "acme", "--format", "jsonl", "--action", action]);
        log.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    fn day(&self, days: i64) {
        self.server.advance_hours(24 * days);
    }

    /// Neither server lets the key in, from the next request on; both say why.
    #[track_caller]
    fn refused(&self, key: &Key, why: &str) {
        for client in self.clients(key) {
            for answer in [client.get("/Users"), client.post("/Users", &person("nobody"))] {
                let detail = answer.error(401, None);
                assert!(detail.contains(why) && detail.contains(" at 20"), "{detail}");
            }
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.other.kill();
        let _ = self.other.wait();
    }
}

#[test]
fn the_year_of_a_key() {
    let world = World::start();
    let first = world.issue();
    assert_eq!(
        (world.state(&first), world.shown(&first)["last_used_at"].clone()),
        ("active".to_owned(), Value::Null)
    );
    world.test_connection(&first);
    let [cycle, _] = world.clients(&first);
    let ada = cycle.person("ada");
    let group = cycle.group("Engines", &[&ada]);
    assert!(world.shown(&first)["last_used_at"].is_string());

    // Reminders, each once though two servers look every few seconds.
    for (days, told) in [(335, 1), (23, 2)] {
        world.day(days);
        world.comes_to("key_expiring", told);
    }
    let reminder = &world.records("key_expiring")[1];
    assert_eq!((&reminder["key_id"], &reminder["status"]), (&json!(first.id), &json!("warning")));
    assert!(
        reminder["error"]["message"].as_str().is_some_and(|text| text.contains("in 7 days")),
        "{reminder}"
    );
    let metrics = send(&world.server.address, "GET", "/metrics", &[], b"");
    let metrics = String::from_utf8(metrics.body).expect("text");
    let gauge = metrics
        .lines()
        .find(|line| line.starts_with("rollcall_api_key_seconds_to_expiry") && line.contains(&first.id));
    let seconds: f64 = gauge.and_then(|line| line.rsplit(' ').next()?.parse().ok()).expect("a gauge");
    assert!((6.9 * 86_400.0..7.1 * 86_400.0).contains(&seconds), "{gauge:?}");

    // A second key, tested before it is saved: the cycle goes on with the first one.
    let second = world.issue();
    assert_eq!((world.state(&first), world.state(&second)), ("active".to_owned(), "active".to_owned()));
    world.test_connection(&second);
    world.comes_to("key_switched", 1);
    let switched = &world.records("key_switched")[0];
    assert_eq!(switched["key_id"], json!(second.id));
    assert!(switched.to_string().contains(&format!("rollcall key revoke {}", first.id)), "{switched}");
    assert_eq!((world.state(&first), world.state(&second)), ("retiring".to_owned(), "active".to_owned()));
    let bob = cycle.person("bob");
    let join = json!([{ "op": "add", "path": "members", "value": [{ "value": bob }] }]);
    cycle.patch(&format!("/Groups/{group}"), join).ok(200);

    // It is saved: the next cycle comes with the second one. The first still works, until somebody revokes it.
    let [renewed, _] = world.clients(&second);
    renewed.person("cyd");
    assert_eq!(cycle.get("/Users").ok(200)["totalResults"], 3);
    world.server.run(&["key", "revoke", &first.id]);
    world.refused(&first, "revoked");
    assert_eq!(world.state(&first), "revoked");
    renewed.person("dan");

    // Nobody is reminded of what was replaced; the second key has its own year.
    world.day(8);
    world.comes_to("key_expired", 0);
    world.day(327);
    world.comes_to("key_expiring", 3);
    world.day(30);
    world.comes_to("key_expired", 1);
    world.refused(&second, "expired");
    assert_eq!(world.records("key_expired")[0]["key_id"], json!(second.id));
    let refused = world.records("access_refused");
    let codes: Vec<_> =
        refused.iter().map(|record| record["error"]["code"].as_str().expect("a code")).collect();
    assert!(codes.contains(&"key_revoked") && codes.contains(&"key_expired"), "{codes:?}");
    assert!(
        refused.iter().all(|record| record["error"]["advice"].as_str().is_some_and(|text| !text.is_empty()))
    );
    let events = world.server.events();
    let count = |kind: &str| events.iter().filter(|event| *event == kind).count();
    assert_eq!(
        ["key_issued", "key_expiring", "key_switched", "key_revoked", "key_expired"].map(count),
        [2, 3, 1, 1, 1]
    );
}

#[test]
fn an_old_key_ends_with_the_first_write_or_with_the_overlap() {
    let world = World::start();
    world.server.run(&["connector", "set", "--instance", "acme", "--revoke-old", "on-first-write"]);
    let (first, second) = (world.issue(), world.issue());
    let ([old, _], [new, _]) = (world.clients(&first), world.clients(&second));
    old.person("ada");
    world.test_connection(&second);
    old.person("bob");
    new.post("/Users", &person("ada")).error(409, Some("uniqueness"));
    assert_eq!(world.state(&first), "retiring", "a write that failed ends nothing");
    new.person("cyd");
    world.refused(&first, "revoked");

    world.server.run(&[
        "connector",
        "set",
        "--instance",
        "acme",
        "--revoke-old",
        "after-overlap",
        "--key-overlap",
        "3d",
    ]);
    let third = world.issue();
    world.test_connection(&third);
    let [newest, _] = world.clients(&third);
    newest.person("dan");
    world.day(2);
    new.person("eve");
    assert_eq!(world.state(&second), "retiring");
    world.day(1);
    world.refused(&second, "overlap");
    world.comes_to("key_revoked", 2);
    newest.person("fay");
}

/// Writers on both servers, while the key is revoked by a third process: once that has ended, nothing that starts succeeds, and
/// nothing that began before is committed.
#[test]
fn nothing_is_done_after_a_revocation() {
    let world = World::start();
    let key = world.issue();
    let clients = world.clients(&key);
    let (revoked, late, done) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|threads| {
        for writer in 0..8 {
            let (client, revoked, late, done) = (&clients[writer % 2], &revoked, &late, &done);
            threads.spawn(move || {
                for number in 0.. {
                    let after = revoked.load(Ordering::SeqCst);
                    let answer = client.post("/Users", &person(&format!("p{writer}-{number}")));
                    match answer.status {
                        201 if after => late.fetch_add(1, Ordering::SeqCst),
                        201 => done.fetch_add(1, Ordering::SeqCst),
                        401 => return,
                        status => panic!("{status}: {}", String::from_utf8_lossy(&answer.body)),
                    };
                }
            });
        }
        while done.load(Ordering::SeqCst) < 50 {
            std::thread::yield_now();
        }
        world.server.run(&["key", "revoke", &key.id]);
        revoked.store(true, Ordering::SeqCst);
    });
    assert_eq!(late.into_inner(), 0);
    let log = world.server.run(&["log", "--instance", "acme", "--format", "jsonl"]);
    let actions: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let end = actions.iter().position(|record| record["action"] == "key_revoked").expect("revoked");
    let after = actions.iter().skip(end).filter(|record| record["action"] == "created");
    assert_eq!(after.count(), 0, "something was committed after the revocation");
    let created =
        actions.iter().filter(|record| record["action"] == "created" && record["status"] == "success");
    assert_eq!(created.count(), done.into_inner(), "what was acknowledged is there");
}
