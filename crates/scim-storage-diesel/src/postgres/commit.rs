//! Committing one change set, in a transaction of its own, or a few that commute in one; again, where the server or the network would not
//! have it the first time.
//!
//! Transactions are `READ COMMITTED`: each statement sees what has ended, and whoever decides by something holds it. In order:
//! advisory locks ([`super::locks`]), the rows of the records that are named (`crate::commit::rows`), unique keys, the version of a
//! group whose members changed, counters, and last of all the place in the log (`crate::commit::place`).
//!
//! | who meet | where | what comes of it |
//! | --- | --- | --- |
//! | updates and deletions of a record | its row | `Conflict` for the second |
//! | two who want a unique key | the key | `Duplicate` for the second |
//! | a creation, and the deletion of whom it should revive | the key; `NotDeleted` is asked again | `Conflict` |
//! | joining a group, and deletion of the person | the person's row | no edge, or `Gone` |
//! | joining a group, and deletion of the group | the group's row, last | no edge, or `Conflict` |
//! | two who add one edge | its key | `Added` and `Unchanged` |
//! | a held reference or a report, and whom it means arriving | the name | linked by the second |
//! | a report, and its manager's deletion or pick-up | the manager's row | cleared, waiting or linked |
//! | two who forget or link a held reference | the group's row | done once |
//! | anything, and what its conditions are about | the instance, alone | before it, or `Conflict` |
//! | sums: seats, live keys, removals | the instance, alone | one after the other |
//! | a change set, and its own first try | the change set | what the first did |
//!
//! Those that share a transaction do not meet one another (`crate::commit::Party`); they meet others as each of them would.
//!
//! `docs/decisions/0028-commits-on-postgresql-meet-at-locks.md` says why, and `0033-change-sets-that-wait-are-committed-together.md`.

use std::time::{Duration, Instant};

use diesel::QueryResult;
use scim_directory::{Change, ChangeSet, Committed};
use scim_storage::{CommitError, StoreError};

use super::link::{Link, Trouble};
use super::locks::{Locks, instance};
use super::workers::Worker;
use crate::commit::{apply, apply_together, cut, is_long, may_be_long};
use crate::error::{Refusal, store_error};
use crate::sql::Statement;

/// How long a change set is tried. Its client waits, and has work of its own to give up.
const PATIENCE: Duration = Duration::from_secs(3);
/// The same where it met others, whom the server let through: a deadlock is found after a second (`deadlock_timeout`), and those
/// who meet may meet again.
const PATIENCE_WITH_OTHERS: Duration = Duration::from_secs(10);
/// How often at most.
const TRIES: u32 = 12;
/// The longest pause before the second try, in microseconds; it doubles with each.
const PAUSE: u64 = 4_000;
/// What the server is told: how long it may wait for a lock, and how long it may wait for us in a transaction, in milliseconds. A
/// node that is gone holds its locks no longer than that.
const SETTINGS: [&str; 2] = ["lock_timeout = 3000", "idle_in_transaction_session_timeout = 15000"];

/// What a session is told besides, where that lasts. Statements of commits look up rows by keys: one plan is right for whatever values,
/// and is kept for a while ([`PLANS_LAST`]). (Without being told, the server plans each of them again each time: a plan for a list of one
/// looks cheaper than that for any list.) And nothing is written outside a transaction of [`BEGIN`]: statements follow it
/// before anybody knows that it began, and must not end each by itself where it did not.
const LASTING: [&str; 6] = [
    "plan_cache_mode = force_generic_plan",
    "enable_seqscan = off",
    "enable_hashjoin = off",
    "enable_mergejoin = off",
    "jit = off",
    "default_transaction_read_only = on",
];
/// How long plans are kept at most. One that was made when a table was empty reads all of an instance, and until the server has counted the
/// table, nothing else tells it to make another one.
const PLANS_LAST: Duration = Duration::from_secs(1);
const BEGIN: &str = "BEGIN READ WRITE";
/// How long those that share a transaction wait for a lock: only one of them may want it, and by themselves they have more patience.
const BRIEFLY: &str = "SET LOCAL lock_timeout = 250";

