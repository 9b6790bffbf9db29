//! The strict engine: canonical operations on a copy of the resource.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::edges::MemberEdit;
use super::elements;
use super::error::{PatchError, PatchProblem};
use super::operation::{Action, Canonical, ElementChange, PatchOp};
use super::request::PatchRequest;
use crate::dialect::{Dialect, Note, Tolerance};
use crate::path::AttributeRef;
use crate::resource::{Resource, canonical, check_required, check_user_name, member, member_mut, same};
use crate::schema::{Attribute, Mutability, ResourceType, Schema};

/// What a PATCH request makes of a resource.
#[derive(Clone, Debug, PartialEq)]
pub struct PatchOutcome {
    /// The resource, in canonical form.
    pub resource: Resource,
    /// The `externalId`.
    pub external_id: Option<String>,
    /// Whether the resource or its `externalId` differ from what they were; edits of edges do not count, as only those
    /// who keep the edges know.
    pub changed: bool,
    /// The changes to edges, in order.
    pub edits: Vec<MemberEdit>,
    /// What was tolerated.
    pub notes: Vec<Note>,
}

impl PatchRequest {
    /// Applies the request to a resource: `current` is its canonical form, `id` the one in the URL, `external_id` the
    /// one that it has for this client. All operations or none.
    ///
    /// # Errors
    /// [`PatchError`], with the operation's place and path: `noTarget` where no value satisfies a filter, `mutability`
    /// for immutable and required attributes and another `id`, `invalidValue` where the outcome would not be valid.
    pub fn apply(
        &self,
        resource_type: &ResourceType,
        id: &str,
        current: &Resource,
        external_id: Option<&str>,
        dialect: Dialect,
    ) -> Result<PatchOutcome, PatchError> {
        let mut attributes = current.attributes().clone();
        if let Some(external_id) = external_id {
            attributes.insert("externalId".to_owned(), external_id.into());
        }
        let mut draft =
            Draft { attributes, dialect, cleared: Vec::new(), edits: Vec::new(), notes: self.notes.clone() };
        for operation in &self.operations {
            draft.run(operation, id).map_err(|problem| PatchError::Operation {
                position: operation.position,
                path: Some(operation.path.clone()),
                problem,
            })?;
        }
        draft.sweep();
        let Draft { mut attributes, edits, notes, .. } = draft;
        let external_id_after = attributes.shift_remove("externalId").and_then(|value| match value {
            Value::String(text) => Some(text),
            _ => None,
        });
        let resource = canonical(resource_type, attributes);
        check_outcome(resource_type, current, &resource)?;
        if current.text("userName") != resource.text("userName") {
            check_user_name(resource_type, &resource, dialect)
                .map_err(|error| PatchError::Result(error.into()))?;
        }
        let changed = external_id_after.as_deref() != external_id || differs(current, &resource);
        Ok(PatchOutcome { resource, external_id: external_id_after, changed, edits, notes })
    }
}

/// Whether documents differ; `schemas` follows from the rest.
fn differs(left: &Resource, right: &Resource) -> bool {
    let (left, right) = (left.attributes(), right.attributes());
    let rest = |members: &'_ Map<String, Value>| members.len() - usize::from(members.contains_key("schemas"));
    let is_same = |(name, value): (&String, &Value), beside: Option<(&String, &Value)>| {
        // Both are in canonical order, so that the same attribute stands beside, as a rule.
        let other = match beside {
            Some((other, value)) if other == name => Some(value),
            _ => right.get(name),
        };
        name == "schemas" || other.is_some_and(|other| same(value, other))
    };
    let mut beside = right.iter();
    rest(left) != rest(right) || !left.iter().all(|member| is_same(member, beside.next()))
}

/// What is required is there, unless it was missing before.
fn check_outcome(
    resource_type: &ResourceType,
    before: &Resource,
    after: &Resource,
) -> Result<(), PatchError> {
    if let Err(error) = check_required(resource_type, after)
        && check_required(resource_type, before).is_ok()
    {
        return Err(PatchError::Result(error.into()));
    }
    let empty = Map::new();
    check_sub_attributes(&resource_type.schema, before.attributes(), after.attributes())?;
    for schema in resource_type.extensions.iter().map(|extension| &extension.schema) {
        if let Some(Value::Object(after)) = member(after.attributes(), &schema.id) {
            let before = member(before.attributes(), &schema.id).and_then(Value::as_object);
            check_sub_attributes(schema, before.unwrap_or(&empty), after)?;
        }
    }
    Ok(())
}

