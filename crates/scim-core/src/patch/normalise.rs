//! From what clients write to canonical operations.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::edges;
use super::error::PatchProblem;
use super::operation::{Action, Canonical, ElementChange, PatchOp};
use crate::dialect::{Dialect, Note, Tolerance};
use crate::filter::{FilterLimits, TypedFilter};
use crate::path::{AttributeRef, PatchPath, Resolved, Target};
use crate::resource::{coerce, coerce_element, unknown};
use crate::schema::{Attribute, Mutability, Residence, ResourceType, Schema};
use crate::text::{Matching, is_precis_user_name};

/// Collects canonical operations.
pub(super) struct Normaliser<'t> {
    resource_type: &'t ResourceType,
    dialect: Dialect,
    operations: Vec<Canonical>,
    notes: Vec<Note>,
}

/// One operation on one target.
#[derive(Clone, Copy)]
struct Order<'p> {
    position: usize,
    op: PatchOp,
    /// The path, or the key of a value.
    path: &'p str,
    /// Whether the client named the target in `path`, and not in passing.
    explicit: bool,
}

impl<'t> Normaliser<'t> {
    /// `operations` is about how many there will be.
    pub(super) fn new(resource_type: &'t ResourceType, dialect: Dialect, operations: usize) -> Self {
        Self { resource_type, dialect, operations: Vec::with_capacity(operations), notes: Vec::new() }
    }

    pub(super) const fn dialect(&self) -> Dialect {
        self.dialect
    }

    pub(super) fn note(&mut self, tolerance: Tolerance, detail: impl Into<String>) {
        self.notes.push(Note::new(tolerance, detail));
    }

    pub(super) fn finish(self) -> (Vec<Canonical>, Vec<Note>) {
        (self.operations, self.notes)
    }

    pub(super) fn with_path(
        &mut self,
        position: usize,
        op: PatchOp,
        path: &str,
        value: Option<Value>,
    ) -> Result<(), PatchProblem> {
        let parsed = PatchPath::parse(path, &FilterLimits::default())?;
        let (target, notes) = parsed.resolve(self.resource_type, self.dialect)?;
        self.notes.extend(notes);
        let order = Order { position, op, path, explicit: true };
        if op != PatchOp::Remove && value.is_none() {
            return Err(PatchProblem::Value(format!("{} needs a value", op.name())));
        }
        self.target(order, target, value)
    }

    /// `at` follows the keys.
    pub(super) fn without_path(
        &mut self,
        position: usize,
        op: PatchOp,
        values: Map<String, Value>,
        at: &mut Option<String>,
    ) -> Result<(), PatchProblem> {
        for (key, value) in values {
            *at = Some(key.clone());
            let order = Order { position, op, path: &key, explicit: false };
            match self.key(&key, &value)? {
                Some(target) => self.target(order, target, Some(value))?,
                None => unknown(&key, self.dialect, &mut self.notes)?,
            }
        }
        *at = None;
        Ok(())
    }

    /// What a key of a value names; `None` where it is unknown.
    fn key(&mut self, key: &str, value: &Value) -> Result<Option<Target>, PatchProblem> {
        if let Some(extension) = self.resource_type.extension(key) {
            return Ok(Some(Target::Extension(Arc::clone(&extension.schema))));
        }
        if let Some(attribute) = self.resource_type.attribute(key) {
            let attribute = Arc::clone(attribute);
            return Ok(Some(Target::Attribute(AttributeRef { extension: None, attribute, sub: None })));
        }
        if !key.contains(['.', ':', '[']) {
            return Ok(match self.resource_type.resolve_in(key, self.dialect) {
                Ok((Resolved::Attribute(at), note)) => {
                    self.notes.extend(note);
                    Some(Target::Attribute(at))
                }
                _ => None,
            });
        }
        if !self.dialect.tolerates(Tolerance::PathKeys) {
            return Ok(None);
        }
        // A filter that is malformed is worth an error: ignoring it would lose a value that was meant.
        let parsed = match PatchPath::parse(key, &FilterLimits::default()) {
            Ok(parsed) => parsed,
            Err(error) if key.contains('[') && !value.is_null() => return Err(error.into()),
            Err(_) => return Ok(None),
        };
        let Ok((target, notes)) = parsed.resolve(self.resource_type, self.dialect) else { return Ok(None) };
        self.note(Tolerance::PathKeys, format!("{key}: a path as a key"));
        self.notes.extend(notes);
        Ok(Some(target))
    }

