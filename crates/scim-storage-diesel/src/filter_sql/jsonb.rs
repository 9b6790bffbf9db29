//! What PostgreSQL has its own way for: values in `jsonb`, each with the type that the operand has.

use scim_core::filter::{CompareOp, Operand};
use scim_core::schema::AttributeType;

use super::value::Value;
use crate::sql::{Bind, Statement};

/// Doubles above this are whole numbers, of which not each has a double.
const WHOLE: f64 = 9_007_199_254_740_992.0;

/// The elements of an array, to be followed by a JSON path with `[*]` as the value. What is not there has none.
pub(super) fn each(of: &str) -> String {
    format!("jsonb_path_query({of}, CAST(? AS JSONPATH))")
}

/// A JSON value as text; NULL where there is none.
pub(super) fn text(of: &str, names: Vec<String>) -> Statement {
    if names.is_empty() {
        Statement::new(format!("({of} #>> '{{}}')"))
    } else {
        Statement::new(format!("({of} #>> ?)")).texts(names)
    }
}

/// A JSON value.
fn json(of: &str, names: Vec<String>) -> Statement {
    if names.is_empty() {
        Statement::new(of.to_owned())
    } else {
        Statement::new(format!("({of} #> ?)")).texts(names)
    }
}

/// A JSON value that is of a type, as that; else NULL, so that nothing fails in being read.
fn of_type(of: &str, names: Vec<String>, json_type: &str, read: &str) -> Statement {
    let mut value = json(of, names.clone())
        .prefixed("(CASE WHEN jsonb_typeof(")
        .suffixed(&format!(") = '{json_type}' THEN CAST("));
    value.push(json(of, names));
    value.suffixed(&format!(" AS {read}) END)"))
}

/// A JSON number.
pub(super) fn number(of: &str, names: Vec<String>) -> Statement {
    of_type(of, names, "number", "NUMERIC")
}

/// A JSON boolean as 0 or 1.
pub(super) fn flag(of: &str, names: Vec<String>) -> Statement {
    of_type(of, names, "boolean", "BOOLEAN").prefixed("CAST(").suffixed(" AS INTEGER)")
}

/// A JSON string.
pub(super) fn string(of: &str, names: Vec<String>) -> Statement {
    let mut value =
        json(of, names.clone()).prefixed("(CASE WHEN jsonb_typeof(").suffixed(") = 'string' THEN ");
    value.push(text(of, names));
    value.suffixed(" END)")
}

/// One value against the operand; NULL where there is no value of the operand's type.
pub(super) fn test(value: Value, op: CompareOp, operand: &Operand, leaf: AttributeType) -> Statement {
    let (value, operand) = match (value, operand) {
        (_, Operand::Null) => return Statement::new("CAST(NULL AS BOOLEAN)"),
        (Value::Text(text), operand) => (bytewise(text), Statement::new("?").bind(text_of(operand))),
        (Value::Json { of, names }, Operand::Boolean(flag)) => {
            (of_type(of, names, "boolean", "BOOLEAN"), Statement::new("(? = 1)").integer(i64::from(*flag)))
        }
        (Value::Json { of, names }, Operand::Integer(operand)) => {
            (number(of, names), Statement::new("?").integer(*operand))
        }
        (Value::Json { of, names }, Operand::Decimal(operand)) => {
            (number(of, names), decimal(*operand, leaf))
        }
        (Value::Json { of, names }, operand) => {
            (bytewise(text(of, names)), Statement::new("?").bind(text_of(operand)))
        }
    };
    let compared = |operator: &str| {
        let mut whole = value.clone().prefixed("(").suffixed(operator);
        whole.push(operand.clone());
        whole.suffixed(")")
    };
    let called = |before: &str, after: &str| {
        let mut whole = value.clone().prefixed(before).suffixed(", ");
        whole.push(operand.clone());
        whole.suffixed(after)
    };
    match op {
        CompareOp::Eq => compared(" = "),
        CompareOp::Ne => compared(" <> "),
        CompareOp::Gt => compared(" > "),
        CompareOp::Ge => compared(" >= "),
        CompareOp::Lt => compared(" < "),
        CompareOp::Le => compared(" <= "),
        CompareOp::Co => called("(strpos(", ") > 0)"),
        CompareOp::Sw => called("starts_with(", ")"),
        CompareOp::Ew => {
            let mut whole = value.clone().prefixed("(right(").suffixed(", length(");
            whole.push(operand.clone());
            whole.push_str(")) = ");
            whole.push(operand);
            whole.suffixed(")")
        }
    }
}

/// Whatever order the database itself has.
fn bytewise(text: Statement) -> Statement {
    text.prefixed("(").suffixed(" COLLATE \"C\")")
}

/// The text that an operand is compared by.
fn text_of(operand: &Operand) -> Bind {
    match operand {
        Operand::Text { key, .. } => Bind::Text(key.clone()),
        Operand::Instant(instant) => Bind::Text(instant.key()),
        Operand::Binary(text) => Bind::Text(text.clone()),
        // What is no text compares with none.
        Operand::Null | Operand::Boolean(_) | Operand::Integer(_) | Operand::Decimal(_) => {
            Bind::OptionalText(None)
        }
    }
}

/// A real number as JSON has it, which stores it as a decimal number: in the fewest digits that mean it. What whole numbers
/// are compared with has all its digits.
fn decimal(operand: f64, leaf: AttributeType) -> Statement {
    let whole = leaf == AttributeType::Integer && operand.abs() >= WHOLE;
    let digits = if whole { format!("{operand:.0}") } else { operand.to_string() };
    Statement::new("CAST(? AS NUMERIC)").text(digits)
}