fn check_sub_attributes(
    schema: &Schema,
    before: &Map<String, Value>,
    after: &Map<String, Value>,
) -> Result<(), PatchError> {
    for attribute in &schema.attributes {
        for sub in attribute.sub_attributes.iter().filter(|sub| sub.required) {
            let Some(value) = after.get(&attribute.name) else { continue };
            let lacks = |element: &Value| element.get(&sub.name).is_none();
            let lacking = match value {
                Value::Array(elements) => elements.iter().any(lacks),
                element => lacks(element),
            };
            if lacking && sub.mutability != Mutability::ReadOnly && before.get(&attribute.name) != Some(value)
            {
                return Err(PatchError::Result(PatchProblem::Value(format!(
                    "{}.{} is required and missing",
                    attribute.name, sub.name
                ))));
            }
        }
    }
    Ok(())
}

/// The resource while operations are applied. It is thrown away when one fails.
struct Draft {
    attributes: Map<String, Value>,
    dialect: Dialect,
    /// Multi-valued attributes whose elements lost a sub-attribute.
    cleared: Vec<AttributeRef>,
    edits: Vec<MemberEdit>,
    notes: Vec<Note>,
}

impl Draft {
    fn run(&mut self, operation: &Canonical, id: &str) -> Result<(), PatchProblem> {
        let op = operation.op;
        match &operation.action {
            Action::Set { at, value } => self.set(at, value.as_ref(), op),
            Action::AddElements { at, elements } => {
                self.with_elements(at, op, |present| elements::add(present, elements))
            }
            Action::ReplaceElements { at, elements } => self.with_elements(at, op, |present| {
                present.clone_from(elements);
                Ok(())
            }),
            Action::RemoveElements { at, elements } => self.with_elements(at, op, |present| {
                elements::remove(present, &at.attribute, elements);
                Ok(())
            }),
            Action::Elements { at, condition, change } => {
                if matches!(change, ElementChange::SetSub(_, None)) {
                    self.cleared.push(at.clone());
                }
                let (dialect, mut used) = (self.dialect, None);
                self.with_elements(at, op, |present| {
                    elements::change_where(present, condition, change, op, dialect, &mut |tolerance| {
                        used = Some(tolerance);
                    })
                })?;
                self.notes.extend(used.map(|tolerance| elements::note(tolerance, &operation.path)));
                Ok(())
            }
            Action::RemoveExtension(schema) => self.remove_extension(schema),
            Action::AssertId(given) if given == id => {
                if self.dialect.tolerates(Tolerance::ReadOnlyIgnored) {
                    self.notes
                        .push(Note::new(Tolerance::ReadOnlyIgnored, "id: that of the resource, ignored"));
                }
                Ok(())
            }
            Action::AssertId(_) => Err(PatchProblem::Mutability(
                "id is readOnly, and not that of the resource; leave it out".to_owned(),
            )),
            Action::Edit(edit) => {
                self.edits.push(edit.clone());
                Ok(())
            }
        }
    }

    fn set(&mut self, at: &AttributeRef, value: Option<&Value>, op: PatchOp) -> Result<(), PatchProblem> {
        match &at.sub {
            Some(sub) if at.attribute.multi_valued => {
                if value.is_none() {
                    self.cleared.push(at.clone());
                }
                self.with_elements(at, op, |present| elements::set_all(present, sub, value, op))
            }
            Some(sub) => self.with_elements(at, op, |present| {
                if present.is_empty() && value.is_some() {
                    present.push(Value::Object(Map::new()));
                }
                match present.first_mut() {
                    Some(Value::Object(object)) => elements::put(object, sub, value, op),
                    _ => Ok(()),
                }?;
                present.retain(|value| value.as_object().is_none_or(|object| !object.is_empty()));
                Ok(())
            }),
            None => {
                if let Some(object) = self.object(at, value.is_some()) {
                    check_parts(&at.attribute, object, value)?;
                    elements::put(object, &at.attribute, value, op)?;
                }
                self.drop_if_empty(at);
                Ok(())
            }
        }
    }

