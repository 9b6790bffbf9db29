//! The log: in the same commit, in commit order, of what really happened.

use std::collections::BTreeSet;

use pollster::block_on;
use scim_directory::{
    Action, Actor, AdminKeyId, AttributeChange, Change, IntegrationUserId, Key, KeyId, LogRecord, Position,
};
use scim_storage::{JournalPage, JournalQuery, Store};
use serde_json::{Value, json};

use crate::world::{World, delete, hold, is_conflict, log, members};

fn read(world: &World<'_>, after: Option<Position>, limit: usize) -> JournalPage {
    block_on(world.store.journal(&world.scope, &JournalQuery { after, limit, ..JournalQuery::default() }))
        .expect("a read")
}

fn edges(group: &Key, action: Action, added: &[&Key], removed: &[&Key]) -> LogRecord {
    let ids = |keys: &[&Key]| keys.iter().map(|key| key.id.to_string()).collect();
    let change =
        AttributeChange::Edges { attribute: "members".to_owned(), added: ids(added), removed: ids(removed) };
    log(action, group, vec![change])
}

/// Records come in the order of their commits, then of their change set, and can be followed.
pub fn pages_in_commit_order(store: &dyn Store) {
    let world = World::new(store);
    assert_eq!(read(&world, None, 10), JournalPage::default());
    let mut expected = Vec::new();
    for number in 0..4 {
        let new = world.new_record("User", &json!({ "userName": format!("p{number}") }));
        let records = [Action::Created, Action::Updated].map(|action| log(action, &new.key, Vec::new()));
        let mut changes = world.change_set(world.scope, vec![Change::Create(new)]);
        changes.log = records.to_vec();
        expected.extend(records);
        let committed = world.commit_set(changes);
        let last = read(&world, None, 100).entries.last().map(|entry| entry.position);
        assert_eq!(last, Some(committed.position), "a commit's position is that of its last record");
        assert_eq!(read(&world, Some(committed.position), 100), JournalPage::default());
    }
    for limit in [1, 3, 8, 9] {
        let mut all = Vec::new();
        loop {
            let page =
                read(&world, all.last().map(|entry: &scim_storage::JournalEntry| entry.position), limit);
            assert!(page.entries.len() <= limit);
            all.extend(page.entries);
            if !page.more {
                break;
            }
        }
        assert!(all.windows(2).all(|pair| pair[0].position < pair[1].position));
        assert_eq!(all.into_iter().map(|entry| entry.record).collect::<Vec<_>>(), expected);
    }
}

/// Each record is kept whole, with the change set's actor, time and request.
pub fn it_tells_who_when_and_why(store: &dyn Store) {
    let world = World::new(store);
    let mira = world.person("mira");
    let value = AttributeChange::Value {
        attribute: "title".to_owned(),
        old: Value::Null,
        new: json!({ "any": ["JSON", 1.5, "\u{1e}\"\\🦉"] }),
    };
    let update = world.update(&mira, 1, &json!({ "userName": "mira", "title": "x" }));
    let mut changes = world.change_set(world.scope, vec![update]);
    changes.actor = Actor {
        connector: world.scope.connector,
        key: Some(KeyId::new(world.uuid())),
        user: Some(IntegrationUserId::new(world.uuid())),
        admin: Some(AdminKeyId::new(world.uuid())),
    };
    changes.log = vec![log(Action::Updated, &mira, vec![value])];
    let nobody = LogRecord { resource: None, ..log(Action::KeyIssued, &mira, Vec::new()) };
    changes.log.push(nobody);
    world.commit_set(changes.clone());
    let entries = read(&world, None, 10).entries;
    assert_eq!(entries.len(), 2);
    for (entry, record) in entries.into_iter().zip(changes.log) {
        assert_eq!(entry.record, record);
        assert_eq!(entry.actor, changes.actor);
        assert_eq!((entry.at, entry.request_id.as_str()), (changes.at, changes.request_id.as_str()));
    }
}

