//! Reading edges.

use pollster::block_on;
use scim_directory::{Key, ResourceId};
use scim_storage::{Direction, Edge, EdgePage, EdgeQuery, Store};
use serde_json::json;

use crate::world::{World, members};

fn read(world: &World<'_>, query: &EdgeQuery) -> EdgePage {
    block_on(world.store.edges(&world.scope, query)).expect("a read")
}

fn walk(world: &World<'_>, mut query: EdgeQuery) -> Vec<(ResourceId, ResourceId)> {
    let mut all = Vec::new();
    loop {
        let page = read(world, &query);
        assert!(page.edges.len() <= query.limit);
        all.extend(page.edges.iter().map(|edge| (edge.of, edge.other)));
        if !page.more {
            return all;
        }
        query.after = all.last().copied();
    }
}

fn query(of: &[&Key], direction: Direction, limit: usize) -> EdgeQuery {
    EdgeQuery { of: of.iter().map(|key| key.id).collect(), direction, only: None, after: None, limit }
}

/// Members come in the order of their ids, in pages.
pub fn pages_in_order(store: &dyn Store) {
    let world = World::new(store);
    let people: Vec<_> = (0..9).map(|number| world.person(&format!("p{number}"))).collect();
    let group = world.group("Chefs");
    // Added the other way round, so that the order is not that of their coming.
    for person in people.iter().rev() {
        world.edit_members(&group, &[person], &[]);
    }
    let expected: Vec<_> = people.iter().map(|key| (group.id, key.id)).collect();
    for limit in [1, 2, 4, 9, 10] {
        assert_eq!(walk(&world, query(&[&group], Direction::Members, limit)), expected);
    }
    assert!(!read(&world, &query(&[&group], Direction::Members, 9)).more);
    assert!(read(&world, &query(&[&group], Direction::Members, 8)).more);
    // A member that left between two pages is a position still.
    let mut after = query(&[&group], Direction::Members, 2);
    after.after = Some((group.id, people[3].id));
    world.edit_members(&group, &[], &[&people[3]]);
    let page = read(&world, &after);
    assert_eq!(page.edges.iter().map(|edge| edge.other).collect::<Vec<_>>(), [people[4].id, people[5].id]);
}

/// `only` asks about some other ends: which of these are members?
pub fn only_some_of_them(store: &dyn Store) {
    let world = World::new(store);
    let people: Vec<_> = (0..6).map(|number| world.person(&format!("p{number}"))).collect();
    let group = world.group("Chefs");
    world.edit_members(&group, &[&people[0], &people[2], &people[4], &people[5]], &[]);
    let mut asked = query(&[&group], Direction::Members, 10);
    asked.only = Some(vec![people[4].id, people[1].id, people[2].id, world.key("User").id]);
    assert_eq!(walk(&world, asked.clone()), [(group.id, people[2].id), (group.id, people[4].id)]);
    asked.limit = 1;
    let page = read(&world, &asked);
    assert_eq!((page.edges.len(), page.more), (1, true));
    assert_eq!(walk(&world, asked.clone()).len(), 2);
    asked.only = Some(Vec::new());
    assert_eq!(read(&world, &asked), EdgePage::default());
    let mut reverse = query(&[&people[2], &people[1]], Direction::Groups, 10);
    reverse.only = Some(vec![group.id]);
    assert_eq!(walk(&world, reverse), [(people[2].id, group.id)]);
}

/// One read answers for several resources, in the order of (`of`, `other`), whatever the order of the question.
pub fn several_resources_at_once(store: &dyn Store) {
    let world = World::new(store);
    let (one, two, three) = (world.group("one"), world.group("two"), world.group("three"));
    let people: Vec<_> = (0..4).map(|number| world.person(&format!("p{number}"))).collect();
    world.commit(vec![
        members(&two, &[&people[3], &people[0]], &[]),
        members(&one, &[&people[1], &people[0]], &[]),
    ]);
    let expected = [(&one, 0), (&one, 1), (&two, 0), (&two, 3)].map(|(group, at)| (group.id, people[at].id));
    for limit in [1, 2, 3, 10] {
        assert_eq!(walk(&world, query(&[&three, &two, &one], Direction::Members, limit)), expected);
    }
    let everybody: Vec<_> = people.iter().rev().collect();
    let expected = [(0, &one), (0, &two), (1, &one), (3, &two)].map(|(at, group)| (people[at].id, group.id));
    for limit in [1, 3, 10] {
        assert_eq!(walk(&world, query(&everybody, Direction::Groups, limit)), expected);
    }
    assert_eq!(read(&world, &query(&[], Direction::Members, 10)), EdgePage::default());
    assert_eq!(read(&world, &query(&[&world.key("Group")], Direction::Members, 10)), EdgePage::default());
}

/// An edge carries the other end's type and name, as they are now.
pub fn they_show_the_other_end(store: &dyn Store) {
    let world = World::new(store);
    let group = world.group("Chefs");
    let mira = world.create("User", &json!({ "userName": "mira", "displayName": "Mira O" }));
    let inner = world.group("Cooks");
    let device = world.create("Device", &json!({ "label": "d" }));
    world.edit_members(&group, &[&mira, &inner, &device], &[]);
    let edge = |of: &Key, other: &Key, display: Option<&str>| Edge {
        of: of.id,
        other: other.id,
        resource_type: other.resource_type.clone(),
        display: display.map(Into::into),
    };
    assert_eq!(
        world.edges(&world.scope, &group, Direction::Members),
        [
            edge(&group, &mira, Some("Mira O")),
            edge(&group, &inner, Some("Cooks")),
            edge(&group, &device, None)
        ]
    );
    let counter = world.membership(&inner);
    world.commit(vec![
        world.update(&mira, 1, &json!({ "userName": "mira.okafor" })),
        world.update(&group, 2, &json!({ "displayName": "Brigade" })),
    ]);
    assert_eq!(
        world.edges(&world.scope, &group, Direction::Members)[0],
        edge(&group, &mira, Some("mira.okafor"))
    );
    assert_eq!(world.edges(&world.scope, &inner, Direction::Groups), [edge(&inner, &group, Some("Brigade"))]);
    assert_eq!(world.membership(&inner), counter, "renaming a group touches no member");
}
