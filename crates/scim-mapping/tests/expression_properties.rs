//! Expressions over generated trees and texts: what holds of every expression (`fuzz/checks/expression.rs`). The seeds of the
//! fuzz target `expression` run here too, and the vectors.

use std::path::Path;

use proptest::prelude::*;
use scim_mapping::expression::{Expression, Presence, functions};

#[path = "../../../fuzz/checks/expression.rs"]
mod expression;

fn leaf() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\[[a-c]\\]",
        Just("[emails[type eq \"work\"].value]".to_owned()),
        "\"([ -!#-\\[\\]-~æÅß]|\\\\\\\\|\\\\\")*\"",
        "-?[0-9]{1,5}(\\.[0-9]{1,3})?",
        "&H[0-9A-Fa-f]{1,4}",
        "\"(d|m|yyyy-MM-dd|HH:mm|tr-TR|(.)?(?<a>b)|[0-9]{1,3})\"",
        prop::sample::select(vec!["True", "False", "vbTextCompare", "UTF8", "IgnoreAttributeFlow"])
            .prop_map(str::to_owned),
    ]
}

/// Calls of every function with parameters that it might take.
fn tree() -> impl Strategy<Value = String> {
    leaf().prop_recursive(4, 40, 7, |inner| {
        let names: Vec<_> = functions().map(|function| (function.name, takes(function.parameters))).collect();
        let call = (prop::sample::select(names), prop::collection::vec(inner.clone(), 8), any::<u8>())
            .prop_map(|((name, takes), arguments, omitted)| {
                let written = arguments.iter().take(takes).enumerate().map(|(index, argument)| {
                    if takes > 3 && omitted >> (index % 8) & 1 == 1 {
                        String::new()
                    } else {
                        argument.clone()
                    }
                });
                format!("{name}({})", written.collect::<Vec<_>>().join(", "))
            });
        let operator = prop::sample::select(vec!["=", "<>", "<", "<=", ">", ">="]);
        let condition = (inner.clone(), operator, inner.clone(), inner.clone(), inner)
            .prop_map(|(a, operator, b, yes, no)| format!("IIF({a} {operator} {b}, {yes}, {no})"));
        prop_oneof![4 => call, 1 => condition]
    })
}

fn takes(parameters: &[scim_mapping::expression::Parameter]) -> usize {
    let repeated = parameters.iter().any(|parameter| matches!(parameter.presence, Presence::Repeated(_)));
    if repeated { parameters.len().next_multiple_of(2).max(4) } else { parameters.len() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn trees_print_parse_and_evaluate(text in tree()) {
        expression::check(text.as_bytes());
    }

    #[test]
    fn any_text_is_parsed_or_refused(text in "[\\[\\]\"\\\\(),=<>&A-Ca-c0-9 .'-]{0,40}") {
        expression::check(text.as_bytes());
    }

    #[test]
    fn any_text_survives_as_a_literal(text in any::<String>()) {
        let literal = format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
        let expression = Expression::parse(&literal).expect("a literal");
        prop_assert_eq!(expression.as_constant().and_then(|value| value.as_text()), Some(text.as_str()));
    }
}

#[test]
fn the_corpus_of_expression_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/expression");
    for entry in std::fs::read_dir(folder).expect("fuzz/corpus/expression") {
        expression::check(&std::fs::read(entry.expect("an entry").path()).expect("a seed"));
    }
    let vectors: serde_json::Value =
        serde_json::from_str(include_str!("../../../fixtures/mapping/expressions.json")).expect("vectors");
    for vector in vectors.as_array().expect("an array") {
        expression::check(vector["expr"].as_str().expect("an expression").as_bytes());
    }
}
