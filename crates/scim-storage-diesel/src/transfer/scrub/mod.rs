//! A copy of an instance for testing, with invented values in place of personal data.
//!
//! Replaced are names, addresses, numbers, references by name, and every other text of people and groups, in documents, accounts,
//! indexes, the log, the outbox and what stands beside them. What stays is structure: ids of Rollcall's own, versions, moments,
//! memberships, states, roles, types such as `work`, languages, numbers and yes-or-no; and the configuration: mapping,
//! rules, connectors, custom fields. Keys are left out.

mod invent;
mod kind;

use std::collections::BTreeMap;

use scim_core::instant::Instant;
use scim_core::resource::{Document, shadow};
use scim_core::schema::{Attribute, AttributeType, Registry, Residence, ResourceType, Uniqueness};
use scim_core::text::Matching;
use scim_directory::{AccessRole, InstanceSettings};
use serde_json::{Map, Value};
use uuid::Uuid;

use self::invent::Inventor;
use self::kind::{Kind, kind};
use super::cell::Cell;
use super::error::TransferError;
use super::table::Table;
use crate::connection::Connection;
use crate::error::damaged;
use crate::sql::{Line, Number, Statement};

/// In place of sentences.
const SENTENCE: &str = "(scrubbed)";

/// Replaces personal data, row by row.
pub(crate) struct Scrubber<'r> {
    registry: &'r Registry,
    instance: [u8; 16],
    inventor: Inventor,
    /// Values of fields that only have values of a list.
    listed: BTreeMap<String, Vec<String>>,
}

/// A row that is being scrubbed.
struct Scrubbing<'s, 'r> {
    scrubber: &'s Scrubber<'r>,
    connection: &'s mut Connection,
    /// Why it was not known whether a reference is an id.
    failed: Option<diesel::result::Error>,
}

impl<'r> Scrubber<'r> {
    pub(crate) fn new(
        registry: &'r Registry,
        connection: &mut Connection,
        instance: [u8; 16],
    ) -> Result<Self, TransferError> {
        let settings = Statement::new("SELECT settings AS line FROM instances WHERE id = ?").blob(instance);
        let settings = settings.row::<Line>(connection)?.ok_or_else(|| damaged("an instance"))?;
        let settings: InstanceSettings =
            serde_json::from_str(&settings.line).map_err(|_| damaged("an instance's settings"))?;
        let listed = settings.fields.into_iter().map(|field| (field.name, field.allowed)).collect();
        Ok(Self { registry, instance, inventor: Inventor::new()?, listed })
    }

    /// Whether a field has only values of a list, and this is one.
    fn is_listed(&self, field: &str, value: &str) -> bool {
        self.listed.get(field).is_some_and(|listed| listed.iter().any(|listed| listed == value))
    }

    /// Replaces what is personal in a row.
    pub(crate) fn scrub(
        &self,
        connection: &mut Connection,
        table: &Table,
        row: &mut [Cell],
    ) -> Result<(), TransferError> {
        let mut scrubbing = Scrubbing { scrubber: self, connection, failed: None };
        scrubbing.row(table, row)?;
        scrubbing.failed.map_or(Ok(()), |error| Err(error.into()))
    }
}

impl Scrubbing<'_, '_> {
    fn row(&mut self, table: &Table, row: &mut [Cell]) -> Result<(), TransferError> {
        match table.name {
            "resources" => {
                self.content(table, row)?;
                self.index_keys(table, row)?;
                self.texts(table, row, &["display", "display_key"], Kind::Shown);
                self.texts(table, row, &["manager", "reports_to", "reports_key"], Kind::Reference);
                self.json(table, row, "account", Self::account)
            }
            "unique_keys" | "search_keys" => {
                self.index_key(table, row);
                Ok(())
            }
            "objects" => {
                self.texts(table, row, &["name_key", "name"], Kind::Shown);
                Ok(())
            }
            "imports" => {
                set(table, row, "label", "import");
                Ok(())
            }
            "rejected_lines" => {
                set(table, row, "reason", SENTENCE);
                self.values(table, row, &["name", "name_key"])
            }
            "links" | "tombstone_links" => {
                self.texts(table, row, &["external_id"], Kind::Exact);
                Ok(())
            }
            "held" => {
                self.texts(table, row, &["reference", "folded", "value_key"], Kind::Reference);
                Ok(())
            }
            "held_changes" => {
                self.json(table, row, "state", |_, state| {
                    for reason in state.as_object_mut().into_iter().flat_map(Map::values_mut) {
                        *reason = serde_json::json!({ "reason": SENTENCE });
                    }
                })?;
                self.values(table, row, &["name"])
            }
            "name_claims" => self.values(table, row, &["key"]),
            "tombstones" => {
                self.json(table, row, "account", Self::account)?;
                self.values(table, row, &["display", "user_name_key"])
            }
            "journal" => {
                self.json(table, row, "record", Self::record)?;
                self.request_id(table, row);
                self.values(table, row, &["name_key"])
            }
            "events" => {
                self.request_id(table, row);
                self.json(table, row, "before", |this, value| this.value("", "", None, value))?;
                self.json(table, row, "after", |this, value| this.value("", "", None, value))
            }
            "integration_users" => self.values(table, row, &["email"]),
            _ => Ok(()),
        }
    }

