//! Admin keys, of instances and of the server, and the log that the server itself has.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use pollster::block_on;
use scim_core::instant::Timestamp;
use scim_directory::{
    Action, Actor, AdminChange, AdminKeyChange, AdminKeyId, AdminKeyRecord, AdminKeyTouch, ApplicationObject,
    Change, ChangeSet, Committed, Condition, Event, EventKind, Instance, InstanceId, InstanceSettings,
    IntegrationUser, IntegrationUserId, KeptAdminMac, LogRecord, LogStatus, MappingVersion, Networks,
    Position, Privilege, Scope,
};
use scim_storage::{
    CommitError, InstanceAnswer, InstanceQuestion, JournalFilter, JournalQuery, PeppersKnown, ServerAnswer,
    ServerQuestion, Store,
};
use serde_json::json;

use crate::keyring::{RACERS, at, race};
use crate::world::{World, is_conflict, is_duplicate, log};

/// A moment after everything that a behaviour does.
const LATE: i64 = 1_000_000;

/// An admin key of a scope that is not issued yet.
pub(crate) fn make(world: &World<'_>, scope: Scope) -> AdminKeyRecord {
    AdminKeyRecord {
        id: AdminKeyId::new(world.uuid()),
        instance: (scope.instance != Scope::SERVER.instance).then_some(scope.instance),
        role: Privilege::Admin,
        label: "terraform".to_owned(),
        secret: mac(1),
        ending: "wxyz".to_owned(),
        created: world.now(),
        expires: Some(at(LATE)),
        networks: Networks::default(),
        issued_by: None,
        last_used: None,
        last_address: None,
        revoked: None,
    }
}

fn mac(pepper: u8) -> KeptAdminMac {
    let mac = std::array::from_fn(|index| u8::try_from(index * 7).unwrap_or_default());
    KeptAdminMac { pepper: [pepper; 16], mac }
}

pub(crate) fn change(change: AdminKeyChange) -> Change {
    Change::Admin(AdminChange::AdminKey(change))
}

pub(crate) fn issue(world: &World<'_>, scope: Scope) -> AdminKeyRecord {
    let key = make(world, scope);
    world.commit_in(scope, vec![change(AdminKeyChange::Issue(Box::new(key.clone())))]);
    key
}

fn attempt(world: &World<'_>, scope: Scope, made: AdminKeyChange) -> Result<Committed, CommitError> {
    block_on(world.store.commit(world.change_set(scope, vec![change(made)])))
}

fn attempt_at(world: &World<'_>, scope: Scope, at: Timestamp, made: AdminKeyChange) {
    let set = world.change_set(scope, vec![change(made)]);
    world.commit_set(ChangeSet { at, ..set });
}

fn read(world: &World<'_>, id: AdminKeyId) -> Option<AdminKeyRecord> {
    match world.server(&ServerQuestion::AdminKey(id)) {
        ServerAnswer::AdminKey(key) => key.map(|key| *key),
        other => panic!("{other:?}"),
    }
}

fn listed(world: &World<'_>, scope: Scope) -> Vec<AdminKeyRecord> {
    let question = InstanceQuestion::AdminKeys { after: None, limit: 100 };
    match block_on(world.store.instance(&scope, &question)).expect("a read") {
        InstanceAnswer::AdminKeys(keys) => keys,
        other => panic!("{other:?}"),
    }
}

/// Where admin keys are: an instance, another one, the server.
fn scopes(world: &World<'_>) -> [Scope; 3] {
    let plain = |scope: Scope| Scope { connector: None, ..scope };
    [plain(world.scope), plain(world.elsewhere), Scope::SERVER]
}

fn address(text: &str) -> Option<IpAddr> {
    Some(text.parse().expect("an address"))
}

