//! Creating and reading people on PostgreSQL with `fsync`, one at a time and many at once, beside *raw*: one row read or committed by
//! the plain library. `cargo bench -p scim-storage-diesel --bench postgres`.

#![expect(clippy::expect_used, missing_docs, reason = "a benchmark; a panic is how it fails")]

use std::sync::Barrier;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use pollster::block_on;
use scim_directory::{Action, Change, ChangeSet};
use scim_storage::{Store as _, Want};
use scim_storage_diesel::{PostgresOptions, PostgresStore};
use scim_storage_suite::world::{World, log, members};
use serde_json::json;
use testbed::{Cluster, Durability};
use tokio::runtime::{Builder, Runtime};

fn postgres(criterion: &mut Criterion) {
    let Some(cluster) = Cluster::start(Durability::On).expect("a cluster") else { return };
    let database = cluster.database().expect("a database");
    let options = PostgresOptions { connections: 24, ..PostgresOptions::new(database.url()) };
    let store = &PostgresStore::open(&options).expect("opens");
    let (world, number) = (&World::new(store), AtomicU64::new(0));
    let create = || {
        let number = number.fetch_add(1, Ordering::Relaxed);
        let person = json!({
            "userName": format!("person.{number}@contoso.example"),
            "externalId": format!("{number:032x}"),
            "displayName": format!("Person {number}"),
            "emails": [{ "value": format!("person.{number}@contoso.example"), "type": "work", "primary": true }],
            "active": true
        });
        let new = world.new_record("User", &person);
        let (key, told) = (new.key.clone(), log(Action::Created, &new.key, Vec::new()));
        let set = world.change_set(world.scope, vec![Change::Create(new)]);
        block_on(store.commit(ChangeSet { log: vec![told], ..set })).expect("created");
        key
    };
    let group = world.group("everybody");
    let join = || {
        let person = create();
        world.commit(vec![members(&group, &[&person], &[])]);
    };
    let mut measured = criterion.benchmark_group("postgres");
    measured.throughput(Throughput::Elements(1));
    for threads in [1, 16] {
        let (create, join) = (&create, &join);
        measured.bench_function(format!("create, {threads} at once"), |bencher| {
            bencher.iter_custom(|times| at_once(threads, times, &|| Box::new(|| drop(create()))));
        });
        measured.bench_function(format!("create and join one group, {threads} at once"), |bencher| {
            bencher.iter_custom(|times| at_once(threads, times, &|| Box::new(join)));
        });
    }
    for threads in [1, 16] {
        let keys: &Vec<_> = &(0..200).map(|_| create()).collect();
        measured.bench_function(format!("get, {threads} at once"), |bencher| {
            bencher.iter_custom(|times| {
                at_once(threads, times, &|| {
                    let mut turn = 0;
                    Box::new(move || {
                        turn = (turn + 7) % keys.len();
                        let key = keys.get(turn).expect("a key");
                        let read = block_on(store.get(&world.scope, key, Want::RECORD)).expect("read");
                        assert!(read.is_some(), "it is there");
                    })
                })
            });
        });
    }
    raw(&mut measured, database.url());
    measured.finish();
}

/// One row read, and one row committed, on a connection of each thread's own.
fn raw(measured: &mut BenchmarkGroup<'_, WallTime>, url: &str) {
    let setup = "CREATE TABLE raw (id bigint PRIMARY KEY, document bytea NOT NULL); \
        INSERT INTO raw SELECT n, decode(repeat('7b', 1200), 'hex') FROM generate_series(0, 9999) n";
    let (runtime, client) = plain(url);
    runtime.block_on(client.batch_execute(setup)).expect("a table");
    let next = &AtomicI64::new(1_000_000);
    for threads in [1, 16] {
        measured.bench_function(format!("raw: select one row, {threads} at once"), |bencher| {
            bencher.iter_custom(|times| {
                at_once(threads, times, &|| {
                    let (runtime, client) = plain(url);
                    let select = "SELECT document FROM raw WHERE id = $1";
                    let select = runtime.block_on(client.prepare(select)).expect("prepared");
                    let mut turn = 0_i64;
                    Box::new(move || {
                        turn = (turn + 7919) % 10_000;
                        let row = runtime.block_on(client.query_one(&select, &[&turn])).expect("a row");
                        assert_eq!(row.get::<_, &[u8]>(0).len(), 1200);
                    })
                })
            });
        });
        measured.bench_function(format!("raw: commit one row, {threads} at once"), |bencher| {
            bencher.iter_custom(|times| {
                at_once(threads, times, &|| {
                    let (runtime, client) = plain(url);
                    let insert = "INSERT INTO raw VALUES ($1, $2)";
                    let insert = runtime.block_on(client.prepare(insert)).expect("prepared");
                    let document = vec![0x7b_u8; 1200];
                    Box::new(move || {
                        let id = next.fetch_add(1, Ordering::Relaxed);
                        runtime.block_on(client.execute(&insert, &[&id, &document])).expect("inserted");
                    })
                })
            });
        });
    }
}

/// A connection of the plain library, driven while it is used.
fn plain(url: &str) -> (Runtime, tokio_postgres::Client) {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (client, connection) =
        runtime.block_on(tokio_postgres::connect(url, tokio_postgres::NoTls)).expect("connected");
    runtime.spawn(connection);
    (runtime, client)
}

/// What a thread does again and again.
type Act<'a> = Box<dyn FnMut() + 'a>;

/// How long so many threads take to do something so often, all told. What a thread needs for it is made before the clock runs.
fn at_once<'a>(threads: u64, times: u64, act: &(dyn Fn() -> Act<'a> + Sync)) -> Duration {
    let ready = Barrier::new(usize::try_from(threads).expect("few") + 1);
    let ready = &ready;
    std::thread::scope(|scope| {
        let working: Vec<_> = (0..threads)
            .map(|thread| {
                let share = times / threads + u64::from(thread < times % threads);
                scope.spawn(move || {
                    let mut act = act();
                    ready.wait();
                    (0..share).for_each(|_| act());
                })
            })
            .collect();
        ready.wait();
        let begun = Instant::now();
        for thread in working {
            thread.join().expect("done");
        }
        begun.elapsed()
    })
}

criterion_group!(benches, postgres);
criterion_main!(benches);
