//! The life of keys: what is set of them, how they are used, retire and end, and who is told.

use std::net::IpAddr;

use pollster::block_on;
use scim_core::instant::Timestamp;
use scim_directory::{
    AccessScope, AccessScopes, AdminChange, Change, ChangeSet, Condition, KeptSecret, KeyChange, KeyId,
    KeyLimits, KeyRecord, KeyTerms, KeyTouch, Networks, Rate, Retiring, Revocation,
};
use scim_storage::{ServerQuestion, Store};

use crate::keyring::{Keyring, at, contexts, ids, mac, race, won};
use crate::world::{World, is_conflict, is_duplicate};

/// A moment after everything that a behaviour does.
const LATE: i64 = 1_000_000;

fn limits() -> KeyLimits {
    let network = |text: &str| text.parse().expect("a network");
    KeyLimits {
        scopes: AccessScopes::NONE.with(AccessScope::UsersRead).with(AccessScope::Bulk),
        networks: Networks::new(vec![network("192.0.2.0/24"), network("2001:db8::/32")]),
        rate: Some(Rate { per_second: 25, burst: 50 }),
    }
}

fn touch(key: KeyId, millis: i64, address: Option<&str>) -> KeyTouch {
    let address = address.map(|text| text.parse::<IpAddr>().expect("an address"));
    KeyTouch { key, at: at(millis), address }
}

fn unknown(world: &World<'_>) -> KeyId {
    KeyId::new(world.uuid())
}

/// Whatever stands in a key's row is read back, by every question that gives keys.
pub fn a_key_is_read_back_as_it_was_issued(store: &dyn Store) {
    let world = World::new(store);
    let ring = Keyring::new(&world);
    let terms = KeyTerms { not_before: Some(at(7)), expires: Some(at(LATE)), limits: limits() };
    let plain = ring.issue(KeyTerms::default());
    let whole = KeyRecord {
        generation: 4,
        first_used: Some(at(1)),
        first_written: Some(at(2)),
        last_used: Some(at(3)),
        last_address: Some("2001:db8::1".parse().expect("an address")),
        retiring: Some(Retiring { since: at(4), until: at(LATE) }),
        reminded: Some(30),
        ..ring.make(terms)
    };
    ring.must(KeyChange::Issue(Box::new(whole.clone())));
    let ended = KeyRecord { revoked: Some((at(5), Revocation::Replaced)), ..ring.make(KeyTerms::default()) };
    ring.must(KeyChange::Issue(Box::new(ended.clone())));
    for key in [&plain, &whole, &ended] {
        assert_eq!(ring.read(key.id), *key);
    }
    let all = contexts(world.server(&ServerQuestion::Keys(Some(ring.scope.instance))));
    let all: Vec<_> = all.into_iter().map(|context| context.key).collect();
    assert_eq!(all, [plain.clone(), whole.clone(), ended]);
    let live = ServerQuestion::LiveKeys {
        instance: ring.scope.instance,
        connector: ring.connector.id,
        user: ring.user,
        at: at(LATE - 1),
    };
    let live: Vec<_> = contexts(world.server(&live)).into_iter().map(|context| context.key).collect();
    assert_eq!(live, [plain.clone(), whole.clone()]);
    let due = ServerQuestion::KeysDue { before: at(LATE + 1), after: None, limit: 9 };
    let due: Vec<_> = contexts(world.server(&due)).into_iter().map(|context| context.key).collect();
    assert_eq!(due, [whole]);
    assert!(is_duplicate(&ring.change(KeyChange::Issue(Box::new(plain))), "id"));
}

/// A password is kept in place of a hash; another hash takes the place of the one before, and nothing else changes.
pub fn a_secret_is_a_hash_or_a_password(store: &dyn Store) {
    let world = World::new(store);
    let ring = Keyring::new(&world);
    let password = KeptSecret::Password("$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA".to_owned());
    let key = KeyRecord { secret: password.clone(), ending: String::new(), ..ring.make(KeyTerms::default()) };
    ring.must(KeyChange::Issue(Box::new(key.clone())));
    assert_eq!(ring.read(key.id), key);
    for secret in [mac(1), mac(2), password] {
        ring.must(KeyChange::Rehash(key.id, secret.clone()));
        assert_eq!(ring.read(key.id), KeyRecord { secret, ..key.clone() });
    }
    assert!(is_conflict(&ring.change(KeyChange::Rehash(unknown(&world), mac(1)))));
}

