//! Steps of the initial cycle for one person, one manager, one group.

use serde_json::Value;

use super::attributes::{Edit, Target, differences, mapped, new_group, new_person};
use super::client::{Ledger, Trouble, quoted, search};
use super::job::{Job, id_of};
use super::patch;
use super::summary::RequestKind;
use crate::company::{Change, Person};

/// Members in one request.
const BATCH: usize = 100;

impl Job {
    /// Matches someone by user name, then creates or updates.
    pub(crate) fn provision_person(&self, ledger: &Ledger, index: u32) {
        let person = self.company.person(index);
        let Ok(mut found) = self.match_person(ledger, &person.user_name) else { return };
        if found.is_none() && self.changes.people.get(&index) == Some(&Change::NewName) {
            // An earlier run has changed the name already. The service itself would know by the link it keeps.
            let later = self.company.person_after(index, Change::NewName);
            let Ok(renamed) = self.match_person(ledger, &later.user_name) else { return };
            found = renamed;
        }
        match found {
            Some(resource) => {
                ledger.open().people_matched += 1;
                if let Some(id) = self.link_person(ledger, RequestKind::MatchPerson, &person, &resource) {
                    self.update_person(ledger, &person, true, (&id, &resource));
                }
            }
            None => self.create_person(ledger, &person),
        }
    }

    fn match_person(&self, ledger: &Ledger, user_name: &str) -> Result<Option<Value>, ()> {
        let target = search("/Users", &format!("userName eq {}", quoted(user_name)), "");
        self.find(ledger, (RequestKind::MatchPerson, user_name), &target)
    }

    fn create_person(&self, ledger: &Ledger, person: &Person) {
        let kind = RequestKind::CreatePerson;
        let body = new_person(person);
        let mut answer = self.send(ledger, kind, ("POST", "/Users"), Some(&body), &[201]);
        if matches!(answer, Err(Trouble { status: None, .. })) {
            // The answer was lost, the person may be there.
            match self.match_person(ledger, &person.user_name) {
                Ok(Some(resource)) => {
                    if self.link_person(ledger, kind, person, &resource).is_some() {
                        ledger.open().people_created += 1;
                    }
                    return;
                }
                Ok(None) => answer = self.send(ledger, kind, ("POST", "/Users"), Some(&body), &[201]),
                Err(()) => return,
            }
        }
        match answer {
            Ok(reply) => {
                if self.link_person(ledger, kind, person, &reply.body.unwrap_or_default()).is_some() {
                    ledger.open().people_created += 1;
                }
            }
            Err(trouble) => ledger.fail(kind, &person.user_name, trouble),
        }
    }

    /// Remembers the id of a resource; without one, that is a failure.
    fn link_person(
        &self,
        ledger: &Ledger,
        kind: RequestKind,
        person: &Person,
        resource: &Value,
    ) -> Option<String> {
        let id = id_of(resource);
        match id {
            Some(id) => self.people.set(person.index, id),
            None => ledger.fail(kind, &person.user_name, no_id()),
        }
        id.map(str::to_owned)
    }

    /// Sends what differs. True when something was written.
    pub(crate) fn update_person(
        &self,
        ledger: &Ledger,
        person: &Person,
        active: bool,
        (id, resource): (&str, &Value),
    ) -> bool {
        let edits = differences(mapped(person, active), resource);
        if edits.is_empty() {
            ledger.open().people_unchanged += 1;
            return false;
        }
        let body = patch::edit(self.shape(), edits);
        let subject = (RequestKind::UpdatePerson, person.user_name.as_str());
        let asked = ("PATCH", &*format!("/Users/{id}"));
        let written = self.send_or_fail(ledger, subject, asked, Some(&body), &[200, 204]).is_some();
        self.refused.set(person.index, !written);
        if written {
            ledger.open().people_updated += 1;
        }
        written
    }

