//! Generated resources and filters, out of small pools, so that filters hit.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use scim_core::filter::{CompareOp, Comparison, Operand, TypedFilter};
use scim_core::instant::Instant;
use scim_core::path::AttributeRef;
use scim_core::schema::{Attribute, AttributeType, Returned};
use scim_core::text::canonical_base64;
use scim_core::{Resource, ResourceType};
use serde_json::{Map, Value, json};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

const TEXTS: [&str; 44] = [
    "a", "A", "ab", "Ab", "b", "B", "z", "ß", "ss", "SS", "ẞ", "İ", "i", "I", "ı", "i\u{307}", "é",
    "e\u{301}", "É", "e", "%", "_", "a%", "a_b", "\\", "a\\", "'", "a''b", "\"", "a\"b", "🦉", "🦉a", "ﬁ",
    "fi", "\u{212a}", "k", "Σ", "ς", "σ", "work", "home", "a b", "1", "\u{ff21}",
];
const ODD_TEXTS: [&str; 10] =
    ["", " ", "\n", "\u{1e}", "\u{1}", "true", "null", "2026-01-01T00:00:00Z", "$.a", "a;--"];
const LINKS: [&str; 6] = ["https://a.example/A", "https://a.example/a", "/A", "a", "%2F_", "ß"];
const DATES: [&str; 10] = [
    "2026-01-01T00:00:00Z",
    "2026-01-01T01:00:00+01:00",
    "2025-12-31T19:00:00-05:00",
    "2026-01-01T00:00:00",
    "2026-01-01T00:00:00.5Z",
    "2026-01-01T00:00:00.000000001Z",
    "2025-12-31T23:59:59.999999999Z",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999999Z",
    "2026-06-30T12:00:00+14:00",
];
const BINARIES: [&str; 7] = ["AA==", "AA", "+/8=", "-_8", "aGVsbG8=", "AAAA", "aGVsbG8"];
const INTEGERS: [i64; 9] =
    [0, 1, -1, 2, 10, 9_007_199_254_740_992, 9_007_199_254_740_993, i64::MAX, i64::MIN];
const DECIMALS: [f64; 11] =
    [0.0, -0.0, 1.0, 0.5, -0.5, 2.5, 0.1, 1e-7, 1e300, -1e300, 9_007_199_254_740_992.0];

/// What filters compare with, besides the pools: texts and instants of the resources that are there.
#[derive(Clone, Debug)]
pub(crate) struct Vocabulary {
    texts: Vec<String>,
    instants: Vec<Instant>,
}

impl Vocabulary {
    /// The ids, names, references and time stamps of resources.
    pub(crate) fn of<'r>(resources: impl Iterator<Item = &'r Resource>) -> Self {
        let mut own = Self { texts: Vec::new(), instants: Vec::new() };
        for resource in resources {
            let attributes = resource.attributes();
            for name in ["id", "externalId", "userName", "displayName"] {
                own.texts.extend(resource.text(name).map(str::to_owned));
            }
            for edge in ["members", "groups"] {
                for element in attributes.get(edge).and_then(Value::as_array).into_iter().flatten().take(2) {
                    let parts = ["value", "display", "type"].map(|part| element.get(part)?.as_str());
                    own.texts.extend(parts.into_iter().flatten().map(str::to_owned));
                }
            }
            let manager = attributes.get(ENTERPRISE).and_then(|extension| extension.get("manager"));
            for part in ["value", "displayName"] {
                let text = manager.and_then(|manager| manager.get(part)?.as_str());
                own.texts.extend(text.map(str::to_owned));
            }
            for name in ["created", "lastModified"] {
                let text = attributes.get("meta").and_then(|meta| meta.get(name)?.as_str());
                own.instants.extend(text.and_then(Instant::parse));
            }
            for urn in attributes.get("schemas").and_then(Value::as_array).into_iter().flatten() {
                own.texts.extend(urn.as_str().map(str::to_owned));
            }
        }
        own.texts.extend(["User", "Group", "Device", "direct"].map(str::to_owned));
        own.texts.sort();
        own.texts.dedup();
        own
    }

    fn text(&self) -> BoxedStrategy<String> {
        prop_oneof![6 => text(), 1 => select(ODD_TEXTS.as_slice()).prop_map(str::to_owned), 3 => select(self.texts.clone())]
            .boxed()
    }

    fn instant(&self) -> BoxedStrategy<Instant> {
        let known: Vec<_> = DATES.iter().filter_map(|date| Instant::parse(date)).collect();
        prop_oneof![2 => select(known), 1 => select(self.instants.clone())].boxed()
    }
}

fn text() -> BoxedStrategy<String> {
    prop_oneof![4 => select(TEXTS.as_slice()).prop_map(str::to_owned), 1 => "[a-cA-CßéÉσ%_'\"\\\\ ]{1,4}"]
        .boxed()
}