/// To end a key's tokens is a new generation and nothing else; a revoked key has none that count.
pub fn tokens_end_with_a_new_generation(store: &dyn Store) {
    let world = World::new(store);
    let ring = Keyring::new(&world);
    let key = ring.issue_until(at(LATE));
    ring.must(KeyChange::EndTokens(key.id));
    ring.must(KeyChange::EndTokens(key.id));
    assert_eq!(ring.read(key.id), KeyRecord { generation: key.generation + 2, ..key });
    assert!(is_conflict(&ring.change(KeyChange::EndTokens(unknown(&world)))));
}

/// The first revocation stays, with its time and its reason, and the generation grows with it alone.
pub fn a_key_is_revoked_once(store: &dyn Store) {
    let world = World::new(store);
    let ring = Keyring::new(&world);
    let key = ring.issue_until(at(LATE));
    ring.must_at(at(100), KeyChange::Revoke(key.id, Revocation::Replaced));
    let revoked = KeyRecord { revoked: Some((at(100), Revocation::Replaced)), generation: 2, ..key.clone() };
    assert_eq!(ring.read(key.id), revoked);
    ring.must_at(at(200), KeyChange::Revoke(key.id, Revocation::ByHand));
    assert_eq!(ring.read(key.id), revoked);
    assert!(is_conflict(&ring.change(KeyChange::Revoke(unknown(&world), Revocation::ByHand))));
}

/// Other terms are in force at once: the generation grows, and reminders begin anew.
pub fn other_terms_begin_anew(store: &dyn Store) {
    let world = World::new(store);
    let ring = Keyring::new(&world);
    let key = ring.issue_until(at(50));
    ring.must(KeyChange::Remind(key.id, 0));
    let terms = KeyTerms { not_before: Some(at(1)), expires: Some(at(LATE)), limits: limits() };
    for (generation, terms) in [(2, terms), (3, KeyTerms::default())] {
        ring.must(KeyChange::SetTerms(key.id, terms.clone()));
        assert_eq!(ring.read(key.id), KeyRecord { terms, generation, ..key.clone() });
        ring.must(KeyChange::Remind(key.id, 30));
    }
    assert!(is_conflict(&ring.change(KeyChange::SetTerms(unknown(&world), KeyTerms::default()))));
}

/// Of many who each saw a key used, or written with, for the first time, one tells it.
pub fn first_uses_are_told_once(store: &dyn Store) {
    let world = World::new(store);
    let ring = Keyring::new(&world);
    let key = ring.issue(KeyTerms::default());
    let uses = race(|number| {
        let millis = 1000 + i64::try_from(number).expect("a few");
        ring.change(KeyChange::FirstUse(touch(key.id, millis, Some("192.0.2.1"))))
    });
    assert_eq!(won(&uses), 1, "uses");
    let used = ring.read(key.id);
    assert!(used.first_used.is_some_and(|first| first >= at(1000)), "{used:?}");
    assert_eq!(used.last_used, used.first_used);
    assert_eq!(used.last_address, Some("192.0.2.1".parse().expect("an address")));
    assert_eq!((used.first_written, used.generation), (None, 1));
    let writes = race(|_| ring.change_if(at(2000), Vec::new(), KeyChange::FirstWrite(key.id)));
    assert_eq!(won(&writes), 1, "writes");
    assert_eq!(ring.read(key.id), KeyRecord { first_written: Some(at(2000)), ..used });
    assert!(is_conflict(&ring.change(KeyChange::FirstUse(touch(unknown(&world), 1, None)))));
    assert!(is_conflict(&ring.change(KeyChange::FirstWrite(unknown(&world)))));
}

