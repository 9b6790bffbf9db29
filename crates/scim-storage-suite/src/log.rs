//! The log and the outbox: found by what they are about, counted, pruned and erased.

use crate::world::{World, delete, members};
use pollster::block_on;
use scim_core::instant::Timestamp;
use scim_directory::{
    Action, AdminChange, AttributeChange, Change, ChangeSet, Event, EventKind, Fact, FieldChange, Key,
    LogError, LogRecord, LogResource, LogStatus, Position, Question,
};
use scim_storage::{
    About, InstanceAnswer, InstanceQuestion, JournalEntry, JournalFilter, JournalQuery, Reach, ReportLine,
    ServerAnswer, ServerQuestion, Store,
};
use serde_json::json;

use crate::people::{managed, outbox, reporting};

const HOUR: i64 = 3_600_000;

fn record(action: Action, status: LogStatus, key: &Key) -> LogRecord {
    LogRecord::new(action, status, Some(LogResource::new(&key.resource_type, key.id, Some("Somebody"))))
}

/// Commits that log record, and an event, as of that moment; its position.
fn log_at(world: &World<'_>, at: Timestamp, record: LogRecord) -> i64 {
    let events = match &record.resource {
        Some(LogResource { id, .. }) if !id.is_empty() => vec![Event {
            kind: EventKind::AccountChanged,
            key: Key { resource_type: "User".into(), id: id.parse().expect("an id") },
            before: None,
            after: Some(json!({ "UserName": "Somebody" })),
        }],
        _ => Vec::new(),
    };
    let set = world.change_set(world.scope, Vec::new());
    world.commit_set(ChangeSet { at, elapsed_ms: 7, log: vec![record], events, ..set }).position.0
}

fn read(world: &World<'_>, query: &JournalQuery) -> Vec<JournalEntry> {
    block_on(world.store.journal(&world.scope, query)).expect("a read").entries
}

/// The positions of what a filter selects, whichever way and in whatever pages they are read.
fn found(world: &World<'_>, filter: JournalFilter) -> Vec<i64> {
    let whole = JournalQuery { after: None, limit: 1000, newest_first: false, filter };
    let positions = |entries: Vec<JournalEntry>| -> Vec<i64> {
        entries.into_iter().map(|entry| entry.position.0).collect()
    };
    let all = positions(read(world, &whole));
    for newest_first in [false, true] {
        let mut query = JournalQuery { limit: 2, newest_first, ..whole.clone() };
        let mut paged = Vec::new();
        loop {
            let page = block_on(world.store.journal(&world.scope, &query)).expect("a read");
            paged.extend(positions(page.entries));
            if !page.more {
                break;
            }
            query.after = paged.last().copied().map(Position);
        }
        if newest_first {
            paged.reverse();
        }
        assert_eq!(paged, all, "newest first: {newest_first}");
    }
    all
}