/// A value of a simple attribute.
fn simple(attribute: &Attribute) -> BoxedStrategy<Value> {
    let texts = |pool: &'static [&'static str]| select(pool).prop_map(Value::from).boxed();
    match attribute.attribute_type {
        AttributeType::Boolean => any::<bool>().prop_map(Value::from).boxed(),
        AttributeType::Integer => select(INTEGERS.as_slice()).prop_map(Value::from).boxed(),
        AttributeType::Decimal => prop_oneof![
            select(DECIMALS.as_slice()).prop_map(Value::from),
            select(INTEGERS.as_slice()).prop_map(Value::from)
        ]
        .boxed(),
        AttributeType::DateTime => texts(&DATES),
        AttributeType::Binary => texts(&BINARIES),
        AttributeType::Reference => texts(&LINKS),
        AttributeType::String | AttributeType::Complex => {
            prop_oneof![9 => text(), 1 => select(&ODD_TEXTS[1..]).prop_map(str::to_owned)]
                .prop_map(Value::from)
                .boxed()
        }
    }
}

/// Each of the parts or not.
fn object(parts: &[Arc<Attribute>]) -> BoxedStrategy<Value> {
    let parts: Vec<_> = parts
        .iter()
        .map(|part| (Just(part.name.clone()), proptest::option::weighted(0.5, value(part))))
        .collect();
    parts
        .prop_map(|parts| {
            parts.into_iter().filter_map(|(name, value)| Some((name, value?))).collect::<Map<_, _>>().into()
        })
        .boxed()
}

fn value(attribute: &Attribute) -> BoxedStrategy<Value> {
    let one = if attribute.is_complex() { object(&attribute.sub_attributes) } else { simple(attribute) };
    if !attribute.multi_valued {
        return one;
    }
    vec(one, 0..4)
        .prop_map(|mut elements| {
            // At most one is primary (RFC 7643 §2.4).
            let mut primary = false;
            for element in &mut elements {
                if element.get("primary") == Some(&Value::Bool(true)) && std::mem::replace(&mut primary, true)
                {
                    element["primary"] = Value::Bool(false);
                }
            }
            Value::from(elements)
        })
        .boxed()
}

/// A body of the attributes named.
fn body(runner: &mut TestRunner, attributes: &[Arc<Attribute>], names: &[&str]) -> Value {
    let chosen: Vec<_> = attributes
        .iter()
        .filter(|attribute| names.is_empty() || names.contains(&attribute.name.as_str()))
        .cloned()
        .collect();
    sample(runner, &object(&chosen))
}

fn sample<T: std::fmt::Debug>(runner: &mut TestRunner, strategy: &BoxedStrategy<T>) -> T {
    strategy.new_tree(runner).expect("a strategy that rejects nothing").current()
}

/// A person; `ids` are those of people who may be the manager.
pub(crate) fn person(runner: &mut TestRunner, number: usize, ids: &[String]) -> Value {
    let registry = crate::world::registry();
    let user = registry.resource_type("User").expect("built in");
    let names = [
        "name",
        "displayName",
        "nickName",
        "profileUrl",
        "title",
        "active",
        "emails",
        "phoneNumbers",
        "photos",
        "addresses",
        "roles",
        "x509Certificates",
        "password",
    ];
    let mut person = body(runner, &user.schema.attributes, &names);
    person["userName"] = format!("{}{number}", sample(runner, &text())).into();
    if !number.is_multiple_of(3) {
        person["externalId"] = sample(runner, &text()).into();
    }
    if number.is_multiple_of(2) {
        let mut extension =
            body(runner, &user.extensions[0].schema.attributes, &["department", "costCenter"]);
        let manager = sample(runner, &select([ids, &["nobody".to_owned()]].concat()).boxed());
        if number.is_multiple_of(4) {
            extension["manager"] = json!({ "value": manager });
        }
        person[ENTERPRISE] = extension;
    }
    person
}

/// A group without members.
pub(crate) fn group(runner: &mut TestRunner, number: usize) -> Value {
    json!({ "displayName": format!("{}{number}", sample(runner, &text())) })
}

/// A device: anything that the schema allows.
pub(crate) fn device(runner: &mut TestRunner) -> Value {
    let registry = crate::world::registry();
    let device = registry.resource_type("Device").expect("the suite's own");
    body(runner, &device.schema.attributes, &[])
}

