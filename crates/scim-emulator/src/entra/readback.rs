//! Reads back what a cycle wrote, and counts what is different.

use std::collections::BTreeSet;

use serde_json::Value;

use super::attributes::{Target, mapped};
use super::client::Ledger;
use super::job::Job;
use super::summary::{Mismatch, RequestKind};
use super::{Phase, Progress, ReadBack};
use crate::company::Change;

/// Groups of up to this many members are read whole; of larger ones some members are asked about.
const WHOLE: usize = 500;
/// Members asked about in a large group.
const ASKED: usize = 5;

impl Job {
    pub(crate) fn read_back_initial(&self, ledger: &Ledger, progress: &dyn Progress) {
        let people = sample(self.options.read_back, (0..self.company.people()).collect());
        self.read_back(ledger, (progress, Phase::ReadBack), &people, false);
    }

    pub(crate) fn read_back_changes(&self, ledger: &Ledger, progress: &dyn Progress) {
        let hired = self.changes.hired.clone();
        let changed = self.changed_people().into_iter().map(|(index, _)| index).chain(hired).collect();
        let mut people = sample(self.options.read_back, changed);
        if self.options.read_back == ReadBack::All {
            let all: BTreeSet<u32> = people.into_iter().chain(0..self.company.people()).collect();
            people = all.into_iter().collect();
        }
        self.read_back(ledger, (progress, Phase::ChangesReadBack), &people, true);
    }

    /// People, then groups; `later` after the incremental cycle.
    fn read_back(&self, ledger: &Ledger, progress: (&dyn Progress, Phase), people: &[u32], later: bool) {
        let groups = match self.options.read_back {
            ReadBack::Sample(count) => sample(ReadBack::Sample(count.div_ceil(10)), self.groups_of(later)),
            how => sample(how, (0..self.company.groups()).collect()),
        };
        self.each((people.len() + groups.len()) as u64, progress, |item| {
            let item = item as usize;
            if let Some(person) = people.get(item) {
                self.read_back_person(ledger, *person, later);
            } else if let Some(group) = groups.get(item - people.len()) {
                self.read_back_group(ledger, *group, later);
            }
        });
    }

    fn groups_of(&self, later: bool) -> Vec<u32> {
        if later {
            self.changes.groups.keys().copied().collect()
        } else {
            (0..self.company.groups()).collect()
        }
    }

    fn change_of(&self, index: u32, later: bool) -> Option<Change> {
        self.changes.people.get(&index).copied().filter(|_| later)
    }

    fn read_back_person(&self, ledger: &Ledger, index: u32, later: bool) {
        // Whoever could not be provisioned, or changed, is among the failures already.
        let Some(id) = self.people.get(index).filter(|_| !self.refused.has(index)) else { return };
        let change = self.change_of(index, later);
        let person =
            change.map_or_else(|| self.company.person(index), |c| self.company.person_after(index, c));
        let name = person.user_name.as_str();
        let deleted = change == Some(Change::Deleted);
        let expected = if deleted { 404 } else { 200 };
        let asked = ("GET", &*format!("/Users/{id}"));
        ledger.open().people_read_back += 1;
        let reply = match self.send(ledger, RequestKind::ReadPerson, asked, None, &[expected]) {
            Ok(reply) => reply,
            Err(trouble) => {
                let found = trouble.status.map_or(trouble.detail, |status| status.to_string());
                return differ(ledger, name, "status", &expected.to_string(), &found);
            }
        };
        if deleted {
            return;
        }
        let resource = reply.body.unwrap_or_default();
        for (target, value) in mapped(&person, change != Some(Change::Leaves)) {
            let found = target.read(&resource);
            if found != Some(&value) {
                differ(ledger, name, &target.path(), &value.to_string(), &shown(found));
            }
        }
        let manager =
            change.map_or_else(|| self.company.manager(index), |c| self.company.manager_after(index, c));
        if let Some(manager) = manager.and_then(|manager| self.people.get(manager)) {
            let manager = Value::from(manager);
            let found = Target::Enterprise("manager").read(&resource).and_then(|m| m.get("value"));
            if found != Some(&manager) {
                differ(ledger, name, "manager.value", &manager.to_string(), &shown(found));
            }
        }
    }

