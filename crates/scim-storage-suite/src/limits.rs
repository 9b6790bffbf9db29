//! Numbers that nobody may exceed and decisions that nothing old may follow, on two nodes.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use pollster::block_on;
use scim_directory::{
    AccountState, Action, AdminChange, AdminKeyId, AnswerChange, Change, ChangeSet, Committed, Condition,
    Fact, HeldChange, HeldChangeId, HeldState, InstanceSettings, Key, KeyChange, KeyTerms, MappingVersion,
    Question, Removal, RequestMark, Revocation, Tally, Version,
};
use scim_storage::{CommitError, InstanceAnswer, InstanceQuestion, ServerAnswer, ServerQuestion, Store};
use serde_json::json;

use crate::keyring::{Keyring, at, won};
use crate::meeting::{CROWD, decided, meet, nodes, noted};
use crate::people::{account, managed, reporting};
use crate::world::{World, delete, is_conflict, is_duplicate, log};

fn commit_if(
    world: &World<'_>,
    condition: Condition,
    changes: Vec<Change>,
) -> Result<Committed, CommitError> {
    let set = world.change_set(world.scope, changes);
    block_on(world.store.commit(ChangeSet { conditions: vec![condition], ..set }))
}

fn policy(world: &World<'_>) -> (i64, Option<i64>) {
    match block_on(world.store.instance(&world.scope, &InstanceQuestion::Policy)).expect("a read") {
        InstanceAnswer::Policy(Some(policy)) => {
            (policy.instance.generation, policy.mapping.map(|mapping| mapping.version))
        }
        other => panic!("{other:?}"),
    }
}

/// While many come, are suspended and come back, there are never more active ones than seats, as any node sees it; and
/// every seat can be taken.
pub fn seats_are_never_exceeded(here: &dyn Store, there: &dyn Store) {
    const SEATS: u64 = 3;
    let worlds = nodes(here, there);
    let seats = || Condition::Seats { resource_type: Arc::from("User"), at_most: SEATS };
    let active = |world: &World<'_>| match world.fact(Question::Count(Arc::from("User"), Tally::Active)) {
        Fact::Count(count) => count,
        other => panic!("{other:?}"),
    };
    let refused = AtomicU64::new(0);
    meet(&worlds, CROWD, |world, number| {
        let body = json!({ "userName": format!("person {number}") });
        let mut new = managed(world, &body);
        new.content = account(world, new.content, AccountState::Suspended);
        let key = new.key.clone();
        world.commit(vec![Change::Create(new)]);
        let mut version = 1;
        for _ in 0..6 {
            let mut enter = |state| {
                let content = account(world, world.content(&key, &body), state);
                let expected = Version(version);
                let change = Change::Update { key: key.clone(), expected, content, external_id: None };
                let result = commit_if(world, seats(), vec![change]);
                version += i64::from(result.is_ok());
                result
            };
            match enter(AccountState::Active) {
                Ok(_) => {
                    assert!(active(world) <= SEATS, "more than there are seats");
                    enter(AccountState::Suspended).expect("a seat is given up");
                }
                Err(CommitError::NoSeat { seats: SEATS }) => {
                    refused.fetch_add(1, Ordering::Relaxed);
                }
                Err(other) => panic!("{other:?}"),
            }
        }
    });
    assert_eq!(active(&worlds[1]), 0, "{refused:?} were refused");
    let results = meet(&worlds, CROWD, |world, number| {
        let new = managed(world, &json!({ "userName": format!("last {number}") }));
        commit_if(world, seats(), vec![Change::Create(new)])
    });
    let refused = |result: &&Result<_, _>| matches!(result, Err(CommitError::NoSeat { .. }));
    assert_eq!(results.iter().filter(refused).count(), CROWD - 3, "{results:?}");
    assert_eq!((active(&worlds[0]), active(&worlds[1])), (SEATS, SEATS));
}

/// However many delete people at once, no more are deleted than the guard lets.
pub fn removals_stay_below_the_limit(here: &dyn Store, there: &dyn Store) {
    const EACH: usize = 2;
    const BELOW: u64 = 5;
    let worlds = nodes(here, there);
    let people: Vec<Key> =
        (0..CROWD * EACH).map(|number| reporting(&worlds[0], &format!("p {number}"), None)).collect();
    let since = worlds[0].now();
    let done = meet(&worlds, CROWD, |world, number| {
        let remove = |key: &Key| {
            let set = world.change_set(world.scope, vec![delete(key)]);
            let log = vec![log(Action::Deleted, key, Vec::new())];
            let conditions = vec![Condition::Removals { since, below: BELOW }];
            let result = block_on(world.store.commit(ChangeSet { conditions, log, ..set }));
            assert!(result.is_ok() || is_conflict(&result), "{result:?}");
            u64::from(result.is_ok())
        };
        people.iter().skip(number * EACH).take(EACH).map(remove).sum::<u64>()
    });
    assert_eq!(done.into_iter().sum::<u64>(), BELOW);
    let connector = worlds[1].scope.connector.expect("a connector");
    let counted = worlds[1].fact(Question::Removals { connector, since });
    assert_eq!(counted, Fact::Removals { suspended: 0, deleted: BELOW });
}

