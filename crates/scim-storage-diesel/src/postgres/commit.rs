//! Committing one change set, in a transaction of its own.

use scim_directory::{ChangeSet, Committed};
use scim_storage::CommitError;
use tokio_postgres::error::SqlState;

use super::workers::Worker;
use crate::commit::apply;
use crate::error::{Refusal, store_error};

/// How often a change set is tried that the server turned away because of another one.
const TRIES: usize = 8;

/// Commits a change set. What the server turns away because others ran at the same time is tried again.
pub(super) fn commit(worker: &mut Worker, changes: &ChangeSet) -> Result<Committed, CommitError> {
    let mut tries = 1;
    loop {
        let (outcome, turned_away) = once(worker, changes.clone());
        if !turned_away || tries == TRIES {
            return outcome.map_err(Into::into);
        }
        tries += 1;
    }
}

/// One try, and whether it failed because others ran at the same time.
fn once(worker: &mut Worker, changes: ChangeSet) -> (Result<Committed, Refusal>, bool) {
    let outcome = attempt(worker, changes);
    let refused = worker.link().and_then(|link| link.refused().cloned());
    let passing = [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED];
    let turned_away = outcome.is_err() && refused.is_some_and(|state| passing.contains(&state));
    if outcome.is_err()
        && let Ok(connection) = worker.connection()
        && let Err(error) = connection.batch("ROLLBACK")
    {
        log::debug!("a transaction did not end well: {error}");
    }
    (outcome, turned_away)
}

fn attempt(worker: &mut Worker, changes: ChangeSet) -> Result<Committed, Refusal> {
    let connection = worker.connection()?;
    connection.batch("BEGIN").map_err(store_error)?;
    let committed = apply(connection, changes)?;
    connection.batch("COMMIT").map_err(store_error)?;
    Ok(committed)
}
