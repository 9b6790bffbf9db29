//! Change sets that share a transaction do what they do one after the other, or nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use pollster::block_on;
use scim_directory::{
    Action, AttributeChange, Condition, Event, EventKind, Key, KeyId, LogRecord, Question, Tally, Version,
};
use scim_storage::{Direction, Store};
use scim_storage_suite::world::{BEGINNING, World, delete, hold, log, members};
use serde_json::json;
use testbed::Database;

use super::*;
use crate::commit::Party;
use crate::postgres::PostgresStore;
use crate::postgres::options::PostgresOptions;
use crate::postgres::url::understood;
use crate::postgres::workers::Down;
use crate::sql::Number;

#[test]
fn pauses_grow_and_stay_short() {
    for tries in 1..=TRIES {
        let most = Duration::from_micros(PAUSE << tries.min(7));
        assert!(pause(tries) >= most / 2 && pause(tries) < most, "{tries}");
        assert!(most < Duration::from_secs(1));
    }
}

/// A store over a new database, and what a thread has that commits there; none where there is no PostgreSQL.
fn opened() -> Option<(PostgresStore, Worker, Database<'static>)> {
    let database = testbed::Postgres::shared()?.database().expect("a database");
    let options = PostgresOptions { connections: 3, ..PostgresOptions::new(database.url()) };
    let store = PostgresStore::open(&options).expect("opens");
    let target = understood(database.url(), true, &options).expect("a URL");
    Some((store, Worker::new(&Arc::new(target), &Down::default()), database))
}

fn told(world: &World<'_>, changes: Vec<Change>, told: Vec<LogRecord>) -> ChangeSet {
    ChangeSet { log: told, ..world.change_set(world.scope, changes) }
}

fn person(world: &World<'_>, name: &str) -> ChangeSet {
    let new = world.new_record("User", &json!({ "userName": name, "externalId": format!("of {name}") }));
    let created = log(Action::Created, &new.key, Vec::new());
    told(world, vec![Change::Create(new)], vec![created])
}

/// Another content of a person, with what the connector calls that one.
fn change(world: &World<'_>, key: &Key, expected: i64, name: &str) -> ChangeSet {
    let body = json!({ "userName": name, "displayName": name, "externalId": format!("of {name}") });
    let event =
        Event { kind: EventKind::AccountCreated, key: key.clone(), before: None, after: Some(body.clone()) };
    let set =
        told(world, vec![world.update(key, expected, &body)], vec![log(Action::Updated, key, Vec::new())]);
    ChangeSet { events: vec![event], ..set }
}

fn gone(world: &World<'_>, key: &Key) -> ChangeSet {
    told(world, vec![delete(key)], vec![log(Action::Deleted, key, Vec::new())])
}

fn edges(world: &World<'_>, group: &Key, add: &[&Key], remove: &[&Key]) -> ChangeSet {
    let ids = |keys: &[&Key]| keys.iter().map(|key| key.id.to_string()).collect();
    let attribute = "members".to_owned();
    let edges = AttributeChange::Edges { attribute, added: ids(add), removed: ids(remove) };
    told(world, vec![members(group, add, remove)], vec![log(Action::MemberAdded, group, vec![edges])])
}

/// What all of them did, of whom none fell out.
fn all(done: Result<Vec<Option<Committed>>, Apart>) -> Vec<Committed> {
    done.expect("committed").into_iter().map(|done| done.expect("none fell out")).collect()
}

fn is_there(world: &World<'_>, set: &ChangeSet) -> bool {
    set.changes.iter().any(|change| matches!(change, Change::Create(new) if world.get(&new.key).is_some()))
}

