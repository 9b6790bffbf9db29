//! Conditions, claims and policy where several writers, or several instances, meet.

use std::sync::Arc;

use pollster::block_on;
use scim_directory::{
    AccountState, Action, AdminChange, ApplicationObject, Change, ChangeSet, Committed, Condition, Connector,
    ConnectorSettings, DialectName, Fact, Guard, HeldChange, HeldChangeId, HeldState, Key, LogRecord,
    LogResource, LogStatus, MappingVersion, PickUp, Question, Removal, Scope, Tally, Version,
};
use scim_storage::{CommitError, InstanceAnswer, InstanceQuestion, ServerAnswer, ServerQuestion, Store};
use serde_json::json;

use crate::people::{account, managed, outbox, reporting};
use crate::world::{World, delete, is_conflict};

const WRITERS: usize = 8;

fn commit_if(
    world: &World<'_>,
    condition: &Condition,
    changes: Vec<Change>,
    log: Vec<LogRecord>,
) -> Result<Committed, CommitError> {
    let set = world.change_set(world.scope, changes);
    block_on(world.store.commit(ChangeSet { conditions: vec![condition.clone()], log, ..set }))
}

fn instance(world: &World<'_>, question: &InstanceQuestion) -> InstanceAnswer {
    block_on(world.store.instance(&world.scope, question)).expect("a read")
}

fn enter(world: &World<'_>, key: &Key, version: i64, state: AccountState) -> Change {
    let content = account(world, world.content(key, &json!({ "userName": "mira" })), state);
    Change::Update { key: key.clone(), expected: Version(version), content, external_id: None }
}

/// Of many who want the last two seats, two get one.
pub fn racing_creates_share_the_seats(store: &dyn Store) {
    let world = World::new(store);
    let condition = Condition::Seats { resource_type: Arc::from("User"), at_most: 2 };
    let results = race(|number| {
        let new = managed(&world, &json!({ "userName": format!("person {number}") }));
        commit_if(&world, &condition, vec![Change::Create(new)], Vec::new())
    });
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 2);
    let refused = |result: &&Result<_, _>| matches!(result, Err(CommitError::NoSeat { seats: 2 }));
    assert_eq!(results.iter().filter(refused).count(), WRITERS - 2);
    let active = Question::Count(Arc::from("User"), Tally::Active);
    assert_eq!(world.fact(active), Fact::Count(2));
}

/// Who is suspended has no seat, and needs one to come back.
pub fn a_reactivation_takes_a_seat(store: &dyn Store) {
    let world = World::new(store);
    let mira = reporting(&world, "mira", None);
    let seats = |at_most| Condition::Seats { resource_type: Arc::from("User"), at_most };
    let suspend = vec![enter(&world, &mira, 1, AccountState::Suspended)];
    commit_if(&world, &seats(0), suspend, Vec::new()).expect("a seat is given up");
    reporting(&world, "nora", None);
    let back = || vec![enter(&world, &mira, 2, AccountState::Active)];
    let refused = commit_if(&world, &seats(1), back(), Vec::new());
    assert!(matches!(refused, Err(CommitError::NoSeat { seats: 1 })), "{refused:?}");
    assert_eq!(world.version(&mira), 2, "nothing was done");
    commit_if(&world, &seats(2), back(), Vec::new()).expect("a seat");
}

/// Of many removals that were each decided on the same count, only as many pass as the condition lets.
pub fn racing_removals_stay_below_the_limit(store: &dyn Store) {
    let world = World::new(store);
    let people: Vec<_> = (0..WRITERS).map(|number| reporting(&world, &format!("p {number}"), None)).collect();
    let condition = Condition::Removals { since: world.now(), below: 3 };
    let results = race(|number| {
        let key = &people[number];
        let about = LogResource::new("User", key.id, None);
        let log = LogRecord::new(Action::Deleted, LogStatus::Success, Some(about));
        commit_if(&world, &condition, vec![delete(key)], vec![log])
    });
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 3);
    assert_eq!(results.iter().filter(|result| is_conflict(result)).count(), WRITERS - 3);
    let all = Question::Count(Arc::from("User"), Tally::All);
    assert_eq!(world.fact(all), Fact::Count(u64::try_from(WRITERS - 3).expect("a few")));
}

