//! Which values rows give, and when they act.

use super::*;

/// What the rows (besides the default ones) say about their fields.
fn check_on(
    occasion: Occasion,
    before: &Resource,
    after: &Resource,
    row: Row,
    expected: Option<Option<&str>>,
) {
    let field = row.field.clone();
    let mapping = compiled(vec![row]);
    let values = mapping.account_changes(Some(before), after, occasion, &mut env()).expect("evaluates");
    let got = values.into_iter().find(|value| value.field == field).map(|value| value.value);
    assert_eq!(got.as_ref().map(Option::as_deref), expected, "{field}, {occasion:?}");
}

fn check(row: Row, expected: Option<&str>) {
    check_on(Occasion::Reapply, &mira(), &mira(), row, Some(expected));
}

fn check_failure(row: Row, person: &Resource, part: &str) {
    let field = row.field.clone();
    let mapping = compiled(vec![row]);
    let failure =
        mapping.account_changes(None, person, Occasion::Creation, &mut env()).expect_err("does not evaluate");
    assert_eq!(failure.field(), field);
    assert!(failure.to_string().contains(part), "{failure}");
}

#[test]
fn the_default_mapping() {
    let mapping = compiled(Vec::new());
    let values = mapping.account_changes(None, &mira(), Occasion::Creation, &mut env()).expect("evaluates");
    let got: Vec<_> =
        values.iter().map(|value| (value.field, value.value.as_deref().expect("a value"))).collect();
    assert_eq!(
        got,
        [
            ("UserName", "mira@contoso.example"),
            ("DisplayName", "Mira Okafor"),
            ("Email", "m@work.example"),
            ("FirstName", "Mira"),
            ("LastName", "Okafor"),
            ("OfficePhone", "+44 117"),
            ("ScimSyncJobTitle", "Pilot"),
        ]
    );
    assert_eq!(mapping.reports_to(&mira()).as_deref(), Some("42"));
    assert_eq!(mapping.reports_to(&person(json!({ "userName": "x" }))), None);
}

#[test]
fn sources() {
    check(Row::direct("Division", "nickName"), None);
    check(Row::direct("Division", "urn:ietf:params:scim:schemas:core:2.0:User:title"), Some("Pilot"));
    check(Row::direct("Division", format!("{ENTERPRISE}:department")), Some("Pilotage"));
    check(Row::direct("Division", format!("{SHIP}:berth")), Some("7"));
    check(Row::direct("Division", "active"), Some("True"));
    check(Row::direct("Division", "emails"), Some("m@home.example"));
    check(Row::direct("Division", "emails[type eq \"WORK\"].type"), Some("work"));
    check(Row::direct("Division", format!("{ENTERPRISE}:manager")), Some("42"));
    check(Row::new("Division", Source::Constant("Contoso".into())), Some("Contoso"));
    check(expression("Division", "Join(\"/\", [emails.value])"), Some("m@home.example/m@work.example"));
    check(expression("Division", &format!("Join(\"/\", [{SHIP}:flags])")), Some("red/blue"));
    check(expression("Division", "Coalesce([nickName], [title])"), Some("Pilot"));
    check(expression("Division", "IIF([active], \"in\", \"out\")"), Some("in"));
    check(expression("Division", "Left([title], 0)"), None);
    check(expression("Division", &format!("[{SHIP}:berth]")), Some("7"));
}

#[test]
fn of_several_elements_the_primary_or_first_is_meant() {
    let ims = |ims: Value| person(json!({ "userName": "x", "ims": ims }));
    let row = || Row::direct("Division", "ims[type eq \"work\"].value");
    let two = ims(json!([{ "value": "a", "type": "work" }, { "value": "b", "type": "work" }]));
    check_on(Occasion::Reapply, &two, &two, row(), Some(Some("a")));
    let primary =
        ims(json!([{ "value": "a", "type": "work" }, { "value": "b", "type": "work", "primary": true }]));
    check_on(Occasion::Reapply, &primary, &primary, row(), Some(Some("b")));
    check_on(Occasion::Reapply, &primary, &primary, Row::direct("Division", "ims.value"), Some(Some("b")));
    check_on(
        Occasion::Reapply,
        &primary,
        &primary,
        expression("Division", "ToUpper([ims[type eq \"work\"].value])"),
        Some(Some("B")),
    );
    check_failure(Row::direct("Division", "ims.value"), &two, "Item([ims.value], 1)");
}

#[test]
fn failures_name_the_row_and_the_way_out() {
    check_failure(expression("Division", "Split([title], \"l\")"), &mira(), "choose with Item");
    check_failure(
        expression("Division", "Item([title], 3)"),
        &mira(),
        "row 12 of the mapping, which fills Division",
    );
    check_failure(expression("Division", "DefaultDomain()"), &mira(), "domain");
}

