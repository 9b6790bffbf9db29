//! Nodes that commit in groups against one another, while connections of theirs end: nothing is lost, nothing is there twice, and the
//! log has it in the order in which it was.

#![cfg(feature = "postgres")]
#![expect(clippy::expect_used, clippy::panic, reason = "a panic is how a test answers")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use pollster::block_on;
use scim_directory::{
    Action, AttributeChange, Change, ChangeSet, Committed, EdgeOutcome, Fact, Key, LogRecord, LogResource,
    LogStatus, Position, Question, ResourceId, Tally, Version,
};
use scim_storage::{CommitError, Direction, StoreError};
use scim_storage_diesel::{PostgresOptions, PostgresStore};
use scim_storage_suite::world::{World, log, members};
use serde_json::json;
use testbed::Database;

/// How long something may take that happens soon.
const SOON: Duration = Duration::from_secs(60);
const NAMES: usize = 40;
/// So many names has a crowd whose members change and go, and so many steps does each take.
const CROWD: usize = 16;
const STEPS: usize = 60;
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

/// Ends all connections that are in the midst of something, now and then, until all is done.
fn end_connections(database: &Database<'_>, through: &AtomicUsize, done: &AtomicBool) {
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
}

/// Two nodes on one database.
fn two_nodes(url: &str) -> [PostgresStore; 2] {
    [(); 2].map(|()| {
        let options = PostgresOptions { connections: 6, ..PostgresOptions::new(url) };
        PostgresStore::open(&options).expect("opens")
    })
}

#[test]
fn nodes_that_meet_and_connections_that_end_lose_and_double_nothing() {
    let Some(cluster) = testbed::Postgres::shared() else { return };
    let database = cluster.database().expect("a database");
    let nodes = two_nodes(database.url());
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
        scope.spawn(|| end_connections(&database, &through, &done));
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

/// What somebody in a crowd does with the people whom all of them know.
struct Somebody<'w> {
    world: World<'w>,
    group: &'w Key,
    people: &'w Mutex<Vec<Key>>,
    number: usize,
}

/// What came of it, where it was committed.
type Done = (Action, Key, Committed);

impl Somebody<'_> {
    fn told(&self, change: Change, action: Action, key: &Key, name: &str) -> ChangeSet {
        let about = LogResource::new(&key.resource_type, key.id, Some(name));
        let told = LogRecord::new(action, LogStatus::Success, Some(about));
        ChangeSet { log: vec![told], ..self.world.change_set(self.world.scope, vec![change]) }
    }

    /// Somebody comes, changes the name, goes, joins the group or leaves it; who and under which name depends on the step.
    fn step(&self, step: usize) -> Option<Done> {
        let name = format!("p{}", (step * 5 + self.number * 3) % CROWD);
        let known = {
            let people = self.people.lock().expect("people");
            let at = (step + self.number / 2) % people.len().max(1);
            people.get(at).cloned()
        };
        let kind = (step + self.number) % 6;
        let Some(key) = known.filter(|_| kind > 0) else {
            let new = self.world.new_record("User", &json!({ "userName": name, "displayName": name }));
            let key = new.key.clone();
            let set = self.told(Change::Create(new), Action::Created, &key, &name);
            let done = self.commit(&set)?;
            self.people.lock().expect("people").push(key.clone());
            return Some((Action::Created, key, done));
        };
        let version = self.world.get(&key)?.version;
        let (action, set) = match kind {
            1 | 2 => {
                let update = self.world.update(&key, version.0, &json!({ "userName": name }));
                (Action::Updated, self.told(update, Action::Updated, &key, &name))
            }
            3 => {
                let delete = Change::Delete { key: key.clone(), expected: Some(version) };
                (Action::Deleted, self.told(delete, Action::Deleted, &key, ""))
            }
            moves => {
                let (add, remove) =
                    if moves == 4 { (vec![&key], Vec::new()) } else { (Vec::new(), vec![&key]) };
                let edge = members(self.group, &add, &remove);
                (Action::MemberAdded, self.world.change_set(self.world.scope, vec![edge]))
            }
        };
        Some((action, key, self.commit(&set)?))
    }

    fn commit(&self, set: &ChangeSet) -> Option<Committed> {
        match insist(&self.world, set) {
            Ok(done) => Some(done),
            Err(CommitError::Conflict | CommitError::Duplicate { .. }) => None,
            Err(error) => panic!("{error:?}"),
        }
    }
}