/// Whatever stands in an admin key's row is read back, by its id and in the list of its scope.
pub fn an_admin_key_is_read_back_as_it_was_issued(store: &dyn Store) {
    let world = World::new(store);
    for scope in scopes(&world) {
        let plain = AdminKeyRecord { expires: None, label: String::new(), ..make(&world, scope) };
        let network = |text: &str| text.parse().expect("a network");
        let whole = AdminKeyRecord {
            role: Privilege::Owner,
            label: "Café ☕, \"quoted\"".to_owned(),
            networks: Networks::new(vec![network("192.0.2.0/24"), network("2001:db8::/32")]),
            issued_by: Some(plain.id),
            last_used: Some(at(3)),
            last_address: address("2001:db8::1"),
            revoked: Some(at(4)),
            ..make(&world, scope)
        };
        for key in [&plain, &whole] {
            world.commit_in(scope, vec![change(AdminKeyChange::Issue(Box::new(key.clone())))]);
            assert_eq!(read(&world, key.id).as_ref(), Some(key));
        }
        assert_eq!(listed(&world, scope), [plain.clone(), whole]);
        let again = attempt(&world, scope, AdminKeyChange::Issue(Box::new(plain)));
        assert!(is_duplicate(&again, "id"), "{again:?}");
    }
    assert_eq!(read(&world, AdminKeyId::new(world.uuid())), None);
    let nowhere = Scope { instance: InstanceId::new(world.uuid()), connector: None };
    let stray = attempt(&world, nowhere, AdminKeyChange::Issue(Box::new(make(&world, nowhere))));
    assert!(is_conflict(&stray), "an instance that is not there: {stray:?}");
}

/// The first revocation stays; a key that is not there cannot be revoked.
pub fn an_admin_key_is_revoked_once(store: &dyn Store) {
    let world = World::new(store);
    for scope in scopes(&world) {
        let (key, other) = (issue(&world, scope), issue(&world, scope));
        attempt_at(&world, scope, at(100), AdminKeyChange::Revoke(key.id));
        attempt_at(&world, scope, at(200), AdminKeyChange::Revoke(key.id));
        assert_eq!(read(&world, key.id), Some(AdminKeyRecord { revoked: Some(at(100)), ..key }));
        assert_eq!(read(&world, other.id), Some(other));
        let unknown = AdminKeyChange::Revoke(AdminKeyId::new(world.uuid()));
        assert!(is_conflict(&attempt(&world, scope, unknown)));
    }
}

/// When and from where an admin key was used last only goes forward, and keys that are not there hinder nobody.
pub fn touches_of_admin_keys_go_forward(store: &dyn Store) {
    let world = World::new(store);
    let scope = Scope::SERVER;
    let (key, other) = (issue(&world, scope), issue(&world, scope));
    let touch = |key: AdminKeyId, millis: i64, from: Option<&str>| AdminKeyTouch {
        key,
        at: at(millis),
        address: from.and_then(address),
    };
    let check = |touches: Vec<AdminKeyTouch>, millis: i64, from: Option<&str>| {
        attempt(&world, scope, AdminKeyChange::Touch(touches)).expect("committed");
        let expected = AdminKeyRecord {
            last_used: Some(at(millis)),
            last_address: from.and_then(address),
            ..key.clone()
        };
        assert_eq!(read(&world, key.id), Some(expected));
    };
    let stranger = AdminKeyId::new(world.uuid());
    check(vec![touch(stranger, 1, None), touch(key.id, 100, Some("192.0.2.1"))], 100, Some("192.0.2.1"));
    check(vec![touch(key.id, 99, None)], 100, Some("192.0.2.1"));
    check(vec![touch(key.id, 100, None)], 100, None);
    // Several of one key: the latest counts, and of the same moment the last.
    check(
        vec![touch(key.id, 300, None), touch(key.id, 200, Some("::1")), touch(key.id, 300, Some("::2"))],
        300,
        Some("::2"),
    );
    check(Vec::new(), 300, Some("::2"));
    assert_eq!(read(&world, other.id), Some(other));
}

