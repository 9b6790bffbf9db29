//! How far imports have come, and the lines that they did not take.

use pollster::block_on;
use scim_core::instant::Timestamp;
use scim_directory::{
    AdminChange, Change, ChangeSet, Fact, ImportId, ImportKind, ImportRecord, ImportState, Question,
    RejectedLine,
};
use scim_storage::{CommitError, InstanceAnswer, InstanceQuestion, Store};
use serde_json::json;

use crate::world::{BEGINNING, World};

const HOUR: i64 = 3_600_000;

fn id(text: &str) -> ImportId {
    text.parse().expect("an id")
}

fn record(name: &str, started: Timestamp, lines: u64) -> ImportRecord {
    ImportRecord {
        id: id(name),
        kind: ImportKind::Groups,
        label: format!("{name}.csv"),
        state: if lines > 100 { ImportState::Done } else { ImportState::Running },
        started,
        updated: started.plus_millis(i64::try_from(lines).unwrap_or_default()),
        lines,
        within: lines / 2,
        imported: lines / 3,
        there: lines / 4,
        rejected: 2,
    }
}

fn save(import: &ImportRecord, before: Option<&ImportRecord>) -> Change {
    let expected = before.map(ImportRecord::place);
    Change::Admin(AdminChange::SaveImport { import: import.clone(), expected })
}

fn rejected(line: u64, key: Option<&str>, reason: &str) -> RejectedLine {
    RejectedLine { line, key: key.map(str::to_owned), reason: reason.to_owned() }
}

fn reject(import: &str, lines: Vec<RejectedLine>) -> Change {
    Change::Admin(AdminChange::RejectLines(id(import), lines))
}

/// Whether the store finds that somebody else was faster.
fn conflicts(world: &World<'_>, changes: Vec<Change>) -> bool {
    let committed = block_on(world.store.commit(world.change_set(world.scope, changes)));
    matches!(committed, Err(CommitError::Conflict))
}

fn ask(world: &World<'_>, question: &InstanceQuestion) -> InstanceAnswer {
    block_on(world.store.instance(&world.scope, question)).expect("a read")
}

fn known(world: &World<'_>, name: &str) -> Option<ImportRecord> {
    match ask(world, &InstanceQuestion::Import(id(name))) {
        InstanceAnswer::Import(import) => import.map(|import| *import),
        other => panic!("{other:?}"),
    }
}

fn lines(world: &World<'_>, name: &str, after: Option<u64>, limit: usize) -> Vec<RejectedLine> {
    match ask(world, &InstanceQuestion::RejectedLines { import: id(name), after, limit }) {
        InstanceAnswer::RejectedLines(lines) => lines,
        other => panic!("{other:?}"),
    }
}

/// What was saved is read back; the next step must begin where the last one ended, so that of two who work at one import
/// one is refused, whatever else the change set does.
pub fn an_import_goes_on_from_where_it_is(store: &dyn Store) {
    let world = World::new(store);
    let (none, first) = (known(&world, "a"), record("a", BEGINNING, 10));
    assert_eq!(none, None);
    world.commit(vec![save(&first, None)]);
    assert_eq!(known(&world, "a"), Some(first.clone()));
    let second = record("a", BEGINNING, 200);
    assert!(conflicts(&world, vec![save(&second, None)]));
    world.commit(vec![save(&second, Some(&first))]);
    assert_eq!(known(&world, "a"), Some(second.clone()));
    let person = world.new_record("User", &json!({ "userName": "mira" }));
    let late = vec![Change::Create(person), save(&record("a", BEGINNING, 300), Some(&first))];
    assert!(conflicts(&world, late));
    assert_eq!(known(&world, "a"), Some(second.clone()));
    let within = ImportRecord { within: 7, ..second.clone() };
    world.commit(vec![save(&within, Some(&second))]);
    assert!(conflicts(&world, vec![save(&record("a", BEGINNING, 300), Some(&second))]));
    assert!(!conflicts(&world, vec![save(&within, Some(&within))]));
}

/// Rejected lines are kept by number, a page at a time, in the commit that goes further; who begins anew forgets them.
pub fn rejected_lines_are_kept_until_an_import_begins_anew(store: &dyn Store) {
    let world = World::new(store);
    assert!(conflicts(&world, vec![reject("a", vec![rejected(1, None, "x")])]));
    let import = record("a", BEGINNING, 10);
    let told =
        vec![rejected(7, Some("mira"), "why"), rejected(2, None, "not text"), rejected(300, None, "z")];
    world.commit(vec![save(&import, None), reject("a", told.clone())]);
    world.commit(vec![save(&record("b", BEGINNING, 1), None), reject("b", vec![rejected(1, None, "b")])]);
    let by_line = [told[1].clone(), told[0].clone(), told[2].clone()];
    assert_eq!(lines(&world, "a", None, 10), by_line);
    assert_eq!(lines(&world, "a", None, 2), by_line[..2]);
    assert_eq!(lines(&world, "a", Some(2), 1), by_line[1..2]);
    assert_eq!(lines(&world, "a", Some(300), 10), []);
    world.commit(vec![reject("a", vec![rejected(7, None, "another reason")])]);
    assert_eq!(lines(&world, "a", Some(2), 1), [rejected(7, None, "another reason")]);
    let anew = record("a", BEGINNING.plus_millis(1), 0);
    world.commit(vec![save(&anew, Some(&import)), reject("a", vec![rejected(4, None, "new")])]);
    assert_eq!(lines(&world, "a", None, 10), [rejected(4, None, "new")]);
    assert_eq!(lines(&world, "b", None, 10).len(), 1);
}