/// A late report of a first use leaves the later use as the last one.
pub fn a_first_use_is_not_always_the_last(store: &dyn Store) {
    let world = World::new(store);
    let ring = Keyring::new(&world);
    let key = ring.issue(KeyTerms::default());
    ring.must(KeyChange::Touch(vec![touch(key.id, 900, Some("192.0.2.9"))]));
    ring.must(KeyChange::FirstUse(touch(key.id, 500, Some("192.0.2.5"))));
    let read = ring.read(key.id);
    assert_eq!((read.first_used, read.last_used), (Some(at(500)), Some(at(900))));
    assert_eq!(read.last_address, Some("192.0.2.9".parse().expect("an address")));
}

/// A key retires once; what is retiring or revoked already stays as it is.
pub fn a_key_retires_once(store: &dyn Store) {
    let world = World::new(store);
    let ring = Keyring::new(&world);
    let (key, revoked) = (ring.issue(KeyTerms::default()), ring.issue(KeyTerms::default()));
    ring.must_at(at(100), KeyChange::Retire(key.id, at(500)));
    ring.must_at(at(200), KeyChange::Retire(key.id, at(900)));
    let retiring = Some(Retiring { since: at(100), until: at(500) });
    assert_eq!(ring.read(key.id), KeyRecord { retiring, ..key.clone() });
    ring.must_at(at(300), KeyChange::Revoke(revoked.id, Revocation::ByHand));
    ring.must_at(at(400), KeyChange::Retire(revoked.id, at(900)));
    assert_eq!(ring.read(revoked.id).retiring, None);
    assert!(is_conflict(&ring.change(KeyChange::Retire(unknown(&world), at(500)))));
}

/// When and from where a key was used last only goes forward, and keys that are not there hinder nobody.
pub fn touches_go_forward(store: &dyn Store) {
    let world = World::new(store);
    let ring = Keyring::new(&world);
    let keys: Vec<_> = (0..300).map(|_| ring.make(KeyTerms::default())).collect();
    let issue = |key: &KeyRecord| Change::Admin(AdminChange::Key(KeyChange::Issue(Box::new(key.clone()))));
    world.commit(keys.iter().map(issue).collect());
    let check = |index: usize, millis: i64, address: Option<&str>| {
        let key = &keys[index];
        let last_address = address.map(|text| text.parse().expect("an address"));
        assert_eq!(ring.read(key.id), KeyRecord { last_used: Some(at(millis)), last_address, ..key.clone() });
    };
    let mut touches: Vec<_> = keys.iter().map(|key| touch(key.id, 100, Some("192.0.2.1"))).collect();
    touches.insert(1, touch(unknown(&world), 100, None));
    ring.must(KeyChange::Touch(touches));
    check(0, 100, Some("192.0.2.1"));
    check(299, 100, Some("192.0.2.1"));
    let (first, second) = (keys[0].id, keys[1].id);
    ring.must(KeyChange::Touch(vec![touch(first, 99, None), touch(second, 101, Some("::1"))]));
    check(0, 100, Some("192.0.2.1"));
    check(1, 101, Some("::1"));
    ring.must(KeyChange::Touch(vec![touch(first, 100, None)]));
    check(0, 100, None);
    // Several of one key: the latest counts, and of the same moment the last.
    let several =
        [touch(first, 300, Some("192.0.2.4")), touch(first, 200, None), touch(first, 300, Some("::2"))];
    ring.must(KeyChange::Touch(several.to_vec()));
    check(0, 300, Some("::2"));
    ring.must(KeyChange::Touch(Vec::new()));
    ring.must(KeyChange::Touch(vec![touch(unknown(&world), 1, None)]));
}

/// Of many who would remind of the same number of days, one does; then only of fewer, and never of a revoked key.
pub fn reminders_are_told_once(store: &dyn Store) {
    let world = World::new(store);
    let ring = Keyring::new(&world);
    let key = ring.issue_until(at(LATE));
    for days in [30, 7, 0] {
        assert_eq!(won(&race(|_| ring.change(KeyChange::Remind(key.id, days)))), 1, "{days}");
        assert_eq!(ring.read(key.id), KeyRecord { reminded: Some(days), ..key.clone() });
        assert!(is_conflict(&ring.change(KeyChange::Remind(key.id, days + 1))), "{days}");
    }
    let revoked = ring.issue_until(at(LATE));
    ring.must(KeyChange::Revoke(revoked.id, Revocation::ByHand));
    assert!(is_conflict(&ring.change(KeyChange::Remind(revoked.id, 30))));
    assert!(is_conflict(&ring.change(KeyChange::Remind(unknown(&world), 30))));
}

