//! Where the values of a body are gathered, by the attributes that a schema declares.

use serde_json::{Map, Value};

use super::coerce::whole;
use super::member::position_from;
use super::{Resource, ResourceError};
use crate::dialect::{Dialect, Note};
use crate::schema::{Mutability, Residence, Schema};

/// The values of one schema's attributes.
pub(super) struct Slots<'t> {
    schema: &'t Schema,
    is_extension: bool,
    /// Place, name and value, in the order in which they came; each place once.
    values: Vec<(usize, String, Value)>,
    /// The place after the last one that was asked for.
    next: usize,
}

impl<'t> Slots<'t> {
    pub(super) fn new(schema: &'t Schema, is_extension: bool) -> Self {
        Self { schema, is_extension, values: Vec::new(), next: 0 }
    }

    /// The place of the attribute of that name, whatever its letter case. Most bodies have the schema's spelling and order.
    pub(super) fn position(&mut self, name: &str) -> Option<usize> {
        let declared = &self.schema.attributes;
        let at = position_from(declared, self.next, name)
            .or_else(|| declared.iter().position(|attribute| attribute.name.eq_ignore_ascii_case(name)))?;
        self.next = at + 1;
        Some(at)
    }

    /// Makes room for so many values.
    pub(super) fn expect(&mut self, values: usize) {
        self.values.reserve(values.min(self.schema.attributes.len()));
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
        // Of an attribute given twice, the last counts.
        self.take(at);
        if let Some(value) = value {
            let name = if name == attribute.name { name } else { attribute.name.clone() };
            self.values.push((at, name, value));
        }
        Ok(())
    }

    /// Takes the value out of a place.
    pub(super) fn take(&mut self, at: usize) -> Option<Value> {
        let index = self.values.iter().position(|(place, ..)| *place == at)?;
        Some(self.values.remove(index).2)
    }

    /// The values with their names, in declared order.
    fn ordered(self) -> impl ExactSizeIterator<Item = (String, Value)> {
        let mut values = self.values;
        if !values.is_sorted_by_key(|(at, ..)| *at) {
            values.sort_unstable_by_key(|(at, ..)| *at);
        }
        values.into_iter().map(|(_, name, value)| (name, value))
    }
}

/// The resource: `schemas` (the base schema and the extensions that have values), then the values in declared order.
pub(super) fn seal(base: Slots<'_>, extensions: Vec<Slots<'_>>) -> Resource {
    let held = |extension: &&Slots<'_>| !extension.values.is_empty();
    let schemas = std::iter::once(&base).chain(extensions.iter().filter(held));
    let urns: Value = schemas.map(|slots| &*slots.schema.id).collect();
    let mut attributes = Map::with_capacity(base.values.len() + extensions.len() + 1);
    attributes.insert("schemas".to_owned(), urns);
    attributes.extend(base.ordered());
    for extension in extensions {
        let urn = &extension.schema.id;
        if !extension.values.is_empty() {
            attributes.insert(urn.to_string(), Value::Object(extension.ordered().collect()));
        }
    }
    Resource::from_canonical(attributes)
}
