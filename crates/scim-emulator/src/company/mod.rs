//! Fernwood Instruments, a company that does not exist: people, a management tree and groups, for tests and demonstrations.
//!
//! Everything follows from the number of people and a seed, and each person is worked out from an index alone, so that a
//! company of a million people takes no memory. Names come from eighteen languages and are combined by chance; telephone
//! numbers are from ranges set aside for fiction; every address ends in `.example`.
//!
//! ```
//! use scim_emulator::company::Company;
//!
//! let company = Company::new(1_000, 20);
//! let person = company.person(7);
//! assert!(person.user_name.ends_with("@fernwood.example"));
//! assert!(company.manager(7).is_some_and(|manager| manager < 7));
//! ```

mod changes;
mod groups;
mod random;
mod structure;
mod tables;

pub use changes::{Change, Changes, GroupChange};
pub use groups::Group;
pub(crate) use groups::guid;

use random::{Roll, coprime, pick};
use structure::Structure;
use tables::{Culture, Department, Name, Site, TABLES};

/// The most people that a company can have.
pub const MAX_PEOPLE: u32 = 1_000_000;

/// Part of every user name and e-mail address. A domain that cannot exist (RFC 2606).
pub const DOMAIN: &str = "fernwood.example";

/// The company.
#[derive(Debug, Clone)]
pub struct Company {
    people: u32,
    groups: u32,
    seed: u64,
    structure: Structure,
    /// How many different pairs of given and family name there are.
    pairs: u64,
    /// A step through the pairs that meets each of them before the first comes again.
    stride: u64,
}

/// Someone who works there: the attributes that Entra ID provisions by default.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Person {
    /// Position in the company; people hired later come after all others.
    pub index: u32,
    /// `first.last[n]@fernwood.example`, unique, ASCII.
    pub user_name: String,
    /// The user name's part before the `@` at the time of hiring; stays through a change of name.
    pub mail_nickname: String,
    /// In the script of the language it comes from.
    pub given_name: String,
    /// In the script of the language it comes from.
    pub family_name: String,
    /// Both names, in the order of their language.
    pub display_name: String,
    /// Job title.
    pub title: &'static str,
    /// Department.
    pub department: &'static str,
    /// Language tag (RFC 5646) of the site.
    pub language: &'static str,
    /// Office, for example `Bristol, floor 2`.
    pub office: String,
    /// Street and number.
    pub street: &'static str,
    /// Town.
    pub locality: &'static str,
    /// County, state or the like.
    pub region: &'static str,
    /// Postal code.
    pub postal_code: &'static str,
    /// Country, in English.
    pub country: &'static str,
    /// Number at work.
    pub work_phone: String,
    /// Mobile number; one in three has none.
    pub mobile_phone: Option<String>,
    /// Unique, never given again.
    pub employee_number: String,
}

impl Company {
    /// A company of `people` people (1 to [`MAX_PEOPLE`]; anything else is brought into that range) and `groups` groups:
    /// first one for each department, then one for each site, then projects.
    pub fn new(people: u32, groups: u32) -> Self {
        Self::with_seed(people, groups, 0)
    }

    /// Another company of the same kind: other names, other teams.
    pub fn with_seed(people: u32, groups: u32, seed: u64) -> Self {
        let people = people.clamp(1, MAX_PEOPLE);
        let pairs = TABLES.cultures.iter().map(pairs_of).sum();
        Self { people, groups, seed, structure: Structure::new(people), pairs, stride: coprime(pairs) }
    }

    /// How many people work there.
    pub fn people(&self) -> u32 {
        self.people
    }

    /// Someone, by index. Indexes of [`Self::people`] and above are people who are hired later.
    pub fn person(&self, index: u32) -> Person {
        let (given, family, number) = self.name(index);
        let nickname = nickname(&given.1.spelling, &family.spelling, number);
        self.describe(index, given, family.shown.to_owned(), &nickname, nickname.clone())
    }

    /// The index of someone's manager, which is always lower than their own; `None` for the head of the company.
    pub fn manager(&self, index: u32) -> Option<u32> {
        self.structure.manager(index)
    }

    /// How many managers are above someone: 0 for the head of the company, 5 at most in the company as it starts.
    pub fn level(&self, index: u32) -> u32 {
        std::iter::successors(self.manager(index), |manager| self.manager(*manager)).map(|_| 1).sum()
    }

    fn has_reports(&self, index: u32) -> bool {
        self.structure.first_report(index) < self.people
    }

    /// Given name with its language, family name, and how often the pair has been given before.
    fn name(&self, index: u32) -> ((&'static Culture, &'static Name), &'static Name, u64) {
        let number = u64::from(index) / self.pairs;
        let start = Roll::new(self.seed, "names", 0).value();
        let mut slot = (u64::from(index) % self.pairs * self.stride + start % self.pairs) % self.pairs;
        let mut culture = pick(&TABLES.cultures, 0);
        for candidate in &TABLES.cultures {
            culture = candidate;
            if slot < pairs_of(candidate) {
                break;
            }
            slot -= pairs_of(candidate);
        }
        let givens = culture.given.len() as u64;
        ((culture, pick(&culture.given, slot % givens)), pick(&culture.family, slot / givens), number)
    }

