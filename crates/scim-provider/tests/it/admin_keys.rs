//! Keys of administrators, over the in-memory backend and with a clock of its own: issued, checked, revoked, logged; and lists
//! in pages.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use pollster::block_on;
use scim_api_keys::{AdminKey, ApiKey, Peppers};
use scim_core::instant::Timestamp;
use scim_core::schema::Registry;
use scim_directory::{
    Action, AdminKeyId, AdminKeyRecord, AttributeChange, Instance, InstanceId, InstanceSettings, Networks,
    Privilege, Profile, Scope,
};
use scim_provider::Source as _;
use scim_provider::admin::{Admin, AdminError, AdminKeyRefused, AdminKeyRequest, IssuedAdminKey, KeyRequest};
use scim_storage::{JournalEntry, JournalQuery, MemoryStore};

use crate::support::{Clock, both_peppers, peppers};

const DAY: i64 = 24 * 3_600_000;

struct World {
    store: Arc<MemoryStore>,
    clock: Arc<Clock>,
    admin: Admin,
    instance: Instance,
}

impl World {
    fn new() -> Self {
        let (store, clock) = (Arc::new(MemoryStore::new()), Arc::new(Clock::default()));
        let admin = start(&store, &clock, peppers(1));
        let instance =
            block_on(admin.instance_create("acme", InstanceSettings::default())).expect("new").instance;
        Self { store, clock, admin, instance }
    }

    fn issue(
        &self,
        instance: Option<&Instance>,
        change: impl FnOnce(&mut AdminKeyRequest),
    ) -> Result<IssuedAdminKey, AdminError> {
        let mut request = AdminKeyRequest {
            role: Privilege::Admin,
            label: "terraform".to_owned(),
            lifetime: Some(AdminKeyRequest::LIFETIME),
            networks: Networks::default(),
            issued_by: None,
        };
        change(&mut request);
        block_on(self.admin.admin_key_issue(instance, &request))
    }

    fn verified(&self, text: &str) -> Result<AdminKeyRecord, AdminKeyRefused> {
        self.verified_from(text, Some("192.0.2.1"))
    }

    fn verified_from(&self, text: &str, peer: Option<&str>) -> Result<AdminKeyRecord, AdminKeyRefused> {
        let peer: Option<IpAddr> = peer.map(|peer| peer.parse().expect("an address"));
        block_on(self.admin.admin_key_verified(text, peer, self.clock.now()))
    }

    fn show(&self, id: AdminKeyId) -> AdminKeyRecord {
        block_on(self.admin.admin_key_show(id)).expect("there")
    }

    fn revoke(&self, id: AdminKeyId) -> Result<(), AdminError> {
        block_on(self.admin.admin_key_revoke(id))
    }

    /// What the log of the instance, or of the server, says of admin keys.
    fn log(&self, instance: Option<&Instance>) -> Vec<JournalEntry> {
        let query = JournalQuery { limit: 100, ..JournalQuery::default() };
        let page = match instance {
            Some(instance) => block_on(self.admin.log(instance, &query)),
            None => block_on(self.admin.server_log(&query)),
        };
        let about = |entry: &JournalEntry| {
            matches!(entry.record.action, Action::AdminKeyIssued | Action::AdminKeyRevoked)
        };
        page.expect("a log").entries.into_iter().filter(about).collect()
    }
}

fn start(store: &Arc<MemoryStore>, clock: &Arc<Clock>, peppers: Arc<Peppers>) -> Admin {
    let admin = Admin::new(Arc::clone(store) as _, Arc::clone(clock) as _, Registry::builtin());
    block_on(admin.with_peppers(peppers)).expect("its own peppers")
}

fn value(entry: &JournalEntry, name: &str) -> Option<String> {
    entry.record.changes.iter().find_map(|change| match change {
        AttributeChange::Value { attribute, new, .. } if attribute == name => new.as_str().map(str::to_owned),
        _ => None,
    })
}

