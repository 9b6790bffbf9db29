//! The document in which a mapping is kept.

use super::*;

fn check_error(text: &str, parts: &[&str]) {
    let errors = Mapping::from_json(text).expect_err(text);
    assert_eq!(errors.len(), parts.len(), "{errors:?}");
    for (error, part) in errors.iter().zip(parts) {
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn an_export_is_imported_as_it_was() {
    let mut mapping = Mapping::defaults();
    mapping.rows.push(Row {
        default: Some("none".into()),
        apply: Apply::OnCreation,
        direction: Some(Direction::Inbound),
        ..expression("Division", "ToUpper([title])")
    });
    mapping.rows.push(Row::new("Country", Source::Constant("NO".into())));
    let text = mapping.to_json(3).to_string();
    let imported = Mapping::from_json(&text).expect("reads");
    assert_eq!(imported, Imported { mapping, version: Some(3) });
}

#[test]
fn a_row_is_easy_to_read() {
    let json = Mapping::defaults().to_json(1);
    assert_eq!(json["version"], 1);
    assert_eq!(
        json["rows"][0],
        json!({ "field": "UserName", "source": { "attribute": "userName" }, "read_only": true })
    );
    assert_eq!(json["rows"][5], json!({ "field": "FirstName", "source": { "attribute": "name.givenName" } }));
}

#[test]
fn read_only_rows_that_are_left_out_are_added() {
    let text = r#"[{"field": "DisplayName", "source": {"attribute": "displayName"}}]"#;
    let imported = Mapping::from_json(text).expect("reads");
    assert_eq!(imported.version, None);
    let fields: Vec<_> = imported.mapping.rows.iter().map(|row| row.field.as_str()).collect();
    assert_eq!(fields, ["UserName", "State", "ScimSyncId", "DisplayName"]);
}

#[test]
fn what_is_wrong_is_named() {
    check_error("{", &["not JSON"]);
    check_error("7", &["must be an object"]);
    check_error("{}", &["must be an object"]);
    check_error(r#"{"rows": 7}"#, &["\"rows\" must be an array"]);
    check_error(
        r#"{"rows": [], "extra": 1, "version": "x"}"#,
        &["no member \"extra\"", "\"version\" must be"],
    );
    check_error(
        r#"{"rows": [
            {"field": "A", "source": {"attribute": "title"}, "aply": "always"},
            {"field": "B"},
            {"field": "C", "source": {"expresion": "x"}},
            {"field": "D", "source": {"attribute": "title"}, "apply": "never"},
            {"field": "E", "source": {"attribute": "title"}, "read_only": true},
            7
        ]}"#,
        &[
            "row 1 (A): unknown field `aply`",
            "row 2 (B): missing field `source`",
            "row 3 (C): unknown variant `expresion`",
            "row 4 (D): unknown variant `never`",
            "row 5 (E): only the rows of UserName, State and ScimSyncId are read-only",
            "row 6: ",
        ],
    );
}
