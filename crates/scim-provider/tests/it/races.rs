//! What an administrator changes while a request is under way: after the decision and before its commit.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use pollster::block_on;
use scim_core::schema::Registry;
use scim_directory::{
    Change, ChangeSet, Committed, Fact, Instance, InstanceSettings, KeyId, Networks, Position, Question,
    Record, Scope,
};
use scim_provider::admin::{Admin, KeyRequest};
use scim_provider::{Limits, Method, Provider, Request, Response, Source as _};
use scim_storage::{
    AccessMark, BoxFuture, Capabilities, CommitError, EdgePage, EdgeQuery, EventPage, Found, InstanceAnswer,
    InstanceQuestion, JournalPage, JournalQuery, MarkedKey, MemoryStore, Page, Query, Read, ServerAnswer,
    ServerQuestion, Store, StoreError, Want,
};
use serde_json::{Value, json};

use crate::support::{Clock, Headers, peppers};

type Meddling = Box<dyn FnOnce() + Send>;

/// A store before whose next commit of a directory's change something else happens, or which fails after some commits.
#[derive(Default)]
pub(crate) struct Meddled {
    store: Arc<MemoryStore>,
    before: Mutex<Option<Meddling>>,
    /// How many commits succeed; `None` for all.
    left: Mutex<Option<usize>>,
    /// How often it was asked whether a mark still holds, and to commit.
    looks: AtomicUsize,
    commits: AtomicUsize,
    /// How often edges were read, and facts.
    edges: AtomicUsize,
    facts: AtomicUsize,
}

impl Meddled {
    /// Does this before the next commit.
    pub(crate) fn meddle(&self, meddling: impl FnOnce() + Send + 'static) {
        *self.before.lock().expect("a lock") = Some(Box::new(meddling));
    }

    /// Lets only so many commits succeed, or all.
    pub(crate) fn let_through(&self, commits: Option<usize>) {
        *self.left.lock().expect("a lock") = commits;
    }

    /// How often it was asked whether a mark still holds, and to commit, since the last time.
    pub(crate) fn asked(&self) -> (usize, usize) {
        (self.looks.swap(0, Ordering::Relaxed), self.commits.swap(0, Ordering::Relaxed))
    }

    /// How often edges were read, and facts, since the last time.
    pub(crate) fn read(&self) -> (usize, usize) {
        (self.edges.swap(0, Ordering::Relaxed), self.facts.swap(0, Ordering::Relaxed))
    }
}

impl Store for Meddled {
    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    fn get<'a>(
        &'a self,
        scope: &'a Scope,
        key: &'a scim_directory::Key,
        want: Want,
    ) -> BoxFuture<'a, Result<Option<Record>, StoreError>> {
        self.store.get(scope, key, want)
    }

    fn find<'a>(&'a self, scope: &'a Scope, query: &'a Query) -> BoxFuture<'a, Result<Page, StoreError>> {
        self.store.find(scope, query)
    }

    fn edges<'a>(
        &'a self,
        scope: &'a Scope,
        query: &'a EdgeQuery,
    ) -> BoxFuture<'a, Result<EdgePage, StoreError>> {
        self.edges.fetch_add(1, Ordering::Relaxed);
        self.store.edges(scope, query)
    }

    fn facts<'a>(
        &'a self,
        scope: &'a Scope,
        questions: &'a [Question],
    ) -> BoxFuture<'a, Result<Vec<Fact>, StoreError>> {
        self.facts.fetch_add(1, Ordering::Relaxed);
        self.store.facts(scope, questions)
    }

    fn commit(&self, changes: ChangeSet) -> BoxFuture<'_, Result<Committed, CommitError>> {
        self.commits.fetch_add(1, Ordering::Relaxed);
        if let Some(left) = self.left.lock().expect("a lock").as_mut() {
            if *left == 0 {
                let reason = "no further commit".to_owned();
                let failed = CommitError::Store(StoreError::Unavailable { reason });
                return Box::pin(std::future::ready(Err(failed)));
            }
            *left -= 1;
        }
        if changes.changes.iter().any(|change| !matches!(change, Change::Admin(_))) {
            let meddling = self.before.lock().expect("a lock").take();
            if let Some(meddle) = meddling {
                meddle();
            }
        }
        self.store.commit(changes)
    }

    fn journal<'a>(
        &'a self,
        scope: &'a Scope,
        query: &'a JournalQuery,
    ) -> BoxFuture<'a, Result<JournalPage, StoreError>> {
        self.store.journal(scope, query)
    }

    fn events<'a>(
        &'a self,
        scope: &'a Scope,
        after: Option<Position>,
        limit: usize,
    ) -> BoxFuture<'a, Result<EventPage, StoreError>> {
        self.store.events(scope, after, limit)
    }

    fn instance<'a>(
        &'a self,
        scope: &'a Scope,
        question: &'a InstanceQuestion,
    ) -> BoxFuture<'a, Result<InstanceAnswer, StoreError>> {
        self.store.instance(scope, question)
    }

    fn server<'a>(&'a self, question: &'a ServerQuestion) -> BoxFuture<'a, Result<ServerAnswer, StoreError>> {
        self.store.server(question)
    }

    fn key(&self, id: KeyId) -> BoxFuture<'_, Result<Option<MarkedKey>, StoreError>> {
        self.store.key(id)
    }

    fn unless_changed<'a>(
        &'a self,
        mark: AccessMark,
        scope: &'a Scope,
        read: Read<'a>,
    ) -> BoxFuture<'a, Result<Option<Found>, StoreError>> {
        self.looks.fetch_add(1, Ordering::Relaxed);
        self.store.unless_changed(mark, scope, read)
    }

    fn ready(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.store.ready()
    }
}