#[track_caller]
fn invalid<T: std::fmt::Debug>(result: Result<T, AdminError>, told: &str) {
    match result {
        Err(AdminError::Invalid(text)) => assert!(text.contains(told), "{text}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_key_opens_what_it_was_issued_for_and_is_logged_there() {
    let world = World::new();
    for instance in [Some(&world.instance), None] {
        let IssuedAdminKey { key, record } = world.issue(instance, |_| {}).expect("issued");
        let text = key.reveal();
        let found = world.verified(&text).expect("let in");
        assert_eq!(found.id, record.id);
        assert_eq!(found.instance, instance.map(|instance| instance.id));
        assert!(text.ends_with(&record.ending) && text.starts_with("rca1_"));
        let default = record.created.plus_millis(90 * DAY);
        assert_eq!((record.expires, record.role), (Some(default), Privilege::Admin));
        let log = world.log(instance);
        assert_eq!(log.len(), 1, "{log:?}");
        assert_eq!(value(&log[0], "admin_key"), Some(record.id.to_string()));
        assert_eq!(value(&log[0], "label").as_deref(), Some("terraform"));
        assert_eq!(value(&log[0], "role").as_deref(), Some("Admin"));
        let said = format!("{log:?}");
        assert!(said.contains(&record.ending) && !said.contains(&text[51..94]), "{said}");
        world.revoke(record.id).expect("revoked");
        world.revoke(record.id).expect("revoked before");
        let log = world.log(instance);
        let actions: Vec<_> = log.iter().map(|entry| entry.record.action).collect();
        assert_eq!(actions, [Action::AdminKeyIssued, Action::AdminKeyRevoked]);
    }
}

/// Whoever does not know the secret is told one thing; whoever does, why the key is not in force.
#[test]
fn refusals_tell_why_only_where_the_secret_is_right() {
    let world = World::new();
    let network: Networks = Networks::new(vec!["192.0.2.0/24".parse().expect("a network")]);
    let IssuedAdminKey { key, record } =
        world.issue(Some(&world.instance), |request| request.networks = network).expect("issued");
    let text = key.reveal();
    let (reach, id) = (key.instance_id(), key.key_id());
    let unknown = |text: &str| {
        let refused = world.verified(text);
        assert!(matches!(refused, Err(AdminKeyRefused::Unknown)), "{text}: {refused:?}");
    };
    let strangers = [
        AdminKey::new(reach, id, [9; 32]).reveal(),
        AdminKey::new(reach, [9; 16], [9; 32]).reveal(),
        AdminKey::new([0; 16], id, [9; 32]).reveal(),
        ApiKey::new(reach, id, [9; 32]).reveal(),
        text.replacen("rca1_", "rck1_", 1),
        text[1..].to_owned(),
        String::new(),
    ];
    strangers.iter().for_each(|text| unknown(text));
    assert!(matches!(world.verified_from(&text, Some("198.51.100.1")), Err(AdminKeyRefused::Network)));
    assert!(matches!(world.verified_from(&text, None), Err(AdminKeyRefused::Network)));
    assert_eq!(world.show(record.id).last_used, None, "a refusal is no use");
    world.verified(&text).expect("let in");
    world.clock.pass(90 * DAY);
    let expires = record.expires.expect("an end");
    assert!(matches!(world.verified(&text), Err(AdminKeyRefused::Expired(at)) if at == expires));
    world.revoke(record.id).expect("an expired one is revoked too");
    let revoked = world.clock.now();
    assert!(matches!(world.verified(&text), Err(AdminKeyRefused::Revoked(at)) if at == revoked));
    strangers.iter().for_each(|text| unknown(text));
}

/// A key of an instance's connector is none here, even where both have the same parts.
#[test]
fn a_key_of_a_connector_opens_no_administration() {
    let world = World::new();
    let request = KeyRequest { connector: "default", user: "integration", ..KeyRequest::default() };
    let issued = block_on(world.admin.key_issue(&world.instance, &request)).expect("issued");
    let text = issued.key.expect("generated").reveal();
    assert!(matches!(world.verified(&text), Err(AdminKeyRefused::Unknown)));
    assert!(matches!(world.verified(&text.replacen("rck1_", "rca1_", 1)), Err(AdminKeyRefused::Unknown)));
}

#[test]
fn a_last_use_is_written_once_a_minute() {
    let world = World::new();
    let IssuedAdminKey { key, record } = world.issue(None, |_| {}).expect("issued");
    let text = key.reveal();
    let check = |pass: i64, peer: &str, at: Timestamp, from: &str| {
        world.clock.pass(pass);
        let found = world.verified_from(&text, Some(peer)).expect("let in");
        let kept = world.show(record.id);
        assert_eq!((kept.last_used, kept.last_address), (Some(at), Some(from.parse().expect("an address"))));
        assert_eq!(found, kept);
    };
    let first = world.clock.now();
    check(0, "192.0.2.1", first, "192.0.2.1");
    check(59_999, "192.0.2.2", first, "192.0.2.1");
    check(1, "192.0.2.3", first.plus_millis(60_000), "192.0.2.3");
}

/// A key that an earlier pepper hashed is hashed anew by its use; one by a strange pepper cannot be checked.
#[test]
fn keys_follow_the_pepper() {
    let world = World::new();
    let IssuedAdminKey { key, record } = world.issue(None, |_| {}).expect("issued");
    let text = key.reveal();
    let now = world.clock.now();
    let rotated = start(&world.store, &world.clock, both_peppers(2, 1));
    assert_eq!(world.show(record.id).secret, record.secret);
    block_on(rotated.admin_key_verified(&text, None, now)).expect("let in");
    assert_ne!(world.show(record.id).secret, record.secret);
    block_on(rotated.admin_key_verified(&text, None, now)).expect("let in again");
    assert!(matches!(world.verified(&text), Err(AdminKeyRefused::Pepper)));
    let without =
        Admin::new(Arc::clone(&world.store) as _, Arc::clone(&world.clock) as _, Registry::builtin());
    let refused = block_on(without.admin_key_verified(&text, None, now));
    assert!(matches!(refused, Err(AdminKeyRefused::Pepper)), "{refused:?}");
}

#[test]
fn what_makes_no_sense_is_refused() {
    let world = World::new();
    for label in ["", " ", " x", "x\u{7}", &"x".repeat(101)] {
        invalid(world.issue(None, |request| request.label = label.to_owned()), "1 to 100 characters");
    }
    invalid(world.issue(None, |request| request.lifetime = Some(Duration::ZERO)), "in the future");
    let many = vec!["192.0.2.0/24".parse().expect("a network"); Networks::MAX + 1];
    invalid(world.issue(None, |request| request.networks = Networks::new(many)), "at most 1000 networks");
    let forever = world.issue(None, |request| request.lifetime = None).expect("issued");
    assert_eq!(forever.record.expires, None);
    let nowhere = Instance { id: InstanceId::new(world.clock.uuid()), ..world.instance.clone() };
    assert!(matches!(world.issue(Some(&nowhere), |_| {}), Err(AdminError::Changed(_))));
    let stranger = AdminKeyId::new(world.clock.uuid());
    assert!(matches!(world.revoke(stranger), Err(AdminError::NotFound(_))));
}

/// Neither by naming who issues nor by acting on behalf of a key.
#[test]
fn nobody_issues_a_key_above_their_own() {
    let world = World::new();
    let other =
        block_on(world.admin.instance_create("other", InstanceSettings::default())).expect("new").instance;
    let own = world.issue(Some(&world.instance), |_| {}).expect("issued").record;
    let by = |instance: Option<&Instance>, role: Privilege| {
        world.issue(instance, |request| {
            request.issued_by = Some(own.id);
            request.role = role;
        })
    };
    invalid(by(Some(&world.instance), Privilege::Owner), "cannot issue one of the role Owner");
    invalid(by(Some(&other), Privilege::ReadOnly), "of that instance alone");
    invalid(by(None, Privilege::ReadOnly), "of that instance alone");
    let issued = by(Some(&world.instance), Privilege::Admin).expect("its own role").record;
    assert_eq!(issued.issued_by, Some(own.id));
    let behalf = world.admin.on_behalf_of(own.id, "request 1");
    let request = AdminKeyRequest {
        role: Privilege::Owner,
        label: "x".to_owned(),
        lifetime: None,
        networks: Networks::default(),
        issued_by: None,
    };
    invalid(block_on(behalf.admin_key_issue(Some(&world.instance), &request)), "the role Owner");
    let request = AdminKeyRequest { role: Privilege::Admin, ..request };
    let issued = block_on(behalf.admin_key_issue(Some(&world.instance), &request)).expect("issued").record;
    assert_eq!(issued.issued_by, Some(own.id));
    let last = world.log(Some(&world.instance)).pop().expect("a record");
    assert_eq!((last.actor.admin, last.request_id.as_str()), (Some(own.id), "request 1"));
    // A key may revoke itself, and does nothing more.
    block_on(behalf.admin_key_revoke(own.id)).expect("revoked");
    let again = block_on(behalf.admin_key_issue(Some(&world.instance), &request));
    assert!(matches!(again, Err(AdminError::Changed(_))), "{again:?}");
    let revoked = block_on(behalf.admin_key_revoke(issued.id));
    assert!(matches!(revoked, Err(AdminError::Changed(_))), "{revoked:?}");
    assert_eq!(world.show(issued.id).revoked, None);
}

/// Of many who revoke a key at once, one tells.
#[test]
fn a_revocation_is_told_once() {
    let world = World::new();
    let id = world.issue(None, |_| {}).expect("issued").record.id;
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| world.revoke(id).expect("revoked"));
        }
    });
    assert_eq!(world.log(None).len(), 2, "{:?}", world.log(None));
}

