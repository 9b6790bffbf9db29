//! An attribute's definition and characteristics (RFC 7643 §2.2, §2.3, §7).

use std::sync::Arc;

use crate::text::Matching;

/// The data types of RFC 7643 §2.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AttributeType {
    /// Unicode text (§2.3.1).
    String,
    /// `true` or `false` (§2.3.2).
    Boolean,
    /// A real number (§2.3.3).
    Decimal,
    /// A whole number (§2.3.4), of 64 bits here.
    Integer,
    /// An instant as xsd:dateTime (§2.3.5); compared as an instant.
    DateTime,
    /// Base64 or base64url (§2.3.6); compared as bytes.
    Binary,
    /// A URI, or a relative one to the SCIM base (§2.3.7); compared exactly.
    Reference,
    /// An object of sub-attributes (§2.3.8).
    Complex,
}

impl AttributeType {
    /// The name as it stands in a schema's `type`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Boolean => "boolean",
            Self::Decimal => "decimal",
            Self::Integer => "integer",
            Self::DateTime => "dateTime",
            Self::Binary => "binary",
            Self::Reference => "reference",
            Self::Complex => "complex",
        }
    }
}

/// Who may write an attribute (RFC 7643 §7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mutability {
    /// The server alone.
    ReadOnly,
    /// Anybody, at any time.
    ReadWrite,
    /// At creation, and by PUT or PATCH while it has no value.
    Immutable,
    /// Never read back; implies [`Returned::Never`].
    WriteOnly,
}

impl Mutability {
    /// The name as it stands in a schema's `mutability`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReadOnly => "readOnly",
            Self::ReadWrite => "readWrite",
            Self::Immutable => "immutable",
            Self::WriteOnly => "writeOnly",
        }
    }
}

/// When an attribute is returned (RFC 7643 §7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Returned {
    /// Whatever `attributes` and `excludedAttributes` say.
    Always,
    /// Not at all; nor may it be filtered on.
    Never,
    /// Unless it is excluded, or others are asked for.
    Default,
    /// Only when it is asked for by name.
    Request,
}

impl Returned {
    /// The name as it stands in a schema's `returned`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Never => "never",
            Self::Default => "default",
            Self::Request => "request",
        }
    }
}

/// What an attribute's value must be unique in (RFC 7643 §7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Uniqueness {
    /// Nothing.
    None,
    /// The instance, among the resources of the same type.
    Server,
    /// The world; enforced as [`Uniqueness::Server`].
    Global,
}

impl Uniqueness {
    /// The name as it stands in a schema's `uniqueness`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Server => "server",
            Self::Global => "global",
        }
    }
}

/// Where an attribute's value lives. Not part of a schema's JSON: known for the attributes that the RFCs give a meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Residence {
    /// In the resource's own document.
    Document,
    /// Around it: `schemas`, `id`, `externalId`, `meta`.
    Envelope,
    /// Edges from this resource: a Group's `members`.
    Edges,
    /// Edges to this resource: a User's `groups`. Derived.
    ReverseEdges,
}

/// An attribute's definition (RFC 7643 §7).
#[derive(Clone, Debug, PartialEq)]
pub struct Attribute {
    /// The name, in canonical spelling; compared without regard to case (RFC 7643 §2.1).
    pub name: String,
    /// The data type.
    pub attribute_type: AttributeType,
    /// Whether the value is an array.
    pub multi_valued: bool,
    /// What it means, for people.
    pub description: String,
    /// Whether a resource must have it.
    pub required: bool,
    /// Suggested values, such as `work` and `home`; others are allowed (RFC 7643 §7).
    pub canonical_values: Vec<String>,
    /// Whether strings compare exactly.
    pub case_exact: bool,
    /// Who may write it.
    pub mutability: Mutability,
    /// When it is returned.
    pub returned: Returned,
    /// What its value must be unique in.
    pub uniqueness: Uniqueness,
    /// What a reference may point at: resource type names, `external`, `uri`.
    pub reference_types: Vec<String>,
    /// The parts of a complex attribute, in canonical order. Never complex themselves (RFC 7643 §2.3.8, erratum 8415).
    pub sub_attributes: Vec<Arc<Attribute>>,
    /// Where the value lives.
    pub residence: Residence,
    /// How strings compare; follows from `case_exact`, but for `userName`.
    pub matching: Matching,
}

impl Attribute {
    /// The sub-attribute of that name, whatever its letter case.
    #[must_use]
    pub fn sub_attribute(&self, name: &str) -> Option<&Arc<Self>> {
        self.sub_attributes.iter().find(|sub| sub.name.eq_ignore_ascii_case(name))
    }

    /// The sub-attribute that stands for a complex attribute when it is compared itself: `value` (RFC 7643 §2.4).
    #[must_use]
    pub fn default_sub_attribute(&self) -> Option<&Arc<Self>> {
        self.sub_attribute("value")
    }

    /// Whether it is a complex attribute.
    #[must_use]
    pub fn is_complex(&self) -> bool {
        self.attribute_type == AttributeType::Complex
    }

    /// For messages: that `name` is none of the sub-attributes, and which there are.
    pub(crate) fn no_sub_attribute(&self, name: &str) -> String {
        if self.sub_attributes.is_empty() {
            return format!("{} has no sub-attributes, so no {name:?}", self.name);
        }
        format!("{} has no sub-attribute {name:?}; it has {}", self.name, self.sub_attribute_names())
    }

    /// For messages: the names of the sub-attributes.
    pub(crate) fn sub_attribute_names(&self) -> String {
        let names: Vec<_> = self.sub_attributes.iter().map(|sub| sub.name.as_str()).collect();
        names.join(", ")
    }
}