/// Filters by person, group, name, action, status, connector and time, alone and together, in both directions and in
/// pages; and numbers by period.
pub fn records_are_found_by_what_they_are_about(store: &dyn Store) {
    let world = World::new(store);
    let (mira, nora, group) = (world.key("User"), world.key("User"), world.group("Sales"));
    let people = [&mira, &nora].map(|key| {
        let mut new = managed(&world, &json!({ "userName": key.id.to_string() }));
        new.key = key.clone();
        Change::Create(new)
    });
    world.commit(people.to_vec());
    let start = world.now();
    let at = |hours: i64| start.plus_millis(hours * HOUR);
    let created = log_at(&world, at(0), record(Action::Created, LogStatus::Success, &mira));
    let other = log_at(&world, at(1), record(Action::Created, LogStatus::Success, &nora));
    let warned = log_at(&world, at(2), record(Action::Updated, LogStatus::Warning, &mira));
    let mut set = world.change_set(world.scope, vec![members(&group, &[&mira], &[])]);
    let added = AttributeChange::Edges {
        attribute: "members".to_owned(),
        added: vec![mira.id.to_string(), nora.id.to_string()],
        removed: Vec::new(),
    };
    set.at = at(3);
    set.log =
        vec![LogRecord { changes: vec![added], ..record(Action::MemberAdded, LogStatus::Success, &group) }];
    let joined = world.commit_set(set).position.0;
    // Decided before the others, committed after them.
    let nobody =
        LogResource { resource_type: "User".to_owned(), id: String::new(), name: Some("MIRA".to_owned()) };
    let failed = log_at(&world, at(1), LogRecord::new(Action::Created, LogStatus::Failure, Some(nobody)));

    let about = |keys: &[&Key], name: Option<&str>| JournalFilter {
        about: Some(About { ids: keys.iter().map(|key| key.id).collect(), name: name.map(str::to_owned) }),
        ..JournalFilter::default()
    };
    assert_eq!(found(&world, about(&[&mira], None)), [created, warned, joined]);
    assert_eq!(found(&world, about(&[&nora], None)), [other], "it did not join");
    assert_eq!(found(&world, about(&[&group], None)), [joined]);
    assert_eq!(found(&world, about(&[&mira, &nora], Some("mira"))), [created, other, warned, joined, failed]);
    assert_eq!(found(&world, about(&[], None)), [0; 0]);

    let all = JournalFilter::default;
    let actions = |actions: &[Action]| JournalFilter { actions: actions.to_vec(), ..all() };
    let statuses = |statuses: &[LogStatus]| JournalFilter { statuses: statuses.to_vec(), ..all() };
    assert_eq!(found(&world, all()), [created, other, warned, joined, failed]);
    assert_eq!(found(&world, actions(&[Action::Created])), [created, other, failed]);
    assert_eq!(found(&world, actions(&[Action::Created, Action::Updated])), [created, other, warned, failed]);
    assert_eq!(found(&world, statuses(&[LogStatus::Failure, LogStatus::Warning])), [warned, failed]);
    assert_eq!(found(&world, statuses(&[LogStatus::Success])), [created, other, joined]);
    let connector = JournalFilter { connector: world.scope.connector, ..all() };
    assert_eq!(found(&world, connector.clone()).len(), 5);
    assert_eq!(found(&world, JournalFilter { connector: world.other_connector.connector, ..all() }), [0; 0]);
    assert_eq!(found(&world, JournalFilter { statuses: vec![LogStatus::Failure], ..connector }), [failed]);
    for (from, until, expected) in [
        (Some(0), None, vec![created, other, warned, joined, failed]),
        (Some(2), None, vec![warned, joined]),
        (None, Some(2), vec![created, other, failed]),
        (Some(1), Some(3), vec![other, warned, failed]),
        (Some(4), None, Vec::new()),
        (None, Some(0), Vec::new()),
    ] {
        let filter = JournalFilter { from: from.map(at), until: until.map(at), ..all() };
        assert_eq!(found(&world, filter.clone()), expected, "{from:?} {until:?}");
        let both = JournalFilter { actions: vec![Action::Created], ..filter };
        let expected: Vec<_> =
            expected.into_iter().filter(|at| [created, other, failed].contains(at)).collect();
        assert_eq!(found(&world, both), expected, "{from:?} {until:?}");
    }
    assert_eq!(read(&world, &JournalQuery { limit: 1, ..JournalQuery::default() })[0].elapsed_ms, 7);

    let report = InstanceQuestion::Report { from: at(0), until: at(2) };
    let answer = block_on(world.store.instance(&world.scope, &report)).expect("a read");
    let line = |status, count| ReportLine {
        action: Action::Created,
        status,
        resource_type: Some("User".to_owned()),
        count,
    };
    assert_eq!(
        answer,
        InstanceAnswer::Report(vec![line(LogStatus::Failure, 1), line(LogStatus::Success, 2)])
    );
}

/// Log, events, tombstones and change sets go oldest first, at most so many of each; no position is used again.
pub fn pruning_takes_the_oldest_of_each_in_slices(store: &dyn Store) {
    let world = World::new(store);
    let gone = reporting(&world, "gone", None);
    world.commit(vec![delete(&gone)]);
    let start = world.now().plus_millis(HOUR);
    let key = world.key("User");
    for hour in 0..6 {
        log_at(&world, start.plus_millis(hour * HOUR), record(Action::Updated, LogStatus::Success, &key));
    }
    let prune = |before, limit| {
        let mut set =
            world.change_set(world.scope, vec![Change::Admin(AdminChange::Prune { before, limit })]);
        // Late enough not to be pruned itself.
        set.at = start.plus_millis(100 * HOUR);
        world.commit_set(set).effects[0].rows
    };
    let before = start.plus_millis(3 * HOUR);
    let left = || (world.journal(&world.scope).len(), outbox(&world).len());
    assert_eq!(left(), (6, 6));
    let first = prune(before, 2);
    assert!(first >= 4, "{first}");
    assert_eq!(left(), (4, 4));
    while prune(before, 2) > 0 {}
    assert_eq!(left(), (3, 3));
    let positions: Vec<_> = world.journal(&world.scope).iter().map(|entry| entry.position.0).collect();
    assert_eq!(world.fact(Question::DeletedName("gone".to_owned())), Fact::Deleted(None));
    while prune(start.plus_millis(50 * HOUR), 1000) > 0 {}
    assert_eq!(left(), (0, 0));
    let next = log_at(&world, start, record(Action::Updated, LogStatus::Success, &key));
    assert!(Some(&next) > positions.last(), "no position is used again");
}

