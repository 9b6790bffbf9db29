//! The data files, read once: names, departments, sites, project names.

use std::sync::LazyLock;

/// A name and its spelling in user names: lower-case ASCII.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) shown: &'static str,
    pub(crate) spelling: String,
}

/// Names of one language.
#[derive(Debug, Clone)]
pub(crate) struct Culture {
    pub(crate) family_first: bool,
    pub(crate) given: Vec<Name>,
    pub(crate) family: Vec<Name>,
}

/// A department of the company.
#[derive(Debug, Clone)]
pub(crate) struct Department {
    pub(crate) name: &'static str,
    /// People of every forty.
    pub(crate) share: u32,
    pub(crate) head: &'static str,
    pub(crate) manager: &'static str,
    pub(crate) titles: Vec<&'static str>,
}

/// A place of work.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    pub(crate) locality: &'static str,
    pub(crate) street: &'static str,
    pub(crate) region: &'static str,
    pub(crate) postal_code: &'static str,
    pub(crate) country: &'static str,
    pub(crate) language: &'static str,
    pub(crate) work: NumberRange,
    pub(crate) mobile: NumberRange,
}

/// A range of telephone numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NumberRange {
    prefix: &'static str,
    low: u32,
    high: u32,
    width: usize,
}

impl NumberRange {
    /// A number of the range; equal rolls give equal numbers.
    pub(crate) fn number(&self, roll: u64) -> String {
        let span = u64::from(self.high.saturating_sub(self.low)) + 1;
        let value = u64::from(self.low) + roll % span;
        format!("{}{value:0width$}", self.prefix, width = self.width)
    }

    fn parse(text: &'static str) -> Option<Self> {
        let (prefix, range) = text.strip_suffix('}')?.split_once('{')?;
        let (low, high) = range.split_once('-')?;
        Some(Self { prefix, low: low.parse().ok()?, high: high.parse().ok()?, width: low.len() })
    }
}

/// Everything the data files hold.
#[derive(Debug)]
pub(crate) struct Tables {
    pub(crate) cultures: Vec<Culture>,
    pub(crate) departments: Vec<Department>,
    pub(crate) sites: Vec<Site>,
    pub(crate) project_first: Vec<&'static str>,
    pub(crate) project_second: Vec<&'static str>,
}

/// Built into the program, so they are correct or a test fails.
pub(crate) static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    let projects = include_str!("../../data/projects.txt");
    Tables {
        cultures: cultures(include_str!("../../data/names.txt")),
        departments: rows(include_str!("../../data/departments.txt")).filter_map(department).collect(),
        sites: rows(include_str!("../../data/sites.txt")).filter_map(site).collect(),
        project_first: list(projects, "first:"),
        project_second: list(projects, "second:"),
    }
});

fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn rows(text: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    lines(text).map(|line| line.split('|').map(str::trim).collect())
}

fn list(text: &'static str, label: &str) -> Vec<&'static str> {
    lines(text)
        .filter_map(|line| line.strip_prefix(label))
        .flat_map(|l| l.split(',').map(str::trim))
        .collect()
}

fn cultures(text: &'static str) -> Vec<Culture> {
    let mut cultures: Vec<Culture> = Vec::new();
    for line in lines(text) {
        if line.starts_with('[') {
            let family_first = line.ends_with("family-first");
            cultures.push(Culture { family_first, given: Vec::new(), family: Vec::new() });
        } else if let Some(culture) = cultures.last_mut() {
            if let Some(names) = line.strip_prefix("given:") {
                culture.given.extend(names.split(',').map(name));
            } else if let Some(names) = line.strip_prefix("family:") {
                culture.family.extend(names.split(',').map(name));
            }
        }
    }
    cultures
}

fn name(text: &'static str) -> Name {
    match text.trim().split_once('=') {
        Some((shown, spelling)) => Name { shown, spelling: spelling.to_owned() },
        None => Name { shown: text.trim(), spelling: text.trim().to_ascii_lowercase() },
    }
}

fn department(row: Vec<&'static str>) -> Option<Department> {
    let [name, share, head, manager, titles] = row.try_into().ok()?;
    let titles = titles.split(';').map(str::trim).collect();
    Some(Department { name, share: share.parse().ok()?, head, manager, titles })
}

fn site(row: Vec<&'static str>) -> Option<Site> {
    let [locality, street, region, postal_code, country, language, work, mobile] = row.try_into().ok()?;
    let (work, mobile) = (NumberRange::parse(work)?, NumberRange::parse(mobile)?);
    Some(Site { locality, street, region, postal_code, country, language, work, mobile })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_line_of_the_files_is_understood() {
        let count = |text: &'static str| lines(text).count();
        assert_eq!(TABLES.departments.len(), count(include_str!("../../data/departments.txt")));
        assert_eq!(TABLES.sites.len(), count(include_str!("../../data/sites.txt")));
        assert_eq!(TABLES.cultures.len() * 3, count(include_str!("../../data/names.txt")));
        assert!(TABLES.project_first.len() > 10 && TABLES.project_second.len() > 10);
        assert!(TABLES.departments.iter().all(|d| d.share > 0 && d.titles.len() >= 2));
        assert_eq!(TABLES.departments.iter().map(|d| d.share).sum::<u32>(), 40);
    }

    #[test]
    fn spellings_are_ascii_and_unique_where_user_names_need_it() {
        let mut families = HashSet::new();
        for culture in &TABLES.cultures {
            let mut givens = HashSet::new();
            for name in &culture.given {
                assert!(givens.insert(&name.spelling), "{} twice in a language", name.spelling);
            }
            for name in &culture.family {
                assert!(families.insert(&name.spelling), "{} twice", name.spelling);
            }
            for name in culture.given.iter().chain(&culture.family) {
                let plain = name.spelling.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
                assert!(plain && !name.shown.is_empty(), "{}", name.shown);
            }
        }
    }

    #[test]
    fn numbers_keep_their_width() {
        let range = NumberRange::parse("+46 70 174 06 {05-99}").unwrap();
        assert_eq!(range.number(0), "+46 70 174 06 05");
        assert_eq!(range.number(94), "+46 70 174 06 99");
        assert_eq!(range.number(95), range.number(0));
    }
}
