//! Records: creating, reading, updating; versions, atomicity, repetition; `externalId`.

use std::slice;
use std::sync::atomic::{AtomicI64, Ordering};

use pollster::block_on;
use scim_directory::{Change, NewRecord, Record, Version};
use scim_storage::{Store, Want};
use serde_json::json;

use crate::world::{World, delete, is_conflict, is_duplicate, members};

/// A record is read as it was created, with version 1.
pub fn what_was_created_is_read_back(store: &dyn Store) {
    let world = World::new(store);
    let new = world.new_record(
        "User",
        &json!({
            "userName": "Mira", "displayName": "Mira Okafor", "externalId": "m-1",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "manager": { "value": "someone" } }
        }),
    );
    let changes = world.change_set(world.scope, vec![Change::Create(new.clone())]);
    let at = changes.at;
    let committed = world.commit_set(changes);
    assert_eq!(committed.effects.len(), 1);
    let NewRecord { key, content, external_id, revives: _ } = new;
    let record = world.there(&key);
    assert_eq!(record.key, key);
    assert_eq!((record.version, record.membership), (Version(1), 0));
    assert_eq!((record.created, record.modified), (at, at));
    assert_eq!(record.external_id, external_id);
    assert_eq!(record.display.as_deref(), Some("Mira Okafor"));
    assert_eq!(record.manager.as_deref(), Some("someone"));
    assert_eq!(record.document, content.document);
    let effect = &committed.effects[0];
    assert_eq!((effect.version, effect.membership, effect.modified), (Some(Version(1)), 0, at));
}

/// [`Want::HEAD`] leaves the document out and nothing else; [`Want::SHOWN`] has all that clients see.
pub fn wants_select_what_is_loaded(store: &dyn Store) {
    let world = World::new(store);
    let key = world.create("User", &json!({ "userName": "mira", "externalId": "m-1" }));
    let whole = world.there(&key);
    assert!(!whole.document.is_empty());
    let head = block_on(store.get(&world.scope, &key, Want::HEAD)).expect("a read").expect("the record");
    assert!(head.document.is_empty());
    let mut expected = whole.clone();
    expected.document.clear();
    assert_eq!(head, expected);
    let mut query = world.query(&[("User", "", "")]);
    assert_eq!(world.find(&query).records, [expected]);
    query.want = Want::RECORD;
    assert_eq!(world.find(&query).records, slice::from_ref(&whole));
    query.want = Want::SHOWN;
    let facts_or_not = |record: Record| Record {
        display: whole.display.clone(),
        managed_by: whole.managed_by,
        direct_manager: whole.direct_manager,
        ..record
    };
    let shown = world.find(&query).records.into_iter().map(facts_or_not).collect::<Vec<_>>();
    assert_eq!(shown, slice::from_ref(&whole));
    let shown = block_on(store.get(&world.scope, &key, Want::SHOWN)).expect("a read").map(facts_or_not);
    assert_eq!(shown, Some(whole.clone()));
}

