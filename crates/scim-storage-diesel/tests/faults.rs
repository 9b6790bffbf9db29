//! What PostgreSQL acknowledged stays and is there once, whatever happens to the network and to the server; and the log can be
//! followed whoever else is slow.

#![cfg(feature = "postgres")]
#![expect(clippy::expect_used, clippy::panic, reason = "a panic is how a test answers")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use pollster::block_on;
use scim_directory::{Action, Change, ChangeSet, Committed, Key, Position};
use scim_storage::{CommitError, JournalEntry, JournalQuery, Store, StoreError};
use scim_storage_diesel::{PostgresOptions, PostgresStore};
use scim_storage_suite::world::{World, delete, log, members};
use serde_json::json;
use testbed::{Cluster, Direction, Durability, Proxy, Replication, Stop};

/// How long something may take that happens soon.
const SOON: Duration = Duration::from_secs(60);

fn open(url: &str) -> PostgresStore {
    PostgresStore::open(&PostgresOptions { connections: 6, ..PostgresOptions::new(url) }).expect("opens")
}

fn shared() -> Option<(testbed::Database<'static>, PostgresStore)> {
    let database = testbed::Postgres::shared()?.database().expect("a database");
    let store = open(database.url());
    Some((database, store))
}

/// A person of that name, with a log record.
fn person(world: &World<'_>, name: &str) -> ChangeSet {
    let new = world.new_record("User", &json!({ "userName": name }));
    let told = log(Action::Created, &new.key, Vec::new());
    ChangeSet { log: vec![told], ..world.change_set(world.scope, vec![Change::Create(new)]) }
}

fn try_person(world: &World<'_>, name: &str) -> (Key, Result<Committed, CommitError>) {
    let set = person(world, name);
    let [Change::Create(new)] = set.changes.as_slice() else { panic!("one change") };
    let key = new.key.clone();
    (key, block_on(world.store.commit(set)))
}

fn is_unavailable(outcome: &Result<Committed, CommitError>) -> bool {
    matches!(outcome, Err(CommitError::Store(StoreError::Unavailable { .. })))
}

/// Commits a person until it goes; how long that took.
fn insist(world: &World<'_>, name: &str) -> Key {
    let begun = Instant::now();
    loop {
        let (key, outcome) = try_person(world, name);
        match outcome {
            Ok(_) => return key,
            Err(CommitError::Store(StoreError::Unavailable { .. })) if begun.elapsed() < SOON => {}
            other => panic!("{name}: {other:?}"),
        }
    }
}

/// That each of them is there, once, with one record in the log, and that the numbers are right.
fn check(world: &World<'_>, acknowledged: &[Key]) {
    let mut logged: BTreeMap<String, usize> = BTreeMap::new();
    for entry in world.journal(&world.scope) {
        *logged.entry(entry.record.resource.expect("about somebody").id).or_default() += 1;
    }
    for key in acknowledged {
        assert_eq!(world.version(key), 1);
        assert_eq!(logged.get(&key.id.to_string()), Some(&1), "one log record each");
    }
    assert!(logged.values().all(|records| *records == 1), "none twice");
    let tally = scim_directory::Tally::All;
    let count = world.fact(scim_directory::Question::Count("User".into(), tally));
    assert_eq!(count, scim_directory::Fact::Count(logged.len() as u64), "as many people as records");
}