#[test]
fn lists_come_in_pages() {
    let world = World::new();
    let keys: Vec<_> = (0..5).map(|_| world.issue(None, |_| {}).expect("issued").record).collect();
    let mut walked = Vec::new();
    while walked.len() < keys.len() {
        let after = walked.last().map(|key: &AdminKeyRecord| (key.created, key.id));
        let page = block_on(world.admin.admin_key_page(&Scope::SERVER, after, 2)).expect("a page");
        assert!((1..=2).contains(&page.len()));
        walked.extend(page);
    }
    assert_eq!(walked, keys);
    let of_instance = Scope { instance: world.instance.id, connector: None };
    assert_eq!(block_on(world.admin.admin_key_page(&of_instance, None, 9)).expect("a page"), []);

    for name in ["a", "z"] {
        block_on(world.admin.instance_create(name, InstanceSettings::default())).expect("new");
    }
    let names = |after: Option<&str>| -> Vec<String> {
        let page = block_on(world.admin.instance_page(after.map(str::to_owned), 2)).expect("a page");
        page.into_iter().map(|instance| instance.name).collect()
    };
    assert_eq!(
        (names(None), names(Some("acme"))),
        (vec!["a".to_owned(), "acme".to_owned()], vec!["z".to_owned()])
    );
    let found = block_on(world.admin.instance_of(world.instance.id)).expect("there");
    assert_eq!(found.name, "acme");
    let nobody = block_on(world.admin.instance_of(InstanceId::new(world.clock.uuid())));
    assert!(matches!(nobody, Err(AdminError::NotFound(_))));

    let request = KeyRequest { connector: "default", user: "integration", ..KeyRequest::default() };
    let issued: Vec<_> = (0..2)
        .map(|_| block_on(world.admin.key_issue(&world.instance, &request)).expect("issued").record)
        .collect();
    let place = (issued[0].created, issued[0].id);
    let page = block_on(world.admin.key_page(&world.instance, Some(place), 9)).expect("a page");
    assert_eq!(page.iter().map(|context| context.key.id).collect::<Vec<_>>(), [issued[1].id]);
    assert_eq!(block_on(world.admin.job_page(&world.instance, None, 9)).expect("a page"), []);
    assert_eq!(block_on(world.admin.object_kinds(&world.instance, None, 9)).expect("a page"), [""; 0]);
    let objects = block_on(world.admin.object_page(&world.instance, "JobTitle", None, 9));
    assert_eq!(objects.expect("a page"), []);
}

