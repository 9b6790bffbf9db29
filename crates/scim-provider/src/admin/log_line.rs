//! A record of the log as it is shown: one shape for the command line and the admin API, as JSON and as CSV.

use std::collections::HashMap;

use scim_directory::{
    Action, Actor, AttributeChange, ConnectorId, FieldChange, Instance, IntegrationUserId, LogError,
    LogStatus,
};
use scim_storage::JournalEntry;
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Admin, AdminError};

/// The names of connectors and integration users, which log records mention by their ids.
#[derive(Clone, Debug, Default)]
pub struct LogNames(HashMap<Uuid, String>);

impl LogNames {
    /// Whether the names are known of all that these records mention.
    #[must_use]
    pub fn know(&self, entries: &[JournalEntry]) -> bool {
        entries.iter().flat_map(|entry| mentioned(&entry.actor)).all(|id| self.0.contains_key(&id))
    }

    fn name(&self, id: Option<Uuid>) -> Option<String> {
        self.0.get(&id?).cloned()
    }
}

/// Who did it: ids that have names.
fn mentioned(actor: &Actor) -> impl Iterator<Item = Uuid> {
    let connector = actor.connector.map(ConnectorId::uuid);
    connector.into_iter().chain(actor.user.map(IntegrationUserId::uuid))
}

impl Admin {
    /// The names of an instance's connectors and integration users.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn log_names(&self, instance: &Instance) -> Result<LogNames, AdminError> {
        let connectors = self.connector_list(instance).await?;
        let users = self.integration_user_list(instance).await?;
        let connectors = connectors.into_iter().map(|connector| (connector.id.uuid(), connector.name));
        Ok(LogNames(connectors.chain(users.into_iter().map(|user| (user.id.uuid(), user.name))).collect()))
    }
}

/// A record of the log.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LogLine {
    /// When it was decided (RFC 3339, in UTC, with milliseconds).
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    pub at: String,
    /// What happened.
    pub action: Action,
    /// How it ended.
    pub status: LogStatus,
    /// The instance's name; `null` in the server's own log.
    pub instance: Option<String>,
    /// The connector's name, where it came over SCIM.
    pub connector: Option<String>,
    /// The id of the key that the request carried.
    pub key_id: Option<String>,
    /// The id of the admin key, where it came by the admin API.
    pub admin_key_id: Option<String>,
    /// The name of the integration user on whose behalf the key acts.
    pub user: Option<String>,
    /// The request, as in the server's log.
    pub request_id: String,
    /// Whom it is about; `null` for settings.
    pub resource: Option<LogLineResource>,
    /// Each SCIM attribute, or setting, that changed.
    pub changes: Vec<LogLineChange>,
    /// Each account field that changed.
    pub fields: Vec<FieldChange>,
    /// What was tolerated, left out, cut or linked, in words.
    pub notes: Vec<String>,
    /// Why it was refused, failed or is held, and what to do.
    pub error: Option<LogError>,
    /// Milliseconds from the request's arrival to the decision.
    pub duration_ms: u32,
}

/// The person or group that a record is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LogLineResource {
    /// The resource type's name: `User`, `Group`.
    #[serde(rename = "type")]
    pub resource_type: String,
    /// The `id`; `null` where it was never created.
    pub id: Option<String>,
    /// The name that people know it by.
    pub name: Option<String>,
}

/// A change of an attribute.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LogLineChange {
    /// The attribute's path, or the setting's name.
    pub attribute: String,
    /// The whole value before, typed; of a group's members, those who left.
    #[cfg_attr(feature = "openapi", schema(value_type = serde_json::Value))]
    pub old: Value,
    /// The whole value after, typed; of a group's members, those who joined.
    #[cfg_attr(feature = "openapi", schema(value_type = serde_json::Value))]
    pub new: Value,
}

impl From<&AttributeChange> for LogLineChange {
    fn from(change: &AttributeChange) -> Self {
        let members = |ids: &[String]| match ids {
            [] => Value::Null,
            ids => ids.iter().map(|id| json!({ "value": id })).collect(),
        };
        match change {
            AttributeChange::Value { attribute, old, new } => {
                Self { attribute: attribute.clone(), old: old.clone(), new: new.clone() }
            }
            AttributeChange::Edges { attribute, added, removed } => {
                Self { attribute: attribute.clone(), old: members(removed), new: members(added) }
            }
        }
    }
}

