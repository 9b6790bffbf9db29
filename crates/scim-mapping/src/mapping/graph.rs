//! A mapping from a synchronization schema that was exported from Microsoft Graph (`GET …/synchronization/jobs/{id}/schema`).
//!
//! Such a schema says how *Entra ID* makes a SCIM resource from its own user. Its expressions run there, before anything is
//! sent, and running them here again would be wrong. What it tells the receiver is which SCIM attributes arrive: each one
//! that a field can take becomes a row, and everything else that the schema says is listed with the reason why it is not
//! applied.

use std::sync::Arc;

use scim_core::filter::Operand;
use scim_core::schema::{GROUP_URN, ResourceType, USER_URN};
use scim_directory::{FieldKind, Fields};
use serde_json::Value;

use super::accessor::Accessor;
use super::compile::{CompiledMapping, MAX_ROWS};
use super::row::{Row, Source};
use super::{Mapping, MappingError};

/// The most bytes of a schema.
pub const MAX_SCHEMA_BYTES: usize = 16 << 20;

/// What an import made of a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphImport {
    /// The mapping that it began with, and rows for the attributes that arrive and had none.
    pub mapping: Mapping,
    /// Attributes that arrive and fill a field, in the order of the schema.
    pub taken: Vec<TakenAttribute>,
    /// All else that the schema says, in its order.
    pub not_applied: Vec<NotApplied>,
    /// Fields whose rows use attributes of which none arrives: they get no value from this sender.
    pub without_source: Vec<String>,
}

/// An attribute that arrives and fills a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenAttribute {
    /// The SCIM attribute's path.
    pub attribute: String,
    /// The field.
    pub field: String,
    /// Whether the row is new.
    pub is_new: bool,
}

/// What a schema says and Rollcall does not apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotApplied {
    /// Where it stands and what it is.
    pub what: String,
    /// Why, and, where there is one, what to do.
    pub why: String,
}

impl Mapping {
    /// Reads a synchronization schema, beginning with the rows of this mapping, which has to be sound.
    ///
    /// # Errors
    /// Where the text is no synchronization schema, it provisions no SCIM User, or this mapping does not
    /// [compile](Self::compile).
    pub fn import_graph(
        &self,
        text: &str,
        user: &Arc<ResourceType>,
        fields: Fields<'_>,
    ) -> Result<GraphImport, Vec<MappingError>> {
        let fail = |reason: String| vec![MappingError::whole(reason)];
        if text.len() > MAX_SCHEMA_BYTES {
            return Err(fail(format!("the schema has more than {MAX_SCHEMA_BYTES} bytes")));
        }
        let schema: Value =
            serde_json::from_str(text).map_err(|error| fail(format!("the schema is not JSON: {error}")))?;
        // A template has the schema inside.
        let schema = schema.get("schema").unwrap_or(&schema);
        let rules = schema.get("synchronizationRules").and_then(Value::as_array).ok_or_else(|| {
            fail(
                "this is no synchronization schema of Microsoft Graph: it has no \"synchronizationRules\""
                    .to_owned(),
            )
        })?;
        let compiled = self.compile(user, fields, 0)?;
        let used = vec![false; compiled.rows.len()];
        let mut importer = Importer {
            user,
            fields,
            import: GraphImport {
                mapping: self.clone(),
                taken: Vec::new(),
                not_applied: Vec::new(),
                without_source: Vec::new(),
            },
            compiled,
            used,
            new: Vec::new(),
            has_users: false,
        };
        importer.members(
            "schema",
            schema,
            &["synchronizationRules", "id", "version", "provisioningTaskIdentifier"],
        );
        for rule in rules {
            importer.rule(rule);
        }
        if !importer.has_users {
            let reason = "the schema has no enabled object mapping to the target object \"User\"; export that of an \
                          application that is provisioned by SCIM";
            return Err(fail(reason.to_owned()));
        }
        importer.list_without_source();
        Ok(importer.import)
    }
}

