//! What an instance is made of besides people and groups: mapping, objects, held changes, jobs.

use std::collections::{BTreeMap, BTreeSet};

use scim_core::text::Matching;
use scim_directory::{
    AdminChange, ApplicationObject, Change, ChangeSet, Condition, HeldChange, HeldChangeId, HeldState,
    MappingVersion, ObjectLink, Scope,
};

use super::State;
use super::directory::Directory;
use crate::{CommitError, InstanceAnswer, InstanceQuestion, PolicySource};

impl State {
    pub(super) fn instance(&self, scope: &Scope, question: &InstanceQuestion) -> InstanceAnswer {
        let empty = Directory::default();
        let directory = self.directories.get(&scope.instance).unwrap_or(&empty);
        match question {
            InstanceQuestion::Policy => {
                let instance = self.admin.instance(scope.instance);
                InstanceAnswer::Policy(instance.map(|instance| {
                    Box::new(PolicySource {
                        instance,
                        mapping: directory.mappings.last().cloned(),
                        integration_users: self.admin.user_names(scope.instance),
                    })
                }))
            }
            InstanceQuestion::Mapping(version) => {
                let found = directory.mappings.iter().rev();
                let found =
                    found.clone().find(|saved| version.is_none_or(|version| saved.version == version));
                InstanceAnswer::Mapping(found.cloned())
            }
            InstanceQuestion::Mappings(limit) => {
                let newest = directory.mappings.iter().rev().take(*limit);
                InstanceAnswer::Mappings(
                    newest.map(|saved| MappingVersion { text: String::new(), ..saved.clone() }).collect(),
                )
            }
            InstanceQuestion::HeldChanges { after, limit } => {
                let rest =
                    directory.held_changes.values().filter(|held| after.is_none_or(|after| held.id > after));
                InstanceAnswer::HeldChanges(rest.take(*limit).cloned().collect())
            }
            InstanceQuestion::Deleted { after, limit } => {
                InstanceAnswer::Deleted(directory.tombstones(*after, *limit))
            }
            InstanceQuestion::Objects { kind, after, limit } => {
                let after = after.as_deref().map(|name| Matching::IgnoreCase.key(name).into_owned());
                let rest = directory
                    .objects
                    .iter()
                    .filter(|((of, name), _)| of == kind && after.as_ref().is_none_or(|after| name > after));
                InstanceAnswer::Objects(rest.take(*limit).map(|(_, object)| object.clone()).collect())
            }
            InstanceQuestion::Report { from, until } => {
                InstanceAnswer::Report(directory.report_between(*from, *until))
            }
            InstanceQuestion::Job(name) => InstanceAnswer::Job(directory.jobs.get(name).cloned()),
            InstanceQuestion::Import(id) => InstanceAnswer::Import(directory.imports.get(id)),
            InstanceQuestion::Imports { after, limit } => {
                InstanceAnswer::Imports(directory.imports.newest(after.as_ref(), *limit))
            }
            InstanceQuestion::RejectedLines { import, after, limit } => {
                InstanceAnswer::RejectedLines(directory.imports.rejected(import, *after, *limit))
            }
            InstanceQuestion::Jobs { after, limit } => {
                let beyond = |(name, _): &(&String, _)| after.as_ref().is_none_or(|after| *name > after);
                let rest = directory.jobs.iter().filter(beyond).take(*limit);
                InstanceAnswer::Jobs(rest.map(|(name, state)| (name.clone(), state.clone())).collect())
            }
            InstanceQuestion::ObjectKinds { after, limit } => {
                let mut kinds: Vec<String> = directory.objects.keys().map(|(kind, _)| kind.clone()).collect();
                kinds.dedup();
                kinds.retain(|kind| after.as_ref().is_none_or(|after| kind > after));
                kinds.truncate(*limit);
                InstanceAnswer::ObjectKinds(kinds)
            }
            InstanceQuestion::Keys { after, limit } => {
                InstanceAnswer::Keys(self.admin.keys_after(scope.instance, *after, *limit))
            }
            InstanceQuestion::AdminKeys { after, limit } => {
                InstanceAnswer::AdminKeys(self.admin.admin_keys_after(scope.instance, *after, *limit))
            }
        }
    }

    /// That everything besides the records was as the change set says.
    pub(super) fn check_conditions(&self, changes: &ChangeSet) -> Result<(), CommitError> {
        let empty = Directory::default();
        let directory = self.directories.get(&changes.scope.instance).unwrap_or(&empty);
        for condition in &changes.conditions {
            let holds = match condition {
                Condition::Generation(expected) => {
                    let instance = self.admin.instance(changes.scope.instance);
                    instance.is_some_and(|instance| instance.generation == *expected)
                }
                Condition::Key(id, generation) => {
                    self.admin.holds_key(changes.scope.instance, *id, *generation)
                }
                Condition::AdminKey(id) => {
                    self.admin.holds_admin_key(changes.scope.instance, *id, changes.at)
                }
                Condition::LiveKeys { connector, user, below } => {
                    self.admin.count_live(changes, *connector, *user) < *below
                }
                Condition::NotDeleted { resource_type, external_id, since } => {
                    let deleted = directory.deleted_links(&changes.scope, resource_type, external_id, *since);
                    deleted.iter().all(|deleted| revives(changes, deleted.tombstone.key.id))
                }
                Condition::Removals { since, below } => changes.scope.connector.is_none_or(|connector| {
                    let (suspended, deleted) = directory.removals(connector, *since);
                    suspended.saturating_add(deleted) < *below
                }),
                Condition::Seats { resource_type, at_most } => {
                    if directory.active_after(resource_type, changes) > *at_most {
                        return Err(CommitError::NoSeat { seats: *at_most });
                    }
                    true
                }
            };
            if !holds {
                return Err(CommitError::Conflict);
            }
        }
        Ok(())
    }
}

