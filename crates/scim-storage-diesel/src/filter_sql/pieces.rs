//! Texts in pieces, by which an index finds who may have, or contain, a text.
//!
//! The indexes of texts (of SQLite and of PostgreSQL) have marks of each person and group: one for each value that people are
//! searched by, and one for each three characters in a row of it ([`marks`]). From a filter follows which marks everybody whom it
//! selects must have ([`pieces`]): the index gives candidates, and the filter's own condition decides. So nothing here changes what a
//! filter selects, and whatever it cannot narrow is `None`: negations, parts of fewer than three characters, attributes that are not in
//! the index.
//!
//! A mark is a hash of the instance, the attribute and the text. So the marks of two instances, and of a name and an address, are
//! different ones, and each is as rare as it can be: what a search costs is the length of its marks' lists. Two texts may have the same
//! mark; that makes candidates, which the condition drops.

use scim_core::filter::{CompareOp, Comparison, Operand, TypedFilter};
use scim_core::path::AttributeRef;
use scim_core::schema::{ENTERPRISE_USER_URN, ResourceType};
use scim_directory::InstanceId;
use serde_json::Value;

use super::value::names;

/// How many characters a piece has.
const PIECE: usize = 3;
/// Pieces that are asked for of one text. More of them would exclude hardly anybody.
const MOST_PIECES: usize = 8;
/// Terms of one `and` or `or`.
const MOST_TERMS: usize = 16;

/// What people are searched by, as the shadow has it.
const OF_PEOPLE: &[&[&str]] = &[
    &["userName"],
    &["displayName"],
    &["nickName"],
    &["title"],
    &["name", "formatted"],
    &["name", "givenName"],
    &["name", "familyName"],
    &["emails", "value"],
    &["phoneNumbers", "value"],
    &[ENTERPRISE_USER_URN, "employeeNumber"],
    &[ENTERPRISE_USER_URN, "department"],
];

fn searched(resource_type: &str) -> &'static [&'static [&'static str]] {
    match resource_type {
        "User" => OF_PEOPLE,
        "Group" => &[&["displayName"]],
        _ => &[],
    }
}

/// What a text is of a value.
#[derive(Clone, Copy)]
enum Extent {
    Whole,
    Part,
}

/// A mark: a hash whose bits are all as good as one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mark(pub(crate) u64);

/// Which marks a record must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pieces {
    /// That one.
    One(Mark),
    /// All that these say; they are some.
    All(Vec<Pieces>),
    /// What one of these says; they are some.
    Any(Vec<Pieces>),
}

fn mark(instance: InstanceId, path: &[impl AsRef<str>], extent: Extent, text: &str) -> Mark {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |bytes: &[u8]| {
        for byte in bytes {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    };
    add(instance.uuid().as_bytes());
    for name in path {
        add(name.as_ref().as_bytes());
        add(&[0]);
    }
    add(&[match extent {
        Extent::Whole => 1,
        Extent::Part => 2,
    }]);
    add(text.as_bytes());
    // The lower bits of this hash depend on the lower bits of each byte alone.
    hash ^= hash >> 32;
    hash = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    Mark(hash ^ (hash >> 29))
}

/// What the index has of a record: its marks, each once, in order.
pub(crate) fn marks(instance: InstanceId, resource_type: &str, shadow: &Value) -> Vec<Mark> {
    let mut marks = Vec::new();
    for path in searched(resource_type) {
        add(shadow, path, &mut |value| {
            marks.push(mark(instance, path, Extent::Whole, value));
            marks.extend(parts(value).map(|part| mark(instance, path, Extent::Part, part)));
        });
    }
    marks.sort_unstable();
    marks.dedup();
    marks
}

fn add(value: &Value, path: &[&str], found: &mut impl FnMut(&str)) {
    match (value, path) {
        (Value::String(value), []) => found(value),
        (Value::Array(elements), path) => elements.iter().for_each(|element| add(element, path, found)),
        (Value::Object(members), [name, rest @ ..]) => {
            if let Some(value) = members.get(*name) {
                add(value, rest, found);
            }
        }
        _ => {}
    }
}

/// Every three characters in a row.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let begins = text.char_indices().map(|(at, _)| at);
    let ends = text.char_indices().map(|(at, letter)| at + letter.len_utf8()).skip(PIECE - 1);
    begins.zip(ends).filter_map(|(begin, end)| text.get(begin..end))
}

