//! A resource in the forms that a store keeps.

use scim_core::resource::{Document, Resource, index_entries, member, shadow};
use scim_core::schema::{ENTERPRISE_USER_URN, ResourceType};
use scim_directory::{Content, ResourceId};

/// Works out what a store keeps of `resource`.
#[must_use]
pub fn content(resource_type: &ResourceType, id: ResourceId, resource: &Resource) -> Content {
    Content {
        document: Document::new(resource_type, &id.to_string(), resource).into_bytes(),
        shadow: shadow(resource_type, resource),
        index: index_entries(resource_type, resource),
        display: display(resource),
        manager: manager(resource),
        managed_by: None,
        reports_to: None,
        account: None,
    }
}

/// What stands for the resource where another refers to it.
fn display(resource: &Resource) -> Option<String> {
    resource.text("displayName").or_else(|| resource.text("userName")).map(str::to_owned)
}

fn manager(resource: &Resource) -> Option<String> {
    let enterprise = member(resource.attributes(), ENTERPRISE_USER_URN)?.as_object()?;
    let manager = member(enterprise, "manager")?.as_object()?;
    member(manager, "value")?.as_str().map(str::to_owned)
}
