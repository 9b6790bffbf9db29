//! First answers to requests that may be repeated.

use pollster::block_on;
use scim_core::instant::Timestamp;
use scim_directory::{
    ANSWERS_KEPT, AdminChange, AdminKeyId, AnswerChange, AnsweredRequest, Change, ChangeSet, Committed,
    RequestMark, Scope,
};
use scim_storage::{CommitError, ServerAnswer, ServerQuestion, Store};
use serde_json::json;

use crate::keyring::{at, race};
use crate::world::{World, is_conflict, is_duplicate};

/// The attribute of a request that was begun before.
const KEY: &str = "idempotency_key";

fn mark(world: &World<'_>, key: u8) -> RequestMark {
    RequestMark { caller: AdminKeyId::new(world.uuid()), key: [key; 32] }
}

fn change(change: AnswerChange) -> Change {
    Change::Admin(AdminChange::Answer(change))
}

fn attempt(
    world: &World<'_>,
    scope: Scope,
    at: Timestamp,
    made: AnswerChange,
) -> Result<Committed, CommitError> {
    let set = world.change_set(scope, vec![change(made)]);
    block_on(world.store.commit(ChangeSet { at, ..set }))
}

fn read(world: &World<'_>, mark: RequestMark, at: Timestamp) -> Option<AnsweredRequest> {
    match world.server(&ServerQuestion::Answered(mark, at)) {
        ServerAnswer::Answered(answered) => answered,
        other => panic!("{other:?}"),
    }
}

fn day() -> i64 {
    i64::try_from(ANSWERS_KEPT.as_millis()).expect("a day")
}

/// A request is begun once, finished, and known with its answer; another caller's of the same key is another one.
pub fn a_request_is_begun_once(store: &dyn Store) {
    let world = World::new(store);
    for scope in [world.scope, Scope::SERVER] {
        let (first, caller) = (mark(&world, 1), AdminKeyId::new(world.uuid()));
        let others = [RequestMark { caller, ..first }, RequestMark { key: [2; 32], ..first }];
        assert_eq!(read(&world, first, at(1)), None);
        let begin = |mark| attempt(&world, scope, at(1), AnswerChange::Begin(mark, [7; 32]));
        begin(first).expect("begun");
        let begun = AnsweredRequest { request: [7; 32], at: at(1), answer: None };
        assert_eq!(read(&world, first, at(1)), Some(begun.clone()));
        for again in [[7; 32], [8; 32]] {
            let again = attempt(&world, scope, at(2), AnswerChange::Begin(first, again));
            assert!(is_duplicate(&again, KEY), "{again:?}");
        }
        for other in others {
            assert_eq!(read(&world, other, at(1)), None);
            begin(other).expect("another request");
        }
        let answer: Vec<u8> = (0..=255).cycle().take(100_000).collect();
        attempt(&world, scope, at(3), AnswerChange::Finish(first, answer.clone())).expect("finished");
        let finished = AnsweredRequest { answer: Some(answer), ..begun.clone() };
        assert_eq!(read(&world, first, at(4)), Some(finished));
        assert_eq!(read(&world, others[0], at(4)), Some(begun));
        let again = attempt(&world, scope, at(5), AnswerChange::Begin(first, [7; 32]));
        assert!(is_duplicate(&again, KEY), "{again:?}");
    }
}

/// A request that did nothing is forgotten, and can begin again; what is not known is neither finished nor forgotten.
pub fn a_request_that_did_nothing_is_forgotten(store: &dyn Store) {
    let world = World::new(store);
    let mark = mark(&world, 1);
    let must = |change| attempt(&world, world.scope, at(1), change).expect("committed");
    must(AnswerChange::Forget(mark));
    must(AnswerChange::Finish(mark, vec![1]));
    assert_eq!(read(&world, mark, at(1)), None);
    must(AnswerChange::Begin(mark, [7; 32]));
    must(AnswerChange::Finish(mark, vec![1]));
    must(AnswerChange::Forget(mark));
    assert_eq!(read(&world, mark, at(1)), None);
    must(AnswerChange::Begin(mark, [8; 32]));
    assert_eq!(
        read(&world, mark, at(1)),
        Some(AnsweredRequest { request: [8; 32], at: at(1), answer: None })
    );
}

