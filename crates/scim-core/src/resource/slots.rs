//! Where the values of a body are gathered: one place for each attribute that a schema declares.

use serde_json::{Map, Value};

use super::coerce::whole;
use super::{Resource, ResourceError};
use crate::dialect::{Dialect, Note};
use crate::schema::{Mutability, Residence, Schema};

/// The values of one schema's attributes, in declared order.
pub(super) struct Slots<'t> {
    schema: &'t Schema,
    is_extension: bool,
    values: Vec<Option<(String, Value)>>,
}

impl<'t> Slots<'t> {
    pub(super) fn new(schema: &'t Schema, is_extension: bool) -> Self {
        Self { schema, is_extension, values: Vec::new() }
    }

    /// The place of the attribute of that name, whatever its letter case.
    pub(super) fn position(&self, name: &str) -> Option<usize> {
        self.schema.attributes.iter().position(|attribute| attribute.name.eq_ignore_ascii_case(name))
    }

    /// Puts a value, as a client sent it under `name`, into the place `at`. Attributes that only the server writes are
    /// ignored.
    pub(super) fn set(
        &mut self,
        at: usize,
        name: String,
        value: Value,
        dialect: Dialect,
        notes: &mut Vec<Note>,
    ) -> Result<(), ResourceError> {
        let Some(attribute) = self.schema.attributes.get(at) else { return Ok(()) };
        if attribute.mutability == Mutability::ReadOnly || attribute.residence != Residence::Document {
            return Ok(());
        }
        let value = if self.is_extension {
            let path = format_args!("{}:{}", self.schema.id, attribute.name);
            whole(attribute, &path, value, dialect, notes)?
        } else {
            whole(attribute, &attribute.name, value, dialect, notes)?
        };
        if self.values.is_empty() {
            self.values.resize_with(self.schema.attributes.len(), || None);
        }
        if let Some(slot) = self.values.get_mut(at) {
            let name = if name == attribute.name { name } else { attribute.name.clone() };
            *slot = value.map(|value| (name, value));
        }
        Ok(())
    }

    /// Takes the value out of a place.
    pub(super) fn take(&mut self, at: usize) -> Option<Value> {
        self.values.get_mut(at)?.take().map(|(_, value)| value)
    }
}

/// The resource: `schemas` (the base schema and the extensions that have values), then the values in declared order.
pub(super) fn seal(base: Slots<'_>, extensions: Vec<Slots<'_>>) -> Resource {
    let mut urns = vec![Value::from(&*base.schema.id)];
    let mut attributes = Map::with_capacity(base.values.len() + extensions.len() + 1);
    attributes.insert("schemas".to_owned(), Value::Null);
    attributes.extend(base.values.into_iter().flatten());
    for extension in extensions {
        let object: Map<String, Value> = extension.values.into_iter().flatten().collect();
        if !object.is_empty() {
            urns.push(Value::from(&*extension.schema.id));
            attributes.insert(extension.schema.id.to_string(), Value::Object(object));
        }
    }
    attributes.insert("schemas".to_owned(), Value::Array(urns));
    Resource::from_canonical(attributes)
}