impl LogLine {
    /// A record of an instance's log; of the server's own where `instance` is `None`.
    #[must_use]
    pub fn new(entry: &JournalEntry, instance: Option<&str>, names: &LogNames) -> Self {
        let JournalEntry { record, actor, .. } = entry;
        Self {
            at: entry.at.to_string(),
            action: record.action,
            status: record.status,
            instance: instance.map(str::to_owned),
            connector: names.name(actor.connector.map(ConnectorId::uuid)),
            key_id: actor.key.map(|key| key.to_string()),
            admin_key_id: actor.admin.map(|key| key.to_string()),
            user: names.name(actor.user.map(IntegrationUserId::uuid)),
            request_id: entry.request_id.clone(),
            resource: record.resource.as_ref().map(|resource| LogLineResource {
                resource_type: resource.resource_type.clone(),
                id: (!resource.id.is_empty()).then(|| resource.id.clone()),
                name: resource.name.clone(),
            }),
            changes: record.changes.iter().map(LogLineChange::from).collect(),
            fields: record.fields.clone(),
            notes: record.notes.clone(),
            error: record.error.clone(),
            duration_ms: entry.elapsed_ms,
        }
    }

    /// The names of the columns of [`LogLine::csv`], as a line without its end.
    #[must_use]
    pub fn csv_header() -> String {
        csv_line(&COLUMNS.map(str::to_owned))
    }

    /// Lines of CSV (RFC 4180), without their ends: one for each value that changed; one where none did. What a spreadsheet
    /// would take for a formula gets an apostrophe in front.
    #[must_use]
    pub fn csv(&self) -> Vec<String> {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let of_resource = |part: fn(&LogLineResource) -> Option<String>| {
            self.resource.as_ref().and_then(part).unwrap_or_default()
        };
        let of_error =
            |part: fn(&LogError) -> &String| self.error.as_ref().map(part).cloned().unwrap_or_default();
        let action = serde_json::to_value(self.action).unwrap_or_default();
        let status = serde_json::to_value(self.status).unwrap_or_default();
        let head = [
            self.at.clone(),
            text(&self.instance),
            word(&action),
            word(&status),
            of_resource(|resource| Some(resource.resource_type.clone())),
            of_resource(|resource| resource.id.clone()),
            of_resource(|resource| resource.name.clone()),
            text(&self.connector),
            text(&self.user),
            text(&self.key_id),
            text(&self.admin_key_id),
            self.request_id.clone(),
        ];
        let tail = [
            of_error(|error| &error.code),
            of_error(|error| &error.message),
            of_error(|error| &error.advice),
            self.notes.join("; "),
        ];
        let changes = self.changes.iter().map(|change| {
            let LogLineChange { attribute, old, new } = change;
            [attribute.clone(), word(old), word(new)]
        });
        let fields = self.fields.iter().map(|change| {
            let FieldChange { field, old, new } = change;
            [format!("field {field}"), text(old), text(new)]
        });
        let mut values: Vec<[String; 3]> = changes.chain(fields).collect();
        if values.is_empty() {
            values.push(<[String; 3]>::default());
        }
        let line = |value: [String; 3]| {
            let cells: Vec<String> = head.iter().chain(&value).chain(&tail).cloned().collect();
            csv_line(&cells)
        };
        values.into_iter().map(line).collect()
    }
}

/// A value as a cell shows it.
fn word(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The columns of CSV.
const COLUMNS: [&str; 19] = [
    "at",
    "instance",
    "action",
    "status",
    "resource_type",
    "resource_id",
    "resource_name",
    "connector",
    "user",
    "key_id",
    "admin_key_id",
    "request_id",
    "attribute",
    "old",
    "new",
    "error_code",
    "error_message",
    "advice",
    "notes",
];

/// A line of CSV (RFC 4180). What a spreadsheet would take for a formula gets an apostrophe in front.
fn csv_line(cells: &[String]) -> String {
    let cell = |cell: &String| {
        let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && cell.parse::<f64>().is_err();
        let text = if formula { format!("'{cell}") } else { cell.clone() };
        if text.contains(['"', ',', '\n', '\r']) {
            format!("\"{}\"", text.replace('"', "\"\""))
        } else {
            text
        }
    };
    cells.iter().map(cell).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::csv_line;

    #[test]
    fn cells_that_need_care() {
        let line =
            |cells: &[&str]| csv_line(&cells.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>());
        assert_eq!(line(&["a", "b,c", "say \"hi\""]), "a,\"b,c\",\"say \"\"hi\"\"\"");
        assert_eq!(line(&["=1+1", "-5", "+47 22", "@x"]), "'=1+1,-5,'+47 22,'@x");
    }
}
