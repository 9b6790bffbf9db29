//! What becomes of keys because they are used.
//!
//! The first use of a key is the switch: the older keys of the same integration user at the same connector retire. They are
//! revoked by the first successful write with the new key where the connector says so, else by the end of the overlap:
//! Entra's *Test Connection* uses a new key before it is saved, so that its GET alone must never cut off a cycle that is
//! running with the old one.
//!
//! That, and a key's hash by a newer pepper, is committed once in a key's life. When a key was used last is kept in memory
//! and written now and then ([`Provider::flush_uses`]).

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

use scim_core::instant::Timestamp;
use scim_directory::{
    Action, AdminChange, Change, ChangeSet, ChangeSetId, Condition, Event, EventKind, InstanceId, KEY_TYPE,
    Key, KeyChange, KeyId, KeyRecord, KeyTouch, LogRecord, ResourceId, Retirement, Revocation, Scope,
};
use scim_storage::{CommitError, ServerAnswer, ServerQuestion};
use serde_json::json;

use super::{Caller, Known};
use crate::failure::Failure;
use crate::{Provider, Request, Response};

/// The last uses of keys that are not written yet.
#[derive(Default)]
pub(crate) struct Uses(Mutex<HashMap<KeyId, (InstanceId, KeyTouch)>>);

impl Uses {
    fn note(&self, instance: InstanceId, touch: KeyTouch) {
        let mut uses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = uses.entry(touch.key).or_insert((instance, touch));
        if place.1.at <= touch.at {
            *place = (instance, touch);
        }
    }

    fn take(&self) -> HashMap<InstanceId, Vec<KeyTouch>> {
        let uses = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let mut by_instance: HashMap<InstanceId, Vec<KeyTouch>> = HashMap::new();
        for (instance, touch) in uses.into_values() {
            by_instance.entry(instance).or_default().push(touch);
        }
        by_instance
    }
}

/// The key's events and log records say what it is, never its secret.
pub(crate) fn key_event(kind: EventKind, key: &KeyRecord) -> Event {
    let after = json!({
        "id": key.id.to_string(),
        "connector": key.connector.to_string(),
        "user": key.user.to_string(),
        "ending": key.ending,
        "expires_at": key.terms.expires.map(|at| at.to_string()),
    });
    let id = ResourceId::new(key.id.uuid());
    Event { kind, key: Key { resource_type: KEY_TYPE.into(), id }, before: None, after: Some(after) }
}

impl Provider {
    /// Keeps what follows from the use of a key for a request that was answered so. `writes` says whether the request asks
    /// for a change.
    pub(crate) async fn used(
        &self,
        caller: &Caller<'_>,
        request: &Request<'_>,
        outcome: &Result<Response, Failure>,
        writes: bool,
    ) {
        let Some(key) = &caller.key else { return };
        let status = match outcome {
            Ok(response) => response.status,
            Err(failure) => failure.error().status(),
        };
        if matches!(status, 401 | 403 | 429 | 500..) {
            return;
        }
        let touch = KeyTouch { key: key.id, at: request.now, address: request.peer };
        self.uses.note(key.instance, touch);
        let wrote = (writes && status < 300) || caller.wrote.load(Ordering::Relaxed);
        let first_write = wrote && key.first_written.is_none();
        if key.first_used.is_some() && !first_write && caller.rehashed.is_none() {
            return;
        }
        if let Err(error) = Box::pin(self.keep_use(caller, request, key, touch, first_write)).await {
            log::warn!(request_id = request.request_id; "the use of a key could not be kept: {error}");
        }
        // Whoever only writes never asks whether its mark is still the same, and would keep this anew each time.
        self.keys.forget(key.id);
    }

    async fn keep_use(
        &self,
        caller: &Caller<'_>,
        request: &Request<'_>,
        key: &KeyRecord,
        touch: KeyTouch,
        first_write: bool,
    ) -> Result<(), CommitError> {
        let question = ServerQuestion::LiveKeys {
            instance: key.instance,
            connector: key.connector,
            user: key.user,
            at: request.now,
        };
        let ServerAnswer::Keys(live) = self.store.server(&question).await? else { return Ok(()) };
        let place = |key: &KeyRecord| (key.created, key.id);
        let older: Vec<KeyRecord> =
            live.into_iter().map(|context| context.key).filter(|other| place(other) < place(key)).collect();
        if key.first_used.is_none() {
            self.commit_use(caller, request, self.first_use(caller, request, key, touch, &older)).await?;
        }
        if first_write {
            let revoked = if caller.connector.settings.retirement == Retirement::FirstWrite {
                older.as_slice()
            } else {
                &[]
            };
            self.commit_use(caller, request, first_written(key, revoked)).await?;
        }
        self.keep_rehashed(caller, request, key).await
    }

    /// Keeps the hash of a key by the current pepper, where the key was not shown with a request for resources.
    pub(crate) async fn rehash(&self, known: &Known, request: &Request<'_>) {
        let Some(key) = known.key.as_ref().filter(|_| known.rehashed.is_some()) else { return };
        let caller = self.caller(known.clone());
        if let Err(error) = self.keep_rehashed(&caller, request, key).await {
            log::warn!(request_id = request.request_id; "a key's new hash could not be kept: {error}");
        }
    }

