//! The hot operations of the SQLite backend on a file with `synchronous=FULL`: `cargo bench -p scim-storage-diesel`.

#![expect(clippy::expect_used, missing_docs, reason = "a benchmark; a panic is how it fails")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use pollster::block_on;
use scim_storage::{Store as _, Want};
use scim_storage_diesel::{Options, SqliteStore};
use scim_storage_suite::world::World;
use serde_json::json;

/// People in the directory before anything is measured.
const PEOPLE: usize = 10_000;

fn sqlite(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let store =
        SqliteStore::open(&directory.path().join("bench.sqlite3"), Options::default()).expect("opens");
    let world = World::new(&store);
    let person = |number: usize| {
        json!({
            "userName": format!("person.{number}@contoso.example"),
            "externalId": format!("{number:032x}"),
            "displayName": format!("Person {number}"),
            "name": { "givenName": "Person", "familyName": number.to_string() },
            "emails": [{ "value": format!("person.{number}@contoso.example"), "type": "work", "primary": true }],
            "active": true
        })
    };
    // In large change sets, so that filling takes a moment only.
    for thousand in 0..PEOPLE / 1000 {
        let people = (0..1000).map(|number| world.new_record("User", &person(thousand * 1000 + number)));
        world.commit(people.map(scim_directory::Change::Create).collect());
    }
    let middle = world.query(&[("User", r#"userName eq "person.5000@contoso.example""#, "")]);
    let key = world.find(&middle).records.first().expect("somebody").key.clone();

    let mut number = PEOPLE;
    criterion.bench_function("create, one at a time", |bencher| {
        bencher.iter_batched(
            || {
                number += 1;
                let new = world.new_record("User", &person(number));
                world.change_set(world.scope, vec![scim_directory::Change::Create(new)])
            },
            |changes| block_on(store.commit(changes)).expect("created"),
            criterion::BatchSize::SmallInput,
        );
    });
    criterion.bench_function("get", |bencher| {
        bencher.iter(|| block_on(store.get(&world.scope, black_box(&key), Want::RECORD)).expect("read"));
    });
    for (name, filter) in [
        ("find by userName", r#"userName eq "PERSON.5000@contoso.example""#),
        ("find by userName, nobody", r#"userName eq "nobody""#),
        ("find by externalId", r#"externalId eq "00000000000000000000000000001388""#),
        ("find by emails.value", r#"emails[type eq "work" and value eq "person.5000@contoso.example"]"#),
    ] {
        let mut query = world.query(&[("User", filter, "")]);
        (query.limit, query.total, query.want) = (100, true, Want::RECORD);
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| block_on(store.find(&world.scope, black_box(&query))).expect("read"));
        });
    }
    let mut page = world.query(&[("User", "", "")]);
    (page.limit, page.total, page.want) = (100, true, Want::RECORD);
    criterion.bench_function("page of 100", |bencher| {
        bencher.iter(|| block_on(store.find(&world.scope, black_box(&page))).expect("read"));
    });
    let mut scan = world.query(&[("User", r#"displayName co "n 77""#, "")]);
    (scan.limit, scan.total) = (100, true);
    criterion.bench_function("find by part of displayName", |bencher| {
        bencher.iter(|| block_on(store.find(&world.scope, black_box(&scan))).expect("read"));
    });
}

criterion_group!(benches, sqlite);
criterion_main!(benches);
