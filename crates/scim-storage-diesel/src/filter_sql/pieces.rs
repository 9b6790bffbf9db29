//! Texts in pieces, by which an index finds who may have, or contain, a text.
//!
//! The index ([`crate::sqlite::Texts`]) has marks of each person and group: one for each value that people are searched by, and one for
//! each three characters in a row of it. From a filter follows which marks everybody whom it selects must have ([`pieces`]): the index
//! gives candidates, and the filter's own condition decides. So nothing here changes what a filter selects, and whatever it cannot
//! narrow is `None`: negations, parts of fewer than three characters, attributes that are not in the index.
//!
//! A mark is a hash of the instance, the attribute and the text. So the marks of two instances, and of a name and an address, are
//! different ones, and each is as rare as it can be: what a search costs is the length of its marks' lists. Two texts may have the same
//! mark; that makes candidates, which the condition drops.

use std::collections::BTreeSet;

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

/// The mark of a text: letters and digits, which FTS5 takes for one word.
fn mark(instance: InstanceId, path: &[impl AsRef<str>], extent: Extent, text: &str) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    // Eight letters: 40 bits.
    const LENGTH: usize = 8;
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
    let letter =
        |place: usize| LETTERS.get(usize::try_from(hash >> (24 + 5 * place)).unwrap_or_default() % 32);
    (0..LENGTH).filter_map(letter).map(|letter| char::from(*letter)).collect()
}

/// What the index is given of a record: its marks.
pub(crate) fn text(instance: InstanceId, resource_type: &str, shadow: &Value) -> String {
    let mut marks = BTreeSet::new();
    for path in searched(resource_type) {
        add(shadow, path, &mut |value| {
            marks.insert(mark(instance, path, Extent::Whole, value));
            marks.extend(parts(value).map(|part| mark(instance, path, Extent::Part, part)));
        });
    }
    marks.into_iter().collect::<Vec<_>>().join(" ")
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

/// What the index is asked for, in FTS5's words; `None` where it cannot narrow the filter.
pub(crate) fn pieces(
    instance: InstanceId,
    resource_type: &ResourceType,
    filter: &TypedFilter,
) -> Option<String> {
    Pieces { instance, resource_type: &resource_type.name, within: None }.of(filter)
}

/// Pieces of the terms of a filter, or of the condition of an element.
struct Pieces<'a> {
    instance: InstanceId,
    resource_type: &'a str,
    within: Option<&'a AttributeRef>,
}

impl Pieces<'_> {
    fn of(&self, filter: &TypedFilter) -> Option<String> {
        match filter {
            TypedFilter::And(terms) => {
                let found: Vec<_> = terms.iter().filter_map(|term| self.of(term)).take(MOST_TERMS).collect();
                (!found.is_empty()).then(|| format!("({})", found.join(" AND ")))
            }
            TypedFilter::Or(terms) if terms.len() <= MOST_TERMS => {
                let found: Option<Vec<_>> = terms.iter().map(|term| self.of(term)).collect();
                found.filter(|found| !found.is_empty()).map(|found| format!("({})", found.join(" OR ")))
            }
            TypedFilter::Compare(comparison) => self.compared(comparison),
            TypedFilter::Element { attribute, condition } if self.within.is_none() => {
                Pieces { within: Some(attribute), ..*self }.of(condition)
            }
            _ => None,
        }
    }

    fn compared(&self, Comparison { path, op, operand }: &Comparison) -> Option<String> {
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
            CompareOp::Eq => Some(quoted(&mark(self.instance, &names, Extent::Whole, key))),
            CompareOp::Co | CompareOp::Sw | CompareOp::Ew => self.containing(&names, key),
            _ => None,
        }
    }

    /// The marks of the parts of a text: all of them where they are few, else some from everywhere in it.
    fn containing(&self, names: &[String], text: &str) -> Option<String> {
        let all: Vec<&str> = parts(text).collect();
        let step = all.len().div_ceil(MOST_PIECES).max(1);
        let last = all.len().checked_sub(1)?;
        let places = (0..last).step_by(step).take(MOST_PIECES - 1).chain([last]);
        let some = places.filter_map(|place| all.get(place));
        let marks: Vec<String> =
            some.map(|part| quoted(&mark(self.instance, names, Extent::Part, part))).collect();
        Some(format!("({})", marks.join(" AND ")))
    }
}

fn quoted(mark: &str) -> String {
    format!("\"{mark}\"")
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
                whole.push_str(&quoted(&mark(INSTANCE, &path, extent, text)));
                whole.push_str(rest);
            }
            whole
        });
        assert_eq!(pieces(INSTANCE, resource_type, &typed), expected, "{filter}");
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
        let pieces = Pieces { instance: INSTANCE, resource_type: "User", within: None };
        let found = pieces.containing(&["title".to_owned()], &letters).expect("marks");
        assert_eq!(found.matches("AND").count(), MOST_PIECES - 1);
        let last: String = letters.chars().skip(997).collect();
        assert!(found.contains(&mark(INSTANCE, &["title"], Extent::Part, &last)));
    }

    #[test]
    fn a_record_has_a_mark_for_each_value_and_each_part() {
        let shadow = json!({
            "userName": "adaada", "name": { "givenName": "ad" },
            "emails": [{ "value": "ab\u{10000}d", "type": "work" }], "locale": "de-DE",
            ENTERPRISE_USER_URN: { "department": "it" },
        });
        let found = text(INSTANCE, "User", &shadow);
        let marks: Vec<&str> = found.split(' ').collect();
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
        assert_eq!(marks, expected);
        assert!(
            marks.iter().all(|mark| mark.len() == 8 && mark.bytes().all(|byte| byte.is_ascii_alphanumeric()))
        );
        assert_eq!(text(INSTANCE, "Device", &shadow), "");
        assert_ne!(text(InstanceId::new(Uuid::from_u128(1)), "User", &shadow), found);
    }
}
