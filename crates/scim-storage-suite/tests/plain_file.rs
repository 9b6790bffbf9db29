//! The suite on the example backend, and what a backend on disk shows besides: that everything is there again, whatever
//! happened to the end of the file.

#![expect(clippy::expect_used, reason = "a panic is how a test answers")]

#[path = "../examples/plain_file/log_file.rs"]
mod log_file;
#[path = "../examples/plain_file/store.rs"]
mod store;

use std::path::{Path, PathBuf};

use pollster::block_on;
use scim_directory::{
    Action, AdminChange, Change, ChangeSet, Event, EventKind, Fact, InstanceSettings, Key, Question, Record,
    StoredEvent, Tally,
};
use scim_storage::{
    Edge, InstanceAnswer, InstanceQuestion, JournalEntry, MemoryStore, ServerAnswer, ServerQuestion,
    Store as _, Want,
};
use scim_storage_suite::Fixture;
use scim_storage_suite::world::{World, delete, hold, is_conflict, log, members};
use serde_json::json;

use store::FileStore;

/// A directory with the file in it. When it goes, the file is read once more: all that a test wrote can be read.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("store.jsonl")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            drop(open(&self.path()));
        }
    }
}

fn open(path: &Path) -> FileStore {
    FileStore::open(path).expect("opens")
}

fn fixture() -> Fixture {
    let place = Place::new();
    Fixture::new(open(&place.path())).with_guard(place)
}

scim_storage_suite::suite!(fixture);

/// All that a test looks at.
#[derive(Debug, PartialEq)]
struct Seen {
    records: Vec<Option<Record>>,
    edges: Vec<Edge>,
    log: Vec<JournalEntry>,
    events: Vec<StoredEvent>,
    facts: Vec<Fact>,
    policy: InstanceAnswer,
    answers: Vec<ServerAnswer>,
}

fn look(world: &World<'_>, keys: &[Key], group: &Key) -> Seen {
    let store = world.store;
    let questions = [
        Question::Count("User".into(), Tally::All),
        Question::DeletedName("olga".to_owned()),
        Question::Target("external mira".to_owned()),
    ];
    let asked = [ServerQuestion::Secret("cursors"), ServerQuestion::Peppers(vec![[7; 16]])];
    Seen {
        records: keys
            .iter()
            .map(|key| block_on(store.get(&world.scope, key, Want::FULL)).expect("a read"))
            .collect(),
        edges: world.edges(&world.scope, group, scim_storage::Direction::Members),
        log: world.journal(&world.scope),
        events: block_on(store.events(&world.scope, None, 100)).expect("a read").events,
        facts: block_on(store.facts(&world.scope, &questions)).expect("a read"),
        policy: block_on(store.instance(&world.scope, &InstanceQuestion::Policy)).expect("a read"),
        answers: asked.iter().map(|question| world.server(question)).collect(),
    }
}

/// What outlives each opening of the file: who is who in it.
fn template<'s>(store: &FileStore, nowhere: &'s MemoryStore) -> World<'s> {
    World::new(store).at(nowhere)
}

fn lines(path: &Path) -> Vec<String> {
    std::fs::read_to_string(path).expect("a file").lines().map(str::to_owned).collect()
}