#[test]
fn people_who_come_change_and_go_on_two_nodes_do_so_one_after_the_other() {
    let Some(cluster) = testbed::Postgres::shared() else { return };
    let database = cluster.database().expect("a database");
    let nodes = two_nodes(database.url());
    let [first, _] = &nodes;
    let world = World::new(first);
    let (group, people) = (world.group("Chefs"), Mutex::new(Vec::new()));
    let (over, through) = (AtomicBool::new(false), AtomicUsize::new(0));
    let done: Vec<Done> = std::thread::scope(|scope| {
        let one = |number: usize| {
            let node = nodes.iter().cycle().nth(number).expect("a node");
            let somebody = Somebody { world: world.at(node), group: &group, people: &people, number };
            let through = &through;
            let step = move |step| {
                through.fetch_add(1, Ordering::SeqCst);
                somebody.step(step)
            };
            scope.spawn(move || (0..STEPS).filter_map(step).collect::<Vec<_>>())
        };
        let threads: Vec<_> = (0..2 * THREADS).map(one).collect();
        scope.spawn(|| end_connections(&database, &through, &over));
        let all = threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect();
        over.store(true, Ordering::SeqCst);
        all
    });
    let of = |action: Action| done.iter().filter(move |(of, ..)| *of == action);
    assert!(of(Action::Updated).count() > 20 && of(Action::Deleted).count() > 20, "{}", done.len());
    // Nobody changed what another one had changed meanwhile: each version of a person is one change's.
    let versions: Vec<_> =
        of(Action::Updated).map(|(_, key, done)| (key.id, done.effects[0].version)).collect();
    assert_eq!(versions.iter().collect::<BTreeSet<_>>().len(), versions.len());
    assert_eq!(
        of(Action::Deleted).map(|(_, key, _)| key.id).collect::<BTreeSet<_>>().len(),
        of(Action::Deleted).count()
    );
    // The log can be played back: whoever takes a name finds it free there, and only who is there changes or goes.
    let mut entries = world.journal(&world.scope);
    entries.sort_by_key(|entry| entry.position);
    let told = done.iter().filter(|(action, ..)| *action != Action::MemberAdded);
    let positions: BTreeSet<Position> = told.map(|(.., done)| done.position).collect();
    assert_eq!(entries.iter().map(|entry| entry.position).collect::<BTreeSet<_>>(), positions);
    let mut names: BTreeMap<ResourceId, String> = BTreeMap::new();
    for entry in &entries {
        let about = entry.record.resource.as_ref().expect("a person");
        let (id, name) =
            (about.id.parse::<ResourceId>().expect("an id"), about.name.clone().unwrap_or_default());
        let before = names.remove(&id);
        assert_eq!(before.is_some(), entry.record.action != Action::Created, "{entry:?}");
        if entry.record.action != Action::Deleted {
            assert!(!names.values().any(|other| *other == name), "{entry:?}");
            names.insert(id, name);
        }
    }
    let person = |id: &ResourceId| Key { resource_type: "User".into(), id: *id };
    for (id, name) in &names {
        let record = world.there(&person(id));
        assert_eq!(record.display.as_ref(), Some(name));
        let changed = versions.iter().filter(|(of, _)| of == id).count();
        assert_eq!(record.version.0, i64::try_from(changed).expect("few") + 1);
    }
    assert_eq!(world.fact(Question::Count("User".into(), Tally::All)), Fact::Count(names.len() as u64));
    // The group's version rose once for each edge that came or went, with a person too.
    let moved = of(Action::MemberAdded).flat_map(|(.., done)| &done.effects[0].edges);
    let outcome = |wanted| moved.clone().filter(|edge| edge.outcome == wanted).count();
    let (added, removed) = (outcome(EdgeOutcome::Added), outcome(EdgeOutcome::Removed));
    let members = world.others(&group, Direction::Members);
    assert!(members.iter().all(|member| names.contains_key(member)), "no edge leads to nobody");
    let with_people = added - removed - members.len();
    let rises = i64::try_from(added + removed + with_people).expect("few");
    assert_eq!(world.version(&group), rises + 1);
}
