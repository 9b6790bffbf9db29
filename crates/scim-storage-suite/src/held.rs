//! Held references: places in groups for people who are not there yet.

use scim_directory::{Change, EdgeOutcome, Key, MemberChange, Version};
use scim_storage::{Direction, Store};
use serde_json::json;

use crate::world::{World, delete, held, hold, is_conflict};

/// Creates a person through the first connector; whether that linked it into the group.
fn linked(world: &World<'_>, group: &Key, body: &serde_json::Value) -> bool {
    let new = world.new_record("User", body);
    let key = new.key.clone();
    let before = world.version(group);
    let committed = world.commit(vec![Change::Create(new)]);
    let effect = &committed.effects[0];
    let is_member = world.others(group, Direction::Members).contains(&key.id);
    if is_member {
        assert_eq!(effect.edges.len(), 1);
        let edge = &effect.edges[0];
        assert_eq!((edge.group, edge.member, edge.outcome), (group.id, key.id, EdgeOutcome::Added));
        assert_eq!(world.version(group), before + 1);
    } else {
        assert!(effect.edges.is_empty());
        assert_eq!(world.version(group), before);
    }
    let record = world.there(&key);
    assert_eq!((effect.version, effect.membership), (Some(Version(1)), record.membership));
    assert_eq!(record.membership > 0, is_member);
    is_member
}

/// A person who arrives with the `externalId` that a group was waiting for is in it, once.
pub fn a_held_reference_is_linked_by_external_id(store: &dyn Store) {
    let world = World::new(store);
    let group = world.group("Chefs");
    world.commit(vec![hold(&group, &["m-1"])]);
    assert_eq!(world.version(&group), 1, "a held reference is no member");
    assert!(!linked(&world, &group, &json!({ "userName": "x", "externalId": "M-1" })), "externalId is exact");
    assert!(linked(&world, &group, &json!({ "userName": "mira", "externalId": "m-1" })));
    assert!(!linked(&world, &group, &json!({ "userName": "y", "externalId": "m-1" })), "only the first");
}

/// A user name links as user names compare.
pub fn a_held_reference_is_linked_by_user_name(store: &dyn Store) {
    let world = World::new(store);
    let group = world.group("Chefs");
    world.commit(vec![hold(&group, &["Mira@Contoso.example", "other"])]);
    assert!(linked(&world, &group, &json!({ "userName": "mira@contoso.EXAMPLE" })));
    assert!(!linked(&world, &group, &json!({ "userName": "somebody", "displayName": "other" })));
}

/// Somebody who is there and gets that `externalId` or name is linked as well; so are several groups at once.
pub fn a_held_reference_is_linked_by_an_update(store: &dyn Store) {
    let world = World::new(store);
    let (one, two, person) = (world.group("one"), world.group("two"), world.person("p"));
    world.commit(vec![hold(&one, &["m-1"]), hold(&two, &["m-1", "mira"])]);
    let update = world.update(&person, 1, &json!({ "userName": "Mira", "externalId": "m-1" }));
    let committed = world.commit(vec![update]);
    let mut groups: Vec<_> = committed.effects[0].edges.iter().map(|edge| edge.group).collect();
    groups.sort();
    assert_eq!(groups, [one.id, two.id]);
    assert_eq!(committed.effects[0].membership, world.membership(&person));
    assert_eq!(world.others(&person, Direction::Groups), [one.id, two.id]);
    assert_eq!((world.version(&person), world.version(&one), world.version(&two)), (2, 2, 2));
}

/// An `externalId` counts at the connector that held the reference.
pub fn an_external_id_of_another_connector_does_not_link(store: &dyn Store) {
    let world = World::new(store);
    let group = world.group("Chefs");
    world.commit_in(world.other_connector, vec![hold(&group, &["m-1"])]);
    assert!(!linked(&world, &group, &json!({ "userName": "x", "externalId": "m-1" })));
    let key =
        world.create_in(world.other_connector, "User", &json!({ "userName": "y", "externalId": "m-1" }));
    assert_eq!(world.others(&group, Direction::Members), [key.id]);
    world.create_in(world.elsewhere, "User", &json!({ "userName": "z", "externalId": "m-1" }));
    assert_eq!(world.others(&group, Direction::Members), [key.id]);
}

/// Whoever arrived since the decision has to be seen: it is made again. So has whoever was deleted.
pub fn holding_who_is_there_is_a_conflict(store: &dyn Store) {
    let world = World::new(store);
    let group = world.group("Chefs");
    let mira = world.create("User", &json!({ "userName": "mira", "externalId": "m-1" }));
    let gone = world.person("gone");
    world.commit(vec![delete(&gone)]);
    for reference in ["m-1", "MIRA", &mira.id.to_string(), &gone.id.to_string()] {
        assert!(is_conflict(&world.try_commit(vec![hold(&group, &[reference])])), "{reference}");
    }
    world.commit_in(world.other_connector, vec![hold(&group, &["m-1"])]);
}

/// References can be given up one by one, or all at once before new ones are held.
pub fn a_released_reference_is_forgotten(store: &dyn Store) {
    let world = World::new(store);
    let group = world.group("Chefs");
    let change = |hold: &[&str], release: &[&str], release_all| {
        Change::Members(MemberChange {
            group: group.clone(),
            expected: None,
            add: Vec::new(),
            remove: Vec::new(),
            hold: held(hold),
            release: release.iter().map(|reference| (*reference).to_owned()).collect(),
            release_all,
        })
    };
    world.commit(vec![change(&["a", "b", "c"], &[], false)]);
    world.commit(vec![change(&[], &["a", "nobody"], false)]);
    assert!(!linked(&world, &group, &json!({ "userName": "a" })));
    assert!(linked(&world, &group, &json!({ "userName": "b" })));
    world.commit(vec![change(&["d"], &[], true)]);
    assert!(!linked(&world, &group, &json!({ "userName": "c" })));
    assert!(linked(&world, &group, &json!({ "userName": "d" })));
}

/// What a deleted group held goes with it.
pub fn a_deleted_group_holds_nothing(store: &dyn Store) {
    let world = World::new(store);
    let (group, other) = (world.group("Chefs"), world.group("Other"));
    world.commit(vec![hold(&group, &["mira"])]);
    world.commit(vec![delete(&group)]);
    assert!(!linked(&world, &other, &json!({ "userName": "mira" })));
}
