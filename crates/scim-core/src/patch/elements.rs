//! Changes to the elements of a complex or multi-valued attribute, taken out of the resource as a list.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::error::PatchProblem;
use super::operation::{ElementChange, PatchOp};
use crate::dialect::{Dialect, Note, Tolerance};
use crate::filter::{Operand, TypedFilter};
use crate::resource::{MAX_ELEMENTS, is_primary, member_mut, same};
use crate::schema::{Attribute, Mutability};

/// Adds elements; those that are there already, `primary` aside, are not added twice.
pub(super) fn add(elements: &mut Vec<Value>, added: &[Value]) -> Result<(), PatchProblem> {
    let mut primary = None;
    for value in added {
        let index = match elements.iter().position(|element| same_but_primary(element, value)) {
            Some(index) => index,
            None if elements.len() >= MAX_ELEMENTS => {
                return Err(PatchProblem::Value(format!("would have more than {MAX_ELEMENTS} values")));
            }
            None => {
                elements.push(value.clone());
                elements.len() - 1
            }
        };
        if is_primary(value) {
            if let Some(Value::Object(element)) = elements.get_mut(index) {
                element.insert("primary".to_owned(), Value::Bool(true));
            }
            primary = Some(index);
        }
    }
    if let Some(index) = primary {
        make_primary(elements, index);
    }
    Ok(())
}

/// Removes the elements that agree with one of those listed in all that it says; `primary` does not count.
pub(super) fn remove(elements: &mut Vec<Value>, attribute: &Attribute, listed: &[Value]) {
    elements.retain(|element| !listed.iter().any(|wanted| agrees(attribute, element, wanted)));
}

/// Sets a sub-attribute of every element; makes one where there is none.
pub(super) fn set_all(
    elements: &mut Vec<Value>,
    sub: &Attribute,
    value: Option<&Value>,
    op: PatchOp,
) -> Result<(), PatchProblem> {
    if elements.is_empty() && value.is_some() {
        elements.push(Value::Object(Map::new()));
    }
    let all: Vec<usize> = (0..elements.len()).collect();
    set_sub(elements, &all, sub, value, op)
}

/// Changes the elements that satisfy a condition.
pub(super) fn change_where(
    elements: &mut Vec<Value>,
    condition: &TypedFilter,
    change: &ElementChange,
    op: PatchOp,
    dialect: Dialect,
    note: &mut dyn FnMut(Tolerance),
) -> Result<(), PatchProblem> {
    let found: Vec<usize> = elements
        .iter()
        .enumerate()
        .filter(|(_, element)| condition.matches_element(element))
        .map(|(index, _)| index)
        .collect();
    let removes = op == PatchOp::Remove;
    let clears = matches!(change, ElementChange::SetSub(_, None));
    if found.is_empty() {
        return match change {
            // What is to go is not there.
            _ if (removes || clears) && dialect.tolerates(Tolerance::RemoveOnMiss) => {
                note(Tolerance::RemoveOnMiss);
                Ok(())
            }
            ElementChange::SetSub(sub, Some(value)) if dialect.tolerates(Tolerance::CreateOnMiss) => {
                create(elements, condition, sub, value)?;
                note(Tolerance::CreateOnMiss);
                Ok(())
            }
            _ => Err(PatchProblem::NoTarget("no value satisfies the filter".to_owned())),
        };
    }
    match change {
        ElementChange::Remove | ElementChange::Replace(None) => {
            drop_all(elements, &found);
            Ok(())
        }
        ElementChange::Replace(Some(value)) => {
            if let Some((first, others)) = found.split_first() {
                if let Some(element) = elements.get_mut(*first) {
                    *element = value.clone();
                }
                if is_primary(value) {
                    make_primary(elements, *first);
                }
                // The same value many times over is one value.
                drop_all(elements, others);
            }
            Ok(())
        }
        ElementChange::Merge(value) => {
            if is_primary(value) && found.len() > 1 {
                return Err(two_primaries());
            }
            for &index in &found {
                if let (Some(Value::Object(element)), Value::Object(value)) = (elements.get_mut(index), value)
                {
                    element.extend(value.clone());
                }
                if is_primary(value) {
                    make_primary(elements, index);
                }
            }
            Ok(())
        }
        ElementChange::SetSub(sub, value) => set_sub(elements, &found, sub, value.as_ref(), op),
    }
}

/// Makes the element that the condition describes, with the sub-attribute in it.
fn create(
    elements: &mut Vec<Value>,
    condition: &TypedFilter,
    sub: &Arc<Attribute>,
    value: &Value,
) -> Result<(), PatchProblem> {
    let no_target = || {
        PatchProblem::NoTarget(
            "no value satisfies the filter, and none can be made from it: that takes eq terms joined by and"
                .to_owned(),
        )
    };
    let mut element = Map::new();
    for (path, operand) in condition.as_equalities().ok_or_else(no_target)? {
        if path.attribute.mutability == Mutability::ReadOnly {
            return Err(no_target());
        }
        element.insert(path.attribute.name.clone(), stamped(operand).ok_or_else(no_target)?);
    }
    element.insert(sub.name.clone(), value.clone());
    let element = Value::Object(element);
    // emails[value eq "a"].value = "b" describes no element that could be made.
    if !condition.matches_element(&element) {
        return Err(no_target());
    }
    add(elements, &[element])
}

fn stamped(operand: &Operand) -> Option<Value> {
    Some(match operand {
        Operand::Null => return None,
        Operand::Text { text, .. } => text.clone().into(),
        Operand::Boolean(flag) => (*flag).into(),
        Operand::Integer(number) => (*number).into(),
        Operand::Decimal(number) => Value::Number(serde_json::Number::from_f64(*number)?),
        Operand::Instant(instant) => instant.key().into(),
        Operand::Binary(base64) => base64.clone().into(),
    })
}

