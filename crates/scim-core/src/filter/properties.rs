//! Properties of filters on generated ones.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{CompareOp, Filter, FilterLimits, Literal, PathText, TypedFilter};
use crate::dialect::Dialect;
use crate::resource::Resource;
use crate::schema::{ENTERPRISE_USER_URN, Registry};
use crate::text::Matching;

const ROOMY: FilterLimits = FilterLimits { max_bytes: usize::MAX, max_depth: 100, max_terms: 10_000 };

fn path() -> impl Strategy<Value = PathText<'static>> {
    "(urn:[a-z]{2,5}(-[a-z]{1,3})?:[0-9]\\.[0-9]:)?[a-zA-Z][a-zA-Z0-9_-]{0,8}(\\.\\$?[a-zA-Z][a-zA-Z0-9]{0,5})?"
        .prop_map(|text| PathText::new(text, 0))
}

fn op() -> impl Strategy<Value = CompareOp> {
    prop::sample::select(CompareOp::ALL.to_vec())
}

fn literal() -> impl Strategy<Value = Literal<'static>> {
    prop_oneof![
        Just(Literal::Null),
        any::<bool>().prop_map(Literal::Boolean),
        any::<i64>().prop_map(Literal::Integer),
        (prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO)
            .prop_map(Literal::Decimal),
        any::<String>().prop_map(|text| Literal::Text(text.into())),
    ]
}

/// Joins `leaf`s by `and`, `or` and `not`, flat as the parser makes them.
fn joined(leaf: impl Strategy<Value = Filter<'static>> + 'static) -> impl Strategy<Value = Filter<'static>> {
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(|terms| {
                let flat = terms.into_iter().flat_map(|term| match term {
                    Filter::And(terms) => terms,
                    other => vec![other],
                });
                Filter::And(flat.collect())
            }),
            prop::collection::vec(inner.clone(), 2..4).prop_map(|terms| {
                let flat = terms.into_iter().flat_map(|term| match term {
                    Filter::Or(terms) => terms,
                    other => vec![other],
                });
                Filter::Or(flat.collect())
            }),
            inner.prop_map(|filter| Filter::Not(Box::new(filter))),
        ]
    })
}

fn filter() -> impl Strategy<Value = Filter<'static>> {
    let term = || {
        prop_oneof![
            (path(), op(), literal()).prop_map(|(path, op, value)| Filter::Compare { path, op, value }),
            path().prop_map(|path| Filter::Present { path }),
        ]
    };
    let value_path = (path(), joined(term()))
        .prop_map(|(path, filter)| Filter::ValuePath { path, filter: Box::new(filter) });
    joined(prop_oneof![3 => term(), 1 => value_path])
}

/// Terms that go with a User.
fn user_term() -> impl Strategy<Value = Filter<'static>> {
    let texts = prop::sample::select(vec!["a", "AB", "b", "", "é", "work", "Straße"]);
    let text = (
        prop::sample::select(vec![
            "userName",
            "id",
            "title",
            "name.givenName",
            "emails",
            "emails.type",
            "groups.$ref",
            "schemas",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager",
        ]),
        op(),
        texts.clone(),
    )
        .prop_map(|(path, op, text)| (path, op, Literal::Text(text.into())));
    let boolean = (
        prop::sample::select(vec!["active", "emails.primary"]),
        prop::sample::select(vec![CompareOp::Eq, CompareOp::Ne]),
        any::<bool>(),
    )
        .prop_map(|(path, op, value)| (path, op, Literal::Boolean(value)));
    let null = (
        prop::sample::select(vec!["active", "emails", "title", "name", "meta.created"]),
        prop::sample::select(vec![CompareOp::Eq, CompareOp::Ne]),
    )
        .prop_map(|(path, op)| (path, op, Literal::Null));
    let compare = prop_oneof![text, boolean, null].prop_map(|(path, op, value)| Filter::Compare {
        path: PathText::new(path, 0),
        op,
        value,
    });
    let element =
        joined((prop::sample::select(vec!["type", "value"]), op(), texts).prop_map(|(path, op, text)| {
            Filter::Compare { path: PathText::new(path, 0), op, value: Literal::Text(text.into()) }
        }))
        .prop_map(|filter| Filter::ValuePath { path: PathText::new("emails", 0), filter: Box::new(filter) });
    let present = prop::sample::select(vec!["title", "emails", "name", "emails.type"])
        .prop_map(|path| Filter::Present { path: PathText::new(path, 0) });
    prop_oneof![4 => compare, 1 => element, 1 => present]
}

