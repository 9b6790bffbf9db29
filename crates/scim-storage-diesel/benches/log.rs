//! Reading a log of a million records, and pruning it: `cargo bench -p scim-storage-diesel --bench log`. Filling it takes a
//! minute.

#![expect(clippy::expect_used, missing_docs, reason = "a benchmark; a panic is how it fails")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use pollster::block_on;
use scim_directory::{
    Action, AdminChange, AttributeChange, Change, ChangeSet, Key, LogRecord, LogResource, LogStatus,
    ResourceId,
};
use scim_storage::{About, JournalFilter, JournalQuery, Store as _};
use scim_storage_diesel::{Options, SqliteStore};
use scim_storage_suite::world::{BEGINNING, World};
use serde_json::{Value, json};
use uuid::Uuid;

/// Records in the log, a thousand of them in a minute.
const RECORDS: u32 = 1_000_000;
/// People that they are about.
const PEOPLE: u32 = 50_000;
const MINUTE: i64 = 60_000;

fn person(number: u32) -> Key {
    Key {
        resource_type: "User".into(),
        id: ResourceId::new(Uuid::from_u128(u128::from(number % PEOPLE) + (1 << 100))),
    }
}

fn record(number: u32) -> LogRecord {
    let (action, status) = match number % 1000 {
        0 => (Action::Suspended, LogStatus::Success),
        1 => (Action::Created, LogStatus::Failure),
        _ => (Action::Updated, LogStatus::Success),
    };
    let key = person(number);
    let name = format!("person.{number}@contoso.example");
    let change =
        AttributeChange::Value { attribute: "displayName".to_owned(), old: Value::Null, new: json!(name) };
    let resource = LogResource::new(&key.resource_type, key.id, Some(&name));
    LogRecord { changes: vec![change], ..LogRecord::new(action, status, Some(resource)) }
}

fn log(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let store = SqliteStore::open(&directory.path().join("log.sqlite3"), Options::default()).expect("opens");
    let world = World::new(&store);
    let minutes = RECORDS / 1000;
    for thousand in 0..minutes {
        let set = world.change_set(world.scope, Vec::new());
        let log = (0..1000).map(|number| record(thousand * 1000 + number)).collect();
        world.commit_set(ChangeSet { at: BEGINNING.plus_millis(i64::from(thousand) * MINUTE), log, ..set });
    }
    let at = |minute: u32| Some(BEGINNING.plus_millis(i64::from(minute) * MINUTE));
    let all = JournalFilter::default;
    let about = About { ids: vec![person(7).id], name: None };
    for (name, filter) in [
        ("everything", all()),
        ("one person", JournalFilter { about: Some(about), ..all() }),
        ("suspended", JournalFilter { actions: vec![Action::Suspended], ..all() }),
        ("failed", JournalFilter { statuses: vec![LogStatus::Failure], ..all() }),
        (
            "a minute in the middle",
            JournalFilter { from: at(minutes / 2), until: at(minutes / 2 + 1), ..all() },
        ),
        (
            "suspended, late",
            JournalFilter { actions: vec![Action::Suspended], from: at(minutes - 10), ..all() },
        ),
        ("by another connector", JournalFilter { connector: world.other_connector.connector, ..all() }),
    ] {
        for newest_first in [false, true] {
            let query = JournalQuery { after: None, limit: 50, newest_first, filter: filter.clone() };
            let order = if newest_first { "newest first" } else { "oldest first" };
            criterion.bench_function(&format!("log: {name}, {order}"), |bencher| {
                bencher.iter(|| block_on(store.journal(&world.scope, black_box(&query))).expect("read"));
            });
        }
    }
    criterion.bench_function("prune 500 log records", |bencher| {
        bencher.iter(|| {
            let before = BEGINNING.plus_millis(i64::from(minutes) * MINUTE);
            world.commit(vec![Change::Admin(AdminChange::Prune { before, limit: 500 })])
        });
    });
}

criterion_group!(benches, log);
criterion_main!(benches);