#[test]
fn an_instance_has_a_thousand_connectors_and_integration_users_at_most() {
    let world = World::new();
    let connector = |number: usize| {
        let name = format!("connector {number}");
        block_on(world.admin.connector_create(
            &world.instance,
            &name,
            scim_directory::DialectName::default(),
            false,
            Profile::default(),
        ))
    };
    let user = |number: usize| {
        let name = format!("user {number}");
        block_on(world.admin.integration_user_create(&world.instance, &name, Privilege::LiteAdmin, None))
    };
    // One of each came with the instance.
    for number in 1..1000 {
        connector(number).expect("room");
        user(number).expect("room");
    }
    invalid(connector(1000), "1000 connectors already");
    invalid(user(1000), "1000 integration users already");
}

/// The server's log is kept for a year, whatever the instances' settings are.
#[test]
fn the_servers_log_is_pruned() {
    let world = World::new();
    world.issue(None, |_| {}).expect("issued");
    world.clock.pass(364 * DAY);
    world.issue(None, |_| {}).expect("issued");
    let prune = || block_on(world.admin.prune_server_slice(world.clock.now())).expect("pruned");
    prune();
    assert_eq!(world.log(None).len(), 2);
    world.clock.pass(2 * DAY);
    assert!(!prune().more);
    assert_eq!(world.log(None).len(), 1);
}
