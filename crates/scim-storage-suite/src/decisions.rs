//! What decisions are made on: conditions, claims, tombstones, tallies, the list of held changes, the policy.

use std::sync::Arc;

use crate::people::{account, full, managed};
use crate::world::{World, delete, is_conflict, is_duplicate};
use pollster::block_on;
use scim_core::instant::Timestamp;
use scim_directory::{
    AccountState, Action, AdminChange, ApplicationObject, Change, ChangeSet, Committed, Condition, Connector,
    Fact, HeldChange, HeldChangeId, HeldState, InstanceSettings, IntegrationUser, IntegrationUserId, Key,
    LogRecord, LogResource, LogStatus, MappingVersion, Question, Removal, Tally, Version,
};
use scim_storage::{
    CommitError, InstanceAnswer, InstanceQuestion, PolicySource, ServerAnswer, ServerQuestion, Store, Want,
};
use serde_json::json;

fn user() -> Arc<str> {
    Arc::from("User")
}

fn commit_if(
    world: &World<'_>,
    condition: Condition,
    changes: Vec<Change>,
) -> Result<Committed, CommitError> {
    let set = world.change_set(world.scope, changes);
    block_on(world.store.commit(ChangeSet { conditions: vec![condition], ..set }))
}

fn instance(world: &World<'_>, question: &InstanceQuestion) -> InstanceAnswer {
    block_on(world.store.instance(&world.scope, question)).expect("a read")
}

fn policy(world: &World<'_>) -> PolicySource {
    match instance(world, &InstanceQuestion::Policy) {
        InstanceAnswer::Policy(Some(policy)) => *policy,
        other => panic!("{other:?}"),
    }
}

fn suspend(world: &World<'_>, key: &Key, version: i64, name: &str) -> Change {
    let content = account(world, world.content(key, &json!({ "userName": name })), AccountState::Suspended);
    Change::Update { key: key.clone(), expected: Version(version), content, external_id: None }
}

fn create(world: &World<'_>, body: &serde_json::Value) -> Key {
    let new = managed(world, body);
    let key = new.key.clone();
    world.commit(vec![Change::Create(new)]);
    key
}

