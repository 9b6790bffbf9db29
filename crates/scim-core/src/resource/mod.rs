//! Resources: JSON objects in canonical form, the way in, and the way out.
//!
//! Canonical form: attribute names as the schema spells them, attributes in declared order, each value of its type;
//! what is unassigned (`null`, an empty array, an object without members) is not there (RFC 7643 §2.5).

mod canonical;
mod check;
mod coerce;
mod document;
mod error;
mod index;
mod ingest;
mod json;
mod member;
mod projection;
mod replace;
mod shadow;
mod slots;

use serde_json::{Map, Value};

use crate::path::AttributeRef;

pub use canonical::canonical;
pub use check::{check_required, check_user_name};
pub use coerce::{MAX_ELEMENTS, coerce, coerce_element, coerce_singular};
pub(crate) use coerce::{is_primary, unknown};
pub use document::{Document, DocumentError, EdgeView, ReferenceView, View, WrittenEdge};
pub use error::ResourceError;
pub use index::IndexEntry;
pub use ingest::{EdgeValue, Inbound, ingest};
pub use member::{declared, member, same};
pub(crate) use member::{member_mut, same_members};
pub use projection::Projection;
pub use replace::replace;
pub use shadow::{index_entries, shadow};

/// A resource in canonical form.
#[derive(Clone, Debug, Default)]
pub struct Resource {
    attributes: Map<String, Value>,
}

impl Resource {
    /// Takes an object that is in canonical form already, as a backend stored it.
    #[must_use]
    pub fn from_canonical(attributes: Map<String, Value>) -> Self {
        Self { attributes }
    }

    /// The members.
    #[must_use]
    pub fn attributes(&self) -> &Map<String, Value> {
        &self.attributes
    }

    /// The members, to be changed by code that keeps the canonical form.
    pub fn attributes_mut(&mut self) -> &mut Map<String, Value> {
        &mut self.attributes
    }

    /// The members.
    #[must_use]
    pub fn into_attributes(self) -> Map<String, Value> {
        self.attributes
    }

    /// The value of an attribute; of a sub-attribute only where the attribute is singular.
    #[must_use]
    pub fn value(&self, path: &AttributeRef) -> Option<&Value> {
        let object = match &path.extension {
            Some(urn) => member(&self.attributes, urn)?.as_object()?,
            None => &self.attributes,
        };
        let value = member(object, &path.attribute.name)?;
        match &path.sub {
            Some(sub) => member(value.as_object()?, &sub.name),
            None => Some(value),
        }
    }

    /// The text of a top-level attribute.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        member(&self.attributes, name)?.as_str()
    }
}

/// By the members, in whatever order.
impl PartialEq for Resource {
    fn eq(&self, other: &Self) -> bool {
        same_members(&self.attributes, &other.attributes)
    }
}
