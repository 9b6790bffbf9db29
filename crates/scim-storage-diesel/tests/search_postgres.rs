//! The index of texts on PostgreSQL finds whom the evaluator finds, whoever writes and follows at the same time.

#![cfg(feature = "postgres")]
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a panic is how a test answers")]

mod searches;
mod shared;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use scim_directory::{Change, Key, NewRecord, ResourceId};
use scim_storage_diesel::{Pooler, PostgresOptions, PostgresStore};
use scim_storage_suite::world::{World, delete};
use searches::{SOON, an_index_changes_nothing_but_the_time, found, people};
use serde_json::json;
use shared::Order;
use testbed::{Database, Pgbouncer};
use tokio_postgres::{Client, NoTls};

/// Asks for something that is true sooner or later, searching meanwhile.
fn until(database: &Database<'_>, world: &World<'_>, condition: &str) {
    let begun = Instant::now();
    while database.sql(&format!("SELECT {condition}")).expect("asks") != "t" {
        let _ = titled(world, "chef");
        assert!(begun.elapsed() < SOON, "{condition}: {}", standing(database));
        thread::yield_now();
    }
}

fn standing(database: &Database<'_>) -> String {
    let texts = "SELECT (SELECT count(*) FROM texts) || ' marked, ' || (SELECT count(*) FROM texts_stale) || ' stale, known ' \
        || coalesce((SELECT string_agg(up_to::text, ' ') FROM texts_known), '')";
    database.sql(texts).unwrap_or_else(|error| error.to_string())
}

fn instance(world: &World<'_>) -> String {
    format!("'\\x{}'::bytea", world.scope.instance.uuid().simple())
}

/// Waits until the index has everybody of the first instance, and searches go by it.
fn until_complete(database: &Database<'_>, world: &World<'_>) {
    let instance = instance(world);
    let made = format!(
        "EXISTS (SELECT 1 FROM texts_known WHERE instance_id = {instance} AND length(up_to) = 17) \
         AND NOT EXISTS (SELECT 1 FROM texts_stale WHERE instance_id = {instance})"
    );
    until(database, world, &made);
    // Searches look at the function's table only by the index.
    let used = "(SELECT sum(idx_scan) FROM pg_stat_user_indexes WHERE indexrelname = 'texts_by_mark') > 0";
    until(database, world, used);
}

fn titled(world: &World<'_>, title: &str) -> Vec<ResourceId> {
    world.ids(&world.query(&[("User", &format!("title co {}", json!(title)), "")]))
}

fn check_all(store: &PostgresStore, database: &Database<'_>) {
    let world = World::new(store);
    an_index_changes_nothing_but_the_time(&world, &mut || until_complete(database, &world));
    // Who is not in it is not found: so it was asked.
    database.sql("TRUNCATE texts").expect("emptied");
    assert_eq!(found(&world).first(), Some(&Vec::new()));
}

#[test]
fn an_index_finds_whom_the_evaluator_finds() {
    let Some(database) = shared::database(Order::Bytes) else { return };
    check_all(&shared::store(&database), &database);
}

#[test]
fn a_pooler_in_between_makes_no_difference() {
    let Some(cluster) = testbed::Postgres::shared() else { return };
    let Some(database) = shared::database(Order::English) else { return };
    let Some(pooler) = Pgbouncer::start(cluster, 4).expect("starts") else { return };
    let options = PostgresOptions {
        connections: 5,
        pooler: Pooler::Transaction,
        direct_url: Some(database.url().to_owned()),
        ..PostgresOptions::new(pooler.url(database.name()))
    };
    check_all(&PostgresStore::open(&options).expect("opens"), &database);
}

#[test]
fn a_directory_of_few_gets_no_index() {
    let Some(database) = shared::database(Order::Bytes) else { return };
    let store = shared::store(&database);
    let world = World::new(&store);
    people(&world, 0..100);
    let begun = Instant::now();
    while begun.elapsed().as_millis() < 500 {
        assert!(!titled(&world, "chef").is_empty());
    }
    assert_eq!(database.sql("SELECT count(*) FROM texts_known").expect("asks"), "0");
}

