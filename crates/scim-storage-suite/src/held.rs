//! Held references: places in groups for people who are not there yet.

use pollster::block_on;
use scim_directory::{Change, EdgeOutcome, HeldReference, Key, MemberChange, Version};
use scim_storage::{Direction, EdgeQuery, HeldEdge, Store};
use serde_json::json;

use crate::world::{World, delete, held, hold, is_conflict, members};

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

/// A held reference is shown with its group's members: on their first page, and to filters.
pub fn a_held_reference_is_shown_as_a_member(store: &dyn Store) {
    let world = World::new(store);
    let (chefs, cooks, mira) = (world.group("Chefs"), world.group("Cooks"), world.person("mira"));
    let hold = |group: &Key, texts: &[(&str, Option<&str>)]| {
        let reference = |(text, kind): &(&str, Option<&str>)| HeldReference {
            reference: (*text).to_owned(),
            kind: kind.map(str::to_owned),
        };
        let Change::Members(change) = members(group, &[&mira], &[]) else { panic!("a member change") };
        Change::Members(MemberChange { hold: texts.iter().map(reference).collect(), ..change })
    };
    world.commit(vec![
        hold(&chefs, &[("b", Some("User")), ("A", None)]),
        hold(&cooks, &[("c", None), ("b", Some("Group"))]),
    ]);
    let seen = |group: &Key, reference: &str, kind: Option<&str>| HeldEdge {
        of: group.id,
        reference: reference.to_owned(),
        kind: kind.map(str::to_owned),
    };
    let mut query = EdgeQuery {
        of: vec![cooks.id, chefs.id],
        direction: Direction::Members,
        only: None,
        after: None,
        limit: 10,
    };
    let read = |query: &EdgeQuery| block_on(store.edges(&world.scope, query)).expect("a read");
    let all = [
        seen(&chefs, "A", None),
        seen(&chefs, "b", Some("User")),
        seen(&cooks, "b", Some("Group")),
        seen(&cooks, "c", None),
    ];
    let page = read(&query);
    assert_eq!((page.edges.len(), page.held), (2, all.to_vec()));
    let mut one = EdgeQuery { of: vec![chefs.id], ..query.clone() };
    let page = read(&one);
    let edge = page.edges.first().map(|edge| (edge.of, edge.other, &*edge.resource_type));
    assert_eq!((edge, page.more), (Some((chefs.id, mira.id, "User")), false));
    assert_eq!(page.held, all[..2], "of one group alone");
    one.limit = 1;
    assert_eq!(read(&one).held, all[..1]);
    query.limit = 1;
    let page = read(&query);
    assert_eq!((page.held, page.more), (all[..1].to_vec(), true), "at most as many as edges");
    query.after = page.edges.last().map(|edge| (edge.of, edge.other));
    assert_eq!(read(&query).held, [], "on the first page alone");
    let only = EdgeQuery { only: Some(vec![mira.id]), after: None, ..query.clone() };
    assert_eq!(read(&only).held, []);
    let groups = EdgeQuery { direction: Direction::Groups, after: None, ..query };
    assert_eq!(read(&groups).held, []);
    let elsewhere = EdgeQuery { only: None, direction: Direction::Members, ..only };
    assert_eq!(block_on(store.edges(&world.elsewhere, &elsewhere)).expect("a read").held, []);

    let found = |filter: &str| world.ids(&world.query(&[("Group", filter, "")]));
    assert_eq!(found(r#"members eq "B""#), [chefs.id, cooks.id]);
    assert_eq!(found(r#"members[value eq "b" and type eq "user"]"#), [chefs.id]);
    assert_eq!(found(r#"members[value eq "a" and not (type pr) and not (display pr)]"#), [chefs.id]);
    world.create("User", &json!({ "userName": "c" }));
    assert_eq!(found(r#"members.value eq "c""#), []);
    world.commit(vec![members(&chefs, &[], &[&mira]), members(&cooks, &[], &[&mira])]);
    assert_eq!(found("members pr"), [chefs.id, cooks.id]);
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

/// A group that gets the `externalId` that it waits for does not become its own member.
pub fn a_group_is_not_linked_to_itself(store: &dyn Store) {
    let world = World::new(store);
    let group = world.group("Chefs");
    world.commit(vec![hold(&group, &["own"])]);
    let update = world.update(&group, 1, &json!({ "displayName": "Chefs", "externalId": "own" }));
    let committed = world.commit(vec![update]);
    assert!(committed.effects[0].edges.is_empty());
    assert!(world.others(&group, Direction::Members).is_empty());
    assert_eq!(world.version(&group), 2);
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
