//! Resources over generated bodies: what holds of every body (`fuzz/checks/resource.rs`), and that neither the spelling
//! nor the order of names matters. The seeds of the fuzz target `resource` run here too.
#![cfg(test)]

use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use scim_core::resource::ingest;
use scim_core::schema::{ENTERPRISE_USER_URN, GROUP_URN, USER_URN};
use scim_core::{Dialect, Registry};
use serde_json::{Map, Value, json};

#[path = "../../../fuzz/checks/resource.rs"]
mod resource;

fn names() -> impl Strategy<Value = String> {
    let known = select(vec![
        "userName",
        "displayName",
        "name",
        "emails",
        "active",
        "title",
        "members",
        "groups",
        "x509Certificates",
        "externalId",
        "id",
        "meta",
        "password",
        "roles",
        "manager",
        "department",
        "value",
        "type",
        "primary",
        "$ref",
        "familyName",
        "givenName",
        "name.familyName",
        "emails[type eq \"work\"].value",
        ENTERPRISE_USER_URN,
        "schemas",
    ]);
    prop_oneof![
        9 => (known, any::<bool>()).prop_map(|(name, upper)| if upper { name.to_uppercase() } else { name.to_owned() }),
        1 => ".*",
    ]
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        select(vec!["", "True", "false", "7", "work", "ada@example.com", "-_8=", "2011-05-13T04:42:34Z"])
            .prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((names(), inner), 0..4).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// A sound person, most of the time, with a few members of any kind.
fn bodies() -> impl Strategy<Value = Value> {
    let schemas = select(vec![json!([USER_URN, ENTERPRISE_USER_URN]), json!([USER_URN]), json!([GROUP_URN])]);
    (people(), vec((names(), values()), 0..4), schemas).prop_map(|(mut body, members, schemas)| {
        body.extend(members);
        body.insert("schemas".to_owned(), schemas);
        Value::Object(body)
    })
}

/// A person as the schema has it, with some of its attributes.
fn people() -> impl Strategy<Value = Map<String, Value>> {
    let all = json!({
        "userName": "Ada", "name": { "familyName": "L", "givenName": "A", "formatted": "A L" }, "displayName": "Ada L",
        "title": "T", "active": true, "emails": [{ "value": "a@b", "type": "work", "primary": true }, { "value": "c@d" }],
        "x509Certificates": [{ "value": "-_8" }], "password": "p\"\u{1e}",
        ENTERPRISE_USER_URN: { "department": "D", "manager": { "value": "42" } }
    });
    let Value::Object(all) = all else { unreachable!() };
    let most = all.len();
    proptest::sample::subsequence(all.into_iter().collect::<Vec<_>>(), 0..=most)
        .prop_map(|members| members.into_iter().collect())
}

/// The same value with the names in another order and letter case.
fn respelt(value: Value, upper: bool) -> Value {
    match value {
        Value::Object(members) => members
            .into_iter()
            .rev()
            .map(|(name, value)| {
                let name = if upper { name.to_uppercase() } else { name.to_lowercase() };
                (name, respelt(value, !upper))
            })
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(elements) => elements.into_iter().map(|element| respelt(element, upper)).collect(),
        other => other,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_body_is_refused_or_round_trips(body in bodies()) {
        resource::check(body.to_string().as_bytes());
    }

    #[test]
    fn spelling_and_order_do_not_matter(mut person in people(), upper in any::<bool>()) {
        person.insert("schemas".to_owned(), json!([USER_URN, ENTERPRISE_USER_URN]));
        let registry = Registry::builtin();
        let user = registry.resource_type("User").expect("built in");
        let take = |body| ingest(user, body, Dialect::STRICT).expect("as the schema has it").resource;
        let body = Value::Object(person);
        let text = Value::Object(take(respelt(body.clone(), upper)).into_attributes()).to_string();
        prop_assert_eq!(text, Value::Object(take(body.clone()).into_attributes()).to_string());
        resource::check(body.to_string().as_bytes());
    }
}

#[test]
fn the_corpus_of_resource_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/resource");
    let mut seeds = 0;
    for entry in std::fs::read_dir(folder).expect("fuzz/corpus/resource") {
        resource::check(&std::fs::read(entry.expect("readable").path()).expect("readable"));
        seeds += 1;
    }
    assert!(seeds > 0, "there are no seeds");
}
