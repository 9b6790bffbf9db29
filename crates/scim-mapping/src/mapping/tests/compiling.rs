//! Which mappings are refused when they are saved, and in which words.

use super::*;

/// Expects one mistake with that part in its text; the rows stand behind the default ones.
fn check(row: &Row, problem: Problem, part: &str) {
    let mapping = with(vec![row.clone()]);
    let definitions = definitions();
    let errors = mapping.compile(&user(), Fields::new(&definitions), 1).expect_err(&format!("{row:?}"));
    let [error] = errors.as_slice() else { panic!("{row:?}: {errors:?}") };
    assert_eq!(error.problem(), problem, "{error}");
    assert!(error.to_string().contains(part), "{error}");
    assert!(error.row_number().is_some() && error.field() == row.field, "{error}");
}

fn check_direction(row: Row, expected: Direction) {
    let field = row.field.clone();
    let mapping = compiled(vec![row]);
    let row = mapping.rows().iter().find(|row| row.row().field == field).expect("there");
    assert_eq!(row.direction(), expected, "{row:?}");
}

fn both(mut row: Row) -> Row {
    row.direction = Some(Direction::Both);
    row
}

#[test]
fn the_default_mapping_is_sound_and_flows_both_ways() {
    let mapping = compiled(Vec::new());
    let rows: Vec<_> = mapping.rows().iter().map(|row| (row.row().field.as_str(), row.direction())).collect();
    let one_way: Vec<_> = rows.iter().filter(|(_, direction)| *direction == Direction::Inbound).collect();
    assert_eq!(rows.len(), 11);
    assert_eq!(one_way, [&("State", Direction::Inbound), &("ScimSyncId", Direction::Inbound)]);
}

#[test]
fn unknown_fields() {
    check(&Row::direct("Badge", "title"), Problem::UnknownField, "`rollcall field add`");
    check(&Row::direct("badge_colour", "title"), Problem::UnknownField, "BadgeColour is meant");
    check(&Row::direct("", "title"), Problem::UnknownField, "names no field");
}

#[test]
fn fields_that_are_not_text() {
    check(&Row::direct("AccessRole", "userType"), Problem::NotText, "holds an access role, not text");
    check(&Row::direct("JobTitle", "title"), Problem::NotText, "ScimSyncJobTitle");
}

#[test]
fn unknown_attributes() {
    let direct = |path: &str| Row::direct("Division", path);
    check(&direct("nosuch"), Problem::UnknownAttribute, "\"nosuch\" is not an attribute of User");
    check(&direct("firstName"), Problem::UnknownAttribute, "User has userName, name, displayName");
    check(
        &direct("urn:ietf:params:scim:schemas:core:2.0:User:mast"),
        Problem::UnknownAttribute,
        "User has userName, name",
    );
    check(&direct("urn:x:User:mast"), Problem::UnknownAttribute, &format!("{ENTERPRISE}, {SHIP}"));
    check(&direct("username"), Problem::UnknownAttribute, "is written \"userName\"; letter case counts");
    check(&direct("Name.familyname"), Problem::UnknownAttribute, "\"name.familyName\"");
    check(
        &direct("Emails[type eq \"work\"].Value"),
        Problem::UnknownAttribute,
        "\"emails[type eq \\\"work\\\"].value\"",
    );
    check(&direct("department"), Problem::UnknownAttribute, &format!("\"{ENTERPRISE}:department\""));
    check(&direct(ENTERPRISE), Problem::UnknownAttribute, "whole extension");
    check(&direct("emails[type eq"), Problem::UnknownAttribute, "at its end");
    check(&direct(&format!("{SHIP}:mast")), Problem::UnknownAttribute, "this extension has vessel, berth");
    check(&expression("Division", "Append([nosuch], \"x\")"), Problem::UnknownAttribute, "\"nosuch\"");
}

#[test]
fn attributes_that_fill_nothing() {
    let direct = |path: &str| Row::direct("Division", path);
    check(&direct("password"), Problem::Unusable, "never shown");
    check(&expression("Division", "ToUpper([password])"), Problem::Unusable, "never shown");
    check(&direct("groups.display"), Problem::Unusable, "group memberships");
    check(&direct("meta.created"), Problem::Unusable, "written by the server");
    check(&direct("id"), Problem::Unusable, "ScimSyncId");
    check(&direct("name"), Problem::Unusable, "choose one: name.formatted, name.familyName");
    check(&direct("addresses[type eq \"work\"]"), Problem::Unusable, "addresses[type eq \"work\"].locality");
}

#[test]
fn read_only_rows() {
    check(&Row::direct("UserName", "userName"), Problem::Duplicate, "row 1 fills this field already");
    let check_changed = |change: &dyn Fn(&mut Vec<Row>), part: &str| {
        let mut mapping = Mapping::defaults();
        change(&mut mapping.rows);
        let errors = mapping.compile(&user(), Fields::new(&[]), 1).expect_err(part);
        assert_eq!(
            errors.iter().map(MappingError::problem).collect::<Vec<_>>(),
            [Problem::ReadOnly],
            "{errors:?}"
        );
        assert!(errors[0].to_string().contains(part), "{errors:?}");
    };
    check_changed(&|rows| rows[0] = Row::direct("UserName", "displayName"), "leave it userName");
    check_changed(&|rows| rows[1].default = Some("x".into()), "leave it active");
    check_changed(&|rows| drop(rows.remove(2)), "ScimSyncId <- id is missing");
}