    /// A resource's document and shadow.
    fn content(&mut self, table: &Table, row: &mut [Cell]) -> Result<(), TransferError> {
        let cell = |name: &str| row.get(table.place(name)?);
        let name = cell("resource_type").and_then(Cell::text).unwrap_or_default();
        let resource_type = self.scrubber.registry.resource_type(name);
        let resource_type = resource_type.ok_or_else(|| TransferError::NoSchema(name.to_owned()))?;
        let id = cell("id").and_then(Cell::bytes).and_then(|id| Uuid::from_slice(id).ok());
        let id = id.ok_or_else(|| damaged("an id"))?.hyphenated().to_string();
        let document = cell("document").and_then(Cell::bytes).unwrap_or_default().to_vec();
        let resource = Document::from_bytes(document).resource();
        let mut resource = resource.map_err(|_| damaged("a document"))?;
        self.attributes(resource_type, resource.attributes_mut());
        let document = Document::new(resource_type, &id, &resource).into_bytes();
        let shadow = shadow(resource_type, &resource);
        put(table, row, "document", Cell::Bytes(document));
        put(table, row, "shadow", Cell::Text(shadow));
        Ok(())
    }

    fn attributes(&mut self, resource_type: &ResourceType, attributes: &mut Map<String, Value>) {
        attributes.retain(|name, _| kind("", name) != Kind::Dropped);
        for (name, value) in attributes.iter_mut().filter(|(name, _)| *name != "schemas") {
            match (resource_type.attribute(name), resource_type.extension(name)) {
                (Some(attribute), _) if attribute.residence != Residence::Document => {}
                (Some(attribute), _) => self.value("", name, Some(attribute), value),
                (None, Some(extension)) => {
                    for (name, value) in value.as_object_mut().into_iter().flatten() {
                        self.value(
                            "",
                            name,
                            extension.schema.attribute(name).map(|attribute| &**attribute),
                            value,
                        );
                    }
                }
                (None, None) => self.value("", name, None, value),
            }
        }
    }

    /// The key of an index entry: the value's own, as the same attribute's values are replaced.
    fn index_key(&mut self, table: &Table, row: &mut [Cell]) {
        let text = |name: &str| row.get(table.place(name)?)?.text();
        let (Some(resource_type), Some(path), Some(key)) = (text("resource_type"), text("path"), text("key"))
        else {
            return;
        };
        let key = self.key(resource_type, path, key);
        put(table, row, "key", Cell::Text(key));
    }

    /// The same in a resource's list of its entries.
    fn index_keys(&mut self, table: &Table, row: &mut [Cell]) -> Result<(), TransferError> {
        let text = |name: &str| row.get(table.place(name)?)?.text();
        let resource_type = text("resource_type").unwrap_or_default().to_owned();
        self.json(table, row, "keys", |this, keys| {
            for entry in keys.as_array_mut().into_iter().flatten() {
                if let Some([_, Value::String(path), Value::String(key)]) =
                    entry.as_array_mut().map(Vec::as_mut_slice)
                {
                    *key = this.key(&resource_type, path, key);
                }
            }
        })
    }