    fn target(&mut self, order: Order<'_>, target: Target, value: Option<Value>) -> Result<(), PatchProblem> {
        match target {
            Target::Attribute(at) => self.attribute(order, at, value),
            Target::Extension(schema) => self.extension(order, &schema, value),
            Target::Values { attribute, condition, sub } => {
                self.values(order, attribute, condition, sub, value)
            }
        }
    }

    fn extension(
        &mut self,
        order: Order<'_>,
        schema: &Arc<Schema>,
        value: Option<Value>,
    ) -> Result<(), PatchProblem> {
        match (order.op, value) {
            (PatchOp::Remove, _) | (PatchOp::Replace, Some(Value::Null)) => {
                self.push(order, Action::RemoveExtension(Arc::clone(schema)));
                Ok(())
            }
            (PatchOp::Add, Some(Value::Null)) => Ok(()),
            (_, Some(Value::Object(values))) => {
                for (key, value) in values {
                    let path = format!("{}:{key}", schema.id);
                    let order = Order { path: &path, explicit: false, ..order };
                    match self.extension_key(schema, &key, &path) {
                        Some(at) => self.attribute(order, at, Some(value))?,
                        None if value.is_null() => {}
                        None => unknown(&path, self.dialect, &mut self.notes)?,
                    }
                }
                Ok(())
            }
            _ => Err(PatchProblem::Value(
                "an extension's value must be an object of its attributes".to_owned(),
            )),
        }
    }

    fn extension_key(&mut self, schema: &Arc<Schema>, key: &str, path: &str) -> Option<AttributeRef> {
        if let Some(attribute) = schema.attribute(key) {
            let extension = Some(Arc::clone(&schema.id));
            return Some(AttributeRef { extension, attribute: Arc::clone(attribute), sub: None });
        }
        if !key.contains('.') || !self.dialect.tolerates(Tolerance::PathKeys) {
            return None;
        }
        let at = self.resource_type.resolve_attribute(path).ok()?;
        self.note(Tolerance::PathKeys, format!("{at}: a path as a key"));
        Some(at)
    }

    /// Refuses or skips (`true`) what only the server writes.
    fn skips_read_only(&mut self, order: Order<'_>, at: &AttributeRef) -> Result<bool, PatchProblem> {
        let read_only = |attribute: &Arc<Attribute>| attribute.mutability == Mutability::ReadOnly;
        if !read_only(&at.attribute) && !at.sub.as_ref().is_some_and(read_only) {
            return Ok(false);
        }
        if order.explicit || !self.dialect.tolerates(Tolerance::ReadOnlyIgnored) {
            return Err(PatchProblem::Mutability(format!("{at} is readOnly: only the server writes it")));
        }
        self.note(Tolerance::ReadOnlyIgnored, format!("{at}: readOnly, ignored"));
        Ok(true)
    }