/// Any JSON, more often of the types that a User has.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        4 => prop::sample::select(vec!["a", "AB", "b", "", "É", "work", "strasse"]).prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::vec(
                (
                    prop::sample::select(vec!["value", "type", "primary", "givenName", "created", "$ref"]),
                    inner
                ),
                0..3
            )
            .prop_map(|members| members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
        ]
    })
}

fn resource() -> impl Strategy<Value = Resource> {
    let names = vec![
        "schemas",
        "id",
        "userName",
        "title",
        "name",
        "emails",
        "groups",
        "active",
        "meta",
        ENTERPRISE_USER_URN,
    ];
    prop::collection::vec((prop::sample::select(names), value()), 0..8).prop_map(|members| {
        Resource::from_canonical(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    })
}

fn typed(filter: &Filter<'_>) -> TypedFilter {
    let registry = Registry::builtin();
    let user = registry.resource_type("User").expect("built in");
    filter.resolve(user, Dialect::STRICT).expect("goes with a User").0
}

fn negated(filter: &Filter<'static>) -> Filter<'static> {
    Filter::Not(Box::new(filter.clone()))
}

proptest! {
    #[test]
    fn what_is_printed_reads_back(filter in filter()) {
        let text = filter.to_string();
        let again = Filter::parse(&text, &ROOMY);
        prop_assert_eq!(again.as_ref(), Ok(&filter), "{}", text);
    }

    #[test]
    fn any_text_is_taken_or_refused(text in any::<String>()) {
        if let Err(error) = Filter::parse(&text, &FilterLimits::default()) {
            prop_assert!(text.is_char_boundary(error.offset()), "{:?}", error);
        }
    }

    #[test]
    fn near_filters_are_taken_or_refused(text in r#"[ a(\["\]).or and not pr eq 1-e\\u]{0,40}"#) {
        if let Err(error) = Filter::parse(&text, &FilterLimits::default()) {
            prop_assert!(text.is_char_boundary(error.offset()), "{:?}", error);
        }
    }

    #[test]
    fn not_turns_the_answer_around(filter in joined(user_term()), resource in resource()) {
        let answer = typed(&filter).matches(&resource);
        prop_assert_eq!(typed(&negated(&filter)).matches(&resource), !answer);
    }

    #[test]
    fn de_morgan(left in joined(user_term()), right in joined(user_term()), resource in resource()) {
        let both = Filter::And(vec![left.clone(), right.clone()]);
        let neither = Filter::Or(vec![negated(&left), negated(&right)]);
        prop_assert_eq!(typed(&negated(&both)).matches(&resource), typed(&neither).matches(&resource));
        let answers = (typed(&left).matches(&resource), typed(&right).matches(&resource));
        prop_assert_eq!(typed(&both).matches(&resource), answers.0 && answers.1);
    }

    #[test]
    fn text_compares_as_keys_do(
        stored in "[a-cA-CéÉßſK\u{301}ﬁ ]{0,6}",
        asked in "[a-cA-CéÉßſK\u{301}ﬁ ]{0,3}",
        op in op(),
        attribute in prop::sample::select(vec![
            ("title", Matching::IgnoreCase), ("userName", Matching::UserName), ("id", Matching::Exact),
        ]),
    ) {
        let (name, matching) = attribute;
        let filter = Filter::Compare { path: PathText::new(name, 0), op, value: Literal::Text(asked.as_str().into()) };
        let mut resource = Resource::default();
        resource.attributes_mut().insert(name.to_owned(), json!(stored));
        let (left, right) = (matching.key(&stored), matching.key(&asked));
        let expected = match op {
            CompareOp::Eq => left == right,
            CompareOp::Ne => left != right,
            CompareOp::Co => left.contains(&*right),
            CompareOp::Sw => left.starts_with(&*right),
            CompareOp::Ew => left.ends_with(&*right),
            CompareOp::Gt => left > right,
            CompareOp::Ge => left >= right,
            CompareOp::Lt => left < right,
            CompareOp::Le => left <= right,
        };
        prop_assert_eq!(typed(&filter).matches(&resource), expected);
    }
}
