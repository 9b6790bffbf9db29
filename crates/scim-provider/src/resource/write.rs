//! What every write has in common: the change set, and the record as it is afterwards.

use std::sync::atomic::Ordering;

use scim_core::Note;
use scim_core::resource::Resource;
use scim_core::schema::ResourceType;
use scim_directory::{Change, ChangeSet, Committed, Content, Key, Record};
use scim_lifecycle::Decision;
use scim_storage::CommitError;

use super::Operation;
use crate::failure::Failure;

impl Operation<'_> {
    /// Commits a decision on behalf of the caller.
    pub(crate) async fn commit(&self, decision: Decision) -> Result<Committed, CommitError> {
        let Decision { changes, log, events, mut conditions, realm } = decision;
        conditions.extend(self.caller.condition());
        let own = own_names(&changes);
        let changes = ChangeSet { changes, log, events, conditions, realm, ..self.change_set() };
        let committed = self.provider.commit(changes).await;
        if committed.is_ok() {
            self.caller.wrote.store(true, Ordering::Relaxed);
        }
        match committed {
            // An object or a group that a workflow rule makes, and another request has just made.
            Err(CommitError::Duplicate { attribute }) if !own.contains(&attribute) => {
                Err(CommitError::Conflict)
            }
            other => other,
        }
    }

    /// Drops the password that a client sent, or puts its hash in its place where the connector keeps passwords.
    pub(crate) async fn settle_password(
        &self,
        resource_type: &ResourceType,
        before: Option<&Resource>,
        after: &mut Resource,
    ) -> Result<(), Failure> {
        let (provider, keep) = (self.provider, self.caller.connector.keep_passwords);
        provider.passwords.settle(&*provider.source, resource_type, before, after, keep).await
    }

    /// Notes of tolerances that were used go to the server's log by name; the details stand in the provisioning log.
    pub(crate) fn log_notes(&self, notes: &[Note]) {
        for note in notes {
            log::debug!(request_id = self.request.request_id; "tolerated {}", note.tolerance.name());
        }
    }
}

/// The unique attributes of what the client itself creates or changes, which connectors manage; what rules make is not
/// managed yet.
fn own_names(changes: &[Change]) -> Vec<String> {
    let contents = changes.iter().filter_map(|change| match change {
        Change::Create(new) => Some(&new.content),
        Change::Update { content, .. } => Some(content),
        _ => None,
    });
    let managed = contents.filter(|content| content.managed_by.is_some());
    let unique = managed.flat_map(|content| &content.index).filter(|entry| entry.unique);
    unique.map(|entry| entry.path.clone()).collect()
}

/// A record's content and `externalId` as a change in `changes` leaves them, for the answer; nothing is read again.
pub(crate) fn written(key: &Key, changes: &[Change]) -> Option<(Content, Option<String>)> {
    changes.iter().find_map(|change| match change {
        Change::Create(new) if new.key == *key => Some((new.content.clone(), new.external_id.clone())),
        Change::Update { key: other, content, external_id, .. } if other == key => {
            Some((content.clone(), external_id.clone()))
        }
        _ => None,
    })
}

/// `record` as it is after the commit of `changes`.
pub(crate) fn record_after(
    mut record: Record,
    changes: &[Change],
    written: Option<(Content, Option<String>)>,
    committed: &Committed,
) -> Record {
    if let Some((content, external_id)) = written {
        record.document = content.document;
        record.display = content.display;
        record.manager = content.manager;
        record.managed_by = content.managed_by;
        record.external_id = external_id;
    }
    for (change, effect) in changes.iter().zip(&committed.effects) {
        let key = match change {
            Change::Create(new) => &new.key,
            Change::Update { key, .. } => key,
            Change::Members(members) => &members.group,
            Change::Delete { .. } | Change::Admin(_) | Change::Hold(_) | Change::Unhold(_) => continue,
        };
        if let (true, Some(version)) = (*key == record.key, effect.version) {
            record.version = version;
            record.membership = effect.membership;
            record.modified = effect.modified;
        }
    }
    record
}