#[test]
fn a_file_that_is_opened_again_has_everything() {
    let (place, nowhere) = (Place::new(), MemoryStore::new());
    let store = open(&place.path());
    let template = template(&store, &nowhere);
    let world = template.at(&store);
    let group = world.group("Chefs");
    let mut keys = vec![group.clone()];
    for name in ["mira", "noah", "olga"] {
        let external_id = format!("external {name}");
        let body =
            json!({ "userName": name, "externalId": external_id, "title": "Küche \u{1e}\n\"\\ 🦉 \u{2028}" });
        let new = world.new_record("User", &body);
        let key = new.key.clone();
        let about = log(Action::Created, &key, Vec::new());
        let after = Some(json!({ "number": 1.5, "nothing": null }));
        let event = Event { kind: EventKind::AccountCreated, key: key.clone(), before: None, after };
        let set = world.change_set(world.scope, vec![Change::Create(new), members(&group, &[&key], &[])]);
        world.commit_set(ChangeSet { log: vec![about], events: vec![event], ..set });
        keys.push(key);
    }
    world.commit(vec![hold(&group, &["somebody"])]);
    world.commit(vec![delete(&keys[3])]);
    let settings = InstanceSettings { seats: Some(9), ..InstanceSettings::default() };
    world.commit(vec![Change::Admin(AdminChange::UpdateInstanceSettings(settings))]);
    assert!(is_conflict(&world.try_commit(vec![world.update(&keys[1], 9, &json!({ "userName": "stale" }))])));
    let last = world.change_set(world.scope, vec![world.update(&keys[2], 1, &json!({ "userName": "n" }))]);
    let done = world.commit_set(last.clone());
    let before = look(&world, &keys, &group);
    drop(store);
    for _ in 0..2 {
        let store = open(&place.path());
        let world = template.at(&store);
        assert_eq!(look(&world, &keys, &group), before);
        assert_eq!(block_on(store.commit(last.clone())).expect("known"), done, "it is not done again");
        assert_eq!(look(&world, &keys, &group), before);
    }
    let store = open(&place.path());
    let world = template.at(&store);
    world.commit(vec![world.update(&keys[2], 2, &json!({ "userName": "goes on" }))]);
    assert_eq!(world.version(&keys[2]), 3);
}

#[test]
fn a_torn_last_line_is_cut_off_wherever_it_is_torn() {
    let (place, nowhere) = (Place::new(), MemoryStore::new());
    let path = place.path();
    let store = open(&path);
    let template = template(&store, &nowhere);
    let first = template.at(&store).person("first");
    drop(store);
    let whole = std::fs::read(&path).expect("a file");
    let store = open(&path);
    let second = template.at(&store).person("second");
    drop(store);
    let longer = std::fs::read(&path).expect("a file");
    let written = longer.len() - whole.len();
    let mut torn: Vec<Vec<u8>> =
        [1, 2, 3, written / 2, written - 1].map(|left| longer[..longer.len() - left].to_vec()).to_vec();
    // Of the last line only the end has come to the disk.
    torn.push(whole.iter().copied().chain(vec![0; written - 5]).chain(*b"}}}]\n").collect());
    for bytes in torn {
        std::fs::write(&path, &bytes).expect("written");
        let store = open(&path);
        let world = template.at(&store);
        assert!(world.get(&first).is_some() && world.get(&second).is_none());
        let again = world.person("second");
        drop(store);
        assert!(template.at(&open(&path)).get(&again).is_some(), "the file goes on");
    }
    std::fs::write(&path, &longer).expect("written");
    assert!(template.at(&open(&path)).get(&second).is_some());
}

#[test]
fn a_damaged_line_before_the_last_one_is_refused_by_number() {
    let place = Place::new();
    let path = place.path();
    let store = open(&path);
    let _world = World::new(&store);
    drop(store);
    let whole = lines(&path);
    let mut damaged = whole.clone();
    damaged[1].replace_range(3..9, "######");
    std::fs::write(&path, damaged.join("\n") + "\n").expect("written");
    let refused = FileStore::open(&path).expect_err("damaged").to_string();
    assert!(refused.ends_with("line 2: no line of this store"), "{refused}");
    std::fs::write(&path, whole.join("\n") + "\n").expect("written");
}

#[test]
fn a_file_has_one_owner_at_a_time() {
    let place = Place::new();
    let store = open(&place.path());
    let refused = FileStore::open(&place.path()).expect_err("open already").to_string();
    assert!(refused.ends_with("is open in another process"), "{refused}");
    drop(store);
    open(&place.path());
}

#[test]
fn what_waits_together_is_written_together() {
    let place = Place::new();
    let store = open(&place.path());
    let world = World::new(&store);
    let before = lines(&place.path()).len();
    let sets: Vec<_> = (0..40)
        .map(|number| {
            let new = world.new_record("User", &json!({ "userName": format!("p{number}") }));
            world.change_set(world.scope, vec![Change::Create(new)])
        })
        .collect();
    let waiting: Vec<_> = sets.into_iter().map(|set| store.commit(set)).collect();
    for committed in waiting {
        block_on(committed).expect("committed");
    }
    let written = lines(&place.path()).len() - before;
    assert!(written < 40, "{written} lines");
    assert_eq!(world.fact(Question::Count("User".into(), Tally::All)), Fact::Count(40));
}
