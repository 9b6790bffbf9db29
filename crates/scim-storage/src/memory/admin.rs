//! Instances, connectors and integration users.

use std::collections::{BTreeMap, BTreeSet};

use scim_core::instant::Timestamp;
use scim_directory::{
    AdminChange, AdminKeyId, AdminKeyRecord, AnsweredRequest, Connector, ConnectorId, Instance, InstanceId,
    IntegrationUser, IntegrationUserId, KeyChange, KeyId, KeyRecord, Lease, RequestMark,
};

use crate::{AccessMark, CommitError, Door, KeyContext, ServerAnswer, ServerQuestion};

#[derive(Clone, Default)]
pub(super) struct Administration {
    instances: BTreeMap<InstanceId, Instance>,
    connectors: BTreeMap<ConnectorId, Connector>,
    users: BTreeMap<(InstanceId, IntegrationUserId), IntegrationUser>,
    pub(super) keys: BTreeMap<KeyId, KeyRecord>,
    pub(super) admin_keys: BTreeMap<AdminKeyId, AdminKeyRecord>,
    /// Each with the instance that it was asked for.
    pub(super) answers: BTreeMap<RequestMark, (InstanceId, AnsweredRequest)>,
    /// By name.
    pub(super) leases: BTreeMap<String, Lease>,
    /// The [`crate::AccessMark`] of each instance.
    access: BTreeMap<InstanceId, i64>,
    /// The ids of the peppers that nodes held.
    pub(super) peppers: BTreeSet<[u8; 16]>,
}

impl Administration {
    /// Applies a change to a draft.
    pub(super) fn apply(
        &mut self,
        instance: InstanceId,
        at: Timestamp,
        change: &AdminChange,
    ) -> Result<(), CommitError> {
        match change {
            AdminChange::CreateInstance(new) => {
                require_own(new.id, instance)?;
                let taken = self.instances.values().any(|other| other.name == new.name || other.id == new.id);
                require_free(!taken, "name")?;
                self.instances.insert(new.id, new.clone());
            }
            AdminChange::UpdateInstanceSettings(settings) => {
                self.instances.get_mut(&instance).ok_or(CommitError::Conflict)?.settings = settings.clone();
                self.grow(instance);
            }
            AdminChange::CreateConnector(new) => {
                require_own(new.instance, instance)?;
                // Its id alone stands in its URL.
                let same = |other: &Connector| {
                    other.id == new.id || (other.instance == instance && other.name == new.name)
                };
                require_free(!self.connectors.values().any(same), "name")?;
                self.connectors.insert(new.id, new.clone());
            }
            AdminChange::CreateIntegrationUser(new) => {
                require_own(new.instance, instance)?;
                let same = |other: &IntegrationUser| {
                    other.instance == instance && (other.name == new.name || other.id == new.id)
                };
                require_free(!self.users.values().any(same), "name")?;
                self.users.insert((instance, new.id), new.clone());
                self.grow(instance);
            }
            AdminChange::UpdateIntegrationUser(changed) => {
                let known = self.users.get_mut(&(instance, changed.id)).ok_or(CommitError::Conflict)?;
                known.privilege = changed.privilege;
                known.suspended = changed.suspended;
                known.email.clone_from(&changed.email);
                self.grow(instance);
            }
            AdminChange::Key(change) => {
                self.apply_to_keys(instance, at, change)?;
                match change {
                    KeyChange::Touch(_) => {}
                    KeyChange::Retire(..) => self.grow(instance),
                    _ => self.access_changed(instance),
                }
            }
            AdminChange::AdminKey(change) => self.apply_to_admin_keys(instance, at, change)?,
            AdminChange::Lease(change) => self.apply_to_leases(instance, at, change)?,
            AdminChange::Answer(change) => self.apply_to_answers(instance, at, change)?,
            AdminChange::UpdateConnector(changed) => {
                let known = self.connectors.get_mut(&changed.id).filter(|known| known.instance == instance);
                let known = known.ok_or(CommitError::Conflict)?;
                known.dialect = changed.dialect;
                known.keep_passwords = changed.keep_passwords;
                known.settings = changed.settings.clone();
                self.grow(instance);
            }
            AdminChange::SaveMapping(_) => self.grow(instance),
            // These are of the instance's directory.
            AdminChange::CreateObject(_)
            | AdminChange::DecideHeld(..)
            | AdminChange::SaveJob(..)
            | AdminChange::SaveImport { .. }
            | AdminChange::RejectLines(..)
            | AdminChange::Prune { .. }
            | AdminChange::Erase { .. } => {}
        }
        Ok(())
    }

    fn grow(&mut self, instance: InstanceId) {
        if let Some(instance) = self.instances.get_mut(&instance) {
            instance.generation += 1;
        }
        self.access_changed(instance);
    }

    fn access_changed(&mut self, instance: InstanceId) {
        *self.access.entry(instance).or_default() += 1;
    }

    /// The state in which an instance's keys are.
    pub(super) fn mark(&self, instance: InstanceId) -> AccessMark {
        AccessMark(self.access.get(&instance).copied().unwrap_or_default())
    }

    pub(super) fn instance(&self, id: InstanceId) -> Option<Instance> {
        self.instances.get(&id).cloned()
    }