/// What the index is asked for; `None` where it cannot narrow the filter.
pub(crate) fn pieces(
    instance: InstanceId,
    resource_type: &ResourceType,
    filter: &TypedFilter,
) -> Option<Pieces> {
    Terms { instance, resource_type: &resource_type.name, within: None }.of(filter)
}

/// The terms of a filter, or of the condition of an element.
struct Terms<'a> {
    instance: InstanceId,
    resource_type: &'a str,
    within: Option<&'a AttributeRef>,
}

impl Terms<'_> {
    fn of(&self, filter: &TypedFilter) -> Option<Pieces> {
        match filter {
            TypedFilter::And(terms) => {
                let found: Vec<_> = terms.iter().filter_map(|term| self.of(term)).take(MOST_TERMS).collect();
                (!found.is_empty()).then_some(Pieces::All(found))
            }
            TypedFilter::Or(terms) if terms.len() <= MOST_TERMS => {
                let found: Option<Vec<_>> = terms.iter().map(|term| self.of(term)).collect();
                found.filter(|found| !found.is_empty()).map(Pieces::Any)
            }
            TypedFilter::Compare(comparison) => self.compared(comparison),
            TypedFilter::Element { attribute, condition } if self.within.is_none() => {
                Terms { within: Some(attribute), ..*self }.of(condition)
            }
            _ => None,
        }
    }

    fn compared(&self, Comparison { path, op, operand }: &Comparison) -> Option<Pieces> {
        let full = match self.within {
            Some(attribute) => AttributeRef { sub: Some(path.attribute.clone()), ..attribute.clone() },
            None => path.clone(),
        };
        let names = names(&full, true);
        let Operand::Text { key, .. } = operand else { return None };
        let known = searched(self.resource_type).iter().any(|path| names == *path);
        if !known || key.contains('\0') {
            return None;
        }
        match op {
            CompareOp::Eq => Some(Pieces::One(mark(self.instance, &names, Extent::Whole, key))),
            CompareOp::Co | CompareOp::Sw | CompareOp::Ew => self.containing(&names, key),
            _ => None,
        }
    }

    /// The marks of the parts of a text: all of them where they are few, else some from everywhere in it.
    fn containing(&self, names: &[String], text: &str) -> Option<Pieces> {
        let all: Vec<&str> = parts(text).collect();
        let step = all.len().div_ceil(MOST_PIECES).max(1);
        let last = all.len().checked_sub(1)?;
        let places = (0..last).step_by(step).take(MOST_PIECES - 1).chain([last]);
        let some = places.filter_map(|place| all.get(place));
        let one = |part: &&str| Pieces::One(mark(self.instance, names, Extent::Part, part));
        Some(Pieces::All(some.map(one).collect()))
    }
}

#[cfg(test)]
mod tests {
    use scim_core::Dialect;
    use scim_core::filter::{Filter, FilterLimits};
    use scim_core::schema::Registry;
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    const INSTANCE: InstanceId = InstanceId::new(Uuid::nil());

    /// `expected` has the texts in brackets: `[userName=ada]` is a whole one, `[userName~ada]` a part.
    fn check(resource_type: &str, filter: &str, expected: Option<&str>) {
        let registry = Registry::builtin();
        let resource_type = registry.resource_type(resource_type).expect("built in");
        let parsed = Filter::parse(filter, &FilterLimits::default()).expect(filter);
        let typed = parsed.resolve(resource_type, Dialect::LENIENT).expect("a filter of the type").0;
        let expected = expected.map(|expected| {
            let mut pieces = expected.split('[');
            let mut whole = pieces.next().unwrap_or_default().to_owned();
            for piece in pieces {
                let (text, rest) = piece.split_once(']').expect("a bracket");
                let (path, text, extent) = match (text.split_once('='), text.split_once('~')) {
                    (Some((path, text)), _) => (path, text, Extent::Whole),
                    (None, part) => {
                        let (path, text) = part.expect("a sign");
                        (path, text, Extent::Part)
                    }
                };
                let path: Vec<&str> = path.split('/').collect();
                whole.push_str(&mark(INSTANCE, &path, extent, text).0.to_string());
                whole.push_str(rest);
            }
            whole
        });
        let found = pieces(INSTANCE, resource_type, &typed);
        assert_eq!(found.as_ref().map(shown), expected, "{filter}");
    }

