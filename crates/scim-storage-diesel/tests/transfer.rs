//! An instance that is moved is the same afterwards, on whatever engine; and what is no whole export leaves nothing.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic is how a test answers"
)]

use std::io::{BufRead, BufReader, Cursor, Read};
use std::path::Path;

use scim_core::instant::Timestamp;
use scim_directory::{
    Action, Actor, AdminChange, Change, ChangeSet, ChangeSetId, Instance, InstanceId, InstanceSettings,
    LogRecord, LogStatus, Scope,
};
use scim_storage::{ServerAnswer, ServerQuestion, Store};
use scim_storage_diesel::{
    ExportOptions, ImportOptions, Options, Progress, SqliteStore, Transfer, TransferError, Transferred,
};
use scim_storage_suite::world::{BEGINNING, World, hold, registry};
use scim_storage_suite::{
    admin_keys, deletion, held, imports, keys, lists, log, managers, members, queries, records, uniqueness,
};
use serde_json::Value;

type Life = fn(&dyn Store);

/// What fills a store with an instance `first` and an instance `second`.
const LIVES: &[(&str, Life)] = &[
    ("keys", keys::a_key_is_read_back_as_it_was_issued),
    ("passwords", keys::a_secret_is_a_hash_or_a_password),
    ("ends", keys::reminders_are_told_once),
    ("admin keys", admin_keys::an_admin_key_is_read_back_as_it_was_issued),
    ("held", held::a_held_reference_is_shown_as_a_member),
    ("imports", imports::rejected_lines_are_kept_until_an_import_begins_anew),
    ("claims", imports::claims_of_others_are_known_without_whose),
    ("jobs", lists::jobs_come_by_name),
    ("objects", lists::kinds_of_objects_come_by_name),
    ("deletion", deletion::a_deleted_person_leaves_every_group),
    ("managers", managers::a_manager_who_is_deleted_is_waited_for),
    ("log", log::records_are_found_by_what_they_are_about),
    ("events", log::events_of_groups_are_kept_where_an_edge_changed),
    ("members", members::groups_are_members_too),
    ("generated", queries::generated_filters_agree_with_the_evaluator),
    ("joined", queries::members_groups_and_managers_are_joined),
    ("records", records::external_ids_belong_to_connectors),
    ("names", uniqueness::letter_case_and_width_do_not_make_a_name_new),
];

fn open(folder: &Path, name: &str) -> SqliteStore {
    SqliteStore::open(&folder.join(name), Options::default()).expect("opens")
}

fn export(store: &dyn Transfer, name: &str) -> (String, Transferred) {
    let mut text = Vec::new();
    let options = ExportOptions { at: BEGINNING, scrub: None };
    let moved = store.export(name, &mut text, &options, &mut |_| {}).expect("exported");
    (String::from_utf8(text).expect("text"), moved)
}

/// The peppers that an export asks for.
fn peppers(text: &str) -> Vec<[u8; 16]> {
    let header: Value = serde_json::from_str(text.lines().next().expect("a header")).expect("JSON");
    let bytes =
        |id: &str| std::array::from_fn(|at| u8::from_str_radix(&id[2 * at..2 * at + 2], 16).expect("digits"));
    header["peppers"].as_array().expect("a list").iter().map(|id| bytes(id.as_str().expect("text"))).collect()
}

fn import_from(
    store: &dyn Transfer,
    source: &mut dyn BufRead,
    text: &str,
) -> Result<Transferred, TransferError> {
    let options = ImportOptions { peppers: &peppers(text), without_keys: false };
    store.import(source, &options, &mut |_| {})
}

fn import(store: &dyn Transfer, text: &str) -> Result<Transferred, TransferError> {
    import_from(store, &mut text.as_bytes(), text)
}

fn instances(store: &dyn Store) -> Vec<Instance> {
    match pollster::block_on(store.server(&ServerQuestion::Instances)).expect("a read") {
        ServerAnswer::Instances(instances) => instances,
        other => panic!("{other:?}"),
    }
}

/// Moves both instances there, and on to an SQLite file: every export is the same but for its first line's engine.
fn there_and_back(what: &str, from: &SqliteStore, through: &(impl Transfer + Store), folder: &Path) {
    let back = open(folder, &format!("{what} back.sqlite3"));
    for name in ["first", "second"] {
        let (text, moved) = export(from, name);
        let there = import(through, &text).unwrap_or_else(|error| panic!("{what} {name}: {error}"));
        assert_eq!((&there.digest, &there.rows), (&moved.digest, &moved.rows), "{what} {name}");
        let (again, out) = export(through, name);
        assert_eq!((&out.digest, &out.rows), (&moved.digest, &moved.rows), "{what} {name}");
        assert_eq!(again, text, "{what} {name}");
        import(&back, &again).unwrap_or_else(|error| panic!("{what} {name}: {error}"));
        assert_eq!(export(&back, name), (text, moved), "{what} {name}");
    }
    assert_eq!(instances(from), instances(through), "{what}");
}