#[test]
fn together_they_do_what_they_do_one_after_the_other() {
    let Some((store, mut worker, _database)) = opened() else { return };
    let world = World::new(&store);
    let (group, a, b) = (world.group("Chefs"), world.person("a"), world.person("b"));
    let late = world.change_set(world.scope, Vec::new()).at;
    let sets = [
        person(&world, "c"),
        ChangeSet { at: late.plus_millis(9_000), ..edges(&world, &group, &[&a], &[]) },
        person(&world, "d"),
        edges(&world, &group, &[&b], &[]),
    ];
    let mut party = Party::default();
    assert!(sets.iter().all(|set| party.admit(set)));
    let done = all(commit_together(&mut worker, &sets.each_ref()));
    let effects: Vec<_> = done.iter().flat_map(|done| &done.effects).collect();
    let versions: Vec<_> = effects.iter().map(|effect| effect.version).collect();
    assert_eq!(versions, [1, 2, 1, 3].map(|version| Some(Version(version))));
    // The group was never changed before it was changed last.
    let modified: Vec<_> = effects.iter().map(|effect| effect.modified).collect();
    assert_eq!(modified, [sets[0].at, sets[1].at, sets[2].at, sets[1].at]);
    let read = world.there(&group);
    assert_eq!((read.version, read.modified), (Version(3), sets[1].at));
    assert_eq!((world.membership(&a), world.membership(&b)), (1, 1));
    assert!(is_there(&world, &sets[0]) && is_there(&world, &sets[2]));
    let count = world.fact(Question::Count("User".into(), Tally::All));
    assert_eq!(count, scim_directory::Fact::Count(4));
    // Each has its own place in the log, in their order, and is known again.
    let positions: Vec<_> = done.iter().map(|done| done.position).collect();
    assert!(positions.is_sorted() && positions.iter().collect::<BTreeSet<_>>().len() == 4);
    let mut entries = world.journal(&world.scope);
    entries.sort_by_key(|entry| entry.position);
    assert_eq!(entries.iter().map(|entry| entry.position).collect::<Vec<_>>(), positions);
    let records: Vec<_> = sets.iter().flat_map(|set| set.log.clone()).collect();
    assert_eq!(entries.into_iter().map(|entry| entry.record).collect::<Vec<_>>(), records);
    for (set, done) in sets.iter().zip(&done) {
        assert_eq!(block_on(store.commit(set.clone())).expect("known"), *done);
    }
    let other = world.group("Waiters");
    world.commit(vec![hold(&other, &["late", "later"])]);
    let mut left = [edges(&world, &group, &[], &[&a]), edges(&world, &other, &[&b], &[])];
    let [_, released] = &mut left;
    for change in &mut released.changes {
        if let Change::Members(change) = change {
            change.release = vec!["late".to_owned(), "never".to_owned()];
        }
    }
    let done = all(commit_together(&mut worker, &left.each_ref()));
    assert!(done[0].position > positions[3], "later changes stand behind");
    assert_eq!(done[0].effects[0].version, Some(Version(4)));
    let (_, waited_for) = (world.person("late"), world.person("later"));
    let waiters = world.others(&other, Direction::Members);
    assert_eq!(waiters, [b.id, waited_for.id], "one reference was forgotten");
}

