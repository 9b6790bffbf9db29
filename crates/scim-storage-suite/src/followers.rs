//! Reading on while others write, on two nodes: the log, the outbox, pages, and what retention leaves.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use pollster::block_on;
use scim_core::instant::Timestamp;
use scim_directory::{
    Action, AdminChange, Change, ChangeSet, Event, EventKind, Key, Position, ResourceId, StoredEvent, Version,
};
use scim_storage::{JournalEntry, JournalQuery, Keyset, Start, Store};
use serde_json::json;

use crate::meeting::{CROWD, Dice, decided, meet, nodes, noted};
use crate::people::outbox;
use crate::world::{BEGINNING, World, delete, log, members};

/// How many of the crowd read while the others write.
const READERS: usize = 2;
const HOUR: i64 = 3_600_000;

/// A page of the log after a position.
fn log_after(world: &World<'_>, after: Option<Position>, limit: usize) -> Vec<JournalEntry> {
    let query = JournalQuery { after, limit, ..JournalQuery::default() };
    block_on(world.store.journal(&world.scope, &query)).expect("a read").entries
}

/// A page of the outbox after a position.
fn events_after(world: &World<'_>, after: Option<Position>, limit: usize) -> Vec<StoredEvent> {
    block_on(world.store.events(&world.scope, after, limit)).expect("a read").events
}

/// What one reader sees that goes on from the last position until all writers are done and nothing more comes.
fn follow<T>(
    writing: &AtomicUsize,
    read: impl Fn(Option<Position>) -> Vec<T>,
    position: impl Fn(&T) -> Position,
) -> Vec<T> {
    let mut seen: Vec<T> = Vec::new();
    loop {
        let done = writing.load(Ordering::SeqCst) == 0;
        let page = read(seen.last().map(&position));
        if done && page.is_empty() {
            return seen;
        }
        seen.extend(page);
    }
}

/// Commits things of every kind: some large, some refused, some that write no log, each log record and event with a note
/// that names its change set.
fn write(world: &World<'_>, group: &Key, people: &[Key], dice: &mut Dice, number: usize, step: usize) {
    let new = world.new_record("User", &json!({ "userName": format!("new {number} {step}") }));
    let key = new.key.clone();
    let mut changes = vec![Change::Create(new)];
    let kind = dice.throw(4);
    if kind == 1 {
        let (add, remove): (Vec<&Key>, Vec<&Key>) = people.iter().partition(|_| dice.throw(2) == 0);
        changes.push(members(group, &add, &remove));
    }
    if kind == 2 {
        // Refused: what it took, such as a place in the log, is left out.
        changes.push(world.update(&people[0], 99, &json!({ "userName": "stale" })));
    }
    let set = world.change_set(world.scope, changes);
    let told = noted(log(Action::Created, &key, Vec::new()), &set.request_id);
    let log = vec![told; if kind == 3 { 0 } else { 1 + dice.throw(3) }];
    let event =
        Event { kind: EventKind::AccountCreated, key, before: None, after: Some(json!(set.request_id)) };
    let events = vec![event; dice.throw(3)];
    let count = log.len();
    let set = ChangeSet { log, events, ..set };
    match block_on(world.store.commit(set)) {
        Ok(committed) => {
            assert_ne!(kind, 2, "a stale version");
            assert_eq!(committed.position == Position(0), count == 0, "the last record's position");
        }
        Err(error) => assert_eq!(kind, 2, "{error:?}"),
    }
}

/// Readers of the log on both nodes, who go on from the last position that they saw while many write, see every record
/// once and in the same order; those of a change set stand together.
pub fn the_log_is_followed_without_a_gap(here: &dyn Store, there: &dyn Store) {
    let worlds = nodes(here, there);
    let seen =
        crowd(&worlds, |world, after| log_after(world, after, 3), |entry: &JournalEntry| entry.position);
    let whole = worlds[0].journal(&worlds[0].scope);
    for seen in seen {
        assert!(seen.windows(2).all(|pair| pair[0].position < pair[1].position), "positions grow");
        assert_eq!(seen.len(), whole.len(), "nothing is missed, nothing is seen twice");
        assert_eq!(seen, whole);
    }
    let mut met = BTreeSet::new();
    for of_one in whole.chunk_by(|a, b| a.request_id == b.request_id) {
        assert!(met.insert(&of_one[0].request_id), "the records of a change set stand together");
        let told = |entry: &JournalEntry| entry.record.notes == [entry.request_id.clone()];
        assert!(of_one.iter().all(told), "each with its own request");
    }
}

/// So do readers of the outbox.
pub fn the_outbox_is_followed_without_a_gap(here: &dyn Store, there: &dyn Store) {
    let worlds = nodes(here, there);
    let seen =
        crowd(&worlds, |world, after| events_after(world, after, 3), |event: &StoredEvent| event.position);
    let whole = outbox(&worlds[0]);
    for seen in seen {
        assert!(seen.windows(2).all(|pair| pair[0].position < pair[1].position), "positions grow");
        assert_eq!(seen.len(), whole.len(), "nothing is missed, nothing is seen twice");
        assert_eq!(seen, whole);
    }
    assert!(whole.iter().all(|stored| stored.event.after == Some(json!(stored.request_id))));
}

