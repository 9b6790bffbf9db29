//! Member changes: they commute, and tell what really happened.

use pollster::block_on;
use scim_directory::{Change, EdgeOutcome, MemberChange, Version};
use scim_storage::{Direction, Store};
use serde_json::json;

use crate::world::{World, delete, is_conflict, members};

/// Edges are there once and both ways, and each outcome is told.
pub fn adding_and_removing_says_what_happened(store: &dyn Store) {
    let world = World::new(store);
    let (group, a, b) = (world.group("Chefs"), world.person("a"), world.person("b"));
    let before = world.there(&group);
    let committed = world.commit(vec![members(&group, &[&a, &b], &[])]);
    let effect = &committed.effects[0];
    assert_eq!(
        effect.edges.iter().map(|edge| (edge.group, edge.member, edge.outcome)).collect::<Vec<_>>(),
        [(group.id, a.id, EdgeOutcome::Added), (group.id, b.id, EdgeOutcome::Added)]
    );
    let after = world.there(&group);
    assert_eq!((after.version, effect.version), (Version(2), Some(Version(2))));
    assert!(after.modified > before.modified);
    assert_eq!(effect.modified, after.modified);
    assert_eq!(world.others(&group, Direction::Members), [a.id, b.id]);
    assert_eq!(world.others(&a, Direction::Groups), [group.id]);
    assert_eq!((world.version(&a), world.version(&b)), (1, 1), "a member's own version stays");
    assert!(world.membership(&a) > 0 && world.membership(&b) > 0);

    let counter = world.membership(&a);
    assert_eq!(world.edit_members(&group, &[], &[&a]), [EdgeOutcome::Removed]);
    assert_eq!(world.version(&group), 3);
    assert!(world.membership(&a) > counter);
    assert_eq!(world.others(&group, Direction::Members), [b.id]);
    assert_eq!(world.others(&a, Direction::Groups), []);
}

/// Adding who is there and removing who is not changes no version, time stamp or counter.
pub fn what_is_there_already_changes_nothing(store: &dyn Store) {
    let world = World::new(store);
    let (group, a, b) = (world.group("Chefs"), world.person("a"), world.person("b"));
    world.edit_members(&group, &[&a], &[]);
    let before = (world.there(&group), world.there(&a), world.there(&b));
    let committed = world.commit(vec![members(&group, &[&a], &[&b])]);
    let outcomes: Vec<_> = committed.effects[0].edges.iter().map(|edge| edge.outcome).collect();
    assert_eq!(outcomes, [EdgeOutcome::Unchanged, EdgeOutcome::Unchanged]);
    assert_eq!(committed.effects[0].version, Some(before.0.version));
    assert_eq!((world.there(&group), world.there(&a), world.there(&b)), before);
}

/// Parallel edits of one group never conflict; the group's version counts the change sets that changed an edge.
pub fn parallel_edits_of_one_group_all_count(store: &dyn Store) {
    const THREADS: usize = 4;
    const EACH: usize = 8;
    let world = World::new(store);
    let group = world.group("Chefs");
    let people: Vec<_> = (0..THREADS * EACH).map(|number| world.person(&format!("p{number}"))).collect();
    let everybody: Vec<_> = people.iter().collect();
    // The even ones are in, and leave; the odd ones join. Two threads do the same thing each time.
    let (leaving, joining): (Vec<_>, Vec<_>) =
        everybody.iter().enumerate().partition(|(number, _)| number % 2 == 0);
    let leaving: Vec<_> = leaving.into_iter().map(|(_, key)| *key).collect();
    let joining: Vec<_> = joining.into_iter().map(|(_, key)| *key).collect();
    world.edit_members(&group, &leaving, &[]);
    let changed = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|number| {
                let (world, group, joining, leaving) = (&world, &group, &joining, &leaving);
                scope.spawn(move || {
                    let edit = |key: &&scim_directory::Key, add: bool| {
                        let outcome = match add {
                            true => world.edit_members(group, &[key], &[]),
                            false => world.edit_members(group, &[], &[key]),
                        };
                        i64::from(outcome != [EdgeOutcome::Unchanged])
                    };
                    let keys = if number % 2 == 0 { joining } else { leaving };
                    keys.iter().map(|key| edit(key, number % 2 == 0)).sum::<i64>()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).sum::<i64>()
    });
    let mut expected: Vec<_> = joining.iter().map(|key| key.id).collect();
    expected.sort();
    assert_eq!(world.others(&group, Direction::Members), expected);
    assert_eq!(changed, i64::try_from(everybody.len()).expect("few"), "each edge changed once");
    assert_eq!(world.version(&group), 2 + changed);
}