/// Filters over everything that a resource type has.
pub(crate) fn filter(
    resource_type: &ResourceType,
    vocabulary: &Vocabulary,
) -> impl Strategy<Value = TypedFilter> + use<> {
    let schemas = [(None, &resource_type.schema), (None, &resource_type.common)];
    let extensions = resource_type
        .extensions
        .iter()
        .map(|extension| (Some(Arc::clone(&extension.schema.id)), &extension.schema));
    let attributes: Vec<AttributeRef> = schemas
        .into_iter()
        .chain(extensions)
        .flat_map(|(urn, schema)| {
            schema.attributes.iter().map(move |attribute| AttributeRef {
                extension: urn.clone(),
                attribute: Arc::clone(attribute),
                sub: None,
            })
        })
        .filter(|path| path.attribute.returned != Returned::Never)
        .collect();
    let complex: Vec<_> = attributes.iter().filter(|path| path.attribute.is_complex()).cloned().collect();
    let vocabulary = vocabulary.clone();
    let terms = term(attributes, &vocabulary);
    let element = if complex.is_empty() {
        terms.clone()
    } else {
        select(complex)
            .prop_flat_map(move |attribute| {
                let parts = attribute.attribute.sub_attributes.iter().map(|sub| AttributeRef {
                    extension: None,
                    attribute: Arc::clone(sub),
                    sub: None,
                });
                let condition = joined(term(parts.collect(), &vocabulary), 2);
                condition.prop_map(move |condition| TypedFilter::Element {
                    attribute: attribute.clone(),
                    condition: Box::new(condition),
                })
            })
            .boxed()
    };
    let always = any::<bool>().prop_map(TypedFilter::Always);
    joined(prop_oneof![12 => terms, 4 => element, 1 => always].boxed(), 3)
}

/// One term or several, joined by `and`, `or` and `not`.
fn joined(term: BoxedStrategy<TypedFilter>, depth: u32) -> BoxedStrategy<TypedFilter> {
    term.prop_recursive(depth, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 2..4).prop_map(TypedFilter::And),
            vec(inner.clone(), 2..4).prop_map(TypedFilter::Or),
            inner.prop_map(|filter| TypedFilter::Not(Box::new(filter))),
        ]
    })
    .boxed()
}

/// A comparison or `pr` of one of the attributes or its parts.
fn term(attributes: Vec<AttributeRef>, vocabulary: &Vocabulary) -> BoxedStrategy<TypedFilter> {
    let present = select(attributes.clone()).prop_flat_map(|path| {
        let subs = std::iter::once(None).chain(path.attribute.sub_attributes.iter().cloned().map(Some));
        select(subs.collect::<Vec<_>>())
            .prop_map(move |sub| TypedFilter::Present(AttributeRef { sub, ..path.clone() }))
    });
    let vocabulary = vocabulary.clone();
    let compare = select(attributes).prop_flat_map(move |path| {
        let subs: Vec<_> = path.attribute.sub_attributes.clone();
        let vocabulary = vocabulary.clone();
        if subs.is_empty() {
            return comparison(path, &vocabulary);
        }
        select(subs)
            .prop_flat_map(move |sub| {
                comparison(AttributeRef { sub: Some(sub), ..path.clone() }, &vocabulary)
            })
            .boxed()
    });
    prop_oneof![1 => present, 6 => compare].boxed()
}

fn comparison(path: AttributeRef, vocabulary: &Vocabulary) -> BoxedStrategy<TypedFilter> {
    use CompareOp::{Eq, Ge, Gt, Le, Lt, Ne};
    let leaf = Arc::clone(path.leaf());
    let ops: &[CompareOp] = match leaf.attribute_type {
        AttributeType::String | AttributeType::Reference => &CompareOp::ALL,
        AttributeType::Boolean | AttributeType::Binary | AttributeType::Complex => &[Eq, Ne],
        AttributeType::Integer | AttributeType::Decimal | AttributeType::DateTime => {
            &[Eq, Ne, Gt, Ge, Lt, Le]
        }
    };
    let operand = match leaf.attribute_type {
        AttributeType::Boolean => any::<bool>().prop_map(Operand::Boolean).boxed(),
        AttributeType::Integer | AttributeType::Decimal => prop_oneof![
            select(INTEGERS.as_slice()).prop_map(Operand::Integer),
            select(DECIMALS.as_slice()).prop_map(Operand::Decimal)
        ]
        .boxed(),
        AttributeType::DateTime => vocabulary.instant().prop_map(Operand::Instant).boxed(),
        AttributeType::Binary => select(BINARIES.as_slice())
            .prop_map(|text| Operand::Binary(canonical_base64(text).expect("base64")))
            .boxed(),
        AttributeType::String | AttributeType::Reference | AttributeType::Complex => {
            let pool = match leaf.attribute_type {
                AttributeType::Reference => {
                    prop_oneof![select(LINKS.as_slice()).prop_map(str::to_owned), vocabulary.text()].boxed()
                }
                _ => vocabulary.text(),
            };
            // Also a part of a text, so that `co`, `sw` and `ew` find something.
            (pool, 0..4_usize)
                .prop_map(move |(text, cut)| {
                    let text: String = match cut {
                        0 => text.chars().skip(1).collect(),
                        1 => text.chars().take(2).collect(),
                        _ => text,
                    };
                    Operand::Text { key: leaf.matching.key(&text).into_owned(), text }
                })
                .boxed()
        }
    };
    let null = (select(vec![Eq, Ne]), Just(Operand::Null));
    prop_oneof![1 => null, 9 => (select(ops), operand)]
        .prop_map(move |(op, operand)| TypedFilter::Compare(Comparison { path: path.clone(), op, operand }))
        .boxed()
}