fn set_sub(
    elements: &mut [Value],
    found: &[usize],
    sub: &Attribute,
    value: Option<&Value>,
    op: PatchOp,
) -> Result<(), PatchProblem> {
    let primary = sub.name == "primary" && value == Some(&Value::Bool(true));
    if primary && found.len() > 1 {
        return Err(two_primaries());
    }
    for &index in found {
        if let Some(Value::Object(element)) = elements.get_mut(index) {
            put(element, sub, value, op)?;
        }
        if primary {
            make_primary(elements, index);
        }
    }
    Ok(())
}

/// Sets or clears one attribute of an object, as its mutability allows.
pub(super) fn put(
    object: &mut Map<String, Value>,
    attribute: &Attribute,
    value: Option<&Value>,
    op: PatchOp,
) -> Result<(), PatchProblem> {
    let present = member_mut(object, &attribute.name);
    check_immutable(attribute, present.as_deref(), value)?;
    let Some(value) = value else {
        if attribute.required && (present.is_some() || op != PatchOp::Remove) {
            return Err(required(attribute, op));
        }
        object.shift_remove(&attribute.name);
        return Ok(());
    };
    match (present, value) {
        // A multi-valued sub-attribute.
        (Some(Value::Array(present)), Value::Array(added)) if op == PatchOp::Add => add(present, added),
        (Some(present), value) => {
            *present = value.clone();
            Ok(())
        }
        (None, value) => {
            object.insert(attribute.name.clone(), value.clone());
            Ok(())
        }
    }
}

/// An immutable attribute keeps the value that it has (RFC 7644 §3.5.2).
pub(super) fn check_immutable(
    attribute: &Attribute,
    present: Option<&Value>,
    value: Option<&Value>,
) -> Result<(), PatchProblem> {
    if attribute.mutability == Mutability::Immutable && present.is_some() && present != value {
        return Err(PatchProblem::Mutability(format!("{} is immutable and has a value", attribute.name)));
    }
    Ok(())
}

/// RFC 7644 §3.5.2.2 has `mutability` for a required attribute that is removed.
pub(super) fn required(attribute: &Attribute, op: PatchOp) -> PatchProblem {
    let name = &attribute.name;
    match op {
        PatchOp::Remove => PatchProblem::Mutability(format!("{name} is required; it cannot be removed")),
        _ => PatchProblem::Value(format!("{name} is required; it needs a value that is not empty")),
    }
}

/// Drops elements that equal an earlier one: a change may have made them equal.
pub(super) fn drop_doubles(elements: &mut Vec<Value>) {
    let mut at = 1;
    while let Some((before, [element, ..])) = elements.split_at_checked(at) {
        if before.iter().any(|before| same(before, element)) {
            elements.remove(at);
        } else {
            at += 1;
        }
    }
}

/// Drops what says nothing once a sub-attribute has gone: empty elements, and in dialects where an empty string clears,
/// those that hold `type` and `primary` alone.
pub(super) fn sweep(elements: &mut Vec<Value>, dialect: Dialect) {
    let lenient = dialect.tolerates(Tolerance::EmptyStringClears);
    elements.retain(|element| match element {
        Value::Object(element) if lenient => element.keys().any(|key| key != "type" && key != "primary"),
        Value::Object(element) => !element.is_empty(),
        _ => true,
    });
}

/// The note that a tolerance was used on the elements of a path.
pub(super) fn note(tolerance: Tolerance, path: &str) -> Note {
    let detail = match tolerance {
        Tolerance::CreateOnMiss => "made the value that the filter describes",
        _ => "no value to remove",
    };
    Note::new(tolerance, format!("{path}: {detail}"))
}

fn drop_all(elements: &mut Vec<Value>, dropped: &[usize]) {
    let mut index = 0;
    elements.retain(|_| {
        index += 1;
        !dropped.contains(&(index - 1))
    });
}

fn make_primary(elements: &mut [Value], primary: usize) {
    for (index, element) in elements.iter_mut().enumerate() {
        if index != primary
            && is_primary(element)
            && let Value::Object(element) = element
        {
            element.insert("primary".to_owned(), Value::Bool(false));
        }
    }
}

fn two_primaries() -> PatchProblem {
    PatchProblem::Value(
        "primary would be true of more than one value; it may be of one (RFC 7643 §2.4)".to_owned(),
    )
}

fn same_but_primary(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Object(left), Value::Object(right)) => {
            let rest =
                |object: &Map<String, Value>| object.len() - usize::from(object.contains_key("primary"));
            rest(left) == rest(right)
                && left.iter().all(|(name, value)| name == "primary" || right.get(name) == Some(value))
        }
        _ => left == right,
    }
}

fn agrees(attribute: &Attribute, element: &Value, wanted: &Value) -> bool {
    match (element, wanted) {
        (Value::Object(element), Value::Object(wanted)) => {
            let mut told = wanted.iter().filter(|(name, _)| *name != "primary").peekable();
            told.peek().is_some()
                && told.all(|(name, wanted)| {
                    let sub = attribute.sub_attribute(name);
                    sub.zip(element.get(name)).is_some_and(|(sub, value)| equal(sub, value, wanted))
                })
        }
        _ => equal(attribute, element, wanted),
    }
}

fn equal(attribute: &Attribute, left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::String(left), Value::String(right)) => {
            attribute.matching.key(left) == attribute.matching.key(right)
        }
        _ => left == right,
    }
}
