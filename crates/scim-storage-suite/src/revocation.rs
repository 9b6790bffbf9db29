//! What keys hold back under any race: writes after a revocation, a third live key, a stranger's pepper.

use std::sync::atomic::{AtomicBool, Ordering};

use pollster::block_on;
use scim_directory::{
    Action, AdminChange, Change, ChangeSet, Condition, KeyChange, KeyId, KeyRecord, KeyTerms, LogRecord,
    LogStatus, Position, Revocation,
};
use scim_storage::{CommitError, PeppersKnown, ServerAnswer, ServerQuestion, Store};
use serde_json::json;

use crate::keyring::{Keyring, RACERS, at, mac, race, won};
use crate::world::{World, is_conflict, log, members};

/// A condition on a key holds while it is there, not revoked, and of that generation.
pub fn a_condition_names_a_key_and_its_generation(store: &dyn Store) {
    let world = World::new(store);
    let ring = Keyring::new(&world);
    let key = ring.issue(KeyTerms::default());
    let check = |id: KeyId, generation: i64, expected: bool| {
        let set = world.change_set(world.scope, Vec::new());
        let conditions = vec![Condition::Key(id, generation)];
        let result = block_on(store.commit(ChangeSet { conditions, ..set }));
        assert_eq!(result.is_ok(), expected, "{generation}: {result:?}");
        assert!(expected || is_conflict(&result), "{generation}: {result:?}");
    };
    check(key.id, 1, true);
    check(key.id, 2, false);
    check(KeyId::new(world.uuid()), 1, false);
    ring.must(KeyChange::SetTerms(key.id, KeyTerms { expires: Some(at(1)), ..KeyTerms::default() }));
    check(key.id, 1, false);
    check(key.id, 2, true);
    ring.must(KeyChange::Revoke(key.id, Revocation::ByHand));
    check(key.id, 2, false);
    check(key.id, 3, false);
}

/// While many write with a key, it is revoked: whatever is committed stands before the revocation in the log, and nothing
/// is committed that was asked for after the revocation was answered.
pub fn nothing_is_committed_after_a_revocation(store: &dyn Store) {
    let world = World::new(store);
    let ring = Keyring::new(&world);
    let key = ring.issue(KeyTerms::default());
    let group = world.group("everybody");
    let people: Vec<_> = (0..RACERS).map(|number| world.person(&format!("person {number}"))).collect();
    let revoked = AtomicBool::new(false);
    let write = |number: usize, round: usize| {
        let (change, about) = if round.is_multiple_of(2) {
            let new = world.new_record("User", &json!({ "userName": format!("new {number} {round}") }));
            let about = log(Action::Created, &new.key, Vec::new());
            (Change::Create(new), about)
        } else {
            let person = &people[number];
            let (add, remove): (&[_], &[_]) =
                if round % 4 == 1 { (&[person], &[]) } else { (&[], &[person]) };
            (members(&group, add, remove), log(Action::Updated, &group, Vec::new()))
        };
        let set = world.change_set(world.scope, vec![change]);
        let conditions = vec![Condition::Key(key.id, 1)];
        block_on(store.commit(ChangeSet { conditions, log: vec![about], ..set }))
    };
    let revoke = || {
        let mut positions: Vec<Position> =
            (0..RACERS).map(|round| write(0, round).expect("committed").position).collect();
        let change = AdminChange::Key(KeyChange::Revoke(key.id, Revocation::ByHand));
        let set = world.change_set(world.scope, vec![Change::Admin(change)]);
        let told = LogRecord::new(Action::Updated, LogStatus::Success, None);
        let committed = block_on(store.commit(ChangeSet { log: vec![told], ..set })).expect("revoked");
        revoked.store(true, Ordering::Release);
        positions.push(committed.position);
        positions
    };
    let results: Vec<Vec<Position>> = race(|number| {
        if number == 0 {
            return revoke();
        }
        let mut positions = Vec::new();
        for round in 0.. {
            let too_late = revoked.load(Ordering::Acquire);
            match write(number, round) {
                Ok(committed) => {
                    assert!(!too_late, "committed after the revocation was answered");
                    positions.push(committed.position);
                }
                Err(CommitError::Conflict) => break,
                Err(other) => panic!("{other:?}"),
            }
        }
        positions
    });
    let end = results[0].last().expect("a revocation");
    let later = results.iter().flatten().filter(|position| *position > end).count();
    assert_eq!(later, 0, "something stands behind the revocation");
    for number in 1..RACERS {
        assert!(is_conflict(&write(number, 1)), "{number}");
    }
}

