//! Keys that a node has in memory, while another node changes what lets them in: a creation reads nothing before its commit, and yet
//! finds out.

use std::sync::Arc;
use std::time::Duration;

use pollster::block_on;
use scim_core::schema::Registry;
use scim_directory::{Action, Instance, InstanceSettings, KeyId, LogStatus, Networks, Privilege};
use scim_provider::admin::{Admin, KeyRequest};
use scim_provider::{Limits, Method, Provider, Request, Source as _};
use scim_storage::{JournalFilter, JournalQuery};

use crate::races::Meddled;
use crate::support::{Clock, Headers, peppers};

const DAY: i64 = 86_400_000;

/// Two nodes of one store. Nobody meddles with it here; what it is asked is counted.
struct Nodes {
    store: Arc<Meddled>,
    clock: Arc<Clock>,
    admin: Admin,
    nodes: [Provider; 2],
    instance: Instance,
}

struct Key {
    id: KeyId,
    bearer: String,
}

impl Nodes {
    fn new() -> Self {
        let (store, clock) = (Arc::new(Meddled::default()), Arc::new(Clock::default()));
        let admin = Admin::new(Arc::clone(&store) as _, Arc::clone(&clock) as _, Registry::builtin());
        let admin = block_on(admin.with_peppers(peppers(1))).expect("a new store");
        let instance =
            block_on(admin.instance_create("acme", InstanceSettings::default())).expect("new").instance;
        let node = || {
            let (store, clock) = (Arc::clone(&store) as _, Arc::clone(&clock) as _);
            block_on(Provider::start(store, clock, Registry::builtin(), Limits::default(), peppers(1)))
                .expect("it starts")
        };
        let nodes = [node(), node()];
        Self { store, clock, admin, nodes, instance }
    }

    fn key(&self, user: &str) -> Key {
        let lifetime = Some(Duration::from_secs(365 * 86_400));
        let request = KeyRequest { connector: "default", user, lifetime, ..KeyRequest::default() };
        let issued = block_on(self.admin.key_issue(&self.instance, &request)).expect("issued");
        Key { id: issued.record.id, bearer: format!("Bearer {}", issued.key.expect("generated").reveal()) }
    }

    /// The status that a node answers the creation of a person with.
    fn create(&self, node: usize, key: &Key, name: &str) -> u16 {
        let body = format!(
            "{{\"schemas\":[\"urn:ietf:params:scim:schemas:core:2.0:User\"],\"userName\":\"{name}\"}}"
        );
        let request = Request {
            method: Method::Post,
            path: "/Users",
            query: "",
            base: "https://scim.example/scim/v2",
            root: "https://scim.example",
            door: None,
            peer: "192.0.2.1".parse().ok(),
            headers: &Headers(&key.bearer),
            body: body.into_bytes(),
            request_id: "test",
            now: self.clock.now(),
        };
        block_on(self.nodes[node].handle(request)).status
    }

    /// Lets a node know a key by heart, which has been used and written with.
    fn teach(&self, node: usize, key: &Key) {
        for round in 0..3 {
            assert_eq!(self.create(node, key, &format!("{} {round}", key.id)), 201);
        }
    }

    fn user(&self, name: &str, change: impl Fn(&mut scim_directory::IntegrationUser)) {
        let changed = self.admin.integration_user_change(&self.instance, name, |user| {
            change(user);
            Ok(())
        });
        block_on(changed).expect("changed");
    }

    fn connector(&self, change: impl Fn(&mut scim_directory::Connector)) {
        let changed = self.admin.connector_change(&self.instance, "default", |connector| {
            change(connector);
            Ok(())
        });
        block_on(changed).expect("changed");
    }

    /// How many people were created, by the log.
    fn created(&self) -> usize {
        let query =
            JournalQuery { filter: JournalFilter::default(), after: None, newest_first: false, limit: 1000 };
        let log = block_on(self.admin.log(&self.instance, &query)).expect("a log").entries;
        let done = (Action::Created, LogStatus::Success);
        log.iter().filter(|entry| (entry.record.action, entry.record.status) == done).count()
    }
}

#[test]
fn a_creation_by_a_key_in_memory_asks_for_nothing_but_its_commit() {
    let nodes = Nodes::new();
    let key = nodes.key("integration");
    nodes.teach(0, &key);
    nodes.store.asked();
    assert_eq!(nodes.create(0, &key, "ada"), 201);
    assert_eq!(nodes.store.asked(), (0, 1));
    // Where somebody is there already, the key is looked at before anything is said of it; the refusal is logged.
    assert_eq!(nodes.create(0, &key, "ada"), 409);
    assert_eq!(nodes.store.asked(), (1, 2));
}

#[test]
fn what_becomes_of_a_key_is_committed_once_by_a_node_that_only_creates() {
    let nodes = Nodes::new();
    let key = nodes.key("integration");
    // Both know it as it was before it was used.
    assert_eq!(nodes.create(0, &key, "ada"), 201);
    assert_eq!(nodes.create(1, &key, "bob"), 201);
    nodes.store.asked();
    for (round, name) in ["cyd", "dan", "eve", "fay", "gus", "hal"].iter().enumerate() {
        assert_eq!(nodes.create(round % 2, &key, name), 201);
    }
    let (_, commits) = nodes.store.asked();
    assert_eq!(commits, 6, "creations, and nothing about the key");
    let key = block_on(nodes.admin.key_show(key.id)).expect("there").key;
    assert!(key.first_used.is_some() && key.first_written.is_some());
}

#[test]
fn whatever_another_node_changes_acts_on_the_next_creation() {
    type Change = fn(&Nodes, &Key);
    let changes: [(&str, u16, Change); 5] = [
        ("revoked", 401, |nodes, key| block_on(nodes.admin.key_revoke(key.id)).map(drop).expect("revoked")),
        ("suspended", 403, |nodes, _| nodes.user("integration", |user| user.suspended = true)),
        ("demoted", 403, |nodes, _| nodes.user("integration", |user| user.privilege = Privilege::ReadOnly)),
        ("elsewhere", 403, |nodes, _| {
            nodes.connector(|connector| {
                connector.settings.networks =
                    Networks::new(vec!["198.51.100.0/24".parse().expect("a network")]);
            });
        }),
        ("not allowed", 403, |nodes, _| {
            nodes.connector(|connector| connector.settings.people.create = false);
        }),
    ];
    for (what, status, change) in changes {
        let nodes = Nodes::new();
        let key = nodes.key("integration");
        block_on(nodes.admin.integration_user_create(&nodes.instance, "other", Privilege::LiteAdmin, None))
            .expect("created");
        let other = nodes.key("other");
        nodes.teach(0, &key);
        nodes.teach(0, &other);
        let created = nodes.created();
        change(&nodes, &key);
        // The node learns the new settings by somebody else; the key in its memory is of the old ones.
        let learned = usize::from(nodes.create(0, &other, "bob") == 201);
        assert_eq!(nodes.create(0, &key, "cyd"), status, "{what}");
        assert_eq!(nodes.created(), created + learned, "{what}");
    }
}

#[test]
fn a_key_that_retired_elsewhere_ends_with_its_overlap() {
    let nodes = Nodes::new();
    let old = nodes.key("integration");
    nodes.teach(0, &old);
    let new = nodes.key("integration");
    assert_eq!(nodes.create(1, &new, "ada"), 201, "which lets the older key retire");
    assert_eq!(nodes.create(1, &new, "bob"), 201);
    nodes.clock.pass(30 * DAY);
    assert_eq!(nodes.create(0, &old, "cyd"), 401);
    assert_eq!(nodes.create(0, &new, "dan"), 201);
}