/// An account comes back as it was written, and only where it is wanted; who manages it always does.
pub fn an_account_is_loaded_only_where_it_is_wanted(store: &dyn Store) {
    let world = World::new(store);
    let key = create(&world, &json!({ "userName": "mira" }));
    let record = full(&world, &key);
    assert_eq!(record.managed_by, world.scope.connector);
    assert_eq!(record.account.expect("an account").field("UserName"), Some("mira"));
    assert_eq!(world.there(&key).account, None);
    for (want, account, document) in [
        (Want::FULL, true, true),
        (Want::HEAD, false, false),
        (Want { account: true, ..Want::HEAD }, true, false),
    ] {
        let mut query = world.query(&[("User", r#"userName eq "mira""#, "")]);
        query.want = want;
        let page = world.find(&query);
        let found = page.records.first().expect("found");
        assert_eq!((found.account.is_some(), !found.document.is_empty()), (account, document));
        assert_eq!(found.managed_by, world.scope.connector);
    }
}

/// Settings, mapping and integration users move the generation, jobs do not; versions of the mapping come one after
fn suspended(world: &World<'_>, id: IntegrationUserId) -> IntegrationUser {
    let ServerAnswer::Users(users) = world.server(&ServerQuestion::Users(world.scope.instance)) else {
        panic!()
    };
    let user = users.into_iter().find(|user| user.id == id).expect("the user");
    IntegrationUser { suspended: true, ..user }
}

fn same_connector(world: &World<'_>) -> Connector {
    let id = world.scope.connector.expect("a connector");
    match world.server(&ServerQuestion::Connector(world.scope.instance, id)) {
        ServerAnswer::Connector(Some(connector)) => connector,
        other => panic!("{other:?}"),
    }
}

/// the other.
pub fn generations_grow_with_what_decisions_are_made_by(store: &dyn Store) {
    let world = World::new(store);
    assert_eq!(policy(&world).instance.generation, 1);
    let settings = InstanceSettings { seats: Some(3), ..InstanceSettings::default() };
    let mapping = |version| MappingVersion { version, at: world.now(), text: format!("text {version}") };
    for (expected, change) in [
        (2, AdminChange::UpdateInstanceSettings(settings)),
        (3, AdminChange::SaveMapping(mapping(1))),
        (4, AdminChange::SaveMapping(mapping(2))),
        (4, AdminChange::SaveJob("reapply".to_owned(), Some(json!({ "done": 1 })))),
    ] {
        world.commit(vec![Change::Admin(change)]);
        assert_eq!(policy(&world).instance.generation, expected);
    }
    let robot = world.integration_user(world.scope.instance, "robot");
    for (expected, change) in [
        (6, AdminChange::UpdateIntegrationUser(suspended(&world, robot))),
        (7, AdminChange::UpdateConnector(same_connector(&world))),
    ] {
        world.commit(vec![Change::Admin(change)]);
        assert_eq!(policy(&world).instance.generation, expected);
    }
    world.connector(world.scope.instance, "new");
    let policy = policy(&world);
    assert_eq!((policy.instance.generation, policy.instance.settings.seats), (7, Some(3)));
    assert_eq!(policy.integration_users, ["robot"]);
    assert_eq!(policy.mapping.map(|mapping| (mapping.version, mapping.text)), Some((2, "text 2".to_owned())));
    for version in [2, 4] {
        let again = world.try_commit(vec![Change::Admin(AdminChange::SaveMapping(mapping(version)))]);
        assert!(is_conflict(&again), "{version}");
    }
    let InstanceAnswer::Mappings(versions) = instance(&world, &InstanceQuestion::Mappings(10)) else {
        panic!()
    };
    let versions: Vec<_> = versions.into_iter().map(|mapping| (mapping.version, mapping.text)).collect();
    assert_eq!(versions, [(2, String::new()), (1, String::new())]);
    let job = instance(&world, &InstanceQuestion::Job("reapply".to_owned()));
    assert_eq!(job, InstanceAnswer::Job(Some(json!({ "done": 1 }))));
    assert!(is_conflict(&commit_if(&world, Condition::Generation(6), Vec::new())));
    commit_if(&world, Condition::Generation(7), Vec::new()).expect("of this generation");
}

/// The numbers of people, active ones and managed ones follow creations, suspensions and deletions; seats are held
/// against them.
pub fn tallies_follow_every_change(store: &dyn Store) {
    let world = World::new(store);
    let check = |expected: [u64; 3]| {
        let counts = [Tally::All, Tally::Active, Tally::Managed].map(|tally| {
            match world.fact(Question::Count(user(), tally)) {
                Fact::Count(count) => count,
                other => panic!("{other:?}"),
            }
        });
        assert_eq!(counts, expected);
    };
    let mira = create(&world, &json!({ "userName": "mira" }));
    world.person("nobody manages");
    check([2, 1, 1]);
    world.commit(vec![suspend(&world, &mira, 1, "mira")]);
    check([2, 0, 1]);
    let condition = |at_most| Condition::Seats { resource_type: user(), at_most };
    let new = || Change::Create(managed(&world, &json!({ "userName": "omar" })));
    let refused = commit_if(&world, condition(0), vec![new()]);
    assert!(matches!(refused, Err(CommitError::NoSeat { seats: 0 })), "{refused:?}");
    commit_if(&world, condition(1), vec![new()]).expect("a seat");
    world.commit(vec![delete(&mira)]);
    check([2, 1, 1]);
}

/// A tombstone is found by `externalId`, connector and time, and by user name; who is revived goes on from its
/// version, and only once.
pub fn a_deleted_person_comes_back_under_the_old_id(store: &dyn Store) {
    let world = World::new(store);
    let body = json!({ "userName": "mira", "externalId": "E7" });
    let key = create(&world, &body);
    let created = world.there(&key).created;
    world.commit(vec![suspend(&world, &key, 1, "Mira")]);
    // The update took the externalId away; it comes back.
    world.commit(vec![world.update(&key, 2, &body)]);
    let at = {
        let set = world.change_set(world.scope, vec![delete(&key)]);
        let at = set.at;
        world.commit_set(set);
        at
    };
    let link = |since| Question::DeletedLink { resource_type: user(), external_id: "E7".to_owned(), since };
    let Fact::Deleted(Some(tombstone)) = world.fact(link(at)) else { panic!() };
    assert_eq!((&tombstone.key, tombstone.version, tombstone.at), (&key, Version(3), at));
    assert_eq!((tombstone.created, tombstone.display.as_deref()), (created, Some("mira")));
    assert_eq!(world.fact(link(at.plus_millis(1))), Fact::Deleted(None));
    assert_eq!(world.fact_in(&world.other_connector, link(at)), Fact::Deleted(None));
    let named = Question::DeletedName("mira".to_owned());
    assert_eq!(world.fact(named.clone()), Fact::Deleted(Some(tombstone.clone())));
    let by_id = Question::DeletedId(key.id);
    assert_eq!(world.fact(by_id.clone()), Fact::Deleted(Some(tombstone)));
    assert_eq!(world.from_elsewhere().fact(by_id.clone()), Fact::Deleted(None));

    let condition = Condition::NotDeleted { resource_type: user(), external_id: "E7".to_owned(), since: at };
    let fresh = Change::Create(world.new_record("User", &body));
    assert!(is_conflict(&commit_if(&world, condition.clone(), vec![fresh])));
    let mut again = world.new_record("User", &body);
    (again.key, again.revives) = (key.clone(), true);
    again.content = world.content(&key, &body);
    let revive = Change::Create(again);
    let committed = commit_if(&world, condition, vec![revive.clone()]).expect("revived");
    assert_eq!(committed.effects[0].version, Some(Version(4)));
    let record = world.there(&key);
    assert_eq!((record.version, record.created), (Version(4), created));
    assert_eq!(world.fact(named), Fact::Deleted(None));
    assert_eq!(world.fact(link(at)), Fact::Deleted(None));
    assert_eq!(world.fact(by_id), Fact::Deleted(None));
    world.commit(vec![delete(&key)]);
    world.commit(vec![revive.clone()]);
    assert!(is_conflict(&world.try_commit(vec![revive])));
}

/// Those deleted last come first, page by page, and each instance has its own.
pub fn deleted_resources_are_listed(store: &dyn Store) {
    let world = World::new(store);
    let start = world.now();
    let mut deleted: Vec<_> = ["a", "b", "c", "d"]
        .into_iter()
        .enumerate()
        .map(|(place, name)| {
            let key = create(&world, &json!({ "userName": name }));
            let mut set = world.change_set(world.scope, vec![delete(&key)]);
            // Two of them in the same moment.
            set.at = start.plus_millis([1000, 2000, 2000, 3000][place]);
            let at = set.at;
            world.commit_set(set);
            (at, key.id)
        })
        .collect();
    deleted.sort_by(|one, other| other.cmp(one));
    let list = |world: &World<'_>, after, limit| match instance(
        world,
        &InstanceQuestion::Deleted { after, limit },
    ) {
        InstanceAnswer::Deleted(list) => {
            list.into_iter().map(|tombstone| (tombstone.at, tombstone.key.id)).collect::<Vec<_>>()
        }
        answer => panic!("{answer:?}"),
    };
    assert_eq!(list(&world, None, 10), deleted);
    assert_eq!(list(&world, None, 2), deleted[..2]);
    assert_eq!(list(&world, Some(deleted[1]), 10), deleted[2..]);
    assert_eq!(list(&world, Some(deleted[3]), 10), []);
    assert_eq!(list(&world.from_elsewhere(), None, 10), []);
}

/// A name that an instance claimed is refused to another in any letter case, and free again after a renaming or a
/// deletion.
pub fn names_are_claimed_within_a_realm(store: &dyn Store) {
    let world = World::new(store);
    let elsewhere = world.from_elsewhere();
    let claim = |world: &World<'_>, changes: Vec<Change>| {
        let set = world.change_set(world.scope, changes);
        block_on(world.store.commit(ChangeSet { realm: Some("server".to_owned()), ..set }))
    };
    let new = |world: &World<'_>, name: &str| world.new_record("User", &json!({ "userName": name }));
    let mira = new(&world, "mira");
    let key = mira.key.clone();
    claim(&world, vec![Change::Create(mira)]).expect("claimed");
    let taken = |name: &str| {
        let result = claim(&elsewhere, vec![Change::Create(new(&elsewhere, name))]);
        matches!(result, Err(CommitError::Claimed { attribute }) if attribute == "userName")
    };
    assert!(taken("MIRA"));
    assert!(is_duplicate(&claim(&world, vec![Change::Create(new(&world, "mira"))]), "userName"));
    // Renamed without a realm: the old name is free all the same, the new one is not claimed.
    world.commit(vec![world.update(&key, 1, &json!({ "userName": "nora" }))]);
    assert!(!taken("mira"));
    claim(&world, vec![world.update(&key, 2, &json!({ "userName": "nora", "title": "x" }))])
        .expect("claimed");
    assert!(taken("nora"));
    // Changed without a realm under the same name: the claim is given up.
    world.commit(vec![world.update(&key, 3, &json!({ "userName": "nora", "title": "y" }))]);
    assert!(!taken("nora"));
    let vera = json!({ "userName": "vera" });
    claim(&world, vec![world.update(&key, 4, &vera)]).expect("claimed");
    world.commit(vec![delete(&key)]);
    assert!(!taken("vera"));
}

/// People whose suspension or deletion was carried out count, those that failed or were held do not.
pub fn removals_are_counted_by_the_log(store: &dyn Store) {
    let world = World::new(store);
    let since = world.now();
    let people = ["a", "b", "c"].map(|name| create(&world, &json!({ "userName": name })));
    let log = |key: &Key, action, status| {
        let mut set = world.change_set(world.scope, Vec::new());
        set.log = vec![LogRecord::new(action, status, Some(LogResource::new("User", key.id, None)))];
        world.commit_set(set);
    };
    log(&people[0], Action::Suspended, LogStatus::Success);
    log(&people[1], Action::Suspended, LogStatus::Failure);
    log(&people[2], Action::Suspended, LogStatus::Held);
    log(&people[1], Action::Deleted, LogStatus::Success);
    let connector = world.scope.connector.expect("a connector");
    let removals = |since| world.fact(Question::Removals { connector, since });
    assert_eq!(removals(since), Fact::Removals { suspended: 1, deleted: 1 });
    assert_eq!(removals(world.now().plus_millis(1)), Fact::Removals { suspended: 0, deleted: 0 });
    assert!(is_conflict(&commit_if(&world, Condition::Removals { since, below: 2 }, Vec::new())));
    commit_if(&world, Condition::Removals { since, below: 3 }, Vec::new()).expect("few enough");
}

/// A held change is listed once, is decided on, and is taken off the list only once released.
pub fn held_changes_wait_for_a_decision(store: &dyn Store) {
    let world = World::new(store);
    let key = create(&world, &json!({ "userName": "mira" }));
    let held = |removal| HeldChange {
        id: HeldChangeId::new(world.uuid()),
        key: key.clone(),
        name: Some("mira".to_owned()),
        removal,
        connector: world.scope.connector.expect("a connector"),
        at: Timestamp::from_unix_millis(7),
        state: HeldState::Waiting,
    };
    let (first, again, other) = (held(Removal::Delete), held(Removal::Delete), held(Removal::Suspend));
    world.commit([&first, &again, &other].map(|held| Change::Hold(held.clone())).to_vec());
    let list = |after, limit| match instance(&world, &InstanceQuestion::HeldChanges { after, limit }) {
        InstanceAnswer::HeldChanges(list) => list,
        answer => panic!("{answer:?}"),
    };
    assert_eq!(list(None, 10), [first.clone(), other.clone()]);
    assert_eq!(list(None, 1), std::slice::from_ref(&first));
    assert_eq!(list(Some(first.id), 10), [other]);
    assert!(is_conflict(&world.try_commit(vec![Change::Unhold(first.id)])), "not released");
    let decide = |id, state| Change::Admin(AdminChange::DecideHeld(id, state));
    world.commit(vec![decide(first.id, HeldState::Released)]);
    let asked = Question::Held(key.id, Removal::Delete);
    let released = HeldChange { state: HeldState::Released, ..first.clone() };
    assert_eq!(world.fact(asked.clone()), Fact::Held(Some(Box::new(released))));
    world.commit(vec![Change::Unhold(first.id)]);
    assert_eq!(world.fact(asked), Fact::Held(None));
    assert!(is_conflict(&world.try_commit(vec![decide(first.id, HeldState::Released)])));
}

/// What waits for a decision is counted by instance, the most first, and no more than was asked for.
pub fn waiting_changes_are_counted(store: &dyn Store) {
    let world = World::new(store);
    let hold = |world: &World<'_>, state| {
        let key = create(world, &json!({ "userName": world.uuid().to_string() }));
        let held = HeldChange {
            id: HeldChangeId::new(world.uuid()),
            key,
            name: None,
            removal: Removal::Delete,
            connector: world.scope.connector.expect("a connector"),
            at: Timestamp::from_unix_millis(7),
            state: HeldState::Waiting,
        };
        let id = held.id;
        world.commit(vec![Change::Hold(held)]);
        if state != HeldState::Waiting {
            world.commit(vec![Change::Admin(AdminChange::DecideHeld(id, state))]);
        }
    };
    let held = |instances, count| match world.server(&ServerQuestion::Backlog { instances, count }) {
        ServerAnswer::Backlog(backlog) => (backlog.held, backlog.held_elsewhere),
        answer => panic!("{answer:?}"),
    };
    let named = |name: &str, count| (name.to_owned(), count);
    assert_eq!(held(9, 9), (Vec::new(), 0));
    hold(&world, HeldState::Waiting);
    hold(&world, HeldState::Released);
    hold(&world, HeldState::Rejected { reason: "still needed".to_owned() });
    let elsewhere = world.from_elsewhere();
    hold(&elsewhere, HeldState::Waiting);
    hold(&elsewhere, HeldState::Waiting);
    assert_eq!(held(9, 9), (vec![named("second", 2), named("first", 1)], 0));
    assert_eq!(held(1, 9), (vec![named("second", 2)], 1));
    assert_eq!(held(9, 2), (vec![named("first", 1), named("second", 1)], 0));
}

