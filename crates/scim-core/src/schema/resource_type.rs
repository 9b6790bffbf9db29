//! Schemas and resource types (RFC 7643 §6, §7).

use std::sync::Arc;

use super::{Attribute, Residence};

/// A schema: a URN and the attributes that it declares (RFC 7643 §7).
#[derive(Clone, Debug, PartialEq)]
pub struct Schema {
    /// The URN; compared without regard to case.
    pub id: Arc<str>,
    /// The name for people, such as `User`.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The attributes in canonical order.
    pub attributes: Vec<Arc<Attribute>>,
}

impl Schema {
    /// The attribute of that name, whatever its letter case.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&Arc<Attribute>> {
        self.attributes.iter().find(|attribute| attribute.name.eq_ignore_ascii_case(name))
    }
}

/// An extension of a resource type (RFC 7643 §6).
#[derive(Clone, Debug, PartialEq)]
pub struct SchemaExtension {
    /// The extension's schema.
    pub schema: Arc<Schema>,
    /// Whether each resource must have it.
    pub required: bool,
}

/// A resource type: an endpoint, a base schema and its extensions (RFC 7643 §6).
#[derive(Clone, Debug, PartialEq)]
pub struct ResourceType {
    /// The name, such as `User`; also `meta.resourceType`.
    pub name: Arc<str>,
    /// The endpoint relative to the base, such as `/Users`.
    pub endpoint: String,
    /// What it is for.
    pub description: String,
    /// The base schema.
    pub schema: Arc<Schema>,
    /// The extensions, in order.
    pub extensions: Vec<SchemaExtension>,
    /// `schemas`, `id`, `externalId` and `meta` (RFC 7643 §3.1), which every type has.
    pub common: Arc<Schema>,
}

impl ResourceType {
    /// The extension of that URN, whatever its letter case.
    #[must_use]
    pub fn extension(&self, urn: &str) -> Option<&SchemaExtension> {
        self.extensions.iter().find(|extension| extension.schema.id.eq_ignore_ascii_case(urn))
    }

    /// The attribute of the base schema or the common ones, whatever its letter case.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&Arc<Attribute>> {
        self.common.attribute(name).or_else(|| self.schema.attribute(name))
    }

    /// The attribute whose values are edges from this type: a Group's `members`.
    #[must_use]
    pub fn edge_attribute(&self) -> Option<&Arc<Attribute>> {
        self.schema.attributes.iter().find(|attribute| attribute.residence == Residence::Edges)
    }

    /// The attribute derived from edges to this type: a User's `groups`.
    #[must_use]
    pub fn reverse_edge_attribute(&self) -> Option<&Arc<Attribute>> {
        self.schema.attributes.iter().find(|attribute| attribute.residence == Residence::ReverseEdges)
    }
}
