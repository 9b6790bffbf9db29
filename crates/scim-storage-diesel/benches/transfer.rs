//! Moving an instance of 100,000 people with their log, from SQLite to SQLite and, where there is one, to PostgreSQL and back:
//! `cargo bench -p scim-storage-diesel --bench transfer`. What it prints stands in `docs/moving.md`.

#![expect(clippy::expect_used, reason = "a benchmark; a panic is how it fails")]

use std::fs::File;
use std::io::{BufReader, BufWriter, Write as _};
use std::path::Path;
use std::time::Instant;

use scim_directory::{Action, Change, ChangeSet, Event, EventKind, LogRecord, LogResource, LogStatus};
use scim_storage_diesel::{ExportOptions, ImportOptions, Options, SqliteStore, Transfer, Transferred};
use scim_storage_suite::world::{BEGINNING, World, members};
use serde_json::{Value, json};

const PEOPLE: usize = 100_000;
/// People in one change set, and in one group.
const BATCH: usize = 500;

fn person(number: usize) -> Value {
    let mail = format!("person.{number}@contoso.example");
    json!({
        "userName": mail,
        "externalId": format!("external-{number}"),
        "displayName": format!("Person {number}"),
        "name": { "givenName": "Person", "familyName": number.to_string() },
        "emails": [{ "value": mail, "type": "work", "primary": true }],
        "phoneNumbers": [{ "value": format!("+49 30 {number:07}"), "type": "mobile" }],
        "title": "Engineer",
        "active": true,
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
            "department": format!("Department {}", number % 100), "employeeNumber": number.to_string()
        }
    })
}

/// People, each created with a log record and an event, in groups.
fn populate(world: &World<'_>) {
    for batch in 0..PEOPLE / BATCH {
        let new: Vec<_> =
            (0..BATCH).map(|number| world.new_record("User", &person(batch * BATCH + number))).collect();
        let keys: Vec<_> = new.iter().map(|new| new.key.clone()).collect();
        let record = |key| {
            let resource = LogResource::new("User", key, Some("Person"));
            LogRecord::new(Action::Created, LogStatus::Success, Some(resource))
        };
        let event = |key: &scim_directory::Key| Event {
            kind: EventKind::AccountCreated,
            key: key.clone(),
            before: None,
            after: Some(json!({ "state": "active", "fields": { "UserName": "person@contoso.example" } })),
        };
        let log = keys.iter().map(|key| record(key.id)).collect();
        let events = keys.iter().map(event).collect();
        let set = world.change_set(world.scope, new.into_iter().map(Change::Create).collect());
        world.commit_set(ChangeSet { log, events, ..set });
        let group = world.group(&format!("Group {batch}"));
        world.commit(vec![members(&group, &keys.iter().collect::<Vec<_>>(), &[])]);
    }
}

/// The most memory that the process had, in MiB.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap_or_default() / 1024
}

fn told(what: &str, began: Instant, moved: &Transferred) {
    let rows: u64 = moved.rows.values().sum();
    let seconds = began.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = rows as f64 / seconds;
    let line = format!("{what}: {rows} rows in {seconds:.1} s, {rate:.0} rows/s, {} MiB at most", memory());
    writeln!(std::io::stdout(), "{line}").expect("written");
}

fn export(what: &str, store: &dyn Transfer, file: &Path) -> Transferred {
    let mut sink = BufWriter::new(File::create(file).expect("made"));
    let began = Instant::now();
    let options = ExportOptions { at: BEGINNING, scrub: None };
    let moved = store.export("first", &mut sink, &options, &mut |_| {}).expect("exported");
    told(what, began, &moved);
    moved
}

fn import(what: &str, store: &dyn Transfer, file: &Path) {
    let mut source = BufReader::new(File::open(file).expect("there"));
    let began = Instant::now();
    let options = ImportOptions { peppers: &[], without_keys: false };
    let moved = store.import(&mut source, &options, &mut |_| {}).expect("imported");
    told(what, began, &moved);
}

fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let open = |name: &str| SqliteStore::open(&folder.path().join(name), Options::default()).expect("opens");
    let file = folder.path().join("first.jsonl");
    let store = open("from.sqlite3");
    populate(&World::new(&store));
    writeln!(std::io::stdout(), "{PEOPLE} people are there, {} MiB at most", memory()).expect("written");
    let moved = export("export from SQLite", &store, &file);
    let size = std::fs::metadata(&file).expect("there").len();
    writeln!(std::io::stdout(), "the export has {} MiB", size >> 20).expect("written");
    import("import into SQLite", &open("to.sqlite3"), &file);
    #[cfg(feature = "postgres")]
    {
        use scim_storage_diesel::{PostgresOptions, PostgresStore};

        let Some(cluster) = testbed::Postgres::shared() else { return };
        let database = cluster.database().expect("a database");
        let there = PostgresStore::open(&PostgresOptions::new(database.url())).expect("opens");
        import("import into PostgreSQL", &there, &file);
        let again = export("export from PostgreSQL", &there, &file);
        assert_eq!(again, moved, "the same instance");
        import("import into SQLite", &open("back.sqlite3"), &file);
    }
}