/// Imports are listed newest first, with the id as tie-break, page by page.
pub fn imports_are_listed_newest_first(store: &dyn Store) {
    let world = World::new(store);
    let at = |hours: i64| BEGINNING.plus_millis(hours * HOUR);
    for import in [record("b", at(1), 1), record("a", at(1), 1), record("z", at(0), 1), record("c", at(2), 1)]
    {
        world.commit(vec![save(&import, None)]);
    }
    let page = |after: Option<(Timestamp, ImportId)>, limit| match ask(
        &world,
        &InstanceQuestion::Imports { after, limit },
    ) {
        InstanceAnswer::Imports(imports) => {
            imports.iter().map(|import| import.id.to_string()).collect::<Vec<_>>()
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(page(None, 10), ["c", "b", "a", "z"]);
    assert_eq!(page(None, 2), ["c", "b"]);
    assert_eq!(page(Some((at(1), id("b"))), 2), ["a", "z"]);
    assert_eq!(page(Some((at(0), id("z"))), 2), Vec::<String>::new());
}

/// What another instance imports is unknown here, and cannot be gone on with.
pub fn imports_belong_to_their_instance(store: &dyn Store) {
    let world = World::new(store);
    let import = record("a", BEGINNING, 10);
    world.commit(vec![save(&import, None), reject("a", vec![rejected(1, Some("mira"), "x")])]);
    let elsewhere = world.from_elsewhere();
    assert_eq!(known(&elsewhere, "a"), None);
    assert_eq!(lines(&elsewhere, "a", None, 10), []);
    assert_eq!(
        ask(&elsewhere, &InstanceQuestion::Imports { after: None, limit: 10 }),
        InstanceAnswer::Imports(Vec::new())
    );
    let further = record("a", BEGINNING, 20);
    assert!(conflicts(&elsewhere, vec![save(&further, Some(&import))]));
    let own = record("a", BEGINNING, 3);
    elsewhere.commit(vec![save(&own, None), reject("a", vec![rejected(2, None, "own")])]);
    let mira = elsewhere.person("mira");
    let erase = AdminChange::Erase { key: mira, name: Some("mira".to_owned()) };
    elsewhere.commit(vec![Change::Admin(erase)]);
    assert_eq!(known(&world, "a"), Some(import));
    assert_eq!(lines(&world, "a", None, 10), [rejected(1, Some("mira"), "x")]);
}

/// Rejected lines go first, in slices, and an import with the last of its lines; whoever came further lately stays.
pub fn imports_are_pruned_with_their_lines(store: &dyn Store) {
    let world = World::new(store);
    let old = record("old", BEGINNING, 10);
    let late = record("late", BEGINNING.plus_millis(50 * HOUR), 10);
    let told = (1..=5).map(|line| rejected(line, None, "x")).collect();
    world.commit(vec![save(&old, None), reject("old", told)]);
    world.commit(vec![save(&late, None), reject("late", vec![rejected(1, None, "x")])]);
    let prune = |limit| {
        let before = BEGINNING.plus_millis(20 * HOUR);
        let set = world.change_set(world.scope, vec![Change::Admin(AdminChange::Prune { before, limit })]);
        // Late enough not to be pruned itself.
        let at = BEGINNING.plus_millis(1000 * HOUR);
        world.commit_set(ChangeSet { at, ..set }).effects[0].rows
    };
    assert!(prune(2) >= 2);
    assert_eq!(lines(&world, "old", None, 10).len(), 3);
    assert!(known(&world, "old").is_some(), "while lines are left");
    while prune(2) > 0 {}
    assert_eq!((known(&world, "old"), lines(&world, "old", None, 10)), (None, Vec::new()));
    assert_eq!((known(&world, "late"), lines(&world, "late", None, 10).len()), (Some(late), 1));
}

/// A person who is erased stands in no rejected line either: not as its key in any letter case, nor quoted in its reason.
pub fn erasing_a_person_empties_rejected_lines(store: &dyn Store) {
    let world = World::new(store);
    let mira = world.person("mira");
    let told = vec![
        rejected(1, Some("MIRA"), "wrong state"),
        rejected(2, Some("Chefs"), "the members \"noah\" and \"Mira\" are not there"),
        rejected(3, Some("miranda"), "wrong state"),
    ];
    world.commit(vec![save(&record("a", BEGINNING, 10), None), reject("a", told.clone())]);
    world.commit(vec![Change::Admin(AdminChange::Erase { key: mira, name: Some("mira".to_owned()) })]);
    let erased = |line| rejected(line, None, "(erased)");
    assert_eq!(lines(&world, "a", None, 10), [erased(1), erased(2), told[2].clone()]);
}

/// Whether another instance has claimed a name is known; what the own instance claims is free for itself.
pub fn claims_of_others_are_known_without_whose(store: &dyn Store) {
    let world = World::new(store);
    let claimed =
        |world: &World<'_>, key: &str| world.fact(Question::Claimed { realm: "server", key: key.to_owned() });
    assert_eq!(claimed(&world, "mira"), Fact::Claimed(false));
    let person = world.new_record("User", &json!({ "userName": "mira" }));
    let set = world.change_set(world.scope, vec![Change::Create(person)]);
    world.commit_set(ChangeSet { realm: Some("server".to_owned()), ..set });
    let elsewhere = world.from_elsewhere();
    assert_eq!(claimed(&world, "mira"), Fact::Claimed(false));
    assert_eq!(claimed(&elsewhere, "mira"), Fact::Claimed(true));
    assert_eq!(claimed(&elsewhere, "noah"), Fact::Claimed(false));
    let other = elsewhere.fact(Question::Claimed { realm: "another", key: "mira".to_owned() });
    assert_eq!(other, Fact::Claimed(false));
}
