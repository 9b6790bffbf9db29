//! The life of keys, over the in-memory backend and with a clock of its own: who is let in, what is told, what is logged.

use std::sync::Arc;
use std::time::Duration;

use pollster::block_on;
use scim_api_keys::{ApiKey, Peppers};
use scim_core::instant::Timestamp;
use scim_core::schema::Registry;
use scim_directory::{
    Action, Instance, InstanceSettings, KeyLimits, KeyState, LogStatus, Networks, Operations, Privilege,
    Rate, Retirement,
};
use scim_provider::admin::{Admin, AdminError, IssuedKey, KeyRequest, Telling};
use scim_provider::{Limits, Method, PepperMismatch, Provider, Request, Response, Source, StartError};
use scim_storage::{JournalEntry, JournalFilter, JournalQuery, MemoryStore, Store};

use crate::support::{BEGINNING, Clock, Headers, both_peppers, peppers};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

struct World {
    store: Arc<MemoryStore>,
    clock: Arc<Clock>,
    admin: Admin,
    provider: Provider,
    instance: Instance,
}

impl World {
    fn new() -> Self {
        let (store, clock) = (Arc::new(MemoryStore::new()), Arc::new(Clock::default()));
        let admin = Admin::new(Arc::clone(&store) as _, Arc::clone(&clock) as _, Registry::builtin());
        let admin = block_on(admin.with_peppers(peppers(1))).expect("a new store");
        let instance =
            block_on(admin.instance_create("acme", InstanceSettings::default())).expect("new").instance;
        let provider = start(&store, &clock, peppers(1)).expect("it starts");
        Self { store, clock, admin, provider, instance }
    }

    fn pass(&self, millis: i64) {
        self.clock.pass(millis);
    }

