//! What is counted of each connector: what its requests came to, when the last one came, and when it last changed something.
//!
//! Numbers are kept for the first [`MAX_CONNECTORS`] connectors that a process meets, so that neither memory nor a scrape grows
//! with the instances; all others count together. They are found in one of several maps, each behind a lock that is only ever
//! written to when a connector is met for the first time: requests do not wait for one another.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use scim_core::instant::Timestamp;
use scim_directory::{
    Action, Change, ChangeSet, Committed, ConnectorId, Effect, InstanceId, LogRecord, LogStatus, Scope,
};
use scim_storage::{CommitError, ServerAnswer, ServerQuestion, what_happened};

use super::add;
use crate::Provider;

/// The most connectors that are counted one by one.
pub const MAX_CONNECTORS: usize = 250;
/// What all others are called; no instance and no connector has such a name.
pub const OTHERS: &str = "(other)";
/// In how many maps connectors are kept.
const SHARDS: usize = 16;
/// That something has not happened yet.
const NEVER: i64 = i64::MIN;

/// What may happen, as the provisioning log calls it; the last stands for anything else.
const ACTIONS: [(Option<Action>, &str); 16] = [
    (Some(Action::Created), "created"),
    (Some(Action::Updated), "updated"),
    (Some(Action::Suspended), "suspended"),
    (Some(Action::Reactivated), "reactivated"),
    (Some(Action::Deleted), "deleted"),
    (Some(Action::MemberAdded), "member_added"),
    (Some(Action::MemberRemoved), "member_removed"),
    (Some(Action::ReferenceHeld), "reference_held"),
    (Some(Action::ReferenceIgnored), "reference_ignored"),
    (Some(Action::PickedUp), "picked_up"),
    (Some(Action::Restored), "restored"),
    (Some(Action::Renamed), "renamed"),
    (Some(Action::RuleApplied), "rule_applied"),
    (Some(Action::KeySwitched), "key_switched"),
    (Some(Action::AccessRefused), "access_refused"),
    (None, "other"),
];
/// How it may end.
const STATUSES: [(LogStatus, &str); 5] = [
    (LogStatus::Success, "success"),
    (LogStatus::Failure, "failure"),
    (LogStatus::Warning, "warning"),
    (LogStatus::Skipped, "skipped"),
    (LogStatus::Held, "held"),
];

/// A connector with its instance.
type Which = (InstanceId, ConnectorId);

/// What is known of one connector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectorCounts {
    /// The instance's name; [`OTHERS`] for all that are not counted one by one.
    pub instance: String,
    /// The connector's name.
    pub connector: String,
    /// How often what happened, and how it ended: only what happened at all.
    pub outcomes: Vec<(&'static str, &'static str, u64)>,
    /// When it was last let in; `None` where it was not yet, and for the others.
    pub last_request: Option<Timestamp>,
    /// When it last changed something.
    pub last_write: Option<Timestamp>,
}

#[derive(Debug)]
struct Tally {
    outcomes: [[AtomicU64; STATUSES.len()]; ACTIONS.len()],
    last_request: AtomicI64,
    last_write: AtomicI64,
    /// The names of instance and connector, once somebody asked.
    names: OnceLock<(String, String)>,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            outcomes: Default::default(),
            last_request: AtomicI64::new(NEVER),
            last_write: AtomicI64::new(NEVER),
            names: OnceLock::new(),
        }
    }
}

impl Tally {
    fn count(&self, action: Action, status: LogStatus) {
        let of = |(known, _): &(Option<Action>, _)| *known == Some(action);
        let action = ACTIONS.iter().position(of).unwrap_or(ACTIONS.len() - 1);
        let status = STATUSES.iter().position(|(known, _)| *known == status);
        add(status.and_then(|status| self.outcomes.get(action)?.get(status)), 1);
    }

    fn read(&self, instance: String, connector: String) -> ConnectorCounts {
        let time = |at: &AtomicI64| {
            let at = at.load(Ordering::Relaxed);
            (at != NEVER).then(|| Timestamp::from_unix_millis(at))
        };
        let mut outcomes = Vec::new();
        for ((_, action), counts) in ACTIONS.iter().zip(&self.outcomes) {
            for ((_, status), count) in STATUSES.iter().zip(counts) {
                let count = count.load(Ordering::Relaxed);
                if count > 0 {
                    outcomes.push((*action, *status, count));
                }
            }
        }
        let (last_request, last_write) = (time(&self.last_request), time(&self.last_write));
        ConnectorCounts { instance, connector, outcomes, last_request, last_write }
    }
}

