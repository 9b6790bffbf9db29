//! The full resource: what filters are about.

use scim_core::Resource;
use scim_core::resource::{Document, DocumentError};
use scim_core::schema::{ENTERPRISE_USER_URN, ResourceType};
use scim_directory::Record;
use serde_json::{Map, Value, json};

use crate::{Edge, HeldEdge};

/// What other records add to a resource.
#[derive(Clone, Copy, Debug, Default)]
pub struct Relations<'r> {
    /// The edges from it ([`crate::Direction::Members`]).
    pub members: &'r [Edge],
    /// The references that it holds for somebody who is not there yet ([`crate::EdgePage::held`]).
    pub held: &'r [HeldEdge],
    /// The edges to it ([`crate::Direction::Groups`]).
    pub groups: &'r [Edge],
    /// The [`Record::display`] of the resource whose `id` its [`Record::manager`] is.
    pub manager: Option<&'r str>,
}

/// The resource on which a filter is evaluated: the document, `id`, `externalId`, `meta` (`resourceType`, `created`,
/// `lastModified`), `members` (held references included) and `groups` (`value`, `display`, `type`) and
/// `manager.displayName`.
///
/// What only the rendering of an answer adds, because it follows from the request or from several records, is not there
/// for filters, in any backend: `meta.location`, `meta.version` and every `$ref`.
///
/// # Errors
/// If the record has no document, or a damaged one.
pub fn full_resource(
    resource_type: &ResourceType,
    record: &Record,
    relations: Relations<'_>,
) -> Result<Resource, DocumentError> {
    let mut resource = Document::from_bytes(&*record.document).resource()?;
    let attributes = resource.attributes_mut();
    attributes.insert("id".to_owned(), record.key.id.to_string().into());
    if let Some(external_id) = &record.external_id {
        attributes.insert("externalId".to_owned(), external_id.as_str().into());
    }
    attributes.insert(
        "meta".to_owned(),
        json!({
            "resourceType": &*record.key.resource_type,
            "created": record.created.to_string(),
            "lastModified": record.modified.to_string(),
        }),
    );
    if let Some(attribute) = resource_type.edge_attribute()
        && !(relations.members.is_empty() && relations.held.is_empty())
    {
        let known = relations.members.iter().map(|edge| element(edge, None));
        let members = known.chain(relations.held.iter().map(held_element)).collect();
        attributes.insert(attribute.name.clone(), members);
    }
    if let Some(attribute) = resource_type.reverse_edge_attribute()
        && !relations.groups.is_empty()
    {
        let groups = relations.groups.iter().map(|edge| element(edge, Some("direct"))).collect();
        attributes.insert(attribute.name.clone(), groups);
    }
    if let Some(display) = relations.manager
        && let Some(Value::Object(extension)) = attributes.get_mut(ENTERPRISE_USER_URN)
        && let Some(Value::Object(manager)) = extension.get_mut("manager")
    {
        manager.insert("displayName".to_owned(), display.into());
    }
    Ok(resource)
}

fn element(edge: &Edge, kind: Option<&str>) -> Value {
    let mut element = Map::new();
    element.insert("value".to_owned(), edge.other.to_string().into());
    if let Some(display) = &edge.display {
        element.insert("display".to_owned(), (&**display).into());
    }
    element.insert("type".to_owned(), kind.unwrap_or(&edge.resource_type).into());
    Value::Object(element)
}

fn held_element(held: &HeldEdge) -> Value {
    let mut element = Map::new();
    element.insert("value".to_owned(), held.reference.as_str().into());
    if let Some(kind) = &held.kind {
        element.insert("type".to_owned(), kind.as_str().into());
    }
    Value::Object(element)
}
