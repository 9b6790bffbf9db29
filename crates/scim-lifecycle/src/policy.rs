//! An instance's settings, mapping and rules, checked and ready to decide by.

use std::collections::HashSet;
use std::sync::Arc;

use scim_core::schema::{GROUP_URN, Registry, ResourceType, USER_URN};
use scim_core::text::Matching;
use scim_directory::{Fields, Instance, InstanceSettings, MappingVersion};
use scim_mapping::mapping::{CompiledMapping, Mapping, MappingError};

use crate::rules::{CompiledRule, RuleError, compile};

/// A mapping or rules that no longer go with the schemas: they were saved with other ones.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// There is no User resource type.
    #[error("there is no resource type for people (User)")]
    NoPeople,
    /// Rows of the mapping.
    #[error("version {version} of the mapping does not go with this server's schemas: {}", list(.errors))]
    Mapping {
        /// The version.
        version: i64,
        /// What is wrong.
        errors: Vec<MappingError>,
    },
    /// Workflow rules.
    #[error("the instance's workflow rules do not go with its fields: {}", list(.0))]
    Rules(Vec<RuleError>),
}

fn list<E: std::fmt::Display>(errors: &[E]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// What decisions in an instance are made by.
#[derive(Clone, Debug)]
pub struct Policy {
    generation: i64,
    settings: InstanceSettings,
    mapping: CompiledMapping,
    rules: Vec<CompiledRule>,
    /// User name keys that no person may have.
    reserved: HashSet<String>,
    /// Top-level names and extension paths of attributes whose values the log does not show.
    redacted: HashSet<String>,
    /// Fields whose values the log does not show: a mapping row or a rule fills them by an expression with `Redact`.
    redacted_fields: HashSet<String>,
    user_type: Arc<ResourceType>,
    group_type: Option<Arc<ResourceType>>,
}

impl Policy {
    /// Checks and compiles. `mapping` is the version in force; `None` for the default one.
    ///
    /// # Errors
    /// Where mapping or rules do not go with the schemas and fields.
    pub fn new(
        instance: &Instance,
        mapping: Option<&MappingVersion>,
        integration_users: &[String],
        registry: &Registry,
    ) -> Result<Self, PolicyError> {
        let settings = instance.settings.clone();
        let user_type = of_schema(registry, USER_URN).ok_or(PolicyError::NoPeople)?;
        let fields = Fields::new(&settings.fields);
        let version = mapping.map_or(0, |mapping| mapping.version);
        let broken = |errors| PolicyError::Mapping { version, errors };
        let rows = match mapping {
            Some(mapping) => Mapping::from_json(&mapping.text).map_err(broken)?.mapping,
            None => Mapping::defaults(),
        };
        let mapping = rows.compile(&user_type, fields, version).map_err(broken)?;
        let rules = compile(&settings.rules, fields, &mapping).map_err(PolicyError::Rules)?;
        let redacted = mapping
            .rows()
            .iter()
            .filter(|row| row.is_redacted())
            .flat_map(|row| row.attributes().map(top_level))
            .collect();
        let by_rows =
            mapping.rows().iter().filter(|row| row.is_redacted()).map(|row| row.row().field.clone());
        let by_rules = rules.iter().flat_map(CompiledRule::redacted_fields).map(str::to_owned);
        let redacted_fields = by_rows.chain(by_rules).collect();
        Ok(Self {
            generation: instance.generation,
            reserved: integration_users
                .iter()
                .map(|name| Matching::UserName.key(name).into_owned())
                .collect(),
            group_type: of_schema(registry, GROUP_URN),
            user_type,
            settings,
            mapping,
            rules,
            redacted,
            redacted_fields,
        })
    }

    /// The generation of the settings and the mapping.
    #[must_use]
    pub fn generation(&self) -> i64 {
        self.generation
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &InstanceSettings {
        &self.settings
    }

    /// The fields of accounts.
    #[must_use]
    pub fn fields(&self) -> Fields<'_> {
        Fields::new(&self.settings.fields)
    }

    /// The mapping in force.
    #[must_use]
    pub fn mapping(&self) -> &CompiledMapping {
        &self.mapping
    }

    /// The resource type of people.
    #[must_use]
    pub fn user_type(&self) -> &Arc<ResourceType> {
        &self.user_type
    }

    /// The resource type of groups.
    #[must_use]
    pub fn group_type(&self) -> Option<&Arc<ResourceType>> {
        self.group_type.as_ref()
    }

    /// Whether resources of that type are people, who have accounts.
    #[must_use]
    pub fn is_person(&self, resource_type: &ResourceType) -> bool {
        resource_type.name == self.user_type.name
    }

    pub(crate) fn rules(&self) -> &[CompiledRule] {
        &self.rules
    }

    /// Whether a user name is one of an integration user.
    pub(crate) fn is_reserved(&self, user_name: &str) -> bool {
        !self.reserved.is_empty() && self.reserved.contains(&*Matching::UserName.key(user_name))
    }

    /// Whether the log shows `[Redact]` in place of a field's value.
    pub(crate) fn is_redacted_field(&self, field: &str) -> bool {
        !self.redacted_fields.is_empty() && self.redacted_fields.contains(field)
    }

    /// Whether the log shows `[Redact]` in place of an attribute's value.
    pub(crate) fn is_redacted(&self, attribute: &str) -> bool {
        !self.redacted.is_empty() && self.redacted.contains(attribute)
    }
}

fn of_schema(registry: &Registry, urn: &str) -> Option<Arc<ResourceType>> {
    registry.resource_types().iter().find(|resource_type| &*resource_type.schema.id == urn).cloned()
}

/// The attribute of a path, as the log names whole attributes: without value filter and sub-attribute.
fn top_level(path: &str) -> String {
    let (urn, name) = match path.rfind(':') {
        Some(colon) if path.starts_with("urn:") && !path.get(..colon).unwrap_or_default().contains('[') => {
            path.split_at(colon + 1)
        }
        _ => ("", path),
    };
    let end = name.find(['.', '[']).unwrap_or(name.len());
    format!("{urn}{}", name.get(..end).unwrap_or(name))
}

#[cfg(test)]
mod tests {
    use super::top_level;

    #[test]
    fn whole_attributes_of_paths() {
        for (path, expected) in [
            ("title", "title"),
            ("name.givenName", "name"),
            ("emails[type eq \"work\"].value", "emails"),
            (
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
            ),
            (
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager",
            ),
        ] {
            assert_eq!(top_level(path), expected, "{path}");
        }
    }
}
