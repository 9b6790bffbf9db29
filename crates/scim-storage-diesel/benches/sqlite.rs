//! The hot operations of the SQLite backend on a file with `synchronous=FULL`: `cargo bench -p scim-storage-diesel`.

#![expect(clippy::expect_used, missing_docs, reason = "a benchmark; a panic is how it fails")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use pollster::block_on;
use scim_directory::{
    Account, Action, AttributeChange, Cause, Change, ChangeSet, Event, EventKind, LogRecord, LogResource,
    LogStatus, NewRecord, Stamp,
};
use scim_storage::{Store as _, Want};
use scim_storage_diesel::{Options, SqliteStore};
use scim_storage_suite::world::World;
use serde_json::{Value, json};

/// People in the directory before anything is measured.
const PEOPLE: usize = 10_000;

/// A person with an account, as the provider makes one.
fn managed(world: &World<'_>, body: &Value) -> NewRecord {
    let mut new = world.new_record("User", body);
    let mut account = Account::default();
    let stamp = Stamp {
        at: world.now(),
        connector: world.scope.connector,
        request_id: "request".to_owned(),
        cause: Cause::Mapping(0),
    };
    for (field, value) in
        [("UserName", "userName"), ("DisplayName", "displayName"), ("ScimSyncId", "externalId")]
    {
        account.set(field, body.get(value).and_then(Value::as_str).map(str::to_owned), &stamp);
    }
    new.content.managed_by = world.scope.connector;
    new.content.account = Some(Box::new(account));
    new
}

/// What is written besides the people themselves.
#[derive(Clone, Copy, PartialEq)]
enum Told {
    Nothing,
    Log,
    LogAndEvents,
}

/// The creation of people, with what the log and the outbox say of each, or without.
fn change_set(world: &World<'_>, new: Vec<NewRecord>, told: Told) -> ChangeSet {
    let mut log = Vec::new();
    let mut events = Vec::new();
    for new in new.iter().filter(|_| told != Told::Nothing) {
        let resource = LogResource::new("User", new.key.id, new.content.display.as_deref());
        let value = |attribute: &str, new: Value| AttributeChange::Value {
            attribute: attribute.to_owned(),
            old: Value::Null,
            new,
        };
        let name = json!(new.content.display);
        log.push(LogRecord {
            changes: vec![
                value("userName", name.clone()),
                value("displayName", name.clone()),
                value("name", json!({ "givenName": "Person", "familyName": name })),
                value("emails", json!([{ "value": name, "type": "work", "primary": true }])),
            ],
            ..LogRecord::new(Action::Created, LogStatus::Success, Some(resource))
        });
        if told != Told::LogAndEvents {
            continue;
        }
        events.push(Event {
            kind: EventKind::AccountCreated,
            key: new.key.clone(),
            before: None,
            after: Some(json!({ "UserName": name, "DisplayName": name, "State": "active" })),
        });
    }
    let changes = new.into_iter().map(Change::Create).collect();
    ChangeSet { log, events, ..world.change_set(world.scope, changes) }
}

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
        world.commit(people.map(Change::Create).collect());
    }
    let middle = world.query(&[("User", r#"userName eq "person.5000@contoso.example""#, "")]);
    let key = world.find(&middle).records.first().expect("somebody").key.clone();

    // One at a time the disk is what is measured; a thousand at once show what the log costs the processor.
    let mut number = PEOPLE;
    for (name, people, told) in [
        ("create, one at a time, without log", 1, Told::Nothing),
        ("create, one at a time, with log", 1, Told::Log),
        ("create, one at a time", 1, Told::LogAndEvents),
        ("create a thousand, without log", 1000, Told::Nothing),
        ("create a thousand, with log", 1000, Told::Log),
        ("create a thousand", 1000, Told::LogAndEvents),
    ] {
        criterion.bench_function(name, |bencher| {
            bencher.iter_batched(
                || {
                    let new = (0..people).map(|_| {
                        number += 1;
                        managed(&world, &person(number))
                    });
                    change_set(&world, new.collect(), told)
                },
                |changes| block_on(store.commit(changes)).expect("created"),
                criterion::BatchSize::PerIteration,
            );
        });
    }
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
        (query.limit, query.total, query.want) = (100, true, Want::SHOWN);
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| block_on(store.find(&world.scope, black_box(&query))).expect("read"));
        });
    }
    let mut page = world.query(&[("User", "", "")]);
    (page.limit, page.total, page.want) = (100, true, Want::SHOWN);
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
