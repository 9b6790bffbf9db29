//! Keys that take each other's place while everybody is busy: many clients, two servers, many administrators, and a crash.

use std::process::Child;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::Value;

use crate::support::{Client, Server, outcome, person};

const ISSUE: [&str; 6] = ["key", "issue", "--instance", "acme", "--user", "integration"];
/// Clients that come at the same moment.
const CLIENTS: usize = 32;
/// Administrators who do the same at the same moment.
const ADMINISTRATORS: usize = 8;

/// A key that was issued.
struct Key {
    id: String,
    token: String,
}

/// A server and another one on the same database; the other one ends with it.
struct Pair {
    server: Server,
    other: Child,
    addresses: [String; 2],
}

impl Pair {
    fn start() -> Self {
        let server = Server::start();
        let (other, address) = server.beside();
        let addresses = [server.address.clone(), address];
        Self { server, other, addresses }
    }

    /// A client of one server or the other, in turn.
    fn client(&self, key: &Key, number: usize) -> Client {
        Client::new(&self.addresses[number % 2], &key.token)
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.other.kill();
        let _ = self.other.wait();
    }
}

#[track_caller]
fn issue(server: &Server) -> Key {
    let issued: Value = serde_json::from_str(&server.run(&[&ISSUE[..], &["--json"]].concat())).expect("JSON");
    let text = |member: &str| issued[member].as_str().expect("text").to_owned();
    Key { id: text("id"), token: text("token") }
}

fn shown(server: &Server, key: &Key) -> Value {
    serde_json::from_str(&server.run(&["key", "show", &key.id, "--json"])).expect("JSON")
}

#[track_caller]
fn check_state(server: &Server, key: &Key, expected: &str) {
    assert_eq!(shown(server, key)["state"], expected, "the key {}", key.id);
}

/// How often an action stands in the log.
fn count(server: &Server, action: &str) -> usize {
    server.run(&["log", "--instance", "acme", "--format", "jsonl", "--action", action]).lines().count()
}

/// How often an event was sent.
fn told(server: &Server, kind: &str) -> usize {
    server.events().iter().filter(|event| *event == kind).count()
}

/// Does something so many times at the same moment.
fn at_once<T: Send>(times: usize, act: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let barrier = Barrier::new(times);
    std::thread::scope(|threads| {
        let all: Vec<_> = (0..times)
            .map(|number| {
                let (barrier, act) = (&barrier, &act);
                threads.spawn(move || {
                    barrier.wait();
                    act(number)
                })
            })
            .collect();
        all.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    })
}

/// The first use of a key by many clients at once is one switch, and nobody who writes with the old one is disturbed by it.
#[test]
fn many_first_requests_are_one_switch() {
    let pair = Pair::start();
    let (old, new) = (issue(&pair.server), issue(&pair.server));
    let (switched, written) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|threads| {
        for writer in 0..4 {
            let (client, switched, written) = (pair.client(&old, writer), &switched, &written);
            threads.spawn(move || {
                // One more after the switch than before it.
                for number in 0.. {
                    let last = switched.load(Ordering::SeqCst);
                    client.post("/Users", &person(&format!("p{writer}-{number}"))).created();
                    written.fetch_add(1, Ordering::SeqCst);
                    if last {
                        return;
                    }
                }
            });
        }
        while written.load(Ordering::SeqCst) < 8 {
            std::thread::yield_now();
        }
        let answers = at_once(CLIENTS, |number| pair.client(&new, number).get("/Users?count=0").status);
        switched.store(true, Ordering::SeqCst);
        assert_eq!(answers, [200; CLIENTS]);
    });
    assert_eq!((count(&pair.server, "key_switched"), told(&pair.server, "key_switched")), (1, 1));
    check_state(&pair.server, &old, "retiring");
    check_state(&pair.server, &new, "active");
    assert_eq!(count(&pair.server, "created"), written.into_inner());
    assert_eq!(count(&pair.server, "access_refused"), 0);
}

