//! An identity provider's export of its people: what its columns mean in SCIM.

use scim_core::schema::{ENTERPRISE_USER_URN, ResourceType, USER_URN};
use serde_json::{Map, Value, json};

use crate::admin::AdminError;
use crate::admin::import::Cells;

/// Columns that go without saying, as exports of Entra ID (*Download users*) and Okta (people) have them: the name with
/// letters and digits alone, in lower case, and the attribute.
const KNOWN: &[(&str, &str)] = &[
    ("userprincipalname", "userName"),
    ("login", "userName"),
    ("username", "userName"),
    ("id", "externalId"),
    ("objectid", "externalId"),
    ("externalid", "externalId"),
    ("displayname", "displayName"),
    ("givenname", "name.givenName"),
    ("firstname", "name.givenName"),
    ("surname", "name.familyName"),
    ("lastname", "name.familyName"),
    ("mail", "emails[type eq \"work\"].value"),
    ("email", "emails[type eq \"work\"].value"),
    ("jobtitle", "title"),
    ("title", "title"),
    ("telephonenumber", "phoneNumbers[type eq \"work\"].value"),
    ("primaryphone", "phoneNumbers[type eq \"work\"].value"),
    ("mobilephone", "phoneNumbers[type eq \"mobile\"].value"),
    ("accountenabled", "active"),
    ("status", "active"),
    ("active", "active"),
    ("preferredlanguage", "preferredLanguage"),
    ("department", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department"),
    ("employeeid", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber"),
    ("employeenumber", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber"),
];

/// Statuses of Okta whose people can sign in, or will; and other words for yes.
const ACTIVE: &[&str] = &[
    "true",
    "yes",
    "1",
    "enabled",
    "active",
    "staged",
    "provisioned",
    "recovery",
    "password_expired",
    "locked_out",
];
/// The others.
const INACTIVE: &[&str] =
    &["false", "no", "0", "disabled", "inactive", "suspended", "deprovisioned", "deleted"];

/// What the columns of an export mean. Columns that mean nothing are left out.
#[derive(Clone, Debug)]
pub(super) struct ExportColumns {
    /// Assignments: column, in lower case, and attribute.
    map: Vec<(String, String)>,
    /// Of a CSV file, in order.
    header: Vec<Option<String>>,
}

impl ExportColumns {
    /// Resolves the columns.
    ///
    /// # Errors
    /// [`AdminError::Invalid`] where an assignment is none, names a column or an attribute that is not there, or nothing gives
    /// the user name.
    pub(super) fn new(
        user: &ResourceType,
        assignments: &[String],
        header: Option<&[String]>,
    ) -> Result<Self, AdminError> {
        let mut map = Vec::with_capacity(assignments.len());
        for assignment in assignments {
            // An attribute's filter has blanks around its operator, and no `=`.
            let parts = assignment.split_once('=').map(|(column, path)| (column.trim(), path.trim()));
            let Some((column, path)) = parts.filter(|(column, path)| !column.is_empty() && !path.is_empty())
            else {
                return Err(AdminError::Invalid(format!(
                    "{assignment:?}: write COLUMN=ATTRIBUTE, such as Login=userName"
                )));
            };
            if path != "externalId" {
                let plain = path.replace("[type eq \"work\"]", "").replace("[type eq \"mobile\"]", "");
                let plain = plain.replace("[type eq \"home\"]", "").replace("[type eq \"other\"]", "");
                if user.resolve(&plain).is_err() || plain.eq_ignore_ascii_case("password") {
                    return Err(AdminError::Invalid(format!(
                        "{path:?} is no attribute of people that an export can give"
                    )));
                }
            }
            if let Some(header) = header
                && !header.iter().any(|name| name.to_lowercase() == column.to_lowercase())
            {
                return Err(AdminError::Invalid(format!(
                    "the file has no column {column:?}; its columns are {}",
                    header.join(", ")
                )));
            }
            map.push((column.to_lowercase(), path.to_owned()));
        }
        let mut columns = Self { map, header: Vec::new() };
        if let Some(header) = header {
            columns.header = header.iter().map(|column| columns.attribute(column)).collect();
            if !columns.header.iter().flatten().any(|path| path == "userName") {
                return Err(AdminError::Invalid(format!(
                    "no column of the file is the user name ({}); map one to it, such as 'Login=userName'",
                    header.join(", ")
                )));
            }
        }
        Ok(columns)
    }

    fn attribute(&self, column: &str) -> Option<String> {
        let lower = column.to_lowercase();
        if let Some((_, path)) = self.map.iter().find(|(name, _)| *name == lower) {
            return Some(path.clone());
        }
        let plain: String = lower.chars().filter(char::is_ascii_alphanumeric).collect();
        let known = KNOWN.iter().find(|(name, _)| *name == plain).map(|(_, path)| (*path).to_owned());
        // What is assigned from another column is not taken from the one that goes without saying.
        known.filter(|path| !self.map.iter().any(|(_, assigned)| assigned == path))
    }
}

/// The person of a line, as a SCIM client would send it.
///
/// # Errors
/// A value that is none: of `active`, which is yes or no.
pub(super) fn person(columns: &ExportColumns, cells: &Cells) -> Result<Map<String, Value>, String> {
    let mut body = Map::new();
    let mut schemas = vec![USER_URN];
    let mut give = |path: &str, text: &str| -> Result<(), String> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(());
        }
        if path.starts_with(ENTERPRISE_USER_URN) && !schemas.contains(&ENTERPRISE_USER_URN) {
            schemas.push(ENTERPRISE_USER_URN);
        }
        let value = if path == "active" { active(text)?.into() } else { Value::from(text) };
        put(&mut body, path, value);
        Ok(())
    };
    match cells {
        Cells::Csv(values) => {
            for (path, value) in columns.header.iter().zip(values) {
                if let Some(path) = path {
                    give(path, value)?;
                }
            }
        }
        Cells::Json(members) => {
            for (name, value) in members {
                let Some(path) = columns.attribute(name) else { continue };
                match value {
                    Value::Null => {}
                    Value::String(text) => give(&path, text)?,
                    other => give(&path, &other.to_string())?,
                }
            }
        }
    }
    body.insert("schemas".to_owned(), json!(schemas));
    Ok(body)
}

fn active(text: &str) -> Result<bool, String> {
    let lower = text.to_ascii_lowercase().replace(' ', "_");
    match (ACTIVE.contains(&lower.as_str()), INACTIVE.contains(&lower.as_str())) {
        (true, _) => Ok(true),
        (_, true) => Ok(false),
        _ => Err(format!("{text:?} does not say whether the person is active; write true or false")),
    }
}

/// Puts a value where a path says: an attribute, a sub-attribute, a value of a type, an extension's attribute.
fn put(body: &mut Map<String, Value>, path: &str, value: Value) {
    let member = |body: &mut Map<String, Value>, outer: &str, inner: &str, value: Value| {
        let object = body.entry(outer).or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(object) = object {
            object.insert(inner.to_owned(), value);
        }
    };
    if let Some((outer, inner)) = path.strip_prefix("urn:").and_then(|_| path.rsplit_once(':')) {
        return member(body, outer, inner, value);
    }
    if let Some((list, rest)) = path.split_once("[type eq \"") {
        let kind = rest.split('"').next().unwrap_or_default();
        let list = body.entry(list).or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(list) = list {
            list.push(json!({ "type": kind, "value": value }));
        }
        return;
    }
    match path.split_once('.') {
        Some((outer, inner)) => member(body, outer, inner, value),
        None => {
            body.insert(path.to_owned(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(header: &[&str], values: &[&str], map: &[&str], expected: &Value) {
        let text = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let registry = scim_core::schema::Registry::builtin();
        let user =
            registry.resource_types().iter().find(|kind| &*kind.schema.id == USER_URN).expect("people");
        let columns = ExportColumns::new(user, &text(map), Some(&text(header))).expect("columns");
        let mut body = person(&columns, &Cells::Csv(text(values))).expect("a person");
        body.remove("schemas");
        assert_eq!(&Value::Object(body), expected);
    }

    #[test]
    fn exports_of_entra_and_okta() {
        check(
            &[
                "userPrincipalName",
                "displayName",
                "surname",
                "mail",
                "givenName",
                "id",
                "accountEnabled",
                "department",
                "usageLocation",
            ],
            &["mira@x.example", "Mira K", "K", "m@x.example", "Mira", "e-1", "False", "Chefs", "DE"],
            &[],
            &json!({
                "userName": "mira@x.example", "displayName": "Mira K", "externalId": "e-1", "active": false,
                "name": { "familyName": "K", "givenName": "Mira" },
                "emails": [{ "type": "work", "value": "m@x.example" }],
                ENTERPRISE_USER_URN: { "department": "Chefs" },
            }),
        );
        check(
            &["login", "email", "firstName", "lastName", "status", "mobilePhone"],
            &["noah", "n@x.example", "Noah", "", "PASSWORD EXPIRED", "1"],
            &[],
            &json!({
                "userName": "noah", "active": true, "name": { "givenName": "Noah" },
                "emails": [{ "type": "work", "value": "n@x.example" }],
                "phoneNumbers": [{ "type": "mobile", "value": "1" }],
            }),
        );
        check(&["UPN", "login"], &["a", "b"], &["upn=userName"], &json!({ "userName": "a" }));
    }
}
