//! What is kept of deleted resources, and what is counted of those that are there.

use std::collections::BTreeMap;

use scim_core::instant::Timestamp;
use scim_directory::{
    AccountState, Change, ChangeSet, ConnectorId, Content, Question, ResourceId, Scope, Tally, Tombstone,
};

use super::directory::{Directory, Stored, USER_NAME};

/// A deleted resource.
#[derive(Clone)]
pub(super) struct Deleted {
    pub(super) tombstone: Tombstone,
    pub(super) external: BTreeMap<ConnectorId, String>,
    /// As a user name compares.
    pub(super) user_name: Option<String>,
}

impl Deleted {
    pub(super) fn of(stored: Stored, at: Timestamp) -> Self {
        let user_name =
            stored.index.iter().find(|entry| entry.path == USER_NAME).map(|entry| entry.key.clone());
        let record = stored.record;
        let tombstone = Tombstone {
            key: record.key,
            at,
            version: record.version,
            created: record.created,
            display: record.display,
            managed_by: record.managed_by,
            account: record.account,
        };
        Self { tombstone, external: stored.external, user_name }
    }
}

impl Directory {
    /// Who had that `externalId` at the scope's connector and was deleted, not before that moment; the last one first.
    pub(super) fn deleted_links(
        &self,
        scope: &Scope,
        resource_type: &str,
        external_id: &str,
        since: Timestamp,
    ) -> Vec<&Deleted> {
        let Some(connector) = scope.connector else { return Vec::new() };
        let mut found: Vec<&Deleted> = self
            .deleted
            .values()
            .filter(|deleted| {
                &*deleted.tombstone.key.resource_type == resource_type
                    && deleted.tombstone.at >= since
                    && deleted.external.get(&connector).is_some_and(|known| known == external_id)
            })
            .collect();
        found.sort_by_key(|deleted| std::cmp::Reverse((deleted.tombstone.at, deleted.tombstone.key.id)));
        found
    }

    pub(super) fn tombstone(&self, scope: &Scope, question: &Question) -> Option<Box<Tombstone>> {
        let found = match question {
            Question::DeletedLink { resource_type, external_id, since } => {
                self.deleted_links(scope, resource_type, external_id, *since).into_iter().next()
            }
            Question::DeletedName(name) => self
                .deleted
                .values()
                .filter(|deleted| deleted.user_name.as_ref() == Some(name))
                .max_by_key(|deleted| (deleted.tombstone.at, deleted.tombstone.key.id)),
            Question::DeletedId(id) => self.deleted.get(id),
            _ => None,
        };
        found.map(|deleted| Box::new(deleted.tombstone.clone()))
    }

    /// Tombstones, newest first, after that one.
    pub(super) fn tombstones(&self, after: Option<(Timestamp, ResourceId)>, limit: usize) -> Vec<Tombstone> {
        let place = |tombstone: &Tombstone| (tombstone.at, tombstone.key.id);
        let mut found: Vec<&Tombstone> = self
            .deleted
            .values()
            .map(|deleted| &deleted.tombstone)
            .filter(|tombstone| after.is_none_or(|after| place(tombstone) < after))
            .collect();
        found.sort_by_key(|tombstone| std::cmp::Reverse(place(tombstone)));
        found.into_iter().take(limit).cloned().collect()
    }

    pub(super) fn tally(&self, resource_type: &str, tally: Tally) -> u64 {
        let count = match tally {
            Tally::All => self.count(resource_type),
            Tally::Active | Tally::Managed => {
                let ids = self.of_type.get(resource_type).into_iter().flatten();
                let records = ids.filter_map(|id| self.records.get(id)).map(|stored| &stored.record);
                records
                    .filter(|record| match tally {
                        Tally::Managed => record.managed_by.is_some(),
                        _ => record
                            .account
                            .as_ref()
                            .is_some_and(|account| account.state == AccountState::Active),
                    })
                    .count()
            }
        };
        u64::try_from(count).unwrap_or(u64::MAX)
    }

    /// How many accounts are active once a change set is done.
    pub(super) fn active_after(&self, resource_type: &str, changes: &ChangeSet) -> u64 {
        let is_active = |content: &Content| {
            content.account.as_ref().is_some_and(|account| account.state == AccountState::Active)
        };
        let mut after: BTreeMap<_, bool> = BTreeMap::new();
        for change in &changes.changes {
            match change {
                Change::Create(new) if &*new.key.resource_type == resource_type => {
                    after.insert(new.key.id, is_active(&new.content));
                }
                Change::Update { key, content, .. } if &*key.resource_type == resource_type => {
                    after.insert(key.id, is_active(content));
                }
                Change::Delete { key, .. } if &*key.resource_type == resource_type => {
                    after.insert(key.id, false);
                }
                _ => {}
            }
        }
        let was_active = |id: &_| {
            let account = self.records.get(id).and_then(|stored| stored.record.account.as_ref());
            account.is_some_and(|account| account.state == AccountState::Active)
        };
        let before = after.keys().filter(|id| was_active(id)).count();
        let now = after.values().filter(|active| **active).count();
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        (self.tally(resource_type, Tally::Active) + count(now)).saturating_sub(count(before))
    }
}