    /// What is put in place of such a key.
    fn key(&mut self, resource_type: &str, path: &str, key: &str) -> String {
        let resource_type = self.scrubber.registry.resource_type(resource_type);
        let (schema, name) = path.rsplit_once(':').map_or((None, path), |(urn, name)| (Some(urn), name));
        let (parent, name) = name.split_once('.').unwrap_or(("", name));
        let top = if parent.is_empty() { name } else { parent };
        let attribute = resource_type.and_then(|resource_type| match schema {
            Some(urn) => resource_type.extension(urn)?.schema.attribute(top),
            None => resource_type.attribute(top),
        });
        let attribute = if parent.is_empty() {
            attribute
        } else {
            attribute.and_then(|attribute| attribute.sub_attribute(name))
        };
        let is_text = attribute.is_none_or(|attribute| {
            !matches!(
                attribute.attribute_type,
                AttributeType::Boolean | AttributeType::Decimal | AttributeType::Integer
            )
        });
        if !is_text {
            return key.to_owned();
        }
        let key = self.text(parent, name, attribute.map(|attribute| &**attribute), key);
        attribute.map_or_else(|| key.clone(), |attribute| attribute.matching.key(&key).into_owned())
    }

    /// An account, as it stands in JSON.
    fn account(&mut self, account: &mut Value) {
        if let Some(fields) = account.get_mut("fields").and_then(Value::as_object_mut) {
            for (name, value) in fields {
                self.value("", name, None, value);
            }
        }
        if let Some(links) = account.get_mut("links").and_then(Value::as_object_mut) {
            for name in links.values_mut().filter_map(|link| link.get_mut("name")) {
                self.value("", "", None, name);
            }
        }
        let Some(provenance) = account.get_mut("provenance") else { return };
        if let Some(fields) = provenance.get_mut("fields").and_then(Value::as_object_mut) {
            for (name, previous) in
                fields.iter_mut().filter_map(|(name, origin)| Some((name, origin.get_mut("p")?)))
            {
                self.value("", name, None, previous);
            }
        }
        for stamp in provenance.get_mut("stamps").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(Value::String(request)) = stamp.get_mut("request_id") {
                *request = self.request(request);
            }
        }
    }

    /// A record of the log, as it stands in JSON ([`crate::logged`]).
    fn record(&mut self, record: &mut Value) {
        if let Some(Value::String(id)) = record.get_mut("id")
            && Uuid::try_parse(id).is_err()
        {
            *id = self.scrubber.inventor.unique(id);
        }
        if let Some(Value::String(name)) = record.get_mut("name") {
            *name = self.scrubber.inventor.unique(name);
        }
        for list in ["changes", "fields"] {
            for change in record.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
                self.change(change);
            }
        }
        if let Some(notes) = record.as_object_mut() {
            notes.shift_remove("notes");
        }
        if let Some(error) = record.get_mut("error").and_then(Value::as_object_mut) {
            for (_, sentence) in error.iter_mut().filter(|(name, _)| *name != "code") {
                *sentence = SENTENCE.into();
            }
        }
    }

    /// A change: a list of what changed and its values, or the edges of a group.
    fn change(&mut self, change: &mut Value) {
        match change {
            Value::Array(change) => {
                let Some((of, values)) = change.split_first_mut() else { return };
                // A path with a filter in it may hold a value.
                let path = of.as_str().and_then(|path| path.split('[').next()).unwrap_or_default().to_owned();
                let name = path.rsplit(':').next().unwrap_or_default();
                let (parent, name) = name.split_once('.').unwrap_or(("", name));
                for value in values {
                    self.value(parent, name, None, value);
                }
                *of = path.into();
            }
            Value::Object(edges) => {
                for references in ["added", "removed"] {
                    if let Some(value) = edges.get_mut(references) {
                        self.value("", "manager", None, value);
                    }
                }
            }
            _ => {}
        }
    }

    /// Replaces the texts in a value.
    fn value(&mut self, parent: &str, name: &str, attribute: Option<&Attribute>, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.text(parent, name, attribute, text),
            Value::Array(elements) => {
                for element in elements {
                    self.value(parent, name, attribute, element);
                }
            }
            Value::Object(members) => {
                members.retain(|member, _| kind(name, member) != Kind::Dropped);
                for (member, value) in members {
                    let sub = attribute.and_then(|attribute| attribute.sub_attribute(member));
                    self.value(name, member, sub.map(|sub| &**sub), value);
                }
            }
            _ => {}
        }
    }

    /// What stands in place of a text.
    fn text(&mut self, parent: &str, name: &str, attribute: Option<&Attribute>, text: &str) -> String {
        let inventor = &self.scrubber.inventor;
        if let Some(attribute) = attribute {
            if attribute.canonical_values.iter().any(|value| value.eq_ignore_ascii_case(text)) {
                return text.to_owned();
            }
            match attribute.attribute_type {
                AttributeType::DateTime => return text.to_owned(),
                AttributeType::Binary => return inventor.binary(text),
                // Where it ends with an id, it is a reference to one of ours.
                AttributeType::Reference
                    if text.rsplit('/').next().is_some_and(|end| Uuid::try_parse(end).is_ok()) =>
                {
                    return text.to_owned();
                }
                AttributeType::Reference => return inventor.uri(text),
                _ => {}
            }
        } else if Instant::parse(text).is_some() || self.scrubber.is_listed(name, text) {
            return text.to_owned();
        }
        let kind = match kind(parent, name) {
            Kind::Name | Kind::Phone | Kind::Country if attribute.is_some_and(is_unique) => Kind::Value,
            kind => kind,
        };
        match attribute {
            Some(attribute) if kind == Kind::Value => inventor.as_it_matches(attribute.matching, text),
            _ => self.of_kind(kind, text),
        }
    }

    fn of_kind(&mut self, kind: Kind, text: &str) -> String {
        let inventor = &self.scrubber.inventor;
        match kind {
            Kind::Kept => text.to_owned(),
            Kind::Id if Uuid::try_parse(text).is_ok() => text.to_owned(),
            Kind::Role if text.parse::<AccessRole>().is_ok() => text.to_owned(),
            Kind::Id | Kind::Role | Kind::Value => inventor.unique(text),
            Kind::Name => inventor.name(text),
            Kind::Phone => inventor.phone(text),
            Kind::Country => "ZZ".to_owned(),
            Kind::Dropped => String::new(),
            Kind::Reference if self.is_ours(text) => text.to_owned(),
            Kind::Reference | Kind::Exact => inventor.exact(text),
            Kind::Shown => inventor.as_it_matches(Matching::IgnoreCase, text),
        }
    }

    /// Whether a reference is the id of a resource that is there, or was.
    fn is_ours(&mut self, reference: &str) -> bool {
        let Ok(id) = Uuid::try_parse(reference) else { return false };
        let found = Statement::kept(
            "SELECT (SELECT count(*) FROM resources WHERE instance_id = ? AND id = ?) + \
             (SELECT count(*) FROM tombstones WHERE instance_id = ? AND id = ?) AS n",
        )
        .blob(self.scrubber.instance)
        .blob(id.as_bytes())
        .blob(self.scrubber.instance)
        .blob(id.as_bytes())
        .row::<Number>(self.connection);
        match found {
            Ok(found) => found.is_some_and(|found| found.n > 0),
            Err(error) => {
                self.failed = Some(error);
                false
            }
        }
    }

    fn values(&mut self, table: &Table, row: &mut [Cell], columns: &[&str]) -> Result<(), TransferError> {
        self.texts(table, row, columns, Kind::Value);
        Ok(())
    }

    fn texts(&mut self, table: &Table, row: &mut [Cell], columns: &[&str], kind: Kind) {
        for column in columns {
            if let Some(Cell::Text(text)) = table.place(column).and_then(|place| row.get_mut(place)) {
                *text = self.of_kind(kind, text);
            }
        }
    }

    /// Changes a column's JSON.
    fn json(
        &mut self,
        table: &Table,
        row: &mut [Cell],
        column: &str,
        change: impl FnOnce(&mut Self, &mut Value),
    ) -> Result<(), TransferError> {
        let Some(Cell::Text(text)) = table.place(column).and_then(|place| row.get_mut(place)) else {
            return Ok(());
        };
        let mut value = serde_json::from_str(text).map_err(|_| damaged("JSON"))?;
        change(self, &mut value);
        *text = value.to_string();
        Ok(())
    }

    fn request_id(&mut self, table: &Table, row: &mut [Cell]) {
        if let Some(Cell::Text(text)) = table.place("request_id").and_then(|place| row.get_mut(place)) {
            *text = self.request(text);
        }
    }

    /// A request's id, which a client may have chosen.
    fn request(&self, id: &str) -> String {
        if Uuid::try_parse(id).is_ok() { id.to_owned() } else { self.scrubber.inventor.unique(id) }
    }
}

fn is_unique(attribute: &Attribute) -> bool {
    attribute.uniqueness != Uniqueness::None
}

fn set(table: &Table, row: &mut [Cell], column: &str, text: &str) {
    put(table, row, column, Cell::Text(text.to_owned()));
}

fn put(table: &Table, row: &mut [Cell], column: &str, cell: Cell) {
    if let Some(place) = table.place(column).and_then(|place| row.get_mut(place)) {
        *place = cell;
    }
}