#[test]
fn where_one_is_not_as_supposed_none_is_committed() {
    let Some((store, mut worker, _database)) = opened() else { return };
    let world = World::new(&store);
    let (group, no_group) = (world.group("Chefs"), world.group("Gone"));
    let (member, other, gone) = (world.person("a"), world.person("b"), person(&world, "gone"));
    let Some(Change::Create(gone_new)) = gone.changes.first() else { panic!("a creation") };
    let gone_key = gone_new.key.clone();
    world.commit_set(gone);
    world.edit_members(&group, &[&member], &[]);
    world.commit(vec![delete(&gone_key), delete(&no_group)]);
    world.commit(vec![hold(&group, &["Newcomer"])]);
    let before = edges(&world, &group, &[], &[&member]);
    world.commit_set(before.clone());
    world.edit_members(&group, &[&member], &[]);
    let with = |condition| ChangeSet { conditions: vec![condition], ..person(&world, "e") };
    let not_deleted = Condition::NotDeleted {
        resource_type: "User".into(),
        external_id: "of gone".to_owned(),
        since: BEGINNING,
    };
    let cases = [
        ("the name is taken", person(&world, "A")),
        ("somebody waits for it", person(&world, "newcomer")),
        ("the generation is another", with(Condition::Generation(7))),
        ("there is no such key", with(Condition::Key(KeyId::new(world.uuid()), 1))),
        ("somebody like it was deleted", with(not_deleted)),
        ("the member is gone", edges(&world, &group, &[&gone_key], &[])),
        ("the group is gone", edges(&world, &no_group, &[&other], &[])),
        ("the edge is there", edges(&world, &group, &[&member], &[])),
        ("the edge is not there", edges(&world, &group, &[], &[&other])),
        ("it was committed already", before),
        ("the new name is taken", change(&world, &other, 1, "A")),
        ("somebody waits for the new name", change(&world, &other, 1, "newcomer")),
    ];
    for (why, bad) in cases {
        let good = person(&world, "good");
        let mut party = Party::default();
        assert!(party.admit(&good) && party.admit(&bad), "{why}");
        let log = world.journal(&world.scope);
        let group_before = world.there(&group);
        assert_eq!(commit_together(&mut worker, &[&good, &bad]), Err(Apart::Mistaken), "{why}");
        assert!(!is_there(&world, &good), "{why}");
        assert_eq!((world.journal(&world.scope), world.there(&group)), (log, group_before), "{why}");
    }
    let good = person(&world, "good");
    assert!(commit_together(&mut worker, &[&good]).is_ok(), "the connection is as good as before");
}

/// Everything that is stored, without what commits on their way make their own: positions, and slots of numbers.
fn stored(database: &Database<'_>) -> Vec<String> {
    let tables = [
        "SELECT * FROM resources",
        "SELECT * FROM unique_keys",
        "SELECT * FROM search_keys",
        "SELECT * FROM links",
        "SELECT * FROM members",
        "SELECT * FROM held",
        "SELECT * FROM name_claims",
        "SELECT * FROM tombstones",
        "SELECT * FROM tombstone_links",
        "SELECT resource_type, sum(count), sum(active), sum(managed) FROM counters GROUP BY 1",
        "SELECT resource_type, first_id, sum(count) FROM ranges GROUP BY 1, 2",
        "SELECT resource_type, first_id, sum(count) FROM spans GROUP BY 1, 2",
        "SELECT instance_id, id, at_ms, regexp_replace(result, '\"position\":[0-9]+', '') FROM change_sets",
        "SELECT rank() OVER (ORDER BY position), instance_id, at_ms, elapsed_ms, connector_id, request_id, action, status, \
         resource_type, resource_id, name_key, record FROM journal",
        "SELECT j.request_id, m.member_id FROM journal_members m JOIN journal j USING (instance_id, position)",
        "SELECT rank() OVER (ORDER BY position), instance_id, at_ms, request_id, kind, resource_type, id, before, after FROM events",
        "SELECT instance_id, minute, min(first_record) > 0, max(last_event) > 0 FROM minutes GROUP BY 1, 2",
    ];
    let dump = |table: &&str| {
        let text = format!("SELECT t::text FROM ({table}) AS t ORDER BY 1");
        format!("{table}\n{}", database.sql(&text).expect("a table"))
    };
    tables.iter().map(dump).collect()
}