/// The counters of all connectors.
#[derive(Debug, Default)]
pub(crate) struct Connectors {
    shards: [RwLock<HashMap<Which, Arc<Tally>>>; SHARDS],
    met: AtomicUsize,
    others: Arc<Tally>,
}

impl Connectors {
    fn of(&self, which: Which) -> Arc<Tally> {
        let shard = usize::from(which.1.uuid().as_bytes().last().copied().unwrap_or_default()) % SHARDS;
        let Some(shard) = self.shards.get(shard) else { return Arc::clone(&self.others) };
        if let Some(known) = shard.read().unwrap_or_else(PoisonError::into_inner).get(&which) {
            return Arc::clone(known);
        }
        if self.met.load(Ordering::Relaxed) >= MAX_CONNECTORS {
            return Arc::clone(&self.others);
        }
        let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = shard.get(&which) {
            return Arc::clone(known);
        }
        if self.met.fetch_add(1, Ordering::Relaxed) >= MAX_CONNECTORS {
            return Arc::clone(&self.others);
        }
        Arc::clone(shard.entry(which).or_default())
    }

    /// A request was let in.
    pub(crate) fn asked(&self, scope: Scope, now: Timestamp) {
        let Some(connector) = scope.connector else { return };
        self.of((scope.instance, connector)).last_request.fetch_max(now.unix_millis(), Ordering::Relaxed);
    }

    /// A client was not let in.
    pub(crate) fn refused(&self, instance: InstanceId, connector: Option<ConnectorId>) {
        let Some(connector) = connector else { return };
        self.of((instance, connector)).count(Action::AccessRefused, LogStatus::Failure);
    }

    fn committed(&self, which: Which, at: Timestamp, written: impl Iterator<Item = (Action, LogStatus)>) {
        let tally = self.of(which);
        for (action, status) in written.filter(|(action, _)| *action != Action::AccessRefused) {
            tally.count(action, status);
            if matches!(status, LogStatus::Success | LogStatus::Warning) {
                tally.last_write.fetch_max(at.unix_millis(), Ordering::Relaxed);
            }
        }
    }

    fn all(&self) -> Vec<(Which, Arc<Tally>)> {
        let mut all = Vec::new();
        for shard in &self.shards {
            let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
            all.extend(shard.iter().map(|(which, tally)| (*which, Arc::clone(tally))));
        }
        all.sort_by_key(|(which, _)| *which);
        all
    }
}

/// What a change set logs, from before its commit. Of edges only the commit says which ones changed.
enum Logged {
    Certain(Vec<(Action, LogStatus)>),
    Edges(Vec<LogRecord>),
}

impl Logged {
    fn of(set: &ChangeSet) -> Self {
        if set.changes.iter().any(|change| matches!(change, Change::Members(_))) {
            return Self::Edges(set.log.clone());
        }
        Self::Certain(set.log.iter().map(|record| (record.action, record.status)).collect())
    }

    fn written(self, effects: &[Effect]) -> Vec<(Action, LogStatus)> {
        match self {
            Self::Certain(records) => records,
            Self::Edges(log) => {
                let written = what_happened(log, effects).into_iter();
                written.map(|record| (record.action, record.status)).collect()
            }
        }
    }
}

impl Provider {
    /// Commits a change set of a request, and counts what it logs.
    pub(crate) async fn commit(&self, set: ChangeSet) -> Result<Committed, CommitError> {
        let Some(connector) = set.scope.connector else { return self.store.commit(set).await };
        let (which, at, logged) = ((set.scope.instance, connector), set.at, Logged::of(&set));
        let committed = self.store.commit(set).await?;
        let written = logged.written(&committed.effects);
        self.counters.connectors.committed(which, at, written.into_iter());
        Ok(committed)
    }

