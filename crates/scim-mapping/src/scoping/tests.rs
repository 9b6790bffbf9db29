use serde_json::{Value, json};

use super::{Operator, ScopingFilter, ScopingProblem};

fn clause(attribute: &str, operator: &str, value: &str) -> Value {
    let values: Vec<&str> = if value.is_empty() { Vec::new() } else { vec![value] };
    json!({ "sourceOperandName": attribute, "operatorName": operator, "targetOperand": { "values": values } })
}

fn one(attribute: &str, operator: &str, value: &str) -> Value {
    json!({ "groups": [{ "name": "g", "clauses": [clause(attribute, operator, value)] }] })
}

fn in_scope(filter: &Value, attributes: &Value) -> bool {
    let filter = ScopingFilter::from_json(filter).expect("a filter");
    let attributes = attributes.as_object().expect("an object");
    filter.evaluate(attributes).in_scope
}

#[test]
fn each_operator() {
    let person =
        json!({ "team": "Sales", "grade": 7, "active": true, "tags": ["a", "ab"], "none": "", "blank": " " });
    for (attribute, operator, value, expected) in [
        ("team", "EQUALS", "Sales", true),
        ("team", "equals", "sales", false),
        ("team", "NOT_EQUALS", "Legal", true),
        ("missing", "NOT EQUALS", "Legal", false),
        ("none", "IS NULL", "", true),
        ("blank", "IS NULL", "", false),
        ("missing", "IsNotNull", "", false),
        ("active", "IS TRUE", "", true),
        ("active", "EQUALS", "true", true),
        ("active", "IS FALSE", "", false),
        ("team", "REGEX MATCH", "^S.*s$", true),
        ("team", "NOT REGEX MATCH", "^S.*s$", false),
        ("grade", "GREATER_THAN", "6", true),
        ("grade", "greater than or equals", "7", true),
        ("team", "GREATER_THAN", "6", false),
        ("team", "INCLUDES", "ale", true),
        ("team", "ENDS_WITH", "les", true),
        ("team", "&", "Sales;Legal", true),
        ("team", "!&", "Sales;Legal", false),
        ("tags", "INCLUDES", "a", true),
        ("tags", "EQUALS", "a", false),
    ] {
        assert_eq!(
            in_scope(&one(attribute, operator, value), &person),
            expected,
            "{attribute} {operator} {value}"
        );
    }
}

#[test]
fn falling_out_of_input_groups_only_skips() {
    let filter = json!({
        "groups": [{ "name": "staff", "clauses": [clause("kind", "EQUALS", "staff")] }],
        "inputFilterGroups": [{ "name": "no", "clauses": [clause("country", "EQUALS", "NO")] }]
    });
    let filter = ScopingFilter::from_json(&filter).expect("a filter");
    let check = |attributes: Value, expected: (bool, bool, &str)| {
        let verdict = filter.evaluate(attributes.as_object().expect("an object"));
        let found = (verdict.in_scope, verdict.deprovision_if_previously_in, verdict.decided_by.as_str());
        assert_eq!(found, expected, "{attributes}");
    };
    check(json!({ "kind": "staff", "country": "NO" }), (true, false, "staff"));
    check(json!({ "kind": "staff", "country": "SE" }), (false, false, "inputFilterGroups"));
    check(json!({ "kind": "guest", "country": "NO" }), (false, true, "groups"));
    check(json!({ "kind": "guest" }), (false, false, "inputFilterGroups"));
}

#[test]
fn mistakes_are_found_with_their_places() {
    let check = |filter: Value, problem: ScopingProblem, place: &str| {
        let errors = ScopingFilter::from_json(&filter).expect_err("a mistake");
        let found: Vec<_> = errors.iter().map(|error| (error.problem, error.place.as_str())).collect();
        assert_eq!(found, [(problem, place)], "{filter}");
    };
    let first = "groups[0].clauses[0]";
    check(one("a", "BETWEEN", "1"), ScopingProblem::UnknownOperator, first);
    check(one("a", "EQUALS", ""), ScopingProblem::Operand, first);
    check(one("a", "IS NULL", "x"), ScopingProblem::Operand, first);
    check(one("a", "GREATER_THAN", "-1"), ScopingProblem::Operand, first);
    check(one("a", "REGEX MATCH", "("), ScopingProblem::Regex, first);
    check(one("", "EQUALS", "x"), ScopingProblem::Form, first);
    check(json!({ "groups": [{}] }), ScopingProblem::Form, "groups[0]");
    check(json!({ "groups": {} }), ScopingProblem::Form, "groups");
    check(json!([]), ScopingProblem::Form, "filter");
}

#[test]
fn everybody_without_a_filter() {
    for filter in [Value::Null, json!({}), json!({ "groups": [], "inputFilterGroups": null })] {
        assert!(in_scope(&filter, &json!({})), "{filter}");
    }
}

#[test]
fn lints_and_warnings() {
    let filter = ScopingFilter::from_json(&one("a", "REGEX MATCH", "71")).expect("a filter");
    assert_eq!(filter.lints().len(), 1);
    let filter = ScopingFilter::from_json(&one("a", "GREATER_THAN", "71")).expect("a filter");
    let verdict = filter.evaluate(json!({ "a": "x" }).as_object().expect("an object"));
    assert_eq!((verdict.in_scope, verdict.warnings.len()), (false, 1));
}

#[test]
fn names_of_operators() {
    for operator in Operator::all() {
        assert_eq!(Operator::named(operator.name()), Some(operator));
        assert_eq!(Operator::named(&operator.name().to_lowercase().replace([' ', '_'], "")), Some(operator));
    }
}