#[test]
fn every_kind_of_row_moves_to_another_file() {
    let folder = tempfile::tempdir().expect("a folder");
    for (what, life) in LIVES {
        let from = open(folder.path(), &format!("{what}.sqlite3"));
        life(&from);
        let through = open(folder.path(), &format!("{what} there.sqlite3"));
        there_and_back(what, &from, &through, folder.path());
    }
}

#[test]
fn copies_for_testing_arrive_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let registry = registry();
    for (what, life) in LIVES {
        let from = open(folder.path(), &format!("{what}.sqlite3"));
        life(&from);
        let copies = open(folder.path(), &format!("{what} copies.sqlite3"));
        for name in ["first", "second"] {
            let mut text = Vec::new();
            let options = ExportOptions { at: BEGINNING, scrub: Some(&registry) };
            let moved = from.export(name, &mut text, &options, &mut |_| {});
            let moved = moved.unwrap_or_else(|error| panic!("{what} {name}: {error}"));
            let text = String::from_utf8(text).expect("text");
            let there = import(&copies, &text).unwrap_or_else(|error| panic!("{what} {name}: {error}"));
            assert_eq!(there, moved, "{what} {name}");
            assert_eq!(export(&copies, name).1.digest, moved.digest, "{what} {name}");
        }
    }
}

#[test]
fn what_is_not_described_is_not_copied() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path(), "devices.sqlite3");
    let world = World::new(&store);
    world.create("Device", &serde_json::json!({ "label": "a" }));
    let options = ExportOptions { at: BEGINNING, scrub: Some(&scim_core::Registry::builtin()) };
    let told = store.export("first", &mut Vec::new(), &options, &mut |_| {}).expect_err("refused");
    assert!(told.to_string().contains("\"Device\" is not declared"), "{told}");
}

#[cfg(feature = "postgres")]
#[test]
fn every_kind_of_row_moves_to_postgresql_and_back() {
    use scim_storage_diesel::{PostgresOptions, PostgresStore};

    let Some(cluster) = testbed::Postgres::shared() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    for (what, life) in LIVES {
        let from = open(folder.path(), &format!("{what}.sqlite3"));
        life(&from);
        let database = cluster.database().expect("a database");
        let options = PostgresOptions { connections: 2, ..PostgresOptions::new(database.url()) };
        let through = PostgresStore::open(&options).expect("opens");
        there_and_back(what, &from, &through, folder.path());
    }
}

/// A store with people, groups, held references, a log and a tombstone.
fn populated(folder: &Path) -> SqliteStore {
    let store = open(folder, "populated.sqlite3");
    let world = World::new(&store);
    let people: Vec<_> = (0..30).map(|number| world.person(&format!("person{number}"))).collect();
    let team = world.group("team");
    world.edit_members(&team, &people.iter().collect::<Vec<_>>(), &[]);
    world.commit(vec![hold(&team, &["nobody", "somebody"])]);
    world.edit_members(&team, &[], &[&people[3]]);
    world.commit(vec![scim_storage_suite::world::delete(&people[4])]);
    for person in &people[5..9] {
        let record = scim_storage_suite::world::log(Action::Updated, person, Vec::new());
        let set = world.change_set(world.scope, Vec::new());
        world.commit_set(ChangeSet { log: vec![record], ..set });
    }
    drop(world);
    store
}

/// What an import of this text is refused with; nothing of it is there, and the whole export can be imported.
fn refused(text: &str, whole: &str) -> TransferError {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path(), "target.sqlite3");
    let error = import_from(&store, &mut text.as_bytes(), whole).expect_err("refused");
    assert!(instances(&store).is_empty(), "{error}");
    import(&store, whole).unwrap_or_else(|after| panic!("after {error}: {after}"));
    assert_eq!(export(&store, "first").0, whole);
    error
}