/// Of many who would issue a key for the same integration user and connector, two do; who is not live makes room.
pub fn never_more_than_two_keys_are_live(store: &dyn Store) {
    let world = World::new(store);
    let ring = Keyring::new(&world);
    let limit = |ring: &Keyring<'_, '_>| Condition::LiveKeys {
        connector: ring.connector.id,
        user: ring.user,
        below: 2,
    };
    let issue = |ring: &Keyring<'_, '_>, millis: i64, key: KeyRecord| {
        ring.change_if(at(millis), vec![limit(ring)], KeyChange::Issue(Box::new(key)))
    };
    let results = race(|_| issue(&ring, 1, ring.make(KeyTerms::default())));
    assert_eq!(won(&results), 2);
    let live = ring.live(at(1));
    assert_eq!(live.len(), 2);
    let until = |millis| ring.make(KeyTerms { expires: Some(at(millis)), ..KeyTerms::default() });
    // Revoked, past its overlap, past its expiry.
    ring.must(KeyChange::Revoke(live[0], Revocation::ByHand));
    issue(&ring, 10, until(500)).expect("one was revoked");
    ring.must_at(at(20), KeyChange::Retire(live[1], at(300)));
    assert!(is_conflict(&issue(&ring, 299, until(500))));
    issue(&ring, 300, until(600)).expect("one has retired");
    assert!(is_conflict(&issue(&ring, 499, until(999))));
    issue(&ring, 500, until(999)).expect("one has expired");
    assert!(is_conflict(&issue(&ring, 501, until(999))));
    // Other users and other connectors have their own.
    let user = world.integration_user(ring.scope.instance, "another");
    let other = ring.of(user);
    issue(&other, 501, other.make(KeyTerms::default())).expect("another user's first");
}

fn peppers(store: &dyn Store, held: &[u8]) -> PeppersKnown {
    let question = ServerQuestion::Peppers(held.iter().map(|id| [*id; 16]).collect());
    match block_on(store.server(&question)).expect("a read") {
        ServerAnswer::Peppers(known) => known,
        other => panic!("{other:?}"),
    }
}

/// The first node's pepper is kept; a node with an unknown one is a stranger, unless it holds a known one besides.
pub fn a_pepper_is_brought_by_who_knows_another(store: &dyn Store) {
    let check = |held: &[u8], expected: bool| {
        let known = peppers(store, held);
        assert_eq!((known.accepted, known.strangers), (expected, 0), "{held:?}");
        assert!(!known.fresh, "{held:?}");
    };
    for _ in 0..2 {
        let none = PeppersKnown { accepted: false, fresh: true, strangers: 0 };
        assert_eq!(peppers(store, &[]), none, "asking brings none");
    }
    check(&[1], true);
    check(&[1], true);
    check(&[2], false);
    check(&[2, 3], false);
    check(&[2, 1], true);
    check(&[2], true);
    check(&[4, 3, 2], true);
    check(&[3], false);
    check(&[4], true);
    check(&[], false);
}

/// Of several nodes that meet an empty store with peppers of their own, one is at home.
pub fn an_empty_store_takes_one_pepper(store: &dyn Store) {
    let results = race(|number| peppers(store, &[u8::try_from(number).expect("a few") + 1]).accepted);
    assert_eq!(results.iter().filter(|accepted| **accepted).count(), 1, "{results:?}");
}

/// Keys whose hash no pepper of the node makes are counted, of every instance, but for revoked ones and passwords.
pub fn keys_by_strange_peppers_are_counted(store: &dyn Store) {
    let world = World::new(store);
    let ring = Keyring::new(&world);
    let elsewhere = world.from_elsewhere();
    let there = Keyring::new(&elsewhere);
    let keys = [ring.issue(KeyTerms::default()), ring.issue_until(at(0)), there.issue(KeyTerms::default())];
    let password = scim_directory::KeptSecret::Password("$argon2id$".to_owned());
    ring.must(KeyChange::Rehash(ring.issue(KeyTerms::default()).id, password));
    let strangers = |held: &[u8]| peppers(store, held).strangers;
    assert_eq!(strangers(&[1]), 0);
    assert_eq!(strangers(&[2]), 3);
    assert_eq!(strangers(&[2, 1]), 0);
    assert_eq!(strangers(&[]), 3);
    ring.must(KeyChange::Rehash(keys[0].id, mac(2)));
    assert_eq!((strangers(&[2]), strangers(&[1])), (2, 1));
    ring.must(KeyChange::Revoke(keys[1].id, Revocation::ByHand));
    assert_eq!((strangers(&[2]), strangers(&[3])), (1, 2));
}
