//! Deletion: what goes with a record, and what stays.

use scim_directory::{Change, Fact, Question, Target, Version};
use scim_storage::{Direction, Store};
use serde_json::json;

use crate::world::{World, delete, is_conflict};

/// A deleted person is in no group any more, and each of those groups changed.
pub fn a_deleted_person_leaves_every_group(store: &dyn Store) {
    let world = World::new(store);
    let (one, two, three) = (world.group("one"), world.group("two"), world.group("three"));
    let (a, b) = (world.person("a"), world.person("b"));
    for group in [&one, &two] {
        world.edit_members(group, &[&a, &b], &[]);
    }
    let before = [&one, &two, &three].map(|key| world.there(key));
    let committed = world.commit(vec![delete(&a)]);
    assert_eq!(committed.effects[0].version, None);
    assert_eq!(world.get(&a), None);
    assert_eq!(world.others(&a, Direction::Groups), []);
    for (key, before) in [&one, &two].into_iter().zip(&before) {
        let after = world.there(key);
        assert_eq!(world.others(key, Direction::Members), [b.id]);
        assert_eq!(after.version.0, before.version.0 + 1);
        assert!(after.modified > before.modified);
    }
    assert_eq!(world.there(&three), before[2], "a group without that person stays as it is");
    assert_eq!(world.ids(&world.query(&[("User", "", "")])), [b.id]);
}

/// A deleted group's members stay, and their membership counters tell.
pub fn a_deleted_group_lets_its_members_go(store: &dyn Store) {
    let world = World::new(store);
    let group = world.group("Chefs");
    let people: Vec<_> = (0..5).map(|number| world.person(&format!("p{number}"))).collect();
    let outsider = world.person("outsider");
    world.edit_members(&group, &people.iter().collect::<Vec<_>>(), &[]);
    let before: Vec<_> = people.iter().map(|key| world.there(key)).collect();
    world.commit(vec![delete(&group)]);
    assert_eq!(world.others(&group, Direction::Members), []);
    for (key, before) in people.iter().zip(before) {
        let after = world.there(key);
        assert_eq!(world.others(key, Direction::Groups), []);
        assert!(after.membership > before.membership);
        assert_eq!((after.version, after.modified), (before.version, before.modified));
    }
    assert_eq!(world.membership(&outsider), 0);
}

/// The unique keys and the `externalId`s of a deleted record are free; its id is known as deleted.
pub fn a_deleted_name_is_free(store: &dyn Store) {
    let world = World::new(store);
    let body = json!({ "userName": "mira", "externalId": "m-1" });
    let first = world.create("User", &body);
    let changes = world.change_set(world.scope, vec![delete(&first)]);
    let at = changes.at;
    world.commit_set(changes);
    let target = |reference: &str| world.fact(Question::Target(reference.to_owned()));
    assert_eq!(target(&first.id.to_string()), Fact::Target(Target::Deleted { at }));
    assert_eq!(target("m-1"), Fact::Target(Target::Unknown));
    assert_eq!(target("mira"), Fact::Target(Target::Unknown));
    let second = world.create("User", &body);
    assert_ne!(first, second);
    assert_eq!(target("m-1"), Fact::Target(Target::Live(second.clone())));
    assert_eq!(target("MIRA"), Fact::Target(Target::Live(second)));
    assert_eq!(world.get(&first), None);
}

/// `If-Match` on a deletion.
pub fn a_version_can_be_demanded(store: &dyn Store) {
    let world = World::new(store);
    let mira = world.person("mira");
    let demand = |expected| Change::Delete { key: mira.clone(), expected: Some(Version(expected)) };
    assert!(is_conflict(&world.try_commit(vec![demand(2)])));
    assert!(world.get(&mira).is_some());
    world.commit(vec![demand(1)]);
    assert_eq!(world.get(&mira), None);
    assert!(is_conflict(&world.try_commit(vec![demand(1)])));
    assert!(is_conflict(&world.try_commit(vec![delete(&mira)])));
}
