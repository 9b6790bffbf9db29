//! A log record as the column `record` has it.
//!
//! It is most of what a change writes, so it says nothing twice: action, status and the resource's type and id stand in columns of
//! their own, and each change is a list of what changed, what it was and what it is. Who had no value before has a list of two.
//!
//! ```json
//! {"name":"Mira","changes":[["title","Clerk"],["active",true,false]],"fields":[["State","active","suspended"]]}
//! ```

use std::collections::BTreeSet;

use scim_directory::{AttributeChange, FieldChange, LogError, LogRecord, LogResource, ResourceId};
use scim_storage::StoreError;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use crate::error::damaged;
use crate::sql::{from_word, json};

/// What is written.
#[derive(Serialize)]
struct Written<'a> {
    /// The resource's id, where it is not the one that the row has.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty", serialize_with = "changes")]
    changes: &'a [AttributeChange],
    #[serde(skip_serializing_if = "<[_]>::is_empty", serialize_with = "fields")]
    fields: &'a [FieldChange],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    notes: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a LogError>,
}

/// What is read.
#[derive(Deserialize)]
struct Read {
    id: Option<String>,
    name: Option<String>,
    #[serde(default)]
    changes: Vec<Change>,
    #[serde(default)]
    fields: Vec<Field>,
    #[serde(default)]
    notes: Vec<String>,
    error: Option<LogError>,
}

/// A change of a resource's attribute. Edges stand as the log shows them.
#[derive(Deserialize)]
#[serde(untagged)]
enum Change {
    First(String, Value),
    Next(String, Value, Value),
    Edges(AttributeChange),
}

/// A change of an account's field.
#[derive(Deserialize)]
#[serde(untagged)]
enum Field {
    First(String, Option<String>),
    Next(String, Option<String>, Option<String>),
}

/// What the row's own columns say of the record.
pub(crate) struct Columns<'a> {
    pub(crate) action: &'a str,
    pub(crate) status: &'a str,
    pub(crate) resource_type: Option<&'a str>,
    pub(crate) resource: Option<ResourceId>,
}

/// The id under which the row has the resource.
pub(crate) fn id(record: &LogRecord) -> Option<ResourceId> {
    record.resource.as_ref()?.id.parse().ok()
}

/// The record without what the row's own columns say.
pub(crate) fn write(record: &LogRecord) -> Result<String, StoreError> {
    let resource = record.resource.as_ref();
    let in_row = id(record).map(|id| id.to_string());
    json(&Written {
        id: resource.map(|resource| &*resource.id).filter(|id| in_row.as_deref() != Some(*id)),
        name: resource.and_then(|resource| resource.name.as_deref()),
        changes: &record.changes,
        fields: &record.fields,
        notes: &record.notes,
        error: record.error.as_ref(),
    })
}

/// The record of a row.
pub(crate) fn read(text: &str, columns: &Columns<'_>) -> Result<LogRecord, StoreError> {
    let read = parsed(text)?;
    let resource = columns.resource_type.map(|resource_type| LogResource {
        resource_type: resource_type.to_owned(),
        id: read.id.or_else(|| columns.resource.map(|id| id.to_string())).unwrap_or_default(),
        name: read.name,
    });
    Ok(LogRecord {
        action: from_word(columns.action, "an action")?,
        status: from_word(columns.status, "a status")?,
        resource,
        changes: read.changes.into_iter().map(Change::shown).collect(),
        fields: read.fields.into_iter().map(Field::shown).collect(),
        notes: read.notes,
        error: read.error,
    })
}

/// Whose membership a row is about.
pub(crate) fn members(text: &str) -> Result<BTreeSet<ResourceId>, StoreError> {
    Ok(members_of(parsed(text)?.changes.into_iter().map(Change::shown).collect::<Vec<_>>().iter()))
}

/// Whose membership changes are about.
pub(crate) fn members_of<'c>(changes: impl Iterator<Item = &'c AttributeChange>) -> BTreeSet<ResourceId> {
    let edges = changes.filter_map(|change| match change {
        AttributeChange::Edges { added, removed, .. } => Some(added.iter().chain(removed)),
        AttributeChange::Value { .. } => None,
    });
    edges.flatten().filter_map(|id| id.parse().ok()).collect()
}

fn parsed(text: &str) -> Result<Read, StoreError> {
    serde_json::from_str(text).map_err(|_| damaged("a log record"))
}