    fn issue(&self, change: impl FnOnce(&mut KeyRequest<'_>)) -> Result<IssuedKey, AdminError> {
        let mut request = KeyRequest {
            connector: "default",
            user: "integration",
            lifetime: Some(Duration::from_secs(365 * 86_400)),
            ..KeyRequest::default()
        };
        change(&mut request);
        block_on(self.admin.key_issue(&self.instance, &request))
    }

    fn key(&self, change: impl FnOnce(&mut KeyRequest<'_>)) -> Key {
        let IssuedKey { key, record } = self.issue(change).expect("issued");
        Key { id: record.id, text: key.expect("generated").reveal() }
    }

    fn send_from(
        &self,
        peer: &str,
        door: Option<&str>,
        key: &str,
        method: Method,
        path: &str,
        body: &str,
    ) -> Response {
        let authorization = if key.is_empty() { String::new() } else { format!("Bearer {key}") };
        block_on(self.provider.handle(Request {
            method,
            path,
            query: "",
            base: "https://scim.example/scim/v2",
            root: "https://scim.example",
            door,
            peer: peer.parse().ok(),
            headers: &Headers(&authorization),
            body: body.as_bytes().to_vec(),
            request_id: "test",
            now: self.clock.now(),
        }))
    }

    /// Entra's *Test Connection*, as far as a key is concerned.
    fn test(&self, key: &Key) -> u16 {
        self.send_from("192.0.2.1", None, &key.text, Method::Get, "/Users", "").status
    }

    fn create(&self, key: &Key, name: &str) -> u16 {
        let body = format!(
            "{{\"schemas\":[\"urn:ietf:params:scim:schemas:core:2.0:User\"],\"userName\":\"{name}\"}}"
        );
        self.send_from("192.0.2.1", None, &key.text, Method::Post, "/Users", &body).status
    }

    /// The status and detail of a refusal.
    fn refusal(&self, key: &str) -> (u16, String) {
        let response = self.send_from("192.0.2.1", None, key, Method::Get, "/Users", "");
        let body: serde_json::Value = serde_json::from_slice(&response.body).expect("JSON");
        (response.status, body["detail"].as_str().unwrap_or_default().to_owned())
    }

    fn state(&self, key: &Key) -> KeyState {
        block_on(self.admin.key_show(key.id)).expect("there").key.state(self.clock.now())
    }

    fn log(&self) -> Vec<JournalEntry> {
        let query =
            JournalQuery { filter: JournalFilter::default(), after: None, newest_first: false, limit: 1000 };
        block_on(self.admin.log(&self.instance, &query)).expect("a log").entries
    }

    fn count(&self, action: Action) -> usize {
        self.log().iter().filter(|entry| entry.record.action == action).count()
    }

    /// What a run of the job tells.
    fn told(&self) -> Vec<Telling> {
        let told = block_on(self.admin.tell_of_key_ends(true)).expect("told");
        told.into_iter().map(|told| told.what).collect()
    }
}

struct Key {
    id: scim_directory::KeyId,
    text: String,
}

fn start(
    store: &Arc<MemoryStore>,
    clock: &Arc<Clock>,
    peppers: Arc<Peppers>,
) -> Result<Provider, StartError> {
    let (store, clock) = (Arc::clone(store) as Arc<dyn Store>, Arc::clone(clock) as Arc<dyn Source>);
    block_on(Provider::start(store, clock, Registry::builtin(), Limits::default(), peppers))
}

#[test]
fn testing_the_connection_with_a_new_key_cuts_nothing_off() {
    let world = World::new();
    let old = world.key(|_| {});
    assert_eq!(world.create(&old, "ada"), 201);
    assert_eq!((world.count(Action::KeySwitched), world.state(&old)), (0, KeyState::Active));
    let new = world.key(|_| {});
    assert_eq!((world.state(&old), world.state(&new)), (KeyState::Active, KeyState::Active));
    assert_eq!(world.test(&new), 200);
    // The switch: told once, the old one retires and goes on working, for writes too.
    assert_eq!((world.count(Action::KeySwitched), world.state(&old)), (1, KeyState::Retiring));
    assert_eq!(world.test(&new), 200);
    assert_eq!((world.create(&old, "bob"), world.create(&new, "cyd")), (201, 201));
    assert_eq!((world.count(Action::KeySwitched), world.state(&old)), (1, KeyState::Retiring));
    let switched =
        world.log().into_iter().find(|entry| entry.record.action == Action::KeySwitched).expect("told");
    assert!(
        switched.record.notes.iter().any(|note| note.contains(&format!("rollcall key revoke {}", old.id)))
    );
    // The overlap ends by itself, and is told once.
    world.pass(7 * DAY - 1000);
    assert_eq!(world.create(&old, "dan"), 201);
    world.pass(1000);
    let (status, detail) = world.refusal(&old.text);
    assert!(status == 401 && detail.contains("revoked") && detail.contains("overlap"), "{status} {detail}");
    assert_eq!((world.told(), world.told()), (vec![Telling::OverlapOver], vec![]));
    assert_eq!((world.test(&new), world.count(Action::KeyRevoked)), (200, 1));
}

#[test]
fn the_first_write_ends_the_old_key_where_the_connector_says_so() {
    let world = World::new();
    let change = world.admin.connector_change(&world.instance, "default", |connector| {
        connector.settings.retirement = Retirement::FirstWrite;
        Ok(())
    });
    block_on(change).expect("changed");
    let old = world.key(|_| {});
    assert_eq!(world.create(&old, "ada"), 201);
    let new = world.key(|_| {});
    assert_eq!((world.test(&new), world.create(&old, "bob")), (200, 201));
    // A write that fails is no successful write.
    assert_eq!((world.create(&new, "ada"), world.state(&old)), (409, KeyState::Retiring));
    assert_eq!(world.create(&new, "cyd"), 201);
    assert_eq!((world.state(&old), world.create(&old, "dan")), (KeyState::Revoked, 401));
    let bulk = "{\"schemas\":[\"urn:ietf:params:scim:api:messages:2.0:BulkRequest\"],\"Operations\":[{\"method\":\"POST\",\
                \"path\":\"/Users\",\"bulkId\":\"1\",\"data\":{\"schemas\":[\"urn:ietf:params:scim:schemas:core:2.0:User\"],\
                \"userName\":\"NAME\"}}]}";
    let third = world.key(|_| {});
    let send = |name: &str| {
        world
            .send_from("192.0.2.1", None, &third.text, Method::Post, "/Bulk", &bulk.replace("NAME", name))
            .status
    };
    assert_eq!((send("ada"), world.state(&new)), (200, KeyState::Retiring), "its one operation failed");
    assert_eq!((send("eve"), world.state(&new)), (200, KeyState::Revoked));
}

#[test]
fn an_integration_user_has_two_live_keys_at_most() {
    let world = World::new();
    let (first, second) = (world.key(|_| {}), world.key(|_| {}));
    let error = world.issue(|_| {}).expect_err("a third one").to_string();
    assert!(error.contains(&first.id.to_string()) && error.contains("rollcall key revoke"), "{error}");
    block_on(world.admin.key_revoke(first.id)).expect("revoked");
    let third = world.key(|_| {});
    assert_eq!((world.test(&first), world.test(&second), world.test(&third)), (401, 200, 200));
    // Another connector, and another integration user, have two of their own.
    let create = world.admin.connector_create(
        &world.instance,
        "okta",
        scim_directory::DialectName::Lenient,
        false,
        scim_directory::Profile::Standard,
    );
    block_on(create).expect("created");
    world.key(|request| request.connector = "okta");
    let user = world.admin.integration_user_create(&world.instance, "second", Privilege::Admin, None);
    block_on(user).expect("created");
    let of_another = world.key(|request| request.user = "second");
    assert_eq!(
        (world.test(&of_another), world.state(&second)),
        (200, KeyState::Retiring),
        "nobody's switch but their own"
    );
}

#[test]
fn reminders_come_once_each_and_the_end_is_told() {
    let world = World::new();
    let key = world.key(|_| {});
    assert_eq!(world.told(), vec![]);
    for (passes, expected) in [
        (334, vec![]),
        (1, vec![Telling::Expiring { days: 30 }]),
        (22, vec![]),
        (1, vec![Telling::Expiring { days: 7 }]),
        (6, vec![Telling::Expiring { days: 1 }]),
        (1, vec![Telling::Expired]),
        (40, vec![]),
    ] {
        world.pass(passes * DAY);
        assert_eq!((world.told(), world.told()), (expected, vec![]), "after {passes} more days");
    }
    let warnings = world.log().into_iter().filter(|entry| entry.record.status == LogStatus::Warning);
    let codes: Vec<String> = warnings.filter_map(|entry| Some(entry.record.error?.code)).collect();
    assert_eq!(codes, ["key_expiring", "key_expiring", "key_expiring", "key_expired"]);
    let (status, detail) = world.refusal(&key.text);
    assert!(status == 401 && detail.contains("expired at 20"), "{status} {detail}");
    // A short-lived key is not reminded of what had passed when it was issued; a gap is told once, as it is then.
    world.key(|request| request.lifetime = Some(Duration::from_secs(5 * 86_400)));
    assert_eq!(world.told(), vec![]);
    world.key(|request| request.lifetime = Some(Duration::from_secs(100 * 86_400)));
    world.pass(96 * DAY);
    assert_eq!(world.told(), vec![Telling::Expired, Telling::Expiring { days: 4 }]);
}

#[test]
fn a_key_whose_secret_is_right_is_told_why_it_is_refused() {
    let world = World::new();
    let key = world.key(|request| {
        request.limits.networks = Networks::new(vec!["192.0.2.0/24".parse().expect("a network")])
    });
    let from = |peer: &str| world.send_from(peer, None, &key.text, Method::Get, "/Users", "").status;
    assert_eq!((from("192.0.2.9"), from("198.51.100.1"), from("?")), (200, 403, 403));
    let later = Timestamp::from_unix_millis(BEGINNING + 10 * DAY);
    let next = world.key(|request| request.not_before = Some(later));
    let (status, detail) = world.refusal(&next.text);
    assert!(
        status == 401 && detail.contains("valid from") && detail.contains(&later.to_string()),
        "{status} {detail}"
    );
    let change = |suspended| {
        let change = world.admin.integration_user_change(&world.instance, "integration", |user| {
            user.suspended = suspended;
            Ok(())
        });
        block_on(change).expect("changed");
    };
    change(true);
    let (status, detail) = world.refusal(&key.text);
    assert!(
        status == 403 && detail.contains("integration") && detail.contains("suspended"),
        "{status} {detail}"
    );
    assert_eq!(world.count(Action::KeyOutOfForce), 2);
    change(false);
    assert_eq!((world.test(&key), world.count(Action::KeyInForce)), (200, 2));
    let demote = world.admin.integration_user_change(&world.instance, "integration", |user| {
        user.privilege = Privilege::ReadOnly;
        Ok(())
    });
    block_on(demote).expect("changed");
    let (status, detail) = world.refusal(&key.text);
    assert!(status == 403 && detail.contains("LiteAdmin"), "{status} {detail}");
    assert!(world.issue(|_| {}).is_err_and(|error| error.to_string().contains("LiteAdmin")));
    let refused: Vec<_> =
        world.log().into_iter().filter(|entry| entry.record.action == Action::AccessRefused).collect();
    let codes: Vec<_> =
        refused.iter().filter_map(|entry| Some(entry.record.error.as_ref()?.code.as_str())).collect();
    assert_eq!(codes, ["network", "key_not_yet_valid", "user_suspended", "privilege"]);
    assert!(
        refused.iter().all(|entry| entry.actor.key.is_some() && entry.record.status == LogStatus::Failure)
    );
}

#[test]
fn who_has_no_secret_learns_nothing_and_is_logged_where_the_key_says() {
    let world = World::new();
    let key = world.key(|_| {});
    let instance = world.instance.id.uuid().into_bytes();
    let unknown = ApiKey::new(instance, [9; 16], [9; 32]).reveal();
    let wrong = ApiKey::new(instance, key.id.uuid().into_bytes(), [9; 32]).reveal();
    let foreign = ApiKey::new([8; 16], key.id.uuid().into_bytes(), [9; 32]).reveal();
    let truncated = &key.text[..60];
    let answers: Vec<_> =
        [unknown.as_str(), &wrong, &foreign, truncated, "nonsense"].map(|key| world.refusal(key)).into();
    assert!(answers.iter().all(|answer| answer.0 == 401 && *answer == answers[0]), "{answers:?}");
    // One record of the kind a minute, which says how many more there were.
    let refused = || {
        let all = world.log().into_iter().filter(|entry| entry.record.action == Action::AccessRefused);
        all.map(|entry| entry.record).collect::<Vec<_>>()
    };
    assert_eq!(refused().len(), 1);
    world.pass(60_000);
    assert_eq!(world.refusal(truncated).0, 401);
    let records = refused();
    assert_eq!(records.len(), 2);
    assert!(records[1].notes.iter().any(|note| note.starts_with("2 more")), "{:?}", records[1].notes);
    assert!(
        records[1]
            .error
            .as_ref()
            .is_some_and(|error| error.code == "key_unknown" && !error.advice.is_empty())
    );
}

#[test]
fn scopes_operations_and_rates_hold() {
    let world = World::new();
    let reader = world.key(|request| {
        request.limits = KeyLimits { scopes: "users:read".parse().expect("a scope"), ..KeyLimits::default() };
    });
    assert_eq!((world.test(&reader), world.create(&reader, "ada")), (200, 403));
    assert_eq!(world.send_from("", None, &reader.text, Method::Get, "/Schemas", "").status, 200);
    assert_eq!(world.send_from("", None, &reader.text, Method::Get, "/", "").status, 403);
    assert_eq!(world.state(&reader), KeyState::Active);
    let change = world.admin.connector_change(&world.instance, "default", |connector| {
        connector.settings.people = Operations { create: false, ..Operations::default() };
        connector.settings.rate = Some(Rate { per_second: 1, burst: 3 });
        Ok(())
    });
    block_on(change).expect("changed");
    let key = world.key(|_| {});
    assert_eq!(world.create(&key, "ada"), 403);
    let failed =
        world.log().into_iter().rfind(|entry| entry.record.action == Action::Created).expect("logged");
    assert_eq!(failed.record.error.expect("why").code, "operation");
    assert_eq!((world.test(&key), world.test(&key), world.test(&key)), (200, 200, 429));
    let slow = world.send_from("", None, &key.text, Method::Get, "/Users", "");
    assert_eq!((slow.status, slow.header("Retry-After")), (429, Some("1")));
    world.pass(1000);
    assert_eq!(world.test(&key), 200);
}

#[test]
fn a_key_that_was_recognised_ends_at_the_next_request_whatever_that_is() {
    let user = |name: &str| {
        format!("{{\"schemas\":[\"urn:ietf:params:scim:schemas:core:2.0:User\"],\"userName\":\"{name}\"}}")
    };
    let nobody = format!("/Users/{}", uuid::Uuid::from_u128(9));
    let group = format!(
        "{{\"schemas\":[\"urn:ietf:params:scim:schemas:core:2.0:Group\"],\"displayName\":\"all\",\
         \"members\":[{{\"value\":\"{}\"}}]}}",
        uuid::Uuid::from_u128(9)
    );
    let requests = [
        (Method::Get, "/Users", String::new()),
        (Method::Get, "/", String::new()),
        (Method::Get, &nobody, String::new()),
        (Method::Get, "/Schemas", String::new()),
        (Method::Get, "/Nothing", String::new()),
        (Method::Put, "/Users", String::new()),
        (Method::Post, "/Users", user("bob")),
        (Method::Post, "/Users", user("ada")),
        (Method::Post, "/Users", "not JSON".to_owned()),
        (Method::Post, "/Users", "{}".to_owned()),
        (Method::Post, "/Groups", group),
        (Method::Post, "/Users/.search", "{}".to_owned()),
        (Method::Post, "/Users/.search", "not JSON".to_owned()),
        (Method::Post, "/Bulk", "{}".to_owned()),
        (Method::Put, &nobody, "not JSON".to_owned()),
        (Method::Patch, &nobody, "{}".to_owned()),
        (Method::Delete, &nobody, String::new()),
    ];
    for (method, path, body) in requests {
        let world = World::new();
        let key = world.key(|_| {});
        // From the second one on it is known by heart.
        assert_eq!((world.create(&key, "ada"), world.create(&key, "eve"), world.test(&key)), (201, 201, 200));
        let before = world.log().len();
        block_on(world.admin.key_revoke(key.id)).expect("revoked");
        let response = world.send_from("192.0.2.1", None, &key.text, method, path, &body);
        assert_eq!(response.status, 401, "{method:?} {path}");
        let logged: Vec<_> = world.log().into_iter().skip(before).map(|entry| entry.record.action).collect();
        assert_eq!(logged, [Action::KeyRevoked, Action::AccessRefused], "{method:?} {path}");
    }
}

#[test]
fn a_request_that_begins_anew_is_counted_once() {
    let world = World::new();
    let change = |seats| {
        let rate = Rate { per_second: 1, burst: 3 };
        let change = world.admin.connector_change(&world.instance, "default", move |connector| {
            connector.settings.rate = Some(rate);
            connector.settings.overlap_seconds = seats;
            Ok(())
        });
        block_on(change).expect("changed");
    };
    change(60);
    let key = world.key(|_| {});
    assert_eq!(world.test(&key), 200);
    change(61);
    assert_eq!(world.test(&key), 200);
    assert_eq!((world.test(&key), world.test(&key)), (200, 429));
}

#[test]
fn a_connectors_url_opens_to_its_own_keys_alone() {
    let world = World::new();
    let key = world.key(|_| {});
    let connector =
        block_on(world.admin.connector_named(&world.instance, "default")).expect("there").id.to_string();
    let other = uuid::Uuid::from_u128(7).to_string();
    let at = |door: &str| world.send_from("", Some(door), &key.text, Method::Get, "/Users", "").status;
    assert_eq!((at(&connector), at(&other), at("nonsense")), (200, 403, 403));
}

#[test]
fn a_node_needs_the_stores_pepper_and_keys_move_to_a_new_one() {
    let world = World::new();
    let key = world.key(|_| {});
    let error = start(&world.store, &world.clock, peppers(50)).expect_err("a stranger");
    assert!(matches!(error, StartError::Pepper(PepperMismatch::Stranger)), "{error}");
    let second = start(&world.store, &world.clock, both_peppers(50, 1)).expect("it knows one of them");
    let world = World { provider: second, ..world };
    assert_eq!((world.test(&key), world.test(&key)), (200, 200));
    let alone = start(&world.store, &world.clock, peppers(50)).expect("every key has moved");
    let world = World { provider: alone, ..world };
    assert_eq!(world.test(&key), 200);
    let error = start(&world.store, &world.clock, peppers(1)).expect_err("the key has moved");
    assert!(matches!(error, StartError::Pepper(PepperMismatch::Missing { keys: 1 })), "{error}");
}

#[test]
fn last_use_is_kept_without_a_write_per_request() {
    let world = World::new();
    let key = world.key(|_| {});
    let record = || block_on(world.admin.key_show(key.id)).expect("there").key;
    assert_eq!(world.test(&key), 200);
    let first = record();
    assert_eq!((first.first_used, first.last_used), (Some(world.clock.now()), Some(world.clock.now())));
    assert_eq!(first.last_address, "192.0.2.1".parse().ok());
    world.pass(HOUR);
    let entries = world.log().len();
    for _ in 0..100 {
        assert_eq!(world.test(&key), 200);
    }
    assert_eq!((record().last_used, world.log().len()), (first.last_used, entries), "nothing was written");
    block_on(world.provider.flush_uses());
    assert_eq!((record().last_used, world.log().len()), (Some(world.clock.now()), entries));
    assert_eq!(record().generation, 1);
}

#[test]
fn nothing_is_committed_after_a_revocation_that_came_between() {
    // The store is asked to commit with the generation that the request's key had.
    let world = World::new();
    let key = world.key(|_| {});
    assert_eq!(world.create(&key, "ada"), 201);
    let change = |expires| {
        world.admin.key_change(key.id, move |terms| {
            terms.expires = expires;
            Ok(())
        })
    };
    let changed = block_on(change(None)).expect("changed");
    assert_eq!((changed.key.generation, world.create(&key, "bob")), (2, 201));
    block_on(world.admin.key_revoke(key.id)).expect("revoked");
    assert_eq!(world.create(&key, "cyd"), 401);
    assert!(block_on(change(None)).is_ok(), "nothing to change");
    let later = Some(Timestamp::from_unix_millis(BEGINNING + DAY));
    assert!(block_on(change(later)).is_err_and(|error| error.to_string().contains("revoked")));
}