#[test]
fn what_was_cut_off_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let (whole, _) = export(&populated(folder.path()), "first");
    let lines: Vec<_> = whole.lines().collect();
    for kept in (0..lines.len()).step_by(7).chain([lines.len() - 1]) {
        let text = lines[..kept].iter().map(|line| format!("{line}\n")).collect::<String>();
        let told = refused(&text, &whole).to_string();
        assert!(told.contains(&format!("ends after line {kept},")) && told.contains("cut off"), "{told}");
    }
    // Within a line.
    for kept in [1, whole.len() / 2, whole.len() - 2] {
        let mut text = whole.clone();
        text.truncate((kept..).find(|at| whole.is_char_boundary(*at)).expect("a boundary"));
        refused(&text, &whole);
    }
    // Without its last line end it is whole.
    let store = open(folder.path(), "other.sqlite3");
    import_from(&store, &mut whole.trim_end().as_bytes(), &whole).expect("imported");
}

#[test]
fn what_was_altered_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let (whole, _) = export(&populated(folder.path()), "first");
    let lines: Vec<_> = whole.lines().map(str::to_owned).collect();
    let at = |table: &str| {
        let begin = format!("{{\"table\":\"{table}\"");
        lines.iter().position(|line| line.starts_with(&begin)).unwrap_or_else(|| panic!("a row of {table}"))
    };
    let check = |expected: &str, change: &dyn Fn(&mut Vec<String>)| {
        let mut lines = lines.clone();
        change(&mut lines);
        let told = refused(&(lines.join("\n") + "\n"), &whole).to_string();
        assert!(told.contains(expected), "{expected}: {told}");
    };
    let journal = at("journal");
    check("was altered", &|lines| lines.swap(journal, journal + 1));
    check("rows of members", &|lines| drop(lines.remove(at("members"))));
    check("was altered", &|lines| {
        let line = &mut lines[at("resources")];
        *line = line.replace("person", "Person");
    });
    check("was altered", &|lines| {
        let line = &mut lines[at("members")];
        *line = line.replace("\"User\"", "\"Group\"");
    });
    check("do not belong here", &|lines| {
        let members = lines.remove(at("members"));
        lines.insert(2, members);
    });
    check("line 3 is not as an export has it", &|lines| lines.insert(2, "rubbish".to_owned()));
    check("there is no table", &|lines| lines.insert(2, r#"{"table":"secrets","value":"00"}"#.to_owned()));
    check("behind the end", &|lines| lines.push("{}".to_owned()));
    check("another instance", &|lines| {
        lines[0] = lines[0].replace("\"name\":\"first\"", "\"name\":\"other\"");
    });
    check("format 2", &|lines| lines[0] = lines[0].replace("\"rollcall_export\":1", "\"rollcall_export\":2"));
    check("first line of an export", &|lines| drop(lines.remove(0)));
    check("was altered", &|lines| {
        let instance = lines.len() - 2;
        assert!(lines[instance].contains("\"instances\""));
        lines.remove(instance);
        // Its count is what it should be then.
        let end = lines.len() - 1;
        lines[end] = lines[end].replace("\"instances\":1,", "");
    });
}

#[test]
fn what_is_there_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = populated(folder.path());
    let (whole, _) = export(&store, "first");
    assert!(matches!(import(&store, &whole), Err(TransferError::Taken { .. })));
    assert_eq!(export(&store, "first").0, whole);
    // Another instance of that name.
    let other = open(folder.path(), "other.sqlite3");
    let _ = World::new(&other);
    let before = export(&other, "first").0;
    assert!(matches!(import(&other, &whole), Err(TransferError::Taken { .. })));
    assert_eq!(export(&other, "first").0, before);
}

#[test]
fn names_that_others_claim_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path(), "claims.sqlite3");
    let world = World::new(&store);
    let claim = |world: &World<'_>, scope: Scope, name: &str| {
        let person = world.new_record("User", &serde_json::json!({ "userName": name }));
        let set = world.change_set(scope, vec![Change::Create(person)]);
        world.commit_set(ChangeSet { realm: Some("realm".to_owned()), ..set });
    };
    for name in ["ada", "bob", "cyd"] {
        claim(&world, world.scope, name);
    }
    let (whole, _) = export(&store, "first");
    // Somewhere, `bob` is another instance's.
    let target = open(folder.path(), "target.sqlite3");
    let id = InstanceId::new(uuid::Uuid::from_u128(0xabcd));
    let scope = Scope { instance: id, connector: None };
    let other = Instance {
        id,
        name: "other".to_owned(),
        created: BEGINNING,
        settings: InstanceSettings::default(),
        generation: 1,
    };
    let set =
        ChangeSet::empty(ChangeSetId::new(id.uuid()), scope, Actor::default(), String::new(), BEGINNING);
    let changes = vec![Change::Admin(AdminChange::CreateInstance(other))];
    pollster::block_on(target.commit(ChangeSet { changes, ..set })).expect("committed");
    let world = world.at(&target);
    claim(&world, scope, "Bob");
    match import(&target, &whole) {
        Err(TransferError::Claimed { count: 1, names, .. }) => assert_eq!(names, ["bob"]),
        other => panic!("{other:?}"),
    }
    // Nothing is claimed by what did not arrive, so another may.
    claim(&world, scope, "ada");
}