/// Who was deleted since the decision is not added, and that is not an error.
pub fn a_member_deleted_meanwhile_is_gone(store: &dyn Store) {
    let world = World::new(store);
    let (group, a, b) = (world.group("Chefs"), world.person("a"), world.person("b"));
    world.commit(vec![delete(&a)]);
    assert_eq!(world.edit_members(&group, &[&a], &[]), [EdgeOutcome::Gone]);
    assert_eq!(world.version(&group), 1);
    assert_eq!(world.edit_members(&group, &[&a, &b], &[]), [EdgeOutcome::Gone, EdgeOutcome::Added]);
    assert_eq!(world.others(&group, Direction::Members), [b.id]);
    assert_eq!(world.edit_members(&group, &[], &[&a]), [EdgeOutcome::Unchanged]);
}

/// Whichever of an add and a delete comes first, no edge points at nobody.
pub fn racing_adds_and_deletes_leave_no_dangling_edge(store: &dyn Store) {
    let world = World::new(store);
    let group = world.group("Chefs");
    for number in 0..10 {
        let person = world.person(&format!("p{number}"));
        std::thread::scope(|scope| {
            scope.spawn(|| world.edit_members(&group, &[&person], &[]));
            scope.spawn(|| world.commit(vec![delete(&person)]));
        });
        assert_eq!(world.others(&group, Direction::Members), []);
        assert_eq!(world.others(&person, Direction::Groups), []);
    }
}

/// `If-Match` puts the version back in.
pub fn a_version_can_be_demanded(store: &dyn Store) {
    let world = World::new(store);
    let (group, a) = (world.group("Chefs"), world.person("a"));
    let demand = |expected| {
        let Change::Members(change) = members(&group, &[&a], &[]) else { panic!("a member change") };
        Change::Members(MemberChange { expected: Some(Version(expected)), ..change })
    };
    assert!(is_conflict(&world.try_commit(vec![demand(2)])));
    assert_eq!(world.others(&group, Direction::Members), []);
    world.commit(vec![demand(1)]);
    assert!(is_conflict(&world.try_commit(vec![demand(1)])), "also where nothing would change");
    assert_eq!(world.version(&group), 2);
}

/// Groups can be in groups.
pub fn groups_are_members_too(store: &dyn Store) {
    let world = World::new(store);
    let (outer, inner, a) = (world.group("Outer"), world.group("Inner"), world.person("a"));
    world.commit(vec![members(&outer, &[&inner, &a], &[])]);
    assert_eq!(world.others(&outer, Direction::Members), [inner.id, a.id]);
    assert_eq!(world.others(&inner, Direction::Groups), [outer.id]);
    assert_eq!((world.version(&inner), world.version(&outer)), (1, 2));
    world.commit(vec![delete(&inner)]);
    assert_eq!(world.others(&outer, Direction::Members), [a.id]);
}

/// A group and its members, some of them new as well, are created at once.
pub fn a_create_with_its_members_is_one_commit(store: &dyn Store) {
    let world = World::new(store);
    let a = world.person("a");
    let person = world.new_record("User", &json!({ "userName": "b" }));
    let group = world.new_record("Group", &json!({ "displayName": "Chefs" }));
    let (b, group_key) = (person.key.clone(), group.key.clone());
    let changes = vec![Change::Create(group), Change::Create(person), members(&group_key, &[&a, &b], &[])];
    let committed = block_on(store.commit(world.change_set(world.scope, changes))).expect("committed");
    assert_eq!(committed.effects.len(), 3);
    assert_eq!(world.others(&group_key, Direction::Members), [a.id, b.id]);
    assert!(world.membership(&b) > 0);
}
