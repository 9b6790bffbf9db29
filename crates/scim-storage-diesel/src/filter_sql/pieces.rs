//! Texts in pieces of three characters, by which an index finds who may contain a text.
//!
//! The index ([`crate::sqlite::Texts`]) has, for each person and group, the pieces of what people are searched by. From a filter
//! follows what the pieces of everybody whom it selects must be ([`pieces`]): the index gives candidates, and the filter's own condition
//! decides. So nothing here changes what a filter selects, and whatever it cannot narrow is `None`: negations,
//! texts of fewer than three characters, attributes that are not in the index.

use scim_core::filter::{CompareOp, Comparison, Operand, TypedFilter};
use scim_core::path::AttributeRef;
use scim_core::schema::{ENTERPRISE_USER_URN, ResourceType};
use scim_directory::InstanceId;
use serde_json::Value;

use super::value::names;

/// How many characters a piece has: those of FTS5's `trigram`.
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

/// The piece that all of an instance have. Two instances may have the same one: it is a candidate's row that says whose it is.
fn of_instance(instance: InstanceId) -> String {
    // In the area of Unicode that is for private use.
    const AREA: u32 = 0xE000;
    const SIZE: u64 = 6_000;
    let hash = instance.uuid().as_bytes().iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let letter = |number: u64| u32::try_from(number % SIZE).ok().and_then(|at| char::from_u32(AREA + at));
    [letter(hash), letter(hash / SIZE), char::from_u32(0xF8FF)].into_iter().flatten().collect()
}

/// What the index is given of a record: its values, one a line.
pub(crate) fn text(instance: InstanceId, resource_type: &str, shadow: &Value) -> String {
    let mut text = of_instance(instance);
    for path in searched(resource_type) {
        add(shadow, path, &mut text);
    }
    text
}

fn add(value: &Value, path: &[&str], text: &mut String) {
    match (value, path) {
        // A user name is often somebody's address, too.
        (Value::String(value), []) if !text.contains(value.as_str()) => {
            text.push('\n');
            text.push_str(value);
        }
        (Value::Array(elements), path) => elements.iter().for_each(|element| add(element, path, text)),
        (Value::Object(members), [name, rest @ ..]) => {
            if let Some(value) = members.get(*name) {
                add(value, rest, text);
            }
        }
        _ => {}
    }
}

/// What the index is asked for, in FTS5's words; `None` where it cannot narrow the filter.
pub(crate) fn pieces(
    instance: InstanceId,
    resource_type: &ResourceType,
    filter: &TypedFilter,
) -> Option<String> {
    let found = Pieces { resource_type: &resource_type.name, within: None }.of(filter)?;
    Some(format!("{} AND {found}", quoted(&of_instance(instance))))
}

/// Pieces of the terms of a filter, or of the condition of an element.
struct Pieces<'a> {
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
        let asks = matches!(op, CompareOp::Eq | CompareOp::Co | CompareOp::Sw | CompareOp::Ew);
        let known = searched(self.resource_type).iter().any(|path| names == *path);
        if asks && known && !key.contains('\0') { of_text(key) } else { None }
    }
}

/// Pieces that together have every character of a text.
fn of_text(text: &str) -> Option<String> {
    let letters: Vec<char> = text.chars().collect();
    let last = letters.len().checked_sub(PIECE)?;
    let places = (0..last).step_by(PIECE).take(MOST_PIECES - 1).chain([last]);
    let pieces: Vec<String> = places
        .filter_map(|place| letters.get(place..place + PIECE))
        .map(|piece| quoted(&piece.iter().collect::<String>()))
        .collect();
    Some(format!("({})", pieces.join(" AND ")))
}

fn quoted(piece: &str) -> String {
    format!("\"{}\"", piece.replace('"', "\"\""))
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

    fn check(resource_type: &str, filter: &str, expected: Option<&str>) {
        let registry = Registry::builtin();
        let resource_type = registry.resource_type(resource_type).expect("built in");
        let parsed = Filter::parse(filter, &FilterLimits::default()).expect(filter);
        let typed = parsed.resolve(resource_type, Dialect::LENIENT).expect("a filter of the type").0;
        let own = quoted(&of_instance(INSTANCE));
        let expected = expected.map(|expected| format!("{own} AND {expected}"));
        assert_eq!(pieces(INSTANCE, resource_type, &typed), expected, "{filter}");
    }

    #[test]
    fn a_filter_says_which_pieces_there_must_be() {
        check("User", r#"userName co "Ada""#, Some(r#"("ada")"#));
        check("User", r#"title sw "Chefs""#, Some(r#"("che" AND "efs")"#));
        check("User", r#"title ew "äöü\"x""#, Some(r#"("äöü" AND "ü""x")"#));
        check("User", r#"emails[type eq "work" and value co "abc"]"#, Some(r#"(("abc"))"#));
        check("User", r#"name.familyName co "abc" and active eq true"#, Some(r#"(("abc"))"#));
        check("User", r#"title co "abc" or title co "def""#, Some(r#"(("abc") OR ("def"))"#));
        check("Group", r#"displayName co "abc""#, Some(r#"("abc")"#));
        check("User", r#"userName co "ab""#, None);
        check("User", r#"not (userName co "abc")"#, None);
        check("User", r#"title co "abc" or active eq true"#, None);
        check("User", r#"title gt "abc""#, None);
        check("User", r#"title ne "abc""#, None);
        check("User", r#"locale co "abc""#, None);
    }

    #[test]
    fn a_long_text_has_few_pieces() {
        let found = of_text(&"x".repeat(1000)).expect("pieces");
        assert_eq!(found.matches("AND").count(), MOST_PIECES - 1);
    }

    #[test]
    fn values_are_lines() {
        let shadow = json!({
            "userName": "ada@x.example", "name": { "givenName": "ada", "familyName": "king" },
            "emails": [{ "value": "ada@x.example", "type": "work" }, { "value": "b@x.example" }],
            "locale": "de", ENTERPRISE_USER_URN: { "department": "tools" },
        });
        let own = of_instance(INSTANCE);
        assert_eq!(
            text(INSTANCE, "User", &shadow),
            format!("{own}\nada@x.example\nking\nb@x.example\ntools")
        );
        assert_eq!(text(INSTANCE, "Device", &shadow), own);
    }
}