    fn shown(pieces: &Pieces) -> String {
        let joined = |all: &[Pieces], word: &str| {
            format!("({})", all.iter().map(shown).collect::<Vec<_>>().join(word))
        };
        match pieces {
            Pieces::One(mark) => mark.0.to_string(),
            Pieces::All(all) => joined(all, " AND "),
            Pieces::Any(any) => joined(any, " OR "),
        }
    }

    #[test]
    fn a_filter_says_which_marks_there_must_be() {
        check("User", r#"userName co "Ada""#, Some("([userName~ada])"));
        check("User", r#"userName eq "Ada""#, Some("[userName=ada]"));
        check("User", r#"title sw "Chefs""#, Some("([title~che] AND [title~hef] AND [title~efs])"));
        check("User", r#"title ew "äöü\"""#, Some("([title~äöü] AND [title~öü\"])"));
        check("User", r#"emails[type eq "work" and value co "abc"]"#, Some("(([emails/value~abc]))"));
        check("User", r#"name.familyName co "abc" and active eq true"#, Some("(([name/familyName~abc]))"));
        check(
            "User",
            r#"name.familyName eq "ab" and name.givenName eq "b""#,
            Some("([name/familyName=ab] AND [name/givenName=b])"),
        );
        check("User", r#"title co "abc" or title co "def""#, Some("(([title~abc]) OR ([title~def]))"));
        check("Group", r#"displayName co "abc""#, Some("([displayName~abc])"));
        check("User", r#"userName co "ab""#, None);
        check("User", r#"not (userName co "abc")"#, None);
        check("User", r#"title co "abc" or active eq true"#, None);
        check("User", r#"title gt "abc""#, None);
        check("User", r#"title ne "abc""#, None);
        check("User", r#"locale co "abc""#, None);
    }

    #[test]
    fn a_long_text_has_few_marks() {
        let letters: String = (0..1000).filter_map(|number| char::from_u32(0x4e00 + number)).collect();
        let terms = Terms { instance: INSTANCE, resource_type: "User", within: None };
        let found = terms.containing(&["title".to_owned()], &letters).expect("marks");
        let last: String = letters.chars().skip(997).collect();
        let last = Pieces::One(mark(INSTANCE, &["title"], Extent::Part, &last));
        assert!(
            matches!(&found, Pieces::All(marks) if marks.len() == MOST_PIECES && marks.contains(&last)),
            "{found:?}"
        );
    }

    #[test]
    fn a_record_has_a_mark_for_each_value_and_each_part() {
        let shadow = json!({
            "userName": "adaada", "name": { "givenName": "ad" },
            "emails": [{ "value": "ab\u{10000}d", "type": "work" }], "locale": "de-DE",
            ENTERPRISE_USER_URN: { "department": "it" },
        });
        let found = marks(INSTANCE, "User", &shadow);
        let of = |path: &[&str], extent, text| mark(INSTANCE, path, extent, text);
        let mut expected = vec![
            of(&["userName"], Extent::Whole, "adaada"),
            of(&["userName"], Extent::Part, "ada"),
            of(&["userName"], Extent::Part, "daa"),
            of(&["userName"], Extent::Part, "aad"),
            of(&["name", "givenName"], Extent::Whole, "ad"),
            of(&["emails", "value"], Extent::Whole, "ab\u{10000}d"),
            of(&["emails", "value"], Extent::Part, "ab\u{10000}"),
            of(&["emails", "value"], Extent::Part, "b\u{10000}d"),
            of(&[ENTERPRISE_USER_URN, "department"], Extent::Whole, "it"),
        ];
        expected.sort_unstable();
        assert_eq!(found, expected);
        assert_eq!(marks(INSTANCE, "Device", &shadow), []);
        assert_ne!(marks(InstanceId::new(Uuid::from_u128(1)), "User", &shadow), found);
    }
}
