//! The vectors of `fixtures/mapping`.

use scim_mapping::vectors::{check_expressions, check_scoping};

#[test]
fn expressions_give_what_the_vectors_say() {
    let report =
        check_expressions(include_str!("../../../fixtures/mapping/expressions.json")).expect("vectors");
    let failures: Vec<String> = report.failures.iter().map(ToString::to_string).collect();
    assert_eq!((report.passed, failures.join("\n").as_str()), (303, ""));
}

#[test]
fn every_vector_of_scoping_filters_gives_what_it_should() {
    let report = check_scoping(include_str!("../../../fixtures/mapping/scoping.json")).expect("vectors");
    let failures: Vec<String> = report.failures.iter().map(ToString::to_string).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(report.passed >= 46, "{}", report.passed);
}