#[test]
fn keys_ask_for_their_pepper_or_stay_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path(), "keys.sqlite3");
    keys::a_key_is_read_back_as_it_was_issued(&store);
    let (whole, _) = export(&store, "first");
    assert!(!peppers(&whole).is_empty());
    let target = open(folder.path(), "target.sqlite3");
    let take = |without_keys: bool| {
        let options = ImportOptions { peppers: &[], without_keys };
        target.import(&mut whole.as_bytes(), &options, &mut |_| {})
    };
    let told = take(false).expect_err("refused").to_string();
    assert!(told.contains("pepper") && told.contains("--without-keys"), "{told}");
    assert!(instances(&target).is_empty());
    take(true).expect("imported");
    let (text, moved) = export(&target, "first");
    assert!(!text.contains("\"api_keys\"") && !moved.rows.contains_key("api_keys"));
    assert!(moved.rows.contains_key("connectors"));
}

/// A source that fails, or panics as if the process was killed, behind so many bytes.
struct Broken<'t>(Cursor<&'t [u8]>, u64, bool);

impl Read for Broken<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if self.0.position() >= self.1 {
            assert!(!self.2, "killed");
            return Err(std::io::Error::other("the cable is cut"));
        }
        let most = usize::try_from(self.1 - self.0.position()).expect("small").min(out.len());
        self.0.read(&mut out[..most])
    }
}

#[test]
fn an_import_that_broke_off_is_cleared_away_by_the_next() {
    let folder = tempfile::tempdir().expect("a folder");
    let (whole, _) = export(&populated(folder.path()), "first");
    let target = open(folder.path(), "target.sqlite3");
    let length = u64::try_from(whole.len()).expect("small");
    for part in 1..8 {
        for killed in [false, true] {
            let source = Broken(Cursor::new(whole.as_bytes()), length * part / 8, killed);
            let mut source = BufReader::with_capacity(100, source);
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                import_from(&target, &mut source, &whole)
            }));
            assert_eq!(outcome.is_err(), killed);
            assert!(killed || matches!(outcome, Ok(Err(TransferError::Read { .. }))));
            assert!(instances(&target).is_empty());
        }
    }
    import(&target, &whole).expect("imported");
    assert_eq!(export(&target, "first").0, whole);
}

#[test]
fn of_two_imports_at_once_the_later_one_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let (whole, _) = export(&populated(folder.path()), "first");
    let target = open(folder.path(), "target.sqlite3");
    let (options, mut begun) = (ImportOptions { peppers: &[], without_keys: false }, false);
    let earlier = target.import(&mut whole.as_bytes(), &options, &mut |_: Progress| {
        if !std::mem::replace(&mut begun, true) {
            import(&target, &whole).expect("imported");
        }
    });
    assert!(matches!(earlier, Err(TransferError::Overtaken)), "{earlier:?}");
    assert_eq!(export(&target, "first").0, whole);
}

#[test]
fn an_export_is_of_one_moment() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = populated(folder.path());
    let (before, _) = export(&store, "first");
    let mut during = Vec::new();
    let mut number = 0;
    let options = ExportOptions { at: BEGINNING, scrub: None };
    let writer =
        SqliteStore::open(&folder.path().join("populated.sqlite3"), Options::default()).expect("opens");
    let scope = Scope { instance: instances(&store)[0].id, connector: None };
    let told = &mut |_: Progress| {
        // After each page, another log record is committed.
        number += 1;
        let id = uuid::Uuid::from_u128(0xdead_0000 + number);
        let at = Timestamp::from_unix_millis(1);
        let set = ChangeSet::empty(ChangeSetId::new(id), scope, Actor::default(), id.to_string(), at);
        let record = LogRecord::new(Action::Updated, LogStatus::Success, None);
        let set = ChangeSet { log: vec![record], ..set };
        pollster::block_on(writer.commit(set)).expect("committed");
    };
    store.export("first", &mut during, &options, told).expect("exported");
    assert!(number > 10);
    assert_eq!(String::from_utf8(during).expect("text"), before);
    assert_ne!(export(&store, "first").0, before);
}
