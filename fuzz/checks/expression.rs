//! What holds of every expression, whatever an administrator writes and whatever an object holds.

use scim_mapping::expression::{Context, ErrorKind, Expression, ExpressionError, MAX_CHARACTERS, Outcome};
use serde_json::{Value, json};

/// Text is refused at a place inside it, or: its canonical text reads back as the same expression; it evaluates the same
/// way twice, and as its canonical text does; the last step of the trace is the outcome.
pub(crate) fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let expression = match Expression::parse(text) {
        Ok(expression) => expression,
        Err(error) => return refused(text, &error),
    };
    let canonical = expression.to_string();
    // The canonical text may be longer than the limit: a backslash is written as two.
    let again = match Expression::parse(&canonical) {
        Err(error) if error.kind() == ErrorKind::Limit && canonical.chars().count() > MAX_CHARACTERS => None,
        again => Some(again),
    };
    assert!(again.is_none() || again == Some(Ok(expression.clone())), "{text:?} {canonical:?}");
    assert!(expression.lints().iter().all(|lint| lint.position <= text.chars().count()), "{text:?}");
    for object in objects(&expression) {
        let outcome = evaluate(&expression, &object);
        assert_eq!(evaluate(&expression, &object), outcome, "{text:?}");
        if let Err(error) = &outcome {
            assert!(error.position() <= text.chars().count(), "{error:?} {text:?}");
        }
        if let Some(Ok(again)) = &again {
            let kind = |error: ExpressionError| error.kind();
            assert_eq!(evaluate(again, &object).map_err(kind), outcome.clone().map_err(kind), "{text:?}");
        }
        let (traced, steps) =
            with(&expression, |expression, context| expression.evaluate_traced(&object, context));
        assert_eq!(traced, outcome, "{text:?}");
        assert_eq!(steps.last().map(|step| step.expression.as_str()), Some(canonical.as_str()));
    }
}

/// Objects that have values of one sort for each attribute that the expression uses; and the empty one.
fn objects(expression: &Expression) -> Vec<Value> {
    let values = [
        Value::Null,
        json!(""),
        json!("Ærø-Straße (2nd)  x@example.org"),
        json!("2026-03-10"),
        json!("-42"),
        json!(i64::MIN),
        json!(1.5),
        json!(true),
        json!(["b", "a", "b"]),
        json!([{ "displayName": "Approver", "value": "approver" }]),
    ];
    let object = |value: Value| {
        Value::Object(expression.references().map(|name| (name.to_owned(), value.clone())).collect())
    };
    values.into_iter().map(object).collect()
}

fn evaluate(expression: &Expression, object: &Value) -> Result<Outcome, ExpressionError> {
    with(expression, |expression, context| expression.evaluate(object, context))
}

/// Runs with a world that is the same each time.
fn with<T>(expression: &Expression, run: impl FnOnce(&Expression, &mut Context<'_>) -> T) -> T {
    let taken = |value: &str| value.len() < 3;
    let mut next = 0_u8;
    let mut random = |bytes: &mut [u8]| {
        for byte in bytes {
            next = next.wrapping_mul(37).wrapping_add(11);
            *byte = next;
        }
    };
    let now = time::OffsetDateTime::UNIX_EPOCH + time::Duration::days(20_000);
    run(expression, &mut Context::at(now).default_domain("example.org").taken(&taken).random(&mut random))
}

fn refused(text: &str, error: &ExpressionError) {
    assert!(error.position() <= text.chars().count(), "{error:?} {text:?}");
    assert!(!error.message().is_empty());
}
