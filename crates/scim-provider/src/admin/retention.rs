//! What is older than the retention time, of an instance or the server, goes.

use scim_core::instant::Timestamp;
use scim_directory::{AdminChange, Change, Instance, InstanceId, Scope};
use scim_lifecycle::Decision;

use super::account::account_refused;
use super::{Admin, AdminError};

/// The most rows of each kind that one commit deletes, so that nobody waits long behind it.
const SLICE: usize = 500;
/// For how long the server's own log is kept, in days.
const SERVER_DAYS: i64 = 365;
const DAY_MILLIS: i64 = 86_400_000;

/// What a slice came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pruned {
    /// How many rows were deleted.
    pub rows: u64,
    /// Whether more may be left.
    pub more: bool,
}

impl Admin {
    /// Deletes a slice of what is older than the instance's retention time: log records, events, tombstones. A caller
    /// that has time lets others write between slices.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn prune_slice(&self, instance: &Instance, now: Timestamp) -> Result<Pruned, AdminError> {
        self.prune_of(instance.id, i64::from(instance.settings.retention_days), now).await
    }

    /// The same of the server's own log, which is kept for a year, and of first answers to requests about the server.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn prune_server_slice(&self, now: Timestamp) -> Result<Pruned, AdminError> {
        self.prune_of(Scope::SERVER.instance, SERVER_DAYS, now).await
    }

    async fn prune_of(&self, instance: InstanceId, days: i64, now: Timestamp) -> Result<Pruned, AdminError> {
        let before = now.plus_millis(-days.saturating_mul(DAY_MILLIS));
        let change = AdminChange::Prune { before, limit: SLICE };
        let decision = Decision { changes: vec![Change::Admin(change)], ..Decision::default() };
        let request_id = self.source.uuid().to_string();
        let committed =
            self.commit_decision(instance, &request_id, decision).await.map_err(account_refused)?;
        let rows = committed.effects.iter().map(|effect| effect.rows).sum();
        // A kind of which more is left filled the slice.
        Ok(Pruned { rows, more: rows >= SLICE as u64 })
    }

    /// Deletes all that is older than the instance's retention time now, slice by slice. How many rows it were.
    ///
    /// # Errors
    /// If the store fails; what was deleted by then stays deleted.
    pub async fn prune(&self, instance: &Instance) -> Result<u64, AdminError> {
        let now = self.now();
        let mut rows = 0;
        loop {
            let slice = self.prune_slice(instance, now).await?;
            rows += slice.rows;
            if !slice.more {
                return Ok(rows);
            }
        }
    }
}