#[test]
fn an_answer_to_commit_that_was_lost_is_found_out() {
    let Some((database, direct)) = shared() else { return };
    let proxy = Proxy::start(testbed::Postgres::shared().expect("there").address()).expect("a proxy");
    let store = open(&proxy.url(database.name()));
    let world = World::new(&store);
    proxy.lose_answers_of_commit(1);
    let (key, outcome) = try_person(&world, "ada");
    assert!(outcome.expect("committed").position > Position(0));
    assert_eq!(proxy.lost(), 1);
    proxy.lose_answers_of_commit(8);
    let others: Vec<Vec<Key>> = std::thread::scope(|scope| {
        let one = |number: usize| {
            let world = &world;
            scope.spawn(move || (0..8).map(|step| insist(world, &format!("p{number} {step}"))).collect())
        };
        let threads: Vec<_> = (0..4).map(one).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    assert_eq!(proxy.lost(), 9);
    let all: Vec<Key> = others.into_iter().flatten().chain([key]).collect();
    assert_eq!(world.journal(&world.scope).len(), 33);
    check(&world.at(&direct), &all);
}

#[test]
fn connections_that_are_cut_lose_and_double_nothing() {
    let Some((database, direct)) = shared() else { return };
    let proxy = Proxy::start(testbed::Postgres::shared().expect("there").address()).expect("a proxy");
    let store = open(&proxy.url(database.name()));
    let world = World::new(&store);
    let (done, through) = (AtomicBool::new(false), AtomicUsize::new(0));
    let acknowledged = std::thread::scope(|scope| {
        let one = |number: usize| {
            let (world, through) = (&world, &through);
            scope.spawn(move || {
                let one = |step| {
                    through.fetch_add(1, Ordering::SeqCst);
                    insist(world, &format!("p{number} {step}"))
                };
                (0..20).map(one).collect::<Vec<_>>()
            })
        };
        let threads: Vec<_> = (0..4).map(one).collect();
        scope.spawn(|| {
            // Again and again in the midst of something, but not so often that nothing can be done.
            let mut cut = 0;
            while !done.load(Ordering::SeqCst) {
                let now = through.load(Ordering::SeqCst);
                if now > cut + 5 {
                    proxy.cut();
                    cut = now;
                }
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        let all: Vec<Key> = threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect();
        done.store(true, Ordering::SeqCst);
        all
    });
    check(&world.at(&direct), &acknowledged);
}

#[test]
fn a_server_that_stops_and_starts_is_gone_on_with() {
    let Some(cluster) = Cluster::start(Durability::On).expect("a cluster") else { return };
    let database = cluster.database().expect("a database");
    let store = open(database.url());
    let world = World::new(&store);
    let mut acknowledged = vec![insist(&world, "before")];
    for stop in [Stop::Immediate, Stop::Fast] {
        cluster.stop(stop).expect("stops");
        let begun = Instant::now();
        let (_, outcome) = try_person(&world, "nobody");
        assert!(is_unavailable(&outcome), "{outcome:?}");
        assert!(begun.elapsed() < SOON / 4, "it says so soon");
        assert!(block_on(store.ready()).is_err());
        cluster.start_again().expect("starts");
        acknowledged.push(insist(&world, &format!("after {stop:?}")));
        check(&world, &acknowledged);
    }
}

#[test]
fn a_replica_takes_over() {
    let Some(cluster) = Cluster::start(Durability::On).expect("a cluster") else { return };
    let database = cluster.database().expect("a database");
    let setup = open(database.url());
    let replica = cluster.replica(Replication::Synchronous).expect("a replica");
    let store = open(&Cluster::url_of_writer(&[&cluster, &replica], database.name()));
    let world = World::new(&setup);
    let world = world.at(&store);
    let (world, stopped) = (&world, AtomicBool::new(false));
    let acknowledged: Vec<Key> = std::thread::scope(|scope| {
        let one = |number: usize| {
            let stopped = &stopped;
            scope.spawn(move || {
                let mut keys = Vec::new();
                // Some before, some in between, and some behind.
                for step in 0.. {
                    let behind = stopped.load(Ordering::SeqCst);
                    keys.push(insist(world, &format!("p{number} {step}")));
                    if behind {
                        return keys;
                    }
                }
                keys
            })
        };
        let threads: Vec<_> = (0..3).map(one).collect();
        insist(world, "first");
        cluster.stop(Stop::Immediate).expect("stops");
        replica.promote().expect("promoted");
        stopped.store(true, Ordering::SeqCst);
        threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
    });
    check(world, &acknowledged);
    assert_eq!(replica.sql(database.name(), "SELECT pg_is_in_recovery()").expect("runs"), "f");
}

/// All of the log, read forward from a position page by page.
fn follow(world: &World<'_>, after: Option<Position>) -> Vec<JournalEntry> {
    let query = JournalQuery { after, limit: 7, ..JournalQuery::default() };
    block_on(world.store.journal(&world.scope, &query)).expect("a read").entries
}

#[test]
fn who_follows_the_log_waits_for_slow_commits_of_the_instance_alone() {
    let Some((database, direct)) = shared() else { return };
    let cluster = testbed::Postgres::shared().expect("there");
    let proxy = Proxy::start(cluster.address()).expect("a proxy");
    let slow = open(&proxy.url(database.name()));
    let world = World::new(&direct);
    let far = world.at(&slow);
    let group = world.group("team");
    let people: Vec<Key> = (0..4).map(|number| world.person(&format!("m{number}"))).collect();
    let old = database.sql("SELECT count(*) FROM journal").expect("runs");
    proxy.delay(Direction::There, Duration::from_millis(7));
    let writing = AtomicBool::new(true);
    let (world, far) = (&world, &far);
    let (seen, written) = std::thread::scope(|scope| {
        // A transaction of another program, which has its number and goes on for long.
        scope.spawn(|| {
            let text = "BEGIN; SELECT pg_current_xact_id(); SELECT pg_sleep(3); COMMIT";
            database.sql(text).expect("runs");
        });
        let reader = scope.spawn(|| {
            let mut seen: Vec<JournalEntry> = Vec::new();
            loop {
                let done = !writing.load(Ordering::SeqCst);
                let page = follow(world, seen.last().map(|entry| entry.position));
                if done && page.is_empty() {
                    return seen;
                }
                seen.extend(page);
            }
        });
        let one = |number: usize| {
            let (group, people) = (&group, &people);
            scope.spawn(move || {
                // Half of them are slow between their statements.
                let world = if number.is_multiple_of(2) { far } else { world };
                let mut written = 0;
                for step in 0..12 {
                    let (key, outcome) = try_person(world, &format!("p{number} {step}"));
                    outcome.expect("committed");
                    written += 1;
                    let member = &people[(number + step) % people.len()];
                    world.edit_members(group, &[&key, member], &[]);
                    if step % 3 == 0 {
                        let told = log(Action::Deleted, &key, Vec::new());
                        let set = world.change_set(world.scope, vec![delete(&key)]);
                        world.commit_set(ChangeSet { log: vec![told], ..set });
                        written += 1;
                    }
                    let set = world.change_set(world.scope, vec![members(group, &[], &[member])]);
                    world.commit_set(set);
                }
                written
            })
        };
        let threads: Vec<_> = (0..6).map(one).collect();
        let written: usize = threads.into_iter().map(|thread| thread.join().expect("no panic")).sum();
        writing.store(false, Ordering::SeqCst);
        (reader.join().expect("no panic"), written)
    });
    let whole = world.journal(&world.scope);
    assert!(seen.windows(2).all(|pair| matches!(pair, [a, b] if a.position < b.position)));
    assert_eq!(seen.len(), whole.len(), "nothing is missed, nothing is seen twice");
    assert_eq!(whole.len(), written + old.parse::<usize>().expect("a number"));
}

#[test]
fn positions_go_on_in_a_cluster_that_has_not_counted_as_far() {
    let Some((database, store)) = shared() else { return };
    let world = World::new(&store);
    insist(&world, "ada");
    // As if all that came from another cluster.
    let far = 1_i64 << 52;
    for text in [
        format!("UPDATE journal SET position = position + {far}"),
        format!("UPDATE minutes SET first_record = first_record + {far}, last_record = last_record + {far}"),
    ] {
        database.sql(&text).expect("runs");
    }
    let again = open(database.url());
    let world = world.at(&again);
    let last = world.journal(&world.scope).last().expect("a record").position;
    assert!(last > Position(far), "{last:?}");
    insist(&world, "grace");
    let after = follow(&world, Some(last));
    assert_eq!(after.len(), 1, "it stands behind, and is seen");
    // Whoever opens it again changes nothing.
    let bases = || database.sql("SELECT count(*), max(base) FROM position_bases").expect("runs");
    let before = bases();
    drop(open(database.url()));
    assert_eq!(bases(), before);
}

#[test]
fn a_change_set_may_write_more_records_than_a_number_has_places() {
    const MANY: usize = 66_000;
    let Some((_database, store)) = shared() else { return };
    let world = World::new(&store);
    insist(&world, "first");
    let set = person(&world, "many");
    let log = vec![set.log.first().expect("a record").clone(); MANY];
    let last = world.commit_set(ChangeSet { log, ..set }).position;
    insist(&world, "after");
    let query = JournalQuery { limit: 2 * MANY, ..JournalQuery::default() };
    let all = block_on(store.journal(&world.scope, &query)).expect("a read").entries;
    assert_eq!(all.len(), MANY + 2);
    assert!(all.windows(2).all(|pair| matches!(pair, [a, b] if a.position < b.position)));
    assert_eq!(all.get(MANY).map(|entry| entry.position), Some(last));
}

#[test]
fn a_name_that_no_index_takes_is_refused_and_nothing_of_it_stays() {
    let Some((_database, store)) = shared() else { return };
    let world = World::new(&store);
    // Of letters in no order, so that it does not get short by compression.
    let mut state: u32 = 1;
    let long: String = (0..9000)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            char::from(b'a' + u8::try_from(state >> 24).unwrap_or_default() % 26)
        })
        .collect();
    let (key, outcome) = try_person(&world, &long);
    assert!(matches!(outcome, Err(CommitError::TooLarge)), "{outcome:?}");
    assert!(block_on(store.get(&world.scope, &key, scim_storage::Want::RECORD)).expect("read").is_none());
    try_person(&world, "short").1.expect("the next one is taken");
}