/// Another hash takes the place of the one before, and nothing else changes. Hashes by strange peppers are counted with
/// those of other keys, but for revoked ones.
pub fn an_admin_key_is_hashed_anew(store: &dyn Store) {
    let world = World::new(store);
    let strangers = |held: &[u8]| {
        let question = ServerQuestion::Peppers(held.iter().map(|id| [*id; 16]).collect());
        match world.server(&question) {
            ServerAnswer::Peppers(PeppersKnown { strangers, .. }) => strangers,
            other => panic!("{other:?}"),
        }
    };
    for (before, scope) in scopes(&world).into_iter().enumerate() {
        let before = u64::try_from(before).expect("a few");
        let key = issue(&world, scope);
        assert_eq!((strangers(&[1]), strangers(&[2])), (before, 1));
        attempt(&world, scope, AdminKeyChange::Rehash(key.id, mac(2))).expect("committed");
        assert_eq!(read(&world, key.id), Some(AdminKeyRecord { secret: mac(2), ..key.clone() }));
        assert_eq!((strangers(&[1]), strangers(&[2]), strangers(&[])), (before + 1, 0, before + 1));
        let unknown = AdminKeyChange::Rehash(AdminKeyId::new(world.uuid()), mac(2));
        assert!(is_conflict(&attempt(&world, scope, unknown)));
    }
    let [scope, ..] = scopes(&world);
    let key = listed(&world, scope).remove(0);
    attempt(&world, scope, AdminKeyChange::Revoke(key.id)).expect("committed");
    assert_eq!(strangers(&[]), 2);
}

/// Of another scope an admin key is neither changed nor listed, also where the one is the server's and the other an
/// instance's; who knows the id alone finds it.
pub fn admin_keys_of_another_scope_stay_as_they_are(store: &dyn Store) {
    let world = World::new(store);
    let scopes = scopes(&world);
    let keys = scopes.map(|scope| issue(&world, scope));
    for (own, key) in scopes.iter().zip(&keys) {
        assert_eq!(listed(&world, *own), std::slice::from_ref(key));
        for other in scopes.iter().filter(|other| *other != own) {
            for tried in [
                AdminKeyChange::Issue(Box::new(make(&world, *own))),
                AdminKeyChange::Revoke(key.id),
                AdminKeyChange::Rehash(key.id, mac(9)),
            ] {
                let result = attempt(&world, *other, tried.clone());
                assert!(is_conflict(&result), "{tried:?}: {result:?}");
            }
            let touch = AdminKeyTouch { key: key.id, at: at(LATE), address: None };
            attempt(&world, *other, AdminKeyChange::Touch(vec![touch])).expect("counts for nothing");
        }
        assert_eq!(read(&world, key.id).as_ref(), Some(key));
    }
}

/// A condition on an admin key holds in its own instance, and for one of the server everywhere, while it is neither
/// revoked nor past its expiry at the change set's time.
pub fn a_condition_names_an_admin_key_in_force(store: &dyn Store) {
    let world = World::new(store);
    let [here, elsewhere, server] = scopes(&world);
    let check = |key: AdminKeyId, scope: Scope, millis: i64, expected: bool| {
        let conditions = vec![Condition::AdminKey(key)];
        let set = world.change_set(scope, Vec::new());
        let result = block_on(store.commit(ChangeSet { at: at(millis), conditions, ..set }));
        assert_eq!(result.is_ok(), expected, "{scope:?} at {millis}: {result:?}");
        assert!(expected || is_conflict(&result), "{scope:?} at {millis}: {result:?}");
    };
    let (own, all) = (issue(&world, here), issue(&world, server));
    let through = world.scope;
    for (key, scope, expected) in [
        (&own, here, true),
        (&own, through, true),
        (&own, elsewhere, false),
        (&own, server, false),
        (&all, here, true),
        (&all, elsewhere, true),
        (&all, server, true),
    ] {
        check(key.id, scope, LATE - 1, expected);
        check(key.id, scope, LATE, false);
    }
    check(AdminKeyId::new(world.uuid()), here, 1, false);
    let forever = AdminKeyRecord { expires: None, ..make(&world, here) };
    world.commit_in(here, vec![change(AdminKeyChange::Issue(Box::new(forever.clone())))]);
    check(forever.id, here, LATE * 1000, true);
    attempt(&world, here, AdminKeyChange::Revoke(forever.id)).expect("committed");
    check(forever.id, here, 1, false);
    attempt(&world, server, AdminKeyChange::Revoke(all.id)).expect("committed");
    check(all.id, here, 1, false);
    check(all.id, server, 1, false);
}

