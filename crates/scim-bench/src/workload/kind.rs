//! The names of the workloads.

use std::fmt;

use anyhow::bail;

/// Which page of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// The first one.
    First,
    /// The one in the middle.
    Middle,
    /// The last one.
    Last,
}

/// A workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// GET of one person.
    Get,
    /// `userName eq` of somebody, or (`false`) of nobody.
    MatchUserName(bool),
    /// `externalId eq` of somebody, or (`false`) of nobody.
    MatchExternalId(bool),
    /// POST of a person of 1.2 KB.
    Create,
    /// PATCH of a person.
    Patch,
    /// PUT of a person.
    Put,
    /// DELETE of a person; of somebody whom this run created.
    Delete,
    /// A member added by PATCH to a group of that size.
    MemberAdd(usize),
    /// A member removed by PATCH from a group of that size.
    MemberRemove(usize),
    /// A page of 100 by `startIndex`, of people in no group.
    Page(Place),
    /// A page of 100 by `cursor` (RFC 9865), of people in no group.
    Cursor(Place),
    /// A filter with `co`.
    Contains,
    /// A filter with `and`.
    And,
    /// A filter with a value path.
    ValuePath,
    /// What Entra ID does first: match, create, add to one of ten groups; an operation is a person.
    Cycle,
    /// A page of 100 by `startIndex`, of people in two groups each.
    GroupedPage(Place),
    /// A page of 100 by `cursor`, of people in two groups each.
    GroupedCursor(Place),
}

/// The kinds without a size, in the order in which they are measured: pages before anybody comes or is put into a group, and those of
/// people in groups when all others are done. So everybody on a page is in as many groups, wherever it is.
const PLAIN: &[(&str, Kind)] = &[
    ("get", Kind::Get),
    ("match-user-name", Kind::MatchUserName(true)),
    ("match-user-name-none", Kind::MatchUserName(false)),
    ("match-external-id", Kind::MatchExternalId(true)),
    ("match-external-id-none", Kind::MatchExternalId(false)),
    ("page-first", Kind::Page(Place::First)),
    ("page-middle", Kind::Page(Place::Middle)),
    ("page-last", Kind::Page(Place::Last)),
    ("cursor-first", Kind::Cursor(Place::First)),
    ("cursor-middle", Kind::Cursor(Place::Middle)),
    ("cursor-last", Kind::Cursor(Place::Last)),
    ("create", Kind::Create),
    ("patch", Kind::Patch),
    ("put", Kind::Put),
    ("delete", Kind::Delete),
    ("filter-co", Kind::Contains),
    ("filter-and", Kind::And),
    ("filter-value-path", Kind::ValuePath),
    ("cycle", Kind::Cycle),
    ("grouped-page-first", Kind::GroupedPage(Place::First)),
    ("grouped-page-middle", Kind::GroupedPage(Place::Middle)),
    ("grouped-page-last", Kind::GroupedPage(Place::Last)),
    ("grouped-cursor-first", Kind::GroupedCursor(Place::First)),
    ("grouped-cursor-middle", Kind::GroupedCursor(Place::Middle)),
    ("grouped-cursor-last", Kind::GroupedCursor(Place::Last)),
];

impl Kind {
    /// All of them, with groups of these sizes.
    #[must_use]
    pub fn all(sizes: &[usize]) -> Vec<Self> {
        let mut all: Vec<Self> = PLAIN.iter().map(|(_, kind)| *kind).collect();
        let before = all.iter().position(|kind| *kind == Self::Contains).unwrap_or(all.len());
        let sized = sizes.iter().flat_map(|size| [Self::MemberAdd(*size), Self::MemberRemove(*size)]);
        all.splice(before..before, sized);
        all
    }

    /// Those whose names begin with one of some texts; all where there are no texts.
    ///
    /// # Errors
    /// Where no name begins with a text.
    pub fn chosen(only: &[String], sizes: &[usize]) -> anyhow::Result<Vec<Self>> {
        let all = Self::all(sizes);
        for text in only {
            if !all.iter().any(|kind| kind.to_string().starts_with(text.as_str())) {
                let names: Vec<String> = all.iter().map(Self::to_string).collect();
                bail!("no workload begins with {text:?}; there are {}", names.join(", "));
            }
        }
        let wanted = |kind: &Self| {
            let name = kind.to_string();
            only.is_empty() || only.iter().any(|text| name.starts_with(text.as_str()))
        };
        Ok(all.into_iter().filter(wanted).collect())
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MemberAdd(size) => write!(formatter, "member-add-{size}"),
            Self::MemberRemove(size) => write!(formatter, "member-remove-{size}"),
            plain => {
                let name = PLAIN.iter().find(|(_, kind)| kind == plain).map(|(name, _)| *name);
                formatter.write_str(name.unwrap_or_default())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_workload_has_a_name_of_its_own() {
        let names: std::collections::BTreeSet<String> =
            Kind::all(&[100, 100_000]).iter().map(Kind::to_string).collect();
        assert_eq!(names.len(), PLAIN.len() + 4);
        assert!(names.contains("member-remove-100000") && names.contains("get") && !names.contains(""));
    }

    #[test]
    fn workloads_are_chosen_by_the_beginning_of_their_names() {
        let check = |only: &[&str], expected: Option<usize>| {
            let only: Vec<String> = only.iter().map(|text| (*text).to_owned()).collect();
            assert_eq!(Kind::chosen(&only, &[100]).ok().map(|kinds| kinds.len()), expected, "{only:?}");
        };
        check(&[], Some(27));
        check(&["get", "match"], Some(5));
        check(&["member-add"], Some(1));
        check(&["nothing"], None);
    }
}
