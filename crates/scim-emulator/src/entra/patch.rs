//! PATCH bodies in both shapes.

use serde_json::{Map, Value, json};

use super::Shape;
use super::attributes::{ENTERPRISE, Edit, Target};

const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

fn message(operations: Vec<Value>) -> Value {
    json!({"schemas": [PATCH_OP], "Operations": Value::Array(operations)})
}

/// Changes attributes of a person or a group.
pub(crate) fn edit(shape: Shape, edits: Vec<Edit>) -> Value {
    match shape {
        Shape::Classic => message(edits.into_iter().map(classic).collect()),
        Shape::Compliant => message(compliant(edits)),
    }
}

fn classic(edit: Edit) -> Value {
    let value = match edit.value {
        Value::Bool(true) => json!("True"),
        Value::Bool(false) => json!("False"),
        other => other,
    };
    json!({"op": if edit.replaces { "Replace" } else { "Add" }, "path": edit.target.path(), "value": value})
}

fn compliant(edits: Vec<Edit>) -> Vec<Value> {
    let mut operations = Vec::new();
    let (mut added, mut replaced) = (Map::new(), Map::new());
    for Edit { target, value, replaces } in edits {
        let path = target.path();
        if matches!(target, Target::Typed(..)) {
            operations
                .push(json!({"op": if replaces { "replace" } else { "add" }, "path": path, "value": value}));
        } else if replaces {
            replaced.insert(path, value);
        } else {
            added.insert(path, value);
        }
    }
    for (op, value) in [("replace", replaced), ("add", added)] {
        if !value.is_empty() {
            operations.push(json!({"op": op, "value": value}));
        }
    }
    operations
}

/// Sets the manager.
pub(crate) fn manager(shape: Shape, id: &str, replaces: bool) -> Value {
    let path = format!("{ENTERPRISE}:manager");
    message(vec![match shape {
        Shape::Classic => json!({"op": if replaces { "Replace" } else { "Add" }, "path": path, "value": id}),
        Shape::Compliant => {
            json!({"op": if replaces { "replace" } else { "add" }, "path": path, "value": {"value": id}})
        }
    }])
}

/// Adds members.
pub(crate) fn add_members(shape: Shape, ids: &[String]) -> Value {
    message(vec![match shape {
        Shape::Classic => json!({"op": "Add", "path": "members", "value": references(ids)}),
        Shape::Compliant => {
            let values: Vec<Value> = ids.iter().map(|id| json!({"value": id})).collect();
            json!({"op": "add", "path": "members", "value": values})
        }
    }])
}

/// Removes members.
pub(crate) fn remove_members(shape: Shape, ids: &[String]) -> Value {
    message(match shape {
        Shape::Classic => vec![json!({"op": "Remove", "path": "members", "value": references(ids)})],
        Shape::Compliant => {
            let one = |id: &String| json!({"op": "remove", "path": format!("members[value eq {}]", Value::from(id.as_str()))});
            ids.iter().map(one).collect()
        }
    })
}

fn references(ids: &[String]) -> Vec<Value> {
    ids.iter().map(|id| json!({"$ref": null, "value": id})).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edits() -> Vec<Edit> {
        vec![
            Edit { target: Target::Core("active"), value: json!(false), replaces: true },
            Edit { target: Target::Name("familyName"), value: json!("A"), replaces: true },
            Edit { target: Target::Enterprise("department"), value: json!("B"), replaces: false },
            Edit { target: Target::Typed("emails", "work", "value"), value: json!("C"), replaces: false },
        ]
    }

    fn check(body: &Value, operations: &Value) {
        assert_eq!(body, &json!({"schemas": [PATCH_OP], "Operations": operations}));
    }

    #[test]
    fn classic_has_an_operation_for_each_attribute() {
        check(
            &edit(Shape::Classic, edits()),
            &json!([
                {"op": "Replace", "path": "active", "value": "False"},
                {"op": "Replace", "path": "name.familyName", "value": "A"},
                {"op": "Add", "path": format!("{ENTERPRISE}:department"), "value": "B"},
                {"op": "Add", "path": "emails[type eq \"work\"].value", "value": "C"},
            ]),
        );
    }

    #[test]
    fn compliant_gathers_attributes_without_a_filter() {
        check(
            &edit(Shape::Compliant, edits()),
            &json!([
                {"op": "add", "path": "emails[type eq \"work\"].value", "value": "C"},
                {"op": "replace", "value": {"active": false, "name.familyName": "A"}},
                {"op": "add", "value": {format!("{ENTERPRISE}:department"): "B"}},
            ]),
        );
    }

    #[test]
    fn references_in_both_shapes() {
        let ids = ["1".to_owned(), "2".to_owned()];
        let path = format!("{ENTERPRISE}:manager");
        check(&manager(Shape::Classic, "1", false), &json!([{"op": "Add", "path": path, "value": "1"}]));
        check(
            &manager(Shape::Compliant, "1", true),
            &json!([{"op": "replace", "path": path, "value": {"value": "1"}}]),
        );
        let values = json!([{"$ref": null, "value": "1"}, {"$ref": null, "value": "2"}]);
        check(
            &add_members(Shape::Classic, &ids),
            &json!([{"op": "Add", "path": "members", "value": values}]),
        );
        check(
            &remove_members(Shape::Classic, &ids),
            &json!([{"op": "Remove", "path": "members", "value": values}]),
        );
        check(
            &add_members(Shape::Compliant, &ids),
            &json!([{"op": "add", "path": "members", "value": [{"value": "1"}, {"value": "2"}]}]),
        );
        check(
            &remove_members(Shape::Compliant, &ids),
            &json!([
                {"op": "remove", "path": "members[value eq \"1\"]"},
                {"op": "remove", "path": "members[value eq \"2\"]"},
            ]),
        );
    }
}
