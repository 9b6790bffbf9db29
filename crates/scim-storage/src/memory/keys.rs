//! Keys.

use std::collections::BTreeSet;

use scim_core::instant::Timestamp;
use scim_directory::{
    AdminKeyRecord, ChangeSet, ConnectorId, InstanceId, IntegrationUserId, KeptSecret, KeyChange, KeyId,
    KeyRecord, KeyTouch, Retiring,
};

use super::admin::{Administration, require_free, require_own};
use crate::{CommitError, KeyContext, PeppersKnown};

impl Administration {
    /// Applies a change of keys to a draft.
    pub(super) fn apply_to_keys(
        &mut self,
        instance: InstanceId,
        at: Timestamp,
        change: &KeyChange,
    ) -> Result<(), CommitError> {
        match change {
            KeyChange::Issue(new) => {
                require_own(new.instance, instance)?;
                require(self.has_both(instance, new.connector, new.user))?;
                require_free(!self.keys.contains_key(&new.id), "id")?;
                self.keys.insert(new.id, (**new).clone());
            }
            KeyChange::Revoke(id, why) => {
                let key = self.own_key(instance, *id)?;
                if key.revoked.is_none() {
                    key.revoked = Some((at, *why));
                    key.generation += 1;
                }
            }
            KeyChange::SetTerms(id, terms) => {
                let key = self.own_key(instance, *id)?;
                key.terms = terms.clone();
                key.reminded = None;
                key.generation += 1;
            }
            KeyChange::FirstUse(touch) => {
                let key = self.own_key(instance, touch.key)?;
                require(key.first_used.is_none())?;
                key.first_used = Some(touch.at);
                key.touch(touch);
            }
            KeyChange::FirstWrite(id) => {
                let key = self.own_key(instance, *id)?;
                require(key.first_written.is_none())?;
                key.first_written = Some(at);
            }
            KeyChange::Retire(id, until) => {
                let key = self.own_key(instance, *id)?;
                if key.revoked.is_none() {
                    key.retiring.get_or_insert(Retiring { since: at, until: *until });
                }
            }
            KeyChange::Touch(touches) => {
                for touch in touches {
                    if let Ok(key) = self.own_key(instance, touch.key) {
                        key.touch(touch);
                    }
                }
            }
            KeyChange::EndTokens(id) => self.own_key(instance, *id)?.generation += 1,
            KeyChange::Rehash(id, secret) => self.own_key(instance, *id)?.secret = secret.clone(),
            KeyChange::Remind(id, days) => {
                let key = self.own_key(instance, *id)?;
                require(key.revoked.is_none() && key.reminded.is_none_or(|told| told > *days))?;
                key.reminded = Some(*days);
            }
        }
        Ok(())
    }

    fn own_key(&mut self, instance: InstanceId, id: KeyId) -> Result<&mut KeyRecord, CommitError> {
        self.keys.get_mut(&id).filter(|key| key.instance == instance).ok_or(CommitError::Conflict)
    }

    /// Whether the key is not revoked and of that generation.
    pub(super) fn holds_key(&self, instance: InstanceId, id: KeyId, generation: i64) -> bool {
        self.keys.get(&id).is_some_and(|key| {
            key.instance == instance && key.revoked.is_none() && key.generation == generation
        })
    }

    /// The integration user's keys at a connector that are live at that moment, oldest first.
    pub(super) fn live_keys(
        &self,
        instance: InstanceId,
        connector: ConnectorId,
        user: IntegrationUserId,
        at: Timestamp,
    ) -> Vec<KeyContext> {
        let of = |key: &&KeyRecord| {
            (key.instance, key.connector, key.user) == (instance, connector, user) && key.is_live(at)
        };
        let mut keys: Vec<_> = self.keys.values().filter(of).collect();
        keys.sort_by_key(|key| (key.created, key.id));
        keys.into_iter().filter_map(|key| self.key(key.id)).collect()
    }

    /// Keys of the instance, oldest first, after that place, at most so many.
    pub(super) fn keys_after(
        &self,
        instance: InstanceId,
        after: Option<(Timestamp, KeyId)>,
        limit: usize,
    ) -> Vec<KeyContext> {
        let of = |key: &&KeyRecord| {
            key.instance == instance && after.is_none_or(|after| (key.created, key.id) > after)
        };
        let mut keys: Vec<_> = self.keys.values().filter(of).collect();
        keys.sort_by_key(|key| (key.created, key.id));
        keys.into_iter().take(limit).filter_map(|key| self.key(key.id)).collect()
    }

    /// How many live keys the change set's condition is about.
    pub(super) fn count_live(
        &self,
        set: &ChangeSet,
        connector: ConnectorId,
        user: IntegrationUserId,
    ) -> usize {
        self.live_keys(set.scope.instance, connector, user, set.at).len()
    }

    pub(super) fn keys_due(
        &self,
        before: Timestamp,
        after: Option<(Timestamp, KeyId)>,
        limit: usize,
    ) -> Vec<KeyContext> {
        let mut places: Vec<(Timestamp, KeyId)> = self
            .keys
            .values()
            .filter_map(|key| Some((key.due()?, key.id)))
            .filter(|place| place.0 < before && after.is_none_or(|after| *place > after))
            .collect();
        places.sort_unstable();
        places.into_iter().take(limit).filter_map(|(_, id)| self.key(id)).collect()
    }

    pub(super) fn know_peppers(&mut self, held: &[[u8; 16]]) -> PeppersKnown {
        let mut accepted = false;
        if let Some(current) = held.first()
            && (self.peppers.is_empty() || held.iter().any(|id| self.peppers.contains(id)))
        {
            accepted = true;
            self.peppers.insert(*current);
        }
        let held: BTreeSet<_> = held.iter().collect();
        let strange = |key: &&KeyRecord| {
            let stranger = matches!(&key.secret, KeptSecret::Mac { pepper, .. } if !held.contains(pepper));
            key.revoked.is_none() && stranger
        };
        let strange_admin =
            |key: &&AdminKeyRecord| key.revoked.is_none() && !held.contains(&key.secret.pepper);
        let strangers = self.keys.values().filter(strange).count()
            + self.admin_keys.values().filter(strange_admin).count();
        let strangers = u64::try_from(strangers).unwrap_or(u64::MAX);
        PeppersKnown { accepted, fresh: self.peppers.is_empty(), strangers }
    }
}

trait Touched {
    fn touch(&mut self, touch: &KeyTouch);
}

impl Touched for KeyRecord {
    fn touch(&mut self, touch: &KeyTouch) {
        if self.last_used.is_none_or(|known| known <= touch.at) {
            self.last_used = Some(touch.at);
            self.last_address = touch.address;
        }
    }
}

fn require(holds: bool) -> Result<(), CommitError> {
    if holds { Ok(()) } else { Err(CommitError::Conflict) }
}
