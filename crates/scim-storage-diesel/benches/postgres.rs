//! Creating people on PostgreSQL with `fsync`, one at a time and many at once: `cargo bench -p scim-storage-diesel --bench postgres`.

#![expect(clippy::expect_used, missing_docs, reason = "a benchmark; a panic is how it fails")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pollster::block_on;
use scim_directory::{Action, Change, ChangeSet};
use scim_storage::Store as _;
use scim_storage_diesel::{PostgresOptions, PostgresStore};
use scim_storage_suite::world::{World, log, members};
use serde_json::json;
use testbed::{Cluster, Durability};

fn postgres(criterion: &mut Criterion) {
    let Some(cluster) = Cluster::start(Durability::On).expect("a cluster") else { return };
    let database = cluster.database().expect("a database");
    let options = PostgresOptions { connections: 24, ..PostgresOptions::new(database.url()) };
    let store = PostgresStore::open(&options).expect("opens");
    let (world, number) = (&World::new(&store), AtomicU64::new(0));
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
        let at_once = |times: u64, act: &(dyn Fn() + Sync)| {
            let begun = Instant::now();
            std::thread::scope(|scope| {
                for thread in 0..threads {
                    let share = times / threads + u64::from(thread < times % threads);
                    scope.spawn(move || (0..share).for_each(|_| act()));
                }
            });
            begun.elapsed()
        };
        measured.bench_function(format!("create, {threads} at once"), |bencher| {
            bencher.iter_custom(|times| at_once(times, &|| drop(create())));
        });
        measured.bench_function(format!("create and join one group, {threads} at once"), |bencher| {
            bencher.iter_custom(|times| at_once(times, join));
        });
    }
    measured.finish();
}

criterion_group!(benches, postgres);
criterion_main!(benches);
