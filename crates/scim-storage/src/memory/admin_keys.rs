//! Admin keys.

use scim_core::instant::Timestamp;
use scim_directory::{AdminKeyChange, AdminKeyId, AdminKeyRecord, AdminKeyTouch, InstanceId, Scope};

use super::admin::{Administration, require_free, require_own};
use crate::CommitError;

impl Administration {
    /// Applies a change of admin keys to a draft.
    pub(super) fn apply_to_admin_keys(
        &mut self,
        instance: InstanceId,
        at: Timestamp,
        change: &AdminKeyChange,
    ) -> Result<(), CommitError> {
        match change {
            AdminKeyChange::Issue(new) => {
                require_own(new.scope().instance, instance)?;
                if instance != Scope::SERVER.instance && self.instance(instance).is_none() {
                    return Err(CommitError::Conflict);
                }
                require_free(!self.admin_keys.contains_key(&new.id), "id")?;
                self.admin_keys.insert(new.id, (**new).clone());
            }
            AdminKeyChange::Revoke(id) => {
                self.own_admin_key(instance, *id)?.revoked.get_or_insert(at);
            }
            AdminKeyChange::Touch(touches) => {
                for touch in touches {
                    if let Ok(key) = self.own_admin_key(instance, touch.key) {
                        touched(key, touch);
                    }
                }
            }
            AdminKeyChange::Rehash(id, secret) => self.own_admin_key(instance, *id)?.secret = *secret,
        }
        Ok(())
    }

    fn own_admin_key(
        &mut self,
        instance: InstanceId,
        id: AdminKeyId,
    ) -> Result<&mut AdminKeyRecord, CommitError> {
        let own = |key: &&mut AdminKeyRecord| key.scope().instance == instance;
        self.admin_keys.get_mut(&id).filter(own).ok_or(CommitError::Conflict)
    }

    /// Whether the admin key opens the instance at that moment.
    pub(super) fn holds_admin_key(&self, instance: InstanceId, id: AdminKeyId, at: Timestamp) -> bool {
        self.admin_keys.get(&id).is_some_and(|key| key.reaches(instance) && key.is_in_force(at))
    }

    /// Admin keys of the scope, oldest first, after that place, at most so many.
    pub(super) fn admin_keys_after(
        &self,
        instance: InstanceId,
        after: Option<(Timestamp, AdminKeyId)>,
        limit: usize,
    ) -> Vec<AdminKeyRecord> {
        let of = |key: &&AdminKeyRecord| {
            key.scope().instance == instance && after.is_none_or(|after| (key.created, key.id) > after)
        };
        let mut keys: Vec<_> = self.admin_keys.values().filter(of).collect();
        keys.sort_by_key(|key| (key.created, key.id));
        keys.into_iter().take(limit).cloned().collect()
    }
}

fn touched(key: &mut AdminKeyRecord, touch: &AdminKeyTouch) {
    if key.last_used.is_none_or(|known| known <= touch.at) {
        key.last_used = Some(touch.at);
        key.last_address = touch.address;
    }
}
