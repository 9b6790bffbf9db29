//! What every write has in common: the change set, and the record as it is afterwards.

use scim_core::Note;
use scim_core::resource::Resource;
use scim_core::schema::ResourceType;
use scim_directory::{Change, ChangeSet, Committed, ConnectorId, Content, Key, Record};
use scim_lifecycle::Decision;
use scim_storage::CommitError;

use super::Operation;
use crate::failure::Failure;

impl Operation<'_> {
    /// Commits a decision on behalf of the caller.
    pub(crate) async fn commit(&self, decision: Decision) -> Result<Committed, CommitError> {
        let Decision { changes, log, events, mut conditions, realm } = decision;
        for condition in self.caller.conditions() {
            if !conditions.contains(&condition) {
                conditions.push(condition);
            }
        }
        let own = own_names(&changes);
        let changes = ChangeSet { changes, log, events, conditions, realm, ..self.change_set() };
        let committed = self.provider.commit(changes).await;
        if committed.is_ok() {
            self.caller.has_committed();
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

/// What a change leaves of a record, kept for the answer: nothing is read again.
pub(crate) struct Left {
    key: Key,
    /// Where it writes the record itself.
    written: Option<Written>,
}

/// What the answer needs of a record's content.
struct Written {
    document: Vec<u8>,
    display: Option<String>,
    manager: Option<String>,
    managed_by: Option<ConnectorId>,
    external_id: Option<String>,
}

/// What changes leave of records, one for each; `None` for those that leave none.
pub(crate) fn left(changes: &[Change]) -> Vec<Option<Left>> {
    let written = |content: &Content, external_id: &Option<String>| Written {
        document: content.document.clone(),
        display: content.display.clone(),
        manager: content.manager.clone(),
        managed_by: content.managed_by,
        external_id: external_id.clone(),
    };
    let left = |change: &Change| {
        let (key, written) = match change {
            Change::Create(new) => (&new.key, Some(written(&new.content, &new.external_id))),
            Change::Update { key, content, external_id, .. } => (key, Some(written(content, external_id))),
            Change::Members(members) => (&members.group, None),
            Change::Delete { .. } | Change::Admin(_) | Change::Hold(_) | Change::Unhold(_) => return None,
        };
        Some(Left { key: key.clone(), written })
    };
    changes.iter().map(left).collect()
}

/// `record` as it is after the commit of changes that left that; what they left of it is taken.
pub(crate) fn record_after(mut record: Record, left: &mut [Option<Left>], committed: &Committed) -> Record {
    let mut of_it = left.iter_mut().flatten().filter(|left| left.key == record.key);
    let written = of_it.find_map(|left| left.written.take());
    if let Some(written) = written {
        record.document = written.document.into();
        record.display = written.display;
        record.manager = written.manager;
        record.managed_by = written.managed_by;
        record.external_id = written.external_id;
    }
    for (left, effect) in left.iter().zip(&committed.effects) {
        let Some(left) = left else { continue };
        if let (true, Some(version)) = (left.key == record.key, effect.version) {
            record.version = version;
            record.membership = effect.membership;
            record.modified = effect.modified;
        }
    }
    record
}
