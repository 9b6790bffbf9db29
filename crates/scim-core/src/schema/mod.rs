//! Schemas as data (RFC 7643 §2, §7): attributes and their characteristics, schemas, resource types, and the registry
//! that holds them.
//!
//! User, Group and the enterprise extension are loaded from the same JSON form (RFC 7643 §8.7) as the extensions and
//! resource types that are added at run time. Nothing in the crate knows `User` by type; what is special about a few
//! attributes (group members are edges, a person's groups are derived) is said by their [`Residence`].

mod attribute;
mod registry;
mod resource_type;

pub use attribute::{Attribute, AttributeType, Mutability, Residence, Returned, Uniqueness};
pub use registry::{Registry, SchemaError};
pub use resource_type::{ResourceType, Schema, SchemaExtension};

/// URN of the core User schema (RFC 7643 §4.1).
pub const USER_URN: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// URN of the core Group schema (RFC 7643 §4.2).
pub const GROUP_URN: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
/// URN of the enterprise user extension (RFC 7643 §4.3).
pub const ENTERPRISE_USER_URN: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
/// URN of the Schema schema (RFC 7643 §7).
pub const SCHEMA_URN: &str = "urn:ietf:params:scim:schemas:core:2.0:Schema";
/// URN of the ResourceType schema (RFC 7643 §6).
pub const RESOURCE_TYPE_URN: &str = "urn:ietf:params:scim:schemas:core:2.0:ResourceType";
/// URN of the ServiceProviderConfig schema (RFC 7643 §5).
pub const SERVICE_PROVIDER_CONFIG_URN: &str = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig";