fn changes<S: Serializer>(changes: &[AttributeChange], serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    #[serde(untagged)]
    enum Form<'a> {
        First(&'a str, &'a Value),
        Next(&'a str, &'a Value, &'a Value),
        Edges(&'a AttributeChange),
    }
    serializer.collect_seq(changes.iter().map(|change| match change {
        AttributeChange::Value { attribute, old: Value::Null, new } => Form::First(attribute, new),
        AttributeChange::Value { attribute, old, new } => Form::Next(attribute, old, new),
        edges @ AttributeChange::Edges { .. } => Form::Edges(edges),
    }))
}

fn fields<S: Serializer>(fields: &[FieldChange], serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    #[serde(untagged)]
    enum Form<'a> {
        First(&'a str, Option<&'a str>),
        Next(&'a str, &'a str, Option<&'a str>),
    }
    serializer.collect_seq(fields.iter().map(|FieldChange { field, old, new }| match old {
        None => Form::First(field, new.as_deref()),
        Some(old) => Form::Next(field, old, new.as_deref()),
    }))
}

impl Change {
    fn shown(self) -> AttributeChange {
        match self {
            Self::First(attribute, new) => AttributeChange::Value { attribute, old: Value::Null, new },
            Self::Next(attribute, old, new) => AttributeChange::Value { attribute, old, new },
            Self::Edges(edges) => edges,
        }
    }
}

impl Field {
    fn shown(self) -> FieldChange {
        match self {
            Self::First(field, new) => FieldChange { field, old: None, new },
            Self::Next(field, old, new) => FieldChange { field, old, new },
        }
    }
}

#[cfg(test)]
mod tests {
    use scim_directory::{Action, LogStatus};
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    /// What is written of a record, and that it is the same when it was read.
    fn check(record: &LogRecord, expected: &str) {
        let text = write(record).expect("JSON");
        assert_eq!(text, expected);
        let resource_type = record.resource.as_ref().map(|resource| &*resource.resource_type);
        let columns = Columns { action: "updated", status: "success", resource_type, resource: id(record) };
        assert_eq!(read(&text, &columns).expect("a record"), *record);
    }

    fn record(resource: Option<LogResource>) -> LogRecord {
        LogRecord::new(Action::Updated, LogStatus::Success, resource)
    }

    fn value(attribute: &str, old: Value, new: Value) -> AttributeChange {
        AttributeChange::Value { attribute: attribute.to_owned(), old, new }
    }

    #[test]
    fn a_record_is_what_it_was() {
        let id = ResourceId::new(Uuid::from_u128(7));
        let field = |old: Option<&str>, new: Option<&str>| FieldChange {
            field: "Email".to_owned(),
            old: old.map(str::to_owned),
            new: new.map(str::to_owned),
        };
        check(
            &LogRecord {
                changes: vec![
                    value("title", Value::Null, json!("Clerk")),
                    value("active", json!(true), json!(false)),
                    value("emails", json!([{ "value": "a@x.example" }]), Value::Null),
                    value("nickName", Value::Null, Value::Null),
                ],
                fields: vec![field(None, Some("a")), field(Some("a"), None), field(None, None)],
                notes: vec!["a note".to_owned()],
                ..record(Some(LogResource::new("User", id, Some("Mira"))))
            },
            "{\"name\":\"Mira\",\"changes\":[[\"title\",\"Clerk\"],[\"active\",true,false],\
             [\"emails\",[{\"value\":\"a@x.example\"}],null],[\"nickName\",null]],\
             \"fields\":[[\"Email\",\"a\"],[\"Email\",\"a\",null],[\"Email\",null]],\"notes\":[\"a note\"]}",
        );
    }

    #[test]
    fn whom_it_is_about_stands_in_the_row_where_that_is_enough() {
        check(&record(None), "{}");
        let about =
            |id: &str| LogResource { resource_type: "User".to_owned(), id: id.to_owned(), name: None };
        check(&record(Some(about("00000000-0000-0000-0000-000000000007"))), "{}");
        // No id of ours, and one that is written in another way.
        check(&record(Some(about("mira"))), r#"{"id":"mira"}"#);
        check(
            &record(Some(about("0000000000000000000000000000000A"))),
            r#"{"id":"0000000000000000000000000000000A"}"#,
        );
        check(&record(Some(about(""))), r#"{"id":""}"#);
    }

    #[test]
    fn members_are_found_in_what_is_written() {
        let member = ResourceId::new(Uuid::from_u128(9));
        let edges = AttributeChange::Edges {
            attribute: "members".to_owned(),
            added: vec![member.to_string()],
            removed: vec!["no id".to_owned()],
        };
        let record =
            LogRecord { changes: vec![value("displayName", json!("A"), json!("B")), edges], ..record(None) };
        let text = write(&record).expect("JSON");
        assert_eq!(members(&text).expect("members"), BTreeSet::from([member]));
        check(
            &record,
            "{\"changes\":[[\"displayName\",\"A\",\"B\"],{\"attribute\":\"members\",\
             \"added\":[\"00000000-0000-0000-0000-000000000009\"],\"removed\":[\"no id\"]}]}",
        );
    }
}