/// Another session's transaction, that is open until it is told otherwise.
struct Session {
    runtime: tokio::runtime::Runtime,
    client: Client,
}

impl Session {
    fn begin(database: &Database<'_>, statements: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        let (client, connection) =
            runtime.block_on(tokio_postgres::connect(database.url(), NoTls)).expect("connects");
        runtime.spawn(connection);
        let session = Self { runtime, client };
        session.run(&format!("BEGIN; {statements}"));
        session
    }

    fn run(&self, statements: &str) {
        self.runtime.block_on(self.client.batch_execute(statements)).expect("runs");
    }
}

/// A copy of somebody with another id and title.
fn copy(world: &World<'_>, of: &Key, id: u8, title: &str) -> String {
    format!(
        "INSERT INTO resources SELECT instance_id, resource_type, '\\x{id:032x}', version, membership, created_ms, modified_ms, \
         display, display_key, manager, managed_by, active, reports_to, reports_key, reports_via, direct_manager, '[]', document, \
         jsonb_set(shadow, '{{title}}', '\"{title}\"'), account FROM resources WHERE instance_id = {} AND id = '\\x{}';",
        instance(world),
        of.id.uuid().simple()
    )
}

/// The number of the lock that each change set of the instance holds.
fn lock_of(world: &World<'_>) -> i64 {
    let instance = world.scope.instance.uuid();
    let bytes = [0].into_iter().chain(*instance.as_bytes());
    let hash = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    bytes.fold(0xcbf2_9ce4_8422_2325, hash).cast_signed()
}

/// Who began to come before there was an index, and came after it was wanted.
#[test]
fn an_index_begins_when_nobody_is_on_the_way() {
    let Some(database) = shared::database(Order::Bytes) else { return };
    let store = shared::store(&database);
    let world = World::new(&store);
    let first = people(&world, 0..200)[0].clone();
    let lock = format!("SELECT pg_advisory_xact_lock_shared({});", lock_of(&world));
    let session = Session::begin(&database, &(lock + &copy(&world, &first, 1, "late riser")));
    let begun = Instant::now();
    while begun.elapsed().as_millis() < 600 {
        assert_eq!(titled(&world, "late riser"), []);
    }
    assert_eq!(database.sql("SELECT count(*) FROM texts_known").expect("asks"), "0");
    session.run("COMMIT");
    let late = ResourceId::new(uuid::Uuid::from_u128(1));
    assert_eq!(titled(&world, "late riser"), [late]);
    until_complete(&database, &world);
    assert_eq!(titled(&world, "late riser"), [late]);
    assert_eq!(database.sql("SELECT count(*) FROM texts WHERE id < '\\x01'").expect("asks"), "1");
}

/// Ids below those that are in the index already, in transactions that end after it was made or while it is.
#[test]
fn who_comes_late_with_a_lower_id_is_found() {
    let Some(database) = shared::database(Order::Bytes) else { return };
    let store = shared::store(&database);
    let world = World::new(&store);
    let first = people(&world, 0..200)[0].clone();
    until_complete(&database, &world);
    let session = Session::begin(&database, &copy(&world, &first, 1, "late riser"));
    world.commit(vec![world.update(&first, 1, &json!({ "userName": "first", "title": "Early Riser" }))]);
    people(&world, 200..300);
    until_complete(&database, &world);
    assert_eq!(titled(&world, "riser"), [first.id]);
    session.run("COMMIT");
    let late = ResourceId::new(uuid::Uuid::from_u128(1));
    assert_eq!(titled(&world, "riser"), [late, first.id], "as soon as it is there");
    until_complete(&database, &world);
    assert_eq!(titled(&world, "riser"), [late, first.id]);
    // A change that was begun before another one was taken note of, and ended after.
    let session = Session::begin(
        &database,
        "UPDATE resources SET shadow = jsonb_set(shadow, '{title}', '\"sleeper\"') WHERE id = '\\x00000000000000000000000000000001'",
    );
    people(&world, 300..330);
    until_complete(&database, &world);
    session.run("COMMIT");
    assert_eq!((titled(&world, "riser"), titled(&world, "sleeper")), (vec![first.id], vec![late]));
    database.sql("DELETE FROM resources WHERE id = '\\x00000000000000000000000000000001'").expect("gone");
    until_complete(&database, &world);
    assert_eq!(database.sql("SELECT count(*) FROM texts WHERE id < '\\x01'").expect("asks"), "0");
}

