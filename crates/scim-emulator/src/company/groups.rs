//! Groups: departments, sites, projects.

use super::random::{Roll, pick, splitmix64};
use super::tables::TABLES;
use super::{Company, Person};

/// A group and where its members come from.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Group {
    /// Position in the company's list.
    pub index: u32,
    /// Unique.
    pub name: String,
    /// An object id, in the form of a GUID.
    pub object_id: String,
}

/// What a group is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Department(usize),
    Site(u64),
    Project(u64),
}

impl Company {
    /// How many groups there are.
    pub fn groups(&self) -> u32 {
        self.groups
    }

    /// A group, by index below [`Self::groups`].
    pub fn group(&self, index: u32) -> Group {
        let name = match kind(index) {
            Kind::Department(number) => {
                format!("Department {}", TABLES.departments.get(number).map_or("", |d| d.name))
            }
            Kind::Site(number) => format!("Site {}", pick(&TABLES.sites, number).locality),
            Kind::Project(number) => {
                let (first, second) = (&TABLES.project_first, &TABLES.project_second);
                let pairs = first.len() as u64 * second.len() as u64;
                // The lengths share no divisor, so stepping through both meets every pair.
                let (step, round) = (number % pairs, number / pairs);
                let name = format!("Project {} {}", pick(first, step), pick(second, step));
                if round == 0 { name } else { format!("{name} {}", round + 1) }
            }
        };
        Group { index, name, object_id: guid(Roll::new(self.seed, "group", index.into()).value()) }
    }

    /// The people in a group at the start, each once.
    pub fn members(&self, group: u32) -> Box<dyn Iterator<Item = u32> + '_> {
        let people = self.people;
        match kind(group) {
            Kind::Department(number) => {
                let leader = (number == 0).then_some(0);
                let others =
                    (0..).map(move |n| self.structure.index(number, n)).take_while(move |i| *i < people);
                Box::new(leader.into_iter().chain(others))
            }
            Kind::Site(number) => Box::new((0..people).filter(move |i| self.site_number(*i) == number)),
            Kind::Project(number) => {
                let size = 4 + Roll::new(self.seed, "project size", number).value() % 17;
                let mut members = Vec::new();
                for place in 0..size {
                    let roll = Roll::new(self.seed, "project member", number << 8 | place).value();
                    let member = u32::try_from(roll % u64::from(people)).unwrap_or_default();
                    if !members.contains(&member) {
                        members.push(member);
                    }
                }
                Box::new(members.into_iter())
            }
        }
    }

    /// The group of a department, if the company has it.
    pub(super) fn department_group(&self, department: &str) -> Option<u32> {
        let number = TABLES.departments.iter().position(|d| d.name == department)?;
        u32::try_from(number).ok().filter(|group| *group < self.groups)
    }

    /// The group of a person's site, if the company has it.
    pub(super) fn site_group(&self, person: &Person) -> Option<u32> {
        let number = TABLES.departments.len() as u64 + self.site_number(person.index);
        u32::try_from(number).ok().filter(|group| *group < self.groups)
    }

    /// The groups of projects.
    pub(super) fn project_groups(&self) -> std::ops::Range<u32> {
        let first = u32::try_from(TABLES.departments.len() + TABLES.sites.len()).unwrap_or(u32::MAX);
        first.min(self.groups)..self.groups
    }
}

fn kind(index: u32) -> Kind {
    let (departments, sites) = (TABLES.departments.len(), TABLES.sites.len());
    let index = index as usize;
    if index < departments {
        Kind::Department(index)
    } else if index < departments + sites {
        Kind::Site((index - departments) as u64)
    } else {
        Kind::Project((index - departments - sites) as u64)
    }
}

/// The form of a random UUID (RFC 9562 §5.4), made from a seed.
pub(crate) fn guid(seed: u64) -> String {
    let (high, low) = (splitmix64(seed), splitmix64(seed ^ 1));
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xfff,
        0x8000 | low >> 48 & 0x3fff,
        low & 0xffff_ffff_ffff
    )
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_and_ids_are_unique() {
        let company = Company::new(100, 1_500);
        let groups: Vec<Group> = (0..1_500).map(|g| company.group(g)).collect();
        assert_eq!(groups.iter().map(|g| g.name.to_lowercase()).collect::<HashSet<_>>().len(), 1_500);
        assert_eq!(groups.iter().map(|g| &g.object_id).collect::<HashSet<_>>().len(), 1_500);
        assert_eq!(groups[0].name, "Department Executive Office");
        assert!(groups[0].object_id.len() == 36 && groups[0].object_id.as_bytes()[14] == b'4');
    }

    #[test]
    fn departments_and_sites_divide_the_company() {
        let company = Company::new(777, 30);
        for groups in [0..12, 12..18] {
            let mut all: Vec<u32> = groups.flat_map(|g| company.members(g)).collect();
            all.sort_unstable();
            assert!(all.into_iter().eq(0..777));
        }
        assert!(company.members(3).all(|i| company.person(i).department == "Sales"));
        let bristol = company.members(12).map(|i| company.person(i));
        assert!(bristol.into_iter().all(|p| p.locality == "Bristol"));
    }

    #[test]
    fn members_are_listed_once() {
        for people in [1, 3, 50] {
            let company = Company::new(people, 60);
            for group in 0..60 {
                let members: Vec<u32> = company.members(group).collect();
                assert_eq!(members.iter().collect::<HashSet<_>>().len(), members.len());
                assert!(members.iter().all(|m| *m < people));
            }
        }
    }
}