/// Live are those that can be used now or later, of that user at that connector, oldest first.
pub fn live_keys_are_found(store: &dyn Store) {
    let world = World::new(store);
    let ring = Keyring::new(&world);
    let open = ring.issue(KeyTerms::default());
    let later = ring.issue(KeyTerms { not_before: Some(at(LATE)), ..KeyTerms::default() });
    let expiring = ring.issue_until(at(600));
    let retiring = ring.issue(KeyTerms::default());
    ring.must_at(at(400), KeyChange::Retire(retiring.id, at(500)));
    let revoked = ring.issue(KeyTerms::default());
    ring.must_at(at(400), KeyChange::Revoke(revoked.id, Revocation::ByHand));
    let user = world.integration_user(ring.scope.instance, "another");
    let others = ring.of(user).issue(KeyTerms::default());
    assert_eq!(ring.live(at(499)), [open.id, later.id, expiring.id, retiring.id]);
    assert_eq!(ring.live(at(500)), [open.id, later.id, expiring.id]);
    assert_eq!(ring.live(at(600)), [open.id, later.id]);
    assert!(!ring.live(at(1)).contains(&others.id) && !ring.live(at(1)).contains(&revoked.id));
    let elsewhere = ServerQuestion::LiveKeys {
        instance: world.elsewhere.instance,
        connector: ring.connector.id,
        user: ring.user,
        at: at(1),
    };
    assert!(ids(world.server(&elsewhere)).is_empty());
}

/// Due is what ends by itself and is still to be told, of every instance; in order, page by page.
pub fn due_keys_come_in_order(store: &dyn Store) {
    let world = World::new(store);
    let ring = Keyring::new(&world);
    let elsewhere = world.from_elsewhere();
    let there = Keyring::new(&elsewhere);
    let due = |before: Timestamp, after: Option<(Timestamp, KeyId)>, limit: usize| {
        ids(world.server(&ServerQuestion::KeysDue { before, after, limit }))
    };
    ring.issue(KeyTerms::default());
    let third = ring.issue_until(at(300));
    let first = there.issue_until(at(100));
    let (second, same) = (ring.issue_until(at(200)), ring.issue_until(at(200)));
    let last = ring.issue_until(at(900));
    ring.must_at(at(1), KeyChange::Retire(last.id, at(400)));
    assert!(second.id < same.id, "ids grow");
    let all = [first.id, second.id, same.id, third.id, last.id];
    assert_eq!(due(at(401), None, 99), all);
    assert_eq!(due(at(400), None, 99), all[..4]);
    assert_eq!(due(at(100), None, 99), []);
    let mut after = None;
    let mut walked = Vec::new();
    loop {
        let question = ServerQuestion::KeysDue { before: at(999), after, limit: 2 };
        let page = contexts(world.server(&question));
        assert!(page.len() <= 2);
        let Some(end) = page.last() else { break };
        after = end.key.due().map(|due| (due, end.key.id));
        walked.extend(page.into_iter().map(|context| context.key.id));
    }
    assert_eq!(walked, all);
    // What was told, revoked or renewed is due no more, or later.
    ring.must(KeyChange::Remind(third.id, 1));
    ring.must(KeyChange::Remind(second.id, 0));
    ring.must(KeyChange::Revoke(same.id, Revocation::ByHand));
    there.must(KeyChange::SetTerms(first.id, KeyTerms { expires: Some(at(350)), ..KeyTerms::default() }));
    assert_eq!(due(at(999), None, 99), [third.id, first.id, last.id]);
    ring.must(KeyChange::Remind(last.id, 0));
    assert_eq!(due(at(999), Some((at(350), first.id)), 99), [last.id], "the overlap is still to be told");
    ring.must(KeyChange::Revoke(last.id, Revocation::Overlap));
    assert_eq!(due(at(999), None, 99), [third.id, first.id]);
}