pub(crate) struct World {
    pub(crate) store: Arc<Meddled>,
    pub(crate) admin: Arc<Admin>,
    provider: Provider,
    pub(crate) instance: Instance,
    key: KeyId,
    bearer: String,
}

impl World {
    pub(crate) fn new() -> Self {
        let store = Arc::new(Meddled::default());
        let source = Arc::new(Clock::default());
        let peppers = peppers(1);
        let admin = Admin::new(Arc::clone(&store) as _, Arc::clone(&source) as _, Registry::builtin());
        let admin = block_on(admin.with_peppers(Arc::clone(&peppers))).expect("a new store");
        let instance =
            block_on(admin.instance_create("acme", InstanceSettings::default())).expect("new").instance;
        let request = KeyRequest { connector: "default", user: "integration", ..KeyRequest::default() };
        let issued = block_on(admin.key_issue(&instance, &request)).expect("issued");
        let (key, bearer) = (issued.record.id, format!("Bearer {}", issued.key.expect("generated").reveal()));
        let start =
            Provider::start(Arc::clone(&store) as _, source, Registry::builtin(), Limits::default(), peppers);
        let provider = block_on(start).expect("it starts");
        Self { store, admin: Arc::new(admin), provider, instance, key, bearer }
    }

    pub(crate) fn send(&self, method: Method, path: &str, body: &Value) -> Response {
        block_on(self.provider.handle(Request {
            method,
            path,
            query: "",
            base: "https://scim.example/scim/v2",
            root: "https://scim.example",
            door: None,
            peer: "192.0.2.1".parse().ok(),
            headers: &Headers(&self.bearer),
            body: body.to_string().into_bytes(),
            request_id: "test",
            now: Clock::default().now(),
        }))
    }

    pub(crate) fn made(&self, path: &str, body: &Value) -> String {
        let response = self.send(Method::Post, path, body);
        let made: Value = serde_json::from_slice(&response.body).expect("JSON");
        assert_eq!(response.status, 201, "{made}");
        made["id"].as_str().expect("an id").to_owned()
    }

    /// How often somebody of these ids, or of the name "late", is there.
    fn seen(&self, group: &str) -> (usize, usize) {
        let get = |path: &str| -> Value {
            serde_json::from_slice(&self.send(Method::Get, path, &Value::Null).body).expect("JSON")
        };
        let people = get("/Users")["Resources"].as_array().map_or(0, Vec::len);
        (people, get(&format!("/Groups/{group}"))["members"].as_array().map_or(0, Vec::len))
    }