/// However many issue keys and revoke them at once, never are more of them live than the condition lets.
pub fn live_keys_stay_below_the_limit(here: &dyn Store, there: &dyn Store) {
    let worlds = nodes(here, there);
    let first = Keyring::new(&worlds[0]);
    let issue = |ring: &Keyring<'_, '_>| {
        let key = ring.make(KeyTerms::default());
        let (connector, user) = (ring.connector.id, ring.user);
        let limit = Condition::LiveKeys { connector, user, below: 2 };
        let id = key.id;
        (id, ring.change_if(at(1), vec![limit], KeyChange::Issue(Box::new(key))))
    };
    meet(&worlds, CROWD, |world, _| {
        let ring = first.at(world);
        for _ in 0..4 {
            let (id, result) = issue(&ring);
            assert!(ring.live(at(1)).len() <= 2, "a third key is live");
            match result {
                Ok(_) => ring.must(KeyChange::Revoke(id, Revocation::ByHand)),
                Err(CommitError::Conflict) => {}
                Err(other) => panic!("{other:?}"),
            }
        }
    });
    let results = meet(&worlds, CROWD, |world, _| issue(&first.at(world)).1);
    assert_eq!(won(&results), 2);
    assert_eq!(first.at(&worlds[1]).live(at(1)).len(), 2);
}

