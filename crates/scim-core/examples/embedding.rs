//! A service with a table of its own answers SCIM filters and PATCH with `scim-core` alone.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use scim_core::filter::{Filter, FilterLimits};
use scim_core::message::PATCH_OP_URN;
use scim_core::patch::PatchRequest;
use scim_core::resource::canonical;
use scim_core::{Dialect, Registry, Resource, ResourceType, ScimError};
use serde_json::{Value, json};

/// A row of the service's own table.
#[derive(Debug)]
struct Employee {
    id: String,
    login: String,
    mail: String,
    enabled: bool,
}

/// The row as SCIM sees it: what a client may write.
fn to_scim(user: &ResourceType, row: &Employee) -> Resource {
    let values = [("userName".into(), json!(row.login)), ("active".into(), json!(row.enabled))];
    let emails = || ("emails".to_owned(), json!([{ "value": row.mail, "type": "work" }]));
    canonical(user, values.into_iter().chain((!row.mail.is_empty()).then(emails)).collect())
}

/// `GET /Users?filter=…`
fn list<'t>(table: &'t [Employee], user: &ResourceType, text: &str) -> Result<Vec<&'t Employee>, ScimError> {
    let (filter, _notes) = Filter::parse(text, &FilterLimits::default())?.resolve(user, Dialect::LENIENT)?;
    let full = |row: &Employee| {
        let mut attributes = to_scim(user, row).into_attributes();
        attributes.insert("id".to_owned(), row.id.as_str().into());
        Resource::from_canonical(attributes)
    };
    Ok(table.iter().filter(|row| filter.matches(&full(row))).collect())
}

/// `PATCH /Users/{id}`: all of its operations, or none.
fn patch(row: &mut Employee, user: &ResourceType, body: Value) -> Result<(), ScimError> {
    let request = PatchRequest::parse(user, body, Dialect::LENIENT)?;
    let outcome = request.apply(user, &row.id, &to_scim(user, row), None, Dialect::LENIENT)?;
    let now = Value::Object(outcome.resource.into_attributes());
    let text = |at: &str| now.pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned();
    (row.login, row.mail) = (text("/userName"), text("/emails/0/value"));
    row.enabled = now.pointer("/active").and_then(Value::as_bool).unwrap_or(true);
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let registry = Registry::builtin();
    let user = registry.resource_type("User").ok_or("User is built in")?;
    let mut table =
        [Employee { id: "7".into(), login: "mira".into(), mail: "m@a.example".into(), enabled: true }];
    let operation = json!({ "op": "Replace", "path": "active", "value": "False" });
    patch(&mut table[0], user, json!({ "schemas": [PATCH_OP_URN], "Operations": [operation] }))?;
    for text in [r#"id eq "7" and emails[value ew "@A.EXAMPLE"]"#, "active eq true", "shoeSize gt 40"] {
        println!("{text}: {:?}", list(&table, user, text).map_err(|error| error.to_string()));
    }
    Ok(())
}
