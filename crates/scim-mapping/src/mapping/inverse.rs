//! The way back: from fields of an account that was edited in the application, or that no connector manages, to its
//! resource.

use std::collections::BTreeMap;
use std::fmt;

use scim_core::filter::Operand;
use scim_core::resource::{MAX_ELEMENTS, canonical, coerce_singular};
use scim_core::{Dialect, Resource};
use serde_json::{Map, Value};

use super::accessor::{Accessor, is_primary};
use super::compile::{CompiledMapping, CompiledRow, Filler};
use super::row::{Direction, STATE, SYNC_ID};

/// A field whose value is not in the resource, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unwritten {
    /// The field.
    pub field: String,
    /// Why its value is not there.
    pub reason: UnwrittenReason,
}

/// Why a field's value did not flow back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnwrittenReason {
    /// No row fills the field: it is the application's own.
    NotMapped,
    /// The row flows one way, or the rules of an account's life set the field.
    OneWay,
    /// The attribute does not take the value: what it takes. The resource is as it was in this respect.
    Refused(String),
}

impl fmt::Display for Unwritten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = &self.field;
        match &self.reason {
            UnwrittenReason::NotMapped => {
                write!(f, "{field} is not shown over SCIM: no row of the mapping fills it")
            }
            UnwrittenReason::OneWay => {
                write!(f, "{field} does not flow back: its row of the mapping is inbound")
            }
            UnwrittenReason::Refused(reason) => write!(f, "{field} cannot be shown over SCIM: {reason}"),
        }
    }
}

impl CompiledMapping {
    /// Writes fields that were edited into the resource, by the rows that flow both ways: `None` takes the value away. A
    /// reference's value is the text by which the identity provider refers to the other person.
    ///
    /// An element that is asked for by a condition (`emails[type eq "work"].value`) and is not there is made; one that is
    /// left without a value goes. Of a `Coalesce`, the attribute that has a value is written, else the first; where the
    /// value is taken away, from all of them, so that the field does not come back from another. The resource stays in
    /// canonical form.
    ///
    /// Returned are the fields that were not written.
    pub fn write_back(&self, document: &mut Resource, changes: &[(&str, Option<&str>)]) -> Vec<Unwritten> {
        let mut unwritten = Vec::new();
        let mut values = std::mem::take(document).into_attributes();
        for (field, value) in changes {
            if let Err(reason) = self.write_field(&mut values, field, *value) {
                unwritten.push(Unwritten { field: (*field).to_owned(), reason });
            }
        }
        *document = canonical(&self.user, values);
        unwritten
    }

    /// The resource of an account that no connector wrote: its fields by the rows that flow both ways, and `active`.
    /// `manager` is the value for the reference `DirectManager`.
    ///
    /// Returned beside it are the fields that it cannot show; not those that no row fills.
    #[must_use]
    pub fn document_of(
        &self,
        fields: &BTreeMap<String, String>,
        active: bool,
        manager: Option<&str>,
    ) -> (Resource, Vec<Unwritten>) {
        let mut values = Map::new();
        values.insert("active".to_owned(), Value::Bool(active));
        let mut unwritten = Vec::new();
        for row in &self.rows {
            let field = row.row.field.as_str();
            let value = if row.is_reference { manager } else { fields.get(field).map(String::as_str) };
            let Some(value) = value else { continue };
            if let Err(reason) = self.write_row(&mut values, row, Some(value)) {
                unwritten.push(Unwritten { field: field.to_owned(), reason });
            }
        }
        (canonical(&self.user, values), unwritten)
    }

    fn write_field(
        &self,
        values: &mut Map<String, Value>,
        field: &str,
        value: Option<&str>,
    ) -> Result<(), UnwrittenReason> {
        if field == STATE || field == SYNC_ID {
            return Err(UnwrittenReason::OneWay);
        }
        let row = self.rows.iter().find(|row| row.row.field == field).ok_or(UnwrittenReason::NotMapped)?;
        self.write_row(values, row, value)
    }

    fn write_row(
        &self,
        values: &mut Map<String, Value>,
        row: &CompiledRow,
        value: Option<&str>,
    ) -> Result<(), UnwrittenReason> {
        if row.direction == Direction::Inbound {
            return Err(UnwrittenReason::OneWay);
        }
        let accessors = match &row.filler {
            Filler::Direct(accessor) => std::slice::from_ref(accessor),
            Filler::FirstOf(accessors) => accessors.as_slice(),
            Filler::Fixed | Filler::Constant(_) | Filler::Computed { .. } => {
                return Err(UnwrittenReason::OneWay);
            }
        };
        let Some(value) = value.filter(|value| !value.is_empty()) else {
            for accessor in accessors {
                if accessor.leaf().required && accessor.sub.is_none() {
                    let reason = format!("{} is required and cannot be taken away", accessor.text);
                    return Err(UnwrittenReason::Refused(reason));
                }
            }
            accessors.iter().for_each(|accessor| accessor.clear(values));
            return Ok(());
        };
        let filled = accessors.iter().find(|accessor| accessor.has_value(values));
        let Some(accessor) = filled.or(accessors.first()) else { return Err(UnwrittenReason::OneWay) };
        accessor.write(values, value).map_err(UnwrittenReason::Refused)
    }
}

impl Accessor {
    fn has_value(&self, values: &Map<String, Value>) -> bool {
        !self.reach_in(values).values.is_empty()
    }