/// The oldest and the newest of all instances, in log and outbox; nothing where nothing is left.
pub fn how_far_log_and_outbox_reach_is_told(store: &dyn Store) {
    let world = World::new(store);
    let key = world.key("User");
    let log = |world: &World<'_>, at| {
        Position(log_at(world, at, record(Action::Updated, LogStatus::Success, &key)))
    };
    let told = || match world.server(&ServerQuestion::Backlog { instances: 9, count: 9 }) {
        ServerAnswer::Backlog(backlog) => *backlog,
        answer => panic!("{answer:?}"),
    };
    assert_eq!((told().log, told().outbox), (None, None));
    let start = world.now().plus_millis(HOUR);
    let times = [0, 1, 2].map(|hours| start.plus_millis(hours * HOUR));
    let first = log(&world, times[0]);
    let alone = Reach { oldest: (first, times[0]), newest: (first, times[0]) };
    assert_eq!(told().log, Some(alone));
    let second = log(&world.from_elsewhere(), times[1]);
    let third = log(&world, times[2]);
    assert_eq!(told().log, Some(Reach { oldest: (first, times[0]), newest: (third, times[2]) }));
    let outbox = told().outbox.expect("events");
    assert_eq!((outbox.oldest.1, outbox.newest.1), (times[0], times[2]));
    assert!(outbox.oldest.0 < outbox.newest.0);
    let change = AdminChange::Prune { before: times[1], limit: 100 };
    let set = world.change_set(world.scope, vec![Change::Admin(change)]);
    world.commit_set(ChangeSet { at: times[2], ..set });
    assert_eq!(told().log, Some(Reach { oldest: (second, times[1]), newest: (third, times[2]) }));
}

/// Names and values go from log, events and tombstone; the records stay.
pub fn erasing_a_person_leaves_what_counts(store: &dyn Store) {
    let world = World::new(store);
    let mira = reporting(&world, "mira", None);
    let at = world.now();
    let change = FieldChange { field: "Email".to_owned(), old: None, new: Some("mira@x.example".to_owned()) };
    let updated = LogRecord {
        fields: vec![change],
        notes: vec!["about Mira".to_owned()],
        ..record(Action::Updated, LogStatus::Success, &mira)
    };
    log_at(&world, at, updated);
    let error = LogError { code: "x".to_owned(), message: "mira".to_owned(), advice: "y".to_owned() };
    let nobody =
        LogResource { resource_type: "User".to_owned(), id: String::new(), name: Some("Mira".to_owned()) };
    let failed = LogRecord::new(Action::Created, LogStatus::Failure, Some(nobody));
    log_at(&world, at, LogRecord { error: Some(error), ..failed });
    let other = reporting(&world, "nora", None);
    log_at(&world, at, record(Action::Updated, LogStatus::Success, &other));
    world.commit(vec![delete(&mira)]);

    let erase = AdminChange::Erase { key: mira.clone(), name: Some("MIRA".to_owned()) };
    let rows = |erase: &AdminChange| world.commit(vec![Change::Admin(erase.clone())]).effects[0].rows;
    assert_eq!(rows(&erase), 4, "two records, an event, a tombstone");
    assert_eq!(rows(&erase), 0);
    let entries = world.journal(&world.scope);
    let text = format!("{entries:?} {:?}", outbox(&world)).to_lowercase();
    assert!(!text.contains("mira"), "{text}");
    assert_eq!(entries.len(), 3);
    assert_eq!(entries[2].record.resource.as_ref().and_then(|about| about.name.as_deref()), Some("Somebody"));
    assert_eq!(world.fact(Question::DeletedName("mira".to_owned())), Fact::Deleted(None));
}

/// An event about members is put out only where one really joined or left; the outbox pages in commit order.
pub fn events_of_groups_are_kept_where_an_edge_changed(store: &dyn Store) {
    let world = World::new(store);
    let (mira, group) = (world.person("mira"), world.group("Sales"));
    let changed =
        || Event { kind: EventKind::GroupChanged, key: group.clone(), before: None, after: Some(json!({})) };
    let commit = |changes: Vec<Change>| {
        let set = world.change_set(world.scope, changes);
        world.commit_set(ChangeSet { events: vec![changed()], ..set });
        outbox(&world).len()
    };
    assert_eq!(commit(vec![members(&group, &[&mira], &[])]), 1);
    assert_eq!(commit(vec![members(&group, &[&mira], &[])]), 1, "it was there already");
    let version = world.version(&group);
    assert_eq!(commit(vec![world.update(&group, version, &json!({ "displayName": "Sales" }))]), 2);
    let events = outbox(&world);
    assert_eq!(events[0].event, changed());
    let after = block_on(world.store.events(&world.scope, Some(events[0].position), 1)).expect("a read");
    assert_eq!((after.events, after.more), (vec![events[1].clone()], false));
    assert!(block_on(world.store.events(&world.scope, None, 1)).expect("a read").more);
    assert!(outbox(&world.from_elsewhere()).is_empty());
}