/// A refused or repeated commit writes nothing; one without changes writes its records.
pub fn it_is_written_with_the_change_or_not_at_all(store: &dyn Store) {
    let world = World::new(store);
    let mira = world.person("mira");
    let stale = world.update(&mira, 5, &json!({ "userName": "mira" }));
    let mut changes = world.change_set(world.scope, vec![stale]);
    changes.log = vec![log(Action::Updated, &mira, Vec::new())];
    assert!(is_conflict(&block_on(store.commit(changes.clone()))));
    assert_eq!(read(&world, None, 10).entries, []);
    changes.changes.clear();
    changes.id = scim_directory::ChangeSetId::new(world.uuid());
    let first = world.commit_set(changes.clone());
    assert_eq!(world.commit_set(changes), first);
    assert_eq!(read(&world, None, 10).entries.len(), 1);
}

/// Of edge differences only those that happened are logged; a record that had others keeps those; a linked reference
/// is logged by the store itself.
pub fn only_edges_that_changed_are_logged(store: &dyn Store) {
    let world = World::new(store);
    let (group, other) = (world.group("Chefs"), world.group("Other"));
    let [a, b, c, d] = ["a", "b", "c", "d"].map(|name| world.person(name));
    world.edit_members(&group, &[&a, &c], &[]);
    world.commit(vec![delete(&d)]);
    let value =
        AttributeChange::Value { attribute: "displayName".to_owned(), old: Value::Null, new: json!("x") };
    let mut mixed = edges(&group, Action::Updated, &[&a], &[&b]);
    mixed.changes.insert(0, value.clone());
    let mut changes = world.change_set(world.scope, vec![members(&group, &[&a, &b, &d], &[&c, &d])]);
    changes.log = vec![
        edges(&group, Action::MemberAdded, &[&a, &b, &d], &[]),
        edges(&group, Action::MemberRemoved, &[], &[&c, &d]),
        edges(&group, Action::Updated, &[&a], &[&d]),
        edges(&other, Action::MemberAdded, &[&b], &[]),
        mixed,
        log(Action::ReferenceIgnored, &group, Vec::new()),
    ];
    world.commit_set(changes);
    let records: Vec<_> = read(&world, None, 10).entries.into_iter().map(|entry| entry.record).collect();
    assert_eq!(
        records,
        [
            edges(&group, Action::MemberAdded, &[&b], &[]),
            edges(&group, Action::MemberRemoved, &[], &[&c]),
            log(Action::Updated, &group, vec![value]),
            log(Action::ReferenceIgnored, &group, Vec::new()),
        ]
    );
    world.commit(vec![hold(&other, &["e"])]);
    let e = world.person("e");
    let linked = world.journal(&world.scope).pop().expect("a record").record;
    assert_eq!(linked.action, Action::ReferenceLinked);
    assert_eq!(linked.resource.map(|resource| resource.id), Some(other.id.to_string()));
    assert_eq!(linked.changes, edges(&other, Action::ReferenceLinked, &[&e], &[]).changes);
}

/// A reader that follows the log while others commit misses nothing and sees nothing twice.
pub fn positions_grow_under_parallel_commits(store: &dyn Store) {
    const THREADS: usize = 4;
    const EACH: usize = 15;
    let world = World::new(store);
    let seen = std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..EACH {
                    let key = world.key("User");
                    let mut changes = world.change_set(world.scope, Vec::new());
                    changes.log = vec![log(Action::Created, &key, Vec::new()); 2];
                    world.commit_set(changes);
                }
            });
        }
        let mut seen: Vec<scim_storage::JournalEntry> = Vec::new();
        while seen.len() < THREADS * EACH * 2 {
            let page = read(&world, seen.last().map(|entry| entry.position), 7);
            seen.extend(page.entries);
        }
        seen
    });
    assert!(seen.windows(2).all(|pair| pair[0].position < pair[1].position));
    assert_eq!(seen, world.journal(&world.scope));
    let distinct: BTreeSet<_> = seen.iter().map(|entry| entry.request_id.as_str()).collect();
    assert_eq!(distinct.len(), THREADS * EACH);
    assert!(
        seen.chunks(2).all(|pair| pair[0].request_id == pair[1].request_id),
        "a commit's records are together"
    );
}