/// The same directory everywhere, and change sets of all kinds that may share a transaction there.
fn directory(world: &World<'_>) -> Vec<ChangeSet> {
    let groups = [world.group("Chefs"), world.group("Waiters")];
    let people: Vec<Key> = (0..6).map(|number| world.person(&format!("p{number}"))).collect();
    let [chefs, waiters] = &groups;
    let [a, b, c, d, e, f] = people.as_slice() else { panic!("six") };
    world.edit_members(chefs, &[a, b], &[]);
    world.edit_members(waiters, &[b, c], &[]);
    // They are called something by two connectors, claim names, and one reports to another.
    world.commit_set(change(world, c, 1, "c of one"));
    let other = ChangeSet { scope: world.other_connector, ..change(world, c, 2, "c of two") };
    world.commit_set(ChangeSet { realm: Some("r".to_owned()), ..other });
    let claimed = ChangeSet { realm: Some("r".to_owned()), ..change(world, b, 1, "b in a realm") };
    world.commit_set(claimed);
    let mut managed = change(world, d, 1, "d");
    for change in &mut managed.changes {
        if let Change::Update { content, .. } = change {
            content.managed_by = world.scope.connector;
        }
    }
    world.commit_set(managed);
    let reporting = |expected, name: &str| {
        let mut set = change(world, e, expected, name);
        for change in &mut set.changes {
            if let Change::Update { content, .. } = change {
                content.reports_to = Some("d".to_owned());
            }
        }
        set
    };
    world.commit_set(reporting(1, "e"));
    world.edit_members(waiters, &[e], &[]);
    let late = world.change_set(world.scope, Vec::new()).at.plus_millis(9_000);
    let mut nameless = change(world, c, 3, "c of none");
    for change in &mut nameless.changes {
        if let Change::Update { external_id, .. } = change {
            *external_id = None;
        }
    }
    vec![
        person(world, "new"),
        gone(world, b),
        edges(world, chefs, &[f], &[]),
        ChangeSet { at: late, ..nameless },
        ChangeSet { at: late, ..gone(world, a) },
        reporting(2, "e again"),
        edges(world, chefs, &[d], &[]),
    ]
}

#[test]
fn what_is_stored_is_the_same_as_one_after_the_other() {
    let (Some((store, mut worker, one)), Some((alone, mut other, two))) = (opened(), opened()) else {
        return;
    };
    let (world, apart) = (World::new(&store), World::new(&alone));
    let (sets, same) = (directory(&world), directory(&apart));
    assert_eq!(sets, same);
    assert_eq!(stored(&one), stored(&two));
    let mut party = Party::default();
    assert!(sets.iter().all(|set| party.admit(set)));
    // With ranges and spans, of which the last are not counted.
    for database in [&one, &two] {
        for table in ["ranges", "spans"] {
            let cut = format!(
                "INSERT INTO {table} SELECT instance_id, resource_type, id, 0, 100 FROM \
                 (SELECT *, rank() OVER (ORDER BY id) AS n FROM resources WHERE resource_type = 'User') t WHERE n IN (1, 2, 6)"
            );
            database.sql(&cut).expect("cut");
        }
    }
    let done = all(commit_together(&mut worker, &sets.iter().collect::<Vec<_>>()));
    let singly: Vec<Committed> =
        same.iter().map(|set| commit(&mut other, set, false).expect("committed")).collect();
    let effects = |done: &[Committed]| done.iter().map(|done| done.effects.clone()).collect::<Vec<_>>();
    assert_eq!(effects(&done), effects(&singly));
    let positions: Vec<_> = done.iter().map(|done| done.position).collect();
    assert!(positions.is_sorted(), "{positions:?}");
    for (together, apart) in stored(&one).iter().zip(&stored(&two)) {
        assert_eq!(together, apart);
    }
    for (set, done) in sets.iter().zip(&done) {
        assert_eq!(block_on(store.commit(set.clone())).expect("known"), *done);
    }
}