    fn attribute(
        &mut self,
        order: Order<'_>,
        at: AttributeRef,
        value: Option<Value>,
    ) -> Result<(), PatchProblem> {
        if at.is("schemas") {
            // It follows from the attributes that the resource has.
            if self.dialect.tolerates(Tolerance::ReadOnlyIgnored) {
                self.note(Tolerance::ReadOnlyIgnored, "schemas: follows from the attributes, ignored");
            }
            return Ok(());
        }
        if at.is("id") && !order.explicit {
            return match value {
                Some(Value::String(id)) => {
                    self.push(order, Action::AssertId(id));
                    Ok(())
                }
                Some(Value::Null) | None => Ok(()),
                Some(_) => Err(PatchProblem::Value("id must be text".to_owned())),
            };
        }
        if self.skips_read_only(order, &at)? {
            return Ok(());
        }
        if at.attribute.residence == Residence::Edges {
            if at.sub.is_some() {
                return Err(edges::fixed(&at.attribute));
            }
            let edit =
                edges::edit(&at.attribute, order.path, order.op, value, self.dialect, &mut self.notes)?;
            if let Some(edit) = edit {
                self.push(order, Action::Edit(edit));
            }
            return Ok(());
        }
        match (order.op, value) {
            (PatchOp::Remove, value) => self.remove(order, at, value),
            (_, None) => Err(PatchProblem::Value(format!("{} needs a value", order.op.name()))),
            (_, Some(value))
                if at.sub.is_some() || !(at.attribute.multi_valued || at.attribute.is_complex()) =>
            {
                self.set(order, at, value)
            }
            (_, Some(value)) if at.attribute.multi_valued => self.elements(order, at, value),
            (_, Some(value)) => self.complex(order, &at, value),
        }
    }

    fn remove(
        &mut self,
        order: Order<'_>,
        at: AttributeRef,
        value: Option<Value>,
    ) -> Result<(), PatchProblem> {
        let by_value = at.sub.is_none() && at.attribute.multi_valued;
        let Some(value) = value.filter(|value| by_value && !value.is_null()) else {
            self.push(order, Action::Set { at, value: None });
            return Ok(());
        };
        if !self.dialect.tolerates(Tolerance::RemoveByValue) {
            return Err(PatchProblem::Value(format!(
                "remove takes no value; name the values by a filter, such as {at}[value eq \"…\"]"
            )));
        }
        self.note(Tolerance::RemoveByValue, format!("{at}: remove with a list of values"));
        if let Some(Value::Array(elements)) =
            coerce(&at.attribute, order.path, value, self.dialect, &mut self.notes)?
        {
            self.push(order, Action::RemoveElements { at, elements });
        }
        Ok(())
    }

    /// A singular attribute that is not complex, or a sub-attribute.
    fn set(&mut self, order: Order<'_>, at: AttributeRef, value: Value) -> Result<(), PatchProblem> {
        self.note_if_empty(&at, &value);
        let value = coerce(at.leaf(), order.path, value, self.dialect, &mut self.notes)?;
        if at.attribute.matching == Matching::UserName
            && let Some(Value::String(name)) = &value
            && !self.dialect.tolerates(Tolerance::FreeUserNames)
            && !is_precis_user_name(name)
        {
            return Err(PatchProblem::Value(
                "has characters that PRECIS UsernameCaseMapped does not allow, such as blanks (RFC 8265 §3.3)"
                    .to_owned(),
            ));
        }
        self.push(order, Action::Set { at, value });
        Ok(())
    }

    /// A multi-valued attribute as a whole.
    fn elements(&mut self, order: Order<'_>, at: AttributeRef, value: Value) -> Result<(), PatchProblem> {
        // "It may be a JSON object containing the sub-attributes" (RFC 7644 §3.5.2.1): no tolerance is needed.
        let value = match value {
            Value::Object(_) if order.op == PatchOp::Add && order.explicit => Value::Array(vec![value]),
            other => other,
        };
        self.note_if_empty(&at, &value);
        let value = coerce(&at.attribute, order.path, value, self.dialect, &mut self.notes)?;
        match (order.op, value) {
            (PatchOp::Add, Some(Value::Array(elements))) => {
                self.push(order, Action::AddElements { at, elements });
            }
            (PatchOp::Add, _) => {}
            (_, Some(Value::Array(elements))) => self.push(order, Action::ReplaceElements { at, elements }),
            _ => self.push(order, Action::Set { at, value: None }),
        }
        Ok(())
    }