    fn describe(
        &self,
        index: u32,
        (culture, given): (&'static Culture, &'static Name),
        family: String,
        nickname: &str,
        mail_nickname: String,
    ) -> Person {
        let site = self.site(index);
        let (work, mobile) = (self.roll("work", index), self.roll("mobile", index));
        Person {
            index,
            user_name: format!("{nickname}@{DOMAIN}"),
            mail_nickname,
            given_name: given.shown.to_owned(),
            display_name: if culture.family_first {
                format!("{family} {}", given.shown)
            } else {
                format!("{} {family}", given.shown)
            },
            family_name: family,
            title: self.title(index, 0),
            department: self.department(index).name,
            language: site.language,
            office: format!("{}, floor {}", site.locality, 1 + self.roll("floor", index) % 4),
            street: site.street,
            locality: site.locality,
            region: site.region,
            postal_code: site.postal_code,
            country: site.country,
            work_phone: site.work.number(work),
            mobile_phone: (!mobile.is_multiple_of(3)).then(|| site.mobile.number(mobile / 3)),
            employee_number: format!("F{:07}", index + 1),
        }
    }

    fn department(&self, index: u32) -> &'static Department {
        pick(&TABLES.departments, self.structure.department(index) as u64)
    }

    fn site(&self, index: u32) -> &'static Site {
        pick(&TABLES.sites, self.site_number(index))
    }

    fn site_number(&self, index: u32) -> u64 {
        self.roll("site", index) % TABLES.sites.len() as u64
    }

    /// A title that fits the place in the tree, `steps` above the one at hiring for those without reports.
    fn title(&self, index: u32, steps: u64) -> &'static str {
        let department = self.department(index);
        match self.level(index) {
            0 => "Chief Executive Officer",
            1 => department.head,
            _ if self.has_reports(index) => department.manager,
            // The smaller of two rolls: there are more juniors than seniors.
            _ => {
                let count = department.titles.len() as u64;
                let first = self.roll("title", index) % count;
                let second = self.roll("title again", index) % count;
                let title: &&'static str = pick(&department.titles, first.min(second) + steps);
                title
            }
        }
    }

    fn roll(&self, what: &str, index: u32) -> u64 {
        Roll::new(self.seed, what, index.into()).value()
    }
}

fn pairs_of(culture: &Culture) -> u64 {
    culture.given.len() as u64 * culture.family.len() as u64
}

fn nickname(given: &str, family: &str, number: u64) -> String {
    match number {
        0 => format!("{given}.{family}"),
        n => format!("{given}.{family}{}", n + 1),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_same_company_every_time() {
        let (a, b, c) = (Company::new(500, 20), Company::new(500, 20), Company::with_seed(500, 20, 1));
        assert!((0..500).all(|i| a.person(i) == b.person(i)));
        assert!((0..500).any(|i| a.person(i) != c.person(i)));
    }

    #[test]
    fn user_names_are_unique_and_plain() {
        let company = Company::new(60_000, 0);
        let mut names = HashSet::new();
        for index in 0..60_000 {
            let person = company.person(index);
            let plain = person.mail_nickname.bytes().all(|b| b.is_ascii_alphanumeric() || b".-".contains(&b));
            assert!(plain, "{}", person.user_name);
            assert_eq!(person.user_name, format!("{}@fernwood.example", person.mail_nickname));
            assert!(names.insert(person.user_name), "{index}");
        }
    }

    #[test]
    fn many_scripts_are_present() {
        let company = Company::new(1_000, 0);
        let all: String = (0..1_000).map(|i| company.person(i).display_name).collect();
        for sample in ['é', 'ß', 'Å', 'ł', 'ğ', '山', '王', '김', 'ل', 'Δ', '\'', '-'] {
            assert!(all.contains(sample), "{sample}");
        }
    }

    #[test]
    fn the_tree_has_one_root_no_cycles_and_about_six_levels() {
        for people in [1, 2, 13, 14, 100, 1_000, 20_000] {
            let company = Company::new(people, 0);
            assert_eq!(company.manager(0), None);
            // INVARIANT: a manager's index is lower than that of the report, so no path can come back.
            assert!((1..people).all(|i| company.manager(i).is_some_and(|m| m < i)), "{people}");
            let depth = (0..people).map(|i| company.level(i)).max().unwrap();
            assert!(depth <= 5 && (people < 1_000 || depth >= 4), "{people}: {depth}");
        }
        let company = Company::new(MAX_PEOPLE, 0);
        assert!((0..MAX_PEOPLE).step_by(997).all(|i| company.level(i) <= 5));
    }

    #[test]
    fn reports_are_in_the_department_of_their_manager() {
        let company = Company::new(2_000, 0);
        for index in 1..2_000 {
            let manager = company.manager(index).unwrap();
            assert!(manager == 0 || company.person(manager).department == company.person(index).department);
            assert!(company.has_reports(manager));
        }
    }

    #[test]
    fn titles_fit_the_place() {
        let company = Company::new(1_000, 0);
        assert_eq!(company.person(0).title, "Chief Executive Officer");
        let heads: Vec<_> =
            (1..1_000).filter(|i| company.level(*i) == 1).map(|i| company.person(i).title).collect();
        assert_eq!(heads.len(), 12);
        assert!(heads.contains(&"Head of Research"));
    }

    #[test]
    fn the_number_of_people_is_brought_into_range() {
        assert_eq!(Company::new(0, 0).people(), 1);
        assert_eq!(Company::new(u32::MAX, 0).people(), MAX_PEOPLE);
    }
}