/// While many change things with an admin key of the server, it is revoked: nothing is committed that was asked for after
/// the revocation was answered, and whatever is committed stands before it in the log.
pub fn nothing_is_committed_after_an_admin_key_was_revoked(store: &dyn Store) {
    let world = World::new(store);
    let key = issue(&world, Scope::SERVER);
    let revoked = AtomicBool::new(false);
    let write = |number: usize, round: usize| {
        let new = world.new_record("User", &json!({ "userName": format!("new {number} {round}") }));
        let about = log(Action::Created, &new.key, Vec::new());
        let set = world.change_set(world.scope, vec![Change::Create(new)]);
        let conditions = vec![Condition::AdminKey(key.id)];
        block_on(store.commit(ChangeSet { conditions, log: vec![about], ..set }))
    };
    let revoke = || {
        let mut positions: Vec<Position> =
            (0..RACERS).map(|round| write(0, round).expect("committed").position).collect();
        let set = world.change_set(Scope::SERVER, vec![change(AdminKeyChange::Revoke(key.id))]);
        let told = LogRecord::new(Action::AdminKeyRevoked, LogStatus::Success, None);
        let committed = block_on(store.commit(ChangeSet { log: vec![told], ..set })).expect("revoked");
        revoked.store(true, Ordering::Release);
        positions.push(committed.position);
        positions
    };
    let results: Vec<Vec<Position>> = race(|number| {
        if number == 0 {
            return revoke();
        }
        let mut positions = Vec::new();
        for round in 0.. {
            let too_late = revoked.load(Ordering::Acquire);
            match write(number, round) {
                Ok(committed) => {
                    assert!(!too_late, "committed after the revocation was answered");
                    positions.push(committed.position);
                }
                Err(CommitError::Conflict) => break,
                Err(other) => panic!("{other:?}"),
            }
        }
        positions
    });
    let end = results[0].last().expect("a revocation");
    let later = results.iter().flatten().filter(|position| *position > end).count();
    assert_eq!(later, 0, "something stands behind the revocation");
}

/// The server has a log of its own, read and pruned as those of instances, and jobs.
pub fn the_server_has_a_log_and_jobs(store: &dyn Store) {
    let world = World::new(store);
    let key = make(&world, Scope::SERVER);
    let issued = change(AdminKeyChange::Issue(Box::new(key.clone())));
    let set = world.change_set(Scope::SERVER, vec![issued]);
    let told = LogRecord::new(Action::AdminKeyIssued, LogStatus::Success, None);
    let actor = Actor { admin: Some(key.id), ..Actor::default() };
    let set = ChangeSet { actor: actor.clone(), log: vec![told.clone()], ..set };
    let committed = world.commit_set(set.clone());
    assert_eq!(world.commit_set(set.clone()), committed, "a repeated commit");
    let later = LogRecord::new(Action::AdminKeyRevoked, LogStatus::Failure, None);
    let late =
        ChangeSet { log: vec![later.clone()], at: at(LATE), ..world.change_set(Scope::SERVER, Vec::new()) };
    world.commit_set(late);
    let read = |filter: JournalFilter, newest_first: bool| {
        let query = JournalQuery { after: None, limit: 9, newest_first, filter };
        let page = block_on(store.journal(&Scope::SERVER, &query)).expect("a read");
        page.entries.into_iter().map(|entry| (entry.actor, entry.record)).collect::<Vec<_>>()
    };
    let (first, second) = ((actor, told), (Actor::default(), later));
    assert_eq!(read(JournalFilter::default(), false), [first.clone(), second.clone()]);
    assert_eq!(read(JournalFilter::default(), true), [second.clone(), first.clone()]);
    let failures = JournalFilter { statuses: vec![LogStatus::Failure], ..JournalFilter::default() };
    assert_eq!(read(failures, false), std::slice::from_ref(&second));
    let actions = JournalFilter { actions: vec![Action::AdminKeyIssued], ..JournalFilter::default() };
    assert_eq!(read(actions, false), [first]);
    for scope in [world.scope, world.elsewhere] {
        assert!(world.journal(&scope).is_empty(), "an instance sees the server's log");
    }
    let prune = AdminChange::Prune { before: at(LATE), limit: 100 };
    let pruned = world.commit_in(Scope::SERVER, vec![Change::Admin(prune)]);
    assert!(pruned.effects[0].rows >= 1, "{pruned:?}");
    assert_eq!(read(JournalFilter::default(), false), [second]);

    let job = |scope: &Scope| block_on(store.instance(scope, &InstanceQuestion::Job("import".to_owned())));
    let save = |state| Change::Admin(AdminChange::SaveJob("import".to_owned(), state));
    world.commit_in(Scope::SERVER, vec![save(Some(json!({ "done": 7 })))]);
    assert_eq!(job(&Scope::SERVER).expect("a read"), InstanceAnswer::Job(Some(json!({ "done": 7 }))));
    assert_eq!(job(&world.scope).expect("a read"), InstanceAnswer::Job(None));
    world.commit_in(Scope::SERVER, vec![save(None)]);
    assert_eq!(job(&Scope::SERVER).expect("a read"), InstanceAnswer::Job(None));
}