#[test]
fn expressions() {
    check(&expression("Division", "Jion([title])"), Problem::Expression, "at character 1");
    check(&expression("Division", "Left([title]"), Problem::Expression, "cannot be read");
    check(
        &expression("Division", "IIF([title] = \"[IgnoreAttributeFlow]\", IgnoreObjectFlow, \"x\")"),
        Problem::Expression,
        "only the sender can do",
    );
    let _ = compiled(vec![expression(
        "Division",
        "IIF([title] = \"IgnoreObjectFlow\", IgnoreAttributeFlow, \"x\")",
    )]);
    let unique = "SelectUniqueValue([title], Append([title], \"2\"))";
    check(&expression("Division", unique), Problem::Unique, "sending side");
}

#[test]
fn references() {
    let manager = format!("{ENTERPRISE}:manager");
    let reference = |part: &str, row: Row| check(&row, Problem::Reference, part);
    reference("filled from one attribute", expression("DirectManager", &format!("ToLower([{manager}])")));
    reference("filled from one attribute", Row::new("DirectManager", Source::Constant("42".into())));
    reference(
        "without a default",
        Row { default: Some("42".into()), ..Row::direct("DirectManager", &manager) },
    );
    reference("always applied", Row { apply: Apply::OnCreation, ..Row::direct("DirectManager", &manager) });
}

#[test]
fn limits() {
    let constant = |field: &str, text: &str| Row::new(field, Source::Constant(text.to_owned()));
    check(&constant("BadgeColour", "vermilion"), Problem::Limit, "longer than the 6 characters");
    check(&constant("Shift", "dusk"), Problem::Limit, "day, night");
    check(&constant("Division", ""), Problem::Limit, "is empty");
    check(&constant("Division", "a\0b"), Problem::Limit, "U+0000");
    check(&constant("Division", &"x".repeat(10_001)), Problem::Limit, "10000 characters");
    check(&Row { default: Some("dusk".into()), ..Row::direct("Shift", "title") }, Problem::Limit, "default");
    check(
        &expression("Division", &format!("\"{}\"", "x".repeat(10_000))),
        Problem::Expression,
        "longer than",
    );
    let many = Mapping { rows: vec![Row::direct("Division", "title"); MAX_ROWS + 1] };
    let errors = many.compile(&user(), Fields::new(&[]), 1).expect_err("too many");
    assert_eq!(errors[0].problem(), Problem::Limit);
}

#[test]
fn what_cannot_flow_back() {
    let not = |part: &str, row: Row| check(&both(row), Problem::NotInvertible, part);
    not("a constant has no attribute", Row::new("Division", Source::Constant("x".into())));
    not("only an attribute or a Coalesce", expression("Division", "ToUpper([nickName])"));
    not("a condition has to say which, such as ims[type eq \"work\"]", Row::direct("Division", "ims.value"));
    not("only eq, joined by and", Row::direct("Division", "ims[type pr].value"));
    not("not open for writing", Row::direct("Division", format!("{SHIP}:serial")));
    not("not open for writing", Row::direct("Division", "externalId"));
    not("the very value", Row::direct("Division", "ims[value eq \"x\"].value"));
    not(
        "a condition on a date",
        Row::direct("Division", format!("{SHIP}:harbours[since eq \"2026-01-01T00:00:00Z\"].value")),
    );
}

#[test]
fn the_direction_follows_from_the_source() {
    check_direction(Row::direct("Division", format!("{ENTERPRISE}:division")), Direction::Both);
    check_direction(expression("Division", "[nickName]"), Direction::Both);
    check_direction(expression("Division", "Coalesce([nickName], [title])"), Direction::Inbound);
    check_direction(expression("Division", "Coalesce([nickName], [userType])"), Direction::Both);
    check_direction(expression("Division", "Coalesce([nickName], \"x\")"), Direction::Inbound);
    check_direction(expression("Division", "Coalesce([ims.value], [nickName])"), Direction::Inbound);
    check_direction(Row::direct("Division", "displayName"), Direction::Inbound);
    check_direction(Row::direct("Division", "ims.value"), Direction::Inbound);
    let inbound = Row { direction: Some(Direction::Inbound), ..Row::direct("Division", "nickName") };
    check_direction(inbound, Direction::Inbound);
}

#[test]
fn a_row_that_asks_for_it_goes_before_one_that_does_not() {
    let rows = vec![Row::direct("Division", "nickName"), both(Row::direct("Country", "nickName"))];
    let mapping = compiled(rows);
    let of =
        |field: &str| mapping.rows().iter().find(|row| row.row().field == field).expect("there").direction();
    assert_eq!((of("Division"), of("Country")), (Direction::Inbound, Direction::Both));
    let errors = with(vec![both(Row::direct("Division", "userName"))]).compile(&user(), Fields::new(&[]), 1);
    let errors = errors.expect_err("the read-only row goes first");
    assert!(errors[0].to_string().contains("row 1 writes userName already"), "{errors:?}");
    let rows = vec![both(Row::direct("Division", "nickName")), both(Row::direct("Country", "nickName"))];
    let errors = with(rows).compile(&user(), Fields::new(&[]), 1).expect_err("both cannot");
    assert!(errors[0].to_string().contains("row 12 writes nickName already"), "{errors:?}");
}

#[test]
fn all_mistakes_come_together_in_the_order_of_the_rows() {
    let rows = vec![
        Row::direct("Nosuch", "nosuch"),
        Row::direct("FirstName", "password"),
        expression("Division", "Left("),
        Row::direct("AccessRole", "title"),
    ];
    let errors = with(rows).compile(&user(), Fields::new(&[]), 1).expect_err("four rows are wrong");
    let numbers: Vec<_> = errors.iter().map(|error| error.row_number().expect("of a row")).collect();
    assert_eq!(numbers, [11, 11, 12, 13, 14], "{errors:?}");
    assert_eq!(
        errors[2].to_string(),
        "row 12 (FirstName): password is never shown to anybody, so it cannot fill a field; choose another"
    );
}