/// A first answer is known for a day; then its request can begin again, and nothing of the old answer is left.
pub fn a_first_answer_is_known_for_a_day(store: &dyn Store) {
    let world = World::new(store);
    let mark = mark(&world, 1);
    let must = |millis, change| attempt(&world, world.scope, at(millis), change).expect("committed");
    must(5, AnswerChange::Begin(mark, [7; 32]));
    must(6, AnswerChange::Finish(mark, vec![1]));
    let end = 5 + day();
    assert!(read(&world, mark, at(end)).is_some());
    assert_eq!(read(&world, mark, at(end + 1)), None);
    let early = attempt(&world, world.scope, at(end), AnswerChange::Begin(mark, [8; 32]));
    assert!(is_duplicate(&early, KEY), "{early:?}");
    must(end + 1, AnswerChange::Finish(mark, vec![2]));
    must(end + 1, AnswerChange::Begin(mark, [8; 32]));
    let begun = AnsweredRequest { request: [8; 32], at: at(end + 1), answer: None };
    assert_eq!(read(&world, mark, at(end + 1)), Some(begun));
}

/// Of many who begin the same request, one does.
pub fn racing_requests_have_one_winner(store: &dyn Store) {
    let world = World::new(store);
    for mark in [mark(&world, 1), mark(&world, 2)] {
        let results = race(|_| attempt(&world, Scope::SERVER, at(1), AnswerChange::Begin(mark, [7; 32])));
        let won = results.iter().filter(|result| result.is_ok()).count();
        let lost = results.iter().filter(|result| is_duplicate(result, KEY)).count();
        assert_eq!((won, won + lost), (1, results.len()), "{results:?}");
    }
}

/// An answer is kept with what it tells, or neither is.
pub fn an_answer_is_kept_with_what_it_tells(store: &dyn Store) {
    let world = World::new(store);
    let mark = mark(&world, 1);
    attempt(&world, world.scope, world.now(), AnswerChange::Begin(mark, [7; 32])).expect("begun");
    let mira = world.person("mira");
    let finish = || change(AnswerChange::Finish(mark, vec![1]));
    let stale = world.update(&mira, 9, &json!({ "userName": "mira" }));
    assert!(is_conflict(&world.try_commit(vec![finish(), stale])));
    assert_eq!(read(&world, mark, world.now()).and_then(|known| known.answer), None);
    let update = world.update(&mira, 1, &json!({ "userName": "mira" }));
    world.commit(vec![update, finish()]);
    assert_eq!(read(&world, mark, world.now()).and_then(|known| known.answer), Some(vec![1]));
}

/// Pruning forgets what is older than a day at that moment, of its own scope, oldest first, at most so many.
pub fn old_answers_are_pruned_in_slices(store: &dyn Store) {
    let world = World::new(store);
    let begin = |scope: Scope, millis: i64| {
        let mark = mark(&world, 1);
        attempt(&world, scope, at(millis), AnswerChange::Begin(mark, [7; 32])).expect("begun");
        mark
    };
    let old: Vec<_> = [3, 1, 2].map(|millis| begin(world.scope, millis)).to_vec();
    let young = begin(world.scope, 500);
    let others = [begin(world.elsewhere, 1), begin(Scope::SERVER, 1)];
    let prune = |scope: Scope| {
        let change = AdminChange::Prune { before: at(0), limit: 2 };
        let set = world.change_set(scope, vec![Change::Admin(change)]);
        world.commit_set(ChangeSet { at: at(100 + day()), ..set }).effects[0].rows
    };
    // Read as of the time of their beginning, so that only what is gone is not known.
    let there = |mark: &RequestMark| read(&world, *mark, at(1)).is_some();
    assert_eq!(prune(world.scope), 2);
    assert_eq!(old.iter().map(there).collect::<Vec<_>>(), [true, false, false], "the oldest go first");
    assert_eq!(prune(world.scope), 1);
    assert_eq!(prune(world.scope), 0);
    assert!(!there(&old[0]) && there(&young));
    assert!(others.iter().all(there), "others are pruned with their own scope");
    assert_eq!((prune(Scope::SERVER), prune(world.elsewhere)), (1, 1));
}
