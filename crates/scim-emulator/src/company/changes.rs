//! What happens at the company between two cycles.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use super::random::{Roll, coprime, pick};
use super::tables::TABLES;
use super::{Company, Person, nickname};

/// What happens to one person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Another title, and another department for some.
    NewJob {
        /// Goes to the next department of the list.
        moves: bool,
    },
    /// A new family name before the old one, so another user name and e-mail address.
    NewName,
    /// Reports to the manager of their manager.
    NewManager,
    /// The account is disabled.
    Leaves,
    /// The account is deleted for good.
    Deleted,
}

/// Who enters and who leaves a group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct GroupChange {
    /// People to add.
    pub add: Vec<u32>,
    /// People to remove.
    pub remove: Vec<u32>,
    /// The new name, if it changes.
    pub name: Option<String>,
}

/// Everything that happens between the initial and the next cycle.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Changes {
    /// By index, without those who are hired.
    pub people: HashMap<u32, Change>,
    /// Indexes of new people.
    pub hired: Range<u32>,
    /// By index of the group.
    pub groups: BTreeMap<u32, GroupChange>,
}

impl Company {
    /// What happens next: about one person in nine changes, at least one of each kind where the company is large enough.
    /// The leader stays; only people without reports leave.
    pub fn changes(&self) -> Changes {
        let share = |part: u32| (self.people / part).max(1);
        let mut wanted = [share(100), share(50), share(100), share(100), share(20)];
        let mut people = HashMap::new();
        let others = u64::from(self.people - 1);
        let (stride, start) =
            (coprime(others.max(1)), Roll::new(self.seed, "changes", 0).value() % others.max(1));
        let mut jobs = 0_u32;
        for step in 0..others {
            let Ok(index) = u32::try_from(1 + (step * stride + start) % others) else { continue };
            let kinds = [
                (Change::Deleted, !self.has_reports(index)),
                (Change::Leaves, !self.has_reports(index)),
                (Change::NewName, !self.name(index).0.0.family_first),
                (Change::NewManager, self.level(index) >= 2),
                (
                    Change::NewJob { moves: jobs.is_multiple_of(3) },
                    !self.has_reports(index) && self.level(index) >= 2,
                ),
            ];
            let free = kinds.iter().zip(&mut wanted).find(|((_, fits), left)| *fits && **left > 0);
            if let Some(((change, _), left)) = free {
                *left -= 1;
                jobs += u32::from(matches!(change, Change::NewJob { .. }));
                people.insert(index, *change);
            }
            if wanted.iter().all(|left| *left == 0) {
                break;
            }
        }
        let hired = self.people..self.people + share(50);
        let groups = self.group_changes(&people, hired.clone());
        Changes { people, hired, groups }
    }

    /// Someone after what happened.
    pub fn person_after(&self, index: u32, change: Change) -> Person {
        let before = self.person(index);
        match change {
            Change::NewJob { moves } => Person {
                title: self.title(index, 1),
                department: if moves { self.next_department(index) } else { before.department },
                ..before
            },
            Change::NewName => {
                let ((culture, given), old, number) = self.name(index);
                let place = culture.family.iter().position(|f| f == old).unwrap_or_default() as u64;
                let others = (culture.family.len() as u64).max(2) - 1;
                let new = pick(&culture.family, place + 1 + self.roll("new name", index) % others);
                let spelling = format!("{}-{}", new.spelling, old.spelling);
                let family = format!("{}-{}", new.shown, old.shown);
                let nickname = nickname(&given.spelling, &spelling, number);
                self.describe(index, (culture, given), family, &nickname, before.mail_nickname)
            }
            Change::NewManager | Change::Leaves | Change::Deleted => before,
        }
    }

    /// The manager after what happened.
    pub fn manager_after(&self, index: u32, change: Change) -> Option<u32> {
        let manager = self.manager(index);
        match change {
            Change::NewManager => manager.and_then(|m| self.manager(m)).or(manager),
            _ => manager,
        }
    }