    /// Works on an attribute's elements; a singular complex attribute has one or none.
    fn with_elements(
        &mut self,
        at: &AttributeRef,
        op: PatchOp,
        work: impl FnOnce(&mut Vec<Value>) -> Result<(), PatchProblem>,
    ) -> Result<(), PatchProblem> {
        let attribute = &at.attribute;
        // The value is taken out while it is worked on. Where that fails, the whole draft is thrown away.
        let place = self.object(at, false).and_then(|object| member_mut(object, &attribute.name));
        let present = place.map(Value::take);
        let is_present = present.is_some();
        let immutable = attribute.mutability == Mutability::Immutable;
        let kept = if immutable { present.clone() } else { None };
        let mut elements = match present {
            None => Vec::new(),
            Some(Value::Array(elements)) if attribute.multi_valued => elements,
            Some(value) => vec![value],
        };
        work(&mut elements)?;
        elements::drop_doubles(&mut elements);
        let value = match elements.is_empty() {
            true => None,
            false if attribute.multi_valued => Some(Value::Array(elements)),
            false => elements.pop(),
        };
        if immutable {
            elements::check_immutable(attribute, kept.as_ref(), value.as_ref())?;
        }
        match (is_present, value) {
            (false, None) => return Ok(()),
            (true, None) => {
                if attribute.required {
                    return Err(elements::required(attribute, op));
                }
                if let Some(object) = self.object(at, false) {
                    object.shift_remove(&attribute.name);
                }
            }
            (_, Some(value)) => {
                if let Some(object) = self.object(at, true) {
                    match member_mut(object, &attribute.name) {
                        Some(place) => *place = value,
                        None => drop(object.insert(attribute.name.clone(), value)),
                    }
                }
            }
        }
        self.drop_if_empty(at);
        Ok(())
    }

    /// The object that holds the attribute.
    fn object(&mut self, at: &AttributeRef, create: bool) -> Option<&mut Map<String, Value>> {
        let Some(urn) = &at.extension else { return Some(&mut self.attributes) };
        if create && member(&self.attributes, urn).is_none() {
            self.attributes.insert(urn.to_string(), Value::Object(Map::new()));
        }
        member_mut(&mut self.attributes, urn)?.as_object_mut()
    }

    fn drop_if_empty(&mut self, at: &AttributeRef) {
        if let Some(urn) = &at.extension
            && member(&self.attributes, urn).and_then(Value::as_object).is_some_and(Map::is_empty)
        {
            self.attributes.shift_remove(&**urn);
        }
    }

    fn remove_extension(&mut self, schema: &Arc<Schema>) -> Result<(), PatchProblem> {
        let Some(Value::Object(object)) = self.attributes.get(&*schema.id) else { return Ok(()) };
        for attribute in &schema.attributes {
            check_parts(attribute, object, None)?;
            elements::check_immutable(attribute, object.get(&attribute.name), None)?;
        }
        self.attributes.shift_remove(&*schema.id);
        Ok(())
    }

    fn sweep(&mut self) {
        let dialect = self.dialect;
        for at in std::mem::take(&mut self.cleared) {
            let name = &at.attribute.name;
            let Some(object) = self.object(&at, false) else { continue };
            if let Some(Value::Array(list)) = object.get_mut(name) {
                elements::sweep(list, dialect);
                if list.is_empty() {
                    object.shift_remove(name);
                }
            }
            self.drop_if_empty(&at);
        }
    }
}

/// A complex attribute that goes takes no immutable sub-attribute with it.
fn check_parts(
    attribute: &Attribute,
    object: &Map<String, Value>,
    value: Option<&Value>,
) -> Result<(), PatchProblem> {
    if value.is_none() && !attribute.multi_valued {
        let present = member(object, &attribute.name);
        for sub in &attribute.sub_attributes {
            elements::check_immutable(sub, present.and_then(|object| object.get(&sub.name)), None)?;
        }
    }
    Ok(())
}