    /// That no write is done after `meddle`, which `undo` takes back, and that each is refused with one of `statuses`.
    fn check(&self, what: &str, statuses: &[u16], meddle: Meddle, undo: Meddle) {
        let user = |name: &str| json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": name });
        let group =
            json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": what });
        let (person, group) = (self.made("/Users", &user(what)), self.made("/Groups", &group));
        let before = self.seen(&group);
        let patch = |operation: Value| json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation] });
        let member = json!({ "op": "add", "path": "members", "value": [{ "value": person }] });
        let writes = [
            (Method::Post, "/Users".to_owned(), user("late")),
            (Method::Patch, format!("/Groups/{group}"), patch(member)),
            (
                Method::Patch,
                format!("/Users/{person}"),
                patch(json!({ "op": "replace", "path": "title", "value": "x" })),
            ),
            (Method::Put, format!("/Users/{person}"), user(&format!("{what} late"))),
            (Method::Delete, format!("/Users/{person}"), Value::Null),
            (Method::Delete, format!("/Groups/{group}"), Value::Null),
        ];
        for (method, path, body) in writes {
            let (admin, instance, key, meddle) =
                (Arc::clone(&self.admin), self.instance.clone(), self.key, meddle);
            *self.store.before.lock().expect("a lock") =
                Some(Box::new(move || meddle(&admin, &instance, key)));
            let response = self.send(method, &path, &body);
            assert!(
                self.store.before.lock().expect("a lock").is_none(),
                "{what}: {method:?} {path} came to no commit"
            );
            undo(&self.admin, &self.instance, self.key);
            let text = String::from_utf8_lossy(&response.body).into_owned();
            assert!(
                statuses.contains(&response.status),
                "{what}: {method:?} {path}: {} {text}",
                response.status
            );
            assert_eq!(self.seen(&group), before, "{what}: {method:?} {path}");
        }
    }
}

type Meddle = fn(&Admin, &Instance, KeyId);

fn connector(admin: &Admin, instance: &Instance, change: impl Fn(&mut scim_directory::Connector)) {
    let changed = admin.connector_change(instance, "default", |connector| {
        change(connector);
        Ok(())
    });
    block_on(changed).expect("changed");
}

fn user(admin: &Admin, instance: &Instance, suspended: bool) {
    let changed = admin.integration_user_change(instance, "integration", |user| {
        user.suspended = suspended;
        Ok(())
    });
    block_on(changed).expect("changed");
}

#[test]
fn nothing_is_written_once_the_integration_user_is_suspended() {
    let world = World::new();
    world.check(
        "suspended",
        &[403],
        |admin, instance, _| user(admin, instance, true),
        |admin, instance, _| user(admin, instance, false),
    );
}

#[test]
fn nothing_is_written_once_the_connector_lets_in_from_elsewhere_alone() {
    let world = World::new();
    world.check(
        "networks",
        &[403],
        |admin, instance, _| {
            connector(admin, instance, |connector| {
                connector.settings.networks =
                    Networks::new(vec!["198.51.100.0/24".parse().expect("a network")]);
            });
        },
        |admin, instance, _| {
            connector(admin, instance, |connector| connector.settings.networks = Networks::default());
        },
    );
}

#[test]
fn nothing_is_written_that_the_connector_may_not_do_any_more() {
    let world = World::new();
    world.check(
        "operations",
        // Who was told by nothing else yet begins anew.
        &[403, 503],
        |admin, instance, _| {
            connector(admin, instance, |connector| {
                let settings = &mut connector.settings;
                for allowed in [&mut settings.people, &mut settings.groups] {
                    (allowed.create, allowed.update, allowed.delete) = (false, false, false);
                }
            });
        },
        |admin, instance, _| {
            connector(admin, instance, |connector| {
                let settings = &mut connector.settings;
                for allowed in [&mut settings.people, &mut settings.groups] {
                    (allowed.create, allowed.update, allowed.delete) = (true, true, true);
                }
            });
        },
    );
}

#[test]
fn nothing_is_written_once_the_keys_scopes_are_fewer() {
    let world = World::new();
    world.check(
        "scopes",
        &[403, 503],
        |admin, _, key| {
            block_on(admin.key_change(key, |terms| {
                terms.limits.scopes = "users:read".parse().expect("scopes");
                Ok(())
            }))
            .expect("changed");
        },
        |admin, _, key| {
            block_on(admin.key_change(key, |terms| {
                terms.limits.scopes = scim_directory::AccessScopes::ALL;
                Ok(())
            }))
            .expect("changed");
        },
    );
}

#[test]
fn a_way_that_is_closed_is_not_opened_by_another_change_at_the_same_time() {
    let world = World::new();
    let (admin, instance) = (&*world.admin, &world.instance);
    connector(admin, instance, |connector| connector.settings.ways_in.basic = true);
    let meddled = std::sync::atomic::AtomicBool::new(false);
    connector(admin, instance, |changed| {
        if !meddled.swap(true, Ordering::Relaxed) {
            connector(admin, instance, |connector| connector.settings.ways_in.basic = false);
        }
        changed.settings.overlap_seconds = 60;
    });
    let now = block_on(admin.connector_named(instance, "default")).expect("there").settings;
    assert_eq!((now.ways_in.basic, now.overlap_seconds), (false, 60));
}