/// While many commit on a condition that names a generation, it is made a later one: nothing is committed that was decided
/// by the earlier one once the later one was acknowledged, and nothing of it stands behind it in the log.
fn outdated(
    worlds: &[World<'_>; 2],
    condition: impl Fn(i64) -> Condition + Sync,
    generation: impl Fn(&World<'_>) -> i64 + Sync,
    raise: impl Fn(&World<'_>) -> Change + Sync,
) {
    const ROUNDS: i64 = 4;
    let start = generation(&worlds[0]);
    let acknowledged = AtomicI64::new(start);
    let last = start + ROUNDS;
    let about = worlds[0].person(&format!("about {}", worlds[0].uuid()));
    meet(worlds, CROWD, |world, number| {
        let set = |changes, generation: i64| {
            let set = world.change_set(world.scope, changes);
            let log = vec![noted(log(Action::Updated, &about, Vec::new()), &generation)];
            ChangeSet { log, ..set }
        };
        if number == 0 {
            for next in start + 1..=last {
                // Others are at work by then.
                for _ in 0..2 {
                    world.commit_set(set(Vec::new(), next - 1));
                }
                world.commit_set(set(vec![raise(world)], next));
                acknowledged.store(next, Ordering::SeqCst);
            }
            return;
        }
        let mut decided_by = start;
        while decided_by < last {
            let known = acknowledged.load(Ordering::SeqCst);
            let set = set(Vec::new(), decided_by);
            let set = ChangeSet { conditions: vec![condition(decided_by)], ..set };
            match block_on(world.store.commit(set)) {
                Ok(_) => assert!(known <= decided_by, "{known} was acknowledged before, not {decided_by}"),
                Err(CommitError::Conflict) => decided_by = generation(world).max(known),
                Err(other) => panic!("{other:?}"),
            }
        }
    });
    let generations: Vec<i64> = worlds[1]
        .journal(&worlds[1].scope)
        .into_iter()
        .filter(|entry| entry.record.resource.as_ref().is_some_and(|of| of.id == about.id.to_string()))
        .filter_map(|entry| entry.record.notes.first()?.parse().ok())
        .collect();
    assert!(generations.is_sorted(), "{generations:?}");
}

/// Nothing that was decided by old settings, or an old mapping, is committed after the new ones were acknowledged.
pub fn nothing_old_is_committed_after_a_new_generation(here: &dyn Store, there: &dyn Store) {
    let worlds = nodes(here, there);
    let generation = |world: &World<'_>| policy(world).0;
    outdated(&worlds, Condition::Generation, generation, |_| {
        let settings = InstanceSettings { seats: Some(9), ..InstanceSettings::default() };
        Change::Admin(AdminChange::UpdateInstanceSettings(settings))
    });
    outdated(&worlds, Condition::Generation, generation, |world| {
        let version = policy(world).1.unwrap_or_default() + 1;
        let text = format!("mapping {version}");
        Change::Admin(AdminChange::SaveMapping(MappingVersion { version, at: world.now(), text }))
    });
}

/// Nothing is committed with a key after other terms of it, or its revocation, were acknowledged by another node.
pub fn nothing_is_committed_after_a_key_was_revoked_elsewhere(here: &dyn Store, there: &dyn Store) {
    let worlds = nodes(here, there);
    let ring = Keyring::new(&worlds[0]);
    let key = ring.issue(KeyTerms::default());
    let read = |world: &World<'_>| match world.server(&ServerQuestion::Key(key.id)) {
        ServerAnswer::Key(Some(context)) => context.key,
        other => panic!("{other:?}"),
    };
    outdated(
        &worlds,
        |generation| Condition::Key(key.id, generation),
        |world| read(world).generation,
        |world| {
            let expires = Some(at(1_000_000 + read(world).generation));
            let terms = KeyTerms { expires, ..KeyTerms::default() };
            Change::Admin(AdminChange::Key(KeyChange::SetTerms(key.id, terms)))
        },
    );
    let generation = read(&worlds[1]).generation;
    let write = |world| commit_if(world, Condition::Key(key.id, generation), Vec::new());
    write(&worlds[1]).expect("the key is in force");
    ring.must(KeyChange::Revoke(key.id, Revocation::ByHand));
    assert!(is_conflict(&write(&worlds[1])), "it was revoked on the other node");
}

/// Many who save the next version of the mapping get one number each.
pub fn versions_of_the_mapping_come_one_after_the_other(here: &dyn Store, there: &dyn Store) {
    const EACH: usize = 3;
    let worlds = nodes(here, there);
    meet(&worlds, CROWD, |world, number| {
        for step in 0..EACH {
            decided(|| {
                let version = policy(world).1.unwrap_or_default() + 1;
                let text = format!("by {number}, {step}");
                let mapping = MappingVersion { version, at: world.now(), text };
                world.try_commit(vec![Change::Admin(AdminChange::SaveMapping(mapping))])
            });
        }
    });
    let total = i64::try_from(CROWD * EACH).expect("a number");
    assert_eq!(policy(&worlds[1]), (1 + total, Some(total)));
    let asked = InstanceQuestion::Mappings(100);
    let saved = block_on(worlds[1].store.instance(&worlds[1].scope, &asked)).expect("a read");
    let InstanceAnswer::Mappings(saved) = saved else { panic!("{saved:?}") };
    let versions: Vec<i64> = saved.iter().map(|mapping| mapping.version).collect();
    assert_eq!(versions, (1..=total).rev().collect::<Vec<_>>());
}

/// A change that the guard held back is listed once, and done once when it is released.
pub fn a_held_change_is_released_once(here: &dyn Store, there: &dyn Store) {
    let worlds = nodes(here, there);
    for round in 0..4 {
        let key = reporting(&worlds[0], &format!("p {round}"), None);
        meet(&worlds, CROWD, |world, _| {
            let held = HeldChange {
                id: HeldChangeId::new(world.uuid()),
                key: key.clone(),
                name: None,
                removal: Removal::Delete,
                connector: world.scope.connector.expect("a connector"),
                at: world.now(),
                state: HeldState::Waiting,
            };
            world.commit(vec![Change::Hold(held)]);
        });
        let asked = InstanceQuestion::HeldChanges { after: None, limit: 100 };
        let listed = block_on(worlds[1].store.instance(&worlds[1].scope, &asked)).expect("a read");
        let InstanceAnswer::HeldChanges(listed) = listed else { panic!("{listed:?}") };
        let [held] = listed.as_slice() else { panic!("listed once, not {listed:?}") };
        let id = held.id;
        worlds[1].commit(vec![Change::Admin(AdminChange::DecideHeld(id, HeldState::Released))]);
        let results =
            meet(&worlds, CROWD, |world, _| world.try_commit(vec![Change::Unhold(id), delete(&key)]));
        assert_eq!(won(&results), 1);
    }
}

/// Of many retries of one request, sent to several nodes at once, one is begun.
pub fn a_request_is_begun_once_among_nodes(here: &dyn Store, there: &dyn Store) {
    let worlds = nodes(here, there);
    for round in 0..5 {
        let mark = RequestMark { caller: AdminKeyId::new(worlds[0].uuid()), key: [round; 32] };
        let results = meet(&worlds, CROWD, |world, _| {
            let begin = AdminChange::Answer(AnswerChange::Begin(mark, [7; 32]));
            world.try_commit(vec![Change::Admin(begin)])
        });
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
        let others = results.iter().filter(|result| is_duplicate(result, "idempotency_key")).count();
        assert_eq!(others, CROWD - 1, "{results:?}");
    }
}
