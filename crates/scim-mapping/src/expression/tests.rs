//! Grammar, arity, canonical text, limits, traces.

use serde_json::{Value as Json, json};
use time::OffsetDateTime;

use super::*;

fn person() -> Json {
    json!({
        "mail": "mia@example.org",
        "empty": "",
        "tags": ["a", "b"],
        "grade": 9,
        "emails[type eq \"work\"].value": "w@example.org",
    })
}

/// The outcome's JSON, a flow's name, or an error's kind with its position.
fn outcome(text: &str) -> Json {
    let mut context = Context::at(OffsetDateTime::UNIX_EPOCH);
    match Expression::parse(text).and_then(|expression| expression.evaluate(&person(), &mut context)) {
        Ok(Outcome::Value(value)) => value.to_json(),
        Ok(Outcome::Flow(flow)) => json!(flow.as_str()),
        Err(error) => json!(format!("{} {}", error.kind().as_str(), error.position())),
    }
}

fn check(text: &str, expected: impl Into<Json>) {
    assert_eq!(outcome(text), expected.into(), "{text}");
}

#[test]
fn literals() {
    check(" \"a\" ", "a");
    check("\"line\nbreak\"", "line\nbreak");
    check(r#""\\ \" \d""#, r#"\ " \d"#);
    check("-12", -12);
    check("1.50", json!(1.5));
    check("&Hff", 255);
    check("9223372036854775807", i64::MAX);
    check("9223372036854775808", 9_223_372_036_854_775_808_u64);
    check("true", true);
    check("IgnoreObjectFlow", "ignore_object");
    check("vbTextCompare", 1);
}

#[test]
fn attributes() {
    check("[mail]", "mia@example.org");
    check("[ mail ]", "mia@example.org");
    check("[Mail]", Json::Null);
    check(r#"[emails[type eq "work"].value]"#, "w@example.org");
    check(r#"Append([emails[type eq "work"].value], "!")"#, "w@example.org!");
}

#[test]
fn wrong_grammar_is_told_with_its_place() {
    for (text, at) in [
        ("", 0),
        ("  ", 2),
        ("[mail", 0),
        ("[]", 0),
        ("[mail] [mail]", 7),
        ("\"æø", 0),
        ("Append([mail], 'x')", 15),
        ("Append([mail], “x”)", 15),
        ("Append([mail], \"x\"", 18),
        ("Append([mail] \"x\")", 14),
        ("Append([mail], \"x\"))", 19),
        ("Append", 0),
        ("Append([mail], suffix)", 15),
        ("Append([æ] & [mail])", 11),
        ("[mail] = ", 9),
        ("[mail] == \"x\"", 7),
        ("[mail] = \"x\" = \"y\"", 13),
        ("CBool([mail] = \"x\" And [grade] > 1)", 19),
        ("([mail])", 0),
        ("1.", 0),
        ("1e5", 0),
        ("-", 0),
        ("--1", 0),
        ("&H", 0),
        ("&HXY", 0),
        ("1 + 2", 2),
        ("!", 0),
        (",", 0),
        ("Frobnicate(", 11),
    ] {
        check(text, format!("parse {at}"));
    }
}

#[test]
fn wrong_calls_are_told_with_their_place() {
    check("Frobnicate([mail])", "unknown_function 0");
    check("Append(Frobnicate([mail]), Append())", "unknown_function 7");
    check("Append(Append(), Frobnicate([mail]))", "arity 7");
    check("Append([mail])", "arity 0");
    check("Append([mail], )", "arity 0");
    check("Append(, [mail])", "arity 0");
    check("Append([mail], \"a\", \"b\")", "arity 0");
    check("Now(1)", "arity 0");
    check("Join()", "arity 0");
    check("Join(\",\", )", "arity 0");
    check("Switch([mail], \"d\")", "arity 0");
    check("Switch([mail], \"d\", \"k\")", "arity 0");
    check("Switch([mail], \"d\", \"k\", )", "arity 0");
    check("Switch([mail], \"d\", , \"v\")", "arity 0");
    check("SelectUniqueValue([mail])", "arity 0");
    check("Trim(SelectUniqueValue([mail], [mail]))", "nesting 5");
    check("SelectUniqueValue([mail], [mail]) = \"x\"", "nesting 0");
}

#[test]
fn empty_parameters() {
    check("Append([mail], \"!\", )", "mia@example.org!");
    check("Append([mail], \"!\", , )", "arity 0");
    check("Join(\",\", \"a\", , \"b\", )", "a,b");
    check("Switch(\"x\", , \"x\", \"1\", )", "1");
    check("Switch(\"y\", , \"x\", \"1\")", Json::Null);
    check("InStr(\"abab\", \"b\", , vbTextCompare)", 2);
    check("Now( ) = Now()", true);
}

#[test]
fn values_that_do_not_fit_are_told_with_their_place() {
    check("Append([tags], \"!\")", "type 7");
    check("Left(\"x\", [mail])", "type 10");
    check("Left(\"x\", [nothing])", "type 10");
    check("Left(\"x\", 1.5)", "type 10");
    check("Left(\"x\", 9223372036854775808)", "range 10");
    check("IIF([mail], 1, 2)", "type 4");
    check("CBool([tags] = \"a\")", "type 6");
    check("Left(\"abc\", \"2\")", "ab");
    check("Left(\"abc\", 2.0)", "ab");
    check("DefaultDomain()", "context 0");
    check("Guid()", "context 0");
    check("SelectUniqueValue(\"a\", \"b\")", "context 0");
}

#[test]
fn only_what_is_chosen_is_evaluated() {
    check("IIF([grade] > 5, \"high\", Error(\"no\"))", "high");
    check("IIF([grade] > 10, Error(\"no\"), \"low\")", "low");
    check("Switch(\"a\", Error(\"no\"), \"a\", \"1\", Error(\"no\"), \"2\")", "1");
    check("Coalesce([nothing], [mail], Error(\"no\"))", "mia@example.org");
    check("IIF([grade] > 10, \"x\", IgnoreAttributeFlow)", "ignore_attribute");
    check("Append(\"a\", IgnoreObjectFlow)", "ignore_object");
    check("Error(\"id missing\")", "user 0");
}

#[test]
fn too_much_is_refused() {
    let nested = |depth: usize| format!("{}[mail]{}", "Trim(".repeat(depth), ")".repeat(depth));
    check(&nested(MAX_DEPTH), "mia@example.org");
    check(&nested(MAX_DEPTH + 1), format!("limit {}", 5 * MAX_DEPTH));
    check(&nested(1600), format!("limit {}", 5 * MAX_DEPTH));
    let text = |length: usize| format!("\"{}\"", "x".repeat(length - 2));
    check(&text(MAX_CHARACTERS), "x".repeat(MAX_CHARACTERS - 2));
    check(&text(MAX_CHARACTERS + 1), format!("limit {MAX_CHARACTERS}"));
    let joined = |sources: usize| format!("Len(Join(\",\"{}))", ",\"x\"".repeat(sources));
    check(&joined(MAX_ARGUMENTS - 1), 2 * MAX_ARGUMENTS - 3);
    check(&joined(MAX_ARGUMENTS), "limit 4");
    // What inner functions produce counts.
    let mut bomb = "\"0123456789\"".to_owned();
    for _ in 0..3 {
        bomb = format!("Join(\"\", {})", [bomb.as_str(); 8].join(", "));
    }
    check(&format!("Len({bomb})"), 5120);
    let large = json!({ "a": "x".repeat(MAX_PRODUCED_BYTES / 2) });
    let twice = Expression::parse("Join(\"\", [a], [a])").expect("an expression");
    let thrice = Expression::parse("Join(\"\", [a], [a], [a])").expect("an expression");
    let mut context = Context::at(OffsetDateTime::UNIX_EPOCH);
    assert!(twice.evaluate(&large, &mut context).is_ok());
    let error = thrice.evaluate(&large, &mut context).expect_err("too long");
    assert_eq!(error.kind(), ErrorKind::Limit);
}

#[test]
fn canonical_text() {
    for (text, canonical) in [
        ("[ mail ]", "[mail]"),
        ("append ( [a] ,\n\"-x\" , )", "Append([a], \"-x\")"),
        ("Switch([a],,\"x\",true)", "Switch([a], , \"x\", True)"),
        (r#"Append("\d","\\d\"")"#, r#"Append("\\d", "\\d\"")"#),
        ("&hff", "&HFF"),
        ("CBool([a]<>1.50)", "CBool([a] <> 1.50)"),
    ] {
        let expression = Expression::parse(text).expect(text);
        assert_eq!(expression.to_string(), canonical);
        assert_eq!(expression.text(), text);
        assert_eq!(Expression::parse(canonical).as_ref(), Ok(&expression));
    }
}

#[test]
fn what_is_known_of_an_expression() {
    let parsed = |text: &str| Expression::parse(text).expect(text);
    let names = |text: &str| parsed(text).references().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(names("Join([b], [a], IIF([b] = [c], \"\", [a]))"), ["b", "a", "c"]);
    assert_eq!(parsed("[mail]").as_reference(), Some("mail"));
    assert_eq!(parsed("Trim([mail])").as_reference(), None);
    assert_eq!(parsed("\"x\"").as_constant(), Some(&Value::from("x")));
    assert!(parsed("Trim(Redact([pin]))").is_redacted() && !parsed("[pin]").is_redacted());
    assert!(parsed("SelectUniqueValue([a], [b])").uses_unique() && !parsed("[a]").uses_unique());
    let lints = |text: &str| parsed(text).lints().iter().map(|lint| lint.position).collect::<Vec<_>>();
    assert_eq!(lints("Append([a], trim([b]))"), [12]);
    assert_eq!(lints("IIF(true, \"ø\\d\", \"\\\\d\")"), [4, 12]);
    assert_eq!(lints("Append([a], \"\\\"\")"), Vec::<usize>::new());
}

#[test]
fn steps_are_told_inside_first() {
    let expression =
        Expression::parse("IIF([grade] > 5, Append([mail], \"!\"), [no])").expect("an expression");
    let mut context = Context::at(OffsetDateTime::UNIX_EPOCH);
    let (outcome, steps) = expression.evaluate_traced(&person(), &mut context);
    assert_eq!(outcome, Ok(Outcome::Value(Value::from("mia@example.org!"))));
    let told: Vec<(&str, usize, usize)> =
        steps.iter().map(|step| (step.expression.as_str(), step.position, step.depth)).collect();
    let expected = [
        ("[grade]", 4, 2),
        ("5", 14, 2),
        ("[grade] > 5", 4, 1),
        ("[mail]", 24, 2),
        ("\"!\"", 32, 2),
        ("Append([mail], \"!\")", 17, 1),
        ("IIF([grade] > 5, Append([mail], \"!\"), [no])", 0, 0),
    ];
    assert_eq!(told, expected);
}