    pub(super) fn user_names(&self, instance: InstanceId) -> Vec<String> {
        let mut names: Vec<String> = self
            .users
            .values()
            .filter(|user| user.instance == instance)
            .map(|user| user.name.clone())
            .collect();
        names.sort();
        names
    }

    /// Answers every question but those for a secret and for the backlog.
    pub(super) fn answer(&mut self, question: &ServerQuestion) -> ServerAnswer {
        match question {
            ServerQuestion::Key(id) => ServerAnswer::Key(self.key(*id).map(Box::new)),
            ServerQuestion::InstanceNamed(name) => ServerAnswer::Instance(
                self.instances.values().find(|instance| instance.name == *name).cloned(),
            ),
            ServerQuestion::Instances => {
                let mut instances: Vec<_> = self.instances.values().cloned().collect();
                instances.sort_by(|left, right| left.name.cmp(&right.name));
                ServerAnswer::Instances(instances)
            }
            ServerQuestion::InstancesAfter { after, limit } => {
                let after = after.as_deref();
                let rest =
                    self.instances.values().filter(|it| after.is_none_or(|after| it.name.as_str() > after));
                let mut instances: Vec<_> = rest.cloned().collect();
                instances.sort_by(|left, right| left.name.cmp(&right.name));
                instances.truncate(*limit);
                ServerAnswer::Instances(instances)
            }
            ServerQuestion::Connectors(instance) => {
                let of = |connector: &&Connector| connector.instance == *instance;
                let mut connectors: Vec<_> = self.connectors.values().filter(of).cloned().collect();
                connectors.sort_by(|left, right| left.name.cmp(&right.name));
                ServerAnswer::Connectors(connectors)
            }
            ServerQuestion::Connector(instance, id) => {
                ServerAnswer::Connector(self.connector(*instance, *id).cloned())
            }
            ServerQuestion::Users(instance) => ServerAnswer::Users(self.users_of(*instance)),
            ServerQuestion::Keys(instance) => {
                let of = |key: &&KeyRecord| instance.is_none_or(|instance| key.instance == instance);
                let mut keys: Vec<_> = self.keys.values().filter(of).collect();
                keys.sort_by_key(|key| (key.created, key.id));
                ServerAnswer::Keys(keys.into_iter().filter_map(|key| self.key(key.id)).collect())
            }
            ServerQuestion::LiveKeys { instance, connector, user, at } => {
                ServerAnswer::Keys(self.live_keys(*instance, *connector, *user, *at))
            }
            ServerQuestion::KeysDue { before, after, limit } => {
                ServerAnswer::Keys(self.keys_due(*before, *after, *limit))
            }
            ServerQuestion::Instance(id) => ServerAnswer::Instance(self.instance(*id)),
            ServerQuestion::Door(id) => ServerAnswer::Door(self.door(*id).map(Box::new)),
            ServerQuestion::AdminKey(id) => {
                ServerAnswer::AdminKey(self.admin_keys.get(id).cloned().map(Box::new))
            }
            ServerQuestion::Answered(mark, now) => ServerAnswer::Answered(self.answered(*mark, *now)),
            ServerQuestion::Peppers(held) => ServerAnswer::Peppers(self.know_peppers(held)),
            ServerQuestion::Leases => ServerAnswer::Leases(self.leases.values().cloned().collect()),
            // INVARIANT: the store answers these itself; nothing is known of them here.
            ServerQuestion::Secret(_) | ServerQuestion::Backlog { .. } => ServerAnswer::Instances(Vec::new()),
        }
    }

    fn users_of(&self, instance: InstanceId) -> Vec<IntegrationUser> {
        let of = |user: &&IntegrationUser| user.instance == instance;
        let mut users: Vec<_> = self.users.values().filter(of).cloned().collect();
        users.sort_by(|left, right| left.name.cmp(&right.name));
        users
    }

    fn door(&self, id: ConnectorId) -> Option<Door> {
        let connector = self.connectors.get(&id)?.clone();
        let instance = self.instance(connector.instance)?;
        let users = self.users_of(instance.id);
        Some(Door { connector, instance, users })
    }

    pub(super) fn key(&self, id: KeyId) -> Option<KeyContext> {
        let key = self.keys.get(&id)?.clone();
        let instance = self.instances.get(&key.instance)?.clone();
        let connector = self.connector(key.instance, key.connector)?.clone();
        let user = self.users.get(&(key.instance, key.user))?.clone();
        Some(KeyContext { key, instance, connector, user })
    }

    /// Whether a key can be issued for them.
    pub(super) fn has_both(
        &self,
        instance: InstanceId,
        connector: ConnectorId,
        user: IntegrationUserId,
    ) -> bool {
        self.connector(instance, connector).is_some() && self.users.contains_key(&(instance, user))
    }

    fn connector(&self, instance: InstanceId, id: ConnectorId) -> Option<&Connector> {
        self.connectors.get(&id).filter(|connector| connector.instance == instance)
    }
}

/// That a new row is of the scope's instance.
pub(super) fn require_own(instance: InstanceId, scope: InstanceId) -> Result<(), CommitError> {
    if instance == scope { Ok(()) } else { Err(CommitError::Conflict) }
}

pub(super) fn require_free(free: bool, attribute: &str) -> Result<(), CommitError> {
    if free { Ok(()) } else { Err(CommitError::Duplicate { attribute: attribute.to_owned() }) }
}