    fn next_department(&self, index: u32) -> &'static str {
        pick(&TABLES.departments, self.structure.department(index) as u64 + 1).name
    }

    fn group_changes(&self, people: &HashMap<u32, Change>, hired: Range<u32>) -> BTreeMap<u32, GroupChange> {
        let mut groups: BTreeMap<u32, GroupChange> = BTreeMap::new();
        let mut movers: Vec<u32> =
            people.iter().filter(|(_, c)| **c == Change::NewJob { moves: true }).map(|(i, _)| *i).collect();
        movers.sort_unstable();
        for mover in movers {
            let (from, to) = (self.department(mover).name, self.next_department(mover));
            if let (Some(from), Some(to)) = (self.department_group(from), self.department_group(to)) {
                groups.entry(from).or_default().remove.push(mover);
                groups.entry(to).or_default().add.push(mover);
            }
        }
        for index in hired {
            let person = self.person(index);
            let own = [self.department_group(person.department), self.site_group(&person)];
            for group in own.into_iter().flatten() {
                groups.entry(group).or_default().add.push(index);
            }
        }
        for project in self.project_groups().step_by(5) {
            let deleted = |member: &u32| people.get(member) == Some(&Change::Deleted);
            if let Some(member) = self.members(project).find(|member| !deleted(member)) {
                groups.entry(project).or_default().remove.push(member);
            }
        }
        if let Some(last) = self.groups.checked_sub(1) {
            groups.entry(last).or_default().name = Some(format!("{} II", self.group(last).name));
        }
        groups
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn count(changes: &Changes, test: impl Fn(&Change) -> bool) -> usize {
        changes.people.values().filter(|c| test(c)).count()
    }

    #[test]
    fn every_kind_happens() {
        for people in [100, 1_000] {
            let changes = Company::new(people, 40).changes();
            let size = people as usize;
            assert_eq!(count(&changes, |c| matches!(c, Change::NewJob { .. })), size / 20);
            assert_eq!(count(&changes, |c| *c == Change::NewName), size / 100);
            assert_eq!(count(&changes, |c| *c == Change::NewManager), size / 100);
            assert_eq!(count(&changes, |c| *c == Change::Leaves), size / 50);
            assert_eq!(count(&changes, |c| *c == Change::Deleted), size / 100);
            assert_eq!(changes.hired, people..people + people / 50);
            assert!(changes.groups.values().any(|g| !g.remove.is_empty()));
            assert_eq!(changes.groups.values().filter(|g| g.name.is_some()).count(), 1);
        }
    }

    #[test]
    fn small_companies_change_as_far_as_they_can() {
        for people in 1..30 {
            let company = Company::new(people, 3);
            let changes = company.changes();
            assert!(!changes.people.contains_key(&0));
            assert!(changes.people.keys().all(|i| *i < people));
            assert_eq!(changes.hired.len(), 1);
        }
    }

    #[test]
    fn changes_change_something() {
        let company = Company::new(3_000, 40);
        let mut user_names: HashSet<String> = (0..3_100).map(|i| company.person(i).user_name).collect();
        for (index, change) in company.changes().people {
            let (before, after) = (company.person(index), company.person_after(index, change));
            match change {
                Change::NewJob { moves } => {
                    assert_ne!(before.title, after.title);
                    assert_eq!(moves, before.department != after.department);
                }
                Change::NewName => {
                    assert_eq!(before.mail_nickname, after.mail_nickname);
                    assert!(after.family_name.ends_with(&format!("-{}", before.family_name)));
                    assert!(user_names.insert(after.user_name), "{index}");
                }
                Change::NewManager => {
                    assert_ne!(company.manager(index), company.manager_after(index, change))
                }
                Change::Leaves | Change::Deleted => assert!(!company.has_reports(index)),
            }
        }
    }

    #[test]
    fn members_are_removed_from_groups_that_they_are_in() {
        let company = Company::new(500, 60);
        for (group, change) in company.changes().groups {
            let members: HashSet<u32> = company.members(group).collect();
            assert!(change.remove.iter().all(|m| members.contains(m)), "{group}");
            assert!(change.add.iter().all(|m| !members.contains(m)), "{group}");
        }
    }
}
