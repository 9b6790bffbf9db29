//! How edits of an account come back into the resource.

use super::*;

/// Writes one field and expects the person's members, without `schemas`.
fn check(before: Value, row: Option<Row>, change: (&str, Option<&str>), expected: &str) {
    let mut document = person(before);
    let mapping = compiled(Vec::from_iter(row));
    let unwritten = mapping.write_back(&mut document, &[change]);
    assert_eq!(unwritten, [], "{change:?}");
    let mut members = document.into_attributes();
    members.shift_remove("schemas");
    assert_eq!(Value::Object(members).to_string(), expected, "{change:?}");
}

fn check_unwritten(row: Row, value: Option<&str>, part: &str) {
    let field = row.field.clone();
    let mut document = mira();
    let unwritten = compiled(vec![row]).write_back(&mut document, &[(&field, value)]);
    let [unwritten] = unwritten.as_slice() else { panic!("{field}: {unwritten:?}") };
    assert!(unwritten.to_string().contains(part), "{unwritten}");
    assert_eq!(document, mira());
}

#[test]
fn plain_attributes() {
    check(
        json!({ "userName": "x" }),
        None,
        ("ScimSyncJobTitle", Some("Pilot")),
        r#"{"userName":"x","title":"Pilot"}"#,
    );
    check(
        json!({ "title": "Pilot", "userName": "x" }),
        None,
        ("DisplayName", Some("X")),
        r#"{"userName":"x","displayName":"X","title":"Pilot"}"#,
    );
    check(json!({ "userName": "x", "title": "P" }), None, ("ScimSyncJobTitle", None), r#"{"userName":"x"}"#);
    check(
        json!({ "userName": "x", "title": "P" }),
        None,
        ("ScimSyncJobTitle", Some("")),
        r#"{"userName":"x"}"#,
    );
    check(json!({ "userName": "x" }), None, ("UserName", Some("y")), r#"{"userName":"y"}"#);
}

#[test]
fn parts_of_a_complex_attribute() {
    check(
        json!({ "name": { "givenName": "Mira" } }),
        None,
        ("LastName", Some("Okafor")),
        r#"{"name":{"familyName":"Okafor","givenName":"Mira"}}"#,
    );
    check(
        json!({ "userName": "x", "name": { "givenName": "M" } }),
        None,
        ("FirstName", None),
        r#"{"userName":"x"}"#,
    );
}

#[test]
fn extensions_come_and_go() {
    let manager = format!(r#"{{"{ENTERPRISE}":{{"manager":{{"value":"42"}}}}}}"#);
    check(json!({}), None, ("DirectManager", Some("42")), &manager);
    check(json!({ ENTERPRISE: { "manager": { "value": "42" } } }), None, ("DirectManager", None), "{}");
    let mut document = person(json!({ "userName": "x" }));
    compiled(Vec::new()).write_back(&mut document, &[("DirectManager", Some("42"))]);
    assert_eq!(document.attributes()["schemas"], json!([scim_core::schema::USER_URN, ENTERPRISE]));
    let berth = || Some(Row::direct("Berth", format!("{SHIP}:berth")));
    check(json!({}), berth(), ("Berth", Some("7")), &format!(r#"{{"{SHIP}":{{"berth":7}}}}"#));
}

#[test]
fn elements_are_made_changed_and_removed() {
    check(
        json!({ "phoneNumbers": [{ "value": "1", "type": "home" }] }),
        None,
        ("OfficePhone", Some("2")),
        r#"{"phoneNumbers":[{"value":"1","type":"home"},{"value":"2","type":"work"}]}"#,
    );
    check(
        json!({ "phoneNumbers": [{ "value": "1", "type": "work", "display": "d" }] }),
        None,
        ("OfficePhone", Some("2")),
        r#"{"phoneNumbers":[{"value":"2","display":"d","type":"work"}]}"#,
    );
    check(json!({ "phoneNumbers": [{ "value": "1", "type": "work" }] }), None, ("OfficePhone", None), "{}");
    check(
        json!({ "phoneNumbers": [{ "value": "1", "type": "work" }, { "value": "2", "type": "mobile" }] }),
        None,
        ("OfficePhone", None),
        r#"{"phoneNumbers":[{"value":"2","type":"mobile"}]}"#,
    );
    // Of several, the one that is read.
    check(
        json!({ "phoneNumbers": [{ "value": "1", "type": "work" }, { "value": "2", "type": "work", "primary": true }] }),
        None,
        ("OfficePhone", Some("3")),
        r#"{"phoneNumbers":[{"value":"1","type":"work"},{"value":"3","type":"work","primary":true}]}"#,
    );
    // An element keeps what else it holds.
    let locality = || Some(Row::direct("Division", "addresses[type eq \"work\"].locality"));
    check(
        json!({ "addresses": [{ "locality": "Oslo", "country": "NO", "type": "work" }] }),
        locality(),
        ("Division", None),
        r#"{"addresses":[{"country":"NO","type":"work"}]}"#,
    );
    check(
        json!({ "addresses": [{ "locality": "Oslo", "type": "work" }] }),
        locality(),
        ("Division", None),
        "{}",
    );
}

#[test]
fn there_is_one_primary_element() {
    let row = Row::direct("Division", "ims[type eq \"work\" and primary eq true].value");
    check(
        json!({ "ims": [{ "value": "1", "type": "home", "primary": true }] }),
        Some(row),
        ("Division", Some("2")),
        r#"{"ims":[{"value":"1","type":"home"},{"value":"2","type":"work","primary":true}]}"#,
    );
}

#[test]
fn a_coalesce_is_written_where_its_value_is() {
    let work = r#"{"emails":[{"value":"new","type":"work"}]}"#;
    check(json!({}), None, ("Email", Some("new")), work);
    check(json!({ "emails": [{ "value": "old", "type": "work" }] }), None, ("Email", Some("new")), work);
    check(
        json!({ "emails": [{ "value": "old", "type": "home", "primary": true }] }),
        None,
        ("Email", Some("new")),
        r#"{"emails":[{"value":"new","type":"home","primary":true}]}"#,
    );
    // Taken away from both, so that it does not come back from the other.
    check(
        json!({ "emails": [{ "value": "a", "type": "work" }, { "value": "b", "primary": true }, { "value": "c" }] }),
        None,
        ("Email", None),
        r#"{"emails":[{"value":"c"}]}"#,
    );
}

#[test]
fn what_is_not_written_says_why() {
    check_unwritten(Row::direct("Berth", format!("{SHIP}:berth")), Some("starboard"), "berth");
    check_unwritten(Row::direct("Division", format!("{SHIP}:boarded")), Some("today"), "boarded");
    check_unwritten(expression("Division", "ToUpper([title])"), Some("x"), "inbound");
    let mut document = mira();
    let mapping = compiled(Vec::new());
    let changes = [("Country", Some("NO")), ("State", Some("active")), ("UserName", None)];
    let unwritten = mapping.write_back(&mut document, &changes);
    let reasons: Vec<_> = unwritten.iter().map(|unwritten| &unwritten.reason).collect();
    assert!(matches!(
        reasons.as_slice(),
        [UnwrittenReason::NotMapped, UnwrittenReason::OneWay, UnwrittenReason::Refused(_)]
    ));
    assert!(unwritten[2].to_string().contains("userName is required"), "{}", unwritten[2]);
    assert_eq!(document, mira());
}

#[test]
fn an_account_that_nobody_wrote_has_a_resource() {
    let fields = [("UserName", "x"), ("Email", "x@x.example"), ("Country", "NO"), ("Berth", "starboard")];
    let fields = fields.map(|(field, value)| (field.to_owned(), value.to_owned())).into();
    let mapping = compiled(vec![Row::direct("Berth", format!("{SHIP}:berth"))]);
    let (document, unwritten) = mapping.document_of(&fields, false, Some("42"));
    let expected = person(json!({
        "userName": "x", "active": false, "emails": [{ "value": "x@x.example", "type": "work" }],
        ENTERPRISE: { "manager": { "value": "42" } }
    }));
    assert_eq!(document, expected);
    assert_eq!(unwritten.iter().map(|unwritten| unwritten.field.as_str()).collect::<Vec<_>>(), ["Berth"]);
}