/// Why a member that says something about the sender is of no use here.
const OF_THE_SENDER: [(&str, &str); 5] = [
    (
        "directories",
        "it describes the directories' attributes; the schemas of this server say what SCIM attributes there are",
    ),
    ("metadata", "it is for the sender's own use"),
    ("groupFilter", "the sender chooses whom it sends"),
    ("containerFilter", "the sender chooses whom it sends"),
    ("sourceObjectName", "it names what the sender reads"),
];

struct Importer<'i> {
    user: &'i ResourceType,
    fields: Fields<'i>,
    import: GraphImport,
    compiled: CompiledMapping,
    /// Which rows of the mapping get a value.
    used: Vec<bool>,
    /// The attributes of the new rows.
    new: Vec<Accessor>,
    has_users: bool,
}

impl Importer<'_> {
    fn list(&mut self, what: impl Into<String>, why: impl Into<String>) {
        self.import.not_applied.push(NotApplied { what: what.into(), why: why.into() });
    }

    /// Lists the members that mean something and are not among those that are `read`.
    fn members(&mut self, place: &str, json: &Value, read: &[&str]) {
        for (name, value) in json.as_object().into_iter().flatten() {
            let says_nothing = match value {
                Value::Null => true,
                Value::Array(items) => items.is_empty(),
                Value::Object(members) => members.is_empty(),
                Value::String(text) => text.is_empty(),
                Value::Bool(_) | Value::Number(_) => false,
            };
            if says_nothing || read.contains(&name.as_str()) || name.contains("@odata") {
                continue;
            }
            let known = OF_THE_SENDER.iter().find(|(member, _)| member == name).map(|(_, why)| *why);
            let why = known.unwrap_or("Rollcall does not know this member; the sender may use it");
            self.list(format!("{place}: {}", quoted(name)), why);
        }
    }

    fn rule(&mut self, rule: &Value) {
        let place = format!("rule {}", quoted(text_of(rule, "name").unwrap_or("without a name")));
        let read = [
            "objectMappings",
            "id",
            "name",
            "priority",
            "editable",
            "sourceDirectoryName",
            "targetDirectoryName",
        ];
        self.members(&place, rule, &read);
        for mapping in rule.get("objectMappings").and_then(Value::as_array).into_iter().flatten() {
            self.object_mapping(mapping);
        }
    }

    fn object_mapping(&mut self, mapping: &Value) {
        let source = text_of(mapping, "sourceObjectName").unwrap_or("?");
        let target = text_of(mapping, "targetObjectName").unwrap_or("?");
        let place = format!("object mapping {} -> {}", quoted(source), quoted(target));
        if mapping.get("enabled").and_then(Value::as_bool) == Some(false) {
            self.list(place, "it is switched off at the sender");
            return;
        }
        let is =
            |name: &str, urn: &str| target.eq_ignore_ascii_case(name) || target.eq_ignore_ascii_case(urn);
        if is("Group", GROUP_URN) {
            self.list(
                place,
                "groups need no mapping: displayName, externalId and members are taken as they arrive",
            );
            return;
        }
        if !is("User", USER_URN) {
            self.list(place, "its target is neither a SCIM User nor a SCIM Group");
            return;
        }
        self.has_users = true;
        let read = [
            "enabled",
            "flowTypes",
            "name",
            "sourceObjectName",
            "targetObjectName",
            "attributeMappings",
            "scope",
        ];
        self.members(&place, mapping, &read);
        if let Some(flow) = text_of(mapping, "flowTypes") {
            for action in ["Add", "Update", "Delete"] {
                if !flow.split(',').any(|flow| flow.trim().eq_ignore_ascii_case(action)) {
                    self.list(
                        format!("{place}: \"flowTypes\" without {action}"),
                        "the sender leaves such requests out; the connector can also be limited here",
                    );
                }
            }
        }
        if mapping.get("scope").is_some_and(says_something) {
            self.list(
                format!("{place}: \"scope\""),
                "scoping filters run at the sender: who falls out of them is suspended or deleted by its requests",
            );
        }
        for attribute in mapping.get("attributeMappings").and_then(Value::as_array).into_iter().flatten() {
            self.attribute_mapping(attribute);
        }
    }

    fn attribute_mapping(&mut self, mapping: &Value) {
        let Some(target) = text_of(mapping, "targetAttributeName") else {
            self.list("attribute mapping without \"targetAttributeName\"", "it says nothing");
            return;
        };
        let source = mapping.get("source").unwrap_or(&Value::Null);
        let what = format!("{} <- {}", quoted(target), source_text(source));
        self.take(target, &what);
        self.list_of_the_sender(mapping, source, &what);
        let read = [
            "targetAttributeName",
            "source",
            "defaultValue",
            "flowType",
            "flowBehavior",
            "matchingPriority",
            "exportMissingReferences",
        ];
        self.members(&what, mapping, &read);
    }

    /// What the sender does before it sends.
    fn list_of_the_sender(&mut self, mapping: &Value, source: &Value, what: &str) {
        match text_of(source, "type") {
            None | Some("Attribute") => {}
            Some("Constant") => {
                self.list(what, "the sender puts the constant in; what arrives is taken as it is")
            }
            Some(_) => self.list(what, "the sender evaluates the expression; what arrives is taken as it is"),
        }
        if let Some(default) = text_of(mapping, "defaultValue").filter(|default| !default.is_empty()) {
            let what = format!("{what}: default value {}", quoted(default));
            self.list(what, "the sender fills it in; a row's own \"default\" would do the same here");
        }
        if let Some(priority) =
            mapping.get("matchingPriority").and_then(Value::as_i64).filter(|priority| *priority > 0)
        {
            self.list(
                format!("{what}: matching priority {priority}"),
                "the sender searches by it; accounts are picked up by user name, and by nothing else",
            );
        }
        for (member, usual) in [("flowType", "Always"), ("flowBehavior", "FlowWhenChanged")] {
            if let Some(value) = text_of(mapping, member).filter(|value| *value != usual) {
                let what = format!("{what}: {member} {}", quoted(value));
                self.list(what, "the sender decides when it sends a value; what arrives is applied");
            }
        }
        if mapping.get("exportMissingReferences").and_then(Value::as_bool) == Some(true) {
            self.list(
                format!("{what}: exportMissingReferences"),
                "references to people who are not there yet are kept, and linked when they come",
            );
        }
    }

    /// Finds or makes the row that takes the attribute.
    fn take(&mut self, target: &str, what: &str) {
        if let Some(field) = fixed(target, self.user) {
            self.import.taken.push(TakenAttribute {
                attribute: target.to_owned(),
                field: field.to_owned(),
                is_new: false,
            });
            for (row, used) in self.compiled.rows.iter().zip(&mut self.used) {
                *used |= row.row.field == field;
            }
            return;
        }
        let accessor = match Accessor::find_in_any_case(target, self.user, false) {
            Ok(accessor) => accessor,
            Err(unfit) => {
                let why = match target.to_ascii_lowercase().as_str() {
                    "password" => {
                        "passwords fill no field; the connector can be set to keep their hashes".to_owned()
                    }
                    _ => unfit.reason,
                };
                return self.list(what, why);
            }
        };
        let mut known = false;
        for (row, used) in self.compiled.rows.iter().zip(&mut self.used) {
            if row.filler.accessors().any(|other| other.means_same_as(&accessor)) {
                *used = true;
                known = true;
                let field = row.row.field.clone();
                self.import.taken.push(TakenAttribute {
                    attribute: accessor.text.clone(),
                    field,
                    is_new: false,
                });
            }
        }
        if known || self.new.iter().any(|new| new.means_same_as(&accessor)) {
            return;
        }
        if accessor.attribute.is("externalId") {
            return self
                .list(what, "it is kept for the connector by itself; a row can copy it into a text field");
        }
        if accessor.attribute.is("roles") {
            return self.list(what, "app roles become the access role by a rule of their own, without a row");
        }
        match self.field_for(&accessor) {
            Ok(field) => {
                let attribute = accessor.text.clone();
                self.import.mapping.rows.push(Row::new(field.as_str(), Source::Direct(attribute.clone())));
                self.import.taken.push(TakenAttribute { attribute, field, is_new: true });
                self.new.push(accessor);
            }
            Err(why) => self.list(what, why),
        }
    }

    /// The text field, filled by no row, that the attribute's name means.
    fn field_for(&self, accessor: &Accessor) -> Result<String, String> {
        if self.import.mapping.rows.len() >= MAX_ROWS {
            return Err(format!("the mapping has {MAX_ROWS} rows, which is the most"));
        }
        let names = names_of(accessor);
        let meant = names.iter().filter_map(|name| self.fields.meant(name));
        let Some(field) = meant.into_iter().find(|field| self.fields.kind(field) == Some(FieldKind::Text))
        else {
            let name = names.first().map(String::as_str).unwrap_or_default();
            return Err(format!(
                "no text field is called {}; declare one with `rollcall field add`, or add a row to another field",
                quoted(name)
            ));
        };
        match self.import.mapping.rows.iter().find(|row| row.field == field) {
            Some(row) => Err(format!("{field} is filled from {} already", row.source)),
            None => Ok(field.to_owned()),
        }
    }

    fn list_without_source(&mut self) {
        for (row, used) in self.compiled.rows.iter().zip(&self.used) {
            if !used && row.filler.accessors().next().is_some() {
                self.import.without_source.push(row.row.field.clone());
            }
        }
    }
}