    fn read_back_group(&self, ledger: &Ledger, index: u32, later: bool) {
        let Some(id) = self.groups.get(index) else { return };
        let group = self.company.group(index);
        let change = self.changes.groups.get(&index).filter(|_| later);
        let removed = change.map(|c| c.remove.as_slice()).unwrap_or_default();
        let added = change.map(|c| c.add.as_slice()).unwrap_or_default();
        let gone = |member: &u32| {
            removed.contains(member) || self.change_of(*member, later) == Some(Change::Deleted)
        };
        let name = change.and_then(|c| c.name.as_deref()).unwrap_or(&group.name);
        let count = self.company.members(index).take(WHOLE + 1).count() + added.len();
        let whole = count <= WHOLE;

        let rest = if whole { "" } else { "?excludedAttributes=members" };
        let asked = ("GET", &*format!("/Groups/{id}{rest}"));
        ledger.open().groups_read_back += 1;
        let resource = match self.send(ledger, RequestKind::ReadGroup, asked, None, &[200]) {
            Ok(reply) => reply.body.unwrap_or_default(),
            Err(trouble) => {
                let found = trouble.status.map_or(trouble.detail, |status| status.to_string());
                return differ(ledger, name, "status", "200", &found);
            }
        };
        let found = Target::Core("displayName").read(&resource);
        if found.and_then(Value::as_str) != Some(name) {
            differ(ledger, name, "displayName", name, &shown(found));
        }

        let in_answer: BTreeSet<&str> = Target::Core("members")
            .read(&resource)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|m| m.get("value")?.as_str())
            .collect();
        let limit = if whole { usize::MAX } else { ASKED };
        let present = self.company.members(index).filter(|m| !gone(m)).take(limit).map(|m| (m, true));
        let new = added.iter().take(limit).map(|m| (*m, true));
        let absent = removed.iter().take(limit).map(|m| (*m, false));
        for (member, expected) in present.chain(new).chain(absent) {
            let Some(member) = self.people.get(member) else { continue };
            let there = if whole {
                Ok(in_answer.contains(member.as_str()))
            } else {
                let group = ("/Groups", id.as_str(), "&attributes=id&excludedAttributes=members");
                self.refers(ledger, name, group, ("members", &member))
            };
            if there.is_ok_and(|there| there != expected) {
                let (yes, no) = (format!("has {member}"), format!("has not {member}"));
                let (wanted, found) = if expected { (&yes, &no) } else { (&no, &yes) };
                differ(ledger, name, "members", wanted, found);
            }
        }
    }
}

/// Evenly spread over the list.
fn sample(how: ReadBack, list: Vec<u32>) -> Vec<u32> {
    match how {
        ReadBack::Nothing => Vec::new(),
        ReadBack::All => list,
        ReadBack::Sample(count) if (count as usize) < list.len() => {
            let (count, length) = (count as usize, list.len());
            (0..count).filter_map(|number| list.get(number * length / count).copied()).collect()
        }
        ReadBack::Sample(_) => list,
    }
}

fn differ(ledger: &Ledger, subject: &str, attribute: &str, expected: &str, found: &str) {
    ledger.open().mismatch(Mismatch {
        subject: subject.to_owned(),
        attribute: attribute.to_owned(),
        expected: expected.to_owned(),
        found: found.to_owned(),
    });
}

fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "nothing".to_owned(), Value::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_spread_and_not_larger_than_asked() {
        let list: Vec<u32> = (0..10).collect();
        let check = |how, expected: &[u32]| assert_eq!(sample(how, list.clone()), expected);
        check(ReadBack::Nothing, &[]);
        check(ReadBack::All, &list);
        check(ReadBack::Sample(0), &[]);
        check(ReadBack::Sample(3), &[0, 3, 6]);
        check(ReadBack::Sample(9), &[0, 1, 2, 3, 4, 5, 6, 7, 8]);
        check(ReadBack::Sample(10), &list);
        check(ReadBack::Sample(99), &list);
    }
}