    async fn keep_rehashed(
        &self,
        caller: &Caller<'_>,
        request: &Request<'_>,
        key: &KeyRecord,
    ) -> Result<(), CommitError> {
        let Some(secret) = &caller.rehashed else { return Ok(()) };
        let changes = vec![KeyChange::Rehash(key.id, secret.clone())];
        self.commit_use(caller, request, Kept { changes, ..Kept::default() }).await
    }

    fn first_use(
        &self,
        caller: &Caller<'_>,
        request: &Request<'_>,
        key: &KeyRecord,
        touch: KeyTouch,
        older: &[KeyRecord],
    ) -> Kept {
        let overlap = i64::from(caller.connector.settings.overlap_seconds).saturating_mul(1000);
        let until = request.now.plus_millis(overlap);
        let mut kept = Kept { changes: vec![KeyChange::FirstUse(touch)], ..Kept::default() };
        let retiring: Vec<&KeyRecord> = older.iter().filter(|former| former.retiring.is_none()).collect();
        if retiring.is_empty() {
            return kept;
        }
        let mut record = LogRecord::about_key(Action::KeySwitched, key);
        if let Some(peer) = touch.address {
            record.notes.push(format!("first used from {}", peer.to_canonical()));
        }
        for former in retiring {
            kept.changes.push(KeyChange::Retire(former.id, until));
            record.notes.push(format!(
                "the key {} (…{}) retires: it works until {until}, and can be revoked from now on (`rollcall key revoke {}`)",
                former.id, former.ending, former.id
            ));
        }
        kept.log.push(record);
        kept.events.push(key_event(EventKind::KeySwitched, key));
        kept
    }

    async fn commit_use(
        &self,
        caller: &Caller<'_>,
        request: &Request<'_>,
        kept: Kept,
    ) -> Result<(), CommitError> {
        let id = ChangeSetId::new(self.source.uuid());
        let (actor, request_id) = (caller.actor.clone(), request.request_id.to_owned());
        let change = |change| Change::Admin(AdminChange::Key(change));
        let set = ChangeSet {
            changes: kept.changes.into_iter().map(change).collect(),
            log: kept.log,
            events: kept.events,
            // A key that is revoked by now lets no other one retire.
            conditions: caller.condition().into_iter().chain(kept.conditions).collect(),
            ..ChangeSet::empty(id, caller.scope, actor, request_id, request.now)
        };
        match self.commit(set).await {
            // Another request with the same key was first, or the key was changed.
            Ok(_) | Err(CommitError::Conflict) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Writes when and from where keys were used last: one change set for each instance whose keys were.
    /// Whether all of it was written; what was not is kept for the next time.
    pub async fn flush_uses(&self) -> bool {
        let now = self.source.now();
        let commits = self.uses.take().into_iter().map(|(instance, touches)| async move {
            let again = touches.clone();
            if let Err(error) = self.flush_instance(instance, touches, now).await {
                log::warn!("instance {instance}: when keys were used last could not be written: {error}");
                again.into_iter().for_each(|touch| self.uses.note(instance, touch));
                return false;
            }
            true
        });
        futures_util::future::join_all(commits).await.into_iter().all(|written| written)
    }

    async fn flush_instance(
        &self,
        instance: InstanceId,
        touches: Vec<KeyTouch>,
        now: Timestamp,
    ) -> Result<(), CommitError> {
        let id = ChangeSetId::new(self.source.uuid());
        let scope = Scope { instance, connector: None };
        let changes = vec![Change::Admin(AdminChange::Key(KeyChange::Touch(touches)))];
        let empty = ChangeSet::empty(id, scope, scim_directory::Actor::default(), id.to_string(), now);
        self.commit(ChangeSet { changes, ..empty }).await.map(|_| ())
    }
}

/// What is kept of a use.
#[derive(Default)]
struct Kept {
    changes: Vec<KeyChange>,
    log: Vec<LogRecord>,
    events: Vec<Event>,
    conditions: Vec<Condition>,
}

/// That a key was written with for the first time; the keys before it are revoked.
fn first_written(key: &KeyRecord, older: &[KeyRecord]) -> Kept {
    let mut kept = Kept { changes: vec![KeyChange::FirstWrite(key.id)], ..Kept::default() };
    for former in older {
        // Who was revoked by somebody else meanwhile is not told to be revoked once more; the next write looks again.
        kept.conditions.push(Condition::Key(former.id, former.generation));
        kept.changes.push(KeyChange::Revoke(former.id, Revocation::Replaced));
        let mut record = LogRecord::about_key(Action::KeyRevoked, former);
        record.notes.push(format!(
            "something was written with the key {} (…{}), which took its place",
            key.id, key.ending
        ));
        kept.log.push(record);
        kept.events.push(key_event(EventKind::KeyRevoked, former));
    }
    kept
}