/// An object is found in any letter case, refused twice in its kind, and listed by name.
pub fn objects_have_one_name_in_their_kind(store: &dyn Store) {
    let world = World::new(store);
    let object = |kind: &str, name: &str| ApplicationObject {
        id: world.uuid(),
        kind: kind.to_owned(),
        name: name.to_owned(),
    };
    let create = |object: &ApplicationObject| Change::Admin(AdminChange::CreateObject(object.clone()));
    let [b, a, site] = [object("JobTitle", "boss"), object("JobTitle", "Analyst"), object("Site", "Boss")];
    world.commit(vec![create(&b), create(&a), create(&site)]);
    assert!(is_duplicate(&world.try_commit(vec![create(&object("JobTitle", "BOSS"))]), "name"));
    let asked = Question::Object { kind: "JobTitle".to_owned(), name: "Boss".to_owned() };
    let Fact::Object(Some(found)) = world.fact(asked) else { panic!() };
    assert_eq!((found.id, found.name.as_str()), (b.id, "boss"));
    let list = |after: Option<&str>, limit| {
        let question =
            InstanceQuestion::Objects { kind: "JobTitle".to_owned(), after: after.map(str::to_owned), limit };
        match instance(&world, &question) {
            InstanceAnswer::Objects(objects) => objects,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(list(None, 10), [a.clone(), b.clone()]);
    assert_eq!(list(None, 1), std::slice::from_ref(&a));
    assert_eq!(list(Some("Analyst"), 10), [b]);
}

/// Of several records of a name, two are found, those that no connector manages first.
pub fn unmanaged_ones_of_a_name_come_first(store: &dyn Store) {
    let world = World::new(store);
    let mira = create(&world, &json!({ "userName": "mira", "displayName": "Same" }));
    let nora = world.create("User", &json!({ "userName": "nora", "displayName": "same" }));
    world.create("User", &json!({ "userName": "omar", "displayName": "SAME" }));
    let named = |path, key: &str| {
        let key = key.to_owned();
        match world.fact(Question::Named { resource_type: user(), path, key }) {
            Fact::Records(records) => records,
            other => panic!("{other:?}"),
        }
    };
    let found = named("userName", "mira");
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].key, mira);
    assert!(found[0].account.is_some() && !found[0].document.is_empty());
    let found = named("displayName", "same");
    assert_eq!(found.first().map(|record| &record.key), Some(&nora));
    assert_eq!(found.len(), 2);
    assert!(named("userName", "nobody").is_empty());
}

/// A name that an earlier change of the set took is free again after a later one.
pub fn changes_of_one_set_give_up_what_earlier_ones_took(store: &dyn Store) {
    let world = World::new(store);
    let new = world.new_record("User", &json!({ "userName": "first" }));
    let key = new.key.clone();
    let update = world.update(&key, 1, &json!({ "userName": "second" }));
    world.commit(vec![Change::Create(new), update]);
    let first = world.person("first");
    let update = world.update(&first, 1, &json!({ "userName": "third" }));
    world.commit(vec![update, delete(&first)]);
    assert_eq!(world.version(&key), 1);
    for (name, there) in [("first", false), ("second", true), ("third", false)] {
        let asked = Question::Named { resource_type: user(), path: "userName", key: name.to_owned() };
        let Fact::Records(found) = world.fact(asked) else { panic!() };
        assert_eq!(found.len(), usize::from(there), "{name}");
        if !there {
            world.person(name);
        }
    }
}