/// Where the first write ends the old key, many first writes end it once; what was written with it before is there, and each
/// writer is told of its end by a 401 and nothing else.
#[test]
fn many_first_writes_end_the_old_key_once() {
    let pair = Pair::start();
    pair.server.run(&["connector", "set", "--instance", "acme", "--revoke-old", "on-first-write"]);
    let (old, new) = (issue(&pair.server), issue(&pair.server));
    let written = AtomicUsize::new(0);
    std::thread::scope(|threads| {
        for writer in 0..4 {
            let (client, written) = (pair.client(&old, writer), &written);
            threads.spawn(move || {
                for number in 0.. {
                    let answer = client.post("/Users", &person(&format!("p{writer}-{number}")));
                    if answer.status == 401 {
                        let detail = answer.error(401, None);
                        assert!(detail.contains("revoked"), "{detail}");
                        return;
                    }
                    answer.created();
                    written.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        while written.load(Ordering::SeqCst) < 8 {
            std::thread::yield_now();
        }
        at_once(CLIENTS, |number| pair.client(&new, number).person(&format!("new{number}")));
    });
    for action in ["key_switched", "key_revoked"] {
        assert_eq!((count(&pair.server, action), told(&pair.server, action)), (1, 1), "{action}");
    }
    check_state(&pair.server, &old, "revoked");
    assert_eq!(shown(&pair.server, &old)["revoked_because"], "replaced");
    assert_eq!(count(&pair.server, "created"), written.into_inner() + CLIENTS);
}

/// However many administrators issue a key at once, two are live; and who revokes one that somebody else revokes too is done.
#[test]
fn administrators_who_meet_leave_two_live_keys() {
    let server = Server::start();
    let outcomes = at_once(ADMINISTRATORS, |_| outcome(&server.output(&ISSUE)));
    let (issued, refused): (Vec<_>, Vec<_>) =
        outcomes.into_iter().partition(|(status, ..)| *status == Some(0));
    assert_eq!(issued.len(), 2, "{refused:?}");
    let keys: Value = serde_json::from_str(&server.run(&["key", "list", "--json"])).expect("JSON");
    let ids = crate::support::texts(&keys, "id");
    assert_eq!(ids.len(), 2, "{keys}");
    for (status, _, err) in refused {
        let names_both = ids.iter().all(|id| err.contains(id));
        assert!(status == Some(1) && names_both && err.contains("rollcall key revoke"), "{status:?}: {err}");
    }
    for (_, token, _) in &issued {
        Client::new(&server.address, token).get("/Users").ok(200);
    }
    assert_eq!(count(&server, "key_issued"), 2);

    let outcomes = at_once(ADMINISTRATORS, |_| outcome(&server.output(&["key", "revoke", &ids[0]])));
    assert!(outcomes.iter().any(|(status, ..)| *status == Some(0)), "{outcomes:?}");
    assert_eq!((count(&server, "key_revoked"), told(&server, "key_revoked")), (1, 1), "{outcomes:?}");
    let open = issued.iter().filter(|(_, token, _)| {
        let status = Client::new(&server.address, token).get("/Users").status;
        assert!([200, 401].contains(&status), "{status}");
        status == 200
    });
    assert_eq!(open.count(), 1);
}

/// Keys that expired come back into force where there is room, however many are asked to at once.
#[test]
fn of_keys_that_come_back_two_are_live() {
    let server = Server::start_by_clock(&[]);
    let [first, second] = [(); 2].map(|()| issue(&server));
    server.advance_hours(24 * 366);
    let third = issue(&server);
    let again = |key: &Key| server.output(&["key", "set", &key.id, "--expires", "30d"]).status.code();
    let keys = [&first, &second];
    let mut statuses = at_once(ADMINISTRATORS, |number| again(keys[number % 2]));
    // Two who give the same key time may both have their way, one after the other.
    statuses.retain(|status| *status != Some(0));
    assert!(statuses.iter().all(|status| *status == Some(1)), "{statuses:?}");
    let open = |key: &Key| Client::new(&server.address, &key.token).get("/Users").status == 200;
    assert!(open(&third));
    assert_eq!([open(&first), open(&second)].iter().filter(|open| **open).count(), 1);
}

/// A crash takes along when keys were used in the last minute, and nothing else.
#[test]
fn a_crash_loses_a_minute_of_uses_and_nothing_else() {
    let mut server = Server::start_by_clock(&[]);
    let (old, new) = (issue(&server), issue(&server));
    let last =
        |server: &Server, key: &Key| shown(server, key)["last_used_at"].as_str().expect("a time").to_owned();
    Client::new(&server.address, &old.token).person("ada");
    let first = last(&server, &old);
    server.advance_hours(1);
    Client::new(&server.address, &old.token).person("bob");
    // Written within the minute; the clock moves on by itself too slowly for a test.
    let mut kept = last(&server, &old);
    for _ in 0..1000 {
        if kept != first {
            break;
        }
        server.advance_hours(1);
        kept = last(&server, &old);
    }
    assert!(kept > first, "not written while the server runs");

    // The switch and a last write, and then no time to write anything more.
    let client = Client::new(&server.address, &new.token);
    client.get("/Users").ok(200);
    client.person("cyd");
    Client::new(&server.address, &old.token).person("dan");
    server.restart();

    assert!(last(&server, &old) >= kept, "what was written is there");
    check_state(&server, &old, "retiring");
    check_state(&server, &new, "active");
    assert!(shown(&server, &new)["first_used_at"].is_string());
    for (action, expected) in [("created", 4), ("key_switched", 1)] {
        assert_eq!((count(&server, action), action), (expected, action));
    }
    for key in [&old, &new] {
        assert_eq!(Client::new(&server.address, &key.token).get("/Users").ok(200)["totalResults"], 4);
    }
    assert_eq!(count(&server, "key_switched"), 1, "the switch is not made again");
    server.run(&["key", "revoke", &old.id]);
    server.restart();
    Client::new(&server.address, &old.token).get("/Users").error(401, None);
    Client::new(&server.address, &new.token).get("/Users").ok(200);
}
