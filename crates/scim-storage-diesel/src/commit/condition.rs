//! What else a change set was decided on.

use scim_core::instant::Timestamp;
use scim_directory::{Change, ChangeSet, Condition, KeyId, Tally};

use super::Applying;
use super::group::Any;
use crate::error::Refusal;
use crate::read::{count, deleted_link_ids, removals};
use crate::sql::Id;

/// The key that the conditions name first, and its generation.
pub(super) fn first_key(set: &ChangeSet) -> Option<(KeyId, i64)> {
    set.conditions.iter().find_map(|condition| match condition {
        Condition::Key(id, generation) => Some((*id, *generation)),
        _ => None,
    })
}

impl Applying<'_> {
    /// Conditions on what was before the change set.
    pub(super) fn require_before(&mut self) -> Result<(), Refusal> {
        let set = self.set;
        for condition in &set.conditions {
            let holds = match condition {
                Condition::Generation(expected) if self.known.is_some() => {
                    self.known.as_ref().is_some_and(|known| known.generation == Some(*expected))
                }
                Condition::Key(id, generation) if self.knows_key(*id) => {
                    self.known.as_ref().is_some_and(|known| known.key_generation == Some(*generation))
                }
                Condition::Generation(expected) => match &mut self.group {
                    Some(group) => group.generation(self.connection, self.instance)? == Some(*expected),
                    None => false,
                },
                Condition::Key(id, generation) => self.holds_key(*id, *generation)?,
                Condition::AdminKey(id) => self.holds_admin_key(*id)?,
                Condition::LiveKeys { connector, user, below } => {
                    self.has_fewer_keys(*connector, *user, *below)?
                }
                // It is looked at again after the changes; nothing that a change set gives up makes it hold.
                Condition::NotDeleted { .. } if self.connection.is_supposing() => true,
                Condition::NotDeleted { resource_type, external_id, since } => {
                    self.not_deleted(resource_type, external_id, *since)?
                }
                Condition::Removals { since, below } => match set.scope.connector {
                    Some(connector) => {
                        let (suspended, deleted) = removals(self.connection, &set.scope, connector, *since)?;
                        suspended.saturating_add(deleted) < *below
                    }
                    None => true,
                },
                Condition::Seats { .. } => true,
            };
            if !holds {
                return Err(Refusal::Conflict);
            }
        }
        Ok(())
    }

    /// Whether what was asked at the beginning is about that key.
    fn knows_key(&self, id: KeyId) -> bool {
        self.known.is_some() && first_key(self.set).is_some_and(|(first, _)| first == id)
    }

    fn not_deleted(
        &mut self,
        resource_type: &str,
        external_id: &str,
        since: Timestamp,
    ) -> Result<bool, Refusal> {
        if !self.may_have(Any::Buried)? {
            return Ok(true);
        }
        // Afterwards, what it deleted itself is among them.
        let own: Vec<[u8; 16]> = self
            .set
            .changes
            .iter()
            .filter_map(|change| match change {
                Change::Create(new) if new.revives => Some(new.key.id.uuid().into_bytes()),
                Change::Delete { key, .. } => Some(key.id.uuid().into_bytes()),
                _ => None,
            })
            .collect();
        let holds = move |deleted: &[Id]| deleted.iter().all(|row| own.iter().any(|id| row.id == id));
        let deleted = deleted_link_ids(&self.set.scope, resource_type, external_id, since);
        let looked = holds.clone();
        Ok(holds(&self.connection.suppose(deleted, Vec::new(), looked)?))
    }

    /// Conditions on what is after the changes.
    pub(super) fn require_after(&mut self) -> Result<(), Refusal> {
        let set = self.set;
        for condition in &set.conditions {
            match condition {
                Condition::Seats { resource_type, at_most } => {
                    for counted in self.counted() {
                        self.connection.later(counted)?;
                    }
                    let active = count(self.connection, &set.scope, resource_type, Tally::Active)?;
                    if active > *at_most {
                        return Err(Refusal::NoSeat(*at_most));
                    }
                }
                // On PostgreSQL a unique key may have become free while this change set waited for it, because of a deletion.
                Condition::NotDeleted { resource_type, external_id, since }
                    if self.connection.is_postgres()
                        && !self.not_deleted(resource_type, external_id, *since)? =>
                {
                    return Err(Refusal::Conflict);
                }
                _ => {}
            }
        }
        Ok(())
    }
}
