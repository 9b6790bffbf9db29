//! The vectors of `fixtures/mapping`.

use scim_mapping::vectors::check_expressions;

#[test]
fn expressions_give_what_the_vectors_say() {
    let report =
        check_expressions(include_str!("../../../fixtures/mapping/expressions.json")).expect("vectors");
    let failures: Vec<String> = report.failures.iter().map(ToString::to_string).collect();
    assert_eq!((report.passed, failures.join("\n").as_str()), (303, ""));
}