/// An update replaces the content, raises the version by one and moves `lastModified` alone.
pub fn an_update_replaces_everything(store: &dyn Store) {
    let world = World::new(store);
    let key = world.create("User", &json!({ "userName": "mira", "displayName": "M", "externalId": "m-1" }));
    let before = world.there(&key);
    let committed = world.commit(vec![world.update(&key, 1, &json!({ "userName": "mira.okafor" }))]);
    let after = world.there(&key);
    assert_eq!(after.version, Version(2));
    assert_eq!(after.created, before.created);
    assert!(after.modified > before.modified);
    assert_eq!(after.external_id, None);
    assert_eq!(after.display.as_deref(), Some("mira.okafor"));
    assert_eq!(after.document, world.content(&key, &json!({ "userName": "mira.okafor" })).document);
    let effect = &committed.effects[0];
    assert_eq!((effect.version, effect.modified), (Some(after.version), after.modified));
    assert_eq!(world.ids(&world.query(&[("User", r#"userName eq "mira""#, "")])), []);
    assert_eq!(world.ids(&world.query(&[("User", r#"userName eq "mira.okafor""#, "")])), [key.id]);
}

/// An update that was decided on another version does nothing.
pub fn a_stale_update_is_a_conflict(store: &dyn Store) {
    let world = World::new(store);
    let key = world.person("mira");
    for expected in [0, 2] {
        let result = world.try_commit(vec![world.update(&key, expected, &json!({ "userName": "other" }))]);
        assert!(is_conflict(&result), "{result:?}");
    }
    world.commit(vec![world.update(&key, 1, &json!({ "userName": "mira", "title": "a" }))]);
    let result = world.try_commit(vec![world.update(&key, 1, &json!({ "userName": "mira", "title": "b" }))]);
    assert!(is_conflict(&result), "{result:?}");
    let stored = world.there(&key);
    assert_eq!(stored.version, Version(2));
    assert_eq!(stored.document, world.content(&key, &json!({ "userName": "mira", "title": "a" })).document);
}

/// Threads that load, decide and update, and again on a conflict, all get their turn; none overwrites another unseen.
pub fn racing_updates_lose_nothing(store: &dyn Store) {
    const THREADS: i64 = 4;
    const EACH: i64 = 10;
    let world = World::new(store);
    let key = world.person("mira");
    let conflicts = AtomicI64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..EACH {
                    loop {
                        let version = world.version(&key);
                        // The content says how many updates there were before.
                        let body = json!({ "userName": "mira", "title": format!("after {version}") });
                        let result = world.try_commit(vec![world.update(&key, version, &body)]);
                        if result.is_ok() {
                            break;
                        }
                        assert!(is_conflict(&result), "{result:?}");
                        conflicts.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let stored = world.there(&key);
    assert_eq!(stored.version, Version(1 + THREADS * EACH), "{} conflicts", conflicts.into_inner());
    let body = json!({ "userName": "mira", "title": format!("after {}", THREADS * EACH) });
    assert_eq!(stored.document, world.content(&key, &body).document);
}

/// A change set of which one change is refused does nothing at all.
pub fn a_change_set_is_all_or_nothing(store: &dyn Store) {
    let world = World::new(store);
    let (mira, noah, group) = (world.person("mira"), world.person("noah"), world.group("Chefs"));
    let new = world.new_record("User", &json!({ "userName": "new" }));
    let fine = |world: &World<'_>| {
        vec![
            Change::Create(new.clone()),
            world.update(&mira, 1, &json!({ "userName": "mira", "title": "Chef" })),
            members(&group, &[&mira], &[]),
            delete(&noah),
        ]
    };
    let stale = world.update(&group, 7, &json!({ "displayName": "Cooks" }));
    let mut changes = fine(&world);
    changes.push(stale);
    assert!(is_conflict(&world.try_commit(changes)));
    let mut changes = fine(&world);
    changes.push(Change::Create(world.new_record("User", &json!({ "userName": "MIRA" }))));
    assert!(is_duplicate(&world.try_commit(changes), "userName"));

    assert_eq!(world.get(&new.key), None);
    assert_eq!(world.version(&mira), 1);
    assert_eq!(world.membership(&mira), 0);
    assert_eq!(world.version(&group), 1);
    assert!(world.get(&noah).is_some());
    world.commit(fine(&world));
    assert!(world.get(&new.key).is_some());
    assert_eq!((world.version(&mira), world.version(&group)), (2, 2));
    assert_eq!(world.get(&noah), None);
}

/// However often a change set changes a record, its version grows by one; a record that it creates has version 1.
pub fn a_change_set_raises_a_version_once(store: &dyn Store) {
    let world = World::new(store);
    let (group, mira, noah) = (world.group("Chefs"), world.person("mira"), world.person("noah"));
    world.commit(vec![
        world.update(&group, 1, &json!({ "displayName": "Cooks" })),
        members(&group, &[&mira], &[]),
        members(&group, &[&noah], &[]),
    ]);
    assert_eq!(world.version(&group), 2);
    world.commit(vec![
        members(&group, &[], &[&mira]),
        world.update(&group, 2, &json!({ "displayName": "C" })),
    ]);
    assert_eq!(world.version(&group), 3);
    let new = world.new_record("Group", &json!({ "displayName": "New" }));
    let key = new.key.clone();
    world.commit(vec![Change::Create(new), members(&key, &[&mira], &[])]);
    assert_eq!(world.version(&key), 1);
}

/// A change set that is committed again, because its answer was lost, is not done again.
pub fn a_repeated_change_set_returns_what_it_did(store: &dyn Store) {
    let world = World::new(store);
    let (group, mira) = (world.group("Chefs"), world.person("mira"));
    let new = world.new_record("User", &json!({ "userName": "noah" }));
    let key = new.key.clone();
    let changes = vec![
        Change::Create(new),
        members(&group, &[&mira, &key], &[]),
        world.update(&mira, 1, &json!({ "userName": "m" })),
    ];
    let changes = world.change_set(world.scope, changes);
    let first = world.commit_set(changes.clone());
    assert_eq!(world.commit_set(changes.clone()), first);
    world.commit(vec![delete(&key)]);
    assert_eq!(world.commit_set(changes), first);
    assert_eq!(world.get(&key), None);
    assert_eq!(world.version(&mira), 2);
    let refused = world.change_set(world.scope, vec![world.update(&mira, 9, &json!({ "userName": "x" }))]);
    assert!(is_conflict(&block_on(store.commit(refused.clone()))));
    assert!(is_conflict(&block_on(store.commit(refused))), "what was refused is not taken for done");
}

/// Each connector has its own `externalId` for a resource, sees it alone, and need not be alone in it.
pub fn external_ids_belong_to_connectors(store: &dyn Store) {
    let world = World::new(store);
    let key = world.create("User", &json!({ "userName": "mira", "externalId": "one" }));
    let update = world.update(&key, 1, &json!({ "userName": "mira", "externalId": "Two" }));
    world.commit_in(world.other_connector, vec![update]);
    let mut nobody = world.scope;
    nobody.connector = None;
    let seen = |scope| world.get_in(scope, &key).and_then(|record| record.external_id);
    assert_eq!(seen(&world.scope).as_deref(), Some("one"));
    assert_eq!(seen(&world.other_connector).as_deref(), Some("Two"));
    assert_eq!(seen(&nobody), None);
    world.commit_in(
        nobody,
        vec![world.update(&key, 2, &json!({ "userName": "mira", "externalId": "three" }))],
    );
    assert_eq!(seen(&world.scope).as_deref(), Some("one"), "a change without connector leaves it alone");
    let same = world.create("User", &json!({ "userName": "noah", "externalId": "one" }));
    let query = world.query(&[("User", r#"externalId eq "one""#, "")]);
    assert_eq!(world.ids(&query), [key.id, same.id]);
    for unseen in ["Two", "ONE", "three"] {
        assert_eq!(world.ids(&world.query(&[("User", &format!("externalId eq \"{unseen}\""), "")])), []);
    }
    world.commit(vec![world.update(&key, 3, &json!({ "userName": "mira" }))]);
    assert_eq!(seen(&world.scope), None);
    assert_eq!(seen(&world.other_connector).as_deref(), Some("Two"));
}

/// Reading what is not there gives `None`; changing it is a conflict; another resource type's key names nothing.
pub fn a_missing_record_is_none_or_a_conflict(store: &dyn Store) {
    let world = World::new(store);
    let mira = world.person("mira");
    let mut as_group = world.key("Group");
    as_group.id = mira.id;
    for key in [world.key("User"), world.key("Group")] {
        assert_eq!(world.get(&key), None);
        assert!(is_conflict(&world.try_commit(vec![delete(&key)])));
        assert!(is_conflict(&world.try_commit(vec![members(&key, &[&mira], &[])])));
        let update = world.update(&key, 1, &json!({ "userName": "x", "displayName": "x" }));
        assert!(is_conflict(&world.try_commit(vec![update])));
    }
    assert_eq!(world.get(&as_group), None);
    assert!(is_conflict(&world.try_commit(vec![delete(&as_group)])));
    assert!(is_conflict(&world.try_commit(vec![world.update(&as_group, 1, &json!({ "displayName": "x" }))])));
    assert_eq!(world.version(&mira), 1);
    let again = NewRecord {
        key: mira.clone(),
        content: world.content(&mira, &json!({ "userName": "again" })),
        external_id: None,
        revives: false,
    };
    assert!(world.try_commit(vec![Change::Create(again)]).is_err(), "an id that is there");
    assert_eq!(world.there(&mira).display.as_deref(), Some("mira"));
}