/// Of keys with every mixture of ends, those are due, and live, that say so themselves.
pub fn what_is_due_and_live_follows_from_the_key(store: &dyn Store) {
    let world = World::new(store);
    let ring = Keyring::new(&world);
    let mut keys = Vec::new();
    for expires in [None, Some(at(100)), Some(at(200))] {
        for until in [None, Some(at(100)), Some(at(150))] {
            for reminded in [None, Some(7), Some(0)] {
                for revoked in [None, Some((at(60), Revocation::ByHand))] {
                    let retiring = until.map(|until| Retiring { since: at(50), until });
                    let key = ring.make(KeyTerms { expires, ..KeyTerms::default() });
                    keys.push(KeyRecord { retiring, reminded, revoked, ..key });
                }
            }
        }
    }
    let issue = |key: &KeyRecord| Change::Admin(AdminChange::Key(KeyChange::Issue(Box::new(key.clone()))));
    world.commit(keys.iter().map(issue).collect());
    for moment in [99, 100, 101, 150, 200, 201].map(at) {
        let mut due: Vec<_> = keys.iter().filter_map(|key| Some((key.due()?, key.id))).collect();
        due.retain(|(due, _)| *due < moment);
        due.sort_unstable();
        let found = ids(world.server(&ServerQuestion::KeysDue { before: moment, after: None, limit: 99 }));
        assert_eq!(found, due.iter().map(|(_, id)| *id).collect::<Vec<_>>(), "due before {moment:?}");
        let live = keys.iter().filter(|key| key.is_live(moment)).map(|key| key.id);
        assert_eq!(ring.live(moment), live.collect::<Vec<_>>(), "live at {moment:?}");
        let count = ring.live(moment).len();
        for below in [count, count + 1] {
            let condition = Condition::LiveKeys { connector: ring.connector.id, user: ring.user, below };
            let result = ring.change_if(moment, vec![condition], KeyChange::Touch(Vec::new()));
            assert_eq!(result.is_ok(), below > count, "fewer than {below} at {moment:?}");
        }
    }
}

/// No change reaches a key of another instance, nor can one be issued for what another instance has.
pub fn keys_of_another_instance_stay_as_they_are(store: &dyn Store) {
    let world = World::new(store);
    let ring = Keyring::new(&world);
    let elsewhere = world.from_elsewhere();
    let there = Keyring::new(&elsewhere);
    let key = ring.issue_until(at(LATE));
    for change in [
        KeyChange::Issue(Box::new(ring.make(KeyTerms::default()))),
        KeyChange::Issue(Box::new(KeyRecord {
            connector: ring.connector.id,
            ..there.make(KeyTerms::default())
        })),
        KeyChange::Issue(Box::new(KeyRecord { user: ring.user, ..there.make(KeyTerms::default()) })),
        KeyChange::Revoke(key.id, Revocation::ByHand),
        KeyChange::SetTerms(key.id, KeyTerms::default()),
        KeyChange::FirstUse(touch(key.id, 1, None)),
        KeyChange::FirstWrite(key.id),
        KeyChange::Retire(key.id, at(1)),
        KeyChange::EndTokens(key.id),
        KeyChange::Rehash(key.id, mac(9)),
        KeyChange::Remind(key.id, 0),
    ] {
        let result = there.change(change.clone());
        assert!(is_conflict(&result), "{change:?}: {result:?}");
    }
    there.must(KeyChange::Touch(vec![touch(key.id, 999, Some("192.0.2.1"))]));
    assert_eq!(ring.read(key.id), key);
    assert_eq!(there.live(at(1)), []);
    let condition = Condition::Key(key.id, 1);
    let set = elsewhere.change_set(there.scope, Vec::new());
    let result = block_on(store.commit(ChangeSet { conditions: vec![condition], ..set }));
    assert!(is_conflict(&result), "{result:?}");
}