/// What a change set lists, decides on and takes off again is as its earlier changes made it.
pub fn the_list_of_held_changes_follows_a_change_set(store: &dyn Store) {
    let world = World::new(store);
    let held = HeldChange {
        id: HeldChangeId::new(world.uuid()),
        key: world.person("mira"),
        name: None,
        removal: Removal::Delete,
        connector: world.scope.connector.expect("a connector"),
        at: world.now(),
        state: HeldState::Waiting,
    };
    let release = || Change::Admin(AdminChange::DecideHeld(held.id, HeldState::Released));
    let (hold, unhold) = (|| Change::Hold(held.clone()), || Change::Unhold(held.id));
    assert!(is_conflict(&world.try_commit(vec![hold(), unhold()])), "not released");
    world.commit(vec![hold(), release(), unhold()]);
    world.commit(vec![hold(), release()]);
    assert!(is_conflict(&world.try_commit(vec![unhold(), unhold()])), "gone already");
    world.commit(vec![unhold()]);
    assert_eq!(world.fact(Question::Held(held.key.id, Removal::Delete)), Fact::Held(None));
}

/// A change set that revives a person and changes it again names the version that it begins with.
pub fn who_is_revived_can_be_changed_at_once(store: &dyn Store) {
    let world = World::new(store);
    let key = world.person("mira");
    world.commit(vec![delete(&key)]);
    let body = json!({ "userName": "mira" });
    let again = || {
        let mut new = world.new_record("User", &body);
        (new.key, new.content, new.revives) = (key.clone(), world.content(&key, &body), true);
        Change::Create(new)
    };
    let update = |version| world.update(&key, version, &json!({ "userName": "nora" }));
    assert!(is_conflict(&world.try_commit(vec![again(), update(1)])));
    world.commit(vec![again(), update(2)]);
    assert_eq!(world.version(&key), 2);
}

/// Two people of an instance swap names that the realm knows; both stay claimed.
pub fn claimed_names_can_be_swapped(store: &dyn Store) {
    let world = World::new(store);
    let elsewhere = world.from_elsewhere();
    let claim = |world: &World<'_>, changes: Vec<Change>| {
        let set = world.change_set(world.scope, changes);
        block_on(world.store.commit(ChangeSet { realm: Some("server".to_owned()), ..set }))
    };
    let new = |world: &World<'_>, name: &str| world.new_record("User", &json!({ "userName": name }));
    let (mira, nora) = (new(&world, "mira"), new(&world, "nora"));
    let (first, second) = (mira.key.clone(), nora.key.clone());
    claim(&world, vec![Change::Create(mira), Change::Create(nora)]).expect("claimed");
    let rename = |key: &Key, name: &str| world.update(key, 1, &json!({ "userName": name }));
    claim(&world, vec![rename(&first, "nora"), rename(&second, "mira")]).expect("swapped");
    for name in ["mira", "nora"] {
        let taken = claim(&elsewhere, vec![Change::Create(new(&elsewhere, name))]);
        assert!(matches!(taken, Err(CommitError::Claimed { .. })), "{name}: {taken:?}");
    }
    world.commit(vec![delete(&second)]);
    claim(&elsewhere, vec![Change::Create(new(&elsewhere, "mira"))]).expect("free");
    let set = elsewhere.change_set(elsewhere.scope, vec![Change::Create(new(&elsewhere, "nora"))]);
    let other = ChangeSet { realm: Some("another".to_owned()), ..set };
    block_on(store.commit(other)).expect("another realm knows nothing of it");
}