/// Writes on one node what is looked for on the other: changes, deletions, and returns of whom was deleted.
fn write_and_look(world: &World<'_>, other: &World<'_>, keys: &[Key], name: &str) {
    let mut versions = vec![1; keys.len()];
    let mut titles = vec![None; keys.len()];
    for round in 0..60 {
        let which = round * 7 % keys.len();
        let key = &keys[which];
        let titled_now = |round: usize| format!("{name} number {round:03}.");
        let body = json!({ "userName": key.id.to_string(), "title": titled_now(round) });
        if round % 3 == 2 {
            world.commit(vec![delete(key)]);
            assert!(!titled(other, &titled_now(round - 1)).contains(&key.id), "{name} {round}");
            let content = world.content(key, &body);
            let again = NewRecord { key: key.clone(), content, external_id: None, revives: true };
            world.commit(vec![Change::Create(again)]);
            versions[which] = world.version(key);
        } else {
            world.commit(vec![world.update(key, versions[which], &body)]);
            versions[which] += 1;
        }
        titles[which] = Some(titled_now(round));
        for (node, seen) in [("other", other), ("own", world)] {
            assert_eq!(titled(seen, &titled_now(round)), [key.id], "{name} {round} on the {node} node");
        }
    }
    for (key, title) in keys.iter().zip(titles) {
        if let Some(title) = title {
            assert_eq!(titled(other, &title), [key.id]);
        }
    }
}

/// Two nodes write and follow at the same time, and their connections break: who has a title is found by it at once, by nobody's else.
#[test]
fn whoever_changes_is_found_at_once() {
    let Some(database) = shared::database(Order::Bytes) else { return };
    let stores = [shared::store(&database), shared::store(&database)];
    let world = World::new(&stores[0]);
    let other = world.at(&stores[1]);
    let keys = people(&world, 0..160);
    until_complete(&database, &world);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let (first, second) = keys.split_at(80);
        let (done, database, world, other) = (&done, &database, &world, &other);
        let breaking = scope.spawn(move || {
            let followers = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() \
                AND pid <> pg_backend_pid() AND (query LIKE 'WITH taken%' OR query LIKE '%gin_clean_pending_list%' OR query LIKE 'SELECT s.id, s.change%')";
            let mut broken = 0;
            while !done.load(Ordering::Relaxed) {
                broken += database.sql(followers).expect("asks").parse::<usize>().expect("a number");
                thread::sleep(Duration::from_millis(20));
            }
            broken
        });
        let writers = [
            scope.spawn(move || write_and_look(world, other, first, "first")),
            scope.spawn(move || write_and_look(other, world, second, "second")),
        ];
        let outcomes = writers.map(thread::ScopedJoinHandle::join);
        done.store(true, Ordering::Relaxed);
        assert!(outcomes.into_iter().all(|outcome| outcome.is_ok()));
        assert!(breaking.join().expect("no panic") > 0, "nothing broke");
    });
    until_complete(&database, &world);
    let marked =
        "SELECT count(*) FROM texts t JOIN resources r ON r.instance_id = t.instance_id AND r.id = t.id";
    assert_eq!(database.sql(marked).expect("asks"), "160", "one row of each, and of nobody else");
    assert_eq!(database.sql("SELECT count(*) FROM texts").expect("asks"), "160");
}