/// A crowd of which two read and the others write; what the readers saw.
fn crowd<'s, T: Send>(
    worlds: &[World<'s>; 2],
    read: impl Fn(&World<'s>, Option<Position>) -> Vec<T> + Sync,
    position: impl Fn(&T) -> Position + Sync,
) -> Vec<Vec<T>> {
    const EACH: usize = 10;
    let group = worlds[0].group("Chefs");
    let people: Vec<Key> = (0..8).map(|number| worlds[0].person(&format!("p{number}"))).collect();
    let writing = AtomicUsize::new(CROWD);
    let seen = meet(worlds, CROWD + READERS, |world, number| {
        if number < READERS {
            return follow(&writing, |after| read(world, after), &position);
        }
        let mut dice = Dice::new(number);
        for step in 0..EACH {
            write(world, &group, &people, &mut dice, number, step);
        }
        writing.fetch_sub(1, Ordering::SeqCst);
        Vec::new()
    });
    seen.into_iter().take(READERS).collect()
}

/// What depends on one another stands in the log in the order in which it happened: a record's versions rise, and a name
/// is given up before somebody else takes it.
pub fn the_log_of_a_record_stands_in_the_order_of_its_versions(here: &dyn Store, there: &dyn Store) {
    const EACH: usize = 6;
    let worlds = nodes(here, there);
    let people: Vec<Key> = (0..3).map(|number| worlds[0].person(&format!("p{number}"))).collect();
    let (first, second) = (worlds[0].group("first"), worlds[0].group("second"));
    meet(&worlds, CROWD, |world, number| {
        let mut dice = Dice::new(number);
        for step in 0..EACH {
            if number == 0 {
                // Takes the name that another gave up a moment ago.
                decided(|| {
                    let new = world.new_record("User", &json!({ "userName": "contested" }));
                    let told = log(Action::Created, &new.key, Vec::new());
                    let set = world.change_set(world.scope, vec![Change::Create(new)]);
                    let result = block_on(world.store.commit(ChangeSet { log: vec![told], ..set }));
                    result.map_err(|_| scim_storage::CommitError::Conflict)
                });
                continue;
            }
            if number == 1 {
                decided(|| {
                    let holder = world.find(&world.query(&[("User", r#"userName eq "contested""#, "")]));
                    let Some(holder) = holder.records.first() else {
                        return Err(scim_storage::CommitError::Conflict);
                    };
                    let told = log(Action::Deleted, &holder.key, Vec::new());
                    let set = world.change_set(world.scope, vec![delete(&holder.key)]);
                    block_on(world.store.commit(ChangeSet { log: vec![told], ..set }))
                });
                continue;
            }
            // Two of them in an order of one's own, so that the first is at hand before the second is waited for.
            let at = dice.throw(people.len());
            let (one, other) = (at, (at + 1 + dice.throw(people.len() - 1)) % people.len());
            let groups = if number % 2 == 0 { [&first, &second] } else { [&second, &first] };
            decided(|| {
                let versions = [one, other].map(|at| world.version(&people[at]));
                let update = |at: usize, version: i64| {
                    let body = json!({ "userName": format!("p{at}"), "title": format!("{number} {step}") });
                    world.update(&people[at], version, &body)
                };
                let told = |at: usize, version: i64| {
                    noted(log(Action::Updated, &people[at], Vec::new()), &(version + 1))
                };
                let mut changes = vec![update(one, versions[0]), update(other, versions[1])];
                changes.extend(groups.map(|group| members(group, &[&people[one]], &[&people[other]])));
                let log = vec![told(one, versions[0]), told(other, versions[1])];
                let set = world.change_set(world.scope, changes);
                block_on(world.store.commit(ChangeSet { log, ..set }))
            });
        }
    });
    let mut versions: BTreeMap<String, i64> = people.iter().map(|key| (key.id.to_string(), 1)).collect();
    let mut held = None;
    for entry in worlds[1].journal(&worlds[1].scope) {
        let id = entry.record.resource.expect("about somebody").id;
        match entry.record.action {
            Action::Created => assert_eq!(held.replace(id), None, "taken while another had it"),
            Action::Deleted => assert_eq!(held.take(), Some(id), "given up by who had it"),
            _ => {
                let version: i64 = entry.record.notes[0].parse().expect("a version");
                assert_eq!(versions.insert(id, version), Some(version - 1), "one version after the other");
            }
        }
    }
    for key in &people {
        assert_eq!(versions.get(&key.id.to_string()), Some(&worlds[1].version(key)));
    }
}

/// Whoever was there the whole time is on one page of a walk and not on two, though each page is read on another node, and
/// whatever is created, changed and deleted between them.
pub fn pages_by_position_lose_nobody_while_others_write(here: &dyn Store, there: &dyn Store) {
    let worlds = nodes(here, there);
    let name = |number: usize| format!("stays {number:02}");
    let staying: Vec<Key> = (0..24).map(|number| worlds[0].person(&name(number))).collect();
    let ids: Vec<ResourceId> = staying.iter().map(|key| key.id).collect();
    let newest: Vec<ResourceId> = ids.iter().rev().copied().collect();
    let reading = AtomicUsize::new(READERS);
    meet(&worlds, 2 + READERS, |world, number| {
        if number < READERS {
            let descending = newest.as_slice();
            for (filter, sort_by, expected) in [
                ("", "", descending),
                ("", "userName", &ids),
                (r#"userName co "s""#, "", descending),
                (r#"userName sw "stays""#, "userName", &ids),
            ] {
                let mut query = world.query(&[("User", filter, sort_by)]);
                query.limit = 5;
                let mut seen = Vec::new();
                for page in number.. {
                    let found = worlds[page % 2].find(&query);
                    seen.extend(found.records.iter().map(|record| record.key.id));
                    let Some(next) = found.next else { break };
                    query.start = Start::After(Keyset { key: next.key, id: next.id });
                }
                let distinct: BTreeSet<_> = seen.iter().collect();
                assert_eq!(distinct.len(), seen.len(), "nobody twice: {filter} {sort_by}");
                seen.retain(|id| ids.contains(id));
                assert_eq!(seen, expected, "everybody who stays, in order: {filter} {sort_by}");
            }
            reading.fetch_sub(1, Ordering::SeqCst);
            return;
        }
        let mut dice = Dice::new(number);
        for step in 0..400 {
            if reading.load(Ordering::SeqCst) == 0 {
                break;
            }
            let passing = ["a guest", "stays a while", "zz the last"][dice.throw(3)];
            let guest = world.person(&format!("{passing} {number} {step}"));
            let changed = dice.throw(staying.len());
            decided(|| {
                let version = world.version(&staying[changed]);
                let body = json!({ "userName": name(changed), "title": format!("{number} {step}") });
                world.try_commit(vec![world.update(&staying[changed], version, &body)])
            });
            if dice.throw(3) > 0 {
                world.commit(vec![delete(&guest)]);
            }
        }
    });
}

/// Retention takes what is old in slices, on two nodes at once, while others write: what is young stays, and those who
/// follow miss nothing.
pub fn retention_takes_only_what_is_old(here: &dyn Store, there: &dyn Store) {
    const OLD: usize = 30;
    let worlds = nodes(here, there);
    let about = worlds[0].person("about");
    let record = |world: &World<'_>, at: Timestamp| {
        let set = world.change_set(world.scope, Vec::new());
        let log = vec![log(Action::Updated, &about, Vec::new())];
        let event = Event {
            kind: EventKind::AccountChanged,
            key: about.clone(),
            before: None,
            after: Some(json!({})),
        };
        world.commit_set(ChangeSet { at, log, events: vec![event], ..set }).position
    };
    for number in 0..OLD {
        let minutes = i64::try_from(number).expect("a number");
        record(&worlds[number % 2], BEGINNING.plus_millis(minutes * 60_000));
    }
    let last_old = worlds[0].journal(&worlds[0].scope).last().map(|entry| entry.position);
    let (before, young) = (BEGINNING.plus_millis(10 * HOUR), BEGINNING.plus_millis(20 * HOUR));
    // Who prunes commits too: until that has ended, a follower may still be kept from what was committed behind it.
    let (writing, committing) = (AtomicUsize::new(2), AtomicUsize::new(4));
    let results = meet(&worlds, 6, |world, number| match number {
        0 | 1 => loop {
            let done = writing.load(Ordering::SeqCst) == 0;
            let prune = AdminChange::Prune { before, limit: 4 };
            let set = world.change_set(world.scope, vec![Change::Admin(prune)]);
            let rows = world.commit_set(ChangeSet { at: young, ..set }).effects[0].rows;
            if done && rows == 0 {
                committing.fetch_sub(1, Ordering::SeqCst);
                break Vec::new();
            }
        },
        2 | 3 => {
            let written = (0..12).map(|_| record(world, young)).collect();
            writing.fetch_sub(1, Ordering::SeqCst);
            committing.fetch_sub(1, Ordering::SeqCst);
            written
        }
        _ => {
            let read = |after: Option<Position>| log_after(world, after.or(last_old), 3);
            let seen = follow(&committing, read, |entry: &JournalEntry| entry.position);
            seen.into_iter().map(|entry| entry.position).collect()
        }
    });
    let [.., first, second, a, b] = results.as_slice() else { panic!("six") };
    let mut written: Vec<Position> = first.iter().chain(second).copied().collect();
    written.sort();
    let left: Vec<Position> =
        worlds[1].journal(&worlds[1].scope).into_iter().map(|entry| entry.position).collect();
    assert_eq!(left, written, "what is young, and nothing else");
    assert_eq!((a, b), (&written, &written), "who follows misses nothing");
    assert!(outbox(&worlds[0]).iter().all(|stored| stored.at >= before));
    assert_eq!(outbox(&worlds[0]).len(), written.len());
    assert_eq!(worlds[1].there(&about).version, Version(1), "no record of a person is old");
}