/// Whoever is written without a realm gives the claim up, though the name stays the same.
pub fn a_claim_is_given_up_without_a_realm(store: &dyn Store) {
    let world = World::new(store);
    let elsewhere = world.from_elsewhere();
    let claim = |world: &World<'_>, changes: Vec<Change>| {
        let set = world.change_set(world.scope, changes);
        block_on(world.store.commit(ChangeSet { realm: Some("server".to_owned()), ..set }))
    };
    let new = |world: &World<'_>| Change::Create(world.new_record("User", &json!({ "userName": "mira" })));
    let mira = world.new_record("User", &json!({ "userName": "mira" }));
    let key = mira.key.clone();
    let again = |version| world.update(&key, version, &json!({ "userName": "mira" }));
    claim(&world, vec![Change::Create(mira)]).expect("claimed");
    claim(&world, vec![again(1)]).expect("claimed again");
    let taken = claim(&elsewhere, vec![new(&elsewhere)]);
    assert!(matches!(taken, Err(CommitError::Claimed { .. })), "{taken:?}");
    world.commit(vec![again(2)]);
    claim(&elsewhere, vec![new(&elsewhere)]).expect("free");
    let back = claim(&world, vec![again(3)]);
    assert!(matches!(back, Err(CommitError::Claimed { .. })), "{back:?}");
}

/// A connector's dialect and settings are replaced; one that is not there is a conflict.
pub fn a_connector_is_updated(store: &dyn Store) {
    let world = World::new(store);
    let id = world.scope.connector.expect("a connector");
    let settings = ConnectorSettings {
        pick_up: PickUp::OnWrite,
        guard: Some(Guard { people: 3, percent: 4 }),
        ..ConnectorSettings::default()
    };
    let read = || {
        let question = ServerQuestion::Connector(world.scope.instance, id);
        match block_on(store.server(&question)).expect("a read") {
            ServerAnswer::Connector(Some(connector)) => connector,
            other => panic!("{other:?}"),
        }
    };
    let new = Connector { dialect: DialectName::Strict, keep_passwords: true, settings, ..read() };
    let update = |connector: &Connector| vec![Change::Admin(AdminChange::UpdateConnector(connector.clone()))];
    world.commit(update(&new));
    assert_eq!(read(), new);
    let unknown = Connector { id: scim_directory::ConnectorId::new(world.uuid()), ..new.clone() };
    assert!(is_conflict(&world.try_commit(update(&unknown))));
    let nobody = Scope { connector: None, ..world.elsewhere };
    let elsewhere = block_on(store.commit(world.change_set(nobody, update(&new))));
    assert!(is_conflict(&elsewhere), "another instance's connector");
}

/// A job is kept until it is forgotten.
pub fn a_job_is_kept_until_it_is_forgotten(store: &dyn Store) {
    let world = World::new(store);
    let save = |state| {
        world.commit(vec![Change::Admin(AdminChange::SaveJob("reapply".to_owned(), state))]);
        instance(&world, &InstanceQuestion::Job("reapply".to_owned()))
    };
    for state in [Some(json!({ "done": 1 })), Some(json!({ "done": 2 })), None] {
        assert_eq!(save(state.clone()), InstanceAnswer::Job(state));
    }
}

