//! The incremental cycle: what happened at the company, sent by the ids that the initial cycle remembered.

use serde_json::Value;

use super::attributes::{Edit, Target};
use super::client::{Ledger, Trouble};
use super::job::Job;
use super::patch;
use super::summary::RequestKind;
use super::{Phase, Progress};
use crate::company::Change;

impl Job {
    pub(crate) fn provision_changes(&self, ledger: &Ledger, progress: &dyn Progress) {
        let changed = self.changed_people();
        let hired = &self.changes.hired;
        let people: Vec<(u32, Option<Change>)> =
            changed.iter().map(|(i, c)| (*i, Some(*c))).chain(hired.clone().map(|i| (i, None))).collect();
        self.each(people.len() as u64, (progress, Phase::Changes), |item| match people.get(item as usize) {
            Some((index, Some(change))) => self.provision_change(ledger, *index, *change),
            Some((index, None)) => self.provision_person(ledger, *index),
            None => {}
        });

        let managers: Vec<(u32, Option<u32>, bool)> = changed
            .iter()
            .filter(|(_, change)| *change == Change::NewManager)
            .map(|(index, change)| (*index, self.company.manager_after(*index, *change), true))
            .chain(hired.clone().map(|index| (index, self.company.manager(index), false)))
            .collect();
        self.each(managers.len() as u64, (progress, Phase::ChangedManagers), |item| {
            if let Some((index, manager, replaces)) = managers.get(item as usize) {
                self.provision_manager(ledger, *index, *manager, *replaces);
            }
        });

        let groups: Vec<u32> = self.changes.groups.keys().copied().collect();
        self.each(groups.len() as u64, (progress, Phase::ChangedGroups), |item| {
            if let Some(group) = groups.get(item as usize) {
                self.provision_group_change(ledger, *group);
            }
        });
    }

    /// Everyone to whom something happened, by index.
    pub(crate) fn changed_people(&self) -> Vec<(u32, Change)> {
        let mut changed: Vec<(u32, Change)> = self.changes.people.iter().map(|(i, c)| (*i, *c)).collect();
        changed.sort_unstable_by_key(|(index, _)| *index);
        changed
    }

    fn provision_change(&self, ledger: &Ledger, index: u32, change: Change) {
        // Whoever is not linked is matched first, and so comes in as they were.
        if self.people.get(index).is_none() {
            self.provision_person(ledger, index);
        }
        let Some(id) = self.people.get(index) else { return };
        let target = format!("/Users/{id}");
        let person = self.company.person_after(index, change);
        let name = person.user_name.as_str();
        match change {
            Change::NewManager => {}
            Change::Deleted => {
                let kind = (RequestKind::DeletePerson, name);
                // 404 says that it has been done.
                if self.send_or_fail(ledger, kind, ("DELETE", &target), None, &[200, 204, 404]).is_some() {
                    ledger.open().people_deleted += 1;
                }
            }
            Change::Leaves => {
                let edit = Edit { target: Target::Core("active"), value: Value::Bool(false), replaces: true };
                let body = patch::edit(self.shape(), vec![edit]);
                let kind = (RequestKind::UpdatePerson, name);
                if self.send_or_fail(ledger, kind, ("PATCH", &target), Some(&body), &[200, 204]).is_some() {
                    ledger.open().people_disabled += 1;
                }
            }
            Change::NewJob { .. } | Change::NewName => {
                match self.send(ledger, RequestKind::ReadPerson, ("GET", &target), None, &[200]) {
                    Ok(reply) => {
                        self.update_person(ledger, &person, true, (&id, &reply.body.unwrap_or_default()));
                    }
                    // Somebody deleted the account: the service matches again, and creates.
                    Err(Trouble { status: Some(404), .. }) => self.provision_person(ledger, index),
                    Err(trouble) => ledger.fail(RequestKind::ReadPerson, name, trouble),
                }
            }
        }
    }

    fn provision_group_change(&self, ledger: &Ledger, index: u32) {
        if self.groups.get(index).is_none() {
            self.provision_group(ledger, index);
        }
        let (Some(id), Some(change)) = (self.groups.get(index), self.changes.groups.get(&index)) else {
            return;
        };
        let name = self.company.group(index).name;
        if let Some(later) = &change.name {
            let edit =
                Edit { target: Target::Core("displayName"), value: later.as_str().into(), replaces: true };
            self.update_group(ledger, &name, &id, vec![edit]);
        }
        self.change_members(ledger, (&name, &id), true, change.add.iter().copied());
        self.change_members(ledger, (&name, &id), false, change.remove.iter().copied());
    }
}