/// The list of held changes as the changes so far made it.
struct HeldList<'c> {
    before: &'c BTreeMap<HeldChangeId, HeldChange>,
    /// With the state; `None` where it was taken off.
    changed: BTreeMap<HeldChangeId, Option<(&'c HeldChange, &'c HeldState)>>,
}

impl<'c> HeldList<'c> {
    fn get(&self, id: HeldChangeId) -> Option<(&'c HeldChange, &'c HeldState)> {
        match self.changed.get(&id) {
            Some(changed) => *changed,
            None => self.before.get(&id).map(|held| (held, &held.state)),
        }
    }

    fn state(&self, id: HeldChangeId) -> Option<&'c HeldState> {
        self.get(id).map(|(_, state)| state)
    }

    fn hold(&mut self, held: &'c HeldChange) {
        let mut ids = self.before.keys().chain(self.changed.keys());
        let listed = ids.any(|id| {
            let known = self.get(*id);
            known.is_some_and(|(known, _)| known.key.id == held.key.id && known.removal == held.removal)
        });
        if !listed {
            self.changed.insert(held.id, Some((held, &held.state)));
        }
    }

    fn decide(&mut self, id: HeldChangeId, state: &'c HeldState) -> Result<(), CommitError> {
        let (held, _) = self.get(id).ok_or(CommitError::Conflict)?;
        self.changed.insert(id, Some((held, state)));
        Ok(())
    }
}

fn revives(changes: &ChangeSet, id: scim_directory::ResourceId) -> bool {
    changes
        .changes
        .iter()
        .any(|change| matches!(change, Change::Create(new) if new.revives && new.key.id == id))
}

impl Directory {
    /// That administrative changes and those of the list of held changes can be made.
    pub(super) fn check_instance(&self, changes: &ChangeSet) -> Result<(), CommitError> {
        let mut versions = self.mappings.last().map_or(0, |saved| saved.version);
        let mut made = BTreeSet::new();
        let mut list = HeldList { before: &self.held_changes, changed: BTreeMap::new() };
        require(self.imports.allow(&changes.changes))?;
        for change in &changes.changes {
            match change {
                Change::Hold(held) => list.hold(held),
                Change::Unhold(id) => {
                    require(list.state(*id) == Some(&HeldState::Released))?;
                    list.changed.insert(*id, None);
                }
                Change::Admin(AdminChange::DecideHeld(id, state)) => list.decide(*id, state)?,
                Change::Admin(AdminChange::SaveMapping(saved)) => {
                    require(saved.version == versions + 1)?;
                    versions = saved.version;
                }
                Change::Admin(AdminChange::CreateObject(object)) => {
                    let place = place(object);
                    if self.objects.contains_key(&place) || !made.insert(place) {
                        return Err(CommitError::Duplicate { attribute: "name".to_owned() });
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Makes an administrative change that was checked; how many rows it took.
    pub(super) fn administer(&mut self, change: AdminChange) -> u64 {
        match change {
            AdminChange::SaveMapping(saved) => self.mappings.push(saved),
            AdminChange::CreateObject(object) => {
                self.objects.insert(place(&object), object);
            }
            AdminChange::DecideHeld(id, state) => {
                if let Some(held) = self.held_changes.get_mut(&id) {
                    held.state = state;
                }
            }
            AdminChange::SaveJob(name, Some(state)) => {
                self.jobs.insert(name, state);
            }
            AdminChange::SaveJob(name, None) => {
                self.jobs.remove(&name);
            }
            AdminChange::SaveImport { import, .. } => self.imports.save(import),
            AdminChange::RejectLines(import, lines) => self.imports.reject(&import, lines),
            AdminChange::Prune { before, limit } => return self.prune(before, limit),
            AdminChange::Erase { key, name } => return self.erase(&key, name.as_deref()),
            _ => {}
        }
        0
    }

    pub(super) fn object(&self, kind: &str, name: &str) -> Option<ObjectLink> {
        let place = (kind.to_owned(), Matching::IgnoreCase.key(name).into_owned());
        let object = self.objects.get(&place)?;
        Some(ObjectLink { id: object.id, name: object.name.clone() })
    }
}

fn place(object: &ApplicationObject) -> (String, String) {
    (object.kind.clone(), Matching::IgnoreCase.key(&object.name).into_owned())
}

fn require(holds: bool) -> Result<(), CommitError> {
    if holds { Ok(()) } else { Err(CommitError::Conflict) }
}
