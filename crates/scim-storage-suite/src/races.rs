//! Records and names that many want at once, on two nodes.

use std::sync::Arc;

use pollster::block_on;
use scim_directory::{
    AccountState, Action, Change, ChangeSet, Committed, Event, EventKind, Fact, Key, Question, Tally, Version,
};
use scim_storage::{CommitError, Store};
use serde_json::json;

use crate::meeting::{CROWD, Dice, decided, meet, nodes};
use crate::people::{account, managed, outbox};
use crate::world::{World, delete, is_conflict, is_duplicate, log, members};

/// Of many who create somebody of that name, or give it to somebody, in whatever letter case, one has it.
pub fn of_many_who_want_a_name_one_has_it(here: &dyn Store, there: &dyn Store) {
    const NAMES: usize = 8;
    let worlds = nodes(here, there);
    let own: Vec<Key> = (0..CROWD).map(|number| worlds[0].person(&format!("own {number}"))).collect();
    let won = meet(&worlds, CROWD, |world, number| {
        let mut won = Vec::new();
        let mut renamed = false;
        for name in 0..NAMES {
            let text = if number < CROWD / 2 { format!("éva {name}") } else { format!("ÉVA {name}") };
            let rename = number % 3 == 0 && !renamed;
            let body = json!({ "userName": text });
            let result = match rename {
                true => world.try_commit(vec![world.update(&own[number], 1, &body)]),
                false => world.try_commit(vec![Change::Create(world.new_record("User", &body))]),
            };
            assert!(result.is_ok() || is_duplicate(&result, "userName"), "{text}: {result:?}");
            if result.is_ok() {
                won.push(name);
                renamed |= rename;
            }
        }
        won
    });
    let mut won = won.concat();
    won.sort_unstable();
    assert_eq!(won, (0..NAMES).collect::<Vec<_>>(), "each name once");
    for world in &worlds {
        for name in 0..NAMES {
            let query = world.query(&[("User", &format!("userName eq \"Éva {name}\""), "")]);
            assert_eq!(world.ids(&query).len(), 1, "{name}");
        }
        let named = world.query(&[("User", r#"userName sw "éva""#, "")]);
        assert_eq!(world.ids(&named).len(), NAMES);
    }
}

/// People who swap names again and again have one each in the end; every swap that was acknowledged happened.
pub fn swapped_names_stay_one_each(here: &dyn Store, there: &dyn Store) {
    const PEOPLE: usize = 4;
    const EACH: usize = 6;
    let worlds = nodes(here, there);
    let people: Vec<Key> = (0..PEOPLE).map(|number| worlds[0].person(&format!("name {number}"))).collect();
    meet(&worlds, CROWD, |world, number| {
        let mut dice = Dice::new(number);
        for _ in 0..EACH {
            let one = dice.throw(PEOPLE);
            let (one, other) = (&people[one], &people[(one + 1 + dice.throw(PEOPLE - 1)) % PEOPLE]);
            decided(|| {
                let (a, b) = (world.there(one), world.there(other));
                let rename = |key: &Key, version: Version, name: &Option<String>| {
                    world.update(key, version.0, &json!({ "userName": name }))
                };
                let swap = vec![rename(one, a.version, &b.display), rename(other, b.version, &a.display)];
                let result = world.try_commit(swap);
                // Whose name was read before the other one had it sees the same name twice.
                if is_duplicate(&result, "userName") { Err(CommitError::Conflict) } else { result }
            });
        }
    });
    let world = &worlds[1];
    let mut names = Vec::new();
    for key in &people {
        let name = world.there(key).display.expect("a name");
        let query = world.query(&[("User", &format!("userName eq \"{name}\""), "")]);
        assert_eq!(world.ids(&query), [key.id], "{name}");
        names.push(name);
    }
    names.sort();
    assert_eq!(names, (0..PEOPLE).map(|number| format!("name {number}")).collect::<Vec<_>>());
    let raised: i64 = people.iter().map(|key| world.version(key) - 1).sum();
    assert_eq!(usize::try_from(raised).expect("a number"), 2 * CROWD * EACH);
}

/// Whoever reads a number, adds one and writes it, and again where another was faster, is counted.
pub fn every_increment_counts(here: &dyn Store, there: &dyn Store) {
    const PEOPLE: usize = 3;
    const EACH: usize = 10;
    let worlds = nodes(here, there);
    let counters: Vec<Key> = (0..PEOPLE)
        .map(|number| {
            worlds[0].create("User", &json!({ "userName": format!("p{number}"), "displayName": "0" }))
        })
        .collect();
    let value = |world: &World<'_>, key: &Key| {
        let record = world.there(key);
        let value: i64 = record.display.expect("a number").parse().expect("a number");
        assert_eq!(record.version.0, 1 + value, "a version for each increment");
        value
    };
    meet(&worlds, CROWD, |world, number| {
        let mut dice = Dice::new(number);
        for _ in 0..EACH {
            let at = dice.throw(PEOPLE);
            decided(|| {
                let value = value(world, &counters[at]);
                let body = json!({ "userName": format!("p{at}"), "displayName": (value + 1).to_string() });
                world.try_commit(vec![world.update(&counters[at], 1 + value, &body)])
            });
        }
    });
    let total: i64 = counters.iter().map(|key| value(&worlds[1], key)).sum();
    assert_eq!(usize::try_from(total).expect("a number"), CROWD * EACH);
}

/// One change set that several senders send at once, because each waits for an answer, is done once; all of them are told
/// what it did.
pub fn a_change_set_sent_many_times_at_once_is_done_once(here: &dyn Store, there: &dyn Store) {
    let worlds = nodes(here, there);
    let world = &worlds[0];
    let (group, boss) = (world.group("Chefs"), world.person("boss"));
    for round in 1..=5 {
        let new = world.new_record("User", &json!({ "userName": format!("new {round}") }));
        let key = new.key.clone();
        let told = log(Action::Created, &key, Vec::new());
        let event =
            Event { kind: EventKind::AccountCreated, key: key.clone(), before: None, after: Some(json!({})) };
        let set = world.change_set(
            world.scope,
            vec![
                Change::Create(new),
                members(&group, &[&key, &boss], &[]),
                world.update(&boss, round, &json!({ "userName": "boss", "title": format!("{round}") })),
            ],
        );
        let set = ChangeSet { log: vec![told], events: vec![event], ..set };
        let answers: Vec<Committed> = meet(&worlds, CROWD, |world, _| world.commit_set(set.clone()));
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
        assert_eq!(world.version(&boss), round + 1);
        assert_eq!(world.version(&group), round + 1);
        let times = |found: Vec<String>| found.into_iter().filter(|id| *id == set.request_id).count();
        let logged = world.journal(&world.scope).into_iter().map(|entry| entry.request_id).collect();
        assert_eq!(times(logged), 1, "in the log");
        let put_out = outbox(world).into_iter().map(|stored| stored.request_id).collect();
        assert_eq!(times(put_out), 1, "in the outbox");
    }
}

/// Of updates and deletions that were decided on the same version, one is done and the others are decided anew.
pub fn of_an_update_and_a_deletion_one_is_decided_anew(here: &dyn Store, there: &dyn Store) {
    let worlds = nodes(here, there);
    for round in 0..8 {
        let key = worlds[0].person(&format!("p{round}"));
        let results = meet(&worlds, 4, |world, number| {
            let change = if (number + round) % 4 < 2 {
                world.update(&key, 1, &json!({ "userName": format!("p{round}"), "title": "new" }))
            } else {
                Change::Delete { key: key.clone(), expected: Some(Version(1)) }
            };
            (matches!(change, Change::Delete { .. }), world.try_commit(vec![change]))
        });
        let done: Vec<bool> =
            results.iter().filter(|(_, result)| result.is_ok()).map(|(deleted, _)| *deleted).collect();
        assert_eq!(done.len(), 1, "{results:?}");
        assert!(results.iter().all(|(_, result)| result.is_ok() || is_conflict(result)), "{results:?}");
        let left = worlds[1].get(&key).map(|record| record.version);
        assert_eq!(left, if done[0] { None } else { Some(Version(2)) });
    }
}

/// Of many who bring a deleted person back, or create another one of that name, one does.
pub fn a_person_comes_back_once(here: &dyn Store, there: &dyn Store) {
    let worlds = nodes(here, there);
    for round in 0..6 {
        let body = json!({ "userName": format!("back {round}") });
        let key = worlds[0].create("User", &body);
        worlds[0].commit(vec![delete(&key)]);
        let results = meet(&worlds, 4, |world, number| {
            let mut new = world.new_record("User", &body);
            if (number + round) % 4 != 0 {
                (new.content, new.key, new.revives) = (world.content(&key, &body), key.clone(), true);
            }
            (new.revives, world.try_commit(vec![Change::Create(new)]))
        });
        let done: Vec<bool> =
            results.iter().filter(|(_, result)| result.is_ok()).map(|(revived, _)| *revived).collect();
        assert_eq!(done.len(), 1, "{results:?}");
        let refused = |result: &Result<Committed, CommitError>| {
            matches!(result, Err(CommitError::Conflict | CommitError::Duplicate { .. }))
        };
        assert!(results.iter().all(|(_, result)| result.is_ok() || refused(result)), "{results:?}");
        let back = worlds[1].get(&key).map(|record| record.version);
        assert_eq!(back, done[0].then_some(Version(2)));
    }
}

/// The numbers of people, active ones and managed ones are what they are, whoever came, went and was suspended at once.
pub fn numbers_are_right_after_a_crowd(here: &dyn Store, there: &dyn Store) {
    const EACH: usize = 6;
    let worlds = nodes(here, there);
    let left = meet(&worlds, CROWD, |world, number| {
        let (mut all, mut active, mut managed_ones) = (0, 0, 0);
        for step in 0..EACH {
            let body = json!({ "userName": format!("{number} {step}") });
            let mut new = managed(world, &body);
            let key = new.key.clone();
            if step % 3 == 0 {
                new.content.managed_by = None;
            }
            world.commit(vec![Change::Create(new)]);
            match step % 3 {
                0 => (all, active) = (all + 1, active + 1),
                1 => {
                    world.commit(vec![delete(&key)]);
                }
                _ => {
                    let content = account(world, world.content(&key, &body), AccountState::Suspended);
                    let expected = Version(1);
                    world.commit(vec![Change::Update { key, expected, content, external_id: None }]);
                    (all, managed_ones) = (all + 1, managed_ones + 1);
                }
            }
        }
        [all, active, managed_ones]
    });
    let sum = |which: usize| left.iter().map(|left| left[which]).sum::<u64>();
    for world in &worlds {
        let tally = |tally| world.fact(Question::Count(Arc::from("User"), tally));
        let tallies = [tally(Tally::All), tally(Tally::Active), tally(Tally::Managed)];
        assert_eq!(tallies, [sum(0), sum(1), sum(2)].map(Fact::Count));
        let mut query = world.query(&[("User", "", "")]);
        query.total = true;
        let page = world.find(&query);
        assert_eq!((page.records.len(), page.total), (usize::try_from(sum(0)).expect("few"), Some(sum(0))));
    }
}

/// Two instances of a realm that want the same names have each name once between them.
pub fn a_realm_gives_a_name_to_one_instance(here: &dyn Store, there: &dyn Store) {
    const NAMES: usize = 6;
    let worlds = nodes(here, there);
    let won = meet(&worlds, CROWD, |world, number| {
        let elsewhere = world.from_elsewhere();
        let world = if number % 3 == 0 { world } else { &elsewhere };
        let mut won = Vec::new();
        for name in 0..NAMES {
            let new = world.new_record("User", &json!({ "userName": format!("name {name}") }));
            let set = world.change_set(world.scope, vec![Change::Create(new)]);
            match block_on(world.store.commit(ChangeSet { realm: Some("server".to_owned()), ..set })) {
                Ok(_) => won.push(name),
                Err(CommitError::Duplicate { .. } | CommitError::Claimed { .. }) => {}
                Err(other) => panic!("{other:?}"),
            }
        }
        won
    });
    let mut won = won.concat();
    won.sort_unstable();
    assert_eq!(won, (0..NAMES).collect::<Vec<_>>(), "each name once");
}
