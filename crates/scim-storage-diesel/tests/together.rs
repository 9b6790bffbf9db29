//! Nodes that commit in groups against one another, while connections of theirs end: nothing is lost, nothing is there twice, and the
//! log has it in the order in which it was.

#![cfg(feature = "postgres")]
#![expect(clippy::expect_used, clippy::panic, reason = "a panic is how a test answers")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use pollster::block_on;
use scim_directory::{
    Action, AttributeChange, Change, ChangeSet, Committed, Fact, Key, Position, Question, Tally, Version,
};
use scim_storage::{CommitError, StoreError};
use scim_storage_diesel::{PostgresOptions, PostgresStore};
use scim_storage_suite::world::{World, log, members};
use serde_json::json;

/// How long something may take that happens soon.
const SOON: Duration = Duration::from_secs(60);
const NAMES: usize = 40;
const THREADS: usize = 6;

/// Commits a change set until the store has an answer: the same one, however often it was tried.
fn insist(world: &World<'_>, set: &ChangeSet) -> Result<Committed, CommitError> {
    let begun = Instant::now();
    loop {
        match block_on(world.store.commit(set.clone())) {
            Err(CommitError::Store(StoreError::Unavailable { .. })) if begun.elapsed() < SOON => {}
            outcome => return outcome,
        }
    }
}

/// Creates a person of that name who joins the group; `None` where somebody has the name.
fn arrive(world: &World<'_>, group: &Key, name: &str) -> Option<(Key, Committed)> {
    let new = world.new_record("User", &json!({ "userName": name }));
    let key = new.key.clone();
    let told = vec![log(Action::Created, &key, Vec::new())];
    let person = ChangeSet { log: told, ..world.change_set(world.scope, vec![Change::Create(new)]) };
    match insist(world, &person) {
        Ok(_) => {}
        Err(CommitError::Duplicate { .. }) => return None,
        other => panic!("{name}: {other:?}"),
    }
    let added = vec![key.id.to_string()];
    let edges = AttributeChange::Edges { attribute: "members".to_owned(), added, removed: Vec::new() };
    let told = vec![log(Action::MemberAdded, group, vec![edges])];
    let edge = world.change_set(world.scope, vec![members(group, &[&key], &[])]);
    let joined = insist(world, &ChangeSet { log: told, ..edge }).expect("joins");
    Some((key, joined))
}

#[test]
fn nodes_that_meet_and_connections_that_end_lose_and_double_nothing() {
    let Some(cluster) = testbed::Postgres::shared() else { return };
    let database = cluster.database().expect("a database");
    let open = || {
        let options = PostgresOptions { connections: 6, ..PostgresOptions::new(database.url()) };
        PostgresStore::open(&options).expect("opens")
    };
    let nodes = [open(), open()];
    let [first, _] = &nodes;
    let world = World::new(first);
    let group = world.group("Chefs");
    let (done, through) = (AtomicBool::new(false), AtomicUsize::new(0));
    let arrived: Vec<(String, Key, Committed)> = std::thread::scope(|scope| {
        let one = |number: usize| {
            let (world, group, through) = (&world, &group, &through);
            let node = nodes.iter().cycle().nth(number).expect("a node");
            scope.spawn(move || {
                let world = world.at(node);
                let mut arrived = Vec::new();
                for step in 0..NAMES {
                    // All want the same names, each in an order of its own.
                    let name = format!("p{}", (step + number * 7) % NAMES);
                    arrived.extend(arrive(&world, group, &name).map(|(key, joined)| (name, key, joined)));
                    through.fetch_add(1, Ordering::SeqCst);
                }
                arrived
            })
        };
        let threads: Vec<_> = (0..2 * THREADS).map(one).collect();
        scope.spawn(|| {
            let mut before = 0;
            while !done.load(Ordering::SeqCst) {
                let now = through.load(Ordering::SeqCst);
                if now > before + 40 {
                    before = now;
                    let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                         WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL";
                    database.sql(end).expect("ends connections");
                }
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        let all = threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect();
        done.store(true, Ordering::SeqCst);
        all
    });
    let names: BTreeSet<&str> = arrived.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!((names.len(), arrived.len()), (NAMES, NAMES), "each name once");
    assert_eq!(world.fact(Question::Count("User".into(), Tally::All)), Fact::Count(NAMES as u64));
    // Each joined once: every version of the group belongs to one of them, and the log has them in that order.
    let by_version: BTreeMap<Version, Position> = arrived
        .iter()
        .filter_map(|(.., joined)| Some((joined.effects.first()?.version?, joined.position)))
        .collect();
    let versions: Vec<i64> = by_version.keys().map(|version| version.0).collect();
    assert_eq!(versions, (2..=NAMES as i64 + 1).collect::<Vec<_>>());
    assert!(by_version.values().is_sorted(), "{by_version:?}");
    let entries = world.journal(&world.scope);
    let positions: BTreeSet<Position> = entries.iter().map(|entry| entry.position).collect();
    assert_eq!((entries.len(), positions.len()), (2 * NAMES, 2 * NAMES), "one record each");
    assert!(by_version.values().all(|position| positions.contains(position)));
    assert!(arrived.iter().all(|(_, key, _)| world.version(key) == 1 && world.membership(key) == 1));
}