#[test]
fn who_finds_another_record_than_supposed_falls_out_and_the_others_go_on() {
    let Some((store, mut worker, _database)) = opened() else { return };
    let world = World::new(&store);
    let (group, in_group) = (world.group("Chefs"), world.group("Nested"));
    let (a, b, manager, buried) =
        (world.person("a"), world.person("b"), world.person("m"), world.person("x"));
    world.commit(vec![delete(&buried)]);
    world.edit_members(&group, &[&in_group], &[]);
    let mut managed = change(&world, &manager, 1, "m");
    let mut report = change(&world, &b, 1, "b");
    for change in managed.changes.iter_mut().chain(&mut report.changes) {
        if let Change::Update { key, content, .. } = change {
            content.managed_by = world.scope.connector;
            content.reports_to = (*key == b).then(|| "m".to_owned());
        }
    }
    world.commit_set(managed);
    world.commit_set(report);
    let by_other = ChangeSet { scope: world.other_connector, ..change(&world, &b, 2, "b") };
    let cases = [
        ("another version", change(&world, &a, 7, "z")),
        ("nobody", change(&world, &buried, 1, "z")),
        ("nobody to delete", gone(&world, &buried)),
        ("no member", edges(&world, &group, &[&buried], &[])),
        (
            "another version to delete",
            told(&world, vec![Change::Delete { key: a.clone(), expected: Some(Version(7)) }], Vec::new()),
        ),
        ("reports to nobody any more", by_other),
        ("somebody reports to who goes", gone(&world, &manager)),
        ("a name that another gives up", person(&world, "first")),
        ("a name that another gives up, too", change(&world, &a, 1, "first")),
    ];
    for (turn, (why, bad)) in (1..).zip(&cases) {
        let fine = world.create("User", &json!({ "userName": "first" }));
        let sets = [
            bad.clone(),
            person(&world, &format!("n{turn}")),
            change(&world, &fine, 1, &format!("second {turn}")),
        ];
        let mut party = Party::default();
        assert!(sets.iter().all(|set| party.admit(set)), "{why}");
        let log = world.journal(&world.scope).len();
        let done = commit_together(&mut worker, &sets.each_ref()).expect(why);
        let through: Vec<bool> = done.iter().map(Option::is_some).collect();
        assert_eq!(through, [false, true, true], "{why}");
        assert!(is_there(&world, &sets[1]) && world.version(&fine) == 2, "{why}");
        assert_eq!(world.journal(&world.scope).len(), log + 2, "{why}");
    }
    let none = [change(&world, &a, 7, "z")];
    assert_eq!(commit_together(&mut worker, &none.each_ref()), Err(Apart::Mistaken), "none is left");
    let [.., (_, freed)] = &cases;
    assert!(block_on(store.commit(freed.clone())).is_ok(), "it comes after the one that gave it up");
}

#[test]
fn nothing_is_written_by_statements_whose_transaction_did_not_begin() {
    let Some((store, mut worker, _database)) = opened() else { return };
    let world = World::new(&store);
    all(commit_together(&mut worker, &[&person(&world, "ada")]));
    let written = worker.connection().expect("open").batch("DELETE FROM resources");
    assert!(written.is_err_and(|error| error.to_string().contains("read-only")));
    all(commit_together(&mut worker, &[&person(&world, "grace")]));
}

#[test]
fn no_statement_is_planned_twice() {
    let Some((store, mut worker, _database)) = opened() else { return };
    let world = World::new(&store);
    let (group, member) = (world.group("Chefs"), world.person("member"));
    for turn in 0..8 {
        let (name, known) = (format!("p{turn}"), world.person(&format!("known {turn}")));
        let edge = match turn % 2 {
            0 => edges(&world, &group, &[&member], &[]),
            _ => edges(&world, &group, &[], &[&member]),
        };
        let sets = [person(&world, &name), change(&world, &known, 1, &format!("new {turn}")), edge];
        all(commit_together(&mut worker, &sets.each_ref()));
        commit(&mut worker, &gone(&world, &known), false).expect("committed");
    }
    let counted = "SELECT coalesce(sum(custom_plans), 0)::bigint AS n FROM pg_prepared_statements \
         WHERE generic_plans + custom_plans > 4";
    let planned = Statement::new(counted).row::<Number>(worker.connection().expect("open")).expect("asked");
    assert_eq!(planned.map(|row| row.n), Some(0));
}
