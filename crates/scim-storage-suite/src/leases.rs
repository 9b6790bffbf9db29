//! Leases: which of several nodes does what one is to do for all.

use pollster::block_on;
use scim_core::instant::Timestamp;
use scim_directory::{AdminChange, Change, ChangeSet, Committed, Lease, LeaseChange, NodeId, Scope};
use scim_storage::{CommitError, ServerAnswer, ServerQuestion, Store};

use crate::keyring::{RACERS, at, race, won};
use crate::world::{World, is_conflict};

const NAME: &str = "jobs";

fn attempt(
    world: &World<'_>,
    scope: Scope,
    at: Timestamp,
    change: LeaseChange,
) -> Result<Committed, CommitError> {
    let set = world.change_set(scope, vec![Change::Admin(AdminChange::Lease(change))]);
    block_on(world.store.commit(ChangeSet { at, ..set }))
}

fn hold(
    world: &World<'_>,
    millis: i64,
    holder: NodeId,
    expected: Option<i64>,
) -> Result<Committed, CommitError> {
    let change = LeaseChange::Hold { name: NAME.to_owned(), holder, expected };
    attempt(world, Scope::SERVER, at(millis), change)
}

fn give_up(world: &World<'_>, millis: i64, holder: NodeId) {
    let change = LeaseChange::GiveUp { name: NAME.to_owned(), holder };
    attempt(world, Scope::SERVER, at(millis), change).expect("given up");
}

#[track_caller]
fn check(world: &World<'_>, holder: Option<NodeId>, turn: i64, millis: i64) {
    let expected = Lease { name: NAME.to_owned(), holder, turn, at: at(millis) };
    assert_eq!(leases(world), [expected]);
}

fn leases(world: &World<'_>) -> Vec<Lease> {
    match world.server(&ServerQuestion::Leases) {
        ServerAnswer::Leases(leases) => leases,
        other => panic!("{other:?}"),
    }
}

/// A lease is taken, renewed, given up and taken by another; it is refused to whoever does not know its turn.
pub fn a_lease_is_held_by_one(store: &dyn Store) {
    let world = World::new(store);
    let (first, second) = (NodeId::new(world.uuid()), NodeId::new(world.uuid()));
    assert_eq!(leases(&world), []);
    give_up(&world, 0, first);
    assert_eq!(leases(&world), [], "what nobody held is not given up");
    assert!(is_conflict(&hold(&world, 1, first, Some(0))), "nobody held it yet");
    hold(&world, 1, first, None).expect("taken");
    check(&world, Some(first), 1, 1);
    for expected in [None, Some(0), Some(2)] {
        for node in [first, second] {
            assert!(is_conflict(&hold(&world, 2, node, expected)), "{expected:?}");
        }
    }
    check(&world, Some(first), 1, 1);
    hold(&world, 3, first, Some(1)).expect("renewed");
    check(&world, Some(first), 2, 3);
    give_up(&world, 4, second);
    check(&world, Some(first), 2, 3);
    give_up(&world, 5, first);
    check(&world, None, 3, 5);
    give_up(&world, 6, first);
    check(&world, None, 3, 5);
    assert!(is_conflict(&hold(&world, 7, second, None)), "it has a turn");
    hold(&world, 7, second, Some(3)).expect("taken");
    check(&world, Some(second), 4, 7);
}

/// Whoever died holds it no longer: who knows its turn takes it, and the one before cannot renew it.
pub fn a_lease_is_taken_from_who_died(store: &dyn Store) {
    let world = World::new(store);
    let (first, second) = (NodeId::new(world.uuid()), NodeId::new(world.uuid()));
    hold(&world, 1, first, None).expect("taken");
    hold(&world, 2, second, Some(1)).expect("taken over");
    check(&world, Some(second), 2, 2);
    assert!(is_conflict(&hold(&world, 3, first, Some(1))), "it was taken over");
    give_up(&world, 4, first);
    check(&world, Some(second), 2, 2);
}

/// A clock that goes back changes nothing: a turn never falls, and the time is that of the last change.
pub fn leases_know_no_clock(store: &dyn Store) {
    let world = World::new(store);
    let (first, second) = (NodeId::new(world.uuid()), NodeId::new(world.uuid()));
    hold(&world, 3_600_000, first, None).expect("taken");
    hold(&world, 0, first, Some(1)).expect("renewed an hour earlier");
    check(&world, Some(first), 2, 0);
    assert!(is_conflict(&hold(&world, 7_200_000, second, Some(1))), "late is not enough");
    hold(&world, -1, second, Some(2)).expect("taken over");
    check(&world, Some(second), 3, -1);
}

/// Of many who take it at the same turn, one does.
pub fn racing_nodes_have_one_winner(store: &dyn Store) {
    let world = World::new(store);
    let nodes: Vec<NodeId> = (0..RACERS).map(|_| NodeId::new(world.uuid())).collect();
    for expected in [None, Some(1), Some(2)] {
        let results = race(|number| hold(&world, 1, nodes[number], expected));
        assert_eq!(won(&results), 1);
        let turn = expected.unwrap_or_default() + 1;
        let winner = results.iter().position(Result::is_ok).map(|number| nodes[number]);
        check(&world, winner, turn, 1);
    }
}

/// A repeated change set, whose answer was lost, takes it once.
pub fn a_repeated_change_set_takes_it_once(store: &dyn Store) {
    let world = World::new(store);
    let holder = NodeId::new(world.uuid());
    let change = LeaseChange::Hold { name: NAME.to_owned(), holder, expected: None };
    let set = world.change_set(Scope::SERVER, vec![Change::Admin(AdminChange::Lease(change))]);
    let set = ChangeSet { at: at(1), ..set };
    let first = world.commit_set(set.clone());
    assert_eq!(world.commit_set(set), first);
    check(&world, Some(holder), 1, 1);
}

/// Leases come by name, each on its own; an instance has none.
pub fn leases_are_the_servers_alone(store: &dyn Store) {
    let world = World::new(store);
    let holder = NodeId::new(world.uuid());
    let take = |name: &str| LeaseChange::Hold { name: name.to_owned(), holder, expected: None };
    for name in ["second", "first", "Third"] {
        attempt(&world, Scope::SERVER, at(1), take(name)).expect("taken");
    }
    let names: Vec<_> = leases(&world).into_iter().map(|lease| lease.name).collect();
    assert_eq!(names, ["Third", "first", "second"]);
    let give_up = LeaseChange::GiveUp { name: "first".to_owned(), holder };
    for change in [take("fourth"), give_up] {
        assert!(is_conflict(&attempt(&world, world.scope, at(1), change)));
    }
    assert!(leases(&world).iter().all(|lease| lease.turn == 1));
    assert_eq!(leases(&world).len(), 3);
}
