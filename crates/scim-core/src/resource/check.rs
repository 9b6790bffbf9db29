//! What a whole resource must satisfy, whichever way it came about (POST, PUT, PATCH).

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Resource, ResourceError, member};
use crate::dialect::{Dialect, Tolerance};
use crate::schema::{Attribute, Mutability, Residence, ResourceType, USER_URN};
use crate::text::is_precis_user_name;

/// Checks that every required attribute has a value, and every required extension is there (RFC 7643 §6, §7).
///
/// # Errors
/// `invalidValue` naming the attribute or extension.
pub fn check_required(resource_type: &ResourceType, resource: &Resource) -> Result<(), ResourceError> {
    if let Some(name) = missing(&resource_type.schema.attributes, resource.attributes()) {
        return Err(ResourceError::value(&name, REASON));
    }
    for extension in &resource_type.extensions {
        let urn = &*extension.schema.id;
        match member(resource.attributes(), urn).and_then(Value::as_object) {
            Some(object) => {
                if let Some(name) = missing(&extension.schema.attributes, object) {
                    return Err(ResourceError::value(&format_args!("{urn}:{name}"), REASON));
                }
            }
            None if extension.required => return Err(ResourceError::value(&urn, REASON)),
            None => {}
        }
    }
    Ok(())
}

const REASON: &str = "is required and has no value";

fn missing<'a>(attributes: &'a [Arc<Attribute>], values: &Map<String, Value>) -> Option<&'a str> {
    let missing = attributes.iter().find(|attribute| {
        attribute.required
            && attribute.residence == Residence::Document
            && attribute.mutability != Mutability::ReadOnly
            && member(values, &attribute.name).is_none()
    });
    missing.map(|attribute| attribute.name.as_str())
}

/// Checks that a person's user name is one that PRECIS allows, where the dialect does not tolerate others
/// ([`Tolerance::FreeUserNames`]).
///
/// # Errors
/// `invalidValue`.
pub fn check_user_name(
    resource_type: &ResourceType,
    resource: &Resource,
    dialect: Dialect,
) -> Result<(), ResourceError> {
    if dialect.tolerates(Tolerance::FreeUserNames) || &*resource_type.schema.id != USER_URN {
        return Ok(());
    }
    match resource.text("userName") {
        Some(name) if !is_precis_user_name(name) => Err(ResourceError::value(
            &"userName",
            "has characters that PRECIS UsernameCaseMapped does not allow, such as blanks (RFC 8265 §3.3)",
        )),
        _ => Ok(()),
    }
}
