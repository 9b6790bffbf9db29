//! A PATCH request, from JSON.

use serde_json::{Map, Value};

use super::error::{PatchError, PatchProblem};
use super::normalise::Normaliser;
use super::operation::{Canonical, PatchOp};
use crate::dialect::{Dialect, Note, Tolerance};
use crate::message::{MessageError, PATCH_OP_URN, envelope, take_member};
use crate::schema::ResourceType;

/// The most operations that a request may have.
pub const MAX_OPERATIONS: usize = 1000;

/// A PATCH request in canonical form: targets resolved, values of their attributes' types.
///
/// ```
/// use scim_core::patch::PatchRequest;
/// use scim_core::{Dialect, Registry, Resource};
///
/// let registry = Registry::builtin();
/// let user = registry.resource_type("User").expect("User is built in");
/// let mut current = Resource::default();
/// current.attributes_mut().insert("userName".into(), "ana".into());
///
/// let body = serde_json::json!({
///     "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
///     "Operations": [{ "op": "Replace", "path": "active", "value": "False" }]
/// });
/// let request = PatchRequest::parse(user, body, Dialect::LENIENT).expect("Entra sends this");
/// let outcome = request.apply(user, "7", &current, None, Dialect::LENIENT).expect("it can be applied");
/// assert_eq!(outcome.resource.attributes()["active"], false);
/// assert_eq!(outcome.notes.len(), 2); // operation-case, string-booleans
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct PatchRequest {
    pub(super) operations: Vec<Canonical>,
    pub(super) notes: Vec<Note>,
}

impl PatchRequest {
    /// Reads and normalises a request.
    ///
    /// # Errors
    /// [`PatchError`], with the operation's place and path: `invalidSyntax` for the form, `invalidPath` for a path that
    /// names nothing, `noTarget` for a `remove` without path, `mutability` for readOnly attributes, `invalidValue` for
    /// a value that is not of the attribute's type.
    pub fn parse(resource_type: &ResourceType, body: Value, dialect: Dialect) -> Result<Self, PatchError> {
        let mut members = envelope(body, PATCH_OP_URN)?;
        let Some(Value::Array(list)) = take_member(&mut members, "Operations") else {
            return Err(MessageError::Member { member: "Operations", expected: "an array" }.into());
        };
        if list.len() > MAX_OPERATIONS {
            return Err(PatchError::TooManyOperations { given: list.len(), limit: MAX_OPERATIONS });
        }
        let mut normaliser = Normaliser::new(resource_type, dialect, list.len());
        if list.is_empty() && dialect.tolerates(Tolerance::EmptyOperations) {
            normaliser.note(Tolerance::EmptyOperations, "Operations is empty");
        }
        for (index, json) in list.into_iter().enumerate() {
            let position = index + 1;
            let mut path = None;
            read_operation(&mut normaliser, position, json, &mut path)
                .map_err(|problem| PatchError::Operation { position, path, problem })?;
        }
        let (operations, notes) = normaliser.finish();
        Ok(Self { operations, notes })
    }

    /// Whether nothing at all is asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }
}

/// `at` is set as soon as it is known where a problem would be.
fn read_operation(
    normaliser: &mut Normaliser<'_>,
    position: usize,
    json: Value,
    at: &mut Option<String>,
) -> Result<(), PatchProblem> {
    let syntax = |text: &str| PatchProblem::Syntax(text.to_owned());
    let Value::Object(members) = json else { return Err(syntax("an operation must be a JSON object")) };
    let [op, path, value] = parts(members, ["op", "path", "value"]);
    // Whether there is a value decides, so that null is not the same as none for it.
    let (op, path) = (op.filter(|op| !op.is_null()), path.filter(|path| !path.is_null()));
    let path = match path {
        None => None,
        Some(Value::String(path)) => Some(path),
        Some(_) => return Err(syntax("path must be a string")),
    };
    at.clone_from(&path);
    let op = match op {
        Some(Value::String(op)) => read_op(normaliser, position, &op)?,
        _ => return Err(syntax("op must be one of add, remove, replace")),
    };
    match (op, path, value) {
        // Some clients send an empty path for none.
        (op, Some(path), value) if !path.is_empty() => normaliser.with_path(position, op, &path, value),
        (PatchOp::Remove, _, _) => Err(PatchProblem::NoTarget("remove needs a path".to_owned())),
        (op, _, Some(Value::Object(values))) => normaliser.without_path(position, op, values, at),
        (op, _, _) => Err(PatchProblem::Value(format!(
            "{} without path needs a value that is an object of attributes",
            op.name()
        ))),
    }
}

fn read_op(normaliser: &mut Normaliser<'_>, position: usize, given: &str) -> Result<PatchOp, PatchProblem> {
    for op in [PatchOp::Add, PatchOp::Remove, PatchOp::Replace] {
        if given == op.name() {
            return Ok(op);
        }
        if given.eq_ignore_ascii_case(op.name()) && normaliser.dialect().tolerates(Tolerance::OperationCase) {
            normaliser.note(Tolerance::OperationCase, format!("Operations[{position}]: op {}", op.name()));
            return Ok(op);
        }
    }
    let shown: String = given.chars().take(40).collect();
    Err(PatchProblem::Syntax(format!("op {shown:?} is not one of add, remove, replace")))
}

/// The members of those names, whatever their letter case; the exact spelling first, and then the one that comes first.
fn parts<const N: usize>(members: Map<String, Value>, names: [&str; N]) -> [Option<Value>; N] {
    let (mut exact, mut other) = (names.map(|_| None), names.map(|_| None));
    for (given, value) in members {
        for ((name, exact), other) in names.iter().zip(&mut exact).zip(&mut other) {
            if given == *name {
                *exact = Some(value);
                break;
            }
            if other.is_none() && given.eq_ignore_ascii_case(name) {
                *other = Some(value);
                break;
            }
        }
    }
    let mut other = other.into_iter();
    exact.map(|exact| exact.or(other.next().flatten()))
}