/// A person who was deleted in one instance is no tombstone in another, a manager there is none here, and mappings, objects,
/// jobs, held changes, events, numbers and reports are each instance's own.
pub fn what_an_instance_keeps_no_other_sees(store: &dyn Store) {
    let world = World::new(store);
    let elsewhere = world.from_elsewhere();
    let boss = reporting(&world, "boss", None);
    let mut new = managed(&world, &json!({ "userName": "gone", "externalId": "E7" }));
    new.content.reports_to = Some("boss".to_owned());
    let gone = new.key.clone();
    world.commit(vec![Change::Create(new)]);
    let since = world.now();
    let about = LogResource::new("User", gone.id, None);
    let set = world.change_set(world.scope, vec![delete(&gone)]);
    let log = vec![LogRecord::new(Action::Deleted, LogStatus::Success, Some(about))];
    world.commit_set(ChangeSet { log, ..set });
    let connector = world.scope.connector.expect("a connector");
    let held = HeldChange {
        id: HeldChangeId::new(world.uuid()),
        key: boss.clone(),
        name: None,
        removal: Removal::Delete,
        connector,
        at: since,
        state: HeldState::Waiting,
    };
    let object = ApplicationObject { id: world.uuid(), kind: "Site".to_owned(), name: "Here".to_owned() };
    let mapping = MappingVersion { version: 1, at: since, text: "text".to_owned() };
    world.commit(vec![
        Change::Hold(held.clone()),
        Change::Admin(AdminChange::CreateObject(object)),
        Change::Admin(AdminChange::SaveMapping(mapping)),
        Change::Admin(AdminChange::SaveJob("job".to_owned(), Some(json!(1)))),
    ]);

    let user: Arc<str> = Arc::from("User");
    let external_id = "E7".to_owned();
    let name = || "boss".to_owned();
    let path = "userName";
    for (question, nothing) in [
        (Question::Count(Arc::clone(&user), Tally::Managed), Fact::Count(0)),
        (Question::Named { resource_type: Arc::clone(&user), path, key: name() }, Fact::Records(Vec::new())),
        (Question::DeletedLink { resource_type: user, external_id, since }, Fact::Deleted(None)),
        (Question::DeletedName("gone".to_owned()), Fact::Deleted(None)),
        (Question::Removals { connector, since }, Fact::Removals { suspended: 0, deleted: 0 }),
        (Question::Held(boss.id, Removal::Delete), Fact::Held(None)),
        (Question::Object { kind: "Site".to_owned(), name: "Here".to_owned() }, Fact::Object(None)),
    ] {
        assert_ne!(world.fact(question.clone()), nothing, "{question:?}");
        let asked = [question];
        let there = block_on(store.facts(&elsewhere.scope, &asked)).expect("a read");
        assert_eq!(there, [nothing], "{asked:?}");
    }
    let kind = "Site".to_owned();
    for (question, nothing) in [
        (InstanceQuestion::Mapping(None), InstanceAnswer::Mapping(None)),
        (InstanceQuestion::Mappings(9), InstanceAnswer::Mappings(Vec::new())),
        (InstanceQuestion::HeldChanges { after: None, limit: 9 }, InstanceAnswer::HeldChanges(Vec::new())),
        (InstanceQuestion::Objects { kind, after: None, limit: 9 }, InstanceAnswer::Objects(Vec::new())),
        (
            InstanceQuestion::Report { from: since, until: since.plus_millis(9999) },
            InstanceAnswer::Report(Vec::new()),
        ),
        (InstanceQuestion::Job("job".to_owned()), InstanceAnswer::Job(None)),
    ] {
        assert_ne!(instance(&world, &question), nothing, "{question:?}");
        assert_eq!(instance(&elsewhere, &question), nothing, "{question:?}");
    }
    assert!(!outbox(&world).is_empty() && outbox(&elsewhere).is_empty());
    let report = reporting(&elsewhere, "report", Some("boss"));
    assert_eq!(elsewhere.there(&report).direct_manager, None);
    let decide = Change::Admin(AdminChange::DecideHeld(held.id, HeldState::Released));
    assert!(is_conflict(&elsewhere.try_commit(vec![decide])));
    let prune = AdminChange::Prune { before: world.now().plus_millis(99_999), limit: 1000 };
    elsewhere.commit(vec![Change::Admin(prune)]);
    assert!(!outbox(&world).is_empty() && !world.journal(&world.scope).is_empty());
    let unknown = Scope { instance: scim_directory::InstanceId::new(world.uuid()), connector: None };
    let policy = block_on(store.instance(&unknown, &InstanceQuestion::Policy)).expect("a read");
    assert_eq!(policy, InstanceAnswer::Policy(None));
}

/// What each of many threads gets.
fn race<T: Send>(write: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let write = &write;
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS).map(|number| scope.spawn(move || write(number))).collect();
        writers.into_iter().map(|writer| writer.join().expect("no panic")).collect()
    })
}