/// Why change sets did not get through together. None of them was committed, unless the connection broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Apart {
    /// Something was not as supposed.
    Mistaken,
    /// The server or the network turned them away.
    Troubled,
}

/// What became of one try.
enum Outcome {
    /// That is the answer.
    Answer(Result<Committed, Refusal>),
    /// It may be tried again, for so long.
    Again(StoreError, Duration),
    /// It must be tried again, alone in its instance.
    Alone,
    /// Something was not as supposed: it must be tried again, step by step.
    Mistaken,
}

/// Commits a change set, within [`PATIENCE`], [`PATIENCE_WITH_OTHERS`] and [`TRIES`]; then it is [`StoreError::Unavailable`].
///
/// A try whose connection broke may have been committed all the same, or may still be running at the server. The next one waits for
/// it (see [`Locks`]), and then finds the change set's id before anything else.
///
/// Where not `supposing`, the first try is step by step already.
pub(super) fn commit(
    worker: &mut Worker,
    changes: &ChangeSet,
    supposing: bool,
) -> Result<Committed, CommitError> {
    let begun = Instant::now();
    // What administrators do may undo what a supposition is about.
    let mut supposing = supposing && !changes.changes.iter().any(|change| matches!(change, Change::Admin(_)));
    let (mut alone, mut tries) = (false, 0);
    loop {
        tries += 1;
        let (error, patience) = match attempt(worker, changes.clone(), alone, supposing) {
            Outcome::Answer(outcome) => return outcome.map_err(Into::into),
            Outcome::Again(error, patience) => (error, patience),
            Outcome::Alone => {
                alone = true;
                continue;
            }
            Outcome::Mistaken => {
                supposing = false;
                continue;
            }
        };
        supposing = false;
        let pause = pause(tries);
        if tries >= TRIES || begun.elapsed() + pause >= patience {
            log::warn!("a change set was given up after {tries} tries: {error}");
            // A key that is taken whenever it is tried, and that nothing of ours names: whoever decides again may see why.
            let taken = worker.link().is_some_and(|link| link.is_taken());
            return Err(if taken { CommitError::Conflict } else { CommitError::Store(error) });
        }
        log::debug!("a change set is tried again: {error}");
        std::thread::sleep(pause);
    }
}

/// How long to wait after so many tries: a part of it is chance, so that those who met do not meet again.
fn pause(tries: u32) -> Duration {
    let most = PAUSE << tries.min(7);
    // Without randomness they may meet once more.
    let chance = getrandom::u64().unwrap_or(most);
    Duration::from_micros(most / 2 + chance % (most / 2))
}

fn attempt(worker: &mut Worker, changes: ChangeSet, alone: bool, supposing: bool) -> Outcome {
    let locks = Locks::of(&changes, alone);
    let outcome = within(worker, changes, &locks, supposing);
    let refusal = match outcome {
        Ok(committed) => return Outcome::Answer(Ok(committed)),
        Err(refusal) => refusal,
    };
    let (trouble, mistaken) = give_up(worker);
    if mistaken && trouble != Trouble::Lost {
        return Outcome::Mistaken;
    }
    match (refusal, trouble) {
        (Refusal::NotAlone, _) if !alone => Outcome::Alone,
        (Refusal::Store(error), Trouble::Lost) => Outcome::Again(passing(error), PATIENCE),
        (Refusal::Store(error), Trouble::Passing) => Outcome::Again(passing(error), PATIENCE_WITH_OTHERS),
        (Refusal::Store(_), Trouble::TooLarge) => Outcome::Answer(Err(Refusal::TooLarge)),
        (refusal, _) => Outcome::Answer(Err(refusal)),
    }
}