    /// What was counted of each connector, at most [`MAX_CONNECTORS`], and of all others together. Names are read from the
    /// store once in a process; where it does not answer, ids take their place.
    pub async fn connector_counts(&self) -> Vec<ConnectorCounts> {
        let connectors = &self.counters.connectors;
        let mut counts = Vec::new();
        for (which, tally) in connectors.all() {
            if tally.names.get().is_none()
                && let Some(names) = self.names_of(which).await
            {
                // Another scrape may have been first.
                let _ = tally.names.set(names);
            }
            let ids = || (which.0.to_string(), which.1.to_string());
            let (instance, connector) = tally.names.get().cloned().unwrap_or_else(ids);
            counts.push(tally.read(instance, connector));
        }
        let others = connectors.others.read(OTHERS.to_owned(), OTHERS.to_owned());
        // Of many together, the last request says nothing about any.
        counts.push(ConnectorCounts { last_request: None, last_write: None, ..others });
        counts
    }

    async fn names_of(&self, (instance, connector): Which) -> Option<(String, String)> {
        let question = ServerQuestion::Connector(instance, connector);
        let Ok(ServerAnswer::Connector(Some(connector))) = self.server(&question).await else { return None };
        let Ok(ServerAnswer::Instance(Some(instance))) =
            self.server(&ServerQuestion::Instance(instance)).await
        else {
            return None;
        };
        Some((instance.name, connector.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(number: u128) -> Scope {
        let instance = InstanceId::new(uuid::Uuid::from_u128(1));
        Scope { instance, connector: Some(ConnectorId::new(uuid::Uuid::from_u128(number))) }
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_unix_millis(millis)
    }

    #[test]
    fn many_connectors_count_together() {
        let connectors = Connectors::default();
        for number in 0..2 * MAX_CONNECTORS as u128 {
            let scope = scope(number);
            connectors.asked(scope, at(5));
            connectors.refused(scope.instance, scope.connector);
        }
        assert_eq!(connectors.all().len(), MAX_CONNECTORS);
        let read = |tally: &Tally| tally.read(String::new(), String::new()).outcomes;
        let refused = |count: u64| [("access_refused", "failure", count)];
        assert_eq!(read(&connectors.others), refused(MAX_CONNECTORS as u64));
        assert!(connectors.all().iter().all(|(_, tally)| read(tally) == refused(1)));
    }

    #[test]
    fn what_happened_is_counted_by_action_and_status() {
        let connectors = Connectors::default();
        let which = (scope(1).instance, scope(1).connector.expect("one"));
        let written = [
            (Action::Created, LogStatus::Success),
            (Action::Created, LogStatus::Failure),
            (Action::Created, LogStatus::Success),
            (Action::InstanceCreated, LogStatus::Skipped),
            // Those are counted when they happen, not when one of many is logged.
            (Action::AccessRefused, LogStatus::Failure),
        ];
        connectors.committed(which, at(7), written.into_iter());
        connectors.committed(which, at(9), [(Action::Deleted, LogStatus::Held)].into_iter());
        connectors.asked(scope(1), at(9));
        let read = connectors.of(which).read("acme".to_owned(), "entra".to_owned());
        let expected = [
            ("created", "success", 2),
            ("created", "failure", 1),
            ("deleted", "held", 1),
            ("other", "skipped", 1),
        ];
        assert_eq!(read.outcomes, expected);
        assert_eq!((read.last_request, read.last_write), (Some(at(9)), Some(at(7))));
    }

    #[test]
    fn names_are_those_of_the_log() {
        let check = |known: Option<serde_json::Value>, name: &str| {
            assert_eq!(known, Some(serde_json::Value::from(name)), "{name}");
        };
        for (action, name) in ACTIONS.iter().filter_map(|(action, name)| Some((action.as_ref()?, name))) {
            check(serde_json::to_value(action).ok(), name);
        }
        for (status, name) in STATUSES {
            check(serde_json::to_value(status).ok(), name);
        }
    }

    /// Whatever a request commits goes through [`Provider::commit`].
    #[test]
    fn nothing_is_committed_uncounted() {
        let sources = [
            include_str!("../access/refused.rs"),
            include_str!("../access/used.rs"),
            include_str!("../bulk.rs"),
            include_str!("../deciding.rs"),
            include_str!("../oauth/revoke.rs"),
            include_str!("../refused.rs"),
            include_str!("../resource/write.rs"),
        ];
        assert!(sources.iter().all(|source| !source.contains("store.commit(")));
        assert!(sources.iter().filter(|source| source.contains(".commit(")).count() == sources.len());
    }
}