#[test]
fn rows_act_where_their_attributes_changed() {
    let mut after = mira();
    after.attributes_mut().insert("title".into(), "Captain".into());
    after.attributes_mut().insert("nickName".into(), "M".into());
    let on = |occasion, row, expected| check_on(occasion, &mira(), &after, row, expected);
    let constant = || Row::new("Division", Source::Constant("x".into()));
    on(Occasion::Write, Row::direct("Division", "title"), Some(Some("Captain")));
    on(Occasion::Write, Row::direct("Division", "displayName"), None);
    on(
        Occasion::Write,
        expression("Division", "Append([nickName], [displayName])"),
        Some(Some("MMira Okafor")),
    );
    on(Occasion::Write, expression("Division", "ToUpper([displayName])"), None);
    on(Occasion::Write, constant(), None);
    on(Occasion::PickUp, constant(), Some(Some("x")));
    on(Occasion::PickUp, Row::direct("Division", "displayName"), None);
    on(Occasion::Reapply, constant(), Some(Some("x")));
    on(Occasion::Creation, constant(), Some(Some("x")));
    on(
        Occasion::Write,
        expression("Division", "IIF([title] = \"Captain\", IgnoreAttributeFlow, \"x\")"),
        None,
    );
}

#[test]
fn cleared_attributes_clear_the_field() {
    let mut after = mira();
    after.attributes_mut().remove("title");
    check_on(Occasion::Write, &mira(), &after, Row::direct("Division", "title"), Some(None));
    check_on(Occasion::Creation, &mira(), &after, Row::direct("Division", "title"), None);
}

#[test]
fn defaults_and_rows_for_creation_act_on_creation_alone() {
    let with_default = || Row { default: Some("none".into()), ..Row::direct("Division", "nickName") };
    let once = || Row { apply: Apply::OnCreation, ..Row::direct("Division", "title") };
    let mut before = mira();
    before.attributes_mut().insert("nickName".into(), "M".into());
    before.attributes_mut().remove("title");
    for (occasion, default, creation) in [
        (Occasion::Creation, Some(Some("none")), Some(Some("Pilot"))),
        (Occasion::Write, Some(None), None),
        (Occasion::PickUp, Some(None), None),
        (Occasion::Reapply, Some(None), None),
    ] {
        check_on(occasion, &before, &mira(), with_default(), default);
        check_on(occasion, &before, &mira(), once(), creation);
    }
}

#[test]
fn external_ids_are_put_in_by_the_caller() {
    let mapping = compiled(vec![Row::direct("EmployeeNumber", "externalId")]);
    assert!(mapping.uses_external_id() && !compiled(Vec::new()).uses_external_id());
    let mut person = mira();
    person.attributes_mut().insert("externalId".into(), "e-1".into());
    let values =
        mapping.account_changes(Some(&mira()), &person, Occasion::Write, &mut env()).expect("evaluates");
    assert_eq!(values[0].value.as_deref(), Some("e-1"));
}

#[test]
fn random_values_come_from_the_environment() {
    let mapping = compiled(vec![expression("Division", "Guid()"), expression("Country", "Guid()")]);
    let mut next = 0_u8;
    let mut random = |bytes: &mut [u8]| {
        next += 1;
        bytes.fill(next);
    };
    let mut env = Env { random: Some(&mut random), ..env() };
    let values = mapping.account_changes(None, &mira(), Occasion::Creation, &mut env).expect("evaluates");
    let [.., first, second] = values.as_slice() else { panic!("two values") };
    assert_eq!(first.value.as_deref().map(str::len), Some(36));
    assert_ne!(first.value, second.value);
}

#[test]
fn samples_show_every_step() {
    let mapping = compiled(vec![
        expression("Division", "ToUpper(Left([title], 2))"),
        expression("Country", "Redact([title])"),
        Row { default: Some("none".into()), ..Row::direct("Language", "preferredLanguage") },
        expression("Department", "Item([title], 9)"),
    ]);
    let tried = mapping.try_on(&mira(), &mut env());
    let of = |field: &str| tried.iter().find(|tried| tried.field == field).expect("tried");
    assert_eq!(of("Division").result, Ok(Some("PI".to_owned())));
    let steps: Vec<_> = of("Division").steps.iter().map(|(text, _)| text.as_str()).collect();
    assert_eq!(steps, ["[title]", "2", "Left([title], 2)", "ToUpper(Left([title], 2))"]);
    assert_eq!(of("Division").steps[2].1, Ok(json!("Pi")));
    assert_eq!(of("Country").result, Ok(Some(REDACTED.to_owned())));
    assert!(of("Country").steps.iter().all(|(_, value)| *value == Ok(json!(REDACTED))));
    assert_eq!(
        (of("Language").result.clone(), of("Language").is_default),
        (Ok(Some("none".to_owned())), true)
    );
    assert!(of("Department").result.is_err());
    assert_eq!(of("State").result, Ok(Some("True".to_owned())));
    assert_eq!(of("Email").steps.len(), 2);
}

#[test]
fn redacted_values_are_marked() {
    let mapping = compiled(vec![expression("Country", "Redact([title])")]);
    let values = mapping.account_changes(None, &mira(), Occasion::Creation, &mut env()).expect("evaluates");
    let redacted: Vec<_> = values.iter().filter(|value| value.redacted).map(|value| value.field).collect();
    assert_eq!(redacted, ["Country"]);
}

#[test]
fn the_source_of_a_field_is_known() {
    let mapping = compiled(Vec::new());
    assert_eq!(
        mapping.source_of("LastName").map(|row| row.source.to_string()).as_deref(),
        Some("name.familyName")
    );
    assert!(mapping.fills("State") && !mapping.fills("Division"));
    assert_eq!(mapping.version(), 7);
}