/// Ends a transaction that did not get through; what went wrong, and whether something was not as supposed.
fn give_up(worker: &mut Worker) -> (Trouble, bool) {
    let trouble = worker.link().map_or(Trouble::Lost, |link| link.trouble());
    let mistaken = worker.link().is_some_and(|link| link.is_mistaken());
    if let Some(link) = worker.link() {
        link.begin_anew(false);
    }
    if trouble == Trouble::Lost {
        worker.disconnect();
    } else if let Some(link) = worker.link()
        && let Err(error) = link.batch("ROLLBACK")
    {
        log::debug!("a transaction did not end well: {error}");
        worker.disconnect();
    }
    (trouble, mistaken)
}

/// Commits change sets that a [`crate::commit::Party`] admitted in one transaction, as [`commit`] does on its first try: all but those
/// that fell out, or none of them.
pub(super) fn commit_together(
    worker: &mut Worker,
    sets: &[&ChangeSet],
) -> Result<Vec<Option<Committed>>, Apart> {
    match together(worker, sets) {
        Ok(committed) => Ok(committed),
        Err(refusal) => {
            let (_, mistaken) = give_up(worker);
            log::debug!("{} change sets go on by themselves: {refusal:?}", sets.len());
            let refused = mistaken || !matches!(refusal, Refusal::Store(_));
            Err(if refused { Apart::Mistaken } else { Apart::Troubled })
        }
    }
}

fn together(worker: &mut Worker, sets: &[&ChangeSet]) -> Result<Vec<Option<Committed>>, Refusal> {
    worker.connection()?;
    if let Some(link) = worker.link() {
        begin(link, true)?;
        if sets.len() > 1 {
            link.later(Statement::of_postgres(BRIEFLY));
        }
    }
    let connection = worker.connection()?;
    connection.later(Locks::of_all(sets).statement())?;
    apply_together(connection, sets)
}

/// Cuts ranges that a change set may have made too long (see `crate::commit::cut`). Nothing depends on when that is done.
pub(super) fn cut_ranges(worker: &mut Worker, changes: &ChangeSet) {
    for resource_type in may_be_long(changes) {
        if let Err(error) = cut_range(worker, changes, resource_type) {
            log::debug!("a range was not cut: {error}");
            worker.disconnect();
        }
    }
}

fn cut_range(worker: &mut Worker, changes: &ChangeSet, resource_type: &str) -> Result<(), StoreError> {
    let id = changes.scope.instance.uuid().into_bytes();
    let connection = worker.connection()?;
    if !is_long(connection, &id, resource_type).map_err(store_error)? {
        return Ok(());
    }
    if let Some(link) = worker.link() {
        begin(link, false).map_err(store_error)?;
    }
    let connection = worker.connection()?;
    let alone = Statement::of_postgres("SELECT pg_advisory_xact_lock($1)");
    connection.later(alone.integer(instance(changes.scope.instance))).map_err(store_error)?;
    cut(connection, &id, resource_type).map_err(store_error)?;
    connection.conclude().map_err(store_error)
}

/// What may heal, whatever the database called it.
fn passing(error: StoreError) -> StoreError {
    match error {
        StoreError::Internal { source } => StoreError::Unavailable { reason: source.to_string() },
        other => other,
    }
}

fn within(
    worker: &mut Worker,
    changes: ChangeSet,
    locks: &Locks,
    supposing: bool,
) -> Result<Committed, Refusal> {
    worker.connection()?;
    if let Some(link) = worker.link() {
        begin(link, supposing)?;
    }
    let connection = worker.connection()?;
    connection.later(locks.statement())?;
    apply(connection, changes, locks.is_alone())
}

/// Begins a transaction, with the first statement that is looked at.
fn begin(link: &mut Link, supposing: bool) -> QueryResult<()> {
    link.begin_anew(supposing);
    let lasting = link.keeps_settings();
    if lasting && !link.is_settled() {
        for setting in SETTINGS.into_iter().chain(LASTING) {
            link.batch(&format!("SET {setting}"))?;
        }
        link.settle();
    }
    if lasting && link.plans_anew(PLANS_LAST) {
        link.later(Statement::of_postgres("DISCARD PLANS"));
    }
    link.later(Statement::of_postgres(BEGIN));
    if !lasting {
        for setting in SETTINGS {
            link.later(Statement::new(format!("SET LOCAL {setting}")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
