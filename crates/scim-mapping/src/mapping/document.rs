//! A mapping as a list of rows, and the JSON document in which it is kept, exported and imported.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::MappingError;
use super::error::Problem;
use super::row::{Apply, Direction, READ_ONLY, Row, Source};

/// The rows that fill the fields of accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// The rows; their numbers in messages begin with 1.
    pub rows: Vec<Row>,
}

/// A mapping that was read, and the version that its document names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The rows; read-only ones that the document leaves out are there.
    pub mapping: Mapping,
    /// The version that was exported; `None` where the document names none.
    pub version: Option<i64>,
}

/// A row as JSON has it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RowForm {
    field: String,
    source: Source,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    default: Option<String>,
    #[serde(default, skip_serializing_if = "is_always")]
    apply: Apply,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    direction: Option<Direction>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    read_only: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_always(apply: &Apply) -> bool {
    *apply == Apply::Always
}

impl Mapping {
    /// The most characters of a document.
    pub const MAX_DOCUMENT_BYTES: usize = 4 << 20;

    /// The mapping that an instance begins with (see the list in the administrator's guide).
    #[must_use]
    pub fn defaults() -> Self {
        let email = r#"Coalesce([emails[type eq "work"].value], [emails[primary eq true].value])"#;
        let mut rows: Vec<Row> =
            READ_ONLY.iter().map(|(field, attribute)| Row::direct(*field, *attribute)).collect();
        rows.extend([
            Row::direct("DisplayName", "displayName"),
            Row::new("Email", Source::Expression(email.to_owned())),
            Row::direct("FirstName", "name.givenName"),
            Row::direct("LastName", "name.familyName"),
            Row::direct("OfficePhone", r#"phoneNumbers[type eq "work"].value"#),
            Row::direct("MobilePhone", r#"phoneNumbers[type eq "mobile"].value"#),
            Row::direct("DirectManager", format!("{}:manager", scim_core::schema::ENTERPRISE_USER_URN)),
            Row::direct("ScimSyncJobTitle", "title"),
        ]);
        Self { rows }
    }

    /// The document for an export: `{"version": 3, "rows": [{"field": …, "source": {…}}, …]}`.
    #[must_use]
    pub fn to_json(&self, version: i64) -> Value {
        let rows = self.rows.iter().map(|row| {
            let form = RowForm {
                field: row.field.clone(),
                source: row.source.clone(),
                default: row.default.clone(),
                apply: row.apply,
                direction: row.direction,
                read_only: row.is_read_only(),
            };
            serde_json::to_value(form).unwrap_or_default()
        });
        let rows: Vec<Value> = rows.collect();
        serde_json::json!({ "version": version, "rows": rows })
    }

    /// Reads a document as [`Self::to_json`] writes it; `version` and the members of a row other than `field` and `source`
    /// may be left out, and so may the read-only rows. An array of rows alone is read too. Whether the rows go with the
    /// schema and the fields is for [`Self::compile`] to say.
    ///
    /// # Errors
    /// All rows that have not the form, and unknown members, each by name.
    pub fn from_json(text: &str) -> Result<Imported, Vec<MappingError>> {
        if text.len() > Self::MAX_DOCUMENT_BYTES {
            let most = Self::MAX_DOCUMENT_BYTES;
            return Err(vec![MappingError::whole(format!("the document has more than {most} bytes"))]);
        }
        let document: Value = serde_json::from_str(text)
            .map_err(|error| vec![MappingError::whole(format!("the document is not JSON: {error}"))])?;
        let (version, rows, mut errors) = match document {
            Value::Array(rows) => (None, rows, Vec::new()),
            Value::Object(members) => envelope(members)?,
            _ => return Err(vec![MappingError::whole(FORM)]),
        };
        let mut read = Vec::with_capacity(rows.len());
        for (index, json) in rows.into_iter().enumerate() {
            match row(index, json) {
                Ok(row) => read.push(row),
                Err(error) => errors.push(error),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let mut mapping = Self { rows: read };
        mapping.add_missing_read_only();
        Ok(Imported { mapping, version })
    }

    /// Puts read-only rows that are not there before the others.
    pub fn add_missing_read_only(&mut self) {
        for (place, (field, attribute)) in READ_ONLY.iter().enumerate() {
            if !self.rows.iter().any(|row| row.field == *field) {
                self.rows.insert(place.min(self.rows.len()), Row::direct(*field, *attribute));
            }
        }
    }
}

const FORM: &str = "the document must be an object {\"version\": 1, \"rows\": [...]}";

type Envelope = (Option<i64>, Vec<Value>, Vec<MappingError>);

fn envelope(members: Map<String, Value>) -> Result<Envelope, Vec<MappingError>> {
    let (mut version, mut rows, mut errors) = (None, None, Vec::new());
    for (name, value) in members {
        match (name.as_str(), value) {
            ("version", Value::Null) => {}
            ("version", value) => match value.as_i64().filter(|version| *version >= 0) {
                Some(number) => version = Some(number),
                None => {
                    let reason = format!("\"version\" must be a whole number from 0 on, not {value}");
                    errors.push(MappingError::whole(reason));
                }
            },
            ("rows", Value::Array(list)) => rows = Some(list),
            ("rows", _) => errors.push(MappingError::whole("\"rows\" must be an array of rows")),
            (other, _) => {
                let shown: String = other.chars().take(100).collect();
                let reason = format!(
                    "the document has no member {shown:?}; remove it (there are \"version\" and \"rows\")"
                );
                errors.push(MappingError::whole(reason));
            }
        }
    }
    match rows {
        Some(rows) => Ok((version, rows, errors)),
        None => {
            if errors.is_empty() {
                errors.push(MappingError::whole(FORM));
            }
            Err(errors)
        }
    }
}

fn row(index: usize, json: Value) -> Result<Row, MappingError> {
    let field = json.get("field").and_then(Value::as_str).unwrap_or_default().to_owned();
    let form: RowForm = serde_json::from_value(json)
        .map_err(|error| MappingError::row(index, &field, Problem::Form, format!("{error}; {ROW_FORM}")))?;
    let row = Row {
        field: form.field,
        source: form.source,
        default: form.default,
        apply: form.apply,
        direction: form.direction,
    };
    if form.read_only && !row.is_read_only() {
        let reason = "only the rows of UserName, State and ScimSyncId are read-only; remove \"read_only\"";
        return Err(MappingError::row(index, &row.field, Problem::ReadOnly, reason));
    }
    Ok(row)
}

const ROW_FORM: &str = "a row is {\"field\": \"Email\", \"source\": {\"attribute\": \"…\"}}, with \"constant\" or \
    \"expression\" in place of \"attribute\", and, where wanted, \"default\", \"apply\" (\"always\", \"on_creation\") and \
    \"direction\" (\"both\", \"inbound\")";