    /// The object that holds the attribute: the resource, or its extension.
    fn holder<'v>(&self, values: &'v mut Map<String, Value>) -> Option<&'v mut Map<String, Value>> {
        match &self.attribute.extension {
            None => Some(values),
            Some(urn) => values.get_mut(&**urn)?.as_object_mut(),
        }
    }

    fn write(&self, values: &mut Map<String, Value>, text: &str) -> Result<(), String> {
        let given = Value::String(text.to_owned());
        let value = coerce_singular(self.leaf(), &self.text, given, Dialect::LENIENT, &mut Vec::new())
            .map_err(|error| error.to_string())?;
        let Some(value) = value else { return Err(format!("{} takes no empty text", self.text)) };
        if let Some(urn) = &self.attribute.extension {
            let extension = values.entry(&**urn).or_insert_with(|| Value::Object(Map::new()));
            if !extension.is_object() {
                *extension = Value::Object(Map::new());
            }
        }
        let Some(holder) = self.holder(values) else { return Ok(()) };
        let attribute = &self.attribute.attribute;
        match &self.sub {
            None => {
                holder.insert(attribute.name.clone(), value);
                Ok(())
            }
            Some(sub) if attribute.multi_valued => {
                let list = holder.entry(&attribute.name).or_insert_with(|| Value::Array(Vec::new()));
                if !list.is_array() {
                    *list = Value::Array(Vec::new());
                }
                match list {
                    Value::Array(elements) => self.write_element(elements, &sub.name, value),
                    _ => Ok(()),
                }
            }
            Some(sub) => {
                let complex = holder.entry(&attribute.name).or_insert_with(|| Value::Object(Map::new()));
                if !complex.is_object() {
                    *complex = Value::Object(Map::new());
                }
                if let Value::Object(parts) = complex {
                    parts.insert(sub.name.clone(), value);
                }
                Ok(())
            }
        }
    }

    /// Writes the element that is read: among those that satisfy the condition the primary one that has a value, else the
    /// first that has, else the first; makes one where there is none.
    fn write_element(&self, elements: &mut Vec<Value>, sub: &str, value: Value) -> Result<(), String> {
        let meant = |element: &Value| {
            self.condition.as_ref().is_none_or(|condition| condition.matches_element(element))
        };
        let rank = |element: &Value| match (element.get(sub).is_some(), is_primary(element)) {
            (true, true) => 0,
            (true, false) => 1,
            (false, _) => 2,
        };
        let found = elements.iter().enumerate().filter(|(_, element)| meant(element));
        let found = found.min_by_key(|(_, element)| rank(element)).map(|(index, _)| index);
        if let Some(Value::Object(parts)) = found.and_then(|index| elements.get_mut(index)) {
            parts.insert(sub.to_owned(), value);
            return Ok(());
        }
        if elements.len() >= MAX_ELEMENTS {
            return Err(format!("{} has {MAX_ELEMENTS} values already, which is the most", self.attribute));
        }
        let mut parts = Map::new();
        parts.insert(sub.to_owned(), value);
        let condition = self.condition.as_ref().and_then(|condition| condition.as_equalities());
        for (path, operand) in condition.into_iter().flatten() {
            parts.extend(operand_json(operand).map(|value| (path.attribute.name.clone(), value)));
        }
        let made = Value::Object(parts);
        if is_primary(&made) {
            for element in elements.iter_mut().filter_map(Value::as_object_mut) {
                element.remove("primary");
            }
        }
        elements.push(made);
        Ok(())
    }

    /// Takes the value away, and what then says nothing any more: elements, objects, extensions.
    fn clear(&self, values: &mut Map<String, Value>) {
        let Some(holder) = self.holder(values) else { return };
        let attribute = &self.attribute.attribute;
        let Some(sub) = &self.sub else {
            holder.remove(&attribute.name);
            return;
        };
        let is_empty = match holder.get_mut(&attribute.name) {
            Some(Value::Array(elements)) => {
                elements.retain_mut(|element| {
                    if self.condition.as_ref().is_some_and(|condition| !condition.matches_element(element)) {
                        return true;
                    }
                    let Some(parts) = element.as_object_mut() else { return true };
                    parts.remove(&sub.name);
                    sub.name != "value" && parts.keys().any(|part| !DESCRIBING.contains(&part.as_str()))
                });
                elements.is_empty()
            }
            Some(Value::Object(parts)) => {
                parts.remove(&sub.name);
                parts.is_empty()
            }
            _ => false,
        };
        if is_empty {
            holder.remove(&attribute.name);
        }
    }
}

/// Sub-attributes that say something about an element's value only (RFC 7643 §2.4).
const DESCRIBING: [&str; 3] = ["type", "primary", "display"];

/// An operand as a value that satisfies it; `None` for an instant, whose text is not kept.
pub(super) fn operand_json(operand: &Operand) -> Option<Value> {
    match operand {
        Operand::Text { text, .. } | Operand::Binary(text) => Some(Value::String(text.clone())),
        Operand::Boolean(flag) => Some(Value::Bool(*flag)),
        Operand::Integer(number) => Some(Value::from(*number)),
        Operand::Decimal(number) => serde_json::Number::from_f64(*number).map(Value::Number),
        Operand::Null | Operand::Instant(_) => None,
    }
}