    /// Asks whether the manager is there, and writes it if not. A manager who is not provisioned is left out.
    pub(crate) fn provision_manager(
        &self,
        ledger: &Ledger,
        index: u32,
        manager: Option<u32>,
        replaces: bool,
    ) {
        let Some(manager) = manager else { return };
        let (Some(id), Some(manager)) = (self.people.get(index), self.people.get(manager)) else {
            ledger.open().references_postponed += 1;
            return;
        };
        let subject = self.company.person(index).user_name;
        match self.refers(ledger, &subject, ("/Users", &id, "&attributes=id"), ("manager", &manager)) {
            Ok(true) => ledger.open().managers_unchanged += 1,
            Ok(false) => {
                let body = patch::manager(self.shape(), &manager, replaces);
                let asked = ("PATCH", &*format!("/Users/{id}"));
                let kind = (RequestKind::SetManager, subject.as_str());
                if self.send_or_fail(ledger, kind, asked, Some(&body), &[200, 204]).is_some() {
                    ledger.open().managers_set += 1;
                }
            }
            Err(()) => {}
        }
    }

    /// Matches a group by name, creates it if it is not there, and adds its members.
    pub(crate) fn provision_group(&self, ledger: &Ledger, index: u32) {
        let group = self.company.group(index);
        let Ok(mut found) = self.match_group(ledger, &group.name) else { return };
        let later = self.changes.groups.get(&index).and_then(|change| change.name.as_deref());
        if let (None, Some(later)) = (&found, later) {
            // As with people: an earlier run may have changed the name.
            let Ok(renamed) = self.match_group(ledger, later) else { return };
            found = renamed;
        }
        let resource = match found {
            Some(resource) => {
                ledger.open().groups_matched += 1;
                resource
            }
            None => {
                let subject = (RequestKind::CreateGroup, group.name.as_str());
                let body = new_group(&group);
                let Some(reply) =
                    self.send_or_fail(ledger, subject, ("POST", "/Groups"), Some(&body), &[201])
                else {
                    return;
                };
                ledger.open().groups_created += 1;
                reply.body.unwrap_or_default()
            }
        };
        let Some(id) = id_of(&resource) else {
            ledger.fail(RequestKind::CreateGroup, &group.name, no_id());
            return;
        };
        self.groups.set(index, id);
        let wanted = [
            (Target::Core("displayName"), Value::from(group.name.as_str())),
            (Target::Core("externalId"), Value::from(group.object_id.as_str())),
        ];
        self.update_group(ledger, &group.name, id, differences(wanted.to_vec(), &resource));
        self.change_members(ledger, (&group.name, id), true, self.company.members(index));
    }

    fn match_group(&self, ledger: &Ledger, name: &str) -> Result<Option<Value>, ()> {
        let filter = format!("displayName eq {}", quoted(name));
        let target = search("/Groups", &filter, "&excludedAttributes=members");
        self.find(ledger, (RequestKind::MatchGroup, name), &target)
    }

    /// Sends what differs in a group, members apart.
    pub(crate) fn update_group(&self, ledger: &Ledger, name: &str, id: &str, edits: Vec<Edit>) {
        if edits.is_empty() {
            return;
        }
        let body = patch::edit(self.shape(), edits);
        let subject = (RequestKind::UpdateGroup, name);
        let asked = ("PATCH", &*format!("/Groups/{id}"));
        if self.send_or_fail(ledger, subject, asked, Some(&body), &[200, 204]).is_some() {
            ledger.open().groups_updated += 1;
        }
    }

    /// Adds or removes members in batches. People who are not provisioned are left out.
    pub(crate) fn change_members(
        &self,
        ledger: &Ledger,
        (name, id): (&str, &str),
        add: bool,
        members: impl Iterator<Item = u32>,
    ) {
        let mut batch = Vec::with_capacity(BATCH);
        let mut members = members.peekable();
        while let Some(member) = members.next() {
            match self.people.get(member) {
                Some(member) => batch.push(member),
                None => ledger.open().references_postponed += 1,
            }
            if batch.is_empty() || (batch.len() < BATCH && members.peek().is_some()) {
                continue;
            }
            let shape = self.shape();
            let body =
                if add { patch::add_members(shape, &batch) } else { patch::remove_members(shape, &batch) };
            let asked = ("PATCH", &*format!("/Groups/{id}"));
            let kind = (RequestKind::ChangeMembers, name);
            if self.send_or_fail(ledger, kind, asked, Some(&body), &[200, 204]).is_some() {
                let mut summary = ledger.open();
                let count = if add { &mut summary.members_added } else { &mut summary.members_removed };
                *count += batch.len() as u64;
            }
            batch.clear();
        }
    }
}

fn no_id() -> Trouble {
    Trouble { status: None, detail: "the resource in the answer has no id".to_owned() }
}