    /// A singular complex attribute as a whole: one operation for each sub-attribute that is named.
    fn complex(&mut self, order: Order<'_>, at: &AttributeRef, value: Value) -> Result<(), PatchProblem> {
        let value = self.unwrapped(at, value);
        let Value::Object(values) = value else {
            self.note_if_empty(at, &value);
            let whole = coerce(&at.attribute, order.path, value, self.dialect, &mut self.notes)?;
            match whole {
                Some(Value::Object(values)) => self.sub_attributes(order, at, values)?,
                _ => self.push(order, Action::Set { at: at.clone(), value: None }),
            }
            return Ok(());
        };
        self.sub_attributes(order, at, values)
    }

    fn sub_attributes(
        &mut self,
        order: Order<'_>,
        at: &AttributeRef,
        values: Map<String, Value>,
    ) -> Result<(), PatchProblem> {
        for (name, value) in values {
            match at.attribute.sub_attribute(&name) {
                // What only the server writes comes back with what a client read.
                Some(sub) if sub.mutability == Mutability::ReadOnly => {}
                Some(sub) => {
                    self.set(order, AttributeRef { sub: Some(Arc::clone(sub)), ..at.clone() }, value)?;
                }
                None if value.is_null() => {}
                None => unknown(&format!("{at}.{name}"), self.dialect, &mut self.notes)?,
            }
        }
        Ok(())
    }

    fn values(
        &mut self,
        order: Order<'_>,
        at: AttributeRef,
        condition: TypedFilter,
        sub: Option<Arc<Attribute>>,
        value: Option<Value>,
    ) -> Result<(), PatchProblem> {
        let whole = AttributeRef { sub: sub.clone(), ..at.clone() };
        if self.skips_read_only(order, &whole)? {
            return Ok(());
        }
        if at.attribute.residence == Residence::Edges {
            if sub.is_some() {
                return Err(edges::fixed(&at.attribute));
            }
            let edit = edges::edit_where(&at.attribute, order.op, condition)?;
            self.push(order, Action::Edit(edit));
            return Ok(());
        }
        let change = match (order.op, sub, value) {
            (PatchOp::Remove, None, _) => ElementChange::Remove,
            (PatchOp::Remove, Some(sub), _) => ElementChange::SetSub(sub, None),
            (_, _, None) => return Err(PatchProblem::Value(format!("{} needs a value", order.op.name()))),
            (_, Some(sub), Some(value)) => {
                self.note_if_empty(&whole, &value);
                let value = coerce(&sub, order.path, value, self.dialect, &mut self.notes)?;
                ElementChange::SetSub(sub, value)
            }
            (op, None, Some(value)) => {
                let value = self.unwrapped(&at, value);
                let value = coerce_element(&at.attribute, order.path, value, self.dialect, &mut self.notes)?;
                match (op, value) {
                    (PatchOp::Add, None) => return Ok(()),
                    (PatchOp::Add, Some(value)) => ElementChange::Merge(value),
                    (_, value) => ElementChange::Replace(value),
                }
            }
        };
        self.push(order, Action::Elements { at, condition, change });
        Ok(())
    }

    /// Takes the array off a lone object.
    fn unwrapped(&mut self, at: &AttributeRef, value: Value) -> Value {
        match value {
            Value::Array(mut list)
                if list.len() == 1
                    && list.first().is_some_and(Value::is_object)
                    && self.dialect.tolerates(Tolerance::WrappedValues) =>
            {
                self.note(Tolerance::WrappedValues, format!("{at}: an array around a single value"));
                list.pop().unwrap_or_default()
            }
            other => other,
        }
    }

    fn note_if_empty(&mut self, at: &AttributeRef, value: &Value) {
        if value.as_str() == Some("") && self.dialect.tolerates(Tolerance::EmptyStringClears) {
            self.note(Tolerance::EmptyStringClears, format!("{at}: an empty string clears"));
        }
    }

    fn push(&mut self, order: Order<'_>, action: Action) {
        let Order { position, op, path, .. } = order;
        self.operations.push(Canonical { position, path: path.to_owned(), op, action });
    }
}