/// What a field may be called that takes the attribute: `department`; the type of an element (`fax`) before the name of
/// its list, where its value is meant.
fn names_of(accessor: &Accessor) -> Vec<String> {
    let attribute = &accessor.attribute.attribute.name;
    let leaf = &accessor.leaf().name;
    let mut names = Vec::new();
    if leaf == "value" {
        let pairs = accessor.condition.as_ref().and_then(|condition| condition.as_equalities());
        for (_, operand) in pairs.into_iter().flatten() {
            if let Operand::Text { text, .. } = operand {
                names.push(format!("{text} {}", attribute.strip_suffix('s').unwrap_or(attribute)));
                names.push(text.clone());
            }
        }
        names.push(attribute.clone());
    } else {
        names.push(leaf.clone());
        names.push(format!("{attribute} {leaf}"));
    }
    let usual = OTHER_NAMES.iter().find(|(name, _)| name == leaf);
    names.extend(usual.map(|(_, field)| (*field).to_owned()));
    names
}

/// Attributes, and the standard fields that are called otherwise.
const OTHER_NAMES: [(&str, &str); 1] = [("preferredLanguage", "Language")];

/// The field that a fixed rule fills from the attribute.
fn fixed(target: &str, user: &ResourceType) -> Option<&'static str> {
    let name =
        target.strip_prefix(&*user.schema.id).and_then(|rest| rest.strip_prefix(':')).unwrap_or(target);
    if name.eq_ignore_ascii_case("active") { Some(super::row::STATE) } else { None }
}

fn says_something(scope: &Value) -> bool {
    match scope {
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => members.values().any(says_something),
    }
}

fn text_of<'j>(json: &'j Value, member: &str) -> Option<&'j str> {
    json.get(member)?.as_str()
}

/// The source as a person would write it.
fn source_text(source: &Value) -> String {
    match text_of(source, "expression").or_else(|| text_of(source, "name")) {
        Some(text) => shown(text).to_owned(),
        None => "nothing".to_owned(),
    }
}

fn quoted(text: &str) -> String {
    format!("{:?}", shown(text))
}

/// The beginning of a text that may be long.
fn shown(text: &str) -> &str {
    match text.char_indices().nth(200) {
        Some((end, _)) => text.get(..end).unwrap_or_default(),
        None => text,
    }
}