/// Whatever else an instance has, the server has not: to make it there is a conflict, and nothing of it is found.
pub fn the_server_has_nothing_else(store: &dyn Store) {
    let world = World::new(store);
    let nil = Scope::SERVER.instance;
    let person = world.new_record("User", &json!({ "userName": "mira" }));
    let key = person.key.clone();
    let instance = Instance {
        id: nil,
        name: "nil".to_owned(),
        created: at(0),
        settings: InstanceSettings::default(),
        generation: 1,
    };
    let user = IntegrationUser {
        id: IntegrationUserId::new(world.uuid()),
        instance: nil,
        name: "robot".to_owned(),
        privilege: Privilege::Owner,
        suspended: false,
        email: None,
    };
    let object =
        ApplicationObject { id: world.uuid(), kind: "JobTitle".to_owned(), name: "Engineer".to_owned() };
    let mapping = MappingVersion { version: 1, at: at(0), text: "{}".to_owned() };
    let changes = [
        Change::Create(person),
        crate::world::delete(&key),
        crate::world::members(&key, &[], &[]),
        Change::Admin(AdminChange::CreateInstance(instance)),
        Change::Admin(AdminChange::UpdateInstanceSettings(InstanceSettings::default())),
        Change::Admin(AdminChange::CreateIntegrationUser(user)),
        Change::Admin(AdminChange::CreateObject(object)),
        Change::Admin(AdminChange::SaveMapping(mapping)),
        Change::Admin(AdminChange::Erase { key: key.clone(), name: None }),
    ];
    for tried in changes {
        let mut set = world.change_set(Scope::SERVER, vec![tried.clone()]);
        set.log = vec![LogRecord::new(Action::Created, LogStatus::Success, None)];
        let result = block_on(store.commit(set));
        assert!(is_conflict(&result), "{tried:?}: {result:?}");
    }
    let mut set = world.change_set(Scope::SERVER, Vec::new());
    set.events = vec![Event { kind: EventKind::AccountCreated, key: key.clone(), before: None, after: None }];
    assert!(is_conflict(&block_on(store.commit(set))), "an event");
    let mut set = world.change_set(Scope::SERVER, Vec::new());
    set.conditions = vec![Condition::Generation(1)];
    assert!(is_conflict(&block_on(store.commit(set))), "a generation");
    assert!(world.journal(&Scope::SERVER).is_empty());
    assert_eq!(world.get_in(&Scope::SERVER, &key), None);
    assert_eq!(world.server(&ServerQuestion::Instance(nil)), ServerAnswer::Instance(None));
    let policy = block_on(store.instance(&Scope::SERVER, &InstanceQuestion::Policy)).expect("a read");
    assert_eq!(policy, InstanceAnswer::Policy(None));
}
